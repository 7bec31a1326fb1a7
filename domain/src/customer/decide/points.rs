//! The account of a loyalty programme: points are earned and spent, rewards given, recommendations kept. The balance is at no
//! instant less than zero, whatever is recorded late.

use super::guard;
use super::new_event::NewEvent;
use super::transaction;
use crate::customer::command::RecordPoints;
use crate::customer::event::{CustomerEvent, PointsKind, PointsRecorded};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

fn needs(field: &str, missing: bool, message: Label, how_to_fix: Label) -> Vec<Violation> {
    require(!missing, || Violation::new(Code::MissingField, field, message, how_to_fix))
}

fn senseless(field: &str, given: bool, message: Label) -> Vec<Violation> {
    require(!given, || {
        let how_to_fix = Label::new("请去掉该字段。", "Leave the field out.");
        Violation::new(Code::InvalidValue, field, message, how_to_fix)
    })
}

/// Each kind says what it takes: points to earn or spend, what the reward is, who was recommended.
fn complete(command: &RecordPoints) -> Vec<Violation> {
    let moves_points = matches!(command.kind, PointsKind::Earned | PointsKind::Spent);
    [
        needs(
            "points",
            moves_points && command.points == 0,
            Label::new("积分须大于零。", "The number of points must be greater than 0."),
            Label::new("请填写积分数。", "Enter how many points."),
        ),
        needs(
            "reward",
            command.kind == PointsKind::Reward && command.reward.is_none(),
            Label::new("需要说明奖励内容。", "A reward has to be named."),
            Label::new(
                "请填写奖励的标识，例如 birthday_gift。",
                "Enter its identifier, such as birthday_gift.",
            ),
        ),
        needs(
            "referred",
            command.kind == PointsKind::Referral && command.referred.is_none(),
            Label::new("需要说明推荐了哪位客户。", "A referral has to name the customer that came by it."),
            Label::new("请填写被推荐客户的编号。", "Enter the ID of the customer that was recommended."),
        ),
        senseless(
            "referred",
            command.kind != PointsKind::Referral && command.referred.is_some(),
            Label::new("仅推荐记录可填写被推荐客户。", "Only a referral names a customer that came by it."),
        ),
        senseless(
            "reward",
            matches!(command.kind, PointsKind::Earned | PointsKind::Referral) && command.reward.is_some(),
            Label::new("获得积分时不填写奖励。", "Points that are earned name no reward."),
        ),
        senseless(
            "transaction",
            command.kind != PointsKind::Earned && command.transaction.is_some(),
            Label::new("仅获得积分时可填写交易。", "Only points that are earned name a transaction."),
        ),
    ]
    .concat()
}

fn of_this_customer(customer: &Customer, command: &RecordPoints) -> Vec<Violation> {
    let Some(named) = command.transaction else { return Vec::new() };
    let known = customer.purchases.transaction(named).is_some_and(|known| known.voided_by.is_none());
    if known { Vec::new() } else { vec![transaction::unknown("transaction")] }
}

fn covered(customer: &Customer, command: &RecordPoints, context: &Context<'_>) -> Vec<Violation> {
    let available = customer.purchases.available_at(context.effective_at());
    let enough = command.kind != PointsKind::Spent || i64::from(command.points) <= available;
    require(enough, || {
        Violation::new(
            Code::InsufficientPoints,
            "points",
            Label::new(format!("可用积分为{available}。"), format!("{available} points are available.")),
            Label::new(
                "请减少积分数；补录的积分须在其生效时间起足够。",
                "Spend fewer; points recorded late must suffice from their effective time on.",
            ),
        )
        .with("available", available)
    })
}

/// A recommendation brings somebody else, and each customer once.
fn recommended_once(customer: &Customer, command: &RecordPoints) -> Vec<Violation> {
    let Some(referred) = command.referred else { return Vec::new() };
    if referred == customer.id {
        return vec![Violation::new(
            Code::SameCustomer,
            "referred",
            Label::new("客户不能推荐自己。", "A customer cannot recommend itself."),
            Label::new("请填写另一个客户的编号。", "Enter another customer's ID."),
        )];
    }
    require(!customer.purchases.has_referred(referred), || {
        Violation::new(
            Code::AlreadyReferred,
            "referred",
            Label::new("该推荐已记录。", "This referral is on record."),
            Label::new("无需再次记录。", "Do not record it again."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &RecordPoints,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let reward = command.reward.as_deref().map(|reward| guard::identifier("reward", reward));
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        complete(command),
        reward.unwrap_or_default(),
        of_this_customer(customer, command),
        covered(customer, command, context),
        recommended_once(customer, command),
        guard::optional_text("note", command.note.as_deref()),
    ])?;
    let event = CustomerEvent::PointsRecorded(PointsRecorded {
        kind: command.kind,
        points: command.points,
        reward: command.reward.clone(),
        referred: command.referred,
        transaction: command.transaction,
        note: command.note.clone().map(Personal::Clear),
    });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Noted, Recorded};

    fn points(kind: PointsKind, points: u32) -> RecordPoints {
        RecordPoints { kind, points, reward: None, referred: None, transaction: None, note: None }
    }

    fn earned(count: u32) -> CustomerEvent {
        given([registered_by_li()]).when(points(PointsKind::Earned, count)).event().event
    }

    #[test]
    fn no_more_points_are_spent_than_there_are() {
        let story = || given([registered_by_li(), earned(100)]);
        story().when(points(PointsKind::Spent, 101)).refuses([Code::InsufficientPoints]);
        let spent = story().when(points(PointsKind::Spent, 100)).event().event;
        let after = given([registered_by_li(), earned(100), spent]);
        assert_eq!(after.customer.as_ref().unwrap().purchases.balance(), 0);
        after.when(points(PointsKind::Spent, 1)).refuses([Code::InsufficientPoints]);
        given([registered_by_li()]).when(points(PointsKind::Earned, 0)).refuses([Code::MissingField]);
    }

    #[test]
    fn points_are_not_spent_before_they_were_earned_nor_twice_by_recording_late() {
        let story = || given([registered_by_li(), earned(100)]).by(wang());
        story().effective(day(0)).when(points(PointsKind::Spent, 1)).refuses([Code::InsufficientPoints]);
        let spent =
            given([registered_by_li(), earned(100)]).when(points(PointsKind::Spent, 60)).event().event;
        let between = || CustomerEvent::Noted(Noted { text: "x".to_owned().into() });
        let after = || given([registered_by_li(), earned(100), between(), spent.clone()]).by(wang());
        after().effective(day(2)).when(points(PointsKind::Spent, 41)).refuses([Code::InsufficientPoints]);
        after().effective(day(2)).when(points(PointsKind::Spent, 40)).event();
    }

    #[test]
    fn a_reward_is_named_and_a_recommendation_brings_another_customer_once() {
        given([registered_by_li()]).when(points(PointsKind::Reward, 0)).refuses([Code::MissingField]);
        let gift = RecordPoints { reward: Some("birthday_gift".into()), ..points(PointsKind::Reward, 0) };
        given([registered_by_li()]).when(gift).event();
        given([registered_by_li()]).when(points(PointsKind::Referral, 5)).refuses([Code::MissingField]);
        let referral =
            |referred| RecordPoints { referred: Some(referred), ..points(PointsKind::Referral, 50) };
        given([registered_by_li()]).when(referral(customer_id())).refuses([Code::SameCustomer]);
        let brought = given([registered_by_li()]).when(referral(OTHER)).event().event;
        let after = given([registered_by_li(), brought]);
        assert_eq!(after.customer.as_ref().unwrap().purchases.balance(), 50);
        after.when(referral(OTHER)).refuses([Code::AlreadyReferred]);
    }

    proptest! {
        /// Whatever is earned and spent, in whatever order of effective times: no balance of any instant is below zero.
        #[test]
        fn the_balance_is_never_below_zero_at_any_instant(
            attempts in proptest::collection::vec((any::<bool>(), 1_u32..40, 0_i64..10), 1..40),
        ) {
            let mut happened: Vec<(i64, CustomerEvent, i64)> = Vec::new();
            for (earns, count, at) in attempts {
                let kind = if earns { PointsKind::Earned } else { PointsKind::Spent };
                let mut story = given([registered_by_li()]).by(wang()).effective(day(at));
                for (n, (at, event, _)) in (2_u32..).zip(&happened) {
                    story.customer.as_mut().unwrap().evolve(&Recorded {
                        position: n.into(),
                        id: event_id(n.into()),
                        effective_at: day(*at),
                        recorded_at: day(9),
                        actor: "rep:li".to_owned(),
                        origin: None,
                        event: event.clone(),
                    });
                }
                match story.decided(points(kind, count)) {
                    Ok(mut decided) => {
                        let change = if earns { i64::from(count) } else { -i64::from(count) };
                        happened.push((at, decided.remove(0).event, change));
                    }
                    Err(refusal) => {
                        prop_assert!(!earns);
                        prop_assert_eq!(refusal.code, "insufficient-points");
                    }
                }
            }
            for instant in 0..=10 {
                let balance: i64 = happened.iter().filter(|one| one.0 <= instant).map(|one| one.2).sum();
                prop_assert!(balance >= 0, "{balance} at {instant}");
            }
        }
    }
}
