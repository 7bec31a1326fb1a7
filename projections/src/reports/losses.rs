//! Why and where deals are lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::Money;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use super::money::{add, money};
use super::page::{Page, Pages};
use super::{ShareReport, Span, journeys, known, names, pasts};
use crate::board::MoneyReport;
use crate::error::Result;
use crate::log::history::instant;
use crate::maturity::{Maturity, begun};
use crate::models::board::versions::{self, CustomerVersion};
use crate::models::dwell::{self, Window};
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::cycles::{Cycle, Kinds, Outcome, cycles};
use crate::stats::journeys::Stay;
use crate::stats::{JourneySet, Micros};

/// How many deals, and what they were worth by currency.
type CountAndWorth = (usize, BTreeMap<String, Decimal>);

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
    /// The last position that counts: the one that was asked about, or how far the read models had come.
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
    /// By reason, the most frequent first.
    pub by_reason: Vec<LossRow>,
    /// By the stage in which they stood before, the most frequent first.
    pub by_stage: Vec<LossRow>,
    /// By whose the customer was at the end, such as `rep:li` or `pool:public`, the most frequent first.
    pub by_rep: Vec<LossRow>,
    /// By where the lead came from, as was known at the end, the most frequent first.
    pub by_source: Vec<LossRow>,
    /// By the month (UTC) of the loss, in order.
    pub by_month: Vec<LossRow>,
}

/// By what losses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossKey {
    /// The reason code.
    Reason,
    /// The stage before.
    Stage,
    /// Whose the customer was.
    Rep,
    /// Where the lead came from.
    Source,
    /// The month of the loss.
    Month,
}

/// Deals that were lost with one reason, from one stage, by one rep, of one source, or in one month.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LossRow {
    /// What they have in common; null where they have none. `GET /v1/losses/{pipeline}/customers` lists them, with the array's `by`
    /// and this `value`.
    pub value: Option<String>,
    /// How many.
    pub count: usize,
    /// Their share of all that were lost.
    pub share: f64,
    /// What they might have been worth when they were lost, by currency.
    pub amounts: Vec<MoneyReport>,
    /// How many cycles of that value ended, in whatever way; null for reasons, which only what was lost has.
    pub ended: Option<usize>,
    /// The share lost of those, with Wilson's 95% interval.
    pub lost_share: Option<ShareReport>,
    /// Of reps, sources and months: whether it is known yet what becomes of the cycles that began in the window, by whose they are, by
    /// where they came from, and by when they began. Null for reasons and stages, which a cycle has at its end.
    pub maturity: Option<Maturity>,
}

/// Which lost deals are listed.
#[derive(Debug, Clone)]
pub struct LostQuery {
    /// The losses.
    pub losses: LossesQuery,
    /// Those alone that have this value of a key; none of a key without one. All, without a key.
    pub only: Option<(LossKey, Option<String>)>,
    /// Which page.
    pub pages: Pages,
}

/// A deal that was lost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LostDeal {
    /// The customer.
    pub customer_id: Uuid,
    /// What it was called; null when never given, erased, or not for the caller to read.
    pub customer_name: Option<String>,
    /// Which pass of its journey.
    pub cycle: u32,
    /// When it was lost.
    pub lost_at: DateTime<Utc>,
    /// The reason code.
    pub reason: Option<String>,
    /// The stage in which it stood before.
    pub stage: Option<String>,
    /// Whose it was then, such as `li`; null where it was in a pool, or nobody's.
    pub rep: Option<String>,
    /// Where the lead had come from.
    pub source: Option<String>,
    /// What it might have been worth.
    pub amount: Option<MoneyReport>,
    /// Whose it was then, a pool included.
    #[serde(skip)]
    owner: Option<Owner>,
}

/// The deals that were lost, a page of them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LostReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// The deals, the one lost last first.
    #[serde(flatten)]
    pub deals: Page<LostDeal>,
}

impl LostReport {
    /// Takes the customers' names away.
    pub fn unname(&mut self) {
        self.deals.items.iter_mut().for_each(|deal| deal.customer_name = None);
    }
}

/// The cycles that ended or began in a window.
#[derive(Default)]
struct Ended {
    lost: Vec<(LostDeal, Option<Money>)>,
    ended: usize,
    /// How many cycles of each value ended.
    by_value: BTreeMap<(LossKey, Option<String>), usize>,
    maturity: Maturity,
    maturities: BTreeMap<(LossKey, Option<String>), Maturity>,
}

/// By what a cycle is counted, beside its reason.
struct LossDimensions {
    stage: Option<String>,
    owner: Option<Owner>,
    source: Option<String>,
    month: String,
}

impl LossDimensions {
    /// Of a cycle that ended at an instant, or is under way then, with the stage that it ended from.
    fn of(stage: Option<&str>, past: Option<&CustomerVersion>, at: Micros) -> Self {
        Self {
            stage: stage.map(str::to_owned),
            owner: past.map(|past| past.owner.clone()),
            source: past.and_then(|past| past.source.clone()),
            month: month(at),
        }
    }

    fn values(&self) -> [(LossKey, Option<String>); 4] {
        [
            (LossKey::Stage, self.stage.clone()),
            (LossKey::Rep, self.owner.as_ref().map(owner_key)),
            (LossKey::Source, self.source.clone()),
            (LossKey::Month, Some(self.month.clone())),
        ]
    }
}

/// The stage before the one in which a cycle ended; none where it began there.
fn ended_from<'a>(
    journeys: &'a JourneySet,
    cycle: &Cycle,
    outcome: Outcome,
    kinds: &Kinds,
) -> Option<&'a str> {
    let is_won =
        |stay: &Stay| kinds.get(stay.stage as usize).copied().flatten().is_some_and(StageType::is_won);
    let end = match outcome {
        Outcome::Won(_) => cycle.stays.iter().position(is_won)?,
        Outcome::Lost(_) | Outcome::Closed(_) => cycle.stays.len().checked_sub(1)?,
    };
    let before = cycle.stays.get(end.checked_sub(1)?)?;
    Some(journeys.stages.text(before.stage))
}

/// An owner as a value that deals have in common.
fn owner_key(owner: &Owner) -> String {
    match owner {
        Owner::Rep(rep) => format!("rep:{rep}"),
        Owner::Pool(pool) => format!("pool:{pool}"),
    }
}

fn month(at: Micros) -> String {
    instant(at).format("%Y-%m").to_string()
}

impl LostDeal {
    fn value(&self, key: LossKey) -> Option<String> {
        match key {
            LossKey::Reason => self.reason.clone(),
            LossKey::Stage => self.stage.clone(),
            LossKey::Rep => self.owner.as_ref().map(owner_key),
            LossKey::Source => self.source.clone(),
            LossKey::Month => Some(month(self.lost_at.timestamp_micros())),
        }
    }
}

/// The cycles of a pipeline that ended or began in the window.
async fn ended(
    snapshot: &mut Snapshot,
    definition: &Definition,
    query: &LossesQuery,
    known: Position,
) -> Result<Ended> {
    let LossesQuery { at, window, filter } = query;
    let journeys: Arc<JourneySet> = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
    snapshot.switch_model(dwell::NAME).await?;
    let reasons = dwell::reasons(snapshot, &definition.pipeline.key, known).await?;
    let pasts = pasts(snapshot, known).await?;
    let (kinds, span) = (definition.kinds(&journeys), Span::of(window, at));
    let mut found = Ended::default();
    for (journey, records) in journeys.journeys(at.micros()) {
        let customer = journeys.customer(journey);
        let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
        let was = |when: Micros| versions::at(past, when).or(past.first());
        let (passes, gone) = (cycles(records), journeys.ended(journey, at.micros()).is_some());
        for (cycle, open) in begun(&passes, gone, &kinds, |began| span.holds(began)) {
            found.maturity.add(open);
            let end = cycle.outcome(&kinds).map_or(at.micros(), Outcome::at);
            let traits =
                LossDimensions { month: month(cycle.began), ..LossDimensions::of(None, was(end), end) };
            for value in traits.values().into_iter().filter(|(key, _)| *key != LossKey::Stage) {
                found.maturities.entry(value).or_default().add(open);
            }
        }
        for cycle in &passes {
            let Some(outcome) = cycle.outcome(&kinds).filter(|end| span.holds(end.at())) else { continue };
            let (when, then) = (outcome.at(), was(outcome.at()));
            let traits = LossDimensions::of(ended_from(&journeys, cycle, outcome, &kinds), then, when);
            found.ended += 1;
            traits.values().into_iter().for_each(|value| *found.by_value.entry(value).or_default() += 1);
            if !matches!(outcome, Outcome::Lost(_)) {
                continue;
            }
            let money = then.and_then(|then| then.amount.clone());
            let deal = LostDeal {
                customer_id: customer,
                customer_name: None,
                cycle: cycle.cycle,
                lost_at: instant(when),
                reason: reasons.get(&(customer, when)).cloned(),
                stage: traits.stage,
                rep: match &traits.owner {
                    Some(Owner::Rep(rep)) => Some(rep.clone()),
                    Some(Owner::Pool(_)) | None => None,
                },
                source: traits.source,
                amount: money.as_ref().map(MoneyReport::of),
                owner: traits.owner,
            };
            found.lost.push((deal, money));
        }
    }
    Ok(found)
}

impl Ended {
    /// The lost deals that have the same in common, each with how many there are and what they were worth.
    fn tallies<K: Ord>(&self, of: impl Fn(&LostDeal) -> K) -> BTreeMap<K, CountAndWorth> {
        let mut tallies: BTreeMap<K, CountAndWorth> = BTreeMap::new();
        for (deal, money) in &self.lost {
            let (count, amounts) = tallies.entry(of(deal)).or_default();
            *count += 1;
            if let Some(Money { amount, currency }) = money {
                add(amounts, currency, *amount);
            }
        }
        tallies
    }

    /// A tally's share of all that were lost.
    fn share(&self, count: usize) -> f64 {
        count as f64 / self.lost.len() as f64
    }

    fn items(&self) -> Vec<LossReport> {
        let item =
            |((reason, stage), (count, amounts)): ((Option<String>, Option<String>), CountAndWorth)| {
                LossReport { reason, stage, count, share: self.share(count), amounts: money(amounts) }
            };
        let tallies = self.tallies(|deal| (deal.reason.clone(), deal.stage.clone()));
        let mut items: Vec<LossReport> = tallies.into_iter().map(item).collect();
        items.sort_by_key(|item| std::cmp::Reverse(item.count));
        items
    }

    fn rows(&self, key: LossKey) -> Vec<LossRow> {
        let row = |(value, (count, amounts)): (Option<String>, CountAndWorth)| {
            let of = (key, value.clone());
            let ended = self.by_value.get(&of).copied();
            let cohort = matches!(key, LossKey::Rep | LossKey::Source | LossKey::Month);
            LossRow {
                value,
                count,
                share: self.share(count),
                amounts: money(amounts),
                ended,
                lost_share: ended.and_then(|ended| ShareReport::of_counts(count, ended)),
                maturity: cohort.then(|| self.maturities.get(&of).copied().unwrap_or_default()),
            }
        };
        let mut rows: Vec<LossRow> = self.tallies(|deal| deal.value(key)).into_iter().map(row).collect();
        if key != LossKey::Month {
            rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        }
        rows
    }
}

impl ReportSnapshot {
    /// Why and where deals are lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn losses(&mut self, definition: &Definition, query: &LossesQuery) -> Result<LossesReport> {
        let snapshot = &mut self.0;
        let LossesQuery { at, window, .. } = query;
        let known = known(snapshot, at).await?;
        let found = ended(snapshot, definition, query, known).await?;
        Ok(LossesReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            from: window.from,
            to: instant(Span::of(window, at).end),
            ended: found.ended,
            lost: found.lost.len(),
            maturity: found.maturity,
            items: found.items(),
            by_reason: found.rows(LossKey::Reason),
            by_stage: found.rows(LossKey::Stage),
            by_rep: found.rows(LossKey::Rep),
            by_source: found.rows(LossKey::Source),
            by_month: found.rows(LossKey::Month),
        })
    }

    /// The deals behind the losses.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`](crate::ProjectionError::BadCursor), or when the database fails.
    pub async fn lost_deals(&mut self, definition: &Definition, query: &LostQuery) -> Result<LostReport> {
        let snapshot = &mut self.0;
        let at = &query.losses.at;
        let known = known(snapshot, at).await?;
        let found = ended(snapshot, definition, &query.losses, known).await?;
        let wanted =
            |deal: &LostDeal| query.only.as_ref().is_none_or(|(key, value)| deal.value(*key) == *value);
        let deals = found.lost.into_iter().map(|(deal, _)| deal).filter(wanted).collect();
        let place =
            |deal: &LostDeal| (-deal.lost_at.timestamp_micros(), deal.customer_id, i64::from(deal.cycle));
        let mut deals = query.pages.of("deals", deals, place)?;
        let ids: Vec<Uuid> = deals.items.iter().map(|deal| deal.customer_id).collect();
        let names = names(snapshot, &ids, at).await?;
        for deal in &mut deals.items {
            deal.customer_name = names.get(&deal.customer_id).cloned();
        }
        Ok(LostReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            deals,
        })
    }
}
