//! Proof that nobody rewrote the log: an RFC 6962 tree over its entries, in the formats of C2SP.

mod tile;
mod tree;

pub use tile::{TILE_WIDTH, Tile, completed_leaf_tiles};
pub(crate) use tree::leaf_hasher;
pub use tree::{Frontier, Hash, leaf_hash, node_hash, root_of};
