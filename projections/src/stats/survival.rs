//! The Kaplan–Meier estimate of how long stays last, open ones included.

use super::{Micros, seconds};

/// The standard normal quantile of 0.975.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// How far above its threshold a survival still counts as having reached it.
pub(super) const TOLERANCE: f64 = 1e-9;

/// One stay as survival analysis sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The age at which it came under observation; zero when it was seen from its beginning. One that left at that very
    /// age, as a stay does that ends where a window begins, is seen leaving.
    pub entry: Micros,
    /// The age at which observation ended.
    pub exit: Micros,
    /// Where it went, by the caller's numbering; none when it was still there (censored).
    pub cause: Option<u32>,
}

impl Subject {
    /// The age after which it is at risk. Who is seen leaving was at risk then: it is taken to have come under observation
    /// just before.
    pub(super) fn at_risk_after(&self) -> Micros {
        if self.cause.is_some() && self.entry > 0 { self.entry.min(self.exit - 1) } else { self.entry }
    }
}

/// One step of the survival curve: what holds from this age on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The age.
    pub at: Micros,
    /// The share still there after this age.
    pub survival: f64,
    /// Greenwood's standard error of it.
    pub standard_error: f64,
    /// The lower end of the 95% band on the log-log scale; none where nobody is left, as the variance has no value there.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// How many were under observation just before this age.
    pub at_risk: usize,
    /// How many left at this age.
    pub events: usize,
}

/// The curve: one step an age at which somebody left.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// How many subjects it rests on.
    pub subjects: usize,
    /// How many of them left.
    pub events: usize,
    /// The steps, by age.
    pub steps: Vec<Step>,
}

/// The ages at which somebody left, with how many and how many were at risk: the ground of both estimators.
pub(super) struct Ages {
    pub(super) at: Micros,
    pub(super) at_risk: usize,
    /// The causes of those who left, in ascending order.
    pub(super) causes: Vec<u32>,
}

/// Walks the ages in order. At a tie, events come before censorings; a subject that came under observation late
/// is at risk only after its entry age, one seen from its beginning also at age zero.
///
/// Ages are thus half-open intervals (entry, exit], as R's `Surv(start, stop, event)` has them.
pub(super) fn ages(subjects: &[Subject]) -> Vec<Ages> {
    let mut exits: Vec<(Micros, Option<u32>)> = subjects.iter().map(|s| (s.exit, s.cause)).collect();
    exits.sort_unstable();
    let mut entries: Vec<Micros> = subjects.iter().map(Subject::at_risk_after).collect();
    entries.sort_unstable();
    let mut ages = Vec::new();
    let (mut entered, mut gone) = (0, 0);
    while gone < exits.len() {
        let at = exits[gone].0;
        while entered < entries.len() && (entries[entered] < at || entries[entered] <= 0) {
            entered += 1;
        }
        let same = exits[gone..].iter().take_while(|exit| exit.0 == at).count();
        let causes: Vec<u32> = exits[gone..gone + same].iter().filter_map(|exit| exit.1).collect();
        if !causes.is_empty() {
            ages.push(Ages { at, at_risk: entered - gone, causes });
        }
        gone += same;
    }
    ages
}

/// The Kaplan–Meier curve with Greenwood's variance and the log-log band (Kalbfleisch and Prentice).
///
/// Where nobody is left the band has no limits, as in R's `survfit(…, conf.type = "log-log")`.
#[must_use]
pub fn kaplan_meier(subjects: &[Subject]) -> Curve {
    let mut survival = 1.0;
    let mut greenwood = 0.0;
    let mut steps = Vec::new();
    for age in ages(subjects) {
        let (left, at_risk) = (age.causes.len() as f64, age.at_risk as f64);
        survival *= 1.0 - left / at_risk;
        greenwood += left / (at_risk * (at_risk - left));
        steps.push(step(age.at, (survival, greenwood), age.at_risk, age.causes.len()));
    }
    Curve {
        subjects: subjects.len(),
        events: subjects.iter().filter(|subject| subject.cause.is_some()).count(),
        steps,
    }
}

/// The step at an age, from the survival after it and Greenwood's sum.
pub(super) fn step(at: Micros, (survival, greenwood): (f64, f64), at_risk: usize, events: usize) -> Step {
    let (low, high) = band(survival, greenwood).unzip();
    let standard_error = if survival > 0.0 { survival * greenwood.sqrt() } else { 0.0 };
    Step { at, survival, standard_error, low, high, at_risk, events }
}

fn band(survival: f64, greenwood: f64) -> Option<(f64, f64)> {
    let spread = (survival > 0.0).then(|| Z * greenwood.sqrt() / survival.ln())?;
    Some((survival.powf((-spread).exp()), survival.powf(spread.exp())))
}

impl Curve {
    /// The share still there after an age.
    #[must_use]
    pub fn survival_at(&self, age: Micros) -> f64 {
        let passed = self.steps.partition_point(|step| step.at <= age);
        passed.checked_sub(1).map_or(1.0, |last| self.steps[last].survival)
    }

    /// The smallest age, in seconds, at which no more than `share` are still there; none when never reached.
    #[must_use]
    pub fn reaches(&self, share: f64) -> Option<f64> {
        self.first(|step| step.survival <= share + TOLERANCE)
    }

    /// The 95% limits of the median, in seconds: where the ends of the band cross one half; none where they never do.
    #[must_use]
    pub fn median_limits(&self) -> (Option<f64>, Option<f64>) {
        let crosses = |end: Option<f64>| end.is_some_and(|end| end <= 0.5 + TOLERANCE);
        (self.first(|step| crosses(step.low)), self.first(|step| crosses(step.high)))
    }

    /// The area under the curve from zero to `horizon`, in seconds: the mean of what lasts at most that long.
    #[must_use]
    pub fn restricted_mean(&self, horizon: Micros) -> f64 {
        let (mut area, mut since, mut height) = (0.0, 0, 1.0);
        for step in self.steps.iter().take_while(|step| step.at < horizon) {
            area += height * seconds(step.at - since);
            (since, height) = (step.at, step.survival);
        }
        area + height * seconds(horizon - since)
    }

    fn first(&self, holds: impl Fn(&Step) -> bool) -> Option<f64> {
        self.steps.iter().find(|step| holds(step)).map(|step| seconds(step.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: i64) -> Micros {
        days * 86_400_000_000
    }

    fn left(age: i64) -> Subject {
        Subject { entry: 0, exit: days(age), cause: Some(0) }
    }

    fn open(age: i64) -> Subject {
        Subject { entry: 0, exit: days(age), cause: None }
    }

    #[test]
    fn the_published_vector_comes_out_to_the_last_digit() {
        let curve = kaplan_meier(&[left(2), left(3), open(5), left(6), left(8), open(10), left(12)]);
        let expected = [
            (2, 0.857_143, 0.132_260, Some((0.334_054, 0.978_561))),
            (3, 0.714_286, 0.170_747, Some((0.258_154, 0.919_797))),
            (6, 0.535_714, 0.200_787, Some((0.131_988, 0.824_997))),
            (8, 0.357_143, 0.197_930, Some((0.051_977, 0.698_713))),
            (12, 0.0, 0.0, None),
        ];
        assert_eq!((curve.subjects, curve.events, curve.steps.len()), (7, 5, 5));
        for (step, (day, survival, error, band)) in curve.steps.iter().zip(expected) {
            assert_eq!(step.at, days(day));
            assert!((step.survival - survival).abs() < 5e-7, "{step:?}");
            assert!((step.standard_error - error).abs() < 5e-7, "{step:?}");
            assert_eq!(step.low.zip(step.high).is_some(), band.is_some(), "{step:?}");
            if let Some((low, high)) = band {
                let near =
                    |ours: Option<f64>, theirs: f64| ours.is_some_and(|ours| (ours - theirs).abs() < 5e-7);
                assert!(near(step.low, low) && near(step.high, high), "{step:?}");
            }
        }
        assert_eq!(curve.reaches(0.5), Some(8.0 * 86_400.0));
        assert_eq!(curve.reaches(0.25), Some(12.0 * 86_400.0));
    }

    #[test]
    fn at_a_tie_events_come_before_censorings() {
        let curve = kaplan_meier(&[left(1), open(1)]);
        assert_eq!(curve.steps[0].at_risk, 2);
        assert_eq!(curve.survival_at(days(1)), 0.5);
        assert_eq!(curve.survival_at(days(1) - 1), 1.0);
    }

    #[test]
    fn a_median_that_is_never_reached_is_none() {
        let curve = kaplan_meier(&[left(1), open(2), open(3)]);
        assert_eq!(curve.reaches(0.5), None);
        assert_eq!(kaplan_meier(&[]).reaches(0.5), None);
    }

    #[test]
    fn a_median_reached_but_for_rounding_is_reached() {
        // (1 - 1/10)(1 - 1/9)… down to 5/10 is one half mathematically, not in floating point.
        let subjects: Vec<Subject> = (1..=10).map(left).collect();
        assert_eq!(kaplan_meier(&subjects).reaches(0.5), Some(5.0 * 86_400.0));
    }

    #[test]
    fn a_late_entry_is_not_at_risk_before_it_was_seen() {
        let late = Subject { entry: days(3), exit: days(5), cause: Some(0) };
        let curve = kaplan_meier(&[left(2), left(4), late]);
        let at_risk: Vec<usize> = curve.steps.iter().map(|step| step.at_risk).collect();
        assert_eq!(at_risk, [2, 2, 1]);
    }

    #[test]
    fn who_leaves_at_the_age_of_coming_under_observation_was_at_risk_then_and_who_stays_was_not() {
        let leaves = Subject { entry: days(4), exit: days(4), cause: Some(0) };
        let stays = Subject { entry: days(4), exit: days(4), cause: None };
        let curve = kaplan_meier(&[left(4), open(6), leaves, stays]);
        assert_eq!((curve.subjects, curve.events), (4, 2));
        assert_eq!((curve.steps[0].at_risk, curve.steps[0].events), (3, 2));
        assert_eq!(kaplan_meier(&[leaves]).steps[0].at_risk, 1);
    }

    #[test]
    fn a_stay_of_no_length_is_at_risk_at_zero() {
        let curve = kaplan_meier(&[left(0), left(2)]);
        assert_eq!(curve.survival_at(0), 0.5);
    }

    #[test]
    fn the_restricted_mean_is_the_area_up_to_the_horizon() {
        let curve = kaplan_meier(&[left(1), open(9)]);
        assert_eq!(curve.restricted_mean(days(30)), (1.0 + 29.0 * 0.5) * 86_400.0);
        assert_eq!(curve.restricted_mean(days(1)), 86_400.0);
    }
}
