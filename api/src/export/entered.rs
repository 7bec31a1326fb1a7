//! What the event logs of a process tell of each event.

use uuid::Uuid;

use super::Kind;
use super::table::ColumnType::{Boolean, Instant, Integer, Number, Text};
use super::table::{Cell, Column, column};

/// A stage was entered: an event of the process.
pub(super) struct Entered {
    pub(super) pipeline: String,
    pub(super) version: u32,
    pub(super) customer: Uuid,
    pub(super) stage: String,
    /// Microseconds since 1970.
    pub(super) at: i64,
    /// Who recorded it, and by which event, where that is told.
    pub(super) recorded: Option<(String, Uuid)>,
    /// What else is told, as [`attributes`] of the kind declares it.
    pub(super) cells: Vec<Cell>,
}

const OF_A_MOVE: [Column; 6] = [
    column("sub_status", Text),
    column("kind", Text),
    column("cycle", Integer),
    column("repeats", Boolean),
    column("position", Integer),
    column("recorded_at", Instant),
];
const OF_A_STAY: [Column; 8] = [
    column("sub_status", Text),
    column("cycle", Integer),
    column("visit", Integer),
    column("left_at", Instant),
    column("seconds", Number),
    column("open", Boolean),
    column("left_to", Text),
    column("censored", Text),
];
const OF_A_CUSTOMER: [Column; 2] = [column("sub_status", Text), column("cycle", Integer)];

/// The attributes of each event beside its stage, time, actor and version.
pub(super) fn attributes(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Events | Kind::Moves => &OF_A_MOVE,
        Kind::Stays => &OF_A_STAY,
        Kind::Customers => &OF_A_CUSTOMER,
    }
}
