//! One writer at a time, in the order of asking, without waiting on SQLite's lock.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// The turn to write. SQLite lets one connection write at a time and has others poll; inside one process a fair
/// queue is better. The log's batcher takes its turn for each commit, projectors for each step.
#[derive(Debug, Clone, Default)]
pub struct WriteGate(Arc<Mutex<()>>);

/// The turn, ended by dropping it.
#[derive(Debug)]
pub struct WriteTurn {
    _held: OwnedMutexGuard<()>,
}

impl WriteGate {
    /// Waits for the turn, first come, first served.
    pub async fn turn(&self) -> WriteTurn {
        WriteTurn { _held: Arc::clone(&self.0).lock_owned().await }
    }
}
