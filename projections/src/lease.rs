//! The right to fold a read model from the beginning, beside the rows that serve: one at a time, over all processes.
//!
//! Whoever has it raises a *beat*, a counter in the database. Others judge whether the holder lives by their own clocks
//! alone: one whose beat stands still for long is dead, and the right may be taken from it. When the judgement is wrong,
//! because the holder was only slow, it is fenced all the same: the rows that it was building are dropped, and the
//! checkpoint of those ([`crate::checkpoint`]) lets it write nothing more.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::checkpoint::{self, New, Seat, Which};
use crate::db::{Db, Session, Value, values};
use crate::error::{ProjectionError, Result};

pub(crate) const BUILDING: &str = include_str!("lease/building.sql");
pub(crate) const TAKE: &str = include_str!("lease/take.sql");
pub(crate) const BEAT: &str = include_str!("lease/beat.sql");
pub(crate) const RELEASE: &str = include_str!("lease/release.sql");

/// How often a holder says that it lives.
const EVERY: Duration = Duration::from_millis(500);
/// How often another process looks whether it does.
const LOOK: Duration = Duration::from_millis(100);

/// A holder whose beat did not change for so long is dead. Long, because on SQLite a beat waits for the turn of other
/// writers.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

/// What this process folds from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashSet<Which>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashSet<Which>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those of this process, left when dropped.
#[derive(Debug)]
struct Place {
    running: Arc<Running>,
    which: Which,
}

impl Place {
    fn take(running: &Arc<Running>, which: Which) -> Result<Self> {
        if running.lock().insert(which) {
            Ok(Self { running: Arc::clone(running), which })
        } else {
            Err(ProjectionError::RebuildRunning)
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.lock().remove(&self.which);
    }
}

/// The right to build one generation.
#[derive(Debug)]
pub(crate) struct Lease {
    beats: AbortHandle,
    _place: Place,
}

/// Who has the right, as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    generation: u32,
    beat: u64,
}

impl Lease {
    /// Takes the right and the seat of a new generation. `silence` is how long a holder is still before it counts as dead.
    /// What `claim` makes of the generation's number is there before anything is committed, and cleans up when dropped.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while somebody else has it.
    pub(crate) async fn take<C>(
        db: &Db,
        running: &Arc<Running>,
        which: Which,
        new: New,
        silence: Duration,
        claim: impl Fn(u32) -> C,
    ) -> Result<(Self, Seat, C)> {
        let place = Place::take(running, which)?;
        loop {
            let dead = judge(db, which, silence).await?;
            let mut session = db.write(which.tenant).await?;
            let generation = checkpoint::next_generation(&mut session, which).await?;
            let claimed = claim(generation);
            let dead = dead.map_or([Value::Null, Value::Null], |dead| values![dead.generation, dead.beat]);
            let values = [&values![which.tenant.0, which.projection, generation][..], &dead].concat();
            // Otherwise somebody was quicker, or what seemed dead was only slow: judged from the beginning.
            if session.execute(TAKE, &values).await? == 1 {
                let seat = checkpoint::create(&mut session, which, generation, new).await?;
                session.commit().await?;
                let beats = tokio::spawn(beat(db.clone(), which, generation)).abort_handle();
                return Ok((Self { beats, _place: place }, seat, claimed));
            }
        }
    }
}

impl Lease {
    /// Says nothing more, as a process that is halted does.
    #[cfg(test)]
    pub(crate) fn fall_silent(&self) {
        self.beats.abort();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.beats.abort();
    }
}

/// Gives the right back within a transaction. Answers whether it was still there.
pub(crate) async fn release(session: &mut Session, which: Which, generation: u32) -> Result<bool> {
    let values = values![which.tenant.0, which.projection, generation];
    Ok(session.execute(RELEASE, &values).await? == 1)
}

/// The generation that is being built; none while nobody builds one.
pub(crate) async fn building(session: &mut Session, which: Which) -> Result<Option<u32>> {
    Ok(holder(session, which).await?.map(|holder| holder.generation))
}

async fn holder(session: &mut Session, which: Which) -> Result<Option<Holder>> {
    let row = session.row(BUILDING, &values![which.tenant.0, which.projection]).await?;
    row.map(|row| Ok(Holder { generation: row.number(0)?, beat: row.position(1)? })).transpose()
}

/// Nobody, or a holder that is dead.
async fn judge(db: &Db, which: Which, silence: Duration) -> Result<Option<Holder>> {
    let look = async || holder(&mut db.read(which.tenant).await?, which).await;
    let Some(first) = look().await? else { return Ok(None) };
    let began = Instant::now();
    while began.elapsed() < silence {
        tokio::time::sleep(LOOK).await;
        match look().await? {
            None => return Ok(None),
            Some(now) if now != first => return Err(ProjectionError::RebuildRunning),
            Some(_) => {}
        }
    }
    Ok(Some(first))
}

/// Says that the holder lives, until the right is another's.
async fn beat(db: Db, which: Which, generation: u32) {
    loop {
        tokio::time::sleep(EVERY).await;
        match beat_once(&db, which, generation).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::debug!(%error, "a rebuild could not say that it goes on"),
        }
    }
}

async fn beat_once(db: &Db, which: Which, generation: u32) -> Result<bool> {
    let mut session = db.write(which.tenant).await?;
    let kept = session.execute(BEAT, &values![which.tenant.0, which.projection, generation]).await? == 1;
    session.commit().await?;
    Ok(kept)
}
