//! How texts are compared by a search: without regard to case, width and the ways of writing an accent.

use unicode_normalization::UnicodeNormalization;

use crate::identity;

/// A text in the form in which searches compare it: compatibility composition (Unicode Standard Annex 15, NFKC), and full case
/// folding (Unicode Standard, section 3.13), so that `Ｍüller`, `MÜLLER` and `müller` are one.
pub fn folded(text: &str) -> String {
    // To capital letters and back, sign by sign, is full case folding: `ß` is `ss`, and a sigma one wherever it stands.
    let fold = |c: char| c.to_uppercase().flat_map(char::to_lowercase);
    text.nfkc().flat_map(fold).nfkc().collect()
}

/// What is sought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchTerms {
    /// The words, folded, all of which must stand somewhere in the name or the id, in any order.
    pub words: Vec<String>,
    /// The contacts that the whole text may be: a telephone number in E.164, or an e-mail address. Parts of one find nobody:
    /// who may not read a number must not be able to guess it figure by figure.
    pub contacts: Vec<String>,
}

impl SearchTerms {
    /// What a text asks for.
    pub fn read(text: &str) -> Self {
        let words = folded(text).split_whitespace().map(str::to_owned).collect();
        let contacts = [identity::phone(text), identity::email(text)];
        Self { words, contacts: contacts.into_iter().flatten().collect() }
    }

    /// Whether somebody with these folded texts and keys of contacts is meant. Nothing sought means everybody.
    pub fn finds(&self, text: &str, contacts: &[String]) -> bool {
        self.words.iter().all(|word| text.contains(word.as_str()))
            || self.contacts.iter().any(|sought| contacts.contains(sought))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_width_and_accents_make_no_difference_in_any_script() {
        for (one, other) in [
            ("Éclair", "ÉCLAIR"),
            ("Éclair", "E\u{301}clair"),
            ("ИВАНОВ ООО", "иванов ооо"),
            ("ΑΘΗΝΑΣ", "αθηνας"),
            ("ＡＢＣ　贸易", "abc 贸易"),
            ("Straße", "STRASSE"),
            ("Müller", "MU\u{308}LLER"),
            ("ﾃｽﾄ", "テスト"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} and {other}");
        }
        assert_ne!(folded("Muller"), folded("Müller"));
    }

    #[test]
    fn words_are_found_in_any_order_and_all_of_them() {
        let name = folded("Harbour Foods 海港食品");
        for (q, found) in
            [("foods harbour", true), ("海港 HARB", true), ("harbour pier", false), ("", true), (" ", true)]
        {
            assert_eq!(SearchTerms::read(q).finds(&name, &[]), found, "{q:?}");
        }
    }

    #[test]
    fn a_whole_contact_is_found_however_it_is_written_and_a_part_is_not() {
        let contacts = ["+8613800138000".to_owned(), "li@example.com".to_owned()];
        for (q, found) in [
            ("138 0013 8000", true),
            ("+86 138-0013-8000", true),
            ("LI@Example.com", true),
            ("13800138", false),
            ("example.com", false),
        ] {
            assert_eq!(SearchTerms::read(q).finds("harbour", &contacts), found, "{q}");
        }
    }
}
