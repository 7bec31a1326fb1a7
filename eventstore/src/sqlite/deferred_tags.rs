//! The tags of the newest entries, found in memory until they are indexed in batches of thousands.
//!
//! An index over the tags of many customers costs a page of the disk for nearly every event when it is kept with every
//! commit, and a small part of that when thousands of events go in together. An entry names its tags itself, so nothing
//! is lost meanwhile: `log_head.indexed` says how far the index reaches, a search for a tag asks the index up to
//! there and this for the rest, and what is not in memory (after a start, or because another process appended it) is
//! read from the log first.
//!
//! They are indexed by a *flush* in the index's order, a slice with each commit, so that no commit waits for thousands of
//! rows. Until a flush is complete, the index ends where it did: its rows are there but are not counted yet.
//!
//! Blind tags stand outside of the entries. They go into the index at once, with the other tags of their entry.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};
use sqlx::sqlite::SqliteConnection;

use super::hex::hex;
use super::query::{self, LogBounds};
use crate::batch::Batch;
use crate::prepare::{Prepared, Request};
use crate::recent_tags::{RecentTags, TaggedEntry};
use crate::segments::is_stub;
use crate::{Entry, Position, QueryItem, StoreError, TenantId};

/// How many entries are held for all tenants together, as long as no tenant has fewer than [`MIN_PER_TENANT`].
const TOTAL: usize = 65_536;
/// How many entries of a tenant are worth indexing together.
const MIN_PER_TENANT: usize = 128;
/// A slice of a flush has this many rows for each row of its batch, so that a flush ends long before the next is due.
const FLUSH_RATIO: usize = 4;
/// However small the batches are, a flush takes at most this many slices.
const FLUSH_SLICES: usize = 64;
/// Entries that are read at a time when some are not in memory.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// A row of the index: position, type, tag, and the blind subject in hexadecimal.
pub(super) type TagRow = (Position, String, String, Option<String>);

/// What an entry is found by, without blind tags.
#[derive(Debug, Clone)]
pub(super) struct EntryTags {
    tagged: TaggedEntry,
    /// Whether it is known to have no blind tags, which the index alone knows.
    has_no_blind_tags: bool,
}

/// The newest entries of one tenant.
#[derive(Debug)]
struct LogTail {
    newest: RecentTags,
    /// An entry up to here may have blind tags.
    may_have_blind: Position,
    /// Where the index was last seen to end. What it had before that is evicted once it has advanced: a reader may
    /// still look at the log as it was then.
    indexed: Position,
    flush: Option<IndexFlush>,
}

/// Tags on their way into the index.
#[derive(Debug)]
struct IndexFlush {
    /// Where the index ends until the flush is complete, and afterwards.
    from: Position,
    until: Position,
    /// In the order of the index.
    rows: Vec<TagRow>,
    /// How many of them were committed.
    done: usize,
}

/// The newest entries of each tenant that was asked about.
#[derive(Debug)]
pub(super) struct DeferredTagIndex {
    held: Mutex<HashMap<TenantId, LogTail>>,
    /// How many entries of a tenant wait at most before they are indexed.
    most: usize,
}

/// How much is known before the database is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownBounds {
    /// Where log and index ended, as this process saw them last.
    pub(super) bounds: LogBounds,
    /// If they still end there, the index has nothing on entries after this position.
    pub(super) all_after: Position,
}

/// What goes into the index with a batch, and how far the index reaches then.
#[derive(Debug)]
pub(super) struct IndexRows {
    pub(super) rows: Vec<TagRow>,
    pub(super) indexed: Position,
    /// How many of the rows belong to a flush.
    pub(super) flushed: usize,
}

impl DeferredTagIndex {
    pub(super) fn new(most: usize) -> Self {
        Self { held: Mutex::default(), most: most.max(1) }
    }

    /// The positions at which entries after `after` and up to the end carry what each item wants, the first `limit`
    /// of each; items without tags are left to the index of types.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where an entry is missing; errors of the database. `None` where the state that `bounds`
    /// are of is older than what is held.
    pub(super) async fn matching(
        &self,
        connection: &mut SqliteConnection,
        tenant: TenantId,
        bounds: LogBounds,
        items: &[QueryItem],
        (after, until, limit): (Position, Position, usize),
    ) -> Result<Option<Vec<Position>>, StoreError> {
        self.ask(connection, tenant, bounds, |tail| {
            let after = after.max(bounds.indexed);
            let tagged = items.iter().filter(|item| !item.tags.is_empty());
            tagged.flat_map(|item| tail.newest.matching(item, after, until).take(limit)).collect()
        })
        .await
    }

    /// By the index of each request: the last entry after the end of the index that its condition forbids.
    ///
    /// # Errors
    /// As [`Self::matching`].
    pub(super) async fn conflicts(
        &self,
        connection: &mut SqliteConnection,
        tenant: TenantId,
        bounds: LogBounds,
        requests: &[&Request],
    ) -> Result<HashMap<usize, Position>, StoreError> {
        let last = |tail: &LogTail, request: &Request| {
            let conditions = request.conditions();
            let items = conditions.flat_map(|one| one.query.items.iter().map(|item| (one.after, item)));
            let tagged = items.filter(|(_, item)| !item.tags.is_empty());
            let until = bounds.position;
            tagged
                .filter_map(|(after, item)| {
                    tail.newest.matching(item, after.max(bounds.indexed), until).next_back()
                })
                .max()
        };
        let found = self.ask(connection, tenant, bounds, |tail| {
            let requests = requests.iter().enumerate();
            requests.filter_map(|(index, request)| Some((index, last(tail, request)?))).collect()
        });
        found.await?.ok_or_else(|| bounds.went_back())
    }

    /// What is known of a tenant without asking.
    pub(super) fn known(&self, tenant: TenantId) -> Option<KnownBounds> {
        let held = self.held();
        let tail = held.get(&tenant)?;
        let bounds = LogBounds { position: tail.newest.until(), indexed: tail.indexed };
        Some(KnownBounds { bounds, all_after: tail.indexed.max(tail.may_have_blind) })
    }

    /// The tags of entries after the index, as rows of it.
    ///
    /// # Errors
    /// As [`Self::matching`].
    pub(super) async fn rows(
        &self,
        connection: &mut SqliteConnection,
        tenant: TenantId,
        bounds: LogBounds,
    ) -> Result<Option<Vec<TagRow>>, StoreError> {
        self.ask(connection, tenant, bounds, |tail| tail.rows(bounds.indexed)).await
    }

    /// What goes into the index with a batch: what cannot wait, and a slice of what was waiting for company, once there is
    /// enough of it. The tail holds everything up to the batch, since its conditions were looked for.
    pub(super) fn indexing(&self, tenant: TenantId, indexed: Position, batch: &Batch<'_>) -> IndexRows {
        let staged = batch.staged().iter();
        let cannot_wait = staged.clone().filter(|staged| !staged.event.blind_tags.is_empty());
        let mut indexing = IndexRows { rows: cannot_wait.flat_map(rows_of).collect(), indexed, flushed: 0 };
        let mut held = self.held();
        let max_unindexed = self.max_unindexed(held.len());
        if let Some(tail) = held.get_mut(&tenant)
            && let Some(flush) = tail.flush_due(indexed, max_unindexed)
        {
            let most =
                (FLUSH_RATIO * staged.flat_map(rows_of).count()).max(max_unindexed.div_ceil(FLUSH_SLICES));
            let slice = flush.slice(most);
            indexing.flushed = slice.len();
            indexing.rows.extend_from_slice(slice);
            if flush.done + indexing.flushed == flush.rows.len() {
                indexing.indexed = flush.until;
            }
        }
        indexing
    }

    /// Adds what was committed after a position, and advances the flush by the rows committed with it.
    pub(super) fn committed(
        &self,
        tenant: TenantId,
        after: Position,
        entries: Vec<EntryTags>,
        flushed: usize,
    ) {
        if let Some(tail) = self.held().get_mut(&tenant) {
            tail.push_all(after, entries);
            tail.flush = tail.flush.take().and_then(|flush| flush.further(flushed));
        }
    }

    /// How many entries of a tenant may wait: fewer when there are many tenants, for the sake of memory.
    fn max_unindexed(&self, tenants: usize) -> usize {
        (TOTAL / tenants.max(1)).max(MIN_PER_TENANT).min(self.most)
    }

    /// Asks the tail of a tenant once it holds everything from the end of the index to the end of the log.
    async fn ask<T>(
        &self,
        connection: &mut SqliteConnection,
        tenant: TenantId,
        bounds: LogBounds,
        question: impl FnOnce(&LogTail) -> T,
    ) -> Result<Option<T>, StoreError> {
        loop {
            let until = {
                let mut held = self.held();
                let tail = held.entry(tenant).or_insert_with(|| LogTail::at(bounds.indexed));
                if !tail.sees(bounds.indexed) {
                    return Ok(None);
                }
                if tail.newest.until() >= bounds.position {
                    return Ok(Some(question(tail)));
                }
                tail.newest.until()
            };
            let entries = query::page(&mut *connection, tenant, until, ENTRIES_PER_PAGE).await?;
            if entries.first().is_none_or(|entry| entry.position != until + 1) {
                let what = "the entry is missing".to_owned();
                return Err(StoreError::Damaged { position: until + 1, what });
            }
            let entries = entries.iter().map(EntryTags::read).collect::<Result<Vec<_>, _>>()?;
            if let Some(tail) = self.held().get_mut(&tenant) {
                tail.push_all(until, entries);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TenantId, LogTail>> {
        self.held.lock()
    }
}

impl EntryTags {
    /// What accepted events are found by.
    pub(super) fn all(batch: &Batch<'_>) -> Vec<Self> {
        let entry_tags = |event: &Prepared| Self {
            tagged: TaggedEntry::new(event.event_type.to_string(), event.tags.join(" ")),
            has_no_blind_tags: event.blind_tags.is_empty(),
        };
        batch.staged().iter().map(|staged| entry_tags(staged.event)).collect()
    }

    fn read(entry: &Entry) -> Result<Self, StoreError> {
        let damaged = |error: serde_json::Error| StoreError::Damaged {
            position: entry.position,
            what: error.to_string(),
        };
        if is_stub(entry) {
            // Another process has just moved it into a segment, and brought the index up to it before.
            return Err(StoreError::Unavailable("entries are leaving the database".to_owned()));
        }
        let envelope = entry.envelope().map_err(damaged)?;
        let tagged = TaggedEntry::new(envelope.event_type.into_owned(), envelope.tags.into_owned());
        Ok(Self { tagged, has_no_blind_tags: false })
    }
}

impl LogTail {
    fn at(indexed: Position) -> Self {
        Self { newest: RecentTags::after(indexed), may_have_blind: indexed, indexed, flush: None }
    }

    /// The flush under way, or a new one over what the tail holds once that is enough; none of an index that ended
    /// elsewhere, because another process has moved it.
    fn flush_due(&mut self, indexed: Position, max_unindexed: usize) -> Option<&IndexFlush> {
        self.flush = self.flush.take().filter(|flush| flush.from == indexed);
        let until = self.newest.until();
        if self.flush.is_none() && until.saturating_sub(indexed) >= max_unindexed as u64 {
            let rows = ordered(self.rows(indexed));
            self.flush = Some(IndexFlush { from: indexed, until, rows, done: 0 });
        }
        self.flush.as_ref()
    }

    fn push_all(&mut self, after: Position, entries: Vec<EntryTags>) {
        (after + 1..).zip(entries).for_each(|(position, entry_tags)| self.push(position, entry_tags));
    }

    /// Notes where the index ends in some state of the database; false where that state is older than what is held.
    fn sees(&mut self, indexed: Position) -> bool {
        if indexed > self.newest.until() {
            *self = Self::at(indexed);
        } else if indexed > self.indexed {
            self.newest.evict(self.indexed);
            self.indexed = indexed;
        }
        self.newest.from() <= indexed
    }

    /// Takes in the next entry; another one is known already.
    fn push(&mut self, position: Position, entry_tags: EntryTags) {
        if position != self.newest.until() + 1 {
            return;
        }
        if !entry_tags.has_no_blind_tags {
            self.may_have_blind = position;
        }
        self.newest.push(entry_tags.tagged);
    }

    fn rows(&self, after: Position) -> Vec<TagRow> {
        let row = |position, tagged: &TaggedEntry, tag: &str| {
            (position, tagged.event_type.clone(), tag.to_owned(), None)
        };
        self.newest
            .entries(after)
            .flat_map(|(position, tagged)| tagged.tags().map(move |tag| row(position, tagged, tag)))
            .collect()
    }
}

impl IndexFlush {
    /// The next slice, at most `most` rows.
    fn slice(&self, most: usize) -> &[TagRow] {
        let rest = &self.rows[self.done..];
        &rest[..most.min(rest.len())]
    }

    /// The flush with these rows done; none when it is complete.
    fn further(self, flushed: usize) -> Option<Self> {
        let done = self.done + flushed;
        (done < self.rows.len()).then_some(Self { done, ..self })
    }
}

/// The rows of an accepted event.
fn rows_of<'a>(staged: &'a crate::batch::Staged<'_>) -> impl Iterator<Item = TagRow> + use<'a> {
    let (position, event) = (staged.position, staged.event);
    let open = event.tags.iter().map(|tag| (tag, None));
    let blind = event.blind_tags.iter().map(|tag| (tag, event.blind_subject.map(hex)));
    open.chain(blind)
        .map(move |(tag, subject)| (position, event.event_type.to_string(), tag.clone(), subject))
}

/// Rows in the order of the index, so that those of one page are written together.
pub(super) fn ordered(mut rows: Vec<TagRow>) -> Vec<TagRow> {
    rows.sort_unstable_by(|a, b| (&a.2, a.0).cmp(&(&b.2, b.0)));
    rows
}
