//! Forecasts, and how well they did.

use axum::extract::State;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::IntoParams;

use super::groups::{InGroups, ReportOf, grouped, keys_of_an_instant, undivided};
use super::{definition, of_all};
use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::money::{Rates, decimals};
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::dwell::Window;
use crate::projections::reports::forecast::{
    BackTestQuery, BackTestReport, ClosePeriod, ForecastQuery, ForecastReport, Knowledge,
};
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};

/// The short and the long term, in days.
const USUAL: [u32; 2] = [30, 90];
/// The most horizons at a time.
const MOST_HORIZONS: usize = 12;
/// The most forecasts of a back-test.
const MOST_POINTS: usize = 120;
/// How many forecasts a back-test makes unless told from when on.
const USUAL_POINTS: i32 = 12;

/// Within how many days, and in which currency.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForecastParams {
    /// The horizons in days, separated by commas: `30,90` by default, at most twelve.
    #[param(example = "30,90")]
    horizon_days: Option<String>,
    /// The length of the periods of expected close: `week` (ISO 8601), `month` (default) or `quarter`.
    #[serde(default)]
    #[param(inline)]
    close_by: ClosePeriod,
    /// Also return the report for each group: up to two of `owner`, `team`, `source`, `channel`, `tier`,
    /// {texts that reports look at}, `version`, `sub_status`, `lost_reason` and `field:KEY`, separated by a comma. Customers are grouped as they
    /// were at `effective_at`.
    #[param(example = "owner,tier")]
    group_by: Option<String>,
}

/// In which currency money is added up as well.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CurrencyParams {
    /// The currency to convert into; the base currency of the exchange rates when absent.
    #[param(example = "CNY")]
    currency: Option<String>,
    /// The day of the exchange rates, or the last earlier day with rates; the day of `effective_at` when absent.
    #[param(example = "2026-11-02")]
    rate_date: Option<NaiveDate>,
}

/// When forecasts were made.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BackTestParams {
    /// The horizon in days: 30 by default.
    #[param(minimum = 1, maximum = 3650)]
    horizon_days: Option<u32>,
    /// The number of days from one forecast to the next: 30 by default.
    #[param(minimum = 1, maximum = 3650)]
    every_days: Option<u32>,
    /// What counts as known when a forecast is made: `then` (default), what had been recorded by then, and of imported
    /// histories what had happened; or `now`, all that had happened by then.
    #[param(inline)]
    knowledge: Option<Knowledge>,
    /// Refused with the reason: this report has no groups.
    group_by: Option<String>,
}

impl ForecastParams {
    fn horizons(&self) -> Result<Vec<u32>, Problem> {
        let Some(given) = &self.horizon_days else { return Ok(USUAL.into()) };
        let days = |text: &str| text.parse::<u32>().ok().filter(|days| (1..=super::MOST_DAYS).contains(days));
        let horizons: Option<Vec<u32>> = given.split(',').map(days).collect();
        horizons.filter(|horizons| horizons.len() <= MOST_HORIZONS).ok_or_else(|| {
            let most = super::MOST_DAYS;
            let message = Label::new(
                format!("应为最多 {MOST_HORIZONS} 个以逗号分隔的天数，每个在 1 至 {most} 之间。"),
                format!("Must be at most {MOST_HORIZONS} numbers of days between 1 and {most}, separated by commas."),
            );
            Problem::invalid_value("horizon_days", message)
        })
    }
}

impl CurrencyParams {
    /// The rates by which money is converted as well; none where there are none and none were asked for.
    pub(super) async fn rates(
        &self,
        state: &AppState,
        caller: &Caller,
        at: &AsOf,
    ) -> Result<Option<(Rates, String)>, Problem> {
        if self.currency.as_deref().is_some_and(|currency| decimals(currency).is_none()) {
            let message =
                Label::new("应为 ISO 4217 现行货币代码。", "Must be an active ISO 4217 currency code.");
            return Err(Problem::invalid_value("currency", message));
        }
        let company =
            state.app.companies.then(caller.tenant, DateTime::<Utc>::MAX_UTC, at.known_position).await?;
        let date = self.rate_date.unwrap_or_else(|| at.effective_at.date_naive());
        match (company.rates_on(date), &self.currency) {
            (Some(rates), None) => Ok(Some((rates.clone(), rates.base.clone()))),
            (Some(rates), Some(currency)) => Ok(Some((rates.clone(), currency.clone()))),
            // What is in that currency needs no rates; the others are named as without.
            (None, Some(currency)) => {
                let none = Rates { date, base: currency.clone(), rates: Default::default() };
                Ok(Some((none, currency.clone())))
            }
            (None, None) => Ok(None),
        }
    }
}

/// Get a forecast
///
/// What will be won of the open deals within each horizon: the number of deals, the money by currency, and by stage. The
/// probability of a deal is (F(age + horizon) − F(age)) / S(age) for the time it has been in its stage, where F is the
/// cumulative incidence of winning (Aalen–Johansen) of the stage's past and S the share that has not ended; the stage's
/// configured probability counts as ten deals of the past. `low` and `high` hold with 80%, `low_95` and `high_95` with
/// 95%. `by_expected_close` divides the open deals by the period in which they are expected to close, with what is expected
/// to be won by its end and how far their days have slipped. The same question has the same answer permanently.
#[utoipa::path(
    get, path = "/v1/forecasts/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), ForecastParams, CurrencyParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The forecast.", body = InGroups<ForecastReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn forecast(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, money, who, as_of): Query<
        ForecastParams,
        CurrencyParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<InGroups<ForecastReport>>, Problem> {
    let (horizons, keys) = (measure.horizons()?, keys_of_an_instant(measure.group_by.as_deref())?);
    let at = of_all(&as_of, &state, &caller).await?;
    let definition = definition(&state, &caller, &key, &at).await?;
    let convert = money.rates(&state, &caller, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let (state, caller, definition, close_by) = (&state, &caller, &definition, measure.close_by);
    let run = |at, filter, _| -> BoxFuture<'_, Result<ForecastReport, Problem>> {
        let (horizons, convert) = (horizons.clone(), convert.clone());
        let query = ForecastQuery { at, filter, horizons, convert, close_by };
        Box::pin(async move {
            Ok(state.app.projections.reports(caller.tenant).await?.forecast(definition, &query).await?)
        })
    };
    let of = ReportOf::customers(state, caller, definition);
    let body = grouped(of, keys, (at, filter, Window::default()), &run).await?;
    Ok(AsOfResponse { position: body.report.position, body })
}

/// Test the forecast on the past
///
/// Forecasts as they would have been made at instants from `from` to before `to`, every `every_days`, by what was known
/// then, against the deals that were won within the horizon, by what is known now: bias, mean absolute percentage error,
/// Brier score, coverage of the ranges, calibration, and three forecasts without a model at the same instants. Only
/// instants whose horizon has passed are tested: 12 of them when `from` is absent.
#[utoipa::path(
    get, path = "/v1/forecasts/{pipeline}/back-test", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), BackTestParams, TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "How well it did; null where a figure is undefined.", body = BackTestReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn back_test(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, time_window, who, as_of): Query<
        BackTestParams,
        TimeWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<BackTestReport>, Problem> {
    let why = Label::new(
        "回测检验的是一种预测方法；请用筛选条件逐组检验。",
        "A back-test judges one way of forecasting; test a group by the filters, one at a time.",
    );
    undivided(measure.group_by.as_deref(), why)?;
    let days = |parameter, given: Option<u32>| {
        super::days(parameter, given, USUAL[0])?;
        Ok::<u32, Problem>(given.unwrap_or(USUAL[0]))
    };
    let horizon_days = days("horizon_days", measure.horizon_days)?;
    let every_days = days("every_days", measure.every_days)?;
    let window = time_window.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let pipeline = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let mut instants = Vec::new();
    for instant in instants_of(window, &at, horizon_days, every_days)? {
        instants.push((instant, state.app.store.position_at(caller.tenant, instant).await?));
    }
    let knowledge = measure.knowledge.unwrap_or_default();
    let query = BackTestQuery { at, filter, horizon_days, instants, knowledge };
    let report = state.app.projections.reports(caller.tenant).await?.back_test(&pipeline, &query).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}

/// When forecasts are made: in the window, and a horizon or more before the instant asked about.
fn instants_of(
    window: Window,
    at: &AsOf,
    horizon_days: u32,
    every_days: u32,
) -> Result<Vec<DateTime<Utc>>, Problem> {
    let (horizon, step) = (TimeDelta::days(horizon_days.into()), TimeDelta::days(every_days.into()));
    let Some(last) = at.effective_at.checked_sub_signed(horizon) else { return Ok(Vec::new()) };
    let usual = || {
        let end = window.to.map_or(last, |to| to.min(last));
        end.checked_sub_signed(step * (USUAL_POINTS - 1)).unwrap_or(DateTime::UNIX_EPOCH)
    };
    let mut instant = window.from.unwrap_or_else(usual);
    let mut instants = Vec::new();
    while instant <= last && window.to.is_none_or(|to| instant < to) {
        if instants.len() == MOST_POINTS {
            let message = Label::new(
                format!("最多 {MOST_POINTS} 次预测；请缩短时间窗或加大间隔。"),
                format!("At most {MOST_POINTS} forecasts; use a shorter window or a longer interval."),
            );
            return Err(Problem::invalid_value("every_days", message));
        }
        instants.push(instant);
        let Some(next) = instant.checked_add_signed(step) else { break };
        instant = next;
    }
    Ok(instants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    #[test]
    fn only_instants_whose_horizon_has_passed_are_tested() {
        let at = AsOf::known_now(day(100));
        let window = |from, to| Window { from: Some(day(from)), to: Some(day(to)) };
        let days = |window, horizon, every| instants_of(window, &at, horizon, every).ok();
        assert_eq!(days(window(0, 30), 30, 10), Some(vec![day(0), day(10), day(20)]));
        assert_eq!(days(window(60, 100), 30, 10), Some(vec![day(60), day(70)]));
        assert_eq!(days(window(90, 100), 30, 10), Some(vec![]));
        let usual = days(Window::default(), 30, 5).unwrap_or_default();
        assert_eq!((usual.len(), usual.first(), usual.last()), (12, Some(&day(15)), Some(&day(70))));
        assert_eq!(days(Window { from: Some(day(-200)), to: None }, 1, 1), None);
    }
}
