//! The time in which the clocks of a customer stand still, and waits that do not count it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::customer::timeline::Stay;

/// The stays in which clocks stand still, in order: half-open, and without an end where the customer is there still.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses(Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>);

impl Pauses {
    /// Those of these stays in whose stages clocks stand still.
    pub(super) fn of(stays: &[Stay], stands_still: impl Fn(&str) -> bool) -> Self {
        let paused = stays.iter().filter(|stay| stands_still(&stay.stage));
        let lasted = paused.filter(|stay| stay.left_at.is_none_or(|left_at| left_at > stay.entered_at));
        Self(lasted.map(|stay| (stay.entered_at, stay.left_at)).collect())
    }

    /// The instant at which a wait from `base` is over. None where a pause without an end comes before it.
    pub(super) fn after(&self, base: DateTime<Utc>, wait: TimeDelta) -> Option<DateTime<Utc>> {
        let mut end = base.checked_add_signed(wait)?;
        for (entered, left) in &self.0 {
            let from = *entered.max(&base);
            if from <= end && left.is_none_or(|left| left > from) {
                end = end.checked_add_signed((*left)? - from)?;
            }
        }
        Some(end)
    }

    /// The instant from which a wait would be over at `end`, which lies in no pause.
    pub(super) fn before(&self, end: DateTime<Utc>, wait: TimeDelta) -> Option<DateTime<Utc>> {
        let mut base = end.checked_sub_signed(wait)?;
        for (entered, left) in self.0.iter().rev() {
            if let Some(left) = left.filter(|left| *left <= end && *left > base) {
                base = base.checked_sub_signed(left - *entered)?;
            }
        }
        Some(base)
    }

    /// An instant, or the end of the pause that it lies in.
    pub(super) fn outside(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let around = self.0.iter().find(|(from, left)| *from <= at && left.is_none_or(|left| at < left));
        around.map_or(Some(at), |(_, left)| *left)
    }
}
