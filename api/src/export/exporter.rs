//! What a format of exports is to the rest: it writes one. `contract.rs` holds each to what is said here.

use futures::future::BoxFuture;

use super::{ExportError, ExportRequest, PieceWriter};

/// Writes exports in one format.
pub(super) trait Exporter: Send {
    /// Writes all of an export and counts its rows. The same request gives the same bytes; what is kept in memory does not grow with
    /// the rows, since pieces are passed on while the rest is read; nothing is written that the caller may not see.
    fn write<'a>(
        self: Box<Self>,
        asked: &'a ExportRequest<'a>,
        outlet: &'a mut PieceWriter,
    ) -> BoxFuture<'a, Result<(), ExportError>>;
}
