//! Signing in.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::Endpoint;
use crate::http::Command;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::admin::RoleName;

/// What somebody signs in with.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(example = json!({"code": "wml_01970000000070008000000000000001_01970000000070008000000000000002_AAAA"}))]
pub(super) struct SignIn {
    /// The code of a sign-in link, which can be used once; or an API key.
    code: String,
}

/// A session.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct SessionReply {
    /// What `Authorization: Bearer` takes. It is not stored and returned only here.
    session: String,
    /// The session's id.
    id: Uuid,
    /// The person.
    #[schema(example = "rep:li")]
    actor: String,
    /// The roles. A member acts in the roles that are set for the member.
    roles: BTreeSet<RoleName>,
    /// When it ends by itself, at the latest.
    expires_at: DateTime<Utc>,
}

/// Sign in
///
/// Opens a session by the code of a sign-in link or by an API key. It lasts twelve hours, and ends before after two hours in
/// which nothing was asked with it, with `DELETE /v1/me/session`, with the API key by which it was opened, and when the member is
/// removed. No credential is required; a retry with a code that was used is refused.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "operations", request_body = SignIn,
    responses(
        (status = 201, description = "Signed in; `session` is returned only once.", body = SessionReply),
        (status = 401, description = "The code is mistyped, used or expired.", body = ProblemDocument),
    )
)]
pub(super) async fn open(
    State(state): State<AppState>,
    endpoint: Option<Extension<Arc<Endpoint>>>,
    Command { body, .. }: Command<SignIn>,
) -> Result<(StatusCode, Json<SessionReply>), Problem> {
    let opened = state.app.sign_in(body.code.trim(), endpoint.map(|Extension(endpoint)| endpoint)).await?;
    let opened = opened.ok_or_else(Problem::sign_in_link_unusable)?;
    let session = opened.session;
    Ok((
        StatusCode::CREATED,
        Json(SessionReply {
            session: opened.text,
            id: session.id,
            actor: session.actor,
            roles: session.roles.iter().map(RoleName::from).collect(),
            expires_at: session.expires_at,
        }),
    ))
}
