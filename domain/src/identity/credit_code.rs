//! 统一社会信用代码, the unified social credit code of organisations in China (GB 32100-2015).
//!
//! Eighteen signs: digits and capital letters without I, O, S, V and Z. The last one is a check digit: with the
//! values 0 to 30 of the signs and the weights 3^(i-1) mod 31 for the places i = 1..17, it is
//! (31 - sum mod 31) mod 31.

use super::half_width;

const SIGNS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const LENGTH: usize = 18;

/// Why a text is no credit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditCodeFault {
    /// It has not eighteen signs.
    Length,
    /// It has a sign that no code has.
    Sign(char),
    /// The last sign does not fit the others: one of them is mistyped.
    CheckDigit,
}

/// The code in capital letters, without spaces and hyphens.
///
/// # Errors
/// What is wrong with it.
pub fn credit_code(text: &str) -> Result<String, CreditCodeFault> {
    let signs = text.chars().map(half_width).filter(|c| !c.is_whitespace() && *c != '-');
    let code: String = signs.map(|c| c.to_ascii_uppercase()).collect();
    if code.chars().count() != LENGTH {
        return Err(CreditCodeFault::Length);
    }
    let mut sum = 0;
    let (mut weight, mut last) = (1, 0);
    for (place, sign) in code.chars().enumerate() {
        last = value(sign).ok_or(CreditCodeFault::Sign(sign))?;
        if place < LENGTH - 1 {
            sum += last * weight;
            weight = weight * 3 % 31;
        }
    }
    if last == (31 - sum % 31) % 31 { Ok(code) } else { Err(CreditCodeFault::CheckDigit) }
}

fn value(sign: char) -> Option<usize> {
    let sign = u8::try_from(sign).ok()?;
    SIGNS.iter().position(|known| *known == sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Codes that companies publish on their own pages.
    const PUBLISHED: [&str; 4] =
        ["914403001922038216", "91330100799655058B", "9144030071526726XG", "91110000802100433B"];

    #[test]
    fn published_codes_are_codes() {
        for code in PUBLISHED {
            assert_eq!(credit_code(code).as_deref(), Ok(code));
        }
    }

    #[test]
    fn case_width_and_spaces_make_no_difference() {
        assert_eq!(credit_code(" 9144 0300 7152 6726 xg ").as_deref(), Ok("9144030071526726XG"));
        assert_eq!(credit_code("９１３３０１００７９９６５５０５８Ｂ").as_deref(), Ok("91330100799655058B"));
    }

    #[test]
    fn the_letters_that_look_like_digits_are_in_no_code() {
        assert_eq!(credit_code("91440300192203821O"), Err(CreditCodeFault::Sign('O')));
        assert_eq!(credit_code("9144030019220382"), Err(CreditCodeFault::Length));
        assert_eq!(credit_code(""), Err(CreditCodeFault::Length));
        assert_eq!(credit_code("914403001922038217"), Err(CreditCodeFault::CheckDigit));
    }

    proptest! {
        #[test]
        fn one_mistyped_sign_is_always_noticed(code in 0..4_usize, place in 0..18_usize, sign in 0..31_usize) {
            let mut mistyped = PUBLISHED[code].as_bytes().to_vec();
            prop_assume!(mistyped[place] != SIGNS[sign]);
            mistyped[place] = SIGNS[sign];
            let mistyped = String::from_utf8(mistyped).unwrap();
            prop_assert_eq!(credit_code(&mistyped), Err(CreditCodeFault::CheckDigit));
        }

        #[test]
        fn two_signs_changing_places_are_noticed(code in 0..4_usize, place in 0..16_usize) {
            let mut swapped = PUBLISHED[code].as_bytes().to_vec();
            prop_assume!(swapped[place] != swapped[place + 1]);
            swapped.swap(place, place + 1);
            prop_assert!(credit_code(&String::from_utf8(swapped).unwrap()).is_err());
        }
    }
}
