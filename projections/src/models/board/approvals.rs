//! Requests for moves that need approval, proposals of agents, and their outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Role;
use waymark_domain::customer::event::{CustomerEvent, Proposed, TransitionRequested};
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::snapshot::BoardSnapshot;
use super::statements::{APPROVALS_AMONG, APPROVALS_DUE, APPROVALS_NEXT, APPROVALS_PAGE};
use super::tables::ApprovalRow;
use crate::db::{Row, Transaction, Value, values};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::instant;
use crate::models::read_model::Scope;
use crate::query::{AnyOf, AsOf, LIST_SEPARATOR, visibility_binds};
use crate::storage::columns::TableRow as _;
use crate::storage::table::fetch_by_keys;

/// A request for a move, or a proposal of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ApprovalReport {
    /// Names the request.
    pub id: Uuid,
    /// The customer that it is about.
    pub customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    pub customer_name: Option<String>,
    /// The journey, by its pipeline's key.
    pub pipeline: String,
    /// The stage that the customer was in.
    pub from: String,
    /// The stage asked for; the one that the customer was in, where a proposal asks for none.
    pub to: String,
    /// `requested`, `approved`, `rejected`, `withdrawn` or `expired`.
    #[schema(example = "requested")]
    pub status: String,
    /// The requester.
    #[schema(example = "rep:li")]
    pub requested_by: String,
    /// When it was recorded.
    pub requested_at: DateTime<Utc>,
    /// When the move happened, as the request has it.
    pub effective_at: DateTime<Utc>,
    /// When it expires unless it is decided before.
    pub expires_at: DateTime<Utc>,
    /// The roles of which any may approve.
    #[schema(example = json!(["manager"]))]
    pub roles: Vec<String>,
    /// Who settled it; null while it waits.
    pub settled_by: Option<String>,
    /// When that was recorded; null while it waits.
    pub settled_at: Option<DateTime<Utc>>,
    /// The position of the request.
    pub position: Position,
    /// What an agent proposes; null where a person asks for a move.
    pub proposal: Option<ProposalReport>,
}

/// What an agent proposes, and what it went by.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProposalReport {
    /// What it would be: `transition`, `follow_up` or `correction`.
    #[schema(example = "transition")]
    pub command: String,
    /// The agent.
    #[schema(example = "agent:assistant")]
    pub agent: String,
    /// The model that it ran on.
    pub model: ModelReport,
    /// What it was asked; null to those who may not read it, and once the person was erased.
    pub prompt: Option<String>,
    /// The body of the single call that it would be; null likewise.
    #[schema(value_type = Option<Object>)]
    pub body: Option<serde_json::Value>,
}

/// The model that an agent ran on, as the agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AgentModel)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Which requests are wanted.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// Those with this status.
    pub status: Option<String>,
    /// Those about this customer.
    pub customer: Option<Uuid>,
    /// Those in this pipeline.
    pub pipeline: Option<String>,
    /// Those whose journey stands in one of these sub-statuses now.
    pub sub_status: Option<AnyOf>,
    /// Which customers are visible to the caller.
    pub visibility: Visibility,
}

/// The request that an event settles, and how.
fn settled(event: &CustomerEvent) -> Option<(Uuid, &'static str)> {
    Some(match event {
        CustomerEvent::TransitionApproved(event) => (event.request, "approved"),
        CustomerEvent::TransitionRejected(event) => (event.request, "rejected"),
        CustomerEvent::TransitionWithdrawn(event) => (event.request, "withdrawn"),
        CustomerEvent::TransitionExpired(event) => (event.request, "expired"),
        CustomerEvent::ProposalSettled(event) => (event.request, event.outcome.as_str()),
        _ => return None,
    })
}

/// The rows that a page's facts write.
pub(super) async fn fold(
    scope: &Scope<'_>,
    transaction: &mut Transaction,
    facts: &[Arc<DecodedEvent>],
) -> Result<Vec<Value>> {
    let (tenant, generation) = (scope.tenant.0, scope.generation);
    let wanted: Vec<Value> =
        facts.iter().filter_map(|fact| settled(&fact.event.event)).map(|(id, _)| id.into()).collect();
    let mut known = BTreeMap::new();
    for row in fetch_by_keys(transaction, APPROVALS_AMONG, &values![tenant, generation], &wanted).await? {
        let report = read(&row)?;
        known.insert(report.id, report);
    }
    let mut changed = BTreeMap::new();
    for fact in facts {
        changed.extend(opened(fact).map(|report| (report.id, report)));
        let Some((id, status)) = settled(&fact.event.event) else { continue };
        let Some(mut report) = changed.remove(&id).or_else(|| known.remove(&id)) else { continue };
        status.clone_into(&mut report.status);
        report.settled_by = Some(fact.event.actor.clone());
        report.settled_at = Some(fact.event.recorded_at);
        changed.insert(id, report);
    }
    let mut values = Vec::new();
    for report in changed.into_values() {
        row(report).push(&mut values);
    }
    Ok(values)
}

/// Those who may work a customer, and so decide what an agent proposes about it.
const DECIDERS: [Role; 4] = [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin];

/// The request or the proposal that an event is.
fn opened(fact: &DecodedEvent) -> Option<ApprovalReport> {
    match &fact.event.event {
        CustomerEvent::TransitionRequested(event) => Some(requested(fact, event)),
        CustomerEvent::Proposed(event) => Some(proposed(fact, event)),
        _ => None,
    }
}

fn requested(fact: &DecodedEvent, event: &TransitionRequested) -> ApprovalReport {
    ApprovalReport {
        id: fact.event.id,
        customer_id: fact.customer,
        customer_name: None,
        pipeline: event.journey.clone(),
        from: event.from.clone(),
        to: event.to.clone(),
        status: "requested".to_owned(),
        requested_by: fact.event.actor.clone(),
        requested_at: fact.event.recorded_at,
        effective_at: fact.event.effective_at,
        expires_at: event.expires_at,
        roles: event.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        settled_by: None,
        settled_at: None,
        position: fact.event.position,
        proposal: None,
    }
}

fn proposed(fact: &DecodedEvent, event: &Proposed) -> ApprovalReport {
    ApprovalReport {
        id: fact.event.id,
        customer_id: fact.customer,
        customer_name: None,
        pipeline: event.journey.clone(),
        from: event.from.clone(),
        to: event.to.as_ref().unwrap_or(&event.from).clone(),
        status: "requested".to_owned(),
        requested_by: fact.event.actor.clone(),
        requested_at: fact.event.recorded_at,
        effective_at: fact.event.effective_at,
        expires_at: event.expires_at,
        roles: DECIDERS.iter().map(|role| role.as_str().to_owned()).collect(),
        settled_by: None,
        settled_at: None,
        position: fact.event.position,
        proposal: Some(ProposalReport {
            command: event.command.as_str().to_owned(),
            agent: event.agent.clone(),
            model: ModelReport { name: event.model.name.clone(), version: event.model.version.clone() },
            prompt: None,
            body: None,
        }),
    }
}

fn row(report: ApprovalReport) -> ApprovalRow {
    let proposal = report.proposal.as_ref();
    ApprovalRow {
        command: proposal.map(|proposal| proposal.command.clone()),
        agent: proposal.map(|proposal| proposal.agent.clone()),
        model: proposal.map(|proposal| proposal.model.name.clone()),
        model_version: proposal.map(|proposal| proposal.model.version.clone()),
        approval: report.id,
        customer: report.customer_id,
        pipeline: report.pipeline,
        stage_from: report.from,
        stage_to: report.to,
        status: report.status,
        requested_by: report.requested_by,
        requested_at: report.requested_at.timestamp_micros(),
        effective_at: report.effective_at.timestamp_micros(),
        expires_at: report.expires_at.timestamp_micros(),
        roles: report.roles.join(" "),
        settled_by: report.settled_by,
        settled_at: report.settled_at.map(|at| at.timestamp_micros()),
        position: report.position,
    }
}

fn read(row: &Row) -> Result<ApprovalReport> {
    let row = ApprovalRow::read(row)?;
    let model = row.model.zip(row.model_version).map(|(name, version)| ModelReport { name, version });
    let said = row.command.zip(row.agent).zip(model);
    let proposal = said.map(|((command, agent), model)| ProposalReport {
        command,
        agent,
        model,
        prompt: None,
        body: None,
    });
    Ok(ApprovalReport {
        proposal,
        id: row.approval,
        customer_id: row.customer,
        customer_name: None,
        pipeline: row.pipeline,
        from: row.stage_from,
        to: row.stage_to,
        status: row.status,
        requested_by: row.requested_by,
        requested_at: instant(row.requested_at),
        effective_at: instant(row.effective_at),
        expires_at: instant(row.expires_at),
        roles: row.roles.split_whitespace().map(str::to_owned).collect(),
        settled_by: row.settled_by,
        settled_at: row.settled_at.map(instant),
        position: row.position,
    })
}

impl BoardSnapshot {
    /// The requests for moves after a position, oldest first, as they are now, or stood at an instant by what was known of it. A request, and
    /// what settles it, happens when it is recorded.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approvals(
        &mut self,
        filter: &ApprovalFilter,
        at: Option<&AsOf>,
        after: Position,
        limit: u32,
    ) -> Result<(Vec<ApprovalReport>, Position)> {
        let snapshot = &mut self.0;
        let until = at.map_or(i64::MAX, |at| at.effective_at.min(at.known_at).timestamp_micros());
        let known = at.map_or(i64::MAX, |at| snapshot.known(at).cast_signed());
        let text = |wanted: &Option<String>| Value::from(wanted.clone());
        let (status, customer, pipeline) =
            (text(&filter.status), Value::from(filter.customer), text(&filter.pipeline));
        let head = values![snapshot.tenant.0, snapshot.generation, after];
        let values = [
            &head[..],
            &[status, customer, pipeline],
            &values![limit],
            &visibility_binds(&filter.visibility),
            &values![filter.sub_status.as_ref().map(AnyOf::list), LIST_SEPARATOR],
            &values![until, known],
        ]
        .concat();
        let rows = snapshot.transaction.rows(APPROVALS_PAGE, &values).await?;
        let named = |row: &Row| Ok(ApprovalReport { customer_name: row.opt_text("name")?, ..read(row)? });
        Ok((rows.iter().map(named).collect::<Result<_>>()?, snapshot.position))
    }
}

impl BoardSnapshot {
    /// The requests that nobody settled in time, each with its customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approvals_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(Uuid, Uuid)>> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation, now.timestamp_micros(), limit];
        let rows = snapshot.transaction.rows(APPROVALS_DUE, &values).await?;
        rows.iter().map(|row| Ok((row.uuid("approval")?, row.uuid("customer")?))).collect()
    }

    /// When the first of the requests expires that nobody has settled, which may be past.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_approval_due(&mut self) -> Result<Option<DateTime<Utc>>> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation];
        let row = snapshot.transaction.row(APPROVALS_NEXT, &values).await?;
        row.map(|row| Ok(instant(row.int("expires_at")?))).transpose()
    }
}
