//! What tenants have set up for themselves, folded from the log: people, declared fields, rates, calendars, what read
//! models leave out.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::sync::RwLock;
use waymark_domain::company::{Company, CompanyCommand, CompanyEvent, decide};
use waymark_domain::tags;
use waymark_eventstore::{Append, Clock, EventStore, Outcome, Position, Query, StoreError, TenantId};

use super::definitions::Seen;
use super::receipts::{StoredOutcome, replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How many entries are read at a time.
const PAGE: u32 = 500;
/// How often a command is decided again because others changed what it was decided on.
const ATTEMPTS: u32 = 64;

/// What tenants have set up.
pub struct Companies {
    store: Arc<dyn EventStore>,
    clock: Clock,
    tenants: RwLock<HashMap<TenantId, Known>>,
}

#[derive(Clone)]
struct Known {
    seen: Seen,
    now: Arc<Company>,
    history: Arc<Vec<(Position, DateTime<Utc>, CompanyEvent)>>,
}

impl Companies {
    pub(super) fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self { store, clock, tenants: RwLock::new(HashMap::new()) }
    }

    /// What a tenant has set up.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn now(&self, tenant: TenantId) -> Result<Arc<Company>, AppError> {
        Ok(self.known(tenant).await?.now)
    }

    /// What a tenant had set up at an instant, as known at a position (all that is known, when none is given).
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn then(
        &self,
        tenant: TenantId,
        effective_at: DateTime<Utc>,
        known: Option<Position>,
    ) -> Result<Arc<Company>, AppError> {
        let Known { history, now, .. } = self.known(tenant).await?;
        let counts = |(position, at, _): &(Position, DateTime<Utc>, CompanyEvent)| {
            *at <= effective_at && known.is_none_or(|known| *position <= known)
        };
        if history.iter().all(counts) {
            return Ok(now);
        }
        let mut company = Company::default();
        for (_, _, event) in history.iter().filter(|one| counts(one)) {
            company.evolve(event);
        }
        Ok(Arc::new(company))
    }

    /// Reads what was appended since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) async fn refresh(&self, tenant: TenantId) -> Result<(), AppError> {
        self.read_on(tenant).await.map(drop)
    }

    /// Up to where what is known is all that was defined.
    pub(super) async fn known_to(&self, tenant: TenantId) -> Result<Position, AppError> {
        if let Some(known) = self.tenants.read().await.get(&tenant) {
            return Ok(known.seen.position());
        }
        Ok(self.read_on(tenant).await?.seen.position())
    }

    /// Reads on, unless everything up to a position is known.
    pub(super) async fn at_least(&self, tenant: TenantId, position: Position) -> Result<(), AppError> {
        let known = self.tenants.read().await.get(&tenant).map(|known| known.seen.position());
        if known.is_none_or(|known| known < position) {
            self.read_on(tenant).await?;
        }
        Ok(())
    }

    /// Nothing was defined up to a position that is not known.
    pub(super) async fn confirm(&self, tenant: TenantId, position: Position, now: DateTime<Utc>) {
        if let Some(known) = self.tenants.read().await.get(&tenant) {
            known.seen.reaches(position, now);
        }
    }

    async fn known(&self, tenant: TenantId) -> Result<Known, AppError> {
        let now = (self.clock)();
        if let Some(known) = self.tenants.read().await.get(&tenant)
            && known.seen.is_fresh(now)
        {
            return Ok(known.clone());
        }
        self.read_on(tenant).await
    }

    async fn read_on(&self, tenant: TenantId) -> Result<Known, AppError> {
        // One reader at a time: the others find its work done.
        let mut tenants = self.tenants.write().await;
        let mut known = tenants.get(&tenant).cloned().unwrap_or_else(Known::nothing);
        let head = self.store.head(tenant).await?.position;
        let query = Query::tag(tags::COMPANY);
        // Nothing counts as seen before all of it is known: what is not read now is read the next time.
        let mut after = known.seen.position();
        loop {
            let page = self.store.read_matching(tenant, &query, after, head, PAGE).await?;
            for entry in &page {
                known.learn(entry)?;
                after = entry.position;
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        known.seen.reaches(head, (self.clock)());
        tenants.insert(tenant, known.clone());
        Ok(known)
    }
}

impl Known {
    fn nothing() -> Self {
        Self { seen: Seen::default(), now: Arc::default(), history: Arc::default() }
    }

    fn learn(&mut self, entry: &waymark_eventstore::Entry) -> Result<(), AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| unreadable(error.to_string()))?;
        if let Some(event) = event {
            Arc::make_mut(&mut self.now).evolve(&event);
            Arc::make_mut(&mut self.history).push((entry.position, envelope.effective_at, event));
        }
        Ok(())
    }
}

impl App {
    /// What a command about what the tenant has set up would be refused for, if it would be.
    ///
    /// # Errors
    /// The refusal; or the log cannot be read.
    pub async fn dry_run_configure(&self, caller: &Caller, command: &CompanyCommand) -> Result<(), AppError> {
        let known = self.companies.read_on(caller.tenant).await?;
        decide(&known.now, command, &caller.actor, (self.clock)())?;
        Ok(())
    }

    /// Carries out a command about what the tenant has set up. `resource` is what the answer says beside its events.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn configure(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        command: &CompanyCommand,
        resource: Map<String, Value>,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.stored_answer(caller, meta).await? {
            return Ok(answer);
        }
        for _ in 0..ATTEMPTS {
            let known = self.companies.read_on(caller.tenant).await?;
            let known_to = known.seen.position();
            let now = (self.clock)();
            let event = match decide(&known.now, command, &caller.actor, now) {
                Ok(event) => event,
                Err(refusal) => return self.refuse(caller, meta, refusal).await,
            };
            let draft = self.company_draft(caller, &event, now)?;
            let outcome = StoredOutcome::Done {
                status: 200,
                version: known.now.version + 1,
                events: vec![(draft.id, event.event_type().to_owned())],
                resource: resource.clone(),
            };
            let append = Append {
                condition: Some(Query::tag(tags::COMPANY).none_after(known_to)),
                receipt: outcome.receipt(caller, meta)?,
                ..Append::new(caller.tenant, vec![draft])
            };
            match self.store.append(append).await {
                Ok(Outcome::Repeated(receipt)) => return replay(&receipt),
                Ok(Outcome::Appended(appended)) => {
                    self.companies.read_on(caller.tenant).await?;
                    return outcome.answer(appended.first_position, false);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(StoreError::TooLarge { field, bytes, most }) => {
                    // A request has the members of what the event has whole: `days`, not `calendar.days`.
                    let field = field.split_once('.').map_or(field.as_str(), |(_, inside)| inside).to_owned();
                    return Err(StoreError::TooLarge { field, bytes, most }.into());
                }
                Err(error) => return Err(store_error(error)),
            }
        }
        Err(AppError::Contention)
    }
}
