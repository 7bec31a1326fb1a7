//! Inclusion and consistency proofs of RFC 6962 section 2.1, made from tiles and checked without the log.

use std::ops::Range;

use super::{Hash, LedgerStore, TILE_WIDTH, node_hash, root_of};
use crate::{Position, StoreError, TenantId};

/// How many levels of the tree one level of tiles spans.
const TILE_HEIGHT: u32 = TILE_WIDTH.ilog2();

/// The proof that the entry at a position is in the tree of the first `size` entries; empty when there is no such
/// position in it.
///
/// # Errors
/// When the store cannot be read or lacks hashes of these entries.
pub async fn inclusion_proof(
    store: &dyn LedgerStore,
    tenant: TenantId,
    position: Position,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    if position == 0 || position > size {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    inclusion_ranges(position - 1, 0..size, &mut ranges);
    roots(store, tenant, ranges).await
}

/// The proof that the tree of the first `new_size` entries extends the tree of the first `old_size`; empty when
/// one of them is empty or they are equal.
///
/// # Errors
/// When the store cannot be read or lacks hashes of these entries.
pub async fn consistency_proof(
    store: &dyn LedgerStore,
    tenant: TenantId,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, StoreError> {
    if old_size == 0 || old_size >= new_size {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    consistency_ranges(old_size, 0..new_size, true, &mut ranges);
    roots(store, tenant, ranges).await
}

/// The tree hash over the first `size` entries.
///
/// # Errors
/// When the store cannot be read or lacks hashes of these entries.
pub async fn root_at(store: &dyn LedgerStore, tenant: TenantId, size: u64) -> Result<Hash, StoreError> {
    range_root(store, tenant, 0..size).await
}

/// What it takes to compute the root of the first `size` entries from the leaves of a range of them: the roots of the subtrees
/// beside the range, from left to right. The range is by places from 0.
///
/// # Errors
/// When the store cannot be read or lacks hashes of these entries.
pub async fn range_proof(
    store: &dyn LedgerStore,
    tenant: TenantId,
    range: Range<u64>,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let mut beside = Vec::new();
    ranges_beside(&range, 0..size, &mut beside);
    roots(store, tenant, beside).await
}

/// The root of the tree of `size` entries that these leaves make together with a [`range_proof`]; `None` where leaves or
/// hashes are missing or left over. Leaves are taken one by one, so that they need not be in memory.
pub fn range_root_of(
    range: &Range<u64>,
    size: u64,
    leaves: &mut dyn Iterator<Item = Hash>,
    proof: &[Hash],
) -> Option<Hash> {
    if range.is_empty() || range.end > size {
        return None;
    }
    let mut proof = proof.iter().copied();
    let root = joined_root(range, 0..size, leaves, &mut proof)?;
    (leaves.next().is_none() && proof.next().is_none()).then_some(root)
}

/// The first `width` hashes of a tile, full or not: hashes of leaves at level 0, roots of whole tiles of the level below
/// above it (C2SP tlog-tiles). `None` where the tree of `size` entries has not that many there.
///
/// # Errors
/// When the store cannot be read or lacks hashes of these entries.
pub async fn tile_hashes(
    store: &dyn LedgerStore,
    tenant: TenantId,
    (level, index, width): (u8, u64, u64),
    size: u64,
) -> Result<Option<Vec<Hash>>, StoreError> {
    let first = index.checked_mul(TILE_WIDTH);
    let ends = first.and_then(|first| first.checked_add(width));
    // A level so high that no log has a hash in it is one of an empty tree.
    let all = TILE_WIDTH.checked_pow(u32::from(level)).map_or(0, |covered| size / covered);
    let (Some(first), Some(ends)) = (first, ends.filter(|ends| *ends <= all)) else { return Ok(None) };
    if width == TILE_WIDTH
        && let Some(tile) = store.tile(tenant, level, index).await?
    {
        return Ok(Some(tile.hashes));
    }
    if level == 0 {
        return leaves(store, tenant, first..ends).await.map(Some);
    }
    let mut hashes = Vec::with_capacity(width as usize);
    for below in first..ends {
        hashes.push(subtree(store, tenant, u32::from(level) * TILE_HEIGHT, below).await?);
    }
    Ok(Some(hashes))
}

/// Whether a proof shows that a leaf is at `position` in the tree of this size and root (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, position: Position, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if position == 0 || position > size {
        return false;
    }
    let (mut node, mut last) = (position - 1, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            let skipped = if node % 2 == 0 { node.trailing_zeros() } else { 0 };
            (node, last) = (node.checked_shr(skipped).unwrap_or(0), last.checked_shr(skipped).unwrap_or(0));
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that the larger tree extends the smaller (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size || old_size == 0 {
        let is_old_root = if old_size == 0 { *old_root == root_of(&[]) } else { old_root == new_root };
        return proof.is_empty() && is_old_root;
    }
    // A smaller tree that is perfect is itself the first node of the path.
    let (first, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (first, rest),
        None => return false,
    };
    let skipped = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> skipped, (new_size - 1) >> skipped);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let skipped = if node % 2 == 0 { node.trailing_zeros() } else { 0 };
            (node, last) = (node.checked_shr(skipped).unwrap_or(0), last.checked_shr(skipped).unwrap_or(0));
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// `PATH(m, D)`: the ranges of leaves whose roots make the path, from the leaf upward.
fn inclusion_ranges(index: u64, tree: Range<u64>, path: &mut Vec<Range<u64>>) {
    let Some(middle) = split(&tree) else {
        return;
    };
    if index < middle {
        inclusion_ranges(index, tree.start..middle, path);
        path.push(middle..tree.end);
    } else {
        inclusion_ranges(index, middle..tree.end, path);
        path.push(tree.start..middle);
    }
}

/// `SUBPROOF(m, D, b)`: as above, for the boundary between the old entries and the new.
fn consistency_ranges(old_size: u64, tree: Range<u64>, is_old_root: bool, path: &mut Vec<Range<u64>>) {
    if old_size == tree.end {
        if !is_old_root {
            path.push(tree);
        }
        return;
    }
    let Some(middle) = split(&tree) else {
        return;
    };
    if old_size <= middle {
        consistency_ranges(old_size, tree.start..middle, is_old_root, path);
        path.push(middle..tree.end);
    } else {
        consistency_ranges(old_size, middle..tree.end, false, path);
        path.push(tree.start..middle);
    }
}

/// The largest subtrees that have nothing of a range in them, from left to right.
fn ranges_beside(range: &Range<u64>, tree: Range<u64>, beside: &mut Vec<Range<u64>>) {
    if tree.end <= range.start || range.end <= tree.start {
        if !tree.is_empty() {
            beside.push(tree);
        }
        return;
    }
    if range.start <= tree.start && tree.end <= range.end {
        return;
    }
    if let Some(middle) = split(&tree) {
        ranges_beside(range, tree.start..middle, beside);
        ranges_beside(range, middle..tree.end, beside);
    }
}

/// The root of a tree from the leaves of a range and the roots beside it.
fn joined_root(
    range: &Range<u64>,
    tree: Range<u64>,
    leaves: &mut dyn Iterator<Item = Hash>,
    proof: &mut dyn Iterator<Item = Hash>,
) -> Option<Hash> {
    if tree.end <= range.start || range.end <= tree.start {
        return proof.next();
    }
    let Some(middle) = split(&tree) else { return leaves.next() };
    let left = joined_root(range, tree.start..middle, leaves, proof)?;
    let right = joined_root(range, middle..tree.end, leaves, proof)?;
    Some(node_hash(&left, &right))
}

/// Where a tree of more than one leaf parts: after the largest power of two smaller than its size.
fn split(tree: &Range<u64>) -> Option<u64> {
    let size = tree.end - tree.start;
    (size > 1).then(|| tree.start + (1 << (size - 1).ilog2()))
}

async fn roots(
    store: &dyn LedgerStore,
    tenant: TenantId,
    ranges: Vec<Range<u64>>,
) -> Result<Vec<Hash>, StoreError> {
    let mut hashes = Vec::with_capacity(ranges.len());
    for range in ranges {
        hashes.push(range_root(store, tenant, range).await?);
    }
    Ok(hashes)
}

/// The root over a range that starts where a perfect subtree of its size would: the fold of its perfect parts.
async fn range_root(
    store: &dyn LedgerStore,
    tenant: TenantId,
    range: Range<u64>,
) -> Result<Hash, StoreError> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let height = (range.end - start).ilog2();
        parts.push(subtree(store, tenant, height, start >> height).await?);
        start += 1 << height;
    }
    let folded = parts.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    Ok(folded.unwrap_or_else(|| root_of(&[])))
}

/// The root of a perfect subtree: out of the tile it lies in, or else out of the level below.
async fn subtree(
    store: &dyn LedgerStore,
    tenant: TenantId,
    height: u32,
    index: u64,
) -> Result<Hash, StoreError> {
    let level = height / TILE_HEIGHT;
    let width = 1_u64 << (height % TILE_HEIGHT);
    let first = index * width;
    let stored = store.tile(tenant, level as u8, first / TILE_WIDTH).await?;
    if let Some(tile) = stored {
        let from = (first % TILE_WIDTH) as usize;
        return Ok(root_of(&tile.hashes[from..from + width as usize]));
    }
    if level == 0 {
        return Ok(root_of(&leaves(store, tenant, first..first + width).await?));
    }
    let left = Box::pin(subtree(store, tenant, height - 1, 2 * index)).await?;
    let right = Box::pin(subtree(store, tenant, height - 1, 2 * index + 1)).await?;
    Ok(node_hash(&left, &right))
}

/// The hashes of these leaves, all of them.
async fn leaves(
    store: &dyn LedgerStore,
    tenant: TenantId,
    range: Range<u64>,
) -> Result<Vec<Hash>, StoreError> {
    let hashes = store.leaf_hashes(tenant, range.start, range.end).await?;
    if hashes.len() as u64 != range.end - range.start {
        let what = "leaf hashes are missing".to_owned();
        return Err(StoreError::Damaged { position: range.start + 1, what });
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    use crate::ledger::{Frontier, leaf_hash};

    /// The hashes a list of ranges stands for, from all leaves at once.
    fn path(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
        ranges.into_iter().map(|range| root_of(&leaves[range.start as usize..range.end as usize])).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn roots_and_proofs_are_those_of_another_implementation(
            entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 1..400),
            pick in any::<proptest::sample::Index>(),
        ) {
            let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
            let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            let mut frontier = Frontier::default();
            for (entry, leaf) in entries.iter().zip(&leaves) {
                theirs.push(entry.clone());
                frontier.push(*leaf);
            }
            let (index, size) = (pick.index(entries.len()), entries.len() as u64);
            prop_assert!(frontier.root() == theirs.root().as_bytes().as_slice());

            let mut ranges = Vec::new();
            inclusion_ranges(index as u64, 0..size, &mut ranges);
            let proof = path(&leaves, ranges);
            prop_assert!(proof.concat() == theirs.prove_inclusion(index).as_bytes());
            prop_assert!(verify_inclusion(&leaves[index], index as u64 + 1, size, &proof, &frontier.root()));

            let old_size = index as u64 + 1;
            let mut ranges = Vec::new();
            consistency_ranges(old_size, 0..size, true, &mut ranges);
            let proof = path(&leaves, ranges);
            let added = (size - old_size) as usize;
            if added > 0 {
                prop_assert!(proof.concat() == theirs.prove_consistency(added).as_bytes());
            }
            let old_root = root_of(&leaves[..=index]);
            prop_assert!(verify_consistency(old_size, &old_root, size, &frontier.root(), &proof));
        }

        #[test]
        fn a_range_and_the_roots_beside_it_make_the_root_and_nothing_less_does(
            size in 1..300_u64,
            ends in any::<(proptest::sample::Index, proptest::sample::Index)>(),
        ) {
            let leaves: Vec<Hash> = (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect();
            let (one, other) = (ends.0.index(leaves.len()), ends.1.index(leaves.len()));
            let (first, last) = (one.min(other), one.max(other));
            let range = first as u64..last as u64 + 1;
            let mut beside = Vec::new();
            ranges_beside(&range, 0..size, &mut beside);
            let proof = path(&leaves, beside);
            let of = |leaves: &[Hash], proof: &[Hash]| {
                range_root_of(&range, size, &mut leaves.iter().copied(), proof)
            };
            let within = &leaves[first..=last];
            prop_assert_eq!(of(within, &proof), Some(root_of(&leaves)));
            prop_assert_eq!(of(&within[1..], &proof), None);
            prop_assert_eq!(of(&[within, &[[0; 32]]].concat(), &proof), None);
            prop_assert_eq!(of(within, &[proof.clone(), vec![[0; 32]]].concat()), None);
            if !proof.is_empty() {
                prop_assert_eq!(of(within, &proof[1..]), None);
                prop_assert!(of(within, &[vec![[0; 32]], proof[1..].to_vec()].concat()) != Some(root_of(&leaves)));
            }
        }

        #[test]
        fn a_proof_with_any_bit_changed_proves_nothing(
            size in 2..300_u64,
            pick in any::<proptest::sample::Index>(),
            place in any::<proptest::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let leaves: Vec<Hash> = (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect();
            let (index, root) = (pick.index(leaves.len()), root_of(&leaves));
            let mut ranges = Vec::new();
            inclusion_ranges(index as u64, 0..size, &mut ranges);
            let mut proof = path(&leaves, ranges);
            let place = place.index(proof.len() * 32);
            proof[place / 32][place % 32] ^= 1 << bit;
            prop_assert!(!verify_inclusion(&leaves[index], index as u64 + 1, size, &proof, &root));
        }
    }
}
