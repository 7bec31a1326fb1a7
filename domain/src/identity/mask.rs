//! Contacts of which too little is left to use them.

use super::{email, half_width, phone};

/// A contact of which a hint is left: `+86138****8000` gives the first six and last four characters of a long one, less
/// of a short one.
pub fn masked(value: &str) -> String {
    let signs: Vec<char> = value.chars().collect();
    let (head, tail) = match signs.len() {
        0..=4 => (0, 0),
        5..=8 => (1, 1),
        9..=11 => (3, 2),
        _ => (6, 4),
    };
    let (head, tail): (String, String) =
        (signs[..head].iter().collect(), signs[signs.len() - tail..].iter().collect());
    format!("{head}****{tail}")
}

/// The words with what is recognised as a telephone number ([`phone`]) or an e-mail address ([`email`]) masked.
pub fn without_contacts(words: &str) -> String {
    let mut hidden = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(start) = rest.find(begins_a_contact) {
        hidden.push_str(&rest[..start]);
        let found = &rest[start..];
        let length = telephone(found).or_else(|| address(found));
        let taken = length.unwrap_or_else(|| unlike_a_contact(found));
        let (taken, after) = found.split_at(taken);
        match length {
            Some(_) => hidden.push_str(&masked(taken)),
            None => hidden.push_str(taken),
        }
        rest = after;
    }
    hidden.push_str(rest);
    hidden
}

fn begins_a_contact(c: char) -> bool {
    is_of_an_address(half_width(c)) || half_width(c) == '('
}

fn is_of_an_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+._%'-@".contains(c)
}

fn is_of_a_number(c: char) -> bool {
    let narrow = half_width(c);
    narrow.is_ascii_digit() || " +-.()‐‑–".contains(narrow)
}

/// How many bytes at the beginning of a text are a telephone number; none where it begins with none.
fn telephone(text: &str) -> Option<usize> {
    if !text.starts_with(|c| "+(".contains(half_width(c)) || half_width(c).is_ascii_digit()) {
        return None;
    }
    let run = text.find(|c| !is_of_a_number(c)).unwrap_or(text.len());
    // The longest beginning that is a number and does not end within one.
    let ends = text[..run].char_indices().rev().filter(|(_, c)| half_width(*c).is_ascii_digit());
    let mut ends = ends.map(|(at, c)| at + c.len_utf8());
    ends.find(|&end| {
        let cut = text[end..].starts_with(|c| half_width(c).is_ascii_digit());
        !cut && phone(&text[..end]).is_some()
    })
}

/// How many bytes at the beginning of a text are an e-mail address; none where it begins with none.
fn address(text: &str) -> Option<usize> {
    let run = text.find(|c| !is_of_an_address(half_width(c))).unwrap_or(text.len());
    let trimmed = text[..run].trim_end_matches(|c| !half_width(c).is_ascii_alphanumeric());
    let narrow: String = trimmed.chars().map(half_width).collect();
    (email(&narrow).is_some() && narrow.split_once('@')?.1.contains('.')).then_some(trimmed.len())
}

/// How many bytes are to be passed over where no contact begins: a word, or what separates words.
fn unlike_a_contact(text: &str) -> usize {
    let mut signs = text.char_indices();
    let first = signs.next().map_or(0, |(_, c)| c.len_utf8());
    if !text.starts_with(|c| half_width(c).is_ascii_alphanumeric()) {
        return first;
    }
    let within = |c: char| half_width(c).is_ascii_alphanumeric();
    text.find(|c| !within(c)).unwrap_or(text.len()).max(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_little_of_a_masked_contact_is_left_to_use_it() {
        assert_eq!(masked("+8613800138000"), "+86138****8000");
        assert_eq!(masked("li@x.cn"), "l****n");
        assert_eq!(masked("weixin_li"), "wei****li");
        assert_eq!(masked("123"), "****");
        assert_eq!(masked(""), "****");
        assert_eq!(masked("张伟的微信号码呀"), "张****呀");
    }

    #[test]
    fn contacts_within_words_are_masked_in_any_writing() {
        for (written, hidden) in [
            ("电话13800138000，下午打", "电话138****00，下午打"),
            ("13800138000", "138****00"),
            ("１３８００１３８０００。", "１３８****００。"),
            ("+86 138-0013-8000 (Li)", "+86 13****8000 (Li)"),
            (r#"{"phone":"13800138000","n":1}"#, r#"{"phone":"138****00","n":1}"#),
            ("mail li.lei+crm@shop.example.cn.", "mail li.lei****e.cn."),
            ("两个：13800138000/13900139000", "两个：138****00/139****00"),
        ] {
            assert_eq!(without_contacts(written), hidden, "{written}");
        }
        let landline = without_contacts("ring (+86) 755 8888 9999!");
        assert!(landline.starts_with("ring (") && landline.ends_with("****9999!"), "{landline}");
    }

    #[test]
    fn what_is_no_contact_stays_as_it_is() {
        for words in [
            "",
            "预算 128000.00 元，2026-11-29 14:30 签约",
            "order 20261129-0001, 3+4 pieces (12)",
            "01930000-0000-7000-8000-000000000000",
            "a@b and @home, 100%",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "13800138000123456789",
        ] {
            assert_eq!(without_contacts(words), words);
        }
    }

    proptest! {
        /// Whatever stands around it, no Chinese mobile number of its own is left.
        #[test]
        fn no_number_of_its_own_is_left(
            before in "[a-z 电话：，。]{0,12}",
            number in "1[3-9][0-9]{9}",
            after in "[a-z 下午：，。]{0,12}",
        ) {
            let words = format!("{before} {number}，{after}");
            let hidden = without_contacts(&words);
            prop_assert!(!hidden.contains(&number), "{hidden}");
            prop_assert!(hidden.starts_with(&before) && hidden.ends_with(&after));
        }

        #[test]
        fn any_text_is_taken(words in "\\PC{0,60}") {
            let _ = without_contacts(&words);
        }
    }
}
