//! What a read model is: tables, and a fold that fills them.

use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;
use waymark_eventstore::{EventStore, Position, TenantId};

use super::{board, work};
use crate::db::{Db, Transaction, Value};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::{HistoryCache, JourneyEnd};
use crate::storage::checkpoint::ProjectionLease;
use crate::storage::table::{Removal, Table};

/// A read model: a pure fold of the log into tables.
///
/// A fold looks only at the facts of its page, at the rows of its own generation and at the log up to the page's
/// end. What it writes must not depend on where pages begin and end, so that a rebuild gives the same rows.
#[async_trait]
pub(crate) trait ReadModel: Send + Sync {
    /// Names it to operators, and in its checkpoint.
    fn name(&self) -> &'static str;
    /// Counts up when the fold or the tables change: rows of another version are rebuilt.
    fn version(&self) -> u32;
    /// Makes its tables where they are missing.
    fn schema(&self) -> &'static str;
    /// Its tables, each with `tenant_id` and `generation` first.
    fn tables(&self) -> &'static [&'static Table];
    /// The parts of its tables that are written without the rest.
    fn parts(&self) -> &'static [&'static Table] {
        &[]
    }
    /// Whether the fold reads personal fields of this type of event.
    fn opens(&self, event_type: &str) -> bool;
    /// Folds facts, in order, into what is to be written.
    async fn fold(
        &self,
        scope: &Scope<'_>,
        memory: &mut Memory,
        facts: &[Arc<DecodedEvent>],
    ) -> Result<Writes>;
}

/// Where a fold takes place.
pub(crate) struct Scope<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) generation: u32,
    /// The page lies after this position
    pub(crate) after: Position,
    /// and ends here.
    pub(crate) reached: Position,
    pub(crate) db: &'a Db,
    pub(crate) store: &'a dyn EventStore,
}

/// What a fold wants changed, all in one transaction with its checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// First these, in order.
    pub(crate) statements: Vec<(&'static str, Vec<Value>)>,
    /// Then these rows go
    pub(crate) removals: Vec<Removal>,
    /// and these come, each given as the values of its columns after the tenant and the generation.
    pub(crate) rows: Vec<(&'static Table, Vec<Value>)>,
}

impl Writes {
    /// Writes it all into the generation of a lease, whose checkpoint is there.
    pub(crate) async fn apply(self, transaction: &mut Transaction, lease: &ProjectionLease) -> Result<()> {
        for (sql, values) in &self.statements {
            transaction.execute(sql, values).await?;
        }
        for removal in &self.removals {
            removal.apply(transaction).await?;
        }
        for (table, values) in self.rows {
            table.write(transaction, lease, values).await?;
        }
        Ok(())
    }
}

/// What a worker remembers between steps, only to spare reading it again. Forgotten whenever a step fails.
pub(crate) struct Memory {
    /// Where journeys end.
    pub(crate) journey_ends: LruCache<(String, Uuid), JourneyEnd>,
    /// What was read of customers that were corrected.
    pub(crate) histories: HistoryCache,
    /// What the board remembers.
    pub(crate) board: board::Remembered,
    /// What the work model remembers.
    pub(crate) work: work::Remembered,
}

/// How many journeys' ends are remembered: some hundred bytes each.
const JOURNEY_ENDS_KEPT: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(19_999);

impl Default for Memory {
    fn default() -> Self {
        Self {
            journey_ends: LruCache::new(JOURNEY_ENDS_KEPT),
            histories: HistoryCache::default(),
            board: board::Remembered::default(),
            work: work::Remembered::default(),
        }
    }
}
