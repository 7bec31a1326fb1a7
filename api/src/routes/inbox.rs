//! The inbox of the caller: who did what with which customer, why, and what to do now.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::customers::names::{Names, next_contacts};
use super::{AppState, known};
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::{owner_of, reads_people, shown};
use crate::domain::people::Disclosure;
use crate::domain::{Label, Role};
use crate::http::answer::{Accepted, AsOfResponse};
use crate::http::language::RequestedLanguage;
use crate::http::{Command, ConsistencyParams, Page, Query};
use crate::problem::Problem;
use crate::projections::board::{NextAction, OwnerReport};
use crate::projections::work::{InboxFilter, Message};
use crate::projections::{BilingualText, ProjectionError};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(inbox)).routes(routes!(read))
}

/// A message.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct MessageReply {
    /// Its own id, the same at every reading: one event may tell several things.
    id: Uuid,
    /// The event that it tells of.
    event_id: Uuid,
    /// Its position, as `up_to` of `POST /v1/me/inbox/read` takes it.
    position: u64,
    /// `moved`, `sub_status`, `assigned` (the customer is the caller's now), `released` (it is no longer) or `reminder`.
    kind: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// Who did it; `system:` and its id for a rule that reminds.
    actor: String,
    /// The customer; null where a rule reminds of a pipeline as a whole.
    customer_id: Option<Uuid>,
    /// What the customer is called.
    customer_name: Option<String>,
    /// Whom the customer belonged to then.
    owner: Option<OwnerReport>,
    /// For whom it is: `rep` is the owner, `team` the owner's team, anything else those who fill that role in the team and those
    /// who lead it.
    role: String,
    /// The pipeline.
    pipeline: String,
    /// The stage before.
    stage_from: Option<String>,
    /// What that stage is called.
    stage_from_name: Option<String>,
    /// The stage that the customer was in afterwards.
    stage_to: Option<String>,
    /// What that stage is called.
    stage_name: Option<String>,
    /// The sub-status.
    sub_status: Option<String>,
    /// What the sub-status is called.
    sub_status_name: Option<String>,
    /// Why: a reason code.
    reason: Option<String>,
    /// What a rule says.
    #[schema(value_type = Option<BilingualText>)]
    text: Option<Label>,
    /// What to do with the customer now, and by when, as its record says it.
    next_action: Option<NextAction>,
    /// Whether it was read.
    read: bool,
}

/// Somebody's messages.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct InboxReply {
    /// The messages, the newest first.
    items: Vec<MessageReply>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
    /// Up to which position the inbox was read; 0 where never.
    read_up_to: u64,
}

/// Which messages are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InboxParams {
    /// Only those that were not read.
    unread: Option<bool>,
    /// The sub-status that the customer's journey stands in now; several values are separated by commas.
    sub_status: Option<String>,
}

/// Up to where the inbox was read.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({"up_to": 42}))]
struct ReadUpTo {
    /// The position of the newest message that was read.
    up_to: u64,
}

/// Get the caller's inbox
///
/// What others did with the caller's customers, what rules remind of, and what goes to the caller's team, to a role that the
/// caller fills in it, such as `service`, or to those who lead it; one's own acts are not among it. A deputy of somebody on leave is
/// told in that person's place.
#[utoipa::path(
    get, path = "/v1/me/inbox", tag = "work", params(InboxParams, Page, ConsistencyParams),
    responses((status = 200, description = "A page of messages, the newest first.", body = InboxReply))
)]
async fn inbox(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Query(params, page, consistency, _): Query<InboxParams, Page, ConsistencyParams>,
) -> Result<AsOfResponse<InboxReply>, Problem> {
    consistency.wait(&state, &caller, "work").await?;
    consistency.wait(&state, &caller, "board").await?;
    let limit = page.limit()?;
    let before = page.cursor().map(place).transpose()?;
    let read_up_to = state.app.inbox_read_to(&caller).await?;
    let after = if params.unread == Some(true) { read_up_to } else { 0 };
    let sub_status = known::sub_statuses(&state, &caller, params.sub_status).await?;
    let filter = InboxFilter { before, after, sub_status, ..whose(&state, &caller).await? };
    let (mut found, position) =
        state.app.projections.work(caller.tenant).await?.messages(&filter, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| format!("{}.{}", last.position, last.n));
    let names = Names::new(&state, &caller, language).await?;
    let named = reads_people(&caller.actor);
    let next = todo(&state, &caller, &names, &found).await?;
    let items = found.into_iter().map(|message| reply(message, &names, &next, read_up_to, named)).collect();
    Ok(AsOfResponse { position, body: InboxReply { items, next_cursor, read_up_to } })
}

/// Mark the inbox as read
///
/// Up to a position. What was read stays so: an earlier position changes nothing.
#[utoipa::path(
    post, path = "/v1/me/inbox/read", tag = "work", request_body = ReadUpTo,
    responses((status = 200, description = "Noted; `version` is the position up to which the inbox was read.", body = Accepted))
)]
async fn read(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<ReadUpTo>,
) -> Result<Accepted, Problem> {
    Ok(state.app.read_inbox(&caller, &meta, body.up_to).await?.into())
}

/// Whose messages the caller's are.
async fn whose(state: &AppState, caller: &Caller) -> Result<InboxFilter, Problem> {
    let company = state.app.companies.now(caller.tenant).await?;
    let actor = &caller.actor;
    let rep = actor.rep_id().map(str::to_owned);
    let now = (state.app.clock)();
    let people = &company.people;
    let away = rep.as_deref().map(|rep| people.stands_in_for(rep, now)).unwrap_or_default();
    let away_since = rep.as_deref().and_then(|rep| people.stands_in_since(rep, now));
    let (mut mates, mut led, mut functions) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for team in company.people.teams.values() {
        let filled = team.functions.iter().filter(|(_, people)| people.contains(&actor.name));
        functions
            .extend(filled.flat_map(|(role, _)| team.members.iter().map(move |rep| format!("{role}/{rep}"))));
        let leads = team.supervisors.contains(&actor.name);
        if leads {
            led.extend(team.members.iter().cloned());
        }
        if leads || rep.as_ref().is_some_and(|rep| team.members.contains(rep)) {
            mates.extend(team.members.iter().cloned());
        }
    }
    Ok(InboxFilter {
        actor: actor.name.clone(),
        rep,
        away,
        away_since,
        mates,
        led,
        functions,
        leads_all: actor.is(Role::Manager) || actor.is(Role::Admin),
        visibility: state.app.visibility(caller).await?,
        ..InboxFilter::default()
    })
}

/// What must be done next with the customers of some messages, as their records say it.
async fn todo(
    state: &AppState,
    caller: &Caller,
    names: &Names,
    messages: &[Message],
) -> Result<BTreeMap<Uuid, NextAction>, Problem> {
    let ids: BTreeSet<Uuid> = messages.iter().filter_map(|message| message.customer).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let contacts = next_contacts(state, caller, &ids).await?;
    let (now, stages) = ((state.app.clock)(), |pipeline: &str, stage: &str| names.stage(pipeline, stage));
    let mut board = state.app.projections.board(caller.tenant).await?;
    let customers = board.customers_among(&ids, now, &stages).await?;
    let next = customers.into_iter().filter_map(|customer| {
        let disclosure = Disclosure::to(&caller.actor, &owner_of(&customer.owner));
        let customer = names.with_next_action(shown(customer, disclosure), &contacts);
        Some((customer.id, customer.next_action?))
    });
    Ok(next.collect())
}

fn reply(
    message: Message,
    names: &Names,
    next: &BTreeMap<Uuid, NextAction>,
    read_up_to: u64,
    named: bool,
) -> MessageReply {
    let stage = message.stage_to.as_deref();
    // Who has the customer no more has nothing to do with it.
    let about = message.customer.filter(|_| message.kind != "released");
    let next_action = about.and_then(|customer| next.get(&customer)).cloned();
    let name_of = |stage: &str| names.stage(&message.journey, stage);
    let sub_status = stage.zip(message.sub_status.as_deref());
    // A rule has the name that events have of it.
    let actor = match message.kind.as_str() {
        "reminder" => format!("system:{}", message.actor),
        _ => message.actor,
    };
    MessageReply {
        id: message.id,
        event_id: message.event_id,
        position: message.position,
        kind: message.kind,
        at: message.at,
        actor,
        customer_id: message.customer,
        customer_name: message.customer_name.filter(|_| named),
        owner: message.owner,
        role: message.role,
        stage_from_name: message.stage_from.as_deref().and_then(name_of),
        stage_name: stage.and_then(name_of),
        sub_status_name: sub_status.and_then(|(stage, sub)| names.sub_status(&message.journey, stage, sub)),
        pipeline: message.journey,
        stage_from: message.stage_from,
        stage_to: message.stage_to,
        sub_status: message.sub_status,
        reason: message.reason,
        text: message.text,
        next_action,
        read: message.position <= read_up_to,
    }
}

/// Where the page before ended.
fn place(cursor: &str) -> Result<(u64, u32), ProjectionError> {
    let read = || {
        let (position, n) = cursor.split_once('.')?;
        Some((position.parse().ok().filter(|position| i64::try_from(*position).is_ok())?, n.parse().ok()?))
    };
    read().ok_or(ProjectionError::BadCursor)
}
