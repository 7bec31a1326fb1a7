//! What can happen to what a tenant has set up.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::actor::Role;
use crate::calendar::Calendar;
use crate::codec::{CodecError, EventType, unchanged};
use crate::field::Field;
use crate::intake::Intake;
use crate::money::Rates;
use crate::people::{Deputy, Team};
use crate::tags;

pub use super::consumer::{Consumer, ConsumerCreated, ConsumerDeleted, ConsumerReset};
pub use super::export_started::ExportStarted;
pub use super::receiver::{
    Receiver, ReceiverAdopted, ReceiverCreated, ReceiverDeleted, ReceiverDisabled, ReceiverEnabled,
    ReceiverKeyRotated,
};
pub use super::root_key::RootKeyRotated;
pub use super::segments_archived::{Segment, SegmentsArchived};
pub use super::signing_key::{PublicKey, SigningKeyRotated};

/// A team is as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamSet {
    /// The whole team.
    pub team: Team,
}

/// A team is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamDissolved {
    /// Which.
    pub key: String,
}

/// A member has these roles, replacing the former ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolesSet {
    /// Who, by actor name.
    pub actor: String,
    /// Which roles.
    pub roles: BTreeSet<Role>,
}

/// Somebody stands in for a rep for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeputyAppointed {
    /// Who, for whom, from when until when.
    pub deputy: Deputy,
}

/// That ended, or did not begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeputyDismissed {
    /// Which arrangement.
    pub id: Uuid,
}

/// A custom field takes values from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDeclared {
    /// The whole declaration.
    pub field: Field,
}

/// A custom field takes no more values; those there are stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldWithdrawn {
    /// Which.
    pub key: String,
}

/// The rates of a day, replacing those that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatesSet {
    /// The whole table.
    pub rates: Rates,
}

/// A working calendar is as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarSet {
    /// The whole calendar.
    pub calendar: Calendar,
}

/// Leads are scored and assigned like this from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeSet {
    /// The whole of it.
    pub intake: Intake,
}

/// Somebody has read their inbox up to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRead {
    /// Who, by actor name.
    pub actor: String,
    /// Up to which position of the log.
    pub up_to: u64,
}

/// An event is permanently skipped by a read model that cannot fold it, rebuilds included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSkipped {
    /// The read model.
    pub projection: String,
    /// The event's position in the log.
    pub position: u64,
    /// Why it may be left out.
    pub reason: String,
}

/// Somebody reviewed what was recorded: everything up to a position, or events one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReviewed {
    /// The last position that was reviewed, with all before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
    /// The events that were reviewed one by one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub events: BTreeSet<Uuid>,
    /// What was found, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An import was undone: what it had brought was voided and withdrawn, customer by customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportUndone {
    /// The import.
    pub import: Uuid,
    /// How many customers were withdrawn.
    pub withdrawn: u64,
    /// How many customers lost the moves that it had added to them.
    pub reverted: u64,
    /// How many were left as they are, because they had been worked on since.
    pub kept: u64,
    /// Why.
    pub reason: String,
}

/// A member is a member no longer: nobody acts as them any more, and their API keys are revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRemoved {
    /// Who, by actor name.
    pub actor: String,
    /// The API keys that were revoked with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<Uuid>,
    /// Why, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The credential that was used, such as `key:<id>`; none at the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// From where a person's commands came cannot be read any more: the key that it is sealed under was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointsErased {
    /// Who acted, by actor name.
    pub actor: String,
    /// The subject of the key.
    pub key: Uuid,
    /// Why.
    pub reason: String,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl EndpointsErased {
    /// The event type, as it stands in the log.
    pub const TYPE: &'static str = "member.endpoints_erased";
}

/// An API key was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCreated {
    /// The key.
    pub key: Key,
    /// The credential that was used, such as `key:<id>`; none at the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What an API key opens, and how it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Names it.
    pub id: Uuid,
    /// Who acts with it.
    pub actor: String,
    /// With which roles.
    pub roles: BTreeSet<Role>,
    /// What it may do beside that, such as `act-as`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
    /// SHA-256, in hexadecimal, of the SHA-256 of its secret. The secret is 256 random bits, so nothing can be guessed
    /// from it.
    pub digest: String,
}

/// An API key opens nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// Which.
    pub id: Uuid,
    /// Why, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The credential that was used, such as `key:<id>`; none at the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Somebody may sign in once, by a link or code that an administrator hands them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInLinkCreated {
    /// The link.
    pub link: Pass,
    /// The credential that was used, such as `key:<id>`; none at the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What lets somebody in until an instant, and how it is known again: a link to sign in by, or a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Names it.
    pub id: Uuid,
    /// Who acts with it.
    pub actor: String,
    /// With which roles. A member acts with the roles that are set for the member.
    pub roles: BTreeSet<Role>,
    /// SHA-256, in hexadecimal, of the SHA-256 of its secret, which is 256 random bits.
    pub digest: String,
    /// From when on it opens nothing.
    pub expires_at: DateTime<Utc>,
}

/// Somebody signed in, by a link, which is used up by it, or by an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOpened {
    /// The session.
    pub session: Pass,
    /// The link by which; none where it was by an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Uuid>,
    /// The API key by which; none where it was by a link. The session ends with the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Uuid>,
}

/// Somebody signed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// Which session.
    pub id: Uuid,
    /// The credential that was used, such as `session:<id>`; none at the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// An API key that was made before such events were recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAdopted {
    /// The key.
    pub key: Key,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it opens nothing; none where it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// From here on the log alone says who may call and where messages go. What was set up before was recorded as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsAdopted {
    /// How many API keys were recorded.
    pub keys: u32,
    /// How many members.
    pub members: u32,
    /// How many receivers of messages.
    pub receivers: u32,
}

macro_rules! company_types {
    ($($variant:ident $name:literal $version:literal [$($upcaster:path),*])*) => {
        /// Something that happened to what a tenant has set up.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum CompanyEvent {
            $(#[doc = concat!("`", $name, "`")] $variant($variant),)*
        }

        /// The types of these events.
        pub(crate) static TYPES: &[&EventType] =
            &[$(&EventType { name: $name, version: $version, upcasters: &[$($upcaster),*] }),*];

        /// The place of each variant's type in [`TYPES`].
        enum Place { $($variant),* }

        impl CompanyEvent {
            fn described(&self) -> &'static EventType {
                match self { $(Self::$variant(_) => TYPES[Place::$variant as usize]),* }
            }

            /// The event's data.
            ///
            /// # Errors
            /// When a value has no JSON form.
            pub fn to_json(&self) -> Result<serde_json::Value, CodecError> {
                match self { $(Self::$variant(event) => self.described().write::<$variant>(event)),* }
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

company_types! {
    TeamSet "team.set" 3 [unchanged, unchanged]
    TeamDissolved "team.dissolved" 1 []
    RolesSet "member.roles_set" 1 []
    DeputyAppointed "deputy.appointed" 1 []
    DeputyDismissed "deputy.dismissed" 1 []
    FieldDeclared "field.declared" 1 []
    FieldWithdrawn "field.withdrawn" 1 []
    RatesSet "rates.set" 1 []
    CalendarSet "calendar.set" 2 [unchanged]
    IntakeSet "intake.set" 2 [unchanged]
    InboxRead "inbox.read" 1 []
    EventSkipped "projection.event_skipped" 1 []
    AuditReviewed "audit.reviewed" 1 []
    ImportUndone "import.undone" 1 []
    MemberRemoved "member.removed" 1 []
    EndpointsErased "member.endpoints_erased" 1 []
    KeyCreated "key.created" 1 []
    KeyRevoked "key.revoked" 1 []
    KeyAdopted "key.adopted" 1 []
    RightsAdopted "rights.adopted" 1 []
    ReceiverCreated "receiver.created" 1 []
    ReceiverDeleted "receiver.deleted" 1 []
    ReceiverKeyRotated "receiver.key_rotated" 1 []
    ReceiverEnabled "receiver.enabled" 1 []
    ReceiverDisabled "receiver.disabled" 1 []
    ReceiverAdopted "receiver.adopted" 1 []
    SignInLinkCreated "sign_in_link.created" 1 []
    SessionOpened "session.opened" 1 []
    SessionEnded "session.ended" 1 []
    SigningKeyRotated "signing_key.rotated" 1 []
    RootKeyRotated "root_key.rotated" 1 []
    ExportStarted "export.started" 1 []
    SegmentsArchived "log.segments_archived" 1 []
    ConsumerCreated "consumer.created" 1 []
    ConsumerReset "consumer.reset" 1 []
    ConsumerDeleted "consumer.deleted" 1 []
}

impl CompanyEvent {
    /// The event type, as it stands in the log.
    pub fn event_type(&self) -> &'static str {
        self.described().name
    }

    /// The version of the type's shape that [`Self::to_json`] writes.
    pub fn type_version(&self) -> u32 {
        self.described().version
    }

    /// What the event can be found by.
    pub fn tags(&self) -> Vec<String> {
        let tag = str::to_owned;
        match self {
            Self::InboxRead(_) => vec![tag(tags::INBOX)],
            Self::ExportStarted(_) => vec![tag(tags::EXPORTS)],
            Self::SegmentsArchived(_) => vec![tag(tags::SEGMENTS)],
            Self::EventSkipped(event) => vec![tag(tags::COMPANY), tags::skips(&event.projection)],
            Self::RolesSet(_) | Self::MemberRemoved(_) => vec![tag(tags::COMPANY), tag(tags::RIGHTS)],
            _ if self.is_of_rights_alone() => vec![tag(tags::RIGHTS)],
            _ => vec![tag(tags::COMPANY)],
        }
    }

    /// Whether it is about API keys, sessions, receivers and consumers, which are no part of what else the tenant has set up.
    pub fn is_of_rights_alone(&self) -> bool {
        self.subject().is_some()
    }

    /// The API key, link, session, receiver, consumer or erased subject that it is about; none for everything else.
    pub fn subject(&self) -> Option<String> {
        let key = |id: &Uuid| Some(format!("key/{id}"));
        let receiver = |id: &Uuid| Some(format!("receiver/{id}"));
        let consumer = |id: &Uuid| Some(format!("consumer/{id}"));
        match self {
            Self::KeyCreated(event) => key(&event.key.id),
            Self::KeyAdopted(event) => key(&event.key.id),
            Self::KeyRevoked(event) => key(&event.id),
            Self::ReceiverCreated(event) => receiver(&event.receiver.id),
            Self::ReceiverAdopted(event) => receiver(&event.receiver.id),
            Self::ReceiverDeleted(event) => receiver(&event.id),
            Self::ReceiverKeyRotated(event) => receiver(&event.id),
            Self::ReceiverEnabled(event) => receiver(&event.id),
            Self::ReceiverDisabled(event) => receiver(&event.id),
            Self::ConsumerCreated(event) => consumer(&event.consumer.id),
            Self::ConsumerReset(event) => consumer(&event.id),
            Self::ConsumerDeleted(event) => consumer(&event.id),
            Self::SignInLinkCreated(event) => Some(format!("sign-in-link/{}", event.link.id)),
            Self::SessionOpened(event) => Some(format!("session/{}", event.session.id)),
            Self::SessionEnded(event) => Some(format!("session/{}", event.id)),
            Self::EndpointsErased(event) => Some(format!("endpoints/{}", event.key)),
            Self::RightsAdopted(_) => Some("rights".to_owned()),
            _ => None,
        }
    }
}
