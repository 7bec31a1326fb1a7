//! Why and where deals are lost.

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::IntoParams;

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query, RepName, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::losses::{LossKey, LossesQuery, LossesReport, LostQuery, LostReport};
use crate::projections::reports::page::Pages;
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};
use crate::routes::people::require;

/// Get the losses
///
/// The cycles that were lost in the window and not taken up again, by the reason code and by the stage in which they
/// stood before, with what they might have been worth when they were lost. `by_reason`, `by_stage`, `by_rep`, `by_source` and
/// `by_month` each count the same losses by one thing alone, beside all cycles that ended; the deals behind a row are
/// `GET /v1/losses/{pipeline}/customers`.
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
    asked.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let pipeline = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let (state, caller, pipeline) = (&state, &caller, &pipeline);
    let run = |at, filter, window| -> BoxFuture<'_, Result<LossesReport, Problem>> {
        Box::pin(async move {
            let query = LossesQuery { at, window, filter };
            Ok(state.app.projections.reports(caller.tenant).await?.losses(pipeline, &query).await?)
        })
    };
    let of = ReportOf::customers(state, caller, pipeline);
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}

/// Which of the lost deals.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LostParams {
    /// Only the deals of one row: `reason`, `stage`, `rep`, `source` or `month`. All when absent.
    #[param(inline, example = "reason")]
    by: Option<LossKey>,
    /// The row's `value`, a rep in either form; when absent, that without one. Requires `by`.
    #[param(example = "price")]
    value: Option<String>,
    /// The maximum number of deals: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// List the lost deals
///
/// The deals that `GET /v1/losses/{pipeline}` counts with the same parameters, the one lost last first. `by` and `value` name
/// a row of it.
#[utoipa::path(
    get, path = "/v1/losses/{pipeline}/customers", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), LostParams, TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The deals.", body = LostReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn lost_deals(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(asked, time_window, who, as_of): Query<
        LostParams,
        TimeWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<LostReport>, Problem> {
    if asked.value.is_some() && asked.by.is_none() {
        let message = Label::new("该参数仅与 by 一起使用。", "This parameter applies only with by.");
        return Err(Problem::invalid_value("value", message));
    }
    let list = asked.cursor.is_some().then(|| "deals".to_owned());
    let pages = Pages { list, cursor: asked.cursor, limit: page::limit(asked.limit)? as usize };
    let window = time_window.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let definition = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let only = match (asked.by, asked.value) {
        (Some(LossKey::Rep), Some(whose)) if !whose.starts_with("pool:") => {
            let rep = RepName::parse(&whose).ok_or_else(|| {
                let message = Label::new(
                    "应为销售（如 li）或池（如 pool:customer_pool）。",
                    "Must name a rep such as li, or a pool such as pool:customer_pool.",
                );
                Problem::invalid_value("value", message)
            })?;
            require(&state, &caller, "value", &rep).await?;
            Some((LossKey::Rep, Some(format!("rep:{}", rep.id()))))
        }
        (by, value) => by.map(|key| (key, value)),
    };
    let query = LostQuery { losses: LossesQuery { at, window, filter }, only, pages };
    let mut body =
        state.app.projections.reports(caller.tenant).await?.lost_deals(&definition, &query).await?;
    if !reads_people(&caller.actor) {
        body.unname();
    }
    Ok(AsOfResponse { position: body.position, body })
}
