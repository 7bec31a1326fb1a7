//! Changing what is known of a customer.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{Amount, Contact, Fields};
use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::Site;
use crate::routes::order::{Order, carry_out};

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
    /// Since when; now when absent.
    effective_at: Option<Instant>,
}

impl From<Details> for Order {
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
        (status = 422, description = "A field is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn change_details(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Details>,
) -> Result<Accepted, Problem> {
    carry_out(&site, &caller, customer, command).await
}
