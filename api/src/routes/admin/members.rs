//! Members: the roles of the people a front end acts for, and their removal.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::Why;
use super::{RoleName, actor, actor_name};
use crate::auth::{Authority, PresentedCredential};
use crate::domain::company::rights::{Membership, RightsCommand};
use crate::http::answer::{Accepted, List, Recorded};
use crate::http::{Command, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// The roles of a person.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"actor": "rep:li", "roles": ["rep"]}))]
pub(super) struct MemberBody {
    /// The person.
    actor: String,
    /// The roles, replacing all previous ones. An empty list removes the member.
    roles: BTreeSet<RoleName>,
}

/// A member.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct MemberReply {
    /// The person.
    #[schema(example = "rep:li")]
    actor: String,
    /// The roles.
    roles: Vec<RoleName>,
    /// When the roles were last changed.
    changed_at: DateTime<Utc>,
}

/// A member whose roles were set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SavedMember {
    /// The member.
    #[serde(flatten)]
    member: MemberReply,
    /// What was recorded.
    #[serde(flatten)]
    recorded: Recorded,
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

/// Assign a member's roles
///
/// The roles apply when a front end's key acts on behalf of the person. An empty list removes the member.
#[utoipa::path(
    post, path = "/v1/admin/members", tag = "admin", request_body = MemberBody,
    responses(
        (status = 200, description = "Saved.", body = SavedMember),
        (status = 404, description = "There is no such member.", body = ProblemDocument),
        (status = 409, description = "The tenant would have no administrator left.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Command { body, meta }: Command<MemberBody>,
) -> Result<Json<SavedMember>, Problem> {
    let (name, command) = match body.roles.is_empty() {
        true => {
            let name = actor_name(&body.actor)?.to_owned();
            (name.clone(), RightsCommand::RemoveMember { actor: name, reason: None })
        }
        false => {
            let actor = actor(&body.actor, &body.roles)?;
            (actor.name.clone(), RightsCommand::SetRoles { actor: actor.name, roles: actor.roles })
        }
    };
    let told = state.app.administer(&caller, &meta, &command, &shown.credential()).await?;
    let (rights, _) = state.app.rights.fresh(caller.tenant).await?;
    let removed = || Membership { roles: BTreeSet::new(), changed_at: (state.app.clock)() };
    let member = rights.members.get(&name).cloned().unwrap_or_else(removed);
    Ok(Json(SavedMember { member: MemberReply::of(&name, &member), recorded: (&told).into() }))
}

/// Remove a member
///
/// No credential can act as this person any longer, their API keys are revoked and their event streams end. What they
/// recorded stays readable. A person who holds keys without being a member can be removed, too. Assign roles to
/// reinstate a member; their keys stay revoked.
#[utoipa::path(
    delete, path = "/v1/admin/members/{actor}", tag = "admin",
    params(("actor" = String, Path, description = "The person, such as `rep:li`."), Why),
    responses(
        (status = 200, description = "Removed.", body = Accepted),
        (status = 404, description = "There is no such member.", body = ProblemDocument),
        (status = 409, description = "The tenant would have no administrator left.", body = ProblemDocument),
    )
)]
pub(super) async fn remove(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Key(actor): Key,
    Query(why, ..): Query<Why>,
    Command { meta, .. }: Command<super::Empty>,
) -> Result<Accepted, Problem> {
    let command = RightsCommand::RemoveMember { actor, reason: why.reason };
    Ok(state.app.administer(&caller, &meta, &command, &shown.credential()).await?.into())
}

/// Why something of a person is erased.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "left the company"}))]
pub(super) struct ErasureBody {
    /// Why.
    reason: String,
}

/// Erase where a person's commands came from
///
/// The addresses and programs that are recorded beside a person's commands cannot be read any more, by anybody. The events
/// stay, with who acted; proofs stay valid. What the person does afterwards is recorded as before. Where nothing is recorded the
/// answer has no events.
#[utoipa::path(
    post, path = "/v1/admin/members/{actor}/endpoint-erasures", tag = "admin", request_body = ErasureBody,
    params(("actor" = String, Path, description = "The person, such as `rep:li`.")),
    responses(
        (status = 200, description = "Erased.", body = Accepted),
        (status = 404, description = "There is no such member.", body = ProblemDocument),
    )
)]
pub(super) async fn erase_endpoints(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Key(actor): Key,
    Command { body, meta }: Command<ErasureBody>,
) -> Result<Accepted, Problem> {
    let (vault, tenant) = (&state.app.vault, caller.tenant);
    let rep = format!("rep:{actor}");
    let (actor, key) = match vault.subject_of_actor(tenant, &actor).await? {
        None => match vault.subject_of_actor(tenant, &rep).await? {
            None => (actor, None),
            key => (rep, key),
        },
        key => (actor, key),
    };
    let command = RightsCommand::EraseEndpoints { actor, key, reason: body.reason };
    Ok(state.app.administer(&caller, &meta, &command, &shown.credential()).await?.into())
}

/// List members
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
