//! Requests that no event of the log tells of, done once under an idempotency key all the same: their replies are kept.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::receipts::command_id;
use super::{App, AppError, Caller, CommandMeta};

/// Requests under the same key take turns within a process, so that one that comes twice at the same time is done once. Of two
/// processes that get it at the same moment, both may do it: what is done this way may be done again without harm.
#[derive(Clone, Default)]
pub(super) struct KeyTurns(Arc<Mutex<HashMap<String, Weak<Turn<()>>>>>);

impl KeyTurns {
    async fn next(&self, command: String) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock();
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(&command).and_then(Weak::upgrade);
            let turn = known.unwrap_or_default();
            turns.insert(command, Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }
}

impl App {
    /// The reply that was kept under the request's key, or what `act` replies, which is kept then. A failure is not kept: nothing
    /// was done.
    ///
    /// # Errors
    /// What `act` ends in; when the key came with another request; or the log cannot be read or take the reply.
    pub async fn once<E: From<AppError>>(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        act: impl Future<Output = Result<Value, E>> + Send,
    ) -> Result<Value, E> {
        let Some(key) = &meta.idempotency_key else { return act.await };
        let _turn = self.key_turns.next(format!("{} {}", caller.tenant, command_id(caller, key))).await;
        if let Some(first) = self.stored_reply(caller, meta).await? {
            return Ok(first);
        }
        let reply = act.await?;
        // A crash here leaves it done and the reply unkept: a retry does it again.
        self.store_reply(caller, meta, &reply).await?;
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyTurns;

    #[tokio::test]
    async fn the_same_key_waits_for_its_turn_and_another_does_not() {
        let turns = KeyTurns::default();
        let first = turns.next("a".to_owned()).await;
        let _other = turns.next("b".to_owned()).await;
        let second = turns.next("a".to_owned());
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        let _second = second.await;
        assert_eq!(turns.0.lock().len(), 2, "turns that nobody waits for are forgotten");
    }
}
