//! What served, compared with what the log tells: at a rebuild, before the new rows take over.
//!
//! The new rows are the truth, whatever is found: they are folded from the log by the same fold. A difference means that
//! somebody wrote into the tables, that a disk did, or that the fold depends on something beside the log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_eventstore::{Position, TenantId};

use crate::db::{Transaction, values};
use crate::error::{ProjectionError, Result};
use crate::models::read_model::ReadModel;
use crate::storage::checkpoint::ProjectionId;
use crate::storage::table::TableComparison;

pub(crate) const KEEP: &str = include_str!("comparison/keep.sql");
pub(crate) const KEPT: &str = include_str!("comparison/kept.sql");

/// Why rows were not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotComparable {
    /// Nothing served.
    NothingServed,
    /// What served was folded by another version of the fold.
    OtherVersion,
    /// What served had events set aside, or stopped before the log's end.
    ServedIncomplete,
    /// A person was erased later than what served was folded: it tells what nobody can read any more.
    ErasureAhead,
}

/// What served, compared with what the log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Both were folded up to here.
    pub position: Position,
    /// Why they were not compared; null where they were.
    pub not_applicable: Option<NotComparable>,
    /// How many rows the log tells of.
    pub rows: u64,
    /// The tables that differ: none where what served was right.
    pub differing: Vec<TableComparison>,
}

impl Comparison {
    pub(crate) fn not_applicable(position: Position, why: NotComparable) -> Self {
        Self { position, not_applicable: Some(why), rows: 0, differing: Vec::new() }
    }

    /// Compares two generations that stand at the same position and go no further meanwhile.
    pub(crate) async fn of(
        transaction: &mut Transaction,
        model: &dyn ReadModel,
        tenant: TenantId,
        position: Position,
        generations: (u32, u32),
    ) -> Result<Self> {
        let mut comparison = Self { position, not_applicable: None, rows: 0, differing: Vec::new() };
        for table in model.tables() {
            let found = table.compare(transaction, tenant, generations).await?;
            comparison.rows += found.rows_rebuilt;
            comparison.differing.extend(Some(found).filter(|found| !found.is_same()));
        }
        Ok(comparison)
    }

    /// How many rows were wrong or missing.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.differing.iter().map(|table| table.only_served.max(table.only_rebuilt)).sum()
    }

    /// Keeps it for the operator, in place of the one before.
    pub(crate) async fn keep(&self, transaction: &mut Transaction, id: ProjectionId) -> Result<()> {
        let text =
            serde_json::to_string(self).map_err(|error| ProjectionError::Database(error.to_string()))?;
        transaction.execute(KEEP, &values![id.tenant.0, id.projection, text.as_str()]).await?;
        Ok(())
    }

    /// The one of the last rebuild; none before the first.
    pub(crate) async fn kept(transaction: &mut Transaction, id: ProjectionId) -> Result<Option<Self>> {
        let row = transaction.row(KEPT, &values![id.tenant.0, id.projection]).await?;
        let Some(row) = row else { return Ok(None) };
        let read = serde_json::from_str(row.str("found")?);
        read.map(Some).map_err(|error| ProjectionError::Database(error.to_string()))
    }
}
