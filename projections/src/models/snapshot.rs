//! A consistent view of the rows in service, as of one moment: what every query reads from.

use std::sync::Arc;

use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use super::board::card_index::CardCache;
use super::board::list_index::ListCache;
use super::board::past_index::PastCache;
use super::board::versions_cache::VersionsCache;
use super::dwell::journey_cache::JourneyCache;
use super::kept::RowsId;
use super::work::standing_index::StandingCache;
use crate::db::Transaction;
use crate::error::{ProjectionError, Result};
use crate::query::AsOf;
use crate::storage::checkpoint::{self, Checkpoint, ProjectionId};

/// What queries need beside the rows.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) journey_cache: Arc<JourneyCache>,
    pub(crate) versions_cache: Arc<VersionsCache>,
    pub(crate) card_cache: Arc<CardCache>,
    pub(crate) past_cache: Arc<PastCache>,
    pub(crate) standing_cache: Arc<StandingCache>,
    pub(crate) list_cache: Arc<ListCache>,
}

impl Sources {
    /// The log, and what opens it.
    pub(crate) fn log(&self) -> (&dyn EventStore, &Vault) {
        (&*self.store, &self.vault)
    }
}

/// A consistent view of one read model's rows in service.
pub(crate) struct Snapshot {
    pub(crate) transaction: Transaction,
    pub(crate) tenant: TenantId,
    pub(crate) generation: u32,
    /// Grows whenever rows may have changed that are known at positions before the checkpoint.
    pub(crate) epoch: u64,
    /// How far the read model had come.
    pub(crate) position: Position,
    pub(crate) sources: Sources,
}

impl Snapshot {
    /// The rows of a read model that a transaction sees; none where nothing is in service.
    ///
    /// # Errors
    /// [`ProjectionError::NotServing`] while the rows in service are folded for the first time; when the database fails.
    pub(crate) async fn in_service(
        mut transaction: Transaction,
        id: ProjectionId,
        sources: Sources,
    ) -> Result<Option<Self>> {
        let Some(row) = checkpoint::serving(&mut transaction, id).await? else { return Ok(None) };
        if !row.is_complete() {
            return Err(not_serving(id, row.position));
        }
        let Checkpoint { generation, epoch, position, .. } = row;
        Ok(Some(Self { transaction, tenant: id.tenant, generation, epoch, position, sources }))
    }

    /// Of a tenant whose log is empty: no rows, and the position before the first.
    pub(crate) fn empty(transaction: Transaction, tenant: TenantId, sources: Sources) -> Self {
        Self { transaction, tenant, generation: 0, epoch: 0, position: 0, sources }
    }

    /// The rows of another read model as of the same moment.
    pub(crate) async fn switch_model(&mut self, projection: &'static str) -> Result<()> {
        let id = ProjectionId { tenant: self.tenant, projection };
        let serving = checkpoint::serving(&mut self.transaction, id).await?;
        (self.generation, self.epoch, self.position) = match serving {
            Some(row) if row.is_complete() => (row.generation, row.epoch, self.position.min(row.position)),
            Some(row) => return Err(not_serving(id, row.position)),
            None if self.position > 0 => return Err(not_serving(id, 0)),
            None => (0, 0, 0),
        };
        Ok(())
    }

    /// The rows that are read.
    pub(crate) fn rows(&self) -> RowsId {
        RowsId { file: self.transaction.file(), generation: self.generation, epoch: self.epoch }
    }

    /// The last position that counts.
    pub(crate) fn known(&self, at: &AsOf) -> Position {
        at.known_position.map_or(self.position, |known| known.min(self.position))
    }
}

/// No rows that tell what is in the log.
pub(crate) fn not_serving(id: ProjectionId, position: Position) -> ProjectionError {
    ProjectionError::NotServing { projection: id.projection, position }
}

/// A snapshot of one read model, with the queries that it answers as methods.
macro_rules! typed_snapshot {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(pub(crate) $crate::models::snapshot::Snapshot);

        impl $name {
            /// How far the read model had come.
            #[must_use]
            pub fn position(&self) -> waymark_eventstore::Position {
                self.0.position
            }
        }
    };
}
pub(crate) use typed_snapshot;
