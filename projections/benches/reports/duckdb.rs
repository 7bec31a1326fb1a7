//! The same question put to DuckDB.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use waymark_projections::stats::Micros;

/// The median time of the question over these rows, by the fastest of the statements that are known for it.
pub(crate) fn measure(python: &Path, rows: &str, until: Micros) -> Duration {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reports");
    let mut child = Command::new(python)
        .arg(folder.join("duckdb_dwell.py"))
        .arg(until.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    child.stdin.take().expect("it reads").write_all(rows.as_bytes()).expect("it takes the rows");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "DuckDB answers");
    let seconds = String::from_utf8_lossy(&output.stdout).trim().parse().expect("it says how long it took");
    Duration::from_secs_f64(seconds)
}
