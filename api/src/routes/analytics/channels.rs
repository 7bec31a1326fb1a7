//! Sources and channels of leads.

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::IntoParams;

use super::split::{Split, SplitWindowParams, split_of_one};
use super::{definitions, of_all};
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::channels::{ChannelAttribution, ChannelsQuery, ChannelsReport};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Of which pipeline, and what is credited.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChannelsParams {
    /// Only this pipeline; all when absent. Groups and comparisons need one where there are several.
    pipeline: Option<String>,
    /// What is credited with a lead that came in several times: how it came `first` (default), how it came `last`, or all
    /// of them in equal parts (`linear`).
    #[param(inline)]
    attribution: Option<ChannelAttribution>,
}

/// Get sources and channels
///
/// The cycles that began in the window by source and channel: how many came to each stage or further, how many were won,
/// how long that took, and what was won. Conversion has Wilson's 95% interval. Groups and comparisons are of one pipeline.
#[utoipa::path(
    get, path = "/v1/channels", tag = "analytics",
    params(ChannelsParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The sources and channels, those with most leads first.", body = Split<ChannelsReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn channels(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(which, asked, who, as_of): Query<
        ChannelsParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<ChannelsReport>>, Problem> {
    asked.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let definitions = definitions(&state, &caller, which.pipeline.as_deref(), &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let attribution = which.attribution.unwrap_or_default();
    let (state, caller, definitions) = (&state, &caller, &definitions);
    let run = |at, filter, window| -> BoxFuture<'_, Result<ChannelsReport, Problem>> {
        Box::pin(async move {
            let query = ChannelsQuery { at, window, filter, attribution };
            Ok(state.app.projections.reports(caller.tenant).await?.channels(definitions, &query).await?)
        })
    };
    let of = (state, caller, &definitions[..]);
    let body = split_of_one(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
