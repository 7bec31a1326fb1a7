//! Decisions: state, command and context in; events or a refusal out. One file a verb.

mod act;
mod change_details;
mod change_owner;
mod claim;
mod correct;
mod deal;
mod dismiss_duplicate;
mod document;
mod erase;
mod follow_up;
mod force;
pub(super) mod guard;
mod merge;
pub(super) mod migrate;
mod note;
mod profile;
mod reactivate;
mod register;
mod release;
mod repeat_inquiry;
mod settle;
mod signal;
#[cfg(test)]
pub(super) mod spec;
mod task;
pub(super) mod transition;
mod view;

pub use change_owner::may_hand_over;
pub use dismiss_duplicate::{dismiss_duplicate, reopen_duplicate};
pub use merge::{PairEvents, merge, unmerge};
pub use view::is_counted;

use chrono::{DateTime, Utc};

use super::command::Command;
use super::event::CustomerEvent;
use super::state::Customer;
use crate::refusal::{Code, Refusal};
use crate::{Context, Label};

/// An event that a decision asks to have recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub event: CustomerEvent,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
}

/// Decides a command about a customer; `state` is none while it has no events.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn decide(
    state: Option<&Customer>,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let known = || {
        let customer = state.ok_or_else(unknown_customer)?;
        Refusal::require_all([guard::not_erased(customer), guard::not_merged(customer)])?;
        Ok(customer)
    };
    if let Some(decided) = state.and_then(|customer| migrate::first(customer, command, context)) {
        return decided;
    }
    match command {
        Command::Register(command) => register::decide(state, command, context),
        Command::ChangeDetails(command) => change_details::decide(known()?, command, context),
        Command::Transition(command) => transition::decide(known()?, command, context),
        Command::Override(command) => force::decide(known()?, command, context),
        Command::Settle(command) => settle::decide(known()?, command, context),
        Command::Correct(command) => correct::decide(known()?, command, context),
        Command::Reactivate(command) => reactivate::decide(known()?, command, context),
        Command::Migrate(command) => migrate::decide(known()?, command, context),
        Command::Note(command) => note::decide(known()?, command, context),
        Command::FollowUp(command) => follow_up::decide(known()?, command, context),
        Command::Signal(command) => signal::decide(known()?, command, context),
        Command::Claim => claim::decide(known()?, context),
        Command::View => Ok(view::decide(known()?, context)?),
        Command::Release(command) => release::decide(known()?, command, context),
        Command::ChangeOwner(command) => change_owner::decide(known()?, command, context),
        Command::Erase(command) => known().and_then(|_| erase::decide(command, context)),
        Command::AddDocument(command) => document::decide(known()?, command, context),
        Command::Act(command) => act::decide(known()?, command, context),
        Command::CompleteTask(command) => task::decide(known()?, command, context),
        Command::RepeatInquiry(command) => known().and_then(|_| repeat_inquiry::decide(command, context)),
    }
}

fn unknown_customer() -> Refusal {
    let message = Label::new("没有这个客户。", "There is no such customer.");
    let how_to_fix =
        Label::new("请检查客户编号，或先登记客户。", "Check the id, or register the customer first.");
    Refusal::from_code(Code::UnknownCustomer, "customer_id", message, how_to_fix)
}
