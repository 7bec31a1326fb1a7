//! The paths of customers through a pipeline.

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::auth::Authority;
use crate::http::answer::{Accepted, AsOfResponse};
use crate::http::{AsOfParams, Command, Key, Query, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::ProjectionError;
use crate::projections::dwell::{Ending, PathsMark, PathsQuery, PathsReport};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Which paths.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PathParams {
    /// The maximum number of paths, most frequent first: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// The outcome of the paths: `any`, `won` or `lost`.
    #[serde(default)]
    #[param(inline)]
    ending: Ending,
}

/// The way that customers are to go.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"stages": ["first_contact", "need_confirmed", "quoted", "deciding", "won"]}))]
pub(super) struct StandardBody {
    /// The ids of its stages, in order: each step is a transition that the definition permits. An empty list takes the standard
    /// path away.
    stages: Vec<String>,
}

/// Set the standard path
///
/// `GET /v1/paths/{pipeline}` counts who follows it and where the others leave it. It is recorded as an event; no rule
/// depends on it, and the one set last counts.
#[utoipa::path(
    post, path = "/v1/paths/{pipeline}/standard", tag = "analytics", request_body = StandardBody,
    params(("pipeline" = String, Path, description = "The pipeline.")),
    responses(
        (status = 201, description = "Set.", body = Accepted),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
        (status = 422, description = "A stage does not exist, or a step is not permitted; `violations` lists each.", body = ProblemDocument),
    )
)]
pub(super) async fn set_standard(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    command: Command<StandardBody>,
) -> Result<Accepted, Problem> {
    let stages = &command.body.stages;
    Ok(state.app.set_standard_path(&caller, &command.meta, &key, stages).await?.into())
}

/// Get customer paths
///
/// The sequences of stages that journeys went through, with share and median duration; and, where a standard path is
/// set, how many follow it, and where the others leave it. With a window, of the journeys that began in it. All pages show
/// the moment of the first.
#[utoipa::path(
    get, path = "/v1/paths/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), PathParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The most frequent paths.", body = Split<PathsReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn paths(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(PathParams { limit, cursor, ending }, asked, who, as_of): Query<
        PathParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<PathsReport>>, Problem> {
    let limit = page::limit(limit)? as usize;
    // Who counts, and in which group, is told by the other read models.
    asked.window()?;
    let now = of_all(&as_of, &state, &caller).await?;
    let mark = cursor.as_deref().map(PathsMark::read).transpose()?;
    let head = state.app.store.head(caller.tenant).await?.position;
    if mark.is_some_and(|mark| mark.at.known_position > Some(head)) {
        return Err(ProjectionError::BadCursor.into());
    }
    let PathsMark { offset, at } = mark.unwrap_or(PathsMark { offset: 0, at: now });
    let (filter, spans) = (who.filter(&state, &caller, &at).await?, asked.compares());
    let definition = definition(&state, &caller, &key, &at).await?;
    let standard = state.app.pipelines.standard_path(caller.tenant, &key, at.known_position).await?;
    let (state, caller, definition) = (&state, &caller, &definition);
    let run = |at, filter, window| -> BoxFuture<'_, Result<PathsReport, Problem>> {
        let query =
            PathsQuery { at, window, filter, ending, offset, limit, standard: standard.clone(), spans };
        Box::pin(async move {
            let mut dwell = state.app.projections.dwell(caller.tenant).await?;
            Ok(dwell.paths(&definition.pipeline, &definition.versions, &query).await?)
        })
    };
    let of = ReportOf::customers(state, caller, definition);
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
