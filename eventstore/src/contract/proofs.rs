//! The ledger over a store: proofs, tiles, checkpoints, the check of everything.

use super::{Bench, OTHER, TENANT, contract};
use crate::ledger::{
    BadNote, Checkpoint, Hash, Signer, Trust, Verdict, consistency_proof, inclusion_proof, leaf_hash,
    root_at, root_of, tile_hashes, verify, verify_consistency, verify_inclusion,
};

contract!(
    every_entry_is_provably_included,
    every_size_is_provably_extended,
    the_root_of_every_earlier_size_can_be_named,
    only_full_tiles_are_kept,
    tiles_do_not_depend_on_how_appends_were_batched,
    a_tile_is_served_as_wide_as_the_tree_is_and_no_wider,
    an_event_is_found_by_its_id,
    the_latest_checkpoint_is_of_the_largest_tree,
    an_untouched_log_is_sound,
    an_empty_log_is_sound,
    a_log_shorter_than_signed_is_incomplete,
    a_log_other_than_signed_is_forked,
    a_checkpoint_by_another_key_is_a_bad_signature,
);

const SECRET: [u8; 32] = [3; 32];

async fn fill(bench: &Bench, count: usize) {
    bench.put((0..count).map(|_| bench.event("e", &["a", "b"])).collect()).await;
}

async fn leaves(bench: &Bench) -> Vec<Hash> {
    bench.all().await.iter().map(|entry| leaf_hash(&entry.bytes)).collect()
}

fn signer() -> Signer {
    Signer::new("waymark/test", &SECRET)
}

async fn signed(bench: &Bench) -> String {
    let head = bench.store.head(TENANT).await.unwrap();
    signer().sign(&Checkpoint { origin: "waymark/test".to_owned(), size: head.position, root: head.root })
}

async fn verdict(bench: &Bench, notes: Vec<String>) -> Verdict {
    let trust = Trust { keys: vec![signer().verifier()], notes, seed: [5; 32], ..Trust::default() };
    verify(&*bench.store, TENANT, &trust, &mut |_, _| {}).await.unwrap()
}

async fn every_entry_is_provably_included(bench: Bench) {
    fill(&bench, 600).await;
    let leaves = leaves(&bench).await;
    for size in [1, 2, 3, 255, 256, 257, 512, 600] {
        let root = root_of(&leaves[..size]);
        for position in [1, 2, size as u64 / 2 + 1, size as u64].into_iter().filter(|p| *p <= size as u64) {
            let proof = inclusion_proof(&*bench.store, TENANT, position, size as u64).await.unwrap();
            let leaf = &leaves[position as usize - 1];
            assert!(verify_inclusion(leaf, position, size as u64, &proof, &root), "{position} in {size}");
            assert!(!verify_inclusion(&[0; 32], position, size as u64, &proof, &root));
        }
    }
}

async fn every_size_is_provably_extended(bench: Bench) {
    fill(&bench, 600).await;
    let leaves = leaves(&bench).await;
    for old in [1, 2, 3, 255, 256, 257, 511, 512, 599] {
        for new in [1, 2, 256, 300, 512, 600].into_iter().filter(|new| *new >= old) {
            let proof = consistency_proof(&*bench.store, TENANT, old as u64, new as u64).await.unwrap();
            let (old_root, new_root) = (root_of(&leaves[..old]), root_of(&leaves[..new]));
            assert!(
                verify_consistency(old as u64, &old_root, new as u64, &new_root, &proof),
                "{old} to {new}"
            );
            assert!(!verify_consistency(old as u64, &[0; 32], new as u64, &new_root, &proof));
        }
    }
}

async fn the_root_of_every_earlier_size_can_be_named(bench: Bench) {
    fill(&bench, 300).await;
    let leaves = leaves(&bench).await;
    for size in 0..=300 {
        assert_eq!(root_at(&*bench.store, TENANT, size as u64).await.unwrap(), root_of(&leaves[..size]));
    }
}

async fn only_full_tiles_are_kept(bench: Bench) {
    fill(&bench, 255).await;
    assert_eq!(bench.store.tile(TENANT, 0, 0).await.unwrap(), None);
    fill(&bench, 1).await;
    let tile = bench.store.tile(TENANT, 0, 0).await.unwrap().unwrap();
    assert_eq!(tile.hashes, leaves(&bench).await);
    assert_eq!(bench.store.tile(TENANT, 1, 0).await.unwrap(), None);
}

async fn tiles_do_not_depend_on_how_appends_were_batched(bench: Bench) {
    for count in [1, 100, 200, 255, 256, 257, 30] {
        fill(&bench, count).await;
    }
    let leaves = leaves(&bench).await;
    for (index, hashes) in leaves.chunks_exact(256).enumerate() {
        assert_eq!(bench.store.tile(TENANT, 0, index as u64).await.unwrap().unwrap().hashes, hashes);
    }
}

async fn a_tile_is_served_as_wide_as_the_tree_is_and_no_wider(bench: Bench) {
    fill(&bench, 600).await;
    let leaves = leaves(&bench).await;
    let tile = async |level, index, width, size| {
        tile_hashes(&*bench.store, TENANT, (level, index, width), size).await.unwrap()
    };
    assert_eq!(tile(0, 0, 256, 600).await.unwrap(), leaves[..256]);
    assert_eq!(tile(0, 2, 88, 600).await.unwrap(), leaves[512..]);
    assert_eq!(tile(0, 2, 1, 600).await.unwrap(), leaves[512..513]);
    assert_eq!(tile(1, 0, 2, 600).await.unwrap(), [root_of(&leaves[..256]), root_of(&leaves[256..512])]);
    // What a smaller tree had of the tile is what it starts with today.
    assert_eq!(tile(0, 0, 7, 7).await.unwrap(), leaves[..7]);
    for beyond in
        [(0, 2, 89), (0, 3, 1), (1, 0, 3), (1, 1, 1), (2, 0, 1), (8, 0, 1), (63, 0, 1), (0, u64::MAX, 1)]
    {
        let (level, index, width) = beyond;
        assert_eq!(tile(level, index, width, 600).await, None, "{beyond:?}");
    }
    assert_eq!(tile(0, 0, 1, 0).await, None);
}

async fn an_event_is_found_by_its_id(bench: Bench) {
    fill(&bench, 3).await;
    for record in bench.store.records(TENANT, 0, 10).await.unwrap() {
        let found = bench.store.position_of(TENANT, record.id).await.unwrap();
        assert_eq!(found, Some(record.entry.position));
        assert_eq!(bench.store.position_of(OTHER, record.id).await.unwrap(), None);
    }
    assert_eq!(bench.store.position_of(TENANT, uuid::Uuid::max()).await.unwrap(), None);
}

async fn the_latest_checkpoint_is_of_the_largest_tree(bench: Bench) {
    assert_eq!(bench.store.latest_checkpoint(TENANT).await.unwrap(), None);
    for (size, note) in [(2, "two"), (10, "ten"), (9, "nine")] {
        bench.store.save_checkpoint(TENANT, size, note).await.unwrap();
    }
    assert_eq!(bench.store.latest_checkpoint(TENANT).await.unwrap().as_deref(), Some("ten"));
    let after = |size, limit| bench.store.checkpoints_after(TENANT, size, limit);
    let nine = (9, "nine".to_owned());
    assert_eq!(after(2, 1).await.unwrap(), std::slice::from_ref(&nine));
    assert_eq!(after(8, 9).await.unwrap(), [nine, (10, "ten".to_owned())]);
    assert_eq!(after(10, 9).await.unwrap(), []);
    assert_eq!(bench.store.checkpoints_after(OTHER, 0, 9).await.unwrap(), []);
}

async fn an_untouched_log_is_sound(bench: Bench) {
    fill(&bench, 300).await;
    let note = signed(&bench).await;
    bench.store.save_checkpoint(TENANT, 300, &note).await.unwrap();
    fill(&bench, 700).await;
    let kept_elsewhere = signed(&bench).await;
    fill(&bench, 300).await;
    let Verdict::Sound(report) = verdict(&bench, vec![kept_elsewhere]).await else { panic!("not sound") };
    assert_eq!((report.size, report.tiles, report.tags, report.checkpoints), (1_300, 5, 2_600, 2));
    assert_eq!(report.root, bench.store.head(TENANT).await.unwrap().root);
}

async fn an_empty_log_is_sound(bench: Bench) {
    assert!(matches!(verdict(&bench, Vec::new()).await, Verdict::Sound(report) if report.size == 0));
}

async fn a_log_shorter_than_signed_is_incomplete(bench: Bench) {
    fill(&bench, 5).await;
    let longer = Checkpoint { origin: "waymark/test".to_owned(), size: 6, root: [1; 32] };
    let verdict = verdict(&bench, vec![signer().sign(&longer)]).await;
    assert_eq!(verdict, Verdict::Incomplete { signed: 6, found: 5 });
}

async fn a_log_other_than_signed_is_forked(bench: Bench) {
    fill(&bench, 5).await;
    let other = Checkpoint { origin: "waymark/test".to_owned(), size: 3, root: [1; 32] };
    let found = root_of(&leaves(&bench).await[..3]);
    let verdict = verdict(&bench, vec![signer().sign(&other)]).await;
    assert_eq!(verdict, Verdict::Forked { size: 3, signed: [1; 32], found });
}

async fn a_checkpoint_by_another_key_is_a_bad_signature(bench: Bench) {
    fill(&bench, 5).await;
    let head = bench.store.head(TENANT).await.unwrap();
    let checkpoint = Checkpoint { origin: "waymark/test".to_owned(), size: 5, root: head.root };
    let stranger = Signer::new("waymark/test", &[4; 32]).sign(&checkpoint);
    assert_eq!(verdict(&bench, vec![stranger]).await, Verdict::BadSignature(BadNote::UnknownKey));
    let altered = signer().sign(&checkpoint).replace("\n5\n", "\n4\n");
    assert_eq!(verdict(&bench, vec![altered]).await, Verdict::BadSignature(BadNote::WrongSignature));
}
