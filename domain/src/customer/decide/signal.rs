//! Something is observed about a customer: a payment, a login, a mail opened.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::Signal;
use crate::customer::event::{CustomerEvent, Signalled};
use crate::customer::state::Customer;
use crate::pipeline::automation::Trigger;
use crate::refusal::Refusal;
use crate::{Context, Personal};

/// The automations that ask for particulars which the signal has: this is told now, for particulars are sealed.
fn rules_met(customer: &Customer, command: &Signal, context: &Context<'_>) -> Vec<String> {
    let automations = customer.journeys.keys().filter_map(|key| context.pipeline(key));
    let asked = automations.flat_map(|pipeline| &pipeline.automations).filter(|automation| {
        let Trigger::Signal { signal, data, .. } = &automation.trigger else { return false };
        let has = |(name, value)| command.data.as_ref().and_then(|given| given.get(name)) == Some(value);
        *signal == command.kind && !data.is_empty() && data.iter().all(has)
    });
    asked.map(|automation| automation.id.clone()).collect()
}

pub(super) fn decide(
    customer: &Customer,
    command: &Signal,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective_in(customer, "at", context),
        guard::identifier("kind", &command.kind),
        command.data.as_ref().map(|data| guard::json("data", data)).unwrap_or_default(),
    ])?;
    let meets = rules_met(customer, command, context);
    let data = command.data.clone().map(Personal::from);
    let event = CustomerEvent::Signalled(Signalled { kind: command.kind.clone(), data, meets });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::Registered;
    use crate::refusal::Code;

    #[test]
    fn an_observation_is_recorded_at_the_instant_it_was_made() {
        let paid = Signal { kind: "paid".into(), data: Some(serde_json::json!({ "order": 7 })) };
        let event = given([registered_by_li()]).effective(day(9)).when(paid).event();
        assert_eq!(event.effective_at, day(9));
        assert_eq!(event.event.event_type(), "customer.signalled");
    }

    #[test]
    fn it_names_the_rules_whose_particulars_it_has() {
        let rules = |level: &str| {
            let data = Some(serde_json::json!({ "level": level, "by": "mail" }));
            let told = Registered {
                pipeline: "lifecycle-5".into(),
                stage: "won".into(),
                owner: crate::Owner::Rep("li".into()),
                ..registered()
            };
            let signal = Signal { kind: "satisfaction".into(), data };
            match given([CustomerEvent::Registered(told)]).when(signal).event().event {
                CustomerEvent::Signalled(signalled) => signalled.meets,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(rules("high"), ["becomes_loyal_by_purchases", "becomes_loyal"]);
        assert_eq!(rules("low"), Vec::<String>::new());
    }

    #[test]
    fn the_field_that_says_when_is_named_as_the_signal_has_it() {
        let signal = Signal { kind: "paid".into(), data: None };
        let early = given([registered_by_li()]).at(day(3)).effective(day(0) - chrono::TimeDelta::seconds(1));
        let refusal = early.when(signal).refuses([Code::EffectiveBeforeCreation]);
        assert_eq!(refusal.violations[0].field, "at");
    }

    #[test]
    fn its_kind_is_a_word_for_programs() {
        let signal = Signal { kind: "He paid!".into(), data: None };
        given([registered_by_li()]).when(signal).refuses([Code::InvalidIdentifier]);
    }
}
