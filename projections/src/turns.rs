//! Whose turn it is: what is ready to be folded stands in a queue, and what was folded goes to its end.
//!
//! A turn is one page, so a long backlog costs the others nothing but its turns: between two turns of one read model of a
//! tenant every other one that was ready has had its own. While others wait, one tenant has not all of the workers.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::checkpoint::Which;

/// Turns under way at once.
pub(crate) const WORKERS: usize = 4;
/// Turns of one tenant under way at once, while others wait.
const OF_ONE_TENANT: usize = WORKERS / 2;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There is more.
    Behind,
    /// There was something, and it was all there was.
    Following,
    /// There was nothing.
    Idle,
    /// It failed: only news gives it another turn.
    Failed,
}

/// What is ready, at work, or resting.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    ready: VecDeque<Which>,
    queued: HashSet<Which>,
    /// What is being folded, and whether there was news meanwhile.
    running: HashMap<Which, bool>,
    resting: HashSet<Which>,
}

impl Turns {
    /// It is to have a turn: at the end of the queue, or after the turn that is under way.
    pub(crate) fn enqueue(&mut self, which: Which) {
        if let Some(news) = self.running.get_mut(&which) {
            *news = true;
        } else if self.queued.insert(which) {
            self.ready.push_back(which);
        }
    }

    /// Its log has moved: what rests hears of it when it has rested.
    pub(crate) fn news(&mut self, which: Which) {
        if !self.resting.contains(&which) {
            self.enqueue(which);
        }
    }

    /// Somebody waits: no rest for it.
    pub(crate) fn hurry(&mut self, which: Which) {
        self.resting.remove(&which);
        self.enqueue(which);
    }

    /// It has rested, unless somebody hurried it meanwhile.
    pub(crate) fn rested(&mut self, which: Which) {
        if self.resting.remove(&which) {
            self.enqueue(which);
        }
    }

    /// It is another node's from now on: nothing of it is left but the turn that may be under way.
    pub(crate) fn forget(&mut self, which: Which) {
        self.resting.remove(&which);
        if self.queued.remove(&which) {
            self.ready.retain(|ready| *ready != which);
        }
    }

    /// The next to have a turn; none while all workers are busy or nothing is ready.
    pub(crate) fn begin(&mut self) -> Option<Which> {
        if self.running.len() >= WORKERS {
            return None;
        }
        let modest = |which: &Which| {
            let own = self.running.keys().filter(|running| running.tenant == which.tenant);
            own.count() < OF_ONE_TENANT
        };
        // Nobody else waits: then the first may have all of them.
        let place = self.ready.iter().position(modest).unwrap_or(0);
        let which = self.ready.remove(place)?;
        self.queued.remove(&which);
        self.running.insert(which, false);
        Some(which)
    }

    /// Answers whether it is to rest now; [`Self::rested`] is told when it has.
    #[must_use]
    pub(crate) fn ended(&mut self, which: Which, ended: Ended) -> bool {
        let news = self.running.remove(&which).unwrap_or(false);
        match ended {
            Ended::Behind => {
                self.enqueue(which);
                false
            }
            // What keeps up lets events gather: a step over many costs little more than a step over one.
            Ended::Following => self.resting.insert(which),
            Ended::Idle if news => self.resting.insert(which),
            Ended::Idle | Ended::Failed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use waymark_eventstore::TenantId;

    use super::*;

    const MODELS: [&str; 4] = ["board", "timeline", "dwell", "work"];
    const BACKLOGGED: u128 = 1;
    const TENANTS: u128 = 200;

    fn which(tenant: u128, projection: &'static str) -> Which {
        Which { tenant: TenantId(Uuid::from_u128(tenant)), projection }
    }

    fn all(tenant: u128) -> impl Iterator<Item = Which> {
        MODELS.into_iter().map(move |projection| which(tenant, projection))
    }

    /// Takes turns until nobody is ready, each step ending in the order of its beginning. Answers the order.
    fn work(turns: &mut Turns, limit: usize, end: impl Fn(Which) -> Ended) -> Vec<Which> {
        let (mut begun, mut under_way) = (Vec::new(), VecDeque::new());
        while begun.len() < limit {
            while let Some(which) = turns.begin() {
                begun.push(which);
                under_way.push_back(which);
            }
            let Some(which) = under_way.pop_front() else { break };
            let _rests = turns.ended(which, end(which));
        }
        begun
    }

    #[test]
    fn a_backlog_costs_the_others_one_turn_a_read_model_and_no_more() {
        let mut turns = Turns::default();
        (1..=TENANTS).flat_map(all).for_each(|which| turns.enqueue(which));
        let backlogged = TenantId(Uuid::from_u128(BACKLOGGED));
        let end = |which: Which| if which.tenant == backlogged { Ended::Behind } else { Ended::Following };
        let begun = work(&mut turns, 2_000, end);
        for other in (2..=TENANTS).flat_map(all) {
            let place = begun.iter().position(|which| *which == other).expect("everybody gets a turn");
            let before = begun[..place].iter().filter(|which| which.tenant == backlogged).count();
            assert!(before <= MODELS.len(), "{other:?} waited for {before} turns of the backlog");
            assert!(place < TENANTS as usize * MODELS.len());
        }
    }

    #[test]
    fn who_has_news_beside_a_backlog_waits_for_one_page_to_end() {
        let mut turns = Turns::default();
        all(BACKLOGGED).for_each(|which| turns.enqueue(which));
        let under_way: Vec<Which> = std::iter::from_fn(|| turns.begin()).collect();
        assert_eq!(under_way.len(), WORKERS, "nobody else waits");
        let late = which(2, "dwell");
        turns.news(late);
        assert!(!turns.ended(under_way[0], Ended::Behind));
        assert_eq!(turns.begin(), Some(late), "one page of the backlog ended, and it is its turn");
    }

    #[test]
    fn one_tenant_has_all_workers_only_while_nobody_else_waits() {
        let mut turns = Turns::default();
        all(1).for_each(|which| turns.enqueue(which));
        turns.enqueue(which(2, "board"));
        let begun: Vec<Which> = std::iter::from_fn(|| turns.begin()).collect();
        let first = which(1, "board");
        assert_eq!(begun, [first, which(1, "timeline"), which(2, "board"), which(1, "dwell")]);
        assert!(!turns.ended(first, Ended::Behind));
        turns.enqueue(which(3, "work"));
        assert_eq!(turns.begin(), Some(which(3, "work")), "though others were ready before");
    }

    #[test]
    fn what_failed_waits_for_news_and_what_follows_for_its_rest() {
        let mut turns = Turns::default();
        let (failing, following) = (which(1, "board"), which(2, "board"));
        for which in [failing, following] {
            turns.enqueue(which);
            assert_eq!(turns.begin(), Some(which));
        }
        assert!(!turns.ended(failing, Ended::Failed));
        assert!(turns.ended(following, Ended::Following), "it rests");
        for which in [failing, following] {
            turns.news(which);
        }
        assert_eq!(turns.begin(), Some(failing));
        assert_eq!(turns.begin(), None, "the other rests");
        turns.rested(following);
        assert_eq!(turns.begin(), Some(following));
    }

    #[test]
    fn news_during_a_turn_gives_another_one_and_a_hurry_does_not_wait_for_the_rest() {
        let mut turns = Turns::default();
        let one = which(1, "board");
        turns.enqueue(one);
        assert_eq!(turns.begin(), Some(one));
        turns.news(one);
        assert_eq!(turns.begin(), None, "a read model has one turn at a time");
        assert!(turns.ended(one, Ended::Idle), "there was news");
        turns.hurry(one);
        assert_eq!(turns.begin(), Some(one));
        turns.rested(one);
        assert_eq!(turns.begin(), None, "its rest was over before");
    }
}
