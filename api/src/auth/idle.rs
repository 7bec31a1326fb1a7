//! Sessions that nobody uses end by themselves, on every node alike.
//!
//! When a session was last used stands in a table, to the minute: written at every use it would cost a write for each request. What
//! it says is no right: a row that somebody writes keeps a session open for longer, within the time that the log gives it, and opens
//! none.

use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use lru::LruCache;
use parking_lot::Mutex;
use uuid::Uuid;

use super::store::{AdminError, AdminStore};
use crate::domain::company::event::Pass;
use crate::eventstore::TenantId;

/// How long somebody stays signed in, at most: a working day.
pub(crate) const SESSION: TimeDelta = TimeDelta::hours(12);
/// How long somebody stays signed in without asking for anything.
pub(crate) const IDLE: TimeDelta = TimeDelta::hours(2);
/// How far what the table says may lie behind.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// How many sessions are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Whether somebody asks, or it is only looked whether a stream may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Request,
    Recheck,
}

/// When sessions were last used.
pub(super) struct IdleSessions {
    admin: Arc<AdminStore>,
    known: Mutex<LruCache<(TenantId, Uuid), LastUse>>,
}

/// When a session was last used as far as this process knows, and when that was last written to the table.
#[derive(Debug, Clone, Copy)]
struct LastUse {
    at: DateTime<Utc>,
    noted: Option<DateTime<Utc>>,
}

impl IdleSessions {
    pub(super) fn new(admin: Arc<AdminStore>) -> Self {
        Self { admin, known: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// Whether a session is still in use, of which this is one where somebody asks.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(super) async fn is_used(
        &self,
        tenant: TenantId,
        session: &Pass,
        usage: Use,
        now: DateTime<Utc>,
    ) -> Result<bool, AdminError> {
        let key = (tenant, session.id);
        let known = self.known.lock().get(&key).copied();
        let opened = LastUse { at: session.expires_at - SESSION, noted: None };
        let mut last = known.unwrap_or(opened);
        // It may have been used at another node, or before this process began.
        if known.is_none() || now - last.at >= IDLE {
            let noted = self.admin.session_used_at(tenant, session.id).await?;
            last = LastUse { at: noted.map_or(last.at, |noted| noted.max(last.at)), noted };
        }
        if now - last.at >= IDLE {
            return Ok(false);
        }
        if usage == Use::Request {
            last.at = now;
            if last.noted.is_none_or(|noted| now - noted >= NOTED_EVERY) {
                // Who reads is answered though nothing can be written.
                match self.admin.note_session_use(tenant, session.id, now, now - SESSION).await {
                    Ok(()) => last.noted = Some(now),
                    Err(error) => tracing::warn!(%error, "the use of a session was not noted"),
                }
            }
        }
        self.known.lock().put(key, last);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ambient::random_ids;

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    /// One that was opened at the beginning of time.
    fn session() -> Pass {
        let (id, digest) = (Uuid::from_u128(1), "22".repeat(32));
        Pass {
            id,
            actor: "rep:li".to_owned(),
            roles: BTreeSet::new(),
            digest,
            expires_at: DateTime::UNIX_EPOCH + SESSION,
        }
    }

    #[tokio::test]
    async fn a_session_that_is_used_at_one_node_is_used_at_all_and_a_recheck_uses_none() {
        let folder = tempfile::tempdir().unwrap();
        let clock: crate::eventstore::Clock = Arc::new(|| DateTime::UNIX_EPOCH);
        let admin = AdminStore::open(&folder.path().join("w.db"), clock, random_ids()).await.unwrap();
        let admin = Arc::new(admin);
        let nodes = [(); 2].map(|()| IdleSessions::new(admin.clone()));
        let session = session();
        let used = async |node: usize, usage, minutes| {
            nodes[node].is_used(TENANT, &session, usage, at(minutes)).await.unwrap()
        };
        assert!(used(0, Use::Request, 0).await);
        assert!(used(1, Use::Recheck, 119).await, "opened less than two hours ago");
        assert!(used(0, Use::Request, 119).await);
        assert!(used(1, Use::Request, 238).await, "used at the other node an hour and 59 minutes ago");
        assert!(used(0, Use::Recheck, 350).await, "and at this one since");
        assert!(used(0, Use::Recheck, 357).await);
        for node in 0..2 {
            assert!(!used(node, Use::Recheck, 358).await, "nobody has asked for two hours");
            assert!(!used(node, Use::Request, 358).await);
        }
        // A process that begins now knows no more than the table.
        let restarted = IdleSessions::new(admin.clone());
        assert!(!restarted.is_used(TENANT, &session, Use::Request, at(358)).await.unwrap());
        assert!(restarted.is_used(TENANT, &session, Use::Request, at(357)).await.unwrap());
    }
}
