//! Which sources and channels bring leads, how far these come, and what they are worth.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::Money;
use waymark_eventstore::Position;

use super::money::{add, part, rounded_money};
use super::{Span, journeys, known, pasts};
use crate::board::MoneyReport;
use crate::error::Result;
use crate::log::history::instant;
use crate::maturity::{Maturity, begun};
use crate::models::board::touches::{self, RepeatInquiry};
use crate::models::board::versions::{self, CustomerVersion};
use crate::models::dwell::{Window, in_order};
use crate::query::{AsOf, CohortFilter, only};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::conversion::StageOrder;
use crate::stats::cycles::{Cycle, Outcome, cycles};
use crate::stats::funnel::{Course, Milestone, Reach};
use crate::stats::{Micros, proportion, quantile, seconds};

/// Which of the contacts that a lead came by is credited with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelAttribution {
    /// The one by which the customer first came.
    #[default]
    First,
    /// The last one before the cycle ended.
    Last,
    /// All of them, in equal parts.
    Linear,
}

/// What is asked about channels.
#[derive(Debug, Clone)]
pub struct ChannelsQuery {
    /// The two times.
    pub at: AsOf,
    /// When the cycles began.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
    /// What is credited.
    pub attribution: ChannelAttribution,
}

/// How many of a channel's leads came to a stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChannelStage {
    /// The pipeline of the stage.
    pub pipeline: String,
    /// The stage.
    pub stage: String,
    /// How many came there, or further on.
    #[serde(serialize_with = "super::whole_where_it_is")]
    #[schema(value_type = f64)]
    pub count: f64,
    /// Their share of the leads.
    pub share: f64,
}

/// A share with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ConversionEstimate {
    /// The share.
    pub estimate: f64,
    /// The lower end of Wilson's interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Whether it rests on fewer than 20.
    pub small: bool,
}

/// One source and channel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChannelReport {
    /// The source; null where none is known.
    pub source: Option<String>,
    /// The channel; null where none is known.
    pub channel: Option<String>,
    /// How many cycles began, in parts where they are shared out.
    #[serde(serialize_with = "super::whole_where_it_is")]
    #[schema(value_type = f64)]
    pub leads: f64,
    /// How many of them came to each stage, in the order of pipelines and of their stages.
    pub reached: Vec<ChannelStage>,
    /// How many of them have been won.
    #[serde(serialize_with = "super::whole_where_it_is")]
    #[schema(value_type = f64)]
    pub won: f64,
    /// The share that has been won; null without leads.
    pub conversion: Option<ConversionEstimate>,
    /// Whether it is known yet what becomes of the cycles that are credited to it, in parts or whole.
    pub maturity: Maturity,
    /// The median time from beginning to deal, of those that were won; null without any.
    pub median_cycle_seconds: Option<f64>,
    /// What was won, by currency.
    pub amounts: Vec<MoneyReport>,
    /// The times from beginning to deal of those that it had a part in, for comparisons.
    #[serde(skip)]
    pub(crate) lengths: Vec<Micros>,
}

/// The sources and channels of a pipeline's leads.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChannelsReport {
    /// The pipeline's key; null for all of them.
    pub pipeline: Option<String>,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// From when on cycles that began count; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given.
    pub to: DateTime<Utc>,
    /// What is credited.
    pub attribution: ChannelAttribution,
    /// By source and channel, those with most leads first.
    pub items: Vec<ChannelReport>,
    /// The times from beginning to deal of all that were won, each once, for comparisons.
    #[serde(skip)]
    pub(crate) lengths: Vec<Micros>,
}

/// A pipeline and a stage of it.
type PipelineStage = (String, String);

/// A source and a channel.
type Origin = (Option<String>, Option<String>);

/// A channel while its leads are counted.
#[derive(Default)]
struct Accumulator {
    leads: f64,
    reached: Vec<f64>,
    won: f64,
    maturity: Maturity,
    lengths: Vec<Micros>,
    amounts: BTreeMap<String, Decimal>,
}

impl ReportSnapshot {
    /// Which sources and channels bring leads into some pipelines.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn channels(
        &mut self,
        definitions: &[Definition],
        query: &ChannelsQuery,
    ) -> Result<ChannelsReport> {
        let snapshot = &mut self.0;
        let ChannelsQuery { at, window, filter, attribution } = query;
        let known = known(snapshot, at).await?;
        let pasts = pasts(snapshot, known).await?;
        let touches = touches::load(snapshot, known).await?;
        let span = Span::of(window, at);
        let mut channels: HashMap<Origin, Accumulator> = HashMap::new();
        let mut all_stages: Vec<PipelineStage> = Vec::new();
        let mut lengths: Vec<Micros> = Vec::new();
        for definition in definitions {
            let pipeline = &definition.pipeline.key;
            let journeys = journeys(snapshot, pipeline, at, known, filter).await?;
            let (kinds, places) = (definition.kinds(&journeys), definition.places(&journeys));
            let course =
                Course { order: StageOrder { kinds: &kinds, places: &places }, reach: Reach::AtOrBeyond };
            let stages = in_order(&journeys, &definition.pipeline);
            let milestones: Vec<Milestone> =
                stages.iter().map(|(stage, number)| definition.milestone(stage, *number)).collect();
            let first = all_stages.len();
            all_stages.extend(stages.into_iter().map(|(stage, _)| (pipeline.clone(), stage)));
            for (journey, records) in journeys.journeys(at.micros()) {
                let customer: Uuid = journeys.customer(journey);
                let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
                let touched = touches.get(&customer).map_or(&[][..], Vec::as_slice);
                let gone = journeys.ended(journey, at.micros()).is_some();
                let passes = cycles(records);
                for (cycle, undecided) in begun(&passes, gone, &kinds, |began| span.holds(began)) {
                    let outcome = cycle.outcome(&kinds);
                    let until = outcome.map_or(at.micros(), Outcome::at);
                    let won = match outcome {
                        Some(Outcome::Won(won)) => Some(won),
                        _ => None,
                    };
                    lengths.extend(won.map(|won| won - cycle.began));
                    let worth = won.and_then(|won| worth(past, won));
                    let credited = credited(*attribution, past, touched, cycle, until);
                    let parts = credited.len();
                    for (number, origin) in credited.into_iter().enumerate() {
                        let channel = channels.entry(origin).or_default();
                        channel.reached.resize(all_stages.len(), 0.0);
                        let share = 1.0 / parts as f64;
                        channel.leads += share;
                        channel.maturity.add(undecided);
                        for (reached, milestone) in channel.reached[first..].iter_mut().zip(&milestones) {
                            *reached += if course.entry(cycle, *milestone).is_some() { share } else { 0.0 };
                        }
                        if let Some(won) = won {
                            channel.won += share;
                            channel.lengths.push(won - cycle.began);
                        }
                        if let Some(money) = worth {
                            add(&mut channel.amounts, &money.currency, part(money, number, parts));
                        }
                    }
                }
            }
        }
        let mut items: Vec<ChannelReport> =
            channels.into_iter().map(|(origin, channel)| channel.report(origin, &all_stages)).collect();
        items.sort_by(|a, b| {
            b.leads.total_cmp(&a.leads).then_with(|| (&a.source, &a.channel).cmp(&(&b.source, &b.channel)))
        });
        Ok(ChannelsReport {
            pipeline: only(definitions).map(|one| one.pipeline.key.clone()),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            from: window.from,
            to: instant(span.end),
            attribution: *attribution,
            items,
            lengths,
        })
    }
}

/// What is credited with a cycle: of how the customer came, first and again, up to an instant. A later cycle is credited to
/// what came since it began, or to how the customer first came.
fn credited(
    attribution: ChannelAttribution,
    past: &[CustomerVersion],
    touches: &[RepeatInquiry],
    cycle: &Cycle,
    until: Micros,
) -> Vec<Origin> {
    let first = past.first().map_or((None, None), |past| (past.source.clone(), past.channel.clone()));
    let since = if cycle.cycle > 1 { cycle.began } else { Micros::MIN };
    let again = touches.iter().filter(|touch| touch.at >= since && touch.at <= until);
    let again: Vec<Origin> = again.map(|touch| (touch.source.clone(), touch.channel.clone())).collect();
    match attribution {
        ChannelAttribution::First => vec![first],
        ChannelAttribution::Last => vec![again.last().cloned().unwrap_or(first)],
        ChannelAttribution::Linear if cycle.cycle > 1 && !again.is_empty() => again,
        ChannelAttribution::Linear => std::iter::once(first).chain(again).collect(),
    }
}

/// What a deal brought that was won at an instant. A backdated one may have been won before anything was known of its customer.
fn worth(past: &[CustomerVersion], won: Micros) -> Option<&Money> {
    let then = versions::at(past, won).or(past.first())?;
    then.won.as_ref().or(then.amount.as_ref())
}

impl Accumulator {
    fn report(mut self, (source, channel): Origin, stages: &[PipelineStage]) -> ChannelReport {
        self.reached.resize(stages.len(), 0.0);
        self.lengths.sort_unstable();
        let times: Vec<f64> = self.lengths.iter().map(|length| seconds(*length)).collect();
        let stage = |((pipeline, stage), count): (&PipelineStage, &f64)| ChannelStage {
            pipeline: pipeline.clone(),
            stage: stage.clone(),
            count: *count,
            share: *count / self.leads,
        };
        ChannelReport {
            source,
            channel,
            leads: self.leads,
            reached: stages.iter().zip(&self.reached).map(stage).collect(),
            won: self.won,
            conversion: proportion::wilson(self.won, self.leads).map(|share| ConversionEstimate {
                estimate: share.share,
                low: share.low,
                high: share.high,
                small: self.leads < proportion::SMALL,
            }),
            maturity: self.maturity,
            median_cycle_seconds: quantile::continuous(&times, 0.5),
            amounts: rounded_money(self.amounts),
            lengths: self.lengths,
        }
    }
}
