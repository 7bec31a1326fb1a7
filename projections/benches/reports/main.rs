//! Reports over many stays, beside the same question put to DuckDB over the same rows in the same run.
//!
//! ```text
//! cargo bench -p waymark-projections --bench reports                      # small, without a yardstick
//! cargo bench --profile dist -p waymark-projections --bench reports -- --stays 5000000 --duckdb PYTHON
//! ```
//!
//! PYTHON is an interpreter that has the package of `requirements.txt`. Everything is done on one thread, by either side, and
//! times over 20 ms are of the processor where the system tells them, so that what else runs on the machine counts little.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says so")]

mod duckdb;
mod history;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use uuid::Uuid;
use waymark_projections::stats::dwell::{Question, Unit, dwell};
use waymark_projections::stats::stage_figures::{Selection, StageFigures, stage_figures};
use waymark_projections::stats::{JourneyIndex, Micros};

use history::{History, STAGES};

/// How often a question is put.
const RUNS: usize = 40;

/// Customers that change between two questions: as many as a thousand appends a second, asked once a second.
const CHANGES: usize = 1_000;

/// The system tells the time of the processor in steps of some milliseconds: of shorter runs it says little.
const TELLING: Duration = Duration::from_millis(20);

/// Up to this number of stays, the figures are compared with those that are made of the stays themselves.
const COMPARED: usize = 500_000;

struct Options {
    stays: usize,
    duckdb: Option<PathBuf>,
}

fn asked() -> Options {
    let mut asked = Options { stays: 100_000, duckdb: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--stays" => {
                asked.stays = arguments.next().and_then(|n| n.parse().ok()).expect("--stays takes a number");
            }
            "--duckdb" => {
                asked.duckdb = Some(arguments.next().expect("--duckdb takes an interpreter").into());
            }
            // What cargo adds.
            _ => {}
        }
    }
    asked
}

fn main() {
    let asked = asked();
    let mut history = History::new(asked.stays);
    let (index, made) = timed(|| JourneyIndex::of(history.journeys()));
    // Corrections and moves that came late are in it before the columns are made, and more of them after.
    let corrected = index.journeys().len() / 50;
    let index = history.corrected(&index, corrected);
    let (_, columns) = timed(|| index.stays());
    let stays = index.stays().expect("the stays can be numbered");
    let count = stays.stays();
    row(
        "stays",
        format!("{count}"),
        format!("of {} customers, in {} stages", index.journeys().len(), STAGES.len()),
    );
    row("journeys gathered in", ms(made), "");
    row("columns made in", ms(columns), "");
    let bytes = stays.bytes() as f64 / count as f64;
    row("bytes a stay in columns", format!("{bytes:.1}"), verdict(bytes <= 40.0, "at most 40"));

    let question = question(&history, None);
    let whole = runs(|| ask(&index, &question, None, false));
    report("dwell, all stages", &whole, 60);
    let beside = history.corrected(&index, corrected);
    let changed = runs(|| ask(&beside, &question, None, false));
    report("the same beside 2 % of journeys that changed since", &changed, 60);
    let points = runs(|| ask(&index, &question, None, true));
    report("the same with every point of the curves", &points, 60);
    let filtered = runs(|| ask(&index, &question, Some(&history::passes_three_filters), false));
    report("the same of an eighth of the customers", &filtered, 120);
    let window = self::question(&history, Some(history.until / 2));
    report("the same in a window", &runs(|| ask(&index, &window, None, false)), 60);

    let mut now = index.clone();
    let mut patches = Vec::new();
    let under_appends = runs(|| {
        let (next, patch) = timed(|| history.corrected(&now, CHANGES));
        patches.push(patch);
        now = next;
        ask(&now, &question, None, false)
    });
    patches.sort_unstable();
    report(&format!("the same after {CHANGES} changes each, them included"), &under_appends, 120);
    row("of that, following the changes", ms(patches[patches.len() / 2]), "median");

    if count <= COMPARED {
        compare(&index, &question);
        compare(&now, &question);
    }
    if let Some(python) = asked.duckdb {
        let theirs = duckdb::measure(&python, &history.rows(&index), question.until);
        let ratio = theirs.as_secs_f64() / whole[whole.len() / 2].as_secs_f64();
        row("DuckDB, one thread, the same rows", ms(theirs), "median");
        row("ratio of medians", format!("{ratio:.0}x"), verdict(ratio >= 50.0, "at least 50x"));
    }
}

fn question(history: &History, from: Option<Micros>) -> Question {
    let until = history.until;
    Question { from, last: until, until, unit: Unit::Stay, horizon: 30 * 86_400_000_000 }
}

fn ask(
    index: &JourneyIndex,
    question: &Question,
    counts: Option<&dyn Fn(Uuid) -> bool>,
    with_steps: bool,
) -> Vec<StageFigures> {
    let stays = index.stays().expect("the stays can be numbered");
    let ended = index.journeys().all_ended(question.last);
    let is_final = |stage, _| stage as usize >= STAGES.len() - 2;
    let selection = Selection { question, counts, ended: &ended, is_final: &is_final, with_steps };
    stage_figures(&stays, index.journeys().stages.len(), &selection)
}

/// The figures are those of the stays themselves, to the last digit.
fn compare(index: &JourneyIndex, question: &Question) {
    let (slow, took) = timed(|| {
        dwell(
            index.journeys(),
            question,
            |stage, _| stage as usize >= STAGES.len() - 2,
            |_, from, to| to - from,
        )
    });
    for (fast, slow) in ask(index, question, None, true).into_iter().zip(slow) {
        let slow = StageFigures::of(slow, &[], question, true);
        let text = |figures| {
            let compared = StageFigures { subjects: Vec::new(), first_passage: None, ..figures };
            format!("{compared:?}")
        };
        assert_eq!(text(fast), text(slow), "columns and stays tell the same");
    }
    row("made of the stays themselves", ms(took), "the same to the last digit");
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (begin, used) = (Instant::now(), processor_time());
    let made = work();
    let (wall, after) = (begin.elapsed(), processor_time());
    let took = used.zip(after).map(|(before, after)| after - before).filter(|_| wall >= TELLING);
    (made, took.unwrap_or(wall))
}

/// The time that this thread has had a processor, as Linux tells it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// How long each run took, sorted.
fn runs<T>(mut work: impl FnMut() -> T) -> Vec<Duration> {
    let mut took: Vec<Duration> = (0..RUNS).map(|_| timed(&mut work).1).collect();
    took.sort_unstable();
    took
}

fn report(name: &str, took: &[Duration], target_ms: u64) {
    let p99 = took[took.len() * 99 / 100];
    let is_within = p99 <= Duration::from_millis(target_ms);
    let target = format!("p99 at most {target_ms} ms");
    row(name, ms(took[took.len() / 2]), format!("median; p99 {}; {}", ms(p99), verdict(is_within, &target)));
}

fn verdict(is_reached: bool, target: &str) -> String {
    format!("target {target}: {}", if is_reached { "reached" } else { "MISSED" })
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn row(name: &str, value: impl AsRef<str>, remark: impl AsRef<str>) {
    println!("{name:<52} {:>12}  {}", value.as_ref(), remark.as_ref());
}
