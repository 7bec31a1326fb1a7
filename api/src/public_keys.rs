//! Public keys as they are handed over: in the file beside the database, in a file of one's own, or on the command line.
//!
//! A key a line, in the form `name+id+key`. A key under the name of the installation checks every log that has no keys of its own
//! in the same place; once the key of a log was changed, its keys stand there under the name of the log.

use std::io::Write as _;
use std::path::Path;

use waymark_eventstore::ledger::Verifier;

use crate::secrets::PUBLIC_NAME;

/// The keys in a text or in the file of that name; what else stands there is passed over.
pub(crate) fn given(given: &str) -> Vec<Verifier> {
    let text = std::fs::read_to_string(given).unwrap_or_else(|_| given.to_owned());
    text.lines().filter_map(|line| Verifier::from_vkey(line.trim())).collect()
}

/// Those of the keys that check the log of this name: its own, or else the installation's, under the name of the log. None where
/// all are keys of other logs.
pub(crate) fn of_log(keys: &[Verifier], name: &str) -> Vec<Verifier> {
    let named = |wanted: &str| keys.iter().filter(|key| key.name() == wanted).cloned().collect::<Vec<_>>();
    let own = named(name);
    if own.is_empty() { named(PUBLIC_NAME).iter().map(|key| key.named(name)).collect() } else { own }
}

/// Puts these keys into the file, where others stand there.
///
/// # Errors
/// When the file cannot be replaced.
pub(crate) fn publish(path: &Path, keys: &[Verifier]) -> std::io::Result<()> {
    let text: String = keys.iter().map(|key| format!("{}\n", key.to_vkey())).collect();
    if std::fs::read_to_string(path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = Path::new(&name);
    let mut out = std::fs::File::create(fresh)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use waymark_eventstore::ledger::Signer;

    use super::*;

    fn key(name: &str, seed: u8) -> Verifier {
        Signer::new(name, &[seed; 32]).verifier()
    }

    #[test]
    fn a_log_that_has_keys_of_its_own_is_not_checked_by_the_installations() {
        let keys = [key("waymark", 1), key("waymark/a", 2), key("waymark/a", 3)];
        assert_eq!(of_log(&keys, "waymark/a"), [key("waymark/a", 2), key("waymark/a", 3)]);
        assert_eq!(of_log(&keys, "waymark/b"), [key("waymark/b", 1)]);
        assert_eq!(of_log(&keys[1..], "waymark/b"), []);
    }

    #[test]
    fn keys_that_were_published_are_read_back_and_other_lines_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pub");
        let keys = [key("waymark", 1), key("waymark/a", 2)];
        publish(&path, &keys[..1]).unwrap();
        publish(&path, &keys).unwrap();
        assert_eq!(given(path.to_str().unwrap()), keys);
        assert_eq!(given(&format!("since March:\n  {}\n", keys[1].to_vkey())), keys[1..]);
        assert_eq!(given("no key"), []);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    }
}
