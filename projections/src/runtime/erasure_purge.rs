//! What an erasure leaves behind in the files of SQLite: the pages from before stand in the write-ahead log until it is
//! brought into the file and emptied.
//!
//! A read model has not come past an erasure before that is done: anyone who waits for the position of the erasure waits for it,
//! too. What a crash leaves is emptied when the file is opened again. On PostgreSQL the server keeps its own files
//! (docs/operations.md).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use waymark_eventstore::Position;

use crate::db::Db;
use crate::storage::checkpoint::ProjectionId;

/// How long a reader of an older state is given before the next try.
const AGAIN: Duration = Duration::from_millis(50);

/// The traces that are still there.
#[derive(Debug)]
pub(crate) struct ErasurePurge {
    db: Db,
    held: Mutex<PendingErasures>,
}

#[derive(Debug, Default)]
struct PendingErasures {
    by_model: HashMap<ProjectionId, Erasures>,
    is_running: bool,
}

/// What holds a read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Erasures {
    /// The first of them.
    first: Position,
    /// How many transactions there were with some of them.
    transactions: u64,
    /// Whether all of these have ended.
    are_committed: bool,
}

/// A transaction with an erasure in it, until this is dropped.
pub(crate) struct ErasureGuard(Arc<ErasurePurge>, ProjectionId);

impl Drop for ErasureGuard {
    fn drop(&mut self) {
        self.0.committed(self.1);
    }
}

impl ErasurePurge {
    pub(crate) fn new(db: Db) -> Arc<Self> {
        Arc::new(Self { db, held: Mutex::default() })
    }

    /// A read model is about to commit an erasure, the first of which stands at a position.
    pub(crate) fn erasing(self: &Arc<Self>, id: ProjectionId, first: Position) -> Option<ErasureGuard> {
        if !matches!(self.db, Db::Sqlite(_)) {
            return None;
        }
        let none = Erasures { first, transactions: 0, are_committed: false };
        let mut held = self.held();
        let known = held.by_model.entry(id).or_insert(none);
        known.transactions += 1;
        known.are_committed = false;
        Some(ErasureGuard(Arc::clone(self), id))
    }

    fn committed(self: &Arc<Self>, id: ProjectionId) {
        let mut held = self.held();
        let Some(erasures) = held.by_model.get_mut(&id) else { return };
        erasures.are_committed = true;
        if !std::mem::replace(&mut held.is_running, true) {
            tokio::spawn(Arc::clone(self).remove());
        }
    }

    /// The position that a read model shows, of the one that it has come to.
    pub(crate) fn shown(&self, id: ProjectionId, position: Position) -> Position {
        match self.held().by_model.get(&id) {
            Some(erasures) => position.min(erasures.first.saturating_sub(1)),
            None => position,
        }
    }

    /// Empties the write-ahead log, as often as there is something in it that was erased.
    async fn remove(self: Arc<Self>) {
        let mut is_logged = false;
        loop {
            let before = self.held().by_model.clone();
            match self.db.empty_log().await {
                Ok(true) => {
                    let mut held = self.held();
                    // What was committed meanwhile is in the write-ahead log again.
                    held.by_model.retain(|id, now| !now.are_committed || before.get(id) != Some(now));
                    if held.by_model.values().all(|erasures| !erasures.are_committed) {
                        held.is_running = false;
                        return;
                    }
                }
                Ok(false) => {}
                // Anyone who closes a file last empties its write-ahead log, and the next to open it does so again.
                Err(_) if self.db.is_closed() => return,
                Err(error) => {
                    if !std::mem::replace(&mut is_logged, true) {
                        tracing::error!(%error, "what was erased stands in the write-ahead log yet; trying on");
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, PendingErasures> {
        self.held.lock()
    }
}
