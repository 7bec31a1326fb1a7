//! Signs the log's heads, inside the database and outside it.
//!
//! The copy outside is what makes a rolled-back database visible: a log that ends before the last checkpoint signed
//! is not served. The signature's name is the log's own (`waymark/<tenant>`), as C2SP's tlog-checkpoint wants it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waymark_eventstore::ledger::{BadNote, Checkpoint, FirstNote, Hash, LedgerStore, Signer, Verifier};
use waymark_eventstore::{Position, StoreError, TenantId};

use crate::secrets::Secrets;

/// How often heads that moved are signed while the service runs.
const EVERY: Duration = Duration::from_secs(60);

/// Signs heads, and remembers outside the database what was signed.
pub struct CheckpointSigner {
    store: Arc<dyn LedgerStore>,
    seed: [u8; 32],
    file: PathBuf,
    /// Logs that were begun: what was signed of them must be known outside soon.
    begun: Mutex<UnboundedReceiver<TenantId>>,
    /// Held while heads are signed: of two who write the file, neither is to lose what the other signed.
    signing: Mutex<()>,
    /// Told of whenever a head was signed.
    signed: Notify,
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

/// The notes of all tenants, as the file holds them.
type Notes = BTreeMap<Uuid, String>;

/// What signs the first checkpoint of each log, in the transaction of its first entries; each is told of to anyone who listens.
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
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fault(file, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Notes::new()),
        Err(error) => Err(fault(file, error)),
    }
}

fn fault(file: &Path, why: impl std::fmt::Display) -> CheckpointSignerError {
    CheckpointSignerError::File { path: file.display().to_string(), why: why.to_string() }
}

impl CheckpointSigner {
    /// A notary with the installation's key.
    #[must_use]
    pub fn new(
        store: Arc<dyn LedgerStore>,
        secrets: &Secrets,
        file: PathBuf,
        begun: UnboundedReceiver<TenantId>,
    ) -> Self {
        Self {
            store,
            seed: secrets.signing_seed,
            file,
            begun: Mutex::new(begun),
            signing: Mutex::default(),
            signed: Notify::new(),
        }
    }

    /// Refuses a database that ends before what was signed.
    ///
    /// # Errors
    /// [`CheckpointSignerError::RolledBack`]; or the file or the log cannot be read.
    pub async fn refuse_rollback(&self) -> Result<(), CheckpointSignerError> {
        for (tenant, note) in self.read()? {
            let tenant = TenantId(tenant);
            let signed =
                self.signer(tenant).verifier().open(&note).map_err(|source| self.bad_note(source))?.size;
            let found = self.store.head(tenant).await?.position;
            if found < signed {
                return Err(CheckpointSignerError::RolledBack { tenant, signed, found });
            }
        }
        Ok(())
    }

    /// Signs every head that moved since it was last signed.
    ///
    /// # Errors
    /// When the log or the file cannot be read or written.
    pub async fn sign_heads(&self) -> Result<(), CheckpointSignerError> {
        let _signing = self.signing.lock().await;
        let mut notes = self.read()?;
        let mut moved = false;
        for tenant in self.store.logs().await? {
            let head = self.store.head(tenant).await?;
            let signer = self.signer(tenant);
            let known = notes.get(&tenant.0).and_then(|note| signer.verifier().open(note).ok());
            if head.position == 0 || known.is_some_and(|known| known.size >= head.position) {
                continue;
            }
            let checkpoint = Checkpoint { origin: origin(tenant), size: head.position, root: head.root };
            let note = signer.sign(&checkpoint);
            self.store.save_checkpoint(tenant, head.position, &note).await?;
            notes.insert(tenant.0, note);
            moved = true;
        }
        if moved {
            self.write(&notes)?;
            self.signed.notify_one();
        }
        Ok(())
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
        let signer = self.signer(tenant);
        // Before the head, which whatever was signed cannot be beyond: another process may sign meanwhile.
        let mut notes = self.read()?;
        let head = self.store.head(tenant).await?;
        let checkpoint = Checkpoint { origin: origin(tenant), size: head.position, root: head.root };
        if let Some(note) = notes.get(&tenant.0) {
            let known = signer.verifier().open(note).map_err(|source| self.bad_note(source))?;
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
        let note = signer.sign(&checkpoint);
        if head.position > 0 {
            self.store.save_checkpoint(tenant, head.position, &note).await?;
            notes.insert(tenant.0, note.clone());
            self.write(&notes)?;
            self.signed.notify_one();
        }
        Ok(SignedHead { checkpoint, note })
    }

    /// The signed note over the tree of a tenant's first entries, given its root as the log has it. It is not kept.
    #[must_use]
    pub fn sign_earlier(&self, tenant: TenantId, size: Position, root: Hash) -> SignedHead {
        let checkpoint = Checkpoint { origin: origin(tenant), size, root };
        let note = self.signer(tenant).sign(&checkpoint);
        SignedHead { checkpoint, note }
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
        let known = self.signer(tenant).verifier().open(note).map_err(|source| self.bad_note(source))?;
        if known.size != size || note.lines().any(|known| known == line) {
            return Ok(());
        }
        note.push_str(line);
        note.push('\n');
        self.store.save_checkpoint(tenant, size, note).await?;
        self.write(&notes)
    }

    /// The signed note over another text about a tenant's log, which must not be readable as a checkpoint.
    #[must_use]
    pub fn sign_text(&self, tenant: TenantId, text: &str) -> String {
        self.signer(tenant).sign_text(text)
    }

    /// The key that checks what is signed of a tenant's log.
    #[must_use]
    pub fn verifier(&self, tenant: TenantId) -> Verifier {
        self.signer(tenant).verifier()
    }

    /// The log whose heads are signed.
    #[must_use]
    pub fn store(&self) -> &dyn LedgerStore {
        &*self.store
    }

    /// Signs from time to time, and whenever a log was begun, until the token is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        let mut begun = self.begun.lock().await;
        while stop.run_until_cancelled(self.next(&mut begun)).await.is_some() {
            if let Err(error) = self.sign_heads().await {
                tracing::error!(%error, "the log's heads were not signed");
            }
        }
    }

    /// Waits until heads are to be signed: for a while, or until the first entries of a log are on disk.
    async fn next(&self, begun: &mut UnboundedReceiver<TenantId>) {
        match tokio::time::timeout(EVERY, begun.recv()).await {
            Ok(Some(tenant)) => {
                // It was told of before its commit.
                let mut position = self.store.watch(tenant);
                let committed = position.wait_for(|position| *position > 0);
                tokio::time::timeout(EVERY, committed).await.ok();
            }
            // Nobody begins logs any more.
            Ok(None) => tokio::time::sleep(EVERY).await,
            Err(_) => {}
        }
    }

    fn signer(&self, tenant: TenantId) -> Signer {
        Signer::new(&origin(tenant), &self.seed)
    }

    fn read(&self) -> Result<Notes, CheckpointSignerError> {
        read(&self.file)
    }

    /// Replaces the file whole: a crash leaves the old one or the new one.
    fn write(&self, notes: &Notes) -> Result<(), CheckpointSignerError> {
        let mut name = self.file.clone().into_os_string();
        name.push(format!(".{}", std::process::id()));
        let fresh = PathBuf::from(name);
        let written = std::fs::File::create(&fresh).and_then(|mut out| {
            serde_json::to_writer_pretty(&mut out, notes)?;
            out.write_all(b"\n")?;
            out.sync_all()
        });
        written.and_then(|()| std::fs::rename(&fresh, &self.file)).map_err(|error| self.fault(error))
    }

    fn fault(&self, why: impl std::fmt::Display) -> CheckpointSignerError {
        fault(&self.file, why)
    }

    fn bad_note(&self, source: BadNote) -> CheckpointSignerError {
        CheckpointSignerError::BadNote { path: self.file.display().to_string(), source }
    }
}

fn forked(checkpoint: &Checkpoint, tenant: TenantId) -> CheckpointSignerError {
    CheckpointSignerError::Forked { tenant, size: checkpoint.size }
}

/// The name of a tenant's log.
pub(crate) fn origin(tenant: TenantId) -> String {
    format!("waymark/{tenant}")
}
