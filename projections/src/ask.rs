//! What every question to a read model has in common.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use waymark_domain::Owner;
use waymark_domain::people::Visibility;
use waymark_eventstore::{Position, TenantId};

use crate::checkpoint::{self, Which};
use crate::db::{Session, Value};
use crate::dwell::Loaded;
use crate::error::{ProjectionError, Result};
use crate::figures::Micros;
use crate::projector::Engine;

/// The two times of a question: which business instant, and which state of knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge, as it is echoed in the reply.
    pub known_at: DateTime<Utc>,
    /// The last position that counts as known; none for all there is.
    pub known_position: Option<Position>,
}

impl At {
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
pub struct Filter {
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

impl Filter {
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
pub(crate) const AROUND: &str = "\n";

/// What a statement binds of a visibility: its regions, its owners, and what stands around each of them; nothing where everything
/// is seen. A name is in such a list when replacing it changes the list, on either engine.
pub(crate) fn visibility_values(visibility: &Visibility) -> [Value; 3] {
    let list = |names: &BTreeSet<String>| {
        let each = names.iter().map(|name| format!("{name}{AROUND}"));
        Value::Text(std::iter::once(AROUND.to_owned()).chain(each).collect())
    };
    match visibility {
        Visibility::Everything => [Value::Null, Value::Null, Value::Null],
        Visibility::Within { regions, owners } => [list(regions), list(owners), AROUND.into()],
    }
}

/// A consistent view of one read model's rows in service.
pub(crate) struct View {
    pub(crate) session: Session,
    pub(crate) tenant: TenantId,
    pub(crate) generation: u32,
    /// How far the read model has come.
    pub(crate) position: Position,
    /// Journeys that are in memory already.
    pub(crate) loaded: Arc<Loaded>,
    /// Which file the rows stand in, counted from the first that was opened.
    pub(crate) file: u64,
}

fn not_serving(which: Which, position: Position) -> ProjectionError {
    ProjectionError::NotServing { projection: which.projection, position }
}

impl View {
    /// Opens the view. A tenant whose log is empty has one without rows.
    ///
    /// # Errors
    /// [`ProjectionError::NotServing`] where no rows tell what is in the log; when the database fails.
    pub(crate) async fn open(engine: &Engine, which: Which) -> Result<Self> {
        let mut session = engine.db.read(which.tenant).await?;
        let (generation, position) = match checkpoint::serving(&mut session, which).await? {
            Some(row) if row.is_complete() => (row.generation, row.position),
            Some(row) => return Err(not_serving(which, row.position)),
            None if engine.store.head(which.tenant).await?.position > 0 => {
                engine.lost(which);
                return Err(not_serving(which, 0));
            }
            None => (0, 0),
        };
        let (loaded, file) = (Arc::clone(&engine.loaded), session.file());
        Ok(Self { session, tenant: which.tenant, generation, position, loaded, file })
    }

    /// The same moment's view of another read model.
    pub(crate) async fn turn_to(&mut self, projection: &'static str) -> Result<()> {
        let which = Which { tenant: self.tenant, projection };
        (self.generation, self.position) = match checkpoint::serving(&mut self.session, which).await? {
            Some(row) if row.is_complete() => (row.generation, self.position.min(row.position)),
            Some(row) => return Err(not_serving(which, row.position)),
            None if self.position > 0 => return Err(not_serving(which, 0)),
            None => (0, 0),
        };
        Ok(())
    }

    /// The last position that counts.
    pub(crate) fn known(&self, at: &At) -> Position {
        at.known_position.map_or(self.position, |known| known.min(self.position))
    }
}
