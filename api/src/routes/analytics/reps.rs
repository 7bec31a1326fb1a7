//! Sales rep performance.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{days, definition, of_all};
use crate::app::Caller;
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::page::Page;
use crate::http::{AsOfParams, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::Definition;
use crate::projections::reports::reps::{RepsQuery, RepsReport};
use crate::projections::stats::credit::Attribution;
use crate::routes::AppState;
use crate::routes::filter::{self, TimeWindowParams};

/// More than N days of silence is too long, unless told otherwise.
const SILENT_DAYS: u32 = 7;

/// What is set beside the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ComparedWindow)]
enum Comparison {
    /// The window of the same length that ends just before it begins.
    Previous,
}

/// Whose figures, and how they are made.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RepParams {
    /// Only this pipeline; all when absent.
    pipeline: Option<String>,
    /// Only the reps of this team, as it was at the requested instant.
    #[param(example = "north")]
    team: Option<String>,
    /// Attribution of deals: `owner_at_entry` of the cycle, `owner_at_conversion` (default), or all owners in between,
    /// by `time_share`.
    #[serde(default)]
    #[param(inline)]
    attribution: Attribution,
    /// `previous` compares with the preceding window of the same length. Requires `from`.
    #[param(inline)]
    compare: Option<Comparison>,
    /// The number of days without activity after which a customer counts as neglected: 7 by default.
    #[param(minimum = 1, maximum = 3650)]
    silent_days: Option<u32>,
}

/// Get sales rep performance
///
/// By rep, based on the intervals in which the rep owned a customer: new customers, deals and their value by currency,
/// win rate with Wilson's interval, follow-ups, how often and how extensively they are recorded, the slowest stage
/// (Kaplan–Meier with delayed entry), claims, releases, reclaims, and customers revived or neglected.
#[utoipa::path(
    get, path = "/v1/reps", tag = "analytics",
    params(RepParams, TimeWindowParams, Page, AsOfParams),
    responses(
        (status = 200, description = "The reps, by name.", body = RepsReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn reps(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(measure, time_window, page, as_of): Query<RepParams, TimeWindowParams, Page, AsOfParams>,
) -> Result<AsOfResponse<RepsReport>, Problem> {
    let definitions = definitions(&state, &caller, measure.pipeline.as_deref()).await?;
    let silence_seconds = days("silent_days", measure.silent_days, SILENT_DAYS)?;
    let limit = page.limit()? as usize;
    let window = time_window.window()?;
    let compare = measure.compare == Some(Comparison::Previous);
    if compare && window.from.is_none() {
        return Err(Problem::missing_parameter("from"));
    }
    let at = of_all(&as_of, &state, &caller).await?;
    let reps = match &measure.team {
        Some(team) => Some(filter::reps(&state, &caller, team, &at).await?),
        None => None,
    };
    let (attribution, after) = (measure.attribution, page.cursor().map(str::to_owned));
    let visibility = state.app.visibility(&caller).await?;
    let query =
        RepsQuery { at, window, reps, visibility, attribution, compare, silence_seconds, after, limit };
    let report = state.app.projections.reports(caller.tenant).await?.reps(&definitions, &query).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}

/// The pipeline that was named, or all of them.
async fn definitions(
    state: &AppState,
    caller: &Caller,
    named: Option<&str>,
) -> Result<Vec<Definition>, Problem> {
    if let Some(key) = named {
        return Ok(vec![definition(state, caller, key).await?]);
    }
    let latest = state.app.pipelines.latest(caller.tenant).await?;
    let mut all = Vec::new();
    for key in latest.keys() {
        all.push(definition(state, caller, key).await?);
    }
    Ok(all)
}
