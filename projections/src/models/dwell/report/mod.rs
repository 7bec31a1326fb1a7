//! The figures as they are served.

pub(super) mod dwell;
pub(super) mod flows;
pub(super) mod heatmap;
pub(super) mod paths;
pub(super) mod standing;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use waymark_domain::Pipeline;
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::Versions;

use crate::error::Result;
use crate::models::board::Population;
use crate::models::board::tables::NAME as BOARD;
use crate::models::board::versions::{self, CustomerVersions};
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::{JourneySet, Micros};

use super::{load, load_index};

/// A window of business time, half-open: from its beginning to just before its end, so that windows that meet add up. Without
/// an end it goes to the instant asked about, which is what everything is seen from and counts itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: Option<DateTime<Utc>>,
    /// Its end, not in it; the instant asked about where that is earlier.
    pub to: Option<DateTime<Utc>>,
}

impl Window {
    pub(crate) fn begin(&self) -> Option<Micros> {
        self.from.map(|from| from.timestamp_micros())
    }

    /// Where what is still under way is cut off.
    pub(crate) fn end(&self, at: &AsOf) -> Micros {
        self.to.map_or(at.micros(), |to| to.timestamp_micros().min(at.micros()))
    }

    /// The last instant at which something that happened counts.
    pub(crate) fn last(&self, at: &AsOf) -> Micros {
        let before_the_end = self.to.map(|to| to.timestamp_micros().saturating_sub(1));
        before_the_end.map_or(at.micros(), |last| last.min(at.micros()))
    }

    /// Whether it holds an instant.
    #[must_use]
    pub fn holds(&self, instant: Micros) -> bool {
        self.begin().is_none_or(|begin| instant >= begin)
            && self.to.is_none_or(|to| instant < to.timestamp_micros())
    }

    /// Whether a stay has time in it: from when it began until it ended, or was last seen.
    #[must_use]
    pub fn holds_some_of(&self, (began, ended): (Micros, Micros)) -> bool {
        let ended_before = self.begin().is_some_and(|begin| ended <= begin && began < begin);
        !ended_before && self.to.is_none_or(|to| began < to.timestamp_micros())
    }
}

/// The journeys of a pipeline that pass a filter, with the customers' pasts where the filter or the clock needs
/// them.
async fn selected(
    snapshot: &mut Snapshot,
    pipeline: &str,
    at: &AsOf,
    filter: &CohortFilter,
    pasts_wanted: bool,
) -> Result<(Arc<JourneySet>, Option<Arc<CustomerVersions>>)> {
    let known = snapshot.known(at);
    let journeys = load(snapshot, pipeline, known).await?;
    let pasts = if pasts_wanted {
        snapshot.switch_model(BOARD).await?;
        Some(versions::load(snapshot, known).await?)
    } else {
        None
    };
    let among = Population::of(snapshot, filter, at.micros(), known, pasts).await?;
    Ok((among.keep(journeys), among.into_pasts()))
}

/// The stages in the order in which they are shown: the pipeline's, then what else was met, by code points. With
/// each its number in the histories, where it was met at all.
pub(crate) fn in_order(journeys: &JourneySet, pipeline: &Pipeline) -> Vec<(String, Option<u32>)> {
    let mut stages: Vec<(String, Option<u32>)> =
        pipeline.stages.iter().map(|stage| (stage.id.clone(), journeys.stages.find(&stage.id))).collect();
    let known: HashMap<&str, ()> = pipeline.stages.iter().map(|stage| (stage.id.as_str(), ())).collect();
    let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
    let mut others: Vec<(String, Option<u32>)> = numbers
        .map(|number| (journeys.stages.text(number).to_owned(), Some(number)))
        .filter(|(stage, _)| !known.contains_key(stage.as_str()))
        .collect();
    others.sort_unstable();
    stages.extend(others);
    stages
}

/// What the stages of histories mean, each in the version that a record is of: what was final when a customer came there
/// stays final, whatever a later version makes of the stage.
struct Kinds(HashMap<(u32, u16), StageType>);

impl Kinds {
    fn of(journeys: &JourneySet, pipeline: &Pipeline, versions: &Versions) -> Self {
        let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
        let met = journeys.versions(Micros::MAX);
        let kind = |(number, version): (u32, u32)| {
            let kind = kind_of(pipeline, versions, version, journeys.stages.text(number))?;
            Some(((number, u16::try_from(version).ok()?), kind))
        };
        let each = numbers.flat_map(|number| met.iter().map(move |version| (number, *version)));
        Self(each.filter_map(kind).collect())
    }

    fn get(&self, stage: u32, version: u16) -> Option<StageType> {
        self.0.get(&(stage, version)).copied()
    }

    fn is_final(&self, stage: u32, version: u16) -> bool {
        self.get(stage, version).is_some_and(StageType::is_final)
    }
}

/// What a stage means now: as this version says, or the last one that has it.
pub(crate) fn kind_now(pipeline: &Pipeline, versions: &Versions, stage: &str) -> Option<StageType> {
    let kind = pipeline.stage(stage).map(|stage| stage.kind);
    kind.or_else(|| versions.kind_of(pipeline.version, stage))
}

/// What a stage meant in a version. A pipeline of which no version is known means what its definition says.
fn kind_of(pipeline: &Pipeline, versions: &Versions, version: u32, stage: &str) -> Option<StageType> {
    versions.kind_of(version, stage).or_else(|| pipeline.stage(stage).map(|stage| stage.kind))
}
