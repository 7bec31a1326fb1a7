//! Evidence to carry away: a stretch of the log with everything that it takes to check it elsewhere, as one `.tar.gz`.
//!
//! The format is described in `docs/audit-format.md`; `verification/bundle.rs` and `docs/verify/verify.py` check it. The archive
//! is made while it is sent: one file of entries is in memory at a time. The same stretch of the same tree is the same archive,
//! byte for byte.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use waymark_eventstore::ledger::{Hash, Signer, Succession, range_proof, sign_text};
use waymark_eventstore::{Entry, EventStore, Position, TenantId};

use crate::app::AppError;
use crate::checkpoint_signer::{CheckpointSigner, CheckpointSignerError, SignedHead};
use crate::signing_keys::{hand_over, successions};

/// The first line of a manifest, which names the format.
pub(crate) const FORMAT: &str = "waymark/bundle@v1";
/// The file that names and measures all others, at the end.
pub(crate) const MANIFEST: &str = "manifest";
/// How many entries a file has at most.
pub(crate) const ENTRIES_PER_FILE: u64 = 256;

/// What the archive says of itself to people.
const README: &str = include_str!("bundle_readme.md");

/// An archive that is being made.
pub(crate) struct Bundle {
    signer: Arc<CheckpointSigner>,
    store: Arc<dyn EventStore>,
    tenant: TenantId,
    signed: SignedHead,
    /// What signed the head, and signs the manifest.
    signers: Vec<Signer>,
    /// The first position and the last.
    stretch: (Position, Position),
    /// The position that the next file of entries begins with; none before the first file.
    next: Option<Position>,
    /// The files so far, a line of the manifest each.
    files: String,
    /// When the last entry under the checkpoint was recorded: the age of every file.
    modified: u64,
    archive: GzEncoder<Vec<u8>>,
}

impl Bundle {
    /// The entries from one position to another, both included, under a signed head that has both.
    pub(crate) fn new(
        signer: Arc<CheckpointSigner>,
        store: Arc<dyn EventStore>,
        tenant: TenantId,
        signed: SignedHead,
        stretch: (Position, Position),
    ) -> Self {
        let archive = GzEncoder::new(Vec::new(), Compression::default());
        Self {
            signer,
            store,
            tenant,
            signed,
            signers: Vec::new(),
            stretch,
            next: None,
            files: String::new(),
            modified: 0,
            archive,
        }
    }

    /// The next bytes of the archive; none at its end.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn next(mut self) -> Result<Option<(Vec<u8>, Option<Self>)>, AppError> {
        let (_, last) = self.stretch;
        match self.next {
            None => self.begin().await?,
            Some(next) if next <= last => self.entries(next).await?,
            Some(_) => {
                let end = self.end()?;
                return Ok(Some((end, None)));
            }
        }
        let made = std::mem::take(self.archive.get_mut());
        Ok(Some((made, Some(self))))
    }

    /// What is there before the entries.
    async fn begin(&mut self) -> Result<(), AppError> {
        let (first, last) = self.stretch;
        let size = self.signed.checkpoint.size;
        let newest = self.store.read(self.tenant, size - 1, 1).await?;
        self.modified = newest.first().map_or(0, |entry| entry.recorded_at.timestamp().cast_unsigned());
        let proof = range_proof(self.signer.store(), self.tenant, first - 1..last, size).await?;
        self.file("README.md", README.as_bytes())?;
        self.signers = self.signer.signers(self.tenant, size).await.map_err(|error| unsigned(&error))?;
        let keys = self.signer.keys(self.tenant).await.map_err(|error| unsigned(&error))?;
        let keys = keys.iter().rev().filter(|key| key.position <= size);
        let keys: String = keys.map(|key| format!("{}\n", key.verifier.to_vkey())).collect();
        self.file("keys", keys.as_bytes())?;
        let note = self.signed.note.clone();
        self.file("checkpoint", note.as_bytes())?;
        self.file("proof", proof_text(&proof).as_bytes())?;
        let store = self.store.clone();
        for (change, entry) in successions(&*store, self.tenant, size).await? {
            self.rotation(&change, &entry).await?;
        }
        self.next = Some(first);
        Ok(())
    }

    /// What shows anyone who knows the key before a change which key came after it: the event, and a checkpoint by the key before it
    /// that has the event; and that the log of this archive has it.
    async fn rotation(&mut self, change: &Succession, entry: &Entry) -> Result<(), AppError> {
        let (position, size) = (change.position, self.signed.checkpoint.size);
        let signer = self.signer.clone();
        let store = signer.store();
        let handed_over = hand_over(store, self.tenant, change).await?;
        let (until, note) = handed_over.ok_or_else(|| {
            AppError::Unreadable(format!(
                "no checkpoint by the key before position {position} has that entry"
            ))
        })?;
        let place = position - 1..position;
        let to_note = range_proof(store, self.tenant, place.clone(), until).await?;
        let to_head = range_proof(store, self.tenant, place, size).await?;
        self.file(&rotation_name(position, "entry"), &[&entry.bytes[..], b"\n"].concat())?;
        self.file(&rotation_name(position, "handover"), note.as_bytes())?;
        self.file(&rotation_name(position, "handover-proof"), proof_text(&to_note).as_bytes())?;
        self.file(&rotation_name(position, "proof"), proof_text(&to_head).as_bytes())
    }

    async fn entries(&mut self, next: Position) -> Result<(), AppError> {
        let (_, last) = self.stretch;
        let count = ENTRIES_PER_FILE.min(last - next + 1);
        let entries = self.store.read(self.tenant, next - 1, count as u32).await?;
        if entries.len() as u64 != count {
            return Err(AppError::Unreadable(format!("entries after position {} are missing", next - 1)));
        }
        let mut lines = Vec::with_capacity(entries.iter().map(|entry| entry.bytes.len() + 1).sum());
        for entry in &entries {
            // Canonical JSON has no line break in it.
            lines.extend_from_slice(&entry.bytes);
            lines.push(b'\n');
        }
        self.file(&entries_name(next), &lines)?;
        self.next = Some(next + count);
        Ok(())
    }

    /// The manifest, and the end of the archive.
    fn end(mut self) -> Result<Vec<u8>, AppError> {
        let (first, last) = self.stretch;
        let checkpoint = &self.signed.checkpoint;
        let text = format!(
            "{FORMAT}\norigin {}\nfrom {first}\nto {last}\nsize {}\nroot {}\n{}",
            checkpoint.origin,
            checkpoint.size,
            BASE64_STANDARD.encode(checkpoint.root),
            self.files
        );
        let manifest = sign_text(&self.signers, &text);
        self.file(MANIFEST, manifest.as_bytes())?;
        // Two blocks of zeroes end a tar archive.
        self.archive.write_all(&[0; 1024]).map_err(unwritten)?;
        self.archive.finish().map_err(unwritten)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), AppError> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).map_err(unwritten)?;
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(self.modified);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.archive.write_all(header.as_bytes()).map_err(unwritten)?;
        self.archive.write_all(bytes).map_err(unwritten)?;
        // A file fills whole blocks.
        let rest = bytes.len().next_multiple_of(512) - bytes.len();
        self.archive.write_all(&[0; 512][..rest]).map_err(unwritten)?;
        // Writing into memory does not fail.
        writeln!(self.files, "file {} {} {name}", hex(&Sha256::digest(bytes)), bytes.len()).ok();
        Ok(())
    }
}

/// The name of the file of entries that begins with a position: names in order are positions in order.
pub(crate) fn entries_name(first: Position) -> String {
    format!("entries/{first:020}.ndjson")
}

/// The name of a file about the change of the key at a position.
pub(crate) fn rotation_name(position: Position, of: &str) -> String {
    format!("rotations/{position:020}/{of}")
}

fn proof_text(proof: &[Hash]) -> String {
    proof.iter().map(|hash| format!("{}\n", BASE64_STANDARD.encode(hash))).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unsigned(error: &CheckpointSignerError) -> AppError {
    AppError::Unreadable(error.to_string())
}

fn unwritten(error: impl std::fmt::Display) -> AppError {
    AppError::Unreadable(format!("the archive cannot be made: {error}"))
}
