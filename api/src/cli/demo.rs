//! `waymark demo`: a fresh database, served while it is filled with a fictitious year of sales.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use indicatif::ProgressBar;
use waymark_eventstore::TenantId;

use super::serve::{bind, serve, stop_signal, tls};
use super::{Failure, output};
use crate::ambient::system_clock;
use crate::config::{Database, DatabaseArgs, KeyArgs, ListenArgs};
use crate::demo::{self, PEOPLE, PIPELINE, Played, StageClock, Year};
use crate::installation::Installation;

/// Serve a demo: a new database with a fictitious year of sales.
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
        let tls = tls(&self.listen)?;
        let listener = bind(self.listen.listen).await?;
        let stop = stop_signal();
        let (database, _scratch) = self.place()?;
        let args = DatabaseArgs {
            database,
            keys: None,
            key_args: KeyArgs::default(),
            zoneinfo: None,
            archive: None,
            erasures: None,
        };
        let year = Year::up_to(system_clock()());
        let clock = StageClock::at(year.begins);
        let (installation, tenant) = fresh(&args, &clock).await?;
        let mut keys = Vec::new();
        for (actor, role) in PEOPLE {
            let key = installation.create_key(tenant, actor, [*role].into(), BTreeSet::new()).await?;
            keys.push((*actor, key));
        }
        let base = format!("{}://{}", self.listen.tls.scheme(), listener.local_addr()?);
        introduce(&base, &keys, year.customers());
        let fill = async |installation: &Installation| {
            let played = fill(installation, &clock, tenant, year).await?;
            // The last event of the story may be hours old; the service was alive all the same.
            installation.admin().note_alive(system_clock()()).await?;
            clock.release();
            let Played { customers, accepted, refused, by_rules } = played;
            output::say(&format!(
                "complete: {customers} customers, {accepted} commands accepted, {refused} refused by the rules, {by_rules} \
                 acts of the rules themselves; sign in at {base}/console"
            ));
            Ok(())
        };
        serve(installation, (listener, tls), stop, &self.listen, fill).await
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

/// An installation on an empty database, on the stage's clock until that is released.
async fn fresh(args: &DatabaseArgs, clock: &StageClock) -> Result<(Installation, TenantId), Failure> {
    let installation = Installation::open_with(args, clock.clock(system_clock())).await?;
    let tenant = installation.tenant("default").await?;
    if installation.store.head(tenant).await?.position > 0 {
        installation.leave().await;
        return Err(format!("{} holds something already; the demo wants a fresh one", args.database).into());
    }
    installation.complete_erasure_record().await?;
    Ok((installation, tenant))
}

/// Plays the year. The rules keep the read models up meanwhile, so that everything can be looked at while it grows.
async fn fill(
    installation: &Installation,
    clock: &StageClock,
    tenant: TenantId,
    year: Year,
) -> Result<Played, Failure> {
    let bar = output::bar();
    bar.set_message("playing");
    let played = demo::play(&installation.app, clock, tenant, year, &shown(&bar)).await?;
    bar.set_message("projecting");
    installation.catch_up(tenant, output::moving(&bar)).await?;
    bar.finish_and_clear();
    Ok(played)
}

/// Moves the bar; where nobody watches a terminal, says at each tenth how far the year is.
fn shown(bar: &ProgressBar) -> impl Fn(u64, u64) + Send + Sync + use<> {
    let (moved, tenths) = (output::moving(bar), AtomicU64::new(0));
    let watched = std::io::stderr().is_terminal();
    move |done, total| {
        moved(done, total);
        let tenth = (done * 10).checked_div(total).unwrap_or_default();
        if !watched && tenths.swap(tenth, Ordering::Relaxed) < tenth {
            output::remark(&format!("{}% of the year", tenth * 10));
        }
    }
}

fn introduce(base: &str, keys: &[(&str, String)], customers: usize) {
    let admin = keys.last().map_or("", |(_, key)| key.as_str());
    output::say(&format!("listening on {base}   (API documentation: {base}/docs)"));
    output::say(&format!("key {admin}\n"));
    output::say(&format!("Sign in at {base}/console with that key, or as somebody:"));
    let rows: Vec<_> = keys.iter().map(|(actor, key)| (*actor, key.clone())).collect();
    output::table(&rows);
    output::say(&format!(
        "\nA year of a sales team with {customers} customers, up to this morning, is being played into a fresh database.\n\
         Everything can be used meanwhile; a line says when the year is complete. Ctrl-C ends the demo.\n\n\
         Or ask the API:\n"
    ));
    let curl = |what: &str, path: &str| {
        format!("# {what}\ncurl -s -H 'Authorization: Bearer {admin}' '{base}{path}'")
    };
    output::say(&curl("customers by stage", &format!("/v1/boards/{PIPELINE}?limit=3")));
    output::say(&curl("dwell time by stage", &format!("/v1/dwell/{PIPELINE}")));
    output::say(&curl("most frequent paths to a deal", &format!("/v1/paths/{PIPELINE}?ending=won&limit=5")));
}
