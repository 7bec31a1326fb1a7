//! What a tenant has set up, folded from its history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;

use super::event::CompanyEvent;
use super::rights;
use super::signing_key::PublicKey;
use crate::calendar::Calendar;
use crate::field::Fields;
use crate::intake::Intake;
use crate::money::Rates;
use crate::people::People;

/// What a tenant has set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Company {
    /// How many events it has.
    pub version: u64,
    /// Who works here.
    pub people: People,
    /// The declared fields.
    pub fields: Fields,
    /// The rates, by day.
    pub rates: BTreeMap<NaiveDate, Rates>,
    /// The working calendars by key, each with how often it was set: its version.
    pub calendars: BTreeMap<String, (u32, Calendar)>,
    /// How leads are scored and assigned, with how often that was set: its version. None where nobody said.
    pub intake: Option<(u32, Intake)>,
    /// What read models leave out: read model and position.
    pub skipped: BTreeSet<(String, u64)>,
    /// The imports that were undone.
    pub undone_imports: BTreeSet<Uuid>,
    /// The key that signs the log's checkpoints, once it was changed.
    pub signing_key: Option<PublicKey>,
    /// The id of the root key that the last change of it named.
    pub root_key: Option<String>,
}

impl Company {
    /// Folds the next event in.
    pub fn evolve(&mut self, event: &CompanyEvent) {
        self.version += 1;
        match event {
            CompanyEvent::TeamSet(event) => {
                let team = event.team.clone().with_reps_by_id();
                self.people.teams.insert(team.key.clone(), team);
            }
            CompanyEvent::TeamDissolved(event) => drop(self.people.teams.remove(&event.key)),
            CompanyEvent::RolesSet(event) => {
                self.people.members.insert(event.actor.clone(), event.roles.clone());
            }
            CompanyEvent::DeputyAppointed(event) => {
                self.people.deputies.insert(event.deputy.id, event.deputy.clone().with_reps_by_id());
            }
            CompanyEvent::DeputyDismissed(event) => drop(self.people.deputies.remove(&event.id)),
            CompanyEvent::FieldDeclared(event) => {
                self.fields.insert(event.field.key.clone(), event.field.clone());
            }
            CompanyEvent::FieldWithdrawn(event) => drop(self.fields.remove(&event.key)),
            CompanyEvent::RatesSet(event) => {
                self.rates.insert(event.rates.date, event.rates.clone());
            }
            CompanyEvent::CalendarSet(event) => {
                let before = self.calendars.get(&event.calendar.key).map_or(0, |(version, _)| *version);
                self.calendars.insert(event.calendar.key.clone(), (before + 1, event.calendar.clone()));
            }
            CompanyEvent::IntakeSet(event) => {
                let before = self.intake.as_ref().map_or(0, |(version, _)| *version);
                self.intake = Some((before + 1, event.intake.clone()));
            }
            CompanyEvent::EventSkipped(event) => {
                self.skipped.insert((event.projection.clone(), event.position));
            }
            CompanyEvent::MemberRemoved(event) => {
                self.people.members.retain(|name, _| !rights::is_same_person(name, &event.actor));
            }
            CompanyEvent::ImportUndone(event) => drop(self.undone_imports.insert(event.import)),
            CompanyEvent::SigningKeyRotated(event) => self.signing_key = Some(event.key.clone()),
            CompanyEvent::RootKeyRotated(event) => self.root_key = Some(event.key_id.clone()),
            // Reviews and readings change nothing that is set up; keys, receivers and consumers are [`rights::Rights`]'s.
            CompanyEvent::AuditReviewed(_)
            | CompanyEvent::ExportStarted(_)
            | CompanyEvent::SegmentsArchived(_)
            | CompanyEvent::InboxRead(_)
            | CompanyEvent::KeyCreated(_)
            | CompanyEvent::KeyRevoked(_)
            | CompanyEvent::EndpointsErased(_)
            | CompanyEvent::KeyAdopted(_)
            | CompanyEvent::RightsAdopted(_)
            | CompanyEvent::ReceiverCreated(_)
            | CompanyEvent::ReceiverDeleted(_)
            | CompanyEvent::ReceiverKeyRotated(_)
            | CompanyEvent::ReceiverEnabled(_)
            | CompanyEvent::ReceiverDisabled(_)
            | CompanyEvent::ReceiverAdopted(_)
            | CompanyEvent::SignInLinkCreated(_)
            | CompanyEvent::SessionOpened(_)
            | CompanyEvent::SessionEnded(_)
            | CompanyEvent::ConsumerCreated(_)
            | CompanyEvent::ConsumerReset(_)
            | CompanyEvent::ConsumerDeleted(_) => {}
        }
    }

    /// The rates in force on a day: those of the last day that has any.
    pub fn rates_on(&self, date: NaiveDate) -> Option<&Rates> {
        self.rates.range(..=date).next_back().map(|(_, rates)| rates)
    }
}
