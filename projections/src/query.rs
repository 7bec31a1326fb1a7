//! What every question to a read model has in common.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use waymark_domain::Owner;
use waymark_domain::people::Visibility;
use waymark_eventstore::{Position, TenantId};

use crate::db::{Transaction, Value};
use crate::error::{ProjectionError, Result};
use crate::models::dwell::JourneyCache;
use crate::runtime::projector::Engine;
use crate::stats::Micros;
use crate::storage::checkpoint::{self, ProjectionId};

/// The two times of a question: which business instant, and which state of knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge, as it is echoed in the reply.
    pub known_at: DateTime<Utc>,
    /// The last position that counts as known; none for all there is.
    pub known_position: Option<Position>,
}

impl AsOf {
    /// What is known now about an instant.
    #[must_use]
    pub fn known_now(effective_at: DateTime<Utc>) -> Self {
        Self { effective_at, known_at: effective_at, known_position: None }
    }

    pub(crate) fn micros(&self) -> Micros {
        self.effective_at.timestamp_micros()
    }
}

/// Which customers count. All that are set must hold, for the customer as it was at the instant asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CohortFilter {
    /// Whose they are.
    pub owner: Option<Owner>,
    /// Whose they are: any of these reps.
    pub reps: Option<BTreeSet<String>>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// A label they carry.
    pub tag: Option<String>,
    /// The value tier.
    pub tier: Option<String>,
    /// The line of business.
    pub industry: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The pipeline version under which they last moved.
    pub version: Option<u32>,
    /// Which customers whoever asks sees now: of the past, too, nothing is told of others.
    pub visibility: Visibility,
}

impl CohortFilter {
    /// Whether every customer that is seen passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { visibility: self.visibility.clone(), ..Self::default() }
    }

    /// Whether nobody is left out, by the filter or by what whoever asks sees.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        *self == Self::default()
    }
}

/// What stands around each name of a list where a statement looks for one: no name has it.
pub(crate) const LIST_SEPARATOR: &str = "\n";

/// What a statement binds of a visibility: its regions, its owners, and what stands around each of them; nothing where everything
/// is seen. A name is in such a list when replacing it changes the list, on either engine.
pub(crate) fn visibility_binds(visibility: &Visibility) -> [Value; 3] {
    let list = |names: &BTreeSet<String>| {
        let each = names.iter().map(|name| format!("{name}{LIST_SEPARATOR}"));
        Value::Text(std::iter::once(LIST_SEPARATOR.to_owned()).chain(each).collect())
    };
    match visibility {
        Visibility::Everything => [Value::Null, Value::Null, Value::Null],
        Visibility::Within { regions, owners } => [list(regions), list(owners), LIST_SEPARATOR.into()],
    }
}

/// A consistent view of one read model's rows in service.
pub(crate) struct Snapshot {
    pub(crate) transaction: Transaction,
    pub(crate) tenant: TenantId,
    pub(crate) generation: u32,
    /// How far the read model has come.
    pub(crate) position: Position,
    /// Journeys that are in memory already.
    pub(crate) journey_cache: Arc<JourneyCache>,
    /// Which file the rows stand in, counted from the first that was opened.
    pub(crate) file: u64,
}

fn not_serving(id: ProjectionId, position: Position) -> ProjectionError {
    ProjectionError::NotServing { projection: id.projection, position }
}

impl Snapshot {
    /// Opens the view. A tenant whose log is empty has one without rows.
    ///
    /// # Errors
    /// [`ProjectionError::NotServing`] where no rows tell what is in the log; when the database fails.
    pub(crate) async fn open(engine: &Engine, id: ProjectionId) -> Result<Self> {
        let mut transaction = engine.db.read(id.tenant).await?;
        let (generation, position) = match checkpoint::serving(&mut transaction, id).await? {
            Some(row) if row.is_complete() => (row.generation, row.position),
            Some(row) => return Err(not_serving(id, row.position)),
            None if engine.store.head(id.tenant).await?.position > 0 => {
                engine.lost(id);
                return Err(not_serving(id, 0));
            }
            None => (0, 0),
        };
        let (journey_cache, file) = (Arc::clone(&engine.journey_cache), transaction.file());
        Ok(Self { transaction, tenant: id.tenant, generation, position, journey_cache, file })
    }

    /// The same moment's view of another read model.
    pub(crate) async fn switch_model(&mut self, projection: &'static str) -> Result<()> {
        let id = ProjectionId { tenant: self.tenant, projection };
        (self.generation, self.position) = match checkpoint::serving(&mut self.transaction, id).await? {
            Some(row) if row.is_complete() => (row.generation, self.position.min(row.position)),
            Some(row) => return Err(not_serving(id, row.position)),
            None if self.position > 0 => return Err(not_serving(id, 0)),
            None => (0, 0),
        };
        Ok(())
    }

    /// The last position that counts.
    pub(crate) fn known(&self, at: &AsOf) -> Position {
        at.known_position.map_or(self.position, |known| known.min(self.position))
    }
}
