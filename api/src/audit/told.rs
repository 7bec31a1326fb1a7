//! What the history of a subject tells of one of its events.

use uuid::Uuid;

use super::approval::Approval;
use super::subject::Difference;

/// What a history tells of one of its events.
#[derive(Debug, Default)]
pub(super) struct HistoryEntry {
    pub(super) difference: Difference,
    /// The requests for approval that it is about, with what came of them.
    pub(super) approvals: Vec<Approval>,
    /// The correction because of which it no longer says what holds.
    pub(super) superseded_by: Option<Uuid>,
}
