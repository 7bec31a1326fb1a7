//! How fast, beside how fast it could be: every figure stands next to its floors from the same run.
//!
//! `cargo bench -p waymark-tests --bench throughput` is small enough for every change; `-- --full` takes minutes
//! and gives the figures worth quoting. Loops are closed, every commit is on disk before its answer, and what the
//! floors leave out is said where they are.

#![expect(clippy::expect_used, reason = "a benchmark ends where its setting is broken")]

mod commands;
mod durable;
mod floors;
mod history;
mod replay;
mod store;
mod table;

use std::process::ExitCode;

use table::Table;

/// How much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Seconds.
    Small,
    /// Minutes.
    Full,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime: {error}"),
    };
    if let [flag, kind, database] = &arguments[..]
        && flag == floors::FLAG
    {
        runtime.block_on(floors::serve(kind, database));
        return ExitCode::SUCCESS;
    }
    let size = if arguments.iter().any(|argument| argument == "--full") { Size::Full } else { Size::Small };
    let wanted: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    runtime.block_on(run(size, &wanted));
    ExitCode::SUCCESS
}

/// Measures the wanted sections; all of them when none is named.
async fn run(size: Size, wanted: &[&str]) {
    let wants = |section: &str| wanted.is_empty() || wanted.contains(&section);
    let mut table = Table::new();
    if wants("commands") {
        commands::measure(size, &mut table).await;
    }
    if wants("store") {
        store::measure(size, &mut table).await;
    }
    if wants("history") {
        history::measure(size, &mut table).await;
    }
    table.print();
}
