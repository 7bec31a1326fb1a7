//! Finding customers.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::OwnerName;
use super::former::shown_now;
use super::names::Names;
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::{owner_of, reads_people, shown};
use crate::domain::people::Disclosure;
use crate::domain::{Label, Language};
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::board::{CustomerFilter, CustomerList};
use crate::routes::AppState;
use crate::routes::filter::reps;

/// Which customers. All that are given must hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListCustomersParams {
    /// The id in another system.
    external_id: Option<String>,
    /// Whose they are: `rep:li` or `pool:customer_pool`.
    #[param(value_type = Option<String>, example = "rep:li")]
    owner: Option<OwnerName>,
    /// The team whose reps' customers.
    #[param(example = "north")]
    team: Option<String>,
    /// The stage they stand in.
    stage: Option<String>,
    /// A label they carry.
    tag: Option<String>,
    /// The line of business.
    industry: Option<String>,
    /// The region.
    region: Option<String>,
    /// The kind of service.
    service_type: Option<String>,
    /// The value tier.
    tier: Option<String>,
    /// Where the lead came from.
    source: Option<String>,
    /// Through which channel.
    channel: Option<String>,
    /// A part of the name, or of the id in another system.
    q: Option<String>,
}

impl From<ListCustomersParams> for CustomerFilter {
    fn from(params: ListCustomersParams) -> Self {
        Self {
            external_id: params.external_id,
            owner: params.owner.map(|owner| owner.0),
            stage: params.stage,
            tag: params.tag,
            industry: params.industry,
            region: params.region,
            service_type: params.service_type,
            tier: params.tier,
            source: params.source,
            channel: params.channel,
            q: params.q,
            ..Self::default()
        }
    }
}

/// List customers
///
/// In the order of their registration. Merged customers are left out, their survivors being here, unless they
/// are looked up by `external_id`: then `merged_into` says where they go on. Where one of the two times is given, as they
/// stood at `effective_at`, by what was known at `known_at`: every filter asks for what they were then, and both times are in
/// the answer. Such a page looks at a bounded number of customers, so it may have fewer than `limit` and yet a
/// `next_cursor`.
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers",
    params(ListCustomersParams, Page, AsOfParams),
    responses(
        (status = 200, description = "A page of customers.", body = CustomerList),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Query(params, page, as_of, _): Query<ListCustomersParams, Page, AsOfParams>,
) -> Result<AsOfResponse<CustomerList>, Problem> {
    let at = as_of.at(&state, &caller, "board").await?;
    if params.q.is_some() && !reads_people(&caller.actor) {
        let message = Label::new("此角色不能按姓名搜索。", "This role may not search by name.");
        return Err(Problem::invalid_value("q", message));
    }
    let reps = match &params.team {
        Some(team) => Some(reps(&state, &caller, team, &at).await?),
        None => None,
    };
    let filter = CustomerFilter { reps, ..params.into() };
    if as_of.is_now() {
        return find(&state, &caller, language, &filter, &page).await;
    }
    find_then(&state, &caller, language, &filter, &page, &at).await
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
    let projections = &state.app.projections;
    let (found, next_cursor, position) =
        projections.board(caller.tenant).await?.customers_as_of(&filter, page, at, &stage_name).await?;
    let mut viewer = state.app.viewer(caller).await?;
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        items.extend(shown_now(&mut viewer, one).await?);
    }
    Ok(AsOfResponse { position, body: CustomerList::of_then(items, next_cursor, at) })
}

/// A page of customers as the caller may read them.
pub(in crate::routes) async fn find(
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
        .board(caller.tenant)
        .await?
        .customers(&filter, page.cursor(), limit, now, &stage_name)
        .await?;
    let (mut list, position) = found;
    let mut viewer = state.app.viewer(caller).await?;
    let mut shown_items = Vec::with_capacity(list.items.len());
    for mut customer in std::mem::take(&mut list.items) {
        // A merged one is found by its id elsewhere, and is seen where it goes on.
        if customer.merged_into.is_some() && !viewer.is_visible(customer.id).await? {
            continue;
        }
        viewer.retain_visible(&mut customer.distinct_from).await?;
        let disclosure = Disclosure::to(&caller.actor, &owner_of(&customer.owner));
        shown_items.push(shown(customer, disclosure));
    }
    list.items = shown_items;
    Ok(AsOfResponse { position, body: list })
}
