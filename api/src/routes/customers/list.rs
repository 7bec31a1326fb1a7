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
use crate::http::answer::Reading;
use crate::http::language::Wanted;
use crate::http::{Moment, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::board::{CustomerFilter, CustomerList};
use crate::routes::Site;
use crate::routes::filter::reps;

/// Which customers. All that are given must hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sought {
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

impl From<Sought> for CustomerFilter {
    fn from(sought: Sought) -> Self {
        Self {
            external_id: sought.external_id,
            owner: sought.owner.map(|owner| owner.0),
            stage: sought.stage,
            tag: sought.tag,
            industry: sought.industry,
            region: sought.region,
            service_type: sought.service_type,
            tier: sought.tier,
            source: sought.source,
            channel: sought.channel,
            q: sought.q,
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
    params(Sought, Page, Moment),
    responses(
        (status = 200, description = "A page of customers.", body = CustomerList),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(site): State<Site>,
    Authority(caller): Authority,
    Wanted(language): Wanted,
    Query(sought, page, moment, _): Query<Sought, Page, Moment>,
) -> Result<Reading<CustomerList>, Problem> {
    let at = moment.at(&site, &caller, "board").await?;
    if sought.q.is_some() && !reads_people(&caller.actor) {
        let message = Label::new("此角色不能按姓名搜索。", "This role may not search by name.");
        return Err(Problem::invalid_value("q", message));
    }
    let reps = match &sought.team {
        Some(team) => Some(reps(&site, &caller, team, &at).await?),
        None => None,
    };
    let filter = CustomerFilter { reps, ..sought.into() };
    if moment.is_now() {
        return find(&site, &caller, language, &filter, &page).await;
    }
    find_then(&site, &caller, language, &filter, &page, &at).await
}

/// A page of customers as they stood, as the caller may read them now.
async fn find_then(
    site: &Site,
    caller: &Caller,
    language: Language,
    filter: &CustomerFilter,
    page: &Page,
    at: &AsOf,
) -> Result<Reading<CustomerList>, Problem> {
    let page = (page.cursor(), page.limit()?);
    let names = Names::new(site, caller, language).await?;
    let stage_name = |pipeline: &str, stage: &str| names.stage(pipeline, stage);
    let filter = CustomerFilter { visibility: site.app.visibility(caller).await?, ..filter.clone() };
    let projections = &site.app.projections;
    let (found, next_cursor, position) =
        projections.customers_as_of(caller.tenant, &filter, page, at, &stage_name).await?;
    let mut viewer = site.app.viewer(caller).await?;
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        items.extend(shown_now(&mut viewer, one).await?);
    }
    Ok(Reading { position, body: CustomerList::of_then(items, next_cursor, at) })
}

/// A page of customers as the caller may read them.
pub(in crate::routes) async fn find(
    site: &Site,
    caller: &Caller,
    language: Language,
    filter: &CustomerFilter,
    page: &Page,
) -> Result<Reading<CustomerList>, Problem> {
    let limit = page.limit()?;
    let names = Names::new(site, caller, language).await?;
    let stage_name = |pipeline: &str, stage: &str| names.stage(pipeline, stage);
    let now = (site.app.clock)();
    let projections = &site.app.projections;
    let filter = CustomerFilter { visibility: site.app.visibility(caller).await?, ..filter.clone() };
    let found = projections.customers(caller.tenant, &filter, page.cursor(), limit, now, &stage_name).await?;
    let (mut list, position) = found;
    let mut viewer = site.app.viewer(caller).await?;
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
    Ok(Reading { position, body: list })
}
