//! The effective timeline of a journey: moves and their corrections folded into stays.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One visit to one stage: the half-open interval from `entered_at` to `left_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The cycle of the journey.
    pub cycle: u32,
    /// The stage.
    pub stage: String,
    /// The sub-status at entry.
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
}
