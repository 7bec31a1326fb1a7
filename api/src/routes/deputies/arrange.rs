//! Deputy arrangements: appoint, list, dismiss.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Authority;
use crate::domain::company::CompanyCommand;
use crate::domain::people::Deputy;
use crate::http::answer::{Accepted, List};
use crate::http::{Command, ConsistencyParams, Id, Instant, Page, Query, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::admin::Empty;
use crate::routes::{AppState, people};

/// A deputy arrangement.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "rep": "li", "deputy": "zhao", "from": "2026-03-01T00:00:00Z", "until": "2026-03-08T00:00:00Z"
}))]
pub(super) struct NewDeputy {
    /// The rep who is away: `li` or `rep:li`.
    #[schema(value_type = String)]
    rep: RepName,
    /// The deputy.
    #[schema(value_type = String)]
    deputy: RepName,
    /// Start.
    from: Instant,
    /// End (exclusive).
    until: Instant,
}

/// A deputy arrangement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct DeputyReply {
    /// The key.
    id: Uuid,
    /// The rep who is away.
    rep: String,
    /// The deputy.
    deputy: String,
    /// Start.
    from: DateTime<Utc>,
    /// End (exclusive).
    until: DateTime<Utc>,
    /// Whether it is in effect now.
    active: bool,
}

/// Appoint a deputy
///
/// During that period the deputy works the rep's customers; the rep remains the owner, and the deputy cannot reassign
/// them.
#[utoipa::path(
    post, path = "/v1/deputies", tag = "ownership", request_body = NewDeputy,
    responses(
        (status = 200, description = "Created; `id` names it.", body = Accepted),
        (status = 403, description = "A rep can appoint a deputy only for itself.", body = ProblemDocument),
        (status = 422, description = "A field is unknown, missing or invalid, or names an unknown person (`unknown-person`).", body = ProblemDocument),
    )
)]
pub(super) async fn appoint(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<NewDeputy>,
) -> Result<Accepted, Problem> {
    let id = (state.app.ids)();
    let NewDeputy { rep, deputy, from, until } = body;
    let named = [("rep", rep.clone()), ("deputy", deputy.clone())];
    let (rep, deputy) = (rep.into_id(), deputy.into_id());
    let deputy = Deputy { id, rep, deputy, from: from.0, until: until.0 };
    let command = CompanyCommand::AppointDeputy(deputy);
    // What is refused regardless of who they are is told before it is asked who they are.
    if state.app.dry_run_configure(&caller, &command).await.is_ok() {
        for (field, rep) in &named {
            people::require(&state, &caller, field, rep).await?;
        }
    }
    let mut resource = Map::new();
    resource.insert("id".to_owned(), Value::String(id.to_string()));
    let answer = state.app.configure(&caller, &meta, &command, resource).await?;
    Ok(answer.into())
}

/// List deputies
#[utoipa::path(
    get, path = "/v1/deputies", tag = "ownership",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every arrangement that has not ended.", body = List<DeputyReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<DeputyReply>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    let now = (state.app.clock)();
    let reply = |deputy: &Deputy| DeputyReply {
        id: deputy.id,
        rep: deputy.rep.clone(),
        deputy: deputy.deputy.clone(),
        from: deputy.from,
        until: deputy.until,
        active: deputy.from <= now && now < deputy.until,
    };
    Ok(Json(List::paged(company.people.deputies.values().map(reply).collect(), &page, |one| {
        one.id.to_string()
    })?))
}

/// Dismiss a deputy
#[utoipa::path(
    delete, path = "/v1/deputies/{id}", tag = "ownership",
    params(("id" = Uuid, Path, description = "The arrangement's id.")),
    responses(
        (status = 200, description = "Ended.", body = Accepted),
        (status = 404, description = "There is no such arrangement.", body = ProblemDocument),
    )
)]
pub(super) async fn dismiss(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Command { meta, .. }: Command<Empty>,
) -> Result<Accepted, Problem> {
    let answer = state.app.configure(&caller, &meta, &CompanyCommand::DismissDeputy(id), Map::new()).await?;
    Ok(answer.into())
}
