//! A projector's step: read what the log has more, fold it, write it, and move the checkpoint, all or nothing.
//!
//! Reading, decoding and folding happen before the write transaction begins, so that the writers' turn is held
//! only while writing. That is sound because the checkpoint moves only if epoch and position are still those of
//! the worker's lease: nobody else can have changed the rows that the fold looked at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{Announcer, EventStore, News, Position, TenantId};

use crate::db::Db;
use crate::error::{ProjectionError, Result};
use crate::log::decoded::{DecodedEntry, DecodedEvent, decode_all};
use crate::models::board::card_index::{self, CardCache};
use crate::models::board::list_index::{self, ListCache};
use crate::models::board::past_index::{self, PastCache};
use crate::models::board::versions_cache::{self, VersionsCache};
use crate::models::dwell::journey_cache::{self, JourneyCache};
use crate::models::read_model::{Fold, ReadModel, Scope, Writes};
use crate::models::snapshot::Sources;
use crate::models::work::standing_index::{self, StandingCache};
use crate::runtime::erasure_purge::ErasurePurge;
use crate::runtime::failures::Failures;
use crate::runtime::nodes::Nodes;
use crate::runtime::pages::{Page, Pages};
use crate::runtime::parked::{self, Parked, Skips};
use crate::runtime::rebuild_lease::Running;
use crate::storage::checkpoint::{self, Checkpoint, New, ProjectionId, ProjectionLease};

/// What all projectors work with.
pub(crate) struct Engine {
    pub(crate) db: Db,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) journey_cache: Arc<JourneyCache>,
    pub(crate) versions_cache: Arc<VersionsCache>,
    pub(crate) card_cache: Arc<CardCache>,
    pub(crate) past_cache: Arc<PastCache>,
    pub(crate) standing_cache: Arc<StandingCache>,
    pub(crate) list_cache: Arc<ListCache>,
    /// What erasures have left in the files.
    pub(crate) erasures: Arc<ErasurePurge>,
    /// The processes that share the work; none where this one is alone.
    pub(crate) nodes: Option<Nodes>,
    /// What this process folds from the beginning.
    pub(crate) running: Arc<Running>,
    /// What does not go on or does not answer.
    pub(crate) failures: Failures,
    lost: Mutex<HashSet<ProjectionId>>,
    progress: Mutex<HashMap<ProjectionId, watch::Sender<Position>>>,
    /// Who hears of each tenant whose read model was folded on, by read model.
    announcers: Mutex<HashMap<&'static str, Announcer>>,
    /// The tenants of which somebody waits for a read model, where this process is alone.
    waited_for: Mutex<HashMap<&'static str, News>>,
    requests: Mutex<Option<mpsc::UnboundedSender<ProjectionId>>>,
    /// What the ends of rests are counted from.
    began: Instant,
}

/// How long a projector that keeps up lets events gather after a step, at most and unless somebody waits for them: a step
/// over many costs little more than a step over one, and the log's own writers have the disk meanwhile.
const COALESCE_WINDOW: Duration = Duration::from_millis(400);

/// How often a worker that has nothing to write looks whether its lease is still its own.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Engine {
    pub(crate) fn new(db: Db, store: Arc<dyn EventStore>, vault: Arc<Vault>, nodes: Option<Nodes>) -> Self {
        let pages = Arc::new(Pages::new(Arc::clone(&store), Arc::clone(&vault)));
        let erasures = ErasurePurge::new(db.clone());
        Self {
            db,
            erasures,
            pages,
            store,
            vault,
            journey_cache: Arc::new(JourneyCache::up_to(journey_cache::BYTES_KEPT)),
            versions_cache: Arc::new(VersionsCache::up_to(versions_cache::BYTES_KEPT)),
            card_cache: Arc::new(CardCache::up_to(card_index::BYTES_KEPT)),
            past_cache: Arc::new(PastCache::up_to(past_index::BYTES_KEPT)),
            standing_cache: Arc::new(StandingCache::up_to(standing_index::BYTES_KEPT)),
            list_cache: Arc::new(ListCache::up_to(list_index::BYTES_KEPT)),
            nodes,
            running: Arc::default(),
            failures: Failures::default(),
            lost: Mutex::default(),
            progress: Mutex::default(),
            announcers: Mutex::default(),
            waited_for: Mutex::default(),
            requests: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// When a projector that has taken a step now is to look again. All read models look at the same time, so that they
    /// take the same pages.
    pub(crate) fn next_poll(&self) -> Instant {
        let rests = self.began.elapsed().as_millis() / COALESCE_WINDOW.as_millis() + 1;
        self.began + COALESCE_WINDOW * u32::try_from(rests).unwrap_or(u32::MAX)
    }

    /// Who this process is to those that it shares the work with.
    pub(crate) fn node(&self) -> Option<Uuid> {
        self.nodes.as_ref().map(Nodes::me)
    }

    /// What queries need beside the rows.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            journey_cache: Arc::clone(&self.journey_cache),
            versions_cache: Arc::clone(&self.versions_cache),
            card_cache: Arc::clone(&self.card_cache),
            past_cache: Arc::clone(&self.past_cache),
            standing_cache: Arc::clone(&self.standing_cache),
            list_cache: Arc::clone(&self.list_cache),
        }
    }

    /// A generation of this process's fold, begun now.
    pub(crate) async fn new_generation(&self, model: &dyn ReadModel, tenant: TenantId) -> Result<New> {
        let head = self.store.head(tenant).await?.position;
        Ok(New { fold_version: model.version(), node: self.node(), head })
    }

    /// A receiver of the position in service, moved after every step of this process.
    pub(crate) fn progress(&self, id: ProjectionId) -> watch::Receiver<Position> {
        self.senders().entry(id).or_default().subscribe()
    }

    pub(crate) fn moved(&self, id: ProjectionId, position: Position) {
        let before = self.senders().entry(id).or_default().send_replace(position);
        if position > before
            && let Some(announcer) = self.announcers().get(id.projection)
        {
            announcer.tell(id.tenant);
        }
    }

    /// A read model tells something else at the position where it is.
    pub(crate) fn folded_again(&self, id: ProjectionId) {
        if let Some(announcer) = self.announcers().get(id.projection) {
            announcer.tell(id.tenant);
        }
    }

    /// From now on these news have each tenant whose read model was folded on.
    pub(crate) fn inform(&self, projection: &'static str, news: &News) {
        self.announcers().entry(projection).or_default().inform(news);
    }

    fn announcers(&self) -> parking_lot::MutexGuard<'_, HashMap<&'static str, Announcer>> {
        self.announcers.lock()
    }

    /// How many positions a read model is behind what this process knows of the log.
    pub(crate) fn lag(&self, id: ProjectionId) -> u64 {
        let (head, position) = (*self.store.watch(id.tenant).borrow(), *self.progress(id).borrow());
        head.saturating_sub(position)
    }

    /// Notes how far another process was seen to have come.
    pub(crate) fn seen(&self, id: ProjectionId, position: Position) {
        let mut senders = self.senders();
        senders.entry(id).or_default().send_if_modified(|known| {
            let forward = position > *known;
            *known = position.max(*known);
            forward
        });
    }

    /// Tells the projector of a read model that somebody waits for it.
    pub(crate) fn request_catch_up(&self, id: ProjectionId) {
        if self.nodes.is_none() {
            self.waited_for(id.projection).tell(id.tenant);
        }
        let requests = self.requests.lock();
        if let Some(requests) = &*requests {
            // Nobody listens any more once the projectors have stopped.
            requests.send(id).ok();
        }
    }

    /// Every read model that somebody waits for, from now on.
    pub(crate) fn catch_up_requests(&self) -> mpsc::UnboundedReceiver<ProjectionId> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.requests.lock() = Some(sender);
        receiver
    }

    /// A reader found nothing in service: anyone who folds it here is to look.
    pub(crate) fn lost(&self, id: ProjectionId) {
        self.lost.lock().insert(id);
        self.request_catch_up(id);
    }

    /// Whether a reader found nothing in service since this was asked last.
    pub(crate) fn is_lost(&self, id: ProjectionId) -> bool {
        self.lost.lock().remove(&id)
    }

    /// The tenants of which somebody waits for a read model, where this process is alone.
    pub(crate) fn waited_for(&self, projection: &'static str) -> News {
        let mut waited_for = self.waited_for.lock();
        waited_for.entry(projection).or_default().clone()
    }

    fn senders(&self) -> parking_lot::MutexGuard<'_, HashMap<ProjectionId, watch::Sender<Position>>> {
        self.progress.lock()
    }
}

/// What is done about an event that cannot be folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoisonPolicy {
    /// It is set aside, with what follows it for the same subject.
    Park,
    /// The step fails.
    FailFast,
}

/// A lease, and the fold of its holder.
pub(crate) struct Worker {
    pub(crate) lease: ProjectionLease,
    fold: Box<dyn Fold>,
    /// What the log said is skipped, when this worker first looked. What is skipped later is marked in the table.
    skips: Skips,
    has_looked: bool,
    /// When the lease was last known to be this worker's.
    held_at: Instant,
}

impl Worker {
    pub(crate) fn new(lease: ProjectionLease, model: &dyn ReadModel) -> Self {
        let (fold, skips) = (model.new_fold(), Skips::new());
        Self { lease, fold, skips, has_looked: false, held_at: Instant::now() }
    }

    /// What the log said is skipped, as far as this worker has looked.
    pub(crate) fn skips(&self) -> &Skips {
        &self.skips
    }

    /// Takes one page of the log. Returns how many entries it had; none at the head.
    ///
    /// # Errors
    /// After any error nothing of the page is written and the worker must be thrown away.
    pub(crate) async fn step(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        limit: u32,
        policy: PoisonPolicy,
    ) -> Result<usize> {
        let ProjectionId { tenant, .. } = self.lease.id;
        let page = engine.pages.read(tenant, self.lease.position, limit).await?;
        if page.last().is_none() {
            self.still_holds(engine).await?;
        }
        self.take(engine, model, page, policy).await
    }

    /// Takes a page that was read after the worker's position. Returns how many entries it had.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub(crate) async fn take(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        page: Arc<Page>,
        policy: PoisonPolicy,
    ) -> Result<usize> {
        let Some(last) = page.last() else { return Ok(0) };
        let ProjectionId { tenant, .. } = self.lease.id;
        let taken = page.readings().len();
        let reached =
            ProjectionLease { position: last.position, recorded_at: last.recorded_at, ..self.lease };
        let (facts, aside) = self.sort(engine, model, &page, policy).await?;
        let writes = self.fold(engine, &facts, last.position).await?;
        let erasure = first_erasure(&facts);
        // The writers' turn may take a while to come.
        drop((facts, page));
        let mut transaction = engine.db.write(tenant).await?;
        self.lease.advance(&mut transaction, &reached).await?;
        writes.apply(&mut transaction, &self.lease).await?;
        for parked in &aside {
            parked::park(&mut transaction, self.lease.id, parked).await?;
        }
        let erasing = erasure.and_then(|first| engine.erasures.erasing(self.lease.id, first));
        transaction.commit().await?;
        drop(erasing);
        self.lease = reached;
        self.held_at = Instant::now();
        Ok(taken)
    }

    /// Looks now and then whether the lease is still this worker's, where there is nothing to write that would tell: what
    /// serves may have been lost, or another process may have taken it.
    async fn still_holds(&mut self, engine: &Engine) -> Result<()> {
        if self.held_at.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        let mut transaction = engine.db.read(self.lease.id.tenant).await?;
        let all = checkpoint::all(&mut transaction, self.lease.id).await?;
        let is_mine =
            |row: &Checkpoint| (row.generation, row.epoch) == (self.lease.generation, self.lease.epoch);
        if !all.iter().any(is_mine) {
            return Err(ProjectionError::Fenced);
        }
        self.held_at = Instant::now();
        Ok(())
    }

    /// Separates what must be folded from what is set aside.
    async fn sort(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        page: &Page,
        policy: PoisonPolicy,
    ) -> Result<(Vec<Arc<DecodedEvent>>, Vec<Parked>)> {
        let ProjectionId { tenant, .. } = self.lease.id;
        let known = parked::list(&mut engine.db.read(tenant).await?, self.lease.id).await?;
        if !self.has_looked {
            self.skips = parked::skips(&*engine.store, self.lease.id).await?;
            self.has_looked = true;
        }
        let skipped: HashSet<Position> =
            known.iter().filter(|item| item.skipped.is_some()).map(|item| item.position).collect();
        let noted: HashSet<Position> = known.iter().map(|item| item.position).collect();
        let waiting = known.into_iter().filter(|item| item.skipped.is_none() && policy == PoisonPolicy::Park);
        let mut behind: HashMap<String, Position> = HashMap::new();
        for item in waiting {
            behind.entry(item.subject).or_insert(item.position);
        }
        let (mut facts, mut aside) = (Vec::with_capacity(page.readings().len()), Vec::new());
        for (position, reading) in (self.lease.position + 1..).zip(page.readings()) {
            if skipped.contains(&position) {
                continue;
            }
            let reading = reading.of(|event_type| model.opens(event_type));
            if let Some(reason) = self.skips.get(&position) {
                // Listed with the others, but for what is noted already: that is marked when it is retried.
                if !noted.contains(&position) {
                    aside.extend(skipped_entry(position, &reading, reason));
                }
                continue;
            }
            match reading {
                DecodedEntry::Other => {}
                DecodedEntry::DecodedEvent(fact) => {
                    let subject = format!("customer/{}", fact.customer);
                    match behind.get(&subject) {
                        None => facts.push(fact),
                        Some(first) => aside.push(Parked {
                            position,
                            subject,
                            event_type: fact.event.event.event_type().to_owned(),
                            cause: format!("waits behind position {first}"),
                            skipped: None,
                        }),
                    }
                }
                DecodedEntry::Poison { cause, .. } if policy == PoisonPolicy::FailFast => {
                    return Err(ProjectionError::Poison { position, cause });
                }
                DecodedEntry::Poison { subject, event_type, cause } => {
                    tracing::error!(%subject, position, %cause, projection = model.name(), "event parked");
                    behind.entry(subject.clone()).or_insert(position);
                    aside.push(Parked { position, subject, event_type, cause, skipped: None });
                }
            }
        }
        Ok((facts, aside))
    }

    /// What the next page would write.
    #[cfg(test)]
    pub(crate) async fn page(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        limit: u32,
    ) -> Result<Writes> {
        let ProjectionLease { id: ProjectionId { tenant, .. }, position, .. } = self.lease;
        let page = engine.pages.read(tenant, position, limit).await?;
        let reached = page.last().map_or(position, |last| last.position);
        let (facts, _) = self.sort(engine, model, &page, PoisonPolicy::Park).await?;
        self.fold(engine, &facts, reached).await
    }

    async fn fold(
        &mut self,
        engine: &Engine,
        facts: &[Arc<DecodedEvent>],
        reached: Position,
    ) -> Result<Writes> {
        let scope = Scope {
            tenant: self.lease.id.tenant,
            generation: self.lease.generation,
            after: self.lease.position,
            reached,
            db: &engine.db,
            store: &*engine.store,
            vault: &engine.vault,
        };
        self.fold.fold(&scope, facts).await
    }

    /// Looks again at what the log says is skipped, and marks what is parked of it.
    pub(crate) async fn mark_skipped(&mut self, engine: &Engine) -> Result<()> {
        let id = self.lease.id;
        let skips = parked::skips(&*engine.store, id).await?;
        let mut transaction = engine.db.write(id.tenant).await?;
        parked::skip(&mut transaction, id, &skips).await?;
        transaction.commit().await?;
        self.skips = skips;
        Ok(())
    }

    /// Folds what is parked of one subject, in order, up to the first event that still cannot be folded. Answers
    /// how many events were folded.
    pub(crate) async fn retry(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        items: &[Parked],
    ) -> Result<usize> {
        let ProjectionId { tenant, .. } = self.lease.id;
        let mut facts = Vec::new();
        for item in items {
            let entries = engine.store.read(tenant, item.position - 1, 1).await?;
            let readings = decode_all(tenant, &entries, &engine.vault, |name| model.opens(name)).await?;
            match readings.first().map(|readings| readings.of(|name| model.opens(name))) {
                Some(DecodedEntry::DecodedEvent(fact)) => facts.push(fact),
                _ => break,
            }
        }
        let writes = self.fold(engine, &facts, self.lease.position).await?;
        let mut transaction = engine.db.write(tenant).await?;
        // The epoch grows: what was kept of the rows before must be read again.
        self.lease.hold(&mut transaction).await?;
        writes.apply(&mut transaction, &self.lease).await?;
        for fact in &facts {
            parked::release(&mut transaction, self.lease.id, fact.event.position).await?;
        }
        let erasing = first_erasure(&facts).and_then(|first| engine.erasures.erasing(self.lease.id, first));
        transaction.commit().await?;
        drop(erasing);
        Ok(facts.len())
    }
}

/// Where the first erasure among these stands.
fn first_erasure(facts: &[Arc<DecodedEvent>]) -> Option<Position> {
    let erasure = |fact: &&Arc<DecodedEvent>| matches!(fact.event.event, CustomerEvent::Erased(_));
    facts.iter().find(erasure).map(|fact| fact.event.position)
}

/// An event that is skipped, as it is listed; none where it is of no concern to the read model.
fn skipped_entry(position: Position, reading: &DecodedEntry, reason: &str) -> Option<Parked> {
    let (subject, event_type, cause) = match reading {
        DecodedEntry::Other => return None,
        DecodedEntry::DecodedEvent(fact) => {
            let event_type = fact.event.event.event_type().to_owned();
            (format!("customer/{}", fact.customer), event_type, "skipped".to_owned())
        }
        DecodedEntry::Poison { subject, event_type, cause } => {
            (subject.clone(), event_type.clone(), cause.clone())
        }
    };
    Some(Parked { position, subject, event_type, cause, skipped: Some(reason.to_owned()) })
}
