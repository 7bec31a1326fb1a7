//! What can happen to a customer: the event catalogue.
//!
//! Each variant is one event type at its current version. The instant at which it happened is not here: it is
//! the event's `effective_at`, beside the id, the actor and the instant of recording ([`Recorded`]).

mod activities;
mod automation;
mod corrections;
mod details;
mod evidence;
mod holds;
mod identity;
mod key;
mod moves;
mod ownership;
mod proposals;
mod purchases;
mod scores;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::Personal;
use crate::identity::Key;

pub use super::contact::{ChannelId, Contact, ContactKind};
pub use crate::pipeline::direction::Direction;
pub use activities::{
    CHANNELS, Content, ContentKind, DocumentAdded, FollowedUp, NextContactSet, NextPlan, Noted, Signalled,
};
pub use automation::{
    AutomationRan, AutomationSkipped, ProcessStarted, Reminded, TaskCancelled, TaskCompleted, TaskCreated,
};
pub use corrections::{MoveInserted, MoveTargetCorrected, MoveTimeCorrected, MoveVoided, OnConflict};
pub use details::{CLEARABLE, Contract, DetailsChanged, HIGHEST_SATISFACTION, Money, Profile, Registered};
pub use evidence::Evidence;
pub use holds::{LegalHoldPlaced, LegalHoldReleased};
pub use identity::{
    Absorbed, ClaimHistory, DistinctionWithdrawn, Distinguished, Erased, HeldBy, LeadTouched, MergedInto,
    StagePolicy, Unmerged, Withdrawn,
};
pub use key::KeyRotated;
pub use moves::{
    Moved, Reactivated, StageMigrated, SubStatusSet, TransitionApproved, TransitionExpired,
    TransitionRejected, TransitionRequested, TransitionWithdrawn,
};
pub use ownership::{Claimed, FirstContactMissed, Occasion, OwnerChanged, ReclaimSkipped, Released, Viewed};
pub use proposals::{AgentModel, Proposable, ProposalOutcome, ProposalSettled, Proposed};
pub use purchases::{
    CarriedOver, CarriedTransaction, PointsKind, PointsRecorded, TransactionKind, TransactionRecorded,
    TransactionVoided,
};
pub use scores::{RiskFlagged, Scored, Scorer};

/// An event with what the log knows about it: what folds are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<E> {
    /// Its place in the tenant's log.
    pub position: u64,
    /// The event's id.
    pub id: Uuid,
    /// When it happened in the business.
    pub effective_at: DateTime<Utc>,
    /// When we learned it.
    pub recorded_at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// `import`, `rule`, `agent`, or none for a person's command.
    pub origin: Option<String>,
    /// What happened.
    pub event: E,
}

/// Something that happened to a customer. It is read by [`CustomerEvent::decode`], which knows the event type.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CustomerEvent {
    /// `customer.registered`
    Registered(Registered),
    /// `customer.details_changed`
    DetailsChanged(DetailsChanged),
    /// `customer.moved`
    Moved(Moved),
    /// `customer.transition_requested`
    TransitionRequested(TransitionRequested),
    /// `customer.transition_approved`
    TransitionApproved(TransitionApproved),
    /// `customer.transition_rejected`
    TransitionRejected(TransitionRejected),
    /// `customer.transition_withdrawn`
    TransitionWithdrawn(TransitionWithdrawn),
    /// `customer.transition_expired`
    TransitionExpired(TransitionExpired),
    /// `customer.move_voided`
    MoveVoided(MoveVoided),
    /// `customer.move_target_corrected`
    MoveTargetCorrected(MoveTargetCorrected),
    /// `customer.move_time_corrected`
    MoveTimeCorrected(MoveTimeCorrected),
    /// `customer.move_inserted`
    MoveInserted(MoveInserted),
    /// `customer.reactivated`
    Reactivated(Reactivated),
    /// `customer.stage_migrated`
    StageMigrated(StageMigrated),
    /// `customer.noted`
    Noted(Noted),
    /// `customer.followed_up`
    FollowedUp(FollowedUp),
    /// `customer.signalled`
    Signalled(Signalled),
    /// `customer.claimed`
    Claimed(Claimed),
    /// `customer.viewed`
    Viewed(Viewed),
    /// `customer.released`
    Released(Released),
    /// `customer.owner_changed`
    OwnerChanged(OwnerChanged),
    /// `customer.erased`
    Erased(Erased),
    /// `customer.withdrawn`
    Withdrawn(Withdrawn),
    /// `customer.lead_touched`
    LeadTouched(LeadTouched),
    /// `customer.absorbed`
    Absorbed(Absorbed),
    /// `customer.merged_into`
    MergedInto(MergedInto),
    /// `customer.unmerged`
    Unmerged(Unmerged),
    /// `customer.distinguished`
    Distinguished(Distinguished),
    /// `customer.distinction_withdrawn`
    DistinctionWithdrawn(DistinctionWithdrawn),
    /// `customer.document_added`
    DocumentAdded(DocumentAdded),
    /// `customer.automation_ran`
    AutomationRan(AutomationRan),
    /// `customer.automation_skipped`
    AutomationSkipped(AutomationSkipped),
    /// `customer.task_created`
    TaskCreated(TaskCreated),
    /// `customer.task_completed`
    TaskCompleted(TaskCompleted),
    /// `customer.task_cancelled`
    TaskCancelled(TaskCancelled),
    /// `customer.reminded`
    Reminded(Reminded),
    /// `customer.process_started`
    ProcessStarted(ProcessStarted),
    /// `customer.sub_status_set`
    SubStatusSet(SubStatusSet),
    /// `customer.next_contact_set`
    NextContactSet(NextContactSet),
    /// `customer.scored`
    Scored(Scored),
    /// `customer.risk_flagged`
    RiskFlagged(RiskFlagged),
    /// `customer.legal_hold_placed`
    LegalHoldPlaced(LegalHoldPlaced),
    /// `customer.legal_hold_released`
    LegalHoldReleased(LegalHoldReleased),
    /// `customer.key_rotated`
    KeyRotated(KeyRotated),
    /// `customer.transaction_recorded`
    TransactionRecorded(TransactionRecorded),
    /// `customer.transaction_voided`
    TransactionVoided(TransactionVoided),
    /// `customer.points_recorded`
    PointsRecorded(PointsRecorded),
    /// `customer.first_contact_missed`
    FirstContactMissed(FirstContactMissed),
    /// `customer.reclaim_skipped`
    ReclaimSkipped(ReclaimSkipped),
    /// `customer.proposed`
    Proposed(Proposed),
    /// `customer.proposal_settled`
    ProposalSettled(ProposalSettled),
}

impl CustomerEvent {
    /// Whether the customer is another one after it, so that its version counts up. What rules note about themselves,
    /// whom they remind, who looked and what must be kept changes nothing that anybody decides on.
    pub fn changes_customer(&self) -> bool {
        !matches!(
            self,
            Self::Viewed(_)
                | Self::AutomationRan(_)
                | Self::AutomationSkipped(_)
                | Self::TaskCreated(_)
                | Self::TaskCancelled(_)
                | Self::Reminded(_)
                | Self::ProcessStarted(_)
                | Self::FirstContactMissed(_)
                | Self::ReclaimSkipped(_)
                | Self::LegalHoldPlaced(_)
                | Self::LegalHoldReleased(_)
                | Self::KeyRotated(_)
        )
    }

    /// The exact keys that the event gives the customer, from what of it is readable.
    pub fn keys(&self) -> Vec<Key> {
        let (contacts, code, ids) = self.recognised_by();
        Key::all(contacts.iter().map(|contact| (contact.kind, contact.value.clear())), code, ids)
    }

    /// The same, as often as they stand in it, each with the JSON pointer of its field in the event's data.
    pub fn key_fields(&self) -> Vec<(Key, String)> {
        let (contacts, code, ids) = self.recognised_by();
        let within = if matches!(self, Self::Absorbed(_)) { "/details" } else { "" };
        let keys = Key::each(contacts.iter().map(|contact| (contact.kind, contact.value.clear())), code, ids);
        let with_pointer = |key: Key| {
            let pointer = format!("{within}{}", key.pointer());
            (key, pointer)
        };
        keys.into_iter().map(with_pointer).collect()
    }

    /// The contacts, credit code and ids in channels that the event gives the customer.
    fn recognised_by(&self) -> (&[Contact], Option<&Personal<String>>, &[ChannelId]) {
        fn changed(event: &DetailsChanged) -> (Option<&[Contact]>, Option<&Profile>) {
            (event.contacts.as_deref(), event.profile.as_ref())
        }
        let (contacts, profile) = match self {
            Self::Registered(event) => (Some(event.contacts.as_slice()), event.profile.as_ref()),
            Self::DetailsChanged(event) => changed(event),
            Self::Absorbed(event) => event.details.as_ref().map(changed).unwrap_or_default(),
            _ => (None, None),
        };
        let code = profile.and_then(|profile| profile.credit_code.as_ref());
        let ids = profile.and_then(|profile| profile.channel_ids.as_deref()).unwrap_or_default();
        (contacts.unwrap_or_default(), code, ids)
    }
}
