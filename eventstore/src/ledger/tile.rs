//! Full tiles of the tree, 256 hashes wide, after C2SP tlog-tiles.
//!
//! Tile `n` of level 0 holds the leaf hashes `256n … 256n + 255`; tile `n` of level `l + 1` holds the roots of
//! 256 tiles of level `l`. Only full tiles are stored: they never change.

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

    /// Whether this tile is the last of the 256 that make a tile of the level above.
    #[must_use]
    pub fn completes_parent(&self) -> bool {
        self.index % TILE_WIDTH == TILE_WIDTH - 1
    }
}

/// The tiles of level 0 that growing from `old_size` completes, given every leaf hash from the beginning of the
/// unfinished tile on.
#[must_use]
pub fn completed_leaf_tiles(old_size: u64, leaves: &[Hash]) -> Vec<Tile> {
    let first = old_size / TILE_WIDTH;
    let full = leaves.chunks_exact(TILE_WIDTH as usize);
    (first..).zip(full).map(|(index, hashes)| Tile { level: 0, index, hashes: hashes.to_vec() }).collect()
}
