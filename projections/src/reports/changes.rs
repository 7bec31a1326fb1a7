//! What changed of a pipeline's value between two moments, and which customers stand behind each change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::Money;
use waymark_domain::money::Rates;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use super::{known, names, pasts};
use crate::board::MoneyReport;
use crate::dwell;
use crate::error::{ProjectionError, Result};
use crate::models::board::Population;
use crate::models::board::versions::{self, CustomerVersions};
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::changes::{
    self, Amounts, Bucket, Buckets, ChangeKind, CycleId, Outside, Part, Place, Standing, State,
};
use crate::stats::{CensoringEvent, JourneySet, Micros, MoveRecord, Names};

/// What is asked about changes.
#[derive(Debug, Clone)]
pub struct ChangesQuery {
    /// The first moment.
    pub from: AsOf,
    /// The second moment: neither of its times is earlier.
    pub to: AsOf,
    /// Whose customers.
    pub filter: CohortFilter,
    /// The types of stage whose cycles are the value.
    pub types: Vec<StageType>,
    /// The first and the last day of the period in which the value is expected to close; any, without one.
    pub period: Option<(NaiveDate, NaiveDate)>,
    /// The rates by which amounts are converted, each rounded by itself, and into which currency.
    pub convert: Option<(Rates, String)>,
}

/// A moment: which instant, and by which knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MomentReport {
    /// The business instant.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge.
    pub known_at: DateTime<Utc>,
    /// The last position that counts as known: with it the same question is answered alike permanently.
    pub known_position: Position,
}

/// The value at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValueReport {
    /// How many cycles are in it.
    pub count: usize,
    /// What they may be worth, by currency.
    pub amounts: Vec<MoneyReport>,
}

/// The cycles of one kind of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeReport {
    /// How they changed. Of `learned`: `known_late`, `withdrawn`, `corrected_in`, `corrected_out`, `merged`, `erased`,
    /// `kept`. Of `happened`: `created`, `reactivated`, `woken`, `pulled_in`, `entered_scope`, `won`, `partial`, `lost`, `rested`, `closed`,
    /// `merged`, `erased`, `pushed_out`, `left_scope`, `advanced`, `moved_back`, `stayed`. Of both, over the cycles that stayed:
    /// `amount_up`, `amount_down`.
    pub kind: ChangeKind,
    /// How many cycles.
    pub count: usize,
    /// What they add to the number of cycles in the value: negative for those that left it, 0 for those that stayed.
    pub change: i64,
    /// What they add to the amounts, by currency: negative for what left. With the amount before, all of a part add up to
    /// the amount after it, exactly.
    pub amounts: Vec<MoneyReport>,
    /// The cursor to the customers behind it, for `GET /v1/changes/{pipeline}/customers`.
    pub customers: String,
}

/// What changed of a pipeline's value between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaterfallReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about: that of the second moment.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about: that of the second moment.
    pub known_at: DateTime<Utc>,
    /// The first moment.
    pub from: MomentReport,
    /// The second moment.
    pub to: MomentReport,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// The types of stage whose cycles are the value.
    #[schema(value_type = Vec<String>)]
    pub types: Vec<StageType>,
    /// The first day of the period in which the value is expected to close; null for any.
    pub period_from: Option<NaiveDate>,
    /// The last day of it.
    pub period_to: Option<NaiveDate>,
    /// The currency that amounts were converted into, each rounded by itself; null where they are as entered.
    pub currency: Option<String>,
    /// The day of the rates; null without conversion.
    pub rate_date: Option<NaiveDate>,
    /// The value at the first moment.
    pub opening: ValueReport,
    /// What we came to know about the first instant.
    pub learned: Vec<ChangeReport>,
    /// The value at the first instant, as is known at the second moment.
    pub restated: ValueReport,
    /// What happened between the two instants.
    pub happened: Vec<ChangeReport>,
    /// The value at the second moment.
    pub closing: ValueReport,
}

/// One cycle behind a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedCycle {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, erased, or not for the caller to read.
    pub name: Option<String>,
    /// Which pass of its journey.
    pub cycle: u32,
    /// Its stage before; null where it had not begun.
    pub stage_before: Option<String>,
    /// Its stage after; null where it has not begun.
    pub stage_after: Option<String>,
    /// What it might have been worth before.
    pub amount_before: Option<MoneyReport>,
    /// What it may be worth after.
    pub amount_after: Option<MoneyReport>,
}

/// The cycles behind a change, a page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedCycles {
    /// The cycles, by customer.
    pub items: Vec<ChangedCycle>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

/// The three states of a waterfall, with the names of the stages in them.
struct States {
    opening: State,
    restated: State,
    closing: State,
    stages: Names,
    places: Vec<Option<usize>>,
}

impl States {
    fn part(&self, part: Part) -> (&State, &State) {
        match part {
            Part::Learned => (&self.opening, &self.restated),
            Part::Happened => (&self.restated, &self.closing),
        }
    }

    fn changes(&self, part: Part) -> Buckets {
        let (before, after) = self.part(part);
        changes::changes(part, before, after, &self.places)
    }
}

impl ReportSnapshot {
    /// What changed between two moments. `cursor` gives the cursor to the customers of a change, of the moments as they are
    /// pinned.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(
        &mut self,
        definition: &Definition,
        query: &ChangesQuery,
        cursor: &(dyn Fn([&MomentReport; 2], Part, ChangeKind) -> String + Sync),
    ) -> Result<WaterfallReport> {
        let snapshot = &mut self.0;
        let (from, to) = (known(snapshot, &query.from).await?, known(snapshot, &query.to).await?);
        let position = from.max(to);
        let states = states(snapshot, definition, query, (from, to)).await?;
        let moment = |at: &AsOf, known_position| MomentReport {
            effective_at: at.effective_at,
            known_at: at.known_at,
            known_position,
        };
        let (from, to) = (moment(&query.from, from), moment(&query.to, to));
        let part = |part: Part| {
            let each = states.changes(part).into_iter();
            each.map(|(kind, bucket)| change(kind, &bucket, cursor([&from, &to], part, kind))).collect()
        };
        Ok(WaterfallReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: to.effective_at,
            known_at: to.known_at,
            from,
            to,
            position,
            types: query.types.clone(),
            period_from: query.period.map(|(from, _)| from),
            period_to: query.period.map(|(_, to)| to),
            currency: query.convert.as_ref().map(|(_, currency)| currency.clone()),
            // Where there were no rates of the day nothing was converted.
            rate_date: query
                .convert
                .as_ref()
                .filter(|(rates, _)| !rates.rates.is_empty())
                .map(|(rates, _)| rates.date),
            opening: value(&states.opening),
            learned: part(Part::Learned),
            restated: value(&states.restated),
            happened: part(Part::Happened),
            closing: value(&states.closing),
        })
    }

    /// The cycles behind a change of a part, at most `limit` that come after a cycle. `cursor` gives the cursor of what
    /// comes after one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changed_cycles(
        &mut self,
        definition: &Definition,
        query: &ChangesQuery,
        (part, kind, after): (Part, ChangeKind, Option<CycleId>),
        limit: usize,
        cursor: &(dyn Fn(CycleId) -> String + Sync),
    ) -> Result<(ChangedCycles, Position)> {
        let snapshot = &mut self.0;
        let (from, to) = (known(snapshot, &query.from).await?, known(snapshot, &query.to).await?);
        let position = from.max(to);
        let states = states(snapshot, definition, query, (from, to)).await?;
        let bucket = states.changes(part).remove(&kind).unwrap_or_default();
        let is_beyond = |id: &&CycleId| after.is_none_or(|after| **id > after);
        let mut shown: Vec<CycleId> =
            bucket.cycles.iter().filter(is_beyond).take(limit + 1).copied().collect();
        let more = shown.len() > limit;
        shown.truncate(limit);
        let ids: Vec<Uuid> = shown.iter().map(|(customer, _)| *customer).collect();
        let mut named = names(snapshot, &ids, &query.from).await?;
        named.extend(names(snapshot, &ids, &query.to).await?);
        let (before, after) = states.part(part);
        let item = |id: &CycleId| {
            let stage = |state: &State| {
                let stage = state.get(id)?.stage?;
                Some(states.stages.text(stage).to_owned())
            };
            let amount = |state: &State| state.get(id)?.amount.as_ref().map(MoneyReport::of);
            ChangedCycle {
                customer_id: id.0,
                name: named.get(&id.0).cloned(),
                cycle: id.1,
                stage_before: stage(before),
                stage_after: stage(after),
                amount_before: amount(before),
                amount_after: amount(after),
            }
        };
        let next_cursor = shown.last().filter(|_| more).map(|last| cursor(*last));
        Ok((ChangedCycles { items: shown.iter().map(item).collect(), next_cursor }, position))
    }
}

fn value(state: &State) -> ValueReport {
    let value = changes::value(state);
    ValueReport { count: value.count, amounts: money(&value.amounts) }
}

fn change(kind: ChangeKind, bucket: &Bucket, customers: String) -> ChangeReport {
    let count = bucket.cycles.len();
    let change = kind.sign() * i64::try_from(count).unwrap_or(i64::MAX);
    ChangeReport { kind, count, change, amounts: money(&bucket.amounts), customers }
}

fn money(amounts: &Amounts) -> Vec<MoneyReport> {
    let report = |(currency, amount): (&String, &Decimal)| MoneyReport {
        amount: amount.to_string(),
        currency: currency.clone(),
    };
    amounts.iter().map(report).collect()
}

/// The three states that a waterfall lies between.
async fn states(
    snapshot: &mut Snapshot,
    definition: &Definition,
    query: &ChangesQuery,
    (from, to): (Position, Position),
) -> Result<States> {
    let mut stages = Names::default();
    let (first, second) = (query.from.micros(), query.to.micros());
    let by_then = Knowledge::at(snapshot, definition, from).await?;
    let opening = by_then.state(snapshot, definition, query, (first, from), &mut stages).await?;
    drop(by_then);
    let by_now = Knowledge::at(snapshot, definition, to).await?;
    let restated = by_now.state(snapshot, definition, query, (first, to), &mut stages).await?;
    let closing = by_now.state(snapshot, definition, query, (second, to), &mut stages).await?;
    let numbers = 0..u32::try_from(stages.len()).unwrap_or(u32::MAX);
    let places = numbers.map(|number| definition.place(stages.text(number))).collect();
    Ok(States { opening, restated, closing, stages, places })
}

/// All that was known of a pipeline's journeys at a position.
struct Knowledge {
    journeys: Arc<JourneySet>,
    pasts: Arc<CustomerVersions>,
}

impl Knowledge {
    async fn at(snapshot: &mut Snapshot, definition: &Definition, known: Position) -> Result<Self> {
        let pasts = pasts(snapshot, known).await?;
        snapshot.switch_model(dwell::NAME).await?;
        let journeys = dwell::load(snapshot, &definition.pipeline.key, known).await?;
        Ok(Self { journeys, pasts })
    }

    /// Where every known cycle stood at an instant. Cycles of customers that the caller does not see are not known.
    async fn state(
        &self,
        snapshot: &mut Snapshot,
        definition: &Definition,
        query: &ChangesQuery,
        (at, known): (Micros, Position),
        stages: &mut Names,
    ) -> Result<State> {
        let pasts = Some(Arc::clone(&self.pasts));
        let among = Population::of(snapshot, &query.filter, at, known, pasts).await?;
        let numbers = 0..u32::try_from(self.journeys.stages.len()).unwrap_or(u32::MAX);
        let shared: Vec<u32> =
            numbers.map(|number| stages.intern(self.journeys.stages.text(number))).collect();
        let mut kinds = KindCache { definition, journeys: &self.journeys, known: HashMap::new() };
        let mut state = State::new();
        for journey in 0..self.journeys.len() {
            let customer = self.journeys.customer(journey);
            if !among.sees(customer) {
                continue;
            }
            let passes = among.holds(customer);
            let ended = self.journeys.ended(journey, at).map(|(_, why)| why);
            let past = self.pasts.get(&customer).map_or(&[][..], Vec::as_slice);
            // A backdated journey may have begun before anything was known of what it may be worth.
            let then = versions::at(past, at).or(past.first());
            let closes = then.and_then(|then| then.expected_close).map(|close| close.on);
            let amount = then.and_then(|then| then.amount.as_ref()).map(|money| query.converted(money));
            for (cycle, last, followed) in latest(self.journeys.until(journey, Micros::MAX), at) {
                let kind = last.and_then(|last| kinds.get(last));
                let place = match last {
                    None => Place::NotBegun,
                    Some(_) => query.place(kind, followed, ended, closes, passes),
                };
                let stage = last.map(|last| shared[last.stage as usize]);
                state.insert((customer, cycle), Standing { place, stage, kind, amount: amount.clone() });
            }
        }
        Ok(state)
    }
}

/// What stages meant in the versions that records are of.
struct KindCache<'a> {
    definition: &'a Definition,
    journeys: &'a JourneySet,
    known: HashMap<(u32, u16), Option<StageType>>,
}

impl KindCache<'_> {
    fn get(&mut self, record: &MoveRecord) -> Option<StageType> {
        let Self { definition, journeys, known } = self;
        *known.entry((record.stage, record.version)).or_insert_with(|| {
            let stage = journeys.stages.text(record.stage);
            definition.versions.kind_of(record.version.into(), stage).or_else(|| definition.kind(stage))
        })
    }
}

/// The cycles of a journey, each with the last record of it by an instant, and whether another cycle had begun after it by
/// then.
fn latest(records: &[MoveRecord], at: Micros) -> Vec<(u32, Option<&MoveRecord>, bool)> {
    let mut cycles: BTreeMap<u32, Option<&MoveRecord>> = BTreeMap::new();
    let mut current = None;
    for record in records.iter().filter(|record| !record.repeat) {
        let last = cycles.entry(record.cycle).or_default();
        if record.at <= at {
            *last = Some(record);
            current = Some(record.cycle);
        }
    }
    let with_what_follows = |(cycle, last)| (cycle, last, current.is_some_and(|current| current > cycle));
    cycles.into_iter().map(with_what_follows).collect()
}

impl ChangesQuery {
    /// Where a cycle stands that has begun.
    fn place(
        &self,
        kind: Option<StageType>,
        followed: bool,
        ended: Option<CensoringEvent>,
        closes: Option<NaiveDate>,
        passes: bool,
    ) -> Place {
        let is_in_period =
            self.period.is_none_or(|(from, to)| closes.is_some_and(|on| (from..=to).contains(&on)));
        let is_asked_for = kind.is_some_and(|kind| self.types.contains(&kind));
        let outside = match ended {
            _ if !is_asked_for => outside(kind),
            _ if followed => Outside::Followed,
            Some(CensoringEvent::Merged) => Outside::Merged,
            Some(CensoringEvent::Erased) => Outside::Erased,
            Some(CensoringEvent::Unmerged) | None if !is_in_period => Outside::OtherPeriod,
            Some(CensoringEvent::Unmerged) | None if passes => return Place::Within,
            Some(CensoringEvent::Unmerged) | None => Outside::Filtered,
        };
        Place::Outside(outside)
    }

    /// An amount as it counts. What has no rate stays what it is.
    fn converted(&self, money: &Money) -> Money {
        let converted = self.convert.as_ref().and_then(|(rates, currency)| {
            let total = rates.total([money], currency)?;
            let amount = Some(total.amount).filter(|_| total.without_rate.is_empty())?;
            Some(Money { amount, currency: currency.clone() })
        });
        converted.unwrap_or_else(|| money.clone())
    }
}

/// Why a cycle is outside that stands in a stage whose type is not asked for.
fn outside(kind: Option<StageType>) -> Outside {
    match kind {
        None => Outside::Closed,
        Some(kind) if kind.is_client() => Outside::Won,
        Some(kind) if kind.closes_a_deal() => Outside::Partial,
        Some(kind) if kind.is_lost() => Outside::Lost,
        Some(kind) if kind.rests() => Outside::Resting,
        Some(kind) if kind.ends_without_outcome() => Outside::Closed,
        Some(_) => Outside::OtherType,
    }
}

/// The place of a cycle in a list, as a cursor writes it.
#[must_use]
pub fn write_place((customer, cycle): CycleId) -> String {
    format!("{}.{cycle}", customer.simple())
}

/// The place that [`write_place`] wrote.
///
/// # Errors
/// [`ProjectionError::BadCursor`] for anything else.
pub fn read_place(place: &str) -> Result<CycleId> {
    let (customer, cycle) = place.split_once('.').ok_or(ProjectionError::BadCursor)?;
    let customer = Uuid::parse_str(customer).map_err(|_| ProjectionError::BadCursor)?;
    Ok((customer, cycle.parse().map_err(|_| ProjectionError::BadCursor)?))
}
