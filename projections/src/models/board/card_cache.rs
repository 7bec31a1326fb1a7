//! The cards of pipelines, kept in memory.

use waymark_eventstore::Position;

use super::card_index::CardIndex;
use crate::models::kept::{Kept, RowsId, Weigh};

/// The cards of pipelines, by the pipeline's key.
pub(crate) type CardCache = Kept<KeptCards>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// The cards of one pipeline as they are now.
#[derive(Default)]
pub(crate) struct KeptCards {
    /// From which rows, and up to which position.
    pub(super) state: Option<(RowsId, Position)>,
    pub(super) index: CardIndex,
}

impl Weigh for KeptCards {
    fn bytes(&self) -> usize {
        self.index.bytes()
    }
}
