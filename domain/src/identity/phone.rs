//! Telephone numbers in E.164.

use super::half_width;

/// The number in E.164 (ITU-T: `+`, then at most fifteen digits), or none where the text does not say which
/// number in the world it is.
///
/// A number without a country code is taken for one only if it is a Chinese mobile number (1, then 3 to 9, then
/// nine digits). Landlines without country code, numbers with an extension and several numbers in one text
/// have no key: offices share them, and another country's number could look the same.
pub fn phone(text: &str) -> Option<String> {
    let narrow: String = text.chars().map(half_width).collect();
    let narrow = narrow.trim();
    match narrow.strip_prefix('+').or_else(|| narrow.strip_prefix("00")) {
        Some(rest) => international(&digits(&rest.replacen("(0)", "", 1))?),
        None => chinese_mobile(&digits(narrow)?),
    }
}

/// The digits of a number written with the usual separators; none where anything else stands in it.
fn digits(text: &str) -> Option<String> {
    let separates = |c: char| c.is_whitespace() || "-.()‐‑–".contains(c);
    text.chars().filter(|c| !separates(*c)).map(|c| c.is_ascii_digit().then_some(c)).collect()
}

fn international(digits: &str) -> Option<String> {
    if let Some(national) = digits.strip_prefix("86") {
        return (is_chinese_mobile(national) || is_chinese_landline(national))
            .then(|| format!("+86{national}"));
    }
    let shaped = (8..=15).contains(&digits.len()) && !digits.starts_with('0');
    shaped.then(|| format!("+{digits}"))
}

fn chinese_mobile(digits: &str) -> Option<String> {
    let national = if digits.len() == 13 { digits.strip_prefix("86")? } else { digits };
    is_chinese_mobile(national).then(|| format!("+86{national}"))
}

fn is_chinese_mobile(national: &str) -> bool {
    let bytes = national.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1])
}

/// An area code (10 or two to three digits) with seven or eight digits, or a service number such as 400…
fn is_chinese_landline(national: &str) -> bool {
    let bytes = national.as_bytes();
    match bytes.first() {
        Some(b'1') => bytes.len() == 10 && bytes[1] == b'0',
        Some(b'2'..=b'9') => (9..=11).contains(&bytes.len()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_chinese_mobile_number_has_one_form_however_it_is_written() {
        for text in [
            "13800138000",
            "138 0013 8000",
            "138-0013-8000",
            "+8613800138000",
            "+86 138-0013-8000",
            "008613800138000",
            "86 13800138000",
            "１３８００１３８０００",
            "＋８６　１３８ ００１３ ８０００",
        ] {
            assert_eq!(phone(text).as_deref(), Some("+8613800138000"), "{text}");
        }
    }

    #[test]
    fn numbers_of_other_countries_are_taken_by_their_shape() {
        assert_eq!(phone("+44 (0)20 7946 0958").as_deref(), Some("+442079460958"));
        assert_eq!(phone("+1 (650) 253-0000").as_deref(), Some("+16502530000"));
        assert_eq!(phone("0049 30 123456").as_deref(), Some("+4930123456"));
        assert_eq!(phone("+852 2123 4567").as_deref(), Some("+85221234567"));
    }

    #[test]
    fn chinese_landlines_count_with_their_country_code() {
        assert_eq!(phone("+86 10 6552 9988").as_deref(), Some("+861065529988"));
        assert_eq!(phone("+86 21 6182 2688").as_deref(), Some("+862161822688"));
        assert_eq!(phone("+86 755 8601 3388").as_deref(), Some("+8675586013388"));
        assert_eq!(phone("+86 400 810 8888").as_deref(), Some("+864008108888"));
    }

    #[test]
    fn what_says_no_number_of_the_world_has_no_key() {
        for text in [
            "",
            "12345",
            "12800138000",
            "1380013800",
            "138001380001",
            "010-65529988",
            "+86 12800138000",
            "+8613800138",
            "+0123456789",
            "+1234567",
            "+1234567890123456",
            "13800138000 x12",
            "13800138000/13900139000",
            "fax 13800138000",
        ] {
            assert_eq!(phone(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_in_e164_is_its_own_form(number in "\\+[1-9][0-9]{6,14}") {
            if let Some(form) = phone(&number) {
                prop_assert_eq!(phone(&form), Some(form.clone()));
                prop_assert_eq!(form, number);
            }
        }

        #[test]
        fn no_text_upsets_the_reader(text in ".{0,40}") {
            let form = phone(&text);
            prop_assert!(form.is_none_or(|form| form.len() <= 16 && form.starts_with('+')));
        }
    }
}
