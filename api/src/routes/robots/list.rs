//! Listing and deleting chat robots.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::{Authority, PresentedCredential};
use crate::http::answer::{List, aged};
use crate::http::{Bodiless, Id, Page, Query};
use crate::outbound::endpoint::{Endpoint, Kind};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::webhooks::ROBOT;

/// A robot, without its token and secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RobotReply {
    /// The key.
    id: Uuid,
    /// Of which platform.
    kind: Kind,
    /// Whose reminders it carries; null where it is a team's, or the default.
    member: Option<String>,
    /// Which team's reminders it carries; null where it is a person's, or the default.
    team: Option<String>,
    /// The language of its texts: `zh` or `en`.
    #[schema(example = "zh")]
    language: &'static str,
    /// A description; null if none was given.
    description: Option<String>,
    /// Whether customers are named to the group.
    include_personal: bool,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// Who created it.
    #[schema(example = "admin:root")]
    created_by: String,
}

impl From<Endpoint> for RobotReply {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            kind: endpoint.kind,
            member: endpoint.member,
            team: endpoint.team,
            language: endpoint.language.as_str(),
            description: endpoint.description,
            include_personal: endpoint.include_personal,
            created_at: endpoint.created_at,
            created_by: endpoint.created_by,
        }
    }
}

/// List chat robots
#[utoipa::path(
    get, path = "/v1/admin/robots", tag = "admin",
    params(Page),
    responses((status = 200, description = "Every robot, oldest first.", body = List<RobotReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<RobotReply>>, Problem> {
    let robots = state.outbound.receivers(caller.tenant, true).await?;
    Ok(Json(List::paged(robots.into_iter().map(RobotReply::from).collect(), &page, |one| {
        aged(one.created_at, one.id)
    })?))
}

/// Delete a chat robot
///
/// Its token, its secret and undelivered messages are deleted.
#[utoipa::path(
    delete, path = "/v1/admin/robots/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The robot.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such robot.", body = ProblemDocument),
    )
)]
pub(super) async fn remove(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Id(id): Id,
    Bodiless(meta): Bodiless,
) -> Result<StatusCode, Problem> {
    state.outbound.remove(&caller, &meta, &shown.credential(), id, ROBOT).await?;
    Ok(StatusCode::NO_CONTENT)
}
