//! What workers in the background found when they looked at a tenant last, kept for the next run of the process: a tenant whose log
//! ends where it did then has nothing to do before the instant that was found, and is not looked at when the process starts.
//!
//! Only a help: what is not there, or was found by a program that knows other rules or folds, is looked for again.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use waymark_eventstore::{Position, TenantId};

use crate::db::{SYSTEM, values};
use crate::error::{ProjectionError, Result};
use crate::projections::Projections;

pub(crate) const READ: &str = include_str!("kept_looks/read.sql");
pub(crate) const KEEP: &str = include_str!("kept_looks/keep.sql");
pub(crate) const FORGET: &str = include_str!("kept_looks/forget.sql");

/// What a look at a tenant found: nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptLook {
    /// Where its log ended.
    pub position: Position,
    /// When there is something to do if nothing happens before, to the microsecond; none where only news is a reason to look again.
    pub until: Option<DateTime<Utc>>,
}

impl Projections {
    /// What a worker found at each tenant when it looked last. `rules` is what it goes by, beside the log and the read models.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn looks(&self, worker: &str, rules: &str) -> Result<HashMap<TenantId, KeptLook>> {
        let values = values![SYSTEM.0, worker, self.with_folds(rules)];
        let rows = self.engine.db.read(SYSTEM).await?.rows(READ, &values).await?;
        let look = |row: &crate::db::Row| {
            let unreadable = || ProjectionError::Database("no instant in background_look".to_owned());
            let instant = |micros| DateTime::from_timestamp_micros(micros).ok_or_else(unreadable);
            let until = row.opt_int("until")?.map(instant).transpose()?;
            Ok((TenantId(row.uuid("tenant")?), KeptLook { position: row.position("position")?, until }))
        };
        rows.iter().map(look).collect()
    }

    /// Keeps what a worker found, all or nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_looks(&self, worker: &str, rules: &str, looks: &[(TenantId, KeptLook)]) -> Result<()> {
        if looks.is_empty() {
            return Ok(());
        }
        let (rules, mut transaction) = (self.with_folds(rules), self.engine.db.write(SYSTEM).await?);
        for (tenant, KeptLook { position, until }) in looks {
            let until = until.map(|until| until.timestamp_micros());
            let values = values![SYSTEM.0, worker, tenant.0, *position, until, rules.as_str()];
            transaction.execute(KEEP, &values).await?;
        }
        transaction.commit().await
    }

    /// A read model of a tenant is about to tell something else at the same position: everyone who looked has to look again.
    pub(crate) async fn forget_looks(&self, tenant: TenantId) -> Result<()> {
        let mut transaction = self.engine.db.write(SYSTEM).await?;
        transaction.execute(FORGET, &values![SYSTEM.0, tenant.0]).await?;
        transaction.commit().await
    }

    /// What is due is told by the read models: another fold may tell it otherwise.
    fn with_folds(&self, rules: &str) -> String {
        let folds = self.models.iter().map(|model| format!(" {}:{}", model.name(), model.version()));
        std::iter::once(rules.to_owned()).chain(folds).collect()
    }
}
