//! Dwell times by stage.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::IntoParams;

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::calendar::{Calendar, china};
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::dwell::{Clock, DwellQuery, DwellReport, Unit};
use crate::projections::reports::groups::Counted;
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// The restricted mean goes up to here unless told otherwise.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// How far ahead working hours are counted: nobody knows the holidays of a year far off.
const FARTHEST: TimeDelta = TimeDelta::days(366);

/// How dwell is measured.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DwellParams {
    /// The unit of observation: every `stay`, or every `customer` once per stage.
    #[serde(default)]
    #[param(inline)]
    unit: Unit,
    /// The clock: calendar time or business hours.
    #[serde(default)]
    #[param(inline)]
    clock: Clock,
    /// The working calendar for `clock=business`; required if there are several. Where none was set, the calendar template of
    /// mainland China counts, as version 0.
    calendar: Option<String>,
    /// The horizon of the restricted mean: 30 days by default.
    #[serde(default = "thirty_days")]
    #[param(minimum = 1)]
    horizon_seconds: u64,
    /// Whether to return the survival curves.
    #[serde(default)]
    curve: bool,
}

fn thirty_days() -> u64 {
    THIRTY_DAYS
}

/// The calendar that a business clock goes by, as it was known then.
async fn calendar(
    state: &AppState,
    caller: &Caller,
    clock: Clock,
    named: Option<&str>,
    at: &AsOf,
) -> Result<Option<(u32, Calendar)>, Problem> {
    if clock != Clock::Business {
        let message =
            Label::new("该参数仅适用于 clock=business。", "This parameter applies only with clock=business.");
        return if named.is_some() { Err(Problem::invalid_value("calendar", message)) } else { Ok(None) };
    }
    if at.effective_at - (state.app.clock)() > FARTHEST {
        let message = Label::new(
            "工作时间最多只能计算到一年以后。",
            "Working hours can be computed at most one year ahead.",
        );
        return Err(Problem::invalid_value("effective_at", message));
    }
    // A calendar set today tells of earlier days, too: holidays are known late.
    let company =
        state.app.companies.then(caller.tenant, DateTime::<Utc>::MAX_UTC, at.known_position).await?;
    let mut calendars = company.calendars.values();
    let template = || Some((0, china::office_hours())).filter(|_| company.calendars.is_empty());
    let chosen = match named {
        Some(named) => {
            company.calendars.get(named).cloned().or_else(|| template().filter(|it| it.1.key == named))
        }
        None => calendars.next().filter(|_| calendars.next().is_none()).cloned().or_else(template),
    };
    if let Some(chosen) = chosen {
        known_then(state, &chosen.1, at)?;
        return Ok(Some(chosen));
    }
    let known: Vec<&str> = company.calendars.keys().map(String::as_str).collect();
    let message = match known.as_slice() {
        [] => Label::new(
            "还没有工作日历：请先用 POST /v1/admin/calendars 设置。",
            "There is no working calendar yet; create one with POST /v1/admin/calendars.",
        ),
        known => Label::new(
            format!("请指定以下日历之一：{}。", known.join("、")),
            format!("Specify one of the calendars: {}.", known.join(", ")),
        ),
    };
    Err(Problem::invalid_value("calendar", message))
}

/// Working hours are not guessed for days whose holidays are not known.
fn known_then(state: &AppState, calendar: &Calendar, at: &AsOf) -> Result<(), Problem> {
    let day = state.app.zones.local(calendar.timezone, at.effective_at).date();
    let Some(until) = calendar.known_until.filter(|until| day > *until) else { return Ok(()) };
    let message = Label::new(
        format!("日历 {} 只到 {until}；之后的节假日尚未公布。", calendar.key),
        format!("The calendar {} is known until {until}; later holidays are not announced.", calendar.key),
    );
    Err(Problem::invalid_value("effective_at", message))
}

/// Get dwell times
///
/// By stage: counts, quantiles of completed stays, and the Kaplan–Meier estimate over all stays, in which open stays
/// are right-censored. The mean of completed stays alone would be biased downwards.
#[utoipa::path(
    get, path = "/v1/dwell/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), DwellParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "Dwell time by stage; null where a figure is undefined.", body = Split<DwellReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn dwell(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, asked, who, as_of): Query<
        DwellParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<DwellReport>>, Problem> {
    let DwellParams { unit, clock, calendar: named, horizon_seconds, curve } = measure;
    if horizon_seconds == 0 {
        let message = Label::new("必须大于 0。", "Must be greater than 0.");
        return Err(Problem::invalid_value("horizon_seconds", message));
    }
    // Who counts, and in which group, is told by the other read models.
    let at = of_all(&as_of, &state, &caller).await?;
    asked.window()?;
    let filter = who.filter(&state, &caller, &at).await?;
    let calendar = calendar(&state, &caller, clock, named.as_deref(), &at).await?;
    let zones = state.app.zones.clone();
    let subjects = asked.compares();
    let definition = definition(&state, &caller, &key, &at).await?;
    let (state, caller, definition) = (&state, &caller, &definition);
    let run = |at, filter, window| -> BoxFuture<'_, Result<DwellReport, Problem>> {
        let (calendar, zones) = (calendar.clone(), zones.clone());
        Box::pin(async move {
            let query = DwellQuery {
                at,
                window,
                filter,
                unit,
                clock,
                calendar,
                zones,
                horizon_seconds,
                curve,
                subjects,
            };
            let mut dwell = state.app.projections.dwell(caller.tenant).await?;
            Ok(dwell.dwell_times(&definition.pipeline, &definition.versions, &query).await?)
        })
    };
    let of = ReportOf { state, caller, definition, counted: Counted::Stays };
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
