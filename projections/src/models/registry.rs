//! Every read model there is.

use std::sync::Arc;

use super::read_model::ReadModel;
use super::{board, dwell, timeline, work};

/// Every read model, in the order in which they are reported.
pub(crate) fn all() -> [Arc<dyn ReadModel>; 4] {
    [Arc::new(board::Board), Arc::new(timeline::Timeline), Arc::new(dwell::Dwell), Arc::new(work::Work)]
}
