//! The journeys of pipelines, kept in memory from question to question.

use std::sync::Arc;

use waymark_eventstore::Position;

use crate::models::kept::{Kept, RowsId, Weigh};
use crate::stats::JourneyIndex;

/// The journeys of pipelines, by the pipeline's key.
pub(crate) type JourneyCache = Kept<States>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 768 << 20;

/// How many states of knowledge are kept of a pipeline: the latest, and earlier ones that were asked for.
const STATES_KEPT: usize = 3;

/// The journeys of one pipeline in a few states of knowledge, the one asked for last in front.
#[derive(Default)]
pub(crate) struct States {
    rows: Option<RowsId>,
    states: Vec<(Position, Arc<JourneyIndex>)>,
}

impl States {
    /// The state of a position, if it is kept, or else the one nearest to it.
    pub(super) fn nearest(&self, rows: RowsId, known: Position) -> Option<(Position, Arc<JourneyIndex>)> {
        let states = self.states.iter().filter(|_| self.rows == Some(rows));
        states.min_by_key(|(position, _)| position.abs_diff(known)).cloned()
    }

    /// Keeps a state, beside others of the same rows.
    pub(super) fn keep(&mut self, rows: RowsId, known: Position, index: &Arc<JourneyIndex>) {
        if self.rows != Some(rows) {
            *self = Self { rows: Some(rows), states: Vec::new() };
        }
        let latest = self.states.iter().map(|(position, _)| *position).max();
        // The latest gives way to a later one, earlier ones to those that are asked for.
        self.states
            .retain(|(position, _)| *position != known && (known < *position || latest != Some(*position)));
        self.states.insert(0, (known, Arc::clone(index)));
        if self.states.len() > STATES_KEPT {
            let latest = self.states.iter().map(|(position, _)| *position).max();
            if let Some(oldest) = self.states.iter().rposition(|(position, _)| latest != Some(*position)) {
                self.states.remove(oldest);
            }
        }
    }
}

impl Weigh for States {
    fn bytes(&self) -> usize {
        self.states.iter().map(|(_, index)| index.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_state_takes_the_place_of_the_latest_and_earlier_ones_that_of_each_other() {
        let (mut states, index) = (States::default(), Arc::default());
        let rows = RowsId { file: 0, generation: 1, epoch: 1 };
        let kept = |states: &States| states.states.iter().map(|(position, _)| *position).collect::<Vec<_>>();
        for known in [10, 12, 5, 6, 12, 7, 20] {
            states.keep(rows, known, &index);
        }
        assert_eq!(kept(&states), [20, 7, 6]);
        assert_eq!(states.nearest(rows, 14).map(|(position, _)| position), Some(20));
        assert!(states.nearest(RowsId { epoch: 2, ..rows }, 20).is_none());
        states.keep(RowsId { epoch: 2, ..rows }, 21, &index);
        assert_eq!(kept(&states), [21]);
    }
}
