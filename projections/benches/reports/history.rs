//! Journeys made up from a seed, and corrections of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use uuid::Uuid;
use waymark_projections::stats::journeys::{Provenance, stays};
use waymark_projections::stats::{JourneyIndex, JourneySet, Micros, MoveRecord};

/// The stages; the last two are final.
pub(crate) const STAGES: [&str; 8] =
    ["new", "called", "visited", "quoted", "trial", "contract", "won", "lost"];

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// The stays that a journey has on average.
const STAYS_EACH: usize = 5;

/// A made-up year of a pipeline.
pub(crate) struct History {
    customers: usize,
    chance: Chance,
    /// The end of the year: the instant that is asked about.
    pub(crate) until: Micros,
}

impl History {
    pub(crate) fn new(stays: usize) -> Self {
        Self { customers: (stays / STAYS_EACH).max(1), chance: Chance(7), until: 20_366 * DAY }
    }

    /// The journeys of everybody.
    pub(crate) fn journeys(&mut self) -> JourneySet {
        let mut set = named();
        for customer in 0..self.customers {
            self.journey(&mut set, id(customer));
        }
        set
    }

    /// The journeys after some customers' were corrected: moves of another time, other stages, moves that came late.
    pub(crate) fn corrected(&mut self, index: &JourneyIndex, customers: usize) -> JourneyIndex {
        let chosen: BTreeSet<Uuid> =
            (0..customers).map(|_| id(self.chance.below(self.customers as u64) as usize)).collect();
        let mut now = named();
        for customer in &chosen {
            self.journey(&mut now, *customer);
        }
        index.patched(&chosen, &now)
    }

    /// One way through the pipeline: mostly onwards, sometimes back; lengths in whole seconds, many short and few long.
    fn journey(&mut self, set: &mut JourneySet, customer: Uuid) {
        let mut at = self.until - 365 * DAY + self.chance.below(365 * 86_400) as Micros * SECOND;
        let mut stage = 0_u32;
        for _ in 0..2 * STAYS_EACH {
            let actor = self.chance.below(40) as u32;
            set.push(customer, record(at, stage, actor));
            if stage >= 6 {
                return;
            }
            let spread = 1_u64 << self.chance.below(23);
            at += self.chance.below(spread.max(600)) as Micros * SECOND;
            if at > self.until {
                return;
            }
            stage = match self.chance.below(10) {
                0 if stage > 0 => stage - 1,
                1 => 7,
                _ => stage + 1,
            };
        }
    }

    /// The stays as lines of a table: stage, entered, left and where to, the latter two empty of the last.
    pub(crate) fn rows(&self, index: &JourneyIndex) -> String {
        let journeys = index.journeys();
        let mut rows = String::from("stage,entered,left_at,left_to\n");
        for (_, records) in journeys.journeys(self.until) {
            for stay in stays(records) {
                let written = match stay.left {
                    Some((left, to)) => writeln!(rows, "{},{},{left},{to}", stay.stage, stay.entered),
                    None => writeln!(rows, "{},{},,", stay.stage, stay.entered),
                };
                written.expect("a text takes what is written");
            }
        }
        rows
    }
}

/// Whether a customer passes three filters, of which each leaves out half.
pub(crate) fn passes_three_filters(customer: Uuid) -> bool {
    customer.as_u128() % 8 == 3
}

fn id(customer: usize) -> Uuid {
    Uuid::from_u128(customer as u128 + 1)
}

/// No journeys yet, with every name in its place.
fn named() -> JourneySet {
    let mut set = JourneySet::default();
    for stage in STAGES {
        set.stages.intern(stage);
    }
    for actor in 0..40 {
        set.actors.intern(&format!("rep:{actor}"));
    }
    set
}

fn record(at: Micros, stage: u32, actor: u32) -> MoveRecord {
    let how = Provenance { recorded: at, ..Provenance::default() };
    MoveRecord { at, stage, actor, cycle: 1, repeat: false, version: 1, how }
}

/// Numbers from a seed (Knuth's MMIX).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
