//! Whether it is known yet what becomes of those whom a figure counts. A share of those who went on, were won or were lost means
//! something else while many are still under way: what ends soon has ended, and what takes long has not.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::stats::Micros;
use crate::stats::cycles::{Cycle, Kinds};

/// Whether it is known yet what becomes of the cycles that a figure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Maturity {
    /// Whether time alone cannot change the figure any more: all have had the time of the horizon, or where there is none, all
    /// have ended.
    pub mature: bool,
    /// How many cycles there are.
    pub cycles: usize,
    /// How many of them have not ended, nor had the time of the horizon where there is one. Those of merged and erased customers
    /// are under way no longer.
    pub undecided: usize,
    /// From when on all have had the time; null without a horizon.
    pub matures_at: Option<DateTime<Utc>>,
}

impl Default for Maturity {
    /// Of nothing.
    fn default() -> Self {
        Self::of(0, 0)
    }
}

impl Maturity {
    /// Of as many cycles, some of which are undecided.
    pub(crate) fn of(cycles: usize, undecided: usize) -> Self {
        Self { mature: undecided == 0, cycles, undecided, matures_at: None }
    }

    /// The same where all have had the time of a horizon at an instant, which is seen from another.
    pub(crate) fn due(self, matures_at: DateTime<Utc>, seen_at: DateTime<Utc>) -> Self {
        Self { mature: matures_at <= seen_at, matures_at: Some(matures_at), ..self }
    }

    /// Of one more.
    pub(crate) fn add(&mut self, undecided: bool) {
        *self = Self::of(self.cycles + 1, self.undecided + usize::from(undecided));
    }

    /// Of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self::of(self.cycles + other.cycles, self.undecided + other.undecided)
    }
}

/// The cycles of a journey that began in a time, each with whether it is undecided: the last one, unless it has ended or the
/// customer is gone.
pub(crate) fn begun<'a>(
    cycles: &'a [Cycle],
    gone: bool,
    kinds: &'a Kinds,
    began_in: impl Fn(Micros) -> bool + 'a,
) -> impl Iterator<Item = (&'a Cycle, bool)> {
    let last = cycles.len().checked_sub(1);
    let counted = cycles.iter().enumerate().filter(move |(_, cycle)| began_in(cycle.began));
    counted.map(move |(index, cycle)| {
        let undecided = Some(index) == last && !gone && cycle.outcome(kinds).is_none();
        (cycle, undecided)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_mature_once_all_have_ended_or_had_the_time() {
        let mut maturity = Maturity::default();
        assert!(maturity.mature, "nothing can become of nobody");
        maturity.add(false);
        assert_eq!(maturity, Maturity::of(1, 0));
        assert!(maturity.mature);
        maturity.add(true);
        assert_eq!(maturity.and(Maturity::of(3, 1)), Maturity::of(5, 2));
        assert!(!maturity.mature);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let due = |seen| maturity.due(at("2026-03-01T00:00:00Z"), at(seen));
        assert!(!due("2026-02-28T23:59:59.999999Z").mature);
        assert!(due("2026-03-01T00:00:00Z").mature, "though one is still under way");
    }
}
