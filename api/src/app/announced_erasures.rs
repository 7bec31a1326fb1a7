//! Erasures and the record of them outside the database: each is announced there before it is carried out, and one that the log
//! does not know, since a backup was restored, is carried out again.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Map;
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::EndpointsErased;
use waymark_domain::company::rights::{Credential, RightsCommand, decide};
use waymark_domain::customer::erased_again;
use waymark_domain::customer::event::Erased;
use waymark_domain::tags;
use waymark_eventstore::vault::is_subject_of_actor;
use waymark_eventstore::{Append, Draft, Outcome, Query, QueryItem, StoreError, TenantId};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::StoredOutcome;
use super::sealing::Accepted;
use super::{App, AppError, BatchError, Caller, CommandMeta};
use crate::auth::rights_fold;
use crate::erasure_record::{Announced, ErasedKind, Erasure, ErasureRecord, RecordFault};

/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;
/// Why the addresses of somebody who acted are made unreadable once more.
const AGAIN: &str = "Erased before; a restored backup had brought it back";

/// An erasure that the log does not know.
struct Again<'a>(&'a Erasure);

impl Decision for Again<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        match self.0.of {
            ErasedKind::Customer => Ok(app.customer_again(request, self.0).await?),
            ErasedKind::Endpoints => Ok(app.endpoints_again(request, self.0).await?),
        }
    }

    async fn committed(
        &self,
        app: &App,
        request: Request<'_>,
        committed: Committed<()>,
    ) -> Result<(), AppError> {
        let tenant = request.caller.tenant;
        for subject in committed.erased {
            app.customers.forget(tenant, subject);
            app.vault.forget(tenant, subject);
        }
        Ok(())
    }
}

/// What records these drafts, or nothing.
fn plan(append: Append, read_to: u64, version: u64) -> Plan<()> {
    let events = append.events.iter().map(|draft| (draft.id, draft.event_type.to_string())).collect();
    let outcome = StoredOutcome::Done { status: 200, version, events, resource: Map::new() };
    Plan { append, read_to, outcomes: vec![outcome], staged: () }
}

impl App {
    /// The same, which announces erasures in this record.
    #[must_use]
    pub(crate) fn with_erasure_record(self, record: Arc<ErasureRecord>) -> Self {
        Self { erasure_record: Some(record), ..self }
    }

    /// Has something done with the record, which waits for the disk and for other processes; none where there is no record.
    ///
    /// # Errors
    /// When it is not done.
    pub(crate) async fn with_record<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ErasureRecord) -> T + Send + 'static,
    ) -> Result<Option<T>, AppError> {
        let Some(record) = self.erasure_record.clone() else { return Ok(None) };
        let done = tokio::task::spawn_blocking(move || work(&record)).await;
        done.map(Some).map_err(|error| AppError::ErasureRecord(error.to_string()))
    }

    /// Why the record cannot be relied on, if so.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(crate) async fn erasure_record_fault(&self) -> Result<Option<RecordFault>, AppError> {
        Ok(self.with_record(|record| record.look(false).fault).await?.flatten())
    }

    /// The erasure of a subject, as far as the record was read.
    pub(crate) fn recorded_erasure(&self, tenant: TenantId, subject: Uuid) -> Option<Erasure> {
        self.erasure_record.as_ref()?.erasure(tenant.0, subject)
    }

    /// Announces what an append erases. Without that nothing is erased: what is not recorded would come back with a backup.
    pub(super) async fn announce_erasures(&self, append: &Append) -> Result<Option<Announced>, AppError> {
        if append.erase_subjects.is_empty() {
            return Ok(None);
        }
        let erasures: Vec<Erasure> =
            append.events.iter().filter_map(|draft| erasure(append, draft)).collect();
        let now = (self.clock)();
        let announced = self.with_record(move |record| record.announce(&erasures, now)).await?;
        announced.transpose().map_err(|fault| AppError::ErasureRecord(fault.to_string()))
    }

    /// Takes back what was announced for an append that nothing came of. Where that is not known, the line stays, and the erasure
    /// is carried out at the next start.
    pub(super) async fn settle_erasures(
        &self,
        announced: Option<Announced>,
        outcome: &Result<Outcome, StoreError>,
    ) {
        let Some(announced) = announced else { return };
        if !outcome.as_ref().is_err_and(leaves_nothing) {
            return;
        }
        let withdrawn = self.with_record(move |record| record.withdraw(announced)).await;
        let said =
            withdrawn.map(|done| done.unwrap_or(Ok(())).map_err(|fault: RecordFault| fault.to_string()));
        if let Err(what) | Ok(Err(what)) = said.map_err(|error| error.to_string()) {
            tracing::error!(
                what,
                "an erasure that was refused stays in the record, and is carried out at the next start"
            );
        }
    }

    /// Carries out an erasure that was recorded outside and that the log does not know. Any number of processes may do so.
    ///
    /// # Errors
    /// When the log cannot be read, or cannot take it.
    pub(crate) async fn erase_again(&self, caller: &Caller, erasure: &Erasure) -> Result<(), AppError> {
        let meta = CommandMeta { causation_id: Some(erasure.event_id), ..CommandMeta::default() };
        self.run_single(Request { caller, meta: &meta }, &Again(erasure)).await.map(drop)
    }

    async fn customer_again(&self, request: Request<'_>, erasure: &Erasure) -> Result<Plan<()>, AppError> {
        let (tenant, id) = (request.caller.tenant, erasure.subject);
        let loaded = self.load(request.caller, id).await?;
        let (read_to, version) = (loaded.position, loaded.customer.version);
        let ground = erasure.ground.clone().unwrap_or_default();
        let event = erased_again(&loaded.customer, ground, (self.clock)());
        let (Some(event), Some(key)) = (event, &loaded.key) else {
            return Ok(plan(Append::new(tenant, Vec::new()), read_to, version));
        };
        let accepted = Accepted::beside(&loaded.customer);
        let sealed = self.sealed(request, (id, key), &[event], &[], accepted).await?;
        let append = Append {
            condition: Some(Query::tag(tags::customer(id)).none_after(read_to)),
            erase_subjects: vec![id],
            forget_tags: self.tags_elsewhere(tenant, &[id]).await?,
            ..Append::new(tenant, sealed.drafts)
        };
        Ok(plan(append, read_to, version + 1))
    }

    async fn endpoints_again(&self, request: Request<'_>, erasure: &Erasure) -> Result<Plan<()>, AppError> {
        let Request { caller, meta } = request;
        let tenant = caller.tenant;
        let (rights, read_to) = self.rights.fresh(tenant).await?;
        let key = self.store.data_key(tenant, erasure.subject).await?;
        let actor = match key.is_some_and(|key| !key.destroyed) {
            true => self.actor_of_key(tenant, erasure.subject).await?,
            false => None,
        };
        let Some(actor) = actor else {
            return Ok(plan(Append::new(tenant, Vec::new()), read_to, rights.version));
        };
        let command =
            RightsCommand::EraseEndpoints { actor, key: Some(erasure.subject), reason: AGAIN.to_owned() };
        let event = decide(&rights, &command, &Credential { name: None, administers: true })?;
        let drafts = event.map(|event: CompanyEvent| {
            let draft = self.company_draft(caller, &event, (self.clock)())?;
            Ok::<_, AppError>(Draft { causation_id: meta.causation_id, ..draft })
        });
        let types = vec![EndpointsErased::TYPE.to_owned()];
        let others = Query { items: vec![QueryItem { types, tags: Vec::new() }] };
        let append = Append {
            condition: Some(rights_fold::query().or(others).none_after(read_to)),
            erase_subjects: vec![erasure.subject],
            ..Append::new(tenant, drafts.transpose()?.into_iter().collect())
        };
        Ok(plan(append, read_to, rights.version + 1))
    }

    /// The actor whose key this is, by what is sealed under it.
    async fn actor_of_key(&self, tenant: TenantId, subject: Uuid) -> Result<Option<String>, AppError> {
        let (mut after, mut others) = (0, HashSet::new());
        loop {
            let page = self.store.read(tenant, after, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                after = entry.position;
                let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
                if envelope.endpoint.is_none() || others.contains(envelope.actor.as_ref()) {
                    continue;
                }
                if is_subject_of_actor(&envelope.actor, subject) {
                    return Ok(Some(envelope.actor.into_owned()));
                }
                others.insert(envelope.actor.into_owned());
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(None);
            }
        }
    }
}

/// The erasure that a draft of an append is.
fn erasure(append: &Append, draft: &Draft) -> Option<Erasure> {
    let subject = |text: &str| text.parse().ok().filter(|id| append.erase_subjects.contains(id));
    let (of, subject, ground) = match draft.event_type.as_ref() {
        Erased::TYPE => {
            let ground = draft.data["ground"].as_str().map(str::to_owned);
            (ErasedKind::Customer, subject(draft.subject.strip_prefix("customer/")?)?, ground)
        }
        EndpointsErased::TYPE => (ErasedKind::Endpoints, subject(draft.data["key"].as_str()?)?, None),
        _ => return None,
    };
    let (tenant, event_id, at) = (append.tenant.0, draft.id, draft.effective_at);
    Some(Erasure { tenant, subject, of, ground, event_id, at })
}

/// Whether nothing was appended, for certain.
fn leaves_nothing(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict { .. }
        | StoreError::CommandIdReused
        | StoreError::DeadlinePassed
        | StoreError::TooLarge { .. }
        | StoreError::Invalid(_)
        | StoreError::Overloaded { .. }
        | StoreError::Unavailable(_)
        | StoreError::Absent(_)
        | StoreError::Segment(_)
        | StoreError::UnknownKey(_) => true,
        StoreError::Poisoned(_) | StoreError::InDoubt(_) | StoreError::Damaged { .. } => false,
    }
}
