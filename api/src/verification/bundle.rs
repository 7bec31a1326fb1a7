//! Checks an archive of evidence without the service, its database or a secret: the signed manifest, every file that it names,
//! the signed checkpoint, each entry, and the proof that these entries are those of the signed log.
//!
//! The archive is read once. Of the entries their hashes stay in memory, 32 bytes each. The format is described in
//! `docs/audit-format.md`.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use waymark_eventstore::ledger::{BadNote, Checkpoint, Hash, Verifier, leaf_hash, range_root_of};
use waymark_eventstore::{Entry, MAX_ENTRY_BYTES, Position};

use super::public;
use super::rotations::Rotations;
use crate::audit::{ENTRIES_PER_FILE, FORMAT, MANIFEST, entries_name, hex};

/// The largest file of an archive: a full one of the largest entries, each with its line break.
const LARGEST: u64 = ENTRIES_PER_FILE * (MAX_ENTRY_BYTES as u64 + 1);
/// The longest manifest: one of a log of ten million entries.
const LONGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// What a sound archive holds.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The signed head of the log.
    pub(crate) checkpoint: Checkpoint,
    /// The first position and the last.
    pub(crate) stretch: (Position, Position),
}

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
    fn new(kind: FlawKind, file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, file: Some(file.into()), what: what.into(), position: None }
    }

    pub(super) fn tampered(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(FlawKind::Tampered, file, what)
    }

    fn entry(file: &str, position: Position, what: impl Into<String>) -> Self {
        Self { position: Some(position), ..Self::tampered(file, what) }
    }

    fn not_checked(what: impl Into<String>) -> Self {
        Self { kind: FlawKind::NotChecked, file: None, what: what.into(), position: None }
    }
}

/// Checks the archive in a file with a public key, given as itself or as a file.
///
/// # Errors
/// The first flaw.
pub(crate) fn check(archive: &Path, public_key: &str) -> Result<Evidence, Flaw> {
    let file = File::open(archive)
        .map_err(|error| Flaw::not_checked(format!("{} cannot be read: {error}", archive.display())))?;
    let contents = Contents::read(MultiGzDecoder::new(file))?;
    let (manifest, verifier, mut rotations) = contents.manifest(public_key)?;
    contents.compare(&manifest)?;
    let checkpoint = contents.checkpoint(&manifest, &verifier)?;
    rotations.check(&contents, &checkpoint)?;
    let leaves = contents.leaves(&manifest)?;
    let proof = contents.hashes("proof")?;
    let range = manifest.from - 1..manifest.to;
    let root = range_root_of(&range, checkpoint.size, &mut leaves.into_iter(), &proof);
    if root != Some(checkpoint.root) {
        return Err(Flaw::tampered("proof", "the entries and the proof do not lead to the signed root"));
    }
    Ok(Evidence { checkpoint, stretch: (manifest.from, manifest.to) })
}

/// The files of an archive, as far as they are needed together.
#[derive(Default)]
pub(super) struct Contents {
    /// Size and SHA-256 of each.
    digests: BTreeMap<String, (u64, String)>,
    /// Those that are looked into as a whole.
    small: BTreeMap<String, Vec<u8>>,
    /// The entries of each file of entries.
    entries: BTreeMap<String, Vec<Line>>,
}

/// An entry of a file, as far as it can be read.
struct Line {
    leaf: Hash,
    entry: Option<ReadEntry>,
}

/// What an entry says of itself.
struct ReadEntry {
    id: Uuid,
    position: Position,
    recorded_at: DateTime<Utc>,
}

/// What the signed manifest says.
struct Manifest {
    origin: String,
    from: Position,
    to: Position,
    size: u64,
    root: Hash,
    files: BTreeMap<String, (u64, String)>,
}

impl Contents {
    fn read(archive: impl Read) -> Result<Self, Flaw> {
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

    /// The manifest, and what checks the signatures of the log that it is about.
    fn manifest(&self, public_key: &str) -> Result<(Manifest, Verifier, Rotations), Flaw> {
        let note = self.text(MANIFEST)?;
        let malformed = || Flaw::tampered(MANIFEST, "it is not a manifest of this format");
        let origin =
            note.lines().nth(1).and_then(|line| line.strip_prefix("origin ")).ok_or_else(malformed)?;
        let believed = public(public_key, origin).map_err(|error| Flaw::not_checked(error.to_string()))?;
        let rotations = Rotations::of(self, origin);
        let signing = rotations.signing(&believed);
        match signed_by(&signing, note) {
            Ok((text, verifier)) => {
                let manifest = Manifest::of(text).ok_or_else(malformed)?;
                Ok((manifest, verifier, rotations))
            }
            // A change of the key that does not hold leads to no key that could have signed it.
            Err(bad) => Err(rotations.into_flaw().unwrap_or_else(|| unsigned(MANIFEST, bad))),
        }
    }

    /// Compares every file with what the manifest says of it.
    fn compare(&self, manifest: &Manifest) -> Result<(), Flaw> {
        for (name, expected) in &manifest.files {
            match self.digests.get(name) {
                Some(found) if found == expected => {}
                Some(_) => return Err(self.other(name, manifest)),
                None => return Err(Flaw::new(FlawKind::Incomplete, name, "it is missing")),
            }
        }
        let named = |name: &&String| *name != MANIFEST && !manifest.files.contains_key(*name);
        match self.digests.keys().find(named) {
            Some(stray) => Err(Flaw::tampered(stray, "the manifest does not name it")),
            None => Ok(()),
        }
    }

    /// A file that is not the one of the manifest: of a file of entries, the first entry that shows it.
    fn other(&self, name: &str, manifest: &Manifest) -> Flaw {
        let at = self.entries.get(name).and_then(|lines| first_odd(name, lines, manifest.to));
        Flaw { position: at, ..Flaw::tampered(name, "it is not the file of the manifest") }
    }

    fn checkpoint(&self, manifest: &Manifest, verifier: &Verifier) -> Result<Checkpoint, Flaw> {
        let checkpoint =
            verifier.open(self.text("checkpoint")?).map_err(|bad| unsigned("checkpoint", bad))?;
        let agrees = checkpoint.origin == manifest.origin
            && checkpoint.size == manifest.size
            && checkpoint.root == manifest.root;
        match agrees {
            true => Ok(checkpoint),
            false => Err(Flaw::tampered("checkpoint", "it is not the checkpoint of the manifest")),
        }
    }

    /// The hashes of all entries, which have to be there one after the other, once each.
    fn leaves(&self, manifest: &Manifest) -> Result<Vec<Hash>, Flaw> {
        let (mut leaves, mut ids) = (Vec::new(), HashSet::new());
        let (mut next, mut recorded_at) = (manifest.from, None);
        while next <= manifest.to {
            let name = entries_name(next);
            let missing = || Flaw::new(FlawKind::Incomplete, &name, "it is missing");
            let lines = self.entries.get(&name).ok_or_else(missing)?;
            let count = ENTRIES_PER_FILE.min(manifest.to - next + 1);
            if lines.len() as u64 != count {
                let what = format!("it has {} entries and not {count}", lines.len());
                return Err(Flaw::new(FlawKind::Incomplete, &name, what));
            }
            for line in lines {
                let odd = |what| Flaw::entry(&name, next, what);
                let entry = line.entry.as_ref().ok_or_else(|| odd("the entry cannot be read"))?;
                if entry.position != next {
                    return Err(odd("the entry stands at another position"));
                }
                if recorded_at.is_some_and(|before| entry.recorded_at < before) {
                    return Err(odd("the entry was recorded before the one in front of it"));
                }
                if !ids.insert(entry.id) {
                    return Err(odd("the entry has the id of another one"));
                }
                recorded_at = Some(entry.recorded_at);
                leaves.push(line.leaf);
                next += 1;
            }
        }
        Ok(leaves)
    }

    /// The hashes of a proof.
    pub(super) fn hashes(&self, name: &str) -> Result<Vec<Hash>, Flaw> {
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
        let hashes: Option<Vec<Hash>> = self.text(name)?.lines().map(hash).collect();
        hashes.ok_or_else(|| Flaw::tampered(name, "a line is not a hash of 32 bytes in base64"))
    }
}

/// The position of the first entry of a file that cannot be the one of its place.
fn first_odd(name: &str, lines: &[Line], last: Position) -> Option<Position> {
    let first: Position = name.strip_prefix("entries/")?.strip_suffix(".ndjson")?.parse().ok()?;
    let count = ENTRIES_PER_FILE.min(last.checked_sub(first)? + 1);
    let is_at = |line: &Line, position| line.entry.as_ref().is_some_and(|entry| entry.position == position);
    let odd = (first..).zip(lines).find(|(position, line)| !is_at(line, *position));
    let cut = ((lines.len() as u64) < count).then_some(first + lines.len() as u64);
    odd.map(|(position, _)| position).or(cut)
}

/// The text of a note and the key that signed it: the first of these that did.
fn signed_by<'n>(keys: &[Verifier], note: &'n str) -> Result<(&'n str, Verifier), BadNote> {
    let mut why = BadNote::UnknownKey;
    for key in keys {
        match key.open_text(note) {
            Ok(text) => return Ok((text, key.clone())),
            Err(BadNote::UnknownKey) => {}
            Err(bad) => why = bad,
        }
    }
    Err(why)
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

impl Manifest {
    /// Reads the text of a manifest, line by line.
    fn of(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != FORMAT {
            return None;
        }
        let mut named = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let origin = named("origin")?.to_owned();
        let (from, to, size) = (named("from")?.parse().ok()?, named("to")?.parse().ok()?, named("size")?);
        let size: u64 = size.parse().ok()?;
        let root = BASE64_STANDARD.decode(named("root")?).ok()?.try_into().ok()?;
        let mut files = BTreeMap::new();
        for line in lines {
            let mut parts = line.strip_prefix("file ")?.splitn(3, ' ');
            let (digest, bytes, name) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            files.insert(name.to_owned(), (bytes, digest.to_owned()));
        }
        let fits = 1 <= from && from <= to && to <= size;
        fits.then_some(Self { origin, from, to, size, root, files })
    }
}
