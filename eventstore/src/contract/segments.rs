//! Cold entries are read through their segments, by whatever reads the log, and nothing tells the difference.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Bench, TENANT, appended, conflict_at, contract, item, new_year, receipt};
use crate::ledger::{
    Hash, LedgerStore, Record, TILE_WIDTH, TagRecord, Tile, Trust, Verdict, inclusion_proof, root_at, verify,
};
use crate::segments::{
    SegmentFault, check_segments, cold_tiles, copy_segments, look_at_all_segments, look_at_new_segments,
    positions_of, read_next_segments, segment_faults, write_segment,
};
use crate::{
    Append, Entry, EventStore, MemoryStore, Options, Outcome, Position, Query, SqliteStore, StoreError,
    TransferChunk, Transferable,
};

contract!(
    every_way_of_reading_gives_what_it_gave_before,
    the_log_goes_on_and_remembers_what_is_cold,
    a_random_log_is_read_as_one_that_keeps_everything,
    a_file_that_is_gone_or_changed_is_named_and_nothing_of_it_is_answered,
    what_nobody_asks_for_is_looked_at_and_read_in_its_turn,
    what_a_crash_leaves_is_taken_up_again,
    a_file_of_something_else_is_never_written_over,
    only_whole_tiles_leave_and_not_in_silence,
    segments_are_copied_whole_or_not_at_all,
    a_log_with_segments_moves_to_another_store,
    one_at_a_time_writes_segments,
);

/// What there is to read of the first entries of a log.
#[derive(Debug, PartialEq)]
struct Readings {
    pages: Vec<Vec<Entry>>,
    matching: Vec<Vec<Entry>>,
    records: Vec<Record>,
    leaves: Vec<Hash>,
    tags: Vec<TagRecord>,
    tiles: Vec<Option<Tile>>,
    roots: Vec<Hash>,
    proofs: Vec<Vec<Hash>>,
    instants: Vec<Position>,
    places: Vec<Option<Position>>,
}

async fn readings(store: &dyn LedgerStore, until: Position) -> Readings {
    let mut pages = Vec::new();
    for (after, limit) in
        [(0, 1), (0, 10), (250, 10), (255, 1), (256, 300), (0, until as u32), (until - 3, 3)]
    {
        pages.push(store.read(TENANT, after, limit).await.unwrap());
    }
    let queries = [
        item(&["a"], &[]),
        item(&[], &["third"]),
        item(&["b"], &["third", "all"]),
        Query::tag("all"),
        Query::all(),
    ];
    let mut matching = Vec::new();
    for (query, limit) in queries.iter().flat_map(|query| [(query, 5), (query, u32::MAX)]) {
        matching.push(store.read_matching(TENANT, query, 0, until, limit).await.unwrap());
        matching.push(store.read_matching(TENANT, query, 255, until, limit).await.unwrap());
    }
    let (mut roots, mut proofs, mut instants, mut places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for position in [1, 200, 256, 257, 512, until] {
        roots.push(root_at(store, TENANT, position).await.unwrap());
        proofs.push(inclusion_proof(store, TENANT, position, until).await.unwrap());
        places.push(store.position_of(TENANT, Uuid::from_u128(u128::from(position))).await.unwrap());
    }
    for seconds in [0, 1, 2, 5] {
        instants.push(store.position_at(TENANT, new_year() + TimeDelta::seconds(seconds)).await.unwrap());
    }
    let mut tags = store.tags(TENANT, 0, until).await.unwrap();
    tags.sort();
    Readings {
        pages,
        matching,
        records: store.records(TENANT, 0, until as u32).await.unwrap(),
        leaves: store.leaf_hashes(TENANT, 0, until).await.unwrap(),
        tags,
        tiles: vec![store.tile(TENANT, 0, 0).await.unwrap(), store.tile(TENANT, 0, 1).await.unwrap()],
        roots,
        proofs,
        instants,
        places,
    }
}

/// 600 events of two types, in three appends of different instants.
async fn fill(bench: &Bench) {
    for part in 0..3_u32 {
        let events = (0..200_u32).map(|number| {
            let tags: &[&str] = if number.is_multiple_of(3) { &["all", "third"] } else { &["all"] };
            bench.event(if number.is_multiple_of(2) { "a" } else { "b" }, tags)
        });
        let append = Append {
            receipt: receipt(&format!("c{part}"), 1, "done"),
            ..Append::new(TENANT, events.collect())
        };
        appended(bench.store.append(append).await);
        bench.advance(TimeDelta::seconds(2));
    }
}

/// Takes tiles out of the database; false where the store keeps everything.
async fn archive(bench: &Bench, tiles: std::ops::Range<u64>) -> bool {
    let Some(store) = bench.archiver().await else { return false };
    let lock = store.segments().unwrap().lock().await.unwrap();
    for tile in tiles.clone() {
        let written = write_segment(&*store, &lock, TENANT, tile).await.unwrap();
        assert_eq!(written.tile, tile);
        assert_eq!(store.tile(TENANT, 0, tile).await.unwrap().unwrap().root(), written.root);
    }
    empty(bench, &*store, tiles).await;
    true
}

async fn empty(bench: &Bench, store: &dyn LedgerStore, tiles: std::ops::Range<u64>) {
    let append = Append {
        archived: Some(positions_of(tiles)),
        ..Append::new(TENANT, vec![bench.event("log.segments_archived", &["segments"])])
    };
    appended(store.append(append).await);
}

fn file_of(bench: &Bench, tile: u64) -> PathBuf {
    bench.store.segments().unwrap().path((TENANT, tile)).unwrap()
}

async fn faults_of(bench: &Bench) -> Vec<SegmentFault> {
    check_segments(&*bench.store, TENANT).await.unwrap().1
}

fn fault<T: std::fmt::Debug>(read: Result<T, StoreError>) -> Position {
    match read {
        Err(StoreError::Segment(fault)) => fault.position,
        other => panic!("not a fault of a segment: {other:?}"),
    }
}

async fn every_way_of_reading_gives_what_it_gave_before(mut bench: Bench) {
    fill(&bench).await;
    let before = readings(&*bench.store, 600).await;
    if !archive(&bench, 0..2).await {
        return;
    }
    assert_eq!(readings(&*bench.store, 600).await, before);
    bench.reopen().await;
    assert_eq!(readings(&*bench.store, 600).await, before);
    for (position, cold) in [(1, true), (256, true), (512, true), (513, false), (601, false), (999, false)] {
        assert_eq!(bench.store.is_cold(TENANT, position).await.unwrap(), cold, "{position}");
    }
    assert_eq!(cold_tiles(&*bench.store, TENANT).await.unwrap(), 2);
    assert_eq!(check_segments(&*bench.store, TENANT).await.unwrap(), (2, Vec::new()));
    let verdict = verify(&*bench.store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == 601));
}

async fn the_log_goes_on_and_remembers_what_is_cold(mut bench: Bench) {
    fill(&bench).await;
    if !archive(&bench, 0..2).await {
        return;
    }
    bench.reopen().await;
    // Tags, types, ids and receipts of cold entries are known without them.
    let guarded = |query: Query, after| {
        let condition = Some(query.none_after(after));
        Append { condition, ..Append::new(TENANT, vec![bench.event("a", &["new"])]) }
    };
    assert_eq!(conflict_at(&bench.store.append(guarded(Query::tag("third"), 100)).await), 599);
    assert_eq!(conflict_at(&bench.store.append(guarded(item(&["b"], &["third"]), 0)).await), 596);
    appended(bench.store.append(guarded(Query::tag("third"), 599)).await);
    let mut again = bench.event("a", &[]);
    again.id = Uuid::from_u128(7);
    assert!(bench.refusal(again).await.contains("in the log already"));
    let repeat =
        Append { receipt: receipt("c0", 1, "done"), ..Append::new(TENANT, vec![bench.event("a", &[])]) };
    assert!(
        matches!(bench.store.append(repeat).await, Ok(Outcome::Repeated(first)) if first.first_position == 1)
    );
    // Enough for the next tiles, which leave in their turn.
    bench.put((0..500).map(|_| bench.event("a", &["all"])).collect()).await;
    let before = readings(&*bench.store, 1_000).await;
    archive(&bench, 2..4).await;
    assert_eq!(readings(&*bench.store, 1_000).await, before);
    assert_eq!(cold_tiles(&*bench.store, TENANT).await.unwrap(), 4);
}

/// The log of a bench beside the same log in memory, entry for entry.
async fn a_random_log_is_read_as_one_that_keeps_everything(bench: Bench) {
    if !bench.survives() {
        return;
    }
    let whole = MemoryStore::new(Arc::new(new_year));
    let (mut state, mut cold) = (0x2545_f491_4f6c_dd1d_u64, 0);
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..8 {
        let events: Vec<_> = (0..1 + random(300))
            .map(|_| {
                let mut event =
                    bench.event(["a", "b"][random(2) as usize], &[["x", "y", "z"][random(3) as usize]]);
                event.data = serde_json::json!({"text": "é".repeat(random(200) as usize)});
                event
            })
            .collect();
        appended(bench.store.append(Append::new(TENANT, events.clone())).await);
        appended(whole.append(Append::new(TENANT, events)).await);
        let full = bench.head().await / TILE_WIDTH;
        let until = cold + random(full - cold + 1);
        if until > cold {
            let store = bench.archiver().await.unwrap();
            let lock = store.segments().unwrap().lock().await.unwrap();
            for tile in cold..until {
                write_segment(&*store, &lock, TENANT, tile).await.unwrap();
            }
            let event = bench.event("log.segments_archived", &["segments"]);
            let plain = Append::new(TENANT, vec![event]);
            let archived = Some(positions_of(cold..until));
            appended(store.append(Append { archived, ..plain.clone() }).await);
            appended(whole.append(plain).await);
            cold = until;
        }
        assert_eq!(bench.all().await, whole.read(TENANT, 0, u32::MAX).await.unwrap());
        for query in [Query::tag("x"), item(&["a"], &["y"]), item(&["b"], &[])] {
            let (after, limit) = (random(400), 1 + random(100) as u32);
            let read = bench.store.read_matching(TENANT, &query, after, Position::MAX, limit).await.unwrap();
            let expected = whole.read_matching(TENANT, &query, after, Position::MAX, limit).await.unwrap();
            assert_eq!(read, expected);
        }
        let (ours, theirs) = (bench.store.head(TENANT).await.unwrap(), whole.head(TENANT).await.unwrap());
        assert_eq!((ours, cold_tiles(&*bench.store, TENANT).await.unwrap()), (theirs, cold));
    }
    assert!(cold > 1, "the random numbers leave something to look at");
}

async fn a_file_that_is_gone_or_changed_is_named_and_nothing_of_it_is_answered(mut bench: Bench) {
    fill(&bench).await;
    if !archive(&bench, 0..2).await {
        return;
    }
    let file = file_of(&bench, 0);
    let whole = std::fs::read(&file).unwrap();
    let second = 2 + usize::from(u16::from_be_bytes([whole[0], whole[1]]));
    let flipped = |at: usize| {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        changed
    };
    let longer = [&whole[..], b"x"].concat();
    // What is done to the file, and the first entry that cannot be read then.
    let damages: [(Option<Vec<u8>>, Position); 8] = [
        (None, 1),
        (Some(Vec::new()), 1),
        (Some(flipped(0)), 1),
        (Some(flipped(40)), 1),
        (Some(flipped(second)), 2),
        (Some(flipped(second + 20)), 2),
        (Some(whole[..whole.len() - 1].to_vec()), 256),
        (Some(longer), 256),
    ];
    for (damage, position) in damages {
        match &damage {
            None => std::fs::remove_file(&file).unwrap(),
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
        }
        // Nothing is in memory.
        bench.reopen().await;
        let store = &bench.store;
        assert_eq!(fault(store.read(TENANT, 0, 300).await), position);
        assert_eq!(fault(store.read(TENANT, 255, 1).await), 256);
        assert_eq!(fault(store.read_matching(TENANT, &Query::tag("third"), 0, 600, 1).await), position);
        assert_eq!(store.read(TENANT, 256, 300).await.unwrap().len(), 300, "the other segment is whole");
        let named = segment_faults(&**store).await.unwrap();
        assert_eq!(named.iter().map(|fault| fault.position).collect::<Vec<_>>(), [position]);
        assert!(named[0].file == file.display().to_string(), "{named:?}");
        assert_eq!(faults_of(&bench).await, named);
        let verdict = verify(&**store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
        match verdict {
            // An entry after the other is read, the first of them needs the file.
            Verdict::Tampered { position: at, what } => {
                assert!(at == position && what.contains("segment file"), "{what}");
            }
            other => panic!("found {other:?}"),
        }
        // Appending needs no file.
        assert!(bench.tagged(&["third"]).await > 600);
        std::fs::write(&file, &whole).unwrap();
        assert_eq!(segment_faults(&*bench.store).await.unwrap(), []);
        assert_eq!(bench.store.read(TENANT, 0, 300).await.unwrap().len(), 300);
    }
}

async fn what_nobody_asks_for_is_looked_at_and_read_in_its_turn(mut bench: Bench) {
    fill(&bench).await;
    if !archive(&bench, 0..2).await {
        return;
    }
    let files = [file_of(&bench, 0), file_of(&bench, 1)];
    let whole = std::fs::read(&files[0]).unwrap();
    let changed = [&whole[..], b"x"].concat();
    std::fs::write(&files[0], changed).unwrap();
    bench.reopen().await;
    let store = &*bench.store;
    let named = async || {
        let faults = segment_faults(store).await.unwrap();
        faults.into_iter().map(|fault| fault.file).collect::<Vec<_>>()
    };
    let [first, second] = files.each_ref().map(|file| file.display().to_string());
    assert_eq!(look_at_all_segments(store).await.unwrap(), 2);
    assert_eq!(named().await, [""; 0], "both are there");
    assert_eq!(read_next_segments(store, 1).await.unwrap(), 1);
    assert_eq!(named().await, std::slice::from_ref(&first));
    std::fs::remove_file(&files[1]).unwrap();
    assert_eq!(look_at_new_segments(store).await.unwrap(), 2, "nothing is new, and both have their turn");
    assert_eq!(named().await, [first.clone(), second.clone()]);
    std::fs::write(&files[0], &whole).unwrap();
    assert_eq!(named().await, [second]);
    assert_eq!(read_next_segments(store, 9).await.unwrap(), 1, "the second, then the first again");
    assert_eq!(read_next_segments(store, 9).await.unwrap(), 2);
}

async fn what_a_crash_leaves_is_taken_up_again(mut bench: Bench) {
    fill(&bench).await;
    let Some(store) = bench.archiver().await else { return };
    let before = readings(&*bench.store, 600).await;
    // It ended while the first file was written.
    let file = file_of(&bench, 0);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file.with_extension("part"), b"half").unwrap();
    {
        let lock = store.segments().unwrap().lock().await.unwrap();
        let first = write_segment(&*store, &lock, TENANT, 0).await.unwrap();
        assert!(!file.with_extension("part").exists());
        // It ended before the rows were emptied: the files are found to be right.
        assert_eq!(readings(&*bench.store, 600).await, before);
        assert_eq!(write_segment(&*store, &lock, TENANT, 0).await.unwrap(), first);
        assert_eq!(cold_tiles(&*bench.store, TENANT).await.unwrap(), 0);
        empty(&bench, &*store, 0..1).await;
        // It ended after that: all is there, and it goes on with the next.
        assert_eq!(write_segment(&*store, &lock, TENANT, 0).await.unwrap(), first);
    }
    drop(store);
    bench.reopen().await;
    assert_eq!(cold_tiles(&*bench.store, TENANT).await.unwrap(), 1);
    assert_eq!(readings(&*bench.store, 600).await, before);
    archive(&bench, 1..2).await;
    assert_eq!(readings(&*bench.store, 600).await, before);
}

async fn a_file_of_something_else_is_never_written_over(bench: Bench) {
    fill(&bench).await;
    let Some(store) = bench.archiver().await else { return };
    let file = file_of(&bench, 0);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"of another log").unwrap();
    let lock = store.segments().unwrap().lock().await.unwrap();
    let refused = write_segment(&*store, &lock, TENANT, 0).await.unwrap_err();
    assert!(refused.to_string().contains("move it away"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), b"of another log");
}

async fn only_whole_tiles_leave_and_not_in_silence(bench: Bench) {
    fill(&bench).await;
    let Some(store) = bench.archiver().await else { return };
    let asked = |positions, events| Append { archived: Some(positions), ..Append::new(TENANT, events) };
    for positions in [1..=255, 2..=257, 2..=256, 1..=257, RangeInclusive::new(257, 256), 0..=256] {
        let refused = store.append(asked(positions.clone(), vec![bench.event("e", &[])])).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{positions:?}: {refused:?}");
    }
    let silent = store.append(asked(1..=256, Vec::new())).await;
    assert!(matches!(silent, Err(StoreError::Invalid(_))), "{silent:?}");
    let beyond = store.append(asked(257..=768, vec![bench.event("e", &[])])).await;
    assert!(matches!(beyond, Err(StoreError::Damaged { .. })), "{beyond:?}");
    assert_eq!((bench.head().await, cold_tiles(&*bench.store, TENANT).await.unwrap()), (600, 0));
}

async fn segments_are_copied_whole_or_not_at_all(mut bench: Bench) {
    fill(&bench).await;
    if !archive(&bench, 0..2).await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    assert_eq!(copy_segments(&*bench.store, &to).await.unwrap(), 2);
    for tile in 0..2 {
        let file = file_of(&bench, tile);
        let name = format!("{TENANT}/tile/entries/00{tile}");
        assert!(file.ends_with(&name), "{}", file.display());
        assert_eq!(std::fs::read(to.join(name)).unwrap(), std::fs::read(file).unwrap());
    }
    std::fs::remove_file(file_of(&bench, 1)).unwrap();
    bench.reopen().await;
    assert_eq!(fault(copy_segments(&*bench.store, &folder.path().join("other")).await), 257);
}

async fn a_log_with_segments_moves_to_another_store(mut bench: Bench) {
    fill(&bench).await;
    if !archive(&bench, 0..2).await {
        return;
    }
    bench.reopen().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.db");
    let target = SqliteStore::open(file.to_str().unwrap(), Options::new(Arc::new(new_year))).await.unwrap();
    let root = target.head(TENANT).await.unwrap().root;
    let chunk = TransferChunk { entries: bench.all().await, ..TransferChunk::new(0, root) };
    target.import_chunk(TENANT, chunk).await.unwrap();
    assert_eq!(target.head(TENANT).await.unwrap().root, bench.store.head(TENANT).await.unwrap().root);
    assert_eq!(target.read(TENANT, 0, u32::MAX).await.unwrap(), bench.all().await);
    assert_eq!(cold_tiles(&*target, TENANT).await.unwrap(), 0);
}

async fn one_at_a_time_writes_segments(bench: Bench) {
    let Some(store) = bench.archiver().await else { return };
    let folder = store.segments().unwrap();
    let lock = folder.lock().await.unwrap();
    let second = folder.lock().await.unwrap_err();
    assert!(second.to_string().contains("another process"), "{second}");
    drop(lock);
    assert!(folder.lock().await.is_ok());
}
