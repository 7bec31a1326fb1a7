//! Commands on customers, as requests ask for them.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::Command;
use waymark_domain::customer::command::Register;

use super::pair::PairCommand;

/// A command on a customer, as a request asks for it.
#[derive(Debug, Clone)]
pub struct CustomerCommand {
    /// On which customer; the id of a new one for a registration.
    pub customer: Uuid,
    /// What is asked for.
    pub action: Action,
    /// When it happened; now when absent.
    pub effective_at: Option<DateTime<Utc>>,
}

/// What a command on a customer asks for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Something of one customer.
    Command(Box<Command>),
    /// Something of that customer and another.
    Pair(PairCommand),
    /// A new customer, unless somebody known has one of its keys: then that customer's history takes the lead's source.
    RegisterOrRecordInquiry(Box<Register>),
}

impl CustomerCommand {
    /// A command on one customer.
    #[must_use]
    pub fn on(customer: Uuid, command: Command, effective_at: Option<DateTime<Utc>>) -> Self {
        Self { customer, action: Action::Command(Box::new(command)), effective_at }
    }

    /// A command on two customers, which happens now.
    #[must_use]
    pub fn pair(customer: Uuid, command: PairCommand) -> Self {
        Self { customer, action: Action::Pair(command), effective_at: None }
    }

    /// Registers a customer under a new id. It is refused where somebody has one of its keys already.
    #[must_use]
    pub fn register(customer: Uuid, register: Register, effective_at: Option<DateTime<Utc>>) -> Self {
        Self::on(customer, Command::Register(Register { customer, ..register }), effective_at)
    }

    /// Registers a customer under a new id, or records the lead with the customer that it turns out to be.
    #[must_use]
    pub fn register_or_record_inquiry(
        customer: Uuid,
        register: Register,
        effective_at: Option<DateTime<Utc>>,
    ) -> Self {
        let register = Box::new(Register { customer, ..register });
        Self { customer, action: Action::RegisterOrRecordInquiry(register), effective_at }
    }

    /// Whether it makes a new customer.
    pub(super) fn registers(&self) -> bool {
        match &self.action {
            Action::Command(command) => matches!(command.as_ref(), Command::Register(_)),
            Action::Pair(_) => false,
            Action::RegisterOrRecordInquiry(_) => true,
        }
    }
}
