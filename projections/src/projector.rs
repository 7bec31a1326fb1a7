//! A projector's step: read what the log has more, fold it, write it, and move the checkpoint, all or nothing.
//!
//! Reading, decoding and folding happen before the write transaction begins, so that the writers' turn is held
//! only while writing. That is sound because the checkpoint moves only if epoch and position are still those of
//! the worker's seat: nobody else can have changed the rows that the fold looked at.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::checkpoint::{self, Checkpoint, New, Seat, Which};
use crate::db::Db;
use crate::dwell::Loaded;
use crate::error::{ProjectionError, Result};
use crate::fact::{Fact, Reading, read_all};
use crate::lease::Running;
use crate::model::{Memory, ReadModel, Scope, Writes};
use crate::nodes::Nodes;
use crate::pages::{Page, Pages};
use crate::parked::{self, Parked, Skips};
use crate::traces::Traces;
use crate::trouble::Troubles;

/// What all projectors work with.
pub(crate) struct Engine {
    pub(crate) db: Db,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) loaded: Arc<Loaded>,
    /// What erasures have left in the files.
    pub(crate) traces: Arc<Traces>,
    /// The processes that share the work; none where this one is alone.
    pub(crate) nodes: Option<Nodes>,
    /// What this process folds from the beginning.
    pub(crate) running: Arc<Running>,
    /// What does not go on or does not answer.
    pub(crate) troubles: Troubles,
    lost: Mutex<HashSet<Which>>,
    progress: Mutex<HashMap<Which, watch::Sender<Position>>>,
    hurry: Mutex<HashMap<&'static str, Arc<Notify>>>,
    calls: Mutex<Option<mpsc::UnboundedSender<Which>>>,
    /// What the ends of rests are counted from.
    began: Instant,
}

/// How long a projector that keeps up lets events gather after a step, at most and unless somebody waits for them: a step
/// over many costs little more than a step over one, and the log's own writers have the disk meanwhile.
const REST: Duration = Duration::from_millis(400);

/// How often a worker that has nothing to write looks whether its seat is still its own.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Engine {
    pub(crate) fn new(db: Db, store: Arc<dyn EventStore>, vault: Arc<Vault>, nodes: Option<Nodes>) -> Self {
        let pages = Arc::new(Pages::new(Arc::clone(&store), Arc::clone(&vault)));
        let traces = Traces::new(db.clone());
        Self {
            db,
            traces,
            pages,
            store,
            vault,
            loaded: Arc::default(),
            nodes,
            running: Arc::default(),
            troubles: Troubles::default(),
            lost: Mutex::default(),
            progress: Mutex::default(),
            hurry: Mutex::default(),
            calls: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// When a projector that has taken a step now is to look again. All read models look at the same time, so that they
    /// take the same pages.
    pub(crate) fn rest_until(&self) -> Instant {
        let rests = self.began.elapsed().as_millis() / REST.as_millis() + 1;
        self.began + REST * u32::try_from(rests).unwrap_or(u32::MAX)
    }

    /// Who this process is to those that it shares the work with.
    pub(crate) fn node(&self) -> Option<Uuid> {
        self.nodes.as_ref().map(Nodes::me)
    }

    /// A generation of this process's fold, begun now.
    pub(crate) async fn new_generation(&self, model: &dyn ReadModel, tenant: TenantId) -> Result<New> {
        let head = self.store.head(tenant).await?.position;
        Ok(New { fold_version: model.version(), node: self.node(), head })
    }

    /// A receiver of the position in service, moved after every step of this process.
    pub(crate) fn progress(&self, which: Which) -> watch::Receiver<Position> {
        self.senders().entry(which).or_default().subscribe()
    }

    pub(crate) fn moved(&self, which: Which, position: Position) {
        self.senders().entry(which).or_default().send_replace(position);
    }

    /// How many positions a read model is behind what this process knows of the log.
    pub(crate) fn lag(&self, which: Which) -> u64 {
        let (head, position) = (*self.store.watch(which.tenant).borrow(), *self.progress(which).borrow());
        head.saturating_sub(position)
    }

    /// Notes how far another process was seen to have come.
    pub(crate) fn seen(&self, which: Which, position: Position) {
        let mut senders = self.senders();
        senders.entry(which).or_default().send_if_modified(|known| {
            let forward = position > *known;
            *known = position.max(*known);
            forward
        });
    }

    /// Tells the projector of a read model that somebody waits for it.
    pub(crate) fn hurry(&self, which: Which) {
        self.bell(which.projection).notify_one();
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = &*calls {
            // Nobody listens any more once the projectors have stopped.
            calls.send(which).ok();
        }
    }

    /// Every read model that somebody waits for, from now on.
    pub(crate) fn calls(&self) -> mpsc::UnboundedReceiver<Which> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// A reader found nothing in service: whoever folds it here is to look.
    pub(crate) fn lost(&self, which: Which) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(which);
        self.hurry(which);
    }

    /// Whether a reader found nothing in service since this was asked last.
    pub(crate) fn is_lost(&self, which: Which) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).remove(&which)
    }

    /// Waits until somebody waits.
    pub(crate) async fn hurried(&self, projection: &'static str) {
        self.bell(projection).notified().await;
    }

    fn bell(&self, projection: &'static str) -> Arc<Notify> {
        let mut bells = self.hurry.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(projection).or_default())
    }

    fn senders(&self) -> std::sync::MutexGuard<'_, HashMap<Which, watch::Sender<Position>>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is done about an event that cannot be folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poison {
    /// It is set aside, with what follows it for the same subject.
    Parks,
    /// The step fails.
    Fails,
}

/// A seat, and what its holder remembers.
pub(crate) struct Worker {
    pub(crate) seat: Seat,
    memory: Memory,
    /// What the log said is skipped, when this worker first looked. What is skipped later is marked in the table.
    skips: Skips,
    has_looked: bool,
    /// When the seat was last known to be this worker's.
    held_at: Instant,
}

impl Worker {
    pub(crate) fn new(seat: Seat) -> Self {
        let (memory, skips) = (Memory::default(), Skips::new());
        Self { seat, memory, skips, has_looked: false, held_at: Instant::now() }
    }

    /// What the log said is skipped, as far as this worker has looked.
    pub(crate) fn skips(&self) -> &Skips {
        &self.skips
    }

    /// Takes one page of the log. Answers how many entries it had; none at the head.
    ///
    /// # Errors
    /// After any error nothing of the page is written and the worker is to be thrown away.
    pub(crate) async fn step(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        limit: u32,
        poison: Poison,
    ) -> Result<usize> {
        let Which { tenant, .. } = self.seat.which;
        let page = engine.pages.read(tenant, self.seat.position, limit).await?;
        if page.last().is_none() {
            self.still_holds(engine).await?;
        }
        self.take(engine, model, page, poison).await
    }

    /// Takes a page that was read after the worker's position. Answers how many entries it had.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub(crate) async fn take(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        page: Arc<Page>,
        poison: Poison,
    ) -> Result<usize> {
        let Some(last) = page.last() else { return Ok(0) };
        let Which { tenant, .. } = self.seat.which;
        let taken = page.readings().len();
        let reached = Seat { position: last.position, recorded_at: last.recorded_at, ..self.seat };
        let (facts, aside) = self.sort(engine, model, &page, poison).await?;
        let writes = self.fold(engine, model, &facts, last.position).await?;
        let erasure = first_erasure(&facts);
        // The writers' turn may take a while to come.
        drop((facts, page));
        let mut session = engine.db.write(tenant).await?;
        self.seat.advance(&mut session, &reached).await?;
        writes.apply(&mut session, &self.seat).await?;
        for parked in &aside {
            parked::park(&mut session, self.seat.which, parked).await?;
        }
        let erasing = erasure.and_then(|first| engine.traces.erasing(self.seat.which, first));
        session.commit().await?;
        drop(erasing);
        self.seat = reached;
        self.held_at = Instant::now();
        Ok(taken)
    }

    /// Looks now and then whether the seat is still this worker's, where there is nothing to write that would tell: what
    /// serves may have been lost, or another process may have taken it.
    async fn still_holds(&mut self, engine: &Engine) -> Result<()> {
        if self.held_at.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        let mut session = engine.db.read(self.seat.which.tenant).await?;
        let all = checkpoint::all(&mut session, self.seat.which).await?;
        let is_mine =
            |row: &Checkpoint| (row.generation, row.epoch) == (self.seat.generation, self.seat.epoch);
        if !all.iter().any(is_mine) {
            return Err(ProjectionError::Fenced);
        }
        self.held_at = Instant::now();
        Ok(())
    }

    /// Separates what is to be folded from what is set aside.
    async fn sort(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        page: &Page,
        poison: Poison,
    ) -> Result<(Vec<Arc<Fact>>, Vec<Parked>)> {
        let Which { tenant, .. } = self.seat.which;
        let known = parked::list(&mut engine.db.read(tenant).await?, self.seat.which).await?;
        if !self.has_looked {
            self.skips = parked::skips(&*engine.store, self.seat.which).await?;
            self.has_looked = true;
        }
        let skipped: HashSet<Position> =
            known.iter().filter(|item| item.skipped.is_some()).map(|item| item.position).collect();
        let noted: HashSet<Position> = known.iter().map(|item| item.position).collect();
        let waiting = known.into_iter().filter(|item| item.skipped.is_none() && poison == Poison::Parks);
        let mut behind: HashMap<String, Position> = HashMap::new();
        for item in waiting {
            behind.entry(item.subject).or_insert(item.position);
        }
        let (mut facts, mut aside) = (Vec::with_capacity(page.readings().len()), Vec::new());
        for (position, reading) in (self.seat.position + 1..).zip(page.readings()) {
            if skipped.contains(&position) {
                continue;
            }
            let reading = reading.of(|event_type| model.opens(event_type));
            if let Some(reason) = self.skips.get(&position) {
                // Listed with the others, but for what is noted already: that is marked when it is retried.
                if !noted.contains(&position) {
                    aside.extend(left_out(position, &reading, reason));
                }
                continue;
            }
            match reading {
                Reading::Other => {}
                Reading::Fact(fact) => {
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
                Reading::Poison { cause, .. } if poison == Poison::Fails => {
                    return Err(ProjectionError::Poison { position, cause });
                }
                Reading::Poison { subject, event_type, cause } => {
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
        let Seat { which: Which { tenant, .. }, position, .. } = self.seat;
        let page = engine.pages.read(tenant, position, limit).await?;
        let reached = page.last().map_or(position, |last| last.position);
        let (facts, _) = self.sort(engine, model, &page, Poison::Parks).await?;
        self.fold(engine, model, &facts, reached).await
    }

    async fn fold(
        &mut self,
        engine: &Engine,
        model: &dyn ReadModel,
        facts: &[Arc<Fact>],
        reached: Position,
    ) -> Result<Writes> {
        let scope = Scope {
            tenant: self.seat.which.tenant,
            generation: self.seat.generation,
            after: self.seat.position,
            reached,
            db: &engine.db,
            store: &*engine.store,
        };
        model.fold(&scope, &mut self.memory, facts).await
    }

    /// Looks again at what the log says is skipped, and marks what is parked of it.
    pub(crate) async fn mark_skipped(&mut self, engine: &Engine) -> Result<()> {
        let which = self.seat.which;
        let skips = parked::skips(&*engine.store, which).await?;
        let mut session = engine.db.write(which.tenant).await?;
        parked::skip(&mut session, which, &skips).await?;
        session.commit().await?;
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
        let Which { tenant, .. } = self.seat.which;
        let mut facts = Vec::new();
        for item in items {
            let entries = engine.store.read(tenant, item.position - 1, 1).await?;
            let readings = read_all(tenant, &entries, &engine.vault, |name| model.opens(name)).await?;
            match readings.first().map(|readings| readings.of(|name| model.opens(name))) {
                Some(Reading::Fact(fact)) => facts.push(fact),
                _ => break,
            }
        }
        let writes = self.fold(engine, model, &facts, self.seat.position).await?;
        let mut session = engine.db.write(tenant).await?;
        self.seat.advance(&mut session, &self.seat).await?;
        writes.apply(&mut session, &self.seat).await?;
        for fact in &facts {
            parked::release(&mut session, self.seat.which, fact.event.position).await?;
        }
        let erasing = first_erasure(&facts).and_then(|first| engine.traces.erasing(self.seat.which, first));
        session.commit().await?;
        drop(erasing);
        Ok(facts.len())
    }
}

/// Where the first erasure among these stands.
fn first_erasure(facts: &[Arc<Fact>]) -> Option<Position> {
    let erasure = |fact: &&Arc<Fact>| matches!(fact.event.event, CustomerEvent::Erased(_));
    facts.iter().find(erasure).map(|fact| fact.event.position)
}

/// An event that is skipped, as it is listed; none where it is of no concern to the read model.
fn left_out(position: Position, reading: &Reading, reason: &str) -> Option<Parked> {
    let (subject, event_type, cause) = match reading {
        Reading::Other => return None,
        Reading::Fact(fact) => {
            let event_type = fact.event.event.event_type().to_owned();
            (format!("customer/{}", fact.customer), event_type, "skipped".to_owned())
        }
        Reading::Poison { subject, event_type, cause } => {
            (subject.clone(), event_type.clone(), cause.clone())
        }
    };
    Some(Parked { position, subject, event_type, cause, skipped: Some(reason.to_owned()) })
}
