//! Puts a damaged file aside, so that a new one can be made in its place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{ProjectionError, Result};

/// Which file a name leads to, whatever it is called later: device and number on Unix. Elsewhere files that are open cannot
/// be renamed, and the name is all there is.
pub(super) type FileId = (u64, u64);

#[cfg(unix)]
fn id(metadata: &std::fs::Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn id(_: &std::fs::Metadata) -> Option<FileId> {
    None
}

/// Which file stands under this name; none where there is none.
pub(super) fn identity(path: &Path) -> Option<FileId> {
    path.metadata().ok().as_ref().and_then(id)
}

/// Renames a damaged file and what belongs to it to `….damaged`, over what was put aside before, unless another process has
/// done so: then the file under its name is a new one.
///
/// # Errors
/// [`ProjectionError::Database`] when the file cannot be renamed.
pub(super) fn put(path: &Path, damaged: Option<FileId>, why: &str) -> Result<()> {
    let put = put_aside(path, damaged);
    let put = put.map_err(|error| {
        ProjectionError::Database(format!("{} is damaged and cannot be put aside: {error}", path.display()))
    })?;
    if put {
        metrics::counter!("waymark_projection_files_put_aside_total").increment(1);
        tracing::warn!(path = %path.display(), aside = %beside(path, ".damaged").display(), why,
            "the file of the read models is damaged: it was put aside, and they are folded from the log again");
    }
    Ok(())
}

fn put_aside(path: &Path, damaged: Option<FileId>) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    // Anyone who finds the same damage waits here, and then finds another file under the name.
    file.lock()?;
    if id(&file.metadata()?) != damaged || identity(path) != damaged {
        return Ok(false);
    }
    // The write-ahead log first: left behind, it would be taken for that of the new file. A crash in between leaves the
    // file without it, which is opened, or found damaged and put aside, the next time.
    for ending in ["-wal", "-shm", ""] {
        let renamed = std::fs::rename(beside(path, ending), beside(path, &format!(".damaged{ending}")));
        match renamed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    Ok(true)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_is_the_file_that_was_damaged_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        std::fs::write(&path, "rubbish").unwrap();
        std::fs::write(beside(&path, "-wal"), "more").unwrap();
        let damaged = identity(&path);
        assert!(put_aside(&path, damaged).unwrap());
        assert!(!path.exists() && !beside(&path, "-wal").exists());
        assert_eq!(std::fs::read_to_string(beside(&path, ".damaged")).unwrap(), "rubbish");
        // Another process has made the new one meanwhile.
        std::fs::write(&path, "sound").unwrap();
        assert!(!put_aside(&path, damaged).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "sound");
    }
}
