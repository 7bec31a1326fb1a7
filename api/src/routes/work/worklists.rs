//! Worklists: customers that wait for somebody. Three clocks, each under its own name: since the stage was entered, since
//! anything was recorded, and since the customer was registered.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::name_for;
use super::worklist_query::{WorklistName, WorklistParams, WorklistQuery};
use crate::auth::Authority;
use crate::auth::disclosure::{owner_of, text_shown};
use crate::domain::Actor;
use crate::domain::people::Disclosure;
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::board::NextAction;
use crate::projections::work::{WaitingReport, remaining_seconds};
use crate::routes::AppState;
use crate::routes::customers::names::Names;

/// A worklist.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Worklist {
    /// The list.
    list: WorklistName,
    /// The instant of the list, the same on every page.
    effective_at: DateTime<Utc>,
    /// The instant of knowledge: where none was asked about, that of the list.
    known_at: DateTime<Utc>,
    /// The customers, longest waiting first.
    items: Vec<WorklistEntry>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
    /// The total number on all pages.
    total: u64,
}

/// A customer on a worklist.
#[derive(Debug, Serialize, ToSchema)]
struct WorklistEntry {
    #[serde(flatten)]
    customer: WaitingReport,
    /// What the stage is called; null where the list is independent of stages.
    stage_name: Option<String>,
    /// What must be done next: what was agreed, else what the stage says.
    next_action: Option<NextAction>,
    /// How long it stays with its owner unless something is done, from the instant of the list; null where no rule takes it away.
    remaining_ownership_seconds: Option<f64>,
    /// Seconds since entry into the stage.
    since_stage_entry_seconds: Option<f64>,
    /// Seconds since the last activity, including entry into the stage.
    since_last_activity_seconds: f64,
    /// Seconds since registration.
    age_seconds: f64,
}

fn seconds(span: TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1_000.0
}

/// When anything was last recorded of a customer.
fn last_touched(customer: &WaitingReport) -> DateTime<Utc> {
    let known = [customer.last_activity_at, customer.entered_at];
    known.into_iter().flatten().max().unwrap_or(customer.created_at)
}

/// Get a worklist
///
/// `today`, `overdue`, `stalled`, `push`, `give-up` or `supervise`. All pages show the list as of the instant of the
/// first; with `effective_at` or `known_at`, as of those.
#[utoipa::path(
    get, path = "/v1/worklists/{list}", tag = "work",
    params(("list" = WorklistName, Path, description = "The list."), WorklistParams, AsOfParams, Page),
    responses(
        (status = 200, description = "The list.", body = Worklist),
        (status = 404, description = "There is no such list or pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn worklist(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    RequestedLanguage(language): RequestedLanguage,
    Query(params, as_of, page, ..): Query<WorklistParams, AsOfParams, Page>,
) -> Result<AsOfResponse<Worklist>, Problem> {
    let list = WorklistName::parse(&name).ok_or_else(|| Problem::not_found("worklist", &name))?;
    let query = WorklistQuery::of(&state, &caller, list, (params, &as_of, &page)).await?;
    let found = query.page(&state, &caller).await?;
    let names = Names::new(&state, &caller, language).await?;
    let items = found.items.into_iter().map(|customer| entry(customer, &names, &caller.actor, query.now));
    let body = Worklist {
        list,
        effective_at: query.now,
        known_at: query.known_at(),
        items: items.collect(),
        next_cursor: found.next.map(|place| query.cursor(place)),
        total: found.total,
    };
    Ok(AsOfResponse { position: found.position, body })
}

/// A customer as it is shown to somebody.
fn entry(mut customer: WaitingReport, names: &Names, to: &Actor, now: DateTime<Utc>) -> WorklistEntry {
    customer.customer_name = name_for(to, customer.customer_name.take());
    let whose = Disclosure::to(to, &owner_of(&customer.owner));
    if let Some(agreed) = &mut customer.agreed {
        text_shown(&mut agreed.text, whose);
    }
    let standing = customer.pipeline.as_deref().zip(customer.stage.as_deref());
    WorklistEntry {
        stage_name: standing.and_then(|(pipeline, stage)| names.stage(pipeline, stage)),
        next_action: next_action(names, &customer),
        remaining_ownership_seconds: customer.reclaim_at.map(|at| remaining_seconds(at, now)),
        since_stage_entry_seconds: customer.entered_at.map(|at| seconds(now - at)),
        since_last_activity_seconds: seconds(now - last_touched(&customer)),
        age_seconds: seconds(now - customer.created_at),
        customer,
    }
}

/// What must be done next with a customer.
fn next_action(names: &Names, customer: &WaitingReport) -> Option<NextAction> {
    let standing = (customer.pipeline.as_deref()?, customer.stage.as_deref()?);
    names.next(Some(customer.next_contact_at), customer.agreed.clone(), standing, customer.entered_at?)
}
