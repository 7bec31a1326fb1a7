//! How the read models are, as operators see them.

use serde::Serialize;
use utoipa::ToSchema;
use waymark_eventstore::{Position, TenantId};

use crate::error::Result;
use crate::projections::Projections;
use crate::runtime::comparison::Comparison;
use crate::runtime::parked;
use crate::runtime::projector::Engine;
use crate::runtime::rebuild_lease;
use crate::storage::checkpoint::{self, ProjectionId};

/// The state of one read model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProjectionStatus {
    /// Its name: `board`, `timeline`, `dwell` or `work`.
    pub name: String,
    /// The version of its fold.
    pub version: u32,
    /// Which generation of its rows serves.
    pub generation: u32,
    /// How far it has come.
    pub position: Position,
    /// The last position of the log.
    pub head: Position,
    /// How many positions it is behind.
    pub lag: u64,
    /// How many events are set aside, without the skipped ones.
    pub parked: usize,
    /// Whether it answers queries: not while it is folded from the beginning for want of rows that tell what is in the log.
    pub serves: bool,
    /// Why it has stopped; null while it goes on.
    pub paused: Option<String>,
    /// How far a rebuild has come; null when there is none.
    pub rebuilding: Option<Position>,
    /// What the last rebuild found when it compared what served with what the log tells; null before the first.
    pub compared: Option<Comparison>,
}

impl Projections {
    /// The read models that answer nothing for a tenant that this process folds for, by name.
    #[must_use]
    pub fn unserved(&self) -> Vec<&'static str> {
        self.engine.failures.unserved()
    }

    /// The state of every read model of a tenant.
    ///
    /// # Errors
    /// When the log or the database fails.
    pub async fn status(&self, tenant: TenantId) -> Result<Vec<ProjectionStatus>> {
        let head = self.engine.store.head(tenant).await?.position;
        let mut transaction = self.engine.db.read(tenant).await?;
        let mut all = Vec::with_capacity(self.models.len());
        for model in &self.models {
            let id = ProjectionId { tenant, projection: model.name() };
            let serving = checkpoint::serving(&mut transaction, id).await?;
            let (generation, position) = serving.map_or((0, 0), |row| (row.generation, row.position));
            let position = self.engine.erasures.shown(id, position);
            let building = rebuild_lease::building(&mut transaction, id).await?;
            let generations = checkpoint::all(&mut transaction, id).await?;
            let building = generations.iter().find(|row| Some(row.generation) == building);
            let parked = parked::list(&mut transaction, id).await?;
            let paused = self.paused.lock().get(&id).cloned();
            all.push(ProjectionStatus {
                name: model.name().to_owned(),
                version: serving.map_or(model.version(), |row| row.fold_version),
                generation,
                position,
                head,
                lag: head.saturating_sub(position),
                parked: parked.iter().filter(|item| item.skipped.is_none()).count(),
                serves: serving.map_or(head == 0, |row| row.is_complete()),
                paused: paused.or_else(|| self.engine.failures.of(id)),
                rebuilding: building.map(|row| row.position),
                compared: Comparison::kept(&mut transaction, id).await?,
            });
        }
        Ok(all)
    }
}

/// Tells of rows that served and should not have, and of those that should have.
pub(crate) fn report(id: ProjectionId, comparison: &Comparison) {
    let differences = comparison.differences();
    let counter = metrics::counter!("waymark_projection_differences_total", "projection" => id.projection);
    counter.increment(differences);
    for table in &comparison.differing {
        tracing::error!(tenant = %id.tenant, projection = id.projection, table = table.table,
            only_served = table.only_served, only_rebuilt = table.only_rebuilt, keys = table.keys.join(" "),
            "what served was not what the log tells; the rebuilt rows serve");
    }
}

pub(crate) fn measure(engine: &Engine, id: ProjectionId, position: Position, taken: usize) {
    metrics::counter!("waymark_projection_events_total", "projection" => id.projection)
        .increment(taken as u64);
    metrics::gauge!("waymark_projection_position", "projection" => id.projection).set(position as f64);
    metrics::gauge!("waymark_projection_lag", "projection" => id.projection).set(engine.lag(id) as f64);
}
