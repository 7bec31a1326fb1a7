//! How far a read model has come, in which generation of its rows, and who may move it.
//!
//! The fence: whoever folds has taken a *seat* by raising the epoch; a step commits only while epoch and position
//! are those of its seat. A stale worker therefore writes nothing, whatever clocks and pauses do.

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
}

/// The right to move a checkpoint, until somebody else takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) which: Which,
    pub(crate) generation: u32,
    pub(crate) epoch: u64,
    pub(crate) position: Position,
    pub(crate) recorded_at: i64,
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
    })
}

/// Takes the seat of the serving generation for a node, making the first one where there is none.
pub(crate) async fn take_seat(db: &Db, which: Which, fold_version: u32, node: Option<Uuid>) -> Result<Seat> {
    let mut session = db.write(which.tenant).await?;
    let seat = match serving(&mut session, which).await? {
        Some(checkpoint) => claim(&mut session, which, checkpoint, node).await?,
        None => {
            let generation = next_generation(&mut session, which).await?;
            let serve = values![which.tenant.0, which.projection, generation];
            let first = session.execute(SERVE_FIRST, &serve).await? == 1;
            let seat = create(&mut session, which, generation, fold_version, node).await?;
            if first { seat } else { return Err(ProjectionError::Fenced) }
        }
    };
    session.commit().await?;
    Ok(seat)
}

/// Takes the seat of a new generation, which serves nobody yet.
pub(crate) async fn new_generation(
    db: &Db,
    which: Which,
    fold_version: u32,
    node: Option<Uuid>,
) -> Result<Seat> {
    let mut session = db.write(which.tenant).await?;
    let generation = next_generation(&mut session, which).await?;
    let seat = create(&mut session, which, generation, fold_version, node).await?;
    session.commit().await?;
    Ok(seat)
}

async fn next_generation(session: &mut Session, which: Which) -> Result<u32> {
    Ok(all(session, which).await?.last().map_or(1, |last| last.generation + 1))
}

async fn create(
    session: &mut Session,
    which: Which,
    generation: u32,
    fold_version: u32,
    node: Option<Uuid>,
) -> Result<Seat> {
    let values = values![which.tenant.0, which.projection, generation, fold_version, node];
    match session.execute(CREATE, &values).await? {
        1 => Ok(Seat { which, generation, epoch: 1, position: 0, recorded_at: 0 }),
        // Another process has made it at the same moment.
        _ => Err(ProjectionError::Fenced),
    }
}

async fn claim(
    session: &mut Session,
    which: Which,
    checkpoint: Checkpoint,
    node: Option<Uuid>,
) -> Result<Seat> {
    let Checkpoint { generation, epoch, position, recorded_at, .. } = checkpoint;
    let values = values![which.tenant.0, which.projection, generation, epoch, node];
    match session.execute(CLAIM, &values).await? {
        1 => Ok(Seat { which, generation, epoch: epoch + 1, position, recorded_at }),
        _ => Err(ProjectionError::Fenced),
    }
}

impl Seat {
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
