//! Who may call, and where messages go, folded from each tenant's log.
//!
//! The log alone decides. The tables of keys and members are copies of the fold: they are brought up to it after each
//! event, and by the first process that looks after a crash in between. What is written into them by other means opens nothing,
//! and is found by comparing them ([`super::compare`]).

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use uuid::Uuid;

use super::adopt::Adoption;
use super::rights_fold::RightsFold;
use super::store::{AdminError, AdminStore};
use crate::ambient::IdGenerator;
use crate::app::{AppError, FoldCache};
use crate::domain::company::event::Pass;
use crate::domain::company::rights::{KeyRights, Rights as Fold};
use crate::eventstore::{Clock, EventStore, Position, TenantId};
use crate::outbound::{OutboundError, OutboundStore};

/// Of how many tenants it is remembered that their tables are brought up.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Who may call, and where messages go, for every tenant.
pub struct Rights {
    log: Arc<dyn EventStore>,
    admin: Arc<AdminStore>,
    messages: Arc<OutboundStore>,
    clock: Clock,
    ids: IdGenerator,
    folds: FoldCache<RightsFold>,
    tables: Mutex<LruCache<TenantId, Arc<tokio::sync::Mutex<Tables>>>>,
}

/// How far a tenant's tables are brought up.
#[derive(Debug, Default)]
struct Tables {
    /// Up to which event of rights they are known to be.
    kept: Option<Position>,
    /// Whether it was looked whether anything must be adopted.
    settled: bool,
}

impl Rights {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventStore>,
        admin: Arc<AdminStore>,
        messages: Arc<OutboundStore>,
        clock: Clock,
        ids: IdGenerator,
    ) -> Self {
        let folds = FoldCache::new(log.clone(), clock.clone());
        Self { log, admin, messages, clock, ids, folds, tables: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// A tenant's rights, as they were a second ago at most.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn now(&self, tenant: TenantId) -> Result<Arc<Fold>, AppError> {
        if let Some(cached) = self.folds.cached(tenant).await {
            return Ok(cached.rights);
        }
        let (read, read_to) = self.folds.recent(tenant).await?;
        Ok(Box::pin(self.maintained(tenant, read, read_to)).await?.0.rights)
    }

    /// A key of a tenant, as it was a second ago at most; one that another process has just made is known at once.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn key(&self, tenant: TenantId, id: Uuid) -> Result<Option<KeyRights>, AppError> {
        if let Some(known) = self.now(tenant).await?.keys.get(&id) {
            return Ok(Some(known.clone()));
        }
        Ok(self.fresh(tenant).await?.0.keys.get(&id).cloned())
    }

    /// A session of a tenant, as it was a second ago at most; one that another process has just opened is known at once.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn session(&self, tenant: TenantId, id: Uuid) -> Result<Option<Pass>, AppError> {
        if let Some(known) = self.now(tenant).await?.sessions.get(&id) {
            return Ok(Some(known.session.clone()));
        }
        Ok(self.fresh(tenant).await?.0.sessions.get(&id).map(|known| known.session.clone()))
    }

    /// A tenant's rights as of the end of the log, and where that is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn fresh(&self, tenant: TenantId) -> Result<(Arc<Fold>, Position), AppError> {
        let (read, read_to) = self.folds.current(tenant).await?;
        let (read, read_to) = Box::pin(self.maintained(tenant, read, read_to)).await?;
        Ok((read.rights, read_to))
    }

    /// Makes sure that the rights are known as they were at a position, by whatever process they were changed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn at_least(&self, tenant: TenantId, position: Position) -> Result<(), AppError> {
        if self.folds.position(tenant) < position {
            self.fresh(tenant).await?;
        }
        Ok(())
    }

    /// Up to where the log was read for rights.
    pub(crate) fn position(&self, tenant: TenantId) -> Position {
        self.folds.position(tenant)
    }

    /// Adopts what a former program left in the tables, once, and brings the tables up to the fold. A failure of the latter
    /// harms nobody, since nobody is let in by the tables: the next read of the log tries again.
    async fn maintained(
        &self,
        tenant: TenantId,
        read: RightsFold,
        read_to: Position,
    ) -> Result<(RightsFold, Position), AppError> {
        let tables = self.tables(tenant);
        let mut tables = tables.lock().await;
        // The task that held them meanwhile may have recorded what was adopted.
        let (mut read, mut read_to) = match tables.kept {
            Some(kept) if kept > read.last => self.folds.current(tenant).await?,
            _ => (read, read_to),
        };
        if !tables.settled {
            let adoption = Adoption {
                log: self.log.as_ref(),
                admin: &self.admin,
                messages: &self.messages,
                clock: &self.clock,
                ids: &self.ids,
                folds: &self.folds,
            };
            (read, read_to) = adoption.adopt(tenant, read, read_to).await?;
            tables.settled = true;
        }
        if read_to > 0 && tables.kept.is_none_or(|kept| kept < read.last) {
            match self.keep(tenant, &read, read_to, tables.kept).await {
                Ok(()) => tables.kept = Some(read.last),
                Err(error) => {
                    tracing::warn!(%error, %tenant, "the tables of keys and members are behind the log");
                }
            }
        }
        Ok((read, read_to))
    }

    /// Brings the tables up, unless another process did.
    async fn keep(
        &self,
        tenant: TenantId,
        read: &RightsFold,
        read_to: Position,
        kept: Option<Position>,
    ) -> Result<(), AdminError> {
        if kept.is_none() && self.admin.reached(tenant).await?.is_some_and(|reached| reached >= read.last) {
            return Ok(());
        }
        self.admin.keep(tenant, &read.rights, read_to).await
    }

    fn tables(&self, tenant: TenantId) -> Arc<tokio::sync::Mutex<Tables>> {
        // Entries are put whole, so a panic elsewhere leaves none half written.
        let mut tables = self.tables.lock();
        Arc::clone(tables.get_or_insert(tenant, Arc::default))
    }
}

impl From<AdminError> for AppError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Database(error) => Self::Projection(error),
            damaged @ AdminError::Damaged { .. } => Self::Unreadable(damaged.to_string()),
        }
    }
}

impl From<OutboundError> for AppError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Database(error) => Self::Projection(error),
            OutboundError::Store(error) => Self::Store(error),
            OutboundError::App(error) => error,
            damaged @ OutboundError::Damaged { .. } => Self::Unreadable(damaged.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
