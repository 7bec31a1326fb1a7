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
use crate::audit::{self, Finding, Search};
use crate::auth::Authority;
use crate::domain::customer::event::Erased;
use crate::eventstore::Position;
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;
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
    let found = audit::page(&state.app, &caller, &search, below, limit).await?;
    let customers: Vec<Uuid> = found.findings.iter().filter_map(|finding| finding.change.customer).collect();
    let keys = state.app.store.data_keys(caller.tenant, &customers).await?;
    let destroyed: HashMap<Uuid, bool> = keys.into_iter().map(|key| (key.subject, key.destroyed)).collect();
    let items = found.findings.into_iter().filter_map(|finding| certificate(finding, &destroyed)).collect();
    Ok(Json(List { items, next_cursor: found.next.map(|next| next.to_string()) }))
}

fn certificate(
    Finding { change, leaf, .. }: Finding,
    destroyed: &HashMap<Uuid, bool>,
) -> Option<ErasureCertificate> {
    let customer = change.customer?;
    let key = match destroyed.get(&customer) {
        Some(true) => "destroyed",
        Some(false) => "live",
        None => "never_made",
    };
    Some(ErasureCertificate {
        customer,
        event_id: change.id,
        position: change.position,
        ground: change.reason.unwrap_or_default(),
        erased_by: change.actor,
        erased_at: change.recorded_at,
        key,
        leaf_hash: BASE64_STANDARD.encode(leaf),
    })
}
