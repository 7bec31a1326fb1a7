//! Finding customers.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::OwnerName;
use super::names::Names;
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::sight::{owner_of, reads_people, shown};
use crate::domain::people::Disclosure;
use crate::domain::{Label, Language};
use crate::http::answer::Reading;
use crate::http::language::Wanted;
use crate::http::{Freshness, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::{At, CustomerFilter, CustomerList};
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
    owner: Option<String>,
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
            owner: sought.owner.map(|owner| OwnerName::parse(&owner).0),
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
/// are looked up by `external_id`: then `merged_into` says where they go on.
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers",
    params(Sought, Page, Freshness),
    responses(
        (status = 200, description = "A page of customers.", body = CustomerList),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(site): State<Site>,
    Authority(caller): Authority,
    Wanted(language): Wanted,
    Query(sought, page, freshness, _): Query<Sought, Page, Freshness>,
) -> Result<Reading<CustomerList>, Problem> {
    freshness.wait(&site, &caller, "board").await?;
    if sought.q.is_some() && !reads_people(&caller.actor) {
        let message = Label::new("此角色不能按姓名搜索。", "This role may not search by name.");
        return Err(Problem::invalid_value("q", message));
    }
    let reps = match &sought.team {
        Some(team) => Some(reps(&site, &caller, team, &At::known_now((site.app.clock)())).await?),
        None => None,
    };
    let filter = CustomerFilter { reps, ..sought.into() };
    find(&site, &caller, language, &filter, &page).await
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
    let filter = CustomerFilter { sight: site.app.sight(caller).await?, ..filter.clone() };
    let found = projections.customers(caller.tenant, &filter, page.cursor(), limit, now, &stage_name).await?;
    let (CustomerList { items, next_cursor }, position) = found;
    let mut viewer = site.app.viewer(caller).await?;
    let mut shown_items = Vec::with_capacity(items.len());
    for mut customer in items {
        // A merged one is found by its id elsewhere, and is seen where it goes on.
        if customer.merged_into.is_some() && !viewer.sees(customer.id).await? {
            continue;
        }
        viewer.retain_seen(&mut customer.distinct_from).await?;
        let disclosure = Disclosure::to(&caller.actor, &owner_of(&customer.owner));
        shown_items.push(shown(customer, disclosure));
    }
    Ok(Reading { position, body: CustomerList { items: shown_items, next_cursor } })
}
