//! Work lists: customers who must be contacted, and those who have been in a stage for long.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_eventstore::Position;

use super::names;
use super::reclaim::reclaims_at;
use super::scope::{StageAgeFilter, WorkCursor, WorkScope};
use super::snapshot::WorkSnapshot;
use super::standings::sub_status_values;
use super::statements::{CONTACTS, CONTACTS_COUNTED, NEXT_CONTACTS, STANDING};
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::{NextAction, OwnerReport};
use crate::models::snapshot::Snapshot;
use crate::query::{name_list, visibility_binds};
use crate::stats::Micros;
use crate::storage::table::fetch_by_keys;

/// A customer that waits for somebody.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WaitingReport {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null where nobody said.
    pub customer_name: Option<String>,
    /// Whom it belongs to.
    pub owner: OwnerReport,
    /// The value tier.
    pub tier: Option<String>,
    /// When it is due to be contacted next; null where nothing is planned.
    pub next_contact_at: Option<DateTime<Utc>>,
    /// What was agreed. It is not shown here.
    #[serde(skip)]
    pub agreed: Option<NextAction>,
    /// When it goes back to its pool unless something is done. It is not shown here.
    #[serde(skip)]
    pub reclaim_at: Option<DateTime<Utc>>,
    /// When anything was last recorded of it by a person, moves apart; null where nothing was.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last came in as a lead again; null where it did not, or somebody has followed up since.
    pub touched_again_at: Option<DateTime<Utc>>,
    /// The journey: the primary one in lists by next contact.
    pub pipeline: Option<String>,
    /// The stage that it is in.
    pub stage: Option<String>,
    /// Since when.
    pub entered_at: Option<DateTime<Utc>>,
    /// Whether it went back to an earlier stage in this cycle.
    pub went_back: bool,
}

/// Who must be contacted.
#[derive(Debug, Clone)]
pub struct ContactFilter {
    /// At or after this instant; ever, when absent.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: DateTime<Utc>,
    /// Those as well who came in as leads again before that instant, and wait since.
    pub touched: bool,
    /// Whose.
    pub whose: WorkScope,
}

/// How many customers [`STANDING`] lists on all pages: the same conditions, but for those of the page.
pub(crate) static STANDING_COUNTED: LazyLock<Arc<str>> = LazyLock::new(|| {
    let of_all_pages = STANDING.split("  -- What follows is of the page alone").next().unwrap_or_default();
    let conditions = of_all_pages.split_once("\nFROM ").map_or("", |(_, conditions)| conditions);
    format!("SELECT COUNT(*) AS total\nFROM {conditions}").into()
});

/// A page of a work list.
#[derive(Debug)]
pub struct WorkPage {
    /// The customers on it.
    pub items: Vec<WaitingReport>,
    /// The place of the last one, where more follow.
    pub next: Option<WorkCursor>,
    /// How many there are on all pages.
    pub total: u64,
    /// How far the read model had come.
    pub position: Position,
}

impl WorkSnapshot {
    /// Customers to be contacted, page by page, and how many there are on all pages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contacts(
        &mut self,
        filter: &ContactFilter,
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let snapshot = &mut self.0;
        let standing = sub_status_values(snapshot, filter.whose.sub_status.as_ref()).await?;
        let values = [&contact_values(snapshot, filter)[..], &standing].concat();
        let counted = snapshot.transaction.row(CONTACTS_COUNTED, &values).await?;
        let total = counted.map_or(Ok(0), |row| row.position("total"))?;
        let (at, customer) =
            after.map_or((i64::MIN, Uuid::nil()), |last| (last.at.timestamp_micros(), last.customer));
        let values = [&values[..], &values![at, customer, limit.saturating_add(1)]].concat();
        let rows = snapshot.transaction.rows(CONTACTS, &values).await?;
        let found = rows.iter().map(contact).collect::<Result<Vec<_>>>()?;
        page(snapshot, found, limit, total).await
    }

    /// Customers who have stood for long in any of some stages, page by page, the longest first, and how many there are on
    /// all pages. Each stage is asked for as many as the page has room for, so none is left out, however many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn long_standing(
        &mut self,
        stages: &[StageAgeFilter],
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let snapshot = &mut self.0;
        let (mut found, mut total) = (Vec::new(), 0);
        let (at, customer, journey) = after.map_or((i64::MIN, Uuid::nil(), ""), |last| {
            (last.at.timestamp_micros(), last.customer, last.journey.as_str())
        });
        for stage in stages {
            let sub_statuses = sub_status_values(snapshot, stage.whose.sub_status.as_ref()).await?;
            let values = [&standing_values(snapshot, stage)[..], &sub_statuses].concat();
            let sql = Arc::clone(&STANDING_COUNTED);
            let counted = snapshot.transaction.fetch_dynamic(sql, values.clone()).await?;
            total += counted.first().map_or(Ok(0), |row| row.position("total"))?;
            let place = values![at, customer, journey, limit.saturating_add(1)];
            let rows = snapshot.transaction.rows(STANDING, &[&values[..], &place].concat()).await?;
            for row in &rows {
                found.push(standing(row)?);
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        page(snapshot, found, limit, total).await
    }
}

impl WorkSnapshot {
    /// When customers are due to be contacted next, by the rule of [`waymark_domain::automation::next_contact`]; nothing of those whom
    /// the read model does not know yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_contacts(
        &mut self,
        customers: &[Uuid],
    ) -> Result<BTreeMap<Uuid, Option<DateTime<Utc>>>> {
        if customers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let snapshot = &mut self.0;
        let keys: Vec<Value> = customers.iter().map(|id| (*id).into()).collect();
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows = fetch_by_keys(&mut snapshot.transaction, NEXT_CONTACTS, &head, &keys).await?;
        let contact = |row: &Row| Ok((row.uuid("customer")?, row.opt_int("next_at")?.map(instant)));
        rows.iter().map(contact).collect()
    }
}

/// A page of what was found: one more than the limit says that there is another page. The snapshot is of this read model, and
/// of the board afterwards.
pub(super) async fn page(
    snapshot: &mut Snapshot,
    mut found: Vec<(WorkCursor, WaitingReport)>,
    limit: u32,
    total: u64,
) -> Result<WorkPage> {
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
    let position = snapshot.position;
    let mut items: Vec<WaitingReport> = found.into_iter().map(|(_, item)| item).collect();
    let ids: Vec<Uuid> = items.iter().map(|item| item.customer_id).collect();
    let reclaims = reclaims_at(snapshot, &ids).await?;
    let described = names::with_plans(snapshot, &ids).await?;
    for item in &mut items {
        item.reclaim_at = reclaims.get(&item.customer_id).copied();
        // A customer has a row for each journey that waits.
        (item.customer_name, item.agreed) = described.get(&item.customer_id).cloned().unwrap_or_default();
    }
    Ok(WorkPage { items, next, total, position })
}

fn contact(row: &Row) -> Result<(WorkCursor, WaitingReport)> {
    let waiting = WaitingReport {
        stage: row.opt_text("stage")?,
        entered_at: row.opt_int("entered_at")?.map(instant),
        ..waiting(row)?
    };
    let (at, customer) = (instant(row.int("due_at")?), waiting.customer_id);
    Ok((WorkCursor { at, customer, journey: String::new() }, waiting))
}

pub(super) fn standing(row: &Row) -> Result<(WorkCursor, WaitingReport)> {
    let (journey, entered_at) = (row.text("journey")?, instant(row.int("entered_at")?));
    let waiting =
        WaitingReport { stage: Some(row.text("stage")?), entered_at: Some(entered_at), ..waiting(row)? };
    Ok((WorkCursor { at: entered_at, customer: waiting.customer_id, journey }, waiting))
}

fn waiting(row: &Row) -> Result<WaitingReport> {
    Ok(WaitingReport {
        customer_id: row.uuid("customer")?,
        customer_name: None,
        owner: OwnerReport { kind: row.text("owner_kind")?, id: row.text("owner_id")? },
        tier: row.opt_text("tier")?,
        next_contact_at: row.opt_int("next_at")?.map(instant),
        agreed: None,
        reclaim_at: None,
        last_activity_at: row.opt_int("last_activity_at")?.map(instant),
        created_at: instant(row.int("created_at")?),
        touched_again_at: row.opt_int("touched_at")?.map(instant),
        pipeline: Some(row.text("journey")?),
        stage: None,
        entered_at: None,
        went_back: row.flag("went_back")?,
    })
}

fn bound(at: Option<DateTime<Utc>>) -> Option<Micros> {
    at.map(|at| at.timestamp_micros())
}

/// What a statement binds of whose customers a list is of.
fn scope_values(scope: &WorkScope) -> Vec<Value> {
    let (from, until) = scope.not_between.unzip();
    let head = values![scope.owner.clone(), bound(from), bound(until)];
    [&head[..], &visibility_binds(&scope.visibility)].concat()
}

fn contact_values(snapshot: &Snapshot, filter: &ContactFilter) -> Vec<Value> {
    let until = filter.until.timestamp_micros();
    let touched_until = if filter.touched { until } else { i64::MIN };
    let from = bound(filter.from).unwrap_or(i64::MIN);
    let head = values![snapshot.tenant.0, snapshot.generation, from, until, touched_until];
    [&head[..], &scope_values(&filter.whose)].concat()
}

fn standing_values(snapshot: &Snapshot, filter: &StageAgeFilter) -> Vec<Value> {
    let head = values![
        snapshot.tenant.0,
        snapshot.generation,
        filter.journey.as_str(),
        filter.stage.as_str(),
        filter.entered_until.timestamp_micros(),
    ];
    let tail = values![
        filter.owned.then(|| "rep".to_owned()),
        filter.tiers.as_ref().map(name_list),
        crate::query::LIST_SEPARATOR,
        bound(filter.silent_until),
        bound(filter.overdue_until),
        filter.now.timestamp_micros(),
    ];
    [&head[..], &scope_values(&filter.whose), &tail].concat()
}
