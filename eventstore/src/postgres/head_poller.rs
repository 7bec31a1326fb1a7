//! Wakes this process's watchers when another process appended.
//!
//! `NOTIFY` between the processes names the logs and where they end now: who hears it asks the database nothing. It is sent beside
//! the appends, never in them, and merged, since a server takes one lock for all of a database's notifications. Looking finds
//! everything: one statement about all logs every few seconds, and several times a second where notifications do not come through,
//! as behind a pooler that hands connections out by the transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::options::Options;
use super::read_pool::ReadPool;
use crate::watchers::Watchers;
use crate::{Position, Repeated, StoreError, TenantId};

const CHANNEL: &str = "waymark_log";
const NOTIFY: &str = "SELECT pg_notify('waymark_log', $1)";
/// So much time passes between two notifications of one process.
const BETWEEN_HINTS: Duration = Duration::from_millis(20);
/// How many logs are named in one notification: it has room for 8,000 bytes, and a log takes 58 at most.
const NAMED_AT_ONCE: usize = 130;
/// So much time passes before a channel that broke is opened again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(5);
/// How long it is looked often after something was found that no notification had told.
const DISTRUST: Duration = Duration::from_secs(60);
/// How long logs are asked for one by one, when the question about all of them failed.
const ONE_BY_ONE: Duration = Duration::from_secs(10);

/// Where a commit leaves word of logs that have moved, and others of tenants of which there is other news.
#[derive(Clone, Default)]
pub(super) struct NotifyHints(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    logs: Mutex<HashMap<TenantId, Position>>,
    /// Said as a log that ends nowhere.
    others: Mutex<HashSet<TenantId>>,
    came: Notify,
}

impl NotifyHints {
    pub(super) fn moved(&self, tenant: TenantId, position: Position) {
        let mut logs = self.logs();
        let told = logs.entry(tenant).or_default();
        *told = position.max(*told);
        drop(logs);
        self.0.came.notify_one();
    }

    /// There is news of a tenant beside its log.
    pub(super) fn tell(&self, tenant: TenantId) {
        self.others().insert(tenant);
        self.0.came.notify_one();
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<TenantId, Position>> {
        self.0.logs.lock()
    }

    fn others(&self) -> MutexGuard<'_, HashSet<TenantId>> {
        self.0.others.lock()
    }

    /// What the next notifications say, once there is something to say.
    async fn next(&self) -> Vec<String> {
        self.0.came.notified().await;
        let others = std::mem::take(&mut *self.others()).into_iter().map(|tenant| (tenant, 0));
        let logs: Vec<(TenantId, Position)> =
            std::mem::take(&mut *self.logs()).into_iter().chain(others).collect();
        logs.chunks(NAMED_AT_ONCE).map(written).collect()
    }
}

/// A notification: each log, and where it ends.
fn written(logs: &[(TenantId, Position)]) -> String {
    let each = logs.iter().map(|(tenant, position)| format!("{}:{position}", tenant.0.simple()));
    each.collect::<Vec<_>>().join(" ")
}

/// What a notification says; what cannot be read is left out.
fn read(said: &str) -> impl Iterator<Item = (TenantId, Position)> + '_ {
    said.split(' ').filter_map(|one| {
        let (tenant, position) = one.split_once(':')?;
        Some((TenantId(Uuid::try_parse(tenant).ok()?), position.parse().ok()?))
    })
}

/// Whether notifications come through.
struct Channel {
    heard: Notify,
    state: Mutex<Listening>,
}

#[derive(Default)]
struct Listening {
    is_open: bool,
    /// What the last look found, less what was told since.
    untold: HashMap<TenantId, Position>,
    /// Until when notifications are not trusted.
    distrusted: Option<Instant>,
}

impl Channel {
    fn state(&self) -> MutexGuard<'_, Listening> {
        self.state.lock()
    }

    /// Whether the channel is open. What was said while it was not is found by looking at once.
    fn set_open(&self, is_open: bool) {
        self.state().is_open = is_open;
        self.heard.notify_one();
    }

    /// Whether what others append is told.
    fn is_trusted(&self, now: Instant) -> bool {
        let state = self.state();
        state.is_open && state.distrusted.is_none_or(|until| until <= now)
    }

    fn told(&self, tenant: TenantId, position: Position) {
        let mut state = self.state();
        if state.untold.get(&tenant).is_some_and(|found| *found <= position) {
            state.untold.remove(&tenant);
        }
    }

    /// A look has found these. What the look before it found should have been told by now.
    fn found(&self, moved: HashMap<TenantId, Position>, now: Instant) {
        let mut state = self.state();
        if !state.untold.is_empty() {
            state.distrusted = Some(now + DISTRUST);
        }
        state.untold = moved;
    }
}

/// Looks where the logs end that other processes append to.
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
        let channel = Arc::new(Channel { heard: Notify::new(), state: Mutex::default() });
        let mut tasks = Vec::new();
        if options.hints {
            let (url, watchers) = (url.to_owned(), Arc::clone(&self.watchers));
            tasks.push(tokio::spawn(listen(url, watchers, Arc::clone(&channel))));
            tasks.push(tokio::spawn(tell(self.hints, self.reads.clone())));
        }
        let pace = (options.look_every, options.look_when_told_every);
        let looking = Looking {
            reads: self.reads,
            watchers: self.watchers,
            after: TenantId(Uuid::nil()),
            failures: Repeated::new("it could not be seen what other processes appended"),
        };
        tasks.push(tokio::spawn(looking.run(channel, pace)));
        tasks
    }
}

struct Looking {
    reads: ReadPool,
    watchers: Arc<Watchers>,
    /// The log that was asked for last when they were asked for one by one.
    after: TenantId,
    failures: Repeated,
}

impl Looking {
    async fn run(mut self, channel: Arc<Channel>, (often, seldom): (Duration, Duration)) {
        loop {
            let every = if channel.is_trusted(Instant::now()) { seldom } else { often };
            // A channel that opened or broke is a reason to look at once.
            let _ = tokio::time::timeout(every, channel.heard.notified()).await;
            let looked = self.look().await;
            self.failures.note(None::<TenantId>, &looked);
            match looked {
                Ok(moved) => channel.found(moved, Instant::now()),
                // A part of a distributed database may be away: the others' logs are found all the same.
                Err(_) => {
                    let _ = tokio::time::timeout(ONE_BY_ONE, self.look_at_each()).await;
                }
            }
        }
    }

    /// Asks where all logs end. Returns those of which that is news.
    async fn look(&self) -> Result<HashMap<TenantId, Position>, StoreError> {
        let heads = self.reads.heads().await?;
        let moved = heads.into_iter().filter(|end| self.watchers.moved(end.log, end.position));
        Ok(moved.map(|end| (end.log, end.position)).collect())
    }

    /// Asks for one log after the other, from where it broke off the last time.
    async fn look_at_each(&mut self) {
        let mut known: Vec<TenantId> = self.watchers.known().into_iter().map(|(tenant, _)| tenant).collect();
        known.sort_unstable();
        let later = known.partition_point(|tenant| *tenant <= self.after);
        known.rotate_left(later);
        for tenant in known {
            self.after = tenant;
            if let Ok(Some(position)) = self.reads.head_of(tenant).await {
                self.watchers.moved(tenant, position);
            }
        }
    }
}

async fn tell(hints: NotifyHints, reads: ReadPool) {
    let mut failures =
        Repeated::new("other processes could not be notified of an append, and find it when they look");
    loop {
        for said in hints.next().await {
            let told = sqlx::query(NOTIFY).bind(said).execute(reads.pool()).await;
            failures.note(None::<TenantId>, &told);
        }
        tokio::time::sleep(BETWEEN_HINTS).await;
    }
}

async fn listen(url: String, watchers: Arc<Watchers>, channel: Arc<Channel>) {
    let mut failures =
        Repeated::new("it cannot be heard what other processes append, and is found by looking");
    loop {
        let heard = hear(&url, &watchers, &channel).await;
        failures.note(None::<TenantId>, &heard);
        channel.set_open(false);
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

async fn hear(url: &str, watchers: &Watchers, channel: &Channel) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    channel.set_open(true);
    // None where the connection broke: what was said meanwhile nobody heard.
    while let Some(said) = listener.try_recv().await? {
        for (tenant, position) in read(said.payload()) {
            channel.told(tenant, position);
            if position == 0 {
                watchers.announcer.tell(tenant);
            } else {
                watchers.moved(tenant, position);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: u128) -> TenantId {
        TenantId(Uuid::from_u128(id))
    }

    #[tokio::test]
    async fn a_notification_has_room_and_says_where_each_log_ends() {
        let hints = NotifyHints::default();
        for id in 1..=200 {
            hints.moved(tenant(id), Position::MAX - u64::try_from(id).unwrap());
        }
        hints.moved(tenant(1), 3);
        hints.tell(tenant(201));
        hints.tell(tenant(1));
        let said = hints.next().await;
        assert!(said.len() == 2 && said.iter().all(|one| one.len() < 8_000));
        let mut all: Vec<_> = said.iter().flat_map(|one| read(one)).collect();
        all.sort_unstable();
        assert_eq!(all.len(), 202);
        assert_eq!(all[..2], [(tenant(1), 0), (tenant(1), Position::MAX - 1)], "both is news");
        assert_eq!(all[201], (tenant(201), 0));
        assert_eq!(read("").chain(read("nobody x:1 y")).count(), 0, "of another version of the program");
    }

    #[test]
    fn notifications_are_trusted_as_long_as_they_come_through() {
        let channel = Channel { heard: Notify::new(), state: Mutex::default() };
        let now = Instant::now();
        assert!(!channel.is_trusted(now), "nobody listens yet");
        channel.set_open(true);
        assert!(channel.is_trusted(now));
        // Looked before it was told, which is nobody's fault.
        channel.found(HashMap::from([(tenant(1), 5)]), now);
        channel.told(tenant(1), 5);
        channel.found(HashMap::from([(tenant(2), 7)]), now);
        assert!(channel.is_trusted(now));
        channel.told(tenant(2), 6);
        channel.found(HashMap::new(), now);
        assert!(!channel.is_trusted(now), "the seventh entry was never told");
        assert!(channel.is_trusted(now + DISTRUST));
    }
}
