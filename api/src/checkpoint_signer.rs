//! Signs the log's heads, inside the database and outside it.
//!
//! The copy outside is what makes a rolled-back database visible: a log that ends before the last checkpoint signed
//! is not served. The signature's name is the log's own (`waymark/<tenant>`), as C2SP's tlog-checkpoint wants it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waymark_eventstore::ledger::{BadNote, Checkpoint, FirstNote, LedgerStore, Signer};
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
        Self { store, seed: secrets.signing_seed, file, begun: Mutex::new(begun) }
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
        let mut notes = self.read()?;
        let mut moved = false;
        for tenant in self.store.tenants().await? {
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
        if moved { self.write(&notes) } else { Ok(()) }
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

/// The name of a tenant's log.
pub(crate) fn origin(tenant: TenantId) -> String {
    format!("waymark/{tenant}")
}
