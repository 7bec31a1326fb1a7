//! The rules of time zones from files: the system's zoneinfo, renewed with the system's packages and not with this program.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::Zones;
use crate::domain::zones::Unreadable;

/// Where systems keep them.
const USUAL: &str = "/usr/share/zoneinfo";

/// Why rules were not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZoneinfoError {
    /// A file cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There are no files of zones.
    #[error("{0} holds no time zones: name a directory such as /usr/share/zoneinfo")]
    Empty(PathBuf),
    /// A file is damaged.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// The rules that a program goes by: those of the directory named, which must be there; else those of the usual one, unless
/// what is compiled in is newer, or there is none that can be read.
///
/// # Errors
/// [`ZoneinfoError`] where a directory was named.
pub(crate) fn open(named: Option<&Path>) -> Result<Zones, ZoneinfoError> {
    let found = read(named.unwrap_or(Path::new(USUAL)));
    match (found, named) {
        (Ok(zones), Some(_)) => Ok(zones),
        (Ok(zones), None) if zones.version() >= Zones::compiled_version() => Ok(zones),
        (Ok(_) | Err(ZoneinfoError::Empty(_)), None) => Ok(Zones::compiled()),
        (Err(error), None) => {
            tracing::warn!("the system's time zones cannot be read, those compiled in are used: {error}");
            Ok(Zones::compiled())
        }
        (Err(error), Some(_)) => Err(error),
    }
}

/// The rules in a directory.
fn read(directory: &Path) -> Result<Zones, ZoneinfoError> {
    let mut files = Vec::new();
    let mut digest = Sha256::new();
    for zone in chrono_tz::TZ_VARIANTS {
        if let Some(bytes) = bytes(&directory.join(zone.name()))? {
            digest.update(zone.name());
            digest.update(&bytes);
            files.push((zone, bytes));
        }
    }
    if files.is_empty() {
        return Err(ZoneinfoError::Empty(directory.to_owned()));
    }
    let version = match version(directory)? {
        Some(version) => version,
        // Anyone who packed them did not say; what they hold tells them apart.
        None => {
            let digest = digest.finalize();
            format!("unnamed-{}", digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    };
    Ok(Zones::read(version, files)?)
}

/// The version, as the files beside the zones say it: `tzdata.zi` begins with `# version 2026f`, `+VERSION` holds it alone.
fn version(directory: &Path) -> Result<Option<String>, ZoneinfoError> {
    for (name, prefix) in [("tzdata.zi", "# version "), ("+VERSION", ""), ("version", "")] {
        let Some(bytes) = bytes(&directory.join(name))? else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let first = text.lines().next().and_then(|line| line.strip_prefix(prefix)).map(str::trim);
        let valid = |version: &&str| {
            (1..=20).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if let Some(version) = first.filter(valid) {
            return Ok(Some(version.to_owned()));
        }
    }
    Ok(None)
}

/// The content of a file; none where there is no such file.
fn bytes(path: &Path) -> Result<Option<Vec<u8>>, ZoneinfoError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(ZoneinfoError::Io { path: path.to_owned(), error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_directory_is_no_need_and_a_named_one_is() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(open(Some(directory.path())), Err(ZoneinfoError::Empty(_))));
        assert!(open(None).is_ok());
    }

    #[test]
    fn what_does_not_say_its_version_is_recognised_by_what_it_holds() {
        let directory = tempfile::tempdir().unwrap();
        let utc = |name: &str| {
            let file = directory.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            let header = [b"TZif2".as_slice(), &[0; 15], &[0; 16], &[0, 0, 0, 1, 0, 0, 0, 4]].concat();
            let block = [header.as_slice(), &[0; 6], b"UTC\0"].concat();
            std::fs::write(file, [block.as_slice(), &block, b"\nUTC0\n"].concat()).unwrap();
        };
        utc("UTC");
        let one = open(Some(directory.path())).unwrap();
        assert!(one.version().starts_with("unnamed-") && one.renewed() == 1, "{}", one.version());
        utc("Asia/Shanghai");
        let two = open(Some(directory.path())).unwrap();
        assert!(two.version() != one.version() && two.renewed() == 2, "{}", two.version());
        std::fs::write(directory.path().join("tzdata.zi"), "# version 2026f\n# more\n").unwrap();
        assert_eq!(open(Some(directory.path())).unwrap().version(), "2026f");
        std::fs::write(directory.path().join("Asia/Shanghai"), "rubbish").unwrap();
        assert!(matches!(open(Some(directory.path())), Err(ZoneinfoError::Unreadable(_))));
    }
}
