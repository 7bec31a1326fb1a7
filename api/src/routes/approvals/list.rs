//! Listing approval requests.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::{AppError, Caller};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::http::answer::{AsOfResponse, List, ListThen};
use crate::http::{AsOfParams, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::board::{ApprovalFilter, ApprovalReport};
use crate::projections::{AsOf, ProjectionError};
use crate::routes::{AppState, known};

/// Which requests are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListApprovalsParams {
    /// Only requests with this status; any when absent.
    #[param(inline)]
    status: Option<Status>,
    /// Only requests for this customer.
    customer: Option<Uuid>,
    /// Only requests in this pipeline.
    pipeline: Option<String>,
    /// The sub-status that the customer's journey stands in now; several values are separated by commas.
    sub_status: Option<String>,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Requested,
    Approved,
    Rejected,
    Withdrawn,
    Expired,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// List approval requests
///
/// Requests for transitions, and what agents propose. Oldest first; with `effective_at` or `known_at`, the requests that there were then, with the status that they had.
/// The response contains both times.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals",
    params(ListApprovalsParams, Page, AsOfParams),
    responses(
        (status = 200, description = "A page of requests.", body = ListThen<ApprovalReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, page, as_of, _): Query<ListApprovalsParams, Page, AsOfParams>,
) -> Result<AsOfResponse<ListThen<ApprovalReport>>, Problem> {
    let at = as_of.at(&state, &caller, "board").await?;
    let limit = page.limit()?;
    if let Some(pipeline) = &params.pipeline {
        state.app.pipelines.find(caller.tenant, pipeline, None).await?;
    }
    let filter = ApprovalFilter {
        status: params.status.map(|status| status.name().to_owned()),
        customer: params.customer,
        pipeline: params.pipeline,
        sub_status: known::sub_statuses(&state, &caller, params.sub_status).await?,
        visibility: state.app.visibility(&caller).await?,
    };
    let then = (!as_of.is_now()).then_some(&at);
    let after = page.cursor().map_or(Ok(0), str::parse).map_err(|_| ProjectionError::BadCursor)?;
    let (mut items, position) =
        state.app.projections.board(caller.tenant).await?.approvals(&filter, then, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    tell_names(&state, &caller, &mut items, then).await?;
    tell_proposals(&state, &caller, &mut items).await?;
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| item.position.to_string());
    let body = ListThen::of(List { items, next_cursor }, &at);
    Ok(AsOfResponse { position, body })
}

/// Says what customers were called then, and to nobody who may not read it.
async fn tell_names(
    state: &AppState,
    caller: &Caller,
    items: &mut [ApprovalReport],
    then: Option<&AsOf>,
) -> Result<(), Problem> {
    if !reads_people(&caller.actor) {
        items.iter_mut().for_each(|item| item.customer_name = None);
    } else if let Some(at) = then {
        let ids: Vec<Uuid> = items.iter().map(|item| item.customer_id).collect();
        let names = state.app.projections.reports(caller.tenant).await?.names(&ids, at).await?;
        items.iter_mut().for_each(|item| item.customer_name = names.get(&item.customer_id).cloned());
    }
    Ok(())
}

/// Adds to the proposals among requests what only the log has of them: what the agent was asked, and what it proposes.
async fn tell_proposals(
    state: &AppState,
    caller: &Caller,
    items: &mut [ApprovalReport],
) -> Result<(), Problem> {
    let mut viewer = state.app.viewer(caller).await?;
    for item in items {
        let Some(proposal) = &mut item.proposal else { continue };
        let entries = state
            .app
            .store
            .read(caller.tenant, item.position.saturating_sub(1), 1)
            .await
            .map_err(AppError::from)?;
        let Some(entry) = entries.first() else { continue };
        let Some(document) = viewer.entry(entry).await? else { continue };
        let said = |field: &str| document["data"][field].get("$personal").cloned();
        proposal.prompt = said("prompt").and_then(|prompt| prompt.as_str().map(str::to_owned));
        proposal.body = said("body");
    }
    Ok(())
}
