//! That somebody reviewed what was recorded, is recorded.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Deserialize;
use serde_json::Map;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::company::CompanyCommand;
use crate::eventstore::Position;
use crate::http::Command;
use crate::http::answer::Accepted;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// What was reviewed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"up_to": 1, "note": "Seen for the third quarter"}))]
pub(super) struct ReviewBody {
    /// The last position that was reviewed, with all before it.
    up_to: Option<Position>,
    /// Or the events that were reviewed one by one: 500 at most.
    #[serde(default)]
    events: BTreeSet<Uuid>,
    /// What was found.
    note: Option<String>,
}

/// Record a review
///
/// That everything up to a position, or each of some events, was reviewed, by whom and when. It is an event like all others;
/// `GET /v1/audit/changes?type=audit.reviewed` lists reviews.
#[utoipa::path(
    post, path = "/v1/audit/reviews", tag = "audit", request_body = ReviewBody,
    responses(
        (status = 200, description = "Recorded.", body = Accepted),
        (status = 422, description = "The log has not come to this position, or has no such event.", body = ProblemDocument),
    )
)]
pub(super) async fn review(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body: ReviewBody { up_to, events, note }, meta }: Command<ReviewBody>,
) -> Result<Accepted, Problem> {
    let head = state.app.store.head(caller.tenant).await?.position;
    if up_to.is_some_and(|up_to| up_to == 0 || up_to > head) {
        let message =
            Label::new(format!("应在 1 至 {head} 之间。"), format!("Must be between 1 and {head}."));
        return Err(Problem::invalid_value("up_to", message).with("limit", head));
    }
    let store = state.checkpoint_signer.store();
    for event in &events {
        if store.position_of(caller.tenant, *event).await?.is_none() {
            let message = Label::new(format!("没有事件 {event}。"), format!("There is no event {event}."));
            return Err(Problem::invalid_value("events", message));
        }
    }
    let command = CompanyCommand::Review { up_to, events, note };
    Ok(state.app.configure(&caller, &meta, &command, Map::new()).await?.into())
}
