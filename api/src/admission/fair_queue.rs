//! Who may use one of a few places now, and who waits for one: a value, without clock, threads or tasks.
//!
//! Fair by owner: of those that wait, an owner is next that has the fewest places, in turn (round robin). A queue that is full
//! drops the newest of the owner that waits most often, if the newcomer's owner waits less (the longest queue drop of
//! RFC 7567, section 2.1), so that one owner with many requests takes neither all places nor the whole queue.

use std::collections::{BTreeMap, VecDeque};

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many run at the same time; with 0 none ever does.
    pub(super) places: usize,
    /// How many of one owner run at the same time.
    pub(super) per_owner: usize,
    /// How many wait, of all owners.
    pub(super) queue: usize,
}

/// The number of one who came. Never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What happens with one who came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It has a place.
    Runs(Ticket),
    /// It waits; another may have lost its turn to it, and is turned away.
    Waits {
        /// Its own.
        ticket: Ticket,
        /// Whose turn was lost.
        dropped: Option<Ticket>,
    },
    /// The queue is full.
    TurnedAway,
}

/// The places, and the queue before them.
#[derive(Debug)]
pub(super) struct FairQueue<K> {
    limits: Limits,
    next_ticket: u64,
    running: BTreeMap<Ticket, K>,
    /// Those that wait, the oldest first, by owner; the owner whose turn it is stands first.
    waiting: VecDeque<(K, VecDeque<Ticket>)>,
}

impl<K: Copy + Ord> FairQueue<K> {
    /// Nobody runs and nobody waits.
    #[must_use]
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, next_ticket: 0, running: BTreeMap::new(), waiting: VecDeque::new() }
    }

    /// How many have a place.
    #[must_use]
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// How many wait.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, tickets)| tickets.len()).sum()
    }

    /// One of this owner has come. Where a place is free that it may have, nobody waits who may have it, too.
    pub(super) fn arrive(&mut self, owner: K) -> Arrival {
        if self.limits.places == 0 {
            return Arrival::TurnedAway;
        }
        if self.may_run(owner) {
            let ticket = self.ticket();
            self.running.insert(ticket, owner);
            return Arrival::Runs(ticket);
        }
        let dropped = if self.waiting() < self.limits.queue {
            None
        } else if let Some(dropped) = self.drop_longest(owner) {
            Some(dropped)
        } else {
            return Arrival::TurnedAway;
        };
        let ticket = self.ticket();
        match self.waiting.iter_mut().find(|(waiter, _)| *waiter == owner) {
            Some((_, tickets)) => tickets.push_back(ticket),
            None => self.waiting.push_back((owner, VecDeque::from([ticket]))),
        }
        Arrival::Waits { ticket, dropped }
    }

    /// One is done, or has gone away before its turn. Answers those whose turn it is now; a ticket that is not known any more
    /// changes nothing.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Vec<Ticket> {
        if self.running.remove(&ticket).is_none() {
            for (_, tickets) in &mut self.waiting {
                tickets.retain(|waiting| *waiting != ticket);
            }
            self.waiting.retain(|(_, tickets)| !tickets.is_empty());
        }
        std::iter::from_fn(|| self.promote()).collect()
    }

    /// Gives a free place to the next in turn.
    fn promote(&mut self) -> Option<Ticket> {
        let may_run = self.waiting.iter().enumerate().filter(|(_, (owner, _))| self.may_run(*owner));
        // Of equals the first is taken, which has waited longest for its turn.
        let (index, _) = may_run.min_by_key(|(_, (owner, _))| self.places_of(*owner))?;
        let (owner, mut tickets) = self.waiting.remove(index)?;
        let ticket = tickets.pop_front()?;
        if !tickets.is_empty() {
            self.waiting.push_back((owner, tickets));
        }
        self.running.insert(ticket, owner);
        Some(ticket)
    }

    /// Drops the newest of the owner that waits most often, if that is more often than this one would.
    fn drop_longest(&mut self, owner: K) -> Option<Ticket> {
        let own = self.waiting.iter().find(|(waiter, _)| *waiter == owner).map_or(0, |(_, own)| own.len());
        let (_, longest) = self.waiting.iter_mut().max_by_key(|(_, tickets)| tickets.len())?;
        if longest.len() > own + 1 { longest.pop_back() } else { None }
    }

    fn may_run(&self, owner: K) -> bool {
        self.running() < self.limits.places && self.places_of(owner) < self.limits.per_owner
    }

    fn places_of(&self, owner: K) -> usize {
        self.running.values().filter(|running| **running == owner).count()
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Arrival, FairQueue, Limits, Ticket};

    /// A queue with these places, as many for each owner, and so long a line before them.
    fn queue(places: usize, queue: usize) -> FairQueue<char> {
        FairQueue::new(Limits { places, per_owner: places, queue })
    }

    fn runs(queue: &mut FairQueue<char>, owner: char) -> Ticket {
        match queue.arrive(owner) {
            Arrival::Runs(ticket) => ticket,
            other => panic!("{owner}: {other:?}"),
        }
    }

    fn waits(queue: &mut FairQueue<char>, owner: char) -> Ticket {
        match queue.arrive(owner) {
            Arrival::Waits { ticket, dropped: None } => ticket,
            other => panic!("{owner}: {other:?}"),
        }
    }

    #[test]
    fn no_more_run_than_there_are_places_and_no_more_wait_than_may() {
        let mut queue = queue(2, 1);
        let first = runs(&mut queue, 'a');
        runs(&mut queue, 'a');
        let third = waits(&mut queue, 'a');
        assert_eq!(queue.arrive('a'), Arrival::TurnedAway);
        assert_eq!(queue.leave(first), [third]);
        assert_eq!((queue.running(), queue.waiting()), (2, 0));
    }

    #[test]
    fn a_tenant_with_many_requests_takes_turns_with_one_that_has_few() {
        let mut queue = queue(1, 10);
        let running = runs(&mut queue, 'a');
        let of_a = [(); 3].map(|()| waits(&mut queue, 'a'));
        let of_b = [(); 2].map(|()| waits(&mut queue, 'b'));
        let mut order = Vec::new();
        let mut now = running;
        while let Some(next) = queue.leave(now).first().copied() {
            order.push(next);
            now = next;
        }
        assert_eq!(order, [of_a[0], of_b[0], of_a[1], of_b[1], of_a[2]]);
    }

    #[test]
    fn the_owner_with_fewer_places_is_next() {
        let mut queue = queue(2, 10);
        let [first, _second] = [(); 2].map(|()| runs(&mut queue, 'a'));
        let of_a = waits(&mut queue, 'a');
        let of_b = waits(&mut queue, 'b');
        assert_eq!(queue.leave(first), [of_b], "a came first, and has a place");
        assert_eq!(queue.leave(of_b), [of_a]);
    }

    #[test]
    fn a_full_queue_drops_the_newest_of_who_waits_most() {
        let mut queue = queue(1, 3);
        runs(&mut queue, 'a');
        let of_a = [(); 3].map(|()| waits(&mut queue, 'a'));
        let Arrival::Waits { dropped, .. } = queue.arrive('b') else { panic!("b waits for the first time") };
        assert_eq!(dropped, Some(of_a[2]));
        assert_eq!(queue.arrive('b'), Arrival::TurnedAway, "b would wait as often as a");
        assert_eq!(queue.arrive('a'), Arrival::TurnedAway);
        assert!(queue.leave(of_a[2]).is_empty(), "who was dropped leaves nothing behind");
        assert_eq!(queue.waiting(), 3);
    }

    #[test]
    fn one_owner_leaves_a_place_to_others_where_it_must() {
        let mut queue = FairQueue::new(Limits { places: 2, per_owner: 1, queue: 10 });
        let first = runs(&mut queue, 'a');
        let second = waits(&mut queue, 'a');
        let other = runs(&mut queue, 'b');
        assert!(queue.leave(other).is_empty(), "a has its place");
        assert_eq!(queue.leave(first), [second]);
    }

    #[test]
    fn who_goes_away_while_it_waits_is_passed_over() {
        let mut queue = queue(1, 10);
        let first = runs(&mut queue, 'a');
        let [second, third] = [(); 2].map(|()| waits(&mut queue, 'a'));
        assert!(queue.leave(second).is_empty());
        assert_eq!(queue.leave(first), [third]);
        assert!(queue.leave(first).is_empty(), "nobody leaves twice");
        assert_eq!((queue.running(), queue.waiting()), (1, 0));
    }

    #[test]
    fn without_places_everybody_is_turned_away() {
        assert_eq!(queue(0, 10).arrive('a'), Arrival::TurnedAway);
    }

    /// Numbers that look like chance, the same for the same seed (splitmix64).
    fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % below
        }
    }

    #[test]
    fn no_limit_is_passed_and_no_place_stays_free_while_somebody_may_have_it() {
        for seed in 0..300 {
            let mut number = numbers(seed);
            let mut size = |from: usize| from + usize::try_from(number(4)).unwrap();
            let limits = Limits { places: size(1), per_owner: size(1), queue: size(0) };
            let mut crowd = Crowd { queue: FairQueue::new(limits), limits, inside: BTreeMap::new() };
            for _ in 0..200 {
                let at = usize::try_from(number(8)).unwrap();
                match crowd.inside.keys().nth(at).copied() {
                    Some(ticket) if number(2) == 0 => crowd.leave(ticket),
                    _ => crowd.arrive(number(3)),
                }
                crowd.check();
            }
        }
    }

    /// A queue, and what each who is inside is: its owner, and whether it runs.
    struct Crowd {
        queue: FairQueue<u64>,
        limits: Limits,
        inside: BTreeMap<Ticket, (u64, bool)>,
    }

    impl Crowd {
        fn arrive(&mut self, owner: u64) {
            match self.queue.arrive(owner) {
                Arrival::Runs(ticket) => drop(self.inside.insert(ticket, (owner, true))),
                Arrival::Waits { ticket, dropped } => {
                    if let Some(dropped) = dropped {
                        assert!(self.inside.remove(&dropped).is_some_and(|(_, runs)| !runs));
                    }
                    self.inside.insert(ticket, (owner, false));
                }
                Arrival::TurnedAway => assert_eq!(self.queue.waiting(), self.limits.queue),
            }
        }

        fn leave(&mut self, ticket: Ticket) {
            self.inside.remove(&ticket);
            for promoted in self.queue.leave(ticket) {
                let (_, runs) = self.inside.get_mut(&promoted).unwrap();
                assert!(!std::mem::replace(runs, true));
            }
        }

        fn check(&self) {
            let places = |of| self.inside.values().filter(|(owner, runs)| *runs && *owner == of).count();
            let running: usize = (0..3).map(places).sum();
            assert_eq!(running, self.queue.running());
            assert_eq!(self.inside.len() - running, self.queue.waiting());
            assert!(running <= self.limits.places && self.queue.waiting() <= self.limits.queue);
            for owner in 0..3 {
                let waits = self.inside.values().any(|(of, runs)| !runs && *of == owner);
                assert!(places(owner) <= self.limits.per_owner);
                assert!(!waits || running == self.limits.places || places(owner) == self.limits.per_owner);
            }
        }
    }
}
