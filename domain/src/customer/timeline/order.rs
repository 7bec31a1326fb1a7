//! The moves of a journey in effective order, kept up as each one comes or is corrected.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::force::MovePlace;
use super::stay::MoveKind;

/// By what moves are ordered: when they happened, and of several at one instant, when they were recorded.
pub(super) type Key = (DateTime<Utc>, u64);

/// What the order looks at in a move, as it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) key: Key,
    pub(super) kind: MoveKind,
    pub(super) stage: &'a str,
}

/// The moves that are not voided, in effective order.
#[derive(Debug, Clone, Default)]
pub(super) struct EffectiveOrder {
    moves: BTreeMap<Key, MovePlace>,
    /// By the place of a move: where it stands; nowhere while it is voided.
    keys: Vec<Option<Key>>,
    /// Those that begin a stay. The others repeat the stage already held.
    entries: BTreeSet<Key>,
    /// Those that begin a cycle, the first of all aside.
    returns: BTreeSet<Key>,
    /// The positions of those that were not entered late.
    recorded: BTreeSet<u64>,
}

/// The moves whose place in the journey may differ.
pub(super) enum Moved {
    /// These.
    Some(Vec<MovePlace>),
    /// Any.
    All,
}

impl EffectiveOrder {
    /// Puts a move where it stands now; nowhere when it is voided. `standing` tells how other moves stand. Answers whose
    /// cycle, or beginning of a stay, may differ by that.
    pub(super) fn put<'a>(
        &mut self,
        place: MovePlace,
        kind: MoveKind,
        now: Option<Key>,
        standing: impl Fn(MovePlace) -> Standing<'a>,
    ) -> Moved {
        if self.keys.len() <= place {
            self.keys.resize(place + 1, None);
        }
        let was = std::mem::replace(&mut self.keys[place], now);
        if let Some(was) = was {
            self.moves.remove(&was);
            self.entries.remove(&was);
            self.returns.remove(&was);
            self.recorded.remove(&was.1);
        }
        let neighbours = |key: Option<Key>| key.map(|key| (self.before(key), self.after(key)));
        let (left, reached) = (neighbours(was), neighbours(now));
        if let Some(now) = now {
            self.moves.insert(now, place);
            if kind == MoveKind::Reactivated {
                self.returns.insert(now);
            }
            if kind != MoveKind::Inserted {
                self.recorded.insert(now.1);
            }
        }
        let after = [left, reached].into_iter().flatten().filter_map(|(_, after)| after);
        let some: Vec<MovePlace> = [place].into_iter().chain(after).collect();
        for place in &some {
            self.look_again(*place, &standing);
        }
        let stayed = matches!((left, reached), (Some((a, _)), Some((b, _))) if a == b);
        let counts = |(before, after): (Option<MovePlace>, Option<MovePlace>)| {
            let next_begins = after.is_some_and(|after| standing(after).kind == MoveKind::Reactivated);
            kind == MoveKind::Reactivated || (before.is_none() && next_begins)
        };
        if !stayed && [left, reached].into_iter().flatten().any(counts) {
            Moved::All
        } else {
            Moved::Some(some)
        }
    }

    /// Looks whether a move begins a stay.
    fn look_again<'a>(&mut self, place: MovePlace, standing: &impl Fn(MovePlace) -> Standing<'a>) {
        let Some(key) = self.keys[place] else { return };
        let Standing { kind, stage, .. } = standing(place);
        let before = self.before(key).map(standing);
        if before.is_some_and(|before| before.stage == stage && kind != MoveKind::Reactivated) {
            self.entries.remove(&key);
        } else {
            self.entries.insert(key);
        }
    }

    fn after(&self, key: Key) -> Option<MovePlace> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.moves.range((Excluded(key), Unbounded)).next().map(|(_, place)| *place)
    }

    fn before(&self, key: Key) -> Option<MovePlace> {
        self.moves.range(..key).next_back().map(|(_, place)| *place)
    }

    /// Where a move stands.
    pub(super) fn key(&self, place: MovePlace) -> Option<Key> {
        self.keys.get(place).copied().flatten()
    }

    /// The move before one.
    pub(super) fn former(&self, place: MovePlace) -> Option<MovePlace> {
        self.before(self.key(place)?)
    }

    /// All of them, in order.
    pub(super) fn places(&self) -> impl DoubleEndedIterator<Item = MovePlace> {
        self.moves.values().copied()
    }

    /// The last of all.
    pub(super) fn last(&self) -> Option<MovePlace> {
        self.moves.last_key_value().map(|(_, place)| *place)
    }

    /// The one that began the last stay.
    pub(super) fn last_entry(&self) -> Option<MovePlace> {
        self.moves.get(self.entries.last()?).copied()
    }

    /// The cycle of the last stay.
    pub(super) fn cycles(&self) -> u32 {
        let first = self.moves.first_key_value().map(|(key, _)| key);
        let returns =
            self.returns.len() - usize::from(first.is_some_and(|first| self.returns.contains(first)));
        u32::try_from(returns).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The highest position of those that were not entered late.
    pub(super) fn last_recorded(&self) -> Option<u64> {
        self.recorded.last().copied()
    }
}
