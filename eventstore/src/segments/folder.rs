//! The folder with the segments: where each is, and what this process knows of them.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::io;
use std::num::NonZeroUsize;
use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use super::SegmentFault;
use super::segment::{BadSegment, Segment};
use crate::ledger::{TILE_WIDTH, TilePlace};
use crate::{Position, StoreError, TenantId};

/// How many segments are held in memory, those that were read last.
const HELD: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");

/// A tile of a tenant's log.
pub(super) type Place = (TenantId, u64);

/// Where segments are.
pub struct SegmentFolder {
    folder: Option<PathBuf>,
    held: Mutex<LruCache<Place, Arc<Segment>>>,
    seen: Mutex<Seen>,
}

/// What this process knows of the segments.
#[derive(Default)]
struct Seen {
    /// How many tiles of each log are cold, as far as it has looked.
    cold: BTreeMap<TenantId, u64>,
    /// Where each log ended when it was looked how many that are: an event tells of more, so a log that stands still has no more.
    looked_to: HashMap<TenantId, Position>,
    /// Those that could not be read when it was tried last.
    faults: BTreeMap<Place, SegmentFault>,
    /// Where each of those goes on that look at a part of the segments at a time.
    rounds: [Option<Place>; 3],
}

/// Who looks at a part of the segments at a time, in rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Tries again what could not be read.
    Retry,
    /// Sees whether files are there.
    Look,
    /// Reads them.
    Read,
}

/// Held by the process that writes segments. It is given up when dropped, or with the process.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl SegmentFolder {
    /// The segments in this folder, which need not be there yet. Without one no segment can be read.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, held: Mutex::new(LruCache::new(HELD)), seen: Mutex::default() }
    }

    /// A segment that was read before.
    pub(super) fn held(&self, place: Place) -> Option<Arc<Segment>> {
        lock(&self.held).get(&place).cloned()
    }

    /// Holds a segment of which an entry was asked for: it is cold.
    pub(super) fn hold(&self, place: Place, segment: &Arc<Segment>) {
        lock(&self.held).put(place, Arc::clone(segment));
        let (tenant, tile) = place;
        self.learn_cold(tenant, self.known_cold(tenant).max(tile + 1));
    }

    /// Notes how a segment was found, and reports what was not known.
    pub(super) fn noted(
        &self,
        place: Place,
        found: Result<Segment, BadSegment>,
    ) -> Result<Segment, SegmentFault> {
        let mut seen = lock(&self.seen);
        match found {
            Ok(segment) => {
                seen.faults.remove(&place);
                Ok(segment)
            }
            Err(BadSegment { place: first, what }) => {
                let fault = self.fault(place, first, &what);
                if seen.faults.insert(place, fault.clone()).as_ref() != Some(&fault) {
                    tracing::error!(%fault, "a segment of the log cannot be read");
                }
                Err(fault)
            }
        }
    }

    /// The segments that could not be read when it was tried last.
    pub(super) fn known_faults(&self) -> BTreeMap<Place, SegmentFault> {
        lock(&self.seen).faults.clone()
    }

    /// Whether a segment could not be read when it was tried last.
    pub(super) fn is_faulty(&self, place: Place) -> bool {
        lock(&self.seen).faults.contains_key(&place)
    }

    /// The next of the segments that could not be read, in rotation: N at most, each of them once.
    pub(super) fn next_faults(&self, count: usize) -> Vec<Place> {
        let mut seen = lock(&self.seen);
        let after = seen.rounds[Round::Retry as usize];
        let (before, behind): (Vec<Place>, Vec<Place>) =
            seen.faults.keys().partition(|place| after.is_some_and(|after| **place <= after));
        let next: Vec<Place> = behind.into_iter().chain(before).take(count).collect();
        seen.rounds[Round::Retry as usize] = next.last().copied().or(after);
        next
    }

    /// The next of the segments that there must be, in rotation: of one log, N at most, and never some from both sides of a
    /// multiple of N. None where none is cold.
    pub(super) fn next_places(&self, round: Round, count: u64) -> Option<(TenantId, Range<u64>)> {
        let mut seen = lock(&self.seen);
        let (tenant, tile) = seen.rounds[round as usize].unwrap_or((TenantId(Uuid::nil()), 0));
        let here = seen.cold.get(&tenant).filter(|tiles| tile < **tiles).map(|tiles| (tenant, tile, *tiles));
        let others = || {
            let later = seen.cold.range((Bound::Excluded(tenant), Bound::Unbounded));
            let mut later = later.chain(&seen.cold).filter(|(_, tiles)| **tiles > 0);
            later.next().map(|(tenant, tiles)| (*tenant, 0, *tiles))
        };
        let (tenant, first, tiles) = here.or_else(others)?;
        let end = (first - first % count + count).min(tiles);
        seen.rounds[round as usize] = Some((tenant, end));
        Some((tenant, first..end))
    }

    /// How many tiles of all logs are known to be cold.
    pub(super) fn known_cold_altogether(&self) -> u64 {
        lock(&self.seen).cold.values().sum()
    }

    /// How many tiles of a log are known to be cold.
    pub(super) fn known_cold(&self, tenant: TenantId) -> u64 {
        lock(&self.seen).cold.get(&tenant).copied().unwrap_or_default()
    }

    /// Whether a log ends further on than when it was looked last how many of its tiles are cold.
    pub(super) fn has_grown(&self, tenant: TenantId, position: Position) -> bool {
        lock(&self.seen).looked_to.get(&tenant).is_none_or(|looked| *looked < position)
    }

    /// It was looked how many tiles of a log are cold that ended there.
    pub(super) fn looked_to(&self, tenant: TenantId, position: Position) {
        lock(&self.seen).looked_to.insert(tenant, position);
    }

    pub(super) fn learn_cold(&self, tenant: TenantId, tiles: u64) {
        lock(&self.seen).cold.insert(tenant, tiles);
    }

    /// Keeps everybody else from writing segments here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when somebody else does, or the folder cannot be made.
    pub async fn lock(&self) -> Result<FolderLock, StoreError> {
        let folder = self.root()?.to_path_buf();
        let shown = folder.display().to_string();
        let locked = blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let file = File::options().create(true).append(true).open(folder.join("lock"))?;
            match file.try_lock() {
                Ok(()) => Ok(FolderLock { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    Err(io::Error::other("another process is writing segments here"))
                }
                Err(TryLockError::Error(error)) => Err(error),
            }
        });
        locked.await.map_err(|error| match error {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{shown}: {why}")),
            other => other,
        })
    }

    /// Keeps a signed note over the tree of the entries that are in segments beside them, so that the folder proves itself.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be written.
    pub async fn keep_note(&self, _: &FolderLock, tenant: TenantId, note: String) -> Result<(), StoreError> {
        let root = self.root()?.to_path_buf();
        let path = note_path(&root, tenant);
        blocking(move || keep(&root, &path, note.as_bytes(), Existing::Replaced)).await
    }

    /// The folder.
    pub(super) fn root(&self) -> Result<&Path, StoreError> {
        let unnamed = || StoreError::Invalid("no folder of segments is named".to_owned());
        self.folder.as_deref().ok_or_else(unnamed)
    }

    /// The file of a segment; `None` where no folder is named.
    pub(crate) fn path(&self, (tenant, tile): Place) -> Option<PathBuf> {
        Some(segment_path(self.folder.as_deref()?, tenant, tile))
    }

    pub(super) fn fault(&self, place: Place, first: u64, what: &str) -> SegmentFault {
        let file = self.path(place).unwrap_or_else(|| segment_path(Path::new(""), place.0, place.1));
        SegmentFault {
            tenant: place.0,
            position: place.1 * TILE_WIDTH + first + 1,
            file: file.display().to_string(),
            what: what.to_owned(),
        }
    }
}

pub(super) fn segment_path(root: &Path, tenant: TenantId, tile: u64) -> PathBuf {
    let path = TilePlace { index: tile, width: TILE_WIDTH }.to_path();
    root.join(tenant.to_string()).join("tile").join("entries").join(path)
}

pub(super) fn note_path(root: &Path, tenant: TenantId) -> PathBuf {
    root.join(tenant.to_string()).join("checkpoint")
}

/// What happens to a file that is there and has other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Replaced,
    /// It is not ours to replace: segments get their names when they are complete, so that it was damaged, or is another log's.
    Refused,
}

/// Keeps bytes in a file below `root`, durably: the file, its name, and the names of the folders that it is in are on disk
/// afterwards. The same bytes are left as they are.
pub(super) fn keep(root: &Path, path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder)?;
    let there = if path.exists() { Some(std::fs::read(path)?) } else { None };
    match there {
        Some(there) if there == bytes => File::open(path)?.sync_all()?,
        Some(_) if existing == Existing::Refused => {
            let what = "it holds something else than this log; find out why, and move it away";
            return Err(io::Error::other(format!("{}: {what}", path.display())));
        }
        _ => {
            let part = path.with_extension("part");
            std::fs::write(&part, bytes)?;
            File::open(&part)?.sync_all()?;
            std::fs::rename(&part, path)?;
        }
    }
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
        File::open(folder)?.sync_all()?;
    }
    let beside = root.parent().filter(|beside| !beside.as_os_str().is_empty());
    File::open(beside.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Work with files, on a thread that may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    let unavailable = |why: String| StoreError::Unavailable(why);
    done.map_err(|error| unavailable(error.to_string()))?.map_err(|error| unavailable(error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
