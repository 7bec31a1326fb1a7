//! API keys: made, listed, revoked.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{RoleName, actor};
use crate::app::CommandMeta;
use crate::auth::scope::Scope;
use crate::auth::{Authority, NewKey, Shown};
use crate::domain::company::rights::{KeyRights, RightsCommand};
use crate::http::answer::{List, aged};
use crate::http::{Command, Id, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// An API key to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"actor": "rep:li", "roles": ["rep"]}))]
pub(super) struct NewKeyBody {
    /// Who acts with it.
    actor: String,
    /// With which roles.
    roles: BTreeSet<RoleName>,
    /// And which scopes.
    #[serde(default)]
    scopes: BTreeSet<Scope>,
}

/// An API key, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct KeyReply {
    /// Which key.
    id: Uuid,
    /// Who acts with it.
    #[schema(example = "rep:li")]
    actor: String,
    /// With which roles.
    roles: Vec<RoleName>,
    /// And which scopes.
    scopes: Vec<Scope>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// Since when it is no longer valid.
    revoked_at: Option<DateTime<Utc>>,
}

/// A new API key, with its text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct NewKeyReply {
    /// The key's text: what `Authorization: Bearer` takes. It is not kept, and shown here only.
    key: String,
    /// What is kept of it.
    #[serde(flatten)]
    kept: KeyReply,
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

/// Make an API key
///
/// A retry makes another key: the first one's text was not kept and cannot be repeated.
#[utoipa::path(
    post, path = "/v1/admin/keys", tag = "admin", request_body = NewKeyBody,
    responses(
        (status = 201, description = "Made; `key` is shown this once.", body = NewKeyReply),
        (status = 409, description = "The person was removed from the members.", body = ProblemDocument),
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: Shown,
    Command { body, .. }: Command<NewKeyBody>,
) -> Result<(StatusCode, Json<NewKeyReply>), Problem> {
    let actor = actor(&body.actor, &body.roles)?;
    let new = NewKey { actor: actor.name, roles: actor.roles, scopes: body.scopes };
    let (text, known) = state.app.create_key(&caller, new, &shown.credential()).await?;
    Ok((StatusCode::CREATED, Json(NewKeyReply { key: text.to_string(), kept: (&known).into() })))
}

/// List the API keys
#[utoipa::path(
    get, path = "/v1/admin/keys", tag = "admin",
    params(Page),
    responses((status = 200, description = "Every key, revoked ones included.", body = List<KeyReply>))
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

/// Why something is taken away.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Why {
    /// Why, for whoever reads the log: one line.
    #[param(example = "the device was lost")]
    pub(super) reason: Option<String>,
}

/// Revoke an API key
///
/// It opens nothing any more: at once on this node, and on others within a second, or at once where a question names a
/// position that came after. A key that is revoked stays so.
#[utoipa::path(
    delete, path = "/v1/admin/keys/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The key's id."), Why),
    responses(
        (status = 204, description = "Revoked."),
        (status = 404, description = "There is no such key.", body = ProblemDocument),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: Shown,
    Id(id): Id,
    Query(why, ..): Query<Why>,
) -> Result<StatusCode, Problem> {
    if !state.app.rights.fresh(caller.tenant).await?.0.keys.contains_key(&id) {
        return Err(Problem::not_found("key", &id.to_string()));
    }
    let command = RightsCommand::RevokeKey { id, reason: why.reason };
    state.app.administer(&caller, &CommandMeta::default(), &command, &shown.credential()).await?;
    Ok(StatusCode::NO_CONTENT)
}
