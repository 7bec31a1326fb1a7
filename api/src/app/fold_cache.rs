//! Folds of a tenant's log that are kept in memory and read on: definitions, what the company has set up, rights.
//!
//! Any process may append, so what is kept is right up to a position, and how far that is counts: a decision is appended
//! under the condition that nothing was added after it, a question is answered by what was known a second ago at most, and
//! anyone who names a position is answered by what the log held up to there.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::sync::RwLock;
use waymark_eventstore::{Clock, Entry, EventStore, Position, Query, TenantId};

use super::AppError;

/// How many tenants are kept, the most recently used of them.
const KEPT: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
/// For how long a question that names no position may be answered without looking at the log.
pub(crate) const FRESH_FOR: TimeDelta = TimeDelta::seconds(1);
/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// State that is folded from some of a tenant's entries. It is cloned for each reader, so it shares what is large.
pub(crate) trait Fold: Clone + Default + Send + Sync + 'static {
    /// Which entries it is folded from.
    fn query() -> Query;

    /// Folds one of them in.
    ///
    /// # Errors
    /// When this program cannot read it.
    fn apply(&mut self, entry: &Entry) -> Result<(), AppError>;

    /// Works out what follows from the time, once everything is folded.
    fn settle(&mut self, _now: DateTime<Utc>) {}

    /// When what followed from the time changes next.
    fn changes_at(&self) -> Option<DateTime<Utc>> {
        None
    }
}

/// The folds of all tenants.
pub(crate) struct FoldCache<F> {
    log: Arc<dyn EventStore>,
    clock: Clock,
    tenants: Mutex<LruCache<TenantId, Arc<Slot<F>>>>,
}

/// One tenant's fold. The position moves on without a read when a command was appended under the condition that nothing
/// was added to the fold.
struct Slot<F> {
    fold: RwLock<F>,
    read_to: AtomicU64,
    /// In microseconds; the first read is never fresh.
    read_at: AtomicI64,
}

impl<F: Default> Default for Slot<F> {
    fn default() -> Self {
        Self { fold: RwLock::default(), read_to: AtomicU64::new(0), read_at: AtomicI64::new(i64::MIN) }
    }
}

/// How far a fold must be read.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// As far as the log went a second ago.
    Recent,
    /// As far as it goes now.
    Head,
    /// To a position that it has reached.
    Reached(Position),
}

impl<F: Fold> Slot<F> {
    fn position(&self) -> Position {
        self.read_to.load(Ordering::Acquire)
    }

    fn was_read(&self) -> bool {
        self.read_at.load(Ordering::Acquire) != i64::MIN
    }

    /// Whether a question may be answered by the fold without a look at the log.
    fn is_fresh(&self, fold: &F, now: DateTime<Utc>) -> bool {
        let age = now.timestamp_micros().saturating_sub(self.read_at.load(Ordering::Acquire));
        age < FRESH_FOR.num_microseconds().unwrap_or(0) && fold.changes_at().is_none_or(|change| now < change)
    }

    /// What is known up to a position was all that there was at an instant.
    fn reaches(&self, position: Position, now: DateTime<Utc>) {
        self.read_to.fetch_max(position, Ordering::AcqRel);
        self.read_at.fetch_max(now.timestamp_micros(), Ordering::AcqRel);
    }
}

impl<F: Fold> FoldCache<F> {
    pub(crate) fn new(log: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self { log, clock, tenants: Mutex::new(LruCache::new(KEPT)) }
    }

    /// A tenant's fold, if it was known a second ago that it is all there is.
    pub(crate) async fn cached(&self, tenant: TenantId) -> Option<F> {
        let slot = self.slot(tenant);
        let fold = slot.fold.read().await;
        slot.is_fresh(&fold, (self.clock)()).then(|| fold.clone())
    }

    /// A tenant's fold, as it was a second ago at most, and up to where that is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn recent(&self, tenant: TenantId) -> Result<(F, Position), AppError> {
        let slot = self.slot(tenant);
        {
            let fold = slot.fold.read().await;
            if slot.is_fresh(&fold, (self.clock)()) {
                return Ok((fold.clone(), slot.position()));
            }
        }
        self.read_on(tenant, &slot, Until::Recent).await
    }

    /// A tenant's fold as of the end of the log, and where that is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn current(&self, tenant: TenantId) -> Result<(F, Position), AppError> {
        self.read_on(tenant, &self.slot(tenant), Until::Head).await
    }

    /// Reads on to a position that the log is known to have reached, unless that much is known. `was_head_at` is an instant
    /// at which the log did not reach further, where there is one: what is known then is all that there was.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn read_to(
        &self,
        tenant: TenantId,
        reached: Position,
        was_head_at: Option<DateTime<Utc>>,
    ) -> Result<(), AppError> {
        let slot = self.slot(tenant);
        if slot.position() < reached {
            self.read_on(tenant, &slot, Until::Reached(reached)).await?;
        }
        if let Some(instant) = was_head_at {
            slot.reaches(reached, instant);
        }
        Ok(())
    }

    /// Up to where what is known is all that there is.
    ///
    /// # Errors
    /// When nothing is known yet, and the log cannot be read.
    pub(crate) async fn known_to(&self, tenant: TenantId) -> Result<Position, AppError> {
        let slot = self.slot(tenant);
        if slot.was_read() {
            return Ok(slot.position());
        }
        Ok(self.read_on(tenant, &slot, Until::Head).await?.1)
    }

    /// Up to where what is known is all that there is; zero where nothing is known yet.
    pub(crate) fn position(&self, tenant: TenantId) -> Position {
        self.slot(tenant).position()
    }

    /// Nothing was added between two positions: something was appended under that condition.
    pub(crate) fn confirm(&self, tenant: TenantId, known_to: Position, position: Position) {
        let slot = self.slot(tenant);
        // A fold that was evicted meanwhile, and knows less now, must still read what it does not know.
        if slot.was_read() && slot.position() >= known_to {
            slot.reaches(position, (self.clock)());
        }
    }

    fn slot(&self, tenant: TenantId) -> Arc<Slot<F>> {
        // Slots are put whole, so a panic elsewhere leaves none half written.
        let mut tenants = self.tenants.lock();
        Arc::clone(tenants.get_or_insert(tenant, Arc::default))
    }

    async fn read_on(
        &self,
        tenant: TenantId,
        slot: &Slot<F>,
        until: Until,
    ) -> Result<(F, Position), AppError> {
        // One reader at a time: the others find its work done.
        let mut kept = slot.fold.write().await;
        let instant = (self.clock)();
        let is_done = match until {
            Until::Recent => slot.is_fresh(&kept, instant),
            Until::Head => false,
            Until::Reached(position) => slot.position() >= position,
        };
        if is_done {
            return Ok((kept.clone(), slot.position()));
        }
        let (head, instant) = match until {
            Until::Reached(position) => (position, DateTime::UNIX_EPOCH),
            Until::Recent | Until::Head => (self.log.head(tenant).await?.position, instant),
        };
        let mut fold = kept.clone();
        let mut after = slot.position();
        while after < head {
            let page = self.log.read_matching(tenant, &F::query(), after, head, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                fold.apply(entry)?;
                after = entry.position;
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                break;
            }
        }
        fold.settle((self.clock)());
        // Nothing counts as known before all of it is: what could not be read now is read the next time.
        *kept = fold.clone();
        slot.reaches(head, instant);
        Ok((fold, slot.position()))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::atomic::AtomicI64;

    use serde_json::json;
    use uuid::Uuid;
    use waymark_eventstore::{Append, Draft, MemoryStore, Outcome};

    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));

    /// How many entries of one tag there are.
    #[derive(Clone, Default)]
    struct Count(u32);

    impl Fold for Count {
        fn query() -> Query {
            Query::tag("counted")
        }

        fn apply(&mut self, _: &Entry) -> Result<(), AppError> {
            self.0 += 1;
            Ok(())
        }
    }

    struct World {
        log: Arc<MemoryStore>,
        seconds: Arc<AtomicI64>,
        cache: FoldCache<Count>,
    }

    impl World {
        fn new() -> Self {
            let seconds = Arc::new(AtomicI64::new(0));
            let passed = seconds.clone();
            let clock: Clock =
                Arc::new(move || DateTime::UNIX_EPOCH + TimeDelta::seconds(passed.load(Ordering::Relaxed)));
            let log = MemoryStore::new(clock.clone());
            Self { cache: FoldCache::new(log.clone(), clock), log, seconds }
        }

        async fn append(&self, tag: &str) -> Position {
            let draft = Draft {
                id: Uuid::from_u128(self.log.head(TENANT).await.unwrap().position.into()),
                event_type: Cow::Borrowed("test.counted"),
                type_version: 1,
                subject: "test/1".to_owned(),
                effective_at: DateTime::UNIX_EPOCH,
                actor: "system:test".to_owned(),
                via: None,
                origin: None,
                endpoint: None,
                causation_id: None,
                correlation_id: None,
                tags: vec![tag.to_owned()],
                blind_tags: Vec::new(),
                data: json!({}),
            };
            match self.log.append(Append::new(TENANT, vec![draft])).await.unwrap() {
                Outcome::Appended(appended) => appended.last_position(),
                Outcome::Repeated(_) => panic!("nothing was sent twice"),
            }
        }
    }

    #[tokio::test]
    async fn another_process_is_noticed_after_a_second_and_at_once_where_its_position_is_named() {
        let world = World::new();
        world.append("counted").await;
        assert_eq!(world.cache.recent(TENANT).await.unwrap().0.0, 1);
        let second = world.append("counted").await;
        assert_eq!(world.cache.recent(TENANT).await.unwrap().0.0, 1, "as it was a second ago at most");
        world.cache.read_to(TENANT, second, None).await.unwrap();
        assert_eq!(world.cache.recent(TENANT).await.unwrap().0.0, 2);
        world.append("counted").await;
        world.seconds.store(1, Ordering::Relaxed);
        assert_eq!(world.cache.recent(TENANT).await.unwrap().0.0, 3);
        world.append("counted").await;
        assert_eq!(world.cache.current(TENANT).await.unwrap().0.0, 4);
    }

    #[tokio::test]
    async fn what_was_appended_on_a_condition_needs_no_read_but_only_where_as_much_was_known() {
        let world = World::new();
        let first = world.append("counted").await;
        // Nothing is known of the tenant here, as after its eviction.
        world.cache.confirm(TENANT, first, first + 1);
        assert_eq!(world.cache.position(TENANT), 0);
        assert_eq!(world.cache.known_to(TENANT).await.unwrap(), first);
        let other = world.append("other").await;
        world.cache.confirm(TENANT, first, other);
        assert_eq!(world.cache.position(TENANT), other);
        let missed = world.append("counted").await;
        let last = world.append("other").await;
        world.cache.confirm(TENANT, missed, last);
        assert_eq!(world.cache.position(TENANT), other, "what it does not know must still be read");
        world.seconds.store(1, Ordering::Relaxed);
        assert_eq!(world.cache.recent(TENANT).await.unwrap().0.0, 2);
    }
}
