//! `waymark demo`: a fresh database filled with a fictitious year of sales, served.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use waymark_domain::Role;

use super::serve::{bind, serve, stop_signal};
use super::{Failure, output};
use crate::ambient::system_clock;
use crate::config::{Database, DatabaseArgs, ListenArgs};
use crate::demo::{self, PIPELINE, StageClock};
use crate::installation::Installation;

/// Serve a fresh database filled with a fictitious year of sales.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to put the database: `sqlite:PATH` of a file that is not there yet, or `postgres://…` of an empty database [default: a temporary one].
    #[arg(long)]
    database: Option<Database>,
    #[command(flatten)]
    listen: ListenArgs,
}

/// A folder that goes with the demo.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the demo's folder stays behind");
        }
    }
}

impl Demo {
    pub(super) async fn run(self) -> Result<(), Failure> {
        // Taken first: nobody wants to wait for a year to be played and then hear that the port is in use.
        let listener = bind(self.listen.listen).await?;
        let stop = stop_signal();
        let (database, _scratch) = self.place()?;
        let args = DatabaseArgs { database, keys: None, zoneinfo: None };
        let key = fill(&args).await?;
        let installation = Installation::open(&args).await?;
        introduce(&format!("http://{}", listener.local_addr()?), &key);
        serve(installation, listener, stop, &self.listen).await
    }

    fn place(&self) -> Result<(Database, Option<Scratch>), Failure> {
        match &self.database {
            Some(Database::Sqlite(file)) if file.exists() => {
                return Err(format!("{} is there already; the demo wants a fresh one", file.display()).into());
            }
            // That nothing was appended yet is looked at once it is open.
            Some(database) => return Ok((database.clone(), None)),
            None => {}
        }
        let folder = std::env::temp_dir().join(format!("waymark-demo-{}", crate::ambient::random_ids()()));
        std::fs::create_dir_all(&folder)?;
        Ok((Database::Sqlite(folder.join("demo.db")), Some(Scratch(folder))))
    }
}

/// Plays the year into the database and makes a key to look at it.
async fn fill(args: &DatabaseArgs) -> Result<String, Failure> {
    let until = system_clock()();
    let clock = StageClock::at(until);
    let installation = Installation::open_with(args, clock.clock()).await?;
    let tenant = installation.tenant("default").await?;
    if installation.store.head(tenant).await?.position > 0 {
        installation.leave().await;
        return Err(format!("{} holds something already; the demo wants a fresh one", args.database).into());
    }
    let bar = output::bar();
    bar.set_message("playing");
    let played = demo::play(&installation.app, &clock, tenant, until, &output::moving(&bar)).await?;
    bar.set_message("projecting");
    installation.catch_up(tenant, output::moving(&bar)).await?;
    bar.finish_and_clear();
    output::remark(&format!(
        "A fictitious year: {} customers, {} commands accepted, {} refused by the rules.",
        played.customers, played.accepted, played.refused
    ));
    // The last event of the story may be days old; the service was alive all the same.
    installation.admin().note_alive(until).await?;
    let key = installation.create_key(tenant, "admin:demo", [Role::Admin].into(), BTreeSet::new()).await;
    installation.close().await?;
    Ok(key?)
}

fn introduce(base: &str, key: &str) {
    let curl =
        |what: &str, path: &str| format!("# {what}\ncurl -s -H 'Authorization: Bearer {key}' '{base}{path}'");
    output::say(&format!("listening on {base}   (the API's pages: {base}/docs)"));
    output::say(&format!("key {key}\n"));
    output::say(&curl("where everybody stands", &format!("/v1/boards/{PIPELINE}?limit=3")));
    output::say(&curl("how long they stay in each stage", &format!("/v1/dwell/{PIPELINE}")));
    output::say(&curl("the ways to a deal", &format!("/v1/paths/{PIPELINE}?ending=won&limit=5")));
}
