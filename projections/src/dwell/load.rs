//! Reads a pipeline's journeys, as known at a position, into compact memory.

use uuid::Uuid;
use waymark_eventstore::Position;

use super::PAGE;
use crate::ask::View;
use crate::db::{Value, values};
use crate::error::Result;
use crate::figures::{Histories, Record};

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// The journeys of a pipeline as they were known at a position, each in effective order.
pub(crate) async fn load(view: &mut View, pipeline: &str, known: Position) -> Result<Histories> {
    let mut histories = Histories::default();
    let mut after = values![Uuid::nil(), i64::MIN, 0_i64, 0_i64];
    loop {
        let mut values: Vec<Value> = values![view.tenant.0, view.generation, pipeline].into();
        values.extend(after);
        values.push(ROWS.into());
        let rows = view.session.rows(PAGE, &values).await?;
        for row in &rows {
            let known_until = row.opt_int(4)?.map(i64::cast_unsigned);
            if row.position(3)? > known || known_until.is_some_and(|until| until <= known) {
                continue;
            }
            let stage = histories.stages.intern(row.str(5)?);
            let actor = histories.actors.intern(row.str(8)?);
            let record =
                Record { at: row.int(1)?, stage, actor, cycle: row.number(6)?, repeat: row.flag(7)? };
            histories.push(row.uuid(0)?, record);
        }
        match rows.last() {
            Some(last) if rows.len() == ROWS as usize => {
                after = values![last.uuid(0)?, last.int(1)?, last.int(2)?, last.int(3)?];
            }
            _ => return Ok(histories),
        }
    }
}
