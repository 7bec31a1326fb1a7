//! Working calendars: the hours of a week in a zone, holidays, and the Saturdays that work in their stead (调休).
//!
//! Hours are local wall time, turned into instants day by day: a day of 23 or 25 hours comes out right.

pub mod china;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Label;
use crate::refusal::{Code, Violation, require};
use crate::validate::{key, label};
use crate::zones::Zones;

/// How far a wait of working hours may reach.
const FARTHEST: Days = Days::new(20 * 366);
const MINUTES_A_DAY: u16 = 24 * 60;
const MAX_SPANS_A_DAY: usize = 8;
const MAX_DAYS: usize = 5_000;
/// What lies further back was not worked by these hours, whatever a record says.
const LONGEST_RANGE: TimeDelta = TimeDelta::days(200 * 365);

/// When a tenant works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Names it.
    pub key: String,
    /// What it is called.
    pub name: Label,
    /// The IANA zone whose wall time the hours are.
    pub timezone: Tz,
    /// The hours of each weekday; none on a day that is not named.
    pub weekly: BTreeMap<Weekday, Vec<Hours>>,
    /// Days that differ: a holiday has no hours, a Saturday that works in its stead has those of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days: BTreeMap<NaiveDate, Vec<Hours>>,
    /// The last day whose holidays are known: nothing is computed beyond it. Without one, weeks go on as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_until: Option<NaiveDate>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the day of its name")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// From Monday to Sunday.
    const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// The day's word in calendars.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }
}

/// A span of working time within a day: `{"from": "09:00", "to": "12:30"}`, its end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// When it begins.
    pub from: WallTime,
    /// When it ends: `24:00` at the latest.
    pub to: WallTime,
}

/// A time of day, in minutes since midnight: `HH:MM`, from `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WallTime(u16);

/// The text is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time of day is written HH:MM, from 00:00 to 24:00")]
pub struct InvalidWallTime;

impl TryFrom<String> for WallTime {
    type Error = InvalidWallTime;

    fn try_from(text: String) -> Result<Self, InvalidWallTime> {
        let two_digits = |part: &str| -> Option<u16> {
            let shaped = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| shaped)
        };
        let parts = text.split_once(':');
        let parts = parts.and_then(|(hours, minutes)| two_digits(hours).zip(two_digits(minutes)));
        let (hours, minutes) = parts.filter(|(_, minutes)| *minutes < 60).ok_or(InvalidWallTime)?;
        Some(hours * 60 + minutes).filter(|time| *time <= MINUTES_A_DAY).map(Self).ok_or(InvalidWallTime)
    }
}

impl From<WallTime> for String {
    fn from(time: WallTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Calendar {
    /// The hours of a day.
    pub fn hours(&self, date: NaiveDate) -> &[Hours] {
        let usual = || self.weekly.get(&Weekday::ALL[date.weekday().num_days_from_monday() as usize]);
        self.days.get(&date).or_else(usual).map_or(&[], Vec::as_slice)
    }

    /// When this much working time has passed since an instant. None where that lies beyond what is known of the holidays, or
    /// farther than twenty years.
    pub fn end_of(&self, zones: &Zones, base: DateTime<Utc>, seconds: u64) -> Option<DateTime<Utc>> {
        let mut left = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
        if left == 0 {
            return Some(base);
        }
        let mut day = zones.local(self.timezone, base).date();
        let farthest = day.checked_add_days(FARTHEST)?;
        let last = self.known_until.map_or(farthest, |known| known.min(farthest));
        while day <= last {
            for hours in self.hours(day) {
                let begin =
                    zones.first_stroke(self.timezone, hours.from.on(day)).max(base).timestamp_micros();
                let end = zones.last_stroke(self.timezone, hours.to.on(day)).timestamp_micros();
                if left <= end - begin {
                    return DateTime::from_timestamp_micros(begin + left);
                }
                left -= (end - begin).max(0);
            }
            day = day.succ_opt()?;
        }
        None
    }

    /// The working time from an instant to another, ready to be measured: two centuries of it, the last ones.
    pub fn working_time(&self, zones: &Zones, from: DateTime<Utc>, to: DateTime<Utc>) -> WorkingTime {
        let from = to.checked_sub_signed(LONGEST_RANGE).map_or(from, |earliest| from.max(earliest));
        let mut spans: Vec<Span> = Vec::new();
        let mut worked = 0;
        let last = zones.local(self.timezone, to).date();
        let mut day = Some(zones.local(self.timezone, from).date());
        while let Some(date) = day.filter(|date| *date <= last) {
            for hours in self.hours(date) {
                let begin = zones.first_stroke(self.timezone, hours.from.on(date)).timestamp_micros();
                let end = zones.last_stroke(self.timezone, hours.to.on(date)).timestamp_micros();
                if begin < end {
                    spans.push(Span { begin, end, worked });
                    worked += end - begin;
                }
            }
            day = date.checked_add_days(Days::new(1));
        }
        WorkingTime { spans }
    }
}

impl WallTime {
    fn on(self, date: NaiveDate) -> NaiveDateTime {
        date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(self.0))
    }
}

/// Working time within a range, in microseconds since 1970.
#[derive(Debug, Clone)]
pub struct WorkingTime {
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    begin: i64,
    end: i64,
    /// What was worked in the range before it.
    worked: i64,
}

impl WorkingTime {
    /// How many microseconds between two instants were worked.
    pub fn between(&self, from: i64, to: i64) -> i64 {
        (self.until(to) - self.until(from)).max(0)
    }

    fn until(&self, instant: i64) -> i64 {
        let begun = self.spans.partition_point(|span| span.begin <= instant);
        let last = begun.checked_sub(1).and_then(|place| self.spans.get(place));
        last.map_or(0, |span| span.worked + instant.min(span.end) - span.begin)
    }
}

/// What is wrong with a calendar.
pub(crate) fn invalid(calendar: &Calendar) -> Vec<Violation> {
    let mut unmet = [key("key", &calendar.key), label("name", &calendar.name)].concat();
    unmet.extend(require(calendar.weekly.values().any(|hours| !hours.is_empty()), || {
        Violation::new(
            Code::InvalidValue,
            "weekly",
            Label::new("一周中没有工作时间。", "The week has no working hours."),
            Label::new(
                "例如 {\"mon\": [{\"from\": \"09:00\", \"to\": \"18:00\"}]}。",
                "For example: {\"mon\": [{\"from\": \"09:00\", \"to\": \"18:00\"}]}.",
            ),
        )
    }));
    unmet.extend(require(calendar.days.len() <= MAX_DAYS, || {
        Violation::new(
            Code::TooManyItems,
            "days",
            Label::new(
                format!("最多{MAX_DAYS}个特殊日。"),
                format!("At most {MAX_DAYS} special days are allowed."),
            ),
            Label::new("请删去过去的。", "Remove days that have passed."),
        )
    }));
    for (day, hours) in &calendar.weekly {
        unmet.extend(in_order(&format!("weekly.{}", day.as_str()), hours));
    }
    for (date, hours) in &calendar.days {
        unmet.extend(in_order(&format!("days.{date}"), hours));
    }
    unmet
}

fn in_order(field: &str, hours: &[Hours]) -> Vec<Violation> {
    let whole = hours.iter().all(|hours| hours.from < hours.to);
    let apart = hours.windows(2).all(|pair| pair[0].to <= pair[1].from);
    require(whole && apart && hours.len() <= MAX_SPANS_A_DAY, || {
        Violation::new(
            Code::InvalidValue,
            field,
            Label::new(
                format!("时段须先后排列、互不重叠、开始早于结束，最多{MAX_SPANS_A_DAY}段。"),
                format!(
                    "Time spans must be in order, must not overlap and must start before they end; at most {MAX_SPANS_A_DAY} per day."
                ),
            ),
            Label::new("请改正该日的时段。", "Correct the time spans of that day."),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn office(zone: &str, from: &str, to: &str) -> Calendar {
        let hours = json!([{"from": from, "to": to}]);
        let weekly = json!({"mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours});
        // The national day of 2026 and the Saturday that works in its stead.
        let days = json!({"2026-10-01": [], "2026-10-02": [], "2026-10-10": hours});
        let name = json!({"zh": "办公时间", "en": "Office hours"});
        let whole = json!({"key": "office", "name": name, "timezone": zone, "weekly": weekly, "days": days});
        serde_json::from_value(whole).unwrap()
    }

    fn worked(calendar: &Calendar, from: &str, to: &str) -> i64 {
        let (from, to): (DateTime<Utc>, DateTime<Utc>) = (from.parse().unwrap(), to.parse().unwrap());
        calendar
            .working_time(&Zones::compiled(), from, to)
            .between(from.timestamp_micros(), to.timestamp_micros())
    }

    #[test]
    fn nights_and_week_ends_do_not_count() {
        let calendar = office("Asia/Shanghai", "09:00", "18:00");
        // Friday 17:00 to Monday 10:00.
        assert_eq!(worked(&calendar, "2026-03-06T17:00:00+08:00", "2026-03-09T10:00:00+08:00"), 2 * HOUR);
        assert_eq!(worked(&calendar, "2026-03-07T00:00:00+08:00", "2026-03-08T23:00:00+08:00"), 0);
        assert_eq!(worked(&calendar, "2026-03-09T00:00:00+08:00", "2026-03-16T00:00:00+08:00"), 45 * HOUR);
    }

    #[test]
    fn hours_go_by_the_rules_that_are_handed_in() {
        // The first hour of an office's Monday by tzdb 2026f, or its last one; by the rules of 2025b nobody is there.
        for (zone, hour, of_2025b) in [
            ("America/Vancouver", 16, "PST8PDT,M3.2.0,M11.1.0"),
            ("America/Edmonton", 15, "MST7MDT,M3.2.0,M11.1.0"),
            ("America/Winnipeg", 14, "CST6CDT,M3.2.0,M11.1.0"),
            ("America/Havana", 13, "CST5CDT,M3.2.0/0,M11.1.0/1"),
            ("Africa/Casablanca", 16, "<+01>-1"),
        ] {
            let calendar = office(zone, "09:00", "17:00");
            let worked = |zones: &Zones| {
                let [from, to] = [hour, hour + 1]
                    .map(|hour| format!("2026-11-16T{hour}:00:00Z").parse::<DateTime<Utc>>().unwrap());
                calendar.working_time(zones, from, to).between(from.timestamp_micros(), to.timestamp_micros())
            };
            assert_eq!(worked(&Zones::compiled()), HOUR, "{zone}");
            let rules = [(calendar.timezone, crate::zones::tests::tzif(of_2025b))];
            assert_eq!(worked(&Zones::read("2025b", rules).unwrap()), 0, "{zone}");
        }
    }

    #[test]
    fn holidays_rest_and_the_saturday_in_their_stead_works() {
        let calendar = office("Asia/Shanghai", "09:00", "18:00");
        assert_eq!(worked(&calendar, "2026-10-01T00:00:00+08:00", "2026-10-05T00:00:00+08:00"), 0);
        assert_eq!(worked(&calendar, "2026-10-10T00:00:00+08:00", "2026-10-11T00:00:00+08:00"), 9 * HOUR);
    }

    #[test]
    fn a_span_counts_from_its_first_to_its_last_microsecond() {
        let calendar = office("Asia/Shanghai", "09:00", "18:00");
        let at = |text: &str, more: i64| -> i64 {
            text.parse::<DateTime<Utc>>().unwrap().timestamp_micros() + more
        };
        let day = calendar.working_time(
            &Zones::compiled(),
            "2026-03-09T00:00:00Z".parse().unwrap(),
            "2026-03-10T00:00:00Z".parse().unwrap(),
        );
        let (nine, six) = ("2026-03-09T09:00:00+08:00", "2026-03-09T18:00:00+08:00");
        assert_eq!(day.between(at(nine, -1), at(nine, 0)), 0);
        assert_eq!(day.between(at(nine, 0), at(nine, 1)), 1);
        assert_eq!(day.between(at(six, -1), at(six, 0)), 1);
        assert_eq!(day.between(at(six, 0), at(six, 1)), 0);
    }

    #[test]
    fn a_night_in_which_clocks_are_changed_has_the_hours_it_has() {
        let mut round = office("Europe/Berlin", "00:00", "24:00");
        round.weekly.insert(Weekday::Sun, vec![Hours { from: WallTime(0), to: WallTime(MINUTES_A_DAY) }]);
        // 2026-03-29 has 23 hours, 2026-10-25 has 25.
        assert_eq!(worked(&round, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), 23 * HOUR);
        assert_eq!(worked(&round, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), 25 * HOUR);
        let hours = |from: u16, to: u16| vec![Hours { from: WallTime(from), to: WallTime(to) }];
        // From 01:30 to 02:30, where 02:00 to 03:00 is jumped over or comes twice.
        round.weekly.insert(Weekday::Sun, hours(90, 150));
        assert_eq!(worked(&round, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), HOUR / 2);
        assert_eq!(worked(&round, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), 2 * HOUR);
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        let read = |text: &str| WallTime::try_from(text.to_owned()).ok().map(|time| time.to_string());
        for good in ["00:00", "09:30", "23:59", "24:00"] {
            assert_eq!(read(good).as_deref(), Some(good));
        }
        for bad in ["24:01", "9:30", "09:60", "0930", "", "+9:30", "99:99"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_calendar_that_cannot_be_is_refused_by_name() {
        let mut wrong = office("Asia/Shanghai", "18:00", "09:00");
        wrong.key = "Office".to_owned();
        let fields: Vec<String> = invalid(&wrong).into_iter().map(|one| one.field).collect();
        let days = ["mon", "tue", "wed", "thu", "fri"].map(|day| format!("weekly.{day}"));
        assert_eq!(fields, [&["key".to_owned()], &days[..], &["days.2026-10-10".to_owned()]].concat());
        assert_eq!(
            invalid(&Calendar { weekly: BTreeMap::new(), ..office("UTC", "09:00", "10:00") })[0].field,
            "weekly"
        );
        assert!(invalid(&office("UTC", "09:00", "24:00")).is_empty());
    }

    #[test]
    fn a_record_of_the_bronze_age_costs_two_centuries_of_days() {
        let calendar = office("UTC", "09:00", "18:00");
        let time = calendar.working_time(
            &Zones::compiled(),
            DateTime::<Utc>::MIN_UTC,
            "2026-03-09T12:00:00Z".parse().unwrap(),
        );
        assert!(time.spans.len() < 200 * 366, "{}", time.spans.len());
    }

    proptest! {
        /// Time worked adds up, and is never more than time passed.
        #[test]
        fn working_time_adds_up(begin in 0..400_i64, hours in prop::array::uniform2(0..5_000_i64)) {
            let calendar = office("Europe/Berlin", "08:15", "17:45");
            let start = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(begin * 24);
            let middle = start + TimeDelta::minutes(hours[0]);
            let end = middle + TimeDelta::minutes(hours[1]);
            let zones = Zones::compiled();
            let time = calendar.working_time(&zones, start, end);
            let [a, b, c] = [start, middle, end].map(|instant| instant.timestamp_micros());
            prop_assert_eq!(time.between(a, b) + time.between(b, c), time.between(a, c));
            prop_assert!(time.between(a, c) <= c - a);
            // What lies around it changes nothing.
            let wider = calendar.working_time(&zones, start - TimeDelta::days(9), end + TimeDelta::days(9));
            prop_assert_eq!(wider.between(a, c), time.between(a, c));
        }
    }
}
