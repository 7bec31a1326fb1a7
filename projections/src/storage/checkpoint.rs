//! How far a read model has come, in which generation of its rows, and who may move it.
//!
//! The fence: anyone who folds has taken a *lease* by raising the epoch; a step commits only while epoch and position
//! are those of its lease. A stale worker therefore writes nothing, whatever clocks and pauses do.
//!
//! Anyone who puts a generation into service or drops it holds the row of its checkpoint to the end of the transaction, and
//! looks after that whether it serves. So what serves is never dropped, and what is being dropped never serves.

use std::collections::HashMap;

use uuid::Uuid;
use waymark_eventstore::{LogEnd, Position, TenantId};

use crate::db::{Db, SYSTEM, Transaction, values};
use crate::error::{ProjectionError, Result};

pub(crate) const EVERYWHERE: &str = include_str!("checkpoint/everywhere.sql");
pub(crate) const SERVING: &str = include_str!("checkpoint/serving.sql");
pub(crate) const ALL: &str = include_str!("checkpoint/all.sql");
pub(crate) const CREATE: &str = include_str!("checkpoint/create.sql");
pub(crate) const SERVE_FIRST: &str = include_str!("checkpoint/serve_first.sql");
pub(crate) const CLAIM: &str = include_str!("checkpoint/claim.sql");
pub(crate) const ADVANCE: &str = include_str!("checkpoint/advance.sql");
pub(crate) const FENCE: &str = include_str!("checkpoint/fence.sql");
pub(crate) const PROMOTE: &str = include_str!("checkpoint/promote.sql");
pub(crate) const DROP: &str = include_str!("checkpoint/drop.sql");
pub(crate) const WITHDRAW: &str = include_str!("checkpoint/withdraw.sql");
pub(crate) const FORGET_LOST: &str = include_str!("checkpoint/forget_lost.sql");
pub(crate) const SERVES: &str = include_str!("checkpoint/serves.sql");
pub(crate) const HOLD: &str = include_str!("checkpoint/hold.sql");
pub(crate) const NEXT_GENERATION: &str = include_str!("checkpoint/next_generation.sql");

/// One read model of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProjectionId {
    pub(crate) tenant: TenantId,
    pub(crate) projection: &'static str,
}

/// A checkpoint row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) generation: u32,
    pub(crate) position: Position,
    pub(crate) epoch: u64,
    pub(crate) fold_version: u32,
    /// When the entry at the position was recorded, in microseconds; zero before the first.
    pub(crate) recorded_at: i64,
    /// The node that took the lease last.
    pub(crate) owner: Option<Uuid>,
    /// From this position on it answers queries.
    pub(crate) serves_from: Position,
}

impl Checkpoint {
    /// Whether its rows tell at least what was in the log when they were begun.
    pub(crate) fn is_complete(&self) -> bool {
        self.position >= self.serves_from
    }
}

/// The right to move a checkpoint, until somebody else takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProjectionLease {
    pub(crate) id: ProjectionId,
    pub(crate) generation: u32,
    pub(crate) epoch: u64,
    pub(crate) position: Position,
    pub(crate) recorded_at: i64,
    pub(crate) serves_from: Position,
}

/// A generation among those of all tenants.
#[derive(Debug, Clone)]
pub(crate) struct GenerationRow {
    pub(crate) tenant: TenantId,
    /// The read model, which this program may not know.
    pub(crate) projection: String,
    pub(crate) checkpoint: Checkpoint,
    /// Whether it is the one that answers queries.
    pub(crate) serves: bool,
}

impl GenerationRow {
    /// Whether what was folded ends with the last entry of this very log, given where all logs end.
    pub(crate) fn ends_with(&self, ends: &HashMap<TenantId, LogEnd>) -> bool {
        let folded = (self.checkpoint.position, self.checkpoint.recorded_at);
        let end = ends.get(&self.tenant);
        end.is_some_and(|end| folded == (end.position, end.recorded_at.timestamp_micros()))
    }
}

/// Every generation of every read model of every tenant, in one statement.
pub(crate) async fn everywhere(db: &Db) -> Result<Vec<GenerationRow>> {
    let rows = db.read(SYSTEM).await?.rows(EVERYWHERE, &[]).await?;
    let generation = |row: &crate::db::Row| {
        let (tenant, projection) = (TenantId(row.uuid("tenant_id")?), row.text("projection")?);
        let serves = row.opt_int("serving")?.is_some();
        Ok(GenerationRow { tenant, projection, checkpoint: read(row)?, serves })
    };
    rows.iter().map(generation).collect()
}

/// The generation that answers queries; none before the first step.
pub(crate) async fn serving(transaction: &mut Transaction, id: ProjectionId) -> Result<Option<Checkpoint>> {
    let row = transaction.row(SERVING, &values![id.tenant.0, id.projection]).await?;
    row.as_ref().map(read).transpose()
}

/// Every generation there is.
pub(crate) async fn all(transaction: &mut Transaction, id: ProjectionId) -> Result<Vec<Checkpoint>> {
    let rows = transaction.rows(ALL, &values![id.tenant.0, id.projection]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &crate::db::Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        generation: row.number("generation")?,
        position: row.position("position")?,
        epoch: row.position("epoch")?,
        fold_version: row.number("fold_version")?,
        recorded_at: row.int("recorded_at")?,
        owner: row.opt_uuid("owner")?,
        serves_from: row.position("serves_from")?,
    })
}

/// A generation that somebody is about to fold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New {
    pub(crate) fold_version: u32,
    /// Who folds it.
    pub(crate) node: Option<Uuid>,
    /// Where the log ends now: before it the rows tell less than is known.
    pub(crate) head: Position,
}

/// Takes the lease of the serving generation for a node, making the first one where there is none.
pub(crate) async fn acquire(db: &Db, id: ProjectionId, new: New) -> Result<ProjectionLease> {
    let mut transaction = db.write(id.tenant).await?;
    let lease = match serving(&mut transaction, id).await? {
        Some(checkpoint) => claim(&mut transaction, id, checkpoint, new.node).await?,
        None => {
            transaction.execute(FORGET_LOST, &values![id.tenant.0, id.projection]).await?;
            let generation = next_generation(&mut transaction, id).await?;
            let lease = create(&mut transaction, id, generation, new).await?;
            let serve = values![id.tenant.0, id.projection, generation];
            if transaction.execute(SERVE_FIRST, &serve).await? != 1 {
                // Another process has made the first one at the same moment.
                return Err(ProjectionError::Fenced);
            }
            lease
        }
    };
    transaction.commit().await?;
    Ok(lease)
}

/// Takes the lease of a new generation, which serves nobody.
pub(crate) async fn new_generation(db: &Db, id: ProjectionId, new: New) -> Result<ProjectionLease> {
    let mut transaction = db.write(id.tenant).await?;
    let generation = next_generation(&mut transaction, id).await?;
    let lease = create(&mut transaction, id, generation, new).await?;
    transaction.commit().await?;
    Ok(lease)
}

/// A number that no generation ever had.
pub(crate) async fn next_generation(transaction: &mut Transaction, id: ProjectionId) -> Result<u32> {
    let row = transaction.row(NEXT_GENERATION, &values![id.tenant.0, id.projection]).await?;
    let missing = || ProjectionError::Database("no number was given to a generation".to_owned());
    row.ok_or_else(missing)?.number(0)
}

/// Takes the lease of a new generation, which serves nobody yet, within a transaction.
pub(crate) async fn create(
    transaction: &mut Transaction,
    id: ProjectionId,
    generation: u32,
    new: New,
) -> Result<ProjectionLease> {
    let New { fold_version, node, head } = new;
    let values = values![id.tenant.0, id.projection, generation, fold_version, node, head];
    match transaction.execute(CREATE, &values).await? {
        1 => Ok(ProjectionLease { id, generation, epoch: 1, position: 0, recorded_at: 0, serves_from: head }),
        _ => Err(ProjectionError::Fenced),
    }
}

/// Holds the row of a generation that will be dropped, no matter who works on it. Returns whether it may be dropped: not while it
/// serves.
pub(crate) async fn may_drop(
    transaction: &mut Transaction,
    id: ProjectionId,
    generation: u32,
) -> Result<bool> {
    let values = values![id.tenant.0, id.projection, generation];
    // A statement of its own looks after the row is held: what another transaction has put into service is seen by it.
    transaction.execute(FENCE, &values).await?;
    Ok(transaction.row(SERVES, &values).await?.is_none())
}

async fn claim(
    transaction: &mut Transaction,
    id: ProjectionId,
    checkpoint: Checkpoint,
    node: Option<Uuid>,
) -> Result<ProjectionLease> {
    let Checkpoint { generation, epoch, position, recorded_at, serves_from, .. } = checkpoint;
    let values = values![id.tenant.0, id.projection, generation, epoch, node];
    match transaction.execute(CLAIM, &values).await? {
        1 => Ok(ProjectionLease { id, generation, epoch: epoch + 1, position, recorded_at, serves_from }),
        _ => Err(ProjectionError::Fenced),
    }
}

impl ProjectionLease {
    /// Whether its rows answer queries, were they in service.
    pub(crate) fn is_complete(&self) -> bool {
        self.position >= self.serves_from
    }

    /// Holds the checkpoint to the end of a transaction that puts its rows into service.
    ///
    /// # Errors
    /// [`ProjectionError::Fenced`] when somebody else has taken the lease, or drops the rows.
    pub(crate) async fn hold(&mut self, transaction: &mut Transaction) -> Result<()> {
        let values = values![self.id.tenant.0, self.id.projection, self.generation, self.epoch];
        match transaction.execute(HOLD, &values).await? {
            1 => {
                self.epoch += 1;
                Ok(())
            }
            _ => Err(ProjectionError::Fenced),
        }
    }

    /// Moves the checkpoint within a step's transaction.
    ///
    /// # Errors
    /// [`ProjectionError::Fenced`] when somebody else has taken the lease; the step is then rolled back.
    pub(crate) async fn advance(&self, transaction: &mut Transaction, to: &Self) -> Result<()> {
        let ProjectionId { tenant, projection } = self.id;
        let place = values![tenant.0, projection, self.generation, self.epoch, self.position];
        let values = [&place[..], &values![to.position, to.recorded_at]].concat();
        match transaction.execute(ADVANCE, &values).await? {
            1 => Ok(()),
            _ => Err(ProjectionError::Fenced),
        }
    }
}
