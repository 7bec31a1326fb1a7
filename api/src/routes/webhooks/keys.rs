//! Rotating a webhook's key, and enabling a webhook.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::WebhookReply;
use super::{WEBHOOK, found};
use crate::auth::{Authority, PresentedCredential};
use crate::http::answer::{EventRef, Recorded};
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A body that says nothing.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Empty {}

/// Another key of a webhook.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RotatedReply {
    /// The new key. It is shown here only: null in the answer to a repeat.
    #[schema(required, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    /// Whether this answers a repeat: the key was in the first answer. Where that was lost, rotate again.
    secret_already_shown: bool,
    /// Until when the former key signs beside it.
    both_keys_until: Option<DateTime<Utc>>,
    /// What was recorded.
    #[serde(flatten)]
    recorded: Recorded,
}

/// A webhook that was enabled.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EnabledWebhook {
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookReply,
    /// The recorded events.
    events: Vec<EventRef>,
}

/// Rotate a webhook's key
///
/// Both keys sign for one day, so that the receiver can switch without missing messages. A key replaced earlier is no
/// longer used. A repeat under the same `Idempotency-Key` rotates nothing and is answered without the key.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook.")),
    responses(
        (status = 200, description = "`secret` is returned only once.", body = RotatedReply),
        (status = 404, description = "There is no such webhook.", body = ProblemDocument),
    )
)]
pub(super) async fn rotate(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Id(id): Id,
    Command { meta, .. }: Command<Empty>,
) -> Result<Json<RotatedReply>, Problem> {
    let webhook = found(&state, caller.tenant, id, WEBHOOK).await?;
    let (key, told) = state.outbound.rotate(&caller, &meta, &shown.credential(), &webhook).await?;
    let now = found(&state, caller.tenant, id, WEBHOOK).await?;
    let both_keys_until = now.former.map(|(_, until)| until);
    let secret_already_shown = key.is_none();
    let (secret, recorded) = (key.map(|key| key.text()), (&told).into());
    Ok(Json(RotatedReply { secret, secret_already_shown, both_keys_until, recorded }))
}

/// Enable a webhook
///
/// A webhook that answers 410 is disabled. Once enabled, it receives the messages that were pending and events recorded
/// from now on; use a replay of positions for events in between. Enabling an enabled webhook has no effect.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/enable", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook.")),
    responses(
        (status = 200, description = "Enabled.", body = EnabledWebhook),
        (status = 404, description = "There is no such webhook.", body = ProblemDocument),
    )
)]
pub(super) async fn enable(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Id(id): Id,
    Command { meta, .. }: Command<Empty>,
) -> Result<(StatusCode, Json<EnabledWebhook>), Problem> {
    let webhook = found(&state, caller.tenant, id, WEBHOOK).await?;
    let told = state.outbound.enable(&caller, &meta, &shown.credential(), webhook.id).await?;
    let now = found(&state, caller.tenant, id, WEBHOOK).await?;
    Ok((StatusCode::OK, Json(EnabledWebhook { webhook: now.into(), events: EventRef::of(&told) })))
}
