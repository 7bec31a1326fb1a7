//! Listing reminders: the inbox of a front end.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::name_for;
use crate::auth::Authority;
use crate::http::answer::{AsOfResponse, List};
use crate::http::{ConsistencyParams, Page, Query, RepName};
use crate::problem::Problem;
use crate::projections::ProjectionError;
use crate::projections::work::{ReminderFilter, ReminderReport};
use crate::routes::{AppState, known, people};

/// Which reminders are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListRemindersParams {
    /// Only for customers owned by this rep at the time, and what goes to owners whom it stands in for as a deputy, since it has: `li`
    /// or `rep:li`.
    #[param(value_type = Option<String>, example = "li")]
    owner: Option<RepName>,
    /// Only for this role: `rep` is the owner, `supervisor` leads the owner's team, `team` is the whole team.
    role: Option<String>,
    /// Only for this customer.
    customer: Option<Uuid>,
    /// The sub-status that the customer's journey stands in now; several values are separated by commas.
    sub_status: Option<String>,
}

/// List reminders
///
/// Newest first. A rep's inbox filters by `owner`, a supervisor's by `role=supervisor`.
#[utoipa::path(
    get, path = "/v1/reminders", tag = "work",
    params(ListRemindersParams, Page, ConsistencyParams),
    responses((status = 200, description = "A page of reminders.", body = List<ReminderReport>))
)]
pub(super) async fn reminders(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, page, consistency, _): Query<ListRemindersParams, Page, ConsistencyParams>,
) -> Result<AsOfResponse<List<ReminderReport>>, Problem> {
    consistency.wait(&state, &caller, "work").await?;
    consistency.wait(&state, &caller, "board").await?;
    let limit = page.limit()?;
    let before = page.cursor().map(place).transpose()?;
    let visibility = state.app.visibility(&caller).await?;
    let owner = people::known(&state, &caller, "owner", params.owner.as_ref()).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    let (people, now) = (&company.people, (state.app.clock)());
    let away = owner.as_deref().map(|rep| people.stands_in_for(rep, now)).unwrap_or_default();
    let away_since = owner.as_deref().and_then(|rep| people.stands_in_since(rep, now));
    let sub_status = known::sub_statuses(&state, &caller, params.sub_status).await?;
    let inbox = ReminderFilter {
        role: params.role,
        owner,
        away,
        away_since,
        customer: params.customer,
        before,
        sub_status,
        visibility,
    };
    let (mut items, position) =
        state.app.projections.work(caller.tenant).await?.reminders(&inbox, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| format!("{}.{}", item.position, item.n));
    for item in &mut items {
        item.customer_name = name_for(&caller.actor, item.customer_name.take());
    }
    Ok(AsOfResponse { position, body: List { items, next_cursor } })
}

/// Where the page before ended.
fn place(cursor: &str) -> Result<(u64, u32), ProjectionError> {
    let read = || {
        let (position, n) = cursor.split_once('.')?;
        Some((position.parse().ok().filter(|position| i64::try_from(*position).is_ok())?, n.parse().ok()?))
    };
    read().ok_or(ProjectionError::BadCursor)
}
