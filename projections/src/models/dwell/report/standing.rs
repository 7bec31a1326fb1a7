//! Where journeys stood at an instant.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Pipeline;
use waymark_eventstore::Position;

use super::flows::StageCount;
use super::{in_order, selected};
use crate::error::Result;
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::standing::standing as figures;

/// How many journeys stood in each stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StandingReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about, inclusive.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// By stage, in the pipeline's order.
    pub counts: Vec<StageCount>,
    /// Journeys known by then whose first move is later.
    pub not_started: usize,
}

impl DwellSnapshot {
    /// How many journeys stood in each stage at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(
        &mut self,
        pipeline: &Pipeline,
        at: &AsOf,
        filter: &CohortFilter,
    ) -> Result<StandingReport> {
        let snapshot = &mut self.0;
        let (journeys, _) = selected(snapshot, &pipeline.key, at, filter, false).await?;
        let standing = figures(&journeys, at.micros());
        let count = |number: Option<u32>| number.map_or(0, |number| standing.counts[number as usize]);
        let stages = in_order(&journeys, pipeline).into_iter();
        Ok(StandingReport {
            pipeline: pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: snapshot.known(at),
            counts: stages.map(|(stage, number)| StageCount { stage, count: count(number) }).collect(),
            not_started: standing.not_started,
        })
    }
}
