//! Where deals stick.

use axum::extract::State;

use super::forecasts::CurrencyParams;
use super::{definition, of_all};
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::bottlenecks::{BottlenecksQuery, BottlenecksReport};
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};

/// Rank the bottlenecks
///
/// The stages in which deals are worked, by the time that stays lost beyond the target in the window (the last 90 days
/// when `from` is absent), weighted by what the deals may be worth. Where the pipeline sets no target
/// (`stagnant_after_seconds`), the median of the window before counts as one.
#[utoipa::path(
    get, path = "/v1/bottlenecks/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), CurrencyParams, TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The stages, the worst first.", body = BottlenecksReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn bottlenecks(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(money, time_window, who, as_of): Query<
        CurrencyParams,
        TimeWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<BottlenecksReport>, Problem> {
    let pipeline = definition(&state, &caller, &key).await?;
    let window = time_window.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let convert = money.rates(&state, &caller, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let query = BottlenecksQuery { at, window, filter, convert };
    let report = state.app.projections.reports(caller.tenant).await?.bottlenecks(&pipeline, &query).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}
