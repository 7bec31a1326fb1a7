//! An order, a contract or a payment is recorded, or turns out not to have come about.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::{RecordTransaction, VoidTransaction};
use crate::customer::event::{CustomerEvent, TransactionRecorded, TransactionVoided};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

const MAX_REFERENCE_CHARS: usize = 100;

fn worth_something(command: &RecordTransaction) -> Vec<Violation> {
    require(!command.amount.amount.is_zero(), || {
        Violation::new(
            Code::InvalidMoney,
            "amount",
            Label::new("交易金额须大于零。", "The amount of a transaction must be greater than 0."),
            Label::new("请填写交易金额。", "Enter what the transaction is worth."),
        )
    })
}

/// A number of another system is one transaction: a system that reports it twice does not make it two.
fn not_known(customer: &Customer, command: &RecordTransaction) -> Vec<Violation> {
    let Some(reference) = &command.reference else { return Vec::new() };
    let Some(known) = customer.purchases.by_reference(command.kind, reference) else { return Vec::new() };
    let known = known.id.to_string();
    vec![
        Violation::new(
            Code::TransactionKnown,
            "reference",
            Label::new("该编号的交易已记录。", "A transaction with this reference is on record."),
            Label::new(
                "无需再次记录；如需更改，请先撤销原记录。",
                "Do not record it again; to change it, void the recorded one first.",
            ),
        )
        .with("transaction", known),
    ]
}

pub(super) fn record(
    customer: &Customer,
    command: &RecordTransaction,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        guard::optional_line("reference", command.reference.as_deref(), MAX_REFERENCE_CHARS),
        guard::money("amount", Some(&command.amount), context),
        worth_something(command),
        guard::optional_text("note", command.note.as_deref()),
        not_known(customer, command),
    ])?;
    let event = CustomerEvent::TransactionRecorded(TransactionRecorded {
        kind: command.kind,
        reference: command.reference.clone(),
        amount: command.amount.clone(),
        note: command.note.clone().map(Personal::Clear),
    });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}

fn still_counts(customer: &Customer, command: &VoidTransaction) -> Vec<Violation> {
    match customer.purchases.transaction(command.transaction) {
        None => vec![unknown("transaction")],
        Some(known) => require(known.voided_by.is_none(), || {
            Violation::new(
                Code::AlreadyVoided,
                "transaction",
                Label::new("该交易已撤销。", "The transaction has already been voided."),
                Label::new("无需再次撤销。", "Nothing remains to be done."),
            )
        }),
    }
}

/// The violation of a field that names a transaction which the customer has not.
pub(super) fn unknown(field: &str) -> Violation {
    Violation::new(
        Code::UnknownTransaction,
        field,
        Label::new("该客户没有这笔交易。", "The customer has no such transaction."),
        Label::new("请填写该客户交易的编号。", "Enter the ID of one of the customer's transactions."),
    )
}

pub(super) fn void(
    customer: &Customer,
    command: &VoidTransaction,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        still_counts(customer, command),
        guard::text("reason", &command.reason),
    ])?;
    let (transaction, reason) = (command.transaction, Personal::Clear(command.reason.clone()));
    let event = CustomerEvent::TransactionVoided(TransactionVoided { transaction, reason });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Money, TransactionKind};

    fn order(reference: &str, amount: u32) -> RecordTransaction {
        RecordTransaction {
            kind: TransactionKind::Order,
            reference: Some(reference.to_owned()),
            amount: Money { amount: Decimal::from(amount), currency: "CNY".to_owned() },
            note: None,
        }
    }

    fn recorded(reference: &str, amount: u32) -> CustomerEvent {
        given([registered_by_li()]).when(order(reference, amount)).event().event
    }

    #[test]
    fn a_transaction_is_a_fact_with_amount_and_instant() {
        let event = given([registered_by_li()]).effective(day(3)).when(order("SO-1", 12)).event();
        assert_eq!((event.effective_at, event.event.event_type()), (day(3), "customer.transaction_recorded"));
        given([registered_by_li()]).by(zhao()).when(order("SO-1", 12)).refuses([Code::NotOwner]);
        given([registered_by_li()]).when(order("SO-1", 0)).refuses([Code::InvalidMoney]);
    }

    #[test]
    fn a_number_of_another_system_is_one_transaction_of_its_kind_until_it_is_voided() {
        let story = || given([registered_by_li(), recorded("SO-1", 12)]);
        story().when(order("SO-1", 13)).refuses([Code::TransactionKnown]);
        story().when(RecordTransaction { kind: TransactionKind::Payment, ..order("SO-1", 12) }).event();
        let void = |transaction, reason: &str| VoidTransaction { transaction, reason: reason.to_owned() };
        story().when(void(event_id(1), "x")).refuses([Code::UnknownTransaction]);
        story().when(void(event_id(2), "")).refuses([Code::EmptyText]);
        let voided = story().when(void(event_id(2), "wrong customer")).event().event;
        let after = || given([registered_by_li(), recorded("SO-1", 12), voided.clone()]);
        after().when(void(event_id(2), "again")).refuses([Code::AlreadyVoided]);
        after().when(order("SO-1", 13)).event();
    }
}
