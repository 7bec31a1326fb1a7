//! Who stands in each stage of a pipeline, or stood there in a cycle that has not ended.

use std::collections::BTreeMap;

use waymark_domain::Pipeline;
use waymark_domain::pipeline::version::StageOccupancy;
use waymark_eventstore::Position;

use super::load;
use crate::ask::View;
use crate::error::Result;
use crate::figures::Micros;

/// How many customers are named of each stage.
const SAMPLE: usize = 10;

/// The occupants of every stage that a journey of the pipeline is or was in, by the stage.
pub(crate) async fn occupants(
    view: &mut View,
    pipeline: &Pipeline,
) -> Result<BTreeMap<String, StageOccupancy>> {
    let known: Position = view.position;
    let histories = load(view, &pipeline.key, known).await?;
    let mut found: BTreeMap<String, StageOccupancy> = BTreeMap::new();
    for (journey, records) in histories.journeys(Micros::MAX) {
        let Some(last) = records.last() else { continue };
        let stage = histories.stages.text(last.stage);
        let ended = pipeline.stage(stage).is_some_and(|stage| stage.kind.is_final());
        let standing = found.entry(stage.to_owned()).or_default();
        standing.standing += 1;
        if standing.sample.len() < SAMPLE {
            standing.sample.push(histories.customer(journey));
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
            found.entry(histories.stages.text(stage).to_owned()).or_default().passed += 1;
        }
    }
    Ok(found)
}
