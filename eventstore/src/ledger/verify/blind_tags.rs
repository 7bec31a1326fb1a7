//! Blind tags, made again from the entries and compared with those stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::{Fault, SideCheck};
use crate::ledger::Record;
use crate::vault::{Opening, Vault};
use crate::{BlindTag, Envelope, Position, StoreError, TenantId, Transferable};

/// Blind tags read at a time.
const TAGS_PER_PAGE: u32 = 1_000;

/// What events are found by. That is a rule of those who write them: the log knows nothing of it.
pub trait BlindKeys: Send + Sync {
    /// The kinds and values that an event is found by, from its type, version and opened data.
    ///
    /// # Errors
    /// Why there are none, where it cannot be read.
    fn keys(&self, event_type: &str, version: u32, data: &Value) -> Result<Vec<(String, String)>, String>;

    /// Another subject that all of an event's personal fields are about ([`Opening::also`]).
    fn also_about(&self, event_type: &str, subject: Uuid, data: &Value) -> Option<Uuid>;
}

/// What opens entries, and says what they are found by.
pub type BlindOpener = (Arc<Vault>, Arc<dyn BlindKeys>);

/// Compares the stored blind tags with the log. Each stands for an entry that is there, with its type and its subject, and
/// for no erased subject. With the keys at hand the tags are made again from the opened entries, and none may be missing or
/// be another. Without keys what a tag stands for cannot be told, nor whether one is missing.
///
/// Holds all blind tags of the tenant, some 150 bytes each.
pub struct BlindTags {
    store: Arc<dyn Transferable>,
    opener: Option<BlindOpener>,
    tenant: TenantId,
    until: Position,
    stored: BTreeMap<Position, BTreeSet<BlindTag>>,
    /// What is missing, by subject: an erasure may have taken it meanwhile.
    missing: BTreeSet<BlindTag>,
    surplus: BTreeSet<BlindTag>,
}

impl BlindTags {
    /// Over the blind tags of this store; with what opens entries and says what they are found by, where it is at hand.
    #[must_use]
    pub fn new(store: Arc<dyn Transferable>, opener: Option<BlindOpener>) -> Self {
        Self {
            store,
            opener,
            tenant: TenantId(Uuid::nil()),
            until: 0,
            stored: BTreeMap::new(),
            missing: BTreeSet::new(),
            surplus: BTreeSet::new(),
        }
    }

    /// What was found to be missing, and what is there too much: what a repair puts in and takes out. Complete once every
    /// entry was shown.
    #[must_use]
    pub fn differences(&self) -> (&BTreeSet<BlindTag>, &BTreeSet<BlindTag>) {
        (&self.missing, &self.surplus)
    }

    /// Compares the tags of one entry.
    fn compare(&mut self, envelope: &Envelope<'_>, expected: Option<BTreeSet<BlindTag>>) -> Option<Fault> {
        let stored = self.stored.remove(&envelope.position).unwrap_or_default();
        let subject = subject_of(envelope);
        let belongs = |tag: &BlindTag| Some(tag.subject) == subject && tag.event_type == envelope.event_type;
        let fault = match stored.iter().find(|tag| !belongs(tag)) {
            Some(_) => {
                let what = "a blind tag is stored with another type or subject than the entry has";
                Some(Fault::at(envelope.position, what))
            }
            None => None,
        };
        let Some(expected) = expected.filter(|_| self.opener.is_some()) else { return fault };
        self.missing.extend(expected.difference(&stored).cloned());
        self.surplus.extend(stored.difference(&expected).cloned());
        fault
    }

    /// Whether a subject's key was destroyed by now.
    async fn is_erased(&self, subject: Uuid) -> Result<bool, StoreError> {
        let key = self.store.data_key(self.tenant, subject).await?;
        Ok(key.is_some_and(|key| key.destroyed))
    }

    /// Whether a tag is stored now.
    async fn is_stored(&self, tag: &BlindTag) -> Result<bool, StoreError> {
        let before = BlindTag { position: tag.position.saturating_sub(1), ..tag.clone() };
        Ok(self.store.blind_tags(self.tenant, &before, 1).await?.first() == Some(tag))
    }
}

#[async_trait]
impl SideCheck for BlindTags {
    fn name(&self) -> &'static str {
        "blind tags"
    }

    async fn begin(&mut self, tenant: TenantId, until: Position) -> Result<(), StoreError> {
        (self.tenant, self.until) = (tenant, until);
        let mut after = BlindTag::before_all();
        loop {
            let page = self.store.blind_tags(tenant, &after, TAGS_PER_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.clone();
            for tag in page {
                self.stored.entry(tag.position).or_default().insert(tag);
            }
        }
    }

    async fn entries(&mut self, records: &[Record]) -> Result<Option<Fault>, StoreError> {
        let mut envelopes = Vec::with_capacity(records.len());
        for record in records {
            // The walk has read it, and has told where it cannot.
            envelopes.extend(record.entry.envelope().ok());
        }
        let mut expected = match &self.opener {
            Some(opener) => blind_tags_of(opener, self.tenant, &envelopes, &[]).await?,
            None => BTreeMap::new(),
        };
        let mut first = None;
        for envelope in &envelopes {
            let found = self.compare(envelope, expected.remove(&envelope.position));
            first = Fault::first(first, found);
        }
        Ok(first)
    }

    async fn finish(&mut self) -> Result<Option<Fault>, StoreError> {
        let mut first = None;
        // An erasure meanwhile takes a key and tags together.
        for tag in std::mem::take(&mut self.missing) {
            if !self.is_erased(tag.subject).await? && !self.is_stored(&tag).await? {
                let what = "a blind tag that the entry is found by is not stored";
                first = Fault::first(first, Some(Fault::at(tag.position, what)));
                self.missing.insert(tag);
            }
        }
        for tag in std::mem::take(&mut self.surplus) {
            if self.is_stored(&tag).await? {
                let what = "a blind tag is stored that the entry is not found by";
                first = Fault::first(first, Some(Fault::at(tag.position, what)));
                self.surplus.insert(tag);
            }
        }
        // What is left stands for no entry that was shown: it was appended meanwhile, or is not there.
        let head = self.store.head(self.tenant).await?.position;
        for (position, tags) in std::mem::take(&mut self.stored) {
            if position == 0 || position > head {
                let what = "a blind tag is stored for an entry that is not there";
                first = Fault::first(first, Some(Fault::at(position.max(1), what)));
                self.surplus.extend(tags);
            }
        }
        Ok(first)
    }
}

/// The blind tags that entries have by what is in them once these subjects are erased, by position. Those of erased subjects
/// have none.
///
/// # Errors
/// [`StoreError::Damaged`] where an entry does not open or cannot be read, and whatever reading the store gives.
pub async fn blind_tags_of(
    (vault, keys): &BlindOpener,
    tenant: TenantId,
    envelopes: &[Envelope<'_>],
    erased: &[Uuid],
) -> Result<BTreeMap<Position, BTreeSet<BlindTag>>, StoreError> {
    let mut documents: Vec<(Uuid, Option<Uuid>, Value)> = Vec::new();
    let mut owners = Vec::new();
    for envelope in envelopes {
        if let Some(subject) = subject_of(envelope)
            && let Ok(data) = serde_json::from_str::<Value>(envelope.data.get())
        {
            documents.push((subject, keys.also_about(&envelope.event_type, subject, &data), data));
            owners.push(envelope);
        }
    }
    let mut openings: Vec<Opening<'_>> = documents
        .iter_mut()
        .zip(&owners)
        .map(|((subject, also, data), envelope)| Opening {
            subject: *subject,
            also: *also,
            event_id: envelope.id,
            data,
        })
        .collect();
    match vault.open_without(tenant, erased, &mut openings).await {
        Ok(()) => {}
        // One that does not open fails them all: then each is opened by itself. What is open already stays so.
        Err(StoreError::Damaged { .. } | StoreError::UnknownKey(_)) => {
            for (opening, envelope) in openings.into_iter().zip(&owners) {
                let opened = vault.open_without(tenant, erased, &mut [opening]).await;
                opened.map_err(|error| at(envelope.position, error))?;
            }
        }
        Err(error) => return Err(error),
    }
    let mut expected = BTreeMap::new();
    for ((subject, _, data), envelope) in documents.iter().zip(owners) {
        let found = keys
            .keys(&envelope.event_type, envelope.type_version, data)
            .map_err(|what| StoreError::Damaged { position: envelope.position, what })?;
        let mut tags = BTreeSet::new();
        for (kind, value) in found {
            let tag = vault.blind_tag(tenant, &kind, &value).await?;
            let event_type = envelope.event_type.to_string();
            tags.insert(BlindTag { subject: *subject, tag, position: envelope.position, event_type });
        }
        expected.insert(envelope.position, tags);
    }
    Ok(expected)
}

/// What does not open, with the position of its entry.
fn at(position: Position, error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged { what, .. } => StoreError::Damaged { position, what },
        StoreError::UnknownKey(_) => StoreError::Damaged { position, what: error.to_string() },
        error => error,
    }
}

/// Whom an entry is about: the id at the end of its subject.
fn subject_of(envelope: &Envelope<'_>) -> Option<Uuid> {
    envelope.subject.rsplit('/').next().and_then(|id| Uuid::parse_str(id).ok())
}
