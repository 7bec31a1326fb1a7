//! Two customers that may be one: how sure, and why.

use super::{CompanyName, email_domain};

/// From this score on a pair is worth somebody's look.
const THRESHOLD: f64 = 0.6;
/// Names are alike from this share of unchanged signs on.
const ALIKE: f64 = 0.8;
/// The most marks one customer is found by.
const MAX_GRAMS: usize = 24;

/// What is known of a customer that can make it look like another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchEvidence {
    /// The name, read as a company's.
    pub name: CompanyName,
    /// The company's domains in its e-mail addresses, sorted.
    pub domains: Vec<String>,
}

impl MatchEvidence {
    /// What a name and e-mail addresses say.
    pub fn of<'a>(name: Option<&str>, emails: impl IntoIterator<Item = &'a str>) -> Self {
        let mut domains: Vec<String> = emails.into_iter().filter_map(email_domain).collect();
        domains.sort_unstable();
        domains.dedup();
        Self { name: name.map(CompanyName::read).unwrap_or_default(), domains }
    }
}

/// Why two customers look like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The names are the same but for legal form, place and signs.
    SameCompanyName,
    /// The names differ by little.
    SimilarCompanyName,
    /// People of the same name.
    SameName,
    /// The names differ in the place only: branches of one company, or two companies.
    OtherPlace,
    /// They write from the same company's domain.
    SameEmailDomain,
}

impl Reason {
    /// Whether the names are the same as far as names can be.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::SameCompanyName | Self::SameName)
    }

    /// The word under which it stands in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameCompanyName => "same_company_name",
            Self::SimilarCompanyName => "similar_company_name",
            Self::SameName => "same_name",
            Self::OtherPlace => "other_place",
            Self::SameEmailDomain => "same_email_domain",
        }
    }
}

/// A suspicion.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateMatch {
    /// How sure, from 0 to 1: 0.95 for the same company name, 0.6 for people of one name.
    pub score: f64,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Whether two customers look like one; none below a score of 0.6. The order of the two makes no difference.
pub fn duplicate_match(a: &MatchEvidence, b: &MatchEvidence) -> Option<DuplicateMatch> {
    let similarity = similarity(&a.name, &b.name);
    let shared = a.domains.iter().any(|domain| b.domains.contains(domain));
    let mut reasons = Vec::new();
    let mut score: f64 = 0.0;
    if similarity >= ALIKE {
        let same = similarity >= 1.0;
        let person = is_person(&a.name) || is_person(&b.name);
        let (reason, base) = match (same, person) {
            (true, false) => (Reason::SameCompanyName, 0.95),
            (true, true) => (Reason::SameName, 0.6),
            (false, false) => (Reason::SimilarCompanyName, 0.9 * similarity),
            (false, true) => (Reason::SimilarCompanyName, 0.5 * similarity),
        };
        reasons.push(reason);
        score = base;
        if a.name.place.is_some() && b.name.place.is_some() && a.name.place != b.name.place {
            reasons.push(Reason::OtherPlace);
            score *= 0.8;
        }
    }
    if shared {
        reasons.push(Reason::SameEmailDomain);
        // Colleagues of one company are several people: alone it makes a suspicion, with a name nearly certainty.
        score = if score > 0.0 { (score + 0.2).min(0.98) } else { THRESHOLD };
    }
    (score >= THRESHOLD).then_some(DuplicateMatch { score, reasons })
}

/// A short name without a legal form: two or three Chinese signs.
fn is_person(name: &CompanyName) -> bool {
    !name.is_company && name.words.is_empty() && name.zh.chars().count() <= 3
}

/// How alike two names are, from 0 to 1. Of names in two scripts every part that both have must be alike.
fn similarity(a: &CompanyName, b: &CompanyName) -> f64 {
    let zh = (!a.zh.is_empty() && !b.zh.is_empty()).then(|| ratio(&a.zh, &b.zh));
    let words = (!a.words.is_empty() && !b.words.is_empty()).then(|| {
        let sorted = |words: &[String]| {
            let mut words = words.to_vec();
            words.sort_unstable();
            words.join(" ")
        };
        ratio(&a.words.join(" "), &b.words.join(" ")).max(ratio(&sorted(&a.words), &sorted(&b.words)))
    });
    match (zh, words) {
        (Some(zh), Some(words)) => zh.min(words),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 0.0,
    }
}

/// One minus the edit distance over the longer length.
fn ratio(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longer = a.len().max(b.len());
    if longer == 0 { 1.0 } else { 1.0 - distance(&a, &b) as f64 / longer as f64 }
}

/// The least number of signs to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The marks that alike customers share at least one of: pairs of Chinese signs, words, and domains. Who shares
/// none is not looked at.
pub fn grams(evidence: &MatchEvidence) -> Vec<String> {
    let zh: Vec<char> = evidence.name.zh.chars().collect();
    let pairs = zh.windows(2).map(|pair| format!("z:{}{}", pair[0], pair[1]));
    let words = evidence.name.words.iter().filter(|word| word.chars().count() >= 2).flat_map(|word| {
        // A word is also found by its beginning, so that a slip of the pen at its end does not hide it.
        let start: String = word.chars().take(4).collect();
        [format!("e:{word}"), format!("s:{start}")]
    });
    let domains = evidence.domains.iter().map(|domain| format!("d:{domain}"));
    let mut grams: Vec<String> = Vec::new();
    for gram in domains.chain(pairs).chain(words) {
        if grams.len() < MAX_GRAMS && !grams.contains(&gram) {
            grams.push(gram);
        }
    }
    grams
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> MatchEvidence {
        MatchEvidence::of(Some(name), [])
    }

    fn judged(a: &str, b: &str) -> (f64, Vec<Reason>) {
        duplicate_match(&named(a), &named(b)).map_or((0.0, Vec::new()), |found| (found.score, found.reasons))
    }

    #[test]
    fn the_same_company_under_two_spellings_is_nearly_certain() {
        for (a, b) in [
            ("深圳市华为技术有限公司", "华为技术（深圳）有限责任公司"),
            ("Harbour Foods Ltd.", "HARBOUR FOODS CO., LTD"),
            ("海港食品有限公司 Harbour Foods", "Harbour Foods Inc."),
            ("海港食品有限公司 Harbour Foods", "海港食品"),
        ] {
            assert_eq!(judged(a, b), (0.95, vec![Reason::SameCompanyName]), "{a} / {b}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_a_suspicion_and_another_company_is_none() {
        let (score, reasons) = judged("Harbour Foods Ltd", "Habrour Foods Ltd");
        assert!(score > 0.8 && score < 0.9, "{score}");
        assert_eq!(reasons, [Reason::SimilarCompanyName]);
        assert_eq!(judged("Harbour Foods", "Pier Nine").0, 0.0);
        assert_eq!(judged("海港食品有限公司", "远洋贸易有限公司").0, 0.0);
    }

    #[test]
    fn branches_in_other_places_are_less_certain() {
        let (score, reasons) = judged("深圳海港食品有限公司", "上海海港食品有限公司");
        assert!((score - 0.76).abs() < 1e-9, "{score}");
        assert_eq!(reasons, [Reason::SameCompanyName, Reason::OtherPlace]);
    }

    #[test]
    fn people_of_one_name_are_many() {
        assert_eq!(judged("张伟", "张伟"), (0.6, vec![Reason::SameName]));
        assert_eq!(judged("张伟", "张炜").0, 0.0);
    }

    #[test]
    fn a_shared_domain_counts_unless_everybody_has_it() {
        let of = |name: &str, mail: &'static str| MatchEvidence::of(Some(name), [mail]);
        let found = duplicate_match(&of("张伟", "zw@harbour.cn"), &of("李娜", "ln@harbour.cn")).unwrap();
        assert_eq!((found.score, found.reasons), (0.6, vec![Reason::SameEmailDomain]));
        assert_eq!(duplicate_match(&of("张伟", "zw@qq.com"), &of("李娜", "ln@qq.com")), None);
    }

    #[test]
    fn distances_are_as_published() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("ca", "abc"), 3);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("ab", "ba"), 1);
    }

    proptest! {
        #[test]
        fn suspicion_is_mutual_and_found_by_a_shared_mark(
            a in "[海港食品东方]{2,6}(有限公司)?|[a-c]{2,5} [a-c]{2,5}( Ltd)?",
            b in "[海港食品东方]{2,6}(有限公司)?|[a-c]{2,5} [a-c]{2,5}( Ltd)?",
        ) {
            let (a, b) = (named(&a), named(&b));
            let found = duplicate_match(&a, &b);
            prop_assert_eq!(&found, &duplicate_match(&b, &a));
            if found.is_some_and(|found| found.score >= 0.95) {
                let theirs = grams(&b);
                prop_assert!(grams(&a).iter().any(|gram| theirs.contains(gram)));
            }
        }
    }
}
