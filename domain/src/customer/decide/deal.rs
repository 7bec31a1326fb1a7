//! What a move says of the deal: until when it is put off, and how much of it is won.
//!
//! These are details, and details move nobody: a move that says them is recorded as a move, and beside it the details
//! that it set. What was put off is no longer so once the customer leaves the paused stage.

use chrono::{DateTime, Utc};

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::Transition;
use crate::customer::event::{CustomerEvent, DetailsChanged, Profile};
use crate::customer::state::Customer;
use crate::pipeline::{Stage, StageType};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

/// What is wrong with what a move says of the deal.
pub(super) fn well_formed(
    stage: Option<&Stage>,
    command: &Transition,
    effective_at: DateTime<Utc>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let kind = stage.map(|stage| stage.kind);
    let paused = kind.is_none_or(StageType::stops_clock);
    let won = kind.is_none_or(StageType::closes_a_deal);
    let put_off = require(command.postponed_until.is_none() || paused, || {
        misplaced(
            "postponed_until",
            Label::new(
                "只有进入暂停类状态才能填写延期日期。",
                "A postponement date can be set only when entering a paused stage.",
            ),
        )
    });
    let later = command.postponed_until.is_none_or(|until| until > effective_at.date_naive());
    let ahead = require(later, || {
        Violation::new(
            Code::NextPlanInPast,
            "postponed_until",
            Label::new(
                "延期日期须晚于变更当天。",
                "The postponement date must be after the day of the transition.",
            ),
            Label::new("请填写之后的日期。", "Enter a later date."),
        )
    });
    let amount = require(command.won_amount.is_none() || won, || {
        misplaced(
            "won_amount",
            Label::new(
                "只有进入成交类状态才能填写成交金额。",
                "A won amount can be set only when entering a won or partially won stage.",
            ),
        )
    });
    [put_off, ahead, amount, guard::money("won_amount", command.won_amount.as_ref(), context)].concat()
}

fn misplaced(field: &str, message: Label) -> Violation {
    let how_to_fix = Label::new(
        "请去掉该字段，或改用客户资料。",
        "Remove the field, or change the customer's details instead.",
    );
    Violation::new(Code::InvalidValue, field, message, how_to_fix)
}

/// The details that a move sets or takes away; none in most cases.
pub(super) fn details(
    customer: &Customer,
    command: &Transition,
    stage: Option<&Stage>,
) -> Option<DetailsChanged> {
    let goes_on = stage.is_some_and(|stage| !stage.kind.stops_clock());
    let over = customer.postponed_until.is_some() && goes_on;
    if command.postponed_until.is_none() && command.won_amount.is_none() && !over {
        return None;
    }
    let profile = Profile {
        postponed_until: command.postponed_until,
        won_amount: command.won_amount.clone(),
        cleared: if over { vec!["postponed_until".to_owned()] } else { Vec::new() },
        ..Profile::default()
    };
    Some(DetailsChanged { profile: Some(profile), ..DetailsChanged::default() })
}

/// The event of such details.
pub(super) fn event(details: DetailsChanged, effective_at: DateTime<Utc>) -> NewEvent {
    NewEvent { event: CustomerEvent::DetailsChanged(details), effective_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::Money;
    use chrono::{Days, NaiveDate};

    fn until(days: u64) -> Option<NaiveDate> {
        Some(day(10).date_naive() + Days::new(days))
    }

    fn postponed(days: u64) -> Transition {
        Transition {
            postponed_until: until(days),
            note: Some("their budget".into()),
            next_step: Some("call".into()),
            ..to("postponed")
        }
    }

    fn negotiating() -> [CustomerEvent; 2] {
        [registered_by_li(), moved("new_lead", "negotiating")]
    }

    #[test]
    fn a_deal_is_put_off_with_the_move_and_taken_up_with_the_next() {
        let events = given(negotiating()).when(postponed(30)).both();
        assert!(matches!(&events[0], CustomerEvent::Moved(moved) if moved.to == "postponed"));
        let story = || negotiating().into_iter().chain(events.clone());
        let customer = given(story()).customer.unwrap();
        assert_eq!(customer.postponed_until, until(30));
        let back = Transition {
            note: Some("budget granted".into()),
            next_step: Some("send the offer".into()),
            ..to("negotiating")
        };
        let taken_up = given(story()).when(back).both();
        let customer = given(story().chain(taken_up)).customer.unwrap();
        assert_eq!(customer.postponed_until, None);
        assert_eq!(customer.current().unwrap().stage, "negotiating");
    }

    #[test]
    fn a_deal_is_put_off_into_a_paused_stage_and_a_later_day_only() {
        given(negotiating()).when(postponed(0)).refuses([Code::NextPlanInPast]);
        let open = Transition { postponed_until: until(5), ..to("contacted") };
        given([registered_by_li()]).when(open).refuses([Code::InvalidValue]);
    }

    #[test]
    fn an_amount_is_won_in_a_stage_that_wins() {
        let amount = |text: &str| Money { amount: text.parse().unwrap(), currency: "CNY".to_owned() };
        let part = |text: &str| Transition {
            won_amount: Some(amount(text)),
            note: Some("phase one".into()),
            next_step: Some("phase two".into()),
            ..to("partially_won")
        };
        let events = given(negotiating()).on_import().when(part("400.00")).both();
        let CustomerEvent::DetailsChanged(details) = &events[1] else { panic!("{events:?}") };
        assert_eq!(details.profile.as_ref().unwrap().won_amount, Some(amount("400.00")));
        given(negotiating()).on_import().when(part("0.001")).refuses([Code::InvalidMoney]);
        let open = Transition { won_amount: Some(amount("1")), ..to("contacted") };
        given([registered_by_li()]).when(open).refuses([Code::InvalidValue]);
    }
}
