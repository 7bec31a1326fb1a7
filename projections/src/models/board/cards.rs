//! The board of a pipeline: who stands in each stage, now or at any other pair of instants.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::Money;
use waymark_domain::pipeline::StageType;
use waymark_domain::{Owner, Pipeline};
use waymark_eventstore::Position;

use super::customer::Customer;
use super::found_by::value_order;
use super::plan::Plan;
use super::report::{MoneyReport, NextAction, OwnerReport};
use super::row::{money_of, owner_of, read_customer};
use super::snapshot::BoardSnapshot;
use super::statements::{CARDS_OF, CUSTOMERS_AMONG};
use super::{Population, versions};
use crate::db::{Row, Value, values};
use crate::error::{ProjectionError, Result};
use crate::log::history::instant;
use crate::models::dwell;
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter, visibility_binds};
use crate::stats::{Micros, quantile, seconds};
use crate::storage::columns::{Cell as _, Json};
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// What is asked of a board.
#[derive(Debug, Clone)]
pub struct BoardQuery {
    /// The two times.
    pub at: AsOf,
    /// Whether neither time was given: then the cards as they are now answer.
    pub now: bool,
    /// Which customers.
    pub filter: CohortFilter,
    /// Only this stage's cards; the other stages come without cards.
    pub stage: Option<String>,
    /// Where the cards of that stage begin: a `next_cursor` of an earlier answer.
    pub cursor: Option<String>,
    /// How many cards a stage shows at most.
    pub limit: usize,
    /// Whether the most valuable come first, instead of those who have been there longest.
    pub by_value: bool,
}

/// A customer's card.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CardReport {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, or erased.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: OwnerReport,
    /// When the stay began.
    pub entered_at: DateTime<Utc>,
    /// How long it has lasted.
    pub age_seconds: f64,
    /// The sub-status.
    pub sub_status: Option<String>,
    /// What the deal may be worth.
    pub amount: Option<MoneyReport>,
    /// What must be done next, and by when; only of a board of now.
    pub next_action: Option<NextAction>,
    /// `in_pool`, `overdue_follow_up` and `touched_again` (both only of a board of now; the latter: it came in as a lead
    /// again, and nobody has followed up since), `at_risk` (only of a board of now), `erased`.
    pub flags: Vec<String>,
}

/// Amounts of several currencies in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConvertedReport {
    /// The sum: a decimal, rounded to the currency's minor units.
    #[schema(example = "819.99")]
    pub amount: String,
    /// The ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// The day whose rates were taken.
    pub rate_date: NaiveDate,
    /// The currencies without a rate on that day: they are not in the sum.
    pub without_rate: Vec<String>,
}

/// Those of a stage who have one sub-status, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubStatusCount {
    /// The sub-status; null for those who have none.
    pub sub_status: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// How many stand here.
    pub count: usize,
}

/// One stage of a board.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageCards {
    /// The stage.
    pub stage: String,
    /// The name.
    pub name: String,
    /// Its type; null for a stage that the pipeline no longer has.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<StageType>,
    /// How many stand here.
    pub count: usize,
    /// Their share of all; null on an empty board.
    pub share: Option<f64>,
    /// What their deals may be worth, by currency.
    pub amounts: Vec<MoneyReport>,
    /// The same in one currency, by the rates of a day; null where there is no rate for any of them.
    pub converted: Option<ConvertedReport>,
    /// The median time since entry.
    pub median_age_seconds: Option<f64>,
    /// How many have each sub-status: those of the definition in its order, then others that somebody has, then null. Empty
    /// for a stage without any.
    pub sub_statuses: Vec<SubStatusCount>,
    /// The first cards, oldest stay first.
    pub cards: Vec<CardReport>,
    /// Where the next cards begin; null at the end.
    pub next_cursor: Option<String>,
}

/// A pipeline's board.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BoardReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The version whose stages are shown.
    pub version: u32,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read model had come.
    pub position: Position,
    /// The pipeline versions that the stages of those who stand here are of, in order.
    pub versions: Vec<u32>,
    /// How many stand anywhere on it.
    pub total: usize,
    /// Journeys known by then whose first move is later.
    pub not_started: usize,
    /// The stages, in the pipeline's order.
    pub stages: Vec<StageCards>,
}

/// Where a customer stands.
struct Place {
    customer: Uuid,
    entered: Micros,
    owner: Owner,
    amount: Option<Money>,
    sub_status: Option<String>,
    tier: Option<String>,
}

/// The places by stage, each in the order of (entry, customer).
#[derive(Default)]
struct Places {
    by_stage: HashMap<String, Vec<Place>>,
    versions: BTreeSet<u32>,
    not_started: usize,
}

impl BoardSnapshot {
    /// The board of a pipeline. `name(stage, sub_status)` says what a stage, or a sub-status of it, is called.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn cards(
        &mut self,
        pipeline: &Pipeline,
        query: &BoardQuery,
        name: &(dyn Fn(&str, Option<&str>) -> Option<String> + Sync),
    ) -> Result<BoardReport> {
        let snapshot = &mut self.0;
        let generation = snapshot.generation;
        let present = if query.now { places_now(snapshot, pipeline, query).await? } else { None };
        let mut places = match present {
            Some(places) => places,
            None => places_then(snapshot, pipeline, query).await?,
        };
        snapshot.generation = generation;
        let total: usize = places.by_stage.values().map(Vec::len).sum();
        let mut stages = Vec::new();
        for (stage, kind) in stages_shown(pipeline, &places) {
            let here = places.by_stage.remove(&stage).unwrap_or_default();
            let (cards, next_cursor) = cards(snapshot, query, &stage, &here).await?;
            stages.push(StageCards {
                name: name(&stage, None).unwrap_or_else(|| stage.clone()),
                sub_statuses: sub_statuses(pipeline, &stage, &here, name),
                kind,
                count: here.len(),
                share: (total > 0).then(|| here.len() as f64 / total as f64),
                amounts: amounts(&here),
                converted: None,
                median_age_seconds: median_age(&here, query.at.micros()),
                cards,
                next_cursor,
                stage,
            });
        }
        Ok(BoardReport {
            pipeline: pipeline.key.clone(),
            version: pipeline.version,
            effective_at: query.at.effective_at,
            known_at: query.at.known_at,
            position: snapshot.position,
            versions: std::mem::take(&mut places.versions).into_iter().collect(),
            total,
            not_started: places.not_started,
            stages,
        })
    }
}

/// The pipeline's stages, then what else somebody stands in, by code points.
fn stages_shown(pipeline: &Pipeline, places: &Places) -> Vec<(String, Option<StageType>)> {
    let known = pipeline.stages.iter().map(|stage| (stage.id.clone(), Some(stage.kind)));
    let mut others: Vec<_> = places.by_stage.keys().filter(|stage| pipeline.stage(stage).is_none()).collect();
    others.sort_unstable();
    known.chain(others.into_iter().map(|stage| (stage.clone(), None))).collect()
}

/// How many of those who stand in a stage have each of its sub-statuses.
fn sub_statuses(
    pipeline: &Pipeline,
    stage: &str,
    here: &[Place],
    name: &(dyn Fn(&str, Option<&str>) -> Option<String> + Sync),
) -> Vec<SubStatusCount> {
    let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for place in here {
        *counts.entry(place.sub_status.as_deref()).or_default() += 1;
    }
    let defined: Vec<&str> = pipeline
        .stage(stage)
        .into_iter()
        .flat_map(|stage| stage.sub_statuses.iter().map(|known| known.id.as_str()))
        .collect();
    if defined.is_empty() && counts.keys().all(Option::is_none) {
        return Vec::new();
    }
    let others = counts.keys().filter_map(|held| *held).filter(|held| !defined.contains(held));
    let all = defined.iter().copied().chain(others).map(Some).chain([None]);
    let counted = |sub_status: Option<&str>| SubStatusCount {
        sub_status: sub_status.map(str::to_owned),
        name: sub_status.map(|id| name(stage, Some(id)).unwrap_or_else(|| id.to_owned())),
        count: counts.get(&sub_status).copied().unwrap_or_default(),
    };
    all.map(counted).collect()
}

/// The cards as they are. None when one of them moved after the instant that counts as now (clocks may differ by
/// some minutes): then the history has to answer.
async fn places_now(
    snapshot: &mut Snapshot,
    pipeline: &Pipeline,
    query: &BoardQuery,
) -> Result<Option<Places>> {
    let mut places = Places::default();
    let mut after: [Value; 3] = values!["", i64::MIN, Uuid::nil()];
    loop {
        let mut values: Vec<Value> =
            values![snapshot.tenant.0, snapshot.generation, pipeline.key.as_str()].into();
        values.extend(after);
        values.push(ROWS.into());
        values.extend(visibility_binds(&query.filter.visibility));
        let rows = snapshot.transaction.rows(CARDS_OF, &values).await?;
        for row in &rows {
            if row.int("last_at")? > query.at.micros() {
                return Ok(None);
            }
            let past = past_of(row)?;
            if versions::passes(std::slice::from_ref(&past), Micros::MAX, &query.filter) {
                places.versions.insert(past.version);
                places.by_stage.entry(row.text("stage")?).or_default().push(Place {
                    customer: row.uuid("customer")?,
                    entered: row.int("entered_at")?,
                    owner: past.owner,
                    amount: past.amount,
                    sub_status: row.opt_text("sub_status")?,
                    tier: past.tier,
                });
            }
        }
        match rows.last() {
            Some(last) if rows.len() == ROWS as usize => {
                after = values![last.str("stage")?, last.int("entered_at")?, last.uuid("customer")?];
            }
            _ => return Ok(Some(places)),
        }
    }
}

fn past_of(row: &Row) -> Result<versions::CustomerVersion> {
    Ok(versions::CustomerVersion {
        since: Micros::MIN,
        position: 0,
        version: row.number("pipeline_version")?,
        owner: owner_of(row.str("owner_kind")?, row.text("owner_id")?),
        tier: row.opt_text("tier")?,
        amount: money_of(row.opt_text("amount")?, row.opt_text("currency")?),
        source: row.opt_text("source")?,
        channel: row.opt_text("channel")?,
        tags: Json::read(row, "tags")?.parse()?,
        industry: row.opt_text("industry")?,
        region: row.opt_text("region")?,
        postponed_until: None,
        merged: false,
        contract_end: None,
        won: None,
        sub_statuses: row.opt_text("sub_status")?.map(|held| (String::new(), held)).into_iter().collect(),
        expected_close: None,
    })
}

/// Where everybody stood, from the moves known then and what customers were like.
async fn places_then(snapshot: &mut Snapshot, pipeline: &Pipeline, query: &BoardQuery) -> Result<Places> {
    let known = snapshot.known(&query.at);
    let pasts = versions::load(snapshot, known).await?;
    let until = query.at.micros();
    let among = Population::of(snapshot, &query.filter, until, known, Some(Arc::clone(&pasts))).await?;
    snapshot.switch_model(dwell::NAME).await?;
    let journeys = dwell::load(snapshot, &pipeline.key, known).await?;
    let mut places = Places::default();
    for (journey, records) in journeys.journeys(until) {
        let customer = journeys.customer(journey);
        if !among.holds(customer) {
            continue;
        }
        let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
        let Some(stay) = records.iter().rev().find(|record| !record.repeat) else {
            places.not_started += 1;
            continue;
        };
        // A backdated journey may have begun before anything was known of the customer's owner.
        let then = versions::at(past, until).or(past.first());
        let Some(then) = then.filter(|then| !then.merged) else { continue };
        places.versions.insert(stay.version.into());
        let stage = journeys.stages.text(stay.stage).to_owned();
        places.by_stage.entry(stage).or_default().push(Place {
            customer,
            entered: stay.at,
            owner: then.owner.clone(),
            amount: then.amount.clone(),
            sub_status: then.sub_statuses.get(&pipeline.key).cloned(),
            tier: then.tier.clone(),
        });
    }
    for here in places.by_stage.values_mut() {
        here.sort_unstable_by_key(|place| (place.entered, place.customer));
    }
    Ok(places)
}

fn amounts(places: &[Place]) -> Vec<MoneyReport> {
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for money in places.iter().filter_map(|place| place.amount.as_ref()) {
        let sum = sums.entry(&money.currency).or_default();
        *sum = sum.saturating_add(money.amount);
    }
    let report = |(currency, amount): (&str, Decimal)| MoneyReport {
        amount: amount.to_string(),
        currency: currency.to_owned(),
    };
    sums.into_iter().map(report).collect()
}

fn median_age(places: &[Place], until: Micros) -> Option<f64> {
    // Oldest entry first is greatest age first.
    let ages: Vec<f64> = places.iter().rev().map(|place| seconds(until - place.entered)).collect();
    quantile::continuous(&ages, 0.5)
}

async fn cards(
    snapshot: &mut Snapshot,
    query: &BoardQuery,
    stage: &str,
    here: &[Place],
) -> Result<(Vec<CardReport>, Option<String>)> {
    if query.stage.as_deref().is_some_and(|wanted| wanted != stage) {
        return Ok((Vec::new(), None));
    }
    let mut sorted: Vec<&Place> = here.iter().collect();
    if query.by_value {
        // A stable sort: of equal value, those who have been there longest come first.
        sorted.sort_by_cached_key(|place| value_order(place.tier.as_deref(), place.amount.as_ref()));
    }
    let here = sorted;
    let begin = match query.cursor.as_deref().filter(|_| query.stage.is_some()) {
        Some(cursor) => {
            let after = read_cursor(cursor)?;
            match query.by_value {
                true => here
                    .iter()
                    .position(|place| (place.entered, place.customer) == after)
                    .map_or(0, |n| n + 1),
                false => here.partition_point(|place| (place.entered, place.customer) <= after),
            }
        }
        None => 0,
    };
    let shown = &here[begin..here.len().min(begin.saturating_add(query.limit))];
    let more = begin + shown.len() < here.len();
    let next_cursor = shown.last().filter(|_| more).map(|place| cursor(place));
    let customers = customers(snapshot, shown).await?;
    let card = |place: &&Place| {
        let customer = customers.get(&place.customer);
        CardReport {
            customer_id: place.customer,
            name: customer.and_then(|customer| customer.name.clone()),
            owner: OwnerReport::of(&place.owner),
            entered_at: instant(place.entered),
            age_seconds: seconds(query.at.micros() - place.entered),
            sub_status: place.sub_status.clone(),
            amount: place.amount.as_ref().map(MoneyReport::of),
            next_action: customer.and_then(|customer| {
                let Plan { at, text, said_at } = customer.next.clone().filter(|_| query.now)?;
                Some(NextAction::planned(at, text, Some(said_at)))
            }),
            flags: flags(place, customer, query),
        }
    };
    Ok((shown.iter().map(card).collect(), next_cursor))
}

fn flags(place: &Place, customer: Option<&Customer>, query: &BoardQuery) -> Vec<String> {
    let next = customer.and_then(|customer| customer.next.as_ref());
    let overdue = query.now && next.is_some_and(|plan| plan.at < query.at.effective_at);
    let flags = [
        ("in_pool", matches!(place.owner, Owner::Pool(_))),
        ("overdue_follow_up", overdue),
        ("touched_again", query.now && customer.is_some_and(Customer::waits_for_an_answer)),
        ("at_risk", query.now && customer.is_some_and(|customer| customer.profile.risk.is_some())),
        ("erased", customer.is_some_and(|customer| customer.erased)),
    ];
    flags.into_iter().filter(|(_, set)| *set).map(|(flag, _)| flag.to_owned()).collect()
}

async fn customers(snapshot: &mut Snapshot, shown: &[&Place]) -> Result<HashMap<Uuid, Customer>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let ids: Vec<Value> = shown.iter().map(|place| place.customer.into()).collect();
    let rows = fetch_by_keys(&mut snapshot.transaction, CUSTOMERS_AMONG, &head, &ids).await?;
    rows.iter()
        .map(|row| {
            let customer = read_customer(row)?;
            Ok((customer.id, customer))
        })
        .collect()
}

fn cursor(place: &Place) -> String {
    format!("{}.{}", place.entered, place.customer.simple())
}

fn read_cursor(cursor: &str) -> Result<(Micros, Uuid)> {
    let parts = cursor.split_once('.').ok_or(ProjectionError::BadCursor)?;
    let entered = parts.0.parse().map_err(|_| ProjectionError::BadCursor)?;
    Ok((entered, Uuid::parse_str(parts.1).map_err(|_| ProjectionError::BadCursor)?))
}
