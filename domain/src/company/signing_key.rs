//! The key that signs the checkpoints of the log changes: the new one signs from now on, the old one beside it for a while.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::Label;
use crate::refusal::{Code, Violation, require};
use crate::validate::line_of;

/// For how many seconds the old key signs beside the new one where nothing else is asked for: thirty days.
pub const DEFAULT_OVERLAP_SECONDS: u64 = 30 * 86_400;
/// For how many seconds it may at most: a year.
pub const MAX_OVERLAP_SECONDS: u64 = 365 * 86_400;

/// A public key that checks checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its id in signatures: four bytes in hexadecimal.
    pub key_id: String,
    /// The key in the form `name+id+key` of C2SP signed-note, under the name of the log.
    pub vkey: String,
}

/// The log's checkpoints are signed with another key from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRotated {
    /// The key that signs from now on.
    pub key: PublicKey,
    /// The key that signed until now.
    pub replaces: PublicKey,
    /// From when on the new key signs.
    pub valid_from: DateTime<Utc>,
    /// Until when the old key signs beside it. Whatever this says, it signs the first checkpoint that has this event.
    pub replaced_valid_until: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// A change of the key as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The new key.
    pub key: PublicKey,
    /// The key that signs now, as far as the caller knows.
    pub replaces: PublicKey,
    /// For how many seconds the old key signs beside the new one.
    pub overlap_seconds: u64,
    /// Why.
    pub reason: String,
}

/// The event, and what speaks against it. `current` is the key that the last change made the one that signs; none where the
/// key was never changed.
pub(super) fn rotate(
    current: Option<&PublicKey>,
    rotation: Rotation,
    now: DateTime<Utc>,
    max_reason_chars: usize,
) -> (Vec<Violation>, SigningKeyRotated) {
    let Rotation { key, replaces, overlap_seconds, reason } = rotation;
    let unmet = [
        line_of("reason", &reason, max_reason_chars),
        bounded(overlap_seconds),
        still_signs(current.is_none_or(|current| *current == replaces) && key != replaces),
    ];
    let overlap = TimeDelta::seconds(overlap_seconds.min(MAX_OVERLAP_SECONDS).cast_signed());
    let event =
        SigningKeyRotated { key, replaces, valid_from: now, replaced_valid_until: now + overlap, reason };
    (unmet.concat(), event)
}

fn bounded(overlap_seconds: u64) -> Vec<Violation> {
    require(overlap_seconds <= MAX_OVERLAP_SECONDS, || {
        Violation::new(
            Code::InvalidValue,
            "overlap_seconds",
            Label::new(
                format!("应为0至{MAX_OVERLAP_SECONDS}秒（365天）。"),
                format!("Must be between 0 and {MAX_OVERLAP_SECONDS} seconds (365 days)."),
            ),
            Label::new("请改正该字段。", "Correct this field."),
        )
        .with("limit", MAX_OVERLAP_SECONDS)
    })
}

/// Of two who change the key at once, the later one would leave out the key that the earlier one made.
fn still_signs(still: bool) -> Vec<Violation> {
    require(still, || {
        Violation::new(
            Code::SigningKeyChanged,
            "",
            Label::new("签名密钥刚刚已被更换。", "The signing key has just been changed by somebody else."),
            Label::new(
                "请查看 GET /v1/audit/keys，确有需要时再次更换。",
                "Look at GET /v1/audit/keys, and change it again only if that is still needed.",
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> PublicKey {
        PublicKey { key_id: id.to_owned(), vkey: format!("waymark/log+{id}+AA") }
    }

    fn rotation(from: &str, to: &str) -> Rotation {
        Rotation {
            key: key(to),
            replaces: key(from),
            overlap_seconds: DEFAULT_OVERLAP_SECONDS,
            reason: "yearly".to_owned(),
        }
    }

    fn fields(current: Option<&PublicKey>, rotation: Rotation) -> Vec<(String, String)> {
        let (unmet, _) = rotate(current, rotation, DateTime::UNIX_EPOCH, 1_000);
        unmet.into_iter().map(|one| (one.code.into_owned(), one.field)).collect()
    }

    #[test]
    fn the_old_key_signs_beside_the_new_one_for_as_long_as_was_asked() {
        let (unmet, event) = rotate(None, rotation("a", "b"), DateTime::UNIX_EPOCH, 1_000);
        assert_eq!(unmet, []);
        assert_eq!((event.key, event.replaces, event.valid_from), (key("b"), key("a"), DateTime::UNIX_EPOCH));
        assert_eq!(event.replaced_valid_until - DateTime::UNIX_EPOCH, TimeDelta::days(30));
        let at_once = Rotation { overlap_seconds: 0, ..rotation("a", "b") };
        let (unmet, event) = rotate(None, at_once, DateTime::UNIX_EPOCH, 1_000);
        assert_eq!((unmet, event.replaced_valid_until), (vec![], DateTime::UNIX_EPOCH));
    }

    #[test]
    fn an_overlap_is_a_year_at_most_and_a_reason_is_a_line() {
        let most = Rotation { overlap_seconds: MAX_OVERLAP_SECONDS, ..rotation("a", "b") };
        assert_eq!(fields(None, most), []);
        for overlap_seconds in [MAX_OVERLAP_SECONDS + 1, u64::MAX] {
            let asked = Rotation { overlap_seconds, ..rotation("a", "b") };
            assert_eq!(fields(None, asked), [("invalid-value".to_owned(), "overlap_seconds".to_owned())]);
        }
        for reason in ["", " ", "two\nlines"] {
            let asked = Rotation { reason: reason.to_owned(), ..rotation("a", "b") };
            assert_eq!(fields(None, asked), [("invalid-value".to_owned(), "reason".to_owned())]);
        }
    }

    #[test]
    fn only_the_key_that_signs_now_is_replaced_and_by_another_one() {
        assert_eq!(fields(Some(&key("b")), rotation("b", "c")), []);
        let changed = [("signing-key-changed".to_owned(), String::new())];
        assert_eq!(fields(Some(&key("b")), rotation("a", "c")), changed);
        assert_eq!(fields(Some(&key("b")), rotation("b", "b")), changed);
    }
}
