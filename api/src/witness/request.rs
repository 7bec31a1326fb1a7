//! What a log sends to a witness.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use waymark_eventstore::ledger::Hash;

/// The most hashes of a proof: a tree of 2^63 leaves has no longer one.
const MOST_HASHES: usize = 63;

/// A checkpoint, and the proof that it extends a smaller one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AddCheckpoint<'b> {
    /// The size of the smaller tree.
    pub(super) old_size: u64,
    pub(super) proof: Vec<Hash>,
    /// The signed note over the larger one.
    pub(super) note: &'b str,
}

impl<'b> AddCheckpoint<'b> {
    /// Reads a body; `None` where it has another form.
    pub(super) fn of(body: &'b str) -> Option<Self> {
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let size = lines.next()?.strip_prefix("old ")?;
        let canonical =
            size == "0" || (!size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit()));
        let old_size = size.parse().ok().filter(|_| canonical)?;
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
        let proof = lines.map(hash).collect::<Option<Vec<Hash>>>()?;
        (proof.len() <= MOST_HASHES).then_some(Self { old_size, proof, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_with_any_number_of_hashes_and_refused_in_any_other_form() {
        let hash = BASE64_STANDARD.encode([7; 32]);
        let body = format!("old 20\n{hash}\n{hash}\n\nlog\n21\nroot\n\nsignatures\n");
        let read = AddCheckpoint::of(&body).unwrap();
        assert_eq!((read.old_size, read.proof.len()), (20, 2));
        assert_eq!(read.note, "log\n21\nroot\n\nsignatures\n");
        assert_eq!(AddCheckpoint::of("old 0\n\nnote").map(|read| read.proof.len()), Some(0));
        let many = format!("old 1\n{}\nnote", format!("{hash}\n").repeat(64));
        let short = format!("old 1\n{}\n\nnote", BASE64_STANDARD.encode([7; 31]));
        for body in [
            "",
            "old 1",
            "old 01\n\nnote",
            "old +1\n\nnote",
            "old -1\n\nnote",
            "new 1\n\nnote",
            "old 1\nx\n\nnote",
            &many,
            &short,
        ] {
            assert_eq!(AddCheckpoint::of(body), None, "{body}");
        }
    }
}
