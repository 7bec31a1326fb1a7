//! Creating a webhook.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::description;
use super::list::WebhookReply;
use crate::auth::{Authority, PresentedCredential};
use crate::http::Command;
use crate::http::answer::EventRef;
use crate::outbound::NewWebhook;
use crate::problem::Problem;
use crate::routes::AppState;

/// A new webhook.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "url": "https://erp.example/hooks/waymark", "types": ["customer.moved"], "description": "orders"
}))]
pub(super) struct NewWebhookBody {
    /// The URL (`https`).
    url: String,
    /// The event types to send, as named in the event catalogue; all if empty.
    #[serde(default)]
    types: BTreeSet<String>,
    /// A description.
    description: Option<String>,
    /// Whether personal fields are sent in clear; otherwise they stay encrypted, as in the log.
    #[serde(default)]
    include_personal: bool,
}

/// A new webhook, with its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct NewWebhookReply {
    /// The signing secret (Standard Webhooks): `whsec_` and base64. Returned only here: null in the answer to a repeat.
    #[schema(required, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    /// Whether this answers a repeat: the secret was in the first answer. Where that was lost, rotate the key.
    secret_already_shown: bool,
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookReply,
    /// The recorded events.
    events: Vec<EventRef>,
}

/// Create a webhook
///
/// It receives events recorded from now on, one per request, signed according to Standard Webhooks v1: `webhook-id`
/// (the event id, the same for each attempt), `webhook-timestamp` and `webhook-signature`. The body is `{type,
/// timestamp, data}` around the log entry. Imported history is not sent. A repeat under the same `Idempotency-Key` creates
/// no other webhook. It is answered with the first one without its secret, which is not stored in clear.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhookBody,
    responses((status = 201, description = "Created; `secret` is returned only once.", body = NewWebhookReply))
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Command { body, meta }: Command<NewWebhookBody>,
) -> Result<(StatusCode, Json<NewWebhookReply>), Problem> {
    let new = NewWebhook {
        url: body.url,
        types: body.types.into_iter().collect(),
        description: description(body.description)?,
        include_personal: body.include_personal,
    };
    let (endpoint, key, told) = state.outbound.add_webhook(&caller, &meta, &shown.credential(), new).await?;
    let secret_already_shown = key.is_none();
    let secret = key.map(|key| key.text());
    let (webhook, events) = (endpoint.into(), EventRef::of(&told));
    let reply = NewWebhookReply { secret, secret_already_shown, webhook, events };
    Ok((StatusCode::CREATED, Json(reply)))
}
