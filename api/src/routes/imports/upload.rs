//! An upload as the importer reads it: blocking, and bounded.

use std::io::{Error, ErrorKind, Read};

use axum::body::Body;
use futures::TryStreamExt as _;
use futures::executor::block_on;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::coop::unconstrained;
use tokio_util::io::StreamReader;

use crate::http::body::STREAM_LIMIT;

/// A reader of a request's body, for a thread that may block.
pub(super) fn reader(body: Body) -> impl Read + Send {
    let stream = Box::pin(body.into_data_stream().map_err(Error::other));
    Upload { inner: StreamReader::new(stream), left: STREAM_LIMIT as u64 }
}

struct Upload<R> {
    inner: R,
    /// How many bytes may still come.
    left: u64,
}

impl<R: AsyncRead + Unpin> Read for Upload<R> {
    /// Waits for the next bytes outside the runtime, which would not have a thread of its own wait; and without a
    /// share of its time, which nobody would renew here.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = block_on(unconstrained(self.inner.read(buffer)))?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| Error::new(ErrorKind::FileTooLarge, "the file is too large"))?;
        Ok(count)
    }
}
