//! What a command reads beside its customer's own history, and what follows from it for others: declared as data.
//!
//! Anyone who carries commands out loads what is declared here, and appends under the condition that none of it has changed.
//! So a command with a second boundary is described where its rule is, and nowhere else.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::command::Command;
use super::decide::{NewEvent, no_legal_hold};
use super::event::{CustomerEvent, Erased};
use super::state::Customer;
use crate::refusal::Refusal;

/// What a decision reads beside the history of its customer, and beside the definitions that every decision reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// The actor's claims in the customer's pool on the pool's local date, the first contacts missed after claims and, where
    /// the pool limits that, the open customers that the actor owns.
    ClaimsOfTheDay,
    /// The actor's views of customers of the customer's pool on the pool's local date, where the pool limits them.
    ViewsOfTheDay,
    /// The records that were merged into the customer, and those that were merged into these.
    AbsorbedCustomers,
}

impl Command {
    /// What the decision reads beside the customer's own history.
    pub fn reads(&self) -> &'static [Read] {
        match self {
            Self::Claim => &[Read::ClaimsOfTheDay],
            Self::View => &[Read::ViewsOfTheDay],
            Self::Erase(_) => &[Read::AbsorbedCustomers],
            Self::Register(_)
            | Self::ChangeDetails(_)
            | Self::Transition(_)
            | Self::Override(_)
            | Self::Settle(_)
            | Self::Propose(_)
            | Self::Correct(_)
            | Self::Reactivate(_)
            | Self::Migrate(_)
            | Self::Note(_)
            | Self::FollowUp(_)
            | Self::Signal(_)
            | Self::Release(_)
            | Self::ChangeOwner(_)
            | Self::RepeatInquiry(_)
            | Self::AddDocument(_)
            | Self::FlagRisk(_)
            | Self::PlaceLegalHold(_)
            | Self::ReleaseLegalHold(_)
            | Self::RotateKey(_)
            | Self::RecordTransaction(_)
            | Self::VoidTransaction(_)
            | Self::RecordPoints(_)
            | Self::ScoreByModel(_)
            | Self::Act(_)
            | Self::Withdraw(_)
            | Self::CompleteTask(_) => &[],
        }
    }

    /// Whether the caller must see the customer. Somebody who brings a lead in need not see whom it turns out to be.
    pub fn requires_visibility(&self) -> bool {
        !matches!(self, Self::RepeatInquiry(_))
    }

    /// Whether the key of the customer's personal fields is changed with what the command records.
    pub fn changes_key(&self) -> bool {
        matches!(self, Self::RotateKey(_))
    }

    /// Another customer that the command names, and in which field. The caller must see it, too.
    pub fn names_customer(&self) -> Option<(&'static str, Uuid)> {
        let Self::RecordPoints(command) = self else { return None };
        command.referred.map(|referred| ("referred", referred))
    }

    /// What is recorded of a record that was merged into the customer: erasing a person erases all of its records.
    ///
    /// # Errors
    /// The refusal, where that record must be kept.
    pub fn event_of_absorbed(
        &self,
        absorbed: &Customer,
        now: DateTime<Utc>,
    ) -> Result<Option<NewEvent>, Refusal> {
        let Self::Erase(erase) = self else { return Ok(None) };
        Refusal::require_all([no_legal_hold(absorbed, now)])?;
        let event = CustomerEvent::Erased(Erased { ground: erase.ground.clone() });
        Ok(Some(NewEvent { event, effective_at: now }))
    }

    /// What the answer says beside its events to a caller who sees the customer, which is given as it was before.
    pub fn answer_fields(&self, before: &Customer) -> Map<String, Value> {
        let mut fields = Map::new();
        match self {
            Self::RepeatInquiry(_) => {
                fields.insert("id".to_owned(), Value::String(before.id.to_string()));
            }
            Self::PlaceLegalHold(place) => {
                fields.insert("id".to_owned(), Value::String(place.hold.to_string()));
            }
            Self::Reactivate(_) => {
                let previous = before.reason_of_standing(before.primary()).map(str::to_owned);
                fields.insert("previous_reason".to_owned(), previous.into());
            }
            _ => {}
        }
        fields
    }
}
