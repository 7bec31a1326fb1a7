//! The one place where a command becomes events.
//!
//! Load the boundary (a cached fold and the tail of the log), decide, seal what is personal, append under the
//! condition that nothing of the boundary has changed; on a conflict load again and decide again. The cache is
//! only ever a speed-up: the condition is what makes an answer right.

mod administer;
mod answer;
mod approvals;
mod atomic;
mod boundary;
mod company;
mod customer;
mod definitions;
mod document;
mod draft;
mod identity;
mod merge;
mod migrate;
mod pending;
mod pipelines;
mod publish;
mod register;
mod remember;
mod schedule;
mod sight;
mod situation;
mod view;

use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::{Actor, Zones};
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{Clock, EventStore, TenantId};
use waymark_projections::Projections;

pub use answer::{AppError, CommandAnswer, CommandMeta, EventRef};
pub use atomic::{Asked, Step, Stopped};
pub use company::Companies;
pub(crate) use draft::company_draft;
pub use merge::Joining;
pub(crate) use migrate::is_in_force;
pub use migrate::{MigrationStatus, Migrator, Remaining};
pub(crate) use pipelines::InForce;
pub use pipelines::Pipelines;
pub use publish::{AffectedStage, NewVersion, Preview};
pub use register::OnKnown;
pub use sight::Viewer;

use crate::auth::Rights;
use crate::clock::Ids;
use boundary::Boundaries;

/// What the service is made of. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// The keys of personal fields.
    pub vault: Arc<Vault>,
    /// The read models.
    pub projections: Arc<Projections>,
    /// The published pipelines.
    pub pipelines: Arc<Pipelines>,
    /// What tenants have set up.
    pub companies: Arc<Companies>,
    /// Who may call, and where messages go.
    pub rights: Arc<Rights>,
    /// The clock.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// The rules of time zones that figures are reckoned by.
    pub zones: Zones,
    boundaries: Arc<Boundaries>,
}

/// Who acts, for which tenant, with what power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose data.
    pub tenant: TenantId,
    /// Who.
    pub actor: Actor,
    /// The credential that acts for the actor, when it is not the actor's own.
    pub via: Option<String>,
    /// How the command came in when not from a person: `import`, `rule`.
    pub origin: Option<&'static str>,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        projections: Arc<Projections>,
        rights: Arc<Rights>,
        clock: Clock,
        ids: Ids,
    ) -> Self {
        Self {
            pipelines: Arc::new(Pipelines::new(store.clone(), clock.clone())),
            companies: Arc::new(Companies::new(store.clone(), clock.clone())),
            boundaries: Arc::new(Boundaries::new(store.clone(), vault.clone())),
            store,
            vault,
            projections,
            rights,
            clock,
            ids,
            zones: Zones::compiled(),
        }
    }

    /// The same, by these rules of time zones.
    #[must_use]
    pub fn with_zones(self, zones: Zones) -> Self {
        Self { zones, ..self }
    }

    fn new_id(&self) -> Uuid {
        (self.ids)()
    }
}
