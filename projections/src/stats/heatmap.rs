//! When in the week things happen.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};

use super::{JourneySet, Micros};

/// Events by local weekday (Monday first) and hour.
pub type Week = [[u64; 24]; 7];

/// Counts the records with `from <= at <= until` by weekday and hour as `local` has them, repeats included.
#[must_use]
pub fn heatmap(
    journeys: &JourneySet,
    from: Option<Micros>,
    until: Micros,
    local: impl Fn(DateTime<Utc>) -> NaiveDateTime,
) -> Week {
    let mut week = [[0; 24]; 7];
    for (_, records) in journeys.journeys(until) {
        for record in records.iter().filter(|record| from.is_none_or(|from| record.at >= from)) {
            let Some(at) = DateTime::from_timestamp_micros(record.at) else { continue };
            let local = local(at);
            week[local.weekday().num_days_from_monday() as usize][local.hour() as usize] += 1;
        }
    }
    week
}
