//! Full tiles of the tree, 256 hashes wide, after C2SP tlog-tiles.
//!
//! Tile `n` of level 0 holds the leaf hashes `256n … 256n + 255`; tile `n` of level `l + 1` holds the roots of
//! 256 tiles of level `l`. Only full tiles are stored: they never change.

use std::ops::Range;

use super::{Hash, root_of};

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// A full tile of a tenant's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// 0 for leaf hashes; each level above covers 256 times as many leaves a hash.
    pub level: u8,
    /// Its place in the level, from 0.
    pub index: u64,
    /// 256 hashes.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// The hashes one after the other: the bytes that C2SP tlog-tiles serves.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` when it is not a full tile.
    #[must_use]
    pub fn from_bytes(level: u8, index: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let full = rest.is_empty() && hashes.len() as u64 == TILE_WIDTH;
        full.then(|| Self { level, index, hashes: hashes.to_vec() })
    }

    /// The root over the tile: one hash of the level above.
    #[must_use]
    pub fn root(&self) -> Hash {
        root_of(&self.hashes)
    }
}

/// Where a tile or a bundle of entries stands within its level, as C2SP tlog-tiles writes it into a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePlace {
    /// Its place in the level, from 0.
    pub index: u64,
    /// How many hashes or entries of it: 256 of a full one, fewer of a partial one.
    pub width: u64,
}

impl TilePlace {
    /// Reads groups of three digits, all but the last behind an `x`, and the width of a partial one: `x001/x234/067`,
    /// `067.p/8`. `None` for anything else: each place has one path.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        let (groups, width) = match path.split_once(".p/") {
            Some((groups, width)) => {
                (groups, canonical(width).filter(|width| (1..TILE_WIDTH).contains(width))?)
            }
            None => (path, TILE_WIDTH),
        };
        let (last, before) =
            groups.rsplit_once('/').map_or((groups, None), |(before, last)| (last, Some(before)));
        let mut index = 0_u64;
        for (number, group) in before.into_iter().flat_map(|before| before.split('/')).enumerate() {
            let thousands = three_digits(group.strip_prefix('x')?)?;
            // A group of zeroes in front would be a second path of the same place.
            if number == 0 && thousands == 0 {
                return None;
            }
            index = index.checked_mul(1_000)?.checked_add(thousands)?;
        }
        index = index.checked_mul(1_000)?.checked_add(three_digits(last)?)?;
        Some(Self { index, width })
    }

    /// The path that [`Self::from_path`] reads.
    #[must_use]
    pub fn to_path(&self) -> String {
        let mut path = format!("{:03}", self.index % 1_000);
        let mut before = self.index / 1_000;
        while before > 0 {
            path = format!("x{:03}/{path}", before % 1_000);
            before /= 1_000;
        }
        if self.width < TILE_WIDTH { format!("{path}.p/{}", self.width) } else { path }
    }
}

fn three_digits(text: &str) -> Option<u64> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A number as it is written without leading zeroes or signs.
fn canonical(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|_| plain)
}

/// A level whose tiles grow in number, because the tree grew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrownLevel {
    /// 0 for tiles of leaf hashes.
    pub(crate) level: u8,
    /// The places, in the level below (of leaves, or of tiles), of the hashes that stood in the unfinished tile before.
    pub(crate) known: Range<u64>,
    /// How many tiles the level gains.
    gained: u64,
}

/// The levels that gain full tiles when a tree of one size grows to another, from the leaves upward. The levels above
/// them gain none.
pub(crate) fn grown_levels(old_size: u64, new_size: u64) -> Vec<GrownLevel> {
    let mut levels = Vec::new();
    let (mut old, mut new) = (old_size, new_size);
    for level in 0.. {
        let (first, end) = (old / TILE_WIDTH, new / TILE_WIDTH);
        if first == end {
            break;
        }
        levels.push(GrownLevel { level, known: first * TILE_WIDTH..old, gained: end - first });
        (old, new) = (first, end);
    }
    levels
}

impl GrownLevel {
    /// The tiles that the level gains, of the hashes known before and the new ones behind them; those that fill no tile
    /// are left over. `None` when what was known is not all of it.
    pub(crate) fn tiles(&self, known: Vec<Hash>, new: &[Hash]) -> Option<Vec<Tile>> {
        if known.len() as u64 != self.known.end - self.known.start {
            return None;
        }
        let hashes = [known, new.to_vec()].concat();
        let full = hashes.chunks_exact(TILE_WIDTH as usize);
        let first = self.known.start / TILE_WIDTH;
        let tiles: Vec<Tile> = (first..)
            .zip(full)
            .map(|(index, hashes)| Tile { level: self.level, index, hashes: hashes.to_vec() })
            .collect();
        (tiles.len() as u64 == self.gained).then_some(tiles)
    }

    /// The known hashes of a level above the leaves, of the tiles below it as they were stored: each by its place and its
    /// bytes, in order. Those that came with this growth may stand behind them. `None` when one is missing or cut.
    pub(crate) fn roots<'b>(&self, stored: impl IntoIterator<Item = (u64, &'b [u8])>) -> Option<Vec<Hash>> {
        let below = self.level.checked_sub(1)?;
        let mut stored = stored.into_iter();
        let root = |index| {
            let (_, bytes) = stored.next().filter(|(place, _)| *place == index)?;
            Some(Tile::from_bytes(below, index, bytes)?.root())
        };
        self.known.clone().map(root).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::leaf_hash;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    /// Every full tile over these leaves, the lowest level first.
    fn all_tiles(leaves: &[Hash]) -> Vec<Tile> {
        let (mut tiles, mut hashes) = (Vec::new(), leaves.to_vec());
        for level in 0.. {
            let full: Vec<Tile> = (0..)
                .zip(hashes.chunks_exact(TILE_WIDTH as usize))
                .map(|(index, hashes)| Tile { level, index, hashes: hashes.to_vec() })
                .collect();
            if full.is_empty() {
                break;
            }
            hashes = full.iter().map(Tile::root).collect();
            tiles.extend(full);
        }
        tiles
    }

    /// Grows a tree by steps, as a store does: what is known is read from what was stored.
    fn grown_by(steps: &[u64], leaves: &[Hash]) -> Vec<Tile> {
        let (mut stored, mut size): (Vec<Tile>, u64) = (Vec::new(), 0);
        for step in steps {
            let mut new = leaves[size as usize..(size + step) as usize].to_vec();
            for grown in grown_levels(size, size + step) {
                let known = if grown.level == 0 {
                    leaves[grown.known.start as usize..grown.known.end as usize].to_vec()
                } else {
                    let below = stored.iter().filter(|tile| tile.level + 1 == grown.level);
                    let below = below.filter(|tile| tile.index >= grown.known.start);
                    let bytes: Vec<(u64, Vec<u8>)> =
                        below.map(|tile| (tile.index, tile.to_bytes())).collect();
                    grown.roots(bytes.iter().map(|(place, bytes)| (*place, bytes.as_slice()))).unwrap()
                };
                let tiles = grown.tiles(known, &new).unwrap();
                new = tiles.iter().map(Tile::root).collect();
                stored.extend(tiles);
            }
            size += step;
        }
        stored.sort_by_key(|tile| (tile.level, tile.index));
        stored
    }

    #[test]
    fn a_tree_that_grows_by_steps_has_the_tiles_of_one_made_at_once() {
        let leaves = leaves(2 * 65_536 + 300);
        let expected = all_tiles(&leaves);
        assert_eq!(expected.iter().filter(|tile| tile.level == 1).count(), 2);
        for steps in [
            vec![leaves.len() as u64],
            vec![1, 254, 1, 1, 65_279, 2, 65_534, 300],
            vec![65_536, 65_536, 300],
            vec![65_535, 1, 65_535, 301],
            vec![100, 100_000, leaves.len() as u64 - 100_100],
        ] {
            assert_eq!(grown_by(&steps, &leaves), expected, "{steps:?}");
        }
    }

    #[test]
    fn the_path_of_a_tile_is_read_and_nothing_else_is() {
        for (path, index, width) in [
            ("000", 0, 256),
            ("067", 67, 256),
            ("x001/x234/067", 1_234_067, 256),
            ("x001/000", 1_000, 256),
            ("000.p/1", 0, 1),
            ("x999/999.p/255", 999_999, 255),
        ] {
            assert_eq!(TilePlace::from_path(path), Some(TilePlace { index, width }), "{path}");
            assert_eq!(TilePlace { index, width }.to_path(), path);
        }
        for path in [
            "",
            "0",
            "0000",
            "x000/001",
            "001/002",
            "x001",
            "x1/000",
            "x001/x002",
            "+01",
            "000.p/",
            "000.p/0",
            "000.p/256",
            "000.p/08",
            "000.p/+8",
            "000.p/8/",
            "000/",
            "/000",
            "x001//000",
            "000.q/1",
            "x-01/000",
            "x999/x999/x999/x999/x999/x999/x999/999",
            "０００",
        ] {
            assert_eq!(TilePlace::from_path(path), None, "{path}");
        }
    }

    #[test]
    fn growth_within_a_tile_completes_nothing() {
        assert_eq!(grown_levels(0, 255), []);
        assert_eq!(grown_levels(256, 511), []);
        assert_eq!(grown_levels(256, 256), []);
    }

    #[test]
    fn what_is_missing_or_cut_is_noticed() {
        let [grown] = &grown_levels(10, 256)[..] else { panic!("one level grows") };
        assert_eq!(grown.tiles(leaves(9), &leaves(246)), None);
        assert_eq!(grown.tiles(leaves(10), &leaves(245)), None);
        let [_, parents] = &grown_levels(65_536 - 256, 65_536)[..] else { panic!("two levels grow") };
        let whole = [0; 256 * 32];
        let stored = |without: u64, bytes: &'static [u8]| {
            (0..255).filter(move |place| *place != without).map(move |place| (place, bytes))
        };
        let whole: &'static [u8] = Box::leak(Box::new(whole));
        assert!(parents.roots(stored(300, whole)).is_some());
        assert_eq!(parents.roots(stored(17, whole)), None, "one is missing");
        assert_eq!(parents.roots(stored(300, &whole[32..])), None, "they are cut");
    }
}
