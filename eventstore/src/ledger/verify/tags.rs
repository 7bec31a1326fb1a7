//! What a set of tags comes to, so that an index in one order can be compared with a log in another.

use sha2::{Digest as _, Sha256};

use crate::Position;
use crate::ledger::TagRecord;

/// Positions whose tags are summed up together: where two sums differ, only these are compared one by one.
const SPAN: u64 = 65_536;

/// The sums of tags by span of positions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TagSums {
    spans: Vec<TagSum>,
}

impl TagSums {
    /// Adds a tag of a position from 1.
    pub(super) fn put(&mut self, seed: &[u8; 32], record: &TagRecord) {
        let span = usize::try_from(record.position.saturating_sub(1) / SPAN).unwrap_or(usize::MAX);
        if self.spans.len() <= span {
            self.spans.resize_with(span + 1, TagSum::default);
        }
        self.spans[span].put(seed, record);
    }

    /// How many tags were added.
    pub(super) fn count(&self) -> u64 {
        self.spans.iter().map(|span| span.count).sum()
    }

    /// The positions (after one, up to another) of the first span that differs from that of others.
    pub(super) fn first_difference(&self, other: &Self) -> Option<(Position, Position)> {
        let none = TagSum::default();
        let spans = self.spans.len().max(other.spans.len());
        let span = |sums: &Self, number: usize| sums.spans.get(number).unwrap_or(&none).clone();
        let number = (0..spans).find(|number| span(self, *number) != span(other, *number))? as u64;
        Some((number * SPAN, (number + 1) * SPAN))
    }
}

/// What a set of tags comes to, in whatever order they are put in: their keyed hashes, added up lane by lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TagSum {
    lanes: [u64; 4],
    count: u64,
}

impl TagSum {
    fn put(&mut self, seed: &[u8; 32], record: &TagRecord) {
        let kind = record.event_type.as_bytes();
        let hash = Sha256::new()
            .chain_update(seed)
            .chain_update(record.position.to_be_bytes())
            .chain_update((kind.len() as u64).to_be_bytes())
            .chain_update(kind)
            .chain_update(record.tag.as_bytes())
            .finalize();
        for (lane, bytes) in self.lanes.iter_mut().zip(hash.chunks_exact(8)) {
            let word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            *lane = lane.wrapping_add(word);
        }
        self.count += 1;
    }
}

/// The tags that an entry names, each once.
pub(super) fn tags_of<'a>(
    position: Position,
    event_type: &'a str,
    tags: &'a str,
) -> impl Iterator<Item = TagRecord> + use<'a> {
    let tags = tags.split(' ').filter(|tag| !tag.is_empty());
    tags.map(move |tag| TagRecord { position, event_type: event_type.to_owned(), tag: tag.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(position: u64, event_type: &str, tag: &str) -> TagRecord {
        TagRecord { position, event_type: event_type.to_owned(), tag: tag.to_owned() }
    }

    fn sum(seed: u8, records: &[TagRecord]) -> TagSums {
        let mut sums = TagSums::default();
        for record in records {
            sums.put(&[seed; 32], record);
        }
        sums
    }

    #[test]
    fn tags_come_to_the_same_in_any_order_and_to_something_else_when_any_part_differs() {
        let (one, other) = (record(1, "moved", "customer:1"), record(2, "moved", "customer:1"));
        let right = sum(1, &[one.clone(), other.clone()]);
        assert_eq!(sum(1, &[other.clone(), one.clone()]), right);
        for wrong in [
            record(3, "moved", "customer:1"),
            record(2, "noted", "customer:1"),
            record(2, "moved", "customer:2"),
        ] {
            assert_ne!(sum(1, &[one.clone(), wrong]), right);
        }
        // Where type ends and tag begins is part of what is summed.
        assert_ne!(sum(1, &[record(1, "ab", "c")]), sum(1, &[record(1, "a", "bc")]));
        assert_ne!(sum(1, std::slice::from_ref(&one)), right, "one is missing");
        assert_ne!(sum(1, &[one.clone(), one.clone()]), right, "one stands for the other");
        assert_ne!(sum(2, &[one, other]), right, "the sum depends on the seed");
    }

    #[test]
    fn only_the_span_that_differs_is_named() {
        let tags = |positions: &[u64]| {
            sum(1, &positions.iter().map(|position| record(*position, "e", "a")).collect::<Vec<_>>())
        };
        let whole = tags(&[1, SPAN, SPAN + 1, 3 * SPAN]);
        assert_eq!(whole.first_difference(&tags(&[1, SPAN, SPAN + 1, 3 * SPAN])), None);
        assert_eq!(whole.first_difference(&tags(&[1, SPAN, 3 * SPAN])), Some((SPAN, 2 * SPAN)));
        assert_eq!(tags(&[1, SPAN]).first_difference(&whole), Some((SPAN, 2 * SPAN)));
        assert_eq!(whole.count(), 4);
    }
}
