//! To whom a lead goes: a team by rules in order, and one of its reps by turns, by fewest open customers or by shares.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AssignmentRule, Intake};

/// How one of several reps is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The one who has waited longest.
    #[default]
    RoundRobin,
    /// The one who owns the fewest open customers.
    LeastOpen,
    /// The one who is furthest behind its share.
    Weighted,
}

impl Method {
    /// The word under which it stands in events and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastOpen => "least_open",
            Self::Weighted => "weighted",
        }
    }
}

/// A rep who may get a lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The rep's id.
    pub rep: String,
    /// The teams that it is in.
    pub teams: BTreeSet<String>,
    /// Who stands in for it now, while it is on leave.
    pub deputy: Option<String>,
    /// Where in the log it got its last lead; 0 where it never did.
    pub last: u64,
    /// How many leads it got.
    pub assigned: u64,
    /// How many open customers it owns.
    pub open: u32,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lead<'a> {
    /// The score.
    pub score: u32,
    /// Where it came from.
    pub source: Option<&'a str>,
    /// Through which channel.
    pub channel: Option<&'a str>,
    /// The region.
    pub region: Option<&'a str>,
}

/// To whom a lead goes, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The rep who gets it.
    pub rep: String,
    /// How it was chosen.
    pub method: Method,
    /// The rule that chose the team; none where no rule held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// For whom the rep stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

impl AssignmentRule {
    fn holds(&self, lead: Lead<'_>) -> bool {
        let any = |wanted: &BTreeSet<String>, held: &[Option<&str>]| {
            wanted.is_empty() || held.iter().flatten().any(|held| wanted.contains(*held))
        };
        any(&self.sources, &[lead.source, lead.channel])
            && any(&self.regions, &[lead.region])
            && lead.score >= self.min_score
            && self.max_score.is_none_or(|most| lead.score <= most)
    }
}

/// The rep that a lead goes to; none below the threshold, and where nobody may take one. Those on leave get none, and a
/// deputy gets no more than one rep's part: who stands in for several stands in one row.
pub fn assign(intake: &Intake, lead: Lead<'_>, candidates: &[Candidate]) -> Option<Assignment> {
    if lead.score < intake.threshold {
        return None;
    }
    let rule = intake.rules.iter().find(|rule| rule.holds(lead));
    let of_team = |candidate: &&Candidate| rule.is_none_or(|rule| candidate.teams.contains(&rule.team));
    let method = rule.and_then(|rule| rule.method).unwrap_or(intake.method);
    let known: BTreeMap<&str, &Candidate> = candidates.iter().map(|one| (one.rep.as_str(), one)).collect();
    // Who takes it, for whom: a rep of the team itself, or the one who stands in for it.
    let mut takers: BTreeMap<&str, (&Candidate, Option<&str>)> = BTreeMap::new();
    for absent in candidates.iter().filter(of_team).filter(|one| one.deputy.is_some()) {
        let deputy = absent.deputy.as_deref().and_then(|deputy| known.get(deputy)).copied();
        if let Some(deputy) = deputy.filter(|deputy| deputy.deputy.is_none()) {
            takers.insert(deputy.rep.as_str(), (deputy, Some(absent.rep.as_str())));
        }
    }
    for present in candidates.iter().filter(of_team).filter(|one| one.deputy.is_none()) {
        takers.insert(present.rep.as_str(), (present, None));
    }
    let free = |taker: &Candidate| intake.holding_cap.is_none_or(|cap| taker.open < cap);
    let share = |taker: &Candidate| u64::from(intake.shares.get(&taker.rep).copied().unwrap_or(1).max(1));
    // Of fractions (assigned + 1) / share the least, compared without rounding.
    let behind =
        |a: &Candidate, b: &Candidate| ((a.assigned + 1) * share(b)).cmp(&((b.assigned + 1) * share(a)));
    let chosen = takers.into_values().filter(|(taker, _)| free(taker)).min_by(|(a, _), (b, _)| {
        let first = match method {
            Method::RoundRobin => std::cmp::Ordering::Equal,
            Method::LeastOpen => a.open.cmp(&b.open),
            Method::Weighted => behind(a, b),
        };
        first.then(a.last.cmp(&b.last)).then(a.rep.cmp(&b.rep))
    });
    let (taker, instead_of) = chosen?;
    Some(Assignment {
        rep: taker.rep.clone(),
        method,
        rule: rule.map(|rule| rule.id.clone()),
        team: rule.map(|rule| rule.team.clone()),
        instead_of: instead_of.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(rep: &str, team: &str) -> Candidate {
        Candidate { rep: rep.to_owned(), teams: [team.to_owned()].into(), ..Candidate::default() }
    }

    fn high(score: u32) -> Lead<'static> {
        Lead { score, ..Lead::default() }
    }

    /// Assigns some leads one after the other, as the log would have it.
    fn assigned(intake: &Intake, candidates: &mut [Candidate], leads: usize, seen: &mut u64) -> Vec<String> {
        let mut takers = Vec::new();
        for _ in 0..leads {
            let Some(found) = assign(intake, high(80), candidates) else { break };
            *seen += 1;
            let taker = candidates.iter_mut().find(|one| one.rep == found.rep).unwrap();
            (taker.last, taker.assigned, taker.open) = (*seen, taker.assigned + 1, taker.open + 1);
            takers.push(found.rep);
        }
        takers
    }

    #[test]
    fn a_low_score_goes_to_nobody_and_the_threshold_itself_is_high() {
        let all = [candidate("li", "north")];
        assert_eq!(assign(&Intake::default(), high(59), &all), None);
        assert_eq!(assign(&Intake::default(), high(60), &all).unwrap().rep, "li");
        assert_eq!(assign(&Intake::default(), high(61), &[]), None);
    }

    #[test]
    fn turns_go_round_and_the_one_who_waited_longest_is_next() {
        let mut all = [candidate("a", "t"), candidate("b", "t"), candidate("c", "t")];
        let takers = assigned(&Intake::default(), &mut all, 7, &mut 0);
        assert_eq!(takers, ["a", "b", "c", "a", "b", "c", "a"]);
    }

    #[test]
    fn rules_choose_the_team_in_their_order_and_the_first_that_holds_decides() {
        let rule = |id: &str, team: &str, source: &str| AssignmentRule {
            id: id.to_owned(),
            team: team.to_owned(),
            sources: [source.to_owned()].into(),
            ..AssignmentRule::default()
        };
        let all = [candidate("a", "north"), candidate("b", "south")];
        let intake = Intake {
            rules: vec![rule("fair", "south", "exhibition"), rule("any", "north", "web")],
            ..Intake::default()
        };
        let to = |source| {
            assign(&intake, Lead { source: Some(source), ..high(90) }, &all)
                .map(|found| (found.rep, found.rule))
        };
        assert_eq!(to("exhibition"), Some(("b".to_owned(), Some("fair".to_owned()))));
        assert_eq!(to("web"), Some(("a".to_owned(), Some("any".to_owned()))));
        assert_eq!(to("mail"), Some(("a".to_owned(), None)), "no rule holds: anybody");
    }

    #[test]
    fn who_is_on_leave_gets_none_and_the_deputy_stands_in_one_row() {
        let mut absent = candidate("a", "t");
        absent.deputy = Some("b".to_owned());
        let alone = assign(&Intake::default(), high(80), &[absent.clone(), candidate("b", "other")]).unwrap();
        assert_eq!(
            (alone.rep.as_str(), alone.instead_of),
            ("b", None),
            "without a rule everybody may take it"
        );
        let mut all = [absent, candidate("b", "t"), candidate("c", "t")];
        let takers = assigned(&Intake::default(), &mut all, 4, &mut 0);
        assert_eq!(takers, ["b", "c", "b", "c"]);
    }

    #[test]
    fn nobody_gets_more_than_the_cap_one_before_it_and_at_it() {
        let intake = Intake { holding_cap: Some(2), ..Intake::default() };
        let mut all = [candidate("a", "t"), candidate("b", "t")];
        all[0].open = 1;
        assert_eq!(assigned(&intake, &mut all, 9, &mut 0), ["a", "b", "b"]);
    }

    #[test]
    fn shares_divide_and_the_fewest_open_come_first() {
        let intake =
            Intake { method: Method::Weighted, shares: [("a".to_owned(), 3)].into(), ..Intake::default() };
        let takers = assigned(&intake, &mut [candidate("a", "t"), candidate("b", "t")], 8, &mut 0);
        assert_eq!(takers.iter().filter(|rep| *rep == "a").count(), 6);
        let least = Intake { method: Method::LeastOpen, ..Intake::default() };
        let mut all = [candidate("a", "t"), candidate("b", "t")];
        all[0].open = 2;
        assert_eq!(assigned(&least, &mut all, 3, &mut 0), ["b", "b", "a"]);
    }

    proptest! {
        /// Whatever came before, with anybody on leave and anybody at the cap: among those who may take leads throughout, nobody
        /// gets two more than another.
        #[test]
        fn nobody_gets_two_more_than_another(
            reps in 1_usize..8, leads in 0_usize..60, on_leave in proptest::collection::vec(any::<bool>(), 8),
            full in proptest::collection::vec(any::<bool>(), 8), last in proptest::collection::vec(0_u64..20, 8),
        ) {
            let intake = Intake { holding_cap: Some(1_000), ..Intake::default() };
            let mut all: Vec<Candidate> = (0..reps).map(|n| candidate(&format!("r{n}"), "t")).collect();
            for (n, one) in all.iter_mut().enumerate() {
                one.last = last[n];
                one.deputy = on_leave[n].then(|| format!("r{}", (n + 1) % reps));
                one.open = if full[n] { 1_000 } else { 0 };
            }
            let may: Vec<String> =
                all.iter().filter(|one| one.deputy.is_none() && one.open == 0).map(|one| one.rep.clone()).collect();
            let takers = assigned(&intake, &mut all, leads, &mut 20);
            prop_assert_eq!(takers.len(), if may.is_empty() { 0 } else { leads });
            let counts: Vec<usize> = may.iter().map(|rep| takers.iter().filter(|taker| *taker == rep).count()).collect();
            let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
            prop_assert!(most - least <= 1, "{:?}", counts);
        }
    }
}
