//! Ids of what an event tells: one event may tell several people several things, and each of these is a message with an id of its
//! own.

use uuid::Uuid;

/// Where the news of an event begin among its messages: reminders, of which there are few, come before.
pub(super) const NEWS: u32 = 10_000;
/// The random bits at the end of an id.
const RANDOM: u128 = (1 << 62) - 1;
/// Odd, so that each number has a product of its own (2⁶⁴ over the golden ratio).
const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15;

/// The id of one of the messages of an event, by its number among them: the same for everybody, and after each rebuild. What the
/// event itself is the news of has the event's.
pub(super) fn message_id(event: Uuid, n: u32) -> Uuid {
    let number = u128::from(n.wrapping_sub(NEWS));
    Uuid::from_u128(event.as_u128() ^ ((number * SPREAD) & RANDOM))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_messages_of_an_event_have_ids_of_their_own_and_keep_them() {
        let event: Uuid = "01930000-0000-7000-8000-000000000000".parse().unwrap();
        let ids: BTreeSet<Uuid> = (0..NEWS + 100_000).map(|n| message_id(event, n)).collect();
        assert_eq!(ids.len(), NEWS as usize + 100_000);
        assert!(ids.iter().all(|id| (id.get_version_num(), id.get_variant()) == (7, uuid::Variant::RFC4122)));
        assert_eq!(message_id(event, NEWS), event);
        assert_eq!(message_id(event, NEWS + 1).to_string(), "01930000-0000-7000-9e37-79b97f4a7c15");
    }
}
