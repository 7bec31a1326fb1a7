//! Whether two groups leave at different speeds.

use super::Micros;
use super::proportion::normal_beyond;
use super::survival::Subject;

/// The two-sided p value of the log-rank test (Mantel 1966) of two groups under observation from their entry ages on. At a
/// tie, events come before censorings. None where no age tells the groups apart.
#[must_use]
pub fn log_rank(first: &[Subject], second: &[Subject]) -> Option<f64> {
    stratified_log_rank([(first, second)])
}

/// The same of two groups in several strata, in each of which they are compared by themselves (Mantel 1966): the surpluses and
/// their variances are summed over the strata.
#[must_use]
pub fn stratified_log_rank<'a>(
    strata: impl IntoIterator<Item = (&'a [Subject], &'a [Subject])>,
) -> Option<f64> {
    let each = strata.into_iter().map(|(first, second)| surplus_of(first, second));
    let (surplus, variance) = each.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    (variance > 0.0).then(|| normal_beyond(surplus / variance.sqrt()))
}

/// How many more of the first group left than would have if both left alike, and the variance of that.
fn surplus_of(first: &[Subject], second: &[Subject]) -> (f64, f64) {
    let mut ages: Vec<Micros> = Vec::new();
    let events = |group: &[Subject]| {
        group.iter().filter(|subject| subject.cause.is_some()).map(|subject| subject.exit).collect::<Vec<_>>()
    };
    ages.extend(events(first));
    ages.extend(events(second));
    ages.sort_unstable();
    ages.dedup();
    let (first, second) = (Ordered::of(first), Ordered::of(second));
    let (mut surplus, mut variance) = (0.0, 0.0);
    for age in ages {
        let (at_risk, left) = (first.at_risk(age), first.left(age));
        let all = at_risk + second.at_risk(age);
        let gone = left + second.left(age);
        if all > 0.0 {
            surplus += left - gone * at_risk / all;
        }
        if all > 1.0 {
            variance += gone * (at_risk / all) * (1.0 - at_risk / all) * (all - gone) / (all - 1.0);
        }
    }
    (surplus, variance)
}

/// A group's ages in order, so that each question is a search.
struct Ordered {
    entries: Vec<Micros>,
    exits: Vec<Micros>,
    events: Vec<Micros>,
}

impl Ordered {
    fn of(group: &[Subject]) -> Self {
        let mut entries: Vec<Micros> = group.iter().map(Subject::at_risk_after).collect();
        let mut exits: Vec<Micros> = group.iter().map(|subject| subject.exit).collect();
        let with_events = group.iter().filter(|subject| subject.cause.is_some());
        let mut events: Vec<Micros> = with_events.map(|subject| subject.exit).collect();
        entries.sort_unstable();
        exits.sort_unstable();
        events.sort_unstable();
        Self { entries, exits, events }
    }

    /// How many are under observation just before an age: those who came before it, or were seen from their beginning.
    fn at_risk(&self, age: Micros) -> f64 {
        let entered = self.entries.partition_point(|entry| *entry < age || *entry <= 0);
        let gone = self.exits.partition_point(|exit| *exit < age);
        entered.saturating_sub(gone) as f64
    }

    fn left(&self, age: Micros) -> f64 {
        let until = self.events.partition_point(|event| *event <= age);
        (until - self.events.partition_point(|event| *event < age)) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(left: &[i64], open: &[i64]) -> Vec<Subject> {
        let subject = |exit: &i64, cause| Subject { entry: 0, exit: *exit, cause };
        let left = left.iter().map(|exit| subject(exit, Some(0)));
        left.chain(open.iter().map(|exit| subject(exit, None))).collect()
    }

    #[test]
    fn the_remissions_of_freireichs_patients_differ_as_published() {
        let treated =
            group(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let placebo = group(&[1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], &[]);
        let p = log_rank(&treated, &placebo).unwrap();
        // The published statistic is 16.79 on one degree of freedom.
        let published = normal_beyond(16.793_f64.sqrt());
        assert!((p / published - 1.0).abs() < 1e-3, "{p} {published}");
        // The same stratum twice: twice the surplus and twice the variance, so that z grows by the root of two.
        let stratum = (&treated[..], &placebo[..]);
        let twice = stratified_log_rank([stratum, stratum]).unwrap();
        assert!((twice / normal_beyond((2.0 * 16.793_f64).sqrt()) - 1.0).abs() < 1e-2, "{twice}");
        // A stratum with one group alone adds nothing.
        assert_eq!(stratified_log_rank([stratum, (&treated[..], &treated[..0])]), Some(p));
    }

    #[test]
    fn groups_with_ties_and_delayed_entry_differ_as_in_r_and_statsmodels() {
        let group = |each: &[(Micros, Micros, bool)]| {
            let subject = |(entry, exit, left): &(Micros, Micros, bool)| Subject {
                entry: *entry,
                exit: *exit,
                cause: left.then_some(0),
            };
            each.iter().map(subject).collect::<Vec<_>>()
        };
        let (yes, no) = (true, false);
        let first = group(&[
            (0, 3, yes),
            (0, 5, yes),
            (2, 6, no),
            (0, 8, yes),
            (4, 9, yes),
            (1, 11, no),
            (0, 12, yes),
            (3, 15, yes),
            (0, 18, no),
            (5, 20, yes),
        ]);
        let second = group(&[
            (0, 2, yes),
            (1, 3, yes),
            (0, 3, yes),
            (0, 4, no),
            (2, 5, yes),
            (0, 6, yes),
            (3, 7, yes),
            (0, 8, no),
            (6, 9, yes),
            (0, 9, yes),
            (0, 13, yes),
        ]);
        let p = log_rank(&first, &second).unwrap();
        // `survdiff(time, status, group, entry=entry)` of statsmodels 0.15.0; the score test of `coxph(…, ties = "exact")` of R's
        // survival 3.5-3 gives the same chi-square, 3.89069994199651.
        assert!((p - 0.048_554_184_119_889_3).abs() < 1e-9, "{p}");
        let seen_from_the_beginning = |group: &[Subject]| -> Vec<Subject> {
            group.iter().map(|subject| Subject { entry: 0, ..*subject }).collect()
        };
        let (first, second) = (seen_from_the_beginning(&first), seen_from_the_beginning(&second));
        // `survdiff(Surv(exit, left) ~ group)`: chi-square 4.02126524866605.
        let p = log_rank(&first, &second).unwrap();
        assert!((p - 0.044_929_994_942_314_1).abs() < 1e-9, "{p}");
        // In two strata, one after the other, `survdiff(… + strata(stratum))`: chi-square 2.72163715192358.
        let half = |group: &[Subject], from: usize| -> Vec<Subject> {
            group.iter().skip(from).step_by(2).copied().collect()
        };
        let strata = [(half(&first, 0), half(&second, 0)), (half(&first, 1), half(&second, 1))];
        let p = stratified_log_rank(strata.iter().map(|(one, other)| (&one[..], &other[..]))).unwrap();
        assert!((p - 0.098_996_430_082_440_9).abs() < 1e-9, "{p}");
    }

    #[test]
    fn groups_that_are_alike_or_empty_are_not_distinguished() {
        let one = group(&[1, 2, 3], &[]);
        assert!((log_rank(&one, &one).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(log_rank(&one, &[]), None);
        assert_eq!(log_rank(&group(&[], &[4]), &group(&[], &[5])), None);
    }
}
