//! Appending what was decided: a case is one append, with a receipt.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use uuid::Uuid;
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent};
use waymark_domain::{Actor, tags};
use waymark_eventstore::vault::{DataKey, SubjectKey};
use waymark_eventstore::{Append, Condition, Outcome, Position, Query, ReceiptDraft, StoreError};

use super::job::{Checked, IN_FLIGHT, Import, Target};
use super::locate::Located;
use super::read::Case;
use super::report::sum_up;
use super::{BadRow, ImportError, Phase, Progress, Report, locate};
use crate::app::{AppError, Caller, CommandMeta};

/// How often a customer that others change is decided again.
const ATTEMPTS: u32 = 16;

/// How a case ended.
enum Written {
    Now {
        events: u64,
        position: Position,
    },
    Before,
    /// Somebody else took the external id, the telephone or the address meanwhile, or kept changing the customer.
    Refused(Vec<BadRow>),
}

impl Import {
    pub(super) async fn write(
        &self,
        cases: Vec<Checked>,
        progress: &(dyn Fn(Progress) + Send + Sync),
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let (total, mut done) = (report.rows, 0);
        let mut late = Vec::new();
        let mut written = stream::iter(cases)
            .map(|checked| {
                let import = self.clone();
                let (rows, is_new) =
                    (checked.case.rows.len() as u64, matches!(checked.target, Target::New { .. }));
                let task = tokio::spawn(async move { import.write_case(checked).await });
                async move { (task.await, rows, is_new) }
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((outcome, rows, is_new)) = written.next().await {
            match outcome.map_err(|error| AppError::Unreadable(error.to_string()))?? {
                Written::Before => {
                    report.cases_already_imported += 1;
                    report.taken -= rows;
                    report.known += rows;
                }
                Written::Now { events, position } => {
                    *(if is_new { &mut report.cases } else { &mut report.cases_updated }) += 1;
                    report.events += events;
                    report.position = report.position.max(position);
                }
                Written::Refused(bad) => {
                    report.taken -= rows;
                    late.extend(bad);
                }
            }
            done += rows;
            progress(Progress { phase: Phase::Writing, done, total });
        }
        if !late.is_empty() {
            late.sort_by_key(|bad| bad.line);
            report.skipped += late.len() as u64;
            report.problems.extend(sum_up(&late));
            report.bad_rows.extend(late);
        }
        Ok(())
    }

    /// Appends a case: all of its events, or none.
    async fn write_case(&self, Checked { case, target }: Checked) -> Result<Written, AppError> {
        match target {
            Target::New { external_id } => {
                let decided = self.rules.register(&case, &external_id);
                self.register(&case, &external_id, decided.events).await
            }
            Target::Known => self.extend(case).await,
        }
    }

    /// Registers a new customer, again where the tenant's key was replaced or somebody was erased meanwhile.
    async fn register(
        &self,
        case: &Case,
        external_id: &str,
        events: Vec<(NewEvent, Arc<str>)>,
    ) -> Result<Written, AppError> {
        let (tenant, vault) = (self.caller.tenant, &self.app.vault);
        let mut sealed_by = vault.tenant_key_seen(tenant, false).await?;
        for _ in 0..ATTEMPTS {
            let append = self.registration(case, external_id, events.clone()).await?;
            let written = self.append(Append { erasures_seen: Some(sealed_by), ..append }, case).await?;
            let now = match &written {
                Written::Refused(_) => vault.tenant_key_seen(tenant, true).await?,
                _ => sealed_by,
            };
            if now == sealed_by {
                return Ok(written);
            }
            sealed_by = now;
        }
        Ok(Written::Refused(locate::exists(case, self.rules.sheet.as_deref())))
    }

    /// Adds to a customer that is there what is new, however often others change it meanwhile.
    async fn extend(&self, mut case: Case) -> Result<Written, AppError> {
        for attempt in 0..ATTEMPTS {
            let sealed_by = self.app.vault.tenant_key_seen(self.caller.tenant, attempt > 0).await?;
            let known = match self.locate(&case).await? {
                Located::Known(known) => known,
                Located::Before => return Ok(Written::Before),
                Located::New(_) => break,
            };
            let (_, decided) = self.update(&known, &mut case);
            if decided.events.is_empty() {
                return Ok(if decided.bad.is_empty() {
                    Written::Before
                } else {
                    Written::Refused(decided.bad)
                });
            }
            let customer = known.customer.id;
            let SubjectKey::Live(key) = self.app.vault.data_key(self.caller.tenant, customer).await? else {
                break;
            };
            let records = self.app.merged_records(&self.caller, &known.customer).await?;
            let mut append = self.drafts(&case, (customer, records.as_slice()), decided.events, &key).await?;
            append.condition = Some(Query::tag(tags::customer(customer)).none_after(known.read_to));
            append.erasures_seen = Some(sealed_by);
            match self.append(append, &case).await? {
                Written::Refused(_) => {}
                written => return Ok(written),
            }
        }
        Ok(Written::Refused(locate::exists(&case, self.rules.sheet.as_deref())))
    }

    async fn append(&self, append: Append, case: &Case) -> Result<Written, AppError> {
        loop {
            match self.app.store.append(append.clone()).await {
                Ok(Outcome::Repeated(_)) => return Ok(Written::Before),
                Ok(Outcome::Appended(appended)) => {
                    return Ok(Written::Now {
                        events: appended.count.into(),
                        position: appended.last_position(),
                    });
                }
                // Other writers are before us in the queue; the import has all the time it needs.
                Err(StoreError::Overloaded { .. }) => tokio::task::yield_now().await,
                Err(StoreError::Conflict { .. }) => {
                    return Ok(Written::Refused(locate::exists(case, self.rules.sheet.as_deref())));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The append of a new customer's whole history. Nobody may have come in between with its external id, or with what it is
    /// recognised by.
    async fn registration(
        &self,
        case: &Case,
        external_id: &str,
        mut events: Vec<(NewEvent, Arc<str>)>,
    ) -> Result<Append, AppError> {
        let customer = (self.app.ids)();
        for (new, _) in &mut events {
            if let CustomerEvent::Registered(registered) = &mut new.event {
                registered.customer = customer;
            }
        }
        let condition = self.nobody_else(external_id, &events).await?;
        let random = crate::ambient::random_bytes();
        let (key, wrapped) =
            self.app.vault.data_key_for_new(self.caller.tenant, customer, random, (self.app.ids)()).await?;
        let append = self.drafts(case, (customer, &[]), events, &key).await?;
        Ok(Append { condition: Some(condition), new_keys: vec![wrapped], ..append })
    }

    async fn nobody_else(
        &self,
        external_id: &str,
        events: &[(NewEvent, Arc<str>)],
    ) -> Result<Condition, AppError> {
        let external = Query::tag(tags::external(external_id));
        let keys = self.keys(events).await?;
        let query = keys.into_iter().fold(external, |query, key| query.or(Query::tag(key)));
        Ok(query.none_after(self.begun_at))
    }

    /// Events of one customer as drafts, each by its own actor.
    async fn drafts(
        &self,
        case: &Case,
        (customer, records): (Uuid, &[Arc<Customer>]),
        events: Vec<(NewEvent, Arc<str>)>,
        key: &DataKey,
    ) -> Result<Append, AppError> {
        let caller = &self.caller;
        let via = Some(caller.via.clone().unwrap_or_else(|| caller.actor.name.clone()));
        let meta = CommandMeta { correlation_id: Some(self.id), ..CommandMeta::default() };
        let receipt =
            ReceiptDraft { command_id: self.command_id(case), digest: self.run, outcome: Vec::new() };
        let mut append = Append { receipt: Some(receipt), ..Append::new(caller.tenant, Vec::new()) };
        for (new, actor) in events {
            let by = Caller { actor: Actor::new(&*actor, []), via: via.clone(), ..caller.clone() };
            let draft = self.app.customer_draft(&by, (customer, key), records, &new, &meta);
            append.events.push(draft.await?);
        }
        if let Some(first) = append.events.first_mut() {
            first.tags.push(tags::import(self.id));
        }
        Ok(append)
    }
}
