//! axe-core, which says what of a page cannot be used by everybody. It comes from its registry, by npm, once.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::{repository, setting};

/// What is installed: one version, so that the verdict is the same on every machine.
const PACKAGE: &str = "axe-core@4.14.1";

/// The script; `None` where there is no npm to fetch it with, after saying so. With `WAYMARK_TESTS_STRICT=1` that is a failure.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test says that it was skipped")]
pub(super) fn script() -> Option<&'static str> {
    static SCRIPT: OnceLock<Option<String>> = OnceLock::new();
    let script = SCRIPT.get_or_init(|| {
        let folder = repository().join("target/axe").join(PACKAGE);
        let file = folder.join("node_modules/axe-core/axe.min.js");
        if !file.is_file() {
            install(&folder);
        }
        std::fs::read_to_string(file).ok()
    });
    if script.is_none() {
        assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "axe-core is absent and nothing may be skipped");
        eprintln!("skipped: axe-core cannot be installed");
    }
    script.as_deref()
}

fn install(folder: &PathBuf) {
    let mut npm = Command::new("npm");
    npm.arg("install").arg("--prefix").arg(folder).args([
        "--no-fund",
        "--no-audit",
        "--loglevel=error",
        PACKAGE,
    ]);
    // What it did is seen by what is there afterwards.
    npm.stdout(Stdio::null()).stdin(Stdio::null()).status().ok();
}
