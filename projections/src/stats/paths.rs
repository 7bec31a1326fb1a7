//! The ways customers go: sequences of stages.

use std::collections::HashMap;

use super::journeys::stays;
use super::{JourneySet, Micros, quantile, seconds};

/// Journeys that went through the same stages in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The stages, by number.
    pub stages: Vec<u32>,
    /// How many journeys.
    pub count: usize,
    /// The median time from the first record to the beginning of the last stay, in seconds.
    pub median_seconds: f64,
}

/// All distinct paths at an instant, most frequent first; ties in the order of their stage ids by code points.
///
/// `end(stage, version)` tells the stages that a path leads to: journeys that reached one count, as far as their first stay in one.
/// Without it every journey counts, whole.
#[must_use]
pub fn paths(journeys: &JourneySet, until: Micros, end: Option<&dyn Fn(u32, u16) -> bool>) -> Vec<Path> {
    let mut spans: HashMap<Vec<u32>, Vec<Micros>> = HashMap::new();
    for (_, records) in journeys.journeys(until) {
        let mut stays = stays(records);
        if let Some(end) = end {
            let reached = stays.iter().position(|stay| end(stay.stage, stay.version));
            stays.truncate(reached.map_or(0, |last| last + 1));
        }
        let (Some(first), Some(last)) = (stays.first(), stays.last()) else { continue };
        let stages = stays.iter().map(|stay| stay.stage).collect();
        spans.entry(stages).or_default().push(last.entered - first.entered);
    }
    let mut paths: Vec<Path> = spans
        .into_iter()
        .map(|(stages, mut spans)| {
            spans.sort_unstable();
            let sorted: Vec<f64> = spans.iter().copied().map(seconds).collect();
            let median_seconds = quantile::continuous(&sorted, 0.5).unwrap_or_default();
            Path { stages, count: sorted.len(), median_seconds }
        })
        .collect();
    let texts =
        |path: &Path| -> Vec<&str> { path.stages.iter().map(|&stage| journeys.stages.text(stage)).collect() };
    paths.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| texts(a).cmp(&texts(b))));
    paths
}
