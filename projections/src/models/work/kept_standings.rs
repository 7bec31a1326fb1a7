//! Keeps who stands in each stage in memory from question to question.

use std::collections::{BTreeSet, HashMap};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_eventstore::Position;

use super::definitions::has_published;
use super::scope::{StageAgeFilter, WorkCursor};
use super::snapshot::WorkSnapshot;
use super::standing_index::{PresentStanding, StandingCache, StandingIndex, WorkTraits};
use super::statements::{STANDINGS_ALL, STANDINGS_AMONG};
use super::waiting::{WaitingReport, WorkPage, page, standing};
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::models::kept::Present;
use crate::models::present::PresentIndex;
use crate::models::snapshot::{Snapshot, Sources};
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// Who stands in each stage, held while nobody else moves it on.
pub struct StandingSnapshot {
    pub(crate) kept: OwnedMutexGuard<Present<StandingIndex>>,
    /// Opened after that was taken hold of.
    pub(crate) work: WorkSnapshot,
}

impl StandingSnapshot {
    /// Customers who have stood for long in any of some stages, page by page, the longest first, and how many there are on
    /// all pages. Each stage is asked for as many as the page has room for, so none is left out, however many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn long_standing(
        self,
        stages: &[StageAgeFilter],
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let Self { mut kept, mut work } = self;
        // Where a journey stands more finely, the board tells.
        if stages.iter().any(|stage| stage.whose.sub_status.is_some()) {
            drop(kept);
            return work.long_standing(stages, after, limit).await;
        }
        kept.follow(&mut work.0, "").await?;
        let (mut found, mut total) = (Vec::new(), 0);
        for stage in stages {
            let (first, number) = kept.index.find(stage, after, limit as usize + 1);
            found.extend(first);
            total += number;
        }
        drop(kept);
        found.sort_unstable();
        found.truncate(limit as usize + 1);
        let found = read_found(&mut work.0, found).await?;
        page(&mut work.0, found, limit, total).await
    }
}

/// The rows of those that were found, in their order.
async fn read_found(
    snapshot: &mut Snapshot,
    found: Vec<WorkCursor>,
) -> Result<Vec<(WorkCursor, WaitingReport)>> {
    let ids: BTreeSet<Uuid> = found.iter().map(|cursor| cursor.customer).collect();
    let mut reports = HashMap::new();
    for row in among(snapshot, &ids).await? {
        let (cursor, report) = standing(&row)?;
        reports.insert((cursor.customer, cursor.journey), report);
    }
    let with_report = |cursor: WorkCursor| {
        let report = reports.remove(&(cursor.customer, cursor.journey.clone()))?;
        Some((cursor, report))
    };
    Ok(found.into_iter().filter_map(with_report).collect())
}

async fn among(snapshot: &mut Snapshot, customers: &BTreeSet<Uuid>) -> Result<Vec<Row>> {
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
    let head = values![snapshot.tenant.0, snapshot.generation];
    fetch_by_keys(&mut snapshot.transaction, STANDINGS_AMONG, &head, &keys).await
}

impl PresentIndex for StandingIndex {
    fn kept(sources: &Sources) -> &StandingCache {
        &sources.standing_cache
    }

    async fn read(snapshot: &mut Snapshot, _: &str) -> Result<Self> {
        let (mut index, mut after) = (Self::default(), (Uuid::nil(), String::new()));
        loop {
            let values: [Value; 5] =
                values![snapshot.tenant.0, snapshot.generation, after.0, after.1.as_str(), ROWS];
            let rows = snapshot.transaction.rows(STANDINGS_ALL, &values).await?;
            for row in &rows {
                let standing = PresentStanding::read(row)?;
                after = (standing.customer, standing.journey.clone());
                index.add(standing);
            }
            if rows.len() < ROWS as usize {
                return Ok(index);
            }
        }
    }

    async fn read_again(
        &mut self,
        snapshot: &mut Snapshot,
        _: &str,
        customers: &BTreeSet<Uuid>,
    ) -> Result<()> {
        let rows = among(snapshot, customers).await?;
        let mut seen: BTreeSet<(Uuid, String)> = BTreeSet::new();
        customers.iter().for_each(|customer| self.remove(*customer));
        for row in &rows {
            let standing = PresentStanding::read(row)?;
            // A short list of keys is filled up, so that a row may come twice.
            if seen.insert((standing.customer, standing.journey.clone())) {
                self.add(standing);
            }
        }
        Ok(())
    }

    /// Another version of a pipeline may give everybody in it another next contact.
    async fn is_of_customers_alone(
        snapshot: &Snapshot,
        (after, until): (Position, Position),
    ) -> Result<bool> {
        Ok(!has_published(&*snapshot.sources.store, snapshot.tenant, (after, until)).await?)
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_worn(&self) -> bool {
        self.is_worn()
    }
}

impl PresentStanding {
    fn read(row: &Row) -> Result<Self> {
        let owner = row.text("owner_id")?;
        Ok(Self {
            customer: row.uuid("customer")?,
            journey: row.text("journey")?,
            stage: row.text("stage")?,
            entered: row.int("entered_at")?,
            went_back: row.flag("went_back")?,
            next_at: row.opt_int("next_at")?,
            last_activity_at: row.opt_int("last_activity_at")?,
            traits: WorkTraits {
                owner: if row.str("owner_kind")? == "rep" { Owner::Rep(owner) } else { Owner::Pool(owner) },
                tier: row.opt_text("tier")?,
                region: row.opt_text("region")?,
            },
        })
    }
}
