//! The key of a customer's personal fields is changed, because somebody may have learned it, or because it is old.

use super::new_event::NewEvent;
use super::{guard, unknown_customer};
use crate::Context;
use crate::customer::command::RotateKey;
use crate::customer::event::{CustomerEvent, KeyRotated};
use crate::customer::state::Customer;
use crate::refusal::Refusal;
use crate::validate::line_of;

/// The longest reason, in characters.
const MAX_CHARS: usize = 200;

/// Decides that a customer gets another key; one that was merged into another as well, since its own still seals what stands in its
/// history.
///
/// # Errors
/// The refusal, with every unmet condition.
pub(super) fn decide(
    state: Option<&Customer>,
    command: &RotateKey,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::still_exists(state.ok_or_else(unknown_customer)?),
        guard::supervises(context, ""),
        line_of("reason", &command.reason, MAX_CHARS),
    ])?;
    let event = CustomerEvent::KeyRotated(KeyRotated { reason: command.reason.clone() });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::Erased;
    use crate::refusal::Code;

    fn rotating(reason: &str) -> RotateKey {
        RotateKey { reason: reason.to_owned() }
    }

    #[test]
    fn a_supervisor_changes_the_key_of_anyone_who_is_not_erased_and_says_why() {
        let rotated = CustomerEvent::KeyRotated(KeyRotated { reason: "case 7".to_owned() });
        given([registered_by_li()]).by(wang()).when(rotating("case 7")).then([rotated]);
        given([registered_by_li()]).when(rotating("case 7")).refuses([Code::ForbiddenRole]);
        given([registered_by_li()]).by(wang()).when(rotating(" ")).refuses([Code::InvalidValue]);
        let erased = CustomerEvent::Erased(Erased { ground: "request".to_owned() });
        given([registered_by_li(), erased]).by(wang()).when(rotating("x")).refuses([Code::CustomerErased]);
    }
}
