//! Who may call, and where messages go, folded from each tenant's log.
//!
//! The log alone decides. The tables of keys and members are copies of the fold: they are brought up to it after each
//! event, and by whoever looks first after a crash in between. What is written into them by other means opens nothing,
//! and is found by comparing them ([`super::compare`]).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use lru::LruCache;
use tokio::sync::RwLock;
use uuid::Uuid;

use super::adopt;
use super::store::{AdminError, AdminStore};
use crate::ambient::IdGenerator;
use crate::app::AppError;
use crate::domain::company::CompanyEvent;
use crate::domain::company::rights::{KeyRights, Rights as Fold};
use crate::domain::tags;
use crate::eventstore::{Clock, Entry, EventStore, Position, Query, QueryItem, TenantId};
use crate::outbound::{OutboundError, OutboundStore};

/// How many tenants are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
/// How long another process's change may go unnoticed.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(1);
/// How many entries are read at a time.
const PAGE: u32 = 500;

/// Who may call, and where messages go, for every tenant.
pub struct Rights {
    pub(super) log: Arc<dyn EventStore>,
    pub(super) admin: Arc<AdminStore>,
    pub(super) messages: Arc<OutboundStore>,
    pub(super) clock: Clock,
    pub(super) ids: IdGenerator,
    tenants: Mutex<LruCache<TenantId, Arc<RwLock<Known>>>>,
}

/// What is known of a tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Up to where the log was read.
    pub(super) read_to: Position,
    read_at: Option<DateTime<Utc>>,
    /// The last event of rights.
    last: Position,
    /// Up to which event of rights the tables are known to be brought up.
    kept: Option<Position>,
    /// Whether it was looked whether anything is to be adopted.
    pub(super) settled: bool,
    pub(super) fold: Arc<Fold>,
}

/// Which events tell of rights. The roles of members were recorded before the other events were, without the tag.
#[must_use]
pub fn query() -> Query {
    let roles =
        QueryItem { types: vec!["member.roles_set".to_owned()], tags: vec![tags::COMPANY.to_owned()] };
    Query::tag(tags::RIGHTS).or(Query { items: vec![roles] })
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
        Self { log, admin, messages, clock, ids, tenants: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// A tenant's rights, as they were a second ago at most.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn now(&self, tenant: TenantId) -> Result<Arc<Fold>, AppError> {
        let known = self.known(tenant);
        let is_fresh =
            |known: &Known| known.read_at.is_some_and(|read_at| (self.clock)() - read_at < FRESH_FOR);
        {
            let known = known.read().await;
            if is_fresh(&known) {
                return Ok(Arc::clone(&known.fold));
            }
        }
        // One reader at a time: the others find its work done.
        let mut known = known.write().await;
        if !is_fresh(&known) {
            Box::pin(self.look(tenant, &mut known)).await?;
        }
        Ok(Arc::clone(&known.fold))
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

    /// A tenant's rights as of the end of the log, and where that is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn fresh(&self, tenant: TenantId) -> Result<(Arc<Fold>, Position), AppError> {
        let known = self.known(tenant);
        let mut known = known.write().await;
        Box::pin(self.look(tenant, &mut known)).await?;
        Ok((Arc::clone(&known.fold), known.read_to))
    }

    /// Makes sure that the rights are known as they were at a position, by whatever process they were changed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn at_least(&self, tenant: TenantId, position: Position) -> Result<(), AppError> {
        if self.known(tenant).read().await.read_to < position {
            self.fresh(tenant).await?;
        }
        Ok(())
    }

    /// Looks what was appended since, and brings up what follows from it.
    async fn look(&self, tenant: TenantId, known: &mut Known) -> Result<(), AppError> {
        self.read_on(tenant, known).await?;
        if !known.settled {
            adopt::adopt(self, tenant, known).await?;
            known.settled = true;
        }
        self.keep(tenant, known).await;
        Ok(())
    }

    fn known(&self, tenant: TenantId) -> Arc<RwLock<Known>> {
        // Entries are put whole, so a panic elsewhere leaves none half written.
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.get_or_insert(tenant, Arc::default))
    }

    /// Folds what was appended since.
    pub(super) async fn read_on(&self, tenant: TenantId, known: &mut Known) -> Result<(), AppError> {
        let head = self.log.head(tenant).await?.position;
        let query = query();
        while known.read_to < head {
            let page = self.log.read_matching(tenant, &query, known.read_to, head, PAGE).await?;
            for entry in &page {
                learn(Arc::make_mut(&mut known.fold), entry)?;
                (known.read_to, known.last) = (entry.position, entry.position);
            }
            if page.len() < PAGE as usize {
                known.read_to = head;
            }
        }
        known.read_at = Some((self.clock)());
        Ok(())
    }

    /// Brings the tables up to the fold. A failure harms nobody, since nobody is let in by the tables: the next look tries
    /// again.
    async fn keep(&self, tenant: TenantId, known: &mut Known) {
        if known.kept.is_some_and(|kept| kept >= known.last) || known.read_to == 0 {
            return;
        }
        match self.keep_unless_kept(tenant, known).await {
            Ok(()) => known.kept = Some(known.last),
            Err(error) => {
                tracing::warn!(%error, %tenant, "the tables of keys and members are behind the log");
            }
        }
    }

    async fn keep_unless_kept(&self, tenant: TenantId, known: &Known) -> Result<(), AdminError> {
        if known.kept.is_none()
            && self.admin.reached(tenant).await?.is_some_and(|reached| reached >= known.last)
        {
            return Ok(());
        }
        self.admin.keep(tenant, &known.fold, known.read_to).await
    }
}

/// Folds an entry of the log in, and answers the event that it is.
///
/// # Errors
/// When it is none that this program can read.
pub(super) fn learn(fold: &mut Fold, entry: &Entry) -> Result<Option<CompanyEvent>, AppError> {
    let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
    let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
    let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
        .map_err(|error| unreadable(error.to_string()))?;
    if let Some(event) = &event {
        fold.evolve(event, envelope.effective_at);
    }
    Ok(event)
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
