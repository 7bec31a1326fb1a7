//! The board of a pipeline: who stands in each stage, now or at any other pair of instants.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::pipeline::StageType;
use waymark_domain::{Owner, Pipeline};
use waymark_eventstore::Position;

use super::as_of::names_then;
use super::card_order::{CardKey, CardOrder};
use super::customer::Customer;
use super::expected_close::ExpectedClose;
use super::next_contacts::NextContacts;
use super::places::{CardPage, Place, Places};
use super::report::{MoneyReport, NextAction, OwnerReport};
use super::row::read_customer;
use super::snapshot::BoardSnapshot;
use super::statements::CUSTOMERS_AMONG;
use super::{Population, kept_pasts};
use crate::db::{Value, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::seconds;
use crate::storage::table::fetch_by_keys;

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
    /// The order of the cards. When customers are due to be contacted next is known of now alone.
    pub order: CardOrder,
}

impl BoardQuery {
    /// Which cards of each stage are shown.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`].
    pub(super) fn pages(&self) -> Result<impl Fn(&str) -> CardPage> {
        let cursor = self.cursor.as_deref().filter(|_| self.stage.is_some());
        let after = cursor.map(|cursor| CardKey::read(cursor, self.order)).transpose()?;
        Ok(move |stage: &str| {
            let is_shown = self.stage.as_deref().is_none_or(|wanted| wanted == stage);
            CardPage { limit: if is_shown { self.limit } else { 0 }, after: after.clone(), order: self.order }
        })
    }
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
    /// When the deal is expected to close, and how often that was put off; only of a board of now.
    pub expected_close: Option<ExpectedClose>,
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
    /// The first cards, in the order asked for.
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
    /// The last position that counts: the one that was asked about, or how far the read models had come.
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

impl BoardSnapshot {
    /// The board of a pipeline at any two times, of what is known of every customer. `name(stage, sub_status)` says
    /// what a stage, or a sub-status of it, is called.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`], or when the database fails.
    pub async fn cards(
        &mut self,
        pipeline: &Pipeline,
        query: &BoardQuery,
        name: StageNaming<'_>,
    ) -> Result<BoardReport> {
        self.cards_of_all(pipeline, query, &NextContacts::new(), name).await
    }

    /// The same, where it is known when customers are due to be contacted next.
    pub(super) async fn cards_of_all(
        &mut self,
        pipeline: &Pipeline,
        query: &BoardQuery,
        contacts: &NextContacts,
        name: StageNaming<'_>,
    ) -> Result<BoardReport> {
        let snapshot = &mut self.0;
        let page_of = query.pages()?;
        let index = kept_pasts::load(snapshot, &pipeline.key, &query.at).await?;
        let CohortFilter { among, visibility, .. } = query.filter.clone();
        // What customers were like the index tells itself.
        let reached = CohortFilter { among, visibility, ..CohortFilter::default() };
        let (until, known) = (query.at.micros(), snapshot.known(&query.at));
        let reached = Population::of(snapshot, &reached, until, known, None).await?;
        let seen = |customer| reached.holds(customer);
        let places = index.places((until, contacts), &query.filter, seen, page_of);
        report(snapshot, pipeline, query, places, name).await
    }
}

/// What a stage, or a sub-status of it, is called.
pub type StageNaming<'a> = &'a (dyn Fn(&str, Option<&str>) -> Option<String> + Sync);

/// The board of these places.
pub(super) async fn report(
    snapshot: &mut Snapshot,
    pipeline: &Pipeline,
    query: &BoardQuery,
    mut places: Places,
    name: StageNaming<'_>,
) -> Result<BoardReport> {
    let shown = places.by_stage.values().flat_map(|here| &here.page);
    let mut customers = customers(snapshot, shown).await?;
    if !query.now {
        let others = || customers.values().filter(|customer| !customer.was_always_called_so());
        let mut names = names_then(snapshot, others().map(|one| (one.id, one.erased)), &query.at).await?;
        let others: Vec<Uuid> = others().map(|customer| customer.id).collect();
        for id in others {
            customers.entry(id).and_modify(|customer| customer.name = names.remove(&id));
        }
    }
    let total: usize = places.by_stage.values().map(|here| here.figures.count).sum();
    let mut versions = BTreeSet::new();
    let mut stages = Vec::new();
    for (stage, kind) in stages_shown(pipeline, &places) {
        let here = places.by_stage.remove(&stage).unwrap_or_default();
        let figures = here.figures;
        let card = |place: &Place| card(place, customers.get(&place.customer), query);
        stages.push(StageCards {
            name: name(&stage, None).unwrap_or_else(|| stage.clone()),
            sub_statuses: sub_statuses(pipeline, &stage, &figures.sub_statuses, name),
            kind,
            count: figures.count,
            share: (total > 0).then(|| figures.count as f64 / total as f64),
            amounts: figures.amounts(),
            converted: None,
            median_age_seconds: figures.median_age(query.at.micros()),
            cards: here.page.iter().map(card).collect(),
            next_cursor: here.next_cursor,
            stage,
        });
        versions.extend(figures.versions);
    }
    Ok(BoardReport {
        pipeline: pipeline.key.clone(),
        version: pipeline.version,
        effective_at: query.at.effective_at,
        known_at: query.at.known_at,
        position: snapshot.known(&query.at),
        versions: versions.into_iter().collect(),
        total,
        not_started: places.not_started,
        stages,
    })
}

/// The pipeline's stages, then what else somebody stands in, by code points.
fn stages_shown(pipeline: &Pipeline, places: &Places) -> Vec<(String, Option<StageType>)> {
    let known = pipeline.stages.iter().map(|stage| (stage.id.clone(), Some(stage.kind)));
    let held = places.by_stage.iter().filter(|(_, here)| here.figures.count > 0);
    let others = held.map(|(stage, _)| stage).filter(|stage| pipeline.stage(stage).is_none());
    known.chain(others.map(|stage| (stage.clone(), None))).collect()
}

/// How many of those who stand in a stage have each of its sub-statuses.
fn sub_statuses(
    pipeline: &Pipeline,
    stage: &str,
    counts: &BTreeMap<Option<String>, usize>,
    name: StageNaming<'_>,
) -> Vec<SubStatusCount> {
    let defined: Vec<&str> = pipeline
        .stage(stage)
        .into_iter()
        .flat_map(|stage| stage.sub_statuses.iter().map(|known| known.id.as_str()))
        .collect();
    if defined.is_empty() && counts.keys().all(Option::is_none) {
        return Vec::new();
    }
    let others = counts.keys().filter_map(|held| held.as_deref()).filter(|held| !defined.contains(held));
    let all = defined.iter().copied().chain(others).map(Some).chain([None]);
    let counted = |sub_status: Option<&str>| SubStatusCount {
        sub_status: sub_status.map(str::to_owned),
        name: sub_status.map(|id| name(stage, Some(id)).unwrap_or_else(|| id.to_owned())),
        count: counts.get(&sub_status.map(str::to_owned)).copied().unwrap_or_default(),
    };
    all.map(counted).collect()
}

fn card(place: &Place, customer: Option<&Customer>, query: &BoardQuery) -> CardReport {
    CardReport {
        customer_id: place.customer,
        name: customer.and_then(|customer| customer.name.clone()),
        owner: OwnerReport::of(&place.owner),
        entered_at: instant(place.entered),
        age_seconds: seconds(query.at.micros() - place.entered),
        sub_status: place.sub_status.clone(),
        amount: place.amount.as_ref().map(MoneyReport::of),
        next_action: customer.and_then(|customer| {
            let plan = customer.next.clone().filter(|_| query.now)?;
            Some(plan.into())
        }),
        expected_close: customer
            .filter(|_| query.now)
            .and_then(|customer| customer.profile.expected_close.clone()?.told()),
        flags: flags(place, customer, query),
    }
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

async fn customers<'a>(
    snapshot: &mut Snapshot,
    shown: impl Iterator<Item = &'a Place>,
) -> Result<HashMap<Uuid, Customer>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let ids: Vec<Value> = shown.map(|place| place.customer.into()).collect();
    let rows = fetch_by_keys(&mut snapshot.transaction, &CUSTOMERS_AMONG, &head, &ids).await?;
    rows.iter()
        .map(|row| {
            let customer = read_customer(row)?;
            Ok((customer.id, customer))
        })
        .collect()
}
