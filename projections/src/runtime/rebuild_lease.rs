//! The right to fold a read model from the beginning, beside the rows that serve: one at a time, over all processes.
//!
//! Anyone who has it raises a *heartbeat*, a counter in the database. Others judge whether the holder lives by their own clocks
//! alone: one whose heartbeat stands still for long is dead, and the right may be taken from it. When the judgement is wrong,
//! because the holder was only slow, it is fenced all the same: the rows that it was building are dropped, and the
//! checkpoint of those ([`crate::storage::checkpoint`]) lets it write nothing more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::db::{Db, Transaction, Value, values};
use crate::error::{ProjectionError, Result};
use crate::storage::checkpoint::{self, New, ProjectionId, ProjectionLease};

pub(crate) const BUILDING: &str = include_str!("rebuild_lease/building.sql");
pub(crate) const TAKE: &str = include_str!("rebuild_lease/take.sql");
pub(crate) const HEARTBEAT: &str = include_str!("rebuild_lease/heartbeat.sql");
pub(crate) const RELEASE: &str = include_str!("rebuild_lease/release.sql");

/// How often a holder says that it lives.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);
/// How often another process looks whether it does.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A holder whose heartbeat did not change for so long is dead. Long, because on SQLite a heartbeat waits for the turn of other
/// writers.
pub(crate) const FAILURE_TIMEOUT: Duration = Duration::from_secs(10);

/// What this process folds from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashSet<ProjectionId>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashSet<ProjectionId>> {
        self.0.lock()
    }
}

/// A place among those of this process, left when dropped.
#[derive(Debug)]
struct Place {
    running: Arc<Running>,
    id: ProjectionId,
}

impl Place {
    fn take(running: &Arc<Running>, id: ProjectionId) -> Result<Self> {
        if running.lock().insert(id) {
            Ok(Self { running: Arc::clone(running), id })
        } else {
            Err(ProjectionError::RebuildRunning)
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.lock().remove(&self.id);
    }
}

/// The right to build one generation.
#[derive(Debug)]
pub(crate) struct RebuildLease {
    heartbeats: AbortHandle,
    _place: Place,
}

/// Who has the right, as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    generation: u32,
    heartbeat: u64,
}

impl RebuildLease {
    /// Takes the right and the lease of a new generation. `failure_timeout` is how long a holder is still before it counts as dead.
    /// What `claim` makes of the generation's number is there before anything is committed, and cleans up when dropped.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while somebody else has it.
    pub(crate) async fn take<C>(
        db: &Db,
        running: &Arc<Running>,
        id: ProjectionId,
        new: New,
        failure_timeout: Duration,
        claim: impl Fn(u32) -> C,
    ) -> Result<(Self, ProjectionLease, C)> {
        let place = Place::take(running, id)?;
        loop {
            let dead = judge(db, id, failure_timeout).await?;
            let mut transaction = db.write(id.tenant).await?;
            let generation = checkpoint::next_generation(&mut transaction, id).await?;
            let claimed = claim(generation);
            let dead =
                dead.map_or([Value::Null, Value::Null], |dead| values![dead.generation, dead.heartbeat]);
            let values = [&values![id.tenant.0, id.projection, generation][..], &dead].concat();
            // Otherwise somebody was quicker, or what seemed dead was only slow: judged from the beginning.
            if transaction.execute(TAKE, &values).await? == 1 {
                let lease = checkpoint::create(&mut transaction, id, generation, new).await?;
                transaction.commit().await?;
                let heartbeats = tokio::spawn(heartbeat(db.clone(), id, generation)).abort_handle();
                return Ok((Self { heartbeats, _place: place }, lease, claimed));
            }
        }
    }
}

impl RebuildLease {
    /// Says nothing more, as a process that is halted does.
    #[cfg(test)]
    pub(crate) fn fall_silent(&self) {
        self.heartbeats.abort();
    }
}

impl Drop for RebuildLease {
    fn drop(&mut self) {
        self.heartbeats.abort();
    }
}

/// Gives the right back within a transaction. Returns whether it was still there.
pub(crate) async fn release(
    transaction: &mut Transaction,
    id: ProjectionId,
    generation: u32,
) -> Result<bool> {
    let values = values![id.tenant.0, id.projection, generation];
    Ok(transaction.execute(RELEASE, &values).await? == 1)
}

/// The generation that is being built; none while nobody builds one.
pub(crate) async fn building(transaction: &mut Transaction, id: ProjectionId) -> Result<Option<u32>> {
    Ok(holder(transaction, id).await?.map(|holder| holder.generation))
}

async fn holder(transaction: &mut Transaction, id: ProjectionId) -> Result<Option<Holder>> {
    let row = transaction.row(BUILDING, &values![id.tenant.0, id.projection]).await?;
    row.map(|row| Ok(Holder { generation: row.number("building")?, heartbeat: row.position("beat")? }))
        .transpose()
}

/// Nobody, or a holder that is dead.
async fn judge(db: &Db, id: ProjectionId, failure_timeout: Duration) -> Result<Option<Holder>> {
    let look = async || holder(&mut db.read(id.tenant).await?, id).await;
    let Some(first) = look().await? else { return Ok(None) };
    let began = Instant::now();
    while began.elapsed() < failure_timeout {
        tokio::time::sleep(POLL_INTERVAL).await;
        match look().await? {
            None => return Ok(None),
            Some(now) if now != first => return Err(ProjectionError::RebuildRunning),
            Some(_) => {}
        }
    }
    Ok(Some(first))
}

/// Says that the holder lives, until the right is another's.
async fn heartbeat(db: Db, id: ProjectionId, generation: u32) {
    loop {
        tokio::time::sleep(HEARTBEAT_INTERVAL).await;
        match heartbeat_once(&db, id, generation).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::debug!(%error, "a rebuild could not say that it goes on"),
        }
    }
}

async fn heartbeat_once(db: &Db, id: ProjectionId, generation: u32) -> Result<bool> {
    let mut transaction = db.write(id.tenant).await?;
    let kept = transaction.execute(HEARTBEAT, &values![id.tenant.0, id.projection, generation]).await? == 1;
    transaction.commit().await?;
    Ok(kept)
}
