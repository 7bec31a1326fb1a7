//! A few states of knowledge of the same thing, kept side by side.

use std::sync::Arc;

use waymark_eventstore::Position;

use super::kept::Weigh;

/// How many states of knowledge are kept: the latest, and earlier ones that were asked for.
const STATES_KEPT: usize = 3;

/// A few states of knowledge, each made of the same rows `R`, the one asked for last in front.
pub(crate) struct States<R, T> {
    rows: Option<R>,
    states: Vec<(Position, Arc<T>)>,
}

impl<R, T> Default for States<R, T> {
    fn default() -> Self {
        Self { rows: None, states: Vec::new() }
    }
}

impl<R: PartialEq, T> States<R, T> {
    /// The state of a position, if it is kept, or else the one nearest to it.
    pub(crate) fn nearest(&self, rows: &R, known: Position) -> Option<(Position, Arc<T>)> {
        let states = self.states.iter().filter(|_| self.rows.as_ref() == Some(rows));
        states.min_by_key(|(position, _)| position.abs_diff(known)).cloned()
    }

    /// The same. The latest is given away where one is asked for that is later still and takes its place, so that nothing of
    /// it must be copied.
    pub(crate) fn take_nearest(&mut self, rows: &R, known: Position) -> Option<(Position, Arc<T>)> {
        let (position, nearest) = self.nearest(rows, known)?;
        if known > position && self.latest() == Some(position) {
            self.states.retain(|(kept, _)| *kept != position);
        }
        Some((position, nearest))
    }

    /// Keeps a state, beside others of the same rows.
    pub(crate) fn keep(&mut self, rows: R, known: Position, state: &Arc<T>) {
        if self.rows.as_ref() != Some(&rows) {
            *self = Self { rows: Some(rows), states: Vec::new() };
        }
        let latest = self.latest();
        // The latest gives way to a later one, earlier ones to those that are asked for.
        self.states
            .retain(|(position, _)| *position != known && (known < *position || latest != Some(*position)));
        self.states.insert(0, (known, Arc::clone(state)));
        if self.states.len() > STATES_KEPT {
            let latest = self.latest();
            if let Some(oldest) = self.states.iter().rposition(|(position, _)| latest != Some(*position)) {
                self.states.remove(oldest);
            }
        }
    }

    fn latest(&self) -> Option<Position> {
        self.states.iter().map(|(position, _)| *position).max()
    }
}

impl<R, T: Weigh> Weigh for States<R, T> {
    fn bytes(&self) -> usize {
        self.states.iter().map(|(_, state)| state.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_state_takes_the_place_of_the_latest_and_earlier_ones_that_of_each_other() {
        let (mut states, state) = (States::<u32, u32>::default(), Arc::new(0));
        let kept = |states: &States<u32, u32>| {
            states.states.iter().map(|(position, _)| *position).collect::<Vec<_>>()
        };
        for known in [10, 12, 5, 6, 12, 7, 20] {
            states.keep(1, known, &state);
        }
        assert_eq!(kept(&states), [20, 7, 6]);
        assert_eq!(states.nearest(&1, 14).map(|(position, _)| position), Some(20));
        assert!(states.nearest(&2, 20).is_none());
        assert_eq!(states.take_nearest(&1, 7).map(|(position, _)| position), Some(7));
        assert_eq!(kept(&states), [20, 7, 6], "an earlier one stays");
        assert_eq!(states.take_nearest(&1, 21).map(|(position, _)| position), Some(20));
        assert_eq!(kept(&states), [7, 6]);
        states.keep(2, 21, &state);
        assert_eq!(kept(&states), [21]);
    }
}
