//! API keys: create, list, revoke.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{RoleName, actor};
use crate::auth::scope::Scope;
use crate::auth::{Authority, NewKey, PresentedCredential};
use crate::domain::company::rights::{KeyRights, RightsCommand};
use crate::http::answer::{List, Recorded, aged};
use crate::http::{Bodiless, Command, Id, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A new API key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"actor": "rep:li", "roles": ["rep"]}))]
pub(super) struct NewKeyBody {
    /// The actor that the key identifies.
    actor: String,
    /// The roles.
    roles: BTreeSet<RoleName>,
    /// The scopes.
    #[serde(default)]
    scopes: BTreeSet<Scope>,
}

/// An API key, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct KeyReply {
    /// The key's id.
    id: Uuid,
    /// The actor that the key identifies.
    #[schema(example = "rep:li")]
    actor: String,
    /// The roles.
    roles: Vec<RoleName>,
    /// The scopes.
    scopes: Vec<Scope>,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was revoked; null if it is valid.
    revoked_at: Option<DateTime<Utc>>,
}

/// A new API key, with its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct NewKeyReply {
    /// The secret for `Authorization: Bearer`. It is not stored and returned only here: null in the answer to a repeat.
    #[schema(required)]
    key: Option<String>,
    /// Whether this answers a repeat: the secret was in the first answer. Where that was lost, revoke the key and create
    /// another under another `Idempotency-Key`.
    secret_already_shown: bool,
    /// The key without its secret.
    #[serde(flatten)]
    kept: KeyReply,
    /// What was recorded.
    #[serde(flatten)]
    recorded: Recorded,
}

impl From<&KeyRights> for KeyReply {
    fn from(known: &KeyRights) -> Self {
        Self {
            id: known.key.id,
            actor: known.key.actor.clone(),
            roles: known.key.roles.iter().map(RoleName::from).collect(),
            scopes: Scope::among(&known.key.scopes).into_iter().collect(),
            created_at: known.created_at,
            revoked_at: known.revoked_at,
        }
    }
}

/// Create an API key
///
/// A repeat under the same `Idempotency-Key` creates no other key. It is answered with the first one without its secret, which
/// is not stored.
#[utoipa::path(
    post, path = "/v1/admin/keys", tag = "admin", request_body = NewKeyBody,
    responses(
        (status = 201, description = "Created; `key` is returned only once.", body = NewKeyReply),
        (status = 409, description = "The member was removed.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Command { body, meta }: Command<NewKeyBody>,
) -> Result<(StatusCode, Json<NewKeyReply>), Problem> {
    let actor = actor(&body.actor, &body.roles)?;
    let new = NewKey { actor: actor.name, roles: actor.roles, scopes: body.scopes };
    let (text, known, told) = state.app.create_key(&caller, &meta, new, &shown.credential()).await?;
    let secret_already_shown = text.is_none();
    let key = text.map(|text| text.to_string());
    let (kept, recorded) = ((&known).into(), (&told).into());
    Ok((StatusCode::CREATED, Json(NewKeyReply { key, secret_already_shown, kept, recorded })))
}

/// List API keys
#[utoipa::path(
    get, path = "/v1/admin/keys", tag = "admin",
    params(Page),
    responses((status = 200, description = "Every key, including revoked ones.", body = List<KeyReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<KeyReply>>, Problem> {
    let (rights, _) = state.app.rights.fresh(caller.tenant).await?;
    let keys = rights.keys.values().map(KeyReply::from).collect();
    Ok(Json(List::paged(keys, &page, |key: &KeyReply| aged(key.created_at, key.id))?))
}

/// The reason for a deletion.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Why {
    /// The reason, recorded in the event log: one line.
    #[param(example = "the device was lost")]
    pub(super) reason: Option<String>,
}

/// Revoke an API key
///
/// The key is rejected immediately on this node and within a second on others; a request that names the `Waymark-Position` of
/// this answer as `min_position` sees the revocation immediately. Revocation is permanent.
#[utoipa::path(
    delete, path = "/v1/admin/keys/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The key's id."), Why),
    responses(
        (status = 204, description = "Revoked."),
        (status = 404, description = "There is no such key.", body = ProblemDocument),
    )
)]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Id(id): Id,
    Query(why, ..): Query<Why>,
    Bodiless(meta): Bodiless,
) -> Result<StatusCode, Problem> {
    if !state.app.rights.fresh(caller.tenant).await?.0.keys.contains_key(&id) {
        return Err(Problem::not_found("key", &id.to_string()));
    }
    let command = RightsCommand::RevokeKey { id, reason: why.reason };
    state.app.administer(&caller, &meta, &command, &shown.credential()).await?;
    Ok(StatusCode::NO_CONTENT)
}
