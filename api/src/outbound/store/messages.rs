//! Messages: queued with the cursor of their receiver, claimed, and what came of each.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::Result;
use super::rows::{damaged, delivery, instant};
use super::{DISABLE, OutboundStore};
use crate::eventstore::{Position, TenantId};
use crate::outbound::endpoint::{Delivery, Endpoint, State};
use crate::projections::db::{Transaction, values};

const ADVANCE: &str = include_str!("advance.sql");
const CLAIM: &str = include_str!("claim.sql");
const DELIVERIES: &str = include_str!("deliveries.sql");
const DUE: &str = include_str!("due.sql");
const ENDED_FIRST: &str = include_str!("ended_first.sql");
const FORGET: &str = include_str!("forget.sql");
const NEXT: &str = include_str!("next.sql");
const OLDEST: &str = include_str!("oldest.sql");
const QUEUE: &str = include_str!("queue.sql");
const QUEUE_AGAIN: &str = include_str!("queue_again.sql");
const RECORD: &str = include_str!("record.sql");
const REVIVE_DEAD: &str = include_str!("revive_dead.sql");
const REVIVE_EVENT: &str = include_str!("revive_event.sql");
const WAITING: &str = include_str!("waiting.sql");

/// Over how many positions of the log messages are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: Position = 5_000;

/// A message to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Where the event stands in the log.
    pub position: Position,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Which of its reminders, for a robot.
    pub parts: Vec<u32>,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The state of the message.
    pub state: State,
    /// When the next attempt is due.
    pub next_at: Option<DateTime<Utc>>,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
}

impl OutboundStore {
    /// Queues what the log has for a receiver, and notes up to where it was looked through: both or neither. Returns how
    /// many are new; none where another process came first.
    ///
    /// # Errors
    /// When the tables cannot be written.
    pub async fn queue(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        reached: Position,
        messages: &[Queued],
        now: DateTime<Utc>,
    ) -> Result<Option<u64>> {
        let mut session = self.db.write(tenant).await?;
        let advance = values![tenant.0, endpoint.id, endpoint.cursor, reached];
        if session.execute(ADVANCE, &advance).await? == 0 {
            return Ok(None);
        }
        let queued = insert(&mut session, QUEUE, tenant, endpoint.id, messages, now).await?;
        session.commit().await?;
        Ok(Some(queued))
    }

    /// Queues messages again, whatever their state. Returns how many.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn queue_again(
        &self,
        tenant: TenantId,
        endpoint: Uuid,
        messages: &[Queued],
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let mut session = self.db.write(tenant).await?;
        let queued = insert(&mut session, QUEUE_AGAIN, tenant, endpoint, messages, now).await?;
        session.commit().await?;
        Ok(queued)
    }

    /// Queues every dead letter of a receiver again. Returns how many.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn revive_dead(&self, tenant: TenantId, endpoint: Uuid, now: DateTime<Utc>) -> Result<u64> {
        self.write(tenant, REVIVE_DEAD, &values![tenant.0, endpoint, now.timestamp_micros()]).await
    }

    /// Queues the message of one event again. Returns how many that were.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn revive_event(
        &self,
        tenant: TenantId,
        endpoint: Uuid,
        event: Uuid,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        self.write(tenant, REVIVE_EVENT, &values![tenant.0, endpoint, event, now.timestamp_micros()]).await
    }

    /// The receivers for which something is due.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn waiting(&self, tenant: TenantId, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let values = values![tenant.0, now.timestamp_micros()];
        let rows = self.db.read(tenant).await?.rows(WAITING, &values).await?;
        rows.iter().map(|row| Ok(row.uuid(0)?)).collect()
    }

    /// When something is due next, after an instant.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn next(&self, tenant: TenantId, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let values = values![tenant.0, now.timestamp_micros()];
        let row = self.db.read(tenant).await?.row(NEXT, &values).await?;
        row.map(|row| row.opt_int(0)).transpose()?.flatten().map(instant).transpose()
    }

    /// What is due for a receiver, in the order of the log.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn due(
        &self,
        tenant: TenantId,
        endpoint: Uuid,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let values = values![tenant.0, endpoint, now.timestamp_micros(), limit];
        let rows = self.db.read(tenant).await?.rows(DUE, &values).await?;
        rows.iter().map(delivery).collect()
    }

    /// Claims messages and counts the attempt, each of them only where nobody did meanwhile. Until the given
    /// instant nobody else tries; then, where no outcome was recorded, it is tried again. Returns those claimed, as they
    /// are now.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn claim(
        &self,
        tenant: TenantId,
        messages: &[Delivery],
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Delivery>> {
        let mut session = self.db.write(tenant).await?;
        let mut claimed = Vec::with_capacity(messages.len());
        for message in messages {
            let values = values![
                tenant.0,
                message.endpoint,
                message.position,
                message.epoch,
                until.timestamp_micros(),
                now.timestamp_micros(),
            ];
            if session.execute(CLAIM, &values).await? > 0 {
                claimed.push(Delivery {
                    epoch: message.epoch + 1,
                    attempts: message.attempts + 1,
                    ..message.clone()
                });
            }
        }
        session.commit().await?;
        Ok(claimed)
    }

    /// Records the outcome of messages that were claimed, and switches the receiver off where that is why. What
    /// somebody else has taken meanwhile stays as it is.
    ///
    /// # Errors
    /// When the tables cannot be written.
    pub async fn record(
        &self,
        tenant: TenantId,
        outcomes: &[(Delivery, Outcome)],
        gone: Option<(Uuid, &str)>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut session = self.db.write(tenant).await?;
        for (message, outcome) in outcomes {
            let values = values![
                tenant.0,
                message.endpoint,
                message.position,
                message.epoch,
                outcome.state.as_str(),
                outcome.next_at.map(|at| at.timestamp_micros()),
                outcome.status.map(i64::from),
                outcome.error.clone(),
                now.timestamp_micros(),
            ];
            session.execute(RECORD, &values).await?;
        }
        if let Some((endpoint, why)) = gone {
            let values = values![tenant.0, endpoint, now.timestamp_micros(), why];
            session.execute(DISABLE, &values).await?;
        }
        Ok(session.commit().await?)
    }

    /// A page of what was and is on its way to a receiver, the last event first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn deliveries(
        &self,
        tenant: TenantId,
        endpoint: Uuid,
        state: Option<State>,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let before = before.map_or(i64::MAX, u64::cast_signed);
        let values = values![tenant.0, endpoint, before, state.map(|state| state.as_str().to_owned()), limit];
        let rows = self.db.read(tenant).await?.rows(DELIVERIES, &values).await?;
        rows.iter().map(delivery).collect()
    }

    /// When the first of a tenant's messages ended that is still kept, by the state in which it did.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn ended_first(&self, tenant: TenantId) -> Result<Vec<(State, DateTime<Utc>)>> {
        let rows = self.db.read(tenant).await?.rows(ENDED_FIRST, &values![tenant.0]).await?;
        let mut first = Vec::with_capacity(rows.len());
        for row in rows {
            let word = row.str(0)?;
            first.push((State::of(word).ok_or_else(|| damaged("state", word))?, instant(row.int(1)?)?));
        }
        Ok(first)
    }

    /// Forgets the messages of a receiver that ended in a state before an instant, of events up to a position. Returns how many.
    /// It goes along the positions in short transactions: what is younger is not looked at.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn forget(
        &self,
        tenant: TenantId,
        endpoint: Uuid,
        state: State,
        until: Position,
        before: DateTime<Utc>,
    ) -> Result<u64> {
        let (mut after, mut forgotten) = (0, 0);
        loop {
            let oldest = values![tenant.0, endpoint, after];
            let row = self.db.read(tenant).await?.row(OLDEST, &oldest).await?;
            let first = row.map(|row| row.opt_int(0)).transpose()?.flatten().map(i64::cast_unsigned);
            let Some(first) = first.filter(|first| *first <= until) else { return Ok(forgotten) };
            let last = until.min(first.saturating_add(FORGOTTEN_AT_ONCE - 1));
            let before = before.timestamp_micros();
            let values = values![tenant.0, endpoint, first - 1, last, state.as_str(), before];
            forgotten += self.write(tenant, FORGET, &values).await?;
            after = last;
        }
    }
}

async fn insert(
    session: &mut Transaction,
    sql: &'static str,
    tenant: TenantId,
    endpoint: Uuid,
    messages: &[Queued],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut inserted = 0;
    for message in messages {
        let parts: Vec<String> = message.parts.iter().map(u32::to_string).collect();
        let values = values![
            tenant.0,
            endpoint,
            message.position,
            message.event_id,
            message.event_type.as_str(),
            parts.join(" "),
            now.timestamp_micros(),
        ];
        inserted += session.execute(sql, &values).await?;
    }
    Ok(inserted)
}
