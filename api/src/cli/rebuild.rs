//! `waymark rebuild`: folds read models anew beside the ones that serve, compares the two, and switches.
//!
//! Exit codes: 0 what served was right or could not be compared, 1 not rebuilt, 3 rebuilt, and what had served was wrong.

use clap::Args;
use waymark_projections::{Comparison, NotComparable};

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;

const WRONG: u8 = 3;

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
        let (mut failed, mut wrong) = (None, Vec::new());
        for name in names {
            bar.set_message(name.to_owned());
            match projections.rebuild(tenant, name, &progress).await {
                Ok(found) => {
                    bar.suspend(|| told(name, &found));
                    wrong.extend((found.differences() > 0).then_some(name));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        bar.finish_and_clear();
        let wrong = wrong.join(", ");
        installation.close().await?;
        match failed {
            Some(error) => Err(error.into()),
            None if wrong.is_empty() => Ok(()),
            None => {
                let what = format!(
                    "what had served was not what the log tells: {wrong}; the rebuilt rows serve now"
                );
                Err(Failure::with_code(WRONG, what))
            }
        }
    }
}

/// Says what a rebuild found.
fn told(name: &str, found: &Comparison) {
    let compared = match found.not_applicable {
        None if found.differing.is_empty() => format!("the {} rows that served were the same", found.rows),
        None => format!("{} of the rows that served were wrong or missing", found.differences()),
        Some(NotComparable::NothingServed) => "nothing had served".to_owned(),
        Some(NotComparable::OtherVersion) => {
            "not compared: what had served was of another version".to_owned()
        }
        Some(NotComparable::ServedIncomplete) => "not compared: what had served was incomplete".to_owned(),
    };
    output::say(&format!("{name} rebuilt; {compared}"));
    for table in &found.differing {
        output::say(&format!(
            "  {}: {} rows served, {} now; {} should not have been there, {} were missing; {}",
            table.table,
            table.rows_served,
            table.rows_rebuilt,
            table.only_served,
            table.only_rebuilt,
            table.keys.join(" ")
        ));
    }
}
