//! Names that are easily confused, in Chinese and in English.

use crate::Label;
use crate::pipeline::{Pipeline, Stage};
use crate::refusal::{Code, Violation};

/// Every pair of stages whose names are easily confused, at the later of the two.
pub(super) fn similar_names(pipeline: &Pipeline) -> Vec<Violation> {
    let mut found = Vec::new();
    for (n, stage) in pipeline.stages.iter().enumerate() {
        let similar = |other: &&Stage| alike(&stage.name, &other.name);
        for other in pipeline.stages[..n].iter().filter(similar) {
            found.push(Violation::new(
                Code::SimilarNames,
                format!("stages[{n}].name"),
                Label::new(
                    format!("“{}”与“{}”相似。", stage.name.zh, other.name.zh),
                    format!("{:?} and {:?} are similar.", stage.name.en, other.name.en),
                ),
                Label::new("请使用区别明显的名称。", "Use clearly different names."),
            ));
        }
    }
    found
}

fn alike(a: &Label, b: &Label) -> bool {
    alike_by_characters(&a.zh, &b.zh) || alike_by_spelling(&a.en, &b.en)
}

/// The letters and signs that carry meaning.
fn essence(text: &str) -> Vec<char> {
    text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Chinese names are short: they are alike when one change of one character makes them equal, or when they share
/// three quarters of their characters, in whatever order.
fn alike_by_characters(a: &str, b: &str) -> bool {
    let (a, b) = (essence(a), essence(b));
    let longer = a.len().max(b.len());
    longer > 0 && (distance(&a, &b) <= 1 || 4 * shared(a, &b) >= 3 * longer)
}

fn shared(mut a: Vec<char>, b: &[char]) -> usize {
    let taken = |c: &&char| match a.iter().position(|known| known == *c) {
        Some(place) => {
            a.swap_remove(place);
            true
        }
        None => false,
    };
    b.iter().filter(taken).count()
}

/// English names are alike when a change of one letter in six makes them equal, of one at least, or when they
/// have the same words.
fn alike_by_spelling(a: &str, b: &str) -> bool {
    let words = |text: &str| {
        let lower = text.to_lowercase();
        let mut words: Vec<String> = lower.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
        words.retain(|word| !word.is_empty());
        words.sort_unstable();
        words
    };
    let (letters_a, letters_b) = (essence(a), essence(b));
    let longer = letters_a.len().max(letters_b.len());
    longer > 0 && (distance(&letters_a, &letters_b) <= (longer / 6).max(1) || words(a) == words(b))
}

/// The edit distance (Levenshtein): how many characters have to be inserted, deleted or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_or_most_characters_in_common_make_chinese_names_alike() {
        for (a, b) in [("已报价", "未报价"), ("有意向客户", "意向客户"), ("方案沟通", "沟通方案")]
        {
            assert!(alike_by_characters(a, b), "{a} {b}");
        }
        for (a, b) in [("潜在客户", "意向客户"), ("成交", "流失"), ("需求确认", "方案沟通")]
        {
            assert!(!alike_by_characters(a, b), "{a} {b}");
        }
    }

    #[test]
    fn small_misspellings_and_turned_words_make_english_names_alike() {
        for (a, b) in [("Quoted", "Quotes"), ("Proposal sent", "Sent proposal"), ("Follow-up", "Follow up")] {
            assert!(alike_by_spelling(a, b), "{a} {b}");
        }
        for (a, b) in [("Won", "Lost"), ("In service", "Delivered"), ("Contacted", "Qualified")] {
            assert!(!alike_by_spelling(a, b), "{a} {b}");
        }
    }
}
