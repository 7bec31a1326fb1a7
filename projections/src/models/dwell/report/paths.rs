//! The ways customers go through a pipeline.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::Pipeline;
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::Versions;
use waymark_eventstore::Position;

use super::flows::began_in;
use super::{Kinds, Window, selected};
use crate::error::Result;
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::paths::paths as figures;

/// Where the paths lead: which journeys count, and how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every journey, to where it stands.
    #[default]
    Any,
    /// Those that were ever won, to their first stage of type won.
    Won,
    /// Those that were ever lost, to their first stage of type lost.
    Lost,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct PathsQuery {
    /// The two times.
    pub at: AsOf,
    /// The journeys that began in it.
    pub window: Window,
    /// Which customers.
    pub filter: CohortFilter,
    /// Where they lead.
    pub ending: Ending,
    /// How many paths at most.
    pub limit: usize,
}

/// A sequence of stages that journeys went through.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PathReport {
    /// The stages, in order.
    pub stages: Vec<String>,
    /// How many journeys.
    pub count: usize,
    /// Their share of all journeys counted.
    pub share: f64,
    /// The median time from the first record to the beginning of the last stay.
    pub median_seconds: f64,
}

/// The paths through a pipeline, most frequent first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PathsReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read model had come.
    pub position: Position,
    /// The pipeline versions that the records are of, in order.
    pub versions: Vec<u32>,
    /// Which journeys count.
    pub ending: Ending,
    /// How many different paths there are.
    pub distinct: usize,
    /// How many journeys.
    pub journeys: usize,
    /// The paths; ties in the order of their stage ids.
    pub paths: Vec<PathReport>,
}

impl DwellSnapshot {
    /// The paths of the journeys that began in a window (all, without one), at most `limit` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn paths(
        &mut self,
        pipeline: &Pipeline,
        versions: &Versions,
        query: &PathsQuery,
    ) -> Result<PathsReport> {
        let snapshot = &mut self.0;
        let PathsQuery { at, window, filter, ending, limit } = query;
        let (journeys, _) = selected(snapshot, &pipeline.key, at, filter, false).await?;
        let journeys = began_in(journeys, window);
        let kinds = Kinds::of(&journeys, pipeline, versions);
        let wanted: Option<fn(StageType) -> bool> = match ending {
            Ending::Any => None,
            Ending::Won => Some(StageType::is_won),
            Ending::Lost => Some(StageType::is_lost),
        };
        let leads_there = |stage, version| {
            kinds.get(stage, version).zip(wanted).is_some_and(|(kind, is_wanted)| is_wanted(kind))
        };
        let paths = figures(&journeys, at.micros(), wanted.is_some().then_some(&leads_there));
        let total: usize = paths.iter().map(|path| path.count).sum();
        let distinct = paths.len();
        let paths = paths.into_iter().take(*limit).map(|path| PathReport {
            stages: path.stages.iter().map(|&stage| journeys.stages.text(stage).to_owned()).collect(),
            count: path.count,
            share: path.count as f64 / total as f64,
            median_seconds: path.median_seconds,
        });
        Ok(PathsReport {
            pipeline: pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: snapshot.position,
            versions: journeys.versions(at.micros()),
            ending: *ending,
            distinct,
            journeys: total,
            paths: paths.collect(),
        })
    }
}
