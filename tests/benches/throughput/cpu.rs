//! What a measurement used of the processors, as Linux counts it.

use std::fmt;
use std::time::Instant;

/// Of a second, in `/proc` (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Who works for a measurement, by the names of their programs: the service, and the database's processes.
const WORKERS: [&str; 2] = ["waymark", "postgres"];

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counters {
    at: Instant,
    all: f64,
    own: f64,
    workers: f64,
    cores: usize,
}

/// What was used between two moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// By every process of the machine, anyone who's it is.
    all_seconds: f64,
    /// By this program.
    own_seconds: f64,
    /// By the service and the database.
    workers_seconds: f64,
    wall_seconds: f64,
    cores: usize,
}

impl Counters {
    pub(crate) fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let own = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let cores = stat.lines().skip(1).take_while(|line| line.starts_with("cpu")).count();
        Self { at: Instant::now(), all: busy(&stat), own: of_process(&own), workers: of_workers(), cores }
    }

    pub(crate) fn used(self) -> Used {
        let now = Self::now();
        Used {
            all_seconds: now.all - self.all,
            own_seconds: now.own - self.own,
            // What ended meanwhile is not counted any more.
            workers_seconds: (now.workers - self.workers).max(0.0),
            wall_seconds: (now.at - self.at).as_secs_f64(),
            cores: now.cores,
        }
    }
}

fn of_workers() -> f64 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    let works = |stat: &String| WORKERS.iter().any(|name| stat.contains(&format!("({name})")));
    stats.filter(works).map(|stat| of_process(&stat)).sum()
}

/// Everything but idling and waiting for the disk.
fn busy(stat: &str) -> f64 {
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // User, nice, system, then idle and waiting, then interrupts of both kinds; what was stolen is not ours.
    let busy = [0, 1, 2, 5, 6].map(|field| ticks.get(field).copied().unwrap_or(0.0));
    busy.iter().sum::<f64>() / TICKS
}

/// The program's name stands in brackets and may hold anything, so fields are counted from behind it.
fn of_process(stat: &str) -> f64 {
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // User and system.
    let ticks = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}

impl Used {
    /// Of all that the cores had, what this program, the service and the database used, from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        (self.own_seconds + self.workers_seconds) / (self.wall_seconds * self.cores as f64)
    }

    /// The same for every process of the machine.
    pub(crate) fn share_of_everybody(&self) -> f64 {
        self.all_seconds / (self.wall_seconds * self.cores as f64)
    }
}

impl fmt::Display for Used {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all_seconds, own_seconds, workers_seconds, wall_seconds, cores } = self;
        let share = 100.0 * self.share();
        write!(out, "CPU {own_seconds:.1} s here, {workers_seconds:.1} s service and database, ")?;
        write!(out, "{all_seconds:.1} s everybody in {wall_seconds:.1} s on {cores} cores: {share:.0}% ours")
    }
}
