//! What must not be in the database: the root key of personal fields and the log's signing key.
//!
//! They stand in a file of their own beside the database (or come from the environment), so that a copy of the
//! database alone neither reads a name nor forges a checkpoint.

use std::collections::BTreeMap;
use std::io::Write as _;
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
use crate::key_place::{KeyPlace, SecretsError};

/// Whose public key it is: of the installation, for the logs of all its tenants.
pub(crate) const PUBLIC_NAME: &str = "waymark";

/// The secrets of an installation.
#[derive(Clone)]
pub struct Secrets {
    /// Wraps the tenants' keys.
    pub root_key: [u8; 32],
    /// What wrapped them before, while it is being replaced.
    pub former_root_key: Option<[u8; 32]>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_root_key: Option<String>,
    signing_key: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    log_signing_keys: BTreeMap<Uuid, Vec<String>>,
}

impl Secrets {
    /// Reads the keys, or makes them when both they and the database are new.
    ///
    /// # Errors
    /// When the file cannot be read, made or understood, or is missing beside an existing database.
    pub fn open(place: &KeyPlace, database: &Database, is_new: bool) -> Result<Self, SecretsError> {
        if let Some(found) = Self::find(place)? {
            return Ok(found);
        }
        if !is_new {
            return Err(SecretsError::Lost { database: database.to_string(), place: place.shown() });
        }
        let (root_key, signing_seed) = (random_bytes(), random_bytes());
        let secrets = Self { root_key, former_root_key: None, signing_seed, log_seeds: BTreeMap::new() };
        secrets.write(place)?;
        Ok(secrets)
    }

    /// Reads the keys; `None` where there are none.
    ///
    /// # Errors
    /// When they cannot be read or understood.
    pub fn find(place: &KeyPlace) -> Result<Option<Self>, SecretsError> {
        place.stored()?.map(|stored| Self::of(place, &stored)).transpose()
    }

    /// The keys in what stands at a place.
    ///
    /// # Errors
    /// When it cannot be unwrapped or understood.
    pub(crate) fn of(place: &KeyPlace, stored: &str) -> Result<Self, SecretsError> {
        let opened = place.opened(stored)?;
        Self::parse(&opened).map_err(|why| SecretsError::Format { place: place.shown(), why })
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
        self.fingerprint_with(&self.root_key)
    }

    /// Whether a database that knows its keys by this is one of these keys': by the root key, or by the one before while it is
    /// being replaced.
    #[must_use]
    pub fn is_known_as(&self, fingerprint: &str) -> bool {
        let roots = std::iter::once(&self.root_key).chain(&self.former_root_key);
        roots.into_iter().any(|root| self.fingerprint_with(root) == fingerprint)
    }

    /// What the record of erasures is authenticated under. It stays when the root key and the keys of logs are changed: a record
    /// outlives them.
    pub(crate) fn erasure_record_key(&self) -> [u8; 32] {
        Sha256::new_with_prefix("waymark erasure record").chain_update(self.signing_seed).finalize().into()
    }

    fn fingerprint_with(&self, root_key: &[u8; 32]) -> String {
        let digest = Sha256::new_with_prefix("waymark keys")
            .chain_update(root_key)
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
            former_root_key: file
                .former_root_key
                .as_deref()
                .map(|text| key("former_root_key", text))
                .transpose()?,
            signing_seed: key("signing_key", &file.signing_key)?,
            log_seeds: logs.collect::<Result<_, String>>()?,
        })
    }

    /// Writes a new file.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be written.
    pub(crate) fn write(&self, place: &KeyPlace) -> Result<(), SecretsError> {
        let encoded = |seeds: &Vec<[u8; 32]>| seeds.iter().map(|seed| STANDARD.encode(seed)).collect();
        let file = KeyFile {
            root_key: STANDARD.encode(self.root_key),
            former_root_key: self.former_root_key.map(|key| STANDARD.encode(key)),
            signing_key: STANDARD.encode(self.signing_seed),
            log_signing_keys: self
                .log_seeds
                .iter()
                .map(|(tenant, seeds)| (*tenant, encoded(seeds)))
                .collect(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|error| place.fault(error.into()))?;
        place.write(&text)
    }
}

/// What a root key is called in events and names of files: four bytes in hexadecimal, which tell nothing of it.
pub(crate) fn root_key_id(root_key: &[u8; 32]) -> String {
    let digest = Sha256::new_with_prefix("waymark root key").chain_update(root_key).finalize();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
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
        let made = Secrets::open(&keys.clone().into(), &database(), true).unwrap();
        let read = Secrets::open(&keys.clone().into(), &database(), false).unwrap();
        assert_eq!((made.root_key, made.signing_seed), (read.root_key, read.signing_seed));
        assert_eq!(made.fingerprint(), read.fingerprint());
    }

    #[test]
    fn other_keys_have_another_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let made = ["a", "b"]
            .map(|name| Secrets::open(&folder.path().join(name).into(), &database(), true).unwrap());
        assert_ne!(made[0].fingerprint(), made[1].fingerprint());
    }

    #[test]
    fn a_database_whose_keys_are_lost_is_not_given_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("w.keys");
        assert!(matches!(
            Secrets::open(&keys.clone().into(), &database(), false),
            Err(SecretsError::Lost { .. })
        ));
        assert!(!keys.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_key_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("w.keys");
        Secrets::open(&keys.clone().into(), &database(), true).unwrap();
        assert_eq!(keys.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
