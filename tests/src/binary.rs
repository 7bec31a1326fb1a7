//! The `waymark` program under test, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{repository, setting};

/// The program: `WAYMARK_BIN`, or else built now from this checkout.
pub(crate) fn waymark() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| setting("WAYMARK_BIN").map_or_else(build, PathBuf::from))
}

/// Builds into the target directory that the running test came from, with its profile, so that nothing is
/// compiled twice.
fn build() -> PathBuf {
    let profile = profile_directory();
    let target = profile.parent().unwrap_or_else(|| panic!("{} has no parent", profile.display()));
    let mut command = Command::new(setting("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.current_dir(repository());
    command.args(["build", "--quiet", "-p", "waymark-api", "--bin", "waymark", "--target-dir"]).arg(target);
    // The folder of the profile `dev` is called `debug`; the others have their names.
    let name = profile.file_name().and_then(|name| name.to_str()).filter(|name| *name != "debug");
    if let Some(name) = name {
        command.args(["--profile", name]);
    }
    let status = command.status().unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(status.success(), "the waymark program does not build");
    profile.join("waymark")
}

/// `target/debug` of `target/debug/deps/oracles-0123`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("where is this test? {error}"));
    let directory = test.ancestors().nth(2);
    directory.unwrap_or_else(|| panic!("{} is not in a target directory", test.display())).to_path_buf()
}
