//! Arranging who stands in for a rep.

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

/// Somebody who is to stand in for a rep.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "rep": "li", "deputy": "zhao", "from": "2026-03-01T00:00:00Z", "until": "2026-03-08T00:00:00Z"
}))]
pub(super) struct NewDeputy {
    /// Who is away, by `li` or `rep:li`.
    #[schema(value_type = String)]
    rep: RepName,
    /// Who stands in.
    #[schema(value_type = String)]
    deputy: RepName,
    /// From when.
    from: Instant,
    /// Until when; not included.
    until: Instant,
}

/// An arrangement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct DeputyReply {
    /// Names it.
    id: Uuid,
    /// Who is away.
    rep: String,
    /// Who stands in.
    deputy: String,
    /// From when.
    from: DateTime<Utc>,
    /// Until when; not included.
    until: DateTime<Utc>,
    /// Whether it is in force now.
    active: bool,
}

/// Name a deputy
///
/// For that time the deputy works the rep's customers; they stay the rep's, and the deputy cannot give them away.
#[utoipa::path(
    post, path = "/v1/deputies", tag = "ownership", request_body = NewDeputy,
    responses(
        (status = 200, description = "Arranged; `id` names it.", body = Accepted),
        (status = 403, description = "A rep arranges its own leave only.", body = ProblemDocument),
        (status = 422, description = "A field is unknown, missing or wrong, or names nobody: `unknown-person`.", body = ProblemDocument),
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
    // What is refused whoever they are is told before it is asked who they are.
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

/// List the deputies
#[utoipa::path(
    get, path = "/v1/deputies", tag = "ownership",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every arrangement that was not ended.", body = List<DeputyReply>))
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

/// End an arrangement
#[utoipa::path(
    delete, path = "/v1/deputies/{id}", tag = "ownership",
    params(("id" = Uuid, Path, description = "The arrangement.")),
    responses(
        (status = 200, description = "Ended.", body = Accepted),
        (status = 404, description = "There is none of that id.", body = ProblemDocument),
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
