//! An import is undone: the moves that it brought are voided, the customers that it brought are withdrawn, and those that were there
//! have back what it changed of them, by events. Nothing is taken back from a customer that was worked on since.

use uuid::Uuid;

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::Withdraw;
use crate::customer::event::{CustomerEvent, MoveVoided, OnConflict, Withdrawn};
use crate::customer::state::Customer;
use crate::customer::timeline::{Move, MoveKind};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 1_000;

fn not_worked_on(command: &Withdraw) -> Vec<Violation> {
    require(command.since.is_empty(), || {
        let since: Vec<String> = command.since.iter().map(Uuid::to_string).collect();
        Violation::new(
            Code::WorkedOnSince,
            "",
            Label::new("导入之后已有人处理该客户。", "The customer has been worked on since the import."),
            Label::new("请在客户的时间线中逐条更正。", "Correct its records in the customer's timeline."),
        )
        .with("events", since)
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &Withdraw,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::supervises(context, ""),
        guard::line("reason", &command.reason, MAX_REASON_CHARS),
        not_worked_on(command),
    ])?;
    let moves_of = |journey| customer.journeys.moves(journey);
    let is_imported = |made: &Move| command.imported.contains(&made.event);
    let registers = |made: Move| made.kind == MoveKind::Registered && is_imported(&made);
    let brought_the_customer = customer.journeys.keys().flat_map(moves_of).any(registers);
    let mut events = Vec::new();
    for journey in customer.journeys.keys() {
        let moves = moves_of(journey);
        // What rules did with a customer that was never there did not happen either.
        let mut brought = moves.iter().filter(|made| brought_the_customer || is_imported(made));
        let Some(first) = brought.next() else { continue };
        events.push(CustomerEvent::MoveVoided(MoveVoided {
            journey: journey.to_owned(),
            corrects: first.event,
            reason: Personal::Clear(command.reason.clone()),
            on_conflict: OnConflict::Truncate,
            also_voids: brought.map(|made| made.event).collect(),
        }));
    }
    if brought_the_customer {
        events.push(CustomerEvent::Withdrawn(Withdrawn { import: command.import }));
    } else if let Some(restores) = &command.restores {
        events.push(CustomerEvent::DetailsChanged((**restores).clone()));
    }
    Ok(events.into_iter().map(|event| NewEvent { event, effective_at: context.now }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::{Note, Transition};
    use crate::customer::decide::spec::*;
    use crate::customer::event::DetailsChanged;

    const IMPORT: Uuid = Uuid::from_u128(7);

    fn undo(imported: &[u128]) -> Withdraw {
        Withdraw {
            import: IMPORT,
            imported: imported.iter().map(|n| event_id(*n)).collect(),
            since: Vec::new(),
            restores: None,
            reason: "the wrong file".into(),
        }
    }

    fn history() -> [CustomerEvent; 3] {
        [registered_by_li(), moved("new_lead", "contacted"), moved("contacted", "need_confirmed")]
    }

    #[test]
    fn a_customer_that_an_import_brought_is_withdrawn_with_all_of_its_moves() {
        let events = given(history()).by(wang()).when(undo(&[1, 2, 3])).both();
        let CustomerEvent::MoveVoided(voided) = &events[0] else { panic!("{events:?}") };
        assert_eq!((voided.corrects, &voided.also_voids[..]), (event_id(1), &[event_id(2), event_id(3)][..]));
        assert_eq!(events[1], CustomerEvent::Withdrawn(Withdrawn { import: IMPORT }));
        let customer = given(history().into_iter().chain(events)).customer.unwrap();
        assert!(customer.withdrawn && customer.has_left());
        assert!(customer.journeys.moves(customer.primary()).is_empty());
    }

    #[test]
    fn of_a_customer_that_was_there_the_moves_that_it_added_are_voided() {
        let event = given(history()).by(wang()).when(undo(&[3])).event();
        let CustomerEvent::MoveVoided(voided) = &event.event else { panic!("{event:?}") };
        assert_eq!((voided.corrects, voided.also_voids.len()), (event_id(3), 0));
        let customer = given(history().into_iter().chain([event.event])).customer.unwrap();
        assert!(!customer.withdrawn);
        assert_eq!(customer.current().unwrap().stage, "contacted");
    }

    #[test]
    fn a_customer_that_was_there_is_called_again_what_it_was_and_one_that_was_brought_is_gone() {
        let restores = DetailsChanged { tier: Some("A".into()), ..DetailsChanged::default() };
        let restoring = |imported| Withdraw { restores: Some(Box::new(restores.clone())), ..undo(imported) };
        let back = CustomerEvent::DetailsChanged(restores.clone());
        let events = given(history()).by(wang()).when(restoring(&[3])).both();
        assert_eq!(events[1], back);
        // Where the file had added no move, that alone.
        given(history()).by(wang()).when(restoring(&[9])).then([back]);
        let gone = given(history()).by(wang()).when(restoring(&[1, 2, 3])).both();
        assert_eq!(gone[1], CustomerEvent::Withdrawn(Withdrawn { import: IMPORT }));
    }

    #[test]
    fn nothing_is_taken_back_from_a_customer_that_was_worked_on_since() {
        let since = Withdraw { since: vec![event_id(4)], ..undo(&[1, 2, 3]) };
        let refusal = given(history()).by(wang()).when(since).refuses([Code::WorkedOnSince]);
        assert_eq!(refusal.violations[0].data["events"][0], event_id(4).to_string());
        given(history()).when(undo(&[1, 2, 3])).refuses([Code::ForbiddenRole]);
    }

    #[test]
    fn what_was_withdrawn_takes_no_commands_and_is_not_undone_twice() {
        let events = given(history()).by(wang()).when(undo(&[1, 2, 3])).both();
        let gone = || given(history().into_iter().chain(events.clone())).by(wang());
        gone().when(Note { text: "back?".into() }).refuses([Code::CustomerWithdrawn]);
        gone()
            .when(Transition { to: "contacted".into(), ..Transition::default() })
            .refuses([Code::CustomerWithdrawn]);
        gone().when(undo(&[1, 2, 3])).refuses([Code::CustomerWithdrawn]);
    }
}
