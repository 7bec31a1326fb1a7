//! When a wait is over, to the microsecond.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::pauses::Pauses;
use crate::customer::timeline::Stay;
use crate::pipeline::Pipeline;
use crate::pipeline::automation::{Boundary, Delay, DelayClock};
use crate::pool::start_of_day;
use crate::zones::Zones;

/// The first instant at which a wait counts as over: the end itself, or the smallest unit of time after it.
pub fn reached(end: DateTime<Utc>, boundary: Boundary) -> DateTime<Utc> {
    match boundary {
        Boundary::Reached => end,
        Boundary::Exceeded => end.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(end),
    }
}

/// An instant plus a number of seconds; none beyond the calendar.
fn after(base: DateTime<Utc>, seconds: u64) -> Option<DateTime<Utc>> {
    base.checked_add_signed(wait(seconds)?)
}

/// A number of seconds; none beyond the calendar.
pub(super) fn wait(seconds: u64) -> Option<TimeDelta> {
    TimeDelta::try_seconds(i64::try_from(seconds).ok()?)
}

/// When the delay of a rule is over that counts from `base`, for a customer with these stays. None while the clock
/// stands still, and where that lies in a year whose holidays are not known.
pub(super) fn due(
    base: DateTime<Utc>,
    delay: Option<&Delay>,
    stays: &[Stay],
    pipeline: &Pipeline,
) -> Option<DateTime<Utc>> {
    let Some(delay) = delay else { return Some(base) };
    let end = match delay.clock {
        DelayClock::Calendar => after(base, delay.seconds)?,
        DelayClock::Active => active(base, delay.seconds, stays, pipeline)?,
        DelayClock::Business => {
            let calendar = pipeline.calendar(delay.calendar.as_deref())?;
            calendar.end_of(&Zones::compiled(), base, delay.seconds)?
        }
    };
    Some(reached(end, delay.boundary))
}

/// An instant plus a number of seconds, not counting the time in paused stages.
fn active(base: DateTime<Utc>, seconds: u64, stays: &[Stay], pipeline: &Pipeline) -> Option<DateTime<Utc>> {
    let stands_still = |stage: &str| pipeline.stage(stage).is_some_and(|stage| stage.kind.stops_clock());
    Pauses::of(stays, stands_still).after(base, wait(seconds)?)
}

/// The first instant of a local date, plus an offset in seconds (negative for before).
pub(super) fn on_day(date: NaiveDate, zone: Tz, offset_seconds: i64) -> Option<DateTime<Utc>> {
    start_of_day(zone, date).checked_add_signed(TimeDelta::try_seconds(offset_seconds)?)
}
