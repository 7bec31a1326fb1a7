//! `waymark clock`: whether the system clock is trusted, and its confirmation.

use chrono::SecondsFormat;
use clap::Args;
use serde_json::json;

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;

/// Show whether the system clock is trusted: automations pause while it is more than a day ahead of the last time the
/// service was running.
#[derive(Debug, Args)]
pub(super) struct ClockArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Confirm the current time of this machine: automations resume within seconds, on every node.
    #[arg(long)]
    agree: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl ClockArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let installation = Installation::open(&self.database).await?;
        let told = self.tell(&installation).await;
        installation.leave().await;
        told
    }

    async fn tell(&self, installation: &Installation) -> Result<(), Failure> {
        let now = (installation.app.clock)();
        if self.agree {
            installation.admin().agree_to_clock(now).await?;
        }
        let clock = installation.clock_watch();
        let last_seen = clock.last_seen().await?;
        let agreed = installation.admin().agreed_clock().await?;
        let believed = clock.is_believed().await?;
        let text =
            |instant: chrono::DateTime<chrono::Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (seen, agreed) = (last_seen.map(text), agreed.map(text));
        if self.json {
            let told = json!({"now": text(now), "last_seen": seen, "agreed": agreed, "believed": believed});
            return Ok(output::json(&told)?);
        }
        output::table(&[
            ("now", text(now)),
            ("last seen", seen.unwrap_or_else(|| "never".to_owned())),
            ("agreed", agreed.unwrap_or_else(|| "never".to_owned())),
            ("believed", if believed { "yes" } else { "no: automations are paused" }.to_owned()),
        ]);
        Ok(())
    }
}
