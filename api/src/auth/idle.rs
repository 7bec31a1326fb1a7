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
        let opened = LastUse { at: session.expires_at - SESSION, noted: None };
        let mut known = self.known.lock().get(&key).copied();
        // It may have been used at another node, or before this process began.
        if known.is_none_or(|last| now - last.at >= IDLE) {
            let noted = self.admin.session_used_at(tenant, session.id).await?;
            let mut all = self.known.lock();
            // Meanwhile another request of the session may have found out the same, and noted more.
            let last = all.get_or_insert_mut(key, || opened);
            *last = LastUse {
                at: noted.map_or(last.at, |noted| noted.max(last.at)),
                noted: last.noted.max(noted),
            };
            known = Some(*last);
        }
        if known.is_none_or(|last| now - last.at >= IDLE) {
            return Ok(false);
        }
        if usage == Use::Request
            && let Some(before) = self.claim_note(key, opened, now)
        {
            // Who reads is answered though nothing can be written.
            if let Err(error) = self.admin.note_session_use(tenant, session.id, now, now - SESSION).await {
                tracing::warn!(%error, "the use of a session was not noted");
                self.give_note_back(key, now, before);
            }
        }
        Ok(true)
    }

    /// Remembers a use. Returns what was known before where this is the one to be noted: of several requests at once, one is.
    fn claim_note(&self, key: (TenantId, Uuid), opened: LastUse, now: DateTime<Utc>) -> Option<LastUse> {
        let mut all = self.known.lock();
        let last = all.get_or_insert_mut(key, || opened);
        let before = *last;
        last.at = last.at.max(now);
        if before.noted.is_some_and(|noted| now - noted < NOTED_EVERY) {
            return None;
        }
        last.noted = Some(now);
        Some(before)
    }

    /// It could not be noted: the next request tries.
    fn give_note_back(&self, key: (TenantId, Uuid), now: DateTime<Utc>, before: LastUse) {
        if let Some(last) = self.known.lock().get_mut(&key).filter(|last| last.noted == Some(now)) {
            last.noted = before.noted;
        }
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
        // Of requests at once, one notes the use.
        let key = (TENANT, session.id);
        let opened = LastUse { at: at(0), noted: None };
        let claimed: Vec<bool> = [358, 358, 359, 360]
            .iter()
            .map(|minute| nodes[0].claim_note(key, opened, at(*minute)).is_some())
            .collect();
        assert_eq!(claimed, [true, false, true, true]);
        nodes[0].give_note_back(key, at(360), LastUse { at: at(359), noted: Some(at(359)) });
        assert!(
            nodes[0].claim_note(key, opened, at(360)).is_some(),
            "what could not be noted is noted by the next"
        );
        // A process that begins now knows no more than the table.
        let restarted = IdleSessions::new(admin.clone());
        assert!(!restarted.is_used(TENANT, &session, Use::Request, at(358)).await.unwrap());
        assert!(restarted.is_used(TENANT, &session, Use::Request, at(357)).await.unwrap());
    }
}
