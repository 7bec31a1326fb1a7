//! The people and the words of the demo, all made up.

/// Who leads the sales.
pub(super) const LEAD: &str = "manager:zhou";
/// The reps, by the ids under which they own customers.
pub(super) const REPS: &[&str] = &["li", "wang", "chen", "zhao", "emma", "tom"];

/// A team of the demo.
pub(super) struct Team {
    pub(super) key: &'static str,
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    pub(super) supervisor: &'static str,
    pub(super) members: &'static [&'static str],
}

/// The teams. Every rep is in one.
pub(super) const TEAMS: &[Team] = &[
    Team {
        key: "east",
        zh: "华东组",
        en: "East",
        supervisor: "supervisor:qian",
        members: &["li", "wang", "emma"],
    },
    Team {
        key: "south",
        zh: "华南组",
        en: "South",
        supervisor: "supervisor:sun",
        members: &["chen", "zhao", "tom"],
    },
];
/// The team that tries the next version of the pipeline.
pub(super) const PILOT_TEAM: &str = "south";

/// The first halves of company names that cannot be mistaken for real ones.
const NAMES_ZH: &[&str] =
    &["虚构", "示例", "假想", "云上", "纸上", "彩虹桥", "月球", "童话", "海市", "乌有乡"];
const TRADES_ZH: &[&str] = &["科技", "食品", "贸易", "文具", "物流", "家居", "咖啡", "教育"];
const NAMES_EN: &[&str] =
    &["Example", "Fictional", "Make-Believe", "Imaginary", "Storybook", "Nowhere", "Moonbeam"];
const TRADES_EN: &[&str] = &["Foods", "Robotics", "Stationers", "Coffee", "Logistics", "Gardens", "Toys"];

pub(super) const SOURCES: &[&str] =
    &["official_account", "paid_ads", "exhibition", "referral", "seo", "seminar"];
pub(super) const CHANNELS: &[&str] = &["website", "event", "form", "wechat", "mini_program"];
pub(super) const TIERS: &[&str] = &["A", "B", "B", "C", "C", "C"];
/// What is written down, in the language of the customer: Chinese and English.
pub(super) type Words = (&'static [&'static str], &'static [&'static str]);

pub(super) const NOTES: Words = (
    &[
        "已电话沟通，对方关注价格和交付周期。",
        "客户希望下周安排演示。",
        "预算已立项，等采购确认。",
        "对接人换人，新联系人态度积极。",
        "已发送资料，客户确认收到。",
        "客户担心上线时间，已答复排期。",
    ],
    &[
        "Asked for a reference customer of the same size.",
        "Compared us with two others; likes our service terms.",
        "Wants the quote split into two phases.",
        "The new contact is friendly and well informed.",
        "Confirmed that the documents arrived.",
        "Worried about the schedule; sent our plan.",
    ],
);
pub(super) const NEXT_STEPS: Words = (
    &["回访，确认方案细节。", "约总经理一起拜访。", "准备合同草稿。", "电话询问内部讨论结果。"],
    &[
        "Call back about the details.",
        "Visit together with their director.",
        "Draft the contract.",
        "Ask what came of their meeting.",
    ],
);
pub(super) const RELEASE: Words = (&["暂时跟进不过来"], &["No time for it at the moment"]);
pub(super) const REACTIVATE: Words = (&["客户主动回来询价"], &["Came back and asked for a quote"]);
pub(super) const CORRECT: Words = (&["点错了状态"], &["Picked the wrong status"]);
pub(super) const OVERRIDE: Words =
    (&["客户高层已口头同意，资料后补"], &["Their board agreed; the papers follow"]);
pub(super) const APPROVE: Words = (&["同意，按此价格签约"], &["Agreed, sign at this price"]);
pub(super) const REJECT: Words =
    (&["折扣过大，请先走内部决策"], &["The discount is too large; wait for their decision"]);

/// The name of the n-th customer.
pub(super) fn company(number: u32) -> String {
    let n = number as usize;
    if is_english(number) {
        let (name, trade) = (NAMES_EN[n / 3 % NAMES_EN.len()], TRADES_EN[n / 5 % TRADES_EN.len()]);
        return format!("{name} {trade} No. {number}");
    }
    let (name, trade) = (NAMES_ZH[n % NAMES_ZH.len()], TRADES_ZH[n / 7 % TRADES_ZH.len()]);
    format!("{name}{trade}{number}号（虚构）")
}

/// Whether the n-th customer is spoken with in English: every third is.
pub(super) fn is_english(number: u32) -> bool {
    number.is_multiple_of(3)
}

/// One of several, by a throw of the dice.
pub(super) fn pick<'a>(from: &[&'a str], dice: u32) -> &'a str {
    from[dice as usize % from.len()]
}

/// What is said about a customer, in its language.
pub(super) fn say(words: Words, customer: u32, dice: u32) -> String {
    let (zh, en) = words;
    pick(if is_english(customer) { en } else { zh }, dice).to_owned()
}
