//! What is appended ([`Draft`]) and what is stored ([`Entry`]).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::instant;

/// A place in a tenant's log: 1-based, gapless, in commit order. Zero stands before the first event.
pub type Position = u64;

/// The largest entry the log takes, in bytes of its stored form (the limit of a C2SP tlog-tiles entry bundle).
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// One company: the unit of isolation, of total order and of proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(pub Uuid);

/// The version digit of an id that was made by a rule of one's own (RFC 9562, section 5.8), where it stands in the number.
const CUSTOM: u128 = 8 << 76;
/// Where the version digit stands.
const VERSION: u128 = 0xf << 76;

impl TenantId {
    /// The log of who read what of this tenant: a log of its own, with a tree and checkpoints of its own, under the tenant's id
    /// with 8 for its version digit. Tenants' own ids are of version 7.
    #[must_use]
    pub fn access_log(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128() & !VERSION | CUSTOM))
    }

    /// Whether this is a tenant's access log, and no tenant.
    #[must_use]
    pub fn is_access_log(self) -> bool {
        self.0.as_u128() & VERSION == CUSTOM
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as its author hands it over: complete but for what only the log can know, its position and the
/// instant of recording.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The event's own id, unique in its tenant.
    pub id: Uuid,
    /// The event type, such as `customer.moved`. Changed meaning is a new type.
    pub event_type: Cow<'static, str>,
    /// The version of the type's shape, from 1.
    pub type_version: u32,
    /// What the event is about, such as `customer/0190…`.
    pub subject: String,
    /// When it happened in the business. Becomes the CloudEvents `time`.
    pub effective_at: DateTime<Utc>,
    /// Who did it, such as `rep:li` or `system:reclaim-5d`.
    pub actor: String,
    /// The credential that acted for the actor, when it was not the actor's own.
    pub via: Option<String>,
    /// How it came in when not by a person's command: `import`, `rule`.
    pub origin: Option<Cow<'static, str>>,
    /// Where the command came from, sealed under the actor's key ([`crate::vault::Vault::seal_of_actor`]).
    pub endpoint: Option<String>,
    /// The event or command that caused this one.
    pub causation_id: Option<Uuid>,
    /// Ties together everything that followed from one command.
    pub correlation_id: Option<Uuid>,
    /// What the event can be found by. Printable ASCII without spaces, hashed as part of the entry.
    pub tags: Vec<String>,
    /// Tags kept outside the hashed entry (keyed hashes of contact details), deleted at erasure.
    pub blind_tags: Vec<String>,
    /// The business content.
    pub data: serde_json::Value,
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the tenant's log.
    pub position: Position,
    /// When the log took it. Never decreases from one position to the next.
    pub recorded_at: DateTime<Utc>,
    /// The CloudEvents 1.0 document in RFC 8785 canonical form, exactly as stored and hashed. Entries that were read
    /// together share their memory.
    pub bytes: Bytes,
}

impl Entry {
    /// Reads the document without copying what need not be copied.
    ///
    /// # Errors
    /// When the bytes are not an entry, which is a corrupted log.
    pub fn envelope(&self) -> Result<Envelope<'_>, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }
}

/// The attributes of a stored entry. Names on the wire follow CloudEvents: lower-case letters and digits.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope<'a> {
    /// The event's id.
    pub id: Uuid,
    /// The event type.
    #[serde(rename = "type", borrow)]
    pub event_type: Cow<'a, str>,
    /// The version of the type's shape.
    #[serde(rename = "typeversion")]
    pub type_version: u32,
    /// What the event is about.
    #[serde(borrow)]
    pub subject: Cow<'a, str>,
    /// When it happened in the business.
    #[serde(rename = "time", deserialize_with = "instant::read")]
    pub effective_at: DateTime<Utc>,
    /// When the log took it.
    #[serde(rename = "recordedat", deserialize_with = "instant::read")]
    pub recorded_at: DateTime<Utc>,
    /// Its place in the tenant's log.
    pub position: Position,
    /// Who did it.
    #[serde(borrow)]
    pub actor: Cow<'a, str>,
    /// The credential that acted for the actor.
    #[serde(default, borrow)]
    pub via: Option<Cow<'a, str>>,
    /// `import`, `rule`, or none for a person's command.
    #[serde(default, borrow)]
    pub origin: Option<Cow<'a, str>>,
    /// Where the command came from, sealed under the actor's key.
    #[serde(default, borrow)]
    pub endpoint: Option<Cow<'a, str>>,
    /// The event or command that caused this one.
    #[serde(default, rename = "causationid")]
    pub causation_id: Option<Uuid>,
    /// Ties together everything that followed from one command.
    #[serde(default, rename = "correlationid")]
    pub correlation_id: Option<Uuid>,
    /// The tags, separated by one space each, in byte order.
    #[serde(default, borrow)]
    pub tags: Cow<'a, str>,
    /// The business content, not yet read.
    #[serde(borrow)]
    pub data: &'a RawValue,
}
