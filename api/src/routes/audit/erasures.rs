//! Who was forgotten, when, on what ground, and that nothing of them can be read.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::changes::position;
use crate::audit::{self, Carried, Finding, Search};
use crate::auth::Authority;
use crate::domain::customer::event::Erased;
use crate::eventstore::{Position, TenantId};
use crate::http::answer::List;
use crate::http::{Id, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::restored;
use crate::routes::AppState;

/// That a person's data were erased. The proof that it was recorded is `GET /v1/audit/proofs/inclusion?event_id=…`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ErasureCertificate {
    /// The customer.
    customer: Uuid,
    /// The event of the erasure.
    event_id: Uuid,
    /// Its position in the log.
    position: Position,
    /// On what ground, as a code.
    #[schema(example = "request")]
    ground: String,
    /// Who erased.
    erased_by: String,
    /// When.
    erased_at: DateTime<Utc>,
    /// What there is of the key that opens the personal values: `destroyed`; `never_made` where there was nothing to seal;
    /// `live` after a restored backup.
    #[schema(example = "destroyed")]
    key: &'static str,
    /// The erasure that this one repeats: a restored backup had brought the person back, and the record outside the database has
    /// it. Null of a first one.
    repeats: Option<Uuid>,
    /// When that was, as far as the record is at hand.
    first_erased_at: Option<DateTime<Utc>>,
    /// The hash of the event's entry as a leaf of the log's tree, in base64.
    leaf_hash: String,
}

/// List erasures
///
/// The newest first, each as a certificate.
#[utoipa::path(
    get, path = "/v1/audit/erasures", tag = "audit",
    params(Page),
    responses((status = 200, description = "A page of certificates.", body = List<ErasureCertificate>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<ErasureCertificate>>, Problem> {
    let search = Search { types: vec![Erased::TYPE.to_owned()], ..Search::default() };
    let (limit, below) = (page.limit()? as usize, page.cursor().map(position).transpose()?);
    let found = audit::page(&state.app, &state.histories, &caller, &search, below, limit).await?;
    let customers: Vec<Uuid> = found.findings.iter().filter_map(|finding| finding.change.customer).collect();
    let keys = state.app.store.data_keys(caller.tenant, &customers).await?;
    let destroyed: HashMap<Uuid, bool> = keys.into_iter().map(|key| (key.subject, key.destroyed)).collect();
    let told = |finding| certificate(&state, caller.tenant, finding, &destroyed);
    let items = found.findings.into_iter().filter_map(told).collect();
    Ok(Json(List { items, next_cursor: found.next.map(|next| next.to_string()) }))
}

/// Who may still hold data of a customer, whether it was erased or is about to be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ErasureReach {
    /// The customer.
    customer: Uuid,
    /// The certificate of the erasure; null where it was not erased.
    certificate: Option<ErasureCertificate>,
    /// Where entries about the customer went.
    #[serde(flatten)]
    carried: Carried,
}

/// Get an erasure and whom it does not reach
///
/// The certificate, and everybody outside who may hold what the log said of the customer until then: the webhooks and robots that
/// were sent messages, the consumers of the log that fetched them, and the files that were carried away, with their numbers and
/// instants. They are to be told. It can be asked before an erasure as well.
#[utoipa::path(
    get, path = "/v1/audit/erasures/{id}", tag = "audit",
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "The erasure, and whom it does not reach.", body = ErasureReach),
        (status = 404, description = "There is no such customer.", body = ProblemDocument),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
) -> Result<Json<ErasureReach>, Problem> {
    let carried = audit::carried(&state.app, &state.outbound, caller.tenant, customer).await?;
    let carried = carried.ok_or_else(|| Problem::not_found("customer", &customer.to_string()))?;
    let types = vec![Erased::TYPE.to_owned()];
    let search = Search { types, customer: Some(customer), ..Search::default() };
    let found = audit::page(&state.app, &state.histories, &caller, &search, None, 1).await?;
    let key = state.app.store.data_key(caller.tenant, customer).await?;
    let destroyed: HashMap<Uuid, bool> = key.into_iter().map(|key| (key.subject, key.destroyed)).collect();
    let told = |finding| certificate(&state, caller.tenant, finding, &destroyed);
    let certificate = found.findings.into_iter().find_map(told);
    Ok(Json(ErasureReach { customer, certificate, carried }))
}

fn certificate(
    state: &AppState,
    tenant: TenantId,
    Finding { change, leaf, .. }: Finding,
    destroyed: &HashMap<Uuid, bool>,
) -> Option<ErasureCertificate> {
    let customer = change.customer?;
    let key = match destroyed.get(&customer) {
        Some(true) => "destroyed",
        Some(false) => "live",
        None => "never_made",
    };
    let first = state.app.recorded_erasure(tenant, customer);
    let repeats = change.cause.filter(|_| change.actor == restored::ACTOR);
    let first = first.filter(|first| repeats == Some(first.event_id));
    Some(ErasureCertificate {
        customer,
        event_id: change.id,
        position: change.position,
        ground: change.reason.unwrap_or_default(),
        erased_by: change.actor,
        erased_at: change.recorded_at,
        key,
        repeats,
        first_erased_at: first.map(|first| first.at),
        leaf_hash: BASE64_STANDARD.encode(leaf),
    })
}
