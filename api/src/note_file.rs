//! The file beside the database with the last signed note of each log.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The notes of all tenants, as the file holds them.
pub(crate) type Notes = BTreeMap<Uuid, String>;

/// What the file holds; nothing where there is none.
///
/// # Errors
/// When it cannot be read, or holds something else.
pub(crate) fn read(file: &Path) -> io::Result<Notes> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Notes::new()),
        Err(error) => Err(error),
    }
}

/// Replaces the file whole: a crash leaves the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(file: &Path, notes: &Notes) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(name);
    let mut out = std::fs::File::create(&fresh)?;
    serde_json::to_writer_pretty(&mut out, notes)?;
    out.write_all(b"\n")?;
    out.sync_all()?;
    std::fs::rename(&fresh, file)
}
