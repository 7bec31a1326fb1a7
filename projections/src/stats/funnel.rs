//! Who comes to a stage, and how many of them come further.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::pipeline::StageType;

use super::Micros;
use super::conversion::StageOrder;
use super::cycles::{Cycle, Outcome};
use super::incidence::aalen_johansen;
use super::survival::Subject;

/// When a cycle counts as having come to a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// By a stay in it; and it went on by the very next stay alone.
    Strict,
    /// By a stay in it; and it went on whenever it came to the next.
    Any,
    /// By a stay in it or in a stage further on: what was skipped counts as passed.
    #[default]
    AtOrBeyond,
}

/// A stage as cycles come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milestone {
    /// Its number; none where nobody was ever in it.
    pub stage: Option<u32>,
    /// Where it stands in the order.
    pub place: Option<usize>,
    /// Whether it lies on the way to a deal. What is further on has passed only such a stage: a deal has not come by a loss.
    pub leads_on: bool,
}

/// What counts as coming to a stage of a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// What is further on.
    pub order: StageOrder<'a>,
    /// How skipped stages count.
    pub reach: Reach,
}

impl Course<'_> {
    fn is_at(&self, milestone: Milestone, stage: u32) -> bool {
        let counts_beyond = self.reach == Reach::AtOrBeyond && milestone.leads_on;
        let beyond = counts_beyond && self.order.is_past(milestone.place, stage);
        beyond || milestone.stage == Some(stage)
    }

    /// Which stay of a cycle first brought it to a stage.
    #[must_use]
    pub fn entry(&self, cycle: &Cycle, milestone: Milestone) -> Option<usize> {
        cycle.stays.iter().position(|stay| self.is_at(milestone, stay.stage))
    }

    /// When a cycle came to a stage, once that stay had brought it to an earlier one.
    #[must_use]
    pub fn arrival(&self, cycle: &Cycle, entry: usize, to: Milestone) -> Option<Micros> {
        let stays = cycle.stays.get(entry..).unwrap_or_default();
        let stays = if self.reach == Reach::Strict { stays.get(1..2).unwrap_or_default() } else { stays };
        stays.iter().find(|stay| self.is_at(to, stay.stage)).map(|stay| stay.entered)
    }

    /// When a cycle was won, from that stay on.
    #[must_use]
    pub fn deal(&self, cycle: &Cycle, entry: usize) -> Option<Micros> {
        let stays = cycle.stays.get(entry..).unwrap_or_default();
        let won = |stage| self.order.kind(stage).is_some_and(StageType::is_won);
        stays.iter().find(|stay| won(stay.stage)).map(|stay| stay.entered)
    }

    /// When a cycle was over without a deal: lost, closed for what nobody said, or followed by the next one.
    #[must_use]
    pub fn over(&self, cycle: &Cycle, next: Option<&Cycle>) -> Option<Micros> {
        match cycle.outcome(self.order.kinds) {
            Some(Outcome::Lost(at) | Outcome::Closed(at)) => Some(at),
            Some(Outcome::Won(_)) => None,
            None => next.map(|next| next.began),
        }
    }
}

/// The outcome of a cycle that came to a stage, in time since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleOutcome {
    /// When it came to the next one.
    pub arrived: Option<Micros>,
    /// When it was over without that.
    pub over: Option<Micros>,
    /// For how long it was seen.
    pub watched: Micros,
}

/// The outcomes of all cycles that came to a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Those that came to the next one within the horizon.
    pub converted: usize,
    /// Those that were over before, within the horizon.
    pub lost: usize,
    /// The cumulative incidence of coming there by the horizon: what the share will be, as far as those tell that have not
    /// been seen for so long (Aalen and Johansen 1978). None where nobody came.
    pub estimate: Option<f64>,
}

const ARRIVED: u32 = 0;
const OVER: u32 = 1;

/// How many came further within a horizon.
#[must_use]
pub fn progress(fates: &[CycleOutcome], horizon: Micros) -> Progress {
    let end = |fate: &CycleOutcome| match (fate.arrived, fate.over) {
        (Some(arrived), _) => Subject { entry: 0, exit: arrived, cause: Some(ARRIVED) },
        (None, Some(over)) => Subject { entry: 0, exit: over, cause: Some(OVER) },
        (None, None) => Subject { entry: 0, exit: fate.watched, cause: None },
    };
    let subjects: Vec<Subject> = fates.iter().map(end).collect();
    let within = |cause| {
        let ended = |subject: &&Subject| subject.cause == Some(cause) && subject.exit <= horizon;
        subjects.iter().filter(ended).count()
    };
    let incidence = aalen_johansen(&subjects, horizon).get(&ARRIVED).copied().unwrap_or_default();
    Progress {
        converted: within(ARRIVED),
        lost: within(OVER),
        estimate: (!fates.is_empty()).then_some(incidence.by_horizon),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Stay;
    use super::*;

    const KINDS: [Option<StageType>; 5] = [
        Some(StageType::Open),
        Some(StageType::Open),
        Some(StageType::Open),
        Some(StageType::Won),
        Some(StageType::Lost),
    ];
    const PLACES: [Option<usize>; 5] = [Some(0), Some(1), Some(2), Some(3), Some(4)];

    fn course(reach: Reach) -> Course<'static> {
        Course { order: StageOrder { kinds: &KINDS, places: &PLACES }, reach }
    }

    fn milestone(stage: u32) -> Milestone {
        Milestone { stage: Some(stage), place: Some(stage as usize), leads_on: true }
    }

    /// A cycle that was in these stages, each a second after the one before.
    fn cycle(stages: &[u32]) -> Cycle {
        let stay = |(at, stage): (Micros, &u32)| Stay {
            stage: *stage,
            cycle: 1,
            ordinal: 1,
            version: 1,
            entered: at,
            left: None,
        };
        Cycle { cycle: 1, began: 0, stays: (0..).zip(stages).map(stay).collect() }
    }

    #[test]
    fn what_was_skipped_counts_as_passed_only_where_that_is_asked_for() {
        let skipping = cycle(&[0, 2]);
        let to = |reach| course(reach).arrival(&skipping, 0, milestone(1));
        assert_eq!([to(Reach::AtOrBeyond), to(Reach::Any), to(Reach::Strict)], [Some(1), None, None]);
        assert_eq!(course(Reach::AtOrBeyond).entry(&skipping, milestone(1)), Some(1));
        assert_eq!(course(Reach::Any).entry(&skipping, milestone(1)), None);
        let never_used = Milestone { stage: None, place: Some(1), leads_on: true };
        assert_eq!(course(Reach::AtOrBeyond).entry(&skipping, never_used), Some(1));
    }

    #[test]
    fn strictly_the_very_next_stay_counts_and_else_any_later_one() {
        let wandering = cycle(&[0, 4, 0, 1]);
        assert_eq!(course(Reach::Strict).arrival(&wandering, 0, milestone(1)), None);
        assert_eq!(course(Reach::Any).arrival(&wandering, 0, milestone(1)), Some(3));
        assert_eq!(course(Reach::Strict).arrival(&cycle(&[0, 1]), 0, milestone(1)), Some(1));
    }

    #[test]
    fn a_stage_off_the_way_is_reached_by_a_stay_in_it_alone() {
        // Lost stands before won in the order of many pipelines.
        const PLACES: [Option<usize>; 5] = [Some(0), Some(1), Some(2), Some(4), Some(3)];
        let lost = Milestone { stage: Some(4), place: Some(3), leads_on: false };
        let never_used = Milestone { stage: None, ..lost };
        for reach in [Reach::AtOrBeyond, Reach::Any, Reach::Strict] {
            let course = Course { order: StageOrder { kinds: &KINDS, places: &PLACES }, reach };
            assert_eq!(course.entry(&cycle(&[0, 3]), lost), None, "{reach:?}");
            assert_eq!(course.entry(&cycle(&[0, 3]), never_used), None, "{reach:?}");
            assert_eq!(course.entry(&cycle(&[0, 4]), lost), Some(1), "{reach:?}");
        }
    }

    #[test]
    fn a_loss_is_never_further_on_and_a_move_back_undoes_nothing() {
        assert_eq!(course(Reach::AtOrBeyond).arrival(&cycle(&[0, 4]), 0, milestone(1)), None);
        let back = cycle(&[0, 1, 0]);
        assert_eq!(course(Reach::AtOrBeyond).arrival(&back, 0, milestone(1)), Some(1));
        assert_eq!(course(Reach::AtOrBeyond).deal(&cycle(&[0, 3]), 0), Some(1));
    }

    #[test]
    fn a_cycle_is_over_when_it_is_lost_or_the_next_begins() {
        let next = Cycle { began: 9, ..cycle(&[0]) };
        assert_eq!(course(Reach::Any).over(&cycle(&[0, 4]), None), Some(1));
        assert_eq!(course(Reach::Any).over(&cycle(&[0, 1]), Some(&next)), Some(9));
        assert_eq!(course(Reach::Any).over(&cycle(&[0, 3]), Some(&next)), None, "it was won");
        assert_eq!(course(Reach::Any).over(&cycle(&[0, 1]), None), None);
    }

    fn fate(arrived: Option<Micros>, over: Option<Micros>, watched: Micros) -> CycleOutcome {
        CycleOutcome { arrived, over, watched }
    }

    #[test]
    fn who_is_not_seen_long_enough_counts_in_the_estimate_for_what_is_known() {
        // Of four, one went on at 1, one was lost at 2, one has been seen for 2 only, one went on at 3.
        let fates =
            [fate(Some(1), None, 9), fate(None, Some(2), 9), fate(None, None, 2), fate(Some(3), None, 9)];
        let found = progress(&fates, 5);
        assert_eq!((found.converted, found.lost), (2, 1));
        // 1/4, then half of what is left after 1/4 and 1/4: the one lost from visibility might have gone either way.
        assert!((found.estimate.unwrap() - 0.75).abs() < 1e-12, "{found:?}");
        assert_eq!(progress(&fates, 2), Progress { converted: 1, lost: 1, estimate: Some(0.25) });
        assert_eq!(progress(&[], 5), Progress::default());
    }

    #[test]
    fn what_was_skipped_is_passed_at_once() {
        let found = progress(&[fate(Some(0), None, 0), fate(None, None, 0)], 5);
        assert_eq!((found.converted, found.estimate), (1, Some(0.5)));
    }

    proptest! {
        #[test]
        fn where_everybody_was_seen_long_enough_the_estimate_is_the_share(
            fates in prop::collection::vec((prop::option::of(0i64..20), prop::option::of(0i64..20)), 1..40),
            horizon in 0i64..20,
        ) {
            let fates: Vec<CycleOutcome> = fates.into_iter().map(|(arrived, over)| fate(arrived, over, 20)).collect();
            let found = progress(&fates, horizon);
            let share = found.converted as f64 / fates.len() as f64;
            prop_assert!((found.estimate.unwrap() - share).abs() < 1e-9, "{found:?}");
            prop_assert!(found.converted + found.lost <= fates.len());
        }

        #[test]
        fn a_customer_who_comes_to_a_stage_has_come_to_those_before_it(stages in prop::collection::vec(0u32..5, 1..8)) {
            let (cycle, course) = (cycle(&stages), course(Reach::AtOrBeyond));
            let entries: Vec<Option<usize>> = (0..4).map(|stage| course.entry(&cycle, milestone(stage))).collect();
            for pair in entries.windows(2) {
                prop_assert!(pair[1].is_none() || pair[0].is_some_and(|before| Some(before) <= pair[1]));
            }
        }
    }
}
