//! API keys: made, listed, revoked.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{RoleName, actor};
use crate::auth::store::Scope;
use crate::auth::{ApiKey, Authority, NewKey};
use crate::http::answer::List;
use crate::http::query::Nothing;
use crate::http::{Command, Id, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::Site;

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

impl From<ApiKey> for KeyReply {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            actor: key.actor.name,
            roles: key.actor.roles.iter().map(RoleName::from).collect(),
            scopes: key.scopes.into_iter().collect(),
            created_at: key.created_at,
            revoked_at: key.revoked_at,
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
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(site): State<Site>,
    Authority(caller): Authority,
    Command { body, .. }: Command<NewKeyBody>,
) -> Result<(StatusCode, Json<NewKeyReply>), Problem> {
    let actor = actor(&body.actor, &body.roles)?;
    let new = NewKey { actor: actor.name, roles: actor.roles, scopes: body.scopes };
    let (text, key) = site.admin.create_key(caller.tenant, new).await?;
    Ok((StatusCode::CREATED, Json(NewKeyReply { key: text.to_string(), kept: key.into() })))
}

/// List the API keys
#[utoipa::path(
    get, path = "/v1/admin/keys", tag = "admin",
    responses((status = 200, description = "Every key, revoked ones included.", body = List<KeyReply>))
)]
pub(super) async fn list(
    State(site): State<Site>,
    Authority(caller): Authority,
    _: Query<Nothing>,
) -> Result<Json<List<KeyReply>>, Problem> {
    let keys = site.admin.keys(caller.tenant).await?;
    Ok(Json(List::whole(keys.into_iter().map(KeyReply::from).collect())))
}

/// Revoke an API key
///
/// It opens nothing any more: at once on this node, within five seconds on others.
#[utoipa::path(
    delete, path = "/v1/admin/keys/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The key's id.")),
    responses(
        (status = 204, description = "Revoked."),
        (status = 404, description = "There is no such key.", body = ProblemDocument),
    )
)]
pub(super) async fn revoke(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(key): Id,
) -> Result<StatusCode, Problem> {
    match site.admin.revoke_key(caller.tenant, key).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("key", &key.to_string())),
    }
}
