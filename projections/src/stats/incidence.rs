//! The Aalen–Johansen cumulative incidence of competing exits.

use std::collections::BTreeMap;

use super::Micros;
use super::survival::{Subject, ages};

/// How likely each exit is by an age, in the presence of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Incidence {
    /// How many left this way.
    pub count: usize,
    /// The share that leaves this way by the end of observation.
    pub ultimate: f64,
    /// The share that leaves this way by the horizon.
    pub by_horizon: f64,
}

/// The cumulative incidence of each cause. Their sum is one minus the Kaplan–Meier survival; one minus a
/// Kaplan–Meier curve of a single cause would overstate it.
#[must_use]
pub fn aalen_johansen(subjects: &[Subject], horizon: Micros) -> BTreeMap<u32, Incidence> {
    let most = subjects.iter().filter_map(|subject| subject.cause).max();
    let mut walk = IncidenceWalk::new(most.map_or(0, |most| most as usize + 1), horizon);
    for age in ages(subjects) {
        walk.reach(age.at, age.at_risk);
        for cause in age.causes {
            walk.leave(cause as usize);
        }
    }
    walk.finish().collect()
}

/// Goes along the ages at which somebody left, in their order.
///
/// While nobody is censored and nobody enters, each exit adds the same share, so exits are counted and multiplied once: a sum of
/// shares would come out above one as often as not.
pub(super) struct IncidenceWalk {
    horizon: Micros,
    within: bool,
    /// The survival before the run of such ages, and how many were at risk then.
    survival: f64,
    at_risk: usize,
    /// How many have left in the run.
    left: usize,
    /// How many by each cause, and how many of them by the horizon.
    exits: Vec<(usize, usize)>,
    incidences: Vec<Incidence>,
}

impl IncidenceWalk {
    /// Of causes below a number.
    pub(super) fn new(causes: usize, horizon: Micros) -> Self {
        let (exits, incidences) = (vec![(0, 0); causes], vec![Incidence::default(); causes]);
        Self { horizon, within: false, survival: 1.0, at_risk: 0, left: 0, exits, incidences }
    }

    /// Comes to an age, with the number of those at risk there.
    pub(super) fn reach(&mut self, at: Micros, at_risk: usize) {
        self.within = at <= self.horizon;
        if self.at_risk - self.left != at_risk {
            self.close();
            self.at_risk = at_risk;
        }
    }

    /// Somebody leaves at that age.
    #[inline]
    pub(super) fn leave(&mut self, cause: usize) {
        self.left += 1;
        self.exits[cause].0 += 1;
        self.exits[cause].1 += usize::from(self.within);
    }

    /// Adds the exits of the run to what was before it.
    fn close(&mut self) {
        if self.left == 0 {
            return;
        }
        let (survival, at_risk) = (self.survival, self.at_risk as f64);
        let share = |count: usize| survival * (count as f64 / at_risk);
        for (incidence, exits) in self.incidences.iter_mut().zip(&mut self.exits) {
            let (count, by_horizon) = std::mem::take(exits);
            incidence.count += count;
            incidence.ultimate = (incidence.ultimate + share(count)).min(1.0);
            incidence.by_horizon = (incidence.by_horizon + share(by_horizon)).min(1.0);
        }
        self.survival = share(self.at_risk - self.left);
        self.left = 0;
    }

    /// The causes by which somebody left, in order.
    pub(super) fn finish(mut self) -> impl Iterator<Item = (u32, Incidence)> {
        self.close();
        (0..).zip(self.incidences).filter(|(_, incidence)| incidence.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::survival::kaplan_meier;
    use super::*;

    #[test]
    fn exits_compete_and_sum_to_what_survival_lacks() {
        let subjects = [
            Subject { entry: 0, exit: 1, cause: Some(7) },
            Subject { entry: 0, exit: 2, cause: None },
            Subject { entry: 0, exit: 3, cause: Some(9) },
            Subject { entry: 0, exit: 4, cause: None },
        ];
        let incidences = aalen_johansen(&subjects, 2);
        assert_eq!(incidences[&7], Incidence { count: 1, ultimate: 0.25, by_horizon: 0.25 });
        assert_eq!(incidences[&9], Incidence { count: 1, ultimate: 0.375, by_horizon: 0.0 });
        let sum: f64 = incidences.values().map(|incidence| incidence.ultimate).sum();
        assert!((sum - (1.0 - kaplan_meier(&subjects).survival_at(4))).abs() < 1e-12);
    }

    #[test]
    fn competing_exits_with_delayed_entry_are_those_of_r() {
        // `survfit(Surv(entry, exit, factor(cause)) ~ 1, id = id)` of R 4.2.2 with survival 3.5-3; without entries by
        // `CumIncidenceRight` of statsmodels 0.15.0 as well.
        let subjects = |delayed: bool| {
            let exits = [3, 5, 5, 7, 8, 9, 10, 10, 12, 13, 14, 16, 18, 20, 21, 25];
            let entries = [0, 0, 0, 2, 0, 4, 0, 1, 5, 0, 3, 0, 0, 6, 0, 2];
            let causes = [1, 2, 0, 1, 1, 0, 2, 1, 2, 0, 1, 1, 2, 0, 1, 0];
            let each = entries.into_iter().zip(exits).zip(causes);
            let subject = |((entry, exit), cause): ((Micros, Micros), u32)| Subject {
                entry: if delayed { entry } else { 0 },
                exit,
                cause: (cause > 0).then_some(cause),
            };
            each.map(subject).collect::<Vec<_>>()
        };
        for (delayed, by_ten, ultimate) in [
            (
                true,
                [0.285_108_481_262_327_4, 0.142_110_453_648_915_2],
                [0.577_465_483_234_714, 0.297_238_658_777_12],
            ),
            (
                false,
                [0.271_153_846_153_846, 0.136_538_461_538_462],
                [0.573_477_564_102_564, 0.296_955_128_205_128],
            ),
        ] {
            let found = aalen_johansen(&subjects(delayed), 10);
            for (cause, (by_ten, ultimate)) in (1..).zip(by_ten.into_iter().zip(ultimate)) {
                assert!((found[&cause].by_horizon - by_ten).abs() < 1e-12, "{found:?}");
                assert!((found[&cause].ultimate - ultimate).abs() < 1e-12, "{found:?}");
            }
        }
    }

    #[test]
    fn where_everybody_left_the_same_way_the_share_is_one_whatever_their_number() {
        for count in 1..=200 {
            let subjects: Vec<Subject> =
                (1..=count).map(|exit| Subject { entry: 0, exit, cause: Some(1) }).collect();
            assert_eq!(aalen_johansen(&subjects, 1_000)[&1].ultimate.to_bits(), 1.0_f64.to_bits(), "{count}");
        }
    }
}
