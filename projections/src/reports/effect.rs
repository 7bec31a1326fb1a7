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
use crate::query::{AsOf, CohortFilter};
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
    /// The stage in which the customers stood.
    pub stage: String,
    /// How many conversations.
    pub follow_ups: usize,
    /// How many of them were followed by a move forward within the days.
    pub followed: usize,
    /// Their share, with Wilson's 95% interval.
    pub share: Option<ShareReport>,
}

/// Which conversations were followed by a move forward.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EffectReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read models had come.
    pub position: Position,
    /// From when on conversations count; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when: those after which the days have not passed by the instant asked about do not count yet.
    pub to: DateTime<Utc>,
    /// Within how many days a move counts as following.
    pub days: u32,
    /// By person and stage.
    pub rows: Vec<EffectRow>,
}

impl ReportSnapshot {
    /// Which conversations were followed by a move forward.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn effect(&mut self, definition: &Definition, query: &EffectQuery) -> Result<EffectReport> {
        let snapshot = &mut self.0;
        let EffectQuery { at, window, filter } = query;
        let known = known(snapshot, at).await?;
        let position = snapshot.position;
        let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
        let follow_ups = activities::follow_ups(snapshot, known).await?;
        let (kinds, places) = (definition.kinds(&journeys), definition.places(&journeys));
        let order = StageOrder { kinds: &kinds, places: &places };
        let (within, span) = (i64::from(DAYS) * DAY, Span::of(window, at));
        let ripe = at.micros().saturating_sub(within);
        let span = if span.end > ripe { span.ending(ripe.saturating_add(1).max(span.from)) } else { span };
        let mut rows: BTreeMap<(String, u32), (usize, usize)> = BTreeMap::new();
        for (journey, records) in journeys.journeys(at.micros()) {
            for (held, actor) in follow_ups.get(&journeys.customer(journey)).into_iter().flatten() {
                let before = records.partition_point(|record| record.at <= *held);
                let Some(stood) = records[..before].last().filter(|_| span.holds(*held)) else { continue };
                let place = places.get(stood.stage as usize).copied().flatten();
                let goes_on = |record: &MoveRecord| order.is_past(place, record.stage);
                let soon = records[before..].iter().take_while(|record| record.at <= held + within);
                let (count, followed) = rows.entry((actor.clone(), stood.stage)).or_default();
                *count += 1;
                *followed += usize::from(soon.into_iter().any(goes_on));
            }
        }
        let row = |((actor, stage), (follow_ups, followed)): ((String, u32), (usize, usize))| EffectRow {
            actor,
            stage: journeys.stages.text(stage).to_owned(),
            follow_ups,
            followed,
            share: ShareReport::of_counts(followed, follow_ups),
        };
        Ok(EffectReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position,
            from: window.from,
            to: instant(span.end),
            days: DAYS,
            rows: rows.into_iter().map(row).collect(),
        })
    }
}
