//! The files of an archive of evidence, and what can be wrong with them.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use waymark_eventstore::ledger::{BadNote, Hash, leaf_hash};
use waymark_eventstore::{Entry, MAX_ENTRY_BYTES, Position};

use crate::audit::{ENTRIES_PER_FILE, MANIFEST, hex};

/// The largest file of an archive: a full one of the largest entries, each with its line break.
const LARGEST: u64 = ENTRIES_PER_FILE * (MAX_ENTRY_BYTES as u64 + 1);
/// The longest manifest: one of a log of ten million entries.
const LONGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// What is wrong with an archive.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) kind: FlawKind,
    /// The file in which it is; none where the archive as a whole cannot be read.
    pub(crate) file: Option<String>,
    pub(crate) what: String,
    /// The position of the entry, where it is one.
    pub(crate) position: Option<Position>,
}

/// What sort of flaw it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// Something is not as it was when it was signed.
    Tampered,
    /// A signature is missing, or wrong.
    BadSignature,
    /// Something is missing.
    Incomplete,
    /// It could not be looked into.
    NotChecked,
}

impl Flaw {
    pub(super) fn new(kind: FlawKind, file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, file: Some(file.into()), what: what.into(), position: None }
    }

    pub(super) fn tampered(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(FlawKind::Tampered, file, what)
    }

    pub(super) fn entry(file: &str, position: Position, what: impl Into<String>) -> Self {
        Self { position: Some(position), ..Self::tampered(file, what) }
    }

    pub(super) fn not_checked(what: impl Into<String>) -> Self {
        Self { kind: FlawKind::NotChecked, file: None, what: what.into(), position: None }
    }
}

/// The files of an archive, as far as they are needed together.
#[derive(Default)]
pub(super) struct Contents {
    /// Size and SHA-256 of each.
    pub(super) digests: BTreeMap<String, (u64, String)>,
    /// Those that are looked into as a whole.
    small: BTreeMap<String, Vec<u8>>,
    /// The entries of each file of entries.
    pub(super) entries: BTreeMap<String, Vec<Line>>,
}

/// An entry of a file, as far as it can be read.
pub(super) struct Line {
    pub(super) leaf: Hash,
    pub(super) entry: Option<ReadEntry>,
}

/// What an entry says of itself.
pub(super) struct ReadEntry {
    pub(super) id: Uuid,
    pub(super) position: Position,
    pub(super) recorded_at: DateTime<Utc>,
}

impl Contents {
    pub(super) fn read(archive: impl Read) -> Result<Self, Flaw> {
        let mut contents = Self::default();
        let mut archive = tar::Archive::new(archive);
        let broken = |error: std::io::Error| Flaw {
            kind: FlawKind::Incomplete,
            file: None,
            what: format!("the archive is broken off or no .tar.gz: {error}"),
            position: None,
        };
        for file in archive.entries().map_err(broken)? {
            let mut file = file.map_err(broken)?;
            let name = String::from_utf8_lossy(&file.path_bytes()).into_owned();
            let most = if name == MANIFEST { LONGEST_MANIFEST } else { LARGEST };
            if file.size() > most {
                return Err(Flaw::tampered(name, format!("it is larger than {most} bytes")));
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(broken)?;
            contents.take(name, bytes)?;
        }
        Ok(contents)
    }

    fn take(&mut self, name: String, bytes: Vec<u8>) -> Result<(), Flaw> {
        let digest = (bytes.len() as u64, hex(&Sha256::digest(&bytes)));
        if self.digests.insert(name.clone(), digest).is_some() {
            return Err(Flaw::tampered(name, "it is there twice"));
        }
        if name.starts_with("entries/") {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(Line::of).collect();
            self.entries.insert(name, lines);
        } else {
            self.small.insert(name, bytes);
        }
        Ok(())
    }

    /// The names of all files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.digests.keys().map(String::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, Flaw> {
        let missing = || Flaw::new(FlawKind::Incomplete, name, "it is missing");
        let bytes = self.small.get(name).ok_or_else(missing)?;
        std::str::from_utf8(bytes).map_err(|_| Flaw::tampered(name, "it is not UTF-8"))
    }

    /// The hashes of a proof.
    pub(super) fn hashes(&self, name: &str) -> Result<Vec<Hash>, Flaw> {
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
        let hashes: Option<Vec<Hash>> = self.text(name)?.lines().map(hash).collect();
        hashes.ok_or_else(|| Flaw::tampered(name, "a line is not a hash of 32 bytes in base64"))
    }
}

pub(super) fn unsigned(file: &str, bad: BadNote) -> Flaw {
    Flaw::new(FlawKind::BadSignature, file, bad.to_string())
}

impl Line {
    /// An entry with its line break.
    fn of(line: &[u8]) -> Self {
        let bytes = line.strip_suffix(b"\n");
        let leaf = leaf_hash(bytes.unwrap_or(line));
        let read = |bytes: &[u8]| {
            let entry = Entry { position: 0, recorded_at: DateTime::default(), bytes: bytes.to_vec().into() };
            let envelope = entry.envelope().ok()?;
            let (id, position, recorded_at) = (envelope.id, envelope.position, envelope.recorded_at);
            Some(ReadEntry { id, position, recorded_at })
        };
        Self { leaf, entry: bytes.and_then(read) }
    }
}
