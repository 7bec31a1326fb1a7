//! Names of companies, brought into a form in which they can be compared.

use super::half_width;

/// Legal forms and the like at the end of a Chinese name, the longest first.
const FORMS_ZH: &[&str] = &[
    "集团股份有限公司",
    "集团有限责任公司",
    "控股集团有限公司",
    "集团有限公司",
    "股份有限公司",
    "有限责任公司",
    "控股有限公司",
    "有限合伙",
    "有限公司",
    "总公司",
    "集团",
    "公司",
];
/// The same in other languages, as words of a name.
const FORMS_EN: &[&str] = &[
    "ag",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "gmbh",
    "group",
    "holding",
    "holdings",
    "inc",
    "incorporated",
    "kk",
    "limited",
    "llc",
    "llp",
    "ltd",
    "nv",
    "plc",
    "pte",
    "pty",
    "sa",
    "sarl",
    "sas",
    "srl",
];
/// Provinces, municipalities and the cities whose names companies begin with.
const PLACES: &[&str] = &[
    "中国",
    "北京",
    "上海",
    "天津",
    "重庆",
    "香港",
    "澳门",
    "台湾",
    "河北",
    "山西",
    "内蒙古",
    "辽宁",
    "吉林",
    "黑龙江",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "广西",
    "海南",
    "四川",
    "贵州",
    "云南",
    "西藏",
    "陕西",
    "甘肃",
    "青海",
    "宁夏",
    "新疆",
    "广州",
    "深圳",
    "杭州",
    "南京",
    "苏州",
    "无锡",
    "常州",
    "宁波",
    "温州",
    "嘉兴",
    "绍兴",
    "金华",
    "合肥",
    "福州",
    "厦门",
    "泉州",
    "南昌",
    "济南",
    "青岛",
    "烟台",
    "潍坊",
    "郑州",
    "洛阳",
    "武汉",
    "长沙",
    "东莞",
    "佛山",
    "珠海",
    "中山",
    "惠州",
    "南宁",
    "海口",
    "三亚",
    "成都",
    "贵阳",
    "昆明",
    "西安",
    "兰州",
    "西宁",
    "银川",
    "乌鲁木齐",
    "石家庄",
    "太原",
    "呼和浩特",
    "沈阳",
    "大连",
    "长春",
    "哈尔滨",
    "唐山",
    "徐州",
    "南通",
    "扬州",
    "昆山",
    "义乌",
];
/// What may follow the name of a place.
const PLACE_ENDS: &[&str] = &["特别行政区", "自治区", "省", "市"];

/// A name as it is compared: without legal form, place, brackets and signs. A name in two scripts has both parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompanyName {
    /// The Chinese part.
    pub zh: String,
    /// The words in Latin and other letters, small.
    pub words: Vec<String>,
    /// The place that the name began with, or had in brackets.
    pub place: Option<String>,
    /// Whether a legal form says that it is a company.
    pub is_company: bool,
}

impl CompanyName {
    /// The name in this text.
    pub fn read(text: &str) -> Self {
        let narrow: String = text.chars().map(half_width).collect::<String>().to_lowercase();
        let narrow = narrow.replace('（', "(").replace('）', ")").replace('&', " and ");
        let mut name = Self::default();
        let narrow = name.take_bracketed_places(&narrow);
        let (zh, others) = by_script(&narrow);
        let (zh, is_company) = without_form(zh);
        name.is_company = is_company;
        name.zh = name.without_place(zh);
        name.take_words(&others);
        name
    }

    /// Whether nothing is left to compare.
    pub fn is_empty(&self) -> bool {
        self.zh.is_empty() && self.words.is_empty()
    }

    /// Places stand in brackets in many names, which then mean the same as without: 华为技术(深圳)有限公司.
    fn take_bracketed_places(&mut self, text: &str) -> String {
        let mut left = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, inside, after)) = bracketed(rest) {
            left.push_str(before);
            match place_of(inside.trim()) {
                Some((place, "")) => self.place = Some(place.to_owned()),
                _ => {
                    left.push(' ');
                    left.push_str(inside);
                    left.push(' ');
                }
            }
            rest = after;
        }
        left.push_str(rest);
        left
    }

    /// The name without the place that it begins with, unless hardly anything would be left.
    fn without_place(&mut self, zh: String) -> String {
        match place_of(&zh) {
            Some((place, left)) if left.chars().count() >= 2 => {
                self.place.get_or_insert_with(|| place.to_owned());
                left.to_owned()
            }
            _ => zh,
        }
    }

    fn take_words(&mut self, others: &str) {
        let all: Vec<&str> =
            others.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let kept: Vec<&str> = all.iter().copied().filter(|word| !FORMS_EN.contains(word)).collect();
        self.is_company |= kept.len() < all.len();
        let kept = if kept.is_empty() { all } else { kept };
        self.words =
            kept.into_iter().filter(|word| *word != "and" && *word != "the").map(str::to_owned).collect();
    }
}

/// A Chinese name without its legal form, unless nothing would be left, and whether it had one.
fn without_form(zh: String) -> (String, bool) {
    let left = FORMS_ZH.iter().find_map(|form| zh.strip_suffix(form)).filter(|left| !left.is_empty());
    match left {
        Some(left) => (left.to_owned(), true),
        None => (zh, false),
    }
}

/// What stands before, within and after the first pair of brackets.
fn bracketed(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('(')?;
    let (inside, after) = rest.split_once(')')?;
    Some((before, inside, after))
}

/// The place that a text begins with, and the rest of the text.
fn place_of(text: &str) -> Option<(&'static str, &str)> {
    let (place, rest) = PLACES.iter().find_map(|place| Some((*place, text.strip_prefix(place)?)))?;
    let rest = PLACE_ENDS.iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest);
    Some((place, rest))
}

/// The Chinese signs of a text one after the other, and what is left with spaces in their place.
fn by_script(text: &str) -> (String, String) {
    let is_han =
        |c: &char| matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}');
    let zh = text.chars().filter(is_han).collect();
    let others = text.chars().map(|c| if is_han(&c) { ' ' } else { c }).collect();
    (zh, others)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zh(text: &str) -> String {
        CompanyName::read(text).zh
    }

    fn words(text: &str) -> String {
        CompanyName::read(text).words.join(" ")
    }

    #[test]
    fn legal_form_place_width_and_brackets_make_no_difference_in_chinese() {
        for text in [
            "华为技术",
            "华为技术有限公司",
            "深圳市华为技术有限公司",
            "深圳华为技术有限责任公司",
            "华为技术（深圳）有限公司",
            "华为技术(中国)股份有限公司",
            "广东省华为技术集团有限公司",
            "华为 技术　集团",
        ] {
            assert_eq!(zh(text), "华为技术", "{text}");
        }
    }

    #[test]
    fn legal_form_case_and_signs_make_no_difference_in_english() {
        for text in [
            "Harbour Foods",
            "HARBOUR FOODS CO., LTD.",
            "Harbour Foods Company Limited",
            "Harbour Foods, Inc",
            "Ｈａｒｂｏｕｒ Foods (Holdings) Ltd",
            "The Harbour Foods Group",
        ] {
            assert_eq!(words(text), "harbour foods", "{text}");
        }
        assert_eq!(words("Johnson & Johnson"), words("Johnson and Johnson Inc."));
    }

    #[test]
    fn a_name_in_two_scripts_has_both_parts() {
        let name = CompanyName::read("海港食品有限公司 Harbour Foods Ltd.");
        assert_eq!((name.zh.as_str(), name.words.join(" ").as_str()), ("海港食品", "harbour foods"));
        assert!(name.is_company);
    }

    #[test]
    fn the_place_is_kept_beside_the_name() {
        let place = |text| CompanyName::read(text).place;
        assert_eq!(place("深圳市华为技术有限公司").as_deref(), Some("深圳"));
        assert_eq!(place("华为技术（上海）有限公司").as_deref(), Some("上海"));
        assert_eq!(place("华为技术有限公司"), None);
    }

    #[test]
    fn something_is_always_left_of_a_name() {
        assert_eq!(zh("北京公司"), "北京");
        assert_eq!(zh("集团"), "集团");
        assert_eq!(words("Company Ltd"), "company ltd");
        assert!(CompanyName::read("！！ -- ()").is_empty());
    }

    #[test]
    fn people_are_no_companies() {
        assert!(!CompanyName::read("张伟").is_company);
        assert!(!CompanyName::read("Li Wei").is_company);
        assert!(CompanyName::read("张伟餐饮管理有限公司").is_company);
        assert!(CompanyName::read("Li Wei Trading Co").is_company);
    }

    proptest! {
        #[test]
        fn a_normalised_name_is_its_own_form(text in "[海港食品华为技术abc &()（）.,]{0,20}(有限公司| Ltd)?") {
            let once = CompanyName::read(&text);
            prop_assume!(!once.zh.is_empty());
            prop_assume!(!FORMS_ZH.iter().any(|form| once.zh.ends_with(form)));
            prop_assert_eq!(CompanyName::read(&once.zh).zh, once.zh);
        }
    }
}
