//! Listing tasks.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::name_for;
use crate::auth::Authority;
use crate::http::answer::{AsOfResponse, List, ListThen};
use crate::http::{AsOfParams, Instant, Page, Query, RepName};
use crate::problem::Problem;
use crate::projections::ProjectionError;
use crate::projections::work::{TaskFilter, TaskReport};
use crate::routes::{AppState, known, people};

/// Which tasks are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTasksParams {
    /// Only for customers owned by this rep: `li` or `rep:li`.
    #[param(value_type = Option<String>, example = "li")]
    owner: Option<RepName>,
    /// Only for this role: `rep` is the owner.
    role: Option<String>,
    /// Only for this customer.
    customer: Option<Uuid>,
    /// Only tasks in this state; any when absent.
    #[param(inline)]
    state: Option<TaskStateFilter>,
    /// Due before this instant.
    due_before: Option<Instant>,
    /// Due at or after this instant.
    due_after: Option<Instant>,
    /// The sub-status that the customer's journey stands in now; several values are separated by commas.
    sub_status: Option<String>,
}

/// The outcome of a task; `overdue` is open beyond its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskState)]
enum TaskStateFilter {
    Open,
    Done,
    Cancelled,
    Overdue,
}

/// List tasks
///
/// By due date. Tasks of merged or erased customers are not open. With `effective_at` or `known_at`, the tasks that there were then.
/// The response contains both times.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "work",
    params(ListTasksParams, Page, AsOfParams),
    responses((status = 200, description = "A page of tasks.", body = ListThen<TaskReport>))
)]
pub(super) async fn tasks(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, page, as_of, _): Query<ListTasksParams, Page, AsOfParams>,
) -> Result<AsOfResponse<ListThen<TaskReport>>, Problem> {
    as_of.wait(&state, &caller, "work").await?;
    let at = as_of.at(&state, &caller, "board").await?;
    let limit = page.limit()?;
    let now = at.effective_at;
    let overdue = params.state == Some(TaskStateFilter::Overdue);
    let task_state = params.state.map(|state| match state {
        TaskStateFilter::Open | TaskStateFilter::Overdue => "open",
        TaskStateFilter::Done => "done",
        TaskStateFilter::Cancelled => "cancelled",
    });
    let due_before = params.due_before.map(|instant| instant.0);
    let until = match (due_before, overdue) {
        (Some(before), true) => Some(before.min(now)),
        (None, true) => Some(now),
        (before, false) => before,
    };
    let filter = TaskFilter {
        owner: people::known(&state, &caller, "owner", params.owner.as_ref()).await?,
        role: params.role,
        customer: params.customer,
        state: task_state.map(str::to_owned),
        due_from: params.due_after.map(|instant| instant.0),
        due_until: until,
        sub_status: known::sub_statuses(&state, &caller, params.sub_status).await?,
        visibility: state.app.visibility(&caller).await?,
    };
    let after = page.cursor().map(place).transpose()?;
    let mut work = state.app.projections.work(caller.tenant).await?;
    let (mut items, position) = match as_of.is_now() {
        true => work.tasks(&filter, after, now, limit + 1).await?,
        false => work.tasks_then(&filter, &at, after, limit + 1).await?,
    };
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| format!("{}.{}", item.due_at.timestamp_micros(), item.id));
    for item in &mut items {
        item.customer_name = name_for(&caller.actor, item.customer_name.take());
    }
    let body = ListThen::of(List { items, next_cursor }, &at);
    Ok(AsOfResponse { position, body })
}

/// Where the page before ended.
fn place(cursor: &str) -> Result<(DateTime<Utc>, Uuid), ProjectionError> {
    let read = || {
        let (at, id) = cursor.split_once('.')?;
        Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, id.parse().ok()?))
    };
    read().ok_or(ProjectionError::BadCursor)
}
