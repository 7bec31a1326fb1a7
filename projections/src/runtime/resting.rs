//! Which read models have folded all that their logs have, as one look over all tenants tells.
//!
//! Nobody takes a lease of these before there is news of them: a process that starts, or to which tenants come, asks two questions
//! however many of them are quiet.

use std::collections::HashMap;

use waymark_eventstore::{LogEnd, TenantId};

use crate::error::Result;
use crate::projections::Projections;
use crate::runtime::status::measure;
use crate::storage::checkpoint::{self, GenerationRow, ProjectionId};

impl Projections {
    /// Every generation there is, and where the logs end. The logs first: what was folded meanwhile is no reason to rest.
    pub(crate) async fn look_at_all(&self) -> Result<(HashMap<TenantId, LogEnd>, Vec<GenerationRow>)> {
        let ends = self.engine.store.ends().await?.into_iter().map(|end| (end.log, end)).collect();
        Ok((ends, checkpoint::everywhere(&self.engine.db).await?))
    }

    /// Finds out which read models have nothing to fold. Where that cannot be told each tenant is looked at by itself.
    pub(crate) async fn find_resting(&self) {
        let looked = self.look_at_all().await;
        let (ends, rows) = looked.unwrap_or_else(|error| {
            tracing::debug!(%error, "each tenant is looked at by itself");
            Default::default()
        });
        let (mut resting, mut measured) = (self.resting.lock(), HashMap::new());
        resting.clear();
        for row in rows.iter().filter(|row| row.serves && row.checkpoint.is_complete()) {
            let model = self.models.iter().find(|model| model.name() == row.projection);
            if let Some(model) = model.filter(|model| model.version() == row.checkpoint.fold_version)
                && row.ends_with(&ends)
            {
                let id = ProjectionId { tenant: row.tenant, projection: model.name() };
                self.engine.seen(id, row.checkpoint.position);
                resting.insert(id);
                measured.insert(model.name(), (id, row.checkpoint.position));
            }
        }
        // One of each, so that the series are there before the first step.
        measured.into_values().for_each(|(id, position)| measure(&self.engine, id, position, 0));
    }

    /// Whether a read model was found to have folded all, and nobody has heard of more since.
    pub(crate) fn rests(&self, id: ProjectionId) -> bool {
        self.resting.lock().contains(&id) && self.engine.lag(id) == 0
    }

    /// Looks whether a read model that rests has all that its log has, and serves it, and takes no lease where it does.
    pub(crate) async fn still_rests(&self, id: ProjectionId) -> bool {
        if !self.rests(id) {
            return false;
        }
        let (head, serving) = (self.engine.store.head(id.tenant).await, self.serving(id).await);
        let rests = match (head, serving) {
            (Ok(head), Ok(Some(row))) => row.is_complete() && row.position == head.position,
            // The one that takes its turn says what is wrong.
            _ => false,
        };
        if !rests {
            self.resting.lock().remove(&id);
        }
        rests
    }
}
