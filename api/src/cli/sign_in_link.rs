//! `waymark sign-in-link`: prints a link by which somebody signs in to the console once, alone, on stdout.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use clap::Args;
use serde_json::json;
use waymark_domain::Role;

use super::token::RoleArg;
use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::http::person::actor_name;

/// Create a link by which somebody signs in to the console once, and print it.
#[derive(Debug, Args)]
pub(super) struct SignInLink {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Who signs in by it, such as rep:li.
    #[arg(long)]
    actor: String,
    /// The roles. A member acts in the roles that are set for the member.
    #[arg(long = "role", required = true, num_args = 1..)]
    roles: Vec<RoleArg>,
    /// For how many minutes it can be used.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=10_080))]
    minutes: i64,
    /// The address of the service as people reach it.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    address: String,
    /// Print the link as JSON.
    #[arg(long)]
    json: bool,
}

impl SignInLink {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        let roles: BTreeSet<Role> = self.roles.into_iter().map(Role::from).collect();
        let actor = actor_name(&self.actor, roles.iter().copied().filter(|role| *role == Role::Rep));
        let lasting = TimeDelta::minutes(self.minutes);
        let code = installation.create_sign_in_link(tenant, &actor, roles, lasting).await;
        installation.close().await?;
        let code = code?;
        let link = format!("{}/console/sign-in?code={code}", self.address.trim_end_matches('/'));
        if self.json {
            let made = json!({"tenant": self.tenant, "actor": actor, "code": code, "link": link, "minutes": self.minutes});
            return Ok(output::json(&made)?);
        }
        output::say(&link);
        Ok(())
    }
}
