//! Whether a case of a file is a customer already.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::customer::command::{ChangeDetails, Register};
use waymark_domain::customer::{Customer, CustomerDetails, CustomerEvent};
use waymark_domain::tags;
use waymark_eventstore::{Entry, Position, Query};

use super::BadRow;
use super::decide::{Decided, Rules};
use super::job::Import;
use super::read::{Case, Row};
use crate::app::{AppError, decode_customer_event};

/// How many events of a customer are read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// What a case is in the log.
pub(super) enum Located {
    /// Nobody yet: to be registered under this external id.
    New(String),
    /// Brought by an earlier run of this import.
    Before,
    /// A customer that is there.
    Known(Box<KnownCustomer>),
}

/// A customer that is there.
pub(super) struct KnownCustomer {
    pub(super) customer: Arc<Customer>,
    /// Where its last event is that was looked at.
    pub(super) read_to: Position,
    /// Whether an import registered it.
    imported: bool,
    /// The moves that were recorded in the pipeline, whatever corrected them since.
    moves: BTreeMap<(DateTime<Utc>, String), u64>,
    /// What else is known; read where the file says something of it.
    known: Option<CustomerDetails>,
}

impl Import {
    /// Looks for the customer of a case: by its id, or by its id in this pipeline where another pipeline's customer has the id.
    /// Ids of two systems may coincide.
    pub(super) async fn locate(&self, case: &Case) -> Result<Located, AppError> {
        let plain = case.details.external_id().unwrap_or(&case.id).to_owned();
        let qualified = format!("{}:{plain}", self.rules.pipeline);
        if self.app.store.receipt(self.caller.tenant, &self.command_id(case)).await?.is_some() {
            return Ok(Located::Before);
        }
        match self.holder(&plain).await? {
            None => Ok(Located::New(plain)),
            Some(known) if known.is_in(&self.rules.pipeline) => self.known(known, case).await,
            Some(_) => match self.holder(&qualified).await? {
                None => Ok(Located::New(qualified)),
                Some(known) => self.known(known, case).await,
            },
        }
    }

    /// A customer that is there, with what else is known of it.
    async fn known(&self, mut found: KnownCustomer, case: &Case) -> Result<Located, AppError> {
        if !case.details.is_empty() {
            let (id, until) = (found.customer.id, found.read_to);
            found.known = Some(self.app.known(&self.caller, id, until, Vec::new()).await?);
        }
        Ok(Located::Known(Box::new(found)))
    }

    /// The customer that was registered under an external id.
    async fn holder(&self, external_id: &str) -> Result<Option<KnownCustomer>, AppError> {
        let (tenant, store) = (self.caller.tenant, &self.app.store);
        let query = Query::tag(tags::external(external_id));
        let mut after = 0;
        loop {
            let holders = store.read_matching(tenant, &query, after, Position::MAX, 1).await?;
            let Some(holder) = holders.first() else { return Ok(None) };
            after = holder.position;
            let Some(registered) = decode_customer_event(holder)? else { continue };
            let CustomerEvent::Registered(first) = &registered.event else { continue };
            let imported = registered.origin.as_deref() == Some("import");
            let (moves, read_to) = self.moves(first.customer).await?;
            // Loaded after the events were read, it is at least as new as they are.
            let customer = self.app.customer_state(&self.caller, first.customer).await?;
            // The id of who was erased or withdrawn is free.
            if !customer.is_gone() {
                return Ok(Some(KnownCustomer { customer, read_to, imported, moves, known: None }));
            }
        }
    }

    /// The moves of a customer in the pipeline as they were recorded, but for those of imports that were undone, and where its
    /// last event is.
    async fn moves(
        &self,
        customer: Uuid,
    ) -> Result<(BTreeMap<(DateTime<Utc>, String), u64>, Position), AppError> {
        let query = Query::tag(tags::customer(customer));
        let (mut made, mut read_to) = (HashMap::new(), 0);
        loop {
            let page = self
                .app
                .store
                .read_matching(self.caller.tenant, &query, read_to, Position::MAX, ENTRIES_PER_PAGE)
                .await?;
            for entry in &page {
                read_to = entry.position;
                let Some(recorded) = decode_customer_event(entry)? else { continue };
                if let CustomerEvent::MoveVoided(voided) = &recorded.event
                    && self.is_of_an_undo(entry)?
                {
                    for gone in voided.also_voids.iter().chain([&voided.corrects]) {
                        made.remove(gone);
                    }
                }
                let entered = match recorded.event {
                    CustomerEvent::Registered(registered) => Some((registered.pipeline, registered.stage)),
                    CustomerEvent::Moved(moved) => Some((moved.journey, moved.to)),
                    CustomerEvent::MoveInserted(inserted) => Some((inserted.journey, inserted.to)),
                    _ => None,
                };
                if let Some((_, stage)) = entered.filter(|(pipeline, _)| *pipeline == self.rules.pipeline) {
                    made.insert(recorded.id, (recorded.effective_at, stage));
                }
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                let mut moves = BTreeMap::new();
                for entered in made.into_values() {
                    *moves.entry(entered).or_insert(0) += 1;
                }
                return Ok((moves, read_to));
            }
        }
    }

    /// Whether an entry was written to undo an import: it is tied to that, as the events of the import are.
    fn is_of_an_undo(&self, entry: &Entry) -> Result<bool, AppError> {
        let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
        Ok(envelope.correlation_id.is_some_and(|import| self.undone.contains(&import)))
    }
}

impl KnownCustomer {
    fn is_in(&self, pipeline: &str) -> bool {
        self.customer.journeys.keys().any(|journey| journey == pipeline)
    }

    /// Whether the customer may be updated by a file.
    pub(super) fn may_be_updated(&self, update: Option<bool>) -> bool {
        update.unwrap_or(self.imported)
    }

    /// What the file says of the customer that is not known. A history that ends before what is recorded says what was so once.
    pub(super) fn changes(&self, case: &Case, rules: &Rules) -> Option<ChangeDetails> {
        let said_at = case.rows.last()?.at;
        if self.moves.last_key_value().is_some_and(|((at, _), _)| *at > said_at) {
            return None;
        }
        let mut said = Register::default();
        case.details.describe(&mut said, &rules.keys, &rules.fields);
        self.known.as_ref()?.updated_by(&said, &rules.fields)
    }

    /// Takes out the rows that are recorded already. Where the customer changes beside, one of them stays to say so. Returns how
    /// many were taken out.
    pub(super) fn forget_known(&self, case: &mut Case, rules: &Rules, changes: bool) -> u64 {
        let (mut moves, before) = (self.moves.clone(), case.rows.len());
        let mut is_known = |row: &Row| match moves.get_mut(&(row.at, row.status.to_string())) {
            _ if rules.is_list => rules.stands(&self.customer, row),
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        };
        let latest = case.rows.last().cloned().filter(|_| changes);
        case.rows.retain(|row| !is_known(row));
        if case.rows.is_empty() {
            case.rows.extend(latest.map(|row| Row { is_known: true, ..row }));
        }
        (before - case.rows.len()) as u64
    }
}

impl Import {
    /// Decides what a case says that is new of a customer that is there. Returns how many of its rows say nothing new.
    pub(super) fn update(&self, found: &KnownCustomer, case: &mut Case) -> (u64, Decided) {
        let changes = found.changes(case, &self.rules);
        let known = found.forget_known(case, &self.rules, changes.is_some());
        (known, self.rules.update(case, &found.customer, changes))
    }
}

/// The refusal of a case whose customer is there and must not be updated.
pub(super) fn exists(case: &Case, sheet: Option<&str>) -> Vec<BadRow> {
    let message = Label::new(
        format!("已有客户使用 external_id“{}”。", case.id),
        format!("A customer with the external_id {:?} is registered already.", case.id),
    );
    let how_to_fix = Label::new(
        "用 update=true 把文件中的新内容加到该客户，或删除这些行。",
        "Add what is new in the file to the customer with update=true, or remove the rows.",
    );
    refuse(case, sheet, "customer-exists", &message, &how_to_fix)
}

/// The refusal of all rows of a case.
pub(super) fn refuse(
    case: &Case,
    sheet: Option<&str>,
    code: &str,
    message: &Label,
    how_to_fix: &Label,
) -> Vec<BadRow> {
    let bad = |row: &Row| BadRow {
        line: row.line,
        row: row.row,
        sheet: sheet.map(str::to_owned),
        field: "case".to_owned(),
        column: None,
        value: Some(case.id.to_string()),
        code: code.to_owned(),
        message: message.clone(),
        how_to_fix: how_to_fix.clone(),
    };
    case.rows.iter().map(bad).collect()
}
