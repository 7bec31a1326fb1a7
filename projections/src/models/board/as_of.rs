//! Customers as they stood at an instant, by what was known of them at a position.
//!
//! The rows of a read model are customers as they are now. What they were is folded from the log itself, customer by
//! customer, so that everything a record shows has its past, and what an erasure made unreadable is unreadable there, too.
//! Details and plans are what was said last to hold by then, the owner is the one recorded last of the changes that had
//! happened by then, and stages are those of the corrected timeline: as in the [past](super::past) of boards and reports.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::automation::{Rules, reclaim_at};
use waymark_domain::customer::event::{CustomerEvent, Recorded};
use waymark_domain::customer::timeline::Journeys;
use waymark_domain::customer::{self as domain};
use waymark_domain::people::Visibility;
use waymark_domain::pipeline::Pipeline;
use waymark_domain::pipeline::version::Versions;
use waymark_domain::search::SearchTerms;
use waymark_domain::tags;
use waymark_domain::{Owner, ProfileField};
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, Query, TenantId};

use super::customer::{Card, Customer, is_opened};
use super::list::CustomerList;
use super::list_filter::CustomerFilter;
use super::past::{cards_at, timelines_at};
use super::report::{CustomerReport, NextAction, OwnerReport, StageNames, report};
use super::row::{owner_columns, owner_of, read_customer};
use super::snapshot::BoardSnapshot;
use super::statements::{CUSTOMERS_AMONG, LIST_THEN};
use crate::db::{Value, values};
use crate::error::{ProjectionError, Result};
use crate::log::decoded::{DecodedEntry, DecodedEvent, decode_all};
use crate::log::history::{JourneyChange, journeys, position_moves};
use crate::models::snapshot::Snapshot;
use crate::models::work::reclaim::remaining_seconds;
use crate::query::{AnyOf, AsOf, has_texts, visibility_binds};
use crate::stats::Micros;
use crate::storage::table::fetch_by_keys;

/// How many customers are folded at a time.
const TOGETHER: usize = 100;
/// How many are looked at for one page at most: what is beyond is for the next page.
const LOOKED_AT: usize = 2_000;
/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// The definition that was in force of a journey for customers of an owner, with all versions that there were.
pub type RulesAsOf<'a> = &'a (dyn Fn(&Owner, &str) -> Option<RulesThen> + Sync);

/// What was in force of a journey for customers of an owner.
#[derive(Debug, Clone)]
pub struct RulesThen {
    /// The definition.
    pub pipeline: Arc<Pipeline>,
    /// All versions that were known.
    pub versions: Arc<Versions>,
    /// The owner's team.
    pub team: Option<String>,
}

/// A customer as it stood, and whose it is now: what may be shown of it goes by that.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerAsOf {
    /// As it stood.
    pub then: CustomerReport,
    /// Whose it is now.
    pub owner_now: OwnerReport,
}

impl BoardSnapshot {
    /// A customer as it stood at an instant, as it was known, if it is seen now; none where it was not there yet. `rules` says
    /// which definition was in force then for customers of an owner.
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn customer_as_of(
        &mut self,
        id: Uuid,
        visibility: &Visibility,
        at: &AsOf,
        names: StageNames<'_>,
        rules: RulesAsOf<'_>,
    ) -> Result<(Option<CustomerAsOf>, Position)> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows = fetch_by_keys(&mut snapshot.transaction, &CUSTOMERS_AMONG, &head, &[id.into()]).await?;
        let Some(now) = rows.first().map(read_customer).transpose()? else {
            return Ok((None, snapshot.position));
        };
        let known = snapshot.known(at);
        if now.created_position > known
            || !visibility.is_visible(now.profile.texts.region(), &now.traits.owner)
        {
            return Ok((None, snapshot.position));
        }
        let facts = histories(snapshot.sources.log(), snapshot.tenant, &[id], known)
            .await?
            .remove(&id)
            .unwrap_or_default();
        let Some(customer) = then(id, &facts, at.micros(), now.erased) else {
            return Ok((None, snapshot.position));
        };
        let mut then = report(customer, at.effective_at, names);
        then.remaining_ownership_seconds = left_then(&facts, at.effective_at, rules).filter(|_| !now.erased);
        (then.effective_at, then.known_at) = (Some(at.effective_at), Some(at.known_at));
        let found = CustomerAsOf { then, owner_now: OwnerReport::of(&now.traits.owner) };
        Ok((Some(found), snapshot.position))
    }
}

impl BoardSnapshot {
    /// A customer as decisions would have seen it at an instant, by what was known of it; none where it was not there yet.
    ///
    /// # Errors
    /// When the log fails.
    pub async fn decided_on_as_of(
        &mut self,
        id: Uuid,
        at: &AsOf,
    ) -> Result<(Option<domain::Customer>, Position)> {
        let snapshot = &mut self.0;
        let known = snapshot.known(at);
        let facts = histories(snapshot.sources.log(), snapshot.tenant, &[id], known).await?.remove(&id);
        let facts = facts.unwrap_or_default();
        let was_there = then(id, &facts, at.micros(), false).is_some();
        let customer = folded_then(&facts, at.effective_at).filter(|_| was_there);
        Ok((customer, snapshot.position))
    }
}

impl BoardSnapshot {
    /// A page of customers as they stood at an instant, as it was known: those that are seen now. A page looks at a bounded
    /// number of customers, so it may have fewer than `limit`, or none, and not be the last. `rules` are as in
    /// [`Self::customer_as_of`]; without them nothing tells how long customers stay with their owners.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`], or when the database or the log fails.
    pub async fn customers_as_of(
        &mut self,
        filter: &CustomerFilter,
        (cursor, limit): (Option<&str>, u32),
        at: &AsOf,
        names: StageNames<'_>,
        rules: Option<RulesAsOf<'_>>,
    ) -> Result<(Vec<CustomerAsOf>, Option<String>, Position)> {
        let snapshot = &mut self.0;
        let mut after: Position = cursor.map_or(Ok(0), str::parse).map_err(|_| ProjectionError::BadCursor)?;
        let known = snapshot.known(at);
        let (mut found, mut looked_at) = (Vec::new(), 0);
        loop {
            let (sql, values) = select(snapshot, filter, after, known);
            let rows = snapshot.transaction.fetch_dynamic(sql.into(), values).await?;
            let ids = rows.iter().map(|row| row.uuid("customer")).collect::<Result<Vec<_>>>()?;
            let mut facts = histories(snapshot.sources.log(), snapshot.tenant, &ids, known).await?;
            for (row, id) in rows.iter().zip(&ids) {
                (after, looked_at) = (row.position("created_position")?, looked_at + 1);
                let facts = facts.remove(id).unwrap_or_default();
                let erased = row.flag("erased")?;
                if filter.external_id.is_none() && was_erased(&facts, at.micros()) {
                    continue;
                }
                let customer =
                    then(*id, &facts, at.micros(), erased).filter(|customer| passes(customer, filter));
                let Some(customer) = customer else { continue };
                let owner_now = OwnerReport::of(&owner_of(row.str("owner_kind")?, row.text("owner_id")?));
                let mut then = report(customer, at.effective_at, names);
                let left = rules.and_then(|rules| left_then(&facts, at.effective_at, rules));
                then.remaining_ownership_seconds = left.filter(|_| !erased);
                found.push(CustomerAsOf { then, owner_now });
                if found.len() == limit as usize {
                    return Ok((found, Some(after.to_string()), snapshot.position));
                }
            }
            if rows.len() < TOGETHER {
                return Ok((found, None, snapshot.position));
            }
            if looked_at >= LOOKED_AT {
                return Ok((found, Some(after.to_string()), snapshot.position));
            }
        }
    }
}

/// A customer at an instant, as far as work is about it.
#[derive(Debug)]
pub(crate) struct FormerCustomer {
    /// What it was called.
    pub(crate) name: Option<String>,
    /// What was agreed with it.
    pub(crate) agreed: Option<NextAction>,
    /// The sub-status of each journey that had one.
    pub(crate) sub_statuses: BTreeMap<String, String>,
    /// Whether it is erased by now.
    pub(crate) is_erased: bool,
    /// As decisions would have seen it.
    pub(crate) folded: domain::Customer,
}

/// Everybody as they stood at an instant, as it was known, who is visible to the caller now; of one customer alone, if that is
/// given. The snapshot is of the board.
pub(crate) async fn everybody(
    snapshot: &mut Snapshot,
    visibility: &Visibility,
    only: Option<Uuid>,
    at: &AsOf,
    mut take: impl FnMut(FormerCustomer) + Send,
) -> Result<()> {
    let filter = CustomerFilter { visibility: visibility.clone(), ..CustomerFilter::default() };
    let known = snapshot.known(at);
    let mut after: Position = 0;
    loop {
        let (sql, values) = select(snapshot, &filter, after, known);
        let rows = snapshot.transaction.fetch_dynamic(sql.into(), values).await?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            after = row.position("created_position")?;
            let id = row.uuid("customer")?;
            if only.is_none_or(|only| only == id) {
                ids.push((id, row.flag("erased")?));
            }
        }
        each_then(snapshot, &ids, at, |then, facts| {
            let Some(folded) = folded_then(facts, at.effective_at) else { return };
            take(FormerCustomer {
                sub_statuses: then.sub_statuses(),
                is_erased: then.erased,
                name: then.name,
                agreed: then.next.map(NextAction::from),
                folded,
            });
        })
        .await?;
        if rows.len() < TOGETHER {
            return Ok(());
        }
    }
}

/// What customers were called at an instant, as it was known. Each comes with whether it is erased.
pub(crate) async fn names_then(
    snapshot: &Snapshot,
    customers: impl Iterator<Item = (Uuid, bool)>,
    at: &AsOf,
) -> Result<HashMap<Uuid, String>> {
    let customers: Vec<(Uuid, bool)> = customers.collect();
    let mut names = HashMap::new();
    each_then(snapshot, &customers, at, |then, _| names.extend(then.name.map(|name| (then.id, name))))
        .await?;
    Ok(names)
}

/// Goes over some customers as they stood at an instant, as it was known, each with what was known of it. Each comes with whether
/// it is erased; those that were not there yet are left out.
async fn each_then(
    snapshot: &Snapshot,
    customers: &[(Uuid, bool)],
    at: &AsOf,
    mut take: impl FnMut(Customer, &[Arc<DecodedEvent>]) + Send,
) -> Result<()> {
    let known = snapshot.known(at);
    for together in customers.chunks(TOGETHER) {
        let ids: Vec<Uuid> = together.iter().map(|(id, _)| *id).collect();
        let mut facts = histories(snapshot.sources.log(), snapshot.tenant, &ids, known).await?;
        for (id, erased) in together {
            let facts = facts.remove(id).unwrap_or_default();
            if let Some(customer) = then(*id, &facts, at.micros(), *erased) {
                take(customer, &facts);
            }
        }
    }
    Ok(())
}

/// Whether a customer had been erased by an instant.
fn was_erased(facts: &[Arc<DecodedEvent>], at: Micros) -> bool {
    let erasure = |fact: &&Arc<DecodedEvent>| matches!(fact.event.event, CustomerEvent::Erased(_));
    facts.iter().find(erasure).is_some_and(|fact| fact.event.effective_at.timestamp_micros() <= at)
}

/// What is known of some customers up to a position, each in the order of its positions. What cannot be read, no read model
/// folds.
pub(super) async fn histories(
    (store, vault): (&dyn EventStore, &Vault),
    tenant: TenantId,
    ids: &[Uuid],
    until: Position,
) -> Result<HashMap<Uuid, Vec<Arc<DecodedEvent>>>> {
    let Some((first, rest)) = ids.split_first() else { return Ok(HashMap::new()) };
    let tagged = |id: &Uuid| Query::tag(tags::customer(*id));
    let query = rest.iter().map(tagged).fold(tagged(first), Query::or);
    let (mut found, mut after) = (HashMap::<Uuid, Vec<Arc<DecodedEvent>>>::new(), 0);
    loop {
        let entries = store.read_matching(tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
        for readings in decode_all(tenant, &entries, vault, is_opened).await? {
            if let DecodedEntry::DecodedEvent(fact) = readings.of(is_opened) {
                found.entry(fact.customer).or_default().push(fact);
            }
        }
        match entries.last() {
            Some(last) if entries.len() == ENTRIES_PER_PAGE as usize => after = last.position,
            _ => return Ok(found),
        }
    }
}

/// The customer as it stood at an instant, by what is known of it; none where it was not there yet. Anyone who is forgotten by
/// now is so in every past, and every knowledge.
fn then(id: Uuid, facts: &[Arc<DecodedEvent>], at: Micros, erased: bool) -> Option<Customer> {
    let (first, _) = facts.split_first()?;
    // What is known to have come with a wrong file was never there.
    if facts.iter().any(|fact| matches!(fact.event.event, CustomerEvent::Withdrawn(_))) {
        return None;
    }
    let mut customer = Customer::registered(id, &first.event)?;
    let timelines = timelines_at(facts.iter().map(|fact| &fact.event), at);
    let began = timelines.began_at().unwrap_or(first.event.effective_at);
    if began.timestamp_micros() > at {
        return None;
    }
    for (n, fact) in facts.iter().enumerate() {
        let counts = n == 0 || fact.event.effective_at.timestamp_micros() <= at;
        if counts {
            customer.apply(&fact.event);
        }
    }
    if erased {
        customer.erase();
    }
    customer.cards = cards_at(&timelines, at);
    Some(customer)
}

/// A customer as decisions would have seen it at an instant.
pub(super) fn folded_then(facts: &[Arc<DecodedEvent>], at: DateTime<Utc>) -> Option<domain::Customer> {
    let timelines = journeys(facts.iter().map(|fact| &fact.event));
    let moved: BTreeSet<Uuid> = made_by(&timelines, at.timestamp_micros()).collect();
    let counts = |(n, fact): &(usize, &Arc<DecodedEvent>)| match JourneyChange::of(&fact.event.event) {
        JourneyChange::Rewrite { .. } => true,
        JourneyChange::Move { .. } => *n == 0 || moved.contains(&fact.event.id),
        JourneyChange::None => fact.event.effective_at <= at,
    };
    let events: Vec<&Recorded<CustomerEvent>> =
        facts.iter().enumerate().filter(counts).map(|(_, fact)| &fact.event).collect();
    domain::Customer::fold(events)
}

/// How many seconds a customer still belonged to its rep unless something happened, by the rules of then.
fn left_then(facts: &[Arc<DecodedEvent>], at: DateTime<Utc>, rules: RulesAsOf<'_>) -> Option<f64> {
    let reclaim_at = reclaim_then(&folded_then(facts, at)?, at, rules);
    reclaim_at.map(|reclaim_at| remaining_seconds(reclaim_at, at))
}

/// When a customer was to go back to its pool unless something happened, by the rules of then.
pub(crate) fn reclaim_then(
    customer: &domain::Customer,
    at: DateTime<Utc>,
    rules: RulesAsOf<'_>,
) -> Option<DateTime<Utc>> {
    let RulesThen { pipeline, versions, team } = rules(&customer.owner, customer.primary())?;
    let rules = Rules { pipeline: &pipeline, versions: Some(&versions), team: team.as_deref(), at };
    reclaim_at(customer, rules).filter(|_| !customer.has_left())
}

/// The moves that had happened by an instant, after their corrections.
fn made_by(timelines: &Journeys, at: Micros) -> impl Iterator<Item = Uuid> {
    let moves = timelines.keys().flat_map(move |journey| position_moves(timelines.moves(journey)));
    moves.filter(move |made| made.at <= at).map(|made| made.event)
}

/// Whether a customer as it stood is wanted.
fn passes(customer: &Customer, filter: &CustomerFilter) -> bool {
    fn is(wanted: &Option<AnyOf>, held: Option<&String>) -> bool {
        wanted.as_ref().is_none_or(|wanted| held.is_some_and(|held| wanted.contains(held)))
    }
    let (traits, profile) = (&customer.traits, &customer.profile);
    let of_a_rep = |reps: &BTreeSet<String>| match &traits.owner {
        Owner::Rep(rep) => reps.contains(rep),
        Owner::Pool(_) => false,
    };
    let of_the_pipeline = |key: &str| filter.pipeline.as_ref().is_none_or(|wanted| wanted == key);
    let any_card = |wanted: &Option<AnyOf>, of: fn(&Card) -> Option<&String>| {
        let mut cards = customer.cards.iter().filter(|(key, _)| of_the_pipeline(key));
        wanted.is_none() || cards.any(|(_, card)| is(wanted, of(card)))
    };
    let is_there = filter.pipeline.is_none() || customer.cards.keys().any(|key| of_the_pipeline(key));
    let called = |q: &SearchTerms| q.finds(&customer.search_text(), &customer.search_contacts());
    let labelled = |tag: &AnyOf| traits.tags.iter().any(|held| tag.contains(held));
    (filter.external_id.is_some() || !traits.merged)
        && filter.external_id.as_ref().is_none_or(|wanted| customer.external_id.as_ref() == Some(wanted))
        && filter.owner.as_ref().is_none_or(|owner| traits.owner == *owner)
        && filter.reps.as_ref().is_none_or(of_a_rep)
        && is_there
        && any_card(&filter.stage, |card| Some(&card.stage))
        && any_card(&filter.sub_status, |card| card.sub_status.as_ref())
        && filter.tag.as_ref().is_none_or(labelled)
        && has_texts(&filter.texts, &profile.texts)
        && is(&filter.tier, traits.tier.as_ref())
        && is(&filter.source, traits.source.as_ref())
        && is(&filter.channel, traits.channel.as_ref())
        && filter.q.as_ref().is_none_or(called)
}

/// Those who may be wanted: seen now, registered by then, and at some time what the filter asks for. What they were at the
/// instant follows from their history.
fn select(
    snapshot: &Snapshot,
    filter: &CustomerFilter,
    after: Position,
    known: Position,
) -> (String, Vec<Value>) {
    let mut sql = LIST_THEN.to_owned();
    let mut values: Vec<Value> = values![snapshot.tenant.0, snapshot.generation, after, known].into();
    values.extend(visibility_binds(&filter.visibility));
    let mut once = |condition: &str, bound: &[&str]| {
        let mut condition = condition.to_owned();
        for value in bound {
            values.push((*value).into());
            condition = condition.replacen('?', &format!("${}", values.len()), 1);
        }
        sql.push_str(
            " AND EXISTS (SELECT 1 FROM board_past p WHERE p.tenant_id = $1 AND p.generation = $2 \
             AND p.customer = c.customer AND p.position <= $4 AND ",
        );
        sql.push_str(&condition);
        sql.push(')');
    };
    if let Some(owner) = &filter.owner {
        let (kind, id) = owner_columns(owner);
        once("p.owner_kind = ? AND p.owner_id = ?", &[kind, id]);
    }
    let texts = ProfileField::IN_REPORTS.map(|field| (field.key(), filter.texts.get(field)));
    let others = [("tier", &filter.tier), ("source", &filter.source), ("channel", &filter.channel)];
    for (column, wanted) in texts.into_iter().chain(others) {
        if let Some(wanted) = wanted {
            once(&wanted.condition(&format!("p.{column}")), &wanted.values());
        }
    }
    if let Some(external_id) = &filter.external_id {
        values.push(external_id.as_str().into());
        sql.push_str(&format!(" AND c.external_id = ${}", values.len()));
    }
    values.push((TOGETHER as u64).into());
    sql.push_str(&format!(" ORDER BY c.created_position LIMIT ${}", values.len()));
    (sql, values)
}

impl CustomerList {
    /// A page of customers as they stood, of these two times.
    #[must_use]
    pub fn of_then(items: Vec<CustomerReport>, next_cursor: Option<String>, at: &AsOf) -> Self {
        Self { items, next_cursor, effective_at: at.effective_at, known_at: at.known_at }
    }
}
