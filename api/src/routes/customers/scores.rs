//! Scores of models outside.

use axum::extract::State;
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::decimal;
use crate::auth::Authority;
use crate::domain::customer::command::{Command as DomainCommand, ScoreByModel};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A score that a model gives a customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"model": "repurchase", "version": "2026.11", "score": "0.83", "explanation": "asked twice in a month"}))]
pub(super) struct NewScore {
    /// What the model is called.
    model: String,
    /// Which version of it.
    version: String,
    /// The score, in the model's own terms: a decimal as text.
    #[serde(deserialize_with = "decimal")]
    #[schema(value_type = String, example = "0.83")]
    score: Decimal,
    /// Why, in the model's words. Personal data: unreadable once the customer is erased.
    explanation: Option<String>,
    /// When it was given; now when absent.
    effective_at: Option<Instant>,
}

impl From<NewScore> for CommandRequest {
    fn from(body: NewScore) -> Self {
        let NewScore { model, version, score, explanation, effective_at } = body;
        Self {
            command: DomainCommand::ScoreByModel(ScoreByModel { model, version, score, explanation }),
            effective_at: effective_at.map(|instant| instant.0),
        }
    }
}

/// Record a model's score
///
/// Of a model outside, with its name and version. The last score of each model is shown with its age in the customer's
/// `model_scores`; all of them are in the timeline.
#[utoipa::path(
    post, path = "/v1/customers/{id}/scores", tag = "customers", request_body = NewScore,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Recorded.", body = Accepted),
        (status = 422, description = "The score cannot be kept.", body = ProblemDocument),
    )
)]
pub(super) async fn record(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<NewScore>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
