//! The script of the year: who does what to which customer, when. The same end gives the same script.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveTime, TimeDelta, Utc, Weekday};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::Uuid;

use super::cast;

/// How many customers come in over the year.
const CUSTOMERS: u32 = 420;
/// The stages in the order in which a good deal passes them, each with the odds (of 100) of going on from it and
/// its usual length in days.
const WAY: &[(&str, u32, i64)] = &[
    ("new_lead", 88, 2),
    ("contacted", 80, 4),
    ("need_confirmed", 78, 6),
    ("proposal", 75, 8),
    ("negotiating", 74, 7),
    ("awaiting_decision", 66, 10),
    ("won", 90, 5),
    ("delivered", 80, 12),
    ("in_service", 55, 60),
];
/// Where the way ends when all goes well.
const END: &str = "considering_renewal";
/// Beijing's offset, whose clocks never change.
const OFFSET_SECONDS: i32 = 8 * 3_600;

/// A customer of the story.
pub(super) struct Customer {
    pub(super) number: u32,
    pub(super) name: String,
    /// Known once it is registered.
    pub(super) id: Option<Uuid>,
    pub(super) last_move: Option<Uuid>,
}

/// One command of the story.
pub(super) struct Scene {
    pub(super) at: DateTime<Utc>,
    pub(super) customer: usize,
    pub(super) rep: &'static str,
    /// A number that small choices are made by.
    pub(super) dice: u32,
    pub(super) act: Act,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Register { pooled: bool },
    Claim,
    Move { to: &'static str },
    Correct { to: &'static str },
    FollowUp,
    Note,
    Release,
    Reactivate { to: &'static str },
}

/// The year's customers and scenes, in order of time.
pub(super) fn year(until: DateTime<Utc>) -> (Vec<Customer>, Vec<Scene>) {
    let mut scenes = Vec::new();
    let mut customers = Vec::new();
    for number in 0..CUSTOMERS {
        customers.push(Customer { number, name: cast::company(number), id: None, last_move: None });
        Script::new(number, until).write(&mut scenes);
    }
    scenes.retain(|scene| scene.at < until);
    scenes.sort_by_key(|scene| (scene.at, scene.customer));
    (customers, scenes)
}

/// One customer's story, written from its beginning on.
struct Script {
    customer: usize,
    rep: &'static str,
    dice: StdRng,
    at: DateTime<Utc>,
    scenes: Vec<Scene>,
}

impl Script {
    fn new(number: u32, until: DateTime<Utc>) -> Self {
        let mut dice = StdRng::seed_from_u64(u64::from(number));
        let days_ago = i64::from(365 - number * 365 / CUSTOMERS);
        let begin = until - TimeDelta::days(days_ago);
        Self {
            customer: number as usize,
            rep: cast::REPS[dice.random_range(0..cast::REPS.len())],
            dice,
            at: begin,
            scenes: Vec::new(),
        }
    }

    fn write(mut self, scenes: &mut Vec<Scene>) {
        let pooled = self.odds(40);
        self.later(0);
        self.act(Act::Register { pooled });
        if pooled {
            self.later(1);
            self.act(Act::Claim);
        }
        self.walk(0);
        scenes.append(&mut self.scenes);
    }

    /// Goes the way from a stage on, until it ends well or badly.
    fn walk(&mut self, from: usize) {
        for (index, (stage, odds, days)) in WAY.iter().enumerate().skip(from) {
            self.stay(*days);
            if !self.odds(*odds) {
                self.stray(index, stage);
                return;
            }
            let next = WAY.get(index + 1).map_or(END, |(next, _, _)| next);
            // Now and then the wrong status is picked, and put right within the hour.
            if index < 4 && self.odds(4) {
                let after_next = WAY[index + 2].0;
                self.act(Act::Move { to: next });
                self.later(1);
                self.act(Act::Move { to: after_next });
                self.at += TimeDelta::minutes(35);
                let to = if self.odds(50) { "lost" } else { "postponed" };
                self.act(Act::Correct { to });
                return;
            }
            self.act(Act::Move { to: next });
        }
    }

    /// Leaves the way: forgotten, sold in part, postponed or lost, and sometimes back again.
    fn stray(&mut self, index: usize, stage: &str) {
        let sold = WAY.iter().position(|(name, _, _)| *name == "won").is_some_and(|won| index >= won);
        if sold || self.odds(25) {
            return; // Stays where it is: a stuck deal, or a customer that is served.
        }
        if matches!(stage, "negotiating" | "awaiting_decision") && self.odds(40) {
            self.act(Act::Move { to: "partially_won" });
            self.stay(15);
            if self.odds(60) {
                self.act(Act::Move { to: "won" });
            }
            return;
        }
        if self.odds(30) && stage != "new_lead" {
            self.act(Act::Move { to: "postponed" });
            return;
        }
        self.act(Act::Move { to: "lost" });
        if self.odds(25) {
            self.later(30);
            self.act(Act::Reactivate { to: "contacted" });
            self.walk(1);
        } else if self.odds(30) {
            self.later(3);
            self.act(Act::Release);
        }
    }

    /// Time in a stage, with what a rep does meanwhile.
    fn stay(&mut self, usual_days: i64) {
        // The product of two throws: most stays are short, a few very long.
        let (one, other) = (self.dice.random_range(0..200), self.dice.random_range(50..300));
        let days = usual_days * one * other / 15_000;
        let pause = days / 4;
        for _ in 0..self.dice.random_range(0..4_u32) {
            self.later(pause);
            let act = if self.odds(60) { Act::FollowUp } else { Act::Note };
            self.act(act);
        }
        self.later(days - pause);
    }

    /// Some days later, in office hours of a working day.
    fn later(&mut self, days: i64) {
        let Some(zone) = FixedOffset::east_opt(OFFSET_SECONDS) else { return };
        let mut date = (self.at + TimeDelta::days(days.max(0))).with_timezone(&zone).date_naive();
        let minutes = self.dice.random_range(9 * 60..18 * 60);
        let time = NaiveTime::MIN + TimeDelta::minutes(minutes);
        while matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
            || (date.and_time(time) - TimeDelta::seconds(OFFSET_SECONDS.into())).and_utc() <= self.at
        {
            date = date + Days::new(1);
        }
        self.at = (date.and_time(time) - TimeDelta::seconds(OFFSET_SECONDS.into())).and_utc();
    }

    fn act(&mut self, act: Act) {
        let dice = self.dice.random_range(0..1_000_000);
        self.scenes.push(Scene { at: self.at, customer: self.customer, rep: self.rep, dice, act });
    }

    fn odds(&mut self, of_100: u32) -> bool {
        self.dice.random_range(0..100) < of_100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_end_gives_the_same_year() {
        let until = "2026-06-01T00:00:00Z".parse().unwrap();
        let told = || -> Vec<_> {
            year(until).1.into_iter().map(|scene| (scene.at, scene.customer, scene.rep, scene.act)).collect()
        };
        assert_eq!(told(), told());
    }

    #[test]
    fn every_stage_of_the_way_is_reached_and_some_moves_are_corrected() {
        let (_, scenes) = year("2026-06-01T00:00:00Z".parse().unwrap());
        let reached = |stage| scenes.iter().any(|scene| scene.act == Act::Move { to: stage });
        assert!(WAY.iter().skip(1).all(|(stage, _, _)| reached(stage)) && reached(END));
        assert!(["partially_won", "postponed", "lost"].into_iter().all(reached));
        assert!(scenes.iter().any(|scene| matches!(scene.act, Act::Correct { .. })));
        assert!(scenes.iter().any(|scene| matches!(scene.act, Act::Reactivate { .. })));
        assert!(scenes.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
}
