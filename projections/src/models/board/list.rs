//! Customers as they are now: one, or a list of them; and what is shown of a customer.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::{ContactKind, ContentKind, Contract, Money};
use waymark_domain::people::Visibility;

use super::customer::{Card, ClearContact, Customer, Document, Sent, Touch, owner_columns};
use super::{CARDS_AMONG, CUSTOMERS_AMONG, LIST, POOLS};
use crate::db::{Value, values};
use crate::error::{ProjectionError, Result};
use crate::log::history::instant;
use crate::query::{Snapshot, visibility_binds};
use crate::stats::seconds;
use crate::storage::table::fetch_by_keys;

/// Which customers a list shows. All that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerFilter {
    /// The id in another system, exactly. Only with it are merged customers listed, too.
    pub external_id: Option<String>,
    /// Whose they are.
    pub owner: Option<Owner>,
    /// The stage that one of their journeys stands in.
    pub stage: Option<String>,
    /// A label they carry.
    pub tag: Option<String>,
    /// The line of business.
    pub industry: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The kind of service.
    pub service_type: Option<String>,
    /// The value tier.
    pub tier: Option<String>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Whose they are: any of these reps.
    pub reps: Option<BTreeSet<String>>,
    /// A part of the name or of the id in another system; ASCII letters match in either case.
    pub q: Option<String>,
    /// Which customers whoever asks sees. It does not judge merged ones, which are seen where they go on.
    pub visibility: Visibility,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyReport {
    /// The decimal amount.
    #[schema(example = "12.30")]
    pub amount: String,
    /// The ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
}

/// Who a customer belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnerReport {
    /// `rep` or `pool`.
    pub kind: String,
    /// The rep's name, or the pool's key.
    pub id: String,
}

/// Where a journey stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JourneyReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The version under which it last moved.
    pub pipeline_version: u32,
    /// Whether it is the journey that the customer is in: the one moved in last.
    pub primary: bool,
    /// The cycle, from 1.
    pub cycle: u32,
    /// The stage.
    pub stage: String,
    /// What the stage is called; its id where no pipeline says.
    pub stage_name: String,
    /// The sub-status within it.
    pub sub_status: Option<String>,
    /// When the stay began.
    pub entered_at: DateTime<Utc>,
    /// How long it has lasted.
    pub age_seconds: f64,
}

/// A way to reach a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactReport {
    /// `phone`, `email` or `wechat`.
    #[schema(value_type = String)]
    pub kind: ContactKind,
    /// The number, address or account.
    pub value: String,
}

/// An id that a channel knows the person by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelIdReport {
    /// The channel.
    pub channel: String,
    /// The id within it.
    pub id: String,
}

/// The days of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContractReport {
    /// The first day.
    pub starts_on: Option<NaiveDate>,
    /// The last day.
    pub ends_on: Option<NaiveDate>,
}

/// A document by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentReport {
    /// The document's id.
    pub id: Uuid,
    /// What sort.
    pub kind: String,
    /// What it is called.
    pub name: Option<String>,
    /// Its id or address where it is kept; null once the customer is erased.
    pub reference: Option<String>,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Who added it.
    pub uploaded_by: String,
    /// When.
    pub uploaded_at: DateTime<Utc>,
}

/// Something to read that was sent to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContentReport {
    /// The follow-up with which it was recorded.
    pub event: Uuid,
    /// `industry_report`, `white_paper`, `case_study` or `other`.
    #[schema(value_type = String, example = "industry_report")]
    pub kind: ContentKind,
    /// What it is called; null once the customer is erased.
    pub title: Option<String>,
    /// Its id or address where it is kept.
    pub document: Option<String>,
    /// Who sent it.
    pub sent_by: String,
    /// When.
    pub sent_at: DateTime<Utc>,
}

/// A time at which the customer came in as a lead again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TouchReport {
    /// When.
    pub at: DateTime<Utc>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Whether somebody has followed up since.
    pub answered: bool,
}

/// What is planned next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextAction {
    /// When.
    pub at: DateTime<Utc>,
    /// What; null once the customer is erased.
    pub text: Option<String>,
}

/// A customer as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CustomerReport {
    /// The customer's id.
    pub id: Uuid,
    /// How many events it has.
    pub version: u64,
    /// What it is called; null when never given, or erased.
    pub name: Option<String>,
    /// The id in another system.
    pub external_id: Option<String>,
    /// Who it belongs to.
    pub owner: OwnerReport,
    /// Since when.
    pub owned_since: DateTime<Utc>,
    /// Until when the owner is not blamed for what the former one left undone.
    pub grace_until: Option<DateTime<Utc>>,
    /// Where its journeys stand.
    pub journeys: Vec<JourneyReport>,
    /// Ways to reach it.
    pub contacts: Vec<ContactReport>,
    /// Labels.
    pub tags: Vec<String>,
    /// The value tier.
    pub tier: Option<String>,
    /// What the deal may be worth.
    pub amount: Option<MoneyReport>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Custom fields.
    #[schema(value_type = Option<Object>)]
    pub fields: Option<BTreeMap<String, serde_json::Value>>,
    /// What is planned next.
    pub next_action: Option<NextAction>,
    /// How long it stays with its owner unless something is done; null where no rule takes it away.
    pub remaining_ownership_seconds: Option<f64>,
    /// The unified social credit code.
    pub credit_code: Option<String>,
    /// The ids that channels know the person by.
    pub channel_ids: Vec<ChannelIdReport>,
    /// The line of business.
    pub industry: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The kind of service that the customer is in.
    pub service_type: Option<String>,
    /// The contract's days.
    pub contract: Option<ContractReport>,
    /// The day of delivery.
    pub delivered_on: Option<NaiveDate>,
    /// The day until which the deal is put off.
    pub postponed_until: Option<NaiveDate>,
    /// What has been won so far.
    pub won_amount: Option<MoneyReport>,
    /// How satisfied the customer is, from 0 to 10.
    pub satisfaction: Option<u8>,
    /// Documents by reference, the latest two hundred.
    pub documents: Vec<DocumentReport>,
    /// What was sent to it to read, the latest hundred.
    pub contents: Vec<ContentReport>,
    /// When and from where it came in as a lead again, the latest hundred.
    pub touches: Vec<TouchReport>,
    /// The customers that it was told apart from: who looks like it, and is not.
    pub distinct_from: Vec<Uuid>,
    /// The customer that it was merged into.
    pub merged_into: Option<Uuid>,
    /// Whether its personal fields were erased.
    pub erased: bool,
    /// The business instant asked about, where one of the two times was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<DateTime<Utc>>,
    /// The instant of knowledge asked about, where one of the two times was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<DateTime<Utc>>,
}

/// A page of customers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CustomerList {
    /// The customers, in the order of their registration.
    pub items: Vec<CustomerReport>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
    /// The business instant asked about, where one of the two times was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<DateTime<Utc>>,
    /// The instant of knowledge asked about, where one of the two times was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<DateTime<Utc>>,
}

/// What a stage of a pipeline is called.
pub(crate) type StageNames<'a> = &'a (dyn Fn(&str, &str) -> Option<String> + Sync);

/// One customer, if it is seen.
pub(crate) async fn customer(
    snapshot: &mut Snapshot,
    id: Uuid,
    visibility: &Visibility,
    now: DateTime<Utc>,
    names: StageNames<'_>,
) -> Result<Option<CustomerReport>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let rows = fetch_by_keys(&mut snapshot.transaction, CUSTOMERS_AMONG, &head, &[id.into()]).await?;
    let mut customers = rows.iter().map(Customer::read).collect::<Result<Vec<_>>>()?;
    customers
        .retain(|customer| visibility.is_visible(customer.profile.region.as_deref(), &customer.traits.owner));
    Ok(with_cards(snapshot, customers).await?.pop().map(|customer| report(customer, now, names)))
}

/// A page of customers.
pub(crate) async fn customers(
    snapshot: &mut Snapshot,
    filter: &CustomerFilter,
    cursor: Option<&str>,
    limit: u32,
    now: DateTime<Utc>,
    names: StageNames<'_>,
) -> Result<CustomerList> {
    let after: u64 = cursor.map_or(Ok(0), str::parse).map_err(|_| ProjectionError::BadCursor)?;
    let (sql, values) = select(snapshot, filter, after, limit);
    let rows = snapshot.transaction.fetch_dynamic(sql.into(), values).await?;
    let customers = rows.iter().map(Customer::read).collect::<Result<Vec<_>>>()?;
    let last = customers.last().filter(|_| customers.len() == limit as usize);
    let next_cursor = last.map(|last| last.created_position.to_string());
    let customers = with_cards(snapshot, customers).await?;
    let items = customers.into_iter().map(|customer| report(customer, now, names)).collect();
    Ok(CustomerList { items, next_cursor, effective_at: None, known_at: None })
}

/// How many customers each pool holds that are seen, by the pool's key.
pub(crate) async fn pools(snapshot: &mut Snapshot, visibility: &Visibility) -> Result<BTreeMap<String, u64>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let rows = snapshot.transaction.rows(POOLS, &[&head[..], &visibility_binds(visibility)].concat()).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.position(1)?))).collect()
}

fn select(snapshot: &Snapshot, filter: &CustomerFilter, after: u64, limit: u32) -> (String, Vec<Value>) {
    let mut sql = LIST.to_owned();
    let mut values: Vec<Value> = values![snapshot.tenant.0, snapshot.generation, after].into();
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
        // Whoever looks a customer up by its id elsewhere is to learn where it goes on.
        Some(external_id) => and("c.external_id = ?", &[external_id]),
        None => and("c.merged_into IS NULL", &[]),
    }
    if let Some(owner) = &filter.owner {
        let (kind, id) = owner_columns(owner);
        and("c.owner_kind = ? AND c.owner_id = ?", &[kind, id]);
    }
    if let Some(stage) = &filter.stage {
        and(
            "EXISTS (SELECT 1 FROM board_card k WHERE k.tenant_id = $1 AND k.generation = $2 \
             AND k.customer = c.customer AND k.stage = ?)",
            &[stage],
        );
    }
    if let Some(tag) = &filter.tag {
        and(
            "EXISTS (SELECT 1 FROM board_tag t WHERE t.tenant_id = $1 AND t.generation = $2 \
             AND t.tag = ? AND t.customer = c.customer)",
            &[tag],
        );
    }
    let columns = [
        ("c.industry = ?", &filter.industry),
        ("c.region = ?", &filter.region),
        ("c.service_type = ?", &filter.service_type),
        ("c.tier = ?", &filter.tier),
        ("c.source = ?", &filter.source),
        ("c.channel = ?", &filter.channel),
    ];
    for (condition, wanted) in columns {
        if let Some(wanted) = wanted {
            and(condition, &[wanted]);
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
        let pattern = format!("%{}%", escaped(&q.to_ascii_lowercase()));
        and(
            "(lower(c.name) LIKE ? ESCAPE '!' OR lower(c.external_id) LIKE ? ESCAPE '!')",
            &[&pattern, &pattern],
        );
    }
    values.push(limit.into());
    sql.push_str(&format!(" ORDER BY c.created_position LIMIT ${}", values.len()));
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
        let id = row.uuid(0)?;
        let (pipeline, card) = Card::read(&row)?;
        if let Some(customer) = customers.iter_mut().find(|customer| customer.id == id) {
            customer.cards.insert(pipeline, card);
        }
    }
    Ok(customers)
}

pub(super) fn report(customer: Customer, now: DateTime<Utc>, names: StageNames<'_>) -> CustomerReport {
    let primary = customer.primary().map(str::to_owned);
    let now = now.timestamp_micros();
    let journey = |(pipeline, card): (String, Card)| JourneyReport {
        pipeline_version: card.pipeline_version,
        primary: primary.as_deref() == Some(pipeline.as_str()),
        cycle: card.cycle,
        stage_name: names(&pipeline, &card.stage).unwrap_or_else(|| card.stage.clone()),
        stage: card.stage,
        sub_status: card.sub_status,
        entered_at: instant(card.entered_at),
        age_seconds: seconds(now - card.entered_at),
        pipeline,
    };
    let contact = |ClearContact { kind, value }| ContactReport { kind, value };
    let (traits, profile) = (customer.traits, customer.profile);
    let touch = |Touch { at, source, channel, answered }: Touch| TouchReport {
        at: instant(at),
        source,
        channel,
        answered,
    };
    CustomerReport {
        id: customer.id,
        version: customer.version,
        name: customer.name,
        external_id: customer.external_id,
        owner: OwnerReport::of(&traits.owner),
        owned_since: customer.owned_since,
        grace_until: customer.grace_until.map(instant),
        journeys: customer.cards.into_iter().map(journey).collect(),
        contacts: customer.contacts.into_iter().map(contact).collect(),
        tags: traits.tags,
        tier: traits.tier,
        amount: traits.amount.as_ref().map(MoneyReport::of),
        source: traits.source,
        channel: traits.channel,
        fields: customer.fields,
        next_action: customer.next.map(|(at, text)| NextAction { at, text }),
        remaining_ownership_seconds: None,
        credit_code: profile.credit_code,
        channel_ids: profile
            .channel_ids
            .into_iter()
            .map(|(channel, id)| ChannelIdReport { channel, id })
            .collect(),
        industry: profile.industry,
        region: profile.region,
        service_type: profile.service_type,
        contract: profile
            .contract
            .map(|Contract { starts_on, ends_on }| ContractReport { starts_on, ends_on }),
        delivered_on: profile.delivered_on,
        postponed_until: profile.postponed_until,
        won_amount: profile.won_amount.as_ref().map(MoneyReport::of),
        satisfaction: profile.satisfaction,
        documents: customer.documents.into_iter().map(DocumentReport::of).collect(),
        contents: customer.contents.into_iter().map(ContentReport::of).collect(),
        touches: customer.touches.into_iter().map(touch).collect(),
        distinct_from: customer.distinct_from.into_keys().collect(),
        merged_into: customer.merged_into,
        erased: customer.erased,
        effective_at: None,
        known_at: None,
    }
}

impl DocumentReport {
    fn of(document: Document) -> Self {
        Self {
            id: document.id,
            kind: document.kind,
            name: document.name,
            reference: document.reference,
            sha256: document.sha256,
            uploaded_by: document.by,
            uploaded_at: instant(document.at),
        }
    }
}

impl ContentReport {
    fn of(sent: Sent) -> Self {
        Self {
            event: sent.event,
            kind: sent.kind,
            title: sent.title,
            document: sent.document,
            sent_by: sent.by,
            sent_at: instant(sent.at),
        }
    }
}

impl OwnerReport {
    pub(crate) fn of(owner: &Owner) -> Self {
        let (kind, id) = owner_columns(owner);
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }
}

impl MoneyReport {
    pub(crate) fn of(money: &Money) -> Self {
        Self { amount: money.amount.to_string(), currency: money.currency.clone() }
    }
}
