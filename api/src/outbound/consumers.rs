//! Consumers: programs that follow a tenant's log under a name and acknowledge how far they have come.
//!
//! The log tells which there are and after which position each began; how far each has acknowledged since then stands in a table
//! of its own, which only ever moves forward. A row counts for the beginning that it was written after, so that a crash between
//! the event of a new beginning and the table leaves nothing to repair.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::store::Acknowledged;
use super::{OutboundError, OutboundStore};
use crate::app::{App, AppError, Caller, CommandAnswer, CommandMeta, id_of_made};
use crate::domain::Role;
use crate::domain::company::event::Consumer;
use crate::domain::company::rights::{
    ConsumerRights, Credential, RightsCommand, is_same_person, reads_events_of,
};
use crate::eventstore::{Position, Query, QueryItem, TenantId};

/// The consumers of all tenants.
#[derive(Clone)]
pub struct Consumers {
    pub(super) app: App,
    store: Arc<OutboundStore>,
}

/// A consumer to be made.
#[derive(Debug, Clone)]
pub struct NewConsumer {
    /// What it is called.
    pub name: String,
    /// The types of event that it gets; all where none is named.
    pub types: Vec<String>,
    /// After which position it begins.
    pub position: Position,
}

/// A consumer as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerState {
    /// What the log tells of it.
    pub rights: ConsumerRights,
    /// Everything up to here was acknowledged, or lies before its beginning.
    pub position: Position,
    /// When it acknowledged last; none where it has not since it began.
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// What came of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It holds, now or since before.
    Held(ConsumerState),
    /// The consumer had come further: nothing was changed.
    Backward(Position),
}

impl ConsumerState {
    fn of(rights: ConsumerRights, row: Option<&Acknowledged>) -> Self {
        let row = row.filter(|row| row.starts == rights.starts);
        let position = row.map_or(rights.consumer.position, |row| row.position.max(rights.consumer.position));
        Self { position, acknowledged_at: row.map(|row| row.at), rights }
    }

    /// The events that it gets, as a query of the log.
    #[must_use]
    pub fn query(&self) -> Query {
        Query { items: vec![QueryItem { types: self.rights.consumer.types.clone(), tags: Vec::new() }] }
    }

    /// Whether somebody made it, and follows by it.
    #[must_use]
    pub fn is_of(&self, caller: &Caller) -> bool {
        is_same_person(&self.rights.consumer.actor, &caller.actor.name)
    }

    /// Whether somebody may make it begin again, or end it.
    #[must_use]
    pub fn is_managed_by(&self, caller: &Caller) -> bool {
        self.is_of(caller) || caller.actor.is(Role::Admin)
    }

    /// Whether somebody sees it: the one who made it, and those who read the events that tell of consumers.
    fn is_shown_to(&self, caller: &Caller) -> bool {
        let subject = format!("consumer/{}", self.rights.consumer.id);
        self.is_of(caller) || reads_events_of(&caller.actor, &subject)
    }
}

impl Consumers {
    /// Those of which these logs and tables tell.
    #[must_use]
    pub fn new(app: App, store: Arc<OutboundStore>) -> Self {
        Self { app, store }
    }

    /// Every consumer of a tenant, by name.
    ///
    /// # Errors
    /// When the log or the table cannot be read.
    pub async fn all(&self, tenant: TenantId) -> Result<Vec<ConsumerState>, OutboundError> {
        let (rights, _) = self.app.rights.fresh(tenant).await?;
        if rights.consumers.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.acknowledged(tenant).await?;
        let state = |known: &ConsumerRights| ConsumerState::of(known.clone(), rows.get(&known.consumer.id));
        Ok(rights.consumers.values().map(state).collect())
    }

    /// The consumers that somebody sees, by name.
    ///
    /// # Errors
    /// When the log or the table cannot be read.
    pub async fn shown_to(&self, caller: &Caller) -> Result<Vec<ConsumerState>, OutboundError> {
        let mut all = self.all(caller.tenant).await?;
        all.retain(|one| one.is_shown_to(caller));
        Ok(all)
    }

    /// The consumer of that name.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none that the caller sees; or the log or the table cannot be read.
    pub async fn named(&self, caller: &Caller, name: &str) -> Result<ConsumerState, OutboundError> {
        let (rights, _) = self.app.rights.fresh(caller.tenant).await?;
        let known = rights.consumers.get(name).ok_or_else(|| missing(name))?;
        let found = self.state_of(caller.tenant, known.clone()).await?;
        if found.is_shown_to(caller) { Ok(found) } else { Err(missing(name).into()) }
    }

    /// One consumer as it stands.
    async fn state_of(
        &self,
        tenant: TenantId,
        known: ConsumerRights,
    ) -> Result<ConsumerState, OutboundError> {
        let row = self.store.acknowledged_by(tenant, known.consumer.id).await?;
        Ok(ConsumerState::of(known, row.as_ref()))
    }

    /// Makes a consumer, or answers with the one that was made under this idempotency key the first time.
    ///
    /// # Errors
    /// The refusal, or that the log cannot take it.
    pub async fn create(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        new: NewConsumer,
    ) -> Result<(ConsumerState, CommandAnswer), OutboundError> {
        let NewConsumer { name, types, position } = new;
        let (id, actor) = ((self.app.ids)(), caller.actor.name.clone());
        let command =
            RightsCommand::CreateConsumer(Consumer { id, name: name.clone(), actor, types, position });
        let told = self.app.administer(caller, meta, &command, credential).await?;
        let id = id_of_made(&told)?;
        let (rights, _) = self.app.rights.fresh(caller.tenant).await?;
        let made = rights.consumers.values().find(|known| known.consumer.id == id);
        let made = made.ok_or_else(|| missing(&name))?.clone();
        Ok((self.state_of(caller.tenant, made).await?, told))
    }

    /// Makes a consumer begin again after a position. A crash after the event leaves what the log says.
    ///
    /// # Errors
    /// The refusal, or that the log cannot take it.
    pub async fn reset(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        consumer: &ConsumerState,
        position: Position,
    ) -> Result<(ConsumerState, CommandAnswer), OutboundError> {
        let command = RightsCommand::ResetConsumer { id: consumer.rights.consumer.id, position };
        let told = self.app.administer(caller, meta, &command, credential).await?;
        Ok((self.named(caller, &consumer.rights.consumer.name).await?, told))
    }

    /// Ends a consumer. A crash after the event leaves a row that nobody looks at.
    ///
    /// # Errors
    /// The refusal, or that the log cannot take it.
    pub async fn delete(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        consumer: &ConsumerState,
    ) -> Result<(), OutboundError> {
        let id = consumer.rights.consumer.id;
        self.app.administer(caller, meta, &RightsCommand::DeleteConsumer(id), credential).await?;
        self.store.forget_acknowledged(caller.tenant, id).await
    }

    /// Acknowledges everything up to a position that the log has. What was acknowledged stays so.
    ///
    /// # Errors
    /// When the table cannot be written, or the log not be read.
    pub async fn acknowledge(
        &self,
        caller: &Caller,
        consumer: &ConsumerState,
        position: Position,
    ) -> Result<Acknowledgement, OutboundError> {
        if position < consumer.position {
            return Ok(Acknowledgement::Backward(consumer.position));
        }
        if position > consumer.position {
            let new = Acknowledged { starts: consumer.rights.starts, position, at: (self.app.clock)() };
            self.store.acknowledge(caller.tenant, consumer.rights.consumer.id, new).await?;
        }
        let now = self.named(caller, &consumer.rights.consumer.name).await?;
        // Another one that follows by the same name may have come further meanwhile.
        Ok(if now.position > position {
            Acknowledgement::Backward(now.position)
        } else {
            Acknowledgement::Held(now)
        })
    }

    /// Takes over what a consumer had acknowledged where its tenant was before.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn adopt(
        &self,
        tenant: TenantId,
        consumer: &ConsumerState,
    ) -> Result<(), OutboundError> {
        let Some(at) = consumer.acknowledged_at else { return Ok(()) };
        let known = Acknowledged { starts: consumer.rights.starts, position: consumer.position, at };
        self.store.acknowledge(tenant, consumer.rights.consumer.id, known).await
    }
}

fn missing(name: &str) -> AppError {
    AppError::NotFound { what: "consumer".into(), id: name.to_owned() }
}
