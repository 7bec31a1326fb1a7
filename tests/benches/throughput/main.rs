//! How fast, beside how fast it could be: every figure stands next to its floors from the same run.
//!
//! `cargo bench -p waymark-tests --bench throughput` is small enough for every change; `-- --full` takes minutes
//! and gives the figures worth quoting. `-- --engine postgres` (or `WAYMARK_TEST_ENGINE=postgres`) keeps everything, the
//! floors' rows too, on the server that `WAYMARK_TEST_POSTGRES` names; names of sections measure those alone. Loops are
//! closed unless they are said to be paced, every commit is on disk before its answer, and what the floors leave out is
//! said where they are.

#![expect(clippy::expect_used, reason = "a benchmark ends where its setting is broken")]

mod commands;
mod cpu;
mod durable;
mod engine;
mod failover;
mod fairness;
mod floors;
mod history;
mod insert;
mod lag;
mod replay;
mod store;
mod table;

use std::process::ExitCode;

use engine::Engine;
use table::Table;

/// The service's own, so that the floors have it too.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    let engine = Engine::of(&arguments);
    let mut words = arguments.iter().map(String::as_str);
    let mut wanted = Vec::new();
    while let Some(word) = words.next() {
        match word {
            engine::FLAG => drop(words.next()),
            flag if flag.starts_with('-') => {}
            section => wanted.push(section),
        }
    }
    runtime.block_on(run(engine, size, &wanted));
    ExitCode::SUCCESS
}

/// Measures the wanted sections; all of them when none is named.
async fn run(engine: Engine, size: Size, wanted: &[&str]) {
    let wants = |section: &str| wanted.is_empty() || wanted.contains(&section);
    let mut table = Table::new();
    if wants("commands") {
        commands::measure(engine, size, &mut table).await;
    }
    if wants("store") {
        store::measure(engine, size, &mut table).await;
    }
    if wants("lag") {
        lag::measure(engine, size, &mut table).await;
    }
    if wants("fairness") {
        fairness::measure(engine, size, &mut table).await;
    }
    if wants("failover") && engine == Engine::Postgres {
        failover::measure(size, &mut table).await;
    }
    // What it compares was decided once; it is measured again when it is asked for.
    if wanted.contains(&"insert") && engine == Engine::Postgres {
        insert::measure(size, &mut table).await;
    }
    if wants("history") {
        history::measure(engine, size, &mut table).await;
    }
    table.print();
}
