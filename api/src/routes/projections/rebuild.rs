//! Rebuilding a read model.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::auth::Authority;
use crate::http::{Bodiless, Key};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::runtime::{PendingRebuild, ProjectionStatus};
use crate::routes::AppState;

/// Rebuild a read model
///
/// From the first event, while the current rows keep serving; then both are compared and the new rows take over. `GET
/// /v1/projections` shows the progress as `rebuilding`, and the result as `compared`. A rebuild that meets an event it
/// cannot process changes nothing. Only one rebuild of a read model runs at a time.
#[utoipa::path(
    post, path = "/v1/projections/{name}/rebuild", tag = "operations",
    params(("name" = String, Path, description = "The read model: `board`, `timeline`, `dwell` or `work`.")),
    responses(
        (status = 202, description = "Started; the status before the rebuild.", body = ProjectionStatus),
        (status = 404, description = "There is no such read model.", body = ProblemDocument),
        (status = 409, description = "A rebuild is already running (`rebuild-running`).", body = ProblemDocument),
    )
)]
pub(super) async fn rebuild(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    Bodiless(meta): Bodiless,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let started = async {
        let all = state.app.projections.status(caller.tenant).await?;
        let before = all.into_iter().find(|status| status.name == name);
        let before = before.ok_or_else(|| Problem::not_found("projection", &name))?;
        let begun = state.app.projections.begin_rebuild(caller.tenant, &name).await?;
        tokio::spawn(run(state.clone(), begun, name));
        Ok::<_, Problem>(json!(before))
    };
    Ok((StatusCode::ACCEPTED, Json(state.app.once(&caller, &meta, started).await?)))
}

/// Goes on when the client goes away, and ends with the service: what was not switched is dropped.
async fn run(state: AppState, begun: PendingRebuild, name: String) {
    let rebuilt = state.app.projections.run_rebuild(begun, &|_, _| {});
    tokio::select! {
        outcome = rebuilt => match outcome {
            Ok(found) => tracing::info!(projection = name, differences = found.differences(), "rebuilt"),
            Err(error) => tracing::error!(projection = name, %error, "the rebuild failed; the model that served before still does"),
        },
        () = state.stop.cancelled() => {}
    }
}
