//! A webhook is set up.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::description;
use super::list::WebhookReply;
use crate::auth::{Authority, Shown};
use crate::http::Command;
use crate::outbound::NewWebhook;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A webhook to be set up.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "url": "https://erp.example/hooks/waymark", "types": ["customer.moved"], "description": "orders"
}))]
pub(super) struct NewWebhookBody {
    /// Where it is: an `https` address.
    url: String,
    /// Which types of event it is told, by their names in the event catalogue; all of them where none is named.
    #[serde(default)]
    types: BTreeSet<String>,
    /// What it is for.
    description: Option<String>,
    /// Whether personal fields are sent in clear. Otherwise they stay sealed, as the log has them.
    #[serde(default)]
    include_personal: bool,
}

/// A new webhook, with its key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct NewWebhookReply {
    /// The key that signs (Standard Webhooks): `whsec_` and base64. It is shown here only.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookReply,
}

/// Set a webhook up
///
/// It is sent what happens from now on, an event a request, signed by Standard Webhooks v1: `webhook-id` (the event's
/// id, the same at each attempt), `webhook-timestamp` and `webhook-signature`. The body is `{type, timestamp, data}`
/// around the entry of the log. Imported histories are not sent. A retry sets up another webhook: the first one's key was
/// not kept to be repeated.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhookBody,
    responses(
        (status = 201, description = "Set up; `secret` is shown this once.", body = NewWebhookReply),
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: Shown,
    Command { body, .. }: Command<NewWebhookBody>,
) -> Result<(StatusCode, Json<NewWebhookReply>), Problem> {
    let new = NewWebhook {
        url: body.url,
        types: body.types.into_iter().collect(),
        description: description(body.description)?,
        include_personal: body.include_personal,
    };
    let (endpoint, key) = state.outbound.add_webhook(&caller, &shown.credential(), new).await?;
    Ok((StatusCode::CREATED, Json(NewWebhookReply { secret: key.text(), webhook: endpoint.into() })))
}
