//! Reading one customer.

use axum::extract::{OriginalUri, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::former::shown_now;
use super::merged::{gone_on, gone_on_to};
use super::names::{Names, NextContacts, next_contacts};
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::{owner_of, shown};
use crate::domain::people::{Disclosure, Visibility};
use crate::domain::{Language, Owner};
use crate::http::answer::{AsOfResponse, Versioned};
use crate::http::language::RequestedLanguage;
use crate::http::query::Nothing;
use crate::http::{AsOfParams, Id, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::board::CustomerReport;
use crate::routes::AppState;

/// Get a customer
///
/// The current state, or, with `effective_at` or `known_at`, every field as of that instant, where visibility
/// follows the current owner. The response contains both times. A merged customer redirects to its survivor. Where a pool
/// limits views, a rep who reads one of its customers for the first time on the pool's local date uses one view; lists
/// do not count.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer."), AsOfParams),
    responses(
        (status = 200, description = "The customer.", body = CustomerReport, headers(("ETag", description = "The version: what `If-Match` takes."))),
        (status = 308, description = "The customer was merged: `Location` names the survivor."),
        (status = 404, description = "There is no such customer, or it was not known as of that instant.", body = ProblemDocument),
        (status = 409, description = "`view-quota-exhausted` with `available_at`.", body = ProblemDocument),
        (status = 503, description = "The read model is behind `min_position`.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    RequestedLanguage(language): RequestedLanguage,
    OriginalUri(uri): OriginalUri,
    Query(as_of, ..): Query<AsOfParams, Nothing>,
) -> Result<Response, Problem> {
    if !as_of.is_now() {
        return then(&state, &caller, id, language, &uri, &as_of).await;
    }
    as_of.wait(&state, &caller, "board").await?;
    as_of.wait(&state, &caller, "work").await?;
    let names = Names::new(&state, &caller, language).await?;
    let now = (state.app.clock)();
    let everybody = Visibility::Everything;
    let (found, position) = state
        .app
        .projections
        .board(caller.tenant)
        .await?
        .customer(id, &everybody, now, &|pipeline, stage| names.stage(pipeline, stage))
        .await?;
    let mut customer = found.ok_or_else(|| missing(id))?;
    if customer.merged_into.is_some() {
        return gone_on(&state, &caller, id, "", &uri).await;
    }
    let owner = owner_of(&customer.owner);
    if !state.app.visibility(&caller).await?.is_visible(customer.texts.region(), &owner) {
        return Err(missing(id));
    }
    if matches!(owner, Owner::Pool(_)) {
        state.app.count_view(&caller, id).await?;
    }
    state.app.viewer(&caller).await?.retain_visible(&mut customer.distinct_from).await?;
    let version = customer.version;
    (customer.effective_at, customer.known_at) = (Some(now), Some(now));
    let shown = shown(customer, Disclosure::to(&caller.actor, &owner));
    let contacts = next_contacts(&state, &caller, &[id]).await?;
    let body = AsOfResponse { position, body: names.with_next_action(shown, &contacts) };
    Ok(Versioned { version, body }.into_response())
}

/// The customer as it stood. It has no version that a command could name.
async fn then(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    language: Language,
    uri: &Uri,
    as_of: &AsOfParams,
) -> Result<Response, Problem> {
    let at = as_of.at(state, caller, "board").await?;
    let names = Names::new(state, caller, language).await?;
    let past = state.app.definitions_then(caller.tenant, &at).await?;
    // A merged one is seen where it goes on, which its own row does not tell.
    let everybody = Visibility::Everything;
    let stage_name = |pipeline: &str, stage: &str| names.stage(pipeline, stage);
    let rules = |owner: &_, journey: &str| past.rules(owner, journey);
    let projections = &state.app.projections;
    let (found, position) = projections
        .board(caller.tenant)
        .await?
        .customer_as_of(id, &everybody, &at, &stage_name, &rules)
        .await?;
    let found = found.ok_or_else(|| missing(id))?;
    let mut viewer = state.app.viewer(caller).await?;
    if !viewer.is_visible(id).await? {
        return Err(missing(id));
    }
    if let Some(survivor) = found.then.merged_into {
        return gone_on_to(state, caller, id, survivor, "", uri).await;
    }
    if found.owner_now.kind == "pool" {
        state.app.count_view(caller, id).await?;
    }
    let shown = shown_now(&mut viewer, found).await?;
    let body = names.with_next_action(shown.ok_or_else(|| missing(id))?, &NextContacts::new());
    Ok(AsOfResponse { position, body }.into_response())
}

fn missing(id: Uuid) -> Problem {
    Problem::not_found("customer", &id.to_string())
}
