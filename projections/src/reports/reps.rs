//! What each rep does with customers, and what comes of it. What belongs to a rep is told by the intervals in which it owned
//! a customer.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::Money;
use waymark_domain::money::decimals;
use waymark_domain::people::Visibility;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use super::page::Pages;
use super::quality::{Definition, QualityQuery, ReportInput, open};
use super::{ShareReport, Span, known, pasts};
use crate::error::Result;
use crate::models::board::MoneyReport;
use crate::models::board::versions::{self, CustomerVersion, CustomerVersions};
use crate::models::dwell::Window;
use crate::models::timeline::activities;
use crate::query::{AsOf, CohortFilter, Snapshot};
use crate::stats::credit::{Attribution, Credit, credit, held, owner_at};
use crate::stats::cycles::{Outcome, cycles};
use crate::stats::journeys::{Origin, stays};
use crate::stats::survival::{Subject, kaplan_meier};
use crate::stats::{Micros, MoveRecord, seconds};

/// Thirty days: the month of frequencies.
const MONTH: f64 = 30.0 * 86_400.0;
/// Up to here the mean stay of a rep's customers goes: ninety days.
const HORIZON: Micros = 90 * 86_400 * 1_000_000;

/// What is asked about reps.
#[derive(Debug, Clone)]
pub struct RepsQuery {
    /// The two times.
    pub at: AsOf,
    /// When what is counted happened.
    pub window: Window,
    /// Only these reps; everybody when none are given.
    pub reps: Option<BTreeSet<String>>,
    /// Which customers whoever asks sees now: nobody's others count.
    pub visibility: Visibility,
    /// To whom deals are credited.
    pub attribution: Attribution,
    /// Whether the window of the same length before is wanted beside. The window has a beginning then.
    pub compare: bool,
    /// More than so many seconds without activity is too long.
    pub silence_seconds: u64,
    /// The rep after whom the page begins.
    pub after: Option<String>,
    /// How many reps at most.
    pub limit: usize,
}

/// The stage in which a rep's customers stay longest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SlowestStage {
    /// The pipeline.
    pub pipeline: String,
    /// The stage.
    pub stage: String,
    /// Stays in it while the customer was the rep's.
    pub stays: usize,
    /// The Kaplan–Meier median of the stay; null where half of them have not left.
    pub median_seconds: Option<f64>,
    /// The mean stay as far as it lies within ninety days, by Kaplan–Meier: by it stages are compared.
    pub restricted_mean_seconds: f64,
}

/// What a rep did in a window, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct RepFigures {
    /// Journeys that began in the window, of customers that were the rep's then.
    pub new_customers: usize,
    /// Deals won in the window that are credited to the rep: a whole number, but for credit that is shared by time.
    #[serde(serialize_with = "super::whole_where_it_is")]
    pub won: f64,
    /// Cycles lost in the window, credited alike.
    #[serde(serialize_with = "super::whole_where_it_is")]
    pub lost: f64,
    /// What the deals were worth when they were won, by currency, credited alike: what a deal won in part has brought where
    /// that is known, else the amount.
    pub won_amounts: Vec<MoneyReport>,
    /// Won among won and lost.
    pub conversion: Option<ShareReport>,
    /// Conversations that the rep recorded.
    pub follow_ups: usize,
    /// Conversations for each customer and each thirty days that the rep owned it in the window; null where it owned none.
    pub follow_ups_per_customer_month: Option<f64>,
    /// How long the records of the conversations are on average, in characters. Those of erased customers are not known.
    pub average_follow_up_chars: Option<f64>,
    /// Where the rep's customers stay longest.
    pub slowest_stage: Option<SlowestStage>,
    /// Customers that the rep took from a pool.
    pub claims: usize,
    /// Customers that it gave back.
    pub releases: usize,
    /// Customers that a pool's clock took from it.
    pub reclaims: usize,
    /// Claims after which it made no contact in time.
    pub missed_first_contacts: usize,
    /// Customers that it took from a pool after another rep had had them, and that went on in its hands.
    pub revived: usize,
    /// Those of them that were won in its hands.
    pub revived_won: usize,
    /// Its customers in open stages at the end of the window.
    pub open_customers: usize,
    /// Those of them whose next contact is overdue.
    pub overdue: usize,
    /// Those of them without a contact ahead and without activity for longer than is permitted: what it sits on.
    pub sat_on: usize,
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

/// What each rep does, and what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RepsReport {
    /// The pipelines looked at.
    pub pipelines: Vec<String>,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read models had come.
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
    /// The reps, in the order of their names.
    pub items: Vec<RepLine>,
    /// Where the next reps begin; null at the end.
    pub next_cursor: Option<String>,
}

/// The figures of one rep in the making.
#[derive(Default)]
struct RepAccumulator {
    figures: RepFigures,
    amounts: BTreeMap<String, Decimal>,
    chars: (u64, u64),
    owned_seconds: f64,
    stays: HashMap<(usize, String), Vec<Subject>>,
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

/// What every rep did.
pub(crate) async fn reps(
    snapshot: &mut Snapshot,
    definitions: &[Definition],
    query: &RepsQuery,
) -> Result<RepsReport> {
    let known = known(snapshot, &query.at).await?;
    let position = snapshot.position;
    let pasts = Arc::new(pasts(snapshot, known).await?);
    let mut now = figures(snapshot, definitions, query, (query.at, query.window), known, &pasts).await?;
    let before = query.compare.then(|| window_before(query)).flatten();
    let previous = match before {
        Some((at, window)) => figures(snapshot, definitions, query, (at, window), known, &pasts).await?,
        None => BTreeMap::new(),
    };
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
        position,
        from: query.window.from,
        to: crate::log::history::instant(end),
        previous_from: before.and_then(|(_, window)| window.from),
        previous_to: before.and_then(|(_, window)| window.to),
        attribution: query.attribution,
        definition: "snapshot_win_rate",
        next_cursor: shown.last().filter(|_| shown.len() < rest.len()).map(|last| (*last).clone()),
        items: shown.iter().map(line).collect(),
    })
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
    // What stands at the end of the window is seen from there.
    let at = AsOf { effective_at: crate::log::history::instant(span.end), ..at };
    let asked = QualityQuery {
        at,
        window,
        filter: CohortFilter { visibility: query.visibility.clone(), ..CohortFilter::default() },
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

impl RepAccumulator {
    /// Adds a part of what a deal was worth.
    fn earn(&mut self, past: Option<&CustomerVersion>, part: &Credit<&str>) {
        let Some(Money { amount, currency }) =
            past.and_then(|past| past.won.as_ref().or(past.amount.as_ref()))
        else {
            return;
        };
        let share = amount
            .checked_mul(Decimal::from(part.part))
            .and_then(|shared| shared.checked_div(Decimal::from(part.whole)))
            .unwrap_or_default();
        let share = if part.part == part.whole { *amount } else { share };
        let sum = self.amounts.entry(currency.clone()).or_default();
        *sum = sum.saturating_add(share);
    }

    fn figures(self, definitions: &[Definition]) -> RepFigures {
        let Self { mut figures, amounts, chars: (measured, chars), owned_seconds, stays } = self;
        figures.slowest_stage = slowest(stays, definitions);
        let money = |(currency, amount): (String, Decimal)| MoneyReport {
            amount: amount.round_dp(decimals(&currency).unwrap_or(2)).to_string(),
            currency,
        };
        figures.won_amounts = amounts.into_iter().map(money).collect();
        figures.conversion = ShareReport::of(figures.won, figures.won + figures.lost);
        figures.average_follow_up_chars = (measured > 0).then(|| chars as f64 / measured as f64);
        figures.follow_ups_per_customer_month =
            (owned_seconds > 0.0).then(|| figures.follow_ups as f64 / (owned_seconds / MONTH));
        figures
    }
}

/// The stage of the longest mean stay: of two alike the earlier one.
fn slowest(
    stays: HashMap<(usize, String), Vec<Subject>>,
    definitions: &[Definition],
) -> Option<SlowestStage> {
    let mut all: Vec<SlowestStage> = Vec::with_capacity(stays.len());
    for ((number, stage), subjects) in stays {
        let curve = kaplan_meier(&subjects);
        all.push(SlowestStage {
            pipeline: definitions.get(number)?.pipeline.key.clone(),
            stage,
            stays: subjects.len(),
            median_seconds: curve.reaches(0.5),
            restricted_mean_seconds: curve.restricted_mean(HORIZON),
        });
    }
    let order = |a: &SlowestStage, b: &SlowestStage| {
        let mean = a.restricted_mean_seconds.total_cmp(&b.restricted_mean_seconds);
        mean.then_with(|| (&b.pipeline, &b.stage).cmp(&(&a.pipeline, &a.stage)))
    };
    all.into_iter().max_by(order)
}
