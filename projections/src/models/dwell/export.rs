//! All moves, page by page, for exports.

use std::collections::HashMap;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::snapshot::DwellSnapshot;
use super::statements::{ENDS, MOVES_AFTER};
use crate::db::values;
use crate::error::Result;
use crate::stats::{CensoringEvent, Micros};

/// A move as it was known at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedMove {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// Whose.
    pub customer: Uuid,
    /// When it happened, in microseconds since 1970.
    pub at: Micros,
    /// Where its event stands in the log.
    pub position: Position,
    /// The event that recorded it, whatever corrected that since.
    pub event: Uuid,
    /// The stage entered.
    pub stage: String,
    /// The sub-status within it.
    pub sub_status: Option<String>,
    /// The cycle, from 1.
    pub cycle: u32,
    /// Whether the customer was in that stage already, so that no stay began.
    pub repeats: bool,
    /// Who recorded it.
    pub actor: String,
    /// The pipeline version that the stage is of.
    pub version: u32,
    /// When the log took it, in microseconds since 1970.
    pub recorded_at: Micros,
    /// `person`, `rule` or `import`.
    pub made_by: String,
    /// `registered`, `moved`, `inserted` or `reactivated`.
    pub kind: String,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveCursor {
    journey: String,
    customer: Uuid,
    at: Micros,
    position: Position,
}

impl MoveCursor {
    /// Before the first move of a pipeline, or of all.
    #[must_use]
    pub fn before(pipeline: Option<&str>) -> Self {
        let journey = pipeline.unwrap_or_default().to_owned();
        Self { journey, customer: Uuid::nil(), at: Micros::MIN, position: 0 }
    }

    /// After a move.
    #[must_use]
    pub fn after(last: &ExportedMove) -> Self {
        let ExportedMove { journey, customer, at, position, .. } = last;
        Self { journey: journey.clone(), customer: *customer, at: *at, position: *position }
    }
}

/// Where the observation of customers ended (merged, erased) or went on, each in the order of the log.
pub type Endings = HashMap<Uuid, Vec<(Micros, CensoringEvent)>>;

impl DwellSnapshot {
    /// The moves after a cursor as they were known at a position, by journey, customer and instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn moves_after(
        &mut self,
        cursor: &MoveCursor,
        known: Position,
        limit: u32,
    ) -> Result<Vec<ExportedMove>> {
        let snapshot = &mut self.0;
        let MoveCursor { journey, customer, at, position } = cursor;
        let values = values![
            snapshot.tenant.0,
            snapshot.generation,
            journey.as_str(),
            *customer,
            *at,
            *position,
            known,
            limit
        ];
        let rows = snapshot.transaction.rows(MOVES_AFTER, &values).await?;
        let read = rows.iter().map(|row| {
            // By place: a million rows are read at a time, and names are looked up in each of them.
            Ok(ExportedMove {
                journey: row.text(0)?,
                customer: row.uuid(1)?,
                at: row.int(2)?,
                position: row.position(3)?,
                event: row.uuid(4)?,
                stage: row.text(5)?,
                sub_status: row.opt_text(6)?,
                cycle: row.number(7)?,
                repeats: row.flag(8)?,
                actor: row.text(9)?,
                version: row.number(10)?,
                recorded_at: row.int(11)?,
                made_by: row.text(12)?,
                kind: row.text(13)?,
            })
        });
        read.collect()
    }

    /// Where the observation of customers ended, as it was known at a position.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn endings(&mut self, known: Position) -> Result<Endings> {
        let snapshot = &mut self.0;
        let rows =
            snapshot.transaction.rows(ENDS, &values![snapshot.tenant.0, snapshot.generation, known]).await?;
        let mut endings = Endings::new();
        for row in rows {
            if let Some(end) = CensoringEvent::parse(row.str("reason")?) {
                endings.entry(row.uuid("customer")?).or_default().push((row.int("effective_at")?, end));
            }
        }
        Ok(endings)
    }
}
