//! Analytics: changes between two moments, forecasts, bottlenecks, losses, channels, alerts, dwell times, flows, funnels, paths, heat map, and reports about data quality, reps and pilots.

mod alerts;
mod bottlenecks;
mod changes;
mod channels;
mod dwell;
mod flows;
mod forecasts;
mod funnels;
mod groups;
mod heatmap;
mod latency;
mod losses;
mod loyalty;
mod paths;
mod pilots;
mod quality;
mod reps;
mod split;
mod what_if;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::app::Caller;
use crate::domain::Label;
use crate::http::AsOfParams;
use crate::problem::Problem;
use crate::projections::AsOf;
use crate::projections::reports::Definition;

/// The most days that a parameter may say.
const MOST_DAYS: u32 = 3650;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(alerts::alerts))
        .routes(routes!(bottlenecks::bottlenecks))
        .routes(routes!(channels::channels))
        .routes(routes!(losses::losses))
        .routes(routes!(losses::lost_deals))
        .routes(routes!(loyalty::loyalty))
        .routes(routes!(changes::changes))
        .routes(routes!(changes::changed_customers))
        .routes(routes!(dwell::dwell))
        .routes(routes!(flows::flows))
        .routes(routes!(forecasts::forecast))
        .routes(routes!(forecasts::back_test))
        .routes(routes!(funnels::funnel))
        .routes(routes!(paths::paths))
        .routes(routes!(paths::set_standard))
        .routes(routes!(heatmap::heatmap))
        .routes(routes!(latency::latency))
        .routes(routes!(quality::quality))
        .routes(routes!(reps::reps))
        .routes(routes!(pilots::pilot))
        .routes(routes!(what_if::what_if))
}

/// The two times, once every read model that a report looks at is fresh enough.
async fn of_all(as_of: &AsOfParams, state: &AppState, caller: &Caller) -> Result<AsOf, Problem> {
    for model in ["board", "timeline"] {
        as_of.wait(state, caller, model).await?;
    }
    as_of.at(state, caller, "dwell").await
}

/// A pipeline with its versions, as they were known.
async fn definition(state: &AppState, caller: &Caller, key: &str, at: &AsOf) -> Result<Definition, Problem> {
    Ok(state.app.pipelines.definition_then(caller.tenant, key, at).await?)
}

/// The pipeline that was named, or all of them, as they were known.
async fn definitions(
    state: &AppState,
    caller: &Caller,
    named: Option<&str>,
    at: &AsOf,
) -> Result<Vec<Definition>, Problem> {
    match named {
        Some(key) => Ok(vec![definition(state, caller, key, at).await?]),
        None => Ok(state.app.pipelines.definitions_then(caller.tenant, at).await?.into_values().collect()),
    }
}

/// A number of days, at most ten years, in seconds.
fn days(parameter: &str, given: Option<u32>, usual: u32) -> Result<u64, Problem> {
    let days = given.unwrap_or(usual);
    if !(1..=MOST_DAYS).contains(&days) {
        let message = Label::new(
            format!("应在 1 至 {MOST_DAYS} 天之间。"),
            format!("Must be between 1 and {MOST_DAYS} days."),
        );
        return Err(Problem::invalid_value(parameter, message));
    }
    Ok(u64::from(days) * 24 * 60 * 60)
}
