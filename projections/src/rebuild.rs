//! Rebuilding: new rows fill beside those in service, which go on serving until one row switches over.

use std::sync::Arc;

use tokio::task::JoinHandle;
use waymark_eventstore::{Entry, Position};

use crate::checkpoint::{self, Checkpoint, Seat, Which};
use crate::comparison::{Comparison, NotComparable};
use crate::db::{Session, values};
use crate::error::{ProjectionError, Result};
use crate::model::ReadModel;
use crate::pages::Page;
use crate::parked;
use crate::projector::{Engine, Poison, Worker};

/// Entries a step takes: large, because nothing waits for it, and because rows of one page go into the tables in the
/// order of their keys.
const PAGE: u32 = 10_000;

/// Told how far a long work has come: positions done, positions in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// A generation being built.
pub(crate) struct Building<'a> {
    engine: &'a Engine,
    model: Arc<dyn ReadModel>,
    worker: Worker,
}

impl<'a> Building<'a> {
    /// Begins a new generation, and drops what an interrupted rebuild left behind.
    pub(crate) async fn begin(engine: &'a Engine, model: Arc<dyn ReadModel>, which: Which) -> Result<Self> {
        let mut session = engine.db.read(which.tenant).await?;
        let serving = checkpoint::serving(&mut session, which).await?.map(|row| row.generation);
        let all = checkpoint::all(&mut session, which).await?;
        drop(session);
        for left in all.iter().map(|row| row.generation).filter(|&row| Some(row) != serving) {
            drop_generation(engine, &*model, which, left).await?;
        }
        let seat = checkpoint::new_generation(&engine.db, which, model.version(), engine.node()).await?;
        Ok(Self { engine, model, worker: Worker::new(seat) })
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
            if let Err(error) = self.worker.take(self.engine, &*self.model, page, Poison::Fails).await {
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
        let which = self.worker.seat.which;
        loop {
            let mut session = self.engine.db.write(which.tenant).await?;
            let old = fenced(&mut session, which).await?;
            if old.is_some_and(|old| old.position > self.worker.seat.position) {
                drop(session);
                self.worker.step(self.engine, &*self.model, PAGE, Poison::Fails).await?;
                continue;
            }
            let Seat { generation, position, .. } = self.worker.seat;
            let comparison = self.compare(&mut session, old).await?;
            let switched = match old {
                Some(old) => {
                    let values = values![which.tenant.0, which.projection, old.generation, generation];
                    session.execute(checkpoint::SWITCH, &values).await?
                }
                None => {
                    let values = values![which.tenant.0, which.projection, generation];
                    session.execute(checkpoint::SERVE_FIRST, &values).await?
                }
            };
            if switched != 1 {
                return Err(ProjectionError::Fenced);
            }
            // Noted before it was skipped, and kept in the list as what it is.
            parked::skip(&mut session, which, self.worker.skips()).await?;
            parked::release_until(&mut session, which, position).await?;
            comparison.keep(&mut session, which).await?;
            session.commit().await?;
            if let Some(old) = old {
                drop_generation(self.engine, &*self.model, which, old.generation).await?;
            }
            return Ok((self.worker.seat, comparison));
        }
    }

    /// Compares the new rows with those in service and lets neither go further meanwhile; the new ones are dropped.
    pub(crate) async fn compare_only(mut self) -> Result<Comparison> {
        let which = self.worker.seat.which;
        let compared = loop {
            let mut session = self.engine.db.write(which.tenant).await?;
            let old = fenced(&mut session, which).await?;
            if old.is_none_or(|old| old.position <= self.worker.seat.position) {
                break self.compare(&mut session, old).await;
            }
            drop(session);
            self.worker.step(self.engine, &*self.model, PAGE, Poison::Fails).await?;
        };
        self.abandon().await?;
        compared
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
    pub(crate) async fn abandon(self) -> Result<()> {
        let Seat { which, generation, .. } = self.worker.seat;
        drop_generation(self.engine, &*self.model, which, generation).await
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
            "folded from another log: folding anew");
        let mut session = engine.db.write(which.tenant).await?;
        let values = values![which.tenant.0, which.projection, found.generation];
        session.execute(checkpoint::WITHDRAW, &values).await?;
        parked::forget(&mut session, which).await?;
        session.commit().await?;
        drop_generation(engine, model, which, found.generation).await?;
    }
    Ok(())
}

/// Drops the rows of a generation that does not serve. Its checkpoint goes first, so that whoever still works on
/// it is fenced.
async fn drop_generation(
    engine: &Engine,
    model: &dyn ReadModel,
    which: Which,
    generation: u32,
) -> Result<()> {
    let mut session = engine.db.write(which.tenant).await?;
    let values = values![which.tenant.0, which.projection, generation];
    session.execute(checkpoint::DROP, &values).await?;
    session.commit().await?;
    for table in model.tables() {
        let mut session = engine.db.write(which.tenant).await?;
        session.execute_made(table.delete().into(), values![which.tenant.0, generation]).await?;
        session.commit().await?;
    }
    Ok(())
}
