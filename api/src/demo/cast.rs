//! The people and the words of the demo, all made up.

/// The team's lead.
pub(super) const LEAD: &str = "manager:zhou";
/// The reps.
pub(super) const REPS: &[&str] = &["li", "wang", "chen", "zhao", "emma", "tom"];

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
pub(super) const NOTES: &[&str] = &[
    "已电话沟通，对方关注价格和交付周期。",
    "客户希望下周安排演示。",
    "Asked for a reference customer of the same size.",
    "预算已立项，等采购确认。",
    "Compared us with two others; likes our service terms.",
    "对接人换人，新联系人态度积极。",
    "Wants the quote split into two phases.",
    "已发送资料，客户确认收到。",
];
pub(super) const NEXT_STEPS: &[&str] = &[
    "三天内回访，确认方案。",
    "Send the revised quote by Friday.",
    "约总经理一起拜访。",
    "Call back after their internal meeting.",
    "准备合同草稿。",
];

/// The name of the n-th customer; every third is an English one.
pub(super) fn company(number: u32) -> String {
    let n = number as usize;
    if n.is_multiple_of(3) {
        let (name, trade) = (NAMES_EN[n / 3 % NAMES_EN.len()], TRADES_EN[n / 5 % TRADES_EN.len()]);
        return format!("{name} {trade} No. {number}");
    }
    let (name, trade) = (NAMES_ZH[n % NAMES_ZH.len()], TRADES_ZH[n / 7 % TRADES_ZH.len()]);
    format!("{name}{trade}{number}号（虚构）")
}

/// One of several, by a throw of the dice.
pub(super) fn pick<'a>(from: &[&'a str], dice: u32) -> &'a str {
    from[dice as usize % from.len()]
}
