//! Customers as they are now: one, or a list of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::people::Visibility;
use waymark_domain::search::Sought;
use waymark_eventstore::Position;

use super::customer::Customer;
use super::found_by::bounded;
use super::report::{CustomerReport, StageNames, report};
use super::row::{owner_columns, read_card, read_customer};
use super::snapshot::BoardSnapshot;
use super::statements::{CARDS_AMONG, CUSTOMERS_AMONG, LIST, POOLS};
use crate::db::{Value, values};
use crate::error::{ProjectionError, Result};
use crate::models::snapshot::Snapshot;
use crate::models::work::reclaim::reclaim_at;
use crate::models::work::tables::NAME as WORK;
use crate::query::{AnyOf, visibility_binds};
use crate::storage::table::fetch_by_keys;

/// Which customers a list shows. All that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerFilter {
    /// The id in another system, exactly. Only with it are merged customers listed, too.
    pub external_id: Option<String>,
    /// Whose they are.
    pub owner: Option<Owner>,
    /// The stage that one of their journeys stands in.
    pub stage: Option<AnyOf>,
    /// The sub-status that one of their journeys stands in.
    pub sub_status: Option<AnyOf>,
    /// A label they carry.
    pub tag: Option<AnyOf>,
    /// The line of business.
    pub industry: Option<AnyOf>,
    /// The region.
    pub region: Option<AnyOf>,
    /// The kind of service.
    pub service_type: Option<AnyOf>,
    /// The value tier.
    pub tier: Option<AnyOf>,
    /// Where the lead came from.
    pub source: Option<AnyOf>,
    /// Through which channel.
    pub channel: Option<AnyOf>,
    /// Whose they are: any of these reps.
    pub reps: Option<BTreeSet<String>>,
    /// Words of the name and of the id in another system, or a whole contact.
    pub q: Option<Sought>,
    /// Only those whom somebody warned of, or only the others.
    pub at_risk: Option<bool>,
    /// Whether the most valuable come first, instead of those registered first.
    pub by_value: bool,
    /// Which customers are visible to the caller. It does not judge merged ones, which are seen where they go on.
    pub visibility: Visibility,
}

/// A page of customers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CustomerList {
    /// The customers, in the order of their registration.
    pub items: Vec<CustomerReport>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// The business instant asked about, where one of the two times was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<DateTime<Utc>>,
    /// The instant of knowledge asked about, where one of the two times was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<DateTime<Utc>>,
}

impl BoardSnapshot {
    /// A customer as it is now, if it is seen. `stage_name(pipeline, stage)` says what a stage is called.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn customer(
        &mut self,
        id: Uuid,
        visibility: &Visibility,
        now: DateTime<Utc>,
        names: StageNames<'_>,
    ) -> Result<(Option<CustomerReport>, Position)> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows = fetch_by_keys(&mut snapshot.transaction, CUSTOMERS_AMONG, &head, &[id.into()]).await?;
        let mut customers = rows.iter().map(read_customer).collect::<Result<Vec<_>>>()?;
        customers.retain(|customer| {
            visibility.is_visible(customer.profile.region.as_deref(), &customer.traits.owner)
        });
        let found = with_cards(snapshot, customers).await?.pop().map(|customer| report(customer, now, names));
        let position = snapshot.position;
        let Some(mut customer) = found else { return Ok((None, position)) };
        snapshot.switch_model(WORK).await?;
        let ends = reclaim_at(snapshot, id).await?;
        customer.remaining_ownership_seconds =
            ends.map(|ends| (ends - now).max(TimeDelta::zero()).num_milliseconds() as f64 / 1_000.0);
        Ok((Some(customer), position))
    }
}

impl BoardSnapshot {
    /// A page of customers, in the order of their registration.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn customers(
        &mut self,
        filter: &CustomerFilter,
        cursor: Option<&str>,
        limit: u32,
        now: DateTime<Utc>,
        names: StageNames<'_>,
    ) -> Result<(CustomerList, Position)> {
        let snapshot = &mut self.0;
        let after =
            cursor.map(|cursor| After::read(cursor, filter.by_value)).transpose()?.unwrap_or_default();
        let (sql, values) = select(snapshot, filter, &after, limit);
        let rows = snapshot.transaction.fetch_dynamic(sql.into(), values).await?;
        let customers = rows.iter().map(read_customer).collect::<Result<Vec<_>>>()?;
        let last = customers.last().filter(|_| customers.len() == limit as usize);
        let next_cursor = last.map(|last| After::of(last).text(filter.by_value));
        let customers = with_cards(snapshot, customers).await?;
        let items = customers.into_iter().map(|customer| report(customer, now, names)).collect();
        Ok((CustomerList { items, next_cursor, effective_at: None, known_at: None }, snapshot.position))
    }
}

impl BoardSnapshot {
    /// How many customers each pool holds that are seen, by the pool's key. Its customers are those of [`Self::customers`] with
    /// the pool as owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pools(&mut self, visibility: &Visibility) -> Result<(BTreeMap<String, u64>, Position)> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows =
            snapshot.transaction.rows(POOLS, &[&head[..], &visibility_binds(visibility)].concat()).await?;
        let pools = rows
            .iter()
            .map(|row| Ok((row.text("owner_id")?, row.position("customers")?)))
            .collect::<Result<_>>()?;
        Ok((pools, snapshot.position))
    }
}

/// Where a page begins: after a customer, by its registration or by its value.
#[derive(Debug, Clone, Default)]
struct After {
    position: u64,
    value: Option<(String, i64)>,
}

impl After {
    fn of(customer: &Customer) -> Self {
        Self { position: customer.created_position, value: Some(customer.value_order()) }
    }

    fn text(&self, by_value: bool) -> String {
        match self.value.as_ref().filter(|_| by_value) {
            Some((tier, value)) => format!("{value}.{}.{tier}", self.position),
            None => self.position.to_string(),
        }
    }

    fn read(cursor: &str, by_value: bool) -> Result<Self> {
        let parsed = || {
            if !by_value {
                return Some(Self { position: cursor.parse().ok()?, value: None });
            }
            let mut parts = cursor.splitn(3, '.');
            let (value, position) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Self { position, value: Some((parts.next()?.to_owned(), value)) })
        };
        parsed().ok_or(ProjectionError::BadCursor)
    }
}

fn select(snapshot: &Snapshot, filter: &CustomerFilter, after: &After, limit: u32) -> (String, Vec<Value>) {
    let mut sql = LIST.to_owned();
    let mut values: Vec<Value> = {
        let position = if filter.by_value { 0 } else { after.position };
        values![snapshot.tenant.0, snapshot.generation, position].into()
    };
    let mut and = |condition: &str, bound: &[&str]| {
        let mut condition = condition.to_owned();
        for value in bound {
            values.push((*value).into());
            condition = condition.replacen('?', &format!("${}", values.len()), 1);
        }
        sql.push_str(" AND ");
        sql.push_str(&condition);
    };
    match &filter.external_id {
        // The user a customer up by its id elsewhere is to learn where it goes on.
        Some(external_id) => and("c.external_id = ?", &[external_id]),
        None => and("c.merged_into IS NULL AND c.withdrawn = 0", &[]),
    }
    if let Some(owner) = &filter.owner {
        let (kind, id) = owner_columns(owner);
        and("c.owner_kind = ? AND c.owner_id = ?", &[kind, id]);
    }
    for (column, wanted) in [("k.stage", &filter.stage), ("k.sub_status", &filter.sub_status)] {
        let Some(wanted) = wanted else { continue };
        let condition = format!(
            "EXISTS (SELECT 1 FROM board_card k WHERE k.tenant_id = $1 AND k.generation = $2 \
             AND k.customer = c.customer AND {})",
            wanted.condition(column)
        );
        and(&condition, &wanted.values());
    }
    if let Some(tag) = &filter.tag {
        let condition = format!(
            "EXISTS (SELECT 1 FROM board_tag t WHERE t.tenant_id = $1 AND t.generation = $2 \
             AND t.customer = c.customer AND {})",
            tag.condition("t.tag")
        );
        and(&condition, &tag.values());
    }
    let columns = [
        ("c.industry", &filter.industry),
        ("c.region", &filter.region),
        ("c.service_type", &filter.service_type),
        ("c.tier", &filter.tier),
        ("c.source", &filter.source),
        ("c.channel", &filter.channel),
    ];
    for (column, wanted) in columns {
        if let Some(wanted) = wanted {
            and(&wanted.condition(column), &wanted.values());
        }
    }
    if let Some(reps) = &filter.reps {
        // Nobody's customers are asked for when nobody is named.
        let places = vec!["?"; reps.len()].join(",");
        let condition = format!("c.owner_kind = 'rep' AND c.owner_id IN ({places})");
        let condition = if reps.is_empty() { "1 = 0".to_owned() } else { condition };
        and(&condition, &reps.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if let [Value::Text(regions), Value::Text(owners), Value::Text(around)] =
        &visibility_binds(&filter.visibility)
    {
        and(
            "(replace(?, ? || c.region || ?, '') <> ? OR c.region IS NULL OR c.merged_into IS NOT NULL \
             OR (c.owner_kind = 'rep' AND replace(?, ? || c.owner_id || ?, '') <> ?))",
            &[regions, around, around, regions, owners, around, around, owners],
        );
    }
    if let Some(q) = &filter.q {
        let words = vec!["c.search_text LIKE ? ESCAPE '!'"; q.words.len().max(1)].join(" AND ");
        let contacts = vec!["c.search_contacts LIKE ? ESCAPE '!'"; q.contacts.len()];
        let condition = std::iter::once(format!("({words})")).chain(contacts.into_iter().map(str::to_owned));
        let condition = format!("({})", condition.collect::<Vec<_>>().join(" OR "));
        let whole = |contact: &String| format!("%{}%", escaped(&bounded(contact)));
        let mut patterns: Vec<String> = q.words.iter().map(|word| format!("%{}%", escaped(word))).collect();
        if patterns.is_empty() {
            patterns.push("%".to_owned());
        }
        patterns.extend(q.contacts.iter().map(whole));
        and(&condition, &patterns.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if let Some(at_risk) = filter.at_risk {
        sql.push_str(if at_risk { " AND c.at_risk = 1" } else { " AND c.at_risk = 0" });
    }
    let mut order = "c.created_position";
    if filter.by_value {
        order = "c.tier_order, c.value_order, c.created_position";
        if let Some((tier, value)) = &after.value {
            values.extend([tier.as_str().into(), (*value).into(), after.position.into()]);
            let last = values.len();
            sql.push_str(&format!(" AND ({order}) > (${}, ${}, ${last})", last - 2, last - 1));
        }
    }
    values.push(limit.into());
    sql.push_str(&format!(" ORDER BY {order} LIMIT ${}", values.len()));
    (sql, values)
}

/// The text with what LIKE would take for a wildcard marked as meant.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

async fn with_cards(snapshot: &mut Snapshot, mut customers: Vec<Customer>) -> Result<Vec<Customer>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let ids: Vec<Value> = customers.iter().map(|customer| customer.id.into()).collect();
    for row in fetch_by_keys(&mut snapshot.transaction, CARDS_AMONG, &head, &ids).await? {
        let (id, pipeline, card) = read_card(&row)?;
        if let Some(customer) = customers.iter_mut().find(|customer| customer.id == id) {
            customer.cards.insert(pipeline, card);
        }
    }
    Ok(customers)
}
