//! Keeps the cards of pipelines in memory from question to question.
//!
//! Rows tell the present alone, so that what is kept is never taken back: a question takes hold of it first and opens its
//! snapshot then, which is therefore at the same position or a later one. Of that the entries in between are followed.

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use waymark_domain::Pipeline;
use waymark_eventstore::Position;

use super::card_cache::KeptCards;
use super::card_index::{CardIndex, PresentCard, Traits};
use super::cards::{BoardQuery, BoardReport, StageNaming, report};
use super::row::{money_of, owner_of};
use super::snapshot::BoardSnapshot;
use super::statements::{CARDS_OF, CARDS_OF_SOME};
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::log::changed::{self, is_worth_following};
use crate::models::snapshot::{Snapshot, Sources};
use crate::storage::columns::{Cell as _, Json};
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// The board of a pipeline, held while nobody else moves it on.
pub struct PipelineSnapshot {
    pub(crate) kept: OwnedMutexGuard<KeptCards>,
    /// Opened after that was taken hold of.
    pub(crate) board: BoardSnapshot,
}

impl PipelineSnapshot {
    /// The board of the pipeline, as it is now or at any two times. `name(stage, sub_status)` says what a stage, or a
    /// sub-status of it, is called.
    ///
    /// # Errors
    /// [`crate::ProjectionError::BadCursor`], or when the database fails.
    pub async fn cards(
        self,
        pipeline: &Pipeline,
        query: &BoardQuery,
        name: StageNaming<'_>,
    ) -> Result<BoardReport> {
        let Self { mut kept, mut board } = self;
        if !query.now {
            drop(kept);
            return board.cards(pipeline, query, name).await;
        }
        let page_of = query.pages()?;
        kept.follow(&mut board.0, &pipeline.key).await?;
        // Clocks may differ by some minutes: of somebody who moved after the instant that counts as now the history tells.
        if kept.index.has_moved_after(query.at.micros()) {
            drop(kept);
            return board.cards(pipeline, query, name).await;
        }
        let places = kept.index.places(&query.filter, page_of);
        drop(kept);
        report(&mut board.0, pipeline, query, places, name).await
    }
}

impl KeptCards {
    /// Brings the cards to where a snapshot is.
    async fn follow(&mut self, snapshot: &mut Snapshot, pipeline: &str) -> Result<()> {
        let (rows, position) = (snapshot.rows(), snapshot.position);
        let held = self.state.filter(|(of, at)| *of == rows && *at <= position).map(|(_, at)| at);
        let has_followed = match held {
            Some(held) if held == position => return Ok(()),
            Some(held) => self.follow_entries(snapshot, pipeline, held).await?,
            None => false,
        };
        if !has_followed {
            self.index = read(snapshot, pipeline).await?;
        }
        self.state = Some((rows, position));
        snapshot.sources.card_cache.weigh(snapshot.tenant, pipeline, self);
        Ok(())
    }

    /// Reads the cards again whose customers had entries since. False where reading all of them is better.
    async fn follow_entries(
        &mut self,
        snapshot: &mut Snapshot,
        pipeline: &str,
        after: Position,
    ) -> Result<bool> {
        let until = snapshot.position;
        if self.index.is_worn() || !is_worth_following(self.index.len() as u64, until - after) {
            return Ok(false);
        }
        let Sources { store, vault, .. } = &snapshot.sources;
        let changed =
            changed::customers((&**store, vault), snapshot.tenant, (after, until), |_| true).await?;
        let Some(customers) = changed else { return Ok(false) };
        let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
        let head = values![snapshot.tenant.0, snapshot.generation, pipeline];
        let rows = fetch_by_keys(&mut snapshot.transaction, CARDS_OF_SOME, &head, &keys).await?;
        let cards = rows.iter().map(PresentCard::read).collect::<Result<Vec<_>>>()?;
        for customer in customers {
            self.index.remove(customer);
        }
        for card in cards {
            self.index.put(card);
        }
        Ok(true)
    }
}

/// All cards of a pipeline.
async fn read(snapshot: &mut Snapshot, pipeline: &str) -> Result<CardIndex> {
    let mut index = CardIndex::default();
    let mut after: [Value; 3] = values!["", i64::MIN, Uuid::nil()];
    loop {
        let head: [Value; 3] = values![snapshot.tenant.0, snapshot.generation, pipeline];
        let values = [&head[..], &after[..], &[ROWS.into()]].concat();
        let rows = snapshot.transaction.rows(CARDS_OF, &values).await?;
        for row in &rows {
            index.put(PresentCard::read(row)?);
        }
        match rows.last() {
            Some(last) if rows.len() == ROWS as usize => {
                after = values![last.str("stage")?, last.int("entered_at")?, last.uuid("customer")?];
            }
            _ => return Ok(index),
        }
    }
}

impl PresentCard {
    fn read(row: &Row) -> Result<Self> {
        let money = money_of(row.opt_text("amount")?, row.opt_text("currency")?);
        let (amount, currency) = money.map(|money| (money.amount, money.currency)).unzip();
        Ok(Self {
            customer: row.uuid("customer")?,
            stage: row.text("stage")?,
            entered: row.int("entered_at")?,
            last_at: row.int("last_at")?,
            amount,
            traits: Traits {
                owner: owner_of(row.str("owner_kind")?, row.text("owner_id")?),
                tier: row.opt_text("tier")?,
                currency,
                source: row.opt_text("source")?,
                channel: row.opt_text("channel")?,
                tags: Json::read(row, "tags")?.parse()?,
                industry: row.opt_text("industry")?,
                region: row.opt_text("region")?,
                sub_status: row.opt_text("sub_status")?,
                version: row.number("pipeline_version")?,
            },
        })
    }
}
