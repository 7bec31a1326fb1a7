//! Where deals stick: time lost beyond the target, by what it is worth.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use waymark_domain::customer::event::Money;
use waymark_domain::money::Rates;
use waymark_eventstore::Position;

use super::money::{add, rounded_money};
use super::{journeys, known, pasts};
use crate::board::MoneyReport;
use crate::error::Result;
use crate::models::board::versions::{self, CustomerVersions, OwnSubStatuses};
use crate::models::dwell::{Window, in_order};
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::dwell::{Question, Unit, dwell_of};
use crate::stats::journeys::stays;
use crate::stats::survival::Subject;
use crate::stats::{JourneySet, Micros, Stay, seconds};

/// How long the window is unless told otherwise.
const USUAL: TimeDelta = TimeDelta::days(90);
/// A day.
const DAY: Micros = 86_400_000_000;

/// What is asked about bottlenecks.
#[derive(Debug, Clone)]
pub struct BottlenecksQuery {
    /// The two times.
    pub at: AsOf,
    /// When time was lost: the last 90 days unless told otherwise.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
    /// The rates by which amounts are weighed against each other, and in which currency.
    pub convert: Option<(Rates, String)>,
}

/// One stage, by how much it holds deals up.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Bottleneck {
    /// Its rank: 1 holds up most.
    pub rank: usize,
    /// The stage.
    pub stage: String,
    /// How many stand there at the end of the window.
    pub open: usize,
    /// How many stays lie in the window, or reach into it.
    pub stays: usize,
    /// How many of them ended in it.
    pub completed: usize,
    /// The median of how long stays last, open ones included (Kaplan–Meier with delayed entry); null where it is not reached.
    pub median_seconds: Option<f64>,
    /// The target: after how long a customer there counts as stagnant. Null where the pipeline does not say.
    pub target_seconds: Option<f64>,
    /// The median of the window before, of the same length.
    pub previous_median_seconds: Option<f64>,
    /// Beyond how long a stay counts as losing time: the target, or else the previous median. Null where there is neither, and
    /// nothing is lost then.
    pub limit_seconds: Option<f64>,
    /// The time in the window that stays lasted beyond the limit, together.
    pub lost_seconds: f64,
    /// The same weighted by what the deals may be worth: amount times days lost, by currency.
    pub lost_value: Vec<MoneyReport>,
    /// Days lost times value, summed over stays, in the currency of `currency`. Deals without an amount count with the mean of
    /// those that have one; where none has, each counts 1.
    pub score: f64,
    /// The stays as survival analysis sees them, for comparisons.
    #[serde(skip)]
    pub(crate) subjects: Vec<Subject>,
}

/// Where deals stick.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BottlenecksReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// When the window begins.
    pub from: DateTime<Utc>,
    /// When it ends.
    pub to: DateTime<Utc>,
    /// The currency in which values are weighed; null where amounts count as they are, whatever their currency.
    pub currency: Option<String>,
    /// The stages in which deals are worked, the worst first.
    pub items: Vec<Bottleneck>,
}

/// The time that was lost in a stage.
#[derive(Default)]
struct Loss {
    total: i128,
    by_currency: BTreeMap<String, Decimal>,
    /// Days times value of the deals that have one, and the days of the others.
    weighed: f64,
    unweighed_days: f64,
}

impl ReportSnapshot {
    /// Where deals stick.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bottlenecks(
        &mut self,
        definition: &Definition,
        query: &BottlenecksQuery,
    ) -> Result<BottlenecksReport> {
        let snapshot = &mut self.0;
        let BottlenecksQuery { at, window, filter, convert } = query;
        let known = known(snapshot, at).await?;
        let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
        let pasts = pasts(snapshot, known).await?;
        let end = window.to.map_or(at.effective_at, |to| to.min(at.effective_at));
        let usual = || end.checked_sub_signed(USUAL).unwrap_or(DateTime::UNIX_EPOCH);
        let from = window.from.unwrap_or_else(usual).min(end);
        let (from_micros, end_micros) = (from.timestamp_micros(), end.timestamp_micros());
        let before = from_micros.saturating_sub(end_micros - from_micros);
        let own = |last| {
            let own = OwnSubStatuses {
                journeys: &journeys,
                pasts: &pasts,
                pipeline: &definition.pipeline.key,
                last,
            };
            move |journey: usize, stay: &Stay| own.is(journey, stay, filter.stays.as_ref())
        };
        let figures = |from, last, until| {
            let question = Question { from: Some(from), last, until, unit: Unit::Stay, horizon: 0 };
            dwell_of(&journeys, &question, Some(&own(last)), |_, _| false, |_, from, to| to - from)
        };
        let last = window.last(at);
        let now = figures(from_micros, last, end_micros);
        let previous = figures(before, from_micros.saturating_sub(1), from_micros);
        let worth =
            Worth { pasts: &pasts, convert: convert.as_ref(), mean: None }.with_mean(&journeys, end_micros);
        let mut items = Vec::new();
        for (stage, number) in in_order(&journeys, &definition.pipeline) {
            if !matches!(definition.kind(&stage), Some(kind) if kind.is_worked()) {
                continue;
            }
            let of = |figures: &[crate::stats::dwell::StageDwell]| {
                figures.get(number? as usize).and_then(|stage| stage.curve.reaches(0.5))
            };
            let configured = definition.pipeline.stage(&stage).and_then(|stage| stage.stagnant_after_seconds);
            let (target, previous_median) = (configured.map(|target| target as f64), of(&previous));
            let limit = target.or(previous_median);
            let loss = limit.zip(number).map_or_else(Loss::default, |(limit, number)| {
                let limit = (limit * 1e6).round() as Micros;
                let counts = |journey: usize, stay: &Stay| stay.stage == number && own(last)(journey, stay);
                lost(&journeys, &counts, (from_micros, end_micros), limit, &worth)
            });
            let dwell = number.and_then(|number| now.get(number as usize));
            items.push(Bottleneck {
                rank: 0,
                open: dwell.map_or(0, |dwell| dwell.standing_since.len()),
                stays: dwell.map_or(0, |dwell| dwell.stays),
                completed: dwell.map_or(0, |dwell| dwell.completed),
                median_seconds: of(&now),
                target_seconds: target,
                previous_median_seconds: previous_median,
                limit_seconds: limit,
                lost_seconds: loss.total as f64 / 1e6,
                lost_value: rounded_money(loss.by_currency),
                score: loss.weighed + loss.unweighed_days * worth.mean.unwrap_or(1.0),
                subjects: dwell.map_or_else(Vec::new, |dwell| dwell.subjects.clone()),
                stage,
            });
        }
        // A stable sort: of equals the earlier stage comes first.
        items.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| b.lost_seconds.total_cmp(&a.lost_seconds))
        });
        items.iter_mut().zip(1..).for_each(|(item, rank)| item.rank = rank);
        Ok(BottlenecksReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            from,
            to: end,
            currency: convert.as_ref().map(|(_, currency)| currency.clone()),
            items,
        })
    }
}

/// What deals may be worth.
struct Worth<'a> {
    pasts: &'a CustomerVersions,
    convert: Option<&'a (Rates, String)>,
    /// The mean of the deals that have an amount.
    mean: Option<f64>,
}

impl Worth<'_> {
    fn with_mean(self, journeys: &JourneySet, at: Micros) -> Self {
        let begun = journeys.journeys(at).filter(|(_, records)| !records.is_empty());
        let values: Vec<f64> = begun
            .filter_map(|(journey, _)| self.value(self.money(journeys.customer(journey), at)?))
            .collect();
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        Self { mean, ..self }
    }

    fn money(&self, customer: uuid::Uuid, at: Micros) -> Option<&Money> {
        let past = self.pasts.get(&customer)?;
        versions::at(past, at).or(past.first())?.amount.as_ref()
    }

    fn value(&self, money: &Money) -> Option<f64> {
        match self.convert {
            Some((rates, currency)) => {
                let rate = rates.rate(&money.currency, currency)?;
                money.amount.checked_mul(rate)?.to_f64()
            }
            None => money.amount.to_f64(),
        }
    }
}

/// The time within a window that stays that count lasted beyond a limit.
fn lost(
    journeys: &JourneySet,
    counts: &dyn Fn(usize, &Stay) -> bool,
    (from, end): (Micros, Micros),
    limit: Micros,
    worth: &Worth<'_>,
) -> Loss {
    let mut loss = Loss::default();
    for (journey, records) in journeys.journeys(end) {
        let gone = journeys.ended(journey, end).map_or(end, |(gone, _)| gone);
        for stay in stays(records).iter().filter(|stay| counts(journey, stay)) {
            let until = stay.left.map_or(gone, |(left, _)| left).min(end);
            let beyond = until - stay.entered.saturating_add(limit).max(from);
            if beyond <= 0 {
                continue;
            }
            loss.total += i128::from(beyond);
            let money = worth.money(journeys.customer(journey), until);
            if let Some(Money { amount, currency }) = money {
                let days = Decimal::from(beyond).checked_div(Decimal::from(DAY)).unwrap_or_default();
                add(&mut loss.by_currency, currency, amount.checked_mul(days).unwrap_or_default());
            }
            let days = seconds(beyond) / 86_400.0;
            match money.and_then(|money| worth.value(money)) {
                Some(value) => loss.weighed += days * value,
                None => loss.unweighed_days += days,
            }
        }
    }
    loss
}
