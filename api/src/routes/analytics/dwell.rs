//! How long customers stay in each stage.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::calendar::Calendar;
use crate::http::answer::Reading;
use crate::http::{Key, Moment, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::dwell::{Clock, DwellQuery, DwellReport, Unit};
use crate::routes::Site;
use crate::routes::filter::{Between, Who};

/// The restricted mean goes up to here unless told otherwise.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// How far ahead working hours are counted: nobody knows the holidays of a year far off.
const FARTHEST: TimeDelta = TimeDelta::days(366);

/// How dwell is measured.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Measure {
    /// What counts as one subject: every `stay`, or every `customer` once a stage.
    #[serde(default)]
    #[param(inline)]
    unit: Unit,
    /// Which time passes.
    #[serde(default)]
    #[param(inline)]
    clock: Clock,
    /// The working calendar of `clock=business`; needed where there are several.
    calendar: Option<String>,
    /// Up to where the restricted mean goes: 30 days unless given.
    #[serde(default = "thirty_days")]
    #[param(minimum = 1)]
    horizon_seconds: u64,
    /// Whether the survival curves are wanted.
    #[serde(default)]
    curve: bool,
}

fn thirty_days() -> u64 {
    THIRTY_DAYS
}

/// The calendar that a business clock goes by, as it was known then.
async fn calendar(
    site: &Site,
    caller: &Caller,
    clock: Clock,
    named: Option<&str>,
    at: &AsOf,
) -> Result<Option<(u32, Calendar)>, Problem> {
    if clock != Clock::Business {
        let message = Label::new("只有 clock=business 使用日历。", "Only clock=business goes by a calendar.");
        return if named.is_some() { Err(Problem::invalid_value("calendar", message)) } else { Ok(None) };
    }
    if at.effective_at - (site.app.clock)() > FARTHEST {
        let message =
            Label::new("工作时间最多算到一年以后。", "Working hours are counted for a year ahead at most.");
        return Err(Problem::invalid_value("effective_at", message));
    }
    // A calendar set today tells of earlier days, too: holidays are known late.
    let company = site.app.companies.then(caller.tenant, DateTime::<Utc>::MAX_UTC, at.known_position).await?;
    let mut calendars = company.calendars.values();
    let chosen = match named {
        Some(named) => company.calendars.get(named),
        None => calendars.next().filter(|_| calendars.next().is_none()),
    };
    if let Some(chosen) = chosen {
        return Ok(Some(chosen.clone()));
    }
    let known: Vec<&str> = company.calendars.keys().map(String::as_str).collect();
    let message = match known.as_slice() {
        [] => Label::new(
            "还没有工作日历：请先用 POST /v1/admin/calendars 设置。",
            "There is no working calendar yet: set one with POST /v1/admin/calendars.",
        ),
        known => Label::new(
            format!("请指定日历：{}。", known.join("、")),
            format!("Name one of the calendars: {}.", known.join(", ")),
        ),
    };
    Err(Problem::invalid_value("calendar", message))
}

/// Read dwell times
///
/// By stage: counts, quantiles of completed stays, and Kaplan–Meier over all stays, which counts the open ones as
/// what they are. The average of completed stays alone is too low.
#[utoipa::path(
    get, path = "/v1/dwell/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), Measure, Between, Who, Moment),
    responses(
        (status = 200, description = "Dwell by stage; null where a figure does not exist.", body = DwellReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn dwell(
    State(site): State<Site>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, between, who, moment): Query<Measure, Between, Who, Moment>,
) -> Result<Reading<DwellReport>, Problem> {
    let pipeline = site.app.pipelines.find(caller.tenant, &key, None).await?;
    let Measure { unit, clock, calendar: named, horizon_seconds, curve } = measure;
    if horizon_seconds == 0 {
        let message = Label::new("应大于 0。", "It must be more than nothing.");
        return Err(Problem::invalid_value("horizon_seconds", message));
    }
    // Who counts is told by the customers' own read model.
    moment.wait(&site, &caller, "board").await?;
    let at = moment.at(&site, &caller, "dwell").await?;
    let (window, filter) = (between.window()?, who.filter(&site, &caller, &at).await?);
    let calendar = calendar(&site, &caller, clock, named.as_deref(), &at).await?;
    let zones = site.app.zones.clone();
    let query = DwellQuery { at, window, filter, unit, clock, calendar, zones, horizon_seconds, curve };
    let versions = site.app.pipelines.versions(caller.tenant, &key).await?;
    let report = site.app.projections.dwell(caller.tenant, &pipeline, &versions, &query).await?;
    Ok(Reading { position: report.position, body: report })
}
