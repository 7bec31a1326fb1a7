//! Parked events (dead letters): list, retry, skip.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::company::CompanyCommand;
use crate::eventstore::Position;
use crate::http::answer::List;
use crate::http::{Command, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::runtime::Parked;
use crate::routes::AppState;

/// Nothing: the request says it all.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({}))]
pub(super) struct RetryBody {}

/// An event that must be left out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"position": 42, "reason": "Written by a broken import"}))]
pub(super) struct SkipBody {
    /// The event's position.
    #[schema(value_type = u64)]
    position: Position,
    /// Why it may be left out.
    reason: String,
}

/// The result of skipping an event.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Skipped)]
pub(super) struct SkipReply {
    /// The position of the log entry that records the skip.
    #[schema(value_type = u64)]
    position: Position,
    /// The number of events processed that had waited behind it.
    folded: usize,
}

/// The result of retrying parked events.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct RetryReply {
    /// The number of events processed.
    folded: usize,
}

/// List parked events
///
/// Events that the read model could not process (dead letters), and later events of the same customer that wait behind
/// them.
#[utoipa::path(
    get, path = "/v1/projections/{name}/parked", tag = "operations",
    params(("name" = String, Path, description = "The read model."), Page),
    responses(
        (status = 200, description = "Every parked event, including skipped ones.", body = List<Parked>),
        (status = 404, description = "There is no such read model.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<Parked>>, Problem> {
    let parked = state.app.projections.parked(caller.tenant, &name).await?;
    Ok(Json(List::paged(parked, &page, |one| format!("{:020}", one.position))?))
}

/// Retry parked events
///
/// Processes parked events again, as far as possible.
#[utoipa::path(
    post, path = "/v1/projections/{name}/retries", tag = "operations", request_body = RetryBody,
    params(("name" = String, Path, description = "The read model.")),
    responses(
        (status = 200, description = "Retried.", body = RetryReply),
        (status = 404, description = "There is no such read model.", body = ProblemDocument),
    )
)]
pub(super) async fn retry(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    Command { meta, .. }: Command<RetryBody>,
) -> Result<Json<Value>, Problem> {
    let retried = async {
        let folded = state.app.projections.retry(caller.tenant, &name).await?;
        Ok::<_, Problem>(json!(RetryReply { folded }))
    };
    Ok(Json(state.app.once(&caller, &meta, retried).await?))
}

/// Skip a parked event
///
/// The skip, with its reason and author, is recorded as an event, so that a rebuild skips the same event and nothing
/// else. Events that waited behind it are processed. The event itself stays in the log.
#[utoipa::path(
    post, path = "/v1/projections/{name}/skips", tag = "operations", request_body = SkipBody,
    params(("name" = String, Path, description = "The read model.")),
    responses(
        (status = 200, description = "Skipped.", body = SkipReply),
        (status = 404, description = "There is no such read model, or no event is parked at this position.", body = ProblemDocument),
        (status = 422, description = "The reason is missing, or the event has already been skipped.", body = ProblemDocument),
    )
)]
pub(super) async fn skip(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    Command { body: SkipBody { position, reason }, meta }: Command<SkipBody>,
) -> Result<Json<SkipReply>, Problem> {
    let app = &state.app;
    if reason.trim().is_empty() {
        let message = Label::new("请填写原因。", "State a reason.");
        return Err(Problem::invalid_value("reason", message));
    }
    let known = app.companies.now(caller.tenant).await?;
    if !known.skipped.contains(&(name.clone(), position)) {
        app.projections.require_parked(caller.tenant, &name, position).await?;
    }
    let command = CompanyCommand::SkipEvent { projection: name.clone(), position, reason };
    let said = app.configure(&caller, &meta, &command, Map::new()).await?;
    // A crash before this leaves the event parked and the log saying that it is skipped: retries read it there.
    let folded = app.projections.retry(caller.tenant, &name).await?;
    Ok(Json(SkipReply { position: said.position, folded }))
}
