//! One pass over a log, from its first entry to its head.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::tags::{TagSums, tags_of};
use super::verdict::{Report, Verdict};
use super::{Fault, SideCheck};
use crate::ledger::{
    Checkpoint, Frontier, Hash, LedgerStore, Record, StoredHead, TILE_WIDTH, TagRecord, Tile, leaf_hash,
};
use crate::{Position, StoreError, TenantId, instant};

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;
/// Tags read at a time, in the order of their table.
const TAG_PAGE: u32 = 10_000;

/// A pass over the log from its first entry.
pub(super) struct Walk<'a> {
    store: &'a dyn LedgerStore,
    tenant: TenantId,
    head: Option<StoredHead>,
    /// By size.
    checkpoints: Vec<Checkpoint>,
    frontier: Frontier,
    recorded_at: Option<DateTime<Utc>>,
    /// By level: the hashes of the tile that is not full yet.
    open_tiles: Vec<Vec<Hash>>,
    seed: [u8; 32],
    expected_tags: TagSums,
    /// The largest size at which the log has the root that was signed.
    agrees_until: u64,
    /// The first checkpoint whose root is not the log's, and the log's root at that size.
    differs: Option<(Checkpoint, Hash)>,
    report: Report,
}

/// Why the walk ended early.
enum Stop {
    Fault(Fault),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn bad(position: Position, what: impl Into<String>) -> Stop {
    Stop::Fault(Fault::at(position, what))
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        store: &'a dyn LedgerStore,
        tenant: TenantId,
        head: Option<StoredHead>,
        checkpoints: Vec<Checkpoint>,
        seed: [u8; 32],
    ) -> Self {
        Self {
            store,
            tenant,
            head,
            checkpoints,
            frontier: Frontier::default(),
            recorded_at: None,
            open_tiles: Vec::new(),
            seed,
            expected_tags: TagSums::default(),
            agrees_until: 0,
            differs: None,
            report: Report { size: 0, root: Frontier::default().root(), tiles: 0, tags: 0, checkpoints: 0 },
        }
    }

    /// Goes through the log and answers the first fault.
    pub(super) async fn run(
        &mut self,
        sides: &mut [Box<dyn SideCheck>],
        progress: &mut (dyn FnMut(Position, Position) + Send),
    ) -> Result<Option<Fault>, StoreError> {
        let end = self.head.as_ref().map_or(0, |head| head.frontier.size());
        let mut beside = None;
        let walked = self.walk(end, sides, &mut beside, progress).await;
        match walked {
            Ok(()) => Ok(beside),
            Err(Stop::Fault(fault)) => Ok(Fault::first(beside, Some(fault))),
            Err(Stop::Store(StoreError::Damaged { position, what })) => {
                Ok(Fault::first(beside, Some(Fault { position: self.placed(position), what })))
            }
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// A row that cannot be read does not always tell its position: then it is the next one.
    fn placed(&self, position: Position) -> Position {
        if position == 0 { self.frontier.size() + 1 } else { position }
    }

    async fn walk(
        &mut self,
        end: Position,
        sides: &mut [Box<dyn SideCheck>],
        beside: &mut Option<Fault>,
        progress: &mut (dyn FnMut(Position, Position) + Send),
    ) -> Result<(), Stop> {
        for side in &mut *sides {
            noted(beside, side.begin(self.tenant, end).await.map(|()| None))?;
        }
        self.check_signed();
        while self.frontier.size() < end {
            let mut page = self.page().await?;
            page.retain(|record| record.entry.position <= end);
            if page.is_empty() {
                return Err(bad(self.frontier.size() + 1, "the entry is missing"));
            }
            for record in &page {
                self.check_record(record).await?;
            }
            for side in &mut *sides {
                noted(beside, side.entries(&page).await)?;
            }
            progress(self.frontier.size(), end);
        }
        for side in &mut *sides {
            noted(beside, side.finish().await)?;
        }
        self.check_head()?;
        // Before the tags: those of an entry beyond the head stand further on than the entry itself may.
        let now = self.check_nothing_beyond(end).await?;
        self.check_tags().await?;
        self.check_tile_places(now).await
    }

    /// The next entries. Where one of them cannot be read they come one by one, so that those before it are checked first.
    async fn page(&self) -> Result<Vec<Record>, StoreError> {
        let after = self.frontier.size();
        let read =
            self.store.records(self.tenant, after, ENTRIES_PER_PAGE).await.map_err(StoreError::into_damage);
        match read {
            Err(StoreError::Damaged { .. }) => {
                self.store.records(self.tenant, after, 1).await.map_err(StoreError::into_damage)
            }
            read => read,
        }
    }

    async fn check_record(&mut self, record: &Record) -> Result<(), Stop> {
        let position = self.frontier.size() + 1;
        self.check_row(position, record)?;
        self.frontier.push(record.leaf);
        self.check_tiles(position, record.leaf).await?;
        self.check_signed();
        Ok(())
    }

    fn check_row(&mut self, position: Position, record: &Record) -> Result<(), Stop> {
        let entry = &record.entry;
        if entry.position != position {
            return Err(bad(position, "the entry is missing"));
        }
        if leaf_hash(&entry.bytes) != record.leaf {
            return Err(bad(position, "the entry does not have the hash that was stored with it"));
        }
        let envelope =
            entry.envelope().map_err(|error| bad(position, format!("unreadable entry: {error}")))?;
        let agrees = envelope.position == position
            && envelope.recorded_at == entry.recorded_at
            && envelope.id == record.id
            && envelope.event_type == record.event_type;
        if !agrees {
            return Err(bad(position, "the row does not agree with its entry"));
        }
        if self.recorded_at.is_some_and(|before| entry.recorded_at < before) {
            return Err(bad(position, "the entry was recorded before the one in front of it"));
        }
        self.recorded_at = Some(entry.recorded_at);
        let tags: BTreeSet<TagRecord> = tags_of(position, &record.event_type, &envelope.tags).collect();
        for tag in tags {
            self.expected_tags.put(&self.seed, &tag);
        }
        Ok(())
    }

    /// Compares every tile that this leaf fills, upward. The first hash in which a stored tile differs tells which entry.
    async fn check_tiles(&mut self, position: Position, leaf: Hash) -> Result<(), Stop> {
        let mut hash = leaf;
        let mut covered = 1;
        for level in 0.. {
            if self.open_tiles.len() == usize::from(level) {
                self.open_tiles.push(Vec::new());
            }
            let open = &mut self.open_tiles[usize::from(level)];
            open.push(hash);
            let each = covered;
            covered *= TILE_WIDTH;
            if !position.is_multiple_of(covered) {
                break;
            }
            let tile = Tile { level, index: position / covered - 1, hashes: std::mem::take(open) };
            hash = tile.root();
            let first = tile.index * covered + 1;
            let stored = match self.store.tile(self.tenant, level, tile.index).await {
                Err(StoreError::Damaged { what, .. }) => return Err(bad(first, what)),
                read => read?,
            };
            let Some(stored) = stored else {
                return Err(bad(first, format!("tile {} of level {level} is missing", tile.index)));
            };
            let differs = stored.hashes.iter().zip(&tile.hashes).position(|(stored, made)| stored != made);
            if let Some(differs) = differs {
                let what =
                    format!("the entry is not the one whose hash is in tile {} of level {level}", tile.index);
                return Err(bad(first + differs as u64 * each, what));
            }
            self.report.tiles += 1;
        }
        Ok(())
    }

    /// Compares the root at this size with whatever was signed of it.
    fn check_signed(&mut self) {
        let size = self.frontier.size();
        let from = self.checkpoints.partition_point(|checkpoint| checkpoint.size < size);
        for checkpoint in self.checkpoints[from..].iter().take_while(|checkpoint| checkpoint.size == size) {
            let found = self.frontier.root();
            if found == checkpoint.root {
                self.agrees_until = size;
                self.report.checkpoints += 1;
            } else if self.differs.is_none() {
                self.differs = Some((checkpoint.clone(), found));
            }
        }
    }

    /// Compares the head with the entries. Where they differ, an entry was changed together with its hash: the subtree of the
    /// head that differs, and the checkpoints on either side of it, tell between which positions.
    fn check_head(&self) -> Result<(), Stop> {
        let Some(head) = &self.head else {
            return Ok(());
        };
        let last = self.frontier.size();
        if head.frontier != self.frontier {
            if head.root == self.frontier.root() {
                return Err(bad(last, "the stored frontier is not that of the entries"));
            }
            let among = self.frontier.first_difference(&head.frontier).unwrap_or(1..=last);
            let first = (*among.start()).max(self.agrees_until + 1);
            let signed = self.differs.as_ref().map_or(last, |(checkpoint, _)| checkpoint.size);
            let until = (*among.end()).min(signed).max(first);
            let what = if first == until {
                "the entry is not the one that the stored root is of".to_owned()
            } else {
                format!("an entry between {first} and {until} is not the one that the stored root is of")
            };
            return Err(bad(first, what));
        }
        if head.root != self.frontier.root() {
            return Err(bad(last, "the stored root is not that of the entries"));
        }
        if head.recorded_at != self.recorded_at {
            let found = self.recorded_at.map(instant::to_text).unwrap_or_default();
            return Err(bad(
                last,
                format!("the head does not say {found}, when its last entry was recorded"),
            ));
        }
        if head.indexed > last {
            return Err(bad(last, format!("the index of tags is said to reach to {}", head.indexed)));
        }
        Ok(())
    }

    /// Compares the stored tags with those of the entries, in both directions. They are stored by tag: read once in that
    /// order, they have to come to what the entries' tags came to.
    async fn check_tags(&mut self) -> Result<(), Stop> {
        let until = self.frontier.size();
        let (mut stored, mut after) = (TagSums::default(), (String::new(), 0));
        let mut beyond: Option<TagRecord> = None;
        loop {
            let page = self.store.tags_by_tag(self.tenant, (&after.0, after.1), TAG_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = (last.tag.clone(), last.position);
            for record in page {
                if record.position == 0 {
                    return Err(bad(1, format!("the tag {:?} is stored for no entry", record.tag)));
                }
                if record.position <= until {
                    stored.put(&self.seed, &record);
                } else if beyond.as_ref().is_none_or(|known| known.position < record.position) {
                    beyond = Some(record);
                }
            }
        }
        if let Some((after, until)) = self.expected_tags.first_difference(&stored) {
            return Err(self.odd_tag(after, until.min(self.frontier.size())).await?);
        }
        self.report.tags = stored.count();
        // What was appended meanwhile is left for the next time, but it has to be there.
        match beyond {
            Some(record) if record.position > self.head_now().await? => Err(bad(
                record.position,
                format!("the tag {:?} is stored for an entry that is not there", record.tag),
            )),
            _ => Ok(()),
        }
    }

    /// The first tag that differs among those of the entries after a position and up to another.
    async fn odd_tag(&self, after: Position, until: Position) -> Result<Stop, StoreError> {
        let mut expected = BTreeSet::new();
        let mut read = after;
        while read < until {
            let page = self.store.records(self.tenant, read, ENTRIES_PER_PAGE).await?;
            let Some(last) = page.last() else { break };
            read = last.entry.position;
            for record in page.iter().filter(|record| record.entry.position <= until) {
                if let Ok(envelope) = record.entry.envelope() {
                    expected.extend(tags_of(record.entry.position, &record.event_type, &envelope.tags));
                }
            }
        }
        let stored = self.store.tags(self.tenant, after, until).await?;
        let stored: BTreeSet<TagRecord> = stored.into_iter().collect();
        if let Some(odd) = expected.symmetric_difference(&stored).next() {
            let what = if stored.contains(odd) { "is stored, not in the entry" } else { "is not stored" };
            return Ok(bad(odd.position, format!("the tag {:?} {what}", odd.tag)));
        }
        // One tag stored twice, or rows that were changed meanwhile.
        Ok(bad(until, "the tags are not those of the entries"))
    }

    /// Where the log ends now.
    async fn head_now(&self) -> Result<Position, StoreError> {
        Ok(self.store.stored_head(self.tenant).await?.map_or(0, |head| head.frontier.size()))
    }

    /// Entries that the head does not count are no appends of this log, unless the head has moved on meanwhile. Answers
    /// where the log ends now.
    async fn check_nothing_beyond(&self, end: Position) -> Result<Position, Stop> {
        let further = self.store.records(self.tenant, end, 1).await?;
        let now = self.head_now().await?;
        if further.is_empty() || now > end {
            return Ok(now.max(end));
        }
        Err(bad(end + 1, "the entry stands beyond the head"))
    }

    /// Every stored tile is one that a log of this size has.
    async fn check_tile_places(&self, mut now: Position) -> Result<(), Stop> {
        let places = self.store.tile_places(self.tenant).await?;
        if places.iter().any(|place| !is_tile_of(now, *place)) {
            now = self.head_now().await?.max(now);
        }
        let Some((level, index)) = places.into_iter().find(|place| !is_tile_of(now, *place)) else {
            return Ok(());
        };
        let what = format!("tile {index} of level {level} is stored, and a log of {now} entries has none");
        Err(bad(self.frontier.size().max(1), what))
    }

    pub(super) fn verdict(&self) -> Verdict {
        let size = self.frontier.size();
        if let Some((checkpoint, found)) = &self.differs {
            return Verdict::Forked { size: checkpoint.size, signed: checkpoint.root, found: *found };
        }
        match self.checkpoints.last().map(|checkpoint| checkpoint.size) {
            Some(signed) if signed > size => Verdict::Incomplete { signed, found: size },
            _ => Verdict::Sound(Report { size, root: self.frontier.root(), ..self.report.clone() }),
        }
    }
}

/// Keeps the first fault of those beside the log. What cannot be read there is a fault as well.
fn noted(first: &mut Option<Fault>, found: Result<Option<Fault>, StoreError>) -> Result<(), StoreError> {
    let found = match found {
        Err(StoreError::Damaged { position, what }) => Some(Fault::at(position.max(1), what)),
        found => found?,
    };
    *first = Fault::first(first.take(), found);
    Ok(())
}

/// Whether a log of this size has a full tile there.
fn is_tile_of(size: u64, (level, index): (i64, i64)) -> bool {
    let levels = u32::try_from(level).ok().and_then(|level| level.checked_add(1));
    let covered = levels.and_then(|levels| TILE_WIDTH.checked_pow(levels));
    let full = covered.map_or(0, |covered| size / covered);
    u64::try_from(index).is_ok_and(|index| index < full)
}
