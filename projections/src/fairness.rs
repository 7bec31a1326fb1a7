//! The processors, shared with those who wait for an answer.

/// How many entries a fold takes at a stretch, at some ten microseconds each.
const STRETCH: usize = 64;

/// Lets others run between two stretches: a page has thousands of entries, and between two waits for the database its fold
/// would hold a processor for as long as hundreds of commands take.
pub(crate) async fn give_way(done: usize) {
    if done % STRETCH == STRETCH - 1 {
        tokio::task::yield_now().await;
    }
}
