//! Setting a tenant up: API keys, members, teams, custom fields, rates and working calendars.

mod calendars;
mod fields;
mod intake;
mod keys;
mod members;
mod pools;
mod rates;
mod roles;
mod sign_in_links;
mod teams;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::domain::{Actor, Label, Role};
use crate::http::person;
use crate::problem::Problem;

/// The longest name of an actor, in characters.
const LONGEST_NAME: usize = 100;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(sign_in_links::create))
        .routes(routes!(members::set, members::list))
        .routes(routes!(members::remove))
        .routes(routes!(members::erase_endpoints))
        .routes(routes!(roles::list))
        .routes(routes!(pools::list))
        .routes(routes!(teams::set, teams::list))
        .routes(routes!(teams::dissolve))
        .routes(routes!(fields::declare, fields::list))
        .routes(routes!(fields::withdraw))
        .routes(routes!(intake::set, intake::read))
        .routes(routes!(rates::set, rates::list))
        .routes(routes!(calendars::set, calendars::list))
}

/// A body that says nothing.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Empty {}

/// A name in Chinese and English.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(super) struct Names {
    /// In Chinese.
    zh: String,
    /// In English.
    en: String,
}

impl From<Names> for Label {
    fn from(names: Names) -> Self {
        Self { zh: names.zh, en: names.en }
    }
}

impl From<&Label> for Names {
    fn from(label: &Label) -> Self {
        Self { zh: label.zh.clone(), en: label.en.clone() }
    }
}

/// The roles there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// Works customers: their own, and those in a pool.
    Rep,
    /// Leads a team: works every customer, merges them, and hands them over.
    Supervisor,
    /// Leads the sales: works every customer, and publishes pipelines.
    Manager,
    /// Sets the system up, and may do what a manager may.
    Admin,
    /// Reads figures; commands nothing.
    Analyst,
    /// Reads everything, the log included; commands nothing.
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Rep => Self::Rep,
            RoleName::Supervisor => Self::Supervisor,
            RoleName::Manager => Self::Manager,
            RoleName::Admin => Self::Admin,
            RoleName::Analyst => Self::Analyst,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

impl From<&Role> for RoleName {
    fn from(role: &Role) -> Self {
        match role {
            Role::Rep => Self::Rep,
            Role::Supervisor => Self::Supervisor,
            Role::Manager => Self::Manager,
            Role::Admin => Self::Admin,
            Role::Analyst => Self::Analyst,
            Role::Auditor => Self::Auditor,
        }
    }
}

/// The name of an actor, when it can be one. Rules of the system and the command line are no people.
fn actor_name(name: &str) -> Result<&str, Problem> {
    let name_fits = !name.trim().is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control)
        && !["system:", "operator:"].iter().any(|prefix| name.starts_with(prefix));
    if !name_fits {
        let message = Label::new(
            format!("应为 1 至 {LONGEST_NAME} 个字符，例如 rep:li，且不以 system: 或 operator: 开头。"),
            format!(
                "Must be 1 to {LONGEST_NAME} characters, such as rep:li, and must not begin with system: or operator:."
            ),
        );
        return Err(Problem::invalid_value("actor", message));
    }
    Ok(name)
}

/// An actor of that name with those roles, when both can be.
fn actor(name: &str, roles: &BTreeSet<RoleName>) -> Result<Actor, Problem> {
    let name = actor_name(name)?;
    if roles.is_empty() {
        let message = Label::new("至少需要一个角色。", "At least one role is required.");
        return Err(Problem::invalid_value("roles", message));
    }
    let roles = roles.iter().map(|role| Role::from(*role));
    // Reps alone have a name in two forms: others are called as they were named.
    let sells = roles.clone().filter(|role| *role == Role::Rep);
    Ok(Actor::new(person::actor_name(name, sells), roles))
}
