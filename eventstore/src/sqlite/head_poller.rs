//! Wakes this process's watchers when another process appended to the file: the command line beside a server.

use std::sync::Weak;
use std::time::Duration;

use sqlx::{Sqlite, SqlitePool};

use super::failure::unavailable;
use super::read;
use crate::watchers::Watchers;
use crate::{Repeated, StoreError, TenantId};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What could not be done where it fails.
const NOT_POLLED: &str = "it could not be seen what other processes appended";
/// Another number whenever the file was changed by another connection than the one that asks. It reads one page.
const VERSION: &str = "PRAGMA data_version";

/// Looks whether the file changed, and where its logs end where it did, until nobody watches any more. The pool has one
/// connection, of its own.
pub(super) async fn poll(own: SqlitePool, watchers: Weak<Watchers>) {
    let mut seen = None;
    let mut failures = Repeated::new(NOT_POLLED);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(watchers) = watchers.upgrade().filter(|_| !own.is_closed()) else { return };
        let looked = look(&own, &watchers, &mut seen).await;
        if !own.is_closed() {
            failures.note(None::<TenantId>, &looked);
        }
    }
}

async fn look(own: &SqlitePool, watchers: &Watchers, seen: &mut Option<i64>) -> Result<(), StoreError> {
    let mut connection = own.acquire().await.map_err(unavailable)?;
    // Before the heads: what comes in between is another version at the next look.
    let asked = sqlx::query_scalar::<Sqlite, i64>(VERSION);
    let version = asked.fetch_one(&mut *connection).await.map_err(unavailable)?;
    if *seen != Some(version) {
        for end in read::heads(&mut connection).await? {
            watchers.moved(end.log, end.position);
        }
        *seen = Some(version);
    }
    Ok(())
}
