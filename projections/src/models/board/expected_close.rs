//! When a deal is expected to close, and how often that was put off.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a deal is expected to close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpectedClose {
    /// The day.
    #[schema(example = "2026-12-31")]
    pub on: NaiveDate,
    /// The day that was expected first.
    #[schema(example = "2026-11-30")]
    pub original: NaiveDate,
    /// How often it was put off to a later day.
    pub pushes: u32,
    /// By how many days it has been put off since the first: negative where it is earlier now.
    #[schema(example = 31)]
    pub pushed_days: i64,
    /// The reason given last; null where none was given.
    #[schema(example = "budget")]
    pub last_reason: Option<String>,
}

impl ExpectedClose {
    /// What is expected once a day is said, with a reason or without.
    pub(super) fn said(held: Option<Self>, on: NaiveDate, reason: Option<&String>) -> Self {
        let first = Self { on, original: on, pushes: 0, pushed_days: 0, last_reason: None };
        let held = held.unwrap_or(first);
        Self {
            on,
            original: held.original,
            pushes: held.pushes + u32::from(on > held.on),
            pushed_days: (on - held.original).num_days(),
            last_reason: reason.cloned().or(held.last_reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_later_day_is_a_push_and_days_count_from_the_first() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let budget = "budget".to_owned();
        let said = [
            ("2026-11-30", None, (0, 0, None)),
            ("2026-12-31", Some(&budget), (1, 31, Some("budget"))),
            ("2026-12-31", None, (1, 31, Some("budget"))),
            ("2026-12-15", None, (1, 15, Some("budget"))),
            ("2027-01-15", None, (2, 46, Some("budget"))),
            ("2026-11-01", None, (2, -29, Some("budget"))),
        ];
        let mut held = None;
        for (on, reason, (pushes, days, last)) in said {
            let now = ExpectedClose::said(held, day(on), reason);
            assert_eq!((now.on, now.original), (day(on), day("2026-11-30")));
            assert_eq!((now.pushes, now.pushed_days, now.last_reason.as_deref()), (pushes, days, last));
            held = Some(now);
        }
    }
}
