//! How long customers stay in each stage.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::Label;
use crate::http::answer::Reading;
use crate::http::{Key, Moment, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::{Clock, DwellQuery, DwellReport, Unit};
use crate::routes::Site;
use crate::routes::filter::{Between, Who};

/// The restricted mean goes up to here unless told otherwise.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// How dwell is measured.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Measure {
    /// What counts as one subject: every `stay`, or every `customer` once a stage.
    #[serde(default)]
    #[param(inline)]
    unit: Unit,
    /// Which time passes.
    #[serde(default)]
    #[param(inline)]
    clock: ClockName,
    /// Up to where the restricted mean goes: 30 days unless given.
    #[serde(default = "thirty_days")]
    #[param(minimum = 1)]
    horizon_seconds: u64,
    /// Whether the survival curves are wanted.
    #[serde(default)]
    curve: bool,
}

/// The clocks there are.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClockName {
    /// Every second.
    #[default]
    Calendar,
    /// Not while the deal was put off: from when that was said until the day begins in the zone of the pipeline's default
    /// pool, or until it is taken back.
    Active,
    /// Only in working hours. Refused as long as the tenant has no calendar.
    Business,
    /// Only while the customer belonged to a rep.
    Owned,
}

fn thirty_days() -> u64 {
    THIRTY_DAYS
}

impl ClockName {
    fn clock(self) -> Result<Clock, Problem> {
        match self {
            Self::Calendar => Ok(Clock::Calendar),
            Self::Active => Ok(Clock::Active),
            Self::Owned => Ok(Clock::Owned),
            Self::Business => {
                let message = Label::new(
                    "尚未配置工作日历，无法按工作时间计算。",
                    "No calendar of working hours is configured, so none can be counted.",
                );
                Err(Problem::invalid_value("clock", message))
            }
        }
    }
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
    let Measure { unit, clock, horizon_seconds, curve } = measure;
    let clock = clock.clock()?;
    if horizon_seconds == 0 {
        let message = Label::new("应大于 0。", "It must be more than nothing.");
        return Err(Problem::invalid_value("horizon_seconds", message));
    }
    // Who counts is told by the customers' own read model.
    moment.wait(&site, &caller, "board").await?;
    let at = moment.at(&site, &caller, "dwell").await?;
    let (window, filter) = (between.into(), who.filter(&site, &caller, &at).await?);
    let query = DwellQuery { at, window, filter, unit, clock, horizon_seconds, curve };
    let versions = site.app.pipelines.versions(caller.tenant, &key).await?;
    let report = site.app.projections.dwell(caller.tenant, &pipeline, &versions, &query).await?;
    Ok(Reading { position: report.position, body: report })
}
