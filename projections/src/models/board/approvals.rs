//! Requests for moves that need approval, and their outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::snapshot::BoardSnapshot;
use super::statements::{APPROVALS_AMONG, APPROVALS_DUE, APPROVALS_PAGE};
use super::tables::ApprovalRow;
use crate::db::{Row, Transaction, Value, values};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::instant;
use crate::models::read_model::Scope;
use crate::query::{AnyOf, AsOf, LIST_SEPARATOR, visibility_binds};
use crate::storage::columns::TableRow as _;
use crate::storage::table::fetch_by_keys;

/// A request for a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApprovalReport {
    /// Names the request.
    pub id: Uuid,
    /// The customer that must be moved.
    pub customer_id: Uuid,
    /// The journey, by its pipeline's key.
    pub pipeline: String,
    /// The stage that the customer was in.
    pub from: String,
    /// The stage asked for.
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
        if let CustomerEvent::TransitionRequested(_) = &fact.event.event {
            changed.extend(requested(fact).map(|report| (report.id, report)));
        }
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

fn requested(fact: &DecodedEvent) -> Option<ApprovalReport> {
    let CustomerEvent::TransitionRequested(event) = &fact.event.event else { return None };
    let role = |role| serde_json::to_value(role).ok()?.as_str().map(str::to_owned);
    Some(ApprovalReport {
        id: fact.event.id,
        customer_id: fact.customer,
        pipeline: event.journey.clone(),
        from: event.from.clone(),
        to: event.to.clone(),
        status: "requested".to_owned(),
        requested_by: fact.event.actor.clone(),
        requested_at: fact.event.recorded_at,
        effective_at: fact.event.effective_at,
        expires_at: event.expires_at,
        roles: event.roles.iter().filter_map(role).collect(),
        settled_by: None,
        settled_at: None,
        position: fact.event.position,
    })
}

fn row(report: ApprovalReport) -> ApprovalRow {
    ApprovalRow {
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
    Ok(ApprovalReport {
        id: row.approval,
        customer_id: row.customer,
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
        Ok((rows.iter().map(read).collect::<Result<_>>()?, snapshot.position))
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
}
