//! The minimum transfer rate of request bodies.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// The least that a client sends.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// N bytes, or the end of the body,
    pub bytes: u64,
    /// in so much time in which we wait for them. Time in which we are at work with what has come does not count.
    pub within: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: 4 * 1024, within: Duration::from_secs(20) }
    }
}

/// The body came more slowly than that.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
pub struct TooSlow;

/// Whether that is why a body could not be read.
#[must_use]
pub fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A body that has to keep pace.
pub struct Paced<B> {
    body: B,
    pace: Pace,
    /// What has come since it was last counted, and how long it was waited for.
    came: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> Paced<B> {
    /// The same body, which has to keep this pace.
    pub fn new(body: B, pace: Pace) -> Self {
        Self { body, pace, came: 0, waited: Duration::ZERO, waiting: None }
    }

    /// Whether the pace was kept as far as the time has come to count.
    fn keeps_pace(&mut self) -> bool {
        if self.waited < self.pace.within {
            return true;
        }
        self.waited = Duration::ZERO;
        std::mem::take(&mut self.came) >= self.pace.bytes
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let paced = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut paced.body).poll_frame(cx) {
            if let Some((since, _)) = paced.waiting.take() {
                paced.waited += since.elapsed();
            }
            let Some(frame) = frame else { return Poll::Ready(None) };
            let frame = frame.map_err(Into::into)?;
            paced.came += frame.data_ref().map_or(0, |data| data.len() as u64);
            return Poll::Ready(Some(if paced.keeps_pace() { Ok(frame) } else { Err(TooSlow.into()) }));
        }
        let left = paced.pace.within.saturating_sub(paced.waited);
        let (_, alarm) = paced.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(alarm.as_mut().poll(cx));
        paced.waiting = None;
        paced.waited = paced.pace.within;
        match paced.keeps_pace() {
            false => Poll::Ready(Some(Err(TooSlow.into()))),
            true => {
                // Another stretch begins; the body wakes us, or its alarm does.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
