//! When in the week moves are made.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Zones;
use waymark_eventstore::Position;

use super::{Window, selected};
use crate::error::Result;
use crate::models::dwell::NAME;
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter, only};
use crate::stats::heatmap::{Week, heatmap as figures};

/// What is asked.
#[derive(Debug, Clone)]
pub struct HeatmapQuery {
    /// The two times.
    pub at: AsOf,
    /// Which records.
    pub window: Window,
    /// Which customers.
    pub filter: CohortFilter,
    /// In whose weekdays and hours.
    pub zone: Tz,
    /// The rules of time zones.
    pub zones: Zones,
}

/// The subject of a heat map of when records are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordSubject {
    /// Always this.
    Record,
}

/// Records of moves by weekday and hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeatmapReport {
    /// What the heat map shows, as in the request.
    pub by: RecordSubject,
    /// The pipeline's key; null for all of them.
    pub pipeline: Option<String>,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// The IANA time zone of weekdays and hours.
    pub zone: String,
    /// The version of the time zone database that the zone's rules are of.
    #[schema(example = "2026f")]
    pub tzdb: String,
    /// Seven rows, Monday first, of 24 hours.
    pub weekdays: Vec<Vec<u64>>,
}

impl DwellSnapshot {
    /// Records of moves in some pipelines by weekday and hour.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heatmap(&mut self, pipelines: &[String], query: &HeatmapQuery) -> Result<HeatmapReport> {
        let snapshot = &mut self.0;
        let local = |at| query.zones.local(query.zone, at);
        let mut week = Week::default();
        for pipeline in pipelines {
            snapshot.switch_model(NAME).await?;
            let (journeys, _) = selected(snapshot, pipeline, &query.at, &query.filter, false).await?;
            let one = figures(&journeys, query.window.begin(), query.window.last(&query.at), local);
            let both = week.iter_mut().flatten().zip(one.iter().flatten());
            both.for_each(|(count, more)| *count += more);
        }
        Ok(HeatmapReport {
            by: RecordSubject::Record,
            pipeline: only(pipelines).cloned(),
            effective_at: query.at.effective_at,
            known_at: query.at.known_at,
            position: snapshot.known(&query.at),
            zone: query.zone.name().to_owned(),
            tzdb: query.zones.version_of(query.zone).to_owned(),
            weekdays: week.iter().map(|hours| hours.to_vec()).collect(),
        })
    }
}
