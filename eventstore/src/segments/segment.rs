//! The bytes of a segment: 256 entries, each behind its length in two bytes, big-endian (the bundle of entries of C2SP tlog-tiles).

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::ledger::{TILE_WIDTH, Tile, leaf_hash};

/// The entries of a segment. They share their memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment(Vec<Bytes>);

/// What is wrong with a segment, and from which entry on, counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadSegment {
    pub(super) place: u64,
    pub(super) what: String,
}

impl Segment {
    /// Reads a segment, which must hold exactly the entries whose hashes are in this tile.
    pub(super) fn read(tile: &Tile, mut file: Bytes) -> Result<Self, BadSegment> {
        let mut entries = Vec::with_capacity(tile.hashes.len());
        for (place, hash) in (0..).zip(&tile.hashes) {
            let bad = |what: &str| BadSegment { place, what: what.to_owned() };
            let length = if file.len() < 2 { None } else { Some(usize::from(file.get_u16())) };
            let length = length.filter(|length| *length <= file.len()).ok_or_else(|| bad("it is cut"))?;
            let entry = file.split_to(length);
            if leaf_hash(&entry) != *hash {
                return Err(bad("an entry is not the one whose hash is in the log's tile"));
            }
            entries.push(entry);
        }
        match file.is_empty() {
            true => Ok(Self(entries)),
            false => {
                Err(BadSegment { place: TILE_WIDTH - 1, what: "something follows its last entry".into() })
            }
        }
    }

    /// The bytes of a segment of these entries; `None` where one is longer than an entry can be.
    pub(super) fn bytes<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Option<Bytes> {
        let mut file = BytesMut::new();
        for entry in entries {
            file.put_u16(u16::try_from(entry.len()).ok()?);
            file.put_slice(entry);
        }
        Some(file.freeze())
    }

    /// The entry at a place, from 0.
    pub(super) fn entry(&self, place: u64) -> Option<&Bytes> {
        self.0.get(usize::try_from(place).ok()?)
    }

    /// The entries, from the first on.
    pub(super) fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|entry| &entry[..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Hash;

    fn tile(entries: &[Vec<u8>]) -> Tile {
        let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        Tile { level: 0, index: 3, hashes }
    }

    fn written(entries: &[Vec<u8>]) -> Bytes {
        Segment::bytes(entries.iter().map(Vec::as_slice)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_was_written_is_read_and_any_other_byte_is_noticed(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 256),
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let (tile, file) = (tile(&entries), written(&entries));
            let read = Segment::read(&tile, file.clone()).unwrap();
            prop_assert_eq!(read.entries().map(<[u8]>::to_vec).collect::<Vec<_>>(), entries);
            let mut changed = file.to_vec();
            let place = at.index(changed.len());
            changed[place] ^= flip;
            prop_assert!(Segment::read(&tile, changed.into()).is_err());
            prop_assert!(Segment::read(&tile, file.slice(..place)).is_err());
            prop_assert!(Segment::read(&tile, [&file[..], &[0]].concat().into()).is_err());
        }
    }

    #[test]
    fn the_form_is_that_of_a_bundle_of_entries() {
        assert_eq!(&Segment::bytes([&b"ab"[..], b"", b"c"]).unwrap()[..], b"\x00\x02ab\x00\x00\x00\x01c");
        let longest = vec![0; crate::MAX_ENTRY_BYTES];
        assert_eq!(Segment::bytes([&longest[..]]).unwrap().len(), 2 + crate::MAX_ENTRY_BYTES);
        assert_eq!(Segment::bytes([&vec![0; crate::MAX_ENTRY_BYTES + 1][..]]), None);
    }

    #[test]
    fn the_first_entry_that_differs_is_named() {
        let entries: Vec<Vec<u8>> = (0..=255).map(|number| vec![number; 3]).collect();
        let (tile, file) = (tile(&entries), written(&entries));
        // A length, an entry, what two entries share.
        for (byte, place) in [(0, 0), (1, 0), (2, 0), (5 * 17 + 1, 17), (5 * 17 + 4, 17), (5 * 255 + 4, 255)]
        {
            let mut changed = file.to_vec();
            changed[byte] ^= 1;
            assert_eq!(Segment::read(&tile, changed.into()).unwrap_err().place, place, "byte {byte}");
        }
        assert_eq!(Segment::read(&tile, file.slice(..5 * 9)).unwrap_err().place, 9);
        let longer = [&file[..], b"\0"].concat();
        assert_eq!(Segment::read(&tile, longer.into()).unwrap_err().place, 255);
        let mut swapped = entries.clone();
        swapped.swap(40, 41);
        assert_eq!(Segment::read(&tile, written(&swapped)).unwrap_err().place, 40);
    }
}
