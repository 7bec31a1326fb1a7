//! `waymark token create`: prints a new API key, alone, on stdout.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use waymark_domain::Role;

use super::{Failure, output};
use crate::auth::Scope;
use crate::config::DatabaseArgs;
use crate::http::person::actor_name;

/// Create API keys.
#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Create a key and print it once.
    Create(Create),
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The actor that the key identifies, such as rep:li.
    #[arg(long)]
    actor: String,
    /// The roles of the actor.
    #[arg(long = "role", required = true, num_args = 1..)]
    roles: Vec<RoleArg>,
    /// The scopes of the key: act-as allows it to act for other people, propose
    /// makes it an agent's, which reads and proposes and nothing else.
    #[arg(long = "scope", num_args = 1..)]
    scopes: Vec<ScopeArg>,
    /// Print the key as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArg {
    Rep,
    Supervisor,
    Manager,
    Admin,
    Analyst,
    Auditor,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeArg {
    ActAs,
    Propose,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::ActAs => Self::ActAs,
            ScopeArg::Propose => Self::Propose,
        }
    }
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Rep => Self::Rep,
            RoleArg::Supervisor => Self::Supervisor,
            RoleArg::Manager => Self::Manager,
            RoleArg::Admin => Self::Admin,
            RoleArg::Analyst => Self::Analyst,
            RoleArg::Auditor => Self::Auditor,
        }
    }
}

impl Token {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let TokenCommand::Create(create) = self.command;
        let (installation, tenant) = super::existing(&create.database, &create.tenant).await?;
        let roles: BTreeSet<Role> = create.roles.into_iter().map(Role::from).collect();
        // Reps alone have a name in two forms: others are called as they were named.
        let actor = actor_name(&create.actor, roles.iter().copied().filter(|role| *role == Role::Rep));
        let scopes: BTreeSet<Scope> = create.scopes.into_iter().map(Scope::from).collect();
        let key = installation.create_key(tenant, &actor, roles.clone(), scopes.clone()).await;
        installation.close().await?;
        let key = key?;
        if create.json {
            let made = json!({
                "tenant": create.tenant, "actor": actor, "key": key,
                "roles": roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(),
                "scopes": scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
            });
            return Ok(output::json(&made)?);
        }
        output::say(&key);
        Ok(())
    }
}
