//! What serves, compared with what the log tells, without a single write to the database that serves.
//!
//! The log is folded again into a file of its own, up to where the served rows stand at one moment; the rows that serve are
//! copied beside them, as they are at that moment, and the two are compared there. Nothing is taken from anyone who keeps the
//! read models up, so that any number of inspections run beside a service and beside each other.

use std::path::Path;
use std::sync::Arc;

use waymark_domain::customer::event::Erased;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, Query, QueryItem, TenantId};

use crate::db::{Commit, Db, Transaction};
use crate::error::{ProjectionError, Result};
use crate::models::read_model::ReadModel;
use crate::models::registry;
use crate::runtime::comparison::{Comparison, NotComparable};
use crate::runtime::parked;
use crate::runtime::projector::{Engine, PoisonPolicy, Worker};
use crate::runtime::rebuild::Progress;
use crate::storage::checkpoint::{self, Checkpoint, ProjectionId, ProjectionLease};
use crate::storage::schema;

/// Entries a step takes.
const ENTRIES_PER_STEP: u32 = 5_000;

/// A look at the read models of one database.
pub struct Inspection {
    serving: Db,
    scratch: Engine,
}

impl Inspection {
    /// Over the read models in a SQLite file that is there. What is folded to compare them with goes into the file
    /// `scratch`, which is made and holds personal texts in clear: its caller removes it.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when one of the files cannot be opened.
    pub async fn of_file(
        path: &Path,
        scratch: &Path,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
    ) -> Result<Self> {
        Self::of(Db::inspect(path).await?, scratch, store, vault).await
    }

    /// Over the read models in a PostgreSQL database; `scratch` as in [`Self::of_file`].
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when nobody answers at the URL, or the file cannot be opened.
    pub async fn of_database(
        url: &str,
        scratch: &Path,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
    ) -> Result<Self> {
        let serving = Db::postgres(url, &schema::name(), Commit::Lazy, 1).await?;
        Self::of(serving, scratch, store, vault).await
    }

    async fn of(serving: Db, scratch: &Path, store: Arc<dyn EventStore>, vault: Arc<Vault>) -> Result<Self> {
        let db = Db::sqlite(scratch, Commit::Lazy).await?;
        schema::create(&db).await?;
        Ok(Self { serving, scratch: Engine::new(db, store, vault, None) })
    }

    /// The names of the read models.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        registry::all().iter().map(|model| model.name()).collect()
    }

    /// Compares a read model of a tenant with what the log tells, from the first event.
    ///
    /// # Errors
    /// [`ProjectionError::UnknownProjection`]; [`ProjectionError::Database`] when what serves cannot be read; whatever keeps
    /// the log from being folded.
    pub async fn compare(&self, tenant: TenantId, name: &str, progress: Progress<'_>) -> Result<Comparison> {
        let models = registry::all();
        let model = models.iter().find(|model| model.name() == name);
        let model = model.ok_or_else(|| ProjectionError::UnknownProjection(name.to_owned()))?;
        let id = ProjectionId { tenant, projection: model.name() };
        if !self.serving.is_prepared(&schema::scripts()).await? {
            return Ok(Comparison::not_applicable(0, NotComparable::NothingServed));
        }
        let first = match self.served(&mut self.serving.read(tenant).await?, id, &**model).await? {
            Ok(serving) => serving,
            Err(why) => return Ok(Comparison::not_applicable(0, why)),
        };
        let new = self.scratch.new_generation(&**model, tenant).await?;
        let lease = checkpoint::acquire(&self.scratch.db, id, new).await?;
        let mut worker = Worker::new(lease, &**model);
        self.fold(&mut worker, &**model, first.position, progress).await?;
        // One moment of what serves: little is left to be folded up to there.
        let mut transaction = self.serving.read(tenant).await?;
        let serving = match self.served(&mut transaction, id, &**model).await? {
            Ok(serving) => serving,
            Err(why) => return Ok(Comparison::not_applicable(first.position, why)),
        };
        if serving.position < first.position {
            let why = NotComparable::ServedIncomplete;
            return Ok(Comparison::not_applicable(serving.position, why));
        }
        self.fold(&mut worker, &**model, serving.position, progress).await?;
        if worker.lease.position < serving.position {
            let ends = worker.lease.position;
            let what = format!("stands at {}, where the log ends at {ends}", serving.position);
            return Err(ProjectionError::Database(what));
        }
        let compared = self.compare_rows(&mut transaction, &**model, &serving, &worker.lease).await?;
        if !compared.differing.is_empty() && self.is_erasure_ahead(&serving, tenant).await? {
            return Ok(Comparison::not_applicable(serving.position, NotComparable::ErasureAhead));
        }
        Ok(compared)
    }

    /// Whether a person was erased after what serves was folded. Its key is gone, so that what was folded before tells more
    /// than can be folded again.
    async fn is_erasure_ahead(&self, serving: &Checkpoint, tenant: TenantId) -> Result<bool> {
        let erased = QueryItem { types: vec![Erased::TYPE.to_owned()], tags: Vec::new() };
        let query = Query { items: vec![erased] };
        let store = &self.scratch.store;
        let ahead = store.read_matching(tenant, &query, serving.position, Position::MAX, 1).await?;
        Ok(!ahead.is_empty())
    }

    /// The generation that serves, or why it cannot be compared.
    async fn served(
        &self,
        transaction: &mut Transaction,
        id: ProjectionId,
        model: &dyn ReadModel,
    ) -> Result<std::result::Result<Checkpoint, NotComparable>> {
        let Some(serving) = checkpoint::serving(transaction, id).await? else {
            return Ok(Err(NotComparable::NothingServed));
        };
        if serving.fold_version != model.version() {
            return Ok(Err(NotComparable::OtherVersion));
        }
        let parked = parked::list(transaction, id).await?;
        let waits = parked.iter().any(|item| item.skipped.is_none());
        Ok(if waits { Err(NotComparable::ServedIncomplete) } else { Ok(serving) })
    }

    /// Folds the log up to a position, strictly.
    async fn fold(
        &self,
        worker: &mut Worker,
        model: &dyn ReadModel,
        until: u64,
        progress: Progress<'_>,
    ) -> Result<()> {
        while worker.lease.position < until {
            let left = u32::try_from(until - worker.lease.position).unwrap_or(ENTRIES_PER_STEP);
            let taken =
                worker.step(&self.scratch, model, left.min(ENTRIES_PER_STEP), PoisonPolicy::FailFast).await?;
            progress(worker.lease.position, until);
            if taken == 0 {
                // The rows are said to be of a longer log than there is.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Copies the rows that serve beside those folded again, and compares the two.
    async fn compare_rows(
        &self,
        transaction: &mut Transaction,
        model: &dyn ReadModel,
        serving: &Checkpoint,
        folded: &ProjectionLease,
    ) -> Result<Comparison> {
        let id = folded.id;
        let new = self.scratch.new_generation(model, id.tenant).await?;
        let beside = checkpoint::new_generation(&self.scratch.db, id, new).await?;
        for table in model.tables() {
            table.copy(transaction, serving.generation, &self.scratch.db, &beside).await?;
        }
        let mut scratch = self.scratch.db.read(id.tenant).await?;
        let generations = (beside.generation, folded.generation);
        Comparison::of(&mut scratch, model, id.tenant, serving.position, generations).await
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.serving.close().await;
        self.scratch.db.close().await;
    }
}
