//! How far a read model has come, in which generation of its rows, and who may move it.
//!
//! The fence: whoever folds has taken a *seat* by raising the epoch; a step commits only while epoch and position
//! are those of its seat. A stale worker therefore writes nothing, whatever clocks and pauses do.
//!
//! Whoever puts a generation into service or drops it holds the row of its checkpoint to the end of the transaction, and
//! looks after that whether it serves. So what serves is never dropped, and what is being dropped never serves.

use uuid::Uuid;
use waymark_eventstore::{Position, TenantId};

use crate::db::{Db, SYSTEM, Session, values};
use crate::error::{ProjectionError, Result};

pub(crate) const TENANTS: &str = include_str!("checkpoint/tenants.sql");
pub(crate) const SERVING: &str = include_str!("checkpoint/serving.sql");
pub(crate) const ALL: &str = include_str!("checkpoint/all.sql");
pub(crate) const CREATE: &str = include_str!("checkpoint/create.sql");
pub(crate) const SERVE_FIRST: &str = include_str!("checkpoint/serve_first.sql");
pub(crate) const CLAIM: &str = include_str!("checkpoint/claim.sql");
pub(crate) const ADVANCE: &str = include_str!("checkpoint/advance.sql");
pub(crate) const FENCE: &str = include_str!("checkpoint/fence.sql");
pub(crate) const SWITCH: &str = include_str!("checkpoint/switch.sql");
pub(crate) const DROP: &str = include_str!("checkpoint/drop.sql");
pub(crate) const WITHDRAW: &str = include_str!("checkpoint/withdraw.sql");
pub(crate) const FORGET_LOST: &str = include_str!("checkpoint/forget_lost.sql");
pub(crate) const SERVES: &str = include_str!("checkpoint/serves.sql");
pub(crate) const HOLD: &str = include_str!("checkpoint/hold.sql");
pub(crate) const NEXT_GENERATION: &str = include_str!("checkpoint/next_generation.sql");

/// One read model of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Which {
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
    /// The node that took the seat last.
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
pub(crate) struct Seat {
    pub(crate) which: Which,
    pub(crate) generation: u32,
    pub(crate) epoch: u64,
    pub(crate) position: Position,
    pub(crate) recorded_at: i64,
    pub(crate) serves_from: Position,
}

/// Whose read models there are.
pub(crate) async fn tenants(db: &Db) -> Result<Vec<TenantId>> {
    let rows = db.read(SYSTEM).await?.rows(TENANTS, &[]).await?;
    rows.iter().map(|row| Ok(TenantId(row.uuid(0)?))).collect()
}

/// The generation that answers queries; none before the first step.
pub(crate) async fn serving(session: &mut Session, which: Which) -> Result<Option<Checkpoint>> {
    let row = session.row(SERVING, &values![which.tenant.0, which.projection]).await?;
    row.as_ref().map(read).transpose()
}

/// Every generation there is.
pub(crate) async fn all(session: &mut Session, which: Which) -> Result<Vec<Checkpoint>> {
    let rows = session.rows(ALL, &values![which.tenant.0, which.projection]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &crate::db::Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        generation: row.number(0)?,
        position: row.position(1)?,
        epoch: row.position(2)?,
        fold_version: row.number(3)?,
        recorded_at: row.int(4)?,
        owner: row.opt_uuid(5)?,
        serves_from: row.position(6)?,
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

/// Takes the seat of the serving generation for a node, making the first one where there is none.
pub(crate) async fn take_seat(db: &Db, which: Which, new: New) -> Result<Seat> {
    let mut session = db.write(which.tenant).await?;
    let seat = match serving(&mut session, which).await? {
        Some(checkpoint) => claim(&mut session, which, checkpoint, new.node).await?,
        None => {
            session.execute(FORGET_LOST, &values![which.tenant.0, which.projection]).await?;
            let generation = next_generation(&mut session, which).await?;
            let seat = create(&mut session, which, generation, new).await?;
            let serve = values![which.tenant.0, which.projection, generation];
            if session.execute(SERVE_FIRST, &serve).await? != 1 {
                // Another process has made the first one at the same moment.
                return Err(ProjectionError::Fenced);
            }
            seat
        }
    };
    session.commit().await?;
    Ok(seat)
}

/// Takes the seat of a new generation, which serves nobody.
pub(crate) async fn new_generation(db: &Db, which: Which, new: New) -> Result<Seat> {
    let mut session = db.write(which.tenant).await?;
    let generation = next_generation(&mut session, which).await?;
    let seat = create(&mut session, which, generation, new).await?;
    session.commit().await?;
    Ok(seat)
}

/// A number that no generation ever had.
pub(crate) async fn next_generation(session: &mut Session, which: Which) -> Result<u32> {
    let row = session.row(NEXT_GENERATION, &values![which.tenant.0, which.projection]).await?;
    let missing = || ProjectionError::Database("no number was given to a generation".to_owned());
    row.ok_or_else(missing)?.number(0)
}

/// Takes the seat of a new generation, which serves nobody yet, within a transaction.
pub(crate) async fn create(session: &mut Session, which: Which, generation: u32, new: New) -> Result<Seat> {
    let New { fold_version, node, head } = new;
    let values = values![which.tenant.0, which.projection, generation, fold_version, node, head];
    match session.execute(CREATE, &values).await? {
        1 => Ok(Seat { which, generation, epoch: 1, position: 0, recorded_at: 0, serves_from: head }),
        _ => Err(ProjectionError::Fenced),
    }
}

/// Holds the row of a generation that is to be dropped, whoever works on it. Answers whether it may be dropped: not while it
/// serves.
pub(crate) async fn may_drop(session: &mut Session, which: Which, generation: u32) -> Result<bool> {
    let values = values![which.tenant.0, which.projection, generation];
    // A statement of its own looks after the row is held: what another transaction has put into service is seen by it.
    session.execute(FENCE, &values).await?;
    Ok(session.row(SERVES, &values).await?.is_none())
}

async fn claim(
    session: &mut Session,
    which: Which,
    checkpoint: Checkpoint,
    node: Option<Uuid>,
) -> Result<Seat> {
    let Checkpoint { generation, epoch, position, recorded_at, serves_from, .. } = checkpoint;
    let values = values![which.tenant.0, which.projection, generation, epoch, node];
    match session.execute(CLAIM, &values).await? {
        1 => Ok(Seat { which, generation, epoch: epoch + 1, position, recorded_at, serves_from }),
        _ => Err(ProjectionError::Fenced),
    }
}

impl Seat {
    /// Whether its rows answer queries, were they in service.
    pub(crate) fn is_complete(&self) -> bool {
        self.position >= self.serves_from
    }

    /// Holds the checkpoint to the end of a transaction that puts its rows into service.
    ///
    /// # Errors
    /// [`ProjectionError::Fenced`] when somebody else has taken the seat, or drops the rows.
    pub(crate) async fn hold(&mut self, session: &mut Session) -> Result<()> {
        let values = values![self.which.tenant.0, self.which.projection, self.generation, self.epoch];
        match session.execute(HOLD, &values).await? {
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
    /// [`ProjectionError::Fenced`] when somebody else has taken the seat; the step is then rolled back.
    pub(crate) async fn advance(&self, session: &mut Session, to: &Self) -> Result<()> {
        let Which { tenant, projection } = self.which;
        let place = values![tenant.0, projection, self.generation, self.epoch, self.position];
        let values = [&place[..], &values![to.position, to.recorded_at]].concat();
        match session.execute(ADVANCE, &values).await? {
            1 => Ok(()),
            _ => Err(ProjectionError::Fenced),
        }
    }
}
