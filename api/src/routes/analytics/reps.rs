//! Sales rep performance.

use std::collections::BTreeSet;

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::split::{Split, SplitWindowParams, split_of_one};
use super::{days, definitions, of_all};
use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Owner;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Query, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::reports::reps::{RepsQuery, RepsReport};
use crate::projections::stats::credit::Attribution;
use crate::routes::AppState;
use crate::routes::filter::{self, CustomerFilterParams};
use crate::routes::people::require_owner;

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
    /// Only this pipeline; all when absent. Groups and comparisons need one where there are several.
    #[param(example = "sales")]
    pipeline: Option<String>,
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
    /// The maximum number of reps: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// Get sales rep performance
///
/// By rep, based on the intervals in which the rep owned a customer: new customers, deals and their value by currency,
/// win rate with Wilson's interval, follow-ups, how often and how extensively they are recorded, the slowest stage
/// (Kaplan–Meier with delayed entry), claims, releases, reclaims, and customers revived or neglected. `owner` and `team` name
/// the reps; the other filters say which customers count. Groups and comparisons are of one pipeline.
#[utoipa::path(
    get, path = "/v1/reps", tag = "analytics",
    params(RepParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The reps, by name.", body = Split<RepsReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn reps(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(measure, asked, mut who, as_of): Query<
        RepParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<RepsReport>>, Problem> {
    let silence_seconds = days("silent_days", measure.silent_days, SILENT_DAYS)?;
    let limit = page::limit(measure.limit)? as usize;
    let window = asked.window()?;
    let compare = measure.compare == Some(Comparison::Previous);
    if compare && window.from.is_none() {
        return Err(Problem::missing_parameter("from"));
    }
    let at = of_all(&as_of, &state, &caller).await?;
    let definitions = definitions(&state, &caller, measure.pipeline.as_deref(), &at).await?;
    let reps = named(&mut who, (&state, &caller), &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let (attribution, after) = (measure.attribution, measure.cursor);
    let (state, caller, definitions) = (&state, &caller, &definitions);
    let run = |at, filter, window| -> BoxFuture<'_, Result<RepsReport, Problem>> {
        let (reps, after) = (reps.clone(), after.clone());
        Box::pin(async move {
            let query =
                RepsQuery { at, window, reps, filter, attribution, compare, silence_seconds, after, limit };
            Ok(state.app.projections.reports(caller.tenant).await?.reps(definitions, &query).await?)
        })
    };
    let of = (state, caller, &definitions[..]);
    let body = split_of_one(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}

/// The reps that the owner or the team of the question names; none where it names nobody.
async fn named(
    who: &mut CustomerFilterParams,
    (state, caller): (&AppState, &Caller),
    at: &AsOf,
) -> Result<Option<BTreeSet<String>>, Problem> {
    let (owner, team) = who.take_people();
    require_owner(state, caller, owner.as_ref()).await?;
    let team = match &team {
        Some(team) => Some(filter::reps(state, caller, team, at).await?),
        None => None,
    };
    Ok(match (owner, team) {
        (Some(Owner::Rep(rep)), Some(team)) => {
            Some(team.into_iter().filter(|member| *member == rep).collect())
        }
        (Some(Owner::Rep(rep)), None) => Some([rep].into()),
        // A pool does nothing that a rep does.
        (Some(Owner::Pool(_)), _) => Some(BTreeSet::new()),
        (None, team) => team,
    })
}
