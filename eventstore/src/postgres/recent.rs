//! What this process appended a moment ago, held so that the conditions of its next batch need not be looked up.
//!
//! Most conditions have seen the log as it was a batch or two ago: where many write for one tenant, looking up what came
//! since costs a round trip and a quarter of what it does for a batch, the commit aside. Whether what is held is all
//! there is, is never assumed: the tree of the locked head proves it. A tree is of one row of entries and no other, so where
//! it is still the one that this process left behind, nobody has appended since, and where no erasure was counted either,
//! nobody has deleted a blind tag. In every other case what is held of the log is dropped, and the database is queried.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::batch::LogHead;
use crate::prepare::Prepared;
use crate::recent_tags::{RecentTags, TaggedEntry};
use crate::{Condition, Position, QueryItem, TenantId};

/// Of how many tenants a writing task holds what it appended: of those that wrote last.
const TENANTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
/// How many entries of a tenant are held, some hundred bytes each: those of a dozen batches of many concurrent clients.
const ENTRIES: u64 = 1_024;

/// The newest entries of the tenants that wrote last.
#[derive(Debug)]
pub(super) struct Recent {
    logs: LruCache<TenantId, Log>,
}

/// The newest entries of one tenant, without a gap up to the head.
#[derive(Debug)]
pub(super) struct Log {
    /// As this process left it.
    head: LogHead,
    /// Blind tags included.
    newest: RecentTags,
}

impl Default for Recent {
    fn default() -> Self {
        Self { logs: LruCache::new(TENANTS) }
    }
}

impl Recent {
    /// The newest entries of a log whose locked head is this one; nothing where somebody else has changed it.
    pub(super) fn of(&mut self, tenant: TenantId, head: &LogHead) -> Option<&Log> {
        self.logs.get(&tenant).filter(|log| log.is_at(head))
    }

    /// Takes in what was committed: these events went onto a log that ended so before, and so afterwards.
    pub(super) fn committed(
        &mut self,
        tenant: TenantId,
        before: LogHead,
        after: LogHead,
        events: &[&Prepared],
    ) {
        // An erasure deletes tags of entries that may be held.
        if before.erasures != after.erasures {
            self.forget(tenant);
            return;
        }
        if self.of(tenant, &before).is_none() {
            self.logs.put(tenant, Log::at(before));
        }
        if let Some(log) = self.logs.get_mut(&tenant) {
            events.iter().for_each(|event| log.push(event));
            log.head = after;
        }
    }

    /// Drops what is held of a tenant.
    pub(super) fn forget(&mut self, tenant: TenantId) {
        self.logs.pop(&tenant);
    }
}

impl Log {
    fn at(head: LogHead) -> Self {
        Self { newest: RecentTags::after(head.position()), head }
    }

    fn is_at(&self, head: &LogHead) -> bool {
        self.head.frontier == head.frontier && self.head.erasures == head.erasures
    }

    fn push(&mut self, event: &Prepared) {
        let tags = [event.tags.as_slice(), &event.blind_tags].concat().join(" ");
        self.newest.push(TaggedEntry::new(event.event_type.to_string(), tags));
        self.newest.evict(self.newest.until().saturating_sub(ENTRIES));
    }

    /// Whether all that a condition can forbid is held: it looks back no further, and for tags alone.
    pub(super) fn answers(&self, condition: &Condition) -> bool {
        condition.after >= self.newest.from()
            && condition.query.items.iter().all(|item| !item.tags.is_empty())
    }

    /// The last entry that a condition forbids, of those that are held.
    pub(super) fn conflict(&self, condition: &Condition) -> Option<Position> {
        let until = self.newest.until();
        let last = |item: &QueryItem| self.newest.matching(item, condition.after, until).next_back();
        condition.query.items.iter().filter_map(last).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;
    use crate::contract::{Bench, TENANT};

    /// A log to which events with one tag each were appended, and its head.
    struct LogWithRecent {
        recent: Recent,
        head: LogHead,
        bench: Bench,
    }

    impl LogWithRecent {
        fn new() -> Self {
            Self { recent: Recent::default(), head: LogHead::default(), bench: Bench::memory() }
        }

        fn append(&mut self, event_type: &str, tags: &[&str]) {
            let draft = self.bench.event(event_type, tags);
            let event = Prepared::new(TENANT, draft).unwrap();
            let mut after = self.head.clone();
            after.frontier.push(event.complete(self.head.position() + 1, "now", &mut Vec::new()));
            self.recent.committed(TENANT, self.head.clone(), after.clone(), &[&event]);
            self.head = after;
        }

        /// The last entry that a condition forbids; `None` where the database must be asked.
        fn told(&mut self, condition: &Condition) -> Option<Option<Position>> {
            let log = self.recent.of(TENANT, &self.head)?;
            log.answers(condition).then(|| log.conflict(condition))
        }
    }

    #[test]
    fn the_last_entry_that_a_condition_forbids_is_told() {
        let mut log = LogWithRecent::new();
        for tags in [&["a", "b"][..], &["a"], &["b"]] {
            log.append("e", tags);
        }
        assert_eq!(log.told(&Query::tag("a").none_after(0)), Some(Some(2)));
        assert_eq!(log.told(&Query::tag("a").none_after(2)), Some(None));
        let both = QueryItem { types: Vec::new(), tags: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(log.told(&Query { items: vec![both.clone()] }.none_after(0)), Some(Some(1)));
        let other = QueryItem { types: vec!["f".to_owned()], ..both };
        assert_eq!(log.told(&Query { items: vec![other] }.none_after(0)), Some(None));
    }

    #[test]
    fn what_was_let_go_and_what_has_no_tag_is_left_to_the_database() {
        let mut log = LogWithRecent::new();
        for _ in 0..=ENTRIES {
            log.append("e", &["a"]);
        }
        assert_eq!(log.told(&Query::tag("a").none_after(0)), None);
        assert_eq!(log.told(&Query::tag("a").none_after(1)), Some(Some(ENTRIES + 1)));
        assert_eq!(log.told(&Query::all().none_after(1)), None);
    }

    #[test]
    fn a_head_that_somebody_else_has_moved_tells_nothing() {
        let mut log = LogWithRecent::new();
        log.append("e", &["a"]);
        let erased = LogHead { erasures: 1, ..log.head.clone() };
        assert!(log.recent.of(TENANT, &erased).is_none());
        log.head.frontier.push([7; 32]);
        assert_eq!(log.told(&Query::tag("a").none_after(1)), None);
        // What is appended afterwards is held again, and no gap is hidden.
        log.append("e", &["b"]);
        assert_eq!(log.told(&Query::tag("a").none_after(1)), None);
        assert_eq!(log.told(&Query::tag("b").none_after(2)), Some(Some(3)));
    }
}
