//! When a deal is expected to close, and how often that was put off.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The day on which a deal is expected to close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedClose {
    /// The day.
    pub on: NaiveDate,
    /// The day that was expected first.
    pub original: NaiveDate,
    /// How often it was put off to a later day.
    pub pushes: u32,
    /// The day before the last one was said, and how often it had been put off by then; none where the last was the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<(NaiveDate, u32)>,
}

impl ExpectedClose {
    /// What is expected once a day is said. One that `corrects` stands in the place of the last one, which was a wrong record:
    /// whether it is a push is seen from the day before that.
    #[must_use]
    pub fn said(held: Option<&Self>, on: NaiveDate, corrects: bool) -> Self {
        let Some(held) = held else { return Self::first(on) };
        let before = match corrects {
            true => held.before,
            false if on == held.on => return held.clone(),
            false => Some((held.on, held.pushes)),
        };
        let Some((day, pushes)) = before else { return Self::first(on) };
        Self { on, original: held.original, pushes: pushes + u32::from(on > day), before }
    }

    fn first(on: NaiveDate) -> Self {
        Self { on, original: on, pushes: 0, before: None }
    }

    /// By how many days it has been put off since the first: negative where it is earlier now.
    #[must_use]
    pub fn pushed_days(&self) -> i64 {
        (self.on - self.original).num_days()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// What is expected after these days were said, those with a star as corrections.
    fn after(said: &[&str]) -> (NaiveDate, NaiveDate, u32, i64) {
        let mut held: Option<ExpectedClose> = None;
        for text in said {
            let (on, corrects) = (day(text.trim_end_matches('*')), text.ends_with('*'));
            held = Some(ExpectedClose::said(held.as_ref(), on, corrects));
        }
        let held = held.unwrap();
        (held.on, held.original, held.pushes, held.pushed_days())
    }

    #[test]
    fn only_a_later_day_is_a_push_and_days_count_from_the_first() {
        let said = ["2026-11-30", "2026-12-31", "2026-12-31", "2026-12-15", "2027-01-15", "2026-11-01"];
        let expected = [(0, 0), (1, 31), (1, 31), (1, 15), (2, 46), (2, -29)];
        for (n, (pushes, days)) in expected.into_iter().enumerate() {
            let found = after(&said[..=n]);
            assert_eq!(found, (day(said[n]), day("2026-11-30"), pushes, days), "{n}");
        }
    }

    #[test]
    fn a_wrong_day_that_is_corrected_was_never_said() {
        for (with, without) in [
            // The first day of all.
            (&["2026-11-30", "2026-12-31*"][..], &["2026-12-31"][..]),
            (&["2026-11-30", "2026-12-31*", "2026-12-15*"], &["2026-12-15"]),
            // A push that was none, one by fewer days, and one that was taken for an earlier day.
            (&["2026-11-30", "2027-11-30", "2026-11-30*"], &["2026-11-30"]),
            (&["2026-11-30", "2027-12-15", "2026-12-15*"], &["2026-11-30", "2026-12-15"]),
            (&["2026-11-30", "2026-10-15", "2026-12-15*"], &["2026-11-30", "2026-12-15"]),
            // What was said once more is still what was said.
            (&["2026-11-30", "2026-12-31", "2026-12-31", "2026-12-15*"], &["2026-11-30", "2026-12-15"]),
            // And it goes on from there.
            (&["2026-11-30", "2027-11-30", "2026-11-30*", "2026-12-01"], &["2026-11-30", "2026-12-01"]),
        ] {
            assert_eq!(after(with), after(without), "{with:?}");
        }
    }
}
