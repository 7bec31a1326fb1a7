//! How the statuses of a file of past changes end: won, lost, or in a way that nobody has told.

use serde::Serialize;

use super::StageType;

/// Words that stand for a deal in the names of statuses. Chinese ones are looked for anywhere in a name.
const WON: &[&str] = &["won", "赢单", "成交", "签约", "成单"];
/// Words that stand for a deal that is off. Those of Chinese that hold a word for a deal come before it.
const LOST: &[&str] = &[
    "lost",
    "declined",
    "rejected",
    "cancelled",
    "canceled",
    "disqualified",
    "unqualified",
    "abandoned",
    "dead",
    "未成交",
    "未签约",
    "未成单",
    "未赢单",
    "没有成交",
    "没成交",
    "输单",
    "丢单",
    "失单",
    "战败",
    "流失",
    "失败",
    "无效",
    "放弃",
    "作废",
    "取消",
    "拒绝",
];
/// Words that turn the others round: a name with one of them tells nothing by itself.
const TURNING: &[&str] =
    &["not", "no", "non", "never", "un", "未", "没", "非", "不", "待", "即将", "准备", "almost", "nearly"];

/// Which statuses of a file end a deal, as the importer declared them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endings {
    /// Those that are deals.
    pub won: Vec<String>,
    /// Those that are losses.
    pub lost: Vec<String>,
    /// Those of which was said no more than that they end.
    pub finals: Vec<String>,
}

/// What a status that ends was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The status.
    pub status: String,
    /// Won or lost; closed where neither was said nor can be guessed.
    #[serde(rename = "type")]
    pub kind: StageType,
    /// Whether it was guessed by the name.
    pub guessed: bool,
}

impl Endings {
    /// Every status named.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        self.won.iter().chain(&self.lost).chain(&self.finals)
    }

    /// What a status means. What was said counts; of one that only ends, what its name tells in a well-known way. One that
    /// tells nothing is closed, which no win rate counts, and never won.
    pub fn kind(&self, status: &str) -> StageType {
        self.ending(status).map_or(StageType::Open, |ending| ending.kind)
    }

    /// How a status ends; none where it does not.
    pub fn ending(&self, status: &str) -> Option<Ending> {
        let is_in = |statuses: &[String]| statuses.iter().any(|known| known == status);
        let said = match (is_in(&self.won), is_in(&self.lost)) {
            (true, _) => Some(StageType::Won),
            (false, true) => Some(StageType::Lost),
            (false, false) => None,
        };
        let ends = said.is_some() || is_in(&self.finals);
        let kind = said.unwrap_or_else(|| guess(status).unwrap_or(StageType::Closed));
        ends.then(|| Ending { status: status.to_owned(), kind, guessed: said.is_none() })
    }
}

/// What the name of a final status tells in a well-known way: won or lost; none where it tells neither, or both.
fn guess(status: &str) -> Option<StageType> {
    let mut rest = status.to_lowercase();
    let lost = take(&mut rest, LOST);
    let won = take(&mut rest, WON);
    let turned = take(&mut rest, TURNING);
    match (won, lost, turned) {
        (true, false, false) => Some(StageType::Won),
        (false, true, false) => Some(StageType::Lost),
        _ => None,
    }
}

/// Whether a text has any of some words, which are taken out of it. Words of Latin letters are whole words.
fn take(text: &mut String, words: &[&str]) -> bool {
    let mut found = false;
    for word in words {
        if word.is_ascii() {
            let others: Vec<&str> =
                text.split(|sign: char| !sign.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
            found |= others.contains(word);
            let kept: Vec<&str> = others.into_iter().filter(|part| part != word).collect();
            *text = kept.join(" ");
        } else if text.contains(word) {
            found = true;
            *text = text.replace(word, " ");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &str) -> StageType {
        Endings { finals: vec![status.to_owned()], ..Endings::default() }.kind(status)
    }

    #[test]
    fn well_known_names_tell_deals_from_losses_in_both_languages() {
        for won in [
            "Won",
            "won",
            "Closed Won",
            "closed-won",
            "6 - Closed/Won",
            "赢单",
            "已成交",
            "已签约",
            "赢单关闭",
        ] {
            assert_eq!(told(won), StageType::Won, "{won}");
        }
        for lost in [
            "Lost",
            "Closed Lost",
            "closed_lost",
            "A_DECLINED",
            "A_CANCELLED",
            "输单",
            "已流失",
            "未成交",
            "丢单",
            "战败",
        ] {
            assert_eq!(told(lost), StageType::Lost, "{lost}");
        }
    }

    #[test]
    fn a_name_that_tells_neither_or_both_is_closed_and_never_won() {
        for unknown in [
            "Closed",
            "Done",
            "A_APPROVED",
            "A_REGISTERED",
            "Won or Lost",
            "Not won",
            "Wonder",
            "关闭",
            "完成",
            "归档",
            "赢单后流失",
            "不成交",
            "待签约",
            "即将成交",
            "",
        ] {
            assert_eq!(told(unknown), StageType::Closed, "{unknown}");
        }
    }

    #[test]
    fn what_was_said_counts_whatever_the_name() {
        let text = |text: &str| vec![text.to_owned()];
        let endings = Endings { won: text("Lost and found"), lost: text("Gone"), finals: text("Gone") };
        assert_eq!(endings.kind("Lost and found"), StageType::Won);
        let gone = endings.ending("Gone").unwrap();
        assert_eq!((gone.kind, gone.guessed), (StageType::Lost, false));
        assert_eq!((endings.kind("New"), endings.ending("New")), (StageType::Open, None));
    }
}
