//! The files of an archive of evidence, as far as they are needed together.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use waymark_eventstore::ledger::{BadNote, Hash, leaf_hash};

use super::container::Files;
use super::entry::{ReadEntry, read_entry};
use super::flaw::{Flaw, FlawKind};
use crate::audit::hex;

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

impl Contents {
    pub(super) fn read(archive: impl Read) -> Result<Self, Flaw> {
        let mut contents = Self::default();
        let mut files = Files::of(BufReader::new(archive))?;
        while let Some((name, bytes)) = files.next_file()? {
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
        let bytes = self.small.get(name).ok_or_else(|| Flaw::missing(name))?;
        std::str::from_utf8(bytes).map_err(|_| Flaw::tampered(name, "it is not UTF-8"))
    }

    /// The hashes of a proof.
    pub(super) fn hashes(&self, name: &str) -> Result<Vec<Hash>, Flaw> {
        let hash = |line: &str| BASE64_STANDARD.decode(line.strip_suffix('\n')?).ok()?.try_into().ok();
        let hashes: Option<Vec<Hash>> = self.text(name)?.split_inclusive('\n').map(hash).collect();
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
        let entry = bytes.and_then(read_entry).map(|(entry, _)| entry);
        Self { leaf, entry }
    }
}
