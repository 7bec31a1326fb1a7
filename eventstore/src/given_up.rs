//! Gives up what is asked for at each of its awaits, for tests of what that leaves behind. Each crate with pools of connections
//! includes this file among its tests.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// More polls than anything here takes.
const MANY: usize = 5_000;

/// Polls a future that many times, and drops it where it has not ended by then. Returns whether it has.
async fn is_ended_after(polls: usize, future: impl Future) -> bool {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Gives up what is begun after one poll, after two, and so on until it ends before that; counts each time on how many
/// connections a transaction was left open. How many polls it takes depends on how quick the database's threads are.
pub(crate) async fn given_up_everywhere<F: Future>(
    what: &str,
    begin: impl Fn() -> F,
    left_open: &impl AsyncFn() -> usize,
) {
    for polls in 1..MANY {
        let is_ended = is_ended_after(polls, begin()).await;
        let open = left_open().await;
        assert_eq!(open, 0, "{what}, given up after {polls} polls, left a transaction open");
        if is_ended {
            return;
        }
    }
    panic!("{what} does not end");
}
