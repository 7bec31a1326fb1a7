//! Recording delays.

use axum::extract::State;
use chrono::{DateTime, Utc};
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
use crate::http::{AsOfParams, Key, Query, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::dwell::Window;
use crate::projections::reports::latency::{LatencyQuery, LatencyReport};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// A change must be recorded within a day unless told otherwise.
const DAY: u64 = 24 * 60 * 60;
/// The longest that may be asked about: a hundred years.
const LONGEST: u64 = 100 * 366 * DAY;

/// What is late, and which page of the late changes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LatencyParams {
    /// The permitted recording delay in seconds (inclusive): 86400 by default.
    #[param(maximum = 3162240000u64)]
    sla_seconds: Option<u64>,
    /// The maximum number of late changes: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// Get recording delays
///
/// The recording time minus the effective time of what people recorded in the window: quantiles by linear
/// interpolation, the share beyond the permitted delay with Wilson's interval, by recorder and by stage, and a list of
/// late changes. Imports, automation and migrations are counted separately, and so are corrections. `forecast` compares
/// what was known at the end of the window with what is known about it now.
#[utoipa::path(
    get, path = "/v1/latency/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), LatencyParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The delays, in seconds.", body = Split<LatencyReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn latency(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, asked, who, as_of): Query<
        LatencyParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<LatencyReport>>, Problem> {
    let sla_seconds = measure.sla_seconds.unwrap_or(DAY);
    if sla_seconds > LONGEST {
        let message =
            Label::new(format!("最多 {LONGEST} 秒。"), format!("Must be at most {LONGEST} seconds."));
        return Err(Problem::invalid_value("sla_seconds", message));
    }
    let limit = page::limit(measure.limit)? as usize;
    asked.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let pipeline = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let cursor = measure.cursor;
    let (state, caller, pipeline) = (&state, &caller, &pipeline);
    let run = |at: AsOf, filter, window: Window| -> BoxFuture<'_, Result<LatencyReport, Problem>> {
        let cursor = cursor.clone();
        Box::pin(async move {
            let end: DateTime<Utc> = window.to.map_or(at.effective_at, |to| to.min(at.effective_at));
            let known_then = state.app.store.position_at(caller.tenant, end).await?;
            let query = LatencyQuery { at, window, filter, sla_seconds, known_then, cursor, limit };
            let mut report =
                state.app.projections.reports(caller.tenant).await?.latency(pipeline, &query).await?;
            if !reads_people(&caller.actor) {
                report.items.iter_mut().for_each(|late| late.customer_name = None);
            }
            Ok(report)
        })
    };
    let of = ReportOf::customers(state, caller, pipeline);
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
