//! Which conversations were followed by a move forward: by who held them, and in which stage.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waymark_eventstore::Position;

use super::{ShareReport, Span, journeys, known};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::dwell::Window;
use crate::models::timeline::activities;
use crate::query::{AsOf, CohortFilter, only};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::conversion::StageOrder;
use crate::stats::{Micros, MoveRecord};

/// Within how many days a move counts as following a conversation.
const DAYS: u32 = 7;
/// A day.
const DAY: Micros = 86_400_000_000;

/// What is asked about the effect of conversations.
#[derive(Debug, Clone)]
pub struct EffectQuery {
    /// The two times.
    pub at: AsOf,
    /// When the conversations were held.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
}

/// One person's conversations with customers in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EffectRow {
    /// Who held them.
    #[schema(example = "rep:li")]
    pub actor: String,
    /// The pipeline of the stage.
    pub pipeline: String,
    /// The stage in which the customers stood.
    pub stage: String,
    /// How many conversations.
    pub follow_ups: usize,
    /// How many of them were followed by a move forward within the days.
    pub followed: usize,
    /// Their share, with Wilson's 95% interval.
    pub share: Option<ShareReport>,
}

/// The subject of a heat map of what followed conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectSubject {
    /// Always this.
    Effect,
}

/// Which conversations were followed by a move forward.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EffectReport {
    /// What the heat map shows, as in the request.
    pub by: EffectSubject,
    /// The pipeline's key; null for all of them.
    pub pipeline: Option<String>,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// From when on conversations count; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when: those after which the days have not passed by the instant asked about do not count yet.
    pub to: DateTime<Utc>,
    /// Within how many days a move counts as following.
    pub days: u32,
    /// By person, pipeline and stage.
    pub rows: Vec<EffectRow>,
}

impl ReportSnapshot {
    /// Which conversations were followed by a move forward in some pipelines.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn effect(&mut self, definitions: &[Definition], query: &EffectQuery) -> Result<EffectReport> {
        let snapshot = &mut self.0;
        let EffectQuery { at, window, filter } = query;
        let known = known(snapshot, at).await?;
        let (within, span) = (i64::from(DAYS) * DAY, Span::of(window, at));
        let ripe = at.micros().saturating_sub(within);
        let span = if span.end > ripe { span.ending(ripe.saturating_add(1).max(span.from)) } else { span };
        let follow_ups = activities::follow_ups(snapshot, known).await?;
        let mut rows = Vec::new();
        for definition in definitions {
            let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
            let (kinds, places) = (definition.kinds(&journeys), definition.places(&journeys));
            let order = StageOrder { kinds: &kinds, places: &places };
            let mut counts: BTreeMap<(String, u32), (usize, usize)> = BTreeMap::new();
            for (journey, records) in journeys.journeys(at.micros()) {
                for (held, actor) in follow_ups.get(&journeys.customer(journey)).into_iter().flatten() {
                    let before = records.partition_point(|record| record.at <= *held);
                    let Some(stood) = records[..before].last().filter(|_| span.holds(*held)) else {
                        continue;
                    };
                    let place = places.get(stood.stage as usize).copied().flatten();
                    let goes_on = |record: &MoveRecord| order.is_past(place, record.stage);
                    let soon = records[before..].iter().take_while(|record| record.at <= held + within);
                    let (count, followed) = counts.entry((actor.clone(), stood.stage)).or_default();
                    *count += 1;
                    *followed += usize::from(soon.into_iter().any(goes_on));
                }
            }
            rows.extend(counts.into_iter().map(|((actor, stage), (follow_ups, followed))| EffectRow {
                actor,
                pipeline: definition.pipeline.key.clone(),
                stage: journeys.stages.text(stage).to_owned(),
                follow_ups,
                followed,
                share: ShareReport::of_counts(followed, follow_ups),
            }));
        }
        // Of one person, in the order of pipelines and of stages.
        rows.sort_by(|one, other| one.actor.cmp(&other.actor));
        Ok(EffectReport {
            by: EffectSubject::Effect,
            pipeline: only(definitions).map(|one| one.pipeline.key.clone()),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            from: window.from,
            to: instant(span.end),
            days: DAYS,
            rows,
        })
    }
}
