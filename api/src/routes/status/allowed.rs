//! Allowed transitions.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::customer::{AllowedTransition, Customer, allowed_transitions};
use crate::domain::pipeline::{Approval, ApprovedAt};
use crate::domain::{Context, Language, Role};
use crate::http::answer::{AsOfResponse, Versioned};
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Id, Query};
use crate::problem::Problem;
use crate::problem::document::{ProblemDocument, ViolationDocument};
use crate::routes::AppState;
use crate::routes::customers::merged::elsewhere;

/// Which journey.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AllowedTransitionsParams {
    /// The pipeline's key; the primary journey's when absent.
    pipeline: Option<String>,
}

/// The stages other than the current one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AllowedTransitionsReply {
    /// Every stage of the pipeline except the current one, in order.
    items: Vec<TransitionReply>,
    /// The reason code recorded on entry into the current stage, such as why the customer was lost; null if there is
    /// none.
    #[schema(example = "price")]
    reason: Option<String>,
    /// The name of that reason, in the requested language.
    reason_name: Option<String>,
    /// The business instant asked about: now when none was named.
    effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about: now when none was named.
    known_at: DateTime<Utc>,
}

/// A stage, with the conditions that block the transition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TransitionReply {
    /// The stage.
    #[schema(example = "need_confirmed")]
    to: String,
    /// The name, in the requested language.
    name: String,
    /// Whether the transition succeeds once its form is filled in.
    allowed: bool,
    /// The conditions that block the transition.
    violations: Vec<ViolationDocument>,
    /// A JSON Schema of the fields that the transition requires.
    form: Value,
    /// The required approval; null if none is required.
    approval: Option<ApprovalReply>,
}

/// The approval that a transition requires.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ApprovalReply {
    /// The roles that may approve; the requester cannot.
    #[schema(value_type = Vec<String>, example = json!(["manager"]))]
    roles: Vec<Role>,
    /// The effective time of an approved transition: that of the `request` or of the `approval`.
    #[schema(value_type = String, example = "request")]
    effective: ApprovedAt,
    /// After how many seconds a request expires.
    #[schema(example = 172800)]
    expires_seconds: u64,
}

impl From<Approval> for ApprovalReply {
    fn from(approval: Approval) -> Self {
        let Approval { roles, effective, expires_seconds } = approval;
        Self { roles, effective, expires_seconds }
    }
}

impl TransitionReply {
    fn of(transition: AllowedTransition, language: Language) -> Self {
        let violations = transition.violations.iter();
        Self {
            to: transition.to,
            name: transition.name.text(language).to_owned(),
            allowed: transition.allowed,
            violations: violations.map(|violation| ViolationDocument::of(violation, language)).collect(),
            form: transition.form,
            approval: transition.approval.map(Into::into),
        }
    }
}

/// List allowed transitions
///
/// Evaluated by the same rules that decide the transition, against the current state; with `effective_at` or `known_at`, against
/// the customer and the definitions as they stood then. The response contains both times. The caller is the caller of now.
#[utoipa::path(
    get, path = "/v1/customers/{id}/allowed-transitions", tag = "status",
    params(("id" = Uuid, Path, description = "The customer."), AllowedTransitionsParams, AsOfParams),
    responses(
        (status = 200, description = "Every stage except the current one.", body = AllowedTransitionsReply, headers(("ETag", description = "The version: what `If-Match` takes."))),
        (status = 308, description = "The customer was merged: `Location` names the survivor's transitions."),
        (status = 404, description = "There is no such customer or pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn allowed(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    RequestedLanguage(language): RequestedLanguage,
    OriginalUri(uri): OriginalUri,
    Query(which, as_of, ..): Query<AllowedTransitionsParams, AsOfParams>,
) -> Result<Response, Problem> {
    let customer = state.app.customer_state(&caller, id).await?;
    let place = ("/allowed-transitions", &uri);
    if let Some(elsewhere) = elsewhere(&state, &caller, &customer, &as_of, place).await? {
        return Ok(elsewhere);
    }
    let named = which.pipeline.as_deref();
    if as_of.is_now() {
        let situation = state.app.base_context(&caller, Some(&customer.owner)).await?;
        let context = situation.context(&caller, None);
        let reply = reply(&customer, named, &context, (context.now, context.now), language)?;
        return Ok(Versioned { version: customer.version, body: Json(reply) }.into_response());
    }
    let at = as_of.at(&state, &caller, "board").await?;
    let mut board = state.app.projections.board(caller.tenant).await?;
    let (then, position) = board.decided_on_as_of(id, &at).await?;
    let then = then.ok_or_else(|| Problem::not_found("customer", &id.to_string()))?;
    let situation = state.app.context_then(&caller, &then.owner, &at).await?;
    let times = (at.effective_at, at.known_at);
    let body = reply(&then, named, &situation.context(&caller, None), times, language)?;
    Ok(AsOfResponse { position, body }.into_response())
}

/// Where a customer may go, by what decides it.
fn reply(
    customer: &Customer,
    named: Option<&str>,
    context: &Context<'_>,
    (effective_at, known_at): (DateTime<Utc>, DateTime<Utc>),
    language: Language,
) -> Result<AllowedTransitionsReply, Problem> {
    let none = AllowedTransitionsReply {
        items: Vec::new(),
        reason: None,
        reason_name: None,
        effective_at,
        known_at,
    };
    if customer.withdrawn {
        // It is in no stage, and goes to none.
        return Ok(none);
    }
    let key = named.unwrap_or(customer.primary());
    let pipeline = context.pipeline(key).ok_or_else(|| Problem::not_found("pipeline", key))?;
    let items = allowed_transitions(customer, pipeline, context).into_iter();
    let items = items.map(|transition| TransitionReply::of(transition, language)).collect();
    let reason = customer.reason_of_standing(key).map(str::to_owned);
    let named = pipeline.reasons.iter().find(|known| Some(&known.code) == reason.as_ref());
    let reason_name = named.map(|known| known.name.text(language).to_owned());
    Ok(AllowedTransitionsReply { items, reason, reason_name, ..none })
}
