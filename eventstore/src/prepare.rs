//! Makes an append ready outside the lock: checked, canonical, hashed as far as its position allows.
//!
//! In RFC 8785 order the two attributes that only the log can know, `position` and `recordedat`, stand side by
//! side. Everything before them is the *prefix*, everything after them the *suffix*; completing an entry under
//! the lock is joining three byte strings and finishing one hash.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ledger::{Hash, TILE_WIDTH, leaf_hasher};
use crate::vault::{RewrappedKey, WrappedKey};
use crate::{
    Append, Condition, Draft, MAX_ENTRY_BYTES, Position, ReceiptDraft, StoreError, TenantId, instant,
};

/// The largest integer an entry's data may hold: beyond it RFC 8785 numbers are no longer exact.
const MAX_EXACT_INTEGER: u64 = (1 << 53) - 1;
/// How deep an entry's data may nest, so that every JSON reader can read it back.
const MAX_DEPTH: usize = 64;
/// The most tags, blind ones included, one event carries.
const MAX_TAGS: usize = 32;
/// The longest tag, in bytes.
const MAX_TAG_BYTES: usize = 200;
/// The longest command id of a receipt, in bytes.
const MAX_COMMAND_ID_BYTES: usize = 255;
/// The length of `"position":N,"recordedat":"…Z"` for the largest position there can be (16 digits).
const SPLICE_BYTES: usize = 11 + 16 + 1 + 13 + 29;

/// An append that lacks nothing but the lock.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) tenant: TenantId,
    pub(crate) events: Vec<Prepared>,
    pub(crate) condition: Option<Condition>,
    pub(crate) grounds: Option<Condition>,
    pub(crate) erasures_seen: Option<u64>,
    pub(crate) must_record_before: Option<DateTime<Utc>>,
    pub(crate) receipt: Option<ReceiptDraft>,
    pub(crate) new_keys: Vec<WrappedKey>,
    pub(crate) changed_keys: Vec<RewrappedKey>,
    pub(crate) erase_subjects: Vec<Uuid>,
    pub(crate) forget_tags: Vec<(Position, String)>,
    pub(crate) archived: Option<RangeInclusive<Position>>,
}

/// A draft that lacks nothing but its position and its instant of recording.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) id: Uuid,
    pub(crate) event_type: Cow<'static, str>,
    /// Sorted, without repetition.
    pub(crate) tags: Vec<String>,
    /// Sorted, without repetition, none of them among `tags`.
    pub(crate) blind_tags: Vec<String>,
    /// Whose erasure deletes the blind tags; present whenever there are any.
    pub(crate) blind_subject: Option<Uuid>,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    hashed_prefix: Sha256,
}

/// The attributes that sort before `position`.
#[derive(Serialize)]
struct Before<'a> {
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlationid: Option<Uuid>,
    data: &'a Value,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
}

/// The attributes that sort after `recordedat`.
#[derive(Serialize)]
struct After<'a> {
    source: String,
    specversion: &'static str,
    subject: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    tags: String,
    time: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    typeversion: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
}

impl Request {
    /// Checks an append and prepares its events.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a draft is not a valid event or two of them share an id, [`StoreError::TooLarge`] when
    /// one has too many bytes.
    pub(crate) fn prepare(append: Append) -> Result<Self, StoreError> {
        if let Some(receipt) = &append.receipt
            && (receipt.command_id.is_empty() || receipt.command_id.len() > MAX_COMMAND_ID_BYTES)
        {
            return Err(invalid(format!("a command id has 1 to {MAX_COMMAND_ID_BYTES} bytes")));
        }
        let mut ids = HashSet::with_capacity(append.events.len());
        if let Some(twice) = append.events.iter().find(|draft| !ids.insert(draft.id)) {
            return Err(invalid(format!("two events of the append have the id {}", twice.id)));
        }
        if let Some(archived) = &append.archived {
            check_archived(archived, append.events.is_empty())?;
        }
        let tenant = append.tenant;
        let events =
            append.events.into_iter().map(|draft| Prepared::new(tenant, draft)).collect::<Result<_, _>>()?;
        Ok(Self {
            tenant,
            events,
            condition: append.condition,
            grounds: append.grounds,
            erasures_seen: append.erasures_seen,
            must_record_before: append.must_record_before,
            receipt: append.receipt,
            new_keys: append.new_keys,
            changed_keys: append.changed_keys,
            erase_subjects: append.erase_subjects,
            forget_tags: append.forget_tags,
            archived: append.archived,
        })
    }

    /// The subjects whose stored keys it is decided by.
    pub(crate) fn key_subjects(&self) -> impl Iterator<Item = Uuid> {
        let new = self.new_keys.iter().map(|key| key.subject);
        new.chain(self.changed_keys.iter().map(|key| key.subject))
    }

    /// Whether anything that is stored is deleted with it.
    pub(crate) fn deletes(&self) -> bool {
        !self.erase_subjects.is_empty() || !self.forget_tags.is_empty() || self.archived.is_some()
    }

    /// Everything that must not have happened: the request is refused where any of these meets an event.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.condition.iter().chain(&self.grounds)
    }
}

impl Prepared {
    /// Checks one draft and brings it into canonical form.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], naming the attribute; [`StoreError::TooLarge`].
    pub(crate) fn new(tenant: TenantId, draft: Draft) -> Result<Self, StoreError> {
        check_attributes(&draft)?;
        check_data(&draft.data, 0)?;
        let tags = sorted(draft.tags);
        let blind_tags = sorted(draft.blind_tags);
        check_tags(&tags, &blind_tags)?;
        let blind_subject = blind_subject(&draft.subject, &blind_tags)?;
        let before = Before {
            actor: &draft.actor,
            causationid: draft.causation_id,
            correlationid: draft.correlation_id,
            data: &draft.data,
            datacontenttype: "application/json",
            endpoint: draft.endpoint.as_deref(),
            id: draft.id,
            origin: draft.origin.as_deref(),
        };
        let after = After {
            source: format!("/tenants/{tenant}"),
            specversion: "1.0",
            subject: &draft.subject,
            tags: tags.join(" "),
            time: instant::to_text(instant::truncated(draft.effective_at)),
            event_type: &draft.event_type,
            typeversion: draft.type_version,
            via: draft.via.as_deref(),
        };
        let plain = is_plain(&draft.data);
        let mut prefix = canonical(&before, plain)?;
        // Both halves are whole objects, `{…}`: the first ends and the second begins with a comma instead.
        prefix.pop();
        prefix.push(b',');
        let mut suffix = canonical(&after, true)?;
        suffix[0] = b',';
        let size = prefix.len() + SPLICE_BYTES + suffix.len();
        if size > MAX_ENTRY_BYTES {
            let field = largest(&draft.data);
            return Err(StoreError::TooLarge { field, bytes: size, most: MAX_ENTRY_BYTES });
        }
        let hashed_prefix = leaf_hasher().chain_update(&prefix);
        let event_type = draft.event_type;
        Ok(Self { id: draft.id, event_type, tags, blind_tags, blind_subject, prefix, suffix, hashed_prefix })
    }

    /// Appends the finished entry to `bytes` and returns its leaf hash.
    pub(crate) fn complete(&self, position: Position, recorded_at: &str, bytes: &mut Vec<u8>) -> Hash {
        let start = bytes.len();
        bytes.extend_from_slice(&self.prefix);
        let spliced = start + self.prefix.len();
        bytes.extend_from_slice(
            format!("\"position\":{position},\"recordedat\":\"{recorded_at}\"").as_bytes(),
        );
        bytes.extend_from_slice(&self.suffix);
        self.hashed_prefix.clone().chain_update(&bytes[spliced..]).finalize().into()
    }

    /// Whether a query item's demand on types and tags is met, blind tags included.
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        let is = |own: &String| own == tag;
        self.tags.iter().any(is) || self.blind_tags.iter().any(is)
    }
}

/// A half in RFC 8785 form. A plain one is written as it stands, which saves sorting it again.
fn canonical(half: &impl Serialize, plain: bool) -> Result<Vec<u8>, StoreError> {
    let written = if plain { serde_json::to_vec(half) } else { serde_json_canonicalizer::to_vec(half) };
    written.map_err(|error| invalid(error.to_string()))
}

/// Whether the ordinary writer gives the canonical form: names are ASCII and in order (so that bytes and UTF-16 units
/// order them alike), and no number is a fraction. Strings are escaped alike by both.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => !number.is_f64(),
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(fields) => {
            fields.keys().is_sorted() && fields.iter().all(|(name, value)| name.is_ascii() && is_plain(value))
        }
    }
}

/// Whole tiles leave the database, and not in silence.
fn check_archived(archived: &RangeInclusive<Position>, is_silent: bool) -> Result<(), StoreError> {
    let whole = archived.start() % TILE_WIDTH == 1
        && archived.end().is_multiple_of(TILE_WIDTH)
        && !archived.is_empty();
    match (whole, is_silent) {
        (true, false) => Ok(()),
        (false, _) => Err(invalid("only whole tiles of entries can leave the database".to_owned())),
        (true, true) => Err(invalid("that entries leave the database is an event".to_owned())),
    }
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn check_attributes(draft: &Draft) -> Result<(), StoreError> {
    if draft.event_type.is_empty() || draft.subject.is_empty() || draft.actor.is_empty() {
        return Err(invalid("type, subject and actor may not be empty".to_owned()));
    }
    if draft.event_type.contains('\0') {
        return Err(invalid("a type has no zero byte in it".to_owned()));
    }
    if draft.type_version == 0 {
        return Err(invalid("type versions begin at 1".to_owned()));
    }
    if !(0..=9999).contains(&draft.effective_at.year()) {
        return Err(invalid("RFC 3339 knows the years 0 to 9999 only".to_owned()));
    }
    Ok(())
}

fn check_tags(tags: &[String], blind_tags: &[String]) -> Result<(), StoreError> {
    if tags.len() + blind_tags.len() > MAX_TAGS {
        return Err(invalid(format!("an event has at most {MAX_TAGS} tags")));
    }
    let valid =
        |tag: &&String| (1..=MAX_TAG_BYTES).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_graphic());
    if let Some(tag) = tags.iter().chain(blind_tags).find(|tag| !valid(tag)) {
        return Err(invalid(format!("a tag is 1 to {MAX_TAG_BYTES} printable ASCII characters: {tag:?}")));
    }
    // A blind tag is to vanish at erasure; in the hashed entry it would remain permanently.
    if let Some(tag) = blind_tags.iter().find(|tag| tags.contains(tag)) {
        return Err(invalid(format!("the tag {tag:?} is both blind and hashed")));
    }
    Ok(())
}

/// The subject whose erasure takes the blind tags along: the id at the end of `subject`, after its last `/`.
fn blind_subject(subject: &str, blind_tags: &[String]) -> Result<Option<Uuid>, StoreError> {
    if blind_tags.is_empty() {
        return Ok(None);
    }
    let id = subject.rsplit('/').next().unwrap_or(subject);
    let id = Uuid::parse_str(id).map_err(|_| {
        invalid(format!(
            "blind tags need a subject that ends in an id, or no erasure could find them: {subject:?}"
        ))
    })?;
    Ok(Some(id))
}

/// Refuses what canonical JSON would change silently or what a reader could not read back.
fn check_data(value: &Value, depth: usize) -> Result<(), StoreError> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("data nests deeper than {MAX_DEPTH}")));
    }
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) if is_exact(number) => Ok(()),
        Value::Number(number) => Err(invalid(format!("{number} is beyond 2^53 - 1: write it as a string"))),
        Value::Array(values) => values.iter().try_for_each(|value| check_data(value, depth + 1)),
        Value::Object(fields) => fields.values().try_for_each(|value| check_data(value, depth + 1)),
    }
}

/// The path to what takes most of the room: down as long as one member has more than half of it. What is sealed is one value,
/// whatever it is made of.
fn largest(data: &Value) -> String {
    let weight = |value: &Value| serde_json::to_vec(value).map_or(0, |bytes| bytes.len());
    let (mut path, mut here) = (String::new(), data);
    while let Value::Object(fields) = here
        && let Some((name, value)) = fields.iter().max_by_key(|(_, value)| weight(value))
        && !name.starts_with('$')
        && (path.is_empty() || 2 * weight(value) > weight(here))
    {
        path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        here = value;
    }
    path
}

fn is_exact(number: &serde_json::Number) -> bool {
    match (number.as_u64(), number.as_i64()) {
        (Some(natural), _) => natural <= MAX_EXACT_INTEGER,
        (None, Some(negative)) => negative.unsigned_abs() <= MAX_EXACT_INTEGER,
        (None, None) => true,
    }
}

fn invalid(what: String) -> StoreError {
    StoreError::Invalid(what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            proptest::num::f64::NORMAL.prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn what_takes_the_most_room_is_named() {
        use serde_json::json;
        let definition =
            json!({"pipeline": {"key": "p", "stages": ["one", "two", "three", "four"]}, "map": []});
        assert_eq!(largest(&definition), "pipeline.stages");
        let note = json!({"text": {"$sealed": {"ciphertext": "abc", "nonce": "def"}}, "at": 1});
        assert_eq!(largest(&note), "text");
        let days =
            json!({"calendar": {"key": "c", "days": {"2026-01-01": [], "2026-01-02": [], "2026-01-03": []}}});
        assert_eq!(largest(&days), "calendar.days");
        assert_eq!(largest(&json!("text")), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn spliced_bytes_are_those_of_canonicalising_the_whole_document(
            data in json(),
            actor in "\\PC{1,20}",
            via in proptest::option::of(any::<String>()),
            endpoint in proptest::option::of("[A-Za-z0-9_-]{1,40}"),
            causation in any::<Option<u128>>(),
            tags in proptest::collection::vec("[!-~]{1,12}", 0..5),
            position in 1..=MAX_EXACT_INTEGER,
            micros in 0..4_102_444_800_000_000_i64,
        ) {
            let draft = Draft {
                id: Uuid::from_u128(1),
                event_type: "thing.done".into(),
                type_version: 1,
                subject: "thing/1".to_owned(),
                effective_at: DateTime::UNIX_EPOCH,
                actor,
                via,
                origin: Some("import".into()),
                endpoint,
                causation_id: causation.map(Uuid::from_u128),
                correlation_id: None,
                tags,
                blind_tags: Vec::new(),
                data,
            };
            let prepared = Prepared::new(TenantId(Uuid::from_u128(2)), draft).unwrap();
            let recorded_at = instant::to_text(instant::from_micros(micros).unwrap());
            let mut bytes = b"what stood there before".to_vec();
            let start = bytes.len();
            let leaf = prepared.complete(position, &recorded_at, &mut bytes);
            let entry = &bytes[start..];
            let whole: Value = serde_json::from_slice(entry).unwrap();
            prop_assert_eq!(serde_json_canonicalizer::to_vec(&whole).unwrap(), entry);
            prop_assert_eq!(leaf, crate::ledger::leaf_hash(entry));
            prop_assert!(entry.len() <= prepared.prefix.len() + SPLICE_BYTES + prepared.suffix.len());
        }
    }
}
