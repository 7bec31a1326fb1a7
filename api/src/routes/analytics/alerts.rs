//! Shares of stages that are out of line.

use axum::extract::State;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use super::groups::undivided;
use super::{definition, of_all};
use crate::auth::Authority;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::alerts::{AlertsQuery, AlertsReport};
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};

/// The most days at a time.
const MOST_DAYS: i64 = 731;

/// Which days, and whose.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertsParams {
    /// The first day; that of `from`, or 27 days before the last, when absent.
    #[param(example = "2026-11-01")]
    first_day: Option<NaiveDate>,
    /// The last day; the one in which the window up to `to` ends, or that of `effective_at`, when absent; at most the latter.
    #[param(example = "2026-11-28")]
    last_day: Option<NaiveDate>,
    /// The IANA time zone of the days; that of the pipeline's default pool when absent.
    #[param(example = "Asia/Shanghai")]
    zone: Option<String>,
    /// Refused with the reason: this report has no groups.
    group_by: Option<String>,
}

/// Get changes of a stage's share
///
/// The share of each stage at the end of each day against the mean of the 28 days before, by a two-proportion test with
/// the rate of false discoveries over the stages of the day (Benjamini–Hochberg) below 0.01, a change of at least 20% of
/// the baseline, and at least 30 customers. Days without a gap are one alert.
#[utoipa::path(
    get, path = "/v1/alerts/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), AlertsParams, TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The alerts, by day.", body = AlertsReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn alerts(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(days, window, who, as_of): Query<AlertsParams, TimeWindowParams, CustomerFilterParams, AsOfParams>,
) -> Result<AsOfResponse<AlertsReport>, Problem> {
    let AlertsParams { first_day, last_day, zone: named, group_by } = days;
    let why = Label::new(
        "预警针对整个流程：比较的是各状态在全部客户中的占比。请用筛选条件缩小范围。",
        "Alerts are of a whole pipeline: they compare each stage's share of all its customers. Narrow them by the filters.",
    );
    undivided(group_by.as_deref(), why)?;
    let named = named.as_deref().map(|name| zone("zone", name)).transpose()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let pipeline = definition(&state, &caller, &key, &at).await?;
    let usual = || pipeline.pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
    let zone = named.unwrap_or_else(usual);
    let window = window.window()?;
    let local = |instant: DateTime<Utc>| state.app.zones.local(zone, instant).date();
    let from = first_day.or_else(|| window.from.map(local));
    // The end of the window is not in it.
    let before = |to: DateTime<Utc>| to.checked_sub_signed(TimeDelta::microseconds(1)).unwrap_or(to);
    let to = last_day.or_else(|| window.to.map(|to| local(before(to))));
    let last = to.unwrap_or_else(|| at.effective_at.date_naive());
    if from.is_some_and(|from| from > last) {
        let message = Label::new("最后一天早于第一天。", "The last day is before the first day.");
        return Err(Problem::invalid_value(if last_day.is_some() { "last_day" } else { "to" }, message));
    }
    if from.is_some_and(|from| (last - from).num_days() >= MOST_DAYS) {
        let message = Label::new(format!("最多 {MOST_DAYS} 天。"), format!("At most {MOST_DAYS} days."));
        return Err(Problem::invalid_value(if first_day.is_some() { "first_day" } else { "from" }, message));
    }
    let filter = who.filter(&state, &caller, &at).await?;
    let query = AlertsQuery { at, filter, from, to, zone, zones: state.app.zones.clone() };
    let report = state.app.projections.reports(caller.tenant).await?.alerts(&pipeline, &query).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}
