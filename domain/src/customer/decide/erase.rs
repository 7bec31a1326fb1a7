//! A person is forgotten: with this event the key of its personal fields is destroyed.

use chrono::{DateTime, Utc};

use super::guard;
use super::new_event::NewEvent;
use crate::Context;
use crate::customer::command::Erase;
use crate::customer::event::{CustomerEvent, Erased};
use crate::customer::state::Customer;
use crate::refusal::Refusal;

pub(super) fn decide(
    customer: &Customer,
    command: &Erase,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::supervises(context, ""),
        guard::identifier("ground", &command.ground),
        guard::no_legal_hold(customer, context.now),
    ])?;
    let event = CustomerEvent::Erased(Erased { ground: command.ground.clone() });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

/// The erasure of somebody who was erased before and is there again, as in a restored backup: it was decided then, and nothing
/// that the backup tells of a time before it (a hold, a merge) can keep the data. None where the customer is erased.
pub fn erased_again(customer: &Customer, ground: String, now: DateTime<Utc>) -> Option<NewEvent> {
    let event = CustomerEvent::Erased(Erased { ground });
    (!customer.erased).then_some(NewEvent { event, effective_at: now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::Note;
    use crate::customer::decide::spec::*;
    use crate::refusal::Code;

    fn on_request() -> Erase {
        Erase { ground: "request".to_owned() }
    }

    fn erased() -> CustomerEvent {
        CustomerEvent::Erased(Erased { ground: "request".to_owned() })
    }

    #[test]
    fn a_manager_erases_a_person_and_a_rep_does_not() {
        given([registered_by_li()]).by(wang()).when(on_request()).then([erased()]);
        given([registered_by_li()]).when(on_request()).refuses([Code::ForbiddenRole]);
    }

    #[test]
    fn the_ground_is_no_text_about_the_person() {
        let command = Erase { ground: "Mr Li asked us".to_owned() };
        given([registered_by_li()]).by(wang()).when(command).refuses([Code::InvalidIdentifier]);
    }

    #[test]
    fn an_erased_customer_takes_no_commands() {
        let story = || given([registered_by_li(), erased()]).by(wang());
        story().when(on_request()).refuses([Code::CustomerErased]);
        story().when(Note { text: "back?".to_owned() }).refuses([Code::CustomerErased]);
        story().when(to("contacted")).refuses([Code::CustomerErased]);
    }
}
