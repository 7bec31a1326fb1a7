//! The places that connections have: who is at work, who is idle, and since when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// The places.
pub(super) struct Places {
    most: usize,
    taken: Mutex<OccupiedPlaces>,
}

#[derive(Default)]
struct OccupiedPlaces {
    /// Numbers whatever happens, so that it can be told who has been idle longest.
    count: u64,
    connections: HashMap<u64, State>,
    /// The idle ones, by when they became so.
    idle: BTreeMap<u64, u64>,
}

struct State {
    /// Cancelled when another needs the place.
    leave: CancellationToken,
    /// When it became idle; none while it is at work.
    idle_since: Option<u64>,
}

/// One of them, given back when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    leave: CancellationToken,
}

/// While this is there, the connection is at work: a request has come and its answer is not sent yet.
pub(super) struct AtWork(Arc<Places>, u64);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// A place for a new connection, which is idle until its first request has come. Where all are taken, no matter who has been
    /// idle longest is asked to leave; none where everybody is at work.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.taken();
        if taken.connections.len() >= self.most && !taken.evict() {
            return None;
        }
        let (id, leave) = (taken.next(), CancellationToken::new());
        taken.connections.insert(id, State { leave: leave.clone(), idle_since: Some(id) });
        taken.idle.insert(id, id);
        metrics::gauge!("waymark_connections").increment(1);
        Some(Place { places: Arc::clone(self), id, leave })
    }

    /// Asks the one that has been idle longest to leave.
    pub(super) fn evict(&self) {
        self.taken().evict();
    }

    fn taken(&self) -> MutexGuard<'_, OccupiedPlaces> {
        // Each change is made whole or not at all, so a panic elsewhere leaves it right.
        self.taken.lock()
    }
}

impl OccupiedPlaces {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// The place is free at once: the connection that had it is about to go.
    fn evict(&mut self) -> bool {
        let Some((_, id)) = self.idle.pop_first() else { return false };
        if let Some(state) = self.connections.remove(&id) {
            state.leave.cancel();
            metrics::counter!("waymark_connections_evicted_total").increment(1);
        }
        true
    }

    fn set_idle(&mut self, id: u64, is_idle: bool) {
        let now = self.next();
        let Some(state) = self.connections.get_mut(&id) else { return };
        let before = std::mem::replace(&mut state.idle_since, is_idle.then_some(now));
        if let Some(before) = before {
            self.idle.remove(&before);
        }
        if is_idle {
            self.idle.insert(now, id);
        }
    }
}

impl Place {
    /// Cancelled when another connection needs the place.
    pub(super) fn leave(&self) -> &CancellationToken {
        &self.leave
    }

    /// A request has come.
    pub(super) fn work(&self) -> AtWork {
        self.places.taken().set_idle(self.id, false);
        AtWork(Arc::clone(&self.places), self.id)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(since) = taken.connections.remove(&self.id).and_then(|state| state.idle_since) {
            taken.idle.remove(&since);
        }
        metrics::gauge!("waymark_connections").decrement(1);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.taken().set_idle(self.1, true);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Places;

    #[test]
    fn who_has_been_idle_longest_makes_room_and_nobody_at_work_does() {
        let places = Arc::new(Places::new(3));
        let [first, second, third] = [(); 3].map(|()| places.take().unwrap());
        let at_work = first.work();
        let fourth = places.take().unwrap();
        assert!(!first.leave().is_cancelled() && !third.leave().is_cancelled());
        assert!(second.leave().is_cancelled(), "it waited longest without a request");
        drop((second, at_work));
        let fifth = places.take().unwrap();
        assert!(third.leave().is_cancelled(), "the first one's answer was sent after the third had come");
        let busy = [&first, &fourth, &fifth].map(super::Place::work);
        assert!(places.take().is_none(), "everybody is at work");
        drop((busy, third));
        assert!(places.take().is_some());
        assert!(first.leave().is_cancelled() ^ fourth.leave().is_cancelled() ^ fifth.leave().is_cancelled());
    }

    #[test]
    fn a_place_that_is_given_back_is_free() {
        let places = Arc::new(Places::new(1));
        let first = places.take().unwrap();
        let at_work = first.work();
        assert!(places.take().is_none());
        drop((at_work, first));
        let second = places.take().unwrap();
        assert!(!second.leave().is_cancelled());
    }
}
