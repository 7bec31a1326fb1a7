//! What each rep does with customers, and what comes of it. What belongs to a rep follows from the intervals in which it owned
//! a customer.

mod figures;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use super::page::Pages;
use super::quality::{QualityQuery, ReportInput, open};
use super::{ShareReport, Span, known, pasts};
use crate::error::Result;
use crate::maturity::{Maturity, begun};
use crate::models::board::Population;
use crate::models::board::versions::{self, CustomerVersion, CustomerVersions};
use crate::models::dwell::Window;
use crate::models::snapshot::Snapshot;
use crate::models::timeline::activities;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::credit::{Attribution, credit, held, owner_at};
use crate::stats::cycles::{Outcome, cycles};
use crate::stats::journeys::{Origin, stays};
use crate::stats::survival::Subject;
use crate::stats::{Micros, MoveRecord, seconds, sum};
use figures::RepAccumulator;
pub use figures::{RepFigures, SlowestStage};

/// What is asked about reps.
#[derive(Debug, Clone)]
pub struct RepsQuery {
    /// The two times.
    pub at: AsOf,
    /// When what is counted happened.
    pub window: Window,
    /// Only these reps; everybody when none are given.
    pub reps: Option<BTreeSet<String>>,
    /// Whose customers count, as they were at the instant asked about.
    pub filter: CohortFilter,
    /// To whom deals are credited.
    pub attribution: Attribution,
    /// Whether the window of the same length before is wanted beside. The window has a beginning then.
    pub compare: bool,
    /// More than this many seconds without activity is too long.
    pub silence_seconds: u64,
    /// The rep after whom the page begins.
    pub after: Option<String>,
    /// How many reps at most.
    pub limit: usize,
}

/// One rep.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RepLine {
    /// The rep, as owners are named.
    #[schema(example = "li")]
    pub rep: String,
    /// The window's figures.
    #[serde(flatten)]
    pub figures: RepFigures,
    /// The figures of the window of the same length before; null unless asked for.
    pub previous: Option<RepFigures>,
}

/// What reps won and lost together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct RepTotals {
    /// Deals won in the window.
    #[serde(serialize_with = "crate::reports::whole_where_it_is")]
    pub won: f64,
    /// Cycles lost in the window.
    #[serde(serialize_with = "crate::reports::whole_where_it_is")]
    pub lost: f64,
    /// Won among won and lost.
    pub conversion: Option<ShareReport>,
    /// Whether it was known at the window's end what becomes of the cycles that began in it.
    pub maturity: Maturity,
}

impl RepTotals {
    fn of<'a>(figures: impl Iterator<Item = &'a RepFigures> + Clone) -> Self {
        let maturity = figures.clone().map(|rep| rep.maturity).fold(Maturity::default(), Maturity::and);
        let (won, lost) = (sum(figures.clone().map(|rep| rep.won)), sum(figures.map(|rep| rep.lost)));
        Self { won, lost, conversion: ShareReport::of(won, won + lost), maturity }
    }
}

/// What each rep does, and what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RepsReport {
    /// The pipelines looked at.
    pub pipelines: Vec<String>,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// From when on what happened counts; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given.
    pub to: DateTime<Utc>,
    /// The window before, where it was asked for: its beginning.
    pub previous_from: Option<DateTime<Utc>>,
    /// Its end, itself not counted: where the window begins.
    pub previous_to: Option<DateTime<Utc>>,
    /// To whom deals are credited.
    pub attribution: Attribution,
    /// `snapshot_win_rate`: won among the cycles that ended in the window, won or lost.
    #[schema(example = "snapshot_win_rate")]
    pub definition: &'static str,
    /// What all reps won and lost together, shown or not.
    pub totals: RepTotals,
    /// The reps, by name.
    pub items: Vec<RepLine>,
    /// Where the next reps begin; null at the end.
    pub next_cursor: Option<String>,
}

/// The owners of a customer since each instant; none for a pool. Once merged it is nobody's.
pub(crate) type Owners<'a> = Vec<(Micros, Option<&'a str>)>;

pub(crate) fn owners(past: &[CustomerVersion]) -> Owners<'_> {
    past.iter().map(|past| (past.since, rep_of(past))).collect()
}

fn rep_of(past: &CustomerVersion) -> Option<&str> {
    match &past.owner {
        Owner::Rep(rep) if !past.merged => Some(rep.as_str()),
        Owner::Rep(_) | Owner::Pool(_) => None,
    }
}

impl ReportSnapshot {
    /// What each rep does in these pipelines, and what comes of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reps(&mut self, definitions: &[Definition], query: &RepsQuery) -> Result<RepsReport> {
        let snapshot = &mut self.0;
        let known = known(snapshot, &query.at).await?;
        let pasts = pasts(snapshot, known).await?;
        let mut now = figures(snapshot, definitions, query, (query.at, query.window), known, &pasts).await?;
        let before = query.compare.then(|| window_before(query)).flatten();
        let previous = match before {
            Some((at, window)) => figures(snapshot, definitions, query, (at, window), known, &pasts).await?,
            None => BTreeMap::new(),
        };
        let totals = RepTotals::of(now.values());
        let names: BTreeSet<String> = now.keys().chain(previous.keys()).cloned().collect();
        let named = query.reps.clone().unwrap_or(names);
        let after = |rep: &&String| query.after.as_ref().is_none_or(|after| *rep > after);
        let rest: Vec<&String> = named.iter().filter(after).collect();
        let shown = &rest[..rest.len().min(query.limit)];
        let line = |rep: &&String| RepLine {
            rep: (*rep).clone(),
            figures: now.remove(*rep).unwrap_or_default(),
            previous: before.map(|_| previous.get(*rep).cloned().unwrap_or_default()),
        };
        let end = query.window.end(&query.at);
        Ok(RepsReport {
            pipelines: definitions.iter().map(|definition| definition.pipeline.key.clone()).collect(),
            effective_at: query.at.effective_at,
            known_at: query.at.known_at,
            position: known,
            from: query.window.from,
            to: crate::log::history::instant(end),
            previous_from: before.and_then(|(_, window)| window.from),
            previous_to: before.and_then(|(_, window)| window.to),
            attribution: query.attribution,
            definition: "snapshot_win_rate",
            totals,
            next_cursor: shown.last().filter(|_| shown.len() < rest.len()).map(|last| (*last).clone()),
            items: shown.iter().map(line).collect(),
        })
    }
}

/// The window of the same length that ends where the window begins, and the instant at its end.
fn window_before(query: &RepsQuery) -> Option<(AsOf, Window)> {
    let from = query.window.from?;
    let end = crate::log::history::instant(query.window.end(&query.at));
    // Before an empty window lies an empty one. Instants begin with 1970; a window before that would have a bound that is none.
    let length = (end - from).max(TimeDelta::zero());
    let begin = from.checked_sub_signed(length)?.max(DateTime::UNIX_EPOCH);
    Some((AsOf { effective_at: from, ..query.at }, Window { from: Some(begin), to: Some(from) }))
}

/// The figures of every rep in a window.
async fn figures(
    snapshot: &mut Snapshot,
    definitions: &[Definition],
    query: &RepsQuery,
    (at, window): (AsOf, Window),
    known: Position,
    pasts: &Arc<CustomerVersions>,
) -> Result<BTreeMap<String, RepFigures>> {
    let span = Span::of(&window, &at);
    let filter = who(snapshot, query, known, pasts).await?;
    // What stands at the end of the window is seen from there.
    let at = AsOf { effective_at: crate::log::history::instant(span.end), ..at };
    let asked = QualityQuery {
        at,
        window,
        filter,
        pages: Pages::default(),
        silence_seconds: query.silence_seconds,
        horizon_seconds: 0,
    };
    let mut accumulators: BTreeMap<String, RepAccumulator> = BTreeMap::new();
    let mut customers: HashMap<Uuid, Micros> = HashMap::new();
    let mut revived: HashMap<(Uuid, String), bool> = HashMap::new();
    for (number, definition) in definitions.iter().enumerate() {
        let input = ReportInput::read(snapshot, definition, &asked, known, Arc::clone(pasts)).await?;
        for (journey, records) in input.journeys.journeys(span.last) {
            let customer = input.journeys.customer(journey);
            let (Some(first), Some(past)) = (records.first(), pasts.get(&customer)) else { continue };
            let began = customers.entry(customer).or_insert(first.at);
            *began = first.at.min(*began);
            let owners = owners(past);
            let gone = input.journeys.ended(journey, span.last).is_some();
            for (cycle, undecided) in begun(&cycles(records), gone, &input.kinds, |began| span.holds(began)) {
                if let Some(rep) = owner_at(&owners, cycle.began).flatten() {
                    accumulators.entry(rep.to_owned()).or_default().figures.maturity.add(undecided);
                }
            }
            tally_journey(&mut accumulators, &input, records, &owners, past, query.attribution);
            tally_stays(&mut accumulators, (number, &input), records, &owners);
            revive(&mut revived, (&input, customer), records, &owners);
        }
        tally_open(&mut accumulators, &open::open(snapshot, &input).await?, &input);
    }
    tally_owned(&mut accumulators, &customers, pasts, span);
    add_activities(&mut accumulators, snapshot, known, span, &customers.keys().copied().collect()).await?;
    for ((_, rep), won) in revived {
        let figures = &mut accumulators.entry(rep).or_default().figures;
        figures.revived += 1;
        figures.revived_won += usize::from(won);
    }
    let wanted = |rep: &String| query.reps.as_ref().is_none_or(|reps| reps.contains(rep));
    let accumulators = accumulators.into_iter().filter(|(rep, _)| wanted(rep));
    Ok(accumulators.map(|(rep, accumulator)| (rep, accumulator.figures(definitions))).collect())
}

/// Who counts, by what they were like at the instant asked about: the same customers in every window.
async fn who(
    snapshot: &mut Snapshot,
    query: &RepsQuery,
    known: Position,
    pasts: &Arc<CustomerVersions>,
) -> Result<CohortFilter> {
    let RepsQuery { at, filter, .. } = query;
    if filter.is_empty() {
        return Ok(filter.clone());
    }
    let population = Population::of(snapshot, filter, at.micros(), known, Some(Arc::clone(pasts))).await?;
    let among = pasts.keys().copied().filter(|customer| population.holds(*customer)).collect();
    let visibility = filter.visibility.clone();
    Ok(CohortFilter { among: Some(Arc::new(among)), visibility, ..CohortFilter::default() })
}

/// New customers, and the deals that are credited.
fn tally_journey(
    accumulators: &mut BTreeMap<String, RepAccumulator>,
    input: &ReportInput<'_>,
    records: &[MoveRecord],
    owners: &Owners<'_>,
    past: &[CustomerVersion],
    attribution: Attribution,
) {
    let first = records.first().filter(|first| input.span.holds(first.at));
    if let Some(rep) = first.and_then(|first| owner_at(owners, first.at).flatten()) {
        accumulators.entry(rep.to_owned()).or_default().figures.new_customers += 1;
    }
    for cycle in cycles(records) {
        let Some(outcome) = cycle.outcome(&input.kinds).filter(|end| input.span.holds(end.at())) else {
            continue;
        };
        for part in credit(owners, (cycle.began, outcome.at()), attribution) {
            let accumulator = accumulators.entry(part.owner.to_owned()).or_default();
            match outcome {
                Outcome::Lost(_) => accumulator.figures.lost += part.share(),
                Outcome::Closed(_) => {}
                Outcome::Won(at) => {
                    accumulator.figures.won += part.share();
                    accumulator.earn(versions::at(past, at).or(past.first()), &part);
                }
            }
        }
    }
}

/// The stays of the window while the customer was a rep's: seen from when it became the rep's, until it left the stage, or
/// the rep, or the window ended.
fn tally_stays(
    accumulators: &mut BTreeMap<String, RepAccumulator>,
    (number, input): (usize, &ReportInput<'_>),
    records: &[MoveRecord],
    owners: &Owners<'_>,
) {
    let ends = owners.iter().skip(1).map(|(since, _)| *since).chain([Micros::MAX]);
    let intervals: Vec<(Micros, Micros, &str)> = owners
        .iter()
        .enumerate()
        .zip(ends)
        .filter_map(|((n, (since, owner)), end)| {
            let since = if n == 0 { Micros::MIN } else { *since };
            owner.map(|owner| (since, end, owner))
        })
        .collect();
    for visit in stays(records) {
        if input.kind(visit.stage).is_some_and(StageType::is_final) {
            continue;
        }
        let stage = input.journeys.stages.text(visit.stage);
        let left = visit.left.map(|(at, _)| at).filter(|at| *at <= input.span.last);
        let until = left.unwrap_or(input.span.end);
        for (since, end, owner) in &intervals {
            let seen = visit.entered.max(*since).max(input.span.from);
            let gone = until.min(*end);
            if gone <= seen {
                continue;
            }
            let cause = left.filter(|left| left <= end).map(|_| 0);
            let subject = Subject { entry: seen - visit.entered, exit: gone - visit.entered, cause };
            let stays = &mut accumulators.entry((*owner).to_owned()).or_default().stays;
            stays.entry((number, stage.to_owned())).or_default().push(subject);
        }
    }
}

/// Customers that a rep took from a pool in the window after another had had them, and that people moved on in its hands.
fn revive(
    revived: &mut HashMap<(Uuid, String), bool>,
    (input, customer): (&ReportInput<'_>, Uuid),
    records: &[MoveRecord],
    owners: &Owners<'_>,
) {
    for (n, (since, owner)) in owners.iter().enumerate().skip(1) {
        let (Some(rep), None) = (owner, owners[n - 1].1) else { continue };
        let had_another =
            owners[..n].iter().any(|(_, earlier)| earlier.is_some_and(|earlier| earlier != *rep));
        if !had_another || !input.span.holds(*since) {
            continue;
        }
        let end = owners[n..].iter().find(|(_, later)| later != owner).map_or(Micros::MAX, |(at, _)| *at);
        let steps = records.iter().filter(|record| {
            (*since..end).contains(&record.at) && record.how.by == Origin::Person && !record.repeat
        });
        let on: Vec<StageType> =
            steps.filter_map(|record| input.kind(record.stage)).filter(|kind| kind.leads_on()).collect();
        if !on.is_empty() {
            let won = on.iter().any(|kind| kind.is_won());
            *revived.entry((customer, (*rep).to_owned())).or_default() |= won;
        }
    }
}

fn tally_open(
    accumulators: &mut BTreeMap<String, RepAccumulator>,
    open: &[open::Open],
    input: &ReportInput<'_>,
) {
    for one in open {
        let Some(Owner::Rep(rep)) = input.past(one.customer).map(|past| &past.owner) else { continue };
        let figures = &mut accumulators.entry(rep.clone()).or_default().figures;
        figures.open_customers += 1;
        figures.overdue += usize::from(one.facts.next_at.is_some_and(|next| next < input.until()));
        figures.sat_on += usize::from(one.health.leaking);
    }
}

/// How long customers were whose in the window, from their first record on.
fn tally_owned(
    accumulators: &mut BTreeMap<String, RepAccumulator>,
    customers: &HashMap<Uuid, Micros>,
    pasts: &CustomerVersions,
    span: Span,
) {
    let mut ids: Vec<&Uuid> = customers.keys().collect();
    ids.sort_unstable();
    for id in ids {
        let Some(past) = pasts.get(id) else { continue };
        for (rep, time) in held(&owners(past), customers[id].max(span.from), span.end) {
            accumulators.entry(rep.to_owned()).or_default().owned_seconds += seconds(time);
        }
    }
}

async fn add_activities(
    accumulators: &mut BTreeMap<String, RepAccumulator>,
    snapshot: &mut Snapshot,
    known: Position,
    span: Span,
    customers: &HashSet<Uuid>,
) -> Result<()> {
    let activities = activities::rep_activities(snapshot, known, (span.from, span.last)).await?;
    for one in activities.into_iter().filter(|one| customers.contains(&one.customer)) {
        let accumulator = accumulators.entry(one.rep).or_default();
        let count = usize::try_from(one.count).unwrap_or(usize::MAX);
        match one.activity.as_str() {
            "follow_up" => {
                accumulator.figures.follow_ups += count;
                accumulator.chars.0 += one.measured;
                accumulator.chars.1 += one.chars;
            }
            "claim" => accumulator.figures.claims += count,
            "release" => accumulator.figures.releases += count,
            "reclaim" => accumulator.figures.reclaims += count,
            _ => accumulator.figures.missed_first_contacts += count,
        }
    }
    Ok(())
}
