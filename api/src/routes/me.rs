//! The current caller: what a front end shows, and what it offers accordingly.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::AppState;
use super::admin::RoleName;
use crate::auth::Authority;
use crate::problem::Problem;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(me))
}

/// The caller.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "tenant": "01970000-0000-7000-8000-000000000001", "actor": "rep:li", "roles": ["rep"], "via": null, "teams": ["north"]
}))]
struct CallerReply {
    /// The tenant.
    tenant: Uuid,
    /// The actor, as recorded in the event log.
    actor: String,
    /// The roles.
    roles: BTreeSet<RoleName>,
    /// The key that acts for the person; null if the person's own key was used.
    via: Option<String>,
    /// The teams that the person belongs to or leads, by key.
    teams: BTreeSet<String>,
}

/// Get the current caller
///
/// The tenant, person and roles identified by the credential together with the header `Waymark-Actor`.
#[utoipa::path(
    get, path = "/v1/me", tag = "operations",
    responses((status = 200, description = "The caller.", body = CallerReply))
)]
async fn me(
    State(state): State<AppState>,
    Authority(caller): Authority,
) -> Result<Json<CallerReply>, Problem> {
    state.app.refresh_definitions(caller.tenant).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    let actor = &caller.actor;
    let teams = company.people.teams.values().filter(|team| {
        let is_member = actor.rep_id().is_some_and(|rep| team.members.contains(rep));
        is_member || team.supervisors.contains(&actor.name)
    });
    Ok(Json(CallerReply {
        tenant: caller.tenant.0,
        actor: actor.name.clone(),
        roles: actor.roles.iter().map(RoleName::from).collect(),
        via: caller.via.clone(),
        teams: teams.map(|team| team.key.clone()).collect(),
    }))
}
