//! A rep writes something down.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::Note;
use crate::customer::event::{CustomerEvent, Noted};
use crate::customer::state::Customer;
use crate::refusal::Refusal;
use crate::{Context, Personal};

pub(super) fn decide(
    customer: &Customer,
    command: &Note,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        guard::text("text", &command.text),
    ])?;
    let event = CustomerEvent::Noted(Noted { text: Personal::Clear(command.text.clone()) });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::refusal::Code;

    fn note(text: &str) -> Note {
        Note { text: text.to_owned() }
    }

    #[test]
    fn a_note_is_personal() {
        let event = CustomerEvent::Noted(Noted { text: Personal::Clear("likes tea\n喝茶".into()) });
        given([registered_by_li()]).when(note("likes tea\n喝茶")).then([event]);
    }

    #[test]
    fn a_note_has_one_to_4000_characters_and_no_controls() {
        given([registered_by_li()]).when(note(&"字".repeat(4_000))).event();
        given([registered_by_li()]).when(note(&"字".repeat(4_001))).refuses([Code::TextTooLong]);
        given([registered_by_li()]).when(note("  ")).refuses([Code::EmptyText]);
        given([registered_by_li()]).when(note("a\u{0}b")).refuses([Code::ControlCharacter]);
    }

    #[test]
    fn nobody_notes_anything_of_a_customer_that_does_not_exist() {
        given([]).when(note("hello")).refuses([Code::UnknownCustomer]);
    }
}
