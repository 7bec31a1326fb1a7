//! What can go wrong with the log, by what the caller can do about it.

use crate::Position;
use crate::segments::SegmentFault;

/// Why the log did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// An event within the decision's boundary was recorded since it was loaded: load again, decide again.
    #[error("an event matching the append condition stands at position {position}")]
    Conflict {
        /// The last matching position.
        position: Position,
    },
    /// The command id was used before with another request. Nothing was appended.
    #[error("the command id was used before for another request")]
    CommandIdReused,
    /// The append was to be recorded before an instant that has passed: decide again with the present time.
    #[error("the clock has passed the instant before which this was to be recorded")]
    DeadlinePassed,
    /// The event would have more bytes than the log takes of one. The caller's mistake.
    #[error("the event would have {bytes} bytes, more than {most}, most of them in {field:?}")]
    TooLarge {
        /// The member of its data that takes the most room, as a path such as `pipeline.stages`.
        field: String,
        /// How many it would have.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// The draft is not a valid event (a bad tag, an id used before). The caller's mistake.
    #[error("not a valid append: {0}")]
    Invalid(String),
    /// The queue is full. Nothing was appended; try again after the given number of seconds.
    #[error("too many appends are waiting")]
    Overloaded {
        /// Seconds to wait before trying again.
        retry_after_seconds: u32,
    },
    /// A write failed in a way that leaves unknown what is on disk. The store acknowledges nothing any more
    /// until it is opened again; its receipt tells then whether this append is in the log.
    #[error("the log has stopped after a failed write: {0}")]
    Poisoned(String),
    /// The database took a commit and its answer was lost, and the log could not be asked since. Whether this append is
    /// in the log is told by its receipt: the same command, sent again, is answered rightly either way.
    #[error("it is not known whether this was recorded: {0}")]
    InDoubt(String),
    /// Reading or connecting failed; nothing was changed.
    #[error("the log cannot be reached: {0}")]
    Unavailable(String),
    /// There is no log where one was to be opened; none was made.
    #[error("{0}")]
    Absent(String),
    /// What is stored is not what the log wrote.
    #[error("the log is damaged at position {position}: {what}")]
    Damaged {
        /// The first bad position.
        position: Position,
        /// What is wrong there.
        what: String,
    },
    /// Cold entries cannot be read from their file, until it is put back. Nothing was changed.
    #[error("entries of the log cannot be read: {0}")]
    Segment(SegmentFault),
    /// A sealed field names a key that was never made: an error, never "erased".
    #[error("no such data key: {0}")]
    UnknownKey(String),
}

impl StoreError {
    /// To those who look for damage, a segment that cannot be read is damage.
    pub(crate) fn into_damage(self) -> Self {
        match self {
            Self::Segment(fault) => Self::Damaged { position: fault.position, what: fault.to_string() },
            other => other,
        }
    }
}
