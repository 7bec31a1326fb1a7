//! The figures, pure: what the stays of many journeys say, to the last digit.
//!
//! Everything here is a function of its arguments and sums in a fixed order, so that the same histories always
//! give the same bytes. Instants are integer microseconds since 1970 (UTC); what leaves this module is in
//! seconds. The rules are those of the project's semantics: a record whose stage is already held is a *repeat*
//! and starts no stay, a stay ends at the instant the next one begins, the last stay of a journey is censored.

pub mod changes;
mod chunks;
pub mod compare;
pub mod conversion;
pub mod counts;
pub mod credit;
pub mod cycles;
pub mod dwell;
pub mod flows;
pub mod forecast;
pub mod funnel;
pub mod health;
pub mod heatmap;
pub mod incidence;
pub mod journey_index;
pub mod journeys;
pub mod lateness;
pub mod logrank;
pub mod paths;
pub mod proportion;
pub mod quantile;
pub mod ranks;
mod record;
pub mod shares;
pub mod stage_figures;
pub mod standing;
pub mod stay_columns;
mod stay_merge;
pub mod survival;
pub mod survival_figures;
mod time;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod survival_in_r;

pub use journey_index::JourneyIndex;
pub use journeys::{CensoringEvent, JourneySet, MoveRecord, Names, Stay};
pub use time::{Micros, seconds};

/// The sum of numbers, in their order; zero where there are none (the standard library's is minus zero there).
pub(crate) fn sum(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().fold(0.0, |sum, number| sum + number)
}

/// The sum of numbers that come in no order of their own: from the smallest to the largest, so that it is the same to the last
/// digit whatever order they come in.
pub(crate) fn sum_of_any(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_unstable_by(f64::total_cmp);
    sum(numbers)
}
