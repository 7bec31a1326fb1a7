//! A fictitious year of a sales team, told through the same commands that people give.
//!
//! Nothing is written past the rules: every scene is a command with the clock set to its instant, and the rules of the
//! pipeline act meanwhile as they do in service, so the log, its two times and its proofs are those of a team that really
//! worked for a year.

mod cast;
mod company;
mod stage;
mod story;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use waymark_domain::Role;
use waymark_eventstore::{Clock, TenantId};

use crate::app::{App, AppError, Migrator};
use crate::automation::Ticker;
use company::Office;
use stage::Stage;
use story::{Act, Scene};

/// The key of the demo's pipeline.
pub const PIPELINE: &str = "sales";
/// Who may look at the demo with a key of their own, and as what.
pub const PEOPLE: &[(&str, Role)] = &[
    ("rep:li", Role::Rep),
    (cast::LEAD, Role::Manager),
    ("analyst:wu", Role::Analyst),
    ("auditor:zheng", Role::Auditor),
    ("admin:demo", Role::Admin),
];
/// How often the rules look at what is due while the year is played.
const RULES_LOOK_EVERY: TimeDelta = TimeDelta::hours(12);

/// A clock that is set from scene to scene, and after the last one is that of the machine.
#[derive(Clone)]
pub struct StageClock(Arc<AtomicI64>);

/// What a stage clock holds once it follows the machine's.
const RELEASED: i64 = i64::MIN;

impl StageClock {
    /// A clock that stands at an instant.
    #[must_use]
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(instant.timestamp_micros())))
    }

    /// The clock as the service reads it; `after` is the clock that it follows once it is released.
    #[must_use]
    pub fn clock(&self, after: Clock) -> Clock {
        let micros = self.0.clone();
        Arc::new(move || match micros.load(Ordering::Relaxed) {
            RELEASED => after(),
            micros => DateTime::from_timestamp_micros(micros).unwrap_or_default(),
        })
    }

    /// Follows the other clock from now on.
    pub fn release(&self) {
        self.0.store(RELEASED, Ordering::Relaxed);
    }

    fn set(&self, instant: DateTime<Utc>) {
        self.0.store(instant.timestamp_micros(), Ordering::Relaxed);
    }
}

/// The year that is played.
pub struct Year {
    scenes: Vec<Scene>,
    /// When it begins.
    pub begins: DateTime<Utc>,
    /// The morning that it ends on.
    pub until: DateTime<Utc>,
}

impl Year {
    /// The year up to the latest morning before an instant: the same for all instants of a day.
    #[must_use]
    pub fn up_to(now: DateTime<Utc>) -> Self {
        let until = story::morning(now);
        Self { scenes: story::year(until), begins: until - TimeDelta::days(story::DAYS), until }
    }

    /// How many customers come in over the year.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.scenes.iter().filter(|scene| matches!(scene.act, Act::Register { .. })).count()
    }
}

/// What was played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Played {
    /// Customers registered.
    pub customers: usize,
    /// Commands accepted.
    pub accepted: u64,
    /// Commands that the rules refused, as they do in a real year (a fourth claim on one day, say).
    pub refused: u64,
    /// What rules did by themselves.
    pub by_rules: usize,
}

/// What acts by itself, in service and in the demo alike.
struct Rules {
    ticker: Ticker,
    migrator: Migrator,
    next_look: DateTime<Utc>,
}

/// Plays a year into an empty log.
///
/// # Errors
/// When the log or a read model cannot take it.
pub async fn play(
    app: &App,
    clock: &StageClock,
    tenant: TenantId,
    year: Year,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Played, AppError> {
    let Year { scenes, begins, until } = year;
    let mut office = Office::new(app, tenant, begins, until);
    clock.set(begins);
    let pipeline = office.open().await?;
    let mut stage = Stage::new(app, tenant, &pipeline);
    let mut rules =
        Rules { ticker: Ticker::new(app.clone()), migrator: Migrator::new(app.clone()), next_look: begins };
    let mut played = Played::default();
    for (done, scene) in scenes.iter().enumerate() {
        office.work_until(clock, scene.at).await?;
        played.by_rules += rules.act_until(app, clock, tenant, scene.at).await?;
        clock.set(scene.at);
        match stage.play(scene).await {
            Ok(()) => played.accepted += 1,
            Err(AppError::Refused(refusal)) => {
                tracing::debug!(act = ?scene.act, customer = scene.customer, at = %scene.at, code = %refusal.code, "a scene was refused");
                played.refused += 1;
            }
            Err(error) => return Err(error),
        }
        progress(done as u64 + 1, scenes.len() as u64);
    }
    played.by_rules += rules.act_until(app, clock, tenant, until).await?;
    played.customers = stage.customers();
    Ok(played)
}

impl Rules {
    /// Has the rules look at what is due, every few hours up to an instant. Returns how often one acted.
    async fn act_until(
        &mut self,
        app: &App,
        clock: &StageClock,
        tenant: TenantId,
        until: DateTime<Utc>,
    ) -> Result<usize, AppError> {
        let mut acted = 0;
        while self.next_look <= until {
            clock.set(self.next_look);
            app.projections.catch_up(tenant, |_, _| {}).await?;
            self.migrator.look(tenant).await?;
            acted += self.ticker.look(tenant).await? + app.expire_requests(tenant).await?;
            self.next_look += RULES_LOOK_EVERY;
        }
        Ok(acted)
    }
}
