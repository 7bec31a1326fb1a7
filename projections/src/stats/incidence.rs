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
    let mut incidences: BTreeMap<u32, Incidence> = BTreeMap::new();
    let mut survival = 1.0;
    for age in ages(subjects) {
        let share = survival / age.at_risk as f64;
        for &cause in &age.causes {
            let incidence = incidences.entry(cause).or_default();
            incidence.count += 1;
            incidence.ultimate += share;
            if age.at <= horizon {
                incidence.by_horizon += share;
            }
        }
        survival *= 1.0 - age.causes.len() as f64 / age.at_risk as f64;
    }
    incidences
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
}
