//! Questions about customers of the past, and about who is anybody.

use uuid::Uuid;
use waymark_domain::people::Visibility;
use waymark_eventstore::{Position, TenantId};

use crate::Projections;
use crate::ask::At;
use crate::board::{self, CustomerFilter, FormerCustomer};
use crate::error::Result;

impl Projections {
    /// A customer as it stood at an instant, as it was known, if it is seen now; none where it was not there yet. `rules` says
    /// which definition was in force then for customers of an owner.
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn customer_then(
        &self,
        tenant: TenantId,
        id: Uuid,
        visibility: &Visibility,
        at: &At,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
        rules: board::RulesThen<'_>,
    ) -> Result<(Option<FormerCustomer>, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        let found =
            board::customer_then(&mut view, self.engine(), id, visibility, at, stage_name, rules).await?;
        Ok((found, view.position))
    }

    /// A page of customers as they stood at an instant, as it was known: those that are seen now. A page looks at a bounded
    /// number of customers, so it may have fewer than `limit`, or none, and not be the last.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`], or when the database or the log fails.
    pub async fn customers_then(
        &self,
        tenant: TenantId,
        filter: &CustomerFilter,
        page: (Option<&str>, u32),
        at: &At,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    ) -> Result<(Vec<FormerCustomer>, Option<String>, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        let (found, next) =
            board::customers_then(&mut view, self.engine(), filter, page, at, stage_name).await?;
        Ok((found, next, view.position))
    }

    /// Whether a rep owns customers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owns(&self, tenant: TenantId, rep: &str) -> Result<bool> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::owns(&mut view, rep).await
    }

    /// Whether a rep owned customers once, or has acted. No index serves this: it is for names that nothing else knows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn was_somebody(&self, tenant: TenantId, rep: &str) -> Result<bool> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::was_somebody(&mut view, rep).await
    }
}
