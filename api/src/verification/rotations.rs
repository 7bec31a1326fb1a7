//! The changes of the key that an archive tells of: anyone who knows one of the keys learns those that came after it.
//!
//! A change counts once the key before it has signed a tree that has the event. That the log of the archive is the one in which that
//! happened is shown by a second proof, up to the head of the archive.

use std::collections::BTreeSet;

use waymark_eventstore::Position;
use waymark_eventstore::ledger::{Checkpoint, Hash, Verifier, leaf_hash, range_root_of};

use super::archive::{Contents, unsigned};
use super::entry::read_entry;
use super::flaw::Flaw;
use crate::audit::rotation_name;

/// The files about a change.
const FILES: [&str; 4] = ["entry", "handover", "handover-proof", "proof"];

/// The changes of an archive, in order, up to the first that does not hold.
#[derive(Debug, Default)]
pub(super) struct Rotations {
    changes: Vec<Change>,
    /// What is wrong with the first that does not hold.
    flaw: Option<Flaw>,
}

/// A change, signed by the key before it.
#[derive(Debug)]
struct Change {
    position: Position,
    leaf: Hash,
    old: Verifier,
    new: Verifier,
}

impl Rotations {
    /// Those of an archive about the log of this name.
    pub(super) fn of(contents: &Contents, origin: &str) -> Self {
        let mut found = Self::default();
        let mut positions = BTreeSet::new();
        for name in contents.names().filter(|name| name.starts_with("rotations/")) {
            let Some(position) = rotation_position(name) else {
                found.flaw = Some(Flaw::tampered(name, "it is no file about a change of the key"));
                return found;
            };
            positions.insert(position);
        }
        for position in positions {
            let joined = |change: Change| match found.changes.last() {
                Some(before) if before.new != change.old || before.position >= change.position => {
                    let name = rotation_name(change.position, "entry");
                    Err(Flaw::tampered(name, "it does not change the key that signed before"))
                }
                _ => Ok(change),
            };
            match Change::of(contents, position, origin).and_then(joined) {
                Ok(change) => found.changes.push(change),
                Err(flaw) => {
                    found.flaw = Some(flaw);
                    return found;
                }
            }
        }
        found
    }

    /// The keys by which the archive may be signed, for someone who believes these: the last one, where one of them leads to it.
    pub(super) fn signing(&self, believed: &[Verifier]) -> Vec<Verifier> {
        let leads = self
            .changes
            .iter()
            .any(|change| believed.contains(&change.old) || believed.contains(&change.new));
        match self.changes.last() {
            Some(last) if leads && self.flaw.is_none() => vec![last.new.clone()],
            _ => believed.to_vec(),
        }
    }

    /// Whether there is a change at this position.
    pub(super) fn has(&self, position: Position) -> bool {
        self.changes.iter().any(|change| change.position == position)
    }

    /// What is wrong with the first change that does not hold.
    pub(super) fn into_flaw(self) -> Option<Flaw> {
        self.flaw
    }

    /// Compares each change with the log of the archive, which has this head.
    pub(super) fn check(&mut self, contents: &Contents, head: &Checkpoint) -> Result<(), Flaw> {
        if let Some(flaw) = self.flaw.take() {
            return Err(flaw);
        }
        for change in &self.changes {
            let name = rotation_name(change.position, "proof");
            contents.leads(&name, change.position, change.leaf, head)?;
        }
        Ok(())
    }
}

impl Change {
    /// The change that stands in the folder of this position.
    fn of(contents: &Contents, position: Position, origin: &str) -> Result<Self, Flaw> {
        let (file, note) = (rotation_name(position, "entry"), rotation_name(position, "handover"));
        let bytes = contents.text(&file)?.strip_suffix('\n').map(str::as_bytes).unwrap_or_default();
        let odd = || Flaw::tampered(&file, "it is no change of the key at this position");
        let (old, new) = keys_of(bytes, position).ok_or_else(odd)?;
        if old.name() != origin || new.name() != origin {
            return Err(odd());
        }
        let signed = old.open(contents.text(&note)?).map_err(|bad| unsigned(&note, bad))?;
        if signed.origin != origin {
            return Err(Flaw::tampered(&note, "it is not a checkpoint of this log"));
        }
        let leaf = leaf_hash(bytes);
        contents.leads(&rotation_name(position, "handover-proof"), position, leaf, &signed)?;
        Ok(Self { position, leaf, old, new })
    }
}

/// The position in the name of a file about a change; none where the format has no such name.
pub(super) fn rotation_position(name: &str) -> Option<Position> {
    let (folder, file) = name.strip_prefix("rotations/")?.split_once('/')?;
    let position = folder.parse().ok().filter(|position: &Position| *position <= i64::MAX as u64)?;
    (FILES.contains(&file) && rotation_name(position, file) == name).then_some(position)
}

/// The key before a change and the one after it, if the entry is one at this position.
fn keys_of(bytes: &[u8], position: Position) -> Option<(Verifier, Verifier)> {
    let (entry, document) = read_entry(bytes)?;
    let key = |side: &str| Verifier::from_vkey(document["data"][side]["vkey"].as_str()?);
    let keys = (key("replaces")?, key("key")?);
    (entry.changes_key && entry.position == position).then_some(keys)
}

impl Contents {
    /// Insists that an entry leads to a signed root by the proof in a file.
    fn leads(&self, name: &str, position: Position, leaf: Hash, signed: &Checkpoint) -> Result<(), Flaw> {
        let proof = self.hashes(name)?;
        let place = position.saturating_sub(1)..position;
        let root = range_root_of(&place, signed.size, &mut std::iter::once(leaf), &proof);
        match root == Some(signed.root) {
            true => Ok(()),
            false => Err(Flaw::tampered(name, "the entry and the proof do not lead to the signed root")),
        }
    }
}
