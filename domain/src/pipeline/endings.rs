//! How the statuses of a file of past changes end: won, lost, or in a way that nobody has told.

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::StageType;

/// The whole names of statuses that are usual for deals, without spaces and hyphens.
const WON_NAMES: [&str; 12] = [
    "won",
    "win",
    "closedwon",
    "dealwon",
    "成交",
    "已成交",
    "成交客户",
    "赢单",
    "已赢单",
    "成单",
    "已成单",
    "赢单关闭",
];
/// Those that are usual for losses.
const LOST_NAMES: [&str; 15] = [
    "lost",
    "closedlost",
    "deallost",
    "流失",
    "已流失",
    "流失客户",
    "输单",
    "已输单",
    "输单关闭",
    "丢单",
    "已丢单",
    "失单",
    "战败",
    "已战败",
    "未成交",
];
/// Words that stand for a deal in the names of final statuses. Chinese ones are looked for anywhere in a name.
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
    /// Whether others end, too, whose whole names are usual for deals, where none is said to be one, or for losses likewise.
    pub by_name: bool,
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
    /// What a person said of the statuses of a new pipeline. Names tell what was left unsaid, unless it was said which statuses
    /// are final, or that none is won or lost.
    pub fn told(won: Option<Vec<String>>, lost: Option<Vec<String>>, finals: Vec<String>) -> Self {
        let is_none = |said: Option<&[String]>| said.is_some_and(<[String]>::is_empty);
        let by_name = finals.is_empty() && !is_none(won.as_deref()) && !is_none(lost.as_deref());
        Self { won: won.unwrap_or_default(), lost: lost.unwrap_or_default(), finals, by_name }
    }

    /// The same without what names tell: of a pipeline that is there, they change nothing.
    #[must_use]
    pub fn as_said(&self) -> Self {
        Self { by_name: false, ..self.clone() }
    }

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
        let final_by_name = || is_in(&self.finals).then(|| guess(status).unwrap_or(StageType::Closed));
        let kind = said.or_else(final_by_name).or_else(|| self.usual(status))?;
        Some(Ending { status: status.to_owned(), kind, guessed: said.is_none() })
    }

    /// What a status of which nothing was said is by its whole name, whatever its case, width, spaces and hyphens.
    fn usual(&self, status: &str) -> Option<StageType> {
        if !self.by_name {
            return None;
        }
        let between = |sign: &char| sign.is_whitespace() || matches!(sign, '-' | '_' | '/');
        let name: String = status.nfkc().flat_map(char::to_lowercase).filter(|sign| !between(sign)).collect();
        if self.won.is_empty() && WON_NAMES.contains(&name.as_str()) {
            return Some(StageType::Won);
        }
        (self.lost.is_empty() && LOST_NAMES.contains(&name.as_str())).then_some(StageType::Lost)
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
        let endings = Endings::told(Some(text("Lost and found")), Some(text("Gone")), text("Gone"));
        assert_eq!(endings.kind("Lost and found"), StageType::Won);
        let gone = endings.ending("Gone").unwrap();
        assert_eq!((gone.kind, gone.guessed), (StageType::Lost, false));
        assert_eq!((endings.kind("New"), endings.ending("New")), (StageType::Open, None));
    }

    /// What is won and what is lost of a status, where nobody said anything of the file's.
    fn unsaid(status: &str) -> StageType {
        Endings::told(None, None, Vec::new()).kind(status)
    }

    #[test]
    fn usual_names_of_deals_and_losses_tell_them_without_being_named() {
        for won in [
            "成交",
            " 成交 ",
            "已成交",
            "成交客户",
            "赢单",
            "Won",
            "ＷＯＮ",
            "Closed Won",
            "closed-won",
            "closedwon",
        ] {
            assert_eq!(unsaid(won), StageType::Won, "{won}");
        }
        for lost in [
            "流失",
            "已流失",
            "输单",
            "丢单",
            "战败",
            "未成交",
            "Lost",
            "Closed/Lost",
            "CLOSED_LOST",
            "deal lost",
        ] {
            assert_eq!(unsaid(lost), StageType::Lost, "{lost}");
        }
        for name in WON_NAMES.iter().chain(&LOST_NAMES) {
            let said = Endings { finals: vec![(*name).to_owned()], ..Endings::default() }.kind(name);
            assert!(unsaid(name).is_final() && (said == unsaid(name) || said == StageType::Closed), "{name}");
        }
    }

    #[test]
    fn a_name_that_only_holds_such_a_word_is_open() {
        for open in [
            "即将成交",
            "成交？",
            "待成交",
            "签约",
            "签约中",
            "流失预警",
            "不成交",
            "Won or lost",
            "Win back",
            "Closed",
            "完成",
            "取消",
            "",
        ] {
            assert_eq!(unsaid(open), StageType::Open, "{open}");
        }
    }

    #[test]
    fn what_is_said_takes_the_place_of_what_names_tell() {
        let text = |text: &str| vec![text.to_owned()];
        let signed = Endings::told(Some(text("签约")), None, Vec::new());
        let kinds = ["签约", "成交", "流失"].map(|status| signed.kind(status));
        assert_eq!(
            kinds,
            [StageType::Won, StageType::Open, StageType::Lost],
            "those that are won were named"
        );
        for none in [
            Endings::told(Some(Vec::new()), None, Vec::new()),
            Endings::told(None, Some(Vec::new()), Vec::new()),
            Endings::told(None, None, text("归档")),
            Endings::told(None, None, Vec::new()).as_said(),
            Endings::default(),
        ] {
            assert_eq!(["成交", "流失"].map(|status| none.kind(status)), [StageType::Open; 2], "{none:?}");
        }
        let told = Endings::told(None, None, Vec::new()).ending("成交").unwrap();
        assert_eq!((told.kind, told.guessed), (StageType::Won, true));
    }
}
