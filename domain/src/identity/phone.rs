//! Telephone numbers in E.164.

use super::half_width;

/// The calling codes of countries in which a national number is dialled with a 0 before it that is no part of it, where it is
/// written in the international form all the same: `+86 0755 …`, `+44 (0)20 …`. In Italy, which is not among them, the zero
/// belongs to the number. Source: the metadata of libphonenumber 9.0 (`nationalPrefix`), with which a test compares the results.
const TRUNK_ZERO: &[u16] = &[
    20, 27, 31, 32, 33, 40, 41, 43, 44, 46, 49, 51, 53, 54, 55, 57, 58, 60, 61, 62, 63, 64, 66, 81, 82, 84,
    86, 90, 91, 92, 93, 94, 95, 98, 211, 212, 213, 218, 231, 232, 233, 234, 243, 249, 250, 251, 252, 254,
    255, 256, 260, 261, 262, 263, 264, 265, 291, 353, 355, 358, 359, 370, 373, 374, 377, 380, 381, 382, 383,
    385, 386, 387, 389, 421, 423, 508, 590, 591, 593, 594, 595, 596, 598, 686, 850, 855, 856, 880, 886, 961,
    962, 963, 964, 966, 967, 970, 971, 972, 976, 977, 994, 995, 996,
];

/// How an extension is begun.
const EXTENSION: [&str; 8] = ["extension", "ext", "x", "转", "轉", "分机", "分機", "内线"];

/// The number in E.164 (ITU-T: `+`, then at most fifteen digits), or none where the text does not say which
/// number in the world it is.
///
/// A number without a country code is taken for one only if it is a Chinese mobile number (1, then 3 to 9, then
/// nine digits). Landlines without country code, numbers with an extension and several numbers in one text
/// have no key: offices share them, and another country's number could look the same.
pub fn phone(text: &str) -> Option<String> {
    let narrow: String = text.chars().map(half_width).collect();
    let narrow = narrow.trim();
    let scheme = narrow.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    let compact = compact(narrow.strip_prefix(scheme.unwrap_or_default()).unwrap_or(narrow))?;
    match compact.strip_prefix('+').or_else(|| compact.strip_prefix("00")) {
        Some(rest) => international(rest),
        None => chinese_mobile(&compact),
    }
}

/// Whether a text is a telephone number as people write it, with or without an extension: `0755-23456789转123`, `ext. 9`.
pub fn is_telephone(text: &str) -> bool {
    let mut number = text.chars().map(half_width).collect::<String>().to_lowercase();
    for word in EXTENSION {
        number = number.replace(word, "");
    }
    number.bytes().filter(u8::is_ascii_digit).count() >= 3
        && number.chars().all(|c| c.is_ascii_digit() || "+-()‐‑– .#*/,:".contains(c))
}

/// The digits of a number written with the usual separators, and the `+` before the first; none where anything else stands
/// in it.
fn compact(text: &str) -> Option<String> {
    let separates = |c: char| c.is_whitespace() || "-.()‐‑–".contains(c);
    let kept: String = text.chars().filter(|c| !separates(*c)).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(kept)
}

fn international(digits: &str) -> Option<String> {
    let digits = without_trunk_prefix(digits);
    if let Some(national) = digits.strip_prefix("86") {
        return (is_chinese_mobile(national) || is_chinese_landline(national))
            .then(|| format!("+86{national}"));
    }
    let shaped = (8..=15).contains(&digits.len()) && !digits.starts_with('0');
    shaped.then(|| format!("+{digits}"))
}

/// The number without what is dialled before it within its country only. No calling code begins another one.
fn without_trunk_prefix(digits: &str) -> String {
    let joined = |code: &str, national: &str| format!("{code}{national}");
    for length in 1..=3 {
        let Some((code, national)) = digits.split_at_checked(length) else { break };
        let zero = code.parse().is_ok_and(|code: u16| TRUNK_ZERO.contains(&code));
        if zero {
            return joined(code, national.trim_start_matches('0'));
        }
    }
    if let Some(national) = digits.strip_prefix("36") {
        return joined("36", national.trim_start_matches("06"));
    }
    match digits.strip_prefix("78") {
        Some(rest) if rest.len() == 10 => joined("7", rest),
        _ => digits.to_owned(),
    }
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
    fn numbers_with_an_extension_are_telephone_numbers_without_a_key() {
        for text in [
            "0755-23456789转123",
            "0755-23456789 轉 123",
            "0755-23456789分机123",
            "０７５５－２３４５６７８９转１２３",
            "(0755) 2345 6789 ext. 9",
            "0755 2345 6789 x9",
            "0755-23456789-123",
        ] {
            assert!(is_telephone(text), "{text}");
            assert_eq!(phone(text), None, "{text}");
        }
        for text in ["转123abc", "call me", "12", "13800138000@qq.com"] {
            assert!(!is_telephone(text), "{text}");
        }
    }

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

    /// What libphonenumber 9.0.43 (the Python edition, region CN) makes of the same texts.
    #[test]
    fn a_number_becomes_what_libphonenumber_makes_of_it() {
        for (text, e164) in [
            ("+86 755 8601 3388", "+8675586013388"),
            ("+86 0755 8601 3388", "+8675586013388"),
            ("+86 10 6552 9988", "+861065529988"),
            ("+86 (010) 6552 9988", "+861065529988"),
            ("139 0013 8000", "+8613900138000"),
            ("(+86) 139 0013 8000", "+8613900138000"),
            ("+86 0139 0013 8000", "+8613900138000"),
            ("+39 06 6982", "+39066982"),
            ("+39 (0)6 6982 1234", "+390669821234"),
            ("+39 06 6982 1234", "+390669821234"),
            ("（+86）139 0013 8000", "+8613900138000"),
            ("tel:+86-139-0013-8000", "+8613900138000"),
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+44 020 7946 0958", "+442079460958"),
            ("+44 20 7946 0958", "+442079460958"),
            ("+49 (0)30 123456", "+4930123456"),
            ("+49 030 123456", "+4930123456"),
            ("+33 (0)1 42 68 53 00", "+33142685300"),
            ("+81 (0)3-3211-1111", "+81332111111"),
            ("+81 03-3211-1111", "+81332111111"),
            ("+886 (0)2 2181 8866", "+886221818866"),
            ("+886 02 2181 8866", "+886221818866"),
            ("+852 2123 4567", "+85221234567"),
            ("+853 2828 2828", "+85328282828"),
            ("+65 6221 1234", "+6562211234"),
            ("+1 (650) 253-0000", "+16502530000"),
            ("+7 (495) 123-45-67", "+74951234567"),
            ("+61 (0)2 9374 4000", "+61293744000"),
            ("+61 02 9374 4000", "+61293744000"),
            ("+91 098 7654 3210", "+919876543210"),
            ("+91 98765 43210", "+919876543210"),
            ("+82 (0)2-531-0000", "+8225310000"),
            ("+82 02-531-0000", "+8225310000"),
            ("+82 010-1234-5678", "+821012345678"),
            ("+55 011 98765 4321", "+5511987654321"),
            ("+55 11 98765-4321", "+5511987654321"),
            ("+34 912 345 678", "+34912345678"),
            ("+351 21 123 4567", "+351211234567"),
            ("+420 224 811 111", "+420224811111"),
            ("+36 1 234 5678", "+3612345678"),
            ("+36 06 1 234 5678", "+3612345678"),
            ("+48 22 123 45 67", "+48221234567"),
            ("+31 (0)20 123 4567", "+31201234567"),
            ("+41 (0)44 668 18 00", "+41446681800"),
            ("+43 (0)1 58858", "+43158858"),
            ("+46 (0)8 123 456 78", "+46812345678"),
            ("+358 (0)9 1234567", "+35891234567"),
            ("+353 (0)1 234 5678", "+35312345678"),
            ("+62 0812 3456 7890", "+6281234567890"),
            ("+66 (0)2 123 4567", "+6621234567"),
            ("+84 024 1234 5678", "+842412345678"),
            ("+60 03-1234 5678", "+60312345678"),
            ("+63 (0)2 8123 4567", "+63281234567"),
            ("+90 0212 123 45 67", "+902121234567"),
            ("+971 (0)4 123 4567", "+97141234567"),
            ("+966 011 123 4567", "+966111234567"),
            ("+972 (0)3 123 4567", "+97231234567"),
            ("+27 (0)11 123 4567", "+27111234567"),
            ("+20 02 12345678", "+20212345678"),
            ("+234 0803 123 4567", "+2348031234567"),
            ("+254 0712 123456", "+254712123456"),
            ("+64 (0)9 123 4567", "+6491234567"),
            ("+380 044 123 4567", "+380441234567"),
            ("+40 021 123 4567", "+40211234567"),
            ("+359 02 123 4567", "+35921234567"),
            ("+385 01 1234 567", "+38511234567"),
            ("+386 01 123 4567", "+38611234567"),
            ("+381 011 123 4567", "+381111234567"),
            ("+976 11 123456", "+97611123456"),
            ("+855 012 345 678", "+85512345678"),
            ("+880 01712 345678", "+8801712345678"),
            ("+92 0300 1234567", "+923001234567"),
            ("+94 011 2 123456", "+94112123456"),
            ("+98 021 1234 5678", "+982112345678"),
            ("+95 09 123 4567", "+9591234567"),
            ("+977 01 4123456", "+97714123456"),
            ("+212 0522 123456", "+212522123456"),
            ("+213 021 12 34 56", "+21321123456"),
            ("0086 139 0013 8000", "+8613900138000"),
            ("(0086)139 0013 8000", "+8613900138000"),
            ("86 139 0013 8000", "+8613900138000"),
            ("+370 (0)5 123 4567", "+37051234567"),
            ("+378 0549 123456", "+3780549123456"),
            ("+52 55 1234 5678", "+525512345678"),
            ("+54 11 4123 4567", "+541141234567"),
            ("+54 011 4123 4567", "+541141234567"),
            ("+995 032 2 123456", "+995322123456"),
            ("+374 010 123456", "+37410123456"),
            ("+996 0312 123456", "+996312123456"),
            ("+994 012 123 45 67", "+994121234567"),
            ("+998 71 123 45 67", "+998711234567"),
            ("+375 17 123 45 67", "+375171234567"),
            ("+7 8 495 123-45-67", "+74951234567"),
        ] {
            assert_eq!(phone(text).as_deref(), Some(e164), "{text}");
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
        fn a_form_is_its_own_form(number in "\\+[1-9][0-9]{6,14}") {
            if let Some(form) = phone(&number) {
                prop_assert_eq!(phone(&form), Some(form));
            }
        }

        #[test]
        fn no_text_upsets_the_reader(text in ".{0,40}") {
            let form = phone(&text);
            prop_assert!(form.is_none_or(|form| form.len() <= 16 && form.starts_with('+')));
        }
    }
}
