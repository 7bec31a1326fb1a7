//! `waymark rebuild`: folds read models anew beside the ones that serve, and switches.

use clap::Args;

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;

/// Fold the read models anew.
#[derive(Debug, Args)]
pub(super) struct Rebuild {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Which read model; all of them when absent.
    name: Option<String>,
}

impl Rebuild {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let installation = Installation::open(&self.database).await?;
        let tenant = installation.tenant(&self.tenant).await?;
        let bar = output::bar();
        let projections = installation.app.projections.clone();
        let names = match &self.name {
            Some(name) => vec![name.as_str()],
            None => projections.names(),
        };
        let progress = output::moving(&bar);
        let mut rebuilt = Ok(());
        for name in names {
            bar.set_message(name.to_owned());
            rebuilt = projections.rebuild(tenant, name, &progress).await;
            if rebuilt.is_err() {
                break;
            }
            bar.suspend(|| output::say(&format!("{name} rebuilt")));
        }
        bar.finish_and_clear();
        installation.close().await?;
        Ok(rebuilt?)
    }
}
