//! Why and where deals are lost.

use axum::extract::State;
use futures::future::BoxFuture;

use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::losses::{LossesQuery, LossesReport};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Get the losses
///
/// The cycles that were lost in the window and not taken up again, by the reason code and by the stage in which they
/// stood before, with what they might have been worth when they were lost.
#[utoipa::path(
    get, path = "/v1/losses/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The losses, the most frequent first.", body = Split<LossesReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn losses(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(asked, who, as_of, _): Query<SplitWindowParams, CustomerFilterParams, AsOfParams>,
) -> Result<AsOfResponse<Split<LossesReport>>, Problem> {
    let pipeline = definition(&state, &caller, &key).await?;
    asked.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let (state, pipeline) = (&state, &pipeline);
    let run = |at, filter, window| -> BoxFuture<'_, Result<LossesReport, Problem>> {
        Box::pin(async move {
            let query = LossesQuery { at, window, filter };
            Ok(state.app.projections.reports(caller.tenant).await?.losses(pipeline, &query).await?)
        })
    };
    let body = split((state, &caller, &key), &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
