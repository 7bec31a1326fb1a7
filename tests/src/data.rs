//! Real histories with their oracles, kept outside the repository.

use std::path::PathBuf;

use serde_json::Value;

use crate::{repository, setting};

/// One imported file and what the analytics must say about it.
#[derive(Debug)]
pub struct DataSet {
    /// The CSV file, perhaps gzipped.
    pub csv: PathBuf,
    /// The oracle's figures.
    pub oracle: Value,
}

impl DataSet {
    /// Reads `<folder>/<oracle>`, whose `input.csv` names the CSV file beside it.
    ///
    /// `None` when the shared data are absent, after saying so; with `WAYMARK_TESTS_STRICT=1` that is a failure.
    #[must_use]
    pub fn open(folder: &str, oracle: &str) -> Option<Self> {
        let folder = shared_data()?.join(folder);
        let text = std::fs::read_to_string(folder.join(oracle))
            .unwrap_or_else(|error| panic!("{}/{oracle}: {error}", folder.display()));
        let oracle: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let csv = folder.join(oracle["input"]["csv"].as_str().unwrap_or_default());
        Some(Self { csv, oracle })
    }

    /// The statuses that end a case.
    #[must_use]
    pub fn finals(&self) -> Vec<&str> {
        self.oracle["input"]["final"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// The folder of shared data: `data` under `WAYMARK_SHARED`, or under `../shared` beside the checkout.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test says that it was skipped")]
pub fn shared_data() -> Option<PathBuf> {
    let shared = setting("WAYMARK_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let data = shared.join("data");
    if data.is_dir() {
        return Some(data);
    }
    assert!(
        setting("WAYMARK_TESTS_STRICT").is_none(),
        "{} is absent and nothing may be skipped",
        data.display()
    );
    eprintln!("skipped: {} is absent", data.display());
    None
}
