//! The one place where a command becomes events.
//!
//! Load the boundary (a cached fold and the tail of the log), decide, seal what is personal, append under the
//! condition that nothing of the boundary has changed; on a conflict load again and decide again. The cache is
//! only ever a speed-up: the condition is what makes an answer right.

mod answer;
mod atomic;
mod boundary;
mod customer;
mod draft;
mod migrate;
mod pending;
mod pipelines;
mod publish;
mod register;
mod remember;
mod situation;

use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::{Actor, Owner};
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{Clock, EventStore, TenantId};
use waymark_projections::Projections;

pub use answer::{AppError, CommandAnswer, CommandMeta, EventRef};
pub use atomic::{Step, Stopped};
pub(crate) use migrate::is_in_force;
pub use migrate::{MigrationStatus, Migrator, Remaining};
pub(crate) use pipelines::InForce;
pub use pipelines::Pipelines;
pub use publish::{AffectedStage, NewVersion, Preview};

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
    /// The clock.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    teams: TeamOf,
    boundaries: Arc<Boundaries>,
}

/// The team that the customers of an owner belong to; none where the owner is in no team.
pub type TeamOf = Arc<dyn Fn(TenantId, &Owner) -> Option<String> + Send + Sync>;

/// Who acts, for which tenant, with what power.
#[derive(Debug, Clone)]
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
        clock: Clock,
        ids: Ids,
    ) -> Self {
        Self {
            pipelines: Arc::new(Pipelines::new(store.clone(), clock.clone())),
            teams: Arc::new(|_, _| None),
            boundaries: Arc::new(Boundaries::new(store.clone(), vault.clone())),
            store,
            vault,
            projections,
            clock,
            ids,
        }
    }

    /// The same service with teams: versions that are published for a team are in force for its customers.
    #[must_use]
    pub fn with_teams(self, teams: TeamOf) -> Self {
        Self { teams, ..self }
    }

    /// The team of a customer: its owner's.
    pub(crate) fn team_of(&self, tenant: TenantId, owner: &Owner) -> Option<String> {
        (self.teams)(tenant, owner)
    }

    fn new_id(&self) -> Uuid {
        (self.ids)()
    }
}
