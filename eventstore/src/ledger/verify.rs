//! Checks a whole log against everything that is stored or was ever signed about it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::{
    BadNote, Checkpoint, Frontier, Hash, LedgerStore, Record, StoredHead, TILE_WIDTH, TagRecord, Tile,
    Verifier, leaf_hash,
};
use crate::{Position, StoreError, TenantId, instant};

/// Entries read at a time.
const PAGE: u32 = 1_000;
/// Tags read at a time, in the order of their table.
const TAG_PAGE: u32 = 10_000;
/// Positions whose tags are compared one by one at a time, once it is known that some differ.
const TAG_SPAN: u64 = 65_536;

/// What is believed beforehand.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The key that signs this log's checkpoints. Without it no signature is looked at.
    pub verifier: Option<Verifier>,
    /// Signed notes kept elsewhere. They tell of a database that was rolled back to an older copy of itself.
    pub notes: Vec<String>,
    /// Chance, known to nobody before: what is stored is summed up under it, so that no two sums can be made equal.
    pub seed: [u8; 32],
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything agrees with everything.
    Sound(Report),
    /// Something stored is not what was written.
    Tampered {
        /// The first bad position.
        position: Position,
        /// What is wrong there.
        what: String,
    },
    /// The log agrees with itself, and is another than the one that was signed.
    Forked {
        /// The size that was signed.
        size: u64,
        /// The root that was signed.
        signed: Hash,
        /// The root that the log had at that size.
        found: Hash,
    },
    /// A checkpoint is not signed by the expected key, or not rightly.
    BadSignature(BadNote),
    /// The log ends before what was signed: its end was cut off, or it was rolled back.
    Incomplete {
        /// The size that was signed.
        signed: u64,
        /// The size that is there.
        found: u64,
    },
}

/// A sound log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many entries were hashed.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// How many full tiles were compared.
    pub tiles: u64,
    /// How many tags were compared.
    pub tags: u64,
    /// How many signed checkpoints the log extends.
    pub checkpoints: u64,
}

/// Hashes every entry of a tenant's log again and compares all that is stored about it: positions without a gap,
/// instants that never decrease, rows that agree with their entries, tags, tiles, frontier, root, and signed
/// checkpoints. `progress` hears (positions done, positions in all) page by page. Appends may go on meanwhile:
/// the log is checked as far as it reached at the beginning.
///
/// # Errors
/// Only when the store cannot be read; whatever is found is a [`Verdict`].
pub async fn verify(
    store: &dyn LedgerStore,
    tenant: TenantId,
    trust: &Trust,
    progress: &mut (dyn FnMut(Position, Position) + Send),
) -> Result<Verdict, StoreError> {
    let checkpoints = match signed_checkpoints(store, tenant, trust).await? {
        Ok(checkpoints) => checkpoints,
        Err(bad) => return Ok(Verdict::BadSignature(bad)),
    };
    let head = match store.stored_head(tenant).await {
        Err(StoreError::Damaged { position, what }) => return Ok(Verdict::Tampered { position, what }),
        read => read?,
    };
    let mut walk = Walk::new(head, checkpoints, trust.seed);
    match walk.run(store, tenant, progress).await {
        Ok(()) => Ok(walk.verdict()),
        Err(Stop::Found(verdict)) => Ok(verdict),
        Err(Stop::Store(StoreError::Damaged { position, what })) => Ok(Verdict::Tampered { position, what }),
        Err(Stop::Store(error)) => Err(error),
    }
}

/// The checkpoints to hold the log to: the latest stored one and those kept elsewhere.
async fn signed_checkpoints(
    store: &dyn LedgerStore,
    tenant: TenantId,
    trust: &Trust,
) -> Result<Result<Vec<Checkpoint>, BadNote>, StoreError> {
    let Some(verifier) = &trust.verifier else {
        return Ok(Ok(Vec::new()));
    };
    let stored = store.latest_checkpoint(tenant).await?;
    Ok(stored.iter().chain(&trust.notes).map(|note| verifier.open(note)).collect())
}

/// Why the walk ended early.
enum Stop {
    Found(Verdict),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn tampered(position: Position, what: impl Into<String>) -> Stop {
    Stop::Found(Verdict::Tampered { position, what: what.into() })
}

/// What a set of tags comes to, in whatever order they are put in: their keyed hashes, added up lane by lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TagSum {
    lanes: [u64; 4],
    count: u64,
}

impl TagSum {
    fn put(&mut self, seed: &[u8; 32], record: &TagRecord) {
        let kind = record.event_type.as_bytes();
        let hash = Sha256::new()
            .chain_update(seed)
            .chain_update(record.position.to_be_bytes())
            .chain_update((kind.len() as u64).to_be_bytes())
            .chain_update(kind)
            .chain_update(record.tag.as_bytes())
            .finalize();
        for (lane, bytes) in self.lanes.iter_mut().zip(hash.chunks_exact(8)) {
            let word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            *lane = lane.wrapping_add(word);
        }
        self.count += 1;
    }
}

/// A pass over the log from its first entry.
struct Walk {
    head: Option<StoredHead>,
    checkpoints: Vec<Checkpoint>,
    frontier: Frontier,
    recorded_at: Option<DateTime<Utc>>,
    /// By level: the hashes of the tile that is not full yet.
    open_tiles: Vec<Vec<Hash>>,
    seed: [u8; 32],
    expected_tags: TagSum,
    report: Report,
}

impl Walk {
    fn new(head: Option<StoredHead>, checkpoints: Vec<Checkpoint>, seed: [u8; 32]) -> Self {
        Self {
            head,
            checkpoints,
            frontier: Frontier::default(),
            recorded_at: None,
            open_tiles: Vec::new(),
            seed,
            expected_tags: TagSum::default(),
            report: Report { size: 0, root: Frontier::default().root(), tiles: 0, tags: 0, checkpoints: 0 },
        }
    }

    async fn run(
        &mut self,
        store: &dyn LedgerStore,
        tenant: TenantId,
        progress: &mut (dyn FnMut(Position, Position) + Send),
    ) -> Result<(), Stop> {
        let end = self.head.as_ref().map_or(0, |head| head.frontier.size());
        self.check_signed()?;
        while self.frontier.size() < end {
            let page = store.records(tenant, self.frontier.size(), PAGE).await?;
            if page.is_empty() {
                return Err(tampered(self.frontier.size() + 1, "the entry is missing"));
            }
            for record in page.into_iter().take_while(|record| record.entry.position <= end) {
                self.check_record(store, tenant, &record).await?;
            }
            progress(self.frontier.size(), end);
        }
        self.check_tags(store, tenant).await?;
        self.check_head()?;
        self.check_nothing_beyond(store, tenant, end).await
    }

    async fn check_record(
        &mut self,
        store: &dyn LedgerStore,
        tenant: TenantId,
        record: &Record,
    ) -> Result<(), Stop> {
        let position = self.frontier.size() + 1;
        self.check_row(position, record)?;
        self.frontier.push(record.leaf);
        self.check_tiles(store, tenant, position, record.leaf).await?;
        self.check_signed()?;
        Ok(())
    }

    fn check_row(&mut self, position: Position, record: &Record) -> Result<(), Stop> {
        let entry = &record.entry;
        if entry.position != position {
            return Err(tampered(position, "the entry is missing"));
        }
        if leaf_hash(&entry.bytes) != record.leaf {
            return Err(tampered(position, "the entry does not have the hash that was stored with it"));
        }
        let envelope =
            entry.envelope().map_err(|error| tampered(position, format!("unreadable entry: {error}")))?;
        let agrees = envelope.position == position
            && envelope.recorded_at == entry.recorded_at
            && envelope.id == record.id
            && envelope.event_type == record.event_type;
        if !agrees {
            return Err(tampered(position, "the row does not agree with its entry"));
        }
        if self.recorded_at.is_some_and(|before| entry.recorded_at < before) {
            return Err(tampered(position, "the entry was recorded before the one in front of it"));
        }
        self.recorded_at = Some(entry.recorded_at);
        let tags: BTreeSet<TagRecord> = tags_of(position, &record.event_type, &envelope.tags).collect();
        for tag in tags {
            self.expected_tags.put(&self.seed, &tag);
        }
        Ok(())
    }

    /// Compares every tile that this leaf fills, upward.
    async fn check_tiles(
        &mut self,
        store: &dyn LedgerStore,
        tenant: TenantId,
        position: Position,
        leaf: Hash,
    ) -> Result<(), Stop> {
        let mut hash = leaf;
        let mut covered = 1;
        for level in 0.. {
            if self.open_tiles.len() == usize::from(level) {
                self.open_tiles.push(Vec::new());
            }
            let open = &mut self.open_tiles[usize::from(level)];
            open.push(hash);
            covered *= TILE_WIDTH;
            if !position.is_multiple_of(covered) {
                break;
            }
            let tile = Tile { level, index: position / covered - 1, hashes: std::mem::take(open) };
            hash = tile.root();
            if store.tile(tenant, level, tile.index).await?.as_ref() != Some(&tile) {
                let first = tile.index * covered + 1;
                return Err(tampered(
                    first,
                    format!("tile {} of level {level} is not that of the entries", tile.index),
                ));
            }
            self.report.tiles += 1;
        }
        Ok(())
    }

    /// Compares the stored tags with those of the entries. They are stored by tag: read once in that order, they have to
    /// come to what the entries' tags came to.
    async fn check_tags(&mut self, store: &dyn LedgerStore, tenant: TenantId) -> Result<(), Stop> {
        let until = self.frontier.size();
        let (mut stored, mut after) = (TagSum::default(), (String::new(), 0));
        loop {
            let page = store.tags_by_tag(tenant, (&after.0, after.1), TAG_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = (last.tag.clone(), last.position);
            // What was appended meanwhile is not looked at.
            for record in page.iter().filter(|record| record.position <= until) {
                stored.put(&self.seed, record);
            }
        }
        if stored != self.expected_tags {
            return Err(self.odd_tag(store, tenant).await?);
        }
        self.report.tags = stored.count;
        Ok(())
    }

    /// The first tag that differs, looked for span by span: each reads all tags, which only a log that was tampered with
    /// costs.
    async fn odd_tag(&self, store: &dyn LedgerStore, tenant: TenantId) -> Result<Stop, StoreError> {
        let end = self.frontier.size();
        let mut done = 0;
        while done < end {
            let until = (done + TAG_SPAN).min(end);
            let mut expected = BTreeSet::new();
            let mut read = done;
            while read < until {
                let page = store.records(tenant, read, PAGE).await?;
                let Some(last) = page.last() else { break };
                read = last.entry.position;
                for record in page.iter().filter(|record| record.entry.position <= until) {
                    let position = record.entry.position;
                    if let Ok(envelope) = record.entry.envelope() {
                        expected.extend(tags_of(position, &record.event_type, &envelope.tags));
                    }
                }
            }
            let stored: BTreeSet<TagRecord> = store.tags(tenant, done, until).await?.into_iter().collect();
            if let Some(odd) = expected.symmetric_difference(&stored).next() {
                let what = if stored.contains(odd) { "is stored, not in the entry" } else { "is not stored" };
                return Ok(tampered(odd.position, format!("the tag {:?} {what}", odd.tag)));
            }
            done = until;
        }
        // Two tags told as one and the same, or rows that were mended meanwhile.
        Ok(tampered(end, "the tags are not those of the entries"))
    }

    /// Compares the root at this size with whatever was signed of it.
    fn check_signed(&mut self) -> Result<(), Stop> {
        let size = self.frontier.size();
        for checkpoint in self.checkpoints.iter().filter(|checkpoint| checkpoint.size == size) {
            let found = self.frontier.root();
            if found != checkpoint.root {
                return Err(Stop::Found(Verdict::Forked { size, signed: checkpoint.root, found }));
            }
            self.report.checkpoints += 1;
        }
        Ok(())
    }

    fn check_head(&self) -> Result<(), Stop> {
        let Some(head) = &self.head else {
            return Ok(());
        };
        let position = self.frontier.size();
        if head.frontier != self.frontier || head.root != self.frontier.root() {
            return Err(tampered(position, "the stored root is not that of the entries"));
        }
        if head.recorded_at != self.recorded_at {
            let found = self.recorded_at.map(instant::to_text).unwrap_or_default();
            return Err(tampered(
                position,
                format!("the head does not say {found}, when its last entry was recorded"),
            ));
        }
        Ok(())
    }

    /// Entries that the head does not count are no appends of this log, unless the head has moved on meanwhile.
    async fn check_nothing_beyond(
        &self,
        store: &dyn LedgerStore,
        tenant: TenantId,
        end: Position,
    ) -> Result<(), Stop> {
        if store.records(tenant, end, 1).await?.is_empty() {
            return Ok(());
        }
        let now = store.stored_head(tenant).await?.map_or(0, |head| head.frontier.size());
        if now > end { Ok(()) } else { Err(tampered(end + 1, "the entry stands beyond the head")) }
    }

    fn verdict(&self) -> Verdict {
        let size = self.frontier.size();
        match self.checkpoints.iter().map(|checkpoint| checkpoint.size).max() {
            Some(signed) if signed > size => Verdict::Incomplete { signed, found: size },
            _ => Verdict::Sound(Report { size, root: self.frontier.root(), ..self.report.clone() }),
        }
    }
}

/// The tags that an entry names.
fn tags_of<'a>(
    position: Position,
    event_type: &'a str,
    tags: &'a str,
) -> impl Iterator<Item = TagRecord> + use<'a> {
    let tags = tags.split(' ').filter(|tag| !tag.is_empty());
    tags.map(move |tag| TagRecord { position, event_type: event_type.to_owned(), tag: tag.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{TagRecord, TagSum};

    fn record(position: u64, event_type: &str, tag: &str) -> TagRecord {
        TagRecord { position, event_type: event_type.to_owned(), tag: tag.to_owned() }
    }

    fn sum(seed: u8, records: &[TagRecord]) -> TagSum {
        let mut sum = TagSum::default();
        for record in records {
            sum.put(&[seed; 32], record);
        }
        sum
    }

    #[test]
    fn tags_come_to_the_same_in_any_order_and_to_something_else_when_any_part_differs() {
        let (one, other) = (record(1, "moved", "customer:1"), record(2, "moved", "customer:1"));
        let right = sum(1, &[one.clone(), other.clone()]);
        assert_eq!(sum(1, &[other.clone(), one.clone()]), right);
        for wrong in [
            record(3, "moved", "customer:1"),
            record(2, "noted", "customer:1"),
            record(2, "moved", "customer:2"),
        ] {
            assert_ne!(sum(1, &[one.clone(), wrong]), right);
        }
        // Where type ends and tag begins is part of what is summed.
        assert_ne!(sum(1, &[record(1, "ab", "c")]), sum(1, &[record(1, "a", "bc")]));
        assert_ne!(sum(1, std::slice::from_ref(&one)), right, "one is missing");
        assert_ne!(sum(1, &[one.clone(), one.clone()]), right, "one stands for the other");
        assert_ne!(sum(2, &[one, other]), right, "what it comes to depends on chance");
    }
}
