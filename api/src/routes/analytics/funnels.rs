//! Conversion funnels.

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::IntoParams;

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{days, definition, of_all};
use crate::auth::Authority;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::Window;
use crate::projections::reports::funnels::{Counting, FunnelQuery, FunnelReport};
use crate::projections::stats::funnel::Reach;
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// A cohort is to come further within N days, unless told otherwise.
const HORIZON_DAYS: u32 = 30;

/// What is counted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FunnelParams {
    /// What is counted: `stock`, `active`, `entered`, `cohort`, `period` or `snapshot`. Default: `entered`, or `cohort`
    /// if `horizon_days` is given.
    #[param(inline)]
    definition: Option<Counting>,
    /// When a cycle counts as having reached a stage: `strict`, `any` or `at_or_beyond` (default). For `entered`,
    /// `cohort` and `period`.
    #[param(inline)]
    reach: Option<Reach>,
    /// The number of days in which a cohort has to advance: 30 by default. For `cohort`.
    #[param(minimum = 1, maximum = 3650)]
    horizon_days: Option<u32>,
}

impl FunnelParams {
    /// What is counted.
    fn counting(self) -> Counting {
        let unsaid = if self.horizon_days.is_some() { Counting::Cohort } else { Counting::default() };
        self.definition.unwrap_or(unsaid)
    }

    /// What a definition does not go by is refused, so that nobody takes it for heeded.
    fn check(self, window: Window) -> Result<(), Problem> {
        let (definition, Self { reach, horizon_days, .. }) = (self.counting(), self);
        if reach.is_some() && !definition.has_reach() {
            let message = Label::new(
                "该参数仅适用于 definition=entered、cohort 和 period。",
                "This parameter applies only with definition=entered, cohort or period.",
            );
            return Err(Problem::invalid_value("reach", message));
        }
        if horizon_days.is_some() && definition != Counting::Cohort {
            let message = Label::new(
                "该参数仅适用于 definition=cohort。",
                "This parameter applies only with definition=cohort.",
            );
            return Err(Problem::invalid_value("horizon_days", message));
        }
        if definition == Counting::Stock
            && let Some(given) =
                [("from", window.from), ("to", window.to)].into_iter().find(|end| end.1.is_some())
        {
            let message = Label::new(
                "definition=stock 只统计一个时刻；请用 effective_at 指定。",
                "definition=stock counts at a single instant; specify it as effective_at.",
            );
            return Err(Problem::invalid_value(given.0, message));
        }
        Ok(())
    }
}

/// Get a conversion funnel
///
/// How many reach each stage, how many of them reach the next, and how many are won. `definition` determines what is
/// counted, and the response repeats it: customers in the stage now (`stock`), cycles in the stage during the window
/// (`active`), cycles that first entered it in the window and have advanced by now (`entered`), cycles that advanced
/// within a horizon (`cohort`), entries divided by entries (`period`), and won divided by won and lost (`snapshot`).
/// The unit is the cycle, so that a customer who was lost and comes back counts twice; a transition back does not undo
/// a stage that was reached. Without `to`, a cohort contains the cycles whose horizon has passed. `totals` counts
/// everything once. Shares have Wilson's 95% interval.
#[utoipa::path(
    get, path = "/v1/funnels/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), FunnelParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The funnel; null where a figure is undefined.", body = Split<FunnelReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn funnel(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, asked, who, as_of): Query<
        FunnelParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<FunnelReport>>, Problem> {
    let horizon_seconds = days("horizon_days", measure.horizon_days, HORIZON_DAYS)?;
    let window = asked.window()?;
    measure.check(window)?;
    let at = of_all(&as_of, &state, &caller).await?;
    let pipeline = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let (counting, reach) = (measure.counting(), measure.reach.unwrap_or_default());
    let (state, caller, pipeline) = (&state, &caller, &pipeline);
    let run = |at, filter, window| -> BoxFuture<'_, Result<FunnelReport, Problem>> {
        Box::pin(async move {
            let query = FunnelQuery { at, window, filter, counting, reach, horizon_seconds };
            Ok(state.app.projections.reports(caller.tenant).await?.funnel(pipeline, &query).await?)
        })
    };
    let of = ReportOf::customers(state, caller, pipeline);
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
