//! Undoing an import, by events: what it brought is voided and withdrawn, and what it changed is changed back, customer by customer,
//! but for those that were worked on since. Undone half-way, it goes on where it stopped when it is asked for again.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::company::{self, CompanyCommand, ImportUndone};
use waymark_domain::customer::command::{Command, Withdraw};
use waymark_domain::customer::event::DetailsChanged;
use waymark_domain::customer::timeline::MoveKind;
use waymark_domain::customer::{Customer, CustomerEvent};
use waymark_domain::tags;
use waymark_eventstore::{Entry, Position, Query};

use super::job::IN_FLIGHT;
use crate::app::{Action, App, AppError, Caller, CommandMeta, CustomerCommand, decode_customer_event};

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 500;
/// How many customers that were kept are named.
const NAMED: usize = 1_000;
/// How often a customer that others change meanwhile is looked at again.
const ATTEMPTS: u32 = 16;

/// What undoing an import did, or would do.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct UndoReport {
    /// The import.
    pub import: Uuid,
    /// Whether this is a preview, and nothing was written.
    pub preview: bool,
    /// Customers that the import had brought and that are withdrawn: in no list, board or figure any more.
    pub withdrawn: u64,
    /// Customers that were there before: they lost the moves that the import had added, and have back what it had changed of their
    /// details.
    pub reverted: u64,
    /// Customers of which nothing of the import is left, because it was undone before or corrected.
    pub undone_before: u64,
    /// Customers that were left as they are, because they had been worked on since, or belong to a region that the caller does not
    /// see.
    pub kept: u64,
    /// The first thousand of those that the caller sees.
    pub kept_customers: Vec<KeptCustomer>,
    /// Events appended.
    pub events: u64,
    /// The position of the log afterwards.
    pub position: Position,
}

/// A customer that was worked on since the import.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeptCustomer {
    /// The customer.
    pub customer_id: Uuid,
    /// Its id in another system.
    pub external_id: Option<String>,
    /// What was done with it since.
    pub since: Vec<WorkSince>,
}

/// Something that was done with a customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkSince {
    /// The event.
    pub event: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "customer.moved")]
    pub event_type: String,
    /// Its position in the log.
    pub position: Position,
    /// Who did it.
    pub actor: String,
}

/// What an import brought of a customer, and what came after.
#[derive(Default)]
struct Brought {
    imported: BTreeSet<Uuid>,
    /// Where the first of it is.
    first: Position,
    /// What it changed beside moves, personal values unread.
    changes: Vec<DetailsChanged>,
    /// Whether that was changed back.
    changed_back: bool,
    since: Vec<WorkSince>,
}

impl Brought {
    /// What of the customer's details must be changed back.
    fn standing_changes(&self) -> &[DetailsChanged] {
        if self.changed_back { &[] } else { &self.changes }
    }
}

/// How a customer ended.
enum Undone {
    Withdrawn(u64),
    Reverted(u64),
    Before,
    Kept(KeptCustomer),
    /// It is another region's by now: kept, and not named.
    Hidden,
}

/// Undoes an import. `reason` is what histories show.
///
/// # Errors
/// [`AppError::NotFound`] where there is no such import; or the log does not take it.
pub async fn undo(
    app: &App,
    caller: &Caller,
    import: Uuid,
    reason: &str,
    preview: bool,
) -> Result<UndoReport, AppError> {
    let customers = customers_of(app, caller, import).await?;
    if customers.is_empty() {
        return Err(AppError::NotFound { what: "import".into(), id: import.to_string() });
    }
    let company = app.companies.now(caller.tenant).await?;
    // What is said in the end must be right before anything is written, and in a preview.
    let said = ImportUndone { import, withdrawn: 0, reverted: 0, kept: 0, reason: reason.to_owned() };
    company::decide(&company, &CompanyCommand::UndoImport(said), &caller.actor, (app.clock)())?;
    let undone = company.undone_imports.clone();
    let undo = Undo { app, caller, import, undone: &undone, reason, preview };
    let mut report = UndoReport { import, preview, ..UndoReport::default() };
    let mut outcomes = stream::iter(customers).map(|customer| undo.customer(customer)).buffered(IN_FLIGHT);
    while let Some(outcome) = outcomes.try_next().await? {
        match outcome {
            Undone::Withdrawn(events) => {
                report.withdrawn += 1;
                report.events += events;
            }
            Undone::Reverted(events) => {
                report.reverted += 1;
                report.events += events;
            }
            Undone::Before => report.undone_before += 1,
            Undone::Hidden => report.kept += 1,
            Undone::Kept(customer) => {
                report.kept += 1;
                if report.kept_customers.len() < NAMED {
                    report.kept_customers.push(customer);
                }
            }
        }
    }
    drop(outcomes);
    let is_recorded = undone.contains(&import);
    if !preview && (report.events > 0 || !is_recorded) {
        let (withdrawn, reverted, kept) = (report.withdrawn, report.reverted, report.kept);
        let undone = ImportUndone { import, withdrawn, reverted, kept, reason: reason.to_owned() };
        let meta = CommandMeta { correlation_id: Some(import), ..CommandMeta::default() };
        app.configure(caller, &meta, &CompanyCommand::UndoImport(undone), serde_json::Map::new()).await?;
        report.events += 1;
    }
    report.position = app.store.head(caller.tenant).await?.position;
    Ok(report)
}

/// The customers that an import brought or added to, in the order in which it did.
async fn customers_of(app: &App, caller: &Caller, import: Uuid) -> Result<Vec<Uuid>, AppError> {
    let query = Query::tag(tags::import(import));
    let (mut customers, mut after) = (Vec::new(), 0);
    loop {
        let page =
            app.store.read_matching(caller.tenant, &query, after, Position::MAX, ENTRIES_PER_PAGE).await?;
        for entry in &page {
            after = entry.position;
            let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
            customers
                .extend(envelope.subject.strip_prefix("customer/").and_then(|id| id.parse::<Uuid>().ok()));
        }
        if page.len() < ENTRIES_PER_PAGE as usize {
            return Ok(customers);
        }
    }
}

/// An import being undone.
struct Undo<'a> {
    app: &'a App,
    caller: &'a Caller,
    import: Uuid,
    /// The imports that were undone before.
    undone: &'a BTreeSet<Uuid>,
    reason: &'a str,
    preview: bool,
}

impl Undo<'_> {
    async fn customer(&self, id: Uuid) -> Result<Undone, AppError> {
        for _ in 0..ATTEMPTS {
            // Loaded before its events are read: anyone who changes it later is refused by the version.
            let customer = match self.app.customer_state(self.caller, id).await {
                Ok(customer) => customer,
                Err(AppError::NotFound { .. }) => return Ok(Undone::Hidden),
                Err(error) => return Err(error),
            };
            let brought = self.brought(id).await?;
            if customer.is_gone() {
                return Ok(Undone::Before);
            }
            if !brought.since.is_empty() {
                let external_id = customer.external_id.clone();
                return Ok(Undone::Kept(KeptCustomer { customer_id: id, external_id, since: brought.since }));
            }
            let undone = match standing(&customer, &brought.imported) {
                Some(true) => Undone::Withdrawn,
                None if brought.standing_changes().is_empty() => return Ok(Undone::Before),
                Some(false) | None => Undone::Reverted,
            };
            if self.preview {
                return Ok(undone(0));
            }
            match self.withdraw(&customer, brought).await {
                Ok(events) => return Ok(undone(events)),
                Err(AppError::VersionMismatch { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::Contention)
    }

    async fn withdraw(&self, customer: &Customer, brought: Brought) -> Result<u64, AppError> {
        let withdraw = Withdraw {
            import: self.import,
            restores: self.restores(customer.id, &brought).await?.map(Box::new),
            imported: brought.imported,
            since: Vec::new(),
            reason: self.reason.to_owned(),
        };
        let command = CustomerCommand {
            customer: customer.id,
            action: Action::Command(Box::new(Command::Withdraw(withdraw))),
            effective_at: None,
        };
        let meta = CommandMeta {
            if_match: Some(customer.version),
            correlation_id: Some(self.import),
            ..CommandMeta::default()
        };
        Ok(self.app.execute(self.caller, &meta, &command).await?.events.len() as u64)
    }

    /// What gives a customer back what was known of it before the import. Nobody has changed it since, but for other imports that
    /// were undone.
    async fn restores(&self, customer: Uuid, brought: &Brought) -> Result<Option<DetailsChanged>, AppError> {
        let changes = brought.standing_changes();
        if changes.is_empty() {
            return Ok(None);
        }
        let before =
            self.app.known(self.caller, customer, brought.first.saturating_sub(1), Vec::new()).await?;
        Ok(before.restored_after(changes))
    }

    /// What the import brought of a customer, and what people did with it afterwards. What rules do is no work, since it follows
    /// from what is undone, nor what another import brought that was undone, too.
    async fn brought(&self, customer: Uuid) -> Result<Brought, AppError> {
        let query = Query::tag(tags::customer(customer));
        let (mut brought, mut after) = (Brought::default(), 0);
        loop {
            let page = self
                .app
                .store
                .read_matching(self.caller.tenant, &query, after, Position::MAX, ENTRIES_PER_PAGE)
                .await?;
            for entry in &page {
                after = entry.position;
                self.note(&mut brought, entry)?;
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(brought);
            }
        }
    }

    fn note(&self, brought: &mut Brought, entry: &Entry) -> Result<(), AppError> {
        let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
        let (of_this, origin) = (envelope.correlation_id == Some(self.import), envelope.origin.as_deref());
        if of_this {
            let is_imported = origin == Some("import");
            if is_imported {
                brought.imported.insert(envelope.id);
                brought.first = if brought.first == 0 { entry.position } else { brought.first };
            }
            if let Some(CustomerEvent::DetailsChanged(changed)) =
                decode_customer_event(entry)?.map(|recorded| recorded.event)
            {
                brought.changed_back |= !is_imported;
                brought.changes.extend(is_imported.then_some(changed));
            }
            return Ok(());
        }
        let of_a_rule = matches!(origin, Some("rule"));
        let of_an_undone = envelope.correlation_id.is_some_and(|import| self.undone.contains(&import));
        if of_an_undone || of_a_rule || brought.imported.is_empty() {
            return Ok(());
        }
        let changes = decode_customer_event(entry)?.is_some_and(|recorded| recorded.event.changes_customer());
        if changes {
            brought.since.push(WorkSince {
                event: envelope.id,
                event_type: envelope.event_type.into_owned(),
                position: entry.position,
                actor: envelope.actor.into_owned(),
            });
        }
        Ok(())
    }
}

/// Whether the registration is among the moves of an import that stand; none where none of them does.
fn standing(customer: &Customer, imported: &BTreeSet<Uuid>) -> Option<bool> {
    let moves = customer.journeys.keys().flat_map(|journey| customer.journeys.moves(journey));
    let mut standing = moves.filter(|made| imported.contains(&made.event)).peekable();
    standing.peek()?;
    Some(standing.any(|made| made.kind == MoveKind::Registered))
}
