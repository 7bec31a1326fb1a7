//! `waymark migrate`: prepares the database, as every sub-command does by itself, and stops.

use clap::Args;

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;

/// Prepare the database and stop.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        Installation::open(&self.database).await?.close().await?;
        output::say(&format!("{} is ready", self.database.database));
        Ok(())
    }
}
