//! Registering a customer.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{Amount, Contact, Fields, OwnerName};
use crate::auth::Authority;
use crate::domain::customer::command::Register;
use crate::http::answer::Accepted;
use crate::http::{Command, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::Site;

/// A new customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "pipeline": "landian-6", "name": "海港食品 Harbour Foods", "external_id": "crm-1001", "source": "exhibition",
    "contacts": [{"kind": "phone", "value": "+8613800138000"}],
    "amount": {"amount": "128000.00", "currency": "CNY"}, "owner": {"kind": "rep", "id": "li"}
}))]
pub struct NewCustomer {
    /// The pipeline's key.
    pipeline: String,
    /// What the customer is called. Personal: unreadable once the customer is erased.
    name: Option<String>,
    /// The id in another system, unique in the tenant.
    external_id: Option<String>,
    /// Where the lead came from.
    source: Option<String>,
    /// Through which channel.
    channel: Option<String>,
    /// Ways to reach it.
    #[serde(default)]
    contacts: Vec<Contact>,
    /// Labels that are not statuses.
    #[serde(default)]
    tags: Vec<String>,
    /// The value tier.
    tier: Option<String>,
    /// What the deal may be worth.
    amount: Option<Amount>,
    /// Whom it belongs to; the pipeline's default pool when absent.
    owner: Option<OwnerName>,
    /// The first stage; the pipeline's entry stage when absent.
    stage: Option<String>,
    /// The sub-status within it.
    sub_status: Option<String>,
    /// A note.
    note: Option<String>,
    /// Custom fields.
    #[schema(value_type = Option<Object>)]
    fields: Option<Fields>,
    /// When the customer entered; now when absent.
    pub(crate) effective_at: Option<Instant>,
}

impl From<NewCustomer> for Register {
    /// The command, without the id, which is given by the write path.
    fn from(body: NewCustomer) -> Self {
        Self {
            pipeline: body.pipeline,
            stage: body.stage,
            sub_status: body.sub_status,
            name: body.name,
            external_id: body.external_id,
            source: body.source,
            channel: body.channel,
            contacts: body.contacts.into_iter().map(Into::into).collect(),
            tags: body.tags,
            tier: body.tier,
            amount: body.amount.map(Into::into),
            fields: body.fields,
            owner: body.owner.map(|owner| owner.0),
            note: body.note,
            ..Self::default()
        }
    }
}

/// Register a customer
///
/// The customer enters the pipeline's first stage, in the default pool unless an owner is given.
#[utoipa::path(
    post, path = "/v1/customers", tag = "customers", request_body = NewCustomer,
    responses(
        (status = 201, description = "Registered; `id` names the customer.", body = Accepted),
        (status = 409, description = "A customer of that external id exists.", body = ProblemDocument),
        (status = 422, description = "A field is unknown, missing or wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn register(
    State(site): State<Site>,
    Authority(caller): Authority,
    command: Command<NewCustomer>,
) -> Result<Accepted, Problem> {
    let Command { body, meta } = command;
    let effective_at = body.effective_at.map(|instant| instant.0);
    let answer = site.app.register(&caller, &meta, body.into(), effective_at).await?;
    Ok(answer.into())
}
