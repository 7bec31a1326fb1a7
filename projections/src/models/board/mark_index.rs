//! Which texts may hold a word, told without looking at them: a bit of each text for each mark that its signs and pairs of signs
//! make, all texts' bits of one mark side by side.
//!
//! A word is looked for where all of its marks are: some words of bits for each sixty-four texts, however long they are.

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// How many marks there are. A name of thirty signs makes some sixty, of which a word of two signs needs three.
const MARKS: usize = 512;
/// Texts whose bits are looked at together.
const BLOCK: u32 = u64::BITS;

/// Marks of texts by the texts' places.
#[derive(Debug, Default)]
pub(super) struct MarkIndex {
    /// The bits of each mark, block by block.
    bits: Vec<Vec<u64>>,
    blocks: usize,
}

impl MarkIndex {
    /// How many bytes a text takes.
    pub(super) const BYTES: usize = MARKS / 8;

    /// Adds the marks of the text at a place.
    pub(super) fn add(&mut self, place: u32, marks: impl Iterator<Item = usize>) {
        let (block, bit) = position(place);
        if block >= self.blocks {
            self.blocks = block + 1;
            self.bits.resize_with(MARKS, Vec::new);
            self.bits.iter_mut().for_each(|bits| bits.resize(block + 1, 0));
        }
        marks.for_each(|mark| self.bits[mark][block] |= bit);
    }

    /// Takes all marks of the text at a place away.
    pub(super) fn remove(&mut self, place: u32, marks: impl Iterator<Item = usize>) {
        let (block, bit) = position(place);
        marks.for_each(|mark| self.bits[mark][block] &= !bit);
    }

    /// The places from one on, in order, of texts that have all of some marks, or one of others.
    pub(super) fn with(&self, from: u32, all: &[usize], or_one: &[usize]) -> impl Iterator<Item = u32> {
        let first = from / BLOCK;
        let blocks = (first..).take(self.blocks.saturating_sub(first as usize));
        let of_block = move |block: u32| {
            let bits = |mark: &usize| self.bits[*mark][block as usize];
            let together = all.iter().map(bits).fold(u64::MAX, |held, bits| held & bits);
            let mut held = or_one.iter().map(bits).fold(together, |held, bits| held | bits);
            std::iter::from_fn(move || {
                let place = (held != 0).then(|| block * BLOCK + held.trailing_zeros())?;
                held &= held - 1;
                Some(place)
            })
        };
        blocks.flat_map(of_block).filter(move |place| *place >= from)
    }
}

fn position(place: u32) -> (usize, u64) {
    ((place / BLOCK) as usize, 1 << (place % BLOCK))
}

/// A mark for each sign and each pair of signs of a text: a text that holds another has all of its marks.
pub(super) fn of_text(text: &str) -> impl Iterator<Item = usize> {
    let signs = text.chars().map(|sign| of(&sign));
    let pairs = text.chars().zip(text.chars().skip(1)).map(|pair| of(&pair));
    signs.chain(pairs)
}

/// A mark, the same for the same thing in this process.
pub(super) fn of(thing: &(impl Hash + ?Sized)) -> usize {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    (hasher.finish() % MARKS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_all_marks_of_a_word_or_a_mark_of_their_own_are_found_until_they_are_taken_away() {
        let mut index = MarkIndex::default();
        let text = |place: u32| format!("customer {place:04} of birch & sons");
        for place in 0..300 {
            index.add(place, of_text(&text(place)).chain([of(&place)]));
        }
        let word: Vec<usize> = of_text("0217 of").collect();
        let found = |index: &MarkIndex, from: u32| -> Vec<u32> { index.with(from, &word, &[]).collect() };
        assert!(found(&index, 0).contains(&217) && found(&index, 0).len() < 30, "{:?}", found(&index, 0));
        assert!(found(&index, 217).contains(&217) && !found(&index, 218).contains(&217));
        let own = [of(&64_u32)];
        let either: Vec<u32> = index.with(0, &word, &own).collect();
        assert!(either.contains(&217) && either.contains(&64) && either.is_sorted());
        index.remove(217, of_text(&text(217)).chain([of(&217_u32)]));
        assert!(!found(&index, 0).contains(&217));
        assert_eq!(index.with(0, &[], &[]).count(), 320, "a word without signs says nothing of any text");
    }
}
