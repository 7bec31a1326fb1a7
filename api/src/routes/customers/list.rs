//! Finding customers.

use axum::extract::State;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use super::body::OwnerName;
use super::former::shown_now;
use super::names::{Names, NextContacts};
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::{owner_of, reads_people, shown};
use crate::domain::people::Disclosure;
use crate::domain::search::SearchTerms;
use crate::domain::{Label, Language, ProfileTexts};
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::profile::{self, Beside};
use crate::http::{AsOfParams, Page, Query};
use crate::problem::Problem;
use crate::projections::AsOf;
use crate::projections::board::{CustomerFilter, CustomerList, ListOrder};
use crate::routes::filter::{any_of, any_of_texts, reps};
use crate::routes::people::require_owner;
use crate::routes::{AppState, known};

/// Which customers. All that are given must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct ListCustomersParams {
    own: OwnParams,
    /// The texts of the profile, each a parameter by its name.
    texts: ProfileTexts,
}

impl<'de> Deserialize<'de> for ListCustomersParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = ProfileTexts::default();
        let own = OwnParams::deserialize(Beside::new(deserializer, profile::every, &mut texts))?;
        Ok(Self { own, texts })
    }
}

impl IntoParams for ListCustomersParams {
    fn into_params(of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        profile::parameters_after("tag", profile::every, OwnParams::into_params(of))
    }
}

/// The parameters of the list that are no texts of the profile.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OwnParams {
    /// The id in another system (external id).
    external_id: Option<String>,
    /// The owner: `rep:li` or `pool:customer_pool`.
    #[param(value_type = Option<String>, example = "rep:li")]
    owner: Option<OwnerName>,
    /// Customers of this team's reps.
    #[param(example = "north")]
    team: Option<String>,
    /// The pipeline of a journey of theirs; `stage` and `sub_status` are then those of that journey.
    #[param(example = "sales")]
    pipeline: Option<String>,
    /// The current stage; several values are separated by commas, here and in the filters below.
    #[param(example = "proposal,negotiating")]
    stage: Option<String>,
    /// The current sub-status.
    sub_status: Option<String>,
    /// A tag of the customer.
    tag: Option<String>,
    /// The value tier.
    tier: Option<String>,
    /// The source of the lead.
    source: Option<String>,
    /// The channel of the lead.
    channel: Option<String>,
    /// Only customers that somebody warned of (`true`), or only the others.
    at_risk: Option<bool>,
    /// The order: `registered`; `value`, by tier, then by amount (the largest first); or `remaining_ownership`, by when a customer
    /// goes back to its pool, the soonest first, and last those that no rule takes away. Other orders than `registered` are only of
    /// customers as they are now.
    #[serde(default)]
    #[param(inline)]
    sort: ListOrder,
    /// Words of the name or of the external id, all of them in any order; or a whole telephone number or e-mail address,
    /// however it is written. Case, width and the way of writing an accent make no difference.
    q: Option<String>,
}

/// But for the team, the stage and the sub-status, which are looked up.
impl From<ListCustomersParams> for CustomerFilter {
    fn from(ListCustomersParams { own: params, texts }: ListCustomersParams) -> Self {
        Self {
            external_id: params.external_id,
            pipeline: params.pipeline,
            owner: params.owner.map(|owner| owner.0),
            tag: any_of(params.tag),
            texts: any_of_texts(texts),
            tier: any_of(params.tier),
            source: any_of(params.source),
            channel: any_of(params.channel),
            at_risk: params.at_risk,
            order: params.sort,
            q: params.q.as_deref().map(SearchTerms::read),
            ..Self::default()
        }
    }
}

/// List customers
///
/// In order of registration, unless another is asked for. Merged customers are omitted in favour of their survivors, unless they
/// are looked up by `external_id`: then `merged_into` names the survivor. With `effective_at` or `known_at`, the list shows
/// customers as of that instant, and every filter applies to their values at that time. Such a page examines a limited number of
/// customers, so it may have fewer than `limit` items and still a `next_cursor`. The response contains both times.
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers",
    params(ListCustomersParams, Page, AsOfParams),
    responses((status = 200, description = "A page of customers.", body = CustomerList))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Query(params, page, as_of, _): Query<ListCustomersParams, Page, AsOfParams>,
) -> Result<AsOfResponse<CustomerList>, Problem> {
    let at = as_of.at(&state, &caller, "board").await?;
    let own = &params.own;
    if own.q.is_some() && !reads_people(&caller.actor) {
        let message = Label::new("此角色不能按名称搜索。", "This role is not permitted to search by name.");
        return Err(Problem::invalid_value("q", message));
    }
    require_owner(&state, &caller, own.owner.as_ref().map(|owner| &owner.0)).await?;
    let reps = match &own.team {
        Some(team) => Some(reps(&state, &caller, team, &at).await?),
        None => None,
    };
    known::pipeline(&state, &caller, own.pipeline.as_deref()).await?;
    let stage = known::stages(&state, &caller, own.pipeline.as_deref(), own.stage.clone()).await?;
    let sub_status = known::sub_statuses(&state, &caller, own.sub_status.clone()).await?;
    let filter = CustomerFilter { reps, stage, sub_status, ..params.into() };
    let is_sorted = filter.order != ListOrder::Registered;
    if !as_of.is_now() && (is_sorted || filter.at_risk.is_some()) {
        let message = Label::new(
            "at_risk 和 registered 以外的 sort 只能查询当前的客户。",
            "at_risk and orders other than sort=registered are for customers as they are now.",
        );
        let field = if is_sorted { "sort" } else { "at_risk" };
        return Err(Problem::invalid_value(field, message));
    }
    if as_of.is_now() {
        as_of.wait(&state, &caller, "work").await?;
    }
    found(&state, &caller, language, &filter, &page, (&as_of, &at)).await
}

/// A page of customers as they are now, or as they stood at the times asked about.
pub(in crate::routes) async fn found(
    state: &AppState,
    caller: &Caller,
    language: Language,
    filter: &CustomerFilter,
    page: &Page,
    (as_of, at): (&AsOfParams, &AsOf),
) -> Result<AsOfResponse<CustomerList>, Problem> {
    match as_of.is_now() {
        true => find(state, caller, language, filter, page).await,
        false => find_then(state, caller, language, filter, page, at).await,
    }
}

/// A page of customers as they stood, as the caller may read them now.
async fn find_then(
    state: &AppState,
    caller: &Caller,
    language: Language,
    filter: &CustomerFilter,
    page: &Page,
    at: &AsOf,
) -> Result<AsOfResponse<CustomerList>, Problem> {
    let page = (page.cursor(), page.limit()?);
    let names = Names::new(state, caller, language).await?;
    let stage_name = |pipeline: &str, stage: &str| names.stage(pipeline, stage);
    let filter = CustomerFilter { visibility: state.app.visibility(caller).await?, ..filter.clone() };
    let past = state.app.definitions_then(caller.tenant, at).await?;
    let rules = |owner: &_, journey: &str| past.rules(owner, journey);
    let mut board = state.app.projections.board(caller.tenant).await?;
    let (found, next_cursor, position) =
        board.customers_as_of(&filter, page, at, &stage_name, Some(&rules)).await?;
    drop(board);
    let mut viewer = state.app.viewer(caller).await?;
    let (mut items, unknown) = (Vec::with_capacity(found.len()), NextContacts::new());
    for one in found {
        items.extend(shown_now(&mut viewer, one).await?.map(|one| names.with_next_action(one, &unknown)));
    }
    Ok(AsOfResponse { position, body: CustomerList::of_then(items, next_cursor, at) })
}

/// A page of customers as the caller may read them.
async fn find(
    state: &AppState,
    caller: &Caller,
    language: Language,
    filter: &CustomerFilter,
    page: &Page,
) -> Result<AsOfResponse<CustomerList>, Problem> {
    let limit = page.limit()?;
    let names = Names::new(state, caller, language).await?;
    let stage_name = |pipeline: &str, stage: &str| names.stage(pipeline, stage);
    let now = (state.app.clock)();
    let projections = &state.app.projections;
    let filter = CustomerFilter { visibility: state.app.visibility(caller).await?, ..filter.clone() };
    let found = projections
        .customer_list(caller.tenant)
        .await?
        .customers(&filter, page.cursor(), limit, now, &stage_name)
        .await?;
    let (mut list, position) = found;
    let mut viewer = state.app.viewer(caller).await?;
    let ids: Vec<Uuid> = list.items.iter().map(|customer| customer.id).collect();
    let mut work = projections.work(caller.tenant).await?;
    let contacts = work.next_contacts(&ids).await?;
    let remaining = work.remaining_ownership(&ids, now).await?;
    drop(work);
    let mut shown_items = Vec::with_capacity(list.items.len());
    for mut customer in std::mem::take(&mut list.items) {
        // A merged one is found by its id elsewhere, and is seen where it goes on.
        if customer.merged_into.is_some() && !viewer.is_visible(customer.id).await? {
            continue;
        }
        customer.remaining_ownership_seconds = remaining.get(&customer.id).copied();
        viewer.retain_visible(&mut customer.distinct_from).await?;
        let disclosure = Disclosure::to(&caller.actor, &owner_of(&customer.owner));
        shown_items.push(names.with_next_action(shown(customer, disclosure), &contacts));
    }
    list.items = shown_items;
    Ok(AsOfResponse { position, body: list })
}
