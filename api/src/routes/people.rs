//! Names in requests: known people and teams.
//!
//! Somebody is known who is a member, has a key, is in a team or leads one, stands in for somebody or is stood in for, owns
//! customers or did, or has acted. Reps need not be registered: so naming one where that makes them somebody (in a team, as
//! an owner, as the receiver of a robot) is taken as it is, and naming one where nothing would ever come of it (their work,
//! their leave, their customers to show, to count or to hand over) is refused.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use super::AppState;
use crate::app::Caller;
use crate::domain::company::Company;
use crate::domain::company::rights::Rights;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::{Actor, Label, Owner};
use crate::http::RepName;
use crate::problem::Problem;

/// How long the read models may take to catch up with the log before somebody is told to be nobody.
const WAIT: Duration = Duration::from_secs(10);
/// How many known names a refusal lists.
const LISTED: usize = 20;

/// The rep that is named, if one is.
///
/// # Errors
/// 422 where nobody is known by that name.
pub(super) async fn known(
    state: &AppState,
    caller: &Caller,
    field: &str,
    rep: Option<&RepName>,
) -> Result<Option<String>, Problem> {
    let Some(rep) = rep else { return Ok(None) };
    require(state, caller, field, rep).await?;
    Ok(Some(rep.id().to_owned()))
}

/// Insists that somebody is known by a name.
///
/// # Errors
/// 422 where nobody is.
pub(super) async fn require(
    state: &AppState,
    caller: &Caller,
    field: &str,
    rep: &RepName,
) -> Result<(), Problem> {
    if caller.actor.rep_id() == Some(rep.id()) {
        return Ok(());
    }
    let mut company = state.app.companies.now(caller.tenant).await?;
    if company_knows(&company, rep.id()) {
        return Ok(());
    }
    if callers(&*state.app.rights.now(caller.tenant).await?).contains(rep.id()) {
        return Ok(());
    }
    if state.app.projections.board(caller.tenant).await?.owns(rep.id()).await? {
        return Ok(());
    }
    // What another process has set up, or anyone has recorded, a moment ago counts before somebody is told to be nobody.
    state.app.refresh_definitions(caller.tenant).await?;
    company = state.app.companies.now(caller.tenant).await?;
    let callers = callers(&state.app.rights.fresh(caller.tenant).await?.0);
    if company_knows(&company, rep.id())
        || callers.contains(rep.id())
        || has_a_past(state, caller, rep.id()).await?
    {
        return Ok(());
    }
    let mut names: BTreeSet<&str> = callers.iter().map(String::as_str).collect();
    names.extend(company.people.teams.values().flat_map(|team| &team.members).map(String::as_str));
    // Who works here is for those to read who lead them.
    let told = names.into_iter().take(if caller.actor.supervises() { LISTED } else { 0 });
    Err(nobody(field, rep, &told.collect::<Vec<_>>()))
}

/// Insists that somebody is known by the name of the owner whose customers are asked for. A pool is no person.
///
/// # Errors
/// 422 where nobody is.
pub(super) async fn require_owner(
    state: &AppState,
    caller: &Caller,
    owner: Option<&Owner>,
) -> Result<(), Problem> {
    let rep = match owner {
        Some(Owner::Rep(rep)) => RepName::parse(rep),
        Some(Owner::Pool(_)) | None => None,
    };
    match rep {
        Some(rep) => require(state, caller, "owner", &rep).await,
        None => Ok(()),
    }
}

/// Whether a rep owned customers or acted, by all that is in the log now.
async fn has_a_past(state: &AppState, caller: &Caller, rep: &str) -> Result<bool, Problem> {
    let projections = &state.app.projections;
    let head = state.app.store.head(caller.tenant).await?.position;
    for model in ["board", "timeline"] {
        projections.wait_for(caller.tenant, model, head, WAIT).await?;
    }
    let mut board = projections.board(caller.tenant).await?;
    Ok(board.owns(rep).await? || board.has_ever_acted(rep).await?)
}

/// Insists that there is a team of that key.
///
/// # Errors
/// 422 where there is none.
pub(super) async fn require_team(
    state: &AppState,
    caller: &Caller,
    field: &str,
    key: &str,
) -> Result<(), Problem> {
    if state.app.companies.now(caller.tenant).await?.people.teams.contains_key(key) {
        return Ok(());
    }
    state.app.refresh_definitions(caller.tenant).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    match company.people.teams.contains_key(key) {
        true => Ok(()),
        false => Err(no_team(field, key, &company)),
    }
}

/// There is no such team.
pub(super) fn no_team(field: &str, key: &str, company: &Company) -> Problem {
    let known: Vec<&str> = company.people.teams.keys().map(String::as_str).collect();
    Refusal::from_code(
        Code::UnknownTeam,
        field,
        Label::new(format!("团队“{key}”不存在。"), format!("Unknown team {key:?}.")),
        Label::new(
            format!("现有团队：{}。", known.join("、")),
            format!("Existing teams: {}.", known.join(", ")),
        ),
    )
    .into()
}

fn company_knows(company: &Company, rep: &str) -> bool {
    let people = &company.people;
    let acts = format!("rep:{rep}");
    people.teams.values().any(|team| team.members.contains(rep) || team.supervisors.contains(rep))
        || people.deputies.values().any(|one| one.rep == rep || one.deputy == rep)
        || [rep, &acts].iter().any(|name| people.members.contains_key(*name))
}

/// Those who have a key or are members, by the names under which they own customers.
fn callers(rights: &Rights) -> BTreeSet<String> {
    let keys = rights.keys.values().filter(|known| known.is_valid());
    let keys = keys.map(|known| Actor::new(&*known.key.actor, known.key.roles.iter().copied()));
    let members = rights.members.iter();
    let members = members.map(|(name, member)| Actor::new(name, member.roles.iter().copied()));
    keys.chain(members).filter_map(|actor| actor.rep_id().map(str::to_owned)).collect()
}

fn nobody(field: &str, rep: &RepName, known: &[&str]) -> Problem {
    let id = rep.id();
    let fix = match known {
        [] => Label::new(
            "先为其创建密钥、登记成员，或将其加入团队。",
            "Create an API key for the person, register them as a member, or add them to a team first.",
        ),
        known => Label::new(
            format!("请检查人员标识；已有人员例如：{}。", known.join("、")),
            format!("Check the name. Known people include: {}.", known.join(", ")),
        ),
    };
    Refusal::from_code(
        Code::UnknownPerson,
        field,
        Label::new(format!("未知人员“{id}”。"), format!("Unknown person {id:?}.")),
        fix,
    )
    .into()
}
