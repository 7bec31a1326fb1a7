//! The reminder of a contact that was agreed: once, at the agreed instant or some time before, to the owner of the customer.
//! Another appointment moves it, and the record of the visit, which always says what comes next, does away with it.

use chrono::TimeDelta;

use super::deadline::{Deadline, Due, Rules};
use crate::customer::Customer;
use crate::{Label, Owner};

/// What the rule is called where rules are named.
pub(super) const VISIT: &str = "visit";

/// When the owner is reminded. What was agreed for a past instant is nobody's appointment.
pub(super) fn deadline<'a>(customer: &Customer, rules: Rules<'a>) -> Option<Deadline<'a>> {
    let visits = rules.pipeline.visits.as_ref()?;
    let (at, said) = customer.automation.planned()?;
    if !matches!(customer.owner, Owner::Rep(_)) || at < said.recorded_at {
        return None;
    }
    let lead = i64::try_from(visits.remind_before_seconds).ok().and_then(TimeDelta::try_seconds)?;
    let due_at = at.checked_sub_signed(lead)?.max(said.recorded_at);
    let since = rules.since(|pipeline| pipeline.visits.is_some());
    if said.recorded_at < since && due_at < since {
        return None;
    }
    Some(Deadline {
        rule: VISIT.to_owned(),
        name: Label::new("约定联系提醒", "Reminder of an agreed contact"),
        journey: customer.primary().to_owned(),
        cause: said.event,
        due_at,
        due: Due::Visit(visits),
    })
}
