//! Checks an archive of evidence without the service, its database or a secret: the signed manifest, every file that it names,
//! the signed checkpoint, each entry, and the proof that these entries are those of the signed log.
//!
//! The archive is read once. Of the entries their hashes stay in memory, 32 bytes each. The format is described in
//! `docs/audit-format.md`.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use waymark_eventstore::Position;
use waymark_eventstore::ledger::{BadNote, Checkpoint, Hash, Verifier, decimal, range_root_of};

use super::archive::{Contents, Line, unsigned};
pub(crate) use super::flaw::{Flaw, FlawKind};
use super::public;
use super::rotations::{Rotations, rotation_position};
use crate::audit::{ENTRIES_PER_FILE, FORMAT, MANIFEST, entries_name};

/// The files that every archive has, beside the entries and the manifest.
const IN_ANY_CASE: [&str; 4] = ["README.md", "keys", "checkpoint", "proof"];

/// What a sound archive holds.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The signed head of the log.
    pub(crate) checkpoint: Checkpoint,
    /// The first position and the last.
    pub(crate) stretch: (Position, Position),
}

/// Checks the archive in a file with a public key, given as itself or as a file.
///
/// # Errors
/// The first flaw.
pub(crate) fn check(archive: &Path, public_key: &str) -> Result<Evidence, Flaw> {
    let file = File::open(archive)
        .map_err(|error| Flaw::not_checked(format!("{} cannot be read: {error}", archive.display())))?;
    let contents = Contents::read(file)?;
    let (manifest, verifier, mut rotations) = contents.manifest(public_key)?;
    contents.compare(&manifest)?;
    let checkpoint = contents.checkpoint(&manifest, &verifier)?;
    rotations.check(&contents, &checkpoint)?;
    let leaves = contents.leaves(&manifest, &rotations)?;
    let proof = contents.hashes("proof")?;
    let range = manifest.from - 1..manifest.to;
    let root = range_root_of(&range, checkpoint.size, &mut leaves.into_iter(), &proof);
    if root != Some(checkpoint.root) {
        return Err(Flaw::tampered("proof", "the entries and the proof do not lead to the signed root"));
    }
    Ok(Evidence { checkpoint, stretch: (manifest.from, manifest.to) })
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
    /// The manifest, and what checks the signatures of the log that it is about.
    fn manifest(&self, public_key: &str) -> Result<(Manifest, Verifier, Rotations), Flaw> {
        let note = self.text(MANIFEST)?;
        let malformed = || Flaw::tampered(MANIFEST, "it is not a manifest of this format");
        let origin =
            note.split('\n').nth(1).and_then(|line| line.strip_prefix("origin ")).ok_or_else(malformed)?;
        let believed = public(public_key, origin).map_err(|error| Flaw::not_checked(error.to_string()))?;
        let rotations = Rotations::of(self, origin);
        let signing = rotations.signing(&believed);
        match signed_by(&signing, note) {
            Ok((text, verifier)) => {
                let manifest = Manifest::of(text).ok_or_else(malformed)?;
                match manifest.files.keys().find(|name| !manifest.may_name(name)) {
                    Some(other) => Err(Flaw::tampered(other, "the format has no such file here")),
                    None => Ok((manifest, verifier, rotations)),
                }
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
                None => return Err(Flaw::missing(name)),
            }
        }
        let named = |name: &&String| *name != MANIFEST && !manifest.files.contains_key(*name);
        if let Some(stray) = self.digests.keys().find(named) {
            return Err(Flaw::tampered(stray, "the manifest does not name it"));
        }
        match manifest.expected().find(|name| !manifest.files.contains_key(name)) {
            Some(missing) => Err(Flaw::missing(missing)),
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
    fn leaves(&self, manifest: &Manifest, rotations: &Rotations) -> Result<Vec<Hash>, Flaw> {
        let (mut leaves, mut ids) = (Vec::new(), HashSet::new());
        let (mut next, mut recorded_at) = (manifest.from, None);
        while next <= manifest.to {
            let name = entries_name(next);
            let lines = self.entries.get(&name).ok_or_else(|| Flaw::missing(&name))?;
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
                if entry.changes_key && !rotations.has(next) {
                    return Err(odd("the entry changes the key, and rotations/ has not that change"));
                }
                recorded_at = Some(entry.recorded_at);
                leaves.push(line.leaf);
                next += 1;
            }
        }
        Ok(leaves)
    }
}

/// The position of the first entry of a file that cannot be the one of its place.
fn first_odd(name: &str, lines: &[Line], last: Position) -> Option<Position> {
    let first = entries_position(name)?;
    let count = ENTRIES_PER_FILE.min(last.checked_sub(first)? + 1);
    let is_at = |line: &Line, position| line.entry.as_ref().is_some_and(|entry| entry.position == position);
    let odd = (first..).zip(lines).find(|(position, line)| !is_at(line, *position));
    let cut = ((lines.len() as u64) < count).then_some(first + lines.len() as u64);
    odd.map(|(position, _)| position).or(cut)
}

/// The position in the name of a file of entries; none where the format has no such name.
fn entries_position(name: &str) -> Option<Position> {
    let first: Position = name.strip_prefix("entries/")?.strip_suffix(".ndjson")?.parse().ok()?;
    (entries_name(first) == name).then_some(first)
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

impl Manifest {
    /// Reads the text of a manifest, line by line.
    fn of(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != FORMAT {
            return None;
        }
        let mut named = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let origin = named("origin")?.to_owned();
        let from = decimal(named("from")?)?;
        let (to, size) = (decimal(named("to")?)?, decimal(named("size")?)?);
        let root = BASE64_STANDARD.decode(named("root")?).ok()?.try_into().ok()?;
        let mut files = BTreeMap::new();
        for line in lines {
            let mut parts = line.strip_prefix("file ")?.splitn(3, ' ');
            let (digest, bytes, name) = (parts.next()?, decimal(parts.next()?)?, parts.next()?);
            let is_new = files.insert(name.to_owned(), (bytes, digest.to_owned())).is_none();
            if !is_new || !is_digest(digest) {
                return None;
            }
        }
        let fits = 1 <= from && from <= to && to <= size;
        fits.then_some(Self { origin, from, to, size, root, files })
    }

    /// Whether the format has a file of this name for this stretch.
    fn may_name(&self, name: &str) -> bool {
        let begins_a_file = |first: Position| {
            (self.from..=self.to).contains(&first) && (first - self.from).is_multiple_of(ENTRIES_PER_FILE)
        };
        IN_ANY_CASE.contains(&name)
            || rotation_position(name).is_some()
            || entries_position(name).is_some_and(begins_a_file)
    }

    /// The names of the files that have to be there, whether a key was changed or not.
    fn expected(&self) -> impl Iterator<Item = String> {
        let entries = (self.from..=self.to).step_by(ENTRIES_PER_FILE as usize).map(entries_name);
        IN_ANY_CASE.into_iter().map(str::to_owned).chain(entries)
    }
}

/// Whether this is a SHA-256 as manifests have it.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
