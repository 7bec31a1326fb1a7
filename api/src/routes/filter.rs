//! What every figure takes: which customers count, and which window of time.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::IntoParams;

use super::AppState;
use super::customers::body::OwnerName;
use super::people::no_team;
use crate::app::Caller;
use crate::domain::Label;
use crate::http::Instant;
use crate::problem::Problem;
use crate::projections::dwell::Window;
use crate::projections::{AsOf, CohortFilter};

/// Which customers count. All that are given must hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerFilterParams {
    /// Whose customers: `rep:li` or `pool:customer_pool`.
    #[param(value_type = Option<String>, example = "rep:li")]
    owner: Option<OwnerName>,
    /// The team whose reps' customers: as it was at the instant asked about.
    #[param(example = "north")]
    team: Option<String>,
    /// Where the lead came from.
    source: Option<String>,
    /// Through which channel.
    channel: Option<String>,
    /// A label they carry.
    tag: Option<String>,
    /// The value tier.
    tier: Option<String>,
    /// The line of business.
    industry: Option<String>,
    /// The region.
    region: Option<String>,
    /// The pipeline version under which they last moved.
    version: Option<u32>,
}

impl CustomerFilterParams {
    /// The filter, with the team of the instant asked about, and what the caller sees now.
    ///
    /// # Errors
    /// 422 when there was no such team then.
    pub(super) async fn filter(
        self,
        state: &AppState,
        caller: &Caller,
        at: &AsOf,
    ) -> Result<CohortFilter, Problem> {
        let who = self;
        let reps = match &who.team {
            Some(team) => Some(reps(state, caller, team, at).await?),
            None => None,
        };
        Ok(CohortFilter {
            owner: who.owner.map(|owner| owner.0),
            reps,
            source: who.source,
            channel: who.channel,
            tag: who.tag,
            tier: who.tier,
            industry: who.industry,
            region: who.region,
            version: who.version,
            visibility: state.app.visibility(caller).await?,
        })
    }
}

/// The reps of a team at an instant, as known then.
///
/// # Errors
/// 422 when there was no such team then.
pub(super) async fn reps(
    state: &AppState,
    caller: &Caller,
    team: &str,
    at: &AsOf,
) -> Result<BTreeSet<String>, Problem> {
    let then = async || state.app.companies.then(caller.tenant, at.effective_at, at.known_position).await;
    if let Some(team) = then().await?.people.teams.get(team) {
        return Ok(team.members.clone());
    }
    // Another process may have set it up a moment ago.
    state.app.refresh_definitions(caller.tenant).await?;
    let company = then().await?;
    match company.people.teams.get(team) {
        Some(team) => Ok(team.members.clone()),
        None => Err(no_team("team", team, &company)),
    }
}

/// Which window of time: the half-open interval [`from`, `to`), so that windows that meet add up.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TimeWindowParams {
    /// Its beginning: what happened at this instant or later counts.
    from: Option<Instant>,
    /// Its end: what happened at this instant or later does not count. Without it, what happened up to `effective_at`
    /// counts, that instant included.
    to: Option<Instant>,
}

impl TimeWindowParams {
    /// The window.
    ///
    /// # Errors
    /// 422 when its end lies before its beginning.
    pub(super) fn window(self) -> Result<Window, Problem> {
        let window =
            Window { from: self.from.map(|instant| instant.0), to: self.to.map(|instant| instant.0) };
        if window.from.zip(window.to).is_some_and(|(from, to)| to < from) {
            let message = Label::new("结束时间早于开始时间。", "The end is before the beginning.");
            return Err(Problem::invalid_value("to", message));
        }
        Ok(window)
    }
}
