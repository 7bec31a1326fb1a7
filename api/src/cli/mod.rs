//! The command line: one file a sub-command. Tables for people on stdout, `--json` for programs, progress and
//! complaints on stderr.

mod archive;
mod backup;
mod citus;
mod clock;
mod config;
mod copy;
mod demo;
mod doctor;
mod export;
mod forecast;
mod import;
mod mcp;
mod migrate;
mod moment;
mod output;
mod pipeline;
mod rebuild;
mod records;
mod replay;
mod rotate_root_key;
mod rotate_signing_key;
mod serve;
mod sign_in_link;
mod token;
mod verify;
mod what_if;
mod witness;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use waymark_eventstore::TenantId;

use crate::config::DatabaseArgs;
use crate::installation::Installation;

/// Keeps where every customer stands on the way to a deal.
#[derive(Debug, Parser)]
#[command(name = "waymark", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What is logged to standard error: a level, or levels by module such as `warn,waymark_api=debug`.
    #[arg(long, env = "WAYMARK_LOG", global = true, value_name = "FILTER", default_value = "info,sqlx=warn")]
    log: Targets,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API.
    Serve(serve::Serve),
    /// Serve a demo: a new database with a fictitious year of sales.
    Demo(demo::Demo),
    /// Import a history of status changes, or customers, from a file.
    Import(import::Import),
    /// Export events, moves, stays or customers in a format that other tools read.
    Export(export::Export),
    /// Verify the whole log against its own proofs.
    Verify(verify::Verify),
    /// Back up the log into a file while the service is running.
    Backup(backup::Backup),
    /// Move the oldest entries of the log out of the database into files.
    Archive(archive::Archive),
    /// Transfer tenants to another database, of either engine.
    Copy(copy::Copy),
    /// Show a pipeline, its customers or a customer's history as of an instant, by what was known at another.
    Replay(replay::Replay),
    /// Forecast what will be won of the open deals.
    Forecast(forecast::Forecast),
    /// Replay stored history under another definition.
    WhatIf(what_if::WhatIf),
    /// Rebuild the read models.
    Rebuild(rebuild::Rebuild),
    /// Create API keys.
    Token(token::Token),
    /// Create a link by which somebody signs in to the console once.
    SignInLink(sign_in_link::SignInLink),
    /// Change the key that everything personal is sealed under.
    RotateRootKey(rotate_root_key::RotateRootKey),
    /// Change the key that signs checkpoints.
    RotateSigningKey(rotate_signing_key::RotateSigningKey),
    /// Check and publish pipelines.
    Pipeline(pipeline::PipelineArgs),
    /// Prepare the database and exit.
    Migrate(migrate::Migrate),
    /// Print the effective settings.
    Config(config::Config),
    /// Check the installation for problems.
    Doctor(doctor::Doctor),
    /// Witness the logs of others.
    Witness(witness::Witness),
    /// Speak the Model Context Protocol on standard input and output, with the tools of a running service.
    Mcp(mcp::Mcp),
    /// Show whether the system clock is trusted, and confirm it.
    Clock(clock::ClockArgs),
}

/// Why a sub-command failed, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

/// The database or the tenant is not there; none was made. Of `verify`: it could not be checked.
const ABSENT: u8 = 5;

/// Opens an installation that is there, and a tenant that is: what only `serve`, `demo`, `import`, `migrate` and the target
/// of `copy` make.
async fn existing(args: &DatabaseArgs, tenant: &str) -> Result<(Installation, TenantId), Failure> {
    require(args).await?;
    let installation = Installation::open(args).await?;
    match known(&installation, tenant).await {
        Ok(tenant) => Ok((installation, tenant)),
        Err(failure) => {
            installation.leave().await;
            Err(failure)
        }
    }
}

/// Insists that a database is there.
async fn require(args: &DatabaseArgs) -> Result<(), Failure> {
    if Installation::is_there(args).await? {
        return Ok(());
    }
    let what = format!("database {} not found: create it with `waymark migrate`", args.database);
    Err(Failure::with_code(ABSENT, what))
}

/// The tenant of that name, which is there.
async fn known(installation: &Installation, tenant: &str) -> Result<TenantId, Failure> {
    let what = || format!("tenant {tenant} not found: create it with `waymark migrate --tenant {tenant}`");
    installation.known_tenant(tenant).await?.ok_or_else(|| Failure::with_code(ABSENT, what()))
}

/// The command line cannot be understood: `EX_USAGE` of sysexits.h, which means nothing else in any sub-command.
const USAGE: u8 = 64;

/// The command did not do what it was asked.
const FAILED: u8 = 1;

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: FAILED, message: error.to_string() }
    }
}

impl Failure {
    /// A failure with its own exit code.
    pub(crate) fn with_code(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Of a help text that nobody reads any more, too, there is nothing else to be made.
            answer.print().ok();
            return if answer.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    log_to_stderr(cli.log);
    let done = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// Errors are logged even of the modules that the filter does not name.
fn log_to_stderr(filter: Targets) {
    let filter = match filter.default_level() {
        Some(_) => filter,
        None => filter.with_default(Level::ERROR),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve.run().await,
        Command::Demo(demo) => demo.run().await,
        Command::Import(import) => import.run().await,
        Command::Export(export) => export.run().await,
        Command::Verify(verify) => verify.run().await,
        Command::Backup(backup) => backup.run().await,
        Command::Archive(archive) => archive.run().await,
        Command::Copy(copy) => copy.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Forecast(forecast) => forecast.run().await,
        Command::WhatIf(what_if) => what_if.run().await,
        Command::Rebuild(rebuild) => rebuild.run().await,
        Command::Token(token) => token.run().await,
        Command::SignInLink(link) => link.run().await,
        Command::RotateRootKey(rotation) => rotation.run().await,
        Command::RotateSigningKey(rotation) => rotation.run().await,
        Command::Pipeline(pipeline) => pipeline.run().await,
        Command::Migrate(migrate) => migrate.run().await,
        Command::Config(config) => config.run(),
        Command::Doctor(doctor) => doctor.run().await,
        Command::Witness(witness) => witness.run().await,
        Command::Mcp(mcp) => mcp.run().await,
        Command::Clock(clock) => clock.run().await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// What answers nothing that a program could read: it serves until it is stopped.
    const SERVING: [&str; 4] = ["demo", "mcp", "serve", "witness"];

    /// The sub-commands that have none of their own.
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, bool)>) {
        let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
        if below.peek().is_none() {
            let tells = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            found.push((path.to_owned(), tells));
        }
        below.for_each(|below| leaves(below, format!("{path} {}", below.get_name()).trim(), found));
    }

    #[test]
    fn every_sub_command_that_ends_by_itself_answers_programs_in_json() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "", &mut found);
        assert!(found.len() > 20, "{found:?}");
        for (path, tells) in found {
            assert_eq!(tells, !SERVING.contains(&path.as_str()), "waymark {path} --json");
        }
    }
}
