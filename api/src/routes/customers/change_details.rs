//! Changing what is known of a customer.

use axum::extract::State;
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{Amount, ChannelId, Contact, ContractDays, Fields, channel_ids};
use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// Other details; what is absent stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"tier": "A", "amount": {"amount": "150000.00", "currency": "CNY"}}))]
pub(crate) struct Details {
    /// The new name.
    name: Option<String>,
    /// The new source.
    source: Option<String>,
    /// The new channel.
    channel: Option<String>,
    /// All contacts, replacing the former ones.
    contacts: Option<Vec<Contact>>,
    /// All tags, replacing the former ones.
    tags: Option<Vec<String>>,
    /// The new value tier.
    tier: Option<String>,
    /// The new amount.
    amount: Option<Amount>,
    /// All custom fields, replacing the former ones.
    #[schema(value_type = Option<Object>)]
    fields: Option<Fields>,
    /// The unified social credit code (统一社会信用代码), with its check digit.
    #[schema(example = "91330100799655058B")]
    credit_code: Option<String>,
    /// The ids that channels know the person by, replacing the former ones.
    channel_ids: Option<Vec<ChannelId>>,
    /// The line of business.
    industry: Option<String>,
    /// The region.
    region: Option<String>,
    /// The kind of service that the customer is in.
    service_type: Option<String>,
    /// The contract's days.
    contract: Option<ContractDays>,
    /// The day of delivery.
    #[schema(example = "2026-02-01")]
    delivered_on: Option<NaiveDate>,
    /// The day until which the deal is put off.
    #[schema(example = "2026-03-01")]
    postponed_until: Option<NaiveDate>,
    /// What has been won so far, of a deal won in part.
    won_amount: Option<Amount>,
    /// How satisfied the customer says to be, from 0 to 10.
    #[schema(maximum = 10)]
    satisfaction: Option<u8>,
    /// What is to be taken away: `credit_code`, `industry`, `region`, `service_type`, `contract`, `delivered_on`,
    /// `postponed_until`, `won_amount`, `satisfaction`.
    #[serde(default)]
    clear: Vec<String>,
    /// Since when; now when absent.
    effective_at: Option<Instant>,
}

impl From<Details> for CommandRequest {
    fn from(details: Details) -> Self {
        let change = command::ChangeDetails {
            name: details.name,
            source: details.source,
            channel: details.channel,
            contacts: details.contacts.map(|contacts| contacts.into_iter().map(Into::into).collect()),
            tags: details.tags,
            tier: details.tier,
            amount: details.amount.map(Into::into),
            fields: details.fields,
            profile: command::NewProfile {
                credit_code: details.credit_code,
                channel_ids: channel_ids(details.channel_ids),
                industry: details.industry,
                region: details.region,
                service_type: details.service_type,
                contract: details.contract.map(Into::into),
                delivered_on: details.delivered_on,
                postponed_until: details.postponed_until,
                won_amount: details.won_amount.map(Into::into),
                satisfaction: details.satisfaction,
                clear: details.clear,
            },
        };
        Self {
            command: DomainCommand::ChangeDetails(change),
            effective_at: details.effective_at.map(|instant| instant.0),
        }
    }
}

/// Change a customer's details
#[utoipa::path(
    post, path = "/v1/customers/{id}/details", tag = "customers", request_body = Details,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Changed.", body = Accepted),
        (status = 409, description = "`duplicate-customer`: another customer has that contact, credit code or channel id.", body = ProblemDocument),
        (status = 422, description = "A field is unknown or wrong.", body = ProblemDocument),
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
