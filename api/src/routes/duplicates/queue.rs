//! The queue of possible duplicates.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::{ConsistencyParams, Page, Query};
use crate::problem::Problem;
use crate::projections::board::{SuspectQuery, SuspectQueue};
use crate::routes::customers::body::OwnerName;
use crate::routes::people::require_owner;
use crate::routes::{AppState, known};

/// Which suspects.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DuplicateQueueParams {
    /// The minimum score, from 0 to 1; all by default.
    #[param(minimum = 0, maximum = 1, example = 0.8)]
    min_score: Option<f64>,
    /// The owner of the later customer of each pair: `rep:li` or `pool:customer_pool`.
    #[param(value_type = Option<String>, example = "rep:li")]
    owner: Option<OwnerName>,
    /// The sub-status that a journey of the later customer stands in now; several values are separated by commas.
    sub_status: Option<String>,
}

/// List possible duplicates
///
/// In order of registration, each customer with similar customers registered before it; a pair is listed once, under
/// the later one. Merged and erased customers are omitted. A page examines a limited number of customers, so it may be
/// empty and still have a next one. Nothing is changed: merge confirmed duplicates yourself.
#[utoipa::path(
    get, path = "/v1/duplicates", tag = "customers",
    params(DuplicateQueueParams, ConsistencyParams, Page),
    responses((status = 200, description = "A page of possible duplicates.", body = SuspectQueue))
)]
pub(super) async fn queue(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(which, consistency, page, ..): Query<DuplicateQueueParams, ConsistencyParams, Page>,
) -> Result<AsOfResponse<SuspectQueue>, Problem> {
    let least = which.min_score.unwrap_or_default();
    if !(0.0..=1.0).contains(&least) {
        let message = Label::new("应在 0 至 1 之间。", "Must be between 0 and 1.");
        return Err(Problem::invalid_value("min_score", message));
    }
    let query = SuspectQuery {
        cursor: page.cursor().map(str::to_owned),
        limit: page.limit()? as usize,
        least,
        owner: which.owner.map(|owner| owner.0),
        sub_status: known::sub_statuses(&state, &caller, which.sub_status).await?,
    };
    consistency.wait(&state, &caller, "board").await?;
    require_owner(&state, &caller, query.owner.as_ref()).await?;
    let visibility = state.app.visibility(&caller).await?;
    let mut queue =
        state.app.projections.board(caller.tenant).await?.suspect_queue(&query, &visibility).await?;
    if !reads_people(&caller.actor) {
        for item in &mut queue.items {
            item.name = None;
            item.suspects.iter_mut().for_each(|suspect| suspect.name = None);
        }
    }
    Ok(AsOfResponse { position: queue.position, body: queue })
}
