//! Making consumers, listing them, letting them begin again, and ending them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{BegunReply, ConsumerReply, Start, managed};
use crate::auth::{Authority, PresentedCredential};
use crate::http::answer::List;
use crate::http::{Bodiless, Command, Key, Page, Query};
use crate::outbound::NewConsumer;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::{AppState, known};

/// A new consumer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"name": "warehouse", "types": ["customer.moved"], "start": {"position": 0}}))]
pub(super) struct NewConsumerBody {
    /// The name, unique in the tenant: a lowercase letter, then lowercase letters, digits, `_`, `-` and `.`.
    name: String,
    /// The event types it gets, as named in the event catalogue; all if empty.
    #[serde(default)]
    types: BTreeSet<String>,
    /// Where it begins.
    start: Start,
}

/// Where a consumer begins again.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({"start": {"position": 0}}))]
pub(super) struct ResetBody {
    /// Where it begins again.
    start: Start,
}

/// Create a consumer
///
/// A consumer is a durable place in the log under a name. `GET /v1/consumers/{name}/events` gives the events after its
/// position, and an acknowledgement moves the position: an event comes again until it is acknowledged (at least once). It is
/// the creating actor's: only that actor gets events by it, as much of each as that actor may see. There may be 100.
#[utoipa::path(
    post, path = "/v1/consumers", tag = "log", request_body = NewConsumerBody,
    responses(
        (status = 201, description = "Created.", body = BegunReply),
        (status = 409, description = "`consumer-exists`: there is a consumer of that name.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Command { body, meta }: Command<NewConsumerBody>,
) -> Result<(StatusCode, Json<BegunReply>), Problem> {
    let types = known::types_named("types", body.types.iter().map(String::as_str).collect())?;
    let position = body.start.resolved(&state, &caller).await?;
    let new = NewConsumer { name: body.name, types, position };
    let made = state.outbound.consumers().create(&caller, &meta, &shown.credential(), new).await?;
    Ok((StatusCode::CREATED, Json(BegunReply::of(&state, &caller, made).await?)))
}

/// List consumers
///
/// One's own; managers, administrators and auditors see all.
#[utoipa::path(
    get, path = "/v1/consumers", tag = "log",
    params(Page),
    responses((status = 200, description = "The consumers, by name.", body = List<ConsumerReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<ConsumerReply>>, Problem> {
    let all = state.outbound.consumers().shown_to(&caller).await?;
    let page = List::paged(all, &page, |one| one.rights.consumer.name.clone())?;
    Ok(Json(ConsumerReply::of_page(&state, &caller, page).await?))
}

/// Get a consumer
#[utoipa::path(
    get, path = "/v1/consumers/{name}", tag = "log",
    params(("name" = String, Path, description = "The consumer.")),
    responses(
        (status = 200, description = "The consumer.", body = ConsumerReply),
        (status = 404, description = "There is no such consumer.", body = ProblemDocument),
    )
)]
pub(super) async fn get(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
) -> Result<Json<ConsumerReply>, Problem> {
    let found = state.outbound.consumers().named(&caller, &name).await?;
    Ok(Json(ConsumerReply::of(&state, &caller, found).await?))
}

/// Delete a consumer
///
/// By the actor who created it or an administrator. Its name may be used again.
#[utoipa::path(
    delete, path = "/v1/consumers/{name}", tag = "log",
    params(("name" = String, Path, description = "The consumer.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such consumer.", body = ProblemDocument),
    )
)]
pub(super) async fn remove(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Key(name): Key,
    Bodiless(meta): Bodiless,
) -> Result<StatusCode, Problem> {
    if state.app.first_answer(&caller, &meta).await?.is_none() {
        let consumer = managed(&state, &caller, &name).await?;
        state.outbound.consumers().delete(&caller, &meta, &shown.credential(), &consumer).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Reset a consumer
///
/// It begins again, earlier or later than it has acknowledged. By the actor who created it or an administrator.
#[utoipa::path(
    post, path = "/v1/consumers/{name}/resets", tag = "log", request_body = ResetBody,
    params(("name" = String, Path, description = "The consumer.")),
    responses(
        (status = 200, description = "Begun again.", body = BegunReply),
        (status = 404, description = "There is no such consumer.", body = ProblemDocument),
    )
)]
pub(super) async fn reset(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Key(name): Key,
    Command { body, meta }: Command<ResetBody>,
) -> Result<Json<BegunReply>, Problem> {
    let consumer = managed(&state, &caller, &name).await?;
    let position = body.start.resolved(&state, &caller).await?;
    let consumers = state.outbound.consumers();
    let begun = consumers.reset(&caller, &meta, &shown.credential(), &consumer, position).await?;
    Ok(Json(BegunReply::of(&state, &caller, begun).await?))
}
