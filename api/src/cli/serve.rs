//! `waymark serve`: the HTTP API, until a signal asks it to stop.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waymark_domain::Role;
use waymark_eventstore::Intake;

use super::{Failure, output};
use crate::ambient::random_ids;
use crate::cells::Door;
use crate::cells::directory::Directory;
use crate::config::{DatabaseArgs, ListenArgs};
use crate::installation::Installation;
use crate::serving::{self, Tls, files};

/// The log stopped after a failed write, and the process with it: anyone who looks after it is to start it again.
const LOG_STOPPED: u8 = 7;
/// How long requests under way may take once the log has stopped: nothing that they write would be kept.
const GRACE: Duration = Duration::from_secs(5);
/// When a cell that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Serve the HTTP API.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    listen: ListenArgs,
    /// Serve the tenants of several databases, which this file names: the directory of cells (JSON). The database is not used then.
    #[arg(long, env = "WAYMARK_CELLS", value_name = "FILE")]
    cells: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let tls = tls(&self.listen)?;
        if let Some(file) = self.cells {
            return serve_cells(file, &self.database, &self.listen, tls).await;
        }
        let installation = Installation::open(&self.database).await?;
        installation.complete_erasure_record().await?;
        let tenant = installation.tenant("default").await?;
        if !installation.has_keys(tenant).await? {
            let key =
                installation.create_key(tenant, "admin:first", [Role::Admin].into(), BTreeSet::new()).await?;
            output::remark("The admin key of the tenant `default`; it is shown only once:");
            output::say(&key);
        }
        let listener = bind(self.listen.listen).await?;
        output::remark(&format!("listening on {}://{}", self.listen.tls.scheme(), listener.local_addr()?));
        let prepared = async |_: &Installation| Ok(());
        serve(installation, (listener, tls), stop_signal(), &self.listen, prepared).await
    }
}

/// Takes the address, or says whose it is not.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// What connections are encrypted with, where a certificate is named.
pub(super) fn tls(listen: &ListenArgs) -> Result<Option<Arc<Tls>>, Failure> {
    Ok(listen.tls.files().map(|(cert, key)| Tls::open(cert, key)).transpose()?.map(Arc::new))
}

/// Serves until the token is cancelled; then answers what was asked, ends the streams and closes the log. Requests are
/// answered from the beginning; what runs by itself begins once the installation is prepared. A log that stops taking
/// entries for good stops the service, which ends with a code of its own.
pub(super) async fn serve(
    installation: Installation,
    (listener, tls): (TcpListener, Option<Arc<Tls>>),
    stop: CancellationToken,
    listen: &ListenArgs,
    prepare: impl AsyncFnOnce(&Installation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    installation.find_segments().await?;
    let gate = installation.gate(&listen.auth)?;
    let outbound = installation.outbound(&listen.outbound)?;
    let cosigning = installation.cosigning(listen.witnesses.clone())?;
    let router = installation.router(gate, outbound.clone(), listen.reports.map(usize::from), stop.clone());
    let most = listen.max_connections.map_or_else(files::connections, NonZeroUsize::get);
    let intake = installation.store.intake();
    let why = Mutex::new(None);
    let serving = async {
        let ids = installation.app.ids.clone();
        let proxies = listen.proxies.clone();
        let connections = serving::serve(listener, router, ids, most, proxies, tls, stop.clone());
        let background = async {
            match stop.run_until_cancelled(prepare(&installation)).await {
                Some(Ok(())) => {
                    let days = listen.keep_refusals_days;
                    let running = installation.run(stop.clone(), listen.automations, outbound, days);
                    tokio::join!(running, cosigning.run(stop.clone()));
                }
                Some(Err(failure)) => {
                    stop.cancel();
                    return Err(failure);
                }
                None => {}
            }
            Ok(())
        };
        let ((), prepared) = tokio::join!(connections, background);
        installation.close().await?;
        prepared
    };
    tokio::select! {
        ended = serving => match stopped(&why) {
            Some(why) => Err(why),
            None => ended,
        },
        () = out_of_order(intake, &stop, &why) => Err(stopped(&why).unwrap_or_else(|| "the log stopped".into())),
    }
}

/// Serves every cell until a signal asks it to stop. One that cannot be opened is tried again, and the others are served meanwhile.
async fn serve_cells(
    file: PathBuf,
    database: &DatabaseArgs,
    listen: &ListenArgs,
    tls: Option<Arc<Tls>>,
) -> Result<(), Failure> {
    let directory = Directory::read(&file)?;
    let stop = stop_signal();
    let claim = listen.auth.jwt_tenant_claim.clone();
    let door = Arc::new(Door::new(file, directory.clone(), claim, random_ids()));
    let listener = bind(listen.listen).await?;
    let mut tasks = JoinSet::new();
    for (name, cell) in directory.cells {
        let args = DatabaseArgs {
            database: cell.database()?,
            archive: Some(cell.archive()),
            erasures: None,
            keys: Some(cell.keys),
            ..database.clone()
        };
        tasks.spawn(serve_cell(name, args, listen.clone(), Arc::clone(&door), stop.clone()));
    }
    tasks.spawn({
        let (door, stop) = (Arc::clone(&door), stop.clone());
        async move { door.follow(stop).await }
    });
    // Who comes before is answered when the first cell is open, or when it is clear that none can be for now.
    let _ = tokio::time::timeout(AGAIN, stop.run_until_cancelled(door.first_opened())).await;
    output::remark(&format!("listening on {}://{}", listen.tls.scheme(), listener.local_addr()?));
    let most = listen.max_connections.map_or_else(files::connections, NonZeroUsize::get);
    serving::serve(listener, door.router(), random_ids(), most, listen.proxies.clone(), tls, stop).await;
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}

/// Serves a cell until the token is cancelled, from when it can be opened.
async fn serve_cell(
    name: String,
    args: DatabaseArgs,
    listen: ListenArgs,
    door: Arc<Door>,
    stop: CancellationToken,
) {
    let mut told = None;
    while !stop.is_cancelled() {
        let opened = open_cell(&name, &args, &listen, &door, &stop).await;
        let Err(Failure { message: why, .. }) = opened else { return };
        if told.as_ref() != Some(&why) {
            tracing::error!(why, cell = name, "a cell cannot be served; it is tried again");
            told = Some(why);
        }
        let _ = stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
    }
}

async fn open_cell(
    name: &str,
    args: &DatabaseArgs,
    listen: &ListenArgs,
    door: &Door,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let installation = Installation::open(args).await?;
    installation.complete_erasure_record().await?;
    installation.find_segments().await?;
    let gate = installation.gate(&listen.auth)?;
    let outbound = installation.outbound(&listen.outbound)?;
    let cosigning = installation.cosigning(listen.witnesses.clone())?;
    let reports = listen.reports.map(usize::from);
    let router = installation.router(gate, outbound.clone(), reports, stop.clone());
    let projections = installation.app.projections.clone();
    door.open(name, router, installation.shared_admin(), projections).await?;
    tracing::info!(cell = name, "a cell is served");
    let days = listen.keep_refusals_days;
    let running = installation.run(stop.clone(), listen.automations, outbound, days);
    tokio::join!(running, cosigning.run(stop.clone()));
    Ok(installation.close().await?)
}

/// Why the log stopped, if it did.
fn stopped(why: &Mutex<Option<String>>) -> Option<Failure> {
    let why = why.lock().clone()?;
    Some(Failure::with_code(LOG_STOPPED, format!("the log stopped after a failed write: {why}")))
}

/// Ends a moment after the log has stopped taking entries for good, and asks everything to stop before.
async fn out_of_order(
    mut intake: watch::Receiver<Intake>,
    stop: &CancellationToken,
    why: &Mutex<Option<String>>,
) {
    let stopped = intake.wait_for(|intake| matches!(intake, Intake::Stopped(_))).await;
    let Ok(Intake::Stopped(what)) = stopped.map(|intake| intake.clone()) else {
        // The log was closed in order.
        return std::future::pending().await;
    };
    *why.lock() = Some(what);
    stop.cancel();
    tokio::time::sleep(GRACE).await;
}

/// Cancelled by SIGINT or SIGTERM.
pub(super) fn stop_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        if let Err(error) = signalled().await {
            tracing::error!(%error, "cannot listen for signals; stopping needs a kill");
            return;
        }
        // First the stop, then the word about it: nobody may be reading our stderr any more.
        cancelled.cancel();
        tracing::info!("stopping");
    });
    stop
}

#[cfg(unix)]
async fn signalled() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signalled() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
