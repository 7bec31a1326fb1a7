//! Output for people and programs.

#![expect(clippy::print_stderr, reason = "the one place that writes to the terminal")]

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// A line of the answer.
pub(crate) fn say(line: &str) {
    print(line);
}

/// Writes a line. Where nothing is read any more, as after `| head`, there is nothing left to say.
fn print(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// A line beside the answer, for people.
pub(crate) fn remark(line: &str) {
    eprintln!("{line}");
}

/// Why it failed.
pub(crate) fn complain(message: &str) {
    eprintln!("waymark: {message}");
}

/// The answer for programs: one JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<(), serde_json::Error> {
    print(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A two-column table.
pub(crate) fn table(rows: &[(&str, String)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in rows {
        print(&format!("{name:width$}  {value}"));
    }
}

/// A progress bar on stderr; silent where stderr is no terminal.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    let style =
        ProgressStyle::with_template("{msg:10} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Moves a bar to where a long work has come.
pub(crate) fn moving(bar: &ProgressBar) -> impl Fn(u64, u64) + Send + Sync + use<> {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}
