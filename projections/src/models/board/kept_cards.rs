//! Keeps the cards of pipelines in memory from question to question.

use std::collections::BTreeSet;

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use waymark_domain::{Pipeline, ProfileField};

use super::card_index::{CardCache, CardIndex, PresentCard};
use super::card_order::CardOrder;
use super::card_traits::CardAttributes;
use super::cards::{BoardQuery, BoardReport, StageNaming, report};
use super::next_contacts::NextContacts;
use super::row::{money_of, owner_of};
use super::snapshot::BoardSnapshot;
use super::statements::{CARDS_OF, CARDS_OF_SOME};
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::models::kept::Present;
use crate::models::present::PresentIndex;
use crate::models::snapshot::{Snapshot, Sources};
use crate::storage::columns::{Cell as _, Json, read_texts};
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// The board of a pipeline, held while nobody else moves it on.
pub struct PipelineSnapshot {
    pub(crate) kept: OwnedMutexGuard<Present<CardIndex>>,
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
        // Who is among some customers, no set of traits tells.
        let is_by_contact = query.now && query.order == CardOrder::NextContact;
        if !query.now || query.filter.among.is_some() && !is_by_contact {
            drop(kept);
            return board.cards(pipeline, query, name).await;
        }
        let page_of = query.pages()?;
        kept.follow(&mut board.0, &pipeline.key).await?;
        if is_by_contact {
            kept.index.follow_contacts(&mut board.0).await?;
            CardIndex::kept(&board.0.sources).weigh(board.0.tenant, &pipeline.key, &kept);
        }
        // Clocks may differ by some minutes: of somebody who moved after the instant that counts as now the history tells.
        if query.filter.among.is_some() || kept.index.has_moved_after(query.at.micros()) {
            let contacts = if is_by_contact { kept.index.contacts.due.clone() } else { NextContacts::new() };
            drop(kept);
            return board.cards_of_all(pipeline, query, &contacts, name).await;
        }
        let places = kept.index.places(&query.filter, page_of);
        drop(kept);
        report(&mut board.0, pipeline, query, places, name).await
    }
}

impl PresentIndex for CardIndex {
    fn kept(sources: &Sources) -> &CardCache {
        &sources.card_cache
    }

    async fn read(snapshot: &mut Snapshot, pipeline: &str) -> Result<Self> {
        let mut index = Self::default();
        let mut after: [Value; 3] = values!["", i64::MIN, Uuid::nil()];
        loop {
            let head: [Value; 3] = values![snapshot.tenant.0, snapshot.generation, pipeline];
            let values = [&head[..], &after[..], &[ROWS.into()]].concat();
            let rows = snapshot.transaction.rows(&CARDS_OF, &values).await?;
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

    async fn read_again(
        &mut self,
        snapshot: &mut Snapshot,
        pipeline: &str,
        customers: &BTreeSet<Uuid>,
    ) -> Result<()> {
        let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
        let head = values![snapshot.tenant.0, snapshot.generation, pipeline];
        let rows = fetch_by_keys(&mut snapshot.transaction, &CARDS_OF_SOME, &head, &keys).await?;
        let cards = rows.iter().map(PresentCard::read).collect::<Result<Vec<_>>>()?;
        customers.iter().for_each(|customer| self.remove(*customer));
        cards.into_iter().for_each(|card| self.put(card));
        Ok(())
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_worn(&self) -> bool {
        self.is_worn()
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
            traits: CardAttributes {
                owner: owner_of(row.str("owner_kind")?, row.text("owner_id")?),
                tier: row.opt_text("tier")?,
                currency,
                source: row.opt_text("source")?,
                channel: row.opt_text("channel")?,
                tags: Json::read(row, "tags")?.parse()?,
                texts: read_texts(row, &ProfileField::IN_REPORTS.map(ProfileField::key))?,
                sub_status: row.opt_text("sub_status")?,
                elsewhere: Vec::new(),
                version: row.number("pipeline_version")?,
            },
        })
    }
}
