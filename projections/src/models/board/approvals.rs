//! Requests for moves that need approval, and what became of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::{APPROVALS_AMONG, APPROVALS_DUE, APPROVALS_PAGE};
use crate::db::{Row, Transaction, Value, values};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::instant;
use crate::models::read_model::Scope;
use crate::query::{Snapshot, visibility_binds};
use crate::storage::table::fetch_by_keys;

/// A request for a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApprovalReport {
    /// Names the request.
    pub id: Uuid,
    /// The customer that is to be moved.
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
    /// Who asks.
    #[schema(example = "rep:li")]
    pub requested_by: String,
    /// When it was recorded.
    pub requested_at: DateTime<Utc>,
    /// When the move happened, as the request has it.
    pub effective_at: DateTime<Utc>,
    /// When it expires unless somebody settles it.
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
    /// Which customers whoever asks sees.
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
    Ok(changed.into_values().flat_map(row).collect())
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

fn row(report: ApprovalReport) -> [Value; 14] {
    values![
        report.id,
        report.customer_id,
        report.pipeline,
        report.from,
        report.to,
        report.status,
        report.requested_by,
        report.requested_at.timestamp_micros(),
        report.effective_at.timestamp_micros(),
        report.expires_at.timestamp_micros(),
        report.roles.join(" "),
        report.settled_by,
        report.settled_at.map(|at| at.timestamp_micros()),
        report.position,
    ]
}

fn read(row: &Row) -> Result<ApprovalReport> {
    Ok(ApprovalReport {
        id: row.uuid(0)?,
        customer_id: row.uuid(1)?,
        pipeline: row.text(2)?,
        from: row.text(3)?,
        to: row.text(4)?,
        status: row.text(5)?,
        requested_by: row.text(6)?,
        requested_at: instant(row.int(7)?),
        effective_at: instant(row.int(8)?),
        expires_at: instant(row.int(9)?),
        roles: row.str(10)?.split_whitespace().map(str::to_owned).collect(),
        settled_by: row.opt_text(11)?,
        settled_at: row.opt_int(12)?.map(instant),
        position: row.position(13)?,
    })
}

/// The requests after a position, oldest first.
pub(crate) async fn approvals(
    snapshot: &mut Snapshot,
    filter: &ApprovalFilter,
    after: Position,
    limit: u32,
) -> Result<Vec<ApprovalReport>> {
    let text = |wanted: &Option<String>| Value::from(wanted.clone());
    let (status, customer, pipeline) =
        (text(&filter.status), Value::from(filter.customer), text(&filter.pipeline));
    let head = values![snapshot.tenant.0, snapshot.generation, after];
    let values =
        [&head[..], &[status, customer, pipeline], &values![limit], &visibility_binds(&filter.visibility)]
            .concat();
    snapshot.transaction.rows(APPROVALS_PAGE, &values).await?.iter().map(read).collect()
}

/// The requests that nobody settled in time, with their customers.
pub(crate) async fn due(
    snapshot: &mut Snapshot,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(Uuid, Uuid)>> {
    let values = values![snapshot.tenant.0, snapshot.generation, now.timestamp_micros(), limit];
    let rows = snapshot.transaction.rows(APPROVALS_DUE, &values).await?;
    rows.iter().map(|row| Ok((row.uuid(0)?, row.uuid(1)?))).collect()
}
