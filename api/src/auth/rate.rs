//! How often a credential may call: the generic cell rate algorithm (GCRA, ITU-T I.371, annex A), as exact as integers.
//!
//! A credential has one number, the instant at which everything it spent is earned back. A call moves that instant by
//! one call's worth; a call that would move it further ahead than a burst is refused, and changes nothing. Instants are
//! counted in microseconds times calls a minute, so that a call's worth is a whole number at any rate.

use std::num::{NonZeroU32, NonZeroUsize};

use chrono::{DateTime, Utc};
use lru::LruCache;
use parking_lot::Mutex;

use crate::eventstore::TenantId;

/// A call's worth: the microseconds of a minute.
const CALL: i128 = 60_000_000;
/// How many credentials are kept. One that was evicted begins with a full burst.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// How often one credential may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls a minute in the long run.
    pub per_minute: NonZeroU32,
    /// Calls at once, after a rest.
    pub burst: NonZeroU32,
}

/// Whether a call may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Passed {
        /// How many more could follow at once.
        left: u32,
        /// After how many seconds of rest, rounded up, it is a whole burst again.
        whole_after_seconds: u64,
    },
    /// It may not.
    Refused {
        /// After how many seconds, rounded up, one may.
        retry_after_seconds: u64,
    },
}

impl Rate {
    /// Whether a call passes at `now` (microseconds), and when everything spent is earned back after it. `earned_back`
    /// is what the call before left; none where there was none.
    #[must_use]
    pub fn judge(self, now: i64, earned_back: Option<i128>) -> (Verdict, i128) {
        let (per_minute, burst) = (i128::from(self.per_minute.get()), i128::from(self.burst.get()) * CALL);
        let now = i128::from(now) * per_minute;
        // Nobody can have spent more than a burst: what says otherwise was written by a clock that has been set back.
        let before = earned_back.map_or(now, |instant| instant.clamp(now, now + burst));
        let after = before + CALL;
        let seconds = |span: i128| {
            let second = per_minute * 1_000_000;
            u64::try_from((span + second - 1) / second).unwrap_or(u64::MAX)
        };
        let room = now + burst - after;
        if room < 0 {
            return (Verdict::Refused { retry_after_seconds: seconds(-room) }, before);
        }
        let left = u32::try_from(room / CALL).unwrap_or(u32::MAX);
        (Verdict::Passed { left, whole_after_seconds: seconds(after - now) }, after)
    }

    /// The window of a burst: how long it takes to earn it back, in seconds, rounded up.
    #[must_use]
    pub fn window_seconds(self) -> u64 {
        (u64::from(self.burst.get()) * 60).div_ceil(u64::from(self.per_minute.get()))
    }
}

/// What the credentials of this process have spent.
pub struct Limiter {
    rate: Rate,
    spent: Mutex<LruCache<(TenantId, String), i128>>,
}

impl Limiter {
    /// A limiter that has seen nobody yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, spent: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// The rate it goes by.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts a call of this credential.
    pub fn take(&self, tenant: TenantId, credential: &str, now: DateTime<Utc>) -> Verdict {
        // Each entry is one number, so a panic elsewhere leaves none half written.
        let mut spent = self.spent.lock();
        let who = (tenant, credential.to_owned());
        let (verdict, earned_back) = self.rate.judge(now.timestamp_micros(), spent.get(&who).copied());
        spent.put(who, earned_back);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use chrono::DateTime;
    use uuid::Uuid;

    use super::{Limiter, REMEMBERED, Rate, Verdict};
    use crate::eventstore::TenantId;

    const SECOND: i64 = 1_000_000;

    fn rate(per_minute: u32, burst: u32) -> Rate {
        Rate { per_minute: NonZeroU32::new(per_minute).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    /// What is said to calls at these instants (microseconds), one after the other.
    #[track_caller]
    fn given(rate: Rate, calls: &[i64]) -> Vec<Verdict> {
        let mut earned_back = None;
        let judge = |now: &i64| {
            let (verdict, after) = rate.judge(*now, earned_back);
            earned_back = Some(after);
            verdict
        };
        calls.iter().map(judge).collect()
    }

    fn passed(left: u32, whole_after_seconds: u64) -> Verdict {
        Verdict::Passed { left, whole_after_seconds }
    }

    fn refused(retry_after_seconds: u64) -> Verdict {
        Verdict::Refused { retry_after_seconds }
    }

    #[test]
    fn a_burst_passes_at_once_and_the_next_call_is_told_when() {
        let said = given(rate(60, 3), &[0, 0, 0, 0, 0]);
        assert_eq!(said, [passed(2, 1), passed(1, 2), passed(0, 3), refused(1), refused(1)]);
    }

    #[test]
    fn what_was_spent_is_earned_back_one_call_after_the_other_to_the_microsecond() {
        let said = given(rate(60, 2), &[0, 0, SECOND - 1, SECOND, SECOND]);
        assert_eq!(said, [passed(1, 1), passed(0, 2), refused(1), passed(0, 2), refused(1)]);
    }

    #[test]
    fn a_rate_that_no_microsecond_divides_loses_nothing_over_a_year() {
        // Seven a minute, one at a time: the n-th call passes at the first microsecond at or after n × 60/7 s, not before.
        let (rate, mut earned_back) = (rate(7, 1), None);
        for call in [0_i64, 1, 2, 3, 1_000_000, 3_679_200] {
            let due = (call * 60 * SECOND + 6) / 7;
            if call > 0 {
                earned_back = Some(i128::from(call) * 60_000_000);
                assert!(matches!(rate.judge(due - 1, earned_back).0, Verdict::Refused { .. }), "{call}");
            }
            let (verdict, after) = rate.judge(due, earned_back);
            assert!(matches!(verdict, Verdict::Passed { left: 0, .. }), "{call}: {verdict:?}");
            earned_back = Some(after);
        }
    }

    #[test]
    fn a_rest_earns_a_burst_and_never_more() {
        let said = given(rate(60, 2), &[0, 3_600 * SECOND, 3_600 * SECOND, 3_600 * SECOND]);
        assert_eq!(said, [passed(1, 1), passed(1, 1), passed(0, 2), refused(1)]);
    }

    #[test]
    fn a_slow_rate_is_told_in_whole_seconds_rounded_up() {
        let said = given(rate(1, 1), &[0, 0, 500_000, 59 * SECOND, 60 * SECOND]);
        assert_eq!(said, [passed(0, 60), refused(60), refused(60), refused(1), passed(0, 60)]);
        assert_eq!((rate(7, 2).window_seconds(), rate(600, 100).window_seconds()), (18, 10));
    }

    #[test]
    fn a_clock_set_back_costs_no_more_than_a_burst() {
        let said = given(rate(60, 2), &[3_600 * SECOND, 0, SECOND]);
        assert_eq!(said, [passed(1, 1), refused(1), passed(0, 2)]);
        let mut earned_back = Some(3_600 * i128::from(SECOND) * 60);
        let mut waited = 0;
        while let (Verdict::Refused { .. }, after) = rate(60, 2).judge(waited * SECOND, earned_back) {
            (earned_back, waited) = (Some(after), waited + 1);
            assert!(waited < 4, "never let in again");
        }
    }

    #[test]
    fn the_largest_rate_and_the_last_instant_do_not_overflow() {
        let (verdict, after) = rate(u32::MAX, u32::MAX).judge(i64::MAX, None);
        assert_eq!(verdict, passed(u32::MAX - 1, 1));
        assert!(matches!(rate(u32::MAX, u32::MAX).judge(i64::MIN, Some(after)).0, Verdict::Refused { .. }));
    }

    #[test]
    fn credentials_do_not_pay_for_each_other_and_only_a_bounded_number_is_remembered() {
        let limiter = Limiter::new(rate(60, 1));
        let tenant = TenantId(Uuid::from_u128(1));
        assert_eq!(limiter.take(tenant, "key:1", DateTime::UNIX_EPOCH), passed(0, 1));
        assert_eq!(limiter.take(tenant, "key:1", DateTime::UNIX_EPOCH), refused(1));
        assert_eq!(limiter.take(tenant, "key:2", DateTime::UNIX_EPOCH), passed(0, 1));
        let other = TenantId(Uuid::from_u128(2));
        assert_eq!(limiter.take(other, "key:1", DateTime::UNIX_EPOCH), passed(0, 1));
        for n in 0..REMEMBERED.get() + 5 {
            limiter.take(tenant, &format!("token:{n}"), DateTime::UNIX_EPOCH);
        }
        assert_eq!(limiter.spent.lock().len(), REMEMBERED.get());
    }
}
