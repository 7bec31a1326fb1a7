//! Teams: members, supervisors and regions.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Names;
use crate::auth::Authority;
use crate::domain::Role;
use crate::domain::company::CompanyCommand;
use crate::domain::people::Team;
use crate::http::answer::{Accepted, List};
use crate::http::person::actor_name;
use crate::http::{Command, ConsistencyParams, Key, LeaderName, Page, Query, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A team.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "key": "north", "name": {"zh": "北区", "en": "North"}, "supervisors": ["supervisor:wang"], "members": ["li", "zhao"],
    "regions": ["北京", "天津"]
}))]
pub(super) struct TeamBody {
    /// The key, for the filter `team`.
    key: String,
    /// The name.
    name: Names,
    /// The supervisors, such as `supervisor:zhou`; a name without a prefix is a supervisor's.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    supervisors: BTreeSet<LeaderName>,
    /// The reps: `li` or `rep:li`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    members: BTreeSet<RepName>,
    /// The regions whose customers its reps and supervisors can see; empty for all regions.
    #[serde(default)]
    regions: BTreeSet<String>,
    /// Who fills the roles that rules and next actions name for its customers: `service`, `delivery`, `finance`, `marketing` or
    /// `advisor`. A name without a prefix is a rep's. What goes to a role is in their inboxes as well as in those of who leads.
    #[serde(default)]
    #[schema(example = json!({"service": ["service:mo"]}))]
    functions: BTreeMap<String, BTreeSet<String>>,
}

/// A team.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TeamReply {
    /// The key.
    key: String,
    /// The name.
    name: Names,
    /// The supervisors.
    supervisors: BTreeSet<String>,
    /// The reps.
    members: BTreeSet<String>,
    /// The regions whose customers they can see; empty for all regions.
    regions: BTreeSet<String>,
    /// Who fills the roles that rules name, by actor name.
    functions: BTreeMap<String, BTreeSet<String>>,
}

/// Create or replace a team
///
/// Figures as of an earlier instant use the team as it was then. A team with regions limits what its reps and
/// supervisors can see: customers of those regions, customers without a region, customers they own or cover as a
/// deputy, and customers owned by members of a team they lead. Other customers do not exist for them.
#[utoipa::path(
    post, path = "/v1/admin/teams", tag = "admin", request_body = TeamBody,
    responses((status = 200, description = "Saved.", body = Accepted))
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<TeamBody>,
) -> Result<Accepted, Problem> {
    let TeamBody { key, name, supervisors, members, regions, functions } = body;
    let mut resource = Map::new();
    resource.insert("key".to_owned(), Value::String(key.clone()));
    let supervisors = supervisors.into_iter().map(LeaderName::into_actor).collect();
    let members = members.into_iter().map(RepName::into_id).collect();
    let people = |names: BTreeSet<String>| names.iter().map(|name| actor_name(name, [Role::Rep])).collect();
    let functions = functions.into_iter().map(|(role, names)| (role, people(names))).collect();
    let team = Team { key, name: name.into(), supervisors, members, regions, functions };
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::SetTeam(team), resource).await?.into())
}

/// List teams
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
        functions: team.functions.clone(),
    };
    Ok(Json(List::paged(company.people.teams.values().map(reply).collect(), &page, |team| team.key.clone())?))
}

/// Delete a team
#[utoipa::path(
    delete, path = "/v1/admin/teams/{key}", tag = "admin",
    params(("key" = String, Path, description = "The team.")),
    responses(
        (status = 200, description = "Deleted.", body = Accepted),
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
