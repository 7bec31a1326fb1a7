//! 八駿: the status as navigation, five statuses with what is finer within them, and the case of an education company.

use serde_json::{Value, json};

use super::{DAY, Office, each, payment};

#[tokio::test]
async fn bajun_from_a_potential_customer_to_a_key_account_and_what_wakes_the_sleepers() {
    let office = Office::of("bajun-5").await;
    let sets = async |id: &str, stage: &str, finer: &str| {
        office.does(id, "transitions", json!({"to": stage, "sub_status": finer})).await
    };
    let stands = async |id: &str| office.stands(id).await;
    let at = |stage: &str, finer: &str| (stage.to_owned(), finer.to_owned());

    // The status tells what to do; what is classified moves nobody; a finer status begins no stay.
    let id = office.customer(json!({"name": "海港食品", "sub_status": "not_contacted"})).await;
    assert!(office.shown(&id).await["next_action"]["text"].is_string());
    let classified =
        json!({"tier": "VIP", "industry": "food", "region": "east", "service_type": "complaint"});
    office.does(&id, "details", classified).await;
    assert_eq!(stands(&id).await, at("potential", "not_contacted"));
    sets(&id, "potential", "contacted").await;
    let stays = office.reads(&office.wang, &format!("/v1/customers/{id}/stays")).await;
    assert_eq!(stays["items"].as_array().unwrap().len(), 1);
    sets(&id, "intent", "quoting").await;

    // Paid: won by itself, for the first time, again, and at a hundred thousand a year a key account.
    office.does(&id, "transactions", payment("P-1", "100.00")).await;
    office.bench.tick().await;
    office.bench.tick().await;
    assert_eq!(stands(&id).await, at("won", "first_deal"));
    assert_eq!(office.processes(&id).await, ["dedicated_service"], "a VIP is served by a flow of its own");
    office.does(&id, "transactions", payment("P-2", "99899.99")).await;
    office.bench.tick().await;
    office.bench.tick().await;
    assert_eq!(stands(&id).await, at("won", "repurchase"), "a cent is missing");
    office.does(&id, "transactions", payment("P-3", "0.01")).await;
    office.bench.tick().await;
    assert_eq!(stands(&id).await, at("won", "vip"));

    // Of somebody who cannot be reached it is said, and the status stays.
    let lost_sight = office.customer(json!({"name": "北山农场"})).await;
    office.does(&lost_sight, "risk", json!({"at_risk": true, "reason": "失联"})).await;
    assert_eq!(office.shown(&lost_sight).await["risk"]["by"], "rep:li");
    assert_eq!(stands(&lost_sight).await.0, "potential");

    // Mail unread for seven days in a row reminds the service; mail that was opened does not.
    let (unread, read) = (office.customer(json!({})).await, office.customer(json!({})).await);
    for id in [&unread, &read] {
        office.does(id, "signals", json!({"kind": "mail_sent"})).await;
    }
    let board = office.reads(&office.wang, "/v1/boards/bajun-5").await;
    let share = |stage: &str| -> Value {
        let stages = board["stages"].as_array().unwrap();
        stages.iter().find(|one| one["stage"] == stage).unwrap()["share"].clone()
    };
    assert_eq!((share("won"), share("potential")), (json!(0.25), json!(0.75)));
    office.after(6 * DAY).await;
    office.does(&read, "signals", json!({"kind": "mail_opened"})).await;
    office.after(DAY - 1).await;
    assert!(office.reminders(&unread, "mail_unread").await.is_empty());
    office.after(1).await;
    let told = office.reminders(&unread, "mail_unread").await;
    assert_eq!(each(&json!(told), "role"), ["service"]);
    assert!(office.reminders(&read, "mail_unread").await.is_empty());

    // Nothing for more than thirty days: dormant, until somebody wakes it.
    let sleeps = office.customer(json!({"name": "湖边磨坊"})).await;
    office.after(30 * DAY).await;
    assert_eq!(stands(&sleeps).await.0, "potential", "thirty days are not more than thirty");
    office.after(1).await;
    assert_eq!(stands(&sleeps).await.0, "dormant");
    let woken = json!({"to": "potential", "reason": "展会上再次见面"});
    office.says(&office.wang, &format!("/v1/customers/{sleeps}/reactivations"), woken).await;
    assert_eq!(office.shown(&sleeps).await["journeys"][0]["cycle"], 2);

    // A shop: not logged in for more than fifteen days is low activity, which the next login ends.
    office.opens("ecommerce-6").await;
    let shopper = office.customer(json!({"pipeline": "ecommerce-6", "stage": "registered"})).await;
    office.does(&shopper, "signals", json!({"kind": "logged_in"})).await;
    office.after(15 * DAY).await;
    assert_ne!(stands(&shopper).await.1, "low_activity");
    office.after(1).await;
    assert_eq!(stands(&shopper).await, at("registered", "low_activity"));
    office.does(&shopper, "signals", json!({"kind": "logged_in"})).await;
    office.bench.tick().await;
    assert_eq!(stands(&shopper).await, at("registered", "engaged"));

    // The education company: thirty days before the contract ends, renewed, or to be won back; churn by its reason.
    office.opens("education").await;
    let ends = (office.bench.now() + chrono::TimeDelta::days(45)).date_naive();
    let student =
        || json!({"pipeline": "education", "stage": "won", "contract": {"ends_on": ends.to_string()}});
    let (renews, leaves) = (office.customer(student()).await, office.customer(student()).await);
    // The day begins in Shanghai eight hours before it does in UTC.
    let thirty = json!(format!("{}T16:00:00Z", ends - chrono::TimeDelta::days(31)));
    office.after(office.until(&thirty) - 1).await;
    assert_eq!(stands(&renews).await, at("won", ""));
    office.after(1).await;
    assert_eq!(stands(&renews).await, at("won", "expiring_in_30_days"));
    assert!(office.task(&renews, "early_bird_offer").await.is_some());
    let next = json!({"contract": {"ends_on": (ends + chrono::TimeDelta::days(365)).to_string()}});
    office.does(&renews, "details", next).await;
    office.bench.tick().await;
    assert_eq!(stands(&renews).await, at("won", "renewed"));
    office.after(30 * DAY).await;
    assert_eq!(stands(&leaves).await, at("won", "to_win_back"));
    for (reason, finer, task) in
        [("price", "left_for_price", "instalment_plan"), ("service", "left_for_service", "make_good")]
    {
        let gone = office.customer(json!({"pipeline": "education"})).await;
        office.does(&gone, "transitions", json!({"to": "churned", "reason": reason})).await;
        office.bench.tick().await;
        assert_eq!(stands(&gone).await, at("churned", finer));
        assert!(office.task(&gone, task).await.is_some());
    }
}
