//! How far the definitions that decisions are made by (published pipelines, what the company has set up) are known, and
//! what is to hold of them when a decision is recorded.
//!
//! Both are kept in memory, and any process may write them. So a command is appended only where nothing was defined after
//! the position up to which they were known, and refused only by what the log tells now; and whoever names a position in a
//! question is answered by what was defined up to there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use waymark_domain::tags;
use waymark_eventstore::{Condition, Position, Query, TenantId};

use super::pipelines::PIPELINES_TAG;
use super::{App, AppError};

/// For how long a question that names no position may be answered without looking at the log for definitions.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(1);

/// Up to where definitions were read, and when that was last known to be all there is. It moves on without a read when a
/// command was appended under [`App::grounds`].
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<(AtomicU64, AtomicI64)>);

impl Seen {
    /// Up to where.
    pub(super) fn position(&self) -> Position {
        self.0.0.load(Ordering::Acquire)
    }

    /// Whether a question may be answered without looking at the log.
    pub(super) fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        now.timestamp_micros() - self.0.1.load(Ordering::Acquire) < FRESH_FOR.num_microseconds().unwrap_or(0)
    }

    /// Nothing was defined up to a position that is not known, at an instant.
    pub(super) fn reaches(&self, position: Position, now: DateTime<Utc>) {
        self.0.0.fetch_max(position, Ordering::AcqRel);
        self.0.1.fetch_max(now.timestamp_micros(), Ordering::AcqRel);
    }
}

/// The events that define something.
fn definitions() -> Query {
    Query::tag(PIPELINES_TAG).or(Query::tag(tags::COMPANY))
}

impl App {
    /// What must not have changed when a decision is appended that is made from here on: the definitions as they are
    /// known.
    pub(super) async fn grounds(&self, tenant: TenantId) -> Result<Condition, AppError> {
        let known = self.pipelines.known_to(tenant).await?.min(self.companies.known_to(tenant).await?);
        Ok(definitions().none_after(known))
    }

    /// The same for a decision that is made of a log that was read up to a position, and appended under one condition.
    pub(super) async fn add_grounds(
        &self,
        tenant: TenantId,
        query: &mut Query,
        read_to: Position,
    ) -> Result<(), AppError> {
        self.refresh_definitions_to(tenant, read_to).await?;
        query.items.extend(definitions().items);
        Ok(())
    }

    /// Something was appended on these grounds: up to its position nothing else was defined.
    pub(super) async fn confirm(&self, tenant: TenantId, position: Position) {
        let now = (self.clock)();
        self.pipelines.confirm(tenant, position, now).await;
        self.companies.confirm(tenant, position, now).await;
    }

    /// Makes known what was defined up to a position, by whatever process.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn refresh_definitions_to(&self, tenant: TenantId, position: Position) -> Result<(), AppError> {
        self.pipelines.at_least(tenant, position).await?;
        self.companies.at_least(tenant, position).await
    }

    /// Makes known whatever is defined now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn refresh_definitions(&self, tenant: TenantId) -> Result<(), AppError> {
        let head = self.store.head(tenant).await?.position;
        self.refresh_definitions_to(tenant, head).await
    }
}
