//! Whether the clock can be believed: what falls due by it is done by itself, and cannot be taken back.
//!
//! A clock that jumps ahead by more than a day, or a service that was away for longer than that, makes deadlines pass all at
//! once: whole teams would lose their customers in a second. So the clock is compared with time as the processor counts it and, at
//! the start, with when the service was last seen alive or the log last written. While it is ahead of both, nothing is done
//! by itself, and that is said aloud; it goes on when the clock is back, or when somebody agrees (`waymark clock --agree`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};

use crate::auth::{AdminError, AdminStore};
use crate::eventstore::{Clock, EventStore, StoreError};

/// How far ahead the clock may be.
pub const TRUSTED: TimeDelta = TimeDelta::days(1);
/// How often it is noted that the service is alive.
const NOTE_EVERY: TimeDelta = TimeDelta::minutes(10);

/// How long this process has run, as the processor counts it.
pub type Stopwatch = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Why the clock could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The tables did not answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The log did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether automations pause in this process because its clock is not believed, for anyone who has to say so.
#[derive(Debug, Default)]
pub struct AutomationPause(AtomicBool);

impl AutomationPause {
    /// Whether they do.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, is_on: bool) {
        self.0.store(is_on, Ordering::Relaxed);
    }
}

/// Compares the clock with what else is known of the time.
pub struct ClockWatch {
    clock: Clock,
    stopwatch: Stopwatch,
    admin: Arc<AdminStore>,
    store: Arc<dyn EventStore>,
    pause: Arc<AutomationPause>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// What the clock said when it was last believed, and the stopwatch with it.
    believed: Option<(DateTime<Utc>, Duration)>,
    /// When it was noted last that the service is alive.
    noted: Option<DateTime<Utc>>,
    /// By how much the clock is ahead, while it is not believed.
    ahead: Option<TimeDelta>,
}

impl ClockWatch {
    /// One that has compared nothing yet.
    #[must_use]
    pub fn new(
        clock: Clock,
        stopwatch: Stopwatch,
        admin: Arc<AdminStore>,
        store: Arc<dyn EventStore>,
        pause: Arc<AutomationPause>,
    ) -> Self {
        Self { clock, stopwatch, admin, store, pause, state: Mutex::default() }
    }

    /// By how much the clock is ahead, as it was last found; none where it is believed.
    #[must_use]
    pub fn ahead(&self) -> Option<TimeDelta> {
        self.state().ahead
    }

    /// Whether what is due by the clock may be done.
    ///
    /// # Errors
    /// When the database cannot be asked: then it may not.
    pub async fn may_act(&self) -> Result<bool, ClockError> {
        let State { believed, noted, .. } = *self.state();
        let (now, elapsed) = ((self.clock)(), (self.stopwatch)());
        let (since, then) = match believed {
            Some(believed) => believed,
            None => (self.last_seen().await?.unwrap_or(now), elapsed),
        };
        let run = TimeDelta::from_std(elapsed.saturating_sub(then)).unwrap_or(TimeDelta::MAX);
        let expected = since.checked_add_signed(run).unwrap_or(since);
        let mut ahead = now - expected;
        if ahead > TRUSTED
            && let Some(agreed) = self.admin.agreed_clock().await?
        {
            ahead = ahead.min(now - agreed);
        }
        let may = ahead <= TRUSTED;
        self.tell(may, ahead);
        if !may {
            // What was expected is kept, with the stopwatch: the clock may come back.
            self.state().believed = Some((since, then));
            return Ok(false);
        }
        self.state().believed = Some((now, elapsed));
        if noted.is_none_or(|noted| now - noted >= NOTE_EVERY || now < noted) {
            self.admin.note_alive(now).await?;
            self.state().noted = Some(now);
        }
        Ok(true)
    }

    /// Whether the clock is believed as things stand, for somebody who only looks.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn is_believed(&self) -> Result<bool, ClockError> {
        let now = (self.clock)();
        let seen = self.last_seen().await?.max(self.admin.agreed_clock().await?);
        Ok(seen.is_none_or(|seen| now - seen <= TRUSTED))
    }

    /// When the service was last alive, as far as anybody noted it: by itself, or by an entry of some log.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn last_seen(&self) -> Result<Option<DateTime<Utc>>, ClockError> {
        if let Some(alive) = self.admin.last_alive().await? {
            return Ok(Some(alive));
        }
        let ends = self.store.ends().await?.into_iter().filter(|end| !end.log.is_access_log());
        Ok(ends.map(|end| end.recorded_at).max())
    }

    /// Says once that the clock is believed no longer, and once that it is again.
    fn tell(&self, may: bool, ahead: TimeDelta) {
        self.pause.set(!may);
        metrics::gauge!("waymark_automations_paused").set(if may { 0.0 } else { 1.0 });
        let before = std::mem::replace(&mut self.state().ahead, (!may).then_some(ahead));
        match (before, may) {
            (None, false) => tracing::error!(
                ahead_seconds = ahead.num_seconds(),
                "the clock is more than a day ahead of what was last seen: automations pause until it is back, or somebody \
                 agrees with `waymark clock --agree`"
            ),
            (Some(_), true) => tracing::warn!("the clock is believed again: automations go on"),
            _ => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each part is replaced whole.
        self.state.lock()
    }
}

/// Whether what is due by the clock may be done; not while that cannot be found out.
pub(crate) async fn may_act(clock: &ClockWatch) -> bool {
    clock.may_act().await.unwrap_or_else(|error| {
        tracing::error!(%error, "whether the clock can be believed is not known: nothing is done by itself");
        false
    })
}
