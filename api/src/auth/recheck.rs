//! Whether a credential that opened a stream is still good: asked again while the stream lasts.
//!
//! A request is over before anybody can take its key away; a stream is not. So the holder of a stream's credential
//! is admitted again every few seconds, through the same gate: a revoked key, a
//! removed member, a lost role and an expired token end the stream within five seconds, on every node. Streams
//! of one credential share one recheck.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::access::{Access, access};
use super::admit::{PERSON, readmit};
use super::gate::Gate;
use crate::app::Caller;
use crate::domain::Role;

/// How often a credential is checked again.
const EVERY: Duration = Duration::from_millis(1_500);
/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// After how many checks in a row that the database did not answer nobody knows whether the credential is good. Together with
/// the other two, and with the second for which rights are remembered, this stays within five seconds.
const UNKNOWN_AFTER: u32 = 2;

/// Who rechecks credentials.
pub struct Rechecks {
    gate: Arc<Gate>,
    running: Mutex<HashMap<[u8; 32], Weak<Recheck>>>,
}

/// One credential under recheck, as long as somebody holds it.
struct Recheck {
    caller: Caller,
    ended: watch::Receiver<bool>,
    _stop: DropGuard,
}

/// What a stream holds of its credential.
pub struct Standing {
    ended: watch::Receiver<bool>,
    _recheck: Arc<Recheck>,
}

impl Standing {
    /// Whether the credential is good no longer, or gives other rights than when the stream began.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until it is.
    pub async fn ended(&mut self) {
        if self.ended.wait_for(|ended| *ended).await.is_err() {
            // The recheck is gone, which happens only when the process stops: the stream learns of that otherwise.
            std::future::pending::<()>().await;
        }
    }
}

impl Rechecks {
    /// Rechecks through this gate.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, running: Mutex::default() }
    }

    /// Follows the credential in the headers of a request that was let in as this caller to read this route.
    #[must_use]
    pub fn follow(&self, headers: &HeaderMap, caller: &Caller, route: &str) -> Standing {
        let roles = match access(&Method::GET, route) {
            Some(Access::Roles(roles)) => roles,
            // Nobody was let in to such a route as anybody.
            Some(Access::Public) | None => &[],
        };
        let shown = shown(headers);
        // Rights are the caller's, from every address alike.
        let caller = &Caller { endpoint: None, ..caller.clone() };
        let mut running = self.running.lock();
        let known = running.get(&digest(&shown)).and_then(Weak::upgrade);
        // The rights may have changed since the other stream began, which is about to be told.
        let known = known.filter(|known| known.caller == *caller && !*known.ended.borrow());
        let recheck = known.unwrap_or_else(|| {
            running.retain(|_, recheck| recheck.strong_count() > 0);
            let recheck = Arc::new(self.begin(shown.clone(), caller.clone(), roles));
            running.insert(digest(&shown), Arc::downgrade(&recheck));
            recheck
        });
        Standing { ended: recheck.ended.clone(), _recheck: recheck }
    }

    fn begin(&self, shown: HeaderMap, caller: Caller, roles: &'static [Role]) -> Recheck {
        let (tell, ended) = watch::channel(false);
        let stop = CancellationToken::new();
        let (gate, first, stopped) = (Arc::clone(&self.gate), caller.clone(), stop.clone());
        tokio::spawn(async move {
            let checks = check(&gate, &shown, &first, roles);
            if stopped.run_until_cancelled(checks).await.is_some() {
                tell.send_replace(true);
            }
        });
        Recheck { caller, ended, _stop: stop.drop_guard() }
    }
}

/// Checks again and again, and returns when the credential is good no longer.
async fn check(gate: &Gate, shown: &HeaderMap, first: &Caller, roles: &'static [Role]) {
    let mut unknown = 0;
    while unknown < UNKNOWN_AFTER {
        tokio::time::sleep(EVERY).await;
        metrics::counter!("waymark_credential_rechecks_total").increment(1);
        match tokio::time::timeout(PATIENCE, readmit(gate, shown, roles)).await {
            Ok(Ok(now)) if now == *first => unknown = 0,
            Ok(Ok(_)) => return,
            Ok(Err(problem)) if problem.status() < StatusCode::INTERNAL_SERVER_ERROR => return,
            Ok(Err(_)) | Err(_) => unknown += 1,
        }
    }
}

/// What of a request says who calls.
fn shown(headers: &HeaderMap) -> HeaderMap {
    let mut shown = HeaderMap::new();
    for name in [header::AUTHORIZATION, HeaderName::from_static(PERSON)] {
        for value in headers.get_all(&name) {
            shown.append(name.clone(), value.clone());
        }
    }
    shown
}

fn digest(shown: &HeaderMap) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (name, value) in shown {
        digest.update(name.as_str());
        digest.update((value.len() as u64).to_le_bytes());
        digest.update(value.as_bytes());
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{EVERY, PATIENCE, UNKNOWN_AFTER};
    use crate::app::FRESH_FOR;

    #[test]
    fn a_stream_ends_within_five_seconds_of_a_revocation_whether_or_not_the_database_answers() {
        let promised = Duration::from_secs(5);
        // What one check may still remember, the next one asks the log for.
        assert!(FRESH_FOR.to_std().unwrap() <= EVERY);
        assert!((EVERY + PATIENCE) * 2 <= promised);
        assert!((EVERY + PATIENCE) * UNKNOWN_AFTER <= promised);
    }
}
