//! Transitions to another stage.

use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::CustomerCommand;
use crate::auth::Authority;
use crate::domain::ProfileTexts;
use crate::domain::customer::command::{
    self, ChangeDetails, Command as DomainCommand, NewProfile, SuppliedEvidence,
};
use crate::http::answer::Accepted;
use crate::http::profile::{self, Beside};
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::CommandRequest;
use crate::routes::customers::body::{Amount, Contact, ContractDays, Fields};
use crate::routes::customers::documents::NewDocument;
use crate::routes::customers::evidence::{Evidence, shown};

/// A transition.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({
    "to": "need_confirmed", "note": "Budget and decision maker are known", "next_step": "Send the quotation on Friday"
}))]
pub(crate) struct Move {
    /// The target stage.
    to: String,
    /// The pipeline of the journey; the primary one when absent. A pipeline that the customer is not in yet starts a
    /// new journey.
    pipeline: Option<String>,
    /// The sub-status within the stage.
    sub_status: Option<String>,
    /// A reason code of the stage, or free text if the stage has none.
    reason: Option<String>,
    /// A note on the progress.
    note: Option<String>,
    /// The next step.
    next_step: Option<String>,
    /// Evidence that the stage's entry criterion is met.
    #[serde(default)]
    evidence: Vec<Evidence>,
    /// The pipeline version known to the caller. If another version is in effect, the transition is refused with 409.
    expected_pipeline_version: Option<u32>,
    /// The day until which the deal is postponed; only for paused stages and those whose form asks for it, and cleared when
    /// the customer goes on to another stage.
    #[schema(example = "2026-03-01")]
    postponed_until: Option<NaiveDate>,
    /// The amount won; only for won or partially won stages and those whose form asks for it.
    won_amount: Option<Amount>,
    /// What the deal may be worth, from now on.
    amount: Option<Amount>,
    /// Custom fields, set beside the existing ones.
    #[schema(value_type = Option<Object>)]
    fields: Option<Fields>,
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
    /// The unified social credit code (GB 32100), with its check digit.
    #[schema(example = "91330100799655058B")]
    credit_code: Option<String>,
    /// The plain texts of the profile, each a member by its name.
    #[serde(skip)]
    texts: ProfileTexts,
    /// The contract period.
    contract: Option<ContractDays>,
    /// The day of delivery.
    #[schema(example = "2026-02-01")]
    delivered_on: Option<NaiveDate>,
    /// Customer satisfaction, from 0 to 10.
    #[schema(maximum = 10)]
    satisfaction: Option<u8>,
    /// Documents to add; those of a kind that the stage asks for are evidence.
    #[serde(default)]
    documents: Vec<NewDocument>,
    /// When it happened; now when absent.
    effective_at: Option<Instant>,
}

impl<'de> Deserialize<'de> for Move {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = ProfileTexts::default();
        let own = Self::deserialize(Beside::new(deserializer, profile::every, &mut texts))?;
        Ok(Self { texts, ..own })
    }
}

impl Move {
    /// The command; `ids` gives documents their ids.
    pub(crate) fn request(self, ids: &dyn Fn() -> Uuid) -> CommandRequest {
        let body = self;
        let SuppliedEvidence { evidence, documents } = shown(body.evidence, body.documents, ids);
        let profile = NewProfile {
            credit_code: body.credit_code,
            texts: body.texts,
            contract: body.contract.map(Into::into),
            delivered_on: body.delivered_on,
            postponed_until: body.postponed_until,
            won_amount: body.won_amount.map(Into::into),
            satisfaction: body.satisfaction,
            ..NewProfile::default()
        };
        let details = ChangeDetails {
            name: body.name,
            source: body.source,
            channel: body.channel,
            contacts: body.contacts.map(|contacts| contacts.into_iter().map(Into::into).collect()),
            tags: body.tags,
            tier: body.tier,
            amount: body.amount.map(Into::into),
            fields: body.fields,
            profile,
            clear: Vec::new(),
        };
        let transition = command::Transition {
            to: body.to,
            pipeline: body.pipeline,
            sub_status: body.sub_status,
            reason: body.reason,
            note: body.note,
            next_step: body.next_step,
            evidence,
            expected_pipeline_version: body.expected_pipeline_version,
            details: Box::new(details),
            documents,
        };
        CommandRequest {
            command: DomainCommand::Transition(transition),
            effective_at: body.effective_at.map(|instant| instant.0),
        }
    }
}

/// Transition a customer to another stage
///
/// For a change in the real world. If the record was wrong instead, send a correction. With the present stage and another
/// `sub_status`, the sub-status changes and no stay begins. Whatever the form of the stage asks for may come along, `amount`,
/// `fields`, `documents` and the other details of a customer: it is kept with the customer in the same commit.
#[utoipa::path(
    post, path = "/v1/customers/{id}/transitions", tag = "status", request_body = Move,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Moved.", body = Accepted),
        (status = 409, description = "The customer is already in this stage, later transitions conflict, or another customer has a contact or credit code that comes along (`duplicate-customer`).", body = ProblemDocument),
        (status = 412, description = "The version does not match `If-Match`.", body = ProblemDocument),
        (status = 422, description = "The pipeline does not allow it, or the stage requires more; `violations` lists every unmet condition.", body = ProblemDocument),
    )
)]
pub(crate) async fn transition(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    Command { body, meta }: Command<Move>,
) -> Result<Accepted, Problem> {
    let CommandRequest { command, effective_at } = body.request(&*state.app.ids);
    let command = CustomerCommand::on(customer, command, effective_at);
    Ok(state.app.execute(&caller, &meta, &command).await?.into())
}
