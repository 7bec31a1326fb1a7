//! The few things that a test takes from its surroundings.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

/// A setting from the environment; unset and empty are the same.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the harness reads the environment here and nowhere else")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The present, for stories told relative to today.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a story over real HTTP happens in real time")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The root of the checkout that these tests were built from.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
