//! The working days of mainland China: public holidays, and the days at weekends that work in their stead (调休).
//!
//! Source: the yearly notices of the General Office of the State Council (国务院办公厅关于部分节假日安排的通知), each named with its
//! year. A year whose notice has not come is not known, and nothing is guessed of it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use super::{Calendar, Hours, WallTime, Weekday};
use crate::Label;

/// What a notice says of a year.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Year {
    /// The year.
    pub year: i32,
    /// The number of the notice.
    pub notice: String,
    /// The days of rest, weekends within them included.
    pub rest: Vec<NaiveDate>,
    /// The days at weekends that work.
    pub work: Vec<NaiveDate>,
}

static YEARS: LazyLock<Vec<Year>> =
    LazyLock::new(|| serde_json::from_str(include_str!("china.json")).unwrap_or_default());

/// The years that were announced, in order.
pub fn years() -> &'static [Year] {
    &YEARS
}

/// A calendar of office hours, 09:00 to 18:00 in Shanghai, on the working days that were announced.
pub fn office_hours() -> Calendar {
    let hours = || vec![Hours { from: WallTime(9 * 60), to: WallTime(18 * 60) }];
    let workdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    let mut days = BTreeMap::new();
    for year in years() {
        days.extend(year.rest.iter().map(|day| (*day, Vec::new())));
        days.extend(year.work.iter().map(|day| (*day, hours())));
    }
    Calendar {
        key: "china".to_owned(),
        name: Label::new("中国法定工作日，9点至18点", "Working days of mainland China, 09:00 to 18:00"),
        timezone: chrono_tz::Tz::Asia__Shanghai,
        weekly: workdays.into_iter().map(|day| (day, hours())).collect(),
        known_until: days.keys().last().and_then(|last| NaiveDate::from_ymd_opt(last.year(), 12, 31)),
        days,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::zones::Zones;

    #[test]
    fn every_announced_year_is_there_and_the_next_one_is_not_guessed() {
        assert_eq!(years().iter().map(|year| year.year).collect::<Vec<_>>(), [2023, 2024, 2025, 2026]);
        for year in years() {
            assert!(year.rest.iter().chain(&year.work).all(|day| day.year() == year.year), "{}", year.year);
            assert!(year.work.iter().all(|day| day.weekday().number_from_monday() > 5), "{}", year.year);
        }
        assert_eq!(office_hours().known_until, NaiveDate::from_ymd_opt(2026, 12, 31));
    }

    #[test]
    fn a_day_of_work_before_the_spring_festival_ends_on_the_saturday_that_works() {
        let calendar = office_hours();
        let end = |from: &str, hours: u64| {
            let from = DateTime::parse_from_rfc3339(from).unwrap().to_utc();
            calendar.end_of(&Zones::compiled(), from, hours * 3_600).map(|end| end.to_rfc3339())
        };
        // Friday 2026-02-13 at 17:00; Saturday the 14th works, the 15th to the 23rd rest.
        assert_eq!(end("2026-02-13T17:00:00+08:00", 9).as_deref(), Some("2026-02-14T09:00:00+00:00"));
        assert_eq!(end("2026-02-13T17:00:00+08:00", 11).as_deref(), Some("2026-02-24T02:00:00+00:00"));
        assert_eq!(end("2026-02-13T17:00:00+08:00", 1).as_deref(), Some("2026-02-13T10:00:00+00:00"));
        assert_eq!(end("2026-12-31T17:00:00+08:00", 2), None, "2027 is not announced");
    }
}
