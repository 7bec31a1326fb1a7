//! When a deal is expected to close, and how often that was put off.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The day on which a deal is expected to close, or was until that was withdrawn: a day that is said afterwards puts it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedClose {
    /// The day that was said last.
    last: NaiveDate,
    /// Whether it was withdrawn since.
    #[serde(default, skip_serializing_if = "is_false")]
    withdrawn: bool,
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
            false if on == held.last => return Self { withdrawn: false, ..held.clone() },
            false => Some((held.last, held.pushes)),
        };
        let Some((day, pushes)) = before else { return Self::first(on) };
        let pushes = pushes + u32::from(on > day);
        Self { last: on, withdrawn: false, original: held.original, pushes, before }
    }

    fn first(on: NaiveDate) -> Self {
        Self { last: on, withdrawn: false, original: on, pushes: 0, before: None }
    }

    /// The day; none where it was withdrawn.
    #[must_use]
    pub fn on(&self) -> Option<NaiveDate> {
        (!self.withdrawn).then_some(self.last)
    }

    /// The day that was said last, withdrawn or not: what another one is later than.
    #[must_use]
    pub fn last(&self) -> NaiveDate {
        self.last
    }

    /// Nobody expects it any more.
    pub fn withdraw(&mut self) {
        self.withdrawn = true;
    }

    /// By how many days it has been put off since the first: negative where it is earlier now.
    #[must_use]
    pub fn pushed_days(&self) -> i64 {
        (self.last - self.original).num_days()
    }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// How long after a day was entered a later one may stand in its place without being a push.
const LATER_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Who entered the day that a deal is expected to close on, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseEntry {
    /// Who said it, or corrected it last.
    pub by: String,
    /// When it was recorded. A correction leaves this as it is, and so does who says the same day once more: neither is a way
    /// to correct for longer.
    pub at: DateTime<Utc>,
}

impl CloseEntry {
    /// Until when a mistyped day may be corrected to a later one by who entered it.
    #[must_use]
    pub fn later_until(&self) -> DateTime<Utc> {
        self.at + LATER_WITHIN
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
        (held.on().unwrap(), held.original, held.pushes, held.pushed_days())
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
    fn a_day_that_was_withdrawn_is_expected_no_more_and_is_what_the_next_one_is_later_than() {
        let mut held = ExpectedClose::said(None, day("2026-11-30"), false);
        held.withdraw();
        held.withdraw();
        assert_eq!((held.on(), held.last()), (None, day("2026-11-30")));
        let same = ExpectedClose::said(Some(&held), day("2026-11-30"), false);
        assert_eq!((same.on(), same.pushes), (Some(day("2026-11-30")), 0));
        let later = ExpectedClose::said(Some(&held), day("2026-12-31"), false);
        assert_eq!((later.on(), later.pushes, later.pushed_days()), (Some(day("2026-12-31")), 1, 31));
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
