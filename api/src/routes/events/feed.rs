//! What is read of a tenant's log for all of its streams: each entry once, however many of them there are.
//!
//! The first stream of a tenant begins a feed, which reads on as the log grows, and ends with the last stream. What it reads
//! is kept a while (`window.rs`), in which streams of any speed find it; one that falls behind further is told so.
//! What lies before the window is read for each stream that comes from there, but for whole pages of everything, which those
//! who resume at the same position share.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::shared::SharedPage;
use super::window::{Limits, Next, Window};
use crate::app::{App, AppError};
use crate::eventstore::{Position, Repeated, TenantId};

/// How many entries are read at a time.
pub(super) const ENTRIES_PER_PAGE: u32 = 200;
/// How much is kept for the streams of one tenant.
const LIMITS: Limits = Limits { entries: 8_192, bytes: 64 * 1024 * 1024 };
/// How much of the past a new feed begins with: streams that were cut off together resume from it together.
const PAST: Position = 1_000;
/// How many pages of the past are remembered for those who resume.
const PAST_PAGES: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");
/// How long what is appended gathers between two reads.
const GATHER: Duration = Duration::from_millis(20);
/// How long an event that another process appended may go unnoticed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The feeds of this process.
pub struct Feeds {
    app: App,
    limits: Limits,
    running: Mutex<HashMap<TenantId, Weak<Feed>>>,
}

/// One tenant's, as long as a stream holds it.
pub(in crate::routes) struct Feed {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What the reading task and the streams share.
struct Shared {
    app: App,
    tenant: TenantId,
    /// None until the log was looked at first.
    window: Mutex<Option<Window>>,
    limits: Limits,
    /// Changes whenever there is more.
    grown: watch::Sender<Position>,
    past: Mutex<LruCache<Position, Arc<OnceCell<Arc<SharedPage>>>>>,
}

impl Feeds {
    /// None running yet.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self::keeping(app, LIMITS)
    }

    /// None running yet, which keep so much.
    pub(super) fn keeping(app: App, limits: Limits) -> Self {
        Self { app, limits, running: Mutex::default() }
    }

    /// The feed of a tenant, begun now if there is none.
    pub(in crate::routes) fn of(&self, tenant: TenantId) -> Arc<Feed> {
        let mut running = locked(&self.running);
        if let Some(feed) = running.get(&tenant).and_then(Weak::upgrade) {
            return feed;
        }
        running.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::begin(self.app.clone(), tenant, self.limits));
        running.insert(tenant, Arc::downgrade(&feed));
        feed
    }
}

impl Feed {
    fn begin(app: App, tenant: TenantId, limits: Limits) -> Self {
        let shared = Arc::new(Shared {
            app,
            tenant,
            window: Mutex::default(),
            limits,
            grown: watch::Sender::new(0),
            past: Mutex::new(LruCache::new(PAST_PAGES)),
        });
        let stop = CancellationToken::new();
        let (reading, stopped) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move { stopped.run_until_cancelled(read_on(&reading)).await });
        Self { shared, _stop: stop.drop_guard() }
    }

    /// What follows a position. [`Next::Nothing`] before the log was looked at first.
    pub(super) fn next(&self, after: Position) -> Next {
        locked(&self.shared.window).as_ref().map_or(Next::Nothing, |window| window.next(after))
    }

    /// Tells whenever there is more.
    pub(in crate::routes) fn grown(&self) -> watch::Receiver<Position> {
        self.shared.grown.subscribe()
    }

    /// A page of everything after a position that lies before the window.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) async fn past(&self, after: Position) -> Result<Arc<SharedPage>, AppError> {
        let page = {
            let mut past = locked(&self.shared.past);
            Arc::clone(past.get_or_insert(after, Arc::default))
        };
        Ok(Arc::clone(page.get_or_try_init(|| self.shared.read(after)).await?))
    }
}

impl Shared {
    /// Reads the page after a position.
    async fn read(&self, after: Position) -> Result<Arc<SharedPage>, AppError> {
        let entries = self.app.store.read(self.tenant, after, ENTRIES_PER_PAGE).await?;
        metrics::counter!("waymark_stream_reads_total").increment(1);
        metrics::counter!("waymark_stream_entries_read_total").increment(entries.len() as u64);
        Ok(Arc::new(SharedPage::of(self.tenant, entries)?))
    }

    /// Reads what the log has more. Returns how many entries that were.
    async fn take(&self, reached: &mut Option<Position>) -> Result<usize, AppError> {
        let after = match *reached {
            Some(after) => after,
            None => {
                let begin = self.app.store.head(self.tenant).await?.position.saturating_sub(PAST);
                *locked(&self.window) = Some(Window::after(begin, self.limits));
                *reached = Some(begin);
                // Anyone who resumes before what is kept need not wait.
                self.grown.send_replace(begin);
                begin
            }
        };
        let page = self.read(after).await?;
        let Some(last) = page.last() else { return Ok(0) };
        let taken = page.len();
        if page.has_erasure() {
            locked(&self.past).clear();
        }
        if let Some(window) = &mut *locked(&self.window) {
            window.push(page);
        }
        *reached = Some(last);
        self.grown.send_replace(last);
        Ok(taken)
    }
}

/// Reads on as the log grows.
async fn read_on(shared: &Shared) {
    let mut head = shared.app.store.watch(shared.tenant);
    let (mut reached, mut failures) =
        (None, Repeated::new("the log cannot be read for event streams, which wait"));
    loop {
        head.mark_unchanged();
        let taken = shared.take(&mut reached).await;
        failures.note(shared.tenant, &taken);
        match taken {
            Ok(0) => wait(&mut head).await,
            Ok(full) if full == ENTRIES_PER_PAGE as usize => {}
            Ok(_) => tokio::time::sleep(GATHER).await,
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// Waits until this process appended something, or it is time to look what others did.
async fn wait(head: &mut watch::Receiver<Position>) {
    if let Ok(Err(_)) = tokio::time::timeout(LOOK_AGAIN, head.changed()).await {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is replaced page by page, so a panic elsewhere leaves it whole.
    mutex.lock()
}
