//! The key file while the service runs: it is read again where a key is missing, and gets the keys that signing keys are changed
//! to.
//!
//! It is replaced whole, so that a crash leaves the old file or the new one, and is on disk before anything is signed with what
//! is in it. Processes that share the file take turns by a lock on its folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use waymark_eventstore::TenantId;
use waymark_eventstore::ledger::{Signer, Verifier};

use crate::ambient::random_bytes;
use crate::secrets::{Secrets, SecretsError};

/// The secrets of an installation, and the file that they stand in.
pub struct KeyFile {
    path: PathBuf,
    /// As they were last read.
    secrets: Mutex<Secrets>,
}

impl KeyFile {
    /// The secrets that were read from a file.
    #[must_use]
    pub fn new(path: PathBuf, secrets: Secrets) -> Self {
        Self { path, secrets: Mutex::new(secrets) }
    }

    /// What signs a tenant's log, which has this name, until its key is changed.
    pub(crate) fn first_verifier(&self, name: &str) -> Verifier {
        self.secrets.lock().signer(name).verifier()
    }

    /// The public halves of everything here that could sign a tenant's log.
    pub(crate) fn verifiers(&self, tenant: TenantId, name: &str) -> Vec<Verifier> {
        self.secrets.lock().verifiers(tenant, name)
    }

    /// What signs as this key; none where its secret is not here. The file is read again before that is said: another process
    /// may have written it, or somebody may have copied it here.
    pub(crate) fn signer(&self, tenant: TenantId, key: &Verifier) -> Option<Signer> {
        let of =
            |secrets: &Secrets| secrets.signers(tenant, key.name()).find(|signer| signer.verifier() == *key);
        let known = of(&self.secrets.lock());
        known.or_else(|| {
            match Secrets::find(&self.path) {
                Ok(Some(secrets)) => *self.secrets.lock() = secrets,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the key file was not read again"),
            }
            of(&self.secrets.lock())
        })
    }

    /// A key that a tenant's log can be changed to, on disk. One that was made and never came to be used is taken before another
    /// is made: a caller that repeats it after a crash gets the same. `used` are the keys that the log tells of.
    ///
    /// # Errors
    /// When the file cannot be read or replaced.
    pub(crate) fn prepare(
        &self,
        tenant: TenantId,
        name: &str,
        used: &[Verifier],
    ) -> Result<Signer, SecretsError> {
        let unused = |secrets: &Secrets| {
            let mut signers = secrets.signers(tenant, name);
            signers.find(|signer| !used.contains(&signer.verifier()))
        };
        let made = self.change(|secrets| match unused(secrets) {
            Some(_) => false,
            None => {
                secrets.log_seeds.entry(tenant.0).or_default().push(random_bytes());
                true
            }
        })?;
        let found = unused(&self.secrets.lock());
        tracing::info!(%tenant, made, "a key to sign the log with is in the key file");
        found.ok_or_else(|| self.fault(io::Error::other("the new key is not in it")))
    }

    /// Forgets the secrets of keys that sign nothing any more.
    ///
    /// # Errors
    /// When the file cannot be read or replaced.
    pub(crate) fn forget(&self, tenant: TenantId, name: &str, keys: &[Verifier]) -> Result<(), SecretsError> {
        let is_one = |seed: &[u8; 32]| keys.contains(&Signer::new(name, seed).verifier());
        let own = |secrets: &Secrets| {
            secrets.log_seeds.get(&tenant.0).is_some_and(|seeds| seeds.iter().any(is_one))
        };
        if !own(&self.secrets.lock()) {
            return Ok(());
        }
        self.change(|secrets| {
            let there = own(secrets);
            if let Some(seeds) = secrets.log_seeds.get_mut(&tenant.0) {
                seeds.retain(|seed| !is_one(seed));
            }
            there
        })
        .map(drop)
    }

    /// Changes the secrets as they are in the file now, and replaces the file where that made a difference.
    fn change(&self, change: impl FnOnce(&mut Secrets) -> bool) -> Result<bool, SecretsError> {
        // What is replaced is the file itself, not a link to it.
        let path = self.path.canonicalize().map_err(|error| self.fault(error))?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let folder = File::open(folder).map_err(|error| self.fault(error))?;
        folder.lock().map_err(|error| self.fault(error))?;
        let gone = || self.fault(io::ErrorKind::NotFound.into());
        let mut secrets = Secrets::find(&path)?.ok_or_else(gone)?;
        let changed = change(&mut secrets);
        if changed {
            replace(&path, &secrets).and_then(|()| folder.sync_all()).map_err(|error| self.fault(error))?;
        }
        *self.secrets.lock() = secrets;
        Ok(changed)
    }

    fn fault(&self, source: io::Error) -> SecretsError {
        SecretsError::File { path: self.path.display().to_string(), source }
    }
}

/// Puts another file in the place of the key file, for the same owner: the person who changes it at the command line may be another
/// user than the service.
fn replace(path: &Path, secrets: &Secrets) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    secrets.write(&fresh)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (old, new) = (path.metadata()?, fresh.metadata()?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::chown(&fresh, Some(old.uid()), Some(old.gid()))?;
        }
    }
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::Database;

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    fn opened(folder: &tempfile::TempDir) -> KeyFile {
        let path = folder.path().join("w.keys");
        let secrets = Secrets::open(&path, &Database::Sqlite("w.db".into()), !path.exists()).unwrap();
        KeyFile::new(path, secrets)
    }

    #[test]
    fn a_key_that_was_made_and_never_used_is_taken_before_another_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = opened(&folder);
        let first = file.first_verifier("log");
        let made = file.prepare(TENANT, "log", std::slice::from_ref(&first)).unwrap().verifier();
        assert_ne!(made, first);
        // As after a crash, in a process that opens the file again.
        let again = opened(&folder);
        assert_eq!(again.prepare(TENANT, "log", std::slice::from_ref(&first)).unwrap().verifier(), made);
        let next = again.prepare(TENANT, "log", &[first.clone(), made.clone()]).unwrap().verifier();
        assert!(next != made && next != first);
        // Keys are a log's own.
        let other = TenantId(Uuid::from_u128(8));
        let others = again.prepare(other, "log", std::slice::from_ref(&first)).unwrap().verifier();
        assert!(![&made, &next].contains(&&others));
        // What another process wrote is found without a restart.
        assert!(file.signer(TENANT, &next).is_some() && file.signer(other, &made).is_none());
    }

    #[test]
    fn what_signs_no_more_is_forgotten_and_the_key_of_all_logs_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = opened(&folder);
        let fingerprint = file.secrets.lock().fingerprint();
        let first = file.first_verifier("log");
        let made = file.prepare(TENANT, "log", std::slice::from_ref(&first)).unwrap().verifier();
        file.forget(TENANT, "log", &[first.clone(), made.clone()]).unwrap();
        let read = opened(&folder);
        assert_eq!(read.verifiers(TENANT, "log"), [first]);
        assert_eq!(read.secrets.lock().fingerprint(), fingerprint, "the database knows the file again");
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_as_it_is_and_no_key_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = opened(&folder);
        // A folder in the place of the new file, which no write gets past.
        std::fs::create_dir_all(folder.path().join("w.keys.new/x")).unwrap();
        let before = std::fs::read(folder.path().join("w.keys")).unwrap();
        assert!(file.prepare(TENANT, "log", &[file.first_verifier("log")]).is_err());
        assert_eq!(std::fs::read(folder.path().join("w.keys")).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_file_after_a_change() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = opened(&folder);
        file.prepare(TENANT, "log", &[file.first_verifier("log")]).unwrap();
        let mode = folder.path().join("w.keys").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
