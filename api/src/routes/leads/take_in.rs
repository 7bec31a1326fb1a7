//! Lead intake: new people become customers, known ones are matched.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::{Caller, CommandMeta, CustomerCommand};
use crate::auth::Authority;
use crate::domain::Label;
use crate::http::Command;
use crate::http::answer::Accepted;
use crate::http::command::{digest, read_body};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use crate::routes::AppState;
use crate::routes::customers::register::NewCustomer;

/// The most leads of one request.
const MOST: usize = 1_000;

/// The outcome of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeadOutcome {
    /// It is a new customer.
    Created,
    /// It is a customer who was known; its history has the further source.
    Duplicate,
    /// It was not taken.
    Refused,
}

/// The outcome of one lead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct LeadReply {
    /// The index of the lead, from 0.
    index: usize,
    /// The outcome.
    outcome: LeadOutcome,
    /// The HTTP status of the lead as a single request: 201, 200, or that of the problem.
    #[schema(example = 201)]
    status: u16,
    /// The customer, new or existing; null if it exists and the caller cannot see it.
    #[schema(value_type = Option<String>, format = Uuid)]
    customer_id: Option<Value>,
    /// The score by the rules of intake, from 0 to 100; null for a known customer whose score it does not raise.
    #[schema(value_type = Option<u32>)]
    score: Option<Value>,
    /// What the score is made of: `{factor, detail?, points}` with the factors `contact`, `product`, `channel`, `field` and
    /// `touches`.
    #[schema(value_type = Vec<ScoreReasonReply>)]
    score_reasons: Value,
    /// The rep who gets the lead, such as `li`; null where it waits in a pool.
    #[schema(value_type = Option<String>)]
    assigned_to: Option<Value>,
    /// Why: `rep`, `method`, `score`, and `rule`, `team`, `instead_of` where they apply; or, where nobody gets it, `zh` and `en`.
    #[schema(value_type = Option<Object>)]
    assignment_reason: Option<Value>,
    /// The recorded events; absent if the customer exists and the caller cannot see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Accepted>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemDocument>,
}

/// One factor of a score that holds.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description of what the decision says")]
pub(super) struct ScoreReasonReply {
    /// `contact`, `product`, `channel`, `field` or `touches`.
    factor: String,
    /// What of it.
    detail: Option<String>,
    /// What it adds.
    points: u32,
}

/// One lead, or several.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the description of what `read_body` reads lead by lead")]
enum Leads {
    /// A single lead.
    One(Box<NewCustomer>),
    /// Up to 1,000 leads.
    Several(Vec<NewCustomer>),
}

/// The outcomes of the leads, in order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct LeadReplies {
    /// One item per lead.
    items: Vec<LeadReply>,
}

/// Submit leads
///
/// A single lead, or an array of up to 1,000, each in the form of a registration. A lead whose phone number, e-mail
/// address, WeChat id, credit code, channel id or external id matches an existing customer does not create another one:
/// its source, channel and note are added to that customer's history, and the result is `duplicate` with the customer's
/// id. If the caller cannot see that customer, nothing else is disclosed.
///
/// Each new lead is scored by the rules of `GET /v1/admin/intake`. From the threshold on it is assigned to a rep at once, by the
/// rules in their order; below, it waits in the pipeline's lead pool. A lead that names its `owner` stays with it. A lead of a
/// known customer tells its owner, and may raise the score: one that waits in a pool and crosses the threshold is assigned.
#[utoipa::path(
    post, path = "/v1/leads", tag = "customers", request_body = Leads,
    responses(
        (status = 200, description = "The result for each lead; for a single lead: it matched an existing customer.", body = LeadReplies),
        (status = 201, description = "The single lead created a new customer.", body = LeadReplies),
        (status = 409, description = "The single lead was rejected: the matching customer was erased.", body = ProblemDocument),
        (status = 422, description = "The single lead was rejected, or there are too many.", body = ProblemDocument),
    )
)]
pub(super) async fn take_in(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Extension(reader): Extension<Reader>,
    Command { body, meta }: Command<Value>,
) -> Result<Response, Problem> {
    let Value::Array(leads) = body else {
        let (status, reply) = taken(0, one(&state, &caller, &meta, 0, &body).await?);
        return Ok((status, Json(LeadReplies { items: vec![reply] })).into_response());
    };
    if leads.len() > MOST {
        let message = Label::new(
            format!("一次最多 {MOST} 条线索；请分批发送。"),
            format!("At most {MOST} leads per request; send them in batches."),
        );
        return Err(Problem::invalid_value("$", message));
    }
    // One after the other: two leads of one person make one customer, and the first one makes it.
    let mut items = Vec::with_capacity(leads.len());
    for (index, lead) in leads.iter().enumerate() {
        items.push(match one(&state, &caller, &meta, index, lead).await {
            Ok(accepted) => taken(index, accepted).1,
            Err(problem) => refused(index, &problem, &reader),
        });
    }
    Ok(Json(LeadReplies { items }).into_response())
}

async fn one(
    state: &AppState,
    caller: &Caller,
    meta: &CommandMeta,
    index: usize,
    lead: &Value,
) -> Result<Accepted, Problem> {
    let meta = CommandMeta {
        idempotency_key: meta.idempotency_key.as_ref().map(|key| format!("{key}#{index}")),
        digest: digest(&Method::POST, "/v1/leads", lead),
        if_match: None,
        ..meta.clone()
    };
    let body: NewCustomer = read_body(lead)?;
    let effective_at = body.effective_at.map(|instant| instant.0);
    let command = CustomerCommand::register_or_record_inquiry(
        (state.app.ids)(),
        body.command(&*state.app.ids),
        effective_at,
    );
    let answer = state.app.execute(caller, &meta, &command).await?;
    Ok(answer.into())
}

fn taken(index: usize, accepted: Accepted) -> (StatusCode, LeadReply) {
    let status = accepted.status();
    let outcome = if status == StatusCode::CREATED { LeadOutcome::Created } else { LeadOutcome::Duplicate };
    let mut accepted = accepted;
    let customer_id = accepted.resource.get("id").cloned();
    let mut said = |name: &str| accepted.resource.remove(name).filter(|value| !value.is_null());
    let (score, assigned_to) = (said("score"), said("assigned_to"));
    let (score_reasons, assignment_reason) = (said("score_reasons"), said("assignment_reason"));
    let score_reasons = score_reasons.unwrap_or_else(|| Value::Array(Vec::new()));
    // Of a customer that the caller does not see, nothing is told but that it is known.
    let result = customer_id.is_some().then_some(accepted);
    let reply = LeadReply {
        index,
        outcome,
        status: status.as_u16(),
        customer_id,
        score,
        score_reasons,
        assigned_to,
        assignment_reason,
        result,
        problem: None,
    };
    (status, reply)
}

fn refused(index: usize, problem: &Problem, reader: &Reader) -> LeadReply {
    let document = problem.document(reader.language, "/v1/leads", &reader.trace_id.to_string());
    LeadReply {
        index,
        outcome: LeadOutcome::Refused,
        status: document.status,
        customer_id: None,
        score: None,
        score_reasons: Value::Array(Vec::new()),
        assigned_to: None,
        assignment_reason: None,
        result: None,
        problem: Some(document),
    }
}
