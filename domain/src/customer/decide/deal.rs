//! What a move says of the deal: until when it is put off, and how much of it is won.
//!
//! These are details, and details move nobody: a move that says them is recorded as a move, and beside it the details
//! that it set. What was put off is no longer so once the customer leaves the paused stage.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::customer::command::{ChangeDetails, NewProfile};
use crate::customer::state::Customer;
use crate::pipeline::{Stage, StageType};
use crate::refusal::{Code, Violation, require};
use crate::{CustomerField, Label};

/// What is wrong with what a move says of the deal; `room` is what its form has room for.
pub(super) fn well_formed(
    stage: Option<&Stage>,
    room: &BTreeSet<&str>,
    said: &NewProfile,
    effective_at: DateTime<Utc>,
) -> Vec<Violation> {
    let kind = stage.map(|stage| stage.kind);
    let has_room = |field: CustomerField| room.contains(field.key());
    let paused = kind.is_none_or(StageType::stops_clock) || has_room(CustomerField::PostponedUntil);
    let won = kind.is_none_or(StageType::closes_a_deal) || has_room(CustomerField::WonAmount);
    let put_off = require(said.postponed_until.is_none() || paused, || {
        misplaced(
            "postponed_until",
            Label::new(
                "只有进入暂停类状态或要求该项的状态才能填写延期日期。",
                "A postponement date can be set only when entering a paused stage, or one that asks for it.",
            ),
        )
    });
    let later = said.postponed_until.is_none_or(|until| until > effective_at.date_naive());
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
    let amount = require(said.won_amount.is_none() || won, || {
        misplaced(
            "won_amount",
            Label::new(
                "只有进入成交类状态或要求该项的状态才能填写成交金额。",
                "A won amount can be set only when entering a won or partially won stage, or one that asks for it.",
            ),
        )
    });
    [put_off, ahead, amount].concat()
}

fn misplaced(field: &str, message: Label) -> Violation {
    let how_to_fix = Label::new(
        "请去掉该字段，或改用客户资料。",
        "Remove the field, or change the customer's details instead.",
    );
    Violation::new(Code::InvalidValue, field, message, how_to_fix)
}

/// What a move sets of the customer and takes away: what was put off is no longer so once the customer goes on, unless the
/// stage that it enters asks for that day itself.
pub(super) fn details(
    customer: &Customer,
    mut said: ChangeDetails,
    stage: Option<&Stage>,
    room: &BTreeSet<&str>,
) -> ChangeDetails {
    let postponed_until = CustomerField::PostponedUntil.key();
    let goes_on = stage.is_some_and(|stage| !stage.kind.stops_clock()) && !room.contains(postponed_until);
    if customer.postponed_until.is_some() && goes_on {
        said.clear.push(postponed_until.to_owned());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::Transition;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{CustomerEvent, Money};
    use chrono::{Days, NaiveDate};

    fn until(days: u64) -> Option<NaiveDate> {
        Some(day(10).date_naive() + Days::new(days))
    }

    fn put_off_until(postponed_until: Option<NaiveDate>) -> ChangeDetails {
        let profile = NewProfile { postponed_until, ..NewProfile::default() };
        ChangeDetails { profile, ..ChangeDetails::default() }
    }

    fn won(amount: Money) -> ChangeDetails {
        let profile = NewProfile { won_amount: Some(amount), ..NewProfile::default() };
        ChangeDetails { profile, ..ChangeDetails::default() }
    }

    fn postponed(days: u64) -> Transition {
        Transition {
            details: Box::new(put_off_until(until(days))),
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
        let open = Transition { details: Box::new(put_off_until(until(5))), ..to("contacted") };
        given([registered_by_li()]).when(open).refuses([Code::InvalidValue]);
    }

    /// helloword-13, where the customer is negotiated with until a day.
    fn asking_for_the_day() -> Spec {
        let mut pipeline = crate::pipeline::templates()[0].install("helloword-13");
        let stage = pipeline.stages.iter_mut().find(|stage| stage.id == "negotiating").unwrap();
        stage.entry_form.fields = vec!["postponed_until".to_owned()];
        let put_off = given(negotiating()).when(postponed(30)).both();
        given(negotiating().into_iter().chain(put_off)).with_pipeline(pipeline)
    }

    #[test]
    fn a_stage_that_asks_for_the_day_itself_is_entered_with_it_and_keeps_it() {
        let back = |details| Transition {
            details: Box::new(details),
            note: Some("budget granted".into()),
            next_step: Some("send the offer".into()),
            ..to("negotiating")
        };
        let kept = asking_for_the_day().when(back(ChangeDetails::default())).event().event;
        assert!(matches!(kept, CustomerEvent::Moved(_)), "nothing is taken away: {kept:?}");
        let [_, said] = asking_for_the_day().when(back(put_off_until(until(5)))).both();
        let CustomerEvent::DetailsChanged(said) = said else { panic!("{said:?}") };
        let profile = said.profile.unwrap();
        assert_eq!((profile.postponed_until, profile.cleared.len()), (until(5), 0));
    }

    #[test]
    fn an_amount_is_won_in_a_stage_that_wins() {
        let amount = |text: &str| Money { amount: text.parse().unwrap(), currency: "CNY".to_owned() };
        let part = |text: &str| Transition {
            details: Box::new(won(amount(text))),
            note: Some("phase one".into()),
            next_step: Some("phase two".into()),
            ..to("partially_won")
        };
        let events = given(negotiating()).on_import().when(part("400.00")).both();
        let CustomerEvent::DetailsChanged(details) = &events[1] else { panic!("{events:?}") };
        assert_eq!(details.profile.as_ref().unwrap().won_amount, Some(amount("400.00")));
        given(negotiating()).on_import().when(part("0.001")).refuses([Code::InvalidMoney]);
        let open = Transition { details: Box::new(won(amount("1"))), ..to("contacted") };
        given([registered_by_li()]).when(open).refuses([Code::InvalidValue]);
    }
}
