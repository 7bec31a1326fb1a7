//! What must not be in the database: the root key of personal fields and the log's signing key.
//!
//! They stand in a file of their own beside the database (or come from the environment), so that a copy of the
//! database alone neither reads a name nor forges a checkpoint.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use waymark_eventstore::TenantId;
use waymark_eventstore::ledger::{Signer, Verifier};

use crate::ambient::random_bytes;
use crate::config::Database;

/// Whose public key it is: of the installation, for the logs of all its tenants.
pub(crate) const PUBLIC_NAME: &str = "waymark";

/// The secrets of an installation.
#[derive(Clone)]
pub struct Secrets {
    /// Wraps the tenants' keys.
    pub root_key: [u8; 32],
    /// Signs the checkpoints of each log until its key is changed (Ed25519 seed).
    pub signing_seed: [u8; 32],
    /// What signs the checkpoints of a log whose key was changed, by tenant, the newest last. Which of them signs is told by
    /// the log: one that it does not tell of signs nothing.
    pub log_seeds: BTreeMap<Uuid, Vec<[u8; 32]>>,
}

/// The key file: base64 of 32 bytes each.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    root_key: String,
    signing_key: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    log_signing_keys: BTreeMap<Uuid, Vec<String>>,
}

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file cannot be read or made.
    #[error("the key file {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is there but is not one of ours.
    #[error("the key file {path} is not base64 keys of 32 bytes each: {why}")]
    Format {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// The database was made with keys that are gone.
    #[error(
        "the database {database} has no key file {path}; put it back: without it nothing personal can be read"
    )]
    Lost {
        /// Which database.
        database: String,
        /// Which file.
        path: String,
    },
}

impl Secrets {
    /// Reads the key file, or makes it when both it and the database are new.
    ///
    /// # Errors
    /// When the file cannot be read, made or understood, or is missing beside an existing database.
    pub fn open(path: &Path, database: &Database, is_new: bool) -> Result<Self, SecretsError> {
        let shown = || path.display().to_string();
        let file = |source| SecretsError::File { path: shown(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|why| SecretsError::Format { path: shown(), why }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !is_new {
                    return Err(SecretsError::Lost { database: database.to_string(), path: shown() });
                }
                let (root_key, signing_seed) = (random_bytes(), random_bytes());
                let secrets = Self { root_key, signing_seed, log_seeds: BTreeMap::new() };
                secrets.write(path).map_err(file)?;
                Ok(secrets)
            }
            Err(error) => Err(file(error)),
        }
    }

    /// Reads the key file; `None` where there is none.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn find(path: &Path) -> Result<Option<Self>, SecretsError> {
        let shown = || path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => {
                Self::parse(&text).map(Some).map_err(|why| SecretsError::Format { path: shown(), why })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SecretsError::File { path: shown(), source }),
        }
    }

    /// What signs the checkpoints of the log of this name until its key is changed.
    #[must_use]
    pub fn signer(&self, name: &str) -> Signer {
        Signer::new(name, &self.signing_seed)
    }

    /// Everything here that could sign checkpoints of a tenant's log, which has this name.
    pub(crate) fn signers(&self, tenant: TenantId, name: &str) -> impl Iterator<Item = Signer> {
        let own = self.log_seeds.get(&tenant.0).into_iter().flatten();
        std::iter::once(&self.signing_seed).chain(own).map(move |seed| Signer::new(name, seed))
    }

    /// The public halves of [`Self::signers`].
    pub(crate) fn verifiers(&self, tenant: TenantId, name: &str) -> Vec<Verifier> {
        self.signers(tenant, name).map(|signer| signer.verifier()).collect()
    }

    /// Writes the public half of the signing key into a file of its own, where there is none: with it anybody checks what
    /// was signed, and nobody signs. Without it nothing is lost, since the key file has it as well.
    pub fn publish(&self, path: &Path) {
        let mut options = std::fs::OpenOptions::new();
        let written = options.write(true).create_new(true).open(path).and_then(|mut out| {
            writeln!(out, "{}", self.signer(PUBLIC_NAME).verifier().to_vkey())?;
            out.sync_all()
        });
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                tracing::warn!(%error, path = %path.display(), "the public key was not written beside the database");
            }
            _ => {}
        }
    }

    /// By what a database knows its keys again: it tells nothing of them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::new_with_prefix("waymark keys")
            .chain_update(self.root_key)
            .chain_update(self.signing_seed)
            .finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: KeyFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let key = |name: &str, text: &str| {
            let bytes = STANDARD.decode(text).map_err(|error| format!("{name}: {error}"))?;
            <[u8; 32]>::try_from(bytes).map_err(|bytes| format!("{name}: {} bytes", bytes.len()))
        };
        let logs = file.log_signing_keys.iter().map(|(tenant, seeds)| {
            let seeds = seeds.iter().map(|seed| key("log_signing_keys", seed));
            Ok((*tenant, seeds.collect::<Result<_, String>>()?))
        });
        Ok(Self {
            root_key: key("root_key", &file.root_key)?,
            signing_seed: key("signing_key", &file.signing_key)?,
            log_seeds: logs.collect::<Result<_, String>>()?,
        })
    }

    /// Writes a new file for its owner's eyes only, and on disk before the first key is used.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let encoded = |seeds: &Vec<[u8; 32]>| seeds.iter().map(|seed| STANDARD.encode(seed)).collect();
        let file = KeyFile {
            root_key: STANDARD.encode(self.root_key),
            signing_key: STANDARD.encode(self.signing_seed),
            log_signing_keys: self
                .log_seeds
                .iter()
                .map(|(tenant, seeds)| (*tenant, encoded(seeds)))
                .collect(),
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(path)?;
        serde_json::to_writer_pretty(&mut out, &file)?;
        out.write_all(b"\n")?;
        out.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Database {
        Database::Sqlite("w.db".into())
    }

    #[test]
    fn keys_made_once_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("w.keys");
        let made = Secrets::open(&keys, &database(), true).unwrap();
        let read = Secrets::open(&keys, &database(), false).unwrap();
        assert_eq!((made.root_key, made.signing_seed), (read.root_key, read.signing_seed));
        assert_eq!(made.fingerprint(), read.fingerprint());
    }

    #[test]
    fn other_keys_have_another_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let made =
            ["a", "b"].map(|name| Secrets::open(&folder.path().join(name), &database(), true).unwrap());
        assert_ne!(made[0].fingerprint(), made[1].fingerprint());
    }

    #[test]
    fn a_database_whose_keys_are_lost_is_not_given_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("w.keys");
        assert!(matches!(Secrets::open(&keys, &database(), false), Err(SecretsError::Lost { .. })));
        assert!(!keys.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_key_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("w.keys");
        Secrets::open(&keys, &database(), true).unwrap();
        assert_eq!(keys.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
