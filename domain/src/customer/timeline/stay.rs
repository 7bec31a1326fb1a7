//! Stays and the moves that they are made of.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One visit to one stage: the half-open interval from `entered_at` to `left_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The cycle of the journey.
    pub cycle: u32,
    /// The stage.
    pub stage: String,
    /// The sub-status: the one at entry, or the last one set since.
    pub sub_status: Option<String>,
    /// Which visit to this stage in this journey, from 1.
    pub visit: u32,
    /// When it began.
    pub entered_at: DateTime<Utc>,
    /// When the next stay began; none while it is the last.
    pub left_at: Option<DateTime<Utc>>,
    /// The stage of the next stay.
    pub left_to: Option<String>,
    /// The event (move, registration, insertion or reactivation) that began it, whatever corrected that since.
    pub entered_event: Uuid,
    /// The position of that event.
    pub entered_position: u64,
    /// Who did it.
    pub entered_by: String,
    /// The definition that its label is of.
    pub pipeline_version: u32,
}

/// A record of the stage already held: it began no stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The position of the event.
    pub position: u64,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// The event.
    pub event: Uuid,
    /// The stage that was held already.
    pub stage: String,
}

/// How a move came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveKind {
    /// The customer was registered.
    Registered,
    /// The customer moved.
    Moved,
    /// The move was forgotten, and entered late.
    Inserted,
    /// The customer came back, into the next cycle.
    Reactivated,
}

/// A move, as recorded or as it stands after its corrections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The event.
    pub event: Uuid,
    /// Its position.
    pub position: u64,
    /// How it came about.
    pub kind: MoveKind,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// The stage entered.
    pub stage: String,
    /// The sub-status within it.
    pub sub_status: Option<String>,
    /// Who recorded it.
    pub actor: String,
    /// The definition that the stage is of.
    pub pipeline_version: u32,
}

/// The last stay of a journey, as it stands after its corrections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestStay {
    /// The last move, which may repeat the stage already held.
    pub last: Move,
    /// The move that began the last stay.
    pub entry: Move,
    /// The cycle of the last stay, from 1.
    pub cycle: u32,
    /// The highest position among the moves that were not entered late; 0 where all were.
    pub last_moved: u64,
}

/// What an event did to the timelines of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// A move in order: the journey's last stay, if there was one, ended, and one more began.
    Appended {
        /// The journey.
        journey: String,
    },
    /// A record in order of the stage already held: one more repeat.
    Repeated {
        /// The journey.
        journey: String,
    },
    /// A correction, or a move out of order or after one of these that nobody has asked about since: any stay and any
    /// repeat of the journey may differ.
    Rewritten {
        /// The journey.
        journey: String,
    },
}
