//! What can be wrong with an archive of evidence.

use std::io;

use waymark_eventstore::Position;

/// What is wrong with an archive.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) kind: FlawKind,
    /// The file in which it is; none where the archive as a whole cannot be read.
    pub(crate) file: Option<String>,
    pub(crate) what: String,
    /// The position of the entry, where it is one.
    pub(crate) position: Option<Position>,
}

/// What sort of flaw it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// Something is not as it was when it was signed.
    Tampered,
    /// A signature is missing, or wrong.
    BadSignature,
    /// Something is missing.
    Incomplete,
    /// It could not be looked into.
    NotChecked,
}

impl Flaw {
    pub(super) fn new(kind: FlawKind, file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, file: Some(file.into()), what: what.into(), position: None }
    }

    pub(super) fn tampered(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(FlawKind::Tampered, file, what)
    }

    pub(super) fn missing(file: impl Into<String>) -> Self {
        Self::new(FlawKind::Incomplete, file, "it is missing")
    }

    pub(super) fn entry(file: &str, position: Position, what: impl Into<String>) -> Self {
        Self { position: Some(position), ..Self::tampered(file, what) }
    }

    pub(super) fn not_checked(what: impl Into<String>) -> Self {
        Self { kind: FlawKind::NotChecked, file: None, what: what.into(), position: None }
    }
}

/// What reading an archive ends with.
impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        // What the system says is of the file; all else is of what stands in it.
        if error.raw_os_error().is_some() {
            return Self::not_checked(format!("the archive cannot be read: {error}"));
        }
        let what = format!("the archive is broken off or no .tar.gz: {error}");
        Self { kind: FlawKind::Incomplete, file: None, what, position: None }
    }
}
