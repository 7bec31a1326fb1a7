//! Alive and ready.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::eventstore::Intake;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// How the service is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Of a service that is ready: `paused` while its clock is not believed, so that rules do not act by themselves, else
    /// `acting`.
    #[schema(example = "acting")]
    #[serde(skip_serializing_if = "Option::is_none")]
    automations: Option<&'static str>,
}

/// Tell that the process lives
#[utoipa::path(
    get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "It does.", body = Health))
)]
pub(super) async fn alive() -> Json<Health> {
    Json(Health { status: "alive", automations: None })
}

/// Tell whether requests are served
///
/// Ready means that the log can be read and written, that every read model which this process keeps up answers, and that the
/// service is not stopping. That automations pause, because the clock is not believed, is told and no reason not to be ready.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses(
        (status = 200, description = "They are.", body = Health),
        (status = 503, description = "Not now.", body = ProblemDocument),
    )
)]
pub(super) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.stop.is_cancelled() {
        return Err(Problem::stopping());
    }
    state.app.store.tenants().await?;
    if *state.app.store.intake().borrow() != Intake::Open {
        return Err(Problem::log_not_writable());
    }
    let unserved = state.app.projections.unserved();
    if !unserved.is_empty() {
        return Err(Problem::projections_unavailable(&unserved));
    }
    let automations = if state.app.automation_pause.is_on() { "paused" } else { "acting" };
    Ok(Json(Health { status: "ready", automations: Some(automations) }))
}
