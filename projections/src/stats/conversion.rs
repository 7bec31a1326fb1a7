//! Whether a stage lets fewer customers go on than it used to.

use waymark_domain::pipeline::StageType;

use super::Micros;
use super::cycles::{Cycle, Kinds};
use super::proportion::{SMALL, benjamini_hochberg, normal_below, two_proportions};

/// The rate of false discoveries at which a stage counts as abnormally low.
pub const DISCOVERY: f64 = 0.05;

/// What the stages of a pipeline mean, and in which order they stand.
#[derive(Debug, Clone, Copy)]
pub struct StageOrder<'a> {
    /// What each stage means.
    pub kinds: &'a Kinds,
    /// Where each stage stands in the pipeline's order; none where it has none, or any move is permitted.
    pub places: &'a [Option<usize>],
}

/// Going on from a stage: what counts, and for how long it is waited for.
#[derive(Debug, Clone, Copy)]
pub struct ConversionWindow<'a> {
    /// What is further on.
    pub order: StageOrder<'a>,
    /// How long after an entry going on counts.
    pub horizon: Micros,
}

/// How many entered, and how many of them went on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cohort {
    /// Cycles that entered.
    pub entered: usize,
    /// Those that went on in time.
    pub converted: usize,
}

/// A stage's cohort of late beside its own past.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Compared {
    /// Of the window.
    pub recent: Cohort,
    /// Of all time before it.
    pub history: Cohort,
    /// The probability of so low a share if nothing had changed; none where either is too small to say.
    pub p: Option<f64>,
    /// The same among all stages compared: Benjamini and Hochberg's q value.
    pub q: Option<f64>,
}

impl StageOrder<'_> {
    /// What a stage means; none for a stage that no definition has.
    #[must_use]
    pub fn kind(&self, stage: u32) -> Option<StageType> {
        self.kinds.get(stage as usize).copied().flatten()
    }

    /// Where a stage stands.
    fn place(&self, stage: u32) -> Option<usize> {
        self.places.get(stage as usize).copied().flatten()
    }

    /// Whether a stage is past a place in the order: a later one that is no loss and no rest; where there is no order, a
    /// deal.
    #[must_use]
    pub fn is_past(&self, place: Option<usize>, stage: u32) -> bool {
        match (place, self.place(stage)) {
            (Some(earlier), Some(later)) => {
                self.kind(stage).is_some_and(StageType::leads_on) && later > earlier
            }
            _ => self.kind(stage).is_some_and(StageType::is_won),
        }
    }
}

impl ConversionWindow<'_> {
    /// Whether a cycle that entered a stage at an instant went on within the horizon.
    #[must_use]
    pub fn converted(&self, cycle: &Cycle, stage: u32, entered: Micros) -> bool {
        let limit = entered.saturating_add(self.horizon);
        let place = self.order.place(stage);
        let later = cycle.stays.iter().filter(|stay| stay.entered >= entered && stay.entered <= limit);
        later.clone().any(|stay| self.order.is_past(place, stay.stage))
    }
}

impl Cohort {
    /// Adds one that entered.
    pub fn add(&mut self, converted: bool) {
        self.entered += 1;
        self.converted += usize::from(converted);
    }

    fn trials(self) -> (f64, f64) {
        (self.converted as f64, self.entered as f64)
    }
}

/// Compares the recent cohort of each stage with its history: a one-sided pooled two-proportion test where both have at
/// least twenty, and over the stages tested the rate of false discoveries.
pub fn compare(stages: &mut [Compared]) {
    let enough = |cohort: Cohort| cohort.entered as f64 >= SMALL;
    for stage in stages.iter_mut().filter(|stage| enough(stage.recent) && enough(stage.history)) {
        // Where all went on in both, or none did, nothing is lower than before.
        stage.p =
            Some(two_proportions(stage.recent.trials(), stage.history.trials()).map_or(1.0, normal_below));
    }
    let tested: Vec<f64> = stages.iter().filter_map(|stage| stage.p).collect();
    let with_p = stages.iter_mut().filter(|stage| stage.p.is_some());
    for (stage, q) in with_p.zip(benjamini_hochberg(&tested)) {
        stage.q = Some(q);
    }
}

impl Compared {
    /// Whether fewer go on than used to.
    #[must_use]
    pub fn is_abnormally_low(&self) -> bool {
        self.q.is_some_and(|q| q <= DISCOVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stay;
    use super::*;

    fn compared(recent: (usize, usize), history: (usize, usize)) -> Compared {
        let cohort = |(converted, entered)| Cohort { entered, converted };
        Compared { recent: cohort(recent), history: cohort(history), ..Compared::default() }
    }

    #[test]
    fn only_a_stage_far_below_its_own_past_is_abnormally_low() {
        let mut stages =
            [compared((15, 100), (30, 100)), compared((29, 100), (30, 100)), compared((1, 19), (90, 100))];
        compare(&mut stages);
        assert!((stages[0].p.unwrap() - 0.005_542_583_190_301).abs() < 1e-9);
        assert!((stages[0].q.unwrap() - 0.011_085_166_380_602).abs() < 1e-9);
        let low: Vec<bool> = stages.iter().map(Compared::is_abnormally_low).collect();
        assert_eq!(low, [true, false, false], "nineteen are too few to say");
        assert_eq!(stages[2].p, None);
    }

    #[test]
    fn where_everybody_always_goes_on_nothing_is_low() {
        let mut stages = [compared((20, 20), (50, 50))];
        compare(&mut stages);
        assert_eq!((stages[0].p, stages[0].is_abnormally_low()), (Some(1.0), false));
    }

    #[test]
    fn going_on_is_a_later_stage_in_time_and_no_loss() {
        let kinds = [Some(StageType::Open), Some(StageType::Open), Some(StageType::Lost)];
        let places = [Some(0), Some(1), Some(2)];
        let going_on = ConversionWindow { order: StageOrder { kinds: &kinds, places: &places }, horizon: 10 };
        let stay = |entered, stage| Stay { stage, version: 1, cycle: 1, ordinal: 1, entered, left: None };
        let cycle = |stays| Cycle { cycle: 1, began: 0, stays };
        assert!(going_on.converted(&cycle(vec![stay(0, 0), stay(10, 1)]), 0, 0));
        assert!(!going_on.converted(&cycle(vec![stay(0, 0), stay(11, 1)]), 0, 0));
        assert!(!going_on.converted(&cycle(vec![stay(0, 0), stay(1, 2)]), 0, 0));
        assert!(!going_on.converted(&cycle(vec![stay(0, 1), stay(1, 0)]), 1, 0));
    }
}
