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

/// Changed details; absent fields stay unchanged.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"tier": "A", "amount": {"amount": "150000.00", "currency": "CNY"}}))]
pub(crate) struct Details {
    /// The new name.
    name: Option<String>,
    /// The new source.
    source: Option<String>,
    /// The new channel.
    channel: Option<String>,
    /// All contacts, replacing the previous ones.
    contacts: Option<Vec<Contact>>,
    /// All tags, replacing the previous ones.
    tags: Option<Vec<String>>,
    /// The new value tier.
    tier: Option<String>,
    /// The new amount.
    amount: Option<Amount>,
    /// All custom fields, replacing the previous ones.
    #[schema(value_type = Option<Object>)]
    fields: Option<Fields>,
    /// The unified social credit code (GB 32100), with its check digit.
    #[schema(example = "91330100799655058B")]
    credit_code: Option<String>,
    /// The person's ids in channels, replacing the previous ones.
    channel_ids: Option<Vec<ChannelId>>,
    /// The industry.
    industry: Option<String>,
    /// The region.
    region: Option<String>,
    /// The service type.
    service_type: Option<String>,
    /// The contract period.
    contract: Option<ContractDays>,
    /// The day of delivery.
    #[schema(example = "2026-02-01")]
    delivered_on: Option<NaiveDate>,
    /// The day until which the deal is postponed.
    #[schema(example = "2026-03-01")]
    postponed_until: Option<NaiveDate>,
    /// The amount won so far, for a partially won deal.
    won_amount: Option<Amount>,
    /// Customer satisfaction, from 0 to 10.
    #[schema(maximum = 10)]
    satisfaction: Option<u8>,
    /// Fields to clear: `credit_code`, `industry`, `region`, `service_type`, `contract`, `delivered_on`,
    /// `postponed_until`, `won_amount`, `satisfaction`.
    #[serde(default)]
    clear: Vec<String>,
    /// When the change took effect; now when absent.
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
