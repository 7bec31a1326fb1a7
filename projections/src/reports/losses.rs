//! Why and where deals are lost.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::customer::event::Money;
use waymark_eventstore::Position;

use super::money::{add, money};
use super::{Span, journeys, known, pasts};
use crate::board::MoneyReport;
use crate::error::Result;
use crate::log::history::instant;
use crate::maturity::{Maturity, begun};
use crate::models::board::versions;
use crate::models::dwell::{self, Window};
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::cycles::{Outcome, cycles};

/// How many deals, and what they were worth by currency.
type Tally = (usize, BTreeMap<String, Decimal>);

/// What is asked about losses.
#[derive(Debug, Clone)]
pub struct LossesQuery {
    /// The two times.
    pub at: AsOf,
    /// When the deals were lost.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
}

/// Deals that were lost for one reason from one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LossReport {
    /// The reason code; null where none was given.
    pub reason: Option<String>,
    /// The stage in which they stood before; null where a deal began as lost.
    pub stage: Option<String>,
    /// How many.
    pub count: usize,
    /// Their share of all that were lost.
    pub share: f64,
    /// What they might have been worth when they were lost, by currency.
    pub amounts: Vec<MoneyReport>,
}

/// Why and where deals are lost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LossesReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read models had come.
    pub position: Position,
    /// From when on losses count; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given.
    pub to: DateTime<Utc>,
    /// How many cycles ended, in whatever way.
    pub ended: usize,
    /// How many cycles were lost and not taken up again.
    pub lost: usize,
    /// Whether it is known yet what becomes of the cycles that began in the window: what is lost soon is among the losses, and what
    /// takes long is not yet.
    pub maturity: Maturity,
    /// By reason and stage, the most frequent first.
    pub items: Vec<LossReport>,
}

impl ReportSnapshot {
    /// Why and where deals are lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn losses(&mut self, definition: &Definition, query: &LossesQuery) -> Result<LossesReport> {
        let snapshot = &mut self.0;
        let LossesQuery { at, window, filter } = query;
        let known = known(snapshot, at).await?;
        let position = snapshot.position;
        let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
        snapshot.switch_model(dwell::NAME).await?;
        let reasons = dwell::reasons(snapshot, &definition.pipeline.key, known).await?;
        let pasts = pasts(snapshot, known).await?;
        let (kinds, span) = (definition.kinds(&journeys), Span::of(window, at));
        let mut lost: BTreeMap<(Option<String>, Option<u32>), Tally> = BTreeMap::new();
        let (mut ended, mut maturity) = (0, Maturity::default());
        for (journey, records) in journeys.journeys(at.micros()) {
            let customer = journeys.customer(journey);
            let (passes, gone) = (cycles(records), journeys.ended(journey, at.micros()).is_some());
            begun(&passes, gone, &kinds, |began| span.holds(began)).for_each(|(_, open)| maturity.add(open));
            for cycle in passes {
                let outcome = cycle.outcome(&kinds).filter(|end| span.holds(end.at()));
                ended += usize::from(outcome.is_some());
                let Some(Outcome::Lost(when)) = outcome else { continue };
                let before = cycle.stays.iter().rev().nth(1).map(|stay| stay.stage);
                let reason = reasons.get(&(customer, when)).cloned();
                let (count, amounts) = lost.entry((reason, before)).or_default();
                *count += 1;
                let past = pasts.get(&customer).and_then(|past| versions::at(past, when).or(past.first()));
                if let Some(Money { amount, currency }) = past.and_then(|past| past.amount.as_ref()) {
                    add(amounts, currency, *amount);
                }
            }
        }
        let all: usize = lost.values().map(|(count, _)| count).sum();
        let mut items: Vec<LossReport> = lost
            .into_iter()
            .map(|((reason, stage), (count, amounts))| LossReport {
                reason,
                stage: stage.map(|stage| journeys.stages.text(stage).to_owned()),
                count,
                share: count as f64 / all as f64,
                amounts: money(amounts),
            })
            .collect();
        items.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| (&a.reason, &a.stage).cmp(&(&b.reason, &b.stage)))
        });
        Ok(LossesReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position,
            from: window.from,
            to: instant(span.end),
            ended,
            lost: all,
            maturity,
            items,
        })
    }
}
