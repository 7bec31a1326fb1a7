//! The newest entries of one log, found by their tags: what a store holds in memory of where a log ends.

use std::collections::{HashMap, VecDeque};

use crate::{Position, QueryItem};

/// What an entry is found by.
#[derive(Debug, Clone)]
pub(crate) struct TaggedEntry {
    pub(crate) event_type: String,
    /// Separated by one space each: no tag has one.
    tags: String,
}

/// Entries without a gap from some position on.
#[derive(Debug)]
pub(crate) struct RecentTags {
    /// Every entry after this position is held.
    from: Position,
    entries: VecDeque<TaggedEntry>,
    /// The positions that carry a tag, ascending.
    by_tag: HashMap<String, VecDeque<Position>>,
}

impl TaggedEntry {
    /// An entry of a type, with tags that are separated by one space each.
    pub(crate) fn new(event_type: String, tags: String) -> Self {
        Self { event_type, tags }
    }

    /// Each tag.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.split(' ').filter(|tag| !tag.is_empty())
    }

    fn is_wanted(&self, item: &QueryItem) -> bool {
        (item.types.is_empty() || item.types.contains(&self.event_type))
            && item.tags.iter().all(|wanted| self.tags().any(|tag| tag == wanted))
    }
}

impl RecentTags {
    /// None yet of those after a position.
    pub(crate) fn after(from: Position) -> Self {
        Self { from, entries: VecDeque::new(), by_tag: HashMap::new() }
    }

    /// Every entry after this position is held.
    pub(crate) fn from(&self) -> Position {
        self.from
    }

    /// The last entry that is held.
    pub(crate) fn until(&self) -> Position {
        self.from + self.entries.len() as u64
    }

    /// Takes in the next entry.
    pub(crate) fn push(&mut self, tagged: TaggedEntry) {
        let position = self.until() + 1;
        for tag in tagged.tags() {
            match self.by_tag.get_mut(tag) {
                Some(positions) => positions.push_back(position),
                None => drop(self.by_tag.insert(tag.to_owned(), VecDeque::from([position]))),
            }
        }
        self.entries.push_back(tagged);
    }

    /// Evicts what is held up to a position.
    pub(crate) fn evict(&mut self, until: Position) {
        while self.from < until
            && let Some(tagged) = self.entries.pop_front()
        {
            self.from += 1;
            for tag in tagged.tags() {
                if let Some(positions) = self.by_tag.get_mut(tag) {
                    positions.pop_front();
                    if positions.is_empty() {
                        self.by_tag.remove(tag);
                    }
                }
            }
        }
    }

    /// Where entries after a position, up to another, carry what an item with tags wants.
    pub(crate) fn matching(
        &self,
        item: &QueryItem,
        after: Position,
        until: Position,
    ) -> impl DoubleEndedIterator<Item = Position> {
        let positions = item.tags.first().and_then(|tag| self.by_tag.get(tag));
        let range = positions.map(|positions| {
            let (first, last) =
                (positions.partition_point(|p| *p <= after), positions.partition_point(|p| *p <= until));
            positions.range(first..last.max(first))
        });
        let wanted = |position: &Position| self.get(*position).is_some_and(|tagged| tagged.is_wanted(item));
        range.into_iter().flatten().copied().filter(wanted)
    }

    /// The entries after a position that are held.
    pub(crate) fn entries(&self, after: Position) -> impl Iterator<Item = (Position, &TaggedEntry)> {
        (self.from + 1..).zip(&self.entries).filter(move |(position, _)| *position > after)
    }

    fn get(&self, position: Position) -> Option<&TaggedEntry> {
        self.entries.get(usize::try_from(position.checked_sub(self.from + 1)?).ok()?)
    }
}
