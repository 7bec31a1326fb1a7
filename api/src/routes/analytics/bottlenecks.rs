//! Where deals stick.

use axum::extract::State;
use futures::future::BoxFuture;

use super::forecasts::CurrencyParams;
use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::bottlenecks::{BottlenecksQuery, BottlenecksReport};
use crate::projections::reports::groups::Counted;
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Rank the bottlenecks
///
/// The stages in which deals are worked, by the time that stays lost beyond the target in the window (the last 90 days
/// when `from` is absent), weighted by what the deals may be worth. Where the pipeline sets no target
/// (`stagnant_after_seconds`), the median of the window before counts as one.
#[utoipa::path(
    get, path = "/v1/bottlenecks/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), CurrencyParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The stages, the worst first.", body = Split<BottlenecksReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn bottlenecks(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(money, asked, who, as_of): Query<
        CurrencyParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<BottlenecksReport>>, Problem> {
    asked.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let definition = definition(&state, &caller, &key, &at).await?;
    let convert = money.rates(&state, &caller, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let (state, caller, definition) = (&state, &caller, &definition);
    let run = |at, filter, window| -> BoxFuture<'_, Result<BottlenecksReport, Problem>> {
        let query = BottlenecksQuery { at, window, filter, convert: convert.clone() };
        Box::pin(async move {
            let mut reports = state.app.projections.reports(caller.tenant).await?;
            Ok(reports.bottlenecks(definition, &query).await?)
        })
    };
    let of = ReportOf { state, caller, definition, counted: Counted::Stays };
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
