//! What a read model is: tables, and a fold that fills them.

use std::sync::Arc;

use async_trait::async_trait;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::db::{Db, Transaction, Value};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::storage::checkpoint::ProjectionLease;
use crate::storage::table::{Removal, Table};

/// A read model: tables, and the fold of the log that fills them.
pub(crate) trait ReadModel: Send + Sync {
    /// Names it to operators, and in its checkpoint.
    fn name(&self) -> &'static str;
    /// Counts up when the fold or the tables change: rows of another version are rebuilt.
    fn version(&self) -> u32;
    /// Creates its tables where they are missing.
    fn schema(&self) -> &'static str;
    /// Its tables, each with `tenant_id` and `generation` first.
    fn tables(&self) -> &'static [&'static Table];
    /// Whether the fold reads personal fields of this type of event.
    fn opens(&self, event_type: &str) -> bool;
    /// A fold with an empty cache, for one worker.
    fn new_fold(&self) -> Box<dyn Fold>;
}

/// A pure fold of the log into rows, with what it keeps between pages only to spare reading it again. It is thrown away
/// whenever a step fails.
///
/// It looks only at the events of its page, at the rows of its own generation and at the log up to the page's end. What it
/// writes must not depend on where pages begin and end, nor on what it has cached, so that a rebuild gives the same rows.
#[async_trait]
pub(crate) trait Fold: Send + Sync {
    /// Folds events, in order, into what must be written.
    async fn fold(&mut self, scope: &Scope<'_>, events: &[Arc<DecodedEvent>]) -> Result<Writes>;
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
    pub(crate) vault: &'a Vault,
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
