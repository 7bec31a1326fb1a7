//! How fast messages may be sent to a robot: a token bucket, kept as the instant at which it will be full again.

use chrono::{DateTime, TimeDelta, Utc};

/// A burst of messages, and another one each time an interval has passed.
///
/// Of any period no more than the burst and what the period refills can pass, so a limit of twenty a minute is kept by
/// ten at once and another each six seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: i32,
    /// How long one takes to be refilled.
    pub every: TimeDelta,
}

/// A bucket of a rate.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    rate: Rate,
    full_at: DateTime<Utc>,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, full_at: DateTime::<Utc>::MIN_UTC }
    }

    /// How long to wait until something may be taken.
    #[must_use]
    pub fn wait(&self, now: DateTime<Utc>) -> TimeDelta {
        let spare = self.rate.every * (self.rate.burst - 1);
        (self.full_at.max(now) - now - spare).max(TimeDelta::zero())
    }

    /// Takes one, whether there is one or not: the caller asks first.
    pub fn take(&mut self, now: DateTime<Utc>) {
        self.full_at = self.full_at.max(now) + self.rate.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    /// The instants at which somebody gets through who tries every tenth of a second.
    fn passed(rate: Rate, millis: i64) -> Vec<i64> {
        let mut bucket = Bucket::new(rate);
        let tries = (0..=millis / 100).map(|n| n * 100);
        tries
            .filter(|now| {
                let free = bucket.wait(at(*now)) == TimeDelta::zero();
                if free {
                    bucket.take(at(*now));
                }
                free
            })
            .collect()
    }

    #[test]
    fn no_minute_has_more_than_twenty_messages_however_hard_one_tries() {
        let passed = passed(Rate { burst: 10, every: TimeDelta::seconds(6) }, 600_000);
        for begin in &passed {
            let within = passed.iter().filter(|at| (*begin..=begin + 60_000).contains(at)).count();
            assert!(within <= 20, "{within} from {begin}");
        }
        assert_eq!(passed.len(), 10 + 100, "and nothing is lost of what is permitted");
    }

    #[test]
    fn a_bucket_says_how_long_to_wait() {
        let mut bucket = Bucket::new(Rate { burst: 2, every: TimeDelta::seconds(6) });
        assert_eq!(bucket.wait(at(0)), TimeDelta::zero());
        bucket.take(at(0));
        bucket.take(at(0));
        assert_eq!(bucket.wait(at(1_000)), TimeDelta::seconds(5));
        assert_eq!(bucket.wait(at(6_000)), TimeDelta::zero());
    }
}
