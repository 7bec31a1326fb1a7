//! What a decision knows beside its customer: the time, the definitions, and what its command reads of the actor's day.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::company::Company;
use waymark_domain::customer::{Command, Customer, Read};
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::Versions;
use waymark_domain::pool::Pool;
use waymark_domain::tags;
use waymark_domain::{Context, Owner, Zones};
use waymark_eventstore::{Draft, Position, Query, QueryItem};
use waymark_projections::AsOf;

use super::customer_cache::LoadedCustomer;
use super::pipelines::{AllVersions, InForce, Latest, in_force_or_first};
use super::{AGENT, App, AppError, Caller};

/// How many claims of one day are read; a quota is far below it.
const CLAIMS_PAGE: u32 = 1_000;

/// How many views are read at a time.
const VIEWS_PAGE: u32 = 1_000;

/// How long a claim waits for the read model that says what the rep owns.
const HELD_WITHIN: Duration = Duration::from_secs(10);

/// What a decision is made from, beside the customer.
pub(crate) struct DecisionContext {
    pub(super) now: DateTime<Utc>,
    pub(super) pipelines: Latest,
    pub(super) versions: AllVersions,
    team: Option<String>,
    pub(super) claims: Option<ClaimsOfTheDay>,
    pub(super) views: Option<DayCount>,
    company: Arc<Company>,
    zones: Zones,
    stands_in_for: BTreeSet<String>,
}

/// How many events of a kind a rep caused on a pool's local date: a second boundary of a decision.
pub(crate) struct DayCount {
    pub(super) query: Query,
    count: u32,
    pub(super) ends_at: DateTime<Utc>,
}

/// A rep's claims of one local date, and what else limits them.
pub(crate) struct ClaimsOfTheDay {
    pub(super) day: DayCount,
    /// When first contacts after the rep's claims were missed.
    strikes: Vec<DateTime<Utc>>,
    /// The open customers that the rep owns, where the pool limits their number.
    held: Option<BTreeSet<Uuid>>,
    rep: String,
}

/// A rep's day in a pool, as far as the log was read.
#[derive(Clone, Copy)]
struct Day<'a> {
    caller: &'a Caller,
    pool: &'a Pool,
    rep: &'a str,
    now: DateTime<Utc>,
    until: Position,
}

impl DecisionContext {
    /// The context of a decision.
    pub(crate) fn context<'a>(
        &'a self,
        caller: &'a Caller,
        effective_at: Option<DateTime<Utc>>,
    ) -> Context<'a> {
        Context {
            agent: caller.origin == Some(AGENT),
            effective_at,
            versions: Some(&self.versions),
            team: self.team.as_deref(),
            stands_in_for: &self.stands_in_for,
            fields: &self.company.fields,
            zones: &self.zones,
            claims_today: self.claims.as_ref().map_or(0, |claims| claims.day.count),
            views_today: self.views.as_ref().map_or(0, |views| views.count),
            holds: self.claims.as_ref().map_or(0, ClaimsOfTheDay::holds),
            strikes: self.claims.as_ref().map_or(&[], |claims| &claims.strikes),
            ..Context::new(self.now, &caller.actor, &self.pipelines)
        }
    }
}

impl DayCount {
    /// Counts those among drafts that are about to be appended.
    pub(super) fn count_staged(&mut self, drafts: &[Draft]) {
        let staged = drafts.iter().filter(|draft| self.query.matches(&draft.event_type, &draft.tags)).count();
        self.count = self.count.saturating_add(u32::try_from(staged).unwrap_or(u32::MAX));
    }
}

impl ClaimsOfTheDay {
    fn holds(&self) -> u32 {
        let held = self.held.as_ref().map_or(0, BTreeSet::len);
        u32::try_from(held).unwrap_or(u32::MAX)
    }

    /// Counts what the rep owns as it will be once customers are what they are about to become.
    pub(super) fn hold_staged<'a>(
        &mut self,
        versions: &AllVersions,
        staged: impl Iterator<Item = (&'a Uuid, &'a Arc<Customer>)>,
    ) {
        let Some(held) = &mut self.held else { return };
        for (id, customer) in staged {
            let owned = matches!(&customer.owner, Owner::Rep(rep) if *rep == self.rep);
            let there = !customer.has_left();
            let open = customer.current().is_some_and(|stay| {
                takes_a_place(versions, customer.primary(), stay.pipeline_version, &stay.stage)
            });
            match owned && there && open {
                true => held.insert(*id),
                false => held.remove(id),
            };
        }
    }
}

impl App {
    /// The context of a command about a customer of this owner, whatever its own history.
    pub(crate) async fn base_context(
        &self,
        caller: &Caller,
        owner: Option<&Owner>,
    ) -> Result<DecisionContext, AppError> {
        let now = (self.clock)();
        let company = self.companies.now(caller.tenant).await?;
        let rep = caller.actor.rep_id();
        let stands_in_for = rep.map(|rep| company.people.stands_in_for(rep, now)).unwrap_or_default();
        let team = owner.and_then(|owner| team_of(&company, owner));
        let InForce { pipelines, versions } = self.pipelines.in_force(caller.tenant, team.as_deref()).await?;
        let zones = self.zones.clone();
        Ok(DecisionContext {
            now,
            pipelines,
            versions,
            team,
            claims: None,
            views: None,
            company,
            zones,
            stands_in_for,
        })
    }

    /// The context that a command about a customer of this owner would have had at an instant, by what was known of it: the
    /// definitions, the fields and the deputies of then. The caller is the caller of now.
    pub(crate) async fn context_then(
        &self,
        caller: &Caller,
        owner: &Owner,
        at: &AsOf,
    ) -> Result<DecisionContext, AppError> {
        let company = self.companies.then(caller.tenant, at.effective_at, at.known_position).await?;
        let rep = caller.actor.rep_id();
        let now = at.effective_at;
        let stands_in_for = rep.map(|rep| company.people.stands_in_for(rep, now)).unwrap_or_default();
        let team = team_of(&company, owner);
        let versions = self.pipelines.versions_then(caller.tenant, at.known_at).await?;
        let in_force = |versions: &Versions| in_force_or_first(versions, team.as_deref(), now);
        let pipelines =
            versions.iter().filter_map(|(key, versions)| Some((key.clone(), in_force(versions)?))).collect();
        Ok(DecisionContext {
            now,
            pipelines: Arc::new(pipelines),
            versions: Arc::new(versions),
            team,
            claims: None,
            views: None,
            company,
            zones: self.zones.clone(),
            stands_in_for,
        })
    }

    /// The context of a command on a customer: what the command reads, as far as the customer was read.
    pub(super) async fn decision_context(
        &self,
        caller: &Caller,
        loaded: &LoadedCustomer,
        command: &Command,
    ) -> Result<DecisionContext, AppError> {
        let mut context = self.base_context(caller, Some(&loaded.customer.owner)).await?;
        for read in command.reads() {
            let Some(rep) = caller.actor.rep_id() else { continue };
            let base = Context::new(context.now, &caller.actor, &context.pipelines);
            let Some(pool) = pool_of(&loaded.customer, &base) else { continue };
            let day = Day { caller, pool, rep, now: context.now, until: loaded.position };
            match read {
                Read::ClaimsOfTheDay => {
                    let claims = Box::pin(self.claims_of_the_day(day, &context.versions)).await?;
                    context.claims = Some(claims);
                }
                Read::ViewsOfTheDay => context.views = Box::pin(self.views_of_the_day(day)).await?,
                // These are customers of their own, and are read as such.
                Read::AbsorbedCustomers => {}
            }
        }
        Ok(context)
    }

    async fn claims_of_the_day(
        &self,
        day: Day<'_>,
        versions: &AllVersions,
    ) -> Result<ClaimsOfTheDay, AppError> {
        let Day { caller, pool, rep, now, until } = day;
        let query = tagged("customer.claimed", tags::claims(rep, pool.quota_date(&self.zones, now)));
        let claims = self.store.read_matching(caller.tenant, &query, 0, until, CLAIMS_PAGE).await?;
        let missed = Query::tag(tags::strikes(rep));
        let strikes = self.store.read_matching(caller.tenant, &missed, 0, until, CLAIMS_PAGE).await?;
        let held = match pool.rules.as_ref().is_some_and(|rules| rules.holding_cap.is_some()) {
            true => Some(self.held(caller, rep, until, versions).await?),
            false => None,
        };
        let count = u32::try_from(claims.len()).unwrap_or(u32::MAX);
        let strikes = strikes.iter().map(|entry| entry.recorded_at).collect();
        let day = DayCount { query, count, ends_at: pool.next_quota_at(&self.zones, now) };
        Ok(ClaimsOfTheDay { day, strikes, held, rep: rep.to_owned() })
    }

    /// How many customers the caller may still claim from a pool on its local date; none of who is no rep.
    pub(crate) async fn claims_left(&self, caller: &Caller, pool: &Pool) -> Result<Option<u32>, AppError> {
        let Some(rep) = caller.actor.rep_id() else { return Ok(None) };
        let date = pool.quota_date(&self.zones, (self.clock)());
        let query = tagged("customer.claimed", tags::claims(rep, date));
        let until = self.store.head(caller.tenant).await?.position;
        let claims = self.store.read_matching(caller.tenant, &query, 0, until, CLAIMS_PAGE).await?;
        let count = u32::try_from(claims.len()).unwrap_or(u32::MAX);
        Ok(Some(pool.claims_per_day.saturating_sub(count)))
    }

    /// None where the pool does not limit views.
    async fn views_of_the_day(&self, day: Day<'_>) -> Result<Option<DayCount>, AppError> {
        let Day { caller, pool, rep, now, until } = day;
        let Some(limit) = pool.rules.as_ref().and_then(|rules| rules.views_per_day) else { return Ok(None) };
        let tag = tags::views(&pool.key, rep, pool.quota_date(&self.zones, now));
        let query = tagged("customer.viewed", tag);
        // Beyond the limit it does not matter how many there are.
        let page = limit.clamp(1, VIEWS_PAGE);
        let (mut count, mut after) = (0, 0);
        while count < limit {
            let views = self.store.read_matching(caller.tenant, &query, after, until, page).await?;
            let Some(last) = views.last() else { break };
            after = last.position;
            count = count.saturating_add(u32::try_from(views.len()).unwrap_or(u32::MAX));
            if views.len() < page as usize {
                break;
            }
        }
        Ok(Some(DayCount { query, count, ends_at: pool.next_quota_at(&self.zones, now) }))
    }

    /// The open customers that a rep owns, as the log tells it up to a position or beyond. The rep's claims are part of the
    /// append's condition, so a claim at the same moment is counted when this one is decided again.
    async fn held(
        &self,
        caller: &Caller,
        rep: &str,
        position: Position,
        versions: &AllVersions,
    ) -> Result<BTreeSet<Uuid>, AppError> {
        self.projections.wait_for(caller.tenant, "board", position, HELD_WITHIN).await?;
        let held = self.projections.board(caller.tenant).await?.owned_by(rep).await?.into_iter();
        let open = held.filter(|one| takes_a_place(versions, &one.pipeline, one.version, &one.stage));
        Ok(open.map(|one| one.customer).collect())
    }
}

/// The events of a type that carry a tag.
fn tagged(event_type: &str, tag: String) -> Query {
    Query { items: vec![QueryItem { types: vec![event_type.to_owned()], tags: vec![tag] }] }
}

/// Whether a customer that stands there takes one of its owner's places; what no version tells of does.
pub(super) fn takes_a_place(versions: &AllVersions, pipeline: &str, version: u32, stage: &str) -> bool {
    let kind = versions.get(pipeline).and_then(|versions| versions.kind_of(version, stage));
    kind.is_none_or(StageType::counts_as_held)
}

/// The pool that the customer is in, if it is in one that a pipeline defines.
fn pool_of<'a>(customer: &Customer, context: &Context<'a>) -> Option<&'a Pool> {
    context.pool(customer.primary(), customer.pool()?)
}

/// The team that an owner's customers belong to: a version published for it is in force for them.
fn team_of(company: &Company, owner: &Owner) -> Option<String> {
    let Owner::Rep(rep) = owner else { return None };
    company.people.team_of(rep).map(|team| team.key.clone())
}
