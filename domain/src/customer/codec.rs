//! The event types of a customer: their names, versions and upcasters.

use serde_json::Value;
use serde_json::value::RawValue;

use super::event::{self, CustomerEvent};
use crate::codec::{CodecError, EventType, unchanged};

macro_rules! customer_types {
    ($($variant:ident $name:literal $version:literal [$($upcaster:path),*])*) => {
        pub(crate) static TYPES: &[&EventType] = &[
            $(&EventType { name: $name, version: $version, upcasters: &[$($upcaster),*] }),*
        ];

        /// The place of each variant's type in [`TYPES`].
        enum Place { $($variant),* }

        impl CustomerEvent {
            fn described(&self) -> &'static EventType {
                match self { $(Self::$variant(_) => TYPES[Place::$variant as usize]),* }
            }

            /// The event's data, in the current shape of its type.
            ///
            /// # Errors
            /// When a value has no JSON form.
            pub fn to_json(&self) -> Result<Value, CodecError> {
                match self { $(Self::$variant(event) => self.described().write::<event::$variant>(event)),* }
            }

            /// Reads an event of the log; none where the type belongs to another family.
            ///
            /// # Errors
            /// When the version is newer than this program knows, or the data has not the type's shape.
            pub fn decode(event_type: &str, version: u32, data: &RawValue) -> Result<Option<Self>, CodecError> {
                Ok(match event_type {
                    $($name => Some(Self::$variant(TYPES[Place::$variant as usize].read(version, data)?)),)*
                    _ => None,
                })
            }
        }
    };
}

customer_types! {
    Registered "customer.registered" 5 [unchanged, unchanged, unchanged, unchanged]
    DetailsChanged "customer.details_changed" 7 [unchanged, unchanged, unchanged, unchanged, unchanged, unchanged]
    Moved "customer.moved" 3 [unchanged, unchanged]
    TransitionRequested "customer.transition_requested" 1 []
    TransitionApproved "customer.transition_approved" 1 []
    TransitionRejected "customer.transition_rejected" 1 []
    TransitionWithdrawn "customer.transition_withdrawn" 1 []
    TransitionExpired "customer.transition_expired" 1 []
    MoveVoided "customer.move_voided" 1 []
    MoveTargetCorrected "customer.move_target_corrected" 3 [unchanged, unchanged]
    MoveTimeCorrected "customer.move_time_corrected" 1 []
    MoveInserted "customer.move_inserted" 2 [unchanged]
    Reactivated "customer.reactivated" 2 [unchanged]
    StageMigrated "customer.stage_migrated" 1 []
    Noted "customer.noted" 1 []
    FollowedUp "customer.followed_up" 2 [unchanged]
    Signalled "customer.signalled" 2 [unchanged]
    Claimed "customer.claimed" 1 []
    Viewed "customer.viewed" 1 []
    Released "customer.released" 1 []
    OwnerChanged "customer.owner_changed" 3 [unchanged, unchanged]
    Erased "customer.erased" 1 []
    Withdrawn "customer.withdrawn" 1 []
    LeadTouched "customer.lead_touched" 1 []
    Absorbed "customer.absorbed" 5 [unchanged, unchanged, unchanged, unchanged]
    MergedInto "customer.merged_into" 1 []
    Unmerged "customer.unmerged" 3 [unchanged, unchanged]
    Distinguished "customer.distinguished" 2 [unchanged]
    DistinctionWithdrawn "customer.distinction_withdrawn" 2 [unchanged]
    DocumentAdded "customer.document_added" 1 []
    AutomationRan "customer.automation_ran" 1 []
    AutomationSkipped "customer.automation_skipped" 1 []
    TaskCreated "customer.task_created" 1 []
    TaskCompleted "customer.task_completed" 1 []
    TaskCancelled "customer.task_cancelled" 1 []
    Reminded "customer.reminded" 1 []
    ProcessStarted "customer.process_started" 1 []
    SubStatusSet "customer.sub_status_set" 2 [unchanged]
    NextContactSet "customer.next_contact_set" 1 []
    Scored "customer.scored" 1 []
    RiskFlagged "customer.risk_flagged" 1 []
    LegalHoldPlaced "customer.legal_hold_placed" 1 []
    LegalHoldReleased "customer.legal_hold_released" 1 []
    KeyRotated "customer.key_rotated" 1 []
    TransactionRecorded "customer.transaction_recorded" 1 []
    TransactionVoided "customer.transaction_voided" 1 []
    PointsRecorded "customer.points_recorded" 1 []
    FirstContactMissed "customer.first_contact_missed" 1 []
    ReclaimSkipped "customer.reclaim_skipped" 1 []
    Proposed "customer.proposed" 1 []
    ProposalSettled "customer.proposal_settled" 1 []
}

impl CustomerEvent {
    /// The event type, as it stands in the log.
    pub fn event_type(&self) -> &'static str {
        self.described().name
    }

    /// The version of the type's shape that [`Self::to_json`] writes.
    pub fn type_version(&self) -> u32 {
        self.described().version
    }
}
