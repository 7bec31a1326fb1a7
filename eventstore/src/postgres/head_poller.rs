//! Wakes this process's watchers when another process appended.
//!
//! Polling finds everything. `NOTIFY` between the processes makes it sooner: sent beside the
//! appends, never in them, and merged, since a server takes one lock for all of a database's notifications.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::options::Options;
use super::read_pool::ReadPool;
use crate::StoreError;
use crate::watchers::Watchers;

const CHANNEL: &str = "waymark_log";
const NOTIFY: &str = "NOTIFY waymark_log";
/// So much time passes between two notifications of one process.
const BETWEEN_HINTS: Duration = Duration::from_millis(20);
/// So much time passes before a channel that broke is opened again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(5);

/// Where a commit leaves word that a log has moved.
#[derive(Clone, Default)]
pub(super) struct NotifyHints(Arc<Notify>);

impl NotifyHints {
    pub(super) fn moved(&self) {
        self.0.notify_one();
    }
}

/// Polls the heads that other processes move.
pub(super) struct HeadPoller {
    reads: ReadPool,
    watchers: Arc<Watchers>,
    hints: NotifyHints,
}

impl HeadPoller {
    pub(super) fn new(reads: ReadPool, watchers: Arc<Watchers>, hints: NotifyHints) -> Self {
        Self { reads, watchers, hints }
    }

    /// Starts the tasks; they run until they are aborted.
    pub(super) fn start(self, url: &str, options: &Options) -> Vec<JoinHandle<()>> {
        let heard = Arc::new(Notify::new());
        let mut tasks = Vec::new();
        if options.hints {
            tasks.push(tokio::spawn(listen(url.to_owned(), Arc::clone(&heard))));
            tasks.push(tokio::spawn(tell(self.hints, self.reads.clone())));
        }
        tasks.push(tokio::spawn(poll(self.reads, self.watchers, heard, options.look_every)));
        tasks
    }
}

async fn poll(reads: ReadPool, watchers: Arc<Watchers>, heard: Arc<Notify>, every: Duration) {
    loop {
        // A timeout and a notification lead to the same poll.
        let _ = tokio::time::timeout(every, heard.notified()).await;
        if let Err(error) = poll_once(&reads, &watchers).await {
            tracing::warn!(%error, "polling for other processes' appends failed");
        }
    }
}

async fn poll_once(reads: &ReadPool, watchers: &Watchers) -> Result<(), StoreError> {
    let watched = watchers.watched();
    if watched.is_empty() {
        return Ok(());
    }
    for (tenant, position) in reads.heads_of(&watched).await? {
        watchers.moved(tenant, position);
    }
    Ok(())
}

async fn tell(hints: NotifyHints, reads: ReadPool) {
    loop {
        hints.0.notified().await;
        if let Err(error) = sqlx::raw_sql(NOTIFY).execute(reads.pool()).await {
            tracing::warn!(%error, "notifying other processes of an append failed");
        }
        tokio::time::sleep(BETWEEN_HINTS).await;
    }
}

async fn listen(url: String, heard: Arc<Notify>) {
    loop {
        if let Err(error) = hear(&url, &heard).await {
            tracing::warn!(%error, "listening for other processes' appends failed; polling finds them");
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

async fn hear(url: &str, heard: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        heard.notify_one();
    }
}
