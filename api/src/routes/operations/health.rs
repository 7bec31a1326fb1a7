//! Liveness and readiness.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::eventstore::Intake;
use crate::eventstore::segments::segment_faults;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// The state of the service.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// For a service that is ready: `paused` while its clock is not trusted, so that automation rules do not run, else
    /// `acting`.
    #[schema(example = "acting")]
    #[serde(skip_serializing_if = "Option::is_none")]
    automations: Option<&'static str>,
}

/// Liveness check
#[utoipa::path(
    get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "The process is alive.", body = Health))
)]
pub(super) async fn alive() -> Json<Health> {
    Json(Health { status: "alive", automations: None })
}

/// Readiness check
///
/// Ready means that the event log can be read and written, that every read model of this process answers, that the keys that
/// sign checkpoints are at hand, that no segment of the log is known to be unreadable, and that the service is not shutting down. Paused automations, because the clock is not trusted, are reported but do not affect
/// readiness.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses(
        (status = 200, description = "Ready.", body = Health),
        (status = 503, description = "Not ready.", body = ProblemDocument),
    )
)]
pub(super) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.stop.is_cancelled() {
        return Err(Problem::stopping());
    }
    state.app.store.answers().await?;
    if *state.app.store.intake().borrow() != Intake::Open {
        return Err(Problem::log_not_writable());
    }
    let unserved = state.app.projections.unserved();
    if !unserved.is_empty() {
        return Err(Problem::projections_unavailable(&unserved));
    }
    let missing = state.checkpoint_signer.missing_keys().await;
    if !missing.is_empty() {
        return Err(Problem::signing_key_missing(&missing));
    }
    let faults = segment_faults(state.checkpoint_signer.store()).await?;
    if !faults.is_empty() {
        return Err(Problem::segment_unreadable(&faults));
    }
    if let Some(fault) = state.app.erasure_record_fault().await? {
        return Err(Problem::erasure_record_unavailable(fault.to_string()));
    }
    let automations = if state.app.automation_pause.is_on() { "paused" } else { "acting" };
    Ok(Json(Health { status: "ready", automations: Some(automations) }))
}
