//! Comparing a pilot with everybody else.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::groups::undivided;
use super::{days, definition, of_all};
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::pipeline::version::Pilot;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::reports::pilots::{PilotComparison, PilotQuery};
use crate::routes::AppState;

/// More than N days of silence is a leak, unless told otherwise.
const SILENT_DAYS: u32 = 7;
/// Deals are looked for within N days of a cycle's beginning, unless told otherwise: a pilot's two weeks.
const HORIZON_DAYS: u32 = 14;

/// By which measures.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PilotParams {
    /// The number of days without activity after which a customer counts as leaking: 7 by default.
    #[param(minimum = 1, maximum = 3650)]
    silent_days: Option<u32>,
    /// The number of days from the start of a cycle within which deals count: 14 by default.
    #[param(minimum = 1, maximum = 3650)]
    horizon_days: Option<u32>,
    /// Refused with the reason: this report has no groups.
    group_by: Option<String>,
}

/// A pilot and what it brings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PilotReply {
    /// Names the pilot.
    #[schema(example = "landian-6@2")]
    id: String,
    /// The pipeline.
    pipeline: String,
    /// The version that is tried.
    version: u32,
    /// The team that tries it.
    team: String,
    /// Start.
    from: DateTime<Utc>,
    /// Until when, exclusive; null for without end.
    until: Option<DateTime<Utc>>,
    /// The business instant asked about.
    effective_at: DateTime<Utc>,
    /// The reps of the team at the instant at which the pilot is judged, in order.
    members: Vec<String>,
    /// The figures.
    #[serde(flatten)]
    comparison: PilotComparison,
}

/// Get a pilot comparison
///
/// A pilot is a pipeline version published for one team; its id is `{pipeline}@{version}`. Customers of the team's reps
/// are compared with those of all other reps, over the pilot's period up to the requested instant: leak rate, sales
/// cycle length (Kaplan–Meier with delayed entry, and the log-rank test) and win rate, each with 95% intervals;
/// differences by Newcombe's method.
#[utoipa::path(
    get, path = "/v1/pilots/{id}", tag = "analytics",
    params(("id" = String, Path, description = "The pilot.", example = "sales@2"), PilotParams, AsOfParams),
    responses(
        (status = 200, description = "The comparison; null where a figure is undefined.", body = PilotReply),
        (status = 404, description = "There is no such pilot.", body = ProblemDocument),
    )
)]
pub(super) async fn pilot(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(id): Key,
    Query(measure, as_of, ..): Query<PilotParams, AsOfParams>,
) -> Result<AsOfResponse<PilotReply>, Problem> {
    let unknown = || Problem::not_found("pilot", &id);
    let (key, version) = read_id(&id).ok_or_else(unknown)?;
    let why = Label::new(
        "试点本身就是把团队的客户与其他客户对比，没有更多分组。",
        "A pilot always compares the team's customers with all others: it has no further groups.",
    );
    undivided(measure.group_by.as_deref(), why)?;
    let asked = of_all(&as_of, &state, &caller).await?;
    let definition = definition(&state, &caller, key, &asked).await?;
    let published = definition.versions.version(version).ok_or_else(unknown)?;
    let pilot = published.team.clone().ok_or_else(unknown)?;
    let from = published.in_force_from;
    let silence_seconds = days("silent_days", measure.silent_days, SILENT_DAYS)?;
    let horizon_seconds = days("horizon_days", measure.horizon_days, HORIZON_DAYS)?;
    let at = AsOf { effective_at: judged_at(&pilot, asked.effective_at), ..asked };
    let company = state.app.companies.then(caller.tenant, at.effective_at, at.known_position).await?;
    let team = company.people.teams.get(&pilot.id).map(|team| team.members.clone()).unwrap_or_default();
    let visibility = state.app.visibility(&caller).await?;
    let query = PilotQuery { at, from, team, visibility, silence_seconds, horizon_seconds };
    let comparison = state.app.projections.reports(caller.tenant).await?.pilot(&definition, &query).await?;
    let body = PilotReply {
        pipeline: key.to_owned(),
        version,
        team: pilot.id,
        from,
        until: pilot.until,
        effective_at: asked.effective_at,
        members: query.team.into_iter().collect(),
        comparison,
        id,
    };
    Ok(AsOfResponse { position: body.comparison.position, body })
}

/// A pipeline's key and a version's number, of `{pipeline}@{version}`.
fn read_id(id: &str) -> Option<(&str, u32)> {
    let (key, version) = id.rsplit_once('@')?;
    let canonical = |version: &u32| version.to_string() == id[key.len() + 1..];
    Some((key, version.parse().ok().filter(canonical)?))
}

/// A pilot is judged at the last instant at which it is in force, or now if that is still to come.
fn judged_at(pilot: &Pilot, now: DateTime<Utc>) -> DateTime<Utc> {
    let last = pilot.until.and_then(|until| until.checked_sub_signed(TimeDelta::microseconds(1)));
    last.map_or(now, |last| last.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pilot_is_named_by_its_pipeline_and_version_in_one_way_only() {
        assert_eq!(read_id("sales@2"), Some(("sales", 2)));
        assert_eq!(read_id("a@b@10"), Some(("a@b", 10)));
        for wrong in ["sales", "sales@", "sales@02", "sales@+2", "sales@-1", "sales@99999999999"] {
            assert_eq!(read_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn it_is_judged_just_before_its_end_or_now() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let until = |until| Pilot { until, ..Pilot::default() };
        assert_eq!(judged_at(&until(None), now), now);
        assert_eq!(judged_at(&until(Some(now + TimeDelta::days(1))), now), now);
        assert_eq!(judged_at(&until(Some(now)), now), now - TimeDelta::microseconds(1));
    }
}
