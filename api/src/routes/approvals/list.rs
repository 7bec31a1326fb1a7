//! Listing approval requests.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::auth::Authority;
use crate::http::answer::{AsOfResponse, List};
use crate::http::{ConsistencyParams, Page, Query};
use crate::problem::Problem;
use crate::projections::ProjectionError;
use crate::projections::board::{ApprovalFilter, ApprovalReport};
use crate::routes::AppState;

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
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals",
    params(ListApprovalsParams, Page, ConsistencyParams),
    responses((status = 200, description = "A page of requests.", body = List<ApprovalReport>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, page, consistency, _): Query<ListApprovalsParams, Page, ConsistencyParams>,
) -> Result<AsOfResponse<List<ApprovalReport>>, Problem> {
    consistency.wait(&state, &caller, "board").await?;
    let limit = page.limit()?;
    let filter = ApprovalFilter {
        status: params.status.map(|status| status.name().to_owned()),
        customer: params.customer,
        pipeline: params.pipeline,
        visibility: state.app.visibility(&caller).await?,
    };
    let after = page.cursor().map_or(Ok(0), str::parse).map_err(|_| ProjectionError::BadCursor)?;
    let (mut items, position) =
        state.app.projections.board(caller.tenant).await?.approvals(&filter, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| item.position.to_string());
    Ok(AsOfResponse { position, body: List { items, next_cursor } })
}
