//! A customer's timeline.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::people::Disclosure;
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Id, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::timeline::{TimelineQuery, TimelineReport, TimelineView};
use crate::routes::AppState;
use crate::routes::customers::merged::elsewhere;

/// Which story.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TimelineParams {
    /// `effective`: what happened, as corrected. `recorded`: what was recorded, in order of recording. `both`:
    /// everything, showing which record superseded which.
    #[serde(default)]
    #[param(inline)]
    view: TimelineView,
}

/// Get a customer's timeline
///
/// Newest last. A record replaced by a correction carries `superseded_by`. Events of customers merged into this one are
/// included; `origin` names the customer they belong to. For a customer in a pool, reading the timeline counts as a
/// view and contacts are masked, as when reading the customer.
#[utoipa::path(
    get, path = "/v1/customers/{id}/timeline", tag = "history",
    params(("id" = Uuid, Path, description = "The customer."), TimelineParams, AsOfParams, Page),
    responses(
        (status = 200, description = "A page of the timeline.", body = TimelineReport),
        (status = 409, description = "`view-quota-exhausted` with `available_at`.", body = ProblemDocument),
        (status = 308, description = "The customer was merged as of that instant: `Location` names the survivor's timeline."),
    )
)]
pub(super) async fn timeline(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    OriginalUri(uri): OriginalUri,
    RequestedLanguage(language): RequestedLanguage,
    Query(TimelineParams { view }, as_of, page, _): Query<TimelineParams, AsOfParams, Page>,
) -> Result<Response, Problem> {
    let limit = page.limit()? as usize;
    let folded = state.app.customer_state(&caller, customer).await?;
    if let Some(redirect) = elsewhere(&state, &caller, &folded, &as_of, ("/timeline", &uri)).await? {
        return Ok(redirect);
    }
    let at = as_of.at(&state, &caller, "timeline").await?;
    if folded.pool().is_some() {
        state.app.count_view(&caller, customer).await?;
    }
    let cursor = page.cursor().map(str::to_owned);
    let disclosure = Disclosure::to(&caller.actor, &folded.owner);
    let query = TimelineQuery { customer, at, view, cursor, limit, disclosure };
    let mut report = state.app.projections.timeline(caller.tenant).await?.page(&query).await?;
    let mut viewer = state.app.viewer(&caller).await?;
    for item in &mut report.items {
        viewer.hide_others(&mut item.data).await?;
        // What a rule says is kept in both languages.
        if let Ok(said) = Label::deserialize(&item.data["text"]) {
            item.note = Some(said.text(language).to_owned());
        }
    }
    Ok(AsOfResponse { position: report.position, body: report }.into_response())
}
