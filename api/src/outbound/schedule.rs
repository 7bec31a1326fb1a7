//! When a message is tried again.

use chrono::{DateTime, TimeDelta, Utc};

/// How long each attempt waits for the one before it, in seconds. The first waits for nothing.
const WAITS: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The most that chance adds to a wait, in thousandths of it: receivers that came back are not called by all at once.
pub const MOST_JITTER: u32 = 100;
/// The longest that a receiver may ask us to wait.
const LONGEST_ASKED: i64 = 86_400;

/// How long after a number of failed attempts the next is due; none after the last. `jitter` is between 0 and
/// [`MOST_JITTER`]; `asked` is what the receiver's `Retry-After` said, and is waited for where it is longer.
#[must_use]
pub fn wait_after(attempts: u32, jitter: u32, asked: Option<TimeDelta>) -> Option<TimeDelta> {
    let seconds = *WAITS.get(usize::try_from(attempts).ok()?)?;
    let added = seconds * i64::from(jitter.min(MOST_JITTER));
    let wait = TimeDelta::milliseconds(seconds * 1_000 + added);
    let asked = asked.unwrap_or_default().min(TimeDelta::seconds(LONGEST_ASKED));
    Some(wait.max(asked))
}

/// What `Retry-After` says: seconds, or an instant (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(TimeDelta::seconds(seconds.into()));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Some((at.to_utc() - now).max(TimeDelta::zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_made_at_the_published_times_and_no_more() {
        let waits: Vec<Option<i64>> =
            (0..12).map(|attempts| Some(wait_after(attempts, 0, None)?.num_seconds())).collect();
        let hour = 3_600;
        let expected =
            [0, 5, 300, 1_800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour].map(Some);
        assert_eq!(waits[..10], expected);
        assert_eq!(waits[10..], [None, None]);
    }

    #[test]
    fn chance_adds_a_tenth_at_most_and_nothing_to_the_first_attempt() {
        assert_eq!(wait_after(0, MOST_JITTER, None), Some(TimeDelta::zero()));
        assert_eq!(wait_after(1, MOST_JITTER, None), Some(TimeDelta::milliseconds(5_500)));
        assert_eq!(wait_after(9, u32::MAX, None), Some(TimeDelta::seconds(95_040)));
    }

    #[test]
    fn a_receiver_is_given_the_time_that_it_asks_for_up_to_a_day() {
        let asked = |seconds| wait_after(1, 0, Some(TimeDelta::seconds(seconds))).unwrap().num_seconds();
        assert_eq!([asked(0), asked(4), asked(120), asked(1_000_000)], [5, 5, 120, 86_400]);
        assert_eq!(wait_after(10, 0, Some(TimeDelta::seconds(1))), None, "asking makes no further attempt");
    }

    #[test]
    fn retry_after_is_seconds_or_an_instant() {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(TimeDelta::seconds(120)));
        assert_eq!(retry_after("Mon, 02 Mar 2026 08:01:00 GMT", now), Some(TimeDelta::seconds(60)));
        assert_eq!(retry_after("Mon, 02 Mar 2026 07:00:00 GMT", now), Some(TimeDelta::zero()));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(text, now), None, "{text}");
        }
    }
}
