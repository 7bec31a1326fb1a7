//! The one place where a command becomes events.
//!
//! One write path (`execute`) loads what a decision declares that it reads, decides, seals what is personal, and appends under
//! the condition that nothing of it has changed; on a conflict it loads again and decides again. Caches only save time: the
//! condition is what makes an answer right.

mod administer;
mod announced_erasures;
mod answer;
mod approvals;
mod caller;
mod command;
mod company;
mod company_draft;
mod context;
mod customer;
mod customer_cache;
mod definitions;
mod document;
mod draft;
mod endpoint;
mod erasure;
mod execute;
mod exports;
mod fold_cache;
mod former_definitions;
mod identity;
mod inbox;
mod intake;
mod known;
mod migrate;
mod once;
mod pair;
mod pipelines;
mod publish;
mod receipts;
mod register;
mod rehearsal;
mod scheduled;
mod sealing;
mod segments;
mod sign_in;
mod staging;
mod standard_path;
mod visibility;
mod withdraw_version;

use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::Zones;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{Clock, EventStore};
use waymark_projections::Projections;

pub(crate) use administer::id_of_made;
pub use answer::{AppError, BatchError, CommandAnswer, CommandMeta, EventRef};
pub use approvals::FoundRequest;
pub use caller::{AGENT, Caller, Endpoint};
pub use command::{Action, CustomerCommand};
pub use company::Companies;
pub(crate) use company_draft::company_draft;
pub(crate) use customer_cache::decode as decode_customer_event;
pub(crate) use document::customer_of;
pub(crate) use endpoint::{ADDRESS, CLIENT};
#[cfg(test)]
pub(crate) use fold_cache::FRESH_FOR;
pub(crate) use fold_cache::{Fold, FoldCache};
pub(crate) use migrate::is_in_force;
pub use migrate::{MigrationStatus, Migrator, Remaining};
pub use pair::PairCommand;
pub(crate) use pipelines::InForce;
pub use pipelines::Pipelines;
pub use publish::{AffectedStage, NewVersion, Preview};
pub use rehearsal::Rehearsal;
pub use sign_in::{MadeLink, SignedIn};
pub use visibility::Viewer;

use crate::ambient::IdGenerator;
use crate::auth::Rights;
use crate::automation::clock::AutomationPause;
use crate::erasure_record::ErasureRecord;
use customer_cache::CustomerCache;

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
    pub ids: IdGenerator,
    /// The rules of time zones that figures are reckoned by.
    pub zones: Zones,
    /// Whether automations pause because the clock is not believed.
    pub automation_pause: Arc<AutomationPause>,
    customers: Arc<CustomerCache>,
    /// Up to where people have read their inboxes.
    inbox_marks: Arc<FoldCache<inbox::InboxMarks>>,
    /// Who got leads by the rules of intake.
    assignments: Arc<FoldCache<intake::Assignments>>,
    /// Whose turn it is to assign a lead.
    turns: intake::AssignmentLocks,
    /// Whose turn it is of the requests under one idempotency key.
    key_turns: once::KeyTurns,
    /// The record of erasures outside the database; none where none is kept.
    erasure_record: Option<Arc<ErasureRecord>>,
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
        ids: IdGenerator,
    ) -> Self {
        Self {
            pipelines: Arc::new(Pipelines::new(store.clone(), clock.clone())),
            companies: Arc::new(Companies::new(store.clone(), clock.clone())),
            customers: Arc::new(CustomerCache::new(store.clone(), vault.clone())),
            inbox_marks: Arc::new(FoldCache::new(store.clone(), clock.clone())),
            assignments: Arc::new(FoldCache::new(store.clone(), clock.clone())),
            turns: intake::AssignmentLocks::new(),
            key_turns: once::KeyTurns::default(),
            store,
            vault,
            projections,
            rights,
            clock,
            ids,
            zones: Zones::compiled(),
            automation_pause: Arc::default(),
            erasure_record: None,
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
