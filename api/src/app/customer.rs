//! Commands on customers: one, or several in one commit.

use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::customer::{Command, Customer, CustomerEvent, NewEvent, Recorded, is_counted};
use waymark_eventstore::Appended;

use super::answer::Request;
use super::command::{Action, CustomerCommand};
use super::customer_cache::{LoadedCustomer, evolved};
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::{Shape, is_answer};
use super::staging::Staged;
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};

/// How many commands of a batch are told why they are refused, beside the first.
const MOST_OTHERS: usize = 99;

/// Commands that are recorded by one append. A single command is a batch of one.
struct Batch<'a> {
    commands: &'a [CustomerCommand],
    shape: Shape,
}

impl Decision for Batch<'_> {
    type Staged = Staged;

    fn first_freshness(&self, app: &App, caller: &Caller) -> Freshness {
        // A second read is of the log as it is now, so the first must be as fresh; and several commands rarely meet caches that
        // are all up to date.
        let [only] = self.commands else { return Freshness::Current };
        let is_cached = match &only.action {
            Action::RegisterOrRecordInquiry(_) => true,
            Action::Command(_) if only.registers() => true,
            Action::Command(command) => {
                command.reads().is_empty() && app.customers.is_cached(caller.tenant, only.customer)
            }
            Action::Pair(_) => false,
        };
        if is_cached { Freshness::Cached } else { Freshness::Current }
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    async fn plan(
        &self,
        app: &App,
        request: Request<'_>,
        freshness: Freshness,
    ) -> Result<Plan<Staged>, BatchError> {
        let tenant = request.caller.tenant;
        if freshness == Freshness::Current && self.commands.iter().any(CustomerCommand::registers) {
            app.refresh_definitions(tenant).await?;
        }
        let mut staged = Staged::new(tenant);
        let mut stopped: Option<BatchError> = None;
        for (step, command) in self.commands.iter().enumerate() {
            // One that is refused leaves nothing behind, so those after it are judged by the accepted ones.
            match (app.stage(request, command, freshness, &mut staged).await, &mut stopped) {
                (Ok(()), _) => {}
                (Err(error), None) if is_answer(&error) => stopped = Some(BatchError::at(step, error)),
                (Err(error), Some(first)) if is_answer(&error) => {
                    first.refused += 1;
                    if first.others.len() < MOST_OTHERS {
                        first.others.push((step, error));
                    }
                }
                (Err(error), _) => return Err(BatchError::at(step, error)),
            }
        }
        stopped.map_or_else(|| Ok(staged.into_plan()), Err)
    }

    async fn committed(
        &self,
        app: &App,
        request: Request<'_>,
        committed: Committed<Staged>,
    ) -> Result<(), AppError> {
        let Committed { staged, definitions_known_to, erased, appended } = committed;
        if let Some(known_to) = definitions_known_to {
            app.confirm_definitions(request.caller.tenant, known_to, appended.last_position());
        }
        for (customer, recorded) in staged.into_recorded() {
            if !erased.contains(&customer.customer.id) {
                app.advance_cache(request.caller, customer, recorded, &appended)?;
            }
        }
        // The clear texts of an erased customer must not outlive its key. A crash before this forgets them as well.
        for customer in erased {
            app.customers.forget(request.caller.tenant, customer);
            app.vault.forget(request.caller.tenant, customer);
        }
        Ok(())
    }
}

impl App {
    /// Carries out a command on a customer.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn execute(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        command: &CustomerCommand,
    ) -> Result<CommandAnswer, AppError> {
        let batch = Batch { commands: std::slice::from_ref(command), shape: Shape::Single };
        self.run_single(Request { caller, meta }, &batch).await
    }

    /// Carries out every command, each on what the ones before it leave behind, or none.
    ///
    /// # Errors
    /// The commands that are refused, or the log's own failure (reported for the first command).
    pub async fn execute_atomically(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        commands: &[CustomerCommand],
    ) -> Result<Vec<CommandAnswer>, BatchError> {
        let batch = Batch { commands, shape: Shape::Batch };
        self.run(Request { caller, meta }, &batch).await
    }

    /// What a command would record, without recording it.
    ///
    /// # Errors
    /// The refusal that it would get.
    pub async fn dry_run(
        &self,
        caller: &Caller,
        command: &CustomerCommand,
    ) -> Result<Vec<NewEvent>, AppError> {
        let decided = self.dry_run_atomically(caller, std::slice::from_ref(command)).await;
        Ok(decided.map_err(|stopped| stopped.error)?.concat())
    }

    /// What every command would record, each on what the ones before it would leave behind.
    ///
    /// # Errors
    /// As [`Self::execute_atomically`].
    pub async fn dry_run_atomically(
        &self,
        caller: &Caller,
        commands: &[CustomerCommand],
    ) -> Result<Vec<Vec<NewEvent>>, BatchError> {
        let (batch, meta) = (Batch { commands, shape: Shape::Batch }, CommandMeta::default());
        Ok(self.plan(Request { caller, meta: &meta }, &batch).await?.into_decided())
    }

    /// Counts a view of a customer by a rep of a pool that limits how many may be viewed in a day, before it is shown. The
    /// same customer counts once on the pool's local date.
    ///
    /// A view is a read that appends: the event is what the limit counts by, on whatever node and after whatever restart,
    /// and what tells who saw whom.
    ///
    /// # Errors
    /// When it is refused, since the rep has viewed as many as the pool permits; or the log cannot take it.
    pub async fn count_view(&self, caller: &Caller, customer: Uuid) -> Result<(), AppError> {
        if !is_counted(&caller.actor) {
            return Ok(());
        }
        let command = CustomerCommand::on(customer, Command::View, None);
        self.execute(caller, &CommandMeta::default(), &command).await.map(drop)
    }

    /// A customer as the log tells it now, if the caller sees it.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or when the log cannot be read.
    pub async fn customer_state(&self, caller: &Caller, customer: Uuid) -> Result<Arc<Customer>, AppError> {
        let state = self.load(caller, customer).await?.customer;
        self.require_visible(caller, &state).await?;
        Ok(state)
    }

    /// A customer as the log has it now, whether or not the caller sees it.
    pub(super) async fn load(&self, caller: &Caller, customer: Uuid) -> Result<LoadedCustomer, AppError> {
        let now = (self.clock)();
        let loaded = self.customers.load(caller.tenant, customer).await?;
        let missing = || AppError::NotFound { what: "customer".into(), id: customer.to_string() };
        let loaded = loaded.ok_or_else(missing)?;
        // What is decided by what the log tells of the customer is decided by what it tells of the rules, too.
        self.read_definitions(caller.tenant, loaded.position, Some(now)).await?;
        Ok(loaded)
    }

    /// Folds what was just appended, so that the next command need not read it.
    fn advance_cache(
        &self,
        caller: &Caller,
        loaded: LoadedCustomer,
        recorded: Vec<(u64, Recorded<CustomerEvent>)>,
        appended: &Appended,
    ) -> Result<(), AppError> {
        let customer = loaded.customer.id;
        self.customers.release(caller.tenant, customer, loaded.position);
        let mut folded = loaded.customer;
        for (index, mut recorded) in recorded {
            recorded.position = appended.first_position + index;
            recorded.recorded_at = appended.recorded_at;
            folded = evolved(Some(folded), &recorded)?;
        }
        let advanced =
            LoadedCustomer { customer: folded, position: appended.last_position(), key: loaded.key };
        self.customers.keep(caller.tenant, customer, advanced);
        Ok(())
    }
}
