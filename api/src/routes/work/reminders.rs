//! The inbox of the workbench: who is reminded of what.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::name_for;
use crate::auth::Authority;
use crate::http::answer::{List, Reading};
use crate::http::{Freshness, Page, Query, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::ProjectionError;
use crate::projections::work::{ReminderFilter, ReminderReport};
use crate::routes::{Site, people};

/// Which reminders are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sought {
    /// About customers that belonged to this rep, by `li` or `rep:li`.
    #[param(value_type = Option<String>, example = "li")]
    owner: Option<RepName>,
    /// For this role: `rep` is the owner, `supervisor` who leads the owner's team, `team` both and the colleagues.
    role: Option<String>,
    /// About this customer.
    customer: Option<Uuid>,
}

/// List reminders
///
/// The newest first. A front end's inbox of a rep asks for `owner`, that of a supervisor for `role=supervisor`.
#[utoipa::path(
    get, path = "/v1/reminders", tag = "work",
    params(Sought, Page, Freshness),
    responses(
        (status = 200, description = "A page of reminders.", body = List<ReminderReport>),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn reminders(
    State(site): State<Site>,
    Authority(caller): Authority,
    Query(sought, page, freshness, _): Query<Sought, Page, Freshness>,
) -> Result<Reading<List<ReminderReport>>, Problem> {
    freshness.wait(&site, &caller, "work").await?;
    let limit = page.limit()?;
    let before = page.cursor().map(place).transpose()?;
    let visibility = site.app.visibility(&caller).await?;
    let owner = people::known(&site, &caller, "owner", sought.owner.as_ref()).await?;
    let inbox = ReminderFilter { role: sought.role, owner, customer: sought.customer, before, visibility };
    let (mut items, position) = site.app.projections.reminders(caller.tenant, &inbox, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| format!("{}.{}", item.position, item.n));
    for item in &mut items {
        item.customer_name = name_for(&caller.actor, item.customer_name.take());
    }
    Ok(Reading { position, body: List { items, next_cursor } })
}

/// Where the page before ended.
fn place(cursor: &str) -> Result<(u64, u32), ProjectionError> {
    let read = || {
        let (position, n) = cursor.split_once('.')?;
        Some((position.parse().ok().filter(|position| i64::try_from(*position).is_ok())?, n.parse().ok()?))
    };
    read().ok_or(ProjectionError::BadCursor)
}
