//! A customer's data must be kept for a time, and is not erased by anyone; and the end of that.

use super::new_event::NewEvent;
use super::{guard, unknown_customer};
use crate::actor::Role;
use crate::customer::command::{PlaceLegalHold, ReleaseLegalHold};
use crate::customer::event::{CustomerEvent, LegalHoldPlaced, LegalHoldReleased};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::validate::line_of;
use crate::{Context, Label};

/// The longest ground or reason, in characters.
const MAX_CHARS: usize = 200;

/// Administrators, and auditors, who otherwise change nothing.
fn may_hold(context: &Context<'_>) -> Vec<Violation> {
    require([Role::Admin, Role::Auditor].iter().any(|role| context.actor.is(*role)), || {
        guard::forbidden_role(
            Label::new(
                "依法保留须由管理员或审计员操作。",
                "Legal holds are for administrators and auditors.",
            ),
            Label::new("请由管理员或审计员操作。", "Ask an administrator or an auditor."),
        )
    })
}

fn ends_later(command: &PlaceLegalHold, context: &Context<'_>) -> Vec<Violation> {
    require(command.until.is_none_or(|until| until > context.now), || {
        Violation::new(
            Code::InvalidValue,
            "until",
            Label::new("截止时间已经过去。", "The end is in the past."),
            Label::new("请填写将来的时间，或留空。", "Give an instant in the future, or none."),
        )
    })
}

/// Decides that a customer's data must be kept.
///
/// # Errors
/// The refusal, with every unmet condition.
pub(super) fn place(command: &PlaceLegalHold, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        may_hold(context),
        line_of("ground", &command.ground, MAX_CHARS),
        command.until.map(|until| guard::in_range(until, "until")).unwrap_or_default(),
        ends_later(command, context),
    ])?;
    let PlaceLegalHold { hold, ground, until } = command.clone();
    let event = CustomerEvent::LegalHoldPlaced(LegalHoldPlaced { hold, ground, until });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

/// Decides that it need not be kept any longer; of a customer that was merged into another, too.
///
/// # Errors
/// The refusal, with every unmet condition.
pub(super) fn release(
    state: Option<&Customer>,
    command: &ReleaseLegalHold,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let customer = state.ok_or_else(unknown_customer)?;
    let is_held = customer.legal_holds.iter().any(|one| one.hold == command.hold);
    let known = require(is_held, || {
        Violation::new(
            Code::UnknownLegalHold,
            "hold",
            Label::new("该客户没有这项依法保留。", "The customer has no such legal hold."),
            Label::new("请查看 GET /v1/audit/legal-holds。", "See GET /v1/audit/legal-holds."),
        )
    });
    let reason = command.reason.as_deref();
    let reasoned = reason.map(|reason| line_of("reason", reason, MAX_CHARS)).unwrap_or_default();
    Refusal::require_all([guard::still_exists(customer), may_hold(context), known, reasoned])?;
    let (hold, reason) = (command.hold, command.reason.clone());
    let event = CustomerEvent::LegalHoldReleased(LegalHoldReleased { hold, reason });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::Actor;
    use crate::customer::command::Erase;
    use crate::customer::decide::spec::*;
    use crate::customer::event::Erased;

    const HOLD: Uuid = Uuid::from_u128(0x401d);

    fn auditor() -> Actor {
        Actor::new("auditor:qian", [Role::Auditor])
    }

    fn placing(until: Option<TimeDelta>) -> PlaceLegalHold {
        let until = until.map(|later| day(10) + later);
        PlaceLegalHold { hold: HOLD, ground: "Case 7".to_owned(), until }
    }

    fn placed(until: Option<TimeDelta>) -> CustomerEvent {
        let PlaceLegalHold { hold, ground, until } = placing(until);
        CustomerEvent::LegalHoldPlaced(LegalHoldPlaced { hold, ground, until })
    }

    fn releasing() -> ReleaseLegalHold {
        ReleaseLegalHold { hold: HOLD, reason: None }
    }

    fn erase() -> Erase {
        Erase { ground: "request".to_owned() }
    }

    #[test]
    fn auditors_and_administrators_place_and_release_a_hold_and_nobody_else_does() {
        given([registered_by_li()]).by(auditor()).when(placing(None)).then([placed(None)]);
        for other in [wang(), li()] {
            given([registered_by_li()]).by(other.clone()).when(placing(None)).refuses([Code::ForbiddenRole]);
            let held = given([registered_by_li(), placed(None)]);
            held.by(other).when(releasing()).refuses([Code::ForbiddenRole]);
        }
        let released = CustomerEvent::LegalHoldReleased(LegalHoldReleased { hold: HOLD, reason: None });
        let held = || given([registered_by_li(), placed(None)]).by(auditor());
        held().when(releasing()).then([released.clone()]);
        let over = given([registered_by_li(), placed(None), released]).by(auditor());
        over.when(releasing()).refuses([Code::UnknownLegalHold]);
    }

    #[test]
    fn nobody_is_erased_while_a_hold_is_in_force() {
        let erased = CustomerEvent::Erased(Erased { ground: "request".to_owned() });
        given([registered_by_li(), placed(None)]).by(wang()).when(erase()).refuses([Code::LegalHold]);
        let hour = Some(TimeDelta::hours(1));
        given([registered_by_li(), placed(hour)]).by(wang()).when(erase()).refuses([Code::LegalHold]);
        let zero = Some(TimeDelta::zero());
        given([registered_by_li(), placed(zero)]).by(wang()).when(erase()).then([erased.clone()]);
        let released = CustomerEvent::LegalHoldReleased(LegalHoldReleased { hold: HOLD, reason: None });
        given([registered_by_li(), placed(None), released]).by(wang()).when(erase()).then([erased]);
    }

    #[test]
    fn a_hold_has_a_ground_and_ends_in_the_future() {
        let by_auditor = || given([registered_by_li()]).by(auditor());
        let nameless = PlaceLegalHold { ground: " ".to_owned(), ..placing(None) };
        by_auditor().when(nameless).refuses([Code::InvalidValue]);
        by_auditor().when(placing(Some(TimeDelta::zero()))).refuses([Code::InvalidValue]);
        by_auditor()
            .when(placing(Some(TimeDelta::microseconds(1))))
            .then([placed(Some(TimeDelta::microseconds(1)))]);
    }
}
