//! Rebuilding: new rows fill beside those in service, which go on serving until one row switches over.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use waymark_eventstore::{Entry, Position};

use crate::checkpoint::{self, Checkpoint, Seat, Which};
use crate::comparison::{Comparison, NotComparable};
use crate::db::{Session, values};
use crate::error::{ProjectionError, Result};
use crate::lease::{self, Lease};
use crate::model::ReadModel;
use crate::pages::Page;
use crate::parked;
use crate::projector::{Engine, Poison, Worker};

/// Entries a step takes: large, because nothing waits for it, and because rows of one page go into the tables in the
/// order of their keys.
const PAGE: u32 = 10_000;

/// Told how far a long work has come: positions done, positions in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// A generation being built. Nobody else builds one of the same read model meanwhile.
///
/// A process that ends in the middle leaves the generation, its checkpoint and the lease behind. None of them is seen by a
/// reader; the next rebuild takes the lease, drops what was left and begins from the first event.
pub(crate) struct Building {
    engine: Arc<Engine>,
    model: Arc<dyn ReadModel>,
    worker: Worker,
    #[cfg_attr(not(test), expect(dead_code, reason = "held for its beats, which end with it"))]
    lease: Lease,
    claim: Claim,
}

/// A generation that somebody is about to build. Dropped before that is over, because whoever waited for it has gone away, it
/// has what was written dropped by a task that nobody waits for.
struct Claim {
    engine: Arc<Engine>,
    model: Arc<dyn ReadModel>,
    which: Which,
    generation: u32,
    /// Whether everything that was written serves or is gone.
    is_over: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (engine, model) = (Arc::clone(&self.engine), Arc::clone(&self.model));
        let (which, generation) = (self.which, self.generation);
        runtime.spawn(async move {
            if let Err(error) = clear(&engine, &*model, which, generation).await {
                tracing::debug!(%error, projection = which.projection, "an abandoned rebuild is cleared by the next one");
            }
        });
    }
}

impl Building {
    /// Begins a new generation, and drops what an interrupted rebuild left behind.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while another one is being built, by whichever process.
    pub(crate) async fn begin(
        engine: &Arc<Engine>,
        model: Arc<dyn ReadModel>,
        which: Which,
        silence: Duration,
    ) -> Result<Self> {
        let new = engine.new_generation(&*model, which.tenant).await?;
        let claim = |generation| {
            let (engine, model) = (Arc::clone(engine), Arc::clone(&model));
            Claim { engine, model, which, generation, is_over: false }
        };
        let (lease, seat, claim) =
            Lease::take(&engine.db, &engine.running, which, new, silence, claim).await?;
        let worker = Worker::new(seat);
        let building = Self { engine: Arc::clone(engine), model: Arc::clone(&model), worker, lease, claim };
        let all = checkpoint::all(&mut engine.db.read(which.tenant).await?, which).await?;
        for left in all.iter().map(|row| row.generation).filter(|&row| row != seat.generation) {
            drop_generation(engine, &*building.model, which, left).await?;
        }
        Ok(building)
    }

    pub(crate) fn model(&self) -> &Arc<dyn ReadModel> {
        &self.model
    }

    /// Says nothing more, as a process that is halted does.
    #[cfg(test)]
    pub(crate) fn fall_silent(&self) {
        self.lease.fall_silent();
    }

    pub(crate) fn which(&self) -> Which {
        self.worker.seat.which
    }

    /// Folds the log from its beginning up to its head, strictly: the first bad event ends it. While one page is folded
    /// and written, the next is read and decoded.
    pub(crate) async fn fill(&mut self, progress: Progress<'_>) -> Result<()> {
        let tenant = self.worker.seat.which.tenant;
        let mut ahead = self.read_ahead(self.worker.seat.position);
        loop {
            let page = ahead.await.map_err(|error| ProjectionError::Database(error.to_string()))??;
            let Some(last) = page.last() else { return Ok(()) };
            ahead = self.read_ahead(last.position);
            if let Err(error) = self.worker.take(&self.engine, &*self.model, page, Poison::Fails).await {
                ahead.abort();
                return Err(error);
            }
            let head = self.engine.store.head(tenant).await?.position;
            progress(last.position, head.max(last.position));
        }
    }

    /// Reads and decodes what follows a position, on another core.
    fn read_ahead(&self, after: Position) -> JoinHandle<Result<Arc<Page>>> {
        let (model, pages) = (Arc::clone(&self.model), Arc::clone(&self.engine.pages));
        let tenant = self.worker.seat.which.tenant;
        tokio::spawn(async move { pages.read_for(&*model, tenant, after, PAGE).await })
    }

    /// How far the new rows have come.
    pub(crate) fn position(&self) -> Position {
        self.worker.seat.position
    }

    /// Puts the new rows into service once they are as far as the old ones, and drops those. Before that the two are
    /// compared, while neither goes further; whatever is found, the new ones serve.
    pub(crate) async fn switch(mut self) -> Result<(Seat, Comparison)> {
        match self.switch_over().await {
            Ok(switched) => Ok(switched),
            Err(error) => {
                self.abandon().await?;
                Err(error)
            }
        }
    }

    async fn switch_over(&mut self) -> Result<(Seat, Comparison)> {
        let which = self.which();
        loop {
            let mut session = self.engine.db.write(which.tenant).await?;
            // Held to the end: nobody drops these rows meanwhile, and whoever has begun to is not gone around.
            let mut seat = self.worker.seat;
            seat.hold(&mut session).await?;
            let old = fenced(&mut session, which).await?;
            if old.is_some_and(|old| old.position > seat.position) {
                drop(session);
                self.worker.step(&self.engine, &*self.model, PAGE, Poison::Fails).await?;
                continue;
            }
            let comparison = self.compare(&mut session, old).await?;
            if serve(&mut session, which, old, seat.generation).await? != 1 {
                // Another process made the first generation at the same moment: it is compared and replaced.
                continue;
            }
            // Noted before it was skipped, and kept in the list as what it is.
            parked::skip(&mut session, which, self.worker.skips()).await?;
            parked::release_until(&mut session, which, seat.position).await?;
            comparison.keep(&mut session, which).await?;
            if !lease::release(&mut session, which, seat.generation).await? {
                return Err(ProjectionError::Fenced);
            }
            session.commit().await?;
            // A crash from here on leaves the old rows, which the next rebuild drops.
            self.claim.is_over = true;
            if let Some(old) = old
                && let Err(error) = drop_generation(&self.engine, &*self.model, which, old.generation).await
            {
                tracing::warn!(%error, projection = which.projection, "the former rows are dropped by the next rebuild");
            }
            return Ok((seat, comparison));
        }
    }

    /// Compares the new rows with those in service and lets neither go further meanwhile; the new ones are dropped.
    pub(crate) async fn compare_only(mut self) -> Result<Comparison> {
        let compared = self.compared().await;
        self.abandon().await?;
        compared
    }

    async fn compared(&mut self) -> Result<Comparison> {
        let which = self.which();
        loop {
            let mut session = self.engine.db.write(which.tenant).await?;
            let old = fenced(&mut session, which).await?;
            if old.is_none_or(|old| old.position <= self.worker.seat.position) {
                return self.compare(&mut session, old).await;
            }
            drop(session);
            self.worker.step(&self.engine, &*self.model, PAGE, Poison::Fails).await?;
        }
    }

    /// What serves, which goes no further meanwhile, compared with the new rows. By the transaction that holds the seat,
    /// which is not to be found idle however long that takes.
    async fn compare(&self, session: &mut Session, old: Option<Checkpoint>) -> Result<Comparison> {
        let Seat { which, generation, position, .. } = self.worker.seat;
        let not_applicable = |why| Ok(Comparison::not_applicable(position, why));
        let Some(old) = old else { return not_applicable(NotComparable::NothingServed) };
        if old.fold_version != self.model.version() {
            return not_applicable(NotComparable::OtherVersion);
        }
        let parked = parked::list(session, which).await?;
        if old.position != position || parked.iter().any(|item| item.skipped.is_none()) {
            return not_applicable(NotComparable::ServedIncomplete);
        }
        let generations = (old.generation, generation);
        Comparison::of(session, &*self.model, which.tenant, position, generations).await
    }

    /// Gives the rebuild up: what it wrote is dropped, what serves goes on serving.
    pub(crate) async fn abandon(mut self) -> Result<()> {
        if !self.claim.is_over {
            let Seat { which, generation, .. } = self.worker.seat;
            clear(&self.engine, &*self.model, which, generation).await?;
            self.claim.is_over = true;
        }
        Ok(())
    }
}

/// Drops a generation that was being built, and gives back the right to build one.
async fn clear(engine: &Engine, model: &dyn ReadModel, which: Which, generation: u32) -> Result<()> {
    drop_generation(engine, model, which, generation).await?;
    let mut session = engine.db.write(which.tenant).await?;
    lease::release(&mut session, which, generation).await?;
    session.commit().await
}

/// Puts the first generation into service, or a new one in place of the old. Answers one where that is done.
async fn serve(session: &mut Session, which: Which, old: Option<Checkpoint>, new: u32) -> Result<u64> {
    match old {
        Some(old) => {
            let values = values![which.tenant.0, which.projection, old.generation, new];
            session.execute(checkpoint::SWITCH, &values).await
        }
        None => {
            session.execute(checkpoint::FORGET_LOST, &values![which.tenant.0, which.projection]).await?;
            session.execute(checkpoint::SERVE_FIRST, &values![which.tenant.0, which.projection, new]).await
        }
    }
}

/// The generation in service, as the last step on it has left it: its seat is taken from whoever works on it, so that
/// it goes no further unless this transaction is rolled back.
async fn fenced(session: &mut Session, which: Which) -> Result<Option<Checkpoint>> {
    let Some(serving) = checkpoint::serving(session, which).await? else { return Ok(None) };
    session
        .execute(checkpoint::FENCE, &values![which.tenant.0, which.projection, serving.generation])
        .await?;
    checkpoint::serving(session, which).await
}

/// Drops whatever was folded from another log than this one: the log's file was put back from a copy, or replaced,
/// and the read models stand in a file of their own.
pub(crate) async fn drop_foreign(engine: &Engine, model: &dyn ReadModel, which: Which) -> Result<()> {
    let all = checkpoint::all(&mut engine.db.read(which.tenant).await?, which).await?;
    for found in all.iter().filter(|found| found.position > 0) {
        let entries = engine.store.read(which.tenant, found.position - 1, 1).await?;
        let folded = |entry: &Entry| {
            (entry.position, entry.recorded_at.timestamp_micros()) == (found.position, found.recorded_at)
        };
        if entries.first().is_some_and(folded) {
            continue;
        }
        tracing::warn!(tenant = %which.tenant, projection = which.projection, position = found.position,
            "folded from another log: folding it from the beginning");
        let mut session = engine.db.write(which.tenant).await?;
        let values = values![which.tenant.0, which.projection, found.generation];
        session.execute(checkpoint::WITHDRAW, &values).await?;
        parked::forget(&mut session, which).await?;
        session.commit().await?;
        drop_generation(engine, model, which, found.generation).await?;
    }
    Ok(())
}

/// Drops the rows of a generation, unless it serves: each transaction looks for itself. Whoever still works on it is fenced
/// by the first one. Its checkpoint goes last, so that what a crash leaves of the rows is known and dropped later.
pub(crate) async fn drop_generation(
    engine: &Engine,
    model: &dyn ReadModel,
    which: Which,
    generation: u32,
) -> Result<()> {
    for table in model.tables() {
        let mut session = engine.db.write(which.tenant).await?;
        if !checkpoint::may_drop(&mut session, which, generation).await? {
            return Ok(());
        }
        session.execute_made(table.delete().into(), values![which.tenant.0, generation]).await?;
        session.commit().await?;
    }
    let mut session = engine.db.write(which.tenant).await?;
    if checkpoint::may_drop(&mut session, which, generation).await? {
        session.execute(checkpoint::DROP, &values![which.tenant.0, which.projection, generation]).await?;
        session.commit().await?;
    }
    Ok(())
}
