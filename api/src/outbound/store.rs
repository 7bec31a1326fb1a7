//! The tables of receivers and of what is on its way to them.
//!
//! Whom a tenant tells is an event of its log; here stands what is needed to do it, secrets among it, which must be possible
//! to forget, and what has become of each message, which is no history of a customer. Secrets are sealed under the tenant's
//! key, so that a copy of the database alone signs nothing.

use std::path::Path;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::endpoint::{Delivery, Endpoint, Kind, State};
use crate::domain::Language;
use crate::eventstore::{Position, StoreError, TenantId};
use crate::projections::ProjectionError;
use crate::projections::db::{Commit, Db, Row, Transaction, Value, tables_in, values};

/// The tables, in SQLite's words.
const SCHEMA: &str = include_str!("schema.sql");
/// The schema that the tables stand in on PostgreSQL.
const OUTBOUND_SCHEMA: &str = "outbound";
/// Connections to PostgreSQL: a message is a few short statements around an attempt that takes far longer.
const CONNECTIONS: u32 = 4;

const ADVANCE: &str = include_str!("store/advance.sql");
const CLAIM: &str = include_str!("store/claim.sql");
const DELIVERIES: &str = include_str!("store/deliveries.sql");
const DISABLE: &str = include_str!("store/disable.sql");
const DUE: &str = include_str!("store/due.sql");
const ENABLE: &str = include_str!("store/enable.sql");
const ENDPOINTS: &str = include_str!("store/endpoints.sql");
const FORGET: &str = include_str!("store/forget.sql");
const HOLD: &str = include_str!("store/hold.sql");
const INSERT_ENDPOINT: &str = include_str!("store/insert_endpoint.sql");
const LET_GO: &str = include_str!("store/let_go.sql");
const NEXT: &str = include_str!("store/next.sql");
const OLDEST: &str = include_str!("store/oldest.sql");
const QUEUE: &str = include_str!("store/queue.sql");
const QUEUE_AGAIN: &str = include_str!("store/queue_again.sql");
const RECORD: &str = include_str!("store/record.sql");
const REMOVE_DELIVERIES: &str = include_str!("store/remove_deliveries.sql");
const REMOVE_ENDPOINT: &str = include_str!("store/remove_endpoint.sql");
const REVIVE_DEAD: &str = include_str!("store/revive_dead.sql");
const REVIVE_EVENT: &str = include_str!("store/revive_event.sql");
const ROTATE: &str = include_str!("store/rotate.sql");
const WAITING: &str = include_str!("store/waiting.sql");

/// Over how many positions of the log messages are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: Position = 5_000;

/// Why messages could not be kept, read or made.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The database did not do what was asked.
    #[error("the tables of messages: {0}")]
    Database(#[from] ProjectionError),
    /// The log did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored there is not what was written.
    #[error("the tables of messages hold an unknown {what}: {word}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// The word that is not one.
        word: String,
    },
    /// The service could not say what it is about.
    #[error(transparent)]
    App(#[from] crate::app::AppError),
}

type Result<T> = std::result::Result<T, OutboundError>;

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

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What has become of the message.
    pub state: State,
    /// When the next attempt is due.
    pub next_at: Option<DateTime<Utc>>,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The tables on PostgreSQL, with their schema.
#[must_use]
pub fn tables() -> Vec<String> {
    tables_in(SCHEMA).into_iter().map(|table| format!("{OUTBOUND_SCHEMA}.{table}")).collect()
}

/// Gives an ordinary role what it needs of the tables, one tenant at a time. The URL is the owner's.
///
/// # Errors
/// When the database refuses.
pub async fn secure(url: &str, role: &str) -> Result<()> {
    let db = Db::postgres(url, OUTBOUND_SCHEMA, Commit::Durable, 1).await?;
    db.secure(role, &[SCHEMA]).await?;
    db.close().await;
    Ok(())
}

/// Receivers and messages of one database.
pub struct OutboundStore {
    db: Db,
}

impl OutboundStore {
    /// Opens the tables in a SQLite file, making them where they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub async fn open(file: &Path) -> Result<Self> {
        let db = Db::sqlite(file, Commit::Durable).await?;
        db.prepare(&[SCHEMA]).await?;
        Ok(Self { db })
    }

    /// The tables of a SQLite file that is there, to look at them: nothing is made.
    ///
    /// # Errors
    /// When the file is not there, or cannot be opened.
    pub async fn inspect(file: &Path) -> Result<Self> {
        Ok(Self { db: Db::inspect(file).await? })
    }

    /// The tables of a PostgreSQL database that is there, to look at them: nothing is made.
    ///
    /// # Errors
    /// When nobody answers at the URL.
    pub async fn inspect_at(url: &str) -> Result<Self> {
        Ok(Self { db: Db::postgres(url, OUTBOUND_SCHEMA, Commit::Durable, 1).await? })
    }

    /// Opens the tables in a schema of their own of a PostgreSQL database, making them where they are missing.
    ///
    /// # Errors
    /// When nobody answers at the URL, or the tables cannot be made.
    pub async fn connect(url: &str) -> Result<Self> {
        let db = Db::postgres(url, OUTBOUND_SCHEMA, Commit::Durable, CONNECTIONS).await?;
        db.prepare(&[SCHEMA]).await?;
        Ok(Self { db })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.db.close().await;
    }

    async fn write(&self, tenant: TenantId, sql: &'static str, values: &[Value]) -> Result<u64> {
        let mut session = self.db.write(tenant).await?;
        let changed = session.execute(sql, values).await?;
        session.commit().await?;
        Ok(changed)
    }
}

/// Receivers.
impl OutboundStore {
    /// Keeps a new receiver.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn add(&self, tenant: TenantId, endpoint: &Endpoint) -> Result<()> {
        let values = values![
            tenant.0,
            endpoint.id,
            endpoint.kind.as_str(),
            endpoint.description.clone(),
            endpoint.include_personal,
            endpoint.url.clone(),
            endpoint.types.join(" "),
            endpoint.member.clone(),
            endpoint.team.clone(),
            endpoint.language.as_str(),
            endpoint.secret.clone(),
            endpoint.created_at.timestamp_micros(),
            endpoint.created_by.as_str(),
            endpoint.cursor,
        ];
        self.write(tenant, INSERT_ENDPOINT, &values).await.map(drop)
    }

    /// The receivers of a tenant, oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn endpoints(&self, tenant: TenantId) -> Result<Vec<Endpoint>> {
        let rows = self.db.read(tenant).await?.rows(ENDPOINTS, &values![tenant.0]).await?;
        rows.iter().map(endpoint).collect()
    }

    /// Forgets a receiver, its secrets and what was on its way there. False: there is none.
    ///
    /// # Errors
    /// When the tables cannot be written.
    pub async fn remove(&self, tenant: TenantId, id: Uuid) -> Result<bool> {
        let mut session = self.db.write(tenant).await?;
        session.execute(REMOVE_DELIVERIES, &values![tenant.0, id]).await?;
        let removed = session.execute(REMOVE_ENDPOINT, &values![tenant.0, id]).await?;
        session.commit().await?;
        Ok(removed > 0)
    }

    /// Gives a webhook another key; the one that it had signs beside it until then.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn rotate(
        &self,
        tenant: TenantId,
        id: Uuid,
        sealed: Vec<u8>,
        until: DateTime<Utc>,
    ) -> Result<()> {
        let values = values![tenant.0, id, sealed, until.timestamp_micros()];
        self.write(tenant, ROTATE, &values).await.map(drop)
    }

    /// Sends a receiver that was switched off what happens from a position on. False: it was not switched off.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn enable(&self, tenant: TenantId, id: Uuid, head: Position) -> Result<bool> {
        Ok(self.write(tenant, ENABLE, &values![tenant.0, id, head]).await? > 0)
    }

    /// Switches a receiver off. One that is off stays as it is.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn disable(&self, tenant: TenantId, id: Uuid, now: DateTime<Utc>, because: &str) -> Result<()> {
        let values = values![tenant.0, id, now.timestamp_micros(), because];
        self.write(tenant, DISABLE, &values).await.map(drop)
    }

    /// Takes a receiver for a process, until an instant unless it says so again: one process speaks to a receiver at a
    /// time, so that the order of the log and the rate of a robot are kept. False: another has it, or nothing is sent
    /// there any more.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn hold(
        &self,
        tenant: TenantId,
        id: Uuid,
        holder: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool> {
        let values = values![tenant.0, id, holder, now.timestamp_micros(), until.timestamp_micros()];
        Ok(self.write(tenant, HOLD, &values).await? > 0)
    }

    /// Gives a receiver back.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn let_go(&self, tenant: TenantId, id: Uuid, holder: Uuid) -> Result<()> {
        self.write(tenant, LET_GO, &values![tenant.0, id, holder]).await.map(drop)
    }
}

/// Messages.
impl OutboundStore {
    /// Queues what the log has for a receiver, and notes up to where it was looked through: both or neither. Answers how
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

    /// Queues messages again, whatever has become of them. Answers how many.
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

    /// Queues every dead letter of a receiver again. Answers how many.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn revive_dead(&self, tenant: TenantId, endpoint: Uuid, now: DateTime<Utc>) -> Result<u64> {
        self.write(tenant, REVIVE_DEAD, &values![tenant.0, endpoint, now.timestamp_micros()]).await
    }

    /// Queues the message of one event again. Answers how many that were.
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

    /// Takes messages in hand and counts the attempt, each of them only where nobody did meanwhile. Until the given
    /// instant nobody else tries; then, where no outcome was recorded, it is tried again. Answers those taken, as they
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

    /// Records what came of messages that were taken in hand, and switches the receiver off where that is why. What
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

    /// Forgets the messages of a receiver that ended in a state before an instant, of events up to a position. Answers how many.
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

fn damaged(what: &'static str, word: impl Into<String>) -> OutboundError {
    OutboundError::Damaged { what, word: word.into() }
}

fn instant(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| damaged("instant", micros.to_string()))
}

fn endpoint(row: &Row) -> Result<Endpoint> {
    let kind = row.str(1)?;
    let former = match row.opt_int(11)? {
        Some(until) => Some((row.bytes(10)?, instant(until)?)),
        None => None,
    };
    let disabled = match row.opt_int(14)? {
        Some(at) => Some((instant(at)?, row.opt_text(15)?.unwrap_or_default())),
        None => None,
    };
    let language = Language::parse(row.str(8)?);
    Ok(Endpoint {
        id: row.uuid(0)?,
        kind: Kind::of(kind).ok_or_else(|| damaged("kind", kind))?,
        description: row.opt_text(2)?,
        include_personal: row.flag(3)?,
        url: row.opt_text(4)?,
        types: row.str(5)?.split_whitespace().map(str::to_owned).collect(),
        member: row.opt_text(6)?,
        team: row.opt_text(7)?,
        language: language.unwrap_or(Language::Zh),
        secret: row.bytes(9)?,
        former,
        created_at: instant(row.int(12)?)?,
        created_by: row.text(13)?,
        disabled,
        cursor: row.position(16)?,
    })
}

fn delivery(row: &Row) -> Result<Delivery> {
    let state = row.str(5)?;
    let parts = row.str(4)?.split_whitespace().map(|part| part.parse().map_err(|_| damaged("part", part)));
    let status = row
        .opt_int(8)?
        .map(|status| u16::try_from(status).map_err(|_| damaged("status", status.to_string())));
    Ok(Delivery {
        endpoint: row.uuid(0)?,
        position: row.position(1)?,
        event_id: row.uuid(2)?,
        event_type: row.text(3)?,
        parts: parts.collect::<Result<_>>()?,
        state: State::of(state).ok_or_else(|| damaged("state", state))?,
        attempts: row.number(6)?,
        next_at: row.opt_int(7)?.map(instant).transpose()?,
        last_status: status.transpose()?,
        last_error: row.opt_text(9)?,
        queued_at: instant(row.int(10)?)?,
        changed_at: instant(row.int(11)?)?,
        epoch: row.position(12)?,
    })
}
