//! Registering a customer: the one command that has no boundary yet.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::customer::command::{Register, RepeatInquiry};
use waymark_domain::customer::{Command, CustomerEvent, NewEvent, decide};
use waymark_domain::refusal::Code;
use waymark_domain::tags;
use waymark_domain::{Label, Refusal};
use waymark_eventstore::{Append, Outcome, Position, Query, StoreError};

use super::identity::{self, KeyMatch, KeyTag, refuse_matches};
use super::pending::{Accepted, Pending};
use super::receipts::{replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How often a registration is tried again because somebody else's keys changed meanwhile.
const ATTEMPTS: u32 = 64;

/// What is to happen when the customer is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The registration is refused, naming the customer.
    Refuse,
    /// The known customer's history takes the lead's source instead.
    Touch,
}

impl App {
    /// Registers a customer under a new id.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn register(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        register: Register,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<CommandAnswer, AppError> {
        self.register_or_touch(caller, meta, register, effective_at, OnDuplicate::Refuse).await
    }

    /// Registers a customer under a new id, unless it is known already: then what `on_duplicate` says.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn register_or_touch(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        mut register: Register,
        effective_at: Option<DateTime<Utc>>,
        on_duplicate: OnDuplicate,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.stored_answer(caller, meta).await? {
            return Ok(answer);
        }
        let customer = self.new_id();
        register.customer = customer;
        let command = Command::Register(register.clone());
        // The first try believes that nobody has any of the keys, and that nothing was defined anew; only who meets one of
        // them, or is refused, reads the log.
        let (mut read_to, mut fresh) = (0, false);
        for _ in 0..ATTEMPTS {
            let grounds = Some(self.grounds(caller.tenant).await?);
            let situation = self.base_context(caller, register.owner.as_ref()).await?;
            let events = match decide(None, &command, &situation.context(caller, effective_at)) {
                Ok(events) => events,
                Err(_) if !fresh => {
                    self.refresh_definitions(caller.tenant).await?;
                    fresh = true;
                    continue;
                }
                Err(refusal) => return self.refuse(caller, meta, refusal).await,
            };
            let keys = self.all_key_tags(caller.tenant, &events).await?;
            let registration = self.registration(caller, meta, customer, &events, &keys, read_to).await?;
            match self.store.append(Append { grounds, ..registration.append }).await {
                Ok(Outcome::Repeated(receipt)) => return replay(&receipt),
                Ok(Outcome::Appended(appended)) => {
                    self.confirm(caller.tenant, appended.last_position()).await;
                    return registration.outcome.answer(appended.first_position, false);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(store_error(error)),
            }
            let (known, head) = self.find_duplicates(caller, &events, &keys).await?;
            let Some(first) = known.first() else {
                (read_to, fresh) = (head, true);
                self.refresh_definitions_to(caller.tenant, head).await?;
                continue;
            };
            if on_duplicate == OnDuplicate::Touch {
                let touch = Command::RepeatInquiry(touch(register, &known));
                return self.customer(caller, meta, first.customer, &touch, effective_at).await;
            }
            return match refuse_registration(&known) {
                Err(AppError::Refused(refusal)) => self.refuse(caller, meta, *refusal).await,
                Err(error) => Err(error),
                Ok(()) => Err(AppError::Contention),
            };
        }
        Err(AppError::Contention)
    }

    /// Who has the external id or any of the keys of a registration, and up to where the log was read.
    pub(super) async fn find_duplicates(
        &self,
        caller: &Caller,
        events: &[NewEvent],
        keys: &[KeyTag],
    ) -> Result<(Vec<KeyMatch>, Position), AppError> {
        let (mut known, head) = self.find_matches(caller, keys, None).await?;
        if let Some(external_id) = events.iter().find_map(external_id)
            && let Some(holder) = self.match_by_external_id(caller, external_id, head).await?
        {
            known.insert(0, holder);
        }
        Ok((known, head))
    }

    /// What registering a customer would record.
    ///
    /// # Errors
    /// The refusal that it would get.
    pub async fn dry_run_registration(
        &self,
        caller: &Caller,
        register: Register,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<Vec<NewEvent>, AppError> {
        self.refresh_definitions(caller.tenant).await?;
        let situation = self.base_context(caller, register.owner.as_ref()).await?;
        let command = Command::Register(Register { customer: self.new_id(), ..register });
        let events = decide(None, &command, &situation.context(caller, effective_at))?;
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        let (known, _) = self.find_duplicates(caller, &events, &keys).await?;
        refuse_registration(&known)?;
        Ok(events)
    }

    /// Everything that registering a customer appends, with further events of its history when there are any.
    /// Nobody else may have taken its keys after `read_to`.
    pub(crate) async fn registration(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        events: &[NewEvent],
        keys: &[KeyTag],
        read_to: Position,
    ) -> Result<Pending, AppError> {
        let (key, wrapped) = self
            .vault
            .data_key_for_new(caller.tenant, customer, crate::secrets::random_bytes(), self.new_id())
            .await?;
        let mut resource = Map::new();
        resource.insert("id".to_owned(), Value::String(customer.to_string()));
        let external = events.iter().find_map(external_id).map(|id| Query::tag(tags::external(id)));
        let query = external.unwrap_or_default().or(identity::query(keys));
        let condition = (!query.items.is_empty()).then(|| query.none_after(read_to));
        let accepted = Accepted { status: 201, version_before: 0, resource };
        let pending = self.pending(caller, meta, customer, events, &key, accepted).await?;
        Ok(Pending { append: Append { condition, new_keys: vec![wrapped], ..pending.append }, ..pending })
    }
}

/// The refusal to register somebody who is known; none where nobody is. The external id, which a program chose, comes
/// before what people have.
pub(super) fn refuse_registration(known: &[KeyMatch]) -> Result<(), AppError> {
    match known.first() {
        Some(first) if first.recognised_by == "external_id" => {
            Err(external_id_refusal(Some((first.customer, first.visible))).into())
        }
        _ => refuse_matches(known),
    }
}

/// What a lead says about a customer who is known.
fn touch(register: Register, known: &[KeyMatch]) -> RepeatInquiry {
    let mut recognised_by: Vec<String> = known.iter().map(|one| one.recognised_by.to_owned()).collect();
    recognised_by.dedup();
    RepeatInquiry { source: register.source, channel: register.channel, recognised_by, note: register.note }
}

/// The refusal, naming the customer that has the id where it is known, and visible to the caller.
pub(super) fn external_id_refusal(holder: Option<(Uuid, bool)>) -> Refusal {
    let how_to_fix = match holder {
        Some((_, false)) => identity::elsewhere(),
        _ => Label::new(
            "使用 customer_id 指出的客户，或换一个 external_id。",
            "Use the customer named by customer_id, or another external_id.",
        ),
    };
    let mut refusal = Refusal::from_code(
        Code::CustomerExists,
        "external_id",
        Label::new(
            "已有客户使用这个 external_id。",
            "A customer with this external_id is registered already.",
        ),
        how_to_fix,
    );
    if let Some((holder, true)) = holder {
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
