//! Signs the log's heads, inside the database and outside it.
//!
//! The copy outside is what makes a rolled-back database visible: a log that ends before the last checkpoint signed
//! is not served. The signature's name is the log's own (`waymark/<tenant>`), as C2SP's tlog-checkpoint wants it. Which keys
//! sign is said by [`signing_keys`](crate::signing_keys).

mod unmoved;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use waymark_eventstore::ledger::{
    BadNote, Checkpoint, FirstNote, Hash, LedgerStore, Signer, Verifier, open_by_any, sign_text,
};
use waymark_eventstore::{Clock, Position, StoreError, TenantId};

use crate::key_file::KeyFile;
use crate::note_file::{self, Notes};
use crate::public_keys;
use crate::secrets::Secrets;
use crate::signing_keys::{LogKey, SigningKeyError, SigningKeys};

/// How often heads that moved are signed while the service runs.
const EVERY: Duration = Duration::from_secs(60);

/// Signs heads, and remembers outside the database what was signed.
pub struct CheckpointSigner {
    store: Arc<dyn LedgerStore>,
    keys: SigningKeys,
    files: SignedFiles,
    /// Logs that were begun: what was signed of them must be known outside soon.
    begun: Mutex<UnboundedReceiver<TenantId>>,
    /// Held while heads are signed: of two who write the file, neither is to lose what the other signed.
    signing: Mutex<()>,
    /// Hears whenever a head was signed.
    signed: Notify,
    /// Up to where logs are signed that need nothing until they move on.
    settled: parking_lot::Mutex<HashMap<TenantId, Position>>,
    /// The keys of logs whose key was changed, as of the last look at each.
    published: parking_lot::Mutex<BTreeMap<TenantId, Vec<Verifier>>>,
}

/// The files beside the database that others are handed.
#[derive(Debug, Clone)]
pub struct SignedFiles {
    /// The last signed note of each log.
    pub notes: PathBuf,
    /// The public keys that check what is signed now.
    pub keys: PathBuf,
}

/// A head and the signed note over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// What the note says.
    pub checkpoint: Checkpoint,
    /// The note as it is served.
    pub note: String,
}

/// Why heads could not be signed, or must not be served.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointSignerError {
    /// The log failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be signed, or not be said by which key.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// The file beside the database cannot be read or written.
    #[error("the checkpoint file {path}: {why}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// A note in the file does not prove anything.
    #[error("the checkpoint file {path}: {source}")]
    BadNote {
        /// Which file.
        path: String,
        /// Why.
        source: BadNote,
    },
    /// The log has other entries than those that were signed.
    #[error(
        "the log of tenant {tenant} is not the one that was signed at size {size}; look into it with `waymark verify`"
    )]
    Forked {
        /// Whose log.
        tenant: TenantId,
        /// The size that was signed.
        size: Position,
    },
    /// The database is older than what was signed.
    #[error(
        "the log of tenant {tenant} ends at {found}, but {signed} was signed: the database was rolled back; \
         put the newer one back, or look into it with `waymark verify`"
    )]
    RolledBack {
        /// Whose log.
        tenant: TenantId,
        /// The size that was signed.
        signed: Position,
        /// The size that is there.
        found: Position,
    },
}

impl CheckpointSignerError {
    /// Whether a log is signed by a key that is not here.
    #[must_use]
    pub fn is_missing_key(&self) -> bool {
        matches!(self, Self::Key(SigningKeyError::Missing { .. }))
    }
}

/// What signs the first checkpoint of each log, in the transaction of its first entries; each is reported to anyone who listens.
pub(crate) fn first_note(secrets: &Secrets, begun: UnboundedSender<TenantId>) -> FirstNote {
    let seed = secrets.signing_seed;
    Arc::new(move |tenant, size, root| {
        // Nobody listens in a command that ends by itself: it signs every head at its end.
        begun.send(tenant).ok();
        let origin = origin(tenant);
        Signer::new(&origin, &seed).sign(&Checkpoint { origin, size, root: *root })
    })
}

/// The note on a tenant's log that is kept outside the database, in this file; none where there is none.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn note_outside(file: &Path, tenant: TenantId) -> Result<Option<String>, CheckpointSignerError> {
    Ok(read(file)?.remove(&tenant.0))
}

fn read(file: &Path) -> Result<Notes, CheckpointSignerError> {
    note_file::read(file).map_err(|error| fault(file, error))
}

fn fault(file: &Path, why: impl std::fmt::Display) -> CheckpointSignerError {
    CheckpointSignerError::File { path: file.display().to_string(), why: why.to_string() }
}

impl CheckpointSigner {
    /// A notary with the keys of a key file.
    #[must_use]
    pub fn new(
        store: Arc<dyn LedgerStore>,
        key_file: Arc<KeyFile>,
        files: SignedFiles,
        begun: UnboundedReceiver<TenantId>,
        clock: Clock,
    ) -> Self {
        let keys = SigningKeys::new(store.clone(), key_file, clock);
        Self {
            store,
            keys,
            files,
            begun: Mutex::new(begun),
            signing: Mutex::default(),
            signed: Notify::new(),
            settled: parking_lot::Mutex::default(),
            published: parking_lot::Mutex::default(),
        }
    }

    /// Signs every head that moved since it was last signed.
    ///
    /// # Errors
    /// When the log or the file cannot be read or written.
    pub async fn sign_heads(&self) -> Result<(), CheckpointSignerError> {
        let _signing = self.signing.lock().await;
        let mut notes = self.read()?;
        let (mut moved, mut failed) = (false, None);
        let mut logs = self.store.known_heads();
        logs.retain(|(log, position)| self.settled.lock().get(log).is_none_or(|settled| settled < position));
        for (tenant, position) in logs {
            if self.unmoved(tenant, position, &notes).await.is_some() {
                self.settled.lock().insert(tenant, position);
                continue;
            }
            match self.sign_moved(tenant, &mut notes).await {
                Ok(signed) => moved |= signed,
                // That one log cannot be signed keeps no other from being signed.
                Err(CheckpointSignerError::Key(error)) => failed = failed.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if moved {
            self.write(&notes)?;
            self.signed.notify_one();
        }
        self.publish(&self.published.lock().clone());
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Signs the head of a tenant's log if it moved, and forgets the secrets that it needs no more.
    async fn sign_moved(&self, tenant: TenantId, notes: &mut Notes) -> Result<bool, CheckpointSignerError> {
        let head = self.store.head(tenant).await?;
        // Also where nothing moved: a key that is missing is noticed before it is needed.
        let signers = self.signers(tenant, head.position).await?;
        let known = match notes.get(&tenant.0) {
            Some(note) => self.open(tenant, note).await.ok(),
            None => None,
        };
        let moved = head.position > 0 && known.is_none_or(|known| known.size < head.position);
        if moved {
            let checkpoint = Checkpoint { origin: origin(tenant), size: head.position, root: head.root };
            let note = self.keep(tenant, &checkpoint, &signers).await?;
            notes.insert(tenant.0, note);
        }
        let forgotten = self.keys.forget_retired(tenant, &origin(tenant)).await;
        if let Err(error) = &forgotten {
            tracing::warn!(%error, "the secret of a key that signs no more is still in the key file");
        }
        // While keys change it is looked at every time, else when its log has moved.
        if forgotten.is_ok() && !self.keys.is_changing(tenant, &origin(tenant)).await? {
            self.settled.lock().insert(tenant, head.position);
        }
        if !tenant.is_access_log() {
            let published = self.keys.published(tenant, &origin(tenant)).await?;
            self.published.lock().insert(tenant, published);
        }
        Ok(moved)
    }

    /// Signs a checkpoint and keeps the note in the database, with whatever else is signed under the same text there: a hand-over to
    /// another key, or a cosignature.
    async fn keep(
        &self,
        tenant: TenantId,
        checkpoint: &Checkpoint,
        signers: &[Signer],
    ) -> Result<String, CheckpointSignerError> {
        let mut note = sign_text(signers, &checkpoint.to_text());
        let stored = self.store.checkpoints_after(tenant, checkpoint.size - 1, 1).await?;
        if let Some((_, stored)) = stored.into_iter().find(|(size, _)| *size == checkpoint.size)
            && self.open(tenant, &stored).await.is_ok_and(|known| known == *checkpoint)
        {
            let lines = stored.split_inclusive('\n').filter(|line| line.starts_with('\u{2014}'));
            let further: Vec<&str> = lines.filter(|line| !note.contains(line)).collect();
            note.extend(further);
        }
        self.store.save_checkpoint(tenant, checkpoint.size, &note).await?;
        Ok(note)
    }

    /// Waits until a head was signed since it was waited for last.
    pub(crate) async fn signed(&self) {
        self.signed.notified().await;
    }

    /// The signed head of a tenant's log as it is now, signed if it has moved since it was last. The empty log is signed
    /// as well, and not kept.
    ///
    /// # Errors
    /// [`CheckpointSignerError::RolledBack`] and [`CheckpointSignerError::Forked`] where the log is not the one that was
    /// signed before; or the log or the file cannot be read or written.
    pub async fn sign_head(&self, tenant: TenantId) -> Result<SignedHead, CheckpointSignerError> {
        let _signing = self.signing.lock().await;
        // Before the head, which whatever was signed cannot be beyond: another process may sign meanwhile.
        let mut notes = self.read()?;
        let head = self.store.head(tenant).await?;
        let checkpoint = Checkpoint { origin: origin(tenant), size: head.position, root: head.root };
        if let Some(note) = notes.get(&tenant.0) {
            let known = self.open(tenant, note).await?;
            if known.size > head.position {
                let (signed, found) = (known.size, head.position);
                return Err(CheckpointSignerError::RolledBack { tenant, signed, found });
            }
            if known.size == head.position {
                let same = known.root == head.root;
                let note = note.clone();
                return if same {
                    Ok(SignedHead { checkpoint, note })
                } else {
                    Err(forked(&checkpoint, tenant))
                };
            }
        }
        let signers = self.signers(tenant, head.position).await?;
        if head.position == 0 {
            let note = sign_text(&signers, &checkpoint.to_text());
            return Ok(SignedHead { checkpoint, note });
        }
        let note = self.keep(tenant, &checkpoint, &signers).await?;
        notes.insert(tenant.0, note.clone());
        self.write(&notes)?;
        self.signed.notify_one();
        Ok(SignedHead { checkpoint, note })
    }

    /// The signed note over the tree of a tenant's first entries, given its root as the log has it, by the keys that sign now. It is
    /// not kept.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn sign_earlier(
        &self,
        tenant: TenantId,
        size: Position,
        root: Hash,
    ) -> Result<SignedHead, CheckpointSignerError> {
        let checkpoint = Checkpoint { origin: origin(tenant), size, root };
        let note = self.sign_text(tenant, &checkpoint.to_text()).await?;
        Ok(SignedHead { checkpoint, note })
    }

    /// Adds a cosignature, a line that its witness's key has verified, to the note over the head of this size. A head that has moved
    /// meanwhile is left alone: the next one is cosigned by itself.
    ///
    /// # Errors
    /// When the log or the file cannot be read or written.
    pub async fn add_cosignature(
        &self,
        tenant: TenantId,
        size: Position,
        line: &str,
    ) -> Result<(), CheckpointSignerError> {
        let _signing = self.signing.lock().await;
        let mut notes = self.read()?;
        let Some(note) = notes.get_mut(&tenant.0) else { return Ok(()) };
        let known = self.open(tenant, note).await?;
        if known.size != size || note.lines().any(|known| known == line) {
            return Ok(());
        }
        note.push_str(line);
        note.push('\n');
        self.store.save_checkpoint(tenant, size, note).await?;
        self.write(&notes)
    }

    /// The signed note over a text about a tenant's log, by the keys that sign now.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn sign_text(&self, tenant: TenantId, text: &str) -> Result<String, CheckpointSignerError> {
        Ok(sign_text(&self.signers(tenant, Position::MAX).await?, text))
    }

    /// What signs a tree of a tenant's log of this size.
    ///
    /// # Errors
    /// When a key is missing here.
    pub(crate) async fn signers(
        &self,
        tenant: TenantId,
        size: Position,
    ) -> Result<Vec<Signer>, CheckpointSignerError> {
        Ok(self.keys.signers(tenant, &origin(tenant), size).await?)
    }

    /// The keys that check what is or was signed of a tenant's log: the first one first, the one that signs now last.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn keys(&self, tenant: TenantId) -> Result<Vec<LogKey>, CheckpointSignerError> {
        Ok(self.keys.of(tenant, &origin(tenant)).await?)
    }

    /// A key that a tenant's log can be changed to, durably in the key file. Nothing is signed with it before the log says so.
    ///
    /// # Errors
    /// When what signs now is missing here, or the key file cannot be replaced.
    pub(crate) async fn prepare_key(&self, tenant: TenantId) -> Result<Verifier, CheckpointSignerError> {
        let name = origin(tenant);
        // Who cannot sign now could not hand over.
        self.keys.signers(tenant, &name, Position::MAX).await?;
        Ok(self.keys.prepare(tenant, &name).await?)
    }

    /// Puts the public keys that check what is signed now into the file beside the database: the installation's, and those of logs
    /// whose key was changed. Without it nothing is lost, so what fails is said and no more.
    pub(crate) async fn publish_keys(&self) {
        match self.published_now().await {
            Ok(keys) => self.publish(&keys),
            Err(error) => tracing::warn!(%error, "the public keys were not written"),
        }
    }

    fn publish(&self, published: &BTreeMap<TenantId, Vec<Verifier>>) {
        let first = std::iter::once(self.keys.first_of_all());
        let keys: Vec<Verifier> = first.chain(published.values().flatten().cloned()).collect();
        if let Err(error) = public_keys::publish(&self.files.keys, &keys) {
            tracing::warn!(%error, path = %self.files.keys.display(), "the public keys were not written");
        }
    }

    async fn published_now(&self) -> Result<BTreeMap<TenantId, Vec<Verifier>>, CheckpointSignerError> {
        let mut published = BTreeMap::new();
        for tenant in self.store.tenants().await? {
            published.insert(tenant, self.keys.published(tenant, &origin(tenant)).await?);
        }
        Ok(published)
    }

    /// The keys, by their ids, for want of which logs cannot be signed here. Logs that could be signed when that was last tried are
    /// not looked at.
    pub(crate) async fn missing_keys(&self) -> Vec<String> {
        for tenant in self.keys.unsigned() {
            // The key file may be another one by now.
            self.can_sign(tenant).await.ok();
        }
        self.keys.missing()
    }

    /// Whether a tenant's log can be signed here.
    ///
    /// # Errors
    /// When it cannot.
    pub(crate) async fn can_sign(&self, tenant: TenantId) -> Result<(), CheckpointSignerError> {
        self.signers(tenant, Position::MAX).await.map(drop)
    }

    /// The log whose heads are signed.
    #[must_use]
    pub fn store(&self) -> &dyn LedgerStore {
        &*self.store
    }

    /// Signs from time to time, and whenever a log was begun, until the token is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        let mut begun = self.begun.lock().await;
        self.sign_heads_or_say().await;
        while stop.run_until_cancelled(self.next(&mut begun)).await.is_some() {
            self.sign_heads_or_say().await;
        }
    }

    async fn sign_heads_or_say(&self) {
        if let Err(error) = self.sign_heads().await {
            tracing::error!(%error, "the log's heads were not signed");
        }
    }

    /// Waits until heads are to be signed: for a while, or until the first entries of a log are on disk.
    async fn next(&self, begun: &mut UnboundedReceiver<TenantId>) {
        match tokio::time::timeout(EVERY, begun.recv()).await {
            Ok(Some(tenant)) => {
                // It was reported before its commit.
                let mut position = self.store.watch(tenant);
                let committed = position.wait_for(|position| *position > 0);
                tokio::time::timeout(EVERY, committed).await.ok();
            }
            // Nobody begins logs any more.
            Ok(None) => tokio::time::sleep(EVERY).await,
            Err(_) => {}
        }
    }

    /// Opens a note on a tenant's log by any key that may have signed it.
    async fn open(&self, tenant: TenantId, note: &str) -> Result<Checkpoint, CheckpointSignerError> {
        let keys = self.keys.verifiers(tenant, &origin(tenant)).await?;
        open_by_any(&keys, note).map_err(|source| self.bad_note(source))
    }

    fn read(&self) -> Result<Notes, CheckpointSignerError> {
        read(&self.files.notes)
    }

    fn write(&self, notes: &Notes) -> Result<(), CheckpointSignerError> {
        note_file::write(&self.files.notes, notes).map_err(|error| self.fault(error))
    }

    fn fault(&self, why: impl std::fmt::Display) -> CheckpointSignerError {
        fault(&self.files.notes, why)
    }

    fn bad_note(&self, source: BadNote) -> CheckpointSignerError {
        CheckpointSignerError::BadNote { path: self.files.notes.display().to_string(), source }
    }
}

fn forked(checkpoint: &Checkpoint, tenant: TenantId) -> CheckpointSignerError {
    CheckpointSignerError::Forked { tenant, size: checkpoint.size }
}

/// The name of a tenant's log.
pub(crate) fn origin(tenant: TenantId) -> String {
    format!("waymark/{tenant}")
}
