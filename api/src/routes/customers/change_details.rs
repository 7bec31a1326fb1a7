//! Changing what is known of a customer.

use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::body::{Amount, ChannelId, Contact, ContractDays, Fields, channel_ids};
use crate::auth::Authority;
use crate::domain::PerField;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::profile::{self, Beside};
use crate::http::{Command, Id, Instant, Patch};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// Changed details: absent fields stay unchanged, null empties a field.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"tier": "A", "amount": {"amount": "150000.00", "currency": "CNY"}}))]
pub(crate) struct Details {
    /// The new name.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Patch<String>,
    /// The new source.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    source: Patch<String>,
    /// The new channel.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    channel: Patch<String>,
    /// All contacts, replacing the previous ones.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Contact>>)]
    contacts: Patch<Vec<Contact>>,
    /// All tags, replacing the previous ones.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Patch<Vec<String>>,
    /// The new value tier.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tier: Patch<String>,
    /// The new amount.
    #[serde(default)]
    #[schema(value_type = Option<Amount>)]
    amount: Patch<Amount>,
    /// All custom fields, replacing the previous ones.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    fields: Patch<Fields>,
    /// The unified social credit code (GB 32100), with its check digit.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "91330100799655058B")]
    credit_code: Patch<String>,
    /// The person's ids in channels, replacing the previous ones.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChannelId>>)]
    channel_ids: Patch<Vec<ChannelId>>,
    /// The plain texts of the profile, each a member by its name.
    #[serde(skip)]
    texts: PerField<Patch<String>>,
    /// The contract period.
    #[serde(default)]
    #[schema(value_type = Option<ContractDays>)]
    contract: Patch<ContractDays>,
    /// The day of delivery.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>, example = "2026-02-01")]
    delivered_on: Patch<NaiveDate>,
    /// The day until which the deal is postponed.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>, example = "2026-03-01")]
    postponed_until: Patch<NaiveDate>,
    /// The day on which the deal is expected to close.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>, example = "2026-12-31")]
    expected_close_on: Patch<NaiveDate>,
    /// Why that day, such as what the deal waits for.
    #[schema(example = "budget")]
    expected_close_reason: Option<String>,
    /// Whether the day entered last was a wrong record, in whose place `expected_close_on` stands: it is no push then, and holds
    /// from when the wrong day was entered on. It takes a reason, and nothing else is changed with it. A rep corrects to a later
    /// day within 24 hours of entering the wrong one; afterwards a later day is a push (422 `correction-too-late`).
    #[serde(default)]
    expected_close_correction: bool,
    /// The amount won so far, for a partially won deal.
    #[serde(default)]
    #[schema(value_type = Option<Amount>)]
    won_amount: Patch<Amount>,
    /// Customer satisfaction, from 0 to 10.
    #[serde(default)]
    #[schema(value_type = Option<u8>, maximum = 10)]
    satisfaction: Patch<u8>,
    /// Fields to empty by name, as null does: `name`, `source`, `channel`, `tier`, `amount`, `credit_code`,
    /// {texts of the profile}, `contract`, `delivered_on`, `postponed_until`, `expected_close_on`, `won_amount`,
    /// `satisfaction`.
    #[serde(default)]
    clear: Vec<String>,
    /// When the change took effect; now when absent.
    effective_at: Option<Instant>,
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = PerField::default();
        let own = Self::deserialize(Beside::new(deserializer, profile::every, &mut texts))?;
        Ok(Self { texts, ..own })
    }
}

impl From<Details> for CommandRequest {
    fn from(details: Details) -> Self {
        let mut clear = details.clear;
        let profile = command::NewProfile {
            credit_code: details.credit_code.or_clear("credit_code", &mut clear),
            channel_ids: channel_ids(details.channel_ids.or_empty()),
            texts: details.texts.map(|field, text| text.or_clear(field.key(), &mut clear)),
            contract: details.contract.or_clear("contract", &mut clear).map(Into::into),
            delivered_on: details.delivered_on.or_clear("delivered_on", &mut clear),
            postponed_until: details.postponed_until.or_clear("postponed_until", &mut clear),
            expected_close_on: details.expected_close_on.or_clear("expected_close_on", &mut clear),
            expected_close_reason: details.expected_close_reason,
            expected_close_correction: details.expected_close_correction,
            won_amount: details.won_amount.or_clear("won_amount", &mut clear).map(Into::into),
            satisfaction: details.satisfaction.or_clear("satisfaction", &mut clear),
        };
        let contacts = details.contacts.or_empty();
        let change = command::ChangeDetails {
            name: details.name.or_clear("name", &mut clear),
            source: details.source.or_clear("source", &mut clear),
            channel: details.channel.or_clear("channel", &mut clear),
            contacts: contacts.map(|contacts| contacts.into_iter().map(Into::into).collect()),
            tags: details.tags.or_empty(),
            tier: details.tier.or_clear("tier", &mut clear),
            amount: details.amount.or_clear("amount", &mut clear).map(Into::into),
            fields: details.fields.or_empty(),
            profile,
            clear,
        };
        Self {
            command: DomainCommand::ChangeDetails(change),
            effective_at: details.effective_at.map(|instant| instant.0),
        }
    }
}

/// Update a customer
#[utoipa::path(
    post, path = "/v1/customers/{id}/details", tag = "customers", request_body = Details,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Updated.", body = Accepted),
        (status = 409, description = "`duplicate-customer`: another customer has that contact, credit code or channel id.", body = ProblemDocument),
    )
)]
pub(crate) async fn change_details(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Details>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
