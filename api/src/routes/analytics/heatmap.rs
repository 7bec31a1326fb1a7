//! Activity by weekday and hour.

use axum::extract::State;
use chrono_tz::Tz;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::groups::{InGroups, grouped_of_one};
use super::split::{Split, SplitWindowParams, split_of_one};
use super::{definitions, of_all};
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::eventstore::Position;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::{HeatmapQuery, HeatmapReport, Window};
use crate::projections::reports::Definition;
use crate::projections::reports::effect::{EffectQuery, EffectReport};
use crate::projections::reports::groups::GroupKey;
use crate::projections::reports::neglect::{NeglectQuery, NeglectReport};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Of which pipeline, on which clocks.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HeatmapParams {
    /// Only this pipeline; all when absent. Groups and comparisons need one where there are several.
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
    Record(Split<HeatmapReport>),
    /// With `by=neglect`.
    Neglect(InGroups<NeglectReport>),
    /// With `by=effect`.
    Effect(Split<EffectReport>),
}

impl HeatmapAnswer {
    fn position(&self) -> Position {
        match self {
            Self::Record(answer) => answer.report().position,
            Self::Neglect(answer) => answer.report.position,
            Self::Effect(answer) => answer.report().position,
        }
    }
}

/// Get the activity heat map
///
/// Recorded transitions by weekday (Monday first) and hour. With `by=neglect`: open customers by owner, stage and the time
/// since anything was last done about them, with the longest untouched named. With `by=effect`: conversations of the
/// window by who held them and in which stage, and the share that was followed by a move forward within seven days.
#[utoipa::path(
    get, path = "/v1/heatmap", tag = "analytics",
    params(HeatmapParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "Seven rows of 24 counts, or the rows of the other subjects.", body = HeatmapAnswer),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn heatmap(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(which, asked, who, as_of): Query<
        HeatmapParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<HeatmapAnswer>, Problem> {
    let named = which.zone.as_deref().map(|name| zone("zone", name)).transpose()?;
    let (window, keys) = (asked.window()?, asked.keys()?);
    let at = of_all(&as_of, &state, &caller).await?;
    let definitions = definitions(&state, &caller, which.pipeline.as_deref(), &at).await?;
    let pool = || definitions.iter().find_map(|one| one.pipeline.default_pool());
    let zone = named.unwrap_or_else(|| pool().map_or(Tz::UTC, |pool| pool.timezone));
    let filter = who.filter(&state, &caller, &at).await?;
    let of = (&state, &caller, &definitions[..]);
    let body = match which.by.unwrap_or_default() {
        HeatmapSubject::Record => {
            let run = |at, filter, window| -> BoxFuture<'_, Result<HeatmapReport, Problem>> {
                let query = HeatmapQuery { at, window, filter, zone, zones: state.app.zones.clone() };
                Box::pin(records(of, query))
            };
            HeatmapAnswer::Record(split_of_one(of, &asked, (at, filter), &run).await?)
        }
        HeatmapSubject::Neglect => {
            of_an_instant(window, &keys, asked.compare_parameter())?;
            let run = |at, filter, _| -> BoxFuture<'_, Result<NeglectReport, Problem>> {
                Box::pin(neglect(of, NeglectQuery { at, filter }))
            };
            HeatmapAnswer::Neglect(grouped_of_one(of, keys, (at, filter, window), &run).await?)
        }
        HeatmapSubject::Effect => {
            let run = |at, filter, window| -> BoxFuture<'_, Result<EffectReport, Problem>> {
                Box::pin(effect(of, EffectQuery { at, window, filter }))
            };
            HeatmapAnswer::Effect(split_of_one(of, &asked, (at, filter), &run).await?)
        }
    };
    Ok(AsOfResponse { position: body.position(), body })
}

/// Refuses what divides or bounds a window, of a report that has none.
fn of_an_instant(window: Window, keys: &[GroupKey], compared: Option<&'static str>) -> Result<(), Problem> {
    let message = Label::new(
        "by=neglect 只统计一个时刻；请用 effective_at 指定。",
        "by=neglect looks at a single instant; specify it as effective_at.",
    );
    let given = [
        ("from", window.from.is_some()),
        ("to", window.to.is_some()),
        ("group_by", keys.iter().any(GroupKey::is_of_time)),
        (compared.unwrap_or_default(), compared.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Problem::invalid_value(name, message)),
        None => Ok(()),
    }
}

/// Whose heat map it is, and of which pipelines.
type Of<'a> = (&'a AppState, &'a Caller, &'a [Definition]);

/// When records are made.
async fn records(
    (state, caller, definitions): Of<'_>,
    query: HeatmapQuery,
) -> Result<HeatmapReport, Problem> {
    let keys: Vec<String> = definitions.iter().map(|one| one.pipeline.key.clone()).collect();
    Ok(state.app.projections.dwell(caller.tenant).await?.heatmap(&keys, &query).await?)
}

/// Who has long been left alone, by name for those who may read of people.
async fn neglect(
    (state, caller, definitions): Of<'_>,
    query: NeglectQuery,
) -> Result<NeglectReport, Problem> {
    let mut reports = state.app.projections.reports(caller.tenant).await?;
    let mut report = reports.neglect(definitions, &query).await?;
    if !reads_people(&caller.actor) {
        let bands = report.rows.iter_mut().flat_map(|row| &mut row.bands);
        bands.flat_map(|band| &mut band.customers).for_each(|customer| customer.name = None);
    }
    Ok(report)
}

/// Which conversations were followed by a move.
async fn effect((state, caller, definitions): Of<'_>, query: EffectQuery) -> Result<EffectReport, Problem> {
    let mut reports = state.app.projections.reports(caller.tenant).await?;
    Ok(reports.effect(definitions, &query).await?)
}
