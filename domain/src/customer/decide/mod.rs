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
mod legal_hold;
mod merge;
pub(super) mod migrate;
mod new_event;
mod note;
mod points;
mod profile;
pub(super) mod proof;
mod propose;
mod put_off;
mod reactivate;
mod reconsider;
mod register;
mod release;
mod repeat_inquiry;
mod risk;
mod rotate_key;
mod score;
mod settle;
mod signal;
#[cfg(test)]
pub(super) mod spec;
mod task;
mod transaction;
pub(super) mod transition;
mod view;
mod withdraw;

pub use change_owner::may_hand_over;
pub use dismiss_duplicate::{dismiss_duplicate, reopen_duplicate};
pub use erase::erased_again;
pub use guard::may_be_named;
pub(in crate::customer) use guard::no_legal_hold;
pub use merge::{PairEvents, merge, unmerge};
pub use migrate::stage_in_force;
pub use new_event::NewEvent;
pub use propose::agent_may_only_propose;
pub use reconsider::{MoveContext, reconsider};
pub use register::description_violations;
pub use score::{Intaken, raised, scored};
pub use view::is_counted;

use super::command::Command;
use super::state::Customer;
use crate::refusal::{Code, Refusal};
use crate::{Context, Label};

/// Decides a command about a customer; `state` is none while it has no events. Where another definition took force
/// meanwhile, the customer gets its place in it first.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn decide(
    state: Option<&Customer>,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    propose::not_past_people(command, context)?;
    let migrated = state.map(|customer| migrate::before(customer, command, context)).transpose()?.flatten();
    match migrated {
        None => decide_now(state, command, context),
        Some((migration, customer)) => {
            let events = decide_now(Some(&customer), command, context)?;
            Ok(std::iter::once(migration).chain(events).collect())
        }
    }
}

/// Decides a command on the customer as it stands in the definition in force.
fn decide_now(
    state: Option<&Customer>,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let known = || {
        let customer = state.ok_or_else(unknown_customer)?;
        Refusal::require_all([guard::still_exists(customer), guard::not_merged(customer)])?;
        Ok(customer)
    };
    match command {
        Command::Register(command) => register::decide(state, command, context),
        Command::ChangeDetails(command) => change_details::decide(known()?, command, context),
        Command::Transition(command) => transition::decide(known()?, command, context),
        Command::Override(command) => force::decide(known()?, command, context),
        Command::Settle(command) => {
            let customer = known()?;
            match customer.proposals.get(&command.request) {
                Some(proposal) => propose::settle(customer, proposal, command, context, decide),
                None => settle::decide(customer, command, context),
            }
        }
        Command::Propose(command) => propose::decide(known()?, command, context, decide),
        Command::Correct(command) => correct::decide(known()?, command, context),
        Command::Reactivate(command) => reactivate::decide(known()?, command, context),
        Command::Migrate(command) => migrate::decide(known()?, command, context),
        Command::Note(command) => note::decide(known()?, command, context),
        Command::FollowUp(command) => follow_up::decide(known()?, command, context),
        Command::Signal(command) => signal::decide(known()?, command, context),
        Command::Claim => claim::decide(known()?, context),
        Command::View => view::decide(state.ok_or_else(unknown_customer)?, context),
        Command::Release(command) => release::decide(known()?, command, context),
        Command::ChangeOwner(command) => change_owner::decide(known()?, command, context),
        Command::Erase(command) => erase::decide(known()?, command, context),
        Command::PlaceLegalHold(command) => known().and_then(|_| legal_hold::place(command, context)),
        Command::ReleaseLegalHold(command) => legal_hold::release(state, command, context),
        Command::RotateKey(command) => rotate_key::decide(state, command, context),
        Command::Withdraw(command) => withdraw::decide(known()?, command, context),
        Command::AddDocument(command) => document::decide(known()?, command, context),
        Command::RecordTransaction(command) => transaction::record(known()?, command, context),
        Command::VoidTransaction(command) => transaction::void(known()?, command, context),
        Command::RecordPoints(command) => points::decide(known()?, command, context),
        Command::FlagRisk(command) => risk::decide(known()?, command, context),
        Command::ScoreByModel(command) => score::decide(known()?, command, context),
        Command::Act(command) => act::decide(known()?, command, context),
        Command::CompleteTask(command) => task::decide(known()?, command, context),
        Command::RepeatInquiry(command) => known().and_then(|_| repeat_inquiry::decide(command, context)),
    }
}

fn unknown_customer() -> Refusal {
    let message = Label::new("没有这个客户。", "The customer does not exist.");
    let how_to_fix = Label::new(
        "请检查客户编号，或先登记客户。",
        "Check the customer ID, or register the customer first.",
    );
    Refusal::from_code(Code::UnknownCustomer, "customer_id", message, how_to_fix)
}
