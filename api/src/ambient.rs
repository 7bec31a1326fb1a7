//! Time, ids and randomness, read here and nowhere else.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use rand::rngs::SysRng;
use rand::{RngExt as _, TryRng as _};
use uuid::Uuid;
use waymark_eventstore::Clock;

/// Where new ids come from: a value, so that a test can name them.
pub type IdGenerator = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// A number below the given one, by chance: a value, so that a test can name it.
pub type RandomBelow = Arc<dyn Fn(u32) -> u32 + Send + Sync>;

/// The system's clock, in whole microseconds.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(now)
}

/// UUIDv7 ids, which sort by the time of their making.
#[must_use]
pub fn random_ids() -> IdGenerator {
    Arc::new(new_id)
}

/// Numbers below the one that is asked for, by chance.
#[must_use]
pub fn chance() -> RandomBelow {
    Arc::new(|below| rand::rng().random_range(0..below.max(1)))
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

#[expect(clippy::disallowed_methods, reason = "the one place where ids are made")]
fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Fresh random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness, where going on would make guessable keys.
#[must_use]
#[expect(clippy::expect_used, reason = "a guessable key is worse than a crash")]
pub(crate) fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives randomness");
    bytes
}
