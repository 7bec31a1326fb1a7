//! Reads the files of old entries in the background, some at a time, so that one that was changed or is gone is known before anybody
//! needs it: `/readyz` reports what is known.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::eventstore::segments::{look_at_new_segments, read_next_segments};
use crate::eventstore::{Repeated, StoreError, TenantId, Transferable};

/// How often some are read.
const EVERY: Duration = Duration::from_secs(60);
/// How many are read then, at most: a million old entries, which are 3,907 files, within 31 minutes.
const AT_A_TIME: u64 = 128;

/// Sees whether the files of new segments are there and of the next of the others, and reads the next of them. Whatever is wrong is
/// in the server log, and known to the store.
async fn check(store: &dyn Transferable) -> Result<(), StoreError> {
    look_at_new_segments(store).await?;
    let mut read = 0;
    while read < AT_A_TIME {
        match read_next_segments(store, AT_A_TIME - read).await? {
            0 => break,
            more => read += more,
        }
    }
    Ok(())
}

/// Checks now and then, until the token is cancelled.
pub(crate) async fn run(store: Arc<dyn Transferable>, stop: CancellationToken) {
    let mut failures = Repeated::new("the files of old events could not be checked");
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        failures.note(None::<TenantId>, &check(&*store).await);
    }
}
