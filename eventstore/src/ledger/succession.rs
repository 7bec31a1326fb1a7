//! The keys that sign a log one after the other, and which of them are believed by someone who knows one.

use super::{BadNote, Checkpoint, Verifier, open_by_any};
use crate::Position;

/// A change of the key that signs a log, as the log has recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// Where the log recorded it: whatever is signed of a tree of this size or a larger one is signed by the new key.
    pub position: Position,
    /// The key that signed until then. It signs a tree that has the record of the change as well: the hand-over.
    pub old: Verifier,
    /// The key that signs from then on.
    pub new: Verifier,
}

/// All keys of a log, as far as they are believed.
///
/// Who believes a key believes those before it, because a tree that it signed says which they were; and the one after it,
/// once it has itself signed a tree that says so.
#[derive(Debug)]
pub(super) struct KeyChain {
    /// Believed beforehand.
    given: Vec<Verifier>,
    /// The first key of the log, and each that followed, with the size from which on it signs.
    keys: Vec<(Position, Verifier)>,
    /// How many of these keys are believed, from the first on.
    believed: usize,
    /// Why no more are.
    broken: Option<BadNote>,
}

impl KeyChain {
    /// The keys that the log recorded, believed as far as one of the given keys and the stored notes lead.
    pub(super) fn new(given: &[Verifier], successions: &[Succession], stored: &[(u64, String)]) -> Self {
        let first = successions.first().map(|succession| (0, succession.old.clone()));
        let further = successions.iter().map(|succession| (succession.position, succession.new.clone()));
        let keys: Vec<(Position, Verifier)> = first.into_iter().chain(further).collect();
        let known = keys.iter().rposition(|(_, key)| given.contains(key));
        let mut chain = Self { given: given.to_vec(), keys, believed: 0, broken: None };
        let Some(known) = known else { return chain };
        let joined = successions.windows(2).take_while(|pair| pair[0].new == pair[1].old).count() + 1;
        let handed_over = |succession: &&Succession| succession.is_handed_over(stored);
        let steps = successions[known..].iter().take(joined.saturating_sub(known)).take_while(handed_over);
        chain.believed = known + 1 + steps.count();
        chain.broken = (chain.believed < chain.keys.len()).then_some(BadNote::NotHandedOver);
        chain
    }

    /// Opens the note that is stored for a tree of this size: by the key that signed then.
    pub(super) fn open_stored(&self, size: u64, note: &str) -> Result<Checkpoint, BadNote> {
        let Some(place) = self.keys.iter().rposition(|(from, _)| *from <= size) else {
            return open_by_any(&self.given, note);
        };
        match self.keys.get(place) {
            Some((_, key)) if place < self.believed => key.open(note),
            _ => Err(self.broken.unwrap_or(BadNote::UnknownKey)),
        }
    }

    /// Opens a note that is kept elsewhere: by any key that is believed.
    pub(super) fn open(&self, note: &str) -> Result<Checkpoint, BadNote> {
        let chain = self.keys[..self.believed].iter().rev().map(|(_, key)| key);
        open_by_any(chain.chain(&self.given), note)
    }
}

impl Succession {
    /// Whether the old key signed a tree that has the record of the change.
    fn is_handed_over(&self, stored: &[(u64, String)]) -> bool {
        let signs = |(size, note): &(u64, String)| {
            *size >= self.position && self.old.open(note).is_ok_and(|signed| signed.size == *size)
        };
        stored.iter().any(signs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Signer, sign_text};
    use super::*;

    fn signer(key: u8) -> Signer {
        Signer::new("log", &[key; 32])
    }

    fn key(key: u8) -> Verifier {
        signer(key).verifier()
    }

    /// A note over a tree of this size, by these keys.
    fn note(size: u64, keys: &[u8]) -> (u64, String) {
        let checkpoint = Checkpoint { origin: "log".to_owned(), size, root: [size as u8; 32] };
        let signers: Vec<Signer> = keys.iter().map(|key| signer(*key)).collect();
        (size, sign_text(&signers, &checkpoint.to_text()))
    }

    fn change(position: Position, old: u8, new: u8) -> Succession {
        Succession { position, old: key(old), new: key(new) }
    }

    fn opened(given: &[u8], changes: &[Succession], stored: &[(u64, String)]) -> Vec<Result<u64, BadNote>> {
        let given: Vec<Verifier> = given.iter().map(|given| key(*given)).collect();
        let chain = KeyChain::new(&given, changes, stored);
        stored.iter().map(|(size, note)| chain.open_stored(*size, note).map(|found| found.size)).collect()
    }

    #[test]
    fn a_holder_of_one_of_the_keys_can_check_what_all_of_them_signed() {
        let changes = [change(4, 1, 2), change(8, 2, 3)];
        let stored = [note(2, &[1]), note(4, &[2, 1]), note(7, &[2]), note(9, &[3, 2]), note(12, &[3])];
        for given in [1, 2, 3] {
            assert_eq!(opened(&[given], &changes, &stored), [2, 4, 7, 9, 12].map(Ok), "by key {given}");
        }
        assert_eq!(opened(&[9], &changes, &stored), [Err(BadNote::UnknownKey); 5]);
    }

    #[test]
    fn a_change_that_the_old_key_has_not_signed_is_no_change() {
        let changes = [change(4, 1, 2)];
        let stored = [note(2, &[1]), note(4, &[2]), note(7, &[2])];
        let broken = Err(BadNote::NotHandedOver);
        assert_eq!(opened(&[1], &changes, &stored), [Ok(2), broken, broken]);
        // Who knows the new key needs no hand-over.
        assert_eq!(opened(&[2], &changes, &stored), [2, 4, 7].map(Ok));
    }

    #[test]
    fn after_a_change_the_old_key_alone_signs_nothing_and_before_it_the_new_one_did_not() {
        let changes = [change(4, 1, 2)];
        let stored = [note(2, &[2]), note(4, &[2, 1]), note(7, &[1])];
        let unknown = Err(BadNote::UnknownKey);
        assert_eq!(opened(&[1, 2], &changes, &stored), [unknown, Ok(4), unknown]);
    }

    #[test]
    fn a_change_from_a_key_that_did_not_sign_ends_the_chain() {
        let changes = [change(4, 1, 2), change(8, 5, 6)];
        let stored = [note(4, &[2, 1]), note(9, &[6, 5])];
        assert_eq!(opened(&[1], &changes, &stored), [Ok(4), Err(BadNote::NotHandedOver)]);
    }

    #[test]
    fn a_note_kept_elsewhere_may_be_by_any_key_that_is_believed() {
        let stored = [note(2, &[1]), note(4, &[2, 1])];
        let chain = KeyChain::new(&[key(1)], &[change(4, 1, 2)], &stored);
        for keys in [&[1][..], &[2], &[2, 1]] {
            assert_eq!(chain.open(&note(9, keys).1).map(|found| found.size), Ok(9));
        }
        assert_eq!(chain.open(&note(9, &[3]).1), Err(BadNote::UnknownKey));
        let altered = note(9, &[2]).1.replace("\n9\n", "\n8\n");
        assert_eq!(chain.open(&altered), Err(BadNote::WrongSignature));
    }
}
