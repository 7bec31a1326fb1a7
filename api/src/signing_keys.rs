//! Which keys sign a tenant's log: that is told by the log, and their secrets stand in the key file.
//!
//! The first key of a log is the installation's. Each further one is a log's own, and signs from the event on that says so. The key
//! before it signs beside it for a while, and the first checkpoint that has the event in any case: from that checkpoint anyone who knows
//! the old key learns the new one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use waymark_domain::company::{CompanyEvent, SigningKeyRotated};
use waymark_domain::tags;
use waymark_eventstore::ledger::{LedgerStore, Signer, Succession, Verifier};
use waymark_eventstore::{Clock, Entry, EventStore, Position, Query, QueryItem, StoreError, TenantId};

use crate::app::{AppError, Fold, FoldCache};
use crate::key_file::KeyFile;
use crate::key_place::SecretsError;
use crate::secrets::PUBLIC_NAME;

/// The type of the events that tell of changes.
pub(crate) const ROTATED: &str = "signing_key.rotated";
/// How many entries or notes are read at a time.
const ROWS_PER_PAGE: u32 = 100;

/// A key of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogKey {
    /// What checks its signatures.
    pub(crate) verifier: Verifier,
    /// The position of the event from which on it signs; zero for the first key.
    pub(crate) position: Position,
    /// Since when it signs; none for the first key, which signs from the first entry on.
    pub(crate) valid_from: Option<DateTime<Utc>>,
    /// Until when it signs beside the one that replaced it; none for the one that signs now.
    pub(crate) valid_until: Option<DateTime<Utc>>,
}

/// Why it cannot be said what signs a log, or it cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] AppError),
    /// The stored checkpoints cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key file cannot be read or replaced.
    #[error(transparent)]
    KeyFile(#[from] SecretsError),
    /// The log is signed by a key that is not in this key file.
    #[error(
        "the log of tenant {tenant} is signed by the key {key}, which is not in the key file of this node: copy the key file of \
         the node where the signing key was changed; until then this node signs nothing of this log"
    )]
    Missing {
        /// Whose log.
        tenant: TenantId,
        /// The key's id.
        key: String,
    },
}

/// The keys of all logs.
pub(crate) struct SigningKeys {
    store: Arc<dyn LedgerStore>,
    file: Arc<KeyFile>,
    clock: Clock,
    changes: FoldCache<Changes>,
    /// The changes whose old key is known to have signed a checkpoint that has them.
    handed_over: Mutex<HashSet<(TenantId, Position)>>,
    /// The logs that could not be signed when that was last tried, for want of a key.
    missing: Mutex<BTreeMap<TenantId, String>>,
}

/// The changes of a log's key, in order.
#[derive(Clone, Default)]
struct Changes(Arc<Vec<Change>>);

/// A change of a log's key.
#[derive(Clone)]
struct Change {
    position: Position,
    event: SigningKeyRotated,
    old: Verifier,
    new: Verifier,
}

impl Fold for Changes {
    fn query() -> Query {
        query()
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), AppError> {
        if let Some(change) = Change::of(entry)? {
            Arc::make_mut(&mut self.0).push(change);
        }
        Ok(())
    }
}

impl Change {
    fn of(entry: &Entry) -> Result<Option<Self>, AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| unreadable(error.to_string()))?;
        let Some(CompanyEvent::SigningKeyRotated(event)) = event else { return Ok(None) };
        let key = |vkey: &str| {
            Verifier::from_vkey(vkey).ok_or_else(|| unreadable(format!("{vkey} is no public key")))
        };
        let (old, new) = (key(&event.replaces.vkey)?, key(&event.key.vkey)?);
        Ok(Some(Self { position: entry.position, event, old, new }))
    }

    fn succession(&self) -> Succession {
        Succession { position: self.position, old: self.old.clone(), new: self.new.clone() }
    }
}

/// Which events tell of changes.
fn query() -> Query {
    Query { items: vec![QueryItem { types: vec![ROTATED.to_owned()], tags: vec![tags::COMPANY.to_owned()] }] }
}

/// The changes of the key that a tenant's log has recorded up to a position, in order, with the entry of each.
///
/// # Errors
/// When the log cannot be read.
pub(crate) async fn successions(
    log: &dyn EventStore,
    tenant: TenantId,
    until: Position,
) -> Result<Vec<(Succession, Entry)>, AppError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = log.read_matching(tenant, &query(), after, until, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.position;
        for entry in page {
            if let Some(change) = Change::of(&entry)? {
                found.push((change.succession(), entry));
            }
        }
    }
}

/// The first stored note over a tree that has the record of a change and is signed by the key before it.
///
/// # Errors
/// When the notes cannot be read.
pub(crate) async fn hand_over(
    store: &dyn LedgerStore,
    tenant: TenantId,
    change: &Succession,
) -> Result<Option<(u64, String)>, StoreError> {
    let mut after = change.position.saturating_sub(1);
    loop {
        let page = store.checkpoints_after(tenant, after, ROWS_PER_PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        after = *last;
        let signed = |(_, note): &(u64, String)| change.old.open(note).is_ok();
        if let Some(found) = page.into_iter().find(signed) {
            return Ok(Some(found));
        }
    }
}

impl SigningKeys {
    /// The keys of the logs of a store, with the secrets of a key file.
    pub(crate) fn new(store: Arc<dyn LedgerStore>, file: Arc<KeyFile>, clock: Clock) -> Self {
        let log: Arc<dyn EventStore> = store.clone();
        let changes = FoldCache::new(log, clock.clone());
        Self { store, file, clock, changes, handed_over: Mutex::default(), missing: Mutex::default() }
    }

    /// The keys of a tenant's log, which has this name: the first one first, the one that signs now last. There is always one.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn of(&self, tenant: TenantId, name: &str) -> Result<Vec<LogKey>, SigningKeyError> {
        let changes = self.changes.current(tenant).await?.0.0;
        let first =
            changes.first().map_or_else(|| self.file.first_verifier(name), |change| change.old.clone());
        let mut keys = vec![LogKey { verifier: first, position: 0, valid_from: None, valid_until: None }];
        for Change { position, event, new, .. } in &*changes {
            if let Some(before) = keys.last_mut() {
                before.valid_until = Some(event.replaced_valid_until);
            }
            keys.push(LogKey {
                verifier: new.clone(),
                position: *position,
                valid_from: Some(event.valid_from),
                valid_until: None,
            });
        }
        Ok(keys)
    }

    /// What signs a tree of a tenant's log of this size, or whatever else is said of a log that has come so far: the key that signs
    /// from then on first, and after it those that sign beside it still.
    ///
    /// # Errors
    /// [`SigningKeyError::Missing`]; or the log, its checkpoints or the key file cannot be read.
    pub(crate) async fn signers(
        &self,
        tenant: TenantId,
        name: &str,
        size: Position,
    ) -> Result<Vec<Signer>, SigningKeyError> {
        let mut keys = self.of(tenant, name).await?;
        keys.retain(|key| key.position <= size);
        let now = (self.clock)();
        let mut signing = Vec::new();
        for (place, key) in keys.iter().enumerate().rev() {
            match keys.get(place + 1) {
                Some(next) if !key.signs_beside(now) => {
                    // A secret that was forgotten has handed over, whatever the stored checkpoints say by now.
                    if !self.is_handed_over(tenant, key, next).await? {
                        signing.extend(self.file.signer(tenant, &key.verifier));
                    }
                }
                _ => signing.push(self.signer(tenant, &key.verifier)?),
            }
        }
        self.missing.lock().remove(&tenant);
        Ok(signing)
    }

    /// Everything that may have signed a tenant's log: the keys that it tells of, and those of the key file. A log that was rolled
    /// back does not tell of the last ones.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn verifiers(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<Verifier>, SigningKeyError> {
        let mut known = self.file.verifiers(tenant, name);
        known.extend(self.of(tenant, name).await?.into_iter().map(|key| key.verifier));
        Ok(known)
    }

    /// A key that a tenant's log can be changed to, durably in the key file.
    ///
    /// # Errors
    /// When the log cannot be read, or the key file not be replaced.
    pub(crate) async fn prepare(&self, tenant: TenantId, name: &str) -> Result<Verifier, SigningKeyError> {
        let used: Vec<Verifier> = self.of(tenant, name).await?.into_iter().map(|key| key.verifier).collect();
        Ok(self.file.prepare(tenant, name, &used)?.verifier())
    }

    /// Takes the secrets out of the key file of keys that sign nothing of a tenant's log any more. The installation's key stays: it
    /// is the first of every new log.
    ///
    /// # Errors
    /// When the log or its checkpoints cannot be read, or the key file not be replaced.
    pub(crate) async fn forget_retired(&self, tenant: TenantId, name: &str) -> Result<(), SigningKeyError> {
        let keys = self.of(tenant, name).await?;
        let (now, mut retired) = ((self.clock)(), Vec::new());
        for pair in keys.windows(2) {
            if !pair[0].signs_beside(now) && self.is_handed_over(tenant, &pair[0], &pair[1]).await? {
                retired.push(pair[0].verifier.clone());
            }
        }
        if retired.is_empty() {
            return Ok(());
        }
        Ok(self.file.forget(tenant, name, &retired)?)
    }

    /// Whether a key signs a tenant's log beside a newer one, or could not hand over yet, so that its secret is still to be forgotten.
    ///
    /// # Errors
    /// When the log or its checkpoints cannot be read.
    pub(crate) async fn is_changing(&self, tenant: TenantId, name: &str) -> Result<bool, SigningKeyError> {
        let (keys, now) = (self.of(tenant, name).await?, (self.clock)());
        for pair in keys.windows(2) {
            if pair[0].signs_beside(now) || !self.is_handed_over(tenant, &pair[0], &pair[1]).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The key of the installation, as it signs a log of this name.
    pub(crate) fn first(&self, name: &str) -> Verifier {
        self.file.first_verifier(name)
    }

    /// The keys of the key file that may have signed a tenant's log: its own further ones may be on other nodes.
    pub(crate) fn in_file(&self, tenant: TenantId, name: &str) -> Vec<Verifier> {
        self.file.verifiers(tenant, name)
    }

    /// The key of the installation, under its own name: the first of each log.
    pub(crate) fn first_of_all(&self) -> Verifier {
        self.file.first_verifier(PUBLIC_NAME)
    }

    /// The keys that sign a tenant's log now, the newest first, where its key was ever changed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn published(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<Verifier>, SigningKeyError> {
        let (keys, now) = (self.of(tenant, name).await?, (self.clock)());
        if keys.len() == 1 {
            return Ok(Vec::new());
        }
        let signing = keys.into_iter().rev().filter(|key| key.valid_until.is_none() || key.signs_beside(now));
        Ok(signing.map(|key| key.verifier).collect())
    }

    /// The logs that could not be signed for want of a key when that was last tried.
    pub(crate) fn unsigned(&self) -> Vec<TenantId> {
        self.missing.lock().keys().copied().collect()
    }

    /// The keys, by their ids, for want of which that was.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.missing.lock().values().cloned().collect()
    }

    fn signer(&self, tenant: TenantId, key: &Verifier) -> Result<Signer, SigningKeyError> {
        self.file.signer(tenant, key).ok_or_else(|| {
            let key = format!("{:08x}", key.id());
            self.missing.lock().insert(tenant, key.clone());
            SigningKeyError::Missing { tenant, key }
        })
    }

    /// Whether a key signed a stored checkpoint that has the record of the change to the next one.
    async fn is_handed_over(
        &self,
        tenant: TenantId,
        key: &LogKey,
        next: &LogKey,
    ) -> Result<bool, SigningKeyError> {
        let place = (tenant, next.position);
        if self.handed_over.lock().contains(&place) {
            return Ok(true);
        }
        let (old, new) = (key.verifier.clone(), next.verifier.clone());
        let change = Succession { position: next.position, old, new };
        let found = hand_over(&*self.store, tenant, &change).await?.is_some();
        if found {
            self.handed_over.lock().insert(place);
        }
        Ok(found)
    }
}

impl LogKey {
    /// Whether it signs beside the one that replaced it.
    pub(crate) fn signs_beside(&self, now: DateTime<Utc>) -> bool {
        self.valid_until.is_some_and(|until| now < until)
    }
}
