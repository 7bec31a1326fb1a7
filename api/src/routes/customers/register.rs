//! Registering a customer.

use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{Amount, ChannelId, Contact, ContractDays, Fields, OwnerName, channel_ids};
use super::documents::NewDocument;
use super::evidence::{Evidence, shown};
use crate::app::CustomerCommand;
use crate::auth::Authority;
use crate::domain::ProfileTexts;
use crate::domain::customer::command::{NewProfile, Register};
use crate::http::answer::{Accepted, Registered};
use crate::http::profile::{self, Beside};
use crate::http::{Command, Instant, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::provenance::Provenance;

/// A new customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({
    "pipeline": "sales", "name": "海港食品 Harbour Foods", "external_id": "crm-1001", "source": "exhibition",
    "contacts": [{"kind": "phone", "value": "+8613800138000"}],
    "amount": {"amount": "128000.00", "currency": "CNY"}, "owner": {"kind": "rep", "id": "li"}
}))]
pub(crate) struct NewCustomer {
    /// The pipeline's key.
    pipeline: String,
    /// The customer's name. Personal data: unreadable once the customer is erased.
    name: Option<String>,
    /// The id in another system, unique in the tenant.
    external_id: Option<String>,
    /// The source of the lead.
    source: Option<String>,
    /// The channel of the lead.
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
    /// The sub-status.
    sub_status: Option<String>,
    /// A note.
    note: Option<String>,
    /// Custom fields.
    #[schema(value_type = Option<Object>)]
    fields: Option<Fields>,
    /// The unified social credit code (GB 32100), with its check digit.
    #[schema(example = "91330100799655058B")]
    credit_code: Option<String>,
    /// The person's ids in channels.
    channel_ids: Option<Vec<ChannelId>>,
    /// The plain texts of the profile, each a member by its name.
    #[serde(skip)]
    texts: ProfileTexts,
    /// The contract period.
    contract: Option<ContractDays>,
    /// The day of delivery.
    #[schema(example = "2026-02-01")]
    delivered_on: Option<NaiveDate>,
    /// The day until which the deal is postponed.
    #[schema(example = "2026-03-01")]
    postponed_until: Option<NaiveDate>,
    /// The day on which the deal is expected to close.
    #[schema(example = "2026-12-31")]
    expected_close_on: Option<NaiveDate>,
    /// Why that day, such as what the deal waits for.
    #[schema(example = "budget")]
    expected_close_reason: Option<String>,
    /// Evidence that the stage's entry criterion is met.
    #[serde(default)]
    evidence: Vec<Evidence>,
    /// Documents to add; those of a kind that the stage asks for are evidence.
    #[serde(default)]
    documents: Vec<NewDocument>,
    /// When the customer entered; now when absent.
    pub(crate) effective_at: Option<Instant>,
}

impl<'de> Deserialize<'de> for NewCustomer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = ProfileTexts::default();
        let own = Self::deserialize(Beside::new(deserializer, profile::every, &mut texts))?;
        Ok(Self { texts, ..own })
    }
}

impl NewCustomer {
    /// The command, without the customer's id, which is given by the write path; `ids` gives documents theirs.
    pub(crate) fn command(self, ids: &dyn Fn() -> Uuid) -> Register {
        let body = self;
        Register {
            shown: shown(body.evidence, body.documents, ids),
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
            profile: NewProfile {
                credit_code: body.credit_code,
                channel_ids: channel_ids(body.channel_ids),
                texts: body.texts,
                contract: body.contract.map(Into::into),
                delivered_on: body.delivered_on,
                postponed_until: body.postponed_until,
                expected_close_on: body.expected_close_on,
                expected_close_reason: body.expected_close_reason,
                ..NewProfile::default()
            },
            ..Register::default()
        }
    }
}

/// Register a customer
///
/// The customer enters the pipeline's first stage, in the default pool unless an owner is given. Duplicates are
/// refused: phone number (E.164; Chinese mobile numbers also without country code), e-mail address, WeChat id, credit
/// code and channel ids must be unique among customers. A stage further on asks a rep for what a transition into it would: the
/// evidence, or documents brought along, and the fields that must be known. Imports and those who supervise tell of the past, and
/// are asked for nothing but the evidence of a sub-status.
#[utoipa::path(
    post, path = "/v1/customers", tag = "customers", params(Provenance), request_body = NewCustomer,
    responses(
        (status = 201, description = "Registered; `id` names the customer.", body = Registered),
        (status = 403, description = "The caller's roles do not permit `origin=import`.", body = ProblemDocument),
        (status = 409, description = "`customer-exists` (same external id), or `duplicate-customer` (same contact, credit code or channel id); `customer_id` names the existing customer.", body = ProblemDocument),
    )
)]
pub(crate) async fn register(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(provenance, ..): Query<Provenance>,
    command: Command<NewCustomer>,
) -> Result<Accepted, Problem> {
    let caller = provenance.of(caller)?;
    let Command { body, meta } = command;
    let effective_at = body.effective_at.map(|instant| instant.0);
    let command = CustomerCommand::register((state.app.ids)(), body.command(&*state.app.ids), effective_at);
    let answer = state.app.execute(&caller, &meta, &command).await?;
    Ok(answer.into())
}
