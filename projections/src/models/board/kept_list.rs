//! Keeps the customers of tenants in memory from question to question, for lists, searches and the counts of pools.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use waymark_domain::ProfileField;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::customer::Customer;
use super::list::{CustomerList, with_cards};
use super::list_filter::{CustomerFilter, ListOrder, ListTraits, Standing};
use super::list_index::{After, ListCache, ListIndex, ListedCustomer};
use super::report::{CustomerReport, StageNames, report};
use super::row::{owner_of, read_customer};
use super::snapshot::BoardSnapshot;
use super::statements::{BY_EXTERNAL_ID, CUSTOMERS_AMONG, LISTED, LISTED_AMONG, STAGES, STAGES_AMONG};
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::models::kept::Present;
use crate::models::present::PresentIndex;
use crate::models::snapshot::{Snapshot, Sources};
use crate::storage::columns::{Cell as _, Json, read_texts};
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// Where the journeys of customers stand.
type StagesOf = HashMap<Uuid, Vec<Standing>>;

/// The customers of a tenant, held while nobody else moves them on.
pub struct ListSnapshot {
    pub(crate) kept: OwnedMutexGuard<Present<ListIndex>>,
    /// Opened after that was taken hold of.
    pub(crate) board: BoardSnapshot,
}

impl BoardSnapshot {
    /// The customers of these ids that there are, in the order of the ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn customers_among(
        &mut self,
        ids: &[Uuid],
        now: DateTime<Utc>,
        names: StageNames<'_>,
    ) -> Result<Vec<CustomerReport>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let customers = in_order(&mut self.0, ids).await?;
        let customers = with_cards(&mut self.0, customers).await?;
        Ok(customers.into_iter().map(|customer| report(customer, now, names)).collect())
    }
}

impl ListSnapshot {
    /// A page of customers, in the order asked for. How long they stay with their owners another read model tells.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`], or when the database fails.
    pub async fn customers(
        self,
        filter: &CustomerFilter,
        cursor: Option<&str>,
        limit: u32,
        now: DateTime<Utc>,
        names: StageNames<'_>,
    ) -> Result<(CustomerList, Position)> {
        let after = cursor.map(|cursor| After::read(cursor, filter.order)).transpose()?.unwrap_or_default();
        let Self { mut kept, board: BoardSnapshot(mut snapshot) } = self.followed().await?;
        if filter.order == ListOrder::RemainingOwnership {
            kept.index.follow_reclaims(&mut snapshot).await?;
            ListIndex::kept(&snapshot.sources).weigh(snapshot.tenant, "", &kept);
        }
        let among = match &filter.external_id {
            Some(external_id) => Some(by_external_id(&mut snapshot, external_id).await?),
            None => None,
        };
        let ids = kept.index.page(filter, among.as_deref(), &after, limit as usize);
        let last = ids.last().filter(|_| ids.len() == limit as usize);
        let next_cursor =
            last.and_then(|last| kept.index.after(*last, filter.order)).map(|after| after.text());
        drop(kept);
        let customers = in_order(&mut snapshot, &ids).await?;
        let customers = with_cards(&mut snapshot, customers).await?;
        let items = customers.into_iter().map(|customer| report(customer, now, names)).collect();
        let list = CustomerList { items, next_cursor, effective_at: now, known_at: now };
        Ok((list, snapshot.position))
    }

    /// How many customers each pool holds that are seen, by the pool's key. Its customers are those of [`Self::customers`] with
    /// the pool as owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pools(self, visibility: &Visibility) -> Result<(BTreeMap<String, u64>, Position)> {
        let mut followed = self.followed().await?;
        let filter = CustomerFilter { visibility: visibility.clone(), ..CustomerFilter::default() };
        Ok((followed.kept.index.pools(&filter), followed.board.0.position))
    }

    /// The same, brought to where the snapshot is.
    async fn followed(mut self) -> Result<Self> {
        self.kept.follow(&mut self.board.0, "").await?;
        Ok(self)
    }
}

/// Who has an id in another system.
async fn by_external_id(snapshot: &mut Snapshot, external_id: &str) -> Result<Vec<Uuid>> {
    let values: [Value; 3] = values![snapshot.tenant.0, snapshot.generation, external_id];
    let rows = snapshot.transaction.rows(BY_EXTERNAL_ID, &values).await?;
    rows.iter().map(|row| row.uuid("customer")).collect()
}

/// The customers of these ids, in the order of the ids.
async fn in_order(snapshot: &mut Snapshot, ids: &[Uuid]) -> Result<Vec<Customer>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let keys: Vec<Value> = ids.iter().map(|id| (*id).into()).collect();
    let rows = fetch_by_keys(&mut snapshot.transaction, &CUSTOMERS_AMONG, &head, &keys).await?;
    let read = |row| read_customer(row).map(|customer| (customer.id, customer));
    let mut found = rows.iter().map(read).collect::<Result<HashMap<Uuid, Customer>>>()?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

impl PresentIndex for ListIndex {
    fn kept(sources: &Sources) -> &ListCache {
        &sources.list_cache
    }

    async fn read(snapshot: &mut Snapshot, _: &str) -> Result<Self> {
        let mut stages = all_stages(snapshot).await?;
        let (mut all, mut after) = (Vec::new(), Uuid::nil());
        loop {
            let values: [Value; 4] = values![snapshot.tenant.0, snapshot.generation, after, ROWS];
            let rows = snapshot.transaction.rows(&LISTED, &values).await?;
            for row in &rows {
                let customer = listed(row, &mut stages)?;
                after = customer.customer;
                all.push(customer);
            }
            if rows.len() < ROWS as usize {
                return Ok(Self::of(all));
            }
        }
    }

    async fn read_again(
        &mut self,
        snapshot: &mut Snapshot,
        _: &str,
        customers: &BTreeSet<Uuid>,
    ) -> Result<()> {
        let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
        let head = values![snapshot.tenant.0, snapshot.generation];
        let mut stages = StagesOf::new();
        for row in fetch_by_keys(&mut snapshot.transaction, STAGES_AMONG, &head, &keys).await? {
            add_stage(&mut stages, &row)?;
        }
        let rows = fetch_by_keys(&mut snapshot.transaction, &LISTED_AMONG, &head, &keys).await?;
        let listed = rows.iter().map(|row| listed(row, &mut stages)).collect::<Result<Vec<_>>>()?;
        customers.iter().for_each(|customer| self.remove(*customer));
        listed.into_iter().for_each(|customer| self.put(customer));
        Ok(())
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_worn(&self) -> bool {
        self.is_worn()
    }
}

/// Where all journeys of a tenant stand.
async fn all_stages(snapshot: &mut Snapshot) -> Result<StagesOf> {
    let (mut stages, mut after) = (StagesOf::new(), (Uuid::nil(), String::new()));
    loop {
        let values: [Value; 5] =
            values![snapshot.tenant.0, snapshot.generation, after.0, after.1.as_str(), ROWS];
        let rows = snapshot.transaction.rows(STAGES, &values).await?;
        for row in &rows {
            after = (row.uuid("customer")?, row.text("pipeline")?);
            add_stage(&mut stages, row)?;
        }
        if rows.len() < ROWS as usize {
            return Ok(stages);
        }
    }
}

fn add_stage(stages: &mut StagesOf, row: &Row) -> Result<()> {
    let stage = Standing {
        pipeline: row.text("pipeline")?,
        stage: row.text("stage")?,
        sub_status: row.opt_text("sub_status")?,
    };
    stages.entry(row.uuid("customer")?).or_default().push(stage);
    Ok(())
}

fn listed(row: &Row, stages: &mut StagesOf) -> Result<ListedCustomer> {
    let customer = row.uuid("customer")?;
    let mut stages = stages.remove(&customer).unwrap_or_default();
    stages.sort_unstable();
    Ok(ListedCustomer {
        customer,
        created: row.position("created_position")?,
        traits: ListTraits {
            owner: owner_of(row.str("owner_kind")?, row.text("owner_id")?),
            tier: row.opt_text("tier")?,
            source: row.opt_text("source")?,
            channel: row.opt_text("channel")?,
            tags: Json::read(row, "tags")?.parse()?,
            texts: read_texts(row, &ProfileField::KEYS)?,
            at_risk: row.flag("at_risk")?,
            is_merged: row.opt_uuid("merged_into")?.is_some(),
            is_withdrawn: row.flag("withdrawn")?,
            is_erased: row.flag("erased")?,
            standings: stages,
        },
        value: row.int("value_order")?,
        text: row.text("search_text")?,
        contacts: row.text("search_contacts")?,
    })
}
