//! What tenants have set up for themselves, folded from the log: people, declared fields, rates, calendars, what read
//! models leave out; and the commands that change it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use waymark_domain::company::{Company, CompanyCommand, CompanyEvent, decide};
use waymark_domain::tags;
use waymark_eventstore::{Append, Clock, Entry, EventStore, Position, Query, StoreError, TenantId};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::fold_cache::{Fold, FoldCache};
use super::receipts::{StoredOutcome, store_error};
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};

/// What tenants have set up.
pub struct Companies(FoldCache<CompanyFold>);

#[derive(Clone, Default)]
pub(super) struct CompanyFold {
    now: Arc<Company>,
    history: Arc<Vec<(Position, DateTime<Utc>, CompanyEvent)>>,
}

impl Fold for CompanyFold {
    fn query() -> Query {
        Query::tag(tags::COMPANY)
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), AppError> {
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

impl Companies {
    pub(super) fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self(FoldCache::new(store, clock))
    }

    /// What a tenant has set up.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn now(&self, tenant: TenantId) -> Result<Arc<Company>, AppError> {
        Ok(self.0.recent(tenant).await?.0.now)
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
        let CompanyFold { history, now } = self.0.recent(tenant).await?.0;
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

    /// The folds themselves.
    pub(super) fn folds(&self) -> &FoldCache<CompanyFold> {
        &self.0
    }
}

/// A command about what the tenant has set up.
struct Configure<'a> {
    command: &'a CompanyCommand,
    /// What the answer says beside its events.
    resource: Map<String, Value>,
}

impl Decision for Configure<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let (known, read_to) = app.companies.folds().current(caller.tenant).await?;
        let now = (app.clock)();
        let event = decide(&known.now, self.command, &caller.actor, now)?;
        let draft = app.company_draft(caller, &event, now)?;
        let outcome = StoredOutcome::Done {
            status: 200,
            version: known.now.version + 1,
            events: vec![(draft.id, event.event_type().to_owned())],
            resource: self.resource.clone(),
        };
        let append = Append {
            condition: Some(CompanyFold::query().none_after(read_to)),
            ..Append::new(caller.tenant, vec![draft])
        };
        Ok(Plan { append, read_to, outcomes: vec![outcome], staged: () })
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.companies.folds().current(request.caller.tenant).await.map(drop)
    }

    fn failure(&self, error: StoreError) -> AppError {
        match error {
            // A request has the members of what the event has whole: `days`, not `calendar.days`.
            StoreError::TooLarge { field, bytes, most } => {
                let field = field.split_once('.').map_or(field.as_str(), |(_, inside)| inside).to_owned();
                StoreError::TooLarge { field, bytes, most }.into()
            }
            other => store_error(other),
        }
    }
}

impl App {
    /// What a command about what the tenant has set up would be refused for, if it would be.
    ///
    /// # Errors
    /// The refusal; or the log cannot be read.
    pub async fn dry_run_configure(&self, caller: &Caller, command: &CompanyCommand) -> Result<(), AppError> {
        let (configure, meta) = (Configure { command, resource: Map::new() }, CommandMeta::default());
        let planned = self.plan(Request { caller, meta: &meta }, &configure).await;
        planned.map_err(|stopped| stopped.error)
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
        self.run_single(Request { caller, meta }, &Configure { command, resource }).await
    }
}
