//! Changing a customer's owner.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::domain::customer::event::Occasion;
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};
use crate::routes::customers::body::OwnerName;

/// A change of owner.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"to": {"kind": "rep", "id": "zhao"}, "reason": "handover"}))]
pub(crate) struct OwnerChange {
    /// The person.
    to: OwnerName,
    /// The reason. If it is the code of an occasion, it also sets the occasion.
    reason: String,
    /// The occasion.
    occasion: Option<OccasionName>,
}

/// The occasions on which customers change hands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Occasion)]
pub(in crate::routes) enum OccasionName {
    /// Between colleagues.
    Handover,
    /// The owner is away.
    Leave,
    /// The owner has left the company.
    Resign,
    /// Regions were divided again.
    Region,
    /// A rule did it.
    Auto,
}

impl OccasionName {
    /// The word.
    pub(in crate::routes) fn as_str(self) -> &'static str {
        match self {
            Self::Handover => "handover",
            Self::Leave => "leave",
            Self::Resign => "resign",
            Self::Region => "region",
            Self::Auto => "auto",
        }
    }
}

impl From<OccasionName> for Occasion {
    fn from(name: OccasionName) -> Self {
        match name {
            OccasionName::Handover => Self::Handover,
            OccasionName::Leave => Self::Leave,
            OccasionName::Resign => Self::Resign,
            OccasionName::Region => Self::Region,
            OccasionName::Auto => Self::Auto,
        }
    }
}

impl From<OwnerChange> for CommandRequest {
    fn from(body: OwnerChange) -> Self {
        Self::now(DomainCommand::ChangeOwner(command::ChangeOwner {
            to: body.to.0,
            reason: body.reason,
            occasion: body.occasion.map(Into::into),
        }))
    }
}

/// Change a customer's owner
///
/// Stage, notes and plans are unchanged. When a customer changes hands between reps, the new owner has a grace period
/// of two days.
#[utoipa::path(
    post, path = "/v1/customers/{id}/owner-changes", tag = "ownership", request_body = OwnerChange,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Updated.", body = Accepted),
        (status = 409, description = "The customer already has this owner.", body = ProblemDocument),
    )
)]
pub(crate) async fn change_owner(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<OwnerChange>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
