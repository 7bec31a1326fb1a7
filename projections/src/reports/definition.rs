//! A pipeline with all of its versions, as reports look at it.

use std::sync::Arc;

use waymark_domain::Pipeline;
use waymark_domain::pipeline::version::Versions;
use waymark_domain::pipeline::{StageType, Transitions};

use crate::models::dwell::kind_now;
use crate::stats::JourneySet;
use crate::stats::funnel::Milestone;

/// A pipeline with all of its versions.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The version in force.
    pub pipeline: Arc<Pipeline>,
    /// Every version.
    pub versions: Arc<Versions>,
}

impl Definition {
    /// What a stage means: as the version in force says, or the last one that has it.
    pub(crate) fn kind(&self, stage: &str) -> Option<StageType> {
        kind_now(&self.pipeline, &self.versions, stage)
    }

    /// What each stage of histories means.
    pub(crate) fn kinds(&self, journeys: &JourneySet) -> Vec<Option<StageType>> {
        let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
        numbers.map(|number| self.kind(journeys.stages.text(number))).collect()
    }

    /// Where a stage stands in the order; nowhere where any move is permitted.
    pub(crate) fn place(&self, stage: &str) -> Option<usize> {
        self.pipeline.order(stage).filter(|_| self.pipeline.transitions != Transitions::Any)
    }

    /// A stage as cycles come to it, with its number in histories.
    pub(crate) fn milestone(&self, stage: &str, number: Option<u32>) -> Milestone {
        let leads_on = self.kind(stage).is_some_and(StageType::leads_on);
        Milestone { stage: number, place: self.place(stage), leads_on }
    }

    /// Where each stage of histories stands in the order.
    pub(crate) fn places(&self, journeys: &JourneySet) -> Vec<Option<usize>> {
        let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
        numbers.map(|number| self.place(journeys.stages.text(number))).collect()
    }
}
