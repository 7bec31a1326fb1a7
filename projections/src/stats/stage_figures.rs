//! The dwell figures of stages from columns of stays ([`StayIndex`]): a pass over what is sorted already.
//!
//! What is made of the stays themselves, [`super::dwell::dwell`], is what these figures are held to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::dwell::{Lengths, Question, StageDwell, Unit};
use super::incidence::{Incidence, IncidenceWalk};
use super::quantile::Spread;
use super::stay_columns::{
    Ended, JourneyBitmap, StageColumns, StayColumns, StayIndex, VisitOrdinal, stage_of,
};
use super::survival::Subject;
use super::survival_figures::{CurveWalk, SurvivalFigures};
use super::{CensoringEvent, Micros, quantile, seconds};

/// The dwell figures of one stage, as a report shows them.
#[derive(Debug, Clone, Default)]
pub struct StageFigures {
    /// Stays.
    pub stays: usize,
    /// Stays that ended.
    pub completed: usize,
    /// Last stays in a stage that is not final.
    pub open: usize,
    /// Last stays in a final stage.
    pub finals: usize,
    /// Stays that ended at the instant they began.
    pub zero_stays: usize,
    /// Customers that were ever here.
    pub customers: usize,
    /// Visits beyond the first, summed over customers.
    pub reentries: usize,
    /// Customers with more than one stay.
    pub customers_with_reentry: usize,
    /// Records that named the stage while it was held.
    pub repeats: usize,
    /// Lengths of the stays that ended.
    pub lengths: Option<Lengths>,
    /// How long stays last, open ones included.
    pub survival: SurvivalFigures,
    /// Where they go, by stage number.
    pub exits: Vec<(u32, Incidence)>,
    /// Of the last stays, those whose observation ended early, by the reason: they are open no more.
    pub censored: Vec<(CensoringEvent, usize)>,
    /// The median age of open stays whose observation goes on, in seconds.
    pub open_median_age: Option<f64>,
    /// Seconds from the beginning of journeys to their first stay here.
    pub first_passage: Option<Spread>,
    /// The stays as survival analysis sees them, where they were asked for.
    pub subjects: Vec<Subject>,
}

impl StageFigures {
    /// Of a stage that nobody was in.
    #[must_use]
    pub fn nobody(with_steps: bool) -> Self {
        let survival = SurvivalFigures { steps: with_steps.then(Vec::new), ..SurvivalFigures::default() };
        Self { survival, ..Self::default() }
    }

    /// Of figures that were made of the stays themselves, and the sorted ways to their stage.
    #[must_use]
    pub fn of(dwell: StageDwell, first_passage: &[f64], question: &Question, with_steps: bool) -> Self {
        let since = &dwell.standing_since;
        Self {
            stays: dwell.stays,
            completed: dwell.completed,
            open: dwell.open,
            finals: dwell.finals,
            zero_stays: dwell.zero_stays,
            customers: dwell.customers,
            reentries: dwell.reentries,
            customers_with_reentry: dwell.customers_with_reentry,
            repeats: dwell.repeats,
            lengths: dwell.lengths,
            survival: SurvivalFigures::of(&dwell.curve, question.horizon, with_steps),
            exits: dwell.exits,
            censored: dwell.censored,
            open_median_age: median_age(since, question.until),
            first_passage: Spread::of(first_passage.len(), |place| first_passage[place]),
            subjects: dwell.subjects,
        }
    }
}

/// The median age of stays that began at these instants, which are sorted.
fn median_age(since: &[Micros], until: Micros) -> Option<f64> {
    quantile::continuous_of(since.len(), |place| seconds(until - since[since.len() - 1 - place]), 0.5)
}

/// What decides which stays count, and how they are seen.
pub struct Selection<'a> {
    /// The question.
    pub question: &'a Question,
    /// Which customers count; none where all do.
    pub counts: Option<&'a dyn Fn(Uuid) -> bool>,
    /// Where the observation of customers had ended by the last instant, of those of whom it had.
    pub ended: &'a BTreeMap<Uuid, (Micros, CensoringEvent)>,
    /// The stages of type won and lost in the version that a stay is of.
    pub is_final: &'a dyn Fn(u32, u16) -> bool,
    /// Whether the steps of the curves are wanted.
    pub with_steps: bool,
}

/// The dwell figures of the first `stages` stages, by stage number, on the calendar's clock.
#[must_use]
pub fn stage_figures(index: &StayIndex, stages: usize, selection: &Selection<'_>) -> Vec<StageFigures> {
    let parts = index.parts().map(|(columns, stale)| Part::of(columns, stale, selection));
    (0..stages).map(|stage| StageAccumulator::new(stage, selection).take(&parts)).collect()
}

/// Columns, and which of their journeys count.
struct Part<'a> {
    columns: &'a StayColumns,
    /// The journeys that count; none where all do.
    passing: Option<JourneyBitmap>,
    /// Where the observation of journeys had ended.
    ended: BTreeMap<u32, (Micros, CensoringEvent)>,
}

impl<'a> Part<'a> {
    fn of(columns: &'a StayColumns, stale: Option<&JourneyBitmap>, selection: &Selection<'_>) -> Self {
        let passing = match selection.counts {
            None => stale.map(JourneyBitmap::others),
            Some(counts) => {
                let mut passing = JourneyBitmap::none(columns.customers.len());
                for (journey, customer) in columns.customers.iter().enumerate() {
                    if !stale.is_some_and(|stale| stale.holds(journey as u32)) && counts(*customer) {
                        passing.mark(journey);
                    }
                }
                Some(passing)
            }
        };
        let number = |customer: &Uuid| Some(columns.customers.binary_search(customer).ok()? as u32);
        let ended = selection.ended.iter().filter_map(|(customer, end)| Some((number(customer)?, *end)));
        Self { columns, passing, ended: ended.collect() }
    }

    fn stage(&self, stage: usize) -> Option<&'a StageColumns> {
        self.columns.stages.get(stage)
    }

    fn counts(&self, journey: u32) -> bool {
        self.passing.as_ref().is_none_or(|passing| passing.holds(journey))
    }
}

/// The stays that count of those that ended: their lengths, sorted, and where each went.
type EndedStays<'a> = (Cow<'a, [Micros]>, Cow<'a, [u16]>);

/// Stays that are gathered in order and merged with others.
struct Merged<'a> {
    others: EndedStays<'a>,
    /// The first of the others that is not merged yet, and its length.
    next: usize,
    length: Micros,
    lengths: Vec<Micros>,
    to: Vec<u16>,
}

impl<'a> Merged<'a> {
    /// With others, and at most `most` besides.
    fn with(others: EndedStays<'a>, most: usize) -> Self {
        let all = most + others.0.len();
        let length = others.0.first().copied().unwrap_or(Micros::MAX);
        Self { others, next: 0, length, lengths: Vec::with_capacity(all), to: Vec::with_capacity(all) }
    }

    #[inline]
    fn push(&mut self, length: Micros, to: u16) {
        while self.length < length {
            self.take_other();
        }
        self.lengths.push(length);
        self.to.push(to);
    }

    fn take_other(&mut self) {
        self.lengths.push(self.length);
        self.to.push(self.others.1[self.next]);
        self.next += 1;
        self.length = self.others.0.get(self.next).copied().unwrap_or(Micros::MAX);
    }

    fn finish(mut self) -> EndedStays<'a> {
        self.lengths.extend_from_slice(&self.others.0[self.next..]);
        self.to.extend_from_slice(&self.others.1[self.next..]);
        (Cow::Owned(self.lengths), Cow::Owned(self.to))
    }
}

/// What is gathered of one stage.
struct StageAccumulator<'a> {
    stage: u32,
    selection: &'a Selection<'a>,
    figures: StageFigures,
    /// The ages at which stays were last seen that had not ended.
    unended: Vec<Micros>,
    /// The ages after which those are at risk that came under observation late.
    late: Vec<Micros>,
    /// When open stays began whose observation goes on.
    standing: Vec<Micros>,
    censored: BTreeMap<CensoringEvent, usize>,
    /// Of a window, in each part: the journeys with a stay in it, and with another.
    seen: Option<[[JourneyBitmap; 2]; 2]>,
}

impl<'a> StageAccumulator<'a> {
    fn new(stage: usize, selection: &'a Selection<'a>) -> Self {
        Self {
            stage: u32::try_from(stage).unwrap_or(u32::MAX),
            selection,
            figures: StageFigures::default(),
            unended: Vec::new(),
            late: Vec::new(),
            standing: Vec::new(),
            censored: BTreeMap::new(),
            seen: None,
        }
    }

    fn take(mut self, parts: &[Part<'_>; 2]) -> StageFigures {
        let stage = self.stage as usize;
        if self.selection.question.from.is_some() {
            self.seen = Some([0, 1].map(|part| {
                let journeys = parts[part].columns.customers.len();
                [JourneyBitmap::none(journeys), JourneyBitmap::none(journeys)]
            }));
        }
        let mut ended: EndedStays<'_> = Default::default();
        // The few that changed first: they are merged into the many.
        for (number, part) in parts.iter().enumerate().rev() {
            let Some(columns) = part.stage(stage) else { continue };
            ended = self.ended((number, part), &columns.ended, ended);
            let last = &columns.last;
            for (place, entered) in last.entered.iter().enumerate() {
                let (journey, visit) = (last.journeys[place], VisitOrdinal::of(last.visits[place]));
                if part.counts(journey) {
                    self.unended((number, part), (journey, visit, last.versions[place]), *entered);
                }
            }
            self.figures.repeats += self.repeats(part, columns);
        }
        self.figures.first_passage = self.first_passage(parts);
        self.finish(&ended.0, &ended.1)
    }

    /// The stays that ended and count, together with others that are at hand.
    fn ended<'b>(
        &mut self,
        (number, part): (usize, &Part<'b>),
        ended: &'b Ended,
        others: EndedStays<'b>,
    ) -> EndedStays<'b> {
        let Question { from, last, unit, .. } = *self.selection.question;
        let is_whole =
            part.passing.is_none() && from.is_none() && unit == Unit::Stay && part.columns.latest <= last;
        if is_whole && others.0.is_empty() {
            return (Cow::Borrowed(&ended.lengths), Cow::Borrowed(&ended.to));
        }
        let mut merged = Merged::with(others, ended.lengths.len());
        if from.is_none() && unit == Unit::Stay && part.columns.latest <= last {
            // Every stay ended in time: only whether its journey counts is looked at.
            for ((length, journey), went) in ended.lengths.iter().zip(&ended.journeys).zip(&ended.to) {
                if part.counts(*journey) {
                    merged.push(*length, *went);
                }
            }
            return merged.finish();
        }
        for (place, &length) in ended.lengths.iter().enumerate() {
            let (entered, journey, went) = (ended.entered[place], ended.journeys[place], ended.to[place]);
            let visit = VisitOrdinal::of(went);
            if !part.counts(journey) || entered > last || (unit == Unit::Customer && !visit.is_first()) {
                continue;
            }
            let left = entered + length;
            if left > last {
                self.unended((number, part), (journey, visit, ended.versions[place]), entered);
                continue;
            }
            if let Some(from) = from {
                if left < from {
                    continue;
                }
                self.see(number, journey);
                if entered < from {
                    self.late.push((from - entered).min(length - 1));
                }
            }
            merged.push(length, went);
        }
        merged.finish()
    }

    /// A stay that no other had followed by the last instant.
    fn unended(
        &mut self,
        (number, part): (usize, &Part<'_>),
        (journey, visit, version): (u32, VisitOrdinal, u16),
        entered: Micros,
    ) {
        let Question { from, last, until, unit, .. } = *self.selection.question;
        if entered > last || (unit == Unit::Customer && !visit.is_first()) {
            return;
        }
        let end = part.ended.get(&journey);
        let seen_until = end.map_or(until, |(at, _)| *at).max(entered);
        if end.is_some() && from.is_some_and(|from| seen_until < from) {
            return;
        }
        if let Some(from) = from {
            self.see(number, journey);
            if entered < from {
                self.late.push(from - entered);
            }
        } else {
            self.count(visit, 1);
        }
        self.unended.push(seen_until - entered);
        if (self.selection.is_final)(self.stage, version) {
            self.figures.finals += 1;
            return;
        }
        match end {
            Some((_, end)) => *self.censored.entry(*end).or_default() += 1,
            None => {
                self.figures.open += 1;
                self.standing.push(entered);
            }
        }
    }

    /// Counts stays of one visit where every stay is seen from its beginning.
    fn count(&mut self, visit: VisitOrdinal, stays: usize) {
        if visit.is_first() {
            self.figures.customers += stays;
        } else if visit.is_second() {
            self.figures.customers_with_reentry += stays;
        }
    }

    /// Notes that a stay of a journey lies in the window.
    fn see(&mut self, part: usize, journey: u32) {
        let Some(seen) = &mut self.seen else { return };
        let [once, again] = &mut seen[part];
        if !once.mark(journey as usize) {
            self.figures.customers += 1;
        } else if !again.mark(journey as usize) {
            self.figures.customers_with_reentry += 1;
        }
    }

    fn repeats(&self, part: &Part<'_>, columns: &StageColumns) -> usize {
        let Question { from, last, .. } = *self.selection.question;
        let repeats = columns.repeats.at.iter().zip(&columns.repeats.journeys);
        let counts = |(at, journey): &(&Micros, &u32)| {
            **at <= last && from.is_none_or(|from| **at >= from) && part.counts(**journey)
        };
        repeats.filter(counts).count()
    }

    /// How long the way to the first stay took, of all journeys that count, whatever the window and the unit.
    fn first_passage(&self, parts: &[Part<'_>; 2]) -> Option<Spread> {
        let [base, recent] = [&parts[0], &parts[1]].map(|part| self.passages(part));
        let ways = match recent.is_empty() {
            true => base,
            false => merged(&base, &recent).into(),
        };
        Spread::of(ways.len(), |place| seconds(ways[place]))
    }

    /// The ways to the first stay of the journeys of a part that count, sorted.
    fn passages<'b>(&self, part: &Part<'b>) -> Cow<'b, [Micros]> {
        let last = self.selection.question.last;
        let Some(StageColumns { passages, .. }) = part.stage(self.stage as usize) else {
            return Cow::default();
        };
        let is_whole = part.columns.latest <= last;
        if is_whole && part.passing.is_none() {
            return Cow::Borrowed(&passages.at);
        }
        let mut ways = Vec::with_capacity(passages.at.len());
        for (way, journey) in passages.at.iter().zip(&passages.journeys) {
            let is_over = is_whole || part.columns.began[*journey as usize] + way <= last;
            if is_over && part.counts(*journey) {
                ways.push(*way);
            }
        }
        Cow::Owned(ways)
    }

    fn finish(mut self, lengths: &[Micros], to: &[u16]) -> StageFigures {
        if self.selection.question.from.is_none() {
            let count =
                |is: fn(VisitOrdinal) -> bool| to.iter().filter(|to| is(VisitOrdinal::of(**to))).count();
            self.figures.customers += count(VisitOrdinal::is_first);
            self.figures.customers_with_reentry += count(VisitOrdinal::is_second);
        }
        self.unended.sort_unstable();
        self.late.sort_unstable();
        self.standing.sort_unstable();
        let question = self.selection.question;
        let (survival, exits) = self.estimates(lengths, to);
        let figures = self.figures;
        let stays = lengths.len() + self.unended.len();
        StageFigures {
            stays,
            completed: lengths.len(),
            zero_stays: lengths.partition_point(|length| *length == 0),
            reentries: stays - figures.customers,
            lengths: Lengths::of_sorted(lengths),
            survival,
            exits,
            censored: self.censored.into_iter().collect(),
            open_median_age: median_age(&self.standing, question.until),
            ..figures
        }
    }

    /// Both estimators in one walk along the ages, as [`super::survival::kaplan_meier`] and
    /// [`super::incidence::aalen_johansen`] say them.
    fn estimates(&self, lengths: &[Micros], to: &[u16]) -> (SurvivalFigures, Vec<(u32, Incidence)>) {
        let horizon = self.selection.question.horizon;
        let subjects = lengths.len() + self.unended.len();
        let mut walk = CurveWalk::new(horizon, self.selection.with_steps);
        let stages = to.iter().map(|to| usize::from(stage_of(*to))).max().map_or(0, |most| most + 1);
        let mut exits = IncidenceWalk::new(stages, horizon);
        // Who was seen from the beginning, or came under observation by now; who had gone before without being seen leaving.
        let (mut entered, mut late, mut unseen) = (subjects - self.late.len(), 0, 0);
        let mut first = 0;
        while first < lengths.len() {
            let at = lengths[first];
            let mut beyond = first + 1;
            while lengths.get(beyond) == Some(&at) {
                beyond += 1;
            }
            while self.late.get(late).is_some_and(|entry| *entry < at || *entry <= 0) {
                (late, entered) = (late + 1, entered + 1);
            }
            while self.unended.get(unseen).is_some_and(|age| *age < at) {
                unseen += 1;
            }
            let at_risk = entered - first - unseen;
            exits.reach(at, at_risk);
            for to in &to[first..beyond] {
                exits.leave(usize::from(stage_of(*to)));
            }
            walk.leave(at, at_risk, beyond - first);
            first = beyond;
        }
        (walk.finish(subjects, lengths.len()), exits.finish().collect())
    }
}

/// Two sorted samples as one.
fn merged(one: &[Micros], other: &[Micros]) -> Vec<Micros> {
    let mut all = Vec::with_capacity(one.len() + other.len());
    let mut rest = one;
    for number in other {
        let before = rest.partition_point(|one| one <= number);
        all.extend_from_slice(&rest[..before]);
        all.push(*number);
        rest = &rest[before..];
    }
    all.extend_from_slice(rest);
    all
}
