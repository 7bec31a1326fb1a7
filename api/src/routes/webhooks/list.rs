//! Listing and deleting webhooks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::WEBHOOK;
use crate::auth::{Authority, PresentedCredential};
use crate::http::answer::{List, aged};
use crate::http::{Bodiless, Id, Page, Query};
use crate::outbound::endpoint::Endpoint;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A webhook, without its keys.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct WebhookReply {
    /// The key.
    id: Uuid,
    /// The URL.
    url: String,
    /// The event types it receives; all if empty.
    types: Vec<String>,
    /// A description; null if none was given.
    description: Option<String>,
    /// Whether personal fields are sent in clear.
    include_personal: bool,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// Who created it.
    #[schema(example = "admin:root")]
    created_by: String,
    /// When it was disabled; null if it is enabled.
    disabled_at: Option<DateTime<Utc>>,
    /// Why it was disabled; null if it is enabled.
    disabled_because: Option<String>,
    /// Until when the previous key signs as well; null if there is none.
    both_keys_until: Option<DateTime<Utc>>,
    /// The log position up to which it has been processed.
    position: u64,
}

impl From<Endpoint> for WebhookReply {
    fn from(endpoint: Endpoint) -> Self {
        let (disabled_at, disabled_because) = endpoint.disabled.unzip();
        Self {
            id: endpoint.id,
            url: endpoint.url.unwrap_or_default(),
            types: endpoint.types,
            description: endpoint.description,
            include_personal: endpoint.include_personal,
            created_at: endpoint.created_at,
            created_by: endpoint.created_by,
            disabled_at,
            disabled_because,
            both_keys_until: endpoint.former.map(|(_, until)| until),
            position: endpoint.cursor,
        }
    }
}

/// List webhooks
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks",
    params(Page),
    responses((status = 200, description = "Every webhook, oldest first.", body = List<WebhookReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<WebhookReply>>, Problem> {
    let webhooks = state.outbound.receivers(caller.tenant, false).await?;
    Ok(Json(List::paged(webhooks.into_iter().map(WebhookReply::from).collect(), &page, |one| {
        aged(one.created_at, one.id)
    })?))
}

/// Delete a webhook
///
/// Its keys and undelivered messages are deleted.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such webhook.", body = ProblemDocument),
    )
)]
pub(super) async fn remove(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Id(id): Id,
    Bodiless(meta): Bodiless,
) -> Result<StatusCode, Problem> {
    state.outbound.remove(&caller, &meta, &shown.credential(), id, WEBHOOK).await?;
    Ok(StatusCode::NO_CONTENT)
}
