//! What a read model has set aside.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Map;
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

/// An event that is to be left out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"position": 42, "reason": "Written by a broken import"}))]
pub(super) struct SkipBody {
    /// The event's position.
    #[schema(value_type = u64)]
    position: Position,
    /// Why it may be left out.
    reason: String,
}

/// What came of leaving an event out.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Skipped)]
pub(super) struct SkipReply {
    /// The position of the entry that says so.
    #[schema(value_type = u64)]
    position: Position,
    /// How many events were folded that had waited behind it.
    folded: usize,
}

/// What was folded that had been set aside.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct RetryReply {
    /// How many events.
    folded: usize,
}

/// List what a read model set aside
///
/// Events that could not be folded, and what waits behind them for the same customer.
#[utoipa::path(
    get, path = "/v1/projections/{name}/parked", tag = "operations",
    params(("name" = String, Path, description = "The read model."), Page),
    responses(
        (status = 200, description = "Everything set aside, skipped events included.", body = List<Parked>),
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

/// Fold again what was set aside
///
/// As far as it can be folded now.
#[utoipa::path(
    post, path = "/v1/projections/{name}/retries", tag = "operations", request_body = RetryBody,
    params(("name" = String, Path, description = "The read model.")),
    responses(
        (status = 200, description = "Tried.", body = RetryReply),
        (status = 404, description = "There is no such read model.", body = ProblemDocument),
    )
)]
pub(super) async fn retry(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    _: Command<RetryBody>,
) -> Result<Json<RetryReply>, Problem> {
    Ok(Json(RetryReply { folded: state.app.projections.retry(caller.tenant, &name).await? }))
}

/// Leave an event out of a read model
///
/// That it is left out, why and by whom is an event of its own, so that a rebuild leaves it out, too, and nothing else.
/// What waits behind it is folded. The event stays in the log.
#[utoipa::path(
    post, path = "/v1/projections/{name}/skips", tag = "operations", request_body = SkipBody,
    params(("name" = String, Path, description = "The read model.")),
    responses(
        (status = 200, description = "Left out.", body = SkipReply),
        (status = 404, description = "There is no such read model, or nothing is parked there.", body = ProblemDocument),
        (status = 422, description = "There is no reason, or the event is left out already.", body = ProblemDocument),
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
        let message = Label::new("请说明原因。", "Say why.");
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
