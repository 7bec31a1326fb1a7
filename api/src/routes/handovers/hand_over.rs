//! Hands over a rep's customers to another rep or to a pool: all of them, or those matching a filter.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{AppError, Caller, CommandMeta, CustomerCommand};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::customer::command::ChangeOwner;
use crate::domain::customer::event::Occasion;
use crate::domain::customer::{Command as DomainCommand, may_hand_over};
use crate::domain::{Label, Owner, ProfileField, ProfileTexts};
use crate::http::profile::Beside;
use crate::http::{Command, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use crate::projections::board::{CustomerFilter, CustomerReport};
use crate::routes::customers::body::OwnerName;
use crate::routes::filter::{any_of, any_of_texts};
use crate::routes::ownership::change_owner::OccasionName;
use crate::routes::{AppState, people};

/// The most customers of one request.
const MOST: u32 = 500;
/// How long the list may take to catch up with the log.
const WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// A handover of customers.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"from": "rep:li", "to": "rep:zhao", "occasion": "resign", "dry_run": true}))]
pub(super) struct HandOver {
    /// The current owner.
    from: OwnerName,
    /// The new owner.
    to: OwnerName,
    /// The occasion.
    occasion: OccasionName,
    /// The reason in words; the occasion when absent.
    reason: Option<String>,
    /// The selection; all customers when absent.
    #[serde(default)]
    filter: HandOverSelection,
    /// Dry run: report what would be done without doing it.
    #[serde(default)]
    dry_run: bool,
}

/// A selection of customers. All given filters must match.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub(super) struct HandOverSelection {
    /// The current stage.
    stage: Option<String>,
    /// A tag of the customer.
    tag: Option<String>,
    /// The value tier.
    tier: Option<String>,
    /// The texts of the profile that reports look at, each a member by its name.
    #[serde(skip)]
    texts: ProfileTexts,
}

impl<'de> Deserialize<'de> for HandOverSelection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = ProfileTexts::default();
        let own = Self::deserialize(Beside::new(deserializer, ProfileField::is_in_reports, &mut texts))?;
        Ok(Self { texts, ..own })
    }
}

/// The result of a handover.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct HandOverReply {
    /// Whether it was a dry run.
    dry_run: bool,
    /// The number of customers handed over, or that would be.
    handed_over: usize,
    /// The number of customers that were refused.
    refused: usize,
    /// One item per customer, in order of registration, at most 500.
    items: Vec<HandOverItem>,
    /// Whether there are more: send the request again; customers already handed over are not repeated.
    more: bool,
}

/// The result for one customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct HandOverItem {
    /// Which.
    customer_id: Uuid,
    /// The name.
    name: Option<String>,
    /// The HTTP status of the corresponding single owner change.
    #[schema(example = 200)]
    status: u16,
    /// Why it was not handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemDocument>,
}

/// Hand over customers
///
/// Stage, plans, notes and history are unchanged; the new owner has a grace period of two days. Each customer is
/// processed independently, like a single owner change. A rep can hand over only its own customers. For a temporary
/// leave, appoint a deputy instead.
#[utoipa::path(
    post, path = "/v1/handovers", tag = "ownership", request_body = HandOver,
    responses(
        (status = 200, description = "The result for each customer.", body = HandOverReply),
        (status = 403, description = "The customers belong to another rep or to a pool.", body = ProblemDocument),
    )
)]
pub(super) async fn hand_over(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Extension(reader): Extension<Reader>,
    Command { body, meta }: Command<HandOver>,
) -> Result<Json<Value>, Problem> {
    let situation = state.app.base_context(&caller, None).await?;
    may_hand_over(&body.from.0, &situation.context(&caller, None))?;
    if body.from.0 == body.to.0 {
        let message = Label::new("原负责人与新负责人相同。", "The current and the new owner are the same.");
        return Err(Problem::invalid_value("to", message));
    }
    if let Owner::Rep(rep) = &body.from.0
        && let Some(rep) = RepName::parse(rep)
    {
        people::require(&state, &caller, "from", &rep).await?;
    }
    if let Some(first) = state.app.stored_reply(&caller, &meta).await? {
        return Ok(Json(named(&state, &caller, first).await?));
    }
    let (customers, more) = chosen(&state, &caller, &body).await?;
    let occasion = Occasion::from(body.occasion);
    let reason = body.reason.clone().unwrap_or_else(|| body.occasion.as_str().to_owned());
    let command =
        DomainCommand::ChangeOwner(ChangeOwner { to: body.to.0.clone(), reason, occasion: Some(occasion) });
    let mut items = Vec::with_capacity(customers.len());
    for customer in customers {
        let outcome = one(&state, &caller, &meta, &customer, &command, &body).await;
        items.push(HandOverItem::of(&caller, &reader, customer, outcome));
    }
    let refused = items.iter().filter(|item| item.problem.is_some()).count();
    let handed_over = items.len() - refused;
    let reply = HandOverReply { dry_run: body.dry_run, handed_over, refused, items, more };
    let reply = serde_json::to_value(reply).map_err(|error| AppError::Unreadable(error.to_string()))?;
    state.app.store_reply(&caller, &meta, &unnamed(reply.clone())).await?;
    Ok(Json(reply))
}

/// The reply as it is kept for a retry: names are personal, and an erasure does not reach into what is kept here.
fn unnamed(mut reply: Value) -> Value {
    for item in reply["items"].as_array_mut().into_iter().flatten() {
        item["name"] = Value::Null;
    }
    reply
}

/// A kept reply with the names that the customers have now, as far as the caller sees them.
async fn named(state: &AppState, caller: &Caller, mut reply: Value) -> Result<Value, Problem> {
    let visibility = state.app.visibility(caller).await?;
    let now = (state.app.clock)();
    for item in reply["items"].as_array_mut().into_iter().flatten() {
        let id = item["customer_id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
        let Some(id) = id.filter(|_| reads_people(&caller.actor)) else { continue };
        let names = |_: &str, _: &str| None;
        let (found, _) =
            state.app.projections.board(caller.tenant).await?.customer(id, &visibility, now, &names).await?;
        item["name"] = found.and_then(|customer| customer.name).into();
    }
    Ok(reply)
}

/// The customers meant, and whether there are more than one request takes.
async fn chosen(
    state: &AppState,
    caller: &Caller,
    body: &HandOver,
) -> Result<(Vec<CustomerReport>, bool), Problem> {
    let projections = &state.app.projections;
    let head = state.app.store.head(caller.tenant).await?.position;
    projections.wait_for(caller.tenant, "board", head, WAIT).await?;
    let HandOverSelection { stage, tag, tier, texts } = body.filter.clone();
    let owner = Some(body.from.0.clone());
    let visibility = state.app.visibility(caller).await?;
    let filter = CustomerFilter {
        owner,
        stage: any_of(stage),
        tag: any_of(tag),
        tier: any_of(tier),
        texts: any_of_texts(texts),
        visibility,
        ..CustomerFilter::default()
    };
    let now = (state.app.clock)();
    let names = |_: &str, _: &str| None;
    let (list, _) =
        projections.customer_list(caller.tenant).await?.customers(&filter, None, MOST, now, &names).await?;
    Ok((list.items, list.next_cursor.is_some()))
}

async fn one(
    state: &AppState,
    caller: &Caller,
    meta: &CommandMeta,
    customer: &CustomerReport,
    command: &DomainCommand,
    body: &HandOver,
) -> Result<(), Problem> {
    // Somebody else may have given it away since the list was made.
    let still = state.app.customer_state(caller, customer.id).await?.owner == body.from.0;
    if !still {
        let message =
            Label::new("客户的负责人已变更。", "The owner of the customer has changed in the meantime.");
        return Err(Problem::invalid_value("from", message));
    }
    let command = CustomerCommand::on(customer.id, command.clone(), None);
    if body.dry_run {
        state.app.dry_run(caller, &command).await?;
        return Ok(());
    }
    let meta = CommandMeta {
        idempotency_key: meta.idempotency_key.as_ref().map(|key| format!("{key}#{}", customer.id)),
        if_match: None,
        ..meta.clone()
    };
    state.app.execute(caller, &meta, &command).await?;
    Ok(())
}

impl HandOverItem {
    fn of(caller: &Caller, reader: &Reader, customer: CustomerReport, outcome: Result<(), Problem>) -> Self {
        let problem = outcome
            .err()
            .map(|problem| problem.document(reader.language, "/v1/handovers", &reader.trace_id.to_string()));
        Self {
            customer_id: customer.id,
            name: customer.name.filter(|_| reads_people(&caller.actor)),
            status: problem.as_ref().map_or(200, |problem| problem.status),
            problem,
        }
    }
}
