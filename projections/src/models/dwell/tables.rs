//! The tables of this read model.

use uuid::Uuid;

use crate::storage::columns::table;
use crate::storage::table::Table;

/// The name of the read model.
pub(crate) const NAME: &str = "dwell";

table! {
    /// Transitions of journeys, each with the positions between which it was known.
    MOVES = "dwell_move", Insert, MoveRow {
        key { journey: String, customer: Uuid, effective_at: i64, position: u64, known_from: u64 }
        columns {
            known_until: Option<u64>,
            event: Uuid,
            stage: String,
            sub_status: Option<String>,
            cycle: u32,
            repeats: bool,
            actor: String,
            version: u32,
            recorded_at: i64,
            made_by: String,
            kind: String,
            noted: bool,
            reason: Option<String>,
        }
    }
}

table! {
    /// Where the observation of customers ended or went on.
    END_ROWS = "dwell_end", Insert, EndRow {
        key { customer: Uuid, position: u64 }
        columns {
            effective_at: i64,
            reason: String,
        }
    }
}

pub(super) static TABLES: &[&Table] = &[&MOVES, &END_ROWS];
