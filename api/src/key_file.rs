//! The key file while the service runs: it is read again where a key is missing, and gets the keys that signing keys and the root
//! key are changed to.
//!
//! It is replaced whole, so that a crash leaves the old file or the new one, and is on disk before anything is signed with what
//! is in it. Processes that share the file take turns by a lock on its folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use waymark_eventstore::TenantId;
use waymark_eventstore::ledger::{Signer, Verifier};
use waymark_eventstore::vault::{RootKey, RootKeys};

use crate::ambient::random_bytes;
use crate::key_place::{KeyPlace, SecretsError};
use crate::secrets::{Secrets, root_key_id};

/// The secrets of an installation, and the file that they stand in.
pub struct KeyFile {
    place: KeyPlace,
    /// As they were last read.
    secrets: Mutex<Secrets>,
    /// What stood in the file when it was last read: only what changed is unwrapped again.
    stored: Mutex<Option<String>>,
}

impl KeyFile {
    /// The secrets that were read from a file.
    #[must_use]
    pub fn new(place: KeyPlace, secrets: Secrets) -> Self {
        let stored = Mutex::new(place.stored().ok().flatten());
        Self { place, secrets: Mutex::new(secrets), stored }
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
            self.read(false);
            of(&self.secrets.lock())
        })
    }

    /// Reads the file again: one that `may_be_the_same` is unwrapped only if it was changed.
    fn read(&self, may_be_the_same: bool) {
        let read = self.place.stored().and_then(|found| {
            let Some(found) = found else { return Ok(()) };
            let mut stored = self.stored.lock();
            if !may_be_the_same || stored.as_ref() != Some(&found) {
                *self.secrets.lock() = Secrets::of(&self.place, &found)?;
                *stored = Some(found);
            }
            Ok(())
        });
        if let Err(error) = read {
            tracing::warn!(%error, "the keys were not read again");
        }
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

    /// Puts another root key into the file; the one before stays beside it until [`Self::forget_former_root`], and the file as it
    /// was is set aside under the name that is returned: backups from before need it. A change that was begun is taken up.
    ///
    /// # Errors
    /// When the file cannot be read or replaced, or the one before not be set aside. Nothing is changed then.
    pub(crate) fn change_root(&self) -> Result<PathBuf, SecretsError> {
        let mut aside = Ok(());
        self.change(|secrets| {
            if secrets.former_root_key.is_some() {
                return false;
            }
            aside = set_aside(&self.place.at(self.aside(&secrets.root_key)), secrets);
            if aside.is_ok() {
                secrets.former_root_key = Some(secrets.root_key);
                secrets.root_key = random_bytes();
            }
            aside.is_ok()
        })?;
        aside?;
        let former = self.secrets.lock().former_root_key.unwrap_or_default();
        Ok(self.aside(&former))
    }

    /// The ids of the root key and of the one that it replaces; none where it replaces none.
    pub(crate) fn root_change(&self) -> Option<(String, String)> {
        let secrets = self.secrets.lock();
        Some((root_key_id(&secrets.root_key), root_key_id(&secrets.former_root_key?)))
    }

    /// By what a database knows these keys again.
    pub(crate) fn fingerprint(&self) -> String {
        self.secrets.lock().fingerprint()
    }

    /// Takes the root key out of the file that was replaced: nothing is wrapped by it any more.
    ///
    /// # Errors
    /// When the file cannot be read or replaced.
    pub(crate) fn forget_former_root(&self) -> Result<(), SecretsError> {
        self.change(|secrets| secrets.former_root_key.take().is_some()).map(drop)
    }

    fn aside(&self, root_key: &[u8; 32]) -> PathBuf {
        let mut name = self.place.path().as_os_str().to_owned();
        name.push(format!(".{}", root_key_id(root_key)));
        PathBuf::from(name)
    }

    /// Changes the secrets as they are in the file now, and replaces the file where that made a difference.
    fn change(&self, change: impl FnOnce(&mut Secrets) -> bool) -> Result<bool, SecretsError> {
        // What is replaced is the file itself, not a link to it.
        let path = self.place.path().canonicalize().map_err(|error| self.place.fault(error))?;
        let place = self.place.at(path);
        let folder = place.path().parent().unwrap_or(Path::new(".")).to_owned();
        let folder = File::open(folder).map_err(|error| self.fault(error))?;
        folder.lock().map_err(|error| self.fault(error))?;
        let gone = || self.fault(io::ErrorKind::NotFound.into());
        let mut secrets = Secrets::find(&place)?.ok_or_else(gone)?;
        let changed = change(&mut secrets);
        if changed {
            replace(&place, &secrets)?;
            folder.sync_all().map_err(|error| self.fault(error))?;
        }
        *self.secrets.lock() = secrets;
        Ok(changed)
    }

    fn fault(&self, source: io::Error) -> SecretsError {
        self.place.fault(source)
    }
}

impl RootKeys for KeyFile {
    /// Read again first: what is wrapped by a key that another process has just replaced would be lost with it.
    fn newest(&self) -> RootKey {
        self.read(true);
        RootKey(self.secrets.lock().root_key)
    }

    fn all(&self) -> Vec<RootKey> {
        let secrets = self.secrets.lock();
        std::iter::once(secrets.root_key).chain(secrets.former_root_key).map(RootKey).collect()
    }

    fn read_again(&self) -> Vec<RootKey> {
        self.read(false);
        self.all()
    }
}

/// Keeps the secrets as they are in a file of their own. One that is there is the same: it is named by its root key.
fn set_aside(place: &KeyPlace, secrets: &Secrets) -> Result<(), SecretsError> {
    match secrets.write(place) {
        Err(SecretsError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => written,
    }
}

/// Puts another file in the place of the key file, for the same owner: the person who changes it at the command line may be another
/// user than the service.
fn replace(place: &KeyPlace, secrets: &Secrets) -> Result<(), SecretsError> {
    let mut name = place.path().as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(place.fault(error)),
        _ => {}
    }
    secrets.write(&place.at(fresh.clone()))?;
    put_in_place(place.path(), &fresh).map_err(|error| place.fault(error))
}

fn put_in_place(path: &Path, fresh: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (old, new) = (path.metadata()?, fresh.metadata()?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::chown(fresh, Some(old.uid()), Some(old.gid()))?;
        }
    }
    std::fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::Database;

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    fn opened(folder: &tempfile::TempDir) -> KeyFile {
        let path = folder.path().join("w.keys");
        let is_new = !path.exists();
        let place = KeyPlace::from(path);
        let secrets = Secrets::open(&place, &Database::Sqlite("w.db".into()), is_new).unwrap();
        KeyFile::new(place, secrets)
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

    #[test]
    fn while_the_root_key_is_changed_both_are_at_hand_and_the_file_before_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (opened(&folder), opened(&folder));
        let (before, known_as) = (file.newest(), file.fingerprint());
        let aside = file.change_root().unwrap();
        assert_eq!(file.change_root().unwrap(), aside, "a change that was begun is taken up");
        assert!(file.newest() != before && file.all() == [file.newest(), before.clone()]);
        assert!(file.secrets.lock().is_known_as(&known_as) && file.fingerprint() != known_as);
        // Another process goes on with what it knows until it meets what that does not open.
        assert!(other.all() == [before.clone()] && other.read_again() == file.all());

        file.forget_former_root().unwrap();
        assert!(opened(&folder).all() == [file.newest()] && file.root_change().is_none());
        assert!(!file.secrets.lock().is_known_as(&known_as));
        let kept = Secrets::find(&aside.into()).unwrap().unwrap();
        assert!(RootKey(kept.root_key) == before && kept.former_root_key.is_none());
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
