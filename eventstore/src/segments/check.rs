//! Finds the segments that cannot be read, at a cost that does not grow with the archive: each call looks at the next part of it,
//! and what was found is remembered until it is mended.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::folder::{Place, Round, blocking};
use super::read::{NOT_THERE, read_file};
use super::segment::BadSegment;
use super::write::cold_tiles_up_to;
use super::{SegmentFault, SegmentFolder};
use crate::ledger::LedgerStore;
use crate::{StoreError, TenantId};

/// How many segments that could not be read are tried again in one call.
const RETRIED: usize = 32;
/// How many segments there are in a folder: their paths have three digits a level.
const IN_A_FOLDER: u64 = 1_000;
/// How many folders of segments that are known are looked at in one call.
const FOLDERS_AT_A_TIME: u64 = 128;

/// Some segments of one log.
type Stretch = (TenantId, Range<u64>);

/// The segments that this process knows of and cannot read. It tries the next of those again that could not be read, and sees
/// whether the files of the next folder are there.
///
/// # Errors
/// When the log itself cannot be read.
pub async fn segment_faults(store: &dyn LedgerStore) -> Result<Vec<SegmentFault>, StoreError> {
    let Some(folder) = store.segments() else { return Ok(Vec::new()) };
    for place in folder.next_faults(RETRIED) {
        read_and_note(folder, store, place).await?;
    }
    look_at_next_folder(folder).await?;
    Ok(folder.known_faults().into_values().collect())
}

/// Finds out which segments of all tenants' logs there must be, and whether the files of all are there, a folder at a time. Returns how many
/// there are.
///
/// # Errors
/// When the log itself cannot be read.
pub async fn look_at_all_segments(store: &dyn LedgerStore) -> Result<u64, StoreError> {
    let Some(folder) = store.segments() else { return Ok(0) };
    learn_new(folder, store).await?;
    let (all, mut looked_at) = (folder.known_cold_altogether(), 0);
    while looked_at < all {
        looked_at += look_at_next_folder(folder).await?;
    }
    Ok(all)
}

/// Finds out which segments there must be by now, and whether the files of those are there that this process did not know of; then
/// the same of the next of the others, 128 folders at most, which are up to 128,000 segments. So it costs what is new, and a
/// bounded amount. Returns how many were looked at.
///
/// # Errors
/// When the log itself cannot be read.
pub async fn look_at_new_segments(store: &dyn LedgerStore) -> Result<u64, StoreError> {
    let Some(folder) = store.segments() else { return Ok(0) };
    let new = learn_new(folder, store).await?;
    look_at_these_and_next(folder, new, FOLDERS_AT_A_TIME).await
}

/// Asks the logs that have grown how many of their tiles are cold. Returns the segments that were not known.
async fn learn_new(folder: &SegmentFolder, store: &dyn LedgerStore) -> Result<Vec<Stretch>, StoreError> {
    let mut new = Vec::new();
    for (tenant, position) in store.known_heads() {
        if !tenant.is_access_log() && folder.has_grown(tenant, position) {
            let known = folder.known_cold(tenant);
            new.push((tenant, known..cold_tiles_up_to(store, tenant, position).await?.max(known)));
            folder.looked_to(tenant, position);
        }
    }
    Ok(new)
}

async fn look_at_these_and_next(
    folder: &SegmentFolder,
    these: Vec<Stretch>,
    folders: u64,
) -> Result<u64, StoreError> {
    let mut looked_at = 0;
    for (tenant, mut tiles) in these {
        while !tiles.is_empty() {
            let end = (tiles.start - tiles.start % IN_A_FOLDER + IN_A_FOLDER).min(tiles.end);
            looked_at += look_at(folder, (tenant, tiles.start..end)).await?;
            tiles.start = end;
        }
    }
    let (all, mut in_turn) = (folder.known_cold_altogether(), 0);
    for _ in 0..folders {
        if in_turn >= all {
            break;
        }
        in_turn += look_at_next_folder(folder).await?;
    }
    Ok(looked_at + in_turn)
}

/// Reads the next of the segments, N at most, and goes on with the first after the last. Returns how many there were.
///
/// # Errors
/// When the log itself cannot be read.
pub async fn read_next_segments(store: &dyn LedgerStore, most: u64) -> Result<u64, StoreError> {
    let Some(folder) = store.segments() else { return Ok(0) };
    let Some((tenant, tiles)) = folder.next_places(Round::Read, most) else { return Ok(0) };
    for tile in tiles.clone() {
        read_and_note(folder, store, (tenant, tile)).await?;
    }
    Ok(count(&tiles))
}

/// Reads a segment from its file; how it was found is noted.
async fn read_and_note(
    folder: &SegmentFolder,
    store: &dyn LedgerStore,
    place: Place,
) -> Result<(), StoreError> {
    match read_file(folder, store, place).await {
        Ok(_) | Err(StoreError::Segment(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sees whether the files of the next folder are there, and notes those that are not. Returns how many there must be.
async fn look_at_next_folder(folder: &SegmentFolder) -> Result<u64, StoreError> {
    match folder.next_places(Round::Look, IN_A_FOLDER) {
        Some(next) => look_at(folder, next).await,
        None => Ok(0),
    }
}

/// Sees whether the files of some segments are there, all of them in one folder, and notes those that are not. Returns how many
/// there must be.
async fn look_at(folder: &SegmentFolder, (tenant, tiles): Stretch) -> Result<u64, StoreError> {
    let files: Vec<(u64, Option<PathBuf>)> =
        tiles.clone().map(|tile| (tile, folder.path((tenant, tile)))).collect();
    let missing = blocking(move || Ok(missing(&files))).await?;
    note_missing(folder, tenant, missing);
    Ok(count(&tiles))
}

fn count(tiles: &Range<u64>) -> u64 {
    tiles.end - tiles.start
}

/// Which of these files, all of them in one folder, are not there.
fn missing(files: &[(u64, Option<PathBuf>)]) -> Vec<u64> {
    let parent = files.iter().find_map(|(_, file)| file.as_deref()?.parent());
    let there = parent.and_then(|folder| names(folder).ok()).unwrap_or_default();
    let is_there = |file: &PathBuf| file.file_name().is_some_and(|name| there.contains(name));
    let missing = files.iter().filter(|(_, file)| !file.as_ref().is_some_and(is_there));
    missing.map(|(tile, _)| *tile).collect()
}

/// The names of the files of a folder.
fn names(folder: &Path) -> io::Result<HashSet<OsString>> {
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            names.insert(entry.file_name());
        }
    }
    Ok(names)
}

fn note_missing(folder: &SegmentFolder, tenant: TenantId, missing: Vec<u64>) {
    for tile in missing {
        let gone = BadSegment { place: 0, what: NOT_THERE.to_owned() };
        // What a read of it found is not said otherwise.
        if !folder.is_faulty((tenant, tile)) {
            let _fault = folder.noted((tenant, tile), Err(gone));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LI: TenantId = TenantId(Uuid::from_u128(7));
    const WANG: TenantId = TenantId(Uuid::from_u128(8));

    fn archive(tiles: [u64; 2]) -> (tempfile::TempDir, SegmentFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = SegmentFolder::new(Some(root.path().to_path_buf()));
        for (tenant, tiles) in [LI, WANG].into_iter().zip(tiles) {
            folder.learn_cold(tenant, tiles);
            for tile in 0..tiles {
                let file = folder.path((tenant, tile)).unwrap();
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, b"").unwrap();
            }
        }
        (root, folder)
    }

    #[tokio::test]
    async fn a_call_looks_at_one_folder_and_a_round_at_all() {
        let (_root, folder) = archive([2_300, 5]);
        let mut looked_at = Vec::new();
        for _ in 0..6 {
            looked_at.push(look_at_next_folder(&folder).await.unwrap());
        }
        assert_eq!(looked_at, [1_000, 1_000, 300, 5, 1_000, 1_000]);
        assert_eq!(folder.known_faults().len(), 0);
        let gone = [(LI, 1_999), (LI, 2_200), (WANG, 4)];
        for place in gone {
            std::fs::remove_file(folder.path(place).unwrap()).unwrap();
        }
        let mut known = Vec::new();
        for _ in 0..5 {
            look_at_next_folder(&folder).await.unwrap();
            known.push(folder.known_faults().len());
        }
        assert_eq!(known, [1, 2, 2, 3, 3]);
        assert_eq!(folder.known_faults().into_keys().collect::<Vec<_>>(), gone);
    }

    #[tokio::test]
    async fn a_look_costs_what_is_new_and_no_more_folders_than_it_may() {
        for known in [2_000, 4_000] {
            let (_root, folder) = archive([known, 0]);
            assert_eq!(look_at_these_and_next(&folder, Vec::new(), 1).await.unwrap(), 1_000);
            folder.learn_cold(LI, known + 1_002);
            let file = folder.path((LI, known + 1)).unwrap();
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, b"").unwrap();
            // Of what came some minutes ago one file is there.
            let new = vec![(LI, known..known + 1_002)];
            assert_eq!(look_at_these_and_next(&folder, new, 1).await.unwrap(), 1_002 + 1_000);
            let faults = folder.known_faults();
            assert_eq!((faults.len(), faults.contains_key(&(LI, known + 1))), (1_001, false));
        }
        let (_root, folder) = archive([3, 2]);
        assert_eq!(look_at_these_and_next(&folder, Vec::new(), 128).await.unwrap(), 5, "each of them once");
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_named_file_by_file_and_faults_take_their_turn() {
        let (_root, folder) = archive([3, 0]);
        let parent = folder.path((LI, 0)).unwrap().parent().unwrap().to_path_buf();
        std::fs::remove_dir_all(parent).unwrap();
        assert_eq!(look_at_next_folder(&folder).await.unwrap(), 3);
        assert_eq!(folder.known_faults().len(), 3);
        let turns: Vec<Vec<Place>> = (0..3).map(|_| folder.next_faults(2)).collect();
        assert_eq!(turns, [vec![(LI, 0), (LI, 1)], vec![(LI, 2), (LI, 0)], vec![(LI, 1), (LI, 2)]]);
        assert_eq!(folder.next_faults(9), [(LI, 0), (LI, 1), (LI, 2)]);
    }

    #[test]
    fn nothing_is_looked_at_where_nothing_is_cold() {
        let (_root, folder) = archive([0, 0]);
        assert_eq!(folder.next_places(Round::Look, IN_A_FOLDER), None);
        assert_eq!(folder.next_faults(1), []);
    }
}
