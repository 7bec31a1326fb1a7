//! `waymark config`: the effective settings, as an environment file with comments.

use clap::Args;

use super::{Failure, output};
use crate::config::{DatabaseArgs, ListenArgs, describe};

/// Print the effective settings.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    listen: ListenArgs,
    /// Print one JSON document instead of an environment file.
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let settings = describe(&self.database, &self.listen);
        if self.json {
            let object: serde_json::Map<String, serde_json::Value> =
                settings.into_iter().map(|(name, value, _)| (name.to_owned(), value.into())).collect();
            output::json(&object)?;
            return Ok(());
        }
        for (name, value, meaning) in settings {
            output::say(&format!("# {meaning}\n{name}={value}"));
        }
        Ok(())
    }
}
