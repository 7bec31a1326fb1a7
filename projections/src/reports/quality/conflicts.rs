//! Customers whose journeys contradict each other, or themselves.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::pipeline::StageType;

use super::input::ReportInput;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::OwnerReport;
use crate::models::dwell;
use crate::models::snapshot::Snapshot;
use crate::reports::Definition;
use crate::reports::page::Place;
use crate::stats::cycles::{Cycle, Kinds, Outcome, cycles};
use crate::stats::{JourneySet, Micros};

/// What contradicts what. They are to be looked at: a customer may well have bought one thing and declined another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Won, or being served, in one pipeline, and lost in another at the same instant.
    WonAndLost,
    /// The cycle was won, and now stands in a lost stage.
    LostAfterWon,
    /// The cycle was won, and now stands in an open stage: a deal that was cancelled, or a new one without a new cycle.
    OpenAfterWon,
    /// In an after-sale stage, although the cycle was never won, not even in part.
    ServedWithoutDeal,
    /// Won or being served, although the last day of the contract has passed.
    ContractEnded,
}

/// Where a customer stands in one of the pipelines concerned.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Side {
    /// The pipeline.
    pub pipeline: String,
    /// The cycle.
    pub cycle: u32,
    /// The stage in which it stands.
    pub stage: String,
    /// What that means.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: StageType,
    /// Since when.
    pub entered_at: DateTime<Utc>,
    /// When the cycle was first won; null where it was not.
    pub won_at: Option<DateTime<Utc>>,
}

/// A contradiction.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Conflict {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    pub customer_name: Option<String>,
    /// Whose it is.
    pub owner: Option<OwnerReport>,
    /// What contradicts what.
    pub kind: ConflictKind,
    /// The journeys concerned, that of this pipeline first.
    pub journeys: Vec<Side>,
    /// The last day of the contract, where it is the matter.
    #[schema(value_type = Option<String>, format = Date)]
    pub contract_end: Option<NaiveDate>,
}

impl Conflict {
    pub(super) fn place(&self) -> Place {
        (self.kind as i64, self.customer_id, 0)
    }
}

/// Where a cycle stands.
fn side(definition: &Definition, journeys: &JourneySet, kinds: &Kinds, cycle: &Cycle) -> Option<Side> {
    let last = cycle.last()?;
    let stage = journeys.stages.text(last.stage);
    let won = match cycle.outcome(kinds) {
        Some(Outcome::Won(at)) => Some(instant(at)),
        _ => None,
    };
    Some(Side {
        pipeline: definition.pipeline.key.clone(),
        cycle: cycle.cycle,
        kind: kinds.get(last.stage as usize).copied().flatten()?,
        stage: stage.to_owned(),
        entered_at: instant(last.entered),
        won_at: won,
    })
}

/// Where each customer of a pipeline stands at an instant, in its last cycle.
fn sides(definition: &Definition, journeys: &JourneySet, until: Micros) -> HashMap<Uuid, (Side, Cycle)> {
    let (mut sides, kinds) = (HashMap::new(), definition.kinds(journeys));
    for (journey, records) in journeys.journeys(until) {
        let Some(cycle) = cycles(records).pop() else { continue };
        if journeys.ended(journey, until).is_some() {
            continue;
        }
        if let Some(side) = side(definition, journeys, &kinds, &cycle) {
            sides.insert(journeys.customer(journey), (side, cycle));
        }
    }
    sides
}

/// Every contradiction of the pipeline's customers.
pub(super) async fn conflicts(
    snapshot: &mut Snapshot,
    input: &ReportInput<'_>,
    others: &[Definition],
) -> Result<Vec<Conflict>> {
    let until = input.until();
    let here = sides(input.definition, &input.journeys, until);
    let mut elsewhere: HashMap<Uuid, Vec<Side>> = HashMap::new();
    snapshot.switch_model(dwell::NAME).await?;
    for other in others {
        let journeys: Arc<JourneySet> = dwell::load(snapshot, &other.pipeline.key, input.known).await?;
        let found = sides(other, &journeys, until);
        for (customer, (side, _)) in found.into_iter().filter(|(customer, _)| here.contains_key(customer)) {
            elsewhere.entry(customer).or_default().push(side);
        }
    }
    let mut conflicts = Vec::new();
    for (customer, (side, cycle)) in &here {
        let past = input.past(*customer);
        if past.is_some_and(|past| past.merged) {
            continue;
        }
        let contract_end = past.and_then(|past| past.contract_end);
        let others = elsewhere.remove(customer).unwrap_or_default();
        for (kind, journeys) in contradictions(input, side, cycle, others, contract_end) {
            conflicts.push(Conflict {
                customer_id: *customer,
                customer_name: None,
                owner: input.owner(*customer),
                kind,
                journeys,
                contract_end: contract_end.filter(|_| kind == ConflictKind::ContractEnded),
            });
        }
    }
    Ok(conflicts)
}

/// The contradictions of one customer.
fn contradictions(
    input: &ReportInput<'_>,
    side: &Side,
    cycle: &Cycle,
    others: Vec<Side>,
    contract_end: Option<NaiveDate>,
) -> Vec<(ConflictKind, Vec<Side>)> {
    let mut found = Vec::new();
    let opposite = |other: &Side| {
        (side.kind.is_client() && other.kind.is_lost()) || (side.kind.is_lost() && other.kind.is_client())
    };
    let mut opposed: Vec<Side> = others.into_iter().filter(opposite).collect();
    if !opposed.is_empty() {
        opposed.insert(0, side.clone());
        found.push((ConflictKind::WonAndLost, opposed));
    }
    let dealt = cycle.stays.iter().any(|visit| input.kind(visit.stage).is_some_and(StageType::closes_a_deal));
    let since_won = |conflict| side.won_at.is_some().then_some(conflict);
    let own = if side.kind.is_lost() {
        since_won(ConflictKind::LostAfterWon)
    } else if side.kind.is_open() {
        since_won(ConflictKind::OpenAfterWon)
    } else {
        (side.kind.is_after_sale() && !dealt).then_some(ConflictKind::ServedWithoutDeal)
    };
    found.extend(own.map(|kind| (kind, vec![side.clone()])));
    let day = input.query.at.effective_at.date_naive();
    if side.kind.is_client() && contract_end.is_some_and(|end| end < day) {
        found.push((ConflictKind::ContractEnded, vec![side.clone()]));
    }
    found
}
