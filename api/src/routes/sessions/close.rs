//! Signing out.

use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use crate::auth::{Authority, PresentedCredential};
use crate::http::Bodiless;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// Sign out
///
/// Ends the session that the request carries.
#[utoipa::path(
    delete, path = "/v1/me/session", tag = "operations",
    responses(
        (status = 204, description = "Signed out."),
        (status = 404, description = "The request carries no session.", body = ProblemDocument),
    )
)]
pub(super) async fn close(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Bodiless(meta): Bodiless,
) -> Result<StatusCode, Problem> {
    let id = shown.name.strip_prefix("session:").and_then(|id| id.parse::<Uuid>().ok());
    let id = id.ok_or_else(|| Problem::not_found("session", &shown.name))?;
    state.app.sign_out(&caller, &meta, id, &shown.credential()).await?;
    Ok(StatusCode::NO_CONTENT)
}
