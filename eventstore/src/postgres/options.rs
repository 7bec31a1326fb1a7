//! How a store is opened.

use std::path::PathBuf;
use std::time::Duration;

use crate::Clock;
use crate::ledger::FirstNote;

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Where `recorded_at` comes from.
    pub clock: Clock,
    /// Signs the first checkpoint of each log; without it logs begin unsigned.
    pub first_note: Option<FirstNote>,
    /// How many appends may wait for a commit in each shard; one more fails with
    /// [`StoreError::Overloaded`](crate::StoreError::Overloaded).
    pub queue: usize,
    /// How many connections read at the same time.
    pub read_connections: u32,
    /// Over how many writing tasks, each with a connection of its own, the tenants are spread.
    pub shards: usize,
    /// How often this process looks for what others appended, where they cannot tell it.
    pub look_every: Duration,
    /// How often it looks where they do, by `NOTIFY`.
    pub look_when_told_every: Duration,
    /// Whether processes wake each other by `NOTIFY`. Only a hint, and of no use behind a transaction pooler:
    /// polling finds everything, later.
    pub hints: bool,
    /// How long a write tries to reach the database and to be decided before it is reported as failed; as long again goes into determining the outcome of a commit whose answer was lost.
    pub patience: Duration,
    /// The folder with the segments of cold entries, which need not be there, and which all processes share; without it none
    /// can be read.
    pub segments: Option<PathBuf>,
}

impl Options {
    /// The ordinary settings, with this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            first_note: None,
            queue: 4_096,
            read_connections: 8,
            shards: 16,
            look_every: Duration::from_millis(250),
            look_when_told_every: Duration::from_secs(2),
            hints: true,
            patience: Duration::from_secs(10),
            segments: None,
        }
    }
}
