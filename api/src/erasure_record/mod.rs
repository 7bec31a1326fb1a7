//! The record of erasures outside the database: what a restored backup does not know is told by it.
//!
//! A backup brings back the keys that were destroyed after it was made. Each erasure has a line in a file beside the database,
//! written and flushed before it is carried out; what is in the file and not in the log is carried out again before anything
//! is served (`restored.rs`). Lines are added and never changed. Each names tenant, subject, ground, event and instant, nothing
//! personal, and is authenticated under a key of the key file together with the line before it: what is forged counts for
//! nothing, and what was taken out is missed, but for the newest lines, which the log is compared with.
//!
//! What a crash leaves: within a line, a beginning without an end, which the next writer removes, since nobody heard of
//! that erasure; after the line, an erasure that is carried out at the next start, as somebody had asked for it.
//!
//! Processes that share the file take turns by a lock on it. It is held until the erasure is in the log or was refused, so
//! that anyone who has it knows that no other line waits for its entry.

mod line;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

pub(crate) use line::{ErasedKind, Erasure};
use line::{Line, What};

/// What is wrong with a record that was there.
const GONE: &str = "it is gone";

/// The record, as far as it was read.
pub(crate) struct ErasureRecord {
    file: PathBuf,
    key: [u8; 32],
    known: Mutex<ReadLines>,
}

/// Why the record cannot be relied on. The text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record of erasures {file}: {what}")]
pub(crate) struct RecordFault {
    file: String,
    what: String,
    /// Whether it is not as it was written, rather than out of reach.
    pub(crate) is_tampered: bool,
}

/// How the record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordState {
    /// When it begins; none where there is no record.
    pub(crate) begun_at: Option<DateTime<Utc>>,
    /// Why it cannot be relied on.
    pub(crate) fault: Option<RecordFault>,
}

/// Lines that were written for an append that is about to be made. No other process writes any while this is there.
pub(crate) struct Announced {
    file: File,
    written: Vec<(Uuid, Uuid)>,
}

/// What was read of the file.
#[derive(Default)]
struct ReadLines {
    /// How many bytes: whole lines.
    bytes: u64,
    /// How many lines.
    lines: u64,
    /// The number of the last one that is as it was written, and what authenticates it.
    last: (u64, String),
    begun_at: Option<DateTime<Utc>>,
    erasures: BTreeMap<(Uuid, Uuid), Erasure>,
    /// What is wrong with the first bad line.
    fault: Option<String>,
}

impl ReadLines {
    /// Reads whole lines. Those that are as they were written count, whatever is wrong with others.
    fn take(&mut self, key: &[u8; 32], text: &[u8]) {
        let ends = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.bytes += ends as u64;
        for line in text[..ends].split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            let line = String::from_utf8_lossy(line);
            let Some((line, code)) = Line::read(key, line.trim_end_matches('\n')) else {
                let what = format!("line {} is not as this installation wrote it", self.lines);
                self.fault.get_or_insert(what);
                continue;
            };
            if (line.number, &line.previous) != (self.last.0 + 1, &self.last.1) {
                let what =
                    format!("line {} does not follow the one before it: lines are missing", self.lines);
                self.fault.get_or_insert(what);
            }
            self.last = (line.number, code);
            match line.what {
                What::Begun { at } => self.begun_at = Some(at),
                What::Erased(erasure) => {
                    self.erasures.insert((erasure.tenant, erasure.subject), erasure);
                }
                What::Withdrawn { tenant, subject } => {
                    self.erasures.remove(&(tenant, subject));
                }
            }
        }
    }

    /// The lines that say this, after those that are known.
    fn following(&self, key: &[u8; 32], said: Vec<What>) -> serde_json::Result<String> {
        let (mut number, mut previous) = self.last.clone();
        let mut text = String::new();
        for what in said {
            number += 1;
            let (line, code) = Line { number, previous, what }.written(key)?;
            text.push_str(&line);
            previous = code;
        }
        Ok(text)
    }
}

impl ErasureRecord {
    /// The record in this file, authenticated under this key. Nothing is read or made yet.
    pub(crate) fn new(file: PathBuf, key: [u8; 32]) -> Self {
        Self { file, key, known: Mutex::default() }
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Reads what was written since it was last read, and says how it is. `settled`: once whatever is under way is over.
    pub(crate) fn look(&self, settled: bool) -> RecordState {
        let read = self.opened_to_read(settled);
        let mut known = self.known();
        let fault = match read {
            Ok(Some(mut file)) => match self.read_on(&mut file, &mut known) {
                Ok(()) => known.fault.as_ref().map(|what| self.tampered(what)),
                Err(error) => Some(self.fault(error)),
            },
            Ok(None) if known.bytes > 0 => Some(self.fault(GONE)),
            Ok(None) => None,
            Err(error) => Some(self.fault(error)),
        };
        RecordState { begun_at: known.begun_at, fault }
    }

    /// Every erasure that was recorded, as far as it was read.
    pub(crate) fn erasures(&self) -> Vec<Erasure> {
        self.known().erasures.values().cloned().collect()
    }

    /// The erasure of a subject, as far as it was read.
    pub(crate) fn erasure(&self, tenant: Uuid, subject: Uuid) -> Option<Erasure> {
        self.known().erasures.get(&(tenant, subject)).cloned()
    }

    /// Makes the record where there is none. Returns whether it did.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn begin(&self, now: DateTime<Utc>) -> Result<bool, RecordFault> {
        if !matches!(self.file.metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(false);
        }
        self.announce(&[], now).map(|_| true)
    }

    /// Records these erasures, on disk, but for those that it has.
    ///
    /// # Errors
    /// When it cannot be written, or not be relied on. Nothing is recorded then.
    pub(crate) fn announce(
        &self,
        erasures: &[Erasure],
        now: DateTime<Utc>,
    ) -> Result<Announced, RecordFault> {
        let is_new = !self.file.exists();
        if is_new && self.known().bytes > 0 {
            return Err(self.fault(GONE));
        }
        let file = self.opened_to_write().map_err(|error| self.fault(error))?;
        let mut announced = Announced { file, written: Vec::new() };
        let mut known = self.known();
        self.read_on(&mut announced.file, &mut known).map_err(|error| self.fault(error))?;
        if let Some(fault) = &known.fault {
            return Err(self.tampered(fault));
        }
        let begun = (known.bytes == 0).then_some(What::Begun { at: now });
        let new = erasures.iter().filter(|one| !known.erasures.contains_key(&(one.tenant, one.subject)));
        let new: Vec<Erasure> = new.cloned().collect();
        announced.written = new.iter().map(|one| (one.tenant, one.subject)).collect();
        let said = begun.into_iter().chain(new.into_iter().map(What::Erased)).collect();
        self.write(&mut announced.file, &mut known, said).map_err(|error| self.fault(error))?;
        if is_new {
            self.sync_folder().map_err(|error| self.fault(error))?;
        }
        Ok(announced)
    }

    /// Records that what was announced did not happen.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn withdraw(&self, mut announced: Announced) -> Result<(), RecordFault> {
        let said = announced.written.iter().map(|&(tenant, subject)| What::Withdrawn { tenant, subject });
        let (said, mut known) = (said.collect(), self.known());
        self.write(&mut announced.file, &mut known, said).map_err(|error| self.fault(error))
    }

    /// Adds lines, and waits until they are on disk. What could not be written whole is taken away again.
    fn write(&self, file: &mut File, known: &mut ReadLines, said: Vec<What>) -> io::Result<()> {
        if said.is_empty() {
            return Ok(());
        }
        let text = known.following(&self.key, said)?;
        if file.metadata()?.len() > known.bytes {
            tracing::warn!(file = %self.file.display(), "an unfinished line is removed from the record of erasures");
            file.set_len(known.bytes)?;
        }
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
            file.set_len(known.bytes)?;
            return Err(error);
        }
        known.take(&self.key, text.as_bytes());
        Ok(())
    }

    /// Reads what follows what is known; everything again where something was wrong, or the file is shorter by now.
    fn read_on(&self, file: &mut File, known: &mut ReadLines) -> io::Result<()> {
        if known.fault.is_some() || file.metadata()?.len() < known.bytes {
            *known = ReadLines::default();
        }
        file.seek(SeekFrom::Start(known.bytes))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        known.take(&self.key, &text);
        Ok(())
    }

    fn opened_to_read(&self, settled: bool) -> io::Result<Option<File>> {
        match File::open(&self.file) {
            Ok(file) => {
                if settled {
                    file.lock_shared()?;
                }
                Ok(Some(file))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn opened_to_write(&self) -> io::Result<File> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.file)?;
        file.lock()?;
        Ok(file)
    }

    /// The name of a new file is on disk, too.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn fault(&self, what: impl std::fmt::Display) -> RecordFault {
        let file = self.file.display().to_string();
        RecordFault { file, what: what.to_string(), is_tampered: false }
    }

    fn tampered(&self, what: &str) -> RecordFault {
        RecordFault { is_tampered: true, ..self.fault(what) }
    }

    fn known(&self) -> MutexGuard<'_, ReadLines> {
        self.known.lock()
    }
}
