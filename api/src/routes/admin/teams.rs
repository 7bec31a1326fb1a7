//! Teams: who belongs together, and who leads them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Names;
use crate::auth::Authority;
use crate::domain::company::CompanyCommand;
use crate::domain::people::Team;
use crate::http::answer::{Accepted, List};
use crate::http::{Command, ConsistencyParams, Key, LeaderName, Page, Query, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A team as it is to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "key": "north", "name": {"zh": "北区", "en": "North"}, "supervisors": ["supervisor:wang"], "members": ["li", "zhao"],
    "regions": ["北京", "天津"]
}))]
pub(super) struct TeamBody {
    /// Names it: what the filter `team` takes.
    key: String,
    /// What it is called.
    name: Names,
    /// Who leads it: `supervisor:zhou`; a name without a role is a supervisor's.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    supervisors: BTreeSet<LeaderName>,
    /// Its reps, by `li` or `rep:li`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    members: BTreeSet<RepName>,
    /// The regions that its reps and supervisors see, as customers have them; every region, where none is named.
    #[serde(default)]
    regions: BTreeSet<String>,
}

/// A team.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TeamReply {
    /// Names it.
    key: String,
    /// What it is called.
    name: Names,
    /// Who leads it.
    supervisors: BTreeSet<String>,
    /// Its reps.
    members: BTreeSet<String>,
    /// The regions that they see; every region, where none is named.
    regions: BTreeSet<String>,
}

/// Set a team
///
/// New, or changed as a whole. Figures of the past keep the team of then. A team that names regions narrows what its reps
/// and supervisors see to the customers of those regions, those without a region, those they own or stand in for, and
/// those whose owner is in a team that they lead; others are for them not there.
#[utoipa::path(
    post, path = "/v1/admin/teams", tag = "admin", request_body = TeamBody,
    responses(
        (status = 200, description = "Set.", body = Accepted),
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<TeamBody>,
) -> Result<Accepted, Problem> {
    let TeamBody { key, name, supervisors, members, regions } = body;
    let mut resource = Map::new();
    resource.insert("key".to_owned(), Value::String(key.clone()));
    let supervisors = supervisors.into_iter().map(LeaderName::into_actor).collect();
    let members = members.into_iter().map(RepName::into_id).collect();
    let team = Team { key, name: name.into(), supervisors, members, regions };
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::SetTeam(team), resource).await?.into())
}

/// List the teams
#[utoipa::path(
    get, path = "/v1/admin/teams", tag = "admin",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every team, by key.", body = List<TeamReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<TeamReply>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    let reply = |team: &Team| TeamReply {
        key: team.key.clone(),
        name: Names::from(&team.name),
        supervisors: team.supervisors.clone(),
        members: team.members.clone(),
        regions: team.regions.clone(),
    };
    Ok(Json(List::paged(company.people.teams.values().map(reply).collect(), &page, |team| team.key.clone())?))
}

/// Dissolve a team
#[utoipa::path(
    delete, path = "/v1/admin/teams/{key}", tag = "admin",
    params(("key" = String, Path, description = "The team.")),
    responses(
        (status = 200, description = "Dissolved.", body = Accepted),
        (status = 404, description = "There is no such team.", body = ProblemDocument),
    )
)]
pub(super) async fn dissolve(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Command { meta, .. }: Command<super::Empty>,
) -> Result<Accepted, Problem> {
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::DissolveTeam(key), Map::new()).await?.into())
}
