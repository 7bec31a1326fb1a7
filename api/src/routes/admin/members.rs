//! Members: the roles of the people a front end acts for, and their removal.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::Why;
use super::{RoleName, actor, actor_name};
use crate::auth::{Authority, Shown};
use crate::domain::company::rights::{Membership, RightsCommand};
use crate::http::answer::{Accepted, List};
use crate::http::{Command, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A person's roles.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"actor": "rep:li", "roles": ["rep"]}))]
pub(super) struct MemberBody {
    /// Who.
    actor: String,
    /// Which roles, replacing the former ones. None removes the member.
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

impl MemberReply {
    fn of(name: &str, member: &Membership) -> Self {
        Self {
            actor: name.to_owned(),
            roles: member.roles.iter().map(RoleName::from).collect(),
            changed_at: member.changed_at,
        }
    }
}

/// Set a member's roles
///
/// They count when a front end's key acts for the person. Without any role the member is removed.
#[utoipa::path(
    post, path = "/v1/admin/members", tag = "admin", request_body = MemberBody,
    responses(
        (status = 200, description = "Set.", body = MemberReply),
        (status = 404, description = "There is no such member to be removed.", body = ProblemDocument),
        (status = 409, description = "Nobody would be left who administers.", body = ProblemDocument),
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: Shown,
    Command { body, meta }: Command<MemberBody>,
) -> Result<Json<MemberReply>, Problem> {
    let command = match body.roles.is_empty() {
        true => RightsCommand::RemoveMember { actor: actor_name(&body.actor)?.to_owned(), reason: None },
        false => {
            let actor = actor(&body.actor, &body.roles)?;
            RightsCommand::SetRoles { actor: actor.name, roles: actor.roles }
        }
    };
    state.app.administer(&caller, &meta, &command, &shown.credential()).await?;
    let (rights, _) = state.app.rights.fresh(caller.tenant).await?;
    let removed = || Membership { roles: BTreeSet::new(), changed_at: (state.app.clock)() };
    let member = rights.members.get(&body.actor).cloned().unwrap_or_else(removed);
    Ok(Json(MemberReply::of(&body.actor, &member)))
}

/// Remove a member
///
/// Somebody who left: nobody acts as them any more, by whatever credential, their API keys are revoked, and their streams end.
/// What they did stays readable. Somebody who holds keys and is no member can be removed, too. To bring them back, set
/// their roles; their keys stay revoked.
#[utoipa::path(
    delete, path = "/v1/admin/members/{actor}", tag = "admin",
    params(("actor" = String, Path, description = "Who, such as `rep:li`."), Why),
    responses(
        (status = 200, description = "Removed.", body = Accepted),
        (status = 404, description = "There is no such member.", body = ProblemDocument),
        (status = 409, description = "Nobody would be left who administers.", body = ProblemDocument),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn remove(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: Shown,
    Key(actor): Key,
    Query(why, ..): Query<Why>,
    Command { meta, .. }: Command<super::Empty>,
) -> Result<Accepted, Problem> {
    let command = RightsCommand::RemoveMember { actor, reason: why.reason };
    Ok(state.app.administer(&caller, &meta, &command, &shown.credential()).await?.into())
}

/// List the members
#[utoipa::path(
    get, path = "/v1/admin/members", tag = "admin",
    params(Page),
    responses((status = 200, description = "Every member, by name.", body = List<MemberReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<MemberReply>>, Problem> {
    let (rights, _) = state.app.rights.fresh(caller.tenant).await?;
    let members = rights.members.iter().map(|(name, member)| MemberReply::of(name, member));
    Ok(Json(List::paged(members.collect(), &page, |one: &MemberReply| one.actor.clone())?))
}
