//! Who stands in each stage of a pipeline, or stood there in a cycle that has not ended.

use std::collections::BTreeMap;

use waymark_domain::Pipeline;
use waymark_domain::pipeline::version::StageOccupancy;
use waymark_eventstore::Position;

use super::load;
use super::snapshot::DwellSnapshot;
use crate::error::Result;
use crate::stats::Micros;

/// How many customers are named of each stage.
const SAMPLE: usize = 10;

impl DwellSnapshot {
    /// Who stands in each stage of a pipeline, or stood there in a cycle that has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn occupants(
        &mut self,
        pipeline: &Pipeline,
    ) -> Result<(BTreeMap<String, StageOccupancy>, Position)> {
        let snapshot = &mut self.0;
        let known: Position = snapshot.position;
        let journeys = load(snapshot, &pipeline.key, known).await?;
        let mut found: BTreeMap<String, StageOccupancy> = BTreeMap::new();
        for (journey, records) in journeys.journeys(Micros::MAX) {
            let Some(last) = records.last() else { continue };
            let stage = journeys.stages.text(last.stage);
            let ended = pipeline.stage(stage).is_some_and(|stage| stage.kind.is_final());
            let standing = found.entry(stage.to_owned()).or_default();
            standing.standing += 1;
            if standing.sample.len() < SAMPLE {
                standing.sample.push(journeys.customer(journey));
            }
            if ended {
                continue;
            }
            let mut passed: Vec<u32> = records
                .iter()
                .filter(|record| record.cycle == last.cycle && record.stage != last.stage)
                .map(|record| record.stage)
                .collect();
            passed.sort_unstable();
            passed.dedup();
            for stage in passed {
                found.entry(journeys.stages.text(stage).to_owned()).or_default().passed += 1;
            }
        }
        Ok((found, known))
    }
}
