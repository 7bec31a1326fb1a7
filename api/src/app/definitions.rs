//! The definitions that decisions are made by, published pipelines and what the company has set up, and what must hold of
//! them when a decision is recorded.
//!
//! Both are kept in memory ([`super::fold_cache`]), and any process may write them. So a command is appended only where
//! nothing was defined after the position up to which they were known, and refused only by what the log says now; and
//! anyone who names a position in a question is answered by what was defined up to there.

use chrono::{DateTime, Utc};
use waymark_domain::tags;
use waymark_eventstore::{Position, Query, TenantId};

use super::draft::PIPELINES_TAG;
use super::{App, AppError};

/// The events that define something.
pub(super) fn definitions() -> Query {
    Query::tag(PIPELINES_TAG).or(Query::tag(tags::COMPANY))
}

impl App {
    /// Up to where the definitions are known. A decision that is made from here on may be recorded if nothing was defined after it.
    pub(super) async fn definitions_known_to(&self, tenant: TenantId) -> Result<Position, AppError> {
        Ok(self.pipelines.folds().known_to(tenant).await?.min(self.companies.folds().known_to(tenant).await?))
    }

    /// Something was appended at a position under the condition that nothing was defined after another one.
    pub(super) fn confirm_definitions(&self, tenant: TenantId, known_to: Position, position: Position) {
        self.pipelines.folds().confirm(tenant, known_to, position);
        self.companies.folds().confirm(tenant, known_to, position);
    }

    /// Reads what was defined up to a position that the log is known to have reached, where it ended at an instant if one is
    /// given.
    pub(super) async fn read_definitions(
        &self,
        tenant: TenantId,
        reached: Position,
        was_head_at: Option<DateTime<Utc>>,
    ) -> Result<(), AppError> {
        self.pipelines.folds().read_to(tenant, reached, was_head_at).await?;
        self.companies.folds().read_to(tenant, reached, was_head_at).await
    }

    /// Reads what was defined up to a position that a client names, by whatever process. A position ahead of the log is as far as
    /// the log goes.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn refresh_definitions_to(&self, tenant: TenantId, position: Position) -> Result<(), AppError> {
        if self.pipelines.folds().position(tenant).min(self.companies.folds().position(tenant)) >= position {
            return Ok(());
        }
        // Anyone who called was admitted by rights as of that position, so the log was looked at for them already.
        match self.rights.position(tenant) {
            reached if reached >= position => self.read_definitions(tenant, reached, None).await,
            _ => self.refresh_definitions(tenant).await,
        }
    }

    /// Reads whatever is defined now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn refresh_definitions(&self, tenant: TenantId) -> Result<(), AppError> {
        let now = (self.clock)();
        let head = self.store.head(tenant).await?.position;
        self.read_definitions(tenant, head, Some(now)).await
    }
}
