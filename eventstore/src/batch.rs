//! Decides a batch of one tenant's appends, one after the other, as if each had been committed before the next.
//!
//! What the database holds comes in as [`BatchPrecheck`], gathered in a few statements for the whole batch; what the
//! batch itself has accepted so far is *staged* and visible to every later request. Nothing here does any I/O.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ledger::{FirstNote, Frontier, Hash};
use crate::prepare::{Prepared, Request};
use crate::vault::{RewrappedKey, WrappedKey};
use crate::{
    Appended, Condition, Outcome, Position, QueryItem, Receipt, ReceiptDraft, StoreError, TenantId, instant,
};

/// Where a tenant's log ends, as its head row has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogHead {
    /// When the last entry was recorded; `None` for an empty log.
    pub(crate) recorded_at: Option<DateTime<Utc>>,
    /// The tree over all entries; its size is the last position.
    pub(crate) frontier: Frontier,
    /// How many erasures there were: a reader that cached keys looks here.
    pub(crate) erasures: u64,
}

impl LogHead {
    pub(crate) fn position(&self) -> Position {
        self.frontier.size()
    }
}

/// What the database knows that a batch is checked against.
#[derive(Debug, Default)]
pub(crate) struct BatchPrecheck {
    pub(crate) head: LogHead,
    /// Of those command ids that the batch names.
    pub(crate) receipts: HashMap<String, Receipt>,
    /// By index of the request: the last stored event that its condition forbids.
    pub(crate) conflicts: HashMap<usize, Position>,
    /// Those event ids of the batch that are in the log already.
    pub(crate) duplicate_ids: HashSet<Uuid>,
    /// Of those subjects for which the batch brings new keys.
    pub(crate) keys: HashMap<Uuid, WrappedKey>,
}

impl BatchPrecheck {
    /// Notes a stored event that the condition of a request forbids.
    pub(crate) fn conflict(&mut self, request: usize, position: Position) {
        let known = self.conflicts.entry(request).or_default();
        *known = position.max(*known);
    }
}

/// A batch under decision; afterwards, what must be written.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    precheck: BatchPrecheck,
    now: DateTime<Utc>,
    now_text: String,
    by_tag: HashMap<&'a str, Vec<usize>>,
    staged: Vec<Staged<'a>>,
    bytes: Vec<u8>,
    receipts: Vec<(&'a ReceiptDraft, Receipt)>,
    keys: Vec<&'a WrappedKey>,
    changed: Vec<&'a RewrappedKey>,
    erased: Vec<Uuid>,
    forgotten: Vec<&'a (Position, String)>,
    archived: Vec<&'a RangeInclusive<Position>>,
}

/// An accepted event.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    pub(crate) event: &'a Prepared,
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
    /// Where its entry ends in [`Batch::bytes`].
    pub(crate) end: usize,
}

impl<'a> Batch<'a> {
    /// Begins a batch. Nothing in it is recorded before what was recorded last, even if the clock went back.
    pub(crate) fn new(precheck: BatchPrecheck, clock: DateTime<Utc>) -> Self {
        let clock = instant::truncated(clock);
        let now = precheck.head.recorded_at.map_or(clock, |last| last.max(clock));
        Self {
            precheck,
            now,
            now_text: instant::to_text(now),
            by_tag: HashMap::new(),
            staged: Vec::new(),
            bytes: Vec::new(),
            receipts: Vec::new(),
            keys: Vec::new(),
            changed: Vec::new(),
            erased: Vec::new(),
            forgotten: Vec::new(),
            archived: Vec::new(),
        }
    }

    /// Decides the request with this index and stages what it brings; a refused one leaves no trace.
    pub(crate) fn decide(&mut self, index: usize, request: &'a Request) -> Result<Outcome, StoreError> {
        if let Some(draft) = &request.receipt
            && let Some(receipt) = self.receipt(&draft.command_id)
        {
            let same = receipt.digest == draft.digest;
            return if same { Ok(Outcome::Repeated(receipt)) } else { Err(StoreError::CommandIdReused) };
        }
        if request.must_record_before.is_some_and(|bound| self.now >= bound) {
            return Err(StoreError::DeadlinePassed);
        }
        if let Some(position) = self.conflict(index, request) {
            return Err(StoreError::Conflict { position });
        }
        if let Some(event) =
            request.events.iter().find(|event| self.precheck.duplicate_ids.contains(&event.id))
        {
            return Err(StoreError::Invalid(format!("the event id {} is in the log already", event.id)));
        }
        let outdated_keys = request.erasures_seen.is_some_and(|seen| seen != self.erasures());
        let other_keys = request.new_keys.iter().any(|key| self.has_other_key(key))
            || request.changed_keys.iter().any(|key| !self.is_stored(key));
        if outdated_keys || other_keys {
            return Err(StoreError::Conflict { position: self.precheck.head.position() });
        }
        Ok(Outcome::Appended(self.stage(request)))
    }

    fn receipt(&self, command_id: &str) -> Option<Receipt> {
        self.precheck.receipts.get(command_id).cloned()
    }

    /// The last event, staged or stored, that a condition of the request forbids.
    fn conflict(&self, index: usize, request: &Request) -> Option<Position> {
        let staged = |condition: &Condition| {
            condition.query.items.iter().filter_map(|item| self.last_staged(item, condition.after)).max()
        };
        let staged = request.conditions().filter_map(staged).max();
        staged.or_else(|| self.precheck.conflicts.get(&index).copied())
    }

    fn last_staged(&self, item: &QueryItem, after: Position) -> Option<Position> {
        let matches = |staged: &&Staged<'_>| {
            staged.position > after
                && (item.types.is_empty()
                    || item.types.iter().any(|wanted| *wanted == staged.event.event_type))
                && item.tags.iter().all(|tag| staged.event.has_tag(tag))
        };
        let last = match item.tags.first() {
            None => self.staged.iter().rev().find(matches),
            Some(tag) => {
                let carrying = self.by_tag.get(tag.as_str())?;
                carrying.iter().rev().map(|index| &self.staged[*index]).find(matches)
            }
        };
        last.map(|staged| staged.position)
    }

    /// A subject has one key, permanently. A request that brings another one was decided on an outdated state.
    fn has_other_key(&self, key: &WrappedKey) -> bool {
        self.precheck.keys.get(&key.subject).is_some_and(|known| known != key)
    }

    /// Whether a key that must be changed is stored as the request knows it.
    fn is_stored(&self, key: &RewrappedKey) -> bool {
        let known = self.precheck.keys.get(&key.subject);
        !self.erased.contains(&key.subject) && known.is_some_and(|known| known.wrapped == key.stored)
    }

    fn stage(&mut self, request: &'a Request) -> Appended {
        let head = self.precheck.head.position();
        for event in &request.events {
            self.stage_event(event);
        }
        for key in &request.new_keys {
            if self.precheck.keys.insert(key.subject, key.clone()).is_none() {
                self.keys.push(key);
            }
        }
        for key in &request.changed_keys {
            if let Some(known) = self.precheck.keys.get_mut(&key.subject) {
                known.wrapped.clone_from(&key.wrapped);
            }
            self.changed.push(key);
        }
        self.erased.extend(&request.erase_subjects);
        self.forgotten.extend(&request.forget_tags);
        self.archived.extend(&request.archived);
        let first_position = if request.events.is_empty() { head } else { head + 1 };
        let count = u32::try_from(request.events.len()).unwrap_or(u32::MAX);
        if let Some(draft) = &request.receipt {
            let (digest, outcome) = (draft.digest, draft.outcome.clone());
            let receipt = Receipt { digest, outcome, first_position, count, recorded_at: self.now };
            self.precheck.receipts.insert(draft.command_id.clone(), receipt.clone());
            self.receipts.push((draft, receipt));
        }
        Appended { first_position, count, recorded_at: self.now }
    }

    fn stage_event(&mut self, event: &'a Prepared) {
        let position = self.precheck.head.position() + 1;
        let leaf = event.complete(position, &self.now_text, &mut self.bytes);
        self.precheck.head.frontier.push(leaf);
        self.precheck.head.recorded_at = Some(self.now);
        self.precheck.duplicate_ids.insert(event.id);
        for tag in event.tags.iter().chain(&event.blind_tags) {
            self.by_tag.entry(tag).or_default().push(self.staged.len());
        }
        self.staged.push(Staged { event, position, leaf, end: self.bytes.len() });
    }

    /// The head as it will be; how many erasures happened is advanced by those of this batch, and by each tag that goes alone and
    /// each key that is changed: a process that remembers these must read them again.
    pub(crate) fn head(&self) -> LogHead {
        LogHead { erasures: self.erasures(), ..self.precheck.head.clone() }
    }

    fn erasures(&self) -> u64 {
        let counted = self.erased.len() + self.forgotten.len() + self.changed.len();
        self.precheck.head.erasures + counted as u64
    }

    /// The accepted events, at consecutive positions.
    pub(crate) fn staged(&self) -> &[Staged<'a>] {
        &self.staged
    }

    /// The accepted entries one after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first checkpoint of a log that this batch begins; none where it was begun before, or nobody signs.
    pub(crate) fn first_note(&self, tenant: TenantId, sign: Option<&FirstNote>) -> Option<String> {
        let (size, staged) = (self.precheck.head.position(), self.staged.len() as u64);
        let sign = sign.filter(|_| staged > 0 && size == staged)?;
        Some(sign(tenant, size, &self.precheck.head.frontier.root()))
    }

    /// When everything in the batch is recorded.
    pub(crate) fn recorded_at(&self) -> DateTime<Utc> {
        self.now
    }

    /// The outcomes to remember.
    pub(crate) fn receipts(&self) -> &[(&'a ReceiptDraft, Receipt)] {
        &self.receipts
    }

    /// The data keys to store.
    pub(crate) fn keys(&self) -> &[&'a WrappedKey] {
        &self.keys
    }

    /// The data keys to store in another form, after those that are new and before the erasures.
    pub(crate) fn changed(&self) -> &[&'a RewrappedKey] {
        &self.changed
    }

    /// The subjects to erase.
    pub(crate) fn erased(&self) -> &[Uuid] {
        &self.erased
    }

    /// The blind tags to delete beside those of erased subjects.
    pub(crate) fn forgotten(&self) -> &[&'a (Position, String)] {
        &self.forgotten
    }

    /// The entries whose bytes leave the database.
    pub(crate) fn archived(&self) -> &[&'a RangeInclusive<Position>] {
        &self.archived
    }

    /// Whether there is nothing to write at all: every request was refused or repeated.
    pub(crate) fn is_empty(&self) -> bool {
        let deletes = !self.erased.is_empty() || !self.forgotten.is_empty() || !self.changed.is_empty();
        self.staged.is_empty() && self.receipts.is_empty() && self.keys.is_empty() && !deletes
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::{Append, Draft, Query};

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));
    const LI: Uuid = Uuid::from_u128(0x11);

    fn now() -> DateTime<Utc> {
        "2026-03-02T08:00:00Z".parse().unwrap()
    }

    /// An append of one event with this id and this tag.
    fn of(id: u128, tag: &str) -> Append {
        let draft = Draft {
            id: Uuid::from_u128(id),
            event_type: "e".into(),
            type_version: 1,
            subject: "s".to_owned(),
            effective_at: now(),
            actor: "rep:li".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: vec![tag.to_owned()],
            blind_tags: Vec::new(),
            data: json!({}),
        };
        Append::new(TENANT, vec![draft])
    }

    /// What is answered to appends that are decided in one batch, by what the database holds.
    fn decided(precheck: BatchPrecheck, appends: Vec<Append>) -> Vec<Result<Outcome, StoreError>> {
        let requests: Vec<Request> =
            appends.into_iter().map(|append| Request::prepare(append).unwrap()).collect();
        let mut batch = Batch::new(precheck, now());
        requests.iter().enumerate().map(|(index, request)| batch.decide(index, request)).collect()
    }

    #[track_caller]
    fn is_first(outcome: &Result<Outcome, StoreError>) {
        assert!(matches!(outcome, Ok(Outcome::Appended(first)) if first.first_position == 1), "{outcome:?}");
    }

    #[track_caller]
    fn conflicts_at(outcome: &Result<Outcome, StoreError>, at: Position) {
        assert!(matches!(outcome, Err(StoreError::Conflict { position }) if *position == at), "{outcome:?}");
    }

    fn key(number: u8) -> WrappedKey {
        let key_id = Uuid::from_u128(u128::from(number));
        WrappedKey { key_id, subject: LI, wrapped: vec![number; 60], destroyed: false }
    }

    #[test]
    fn an_event_that_was_accepted_before_in_the_batch_is_seen_by_every_kind_of_condition() {
        let typed = |tags: &[&str]| Query {
            items: vec![QueryItem {
                types: vec!["e".to_owned()],
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            }],
        };
        for seen in [Query::tag("a"), typed(&[]), typed(&["a"]), Query::tag("b").or(Query::tag("a"))] {
            for grounds in [false, true] {
                let forbidden = Some(seen.clone().none_after(0));
                let later = match grounds {
                    true => Append { grounds: forbidden, ..of(2, "x") },
                    false => Append { condition: forbidden, ..of(2, "x") },
                };
                let outcomes = decided(BatchPrecheck::default(), vec![of(1, "a"), later, of(3, "x")]);
                is_first(&outcomes[0]);
                conflicts_at(&outcomes[1], 1);
                let after = matches!(&outcomes[2], Ok(Outcome::Appended(third)) if third.first_position == 2);
                assert!(after, "what was refused left a trace: {:?}", outcomes[2]);
            }
        }
    }

    #[test]
    fn a_command_that_is_sent_twice_within_a_batch_happens_once() {
        let sent = |id, digest| {
            let receipt =
                ReceiptDraft { command_id: "c".to_owned(), digest: [digest; 32], outcome: b"done".to_vec() };
            Append { receipt: Some(receipt), ..of(id, "a") }
        };
        let outcomes = decided(BatchPrecheck::default(), vec![sent(1, 1), sent(2, 1), sent(3, 2)]);
        is_first(&outcomes[0]);
        assert!(matches!(&outcomes[1], Ok(Outcome::Repeated(first)) if first.first_position == 1));
        assert!(matches!(outcomes[2], Err(StoreError::CommandIdReused)));
        let outcomes = decided(BatchPrecheck::default(), vec![of(1, "a"), of(1, "b")]);
        assert!(matches!(outcomes[1], Err(StoreError::Invalid(_))), "{:?}", outcomes[1]);
    }

    #[test]
    fn what_was_sealed_before_an_erasure_of_the_same_batch_is_refused() {
        let precheck = || {
            let mut precheck = BatchPrecheck::default();
            precheck.head.erasures = 4;
            precheck.keys.insert(LI, key(1));
            precheck
        };
        let sealed = || Append { erasures_seen: Some(4), ..of(2, "a") };
        let erased = Append { erase_subjects: vec![LI], ..of(1, "a") };
        let rewrapped = |stored: u8, wrapped: u8| RewrappedKey {
            subject: LI,
            wrapped: vec![wrapped; 60],
            stored: vec![stored; 60],
        };
        let changed = |id, key| Append { changed_keys: vec![key], ..of(id, "a") };
        let outcomes = decided(precheck(), vec![sealed(), erased.clone(), changed(3, rewrapped(1, 2))]);
        is_first(&outcomes[0]);
        conflicts_at(&outcomes[2], 2);
        let outcomes = decided(precheck(), vec![erased, sealed()]);
        is_first(&outcomes[0]);
        conflicts_at(&outcomes[1], 1);
        // A key that is changed counts like one that is destroyed, and is known as it was changed.
        let twice = [changed(1, rewrapped(1, 2)), changed(3, rewrapped(1, 3)), changed(4, rewrapped(2, 4))];
        let outcomes = decided(precheck(), [&twice[..], &[sealed()][..]].concat());
        is_first(&outcomes[0]);
        conflicts_at(&outcomes[1], 1);
        assert!(matches!(outcomes[2], Ok(Outcome::Appended(_))), "{:?}", outcomes[2]);
        conflicts_at(&outcomes[3], 2);
    }

    #[test]
    fn of_two_first_keys_of_a_subject_in_a_batch_one_counts() {
        let brings = |id, key| Append { new_keys: vec![key], ..of(id, "a") };
        let brought = vec![brings(1, key(1)), brings(2, key(2)), brings(3, key(1))];
        let outcomes = decided(BatchPrecheck::default(), brought);
        is_first(&outcomes[0]);
        conflicts_at(&outcomes[1], 1);
        assert!(matches!(outcomes[2], Ok(Outcome::Appended(_))), "the same key again is harmless");
    }

    #[test]
    fn a_deadline_is_kept_by_the_instant_that_is_recorded_and_that_never_goes_back() {
        let mut precheck = BatchPrecheck::default();
        let last = now() + TimeDelta::seconds(5);
        precheck.head.recorded_at = Some(last);
        let until = |id, bound| Append { must_record_before: Some(bound), ..of(id, "a") };
        let tick = TimeDelta::microseconds(1);
        let outcomes = decided(precheck, vec![until(1, last), until(2, last + tick)]);
        assert!(matches!(outcomes[0], Err(StoreError::DeadlinePassed)), "{:?}", outcomes[0]);
        assert!(matches!(&outcomes[1], Ok(Outcome::Appended(first)) if first.recorded_at == last));
    }
}
