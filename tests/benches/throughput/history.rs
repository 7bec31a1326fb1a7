//! A real history (or, without the shared data, one like it): importing it, folding it, and the memory it takes.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use reqwest::Method;
use waymark_tests::{Installation, shared_data};

use crate::durable::{self, Bare};
use crate::engine::Engine;
use crate::{Size, Table, replay};

/// Rows of the history that is made up when the shared data are absent, or when there is little time.
const MADE_UP_ROWS: usize = 20_000;
/// Peak memory of the server, at most.
const MEBIBYTES: f64 = 200.0;

pub(crate) async fn measure(engine: Engine, size: Size, table: &mut Table) {
    table.section(&format!("a history on {}: import, replay, rebuild, memory", engine.name()));
    let installation = engine.installation();
    let csv = history(size, &installation);
    let rows = rows(&csv);
    import(engine, &installation, &csv, &rows, table).await;
    replay::measure(engine, &installation, table).await;
    rebuild(engine, &installation, table).await;
    memory(engine, &csv, rows.len(), table).await;
}

/// Imports by the command line, beside a plain insert of the same rows in one transaction.
async fn import(
    engine: Engine,
    installation: &Installation,
    csv: &Path,
    rows: &[Vec<u8>],
    table: &mut Table,
) {
    let started = Instant::now();
    let imported = installation.import("history", csv, &[]);
    let seconds = started.elapsed().as_secs_f64();
    let _report = imported.succeeded();
    let bare = Bare::open(&engine.floor_database(installation, "plain.db")).await;
    let started = Instant::now();
    bare.append_many(0, rows).await;
    let plain = started.elapsed().as_secs_f64();
    let remark = format!("{} rows in {seconds:.1} s: decided, sealed, hashed, fully projected", rows.len());
    table.rate("import", rows.len() as f64 / seconds, remark);
    table.rate("floor: plain insert in one transaction", rows.len() as f64 / plain, format!("{plain:.2} s"));
    table.figure("import / plain insert", format!("{:.3}x", plain / seconds), "for comparison");
}

/// Rebuilds the dwell read model by the command line, beside a bulk insert of the rows that it writes.
async fn rebuild(engine: Engine, installation: &Installation, table: &mut Table) {
    let started = Instant::now();
    let rebuilt = installation.run(&["rebuild", "dwell"]);
    let seconds = started.elapsed().as_secs_f64();
    let _report = rebuilt.succeeded();
    let (moves, bare) = durable::copy_table(engine, installation, "dwell_move").await;
    let (ours, floor) = (moves as f64 / seconds, moves as f64 / bare);
    table.rate("rebuild of dwell, with reading the log", ours, format!("{moves} moves in {seconds:.1} s"));
    table.rate("floor: raw bulk insert of the same rows", floor, format!("{bare:.2} s"));
    table.ratio("rebuild / bulk insert", ours, floor, 0.5);
}

/// The most memory that the server ever held: it imports the history itself, projects it, and answers every report.
async fn memory(engine: Engine, csv: &Path, rows: usize, table: &mut Table) {
    let installation = engine.installation();
    let server = installation.serve();
    let admin = server.admin();
    let mapping = "pipeline=history&case=case_id&status=status&time=timestamp&actor=actor";
    let call = admin.call(Method::POST, &format!("/v1/imports?{mapping}"));
    let imported = call.bytes("text/csv", unpacked(csv)).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let head = admin.head().await;
    for page in ["dwell", "flows", "paths", "boards"] {
        let answer = admin.get(&format!("/v1/{page}/history?min_position={head}&wait_ms=60000")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let peak = peak_mebibytes(server.process());
    let verdict = if peak < MEBIBYTES { "reached" } else { "MISSED" };
    let remark = format!("{rows} rows imported and reported on; target under {MEBIBYTES} MiB: {verdict}");
    table.figure("peak memory of the server", format!("{peak:.0} MiB"), remark);
}

/// `VmHWM` of a process, as Linux tells it.
fn peak_mebibytes(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kibibytes.map_or(f64::NAN, |kibibytes| kibibytes / 1024.0)
}

/// The largest real history in a full run; a made-up one otherwise.
fn history(size: Size, installation: &Installation) -> PathBuf {
    let real = shared_data().map(|data| data.join("bpic2012/normalized_full.csv.gz"));
    match real {
        Some(real) if size == Size::Full => real,
        _ => made_up(installation),
    }
}

/// Customers that go round ten stages, a step an hour.
fn made_up(installation: &Installation) -> PathBuf {
    let mut csv = "case_id,status,timestamp,actor,note\n".to_owned();
    let customers = MADE_UP_ROWS / 20;
    for step in 0..20 {
        for customer in 0..customers {
            let (day, hour) = (1 + step, customer % 24);
            let stage = (step + customer) % 10;
            writeln!(
                csv,
                "c{customer},stage {stage},2024-01-{day:02}T{hour:02}:00:00.000Z,rep{},",
                customer % 30
            )
            .expect("a text grows");
        }
    }
    let file = installation.directory().join("made-up.csv");
    std::fs::write(&file, csv).expect("the file can be written");
    file
}

/// The file's text.
fn unpacked(csv: &Path) -> Vec<u8> {
    let bytes = std::fs::read(csv).expect("the history can be read");
    if csv.extension().is_none_or(|extension| extension != "gz") {
        return bytes;
    }
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).expect("it can be unpacked");
    text
}

/// The rows of the file, each as it stands there.
fn rows(csv: &Path) -> Vec<Vec<u8>> {
    let text = unpacked(csv);
    text.split(|byte| *byte == b'\n').skip(1).filter(|row| !row.is_empty()).map(<[u8]>::to_vec).collect()
}
