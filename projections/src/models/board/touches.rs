//! When and from where customers came in as leads again, as known at any position.

use std::collections::HashMap;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::statements::TOUCHES;
use super::tables::TouchRow;
use crate::db::values;
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::stats::Micros;
use crate::storage::columns::TableRow as _;

/// One time at which a lead was a customer already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepeatInquiry {
    pub(crate) at: Micros,
    pub(crate) source: Option<String>,
    pub(crate) channel: Option<String>,
}

/// Every customer's, in the order of (instant, position).
pub(crate) async fn load(
    snapshot: &mut Snapshot,
    known: Position,
) -> Result<HashMap<Uuid, Vec<RepeatInquiry>>> {
    let values = values![snapshot.tenant.0, snapshot.generation, known];
    let mut touches: HashMap<Uuid, Vec<RepeatInquiry>> = HashMap::new();
    for row in &snapshot.transaction.rows(TOUCHES, &values).await? {
        let TouchRow { customer, effective_at: at, source, channel, .. } = TouchRow::read(row)?;
        touches.entry(customer).or_default().push(RepeatInquiry { at, source, channel });
    }
    Ok(touches)
}
