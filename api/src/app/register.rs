//! Registering a customer: the one command that has no boundary yet.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::customer::command::Register;
use waymark_domain::customer::{Command, CustomerEvent, NewEvent, decide, tags};
use waymark_domain::refusal::Code;
use waymark_domain::{Label, Refusal};
use waymark_eventstore::{Append, Outcome, Position, Query, StoreError};

use super::boundary::decode;
use super::pending::{Accepted, Pending};
use super::remember::{replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

impl App {
    /// Registers a customer under a new id.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn register(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        mut register: Register,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.remembered(caller, meta).await? {
            return Ok(answer);
        }
        let customer = self.new_id();
        register.customer = customer;
        let situation = self.bare_situation(caller, register.owner.as_ref()).await?;
        let command = Command::Register(register);
        let decided = decide(None, &command, &situation.context(caller, effective_at));
        let events = match decided {
            Ok(events) => events,
            Err(refusal) => return self.refuse(caller, meta, refusal).await,
        };
        let registration = self.registration(caller, meta, customer, &events).await?;
        let external = registration.append.condition.is_some();
        match self.store.append(registration.append).await {
            Ok(Outcome::Repeated(receipt)) => replay(&receipt),
            Ok(Outcome::Appended(appended)) => registration.remembered.answer(appended.first_position, false),
            Err(StoreError::Conflict { position }) if external => {
                let refusal = self.external_id_taken(caller, position).await?;
                self.refuse(caller, meta, refusal).await
            }
            Err(error) => Err(store_error(error)),
        }
    }

    /// Everything that registering a customer appends, with further events of its history when there are any.
    pub(crate) async fn registration(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        events: &[NewEvent],
    ) -> Result<Pending, AppError> {
        let (key, wrapped) = self
            .vault
            .data_key_for_new(caller.tenant, customer, crate::secrets::random_bytes(), self.new_id())
            .await?;
        let mut resource = Map::new();
        resource.insert("id".to_owned(), Value::String(customer.to_string()));
        let condition = events
            .iter()
            .find_map(|new| external_id(new))
            .map(|external_id| Query::tag(tags::external(external_id)).none_after(0));
        let accepted = Accepted { status: 201, version_before: 0, resource };
        let pending = self.pending(caller, meta, customer, events, &key, accepted)?;
        Ok(Pending { append: Append { condition, new_keys: vec![wrapped], ..pending.append }, ..pending })
    }

    /// The refusal for an id in another system that a customer has already, naming that customer.
    pub(super) async fn external_id_taken(
        &self,
        caller: &Caller,
        position: Position,
    ) -> Result<Refusal, AppError> {
        let entries = self.store.read(caller.tenant, position.saturating_sub(1), 1).await?;
        let holder = match entries.first() {
            Some(entry) => decode(entry)?,
            None => None,
        };
        let holder = holder.and_then(|recorded| match recorded.event {
            CustomerEvent::Registered(registered) => Some(registered.customer),
            _ => None,
        });
        Ok(external_id_refusal(holder))
    }
}

/// The refusal, naming the customer that has the id where it is known.
pub(super) fn external_id_refusal(holder: Option<Uuid>) -> Refusal {
    let mut refusal = Refusal::from_code(
        Code::CustomerExists,
        "external_id",
        Label::new(
            "已有客户使用这个 external_id。",
            "A customer with this external_id is registered already.",
        ),
        Label::new(
            "使用 customer_id 指出的客户，或换一个 external_id。",
            "Use the customer named by customer_id, or another external_id.",
        ),
    );
    if let Some(holder) = holder {
        refusal.extra.insert("customer_id".to_owned(), Value::String(holder.to_string()));
    }
    refusal
}

/// The id in another system that an event registers a customer under.
pub(super) fn external_id(new: &NewEvent) -> Option<&str> {
    match &new.event {
        CustomerEvent::Registered(registered) => registered.external_id.as_deref(),
        _ => None,
    }
}
