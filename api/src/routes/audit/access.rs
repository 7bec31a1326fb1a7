//! Who read what: the access log, and the same proofs over it as over the log itself.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::bundle::BundleParams;
use super::changes::{ordered, position};
use super::keys::SigningKeyReply;
use super::proofs::{ConsistencyParams, ConsistencyReply, InclusionParams, InclusionReply};
use super::{Octets, bundle, checkpoint, keys, proofs, tiles};
use crate::access_log::AccessKind;
use crate::access_log::search::{self, AccessEntry, AccessSearch};
use crate::app::Caller;
use crate::auth::Authority;
use crate::http::answer::List;
use crate::http::{Instant, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// Which reads.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AccessParams {
    /// Who read.
    #[param(example = "rep:li")]
    actor: Option<String>,
    /// Whose data was read.
    customer: Option<Uuid>,
    /// What kind of thing was read.
    #[param(inline)]
    kind: Option<AccessKind>,
    /// It was read at this instant or later.
    from: Option<Instant>,
    /// It was read before this instant.
    to: Option<Instant>,
}

/// List who read what
///
/// Every answer that named customers, or showed the log or its proofs, the newest first: who read, when, with which credential,
/// by which request, and whose data. Nobody is left out, auditors included. Values of parameters that may hold a person's name,
/// number or address are null. A page may have fewer items than requested before the end: the next one starts at
/// `next_cursor`, until that is null.
#[utoipa::path(
    get, path = "/v1/audit/access", tag = "audit",
    params(AccessParams, Page),
    responses((status = 200, description = "A page of reads.", body = List<AccessEntry>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, page, ..): Query<AccessParams, Page>,
) -> Result<Json<List<AccessEntry>>, Problem> {
    let at = |instant: Option<Instant>| instant.map(|Instant(at)| at);
    let AccessParams { actor, customer, kind, from, to } = params;
    let search = AccessSearch { actor, customer, kind, from: at(from), to: at(to) };
    ordered("to", search.from, search.to)?;
    let below = page.cursor().map(position).transpose()?;
    let limit = page.limit()? as usize;
    // What was read before this question is in its answer.
    state.access_log.flush().await;
    let log = caller.tenant.access_log();
    let found = search::page(&*state.app.store, log, &search, below, limit).await?;
    Ok(Json(List { items: found.items, next_cursor: found.next.map(|next| next.to_string()) }))
}

/// The same reader, of the access log.
fn of_access_log(Authority(caller): Authority) -> Authority {
    let tenant = caller.tenant.access_log();
    Authority(Caller { tenant, ..caller })
}

/// Read the access log's checkpoint
///
/// As `GET /v1/audit/checkpoint`, of the log of who read what.
#[utoipa::path(
    get, path = "/v1/audit/access/checkpoint", tag = "audit",
    responses((status = 200, description = "The signed note.", body = String, content_type = "text/plain"))
)]
pub(super) async fn checkpoint(
    state: State<AppState>,
    reader: Authority,
) -> Result<impl IntoResponse, Problem> {
    state.access_log.flush().await;
    checkpoint::checkpoint(state, of_access_log(reader)).await
}

/// List the keys that sign the access log's checkpoints
#[utoipa::path(
    get, path = "/v1/audit/access/keys", tag = "audit",
    params(Page),
    responses((status = 200, description = "Each key.", body = List<SigningKeyReply>))
)]
pub(super) async fn keys(
    state: State<AppState>,
    reader: Authority,
    page: Query<Page>,
) -> Result<Json<List<SigningKeyReply>>, Problem> {
    keys::list(state, of_access_log(reader), page).await
}

/// Read a tile of the access log's hashes
#[utoipa::path(
    get, path = "/v1/audit/access/tile/{level}/{*index}", tag = "audit",
    params(
        ("level" = u8, Path, maximum = 63, description = "The level; 0 is that of the leaves."),
        ("index" = String, Path, description = "The place in the level, such as `x001/234` or `067.p/8`.", example = "000.p/1"),
    ),
    responses((status = 200, description = "The hashes.", body = Octets, content_type = "application/octet-stream"))
)]
pub(super) async fn tile(
    state: State<AppState>,
    reader: Authority,
    path: Path<(String, String)>,
) -> Result<Response, Problem> {
    tiles::tile(state, of_access_log(reader), path).await
}

/// Read a tile of the access log's entries
#[utoipa::path(
    get, path = "/v1/audit/access/tile/entries/{*index}", tag = "audit",
    params(("index" = String, Path, description = "The place, such as `x001/234` or `067.p/8`.", example = "000.p/1")),
    responses((status = 200, description = "The entries.", body = Octets, content_type = "application/octet-stream"))
)]
pub(super) async fn entries(
    state: State<AppState>,
    reader: Authority,
    path: Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    tiles::entries(state, of_access_log(reader), path, headers).await
}

/// Prove that a read is in the access log
#[utoipa::path(
    get, path = "/v1/audit/access/proofs/inclusion", tag = "audit",
    params(InclusionParams),
    responses(
        (status = 200, description = "The proof.", content((InclusionReply = "application/json"), (String = "text/plain"))),
        (status = 404, description = "There is no entry of this id.", body = ProblemDocument),
    )
)]
pub(super) async fn inclusion(
    state: State<AppState>,
    reader: Authority,
    headers: HeaderMap,
    query: Query<InclusionParams>,
) -> Result<Response, Problem> {
    proofs::inclusion(state, of_access_log(reader), headers, query).await
}

/// Prove that the access log only grew
#[utoipa::path(
    get, path = "/v1/audit/access/proofs/consistency", tag = "audit",
    params(ConsistencyParams),
    responses(
        (status = 200, description = "The proof.", content((ConsistencyReply = "application/json"), (String = "text/plain"))),
    )
)]
pub(super) async fn consistency(
    state: State<AppState>,
    reader: Authority,
    headers: HeaderMap,
    query: Query<ConsistencyParams>,
) -> Result<Response, Problem> {
    proofs::consistency(state, of_access_log(reader), headers, query).await
}

/// Download a signed bundle of the access log
///
/// As `GET /v1/audit/bundle`, of the log of who read what.
#[utoipa::path(
    get, path = "/v1/audit/access/bundle", tag = "audit",
    params(BundleParams),
    responses((status = 200, description = "The archive.", body = Octets, content_type = "application/gzip"))
)]
pub(super) async fn bundle(
    state: State<AppState>,
    reader: Authority,
    query: Query<BundleParams>,
) -> Result<Response, Problem> {
    state.access_log.flush().await;
    let (Authority(caller), Query(params, ..)) = (of_access_log(reader), query);
    bundle::archive(&state, &caller, &params, None).await
}
