//! The script of the year: who does what with which customer, when. The same morning gives the same script.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, Utc, Weekday};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::cast;

/// How many customers come in over the year.
pub(super) const CUSTOMERS: u32 = 420;
/// Who came by a fair that brought many at once, and how many days before the end it was.
const FAIR: RangeInclusive<u32> = 372..=400;
const FAIR_DAYS: i64 = 20;
/// How long the story is.
pub(super) const DAYS: i64 = 365;
/// The stages in the order in which a good deal passes them, each with the odds (of 100) of going on from it and
/// its usual length in days.
const WAY: &[(&str, u32, i64)] = &[
    ("new_lead", 92, 2),
    ("contacted", 88, 4),
    ("need_confirmed", 86, 6),
    ("proposal", 84, 8),
    ("negotiating", 82, 7),
    ("awaiting_decision", 78, 9),
    ("won", 90, 5),
    ("delivered", 80, 12),
    ("in_service", 55, 60),
];
/// Where the way ends when all goes well.
const END: &str = "considering_renewal";
/// From here on a customer has bought: no pool takes it back.
const SOLD: usize = 6;
/// For how long a postponed deal is put off.
pub(super) const PUT_OFF: TimeDelta = TimeDelta::days(45);
/// Beijing's offset, whose clocks never change.
const OFFSET_SECONDS: i32 = 8 * 3_600;
/// When the working day begins, and with it the last day of the story, which nobody has worked on yet.
const MORNING: TimeDelta = TimeDelta::hours(8);
/// By when a call is due on the day that was agreed.
const EVENING: TimeDelta = TimeDelta::hours(18);

/// One command of the story.
pub(super) struct Scene {
    pub(super) at: DateTime<Utc>,
    /// The number of the customer.
    pub(super) customer: u32,
    pub(super) rep: &'static str,
    /// A number that small choices are made by.
    pub(super) dice: u32,
    pub(super) act: Act,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Register {
        pooled: bool,
    },
    Claim,
    Move {
        to: &'static str,
        /// How long ago it happened: not every rep writes everything down at once.
        late: TimeDelta,
    },
    /// The lead decides a request for a move, if there is one.
    Decide {
        approve: bool,
    },
    Override {
        to: &'static str,
    },
    Correct {
        to: &'static str,
    },
    FollowUp {
        /// When the next conversation is due.
        next: DateTime<Utc>,
    },
    Note,
    Release,
    Reactivate {
        to: &'static str,
    },
}

/// The latest beginning of a working day that has passed.
pub(super) fn morning(now: DateTime<Utc>) -> DateTime<Utc> {
    let local = now + offset() - MORNING;
    local.date_naive().and_time(NaiveTime::MIN).and_utc() + MORNING - offset()
}

/// The scenes of the year that ends on a morning, in order of time.
pub(super) fn year(until: DateTime<Utc>) -> Vec<Scene> {
    let mut scenes: Vec<Scene> =
        (0..CUSTOMERS).flat_map(|number| Script::new(number, until).written()).collect();
    scenes.retain(|scene| scene.at < until);
    scenes.sort_by_key(|scene| (scene.at, scene.customer));
    scenes
}

/// One customer's story, written from its beginning on.
struct Script {
    customer: u32,
    rep: &'static str,
    dice: StdRng,
    at: DateTime<Utc>,
    until: DateTime<Utc>,
    scenes: Vec<Scene>,
}

impl Script {
    fn new(number: u32, until: DateTime<Utc>) -> Self {
        let mut dice = StdRng::seed_from_u64(u64::from(number));
        // Business grows: the second half of the year brings more customers than the first.
        let passed = (f64::from(number) / f64::from(CUSTOMERS)).powf(0.7);
        #[expect(clippy::cast_possible_truncation, reason = "minutes of a year")]
        let minutes = (passed * (DAYS * 24 * 60) as f64) as i64;
        let rep = cast::REPS[dice.random_range(0..cast::REPS.len())];
        let usual = until - TimeDelta::days(DAYS) + TimeDelta::minutes(minutes);
        let at = if FAIR.contains(&number) { until - TimeDelta::days(FAIR_DAYS) } else { usual };
        Self { customer: number, rep, dice, at, until, scenes: Vec::new() }
    }

    fn written(mut self) -> Vec<Scene> {
        let pooled = self.odds(30);
        self.pass(0);
        self.act(Act::Register { pooled });
        if pooled {
            self.pass(1);
            self.act(Act::Claim);
            let next = self.evening_after(2);
            self.at += TimeDelta::minutes(40);
            self.act(Act::FollowUp { next });
        }
        self.walk(0);
        self.scenes
    }

    /// Goes the way from a stage on, until it ends well or badly.
    fn walk(&mut self, from: usize) {
        for (index, (stage, odds, days)) in WAY.iter().enumerate().skip(from) {
            self.stay(index, *days);
            if !self.odds(*odds) {
                self.stray(index);
                return;
            }
            let next = WAY.get(index + 1).map_or(END, |(next, _, _)| next);
            if *stage == "negotiating" && self.odds(30) {
                if self.quick_close() {
                    self.walk(SOLD);
                }
                return;
            }
            // Now and then the wrong status is picked, and put right within the hour.
            if index < 4 && self.odds(4) {
                let wrong = WAY[index + 2].0;
                self.move_to(next);
                self.pass(1);
                self.move_to(wrong);
                self.at += TimeDelta::minutes(35);
                let to = if self.odds(50) { "lost" } else { "postponed" };
                self.act(Act::Correct { to });
                if to == "postponed" {
                    self.wake();
                }
                return;
            }
            if *stage == "proposal" && self.odds(5) {
                self.act(Act::Override { to: "awaiting_decision" });
                self.walk(index + 2);
                return;
            }
            self.move_to(next);
        }
        self.keep(WAY.len());
    }

    /// Customers that have bought are talked to as long as the story goes on.
    fn keep(&mut self, index: usize) {
        self.converse(index, self.until + TimeDelta::days(60), false);
    }

    /// Leaves the way: kept waiting, sold in part, postponed or lost, and sometimes back again.
    fn stray(&mut self, index: usize) {
        let stage = WAY[index].0;
        if index >= SOLD {
            return self.keep(index);
        }
        if self.odds(25) {
            // A stuck deal: talked to for weeks, until somebody admits that it is none.
            self.stay(index, 60);
            self.move_to("lost");
            return;
        }
        if matches!(stage, "negotiating" | "awaiting_decision") && self.odds(40) {
            self.move_to("partially_won");
            self.stay(index, 15);
            if self.odds(60) {
                self.move_to("won");
                self.walk(SOLD);
            } else {
                self.move_to("lost");
            }
            return;
        }
        if self.odds(30) && stage != "new_lead" {
            self.move_to("postponed");
            return self.wake();
        }
        self.move_to("lost");
        if self.odds(25) {
            self.pass(30);
            self.act(Act::Reactivate { to: "contacted" });
            self.walk(1);
        } else if self.odds(30) {
            self.pass(3);
            self.act(Act::Release);
        }
    }

    /// A postponed deal, once its time has come: it goes on, or is none after all.
    fn wake(&mut self) {
        self.pass(PUT_OFF.num_days());
        if self.odds(50) {
            self.move_to("contacted");
            self.walk(1);
        } else {
            self.move_to("lost");
        }
    }

    /// Signs at a special price, without the customer's committee: the lead has a say in it. Says whether it was signed.
    fn quick_close(&mut self) -> bool {
        self.move_to("won");
        self.pass(1);
        let approve = self.odds(80);
        self.act(Act::Decide { approve });
        approve
    }

    /// Time in a stage, with what a rep does meanwhile: a conversation every few days, the next one agreed at each. Some
    /// customers are forgotten for a while, and then their pool takes them back.
    fn stay(&mut self, index: usize, usual_days: i64) {
        // The product of two throws: most stays are short, a few very long.
        let (one, other) = (self.dice.random_range(0..200), self.dice.random_range(50..300));
        let end = self.at + TimeDelta::days(usual_days * one * other / 15_000);
        let forgotten = index < SOLD && self.odds(6);
        self.converse(index, end, forgotten);
        self.pass((end - self.at).num_days());
    }

    /// Conversations in a stage until some instant, each at the time that was agreed in the one before, or nearly so.
    fn converse(&mut self, index: usize, end: DateTime<Utc>, forgotten: bool) {
        let mut pause = self.pause(index);
        while self.at + TimeDelta::days(pause) < end {
            let late = i64::from(self.odds(12)) + if forgotten { 7 } else { 0 };
            self.pass(pause + late);
            pause = self.pause(index);
            let left = (end - self.at).num_days().max(1);
            let next = self.evening_after(pause.min(left));
            let act = if self.odds(85) { Act::FollowUp { next } } else { Act::Note };
            self.act(act);
        }
    }

    /// After how many days the next conversation is.
    fn pause(&mut self, index: usize) -> i64 {
        if index < SOLD { self.dice.random_range(1..4) } else { self.dice.random_range(14..40) }
    }

    fn move_to(&mut self, to: &'static str) {
        let late = match self.dice.random_range(0..100) {
            0..80 => TimeDelta::zero(),
            80..94 => TimeDelta::minutes(self.dice.random_range(30..600)),
            _ => TimeDelta::hours(self.dice.random_range(26..90)),
        };
        let before = self.scenes.last().map_or(self.at, |scene| scene.at);
        let late = late.min((self.at - before) / 2);
        self.act(Act::Move { to, late });
    }

    /// Some days pass, up to an hour of a day on which the rep works: weekends are free, mostly.
    fn pass(&mut self, days: i64) {
        let minutes = self.dice.random_range(9 * 60..18 * 60);
        let mut date = (self.at + TimeDelta::days(days.max(0)) + offset()).date_naive();
        let time = NaiveTime::MIN + TimeDelta::minutes(minutes);
        let works_weekends = self.odds(30);
        while (is_weekend(date) && !works_weekends) || (date.and_time(time).and_utc() - offset()) <= self.at {
            date = date + Days::new(1);
        }
        self.at = date.and_time(time).and_utc() - offset();
    }

    /// The evening of a day some days ahead.
    fn evening_after(&self, days: i64) -> DateTime<Utc> {
        let date = (self.at + TimeDelta::days(days) + offset()).date_naive();
        date.and_time(NaiveTime::MIN).and_utc() + EVENING - offset()
    }

    fn act(&mut self, act: Act) {
        let dice = self.dice.random_range(0..1_000_000);
        self.scenes.push(Scene { at: self.at, customer: self.customer, rep: self.rep, dice, act });
    }

    fn odds(&mut self, of_100: u32) -> bool {
        self.dice.random_range(0..100) < of_100
    }
}

fn is_weekend(date: chrono::NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn offset() -> TimeDelta {
    TimeDelta::seconds(OFFSET_SECONDS.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn morning_of(day: u32) -> DateTime<Utc> {
        morning(format!("2026-06-{day:02}T03:00:00Z").parse().unwrap())
    }

    #[test]
    fn the_same_day_gives_the_same_year() {
        let at = |time: &str| morning(format!("2026-06-02T{time}Z").parse().unwrap());
        assert_eq!(at("00:00:00"), at("23:59:59"));
        assert_eq!(at("00:00:00").to_rfc3339(), "2026-06-02T00:00:00+00:00");
        let told = || -> Vec<_> {
            year(at("09:00:00"))
                .into_iter()
                .map(|scene| (scene.at, scene.customer, scene.rep, scene.act))
                .collect()
        };
        assert_eq!(told(), told());
    }

    #[test]
    fn every_stage_of_the_way_is_reached_and_every_kind_of_thing_happens() {
        let scenes = year(morning_of(1));
        let reached =
            |stage: &str| scenes.iter().any(|scene| matches!(scene.act, Act::Move { to, .. } if to == stage));
        assert!(WAY.iter().skip(1).all(|(stage, _, _)| reached(stage)) && reached(END));
        assert!(["partially_won", "postponed", "lost"].into_iter().all(reached));
        let happens = |what: fn(&Act) -> bool| scenes.iter().any(|scene| what(&scene.act));
        assert!(happens(|act| matches!(act, Act::Correct { .. })));
        assert!(happens(|act| matches!(act, Act::Override { .. })));
        assert!(happens(|act| matches!(act, Act::Reactivate { .. })));
        assert!(happens(|act| matches!(act, Act::Decide { approve: false })));
        assert!(happens(|act| matches!(act, Act::Move { late, .. } if *late > TimeDelta::days(1))));
        assert!(scenes.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }

    #[test]
    fn on_every_morning_there_are_calls_to_make_and_deals_of_the_last_days() {
        for day in 1..=30 {
            let until = morning_of(day);
            let scenes = year(until);
            let due = |scene: &&Scene| matches!(scene.act, Act::FollowUp { next } if next > until && next < until + TimeDelta::days(1));
            let won = |scene: &&Scene| {
                scene.at > until - TimeDelta::days(10) && matches!(scene.act, Act::Move { to: "won", .. })
            };
            assert!(scenes.iter().filter(due).count() >= 3, "no calls on {until}");
            assert!(scenes.iter().any(|scene| won(&scene)), "nothing won before {until}");
        }
    }
}
