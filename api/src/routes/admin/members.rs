//! Members: the roles of the people a front end acts for.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;

use super::{RoleName, actor};
use crate::auth::{Authority, Member};
use crate::domain::company::CompanyCommand;
use crate::http::answer::List;
use crate::http::query::Nothing;
use crate::http::{Command, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::Site;

/// A person's roles.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"actor": "rep:li", "roles": ["rep"]}))]
pub(super) struct MemberBody {
    /// Who.
    actor: String,
    /// Which roles, replacing the former ones.
    roles: BTreeSet<RoleName>,
}

/// A person with roles.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct MemberReply {
    /// Who.
    #[schema(example = "rep:li")]
    actor: String,
    /// Which roles.
    roles: Vec<RoleName>,
    /// When they were last set.
    changed_at: DateTime<Utc>,
}

impl From<Member> for MemberReply {
    fn from(member: Member) -> Self {
        Self {
            actor: member.actor.name,
            roles: member.actor.roles.iter().map(RoleName::from).collect(),
            changed_at: member.changed_at,
        }
    }
}

/// Set a member's roles
///
/// They count when a front end's key acts for the person.
#[utoipa::path(
    post, path = "/v1/admin/members", tag = "admin", request_body = MemberBody,
    responses(
        (status = 200, description = "Set.", body = MemberReply),
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(site): State<Site>,
    Authority(caller): Authority,
    Command { body, meta }: Command<MemberBody>,
) -> Result<Json<MemberReply>, Problem> {
    let actor = actor(&body.actor, &body.roles)?;
    // The log first: should the table's turn not come, the auditor sees what was asked for, and a retry mends it.
    let command = CompanyCommand::SetRoles(actor.name.clone(), actor.roles.clone());
    site.app.set_up(&caller, &meta, &command, Map::new()).await?;
    let member = site.admin.set_member(caller.tenant, actor).await?;
    Ok(Json(member.into()))
}

/// List the members
#[utoipa::path(
    get, path = "/v1/admin/members", tag = "admin",
    responses((status = 200, description = "Every member, by name.", body = List<MemberReply>))
)]
pub(super) async fn list(
    State(site): State<Site>,
    Authority(caller): Authority,
    _: Query<Nothing>,
) -> Result<Json<List<MemberReply>>, Problem> {
    let members = site.admin.members(caller.tenant).await?;
    Ok(Json(List::whole(members.into_iter().map(MemberReply::from).collect())))
}
