//! Rules about sub-statuses and purchases: from when they wait, and what they count.

use super::*;
use crate::customer::event::SubStatusSet;

fn set_to(story: &Story, stage: &str, sub_status: &str) -> CustomerEvent {
    CustomerEvent::SubStatusSet(SubStatusSet {
        journey: story.pipeline.key.clone(),
        pipeline_version: 1,
        stage: stage.to_owned(),
        sub_status: sub_status.to_owned(),
        ..SubStatusSet::default()
    })
}

fn bought(kind: TransactionKind, amount: i64) -> CustomerEvent {
    let amount = Money { amount: amount.into(), currency: "CNY".to_owned() };
    CustomerEvent::TransactionRecorded(TransactionRecorded { kind, reference: None, amount, note: None })
}

fn sub_status(story: &Story) -> Option<String> {
    story.customer().current().unwrap().sub_status.clone()
}

/// The story with all that purchases set off by an instant.
fn settled(mut story: Story, now: DateTime<Utc>) -> Story {
    let rules: Vec<String> = story.pipeline.automations.iter().map(|rule| rule.id.clone()).collect();
    while let Some(rule) = rules.iter().find(|rule| story.due(rule).is_some_and(|due| due <= now)) {
        story = story.acted(rule, now);
    }
    story
}

#[test]
fn a_wait_for_a_sub_status_counts_from_when_the_customer_came_to_stand_in_it() {
    let quoted = Story::of("landian-6", "quoted");
    let comparing = quoted.clone().then(2 * DAY, set_to(&quoted, "quoted", "comparing_prices"));
    strikes_at(&comparing, "comparing_prices_reminder", t(5 * DAY));
    let later =
        quoted.clone().then(2 * DAY, note()).then(4 * DAY, set_to(&quoted, "quoted", "comparing_prices"));
    strikes_at(&later, "comparing_prices_reminder", t(7 * DAY));
    strikes_at(&comparing.clone().follow_up(3 * DAY), "comparing_prices_reminder", t(6 * DAY));
    let over = comparing.then(3 * DAY, set_to(&quoted, "quoted", "awaiting_answer"));
    assert_eq!(over.due("comparing_prices_reminder"), None);

    let talking = Story::of("funnel-5", "talking");
    let quoted = talking.clone().then(9 * DAY, set_to(&talking, "talking", "quoted"));
    strikes_at(&quoted, "call_back_about_quote", t(11 * DAY));
}

#[test]
fn an_entry_that_waits_for_a_sub_status_waits_once_for_each_time_it_was_set() {
    let mut story = Story::of("landian-6", "quoted");
    let rule =
        story.pipeline.automations.iter_mut().find(|rule| rule.id == "comparing_prices_reminder").unwrap();
    rule.trigger = Trigger::StageEntered { stages: vec!["quoted".to_owned()], also_in: Vec::new() };
    let comparing = story.clone().then(2 * DAY, set_to(&story, "quoted", "comparing_prices"));
    strikes_at(&comparing, "comparing_prices_reminder", t(5 * DAY));
    let told = comparing.acted("comparing_prices_reminder", t(5 * DAY));
    assert_eq!(told.due("comparing_prices_reminder"), None);
    let again = told
        .then(6 * DAY, set_to(&story, "quoted", "awaiting_answer"))
        .then(8 * DAY, set_to(&story, "quoted", "comparing_prices"));
    strikes_at(&again, "comparing_prices_reminder", t(11 * DAY));
}

#[test]
fn the_satisfaction_visit_is_due_though_the_customer_went_on_to_service() {
    let delivered = Story::of("helloword-13", "won").moved(DAY, "won", "delivered");
    let served = delivered.clone().moved(3 * DAY, "delivered", "in_service");
    strikes_at(&served, "satisfaction_visit", t(8 * DAY));
    let renewing = served.clone().moved(4 * DAY, "in_service", "considering_renewal");
    strikes_at(&renewing, "satisfaction_visit", t(8 * DAY));
    assert_eq!(served.clone().moved(4 * DAY, "in_service", "lost").due("satisfaction_visit"), None);
    let visited = renewing.acted("satisfaction_visit", t(8 * DAY));
    assert_eq!(visited.due("satisfaction_visit"), None, "one visit for one delivery");
    let straight = Story::of("helloword-13", "won").moved(DAY, "won", "in_service");
    assert_eq!(straight.due("satisfaction_visit"), None, "nothing was delivered");
}

#[test]
fn orders_tell_first_and_repeated_deals_and_instalments_of_one_order_are_one() {
    use TransactionKind::{Order, Payment};
    let won = Story::of("bajun-5", "won");
    assert_eq!(sub_status(&settled(won.clone(), t(60))), None, "nothing was bought");
    let first = settled(won.then(60, bought(Order, 10)), t(60));
    assert_eq!(sub_status(&first).as_deref(), Some("first_deal"));
    let deposit = settled(first.then(120, bought(Payment, 3)), t(120));
    let balance = settled(deposit.then(180, bought(Payment, 7)), t(180));
    assert_eq!(sub_status(&balance).as_deref(), Some("first_deal"), "a deposit and a balance of one order");
    let second = settled(balance.then(240, bought(Order, 10)), t(240));
    assert_eq!(sub_status(&second).as_deref(), Some("repurchase"));
    let yearly = settled(second.then(300, bought(Order, 99_979)), t(300));
    assert_eq!(sub_status(&yearly).as_deref(), Some("repurchase"), "99,999 in a year");
    let vip = settled(yearly.then(360, bought(Order, 1)), t(360));
    assert_eq!(sub_status(&vip).as_deref(), Some("vip"), "100,000 in a year");

    let paid = settled(Story::of("bajun-5", "intent").then(60, bought(Order, 10)), t(60));
    assert_eq!(paid.customer().current().unwrap().stage, "intent", "an order is not paid yet");
    let paid = settled(paid.then(120, bought(Payment, 10)), t(120));
    assert_eq!(paid.customer().current().unwrap().stage, "won");
    assert_eq!(sub_status(&paid).as_deref(), Some("first_deal"));
}

#[test]
fn orders_and_their_payments_move_customers_of_shops_once_each() {
    use TransactionKind::{Order, Payment};
    for (template, start, first, again) in [
        ("ecommerce-6", "cart", "first_order", "repurchase"),
        ("activity-5", "potential", "new_customer", "active"),
    ] {
        let stage = |story: &Story| story.customer().current().unwrap().stage.clone();
        let story = settled(Story::of(template, start).then(60, bought(Order, 10)), t(60));
        assert_eq!(stage(&story), first, "{template}");
        let story = settled(story.then(120, bought(Payment, 10)), t(120));
        assert_eq!(stage(&story), first, "{template}: the first order is paid");
        let story = settled(story.then(180, bought(Order, 10)), t(180));
        assert_eq!(stage(&story), again, "{template}");
        let paid = settled(Story::of(template, start).then(60, bought(Payment, 10)), t(60));
        assert_eq!(stage(&paid), first, "{template}");
        assert_eq!(stage(&settled(paid.then(120, bought(Payment, 10)), t(120))), again, "{template}");
    }
}

#[test]
fn a_key_account_that_logs_in_again_is_one_still() {
    let key = Story::of("ecommerce-6", "repurchase").then(60, bought(TransactionKind::Payment, 100_000));
    let key = settled(key, t(60));
    assert_eq!(sub_status(&key).as_deref(), Some("key_account"));
    let idle = key.clone().then(DAY, set_to(&key, "repurchase", "low_activity"));
    let back = settled(idle.then(2 * DAY, signal("logged_in")), t(2 * DAY));
    assert_eq!(sub_status(&back).as_deref(), Some("key_account"));
}

#[test]
fn a_payment_enrols_a_student_whose_contract_is_not_known_yet() {
    let paid = Story::of("education", "potential").then(60, bought(TransactionKind::Payment, 10));
    strikes_at(&paid, "paid_is_won", t(60));
    let moved = paid.acted("paid_is_won", t(60));
    assert_eq!(moved.customer().current().unwrap().stage, "won");
}
