//! Whose turn it is: what is ready to be folded stands in a queue, and what was folded goes to its end.
//!
//! A turn is one page, so a long backlog costs the others nothing but its turns: between two turns of one read model of a
//! tenant every other one that was ready has had its own. While others wait, one tenant has not all of the workers.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::storage::checkpoint::ProjectionId;

/// Turns under way at once.
pub(crate) const WORKERS: usize = 4;
/// Turns of one tenant under way at once, while others wait.
const OF_ONE_TENANT: usize = WORKERS / 2;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepOutcome {
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
pub(crate) struct FairScheduler {
    ready: VecDeque<ProjectionId>,
    queued: HashSet<ProjectionId>,
    /// What is being folded, and whether there was news meanwhile.
    running: HashMap<ProjectionId, bool>,
    coalescing: HashSet<ProjectionId>,
}

impl FairScheduler {
    /// It is to have a turn: at the end of the queue, or after the turn that is under way.
    pub(crate) fn enqueue(&mut self, id: ProjectionId) {
        if let Some(news) = self.running.get_mut(&id) {
            *news = true;
        } else if self.queued.insert(id) {
            self.ready.push_back(id);
        }
    }

    /// Its log has moved: what waits for its window hears of it then.
    pub(crate) fn news(&mut self, id: ProjectionId) {
        if !self.coalescing.contains(&id) {
            self.enqueue(id);
        }
    }

    /// Somebody waits: it does not wait for its window.
    pub(crate) fn prioritize(&mut self, id: ProjectionId) {
        self.coalescing.remove(&id);
        self.enqueue(id);
    }

    /// Its window has passed, unless somebody prioritized it meanwhile.
    pub(crate) fn window_elapsed(&mut self, id: ProjectionId) {
        if self.coalescing.remove(&id) {
            self.enqueue(id);
        }
    }

    /// It is another node's from now on: nothing of it is left but the turn that may be under way.
    pub(crate) fn forget(&mut self, id: ProjectionId) {
        self.coalescing.remove(&id);
        if self.queued.remove(&id) {
            self.ready.retain(|ready| *ready != id);
        }
    }

    /// The next to have a turn; none while all workers are busy or nothing is ready.
    pub(crate) fn begin(&mut self) -> Option<ProjectionId> {
        if self.running.len() >= WORKERS {
            return None;
        }
        let modest = |id: &ProjectionId| {
            let own = self.running.keys().filter(|running| running.tenant == id.tenant);
            own.count() < OF_ONE_TENANT
        };
        // Nobody else waits: then the first may have all of them.
        let place = self.ready.iter().position(modest).unwrap_or(0);
        let id = self.ready.remove(place)?;
        self.queued.remove(&id);
        self.running.insert(id, false);
        Some(id)
    }

    /// Returns whether it waits for its window now; [`Self::window_elapsed`] is called when it has.
    #[must_use]
    pub(crate) fn ended(&mut self, id: ProjectionId, ended: StepOutcome) -> bool {
        let news = self.running.remove(&id).unwrap_or(false);
        match ended {
            StepOutcome::Behind => {
                self.enqueue(id);
                false
            }
            // What keeps up lets events gather: a step over many costs little more than a step over one.
            StepOutcome::Following => self.coalescing.insert(id),
            StepOutcome::Idle if news => self.coalescing.insert(id),
            StepOutcome::Idle | StepOutcome::Failed => false,
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

    fn id(tenant: u128, projection: &'static str) -> ProjectionId {
        ProjectionId { tenant: TenantId(Uuid::from_u128(tenant)), projection }
    }

    fn all(tenant: u128) -> impl Iterator<Item = ProjectionId> {
        MODELS.into_iter().map(move |projection| id(tenant, projection))
    }

    /// Takes turns until nobody is ready, each step ending in the order of its beginning. Returns the order.
    fn work(
        scheduler: &mut FairScheduler,
        limit: usize,
        end: impl Fn(ProjectionId) -> StepOutcome,
    ) -> Vec<ProjectionId> {
        let (mut begun, mut under_way) = (Vec::new(), VecDeque::new());
        while begun.len() < limit {
            while let Some(id) = scheduler.begin() {
                begun.push(id);
                under_way.push_back(id);
            }
            let Some(id) = under_way.pop_front() else { break };
            let _waits = scheduler.ended(id, end(id));
        }
        begun
    }

    #[test]
    fn a_backlog_costs_the_others_one_turn_a_read_model_and_no_more() {
        let mut scheduler = FairScheduler::default();
        (1..=TENANTS).flat_map(all).for_each(|id| scheduler.enqueue(id));
        let backlogged = TenantId(Uuid::from_u128(BACKLOGGED));
        let end = |id: ProjectionId| {
            if id.tenant == backlogged { StepOutcome::Behind } else { StepOutcome::Following }
        };
        let begun = work(&mut scheduler, 2_000, end);
        for other in (2..=TENANTS).flat_map(all) {
            let place = begun.iter().position(|id| *id == other).expect("everybody gets a turn");
            let before = begun[..place].iter().filter(|id| id.tenant == backlogged).count();
            assert!(before <= MODELS.len(), "{other:?} waited for {before} turns of the backlog");
            assert!(place < TENANTS as usize * MODELS.len());
        }
    }

    #[test]
    fn who_has_news_beside_a_backlog_waits_for_one_page_to_end() {
        let mut scheduler = FairScheduler::default();
        all(BACKLOGGED).for_each(|id| scheduler.enqueue(id));
        let under_way: Vec<ProjectionId> = std::iter::from_fn(|| scheduler.begin()).collect();
        assert_eq!(under_way.len(), WORKERS, "nobody else waits");
        let late = id(2, "dwell");
        scheduler.news(late);
        assert!(!scheduler.ended(under_way[0], StepOutcome::Behind));
        assert_eq!(scheduler.begin(), Some(late), "one page of the backlog ended, and it is its turn");
    }

    #[test]
    fn one_tenant_has_all_workers_only_while_nobody_else_waits() {
        let mut scheduler = FairScheduler::default();
        all(1).for_each(|id| scheduler.enqueue(id));
        scheduler.enqueue(id(2, "board"));
        let begun: Vec<ProjectionId> = std::iter::from_fn(|| scheduler.begin()).collect();
        let first = id(1, "board");
        assert_eq!(begun, [first, id(1, "timeline"), id(2, "board"), id(1, "dwell")]);
        assert!(!scheduler.ended(first, StepOutcome::Behind));
        scheduler.enqueue(id(3, "work"));
        assert_eq!(scheduler.begin(), Some(id(3, "work")), "though others were ready before");
    }

    #[test]
    fn what_failed_waits_for_news_and_what_follows_for_its_rest() {
        let mut scheduler = FairScheduler::default();
        let (failing, following) = (id(1, "board"), id(2, "board"));
        for id in [failing, following] {
            scheduler.enqueue(id);
            assert_eq!(scheduler.begin(), Some(id));
        }
        assert!(!scheduler.ended(failing, StepOutcome::Failed));
        assert!(scheduler.ended(following, StepOutcome::Following), "it waits for its window");
        for id in [failing, following] {
            scheduler.news(id);
        }
        assert_eq!(scheduler.begin(), Some(failing));
        assert_eq!(scheduler.begin(), None, "the other waits for its window");
        scheduler.window_elapsed(following);
        assert_eq!(scheduler.begin(), Some(following));
    }

    #[test]
    fn news_during_a_turn_gives_another_one_and_a_hurry_does_not_wait_for_the_rest() {
        let mut scheduler = FairScheduler::default();
        let one = id(1, "board");
        scheduler.enqueue(one);
        assert_eq!(scheduler.begin(), Some(one));
        scheduler.news(one);
        assert_eq!(scheduler.begin(), None, "a read model has one turn at a time");
        assert!(scheduler.ended(one, StepOutcome::Idle), "there was news");
        scheduler.prioritize(one);
        assert_eq!(scheduler.begin(), Some(one));
        scheduler.window_elapsed(one);
        assert_eq!(scheduler.begin(), None, "its window had passed before");
    }
}
