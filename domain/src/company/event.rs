//! What can happen to what a tenant has set up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::actor::Role;
use crate::calendar::Calendar;
use crate::customer::codec::{CodecError, EventType, unchanged};
use crate::customer::tags;
use crate::field::Field;
use crate::money::Rates;
use crate::people::{Deputy, Team};

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

/// An event is left out of a read model that cannot fold it, for ever: by those that fold it anew, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSkipped {
    /// The read model.
    pub projection: String,
    /// The event's position in the log.
    pub position: u64,
    /// Why it may be left out.
    pub reason: String,
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
    TeamSet "team.set" 2 [unchanged]
    TeamDissolved "team.dissolved" 1 []
    RolesSet "member.roles_set" 1 []
    DeputyAppointed "deputy.appointed" 1 []
    DeputyDismissed "deputy.dismissed" 1 []
    FieldDeclared "field.declared" 1 []
    FieldWithdrawn "field.withdrawn" 1 []
    RatesSet "rates.set" 1 []
    CalendarSet "calendar.set" 1 []
    EventSkipped "projection.event_skipped" 1 []
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
        let own = match self {
            Self::EventSkipped(event) => Some(tags::skips(&event.projection)),
            _ => None,
        };
        std::iter::once(tags::COMPANY.to_owned()).chain(own).collect()
    }
}
