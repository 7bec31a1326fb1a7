//! Texts of the console, in the reader's language and time zone.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::session::{ConsoleSession, Preferences};
use crate::domain::{Language, Role, Zones};

/// The reader's language and zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Locale {
    pub(super) language: Language,
    pub(super) zone: Tz,
}

impl From<&ConsoleSession> for Locale {
    fn from(session: &ConsoleSession) -> Self {
        Self { language: session.language, zone: session.zone }
    }
}

impl From<Preferences> for Locale {
    fn from(preferences: Preferences) -> Self {
        Self { language: preferences.language, zone: preferences.zone }
    }
}

impl Locale {
    /// One of two texts.
    pub(super) fn text<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// The language, as a page names it (BCP 47).
    pub(super) fn tag(self) -> &'static str {
        match self.language {
            Language::Zh => "zh-CN",
            Language::En => "en",
        }
    }

    /// Which cycle of a journey it is.
    pub(super) fn cycle(self, number: &Value) -> String {
        match self.language {
            Language::Zh => format!("第 {number} 轮"),
            Language::En => format!("cycle {number}"),
        }
    }

    /// A text of a definition, `{"zh", "en"}`; a plain one as it stands.
    pub(super) fn label(self, label: &Value) -> &str {
        let own = label[self.language.as_str()].as_str();
        own.or_else(|| label.as_str()).unwrap_or_default()
    }

    /// An instant, to the minute, in the reader's zone.
    pub(super) fn moment(self, instant: &Value) -> String {
        read(instant)
            .map_or_else(String::new, |instant| self.local(instant).format("%Y-%m-%d %H:%M").to_string())
    }

    /// A day of the reader's zone.
    pub(super) fn day(self, instant: &Value) -> String {
        read(instant).map_or_else(String::new, |instant| self.today(instant).to_string())
    }

    /// Day and month of an instant in the reader's zone, where there is little room.
    pub(super) fn day_of_year(self, instant: &Value) -> String {
        let format = self.text("%-m月%-d日", "%-d %b");
        read(instant).map_or_else(String::new, |instant| self.local(instant).format(format).to_string())
    }

    /// Which day it is for the reader at an instant.
    pub(super) fn today(self, instant: DateTime<Utc>) -> NaiveDate {
        self.local(instant).date()
    }

    /// What the reader's clock shows at an instant, by the rules of zones by which deadlines go: those compiled in.
    fn local(self, instant: DateTime<Utc>) -> NaiveDateTime {
        Zones::compiled().local(self.zone, instant)
    }

    /// An instant as the API takes it, with what the reader's clock shows.
    fn written(self, instant: DateTime<Utc>) -> String {
        let ahead = self.local(instant) - instant.naive_utc();
        let offset = i32::try_from(ahead.num_seconds()).ok().and_then(FixedOffset::east_opt);
        offset.map_or_else(|| instant.to_rfc3339(), |offset| instant.with_timezone(&offset).to_rfc3339())
    }

    /// When a day begins for the reader, as the API takes it. Where clocks skip midnight it begins an hour later.
    pub(super) fn midnight(self, day: NaiveDate) -> String {
        self.written(Zones::compiled().start_of_day(self.zone, day))
    }

    /// A day of the week, Monday first.
    pub(super) fn weekday(self, day: usize) -> &'static str {
        const DAYS: [[&str; 7]; 2] = [
            ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
            ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ];
        let names = DAYS[usize::from(self.language == Language::En)];
        names.get(day).copied().unwrap_or_default()
    }

    /// What was put into a field for date and time, as the API takes it. Where clocks were put back the first of both
    /// instants is meant; what is no time of that zone is handed on as it is, for the API to refuse by name.
    pub(super) fn instant(self, field: &str) -> String {
        let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|shape| NaiveDateTime::parse_from_str(field, shape).ok());
        let instant = local.and_then(|local| {
            let instant = Zones::compiled().first_stroke(self.zone, local);
            (self.local(instant) == local).then_some(instant)
        });
        instant.map_or_else(|| field.to_owned(), |instant| self.written(instant))
    }

    /// A number of customers.
    pub(super) fn customers(self, count: &Value) -> String {
        match self.language {
            Language::Zh => format!("{count} 位客户"),
            Language::En if *count == 1 => "1 customer".to_owned(),
            Language::En => format!("{count} customers"),
        }
    }

    /// A length of time in its two largest units.
    pub(super) fn lasting(self, seconds: f64) -> String {
        self.in_units(seconds, 2)
    }

    /// A length of time in its largest unit, where there is little room.
    pub(super) fn briefly(self, seconds: f64) -> String {
        self.in_units(seconds, 1)
    }

    fn in_units(self, seconds: f64, most: usize) -> String {
        const UNITS: [(u64, &str, &str); 4] =
            [(86_400, "天", "d"), (3_600, "小时", "h"), (60, "分", "min"), (1, "秒", "s")];
        let mut rest = seconds.max(0.0).round() as u64;
        let mut parts = Vec::new();
        for (size, zh, en) in UNITS {
            if rest >= size && parts.len() < most {
                let space = self.text("", " ");
                parts.push(format!("{}{space}{}", rest / size, self.text(zh, en)));
            } else if !parts.is_empty() {
                break;
            }
            rest %= size;
        }
        if parts.is_empty() { self.text("0秒", "0 s").to_owned() } else { parts.join(self.text("", " ")) }
    }

    /// A share of one in hundredths.
    pub(super) fn share(self, share: f64) -> String {
        format!("{:.1}%", share * 100.0)
    }

    /// Money, with the thousands marked.
    pub(super) fn money(self, money: &Value) -> String {
        let amount = money["amount"].as_str().unwrap_or_default();
        format!("{} {}", money["currency"].as_str().unwrap_or_default(), grouped(amount))
    }

    /// Money where the order of magnitude counts: in Chinese by ten thousands and hundred millions, in English to the unit.
    pub(super) fn about(self, money: &Value) -> String {
        let currency = money["currency"].as_str().unwrap_or_default();
        let Some(amount) = money["amount"].as_str().and_then(|text| text.parse::<Decimal>().ok()) else {
            return self.money(money);
        };
        if self.language == Language::En {
            return format!("{currency} {}", grouped(&rounded(amount, 0).to_string()));
        }
        let (unit, size) = match amount.abs() {
            sum if sum >= Decimal::from(100_000_000) => ("亿", 100_000_000),
            sum if sum >= Decimal::from(10_000) => ("万", 10_000),
            _ => ("", 1),
        };
        let number = grouped(&rounded(amount / Decimal::from(size), 2).normalize().to_string());
        match currency {
            "CNY" => format!("{number}{unit}元"),
            _ => format!("{number}{unit} {currency}"),
        }
    }

    /// A number, with the thousands marked; what is no whole one to two places.
    pub(super) fn number(self, number: &Value) -> String {
        match number.as_f64() {
            Some(value) if value.fract() != 0.0 => grouped(&format!("{value:.2}")),
            Some(value) => grouped(&format!("{value:.0}")),
            None => "—".to_owned(),
        }
    }

    /// Who holds a customer, where there is little room: a rep by name, of pools only that it is one.
    pub(super) fn holder(self, owner: &Value) -> &str {
        if owner["kind"] == "pool" {
            self.text("公海", "Pool")
        } else {
            owner["id"].as_str().unwrap_or_default()
        }
    }

    /// An owner: a rep, or a pool.
    pub(super) fn owner(self, owner: &Value) -> String {
        let id = owner["id"].as_str().unwrap_or_default();
        if owner["kind"] == "pool" { format!("{} {id}", self.text("公海", "Pool")) } else { id.to_owned() }
    }

    /// What kind of stage it is.
    pub(super) fn stage_type(self, kind: &str) -> &str {
        match kind {
            "open" => self.text("进行中", "Open"),
            "won" => self.text("成交", "Won"),
            "partial" => self.text("部分成交", "Partially won"),
            "lost" => self.text("流失", "Lost"),
            "dormant" => self.text("休眠", "Dormant"),
            "paused" => self.text("暂停", "Paused"),
            "after_sale" => self.text("售后", "After sale"),
            "closed" => self.text("已结束", "Closed"),
            _ => "",
        }
    }

    /// What a role is called.
    pub(super) fn role(self, role: &str) -> &str {
        if let Some(known) = known_role(role) {
            let [zh, en] = known.name();
            return self.text(zh, en);
        }
        match role {
            "delivery" => self.text("交付", "Delivery"),
            "service" => self.text("客服", "Service"),
            "finance" => self.text("财务", "Finance"),
            "marketing" => self.text("市场", "Marketing"),
            "advisor" => self.text("顾问", "Advisor"),
            "team" => self.text("团队", "Team"),
            other => other,
        }
    }

    /// What somebody in a role may do.
    pub(super) fn may(self, role: &str) -> &str {
        let [zh, en] = known_role(role).map_or([""; 2], Role::duties);
        self.text(zh, en)
    }

    /// A mark on a card.
    pub(super) fn flag(self, flag: &str) -> &str {
        match flag {
            "touched_again" => self.text("再次来访", "repeat inquiry"),
            "overdue_follow_up" => self.text("逾期", "overdue"),
            "at_risk" => self.text("有流失风险", "at risk"),
            "erased" => self.text("已删除", "erased"),
            other => other,
        }
    }
}

/// The role of that word, if it is one.
fn known_role(word: &str) -> Option<Role> {
    Role::EACH.into_iter().find(|role| role.as_str() == word)
}

/// A number to that many places; a half is rounded away from zero.
fn rounded(number: Decimal, places: u32) -> Decimal {
    number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// A decimal number with the thousands marked.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, decimals) = digits.split_once('.').map_or((digits, ""), |(whole, rest)| (whole, rest));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{decimals}")
}

/// An instant of the API's answers.
pub(super) fn read(instant: &Value) -> Option<DateTime<Utc>> {
    instant.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ZH: Locale = Locale { language: Language::Zh, zone: Tz::Asia__Shanghai };
    const EN: Locale = Locale { language: Language::En, zone: Tz::Europe__Berlin };

    #[test]
    fn a_length_of_time_is_told_in_its_two_largest_units() {
        for (seconds, zh, en) in [
            (0.0, "0秒", "0 s"),
            (59.6, "1分", "1 min"),
            (3_600.0, "1小时", "1 h"),
            (86_399.0, "23小时59分", "23 h 59 min"),
            (90_061.0, "1天1小时", "1 d 1 h"),
            (86_460.0, "1天", "1 d"),
        ] {
            assert_eq!((ZH.lasting(seconds).as_str(), EN.lasting(seconds).as_str()), (zh, en));
        }
        assert_eq!((ZH.briefly(90_061.0).as_str(), EN.briefly(7_199.0).as_str()), ("1天", "1 h"));
    }

    #[test]
    fn one_customer_is_no_plural() {
        assert_eq!(EN.customers(&json!(1)), "1 customer");
        assert_eq!(EN.customers(&json!(0)), "0 customers");
        assert_eq!(ZH.customers(&json!(1)), "1 位客户");
    }

    #[test]
    fn money_is_grouped_and_never_rounded() {
        let money = |amount: &str| ZH.money(&json!({"amount": amount, "currency": "CNY"}));
        assert_eq!(money("1234567.50"), "CNY 1,234,567.50");
        assert_eq!(money("-999"), "CNY -999");
        assert_eq!(money("100000000000000000000"), "CNY 100,000,000,000,000,000,000");
    }

    #[test]
    fn sums_are_told_by_ten_thousands_in_chinese_and_to_the_unit_in_english() {
        let sum = |amount: &str, currency: &str| json!({"amount": amount, "currency": currency});
        for (amount, zh, en) in [
            ("3087250.00", "308.73万元", "CNY 3,087,250"),
            ("123456789012.5", "1,234.57亿元", "CNY 123,456,789,013"),
            ("-10000", "-1万元", "CNY -10,000"),
            ("9999.50", "9,999.5元", "CNY 10,000"),
        ] {
            assert_eq!(
                (ZH.about(&sum(amount, "CNY")).as_str(), EN.about(&sum(amount, "CNY")).as_str()),
                (zh, en)
            );
        }
        assert_eq!(ZH.about(&sum("25000", "USD")), "2.5万 USD");
        assert_eq!(EN.number(&json!(12_345.0)), "12,345");
        assert_eq!(EN.number(&json!(0.5)), "0.50");
        assert_eq!(EN.number(&json!(null)), "—");
    }

    #[test]
    fn a_day_begins_at_the_readers_midnight() {
        let day = |text: &str| text.parse().unwrap();
        assert_eq!(ZH.midnight(day("2026-11-01")), "2026-11-01T00:00:00+08:00");
        let cairo = Locale { language: Language::En, zone: Tz::Africa__Cairo };
        assert_eq!(cairo.midnight(day("2026-04-24")), "2026-04-24T01:00:00+03:00", "clocks skip midnight");
        assert_eq!(ZH.today("2026-11-25T17:00:00Z".parse().unwrap()), day("2026-11-26"));
    }

    #[test]
    fn times_are_of_the_readers_zone_both_ways() {
        assert_eq!(ZH.moment(&json!("2026-11-25T03:12:20.746199Z")), "2026-11-25 11:12");
        assert_eq!(ZH.instant("2026-11-25T11:12"), "2026-11-25T11:12:00+08:00");
        // The hour that comes twice is the first one; the one that never comes is for the API to refuse.
        assert_eq!(EN.instant("2026-10-25T02:30"), "2026-10-25T02:30:00+02:00");
        assert_eq!(EN.instant("2026-03-29T02:30"), "2026-03-29T02:30");
        // British Columbia keeps the time of its summer since 2026: the rules of the year before are an hour wrong.
        let vancouver = Locale { language: Language::En, zone: Tz::America__Vancouver };
        assert_eq!(vancouver.moment(&json!("2026-11-25T07:30:00Z")), "2026-11-25 00:30");
        assert_eq!(vancouver.today("2026-11-25T07:30:00Z".parse().unwrap()).to_string(), "2026-11-25");
        assert_eq!(vancouver.instant("2026-11-25T00:30"), "2026-11-25T00:30:00-07:00");
        assert_eq!(vancouver.midnight("2026-11-25".parse().unwrap()), "2026-11-25T00:00:00-07:00");
    }
}
