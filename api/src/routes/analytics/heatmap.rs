//! Activity by weekday and hour.

use axum::extract::State;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::definitions;
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::{HeatmapQuery, HeatmapReport, Window};
use crate::projections::reports::Definition;
use crate::projections::reports::effect::{EffectQuery, EffectReport};
use crate::projections::reports::neglect::{NeglectQuery, NeglectReport};
use crate::projections::{AsOf, CohortFilter};
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};

/// Of which pipeline, on which clocks.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HeatmapParams {
    /// Only this pipeline; all when absent.
    pipeline: Option<String>,
    /// The IANA time zone of weekdays and hours; that of the default pool (of the first pipeline that has one) when absent.
    #[param(example = "Asia/Shanghai")]
    zone: Option<String>,
    /// What is shown: when records are made (`record`, the default), which open customers have long been left alone
    /// (`neglect`), or which conversations were followed by a move forward (`effect`).
    #[param(inline)]
    by: Option<HeatmapSubject>,
}

/// What a heat map shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HeatmapSubject {
    /// When records are made.
    #[default]
    Record,
    /// Which open customers have long been left alone.
    Neglect,
    /// Which conversations were followed by a move forward.
    Effect,
}

/// A heat map, of what was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum HeatmapAnswer {
    /// With `by=record`.
    Record(HeatmapReport),
    /// With `by=neglect`.
    Neglect(NeglectReport),
    /// With `by=effect`.
    Effect(EffectReport),
}

/// Get the activity heat map
///
/// Recorded transitions by weekday (Monday first) and hour. With `by=neglect`: open customers by owner, stage and the time
/// since anything was last done about them, with the longest untouched named. With `by=effect`: conversations of the
/// window by who held them and in which stage, and the share that was followed by a move forward within seven days.
#[utoipa::path(
    get, path = "/v1/heatmap", tag = "analytics",
    params(HeatmapParams, TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "Seven rows of 24 counts, or the rows of the other subjects.", body = HeatmapAnswer),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn heatmap(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(which, time_window, who, as_of): Query<
        HeatmapParams,
        TimeWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<HeatmapAnswer>, Problem> {
    let named = which.zone.as_deref().map(|name| zone("zone", name)).transpose()?;
    let definitions = definitions(&state, &caller, which.pipeline.as_deref()).await?;
    let pool = || definitions.iter().find_map(|one| one.pipeline.default_pool());
    let zone = named.unwrap_or_else(|| pool().map_or(Tz::UTC, |pool| pool.timezone));
    // Who counts is told by the customers' own read model.
    as_of.wait(&state, &caller, "board").await?;
    let at = as_of.at(&state, &caller, "dwell").await?;
    let (window, filter) = (time_window.window()?, who.filter(&state, &caller, &at).await?);
    let by = which.by.unwrap_or_default();
    if by != HeatmapSubject::Record {
        as_of.wait(&state, &caller, "timeline").await?;
        return people(&state, &caller, by, &definitions, (at, window, filter)).await;
    }
    let query = HeatmapQuery { at, window, filter, zone, zones: state.app.zones.clone() };
    let keys: Vec<String> = definitions.iter().map(|one| one.pipeline.key.clone()).collect();
    let report = state.app.projections.dwell(caller.tenant).await?.heatmap(&keys, &query).await?;
    Ok(AsOfResponse { position: report.position, body: HeatmapAnswer::Record(report) })
}

/// Who is left alone, or which conversations were followed by a move.
async fn people(
    state: &AppState,
    caller: &Caller,
    by: HeatmapSubject,
    definitions: &[Definition],
    (at, window, filter): (AsOf, Window, CohortFilter),
) -> Result<AsOfResponse<HeatmapAnswer>, Problem> {
    let mut reports = state.app.projections.reports(caller.tenant).await?;
    if by == HeatmapSubject::Effect {
        let report = reports.effect(definitions, &EffectQuery { at, window, filter }).await?;
        return Ok(AsOfResponse { position: report.position, body: HeatmapAnswer::Effect(report) });
    }
    if window != Window::default() {
        let message = Label::new(
            "by=neglect 只统计一个时刻；请用 effective_at 指定。",
            "by=neglect looks at a single instant; specify it as effective_at.",
        );
        let name = if window.from.is_some() { "from" } else { "to" };
        return Err(Problem::invalid_value(name, message));
    }
    let mut report = reports.neglect(definitions, &NeglectQuery { at, filter }).await?;
    if !reads_people(&caller.actor) {
        let bands = report.rows.iter_mut().flat_map(|row| &mut row.bands);
        bands.flat_map(|band| &mut band.customers).for_each(|customer| customer.name = None);
    }
    Ok(AsOfResponse { position: report.position, body: HeatmapAnswer::Neglect(report) })
}
