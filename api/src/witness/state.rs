//! What a witness remembers, and how it judges.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use waymark_eventstore::ledger::{Checkpoint, Cosigner, Hash, Verifier, verify_consistency};

use super::request::AddCheckpoint;

/// The largest trees that were cosigned, by the origins of their logs.
type Seen = BTreeMap<String, Head>;

/// A tree that was cosigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    size: u64,
    /// Its root in base64.
    root: String,
}

/// A witness of some logs.
pub(crate) struct Witness {
    cosigner: Cosigner,
    /// What checks the checkpoints of each log, by its origin: one of its keys is enough.
    logs: BTreeMap<String, Vec<Verifier>>,
    file: PathBuf,
    /// Held while a checkpoint is judged and remembered: of two at once, neither may roll the other back.
    seen: Mutex<Seen>,
}

/// Why there is no witness, or it could not remember.
#[derive(Debug, thiserror::Error)]
#[error("the file of the witness {path}: {why}")]
pub(crate) struct WitnessError {
    path: String,
    why: String,
}

/// How a checkpoint was judged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The line of the cosignature.
    Cosigned(String),
    /// The body cannot be read, or the old size is larger than the new one.
    Malformed,
    /// No log of this origin is witnessed.
    UnknownLog,
    /// The log did not sign it.
    NotSigned,
    /// Another tree was cosigned last: one of this size.
    OtherSize(u64),
    /// The proof does not show that the tree extends the one that was cosigned last.
    NotConsistent,
}

impl Witness {
    /// A witness with what it remembers in a file; an empty one where there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn open(
        cosigner: Cosigner,
        logs: impl IntoIterator<Item = Vec<Verifier>>,
        file: PathBuf,
    ) -> Result<Self, WitnessError> {
        let fault = |why: String| WitnessError { path: file.display().to_string(), why };
        let seen = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Seen::new(),
            Err(error) => return Err(fault(error.to_string())),
        };
        let named = |keys: Vec<Verifier>| keys.first().map(|key| (key.name().to_owned(), keys.clone()));
        let logs = logs.into_iter().filter_map(named).collect();
        Ok(Self { cosigner, logs, file, seen: Mutex::new(seen) })
    }

    /// The key that checks the cosignatures.
    pub(crate) fn vkey(&self) -> String {
        self.cosigner.verifier().to_vkey()
    }

    /// Judges a checkpoint, and cosigns it with this time, in seconds since 1970.
    ///
    /// # Errors
    /// When it could not be remembered: then it is not cosigned.
    pub(super) fn add(&self, body: &str, seconds: u64) -> Result<Judgement, WitnessError> {
        let Some(AddCheckpoint { old_size, proof, note }) = AddCheckpoint::of(body) else {
            return Ok(Judgement::Malformed);
        };
        let origin = note.split('\n').next().unwrap_or_default();
        let Some(keys) = self.logs.get(origin) else { return Ok(Judgement::UnknownLog) };
        let opened = keys.iter().find_map(|key| Some((key.open(note).ok()?, key.open_text(note).ok()?)));
        let Some((checkpoint, text)) = opened else { return Ok(Judgement::NotSigned) };
        if old_size > checkpoint.size {
            return Ok(Judgement::Malformed);
        }
        let mut seen = self.seen.lock();
        let known = seen.get(origin);
        if known.map_or(0, |known| known.size) != old_size {
            return Ok(Judgement::OtherSize(known.map_or(0, |known| known.size)));
        }
        if let Some(refusal) = known.and_then(|known| refusal(known, &checkpoint, &proof)) {
            return Ok(refusal);
        }
        // An empty tree needs no proof.
        if known.is_none() && !proof.is_empty() {
            return Ok(Judgement::NotConsistent);
        }
        let head = Head { size: checkpoint.size, root: BASE64_STANDARD.encode(checkpoint.root) };
        if known != Some(&head) {
            let mut now = seen.clone();
            now.insert(origin.to_owned(), head);
            self.write(&now)?;
            *seen = now;
        }
        Ok(Judgement::Cosigned(self.cosigner.cosign(text, seconds)))
    }

    /// Replaces the file whole, and waits until it is on disk: a crash leaves the old one or the new one.
    fn write(&self, seen: &Seen) -> Result<(), WitnessError> {
        let fault = |error: std::io::Error| WitnessError {
            path: self.file.display().to_string(),
            why: error.to_string(),
        };
        let mut name = self.file.clone().into_os_string();
        name.push(".new");
        let fresh = PathBuf::from(name);
        let mut out = std::fs::File::create(&fresh).map_err(fault)?;
        serde_json::to_writer_pretty(&mut out, seen).map_err(|error| fault(error.into()))?;
        out.write_all(b"\n").and_then(|()| out.sync_all()).map_err(fault)?;
        std::fs::rename(&fresh, &self.file).map_err(fault)
    }
}

/// Why a checkpoint is not cosigned after another one; none where it is the same tree, or a larger one that extends it.
fn refusal(known: &Head, checkpoint: &Checkpoint, proof: &[Hash]) -> Option<Judgement> {
    let root = BASE64_STANDARD.decode(&known.root).ok().and_then(|root| Hash::try_from(root).ok());
    let Some(root) = root else { return Some(Judgement::NotConsistent) };
    if known.size == checkpoint.size && root != checkpoint.root {
        return Some(Judgement::OtherSize(known.size));
    }
    let extends = verify_consistency(known.size, &root, checkpoint.size, &checkpoint.root, proof);
    (!extends).then_some(Judgement::NotConsistent)
}

#[cfg(test)]
mod tests {
    use waymark_eventstore::ledger::{Frontier, Signer, leaf_hash, root_of};

    use super::*;

    fn signer() -> Signer {
        Signer::new("waymark/log", &[1; 32])
    }

    fn leaves(count: u8, salt: u8) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&[number, salt])).collect()
    }

    fn note(leaves: &[Hash]) -> String {
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        let (origin, size) = ("waymark/log".to_owned(), leaves.len() as u64);
        signer().sign(&Checkpoint { origin, size, root: frontier.root() })
    }

    fn witness(file: PathBuf) -> Witness {
        Witness::open(Cosigner::new("w", &[2; 32]), [vec![signer().verifier()]], file).unwrap()
    }

    #[test]
    fn a_log_is_cosigned_as_long_as_it_grows_and_never_again_once_it_was_forked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("witness.json");
        let witness = witness(file.clone());
        let add = |witness: &Witness, old: u64, proof: &[Hash], note: &str| {
            let lines: String =
                proof.iter().map(|hash| format!("{}\n", BASE64_STANDARD.encode(hash))).collect();
            witness.add(&format!("old {old}\n{lines}\n{note}"), 9).unwrap()
        };
        let honest = leaves(4, 0);
        let cosigned = |judgement: &Judgement| matches!(judgement, Judgement::Cosigned(_));
        assert_eq!(
            add(&witness, 2, &[], &note(&honest[..2])),
            Judgement::OtherSize(0),
            "nothing was seen yet"
        );
        assert!(cosigned(&add(&witness, 0, &[], &note(&honest[..2]))));
        assert!(cosigned(&add(&witness, 2, &[], &note(&honest[..2]))), "the same again");
        // From two leaves to four: the root of the other two.
        let proof = [root_of(&honest[2..])];
        assert_eq!(add(&witness, 2, &[], &note(&honest)), Judgement::NotConsistent);
        assert_eq!(add(&witness, 2, &[[0; 32]], &note(&honest)), Judgement::NotConsistent);
        assert!(cosigned(&add(&witness, 2, &proof, &note(&honest))));
        // Another log of the same size, a shorter one, and one that goes on from another past.
        assert_eq!(add(&witness, 4, &[], &note(&leaves(4, 1))), Judgement::OtherSize(4));
        assert_eq!(add(&witness, 2, &[], &note(&honest[..3])), Judgement::OtherSize(4));
        assert_eq!(add(&witness, 4, &[], &note(&honest[..3])), Judgement::Malformed);
        assert_eq!(add(&witness, 4, &[leaf_hash(b"x")], &note(&leaves(5, 1))), Judgement::NotConsistent);
        // It is remembered by the next process.
        let again = Witness::open(Cosigner::new("w", &[2; 32]), [vec![signer().verifier()]], file).unwrap();
        assert_eq!(add(&again, 0, &[], &note(&honest)), Judgement::OtherSize(4));
        assert!(cosigned(&add(&again, 4, &[], &note(&honest))));
    }

    #[test]
    fn only_the_logs_that_it_knows_and_only_what_they_signed_is_cosigned() {
        let folder = tempfile::tempdir().unwrap();
        let witness = witness(folder.path().join("witness.json"));
        let note = note(&leaves(2, 0));
        let add = |note: &str| witness.add(&format!("old 0\n\n{note}"), 9).unwrap();
        assert_eq!(add(&note.replace("waymark/log", "waymark/other")), Judgement::UnknownLog);
        assert_eq!(add(&note.replacen("\n2\n", "\n3\n", 1)), Judgement::NotSigned);
        let other = Signer::new("waymark/log", &[3; 32]);
        let checkpoint = signer().verifier().open(&note).unwrap();
        assert_eq!(add(&other.sign(&checkpoint)), Judgement::NotSigned);
        assert_eq!(witness.add("new 0\n\nx", 9).unwrap(), Judgement::Malformed);
        let Judgement::Cosigned(line) = add(&note) else { panic!("not cosigned") };
        let text = signer().verifier().open_text(&note).unwrap().to_owned();
        let verifier = Cosigner::new("w", &[2; 32]).verifier();
        assert_eq!(verifier.find(&text, &line).map(|(seconds, _)| seconds), Some(9));
    }
}
