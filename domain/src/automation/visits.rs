//! The reminder of a contact that was agreed: once, at the agreed instant or some time before, to the owner of the customer.
//! Another appointment moves it, and the record of the visit, which always says what comes next, does away with it.

use chrono::{DateTime, TimeDelta, Utc};

use super::deadline::{Deadline, Due, Rules};
use crate::customer::Customer;
use crate::customer::automation_state::Occurrence;
use crate::customer::timeline::Stay;
use crate::pipeline::StageType;
use crate::pool::start_of_day;
use crate::{Label, Owner, Pipeline};

/// What the rule is called where rules are named.
pub(super) const VISIT: &str = "visit";

/// When the next contact is due. Entering a lost stage ends what was planned before; entering one in which clocks stand still puts it
/// off to the beginning of the day until which the deal is put off, in the zone of the pipeline's default pool.
pub fn next_contact(customer: &Customer, pipeline: &Pipeline) -> Option<DateTime<Utc>> {
    let planned = plan(customer, pipeline).map(|(at, _)| at);
    planned.or_else(|| put_off_until(customer, pipeline))
}

/// The plan, unless the customer has entered a stage since that ends it or puts it off.
fn plan(customer: &Customer, pipeline: &Pipeline) -> Option<(DateTime<Utc>, Occurrence)> {
    let (at, said) = customer.automation.planned()?;
    // Of two that happened at one instant, the one that was recorded later.
    let entered_since =
        |stay: &Stay| (said.effective_at, said.position) < (stay.entered_at, stay.entered_position);
    let is_lost = |stay: &Stay| pipeline.stage(&stay.stage).is_some_and(|stage| stage.kind.is_lost());
    let mut stays = customer.journeys.stays(customer.primary()).iter();
    let lost = stays.any(|stay| is_lost(stay) && entered_since(stay));
    let put_off =
        put_off_until(customer, pipeline).is_some() && customer.current().is_some_and(entered_since);
    (!lost && !put_off).then_some((at, said))
}

fn put_off_until(customer: &Customer, pipeline: &Pipeline) -> Option<DateTime<Utc>> {
    let day = customer.postponed_until.filter(|_| is_in(customer, pipeline, StageType::stops_clock))?;
    Some(start_of_day(pipeline.default_pool()?.timezone, day))
}

fn is_in(customer: &Customer, pipeline: &Pipeline, such: fn(StageType) -> bool) -> bool {
    let stage = customer.current().and_then(|stay| pipeline.stage(&stay.stage));
    stage.is_some_and(|stage| such(stage.kind))
}

/// When the owner is reminded. What was agreed for a past instant is nobody's appointment.
pub(super) fn deadline<'a>(customer: &Customer, rules: Rules<'a>) -> Option<Deadline<'a>> {
    let visits = rules.pipeline.visits.as_ref()?;
    let (at, said) = plan(customer, rules.pipeline)?;
    if !matches!(customer.owner, Owner::Rep(_)) || at < said.recorded_at {
        return None;
    }
    let lead = i64::try_from(visits.remind_before_seconds).ok().and_then(TimeDelta::try_seconds)?;
    let due_at = at.checked_sub_signed(lead)?.max(said.recorded_at);
    let since = rules.since(|pipeline| pipeline.visits.is_some());
    if said.recorded_at < since && due_at < since {
        return None;
    }
    let due_at = due_at.max(rules.in_force_since(customer, |pipeline| {
        pipeline
            .visits
            .as_ref()
            .is_some_and(|known| known.remind_before_seconds == visits.remind_before_seconds)
    }));
    Some(Deadline {
        rule: VISIT.to_owned(),
        name: Label::new("约定联系提醒", "Reminder of an agreed contact"),
        journey: customer.primary().to_owned(),
        cause: said.event,
        due_at,
        due: Due::Visit(visits),
    })
}
