//! Where a customer may go from here.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::customer::{AllowedTransition, allowed_transitions};
use crate::domain::pipeline::{Approval, ApprovedAt};
use crate::domain::{Language, Role};
use crate::http::answer::Versioned;
use crate::http::language::RequestedLanguage;
use crate::http::{Id, Query};
use crate::problem::Problem;
use crate::problem::document::{ProblemDocument, ViolationDocument};
use crate::routes::AppState;

/// Which journey.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AllowedTransitionsParams {
    /// The pipeline's key; the primary journey's when absent.
    pipeline: Option<String>,
}

/// The stages that are not the present one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AllowedTransitionsReply {
    /// Every stage of the pipeline but the present one, in order.
    items: Vec<TransitionReply>,
    /// The reason code with which the customer came to where it stands, such as why it was lost; null where there is
    /// none.
    #[schema(example = "price")]
    reason: Option<String>,
    /// What that reason is called, in the language asked for.
    reason_name: Option<String>,
}

/// One stage, and what stands in the way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TransitionReply {
    /// The stage.
    #[schema(example = "need_confirmed")]
    to: String,
    /// What it is called, in the language asked for.
    name: String,
    /// Whether a move there succeeds once its form is filled in.
    allowed: bool,
    /// What stands in the way.
    violations: Vec<ViolationDocument>,
    /// A JSON Schema of what the move asks for.
    form: Value,
    /// Who would have to approve; null where nobody has to.
    approval: Option<ApprovalReply>,
}

/// Who must approve a move, and what follows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ApprovalReply {
    /// The roles of which any may approve; never whoever asks.
    #[schema(value_type = Vec<String>, example = json!(["manager"]))]
    roles: Vec<Role>,
    /// When an approved move happened: at the `request` or at the `approval`.
    #[schema(value_type = String, example = "request")]
    effective: ApprovedAt,
    /// How long a request waits before it expires.
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

/// List where a customer may go
///
/// Judged by the rules that decide the move itself, as the log stands now.
#[utoipa::path(
    get, path = "/v1/customers/{id}/allowed-transitions", tag = "status",
    params(("id" = Uuid, Path, description = "The customer."), AllowedTransitionsParams),
    responses(
        (status = 200, description = "Every stage but the present one.", body = AllowedTransitionsReply, headers(("ETag", description = "The version: what `If-Match` takes."))),
        (status = 404, description = "There is no such customer or pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn allowed(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    RequestedLanguage(language): RequestedLanguage,
    Query(which, ..): Query<AllowedTransitionsParams>,
) -> Result<Versioned<Json<AllowedTransitionsReply>>, Problem> {
    let customer = state.app.customer_state(&caller, id).await?;
    let key = which.pipeline.as_deref().unwrap_or(customer.primary());
    let situation = state.app.base_context(&caller, Some(&customer.owner)).await?;
    let context = situation.context(&caller, None);
    let pipeline = context.pipeline(key).ok_or_else(|| Problem::not_found("pipeline", key))?;
    let items = allowed_transitions(&customer, pipeline, &context).into_iter();
    let items = items.map(|transition| TransitionReply::of(transition, language)).collect();
    let reason = customer.reason_of_standing(key).map(str::to_owned);
    let named = pipeline.reasons.iter().find(|known| Some(&known.code) == reason.as_ref());
    let reason_name = named.map(|known| known.name.text(language).to_owned());
    let body = Json(AllowedTransitionsReply { items, reason, reason_name });
    Ok(Versioned { version: customer.version, body })
}
