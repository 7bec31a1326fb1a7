//! The tables of this read model.

use uuid::Uuid;

use crate::storage::columns::table;
use crate::storage::table::Table;

/// The name of the read model.
pub(crate) const NAME: &str = "timeline";

table! {
    /// Events of customers, with what corrections have made of them.
    ROWS = "timeline_row", Insert, TimelineRow {
        key { customer: Uuid, position: u64, known_from: u64 }
        columns {
            known_until: Option<u64>,
            event: Uuid,
            event_type: String,
            effective_at: i64,
            recorded_at: i64,
            actor: String,
            journey: Option<String>,
            stage_from: Option<String>,
            stage_to: Option<String>,
            corrects: Option<Uuid>,
            now_at: Option<i64>,
            now_stage: Option<String>,
            superseded_by: Option<Uuid>,
            voided: bool,
            other: Option<Uuid>,
            made_by: String,
            deed: Option<String>,
            whom: Option<String>,
            about_stage: Option<String>,
            about_at: Option<i64>,
            next_at: Option<i64>,
            chars: Option<i64>,
            overrides: Option<String>,
        }
    }
}

pub(super) static TABLES: &[&Table] = &[&ROWS];
