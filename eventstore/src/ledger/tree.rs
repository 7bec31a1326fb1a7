//! RFC 6962 Merkle tree hashes, and the frontier that lets a log grow without its past.

use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};

/// A SHA-256 hash: of a leaf, of a node, of a whole tree.
pub type Hash = [u8; 32];

/// A hasher that has taken the leaf prefix of RFC 6962 section 2.1; feed it the entry.
pub(crate) fn leaf_hasher() -> Sha256 {
    Sha256::new_with_prefix([0x00])
}

/// The hash of one entry as a leaf: `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    leaf_hasher().chain_update(entry).finalize().into()
}

/// The hash of two subtrees: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([0x01]).chain_update(left).chain_update(right).finalize().into()
}

/// The tree hash over subtrees of equal height that stand side by side (over leaves: the RFC 6962 `MTH`).
#[must_use]
pub fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    hashes.iter().for_each(|hash| frontier.push(*hash));
    frontier.root()
}

/// The roots of the perfect subtrees a log of `size` entries consists of, largest first: all that is needed to
/// append to it and to name its root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Reads what [`Self::to_bytes`] wrote; `None` when the bytes cannot belong to a log of this size.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (peaks, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && peaks.len() == size.count_ones() as usize;
        fits.then(|| Self { size, peaks: peaks.to_vec() })
    }

    /// The subtree roots one after the other, 32 bytes each, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The positions below the first subtree in which this tree differs from another of the same size: some leaf of these is
    /// another one. `None` where the trees are equal or of different sizes.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<RangeInclusive<u64>> {
        if self.size != other.size {
            return None;
        }
        let (mut first, mut rest) = (1, self.size);
        for (own, others) in self.peaks.iter().zip(&other.peaks) {
            let width = 1 << rest.ilog2();
            if own != others {
                return Some(first..=first + width - 1);
            }
            (first, rest) = (first + width, rest - width);
        }
        None
    }

    /// Adds a leaf: as many node hashes as the size has trailing one bits.
    pub fn push(&mut self, leaf: Hash) {
        let mut subtree = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                subtree = node_hash(&left, &subtree);
            }
        }
        self.peaks.push(subtree);
        self.size += 1;
    }

    /// The RFC 6962 Merkle tree hash; SHA-256 of nothing for the empty log.
    #[must_use]
    pub fn root(&self) -> Hash {
        let folded = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    /// The test vectors of the reference implementation of RFC 6962.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn roots_are_those_published_for_rfc_6962() {
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root().to_vec(), unhex(ROOTS[0]));
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            frontier.push(leaf_hash(&unhex(leaf)));
            assert_eq!(frontier.root().to_vec(), unhex(root));
        }
        assert_eq!(BASE64_STANDARD.encode(frontier.root()), "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=");
    }

    #[test]
    fn a_frontier_goes_on_after_being_stored() {
        let leaves: Vec<Hash> = (0..100_u8).map(|number| leaf_hash(&[number])).collect();
        let mut stored = Frontier::default();
        for (size, leaf) in leaves.iter().enumerate() {
            stored = Frontier::from_bytes(size as u64, &stored.to_bytes()).unwrap();
            stored.push(*leaf);
        }
        assert_eq!(stored.root(), root_of(&leaves));
    }

    #[test]
    fn a_changed_leaf_is_told_by_the_subtree_that_it_stands_in() {
        let of = |changed: Option<u8>| {
            let mut frontier = Frontier::default();
            for number in 1..=23_u8 {
                frontier.push(leaf_hash(&[if Some(number) == changed { 99 } else { number }]));
            }
            frontier
        };
        let whole = of(None);
        let told: Vec<_> =
            [1, 16, 17, 20, 22, 23].map(|changed| of(Some(changed)).first_difference(&whole)).to_vec();
        assert_eq!(told, [1..=16, 1..=16, 17..=20, 17..=20, 21..=22, 23..=23].map(Some));
        assert_eq!(whole.first_difference(&whole), None);
        assert_eq!(whole.first_difference(&Frontier::default()), None);
    }

    #[test]
    fn a_frontier_of_another_size_is_not_read() {
        let mut frontier = Frontier::default();
        frontier.push([1; 32]);
        assert_eq!(Frontier::from_bytes(3, &frontier.to_bytes()), None);
        assert_eq!(Frontier::from_bytes(1, &[0; 31]), None);
    }
}
