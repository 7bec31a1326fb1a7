//! Questions about customers of the past, and about who is anybody.

use uuid::Uuid;
use waymark_domain::people::Visibility;
use waymark_eventstore::{Position, TenantId};

use crate::Projections;
use crate::error::Result;
use crate::models::board::{self, CustomerAsOf, CustomerFilter};
use crate::query::AsOf;

impl Projections {
    /// A customer as it stood at an instant, as it was known, if it is seen now; none where it was not there yet. `rules` says
    /// which definition was in force then for customers of an owner.
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn customer_as_of(
        &self,
        tenant: TenantId,
        id: Uuid,
        visibility: &Visibility,
        at: &AsOf,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
        rules: board::RulesAsOf<'_>,
    ) -> Result<(Option<CustomerAsOf>, Position)> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        let found =
            board::customer_as_of(&mut snapshot, self.engine(), id, visibility, at, stage_name, rules)
                .await?;
        Ok((found, snapshot.position))
    }

    /// A page of customers as they stood at an instant, as it was known: those that are seen now. A page looks at a bounded
    /// number of customers, so it may have fewer than `limit`, or none, and not be the last.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`], or when the database or the log fails.
    pub async fn customers_as_of(
        &self,
        tenant: TenantId,
        filter: &CustomerFilter,
        page: (Option<&str>, u32),
        at: &AsOf,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    ) -> Result<(Vec<CustomerAsOf>, Option<String>, Position)> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        let (found, next) =
            board::customers_as_of(&mut snapshot, self.engine(), filter, page, at, stage_name).await?;
        Ok((found, next, snapshot.position))
    }

    /// Whether a rep owns customers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owns(&self, tenant: TenantId, rep: &str) -> Result<bool> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::owns(&mut snapshot, rep).await
    }

    /// Whether a rep owned customers once, or has acted. No index serves this: it is for names that nothing else knows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_ever_acted(&self, tenant: TenantId, rep: &str) -> Result<bool> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::has_ever_acted(&mut snapshot, rep).await
    }
}
