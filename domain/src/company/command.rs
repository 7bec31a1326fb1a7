//! What can be asked about what a tenant has set up.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::event::ImportUndone;
use super::root_key::RootKeyRotated;
use super::signing_key::Rotation;
use crate::calendar::Calendar;
use crate::field::Field;
use crate::intake::Intake;
use crate::money::Rates;
use crate::people::{Deputy, Team};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum CompanyCommand {
    /// A team as it will be, new or changed.
    SetTeam(Team),
    /// A team is no more.
    DissolveTeam(String),
    /// Somebody stands in for a rep.
    AppointDeputy(Deputy),
    /// That ends, or does not begin.
    DismissDeputy(Uuid),
    /// A field is declared, or its declaration changed.
    DeclareField(Field),
    /// A declaration is withdrawn.
    WithdrawField(String),
    /// The rates of a day.
    SetRates(Rates),
    /// A working calendar as it will be, new or changed.
    SetCalendar(Calendar),
    /// Leads are scored and assigned like this.
    SetIntake(Intake),
    /// A read model skips an event permanently.
    SkipEvent {
        /// The read model.
        projection: String,
        /// The event's position.
        position: u64,
        /// Why it may be left out.
        reason: String,
    },
    /// An import was undone.
    UndoImport(ImportUndone),
    /// Somebody reviewed what was recorded.
    Review {
        /// Everything up to this position,
        up_to: Option<u64>,
        /// or these events.
        events: BTreeSet<Uuid>,
        /// What was found.
        note: Option<String>,
    },
    /// The log's checkpoints are signed with another key.
    RotateSigningKey(Rotation),
    /// What is sealed is wrapped under another root key.
    RotateRootKey(RootKeyRotated),
}
