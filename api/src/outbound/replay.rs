//! Sends again what was sent, or was not.

use uuid::Uuid;

use super::endpoint::Endpoint;
use super::queue::{queued, wanted};
use super::{Outbound, OutboundError};
use crate::eventstore::{Position, TenantId};

/// How many events are queued in one transaction.
const EVENTS_PER_TRANSACTION: u32 = 200;

/// Which messages are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaySelection {
    /// Every dead letter.
    Dead,
    /// The message of one event.
    Event(Uuid),
    /// The messages for a webhook of the events between two positions, both included.
    Positions(Position, Position),
}

impl Outbound {
    /// Queues messages again, as if no attempt had been made. A receiver knows them again by their id. Returns how many.
    ///
    /// # Errors
    /// When the log or the tables fail.
    pub async fn replay(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        wanted: ReplaySelection,
    ) -> Result<u64, OutboundError> {
        let now = (self.app.clock)();
        let queued = match wanted {
            ReplaySelection::Dead => self.store.revive_dead(tenant, endpoint.id, now).await,
            ReplaySelection::Event(event) => self.store.revive_event(tenant, endpoint.id, event, now).await,
            ReplaySelection::Positions(from, to) => self.replay_positions(tenant, endpoint, from, to).await,
        };
        // The log does not tell of it, and another process may be the one that sends.
        self.app.store.tell(tenant);
        queued
    }

    async fn replay_positions(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        from: Position,
        to: Position,
    ) -> Result<u64, OutboundError> {
        let (query, mut after, mut count) = (wanted(endpoint), from.saturating_sub(1), 0);
        loop {
            let entries =
                self.app.store.read_matching(tenant, &query, after, to, EVENTS_PER_TRANSACTION).await?;
            let mut messages = Vec::with_capacity(entries.len());
            for entry in &entries {
                messages.extend(queued(entry)?);
            }
            let now = (self.app.clock)();
            count += self.store.queue_again(tenant, endpoint.id, &messages, now).await?;
            match entries.last() {
                Some(last) if entries.len() == EVENTS_PER_TRANSACTION as usize => after = last.position,
                _ => return Ok(count),
            }
        }
    }
}
