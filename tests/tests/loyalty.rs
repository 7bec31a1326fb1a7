//! What customers buy and earn: transactions as facts, sub-statuses by them, points that never run below zero, and the loyal.

#![cfg(test)]

use futures::future::join_all;
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

fn payment(reference: &str, amount: &str) -> Value {
    json!({"kind": "payment", "reference": reference, "amount": {"amount": amount, "currency": "CNY"}})
}

async fn sub_status(client: &Client, id: &str, wanted: &str) {
    let is = |answer: &waymark_tests::Answer| {
        answer.body.pointer("/journeys/0/sub_status") == Some(&json!(wanted))
    };
    client.until(&format!("/v1/customers/{id}"), is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_repeated_and_yearly_payments_set_the_sub_status() {
    let team = Team::with_rules("bajun-5").await;
    let li = team.rep("li");
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let _ = li.command(&id, "transactions", payment("P-1", "1000.00")).await.expect(200);
    sub_status(&li, &id, "first_deal").await;
    assert_eq!(li.customer(&id).await.text_at("/journeys/0/stage"), "won");
    let known = li.command(&id, "transactions", payment("P-1", "1000.00")).await;
    let known = known.refused(409, "transaction-known");
    assert_eq!(known.text_at("/violations/0/field"), "reference");
    let second = li.command(&id, "transactions", payment("P-2", "2000.00")).await.expect(200);
    sub_status(&li, &id, "repurchase").await;
    let _ = li.command(&id, "transactions", payment("P-3", "97000.00")).await.expect(200);
    sub_status(&li, &id, "vip").await;

    let transaction = second.text_at("/events/0/id");
    let void = json!({"transaction": transaction, "reason": "booked twice"});
    let voided = li.command(&id, "transaction-voids", void.clone()).await.expect(200);
    let _ = li.command(&id, "transaction-voids", void).await.refused(409, "already-voided");
    let path = format!("/v1/customers/{id}/purchases");
    let now = li
        .get(&format!("{path}?min_position={}&wait_ms=20000", voided.number_at("/position")))
        .await
        .expect(200);
    assert_eq!(now.at("/totals/0/count"), 2);
    assert_eq!(now.at("/totals/0/amounts"), &json!([{"amount": "98000.00", "currency": "CNY"}]));
    assert_eq!(now.at("/transactions/1/voided"), true);
    let before =
        li.get(&format!("{path}?known_position={}", voided.number_at("/position") - 1)).await.expect(200);
    assert_eq!(before.at("/totals/0/count"), 3, "what was known before stays as it was known");
}

#[tokio::test(flavor = "multi_thread")]
async fn points_are_never_spent_twice_by_concurrent_claims() {
    let team = Team::on("bajun-5").await;
    let li = team.rep("li");
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let _ = li.command(&id, "points", json!({"kind": "earned", "points": 100})).await.expect(200);
    let spend = || li.command(&id, "points", json!({"kind": "spent", "points": 30, "reward": "voucher"}));
    let answers = join_all((0..10).map(|_| spend())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    for refused in answers.into_iter().filter(|answer| answer.status != 200) {
        let refused = refused.refused(409, "insufficient-points");
        assert_eq!(refused.at("/violations/0/available"), 10);
    }
    let shown = li.until(&format!("/v1/customers/{id}/purchases"), |answer| answer.at("/points") == 10).await;
    assert_eq!(shown.at("/entries").as_array().map(Vec::len), Some(4));
    for (body, code, field) in [
        (json!({"kind": "earned"}), "missing-field", "points"),
        (json!({"kind": "reward"}), "missing-field", "reward"),
        (json!({"kind": "referral"}), "missing-field", "referred"),
        (json!({"kind": "earned", "points": 1, "referred": id}), "invalid-value", "referred"),
        (json!({"kind": "earned", "points": 1, "transaction": id}), "unknown-transaction", "transaction"),
        (json!({"kind": "referral", "referred": id}), "same-customer", "referred"),
        (
            json!({"kind": "referral", "referred": "01930000-0000-7000-8000-000000000000"}),
            "dangling-reference",
            "referred",
        ),
    ] {
        let refused = li.command(&id, "points", body).await.refused(422, code);
        assert_eq!(refused.text_at("/violations/0/field"), field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_joins_purchases_and_points_and_its_undoing_parts_them() {
    let team = Team::on("bajun-5").await;
    let li = team.rep("li");
    let one = li.register(team.customer_of("li", "Harbour Foods")).await;
    let other = li.register(team.customer_of("li", "Habour Food")).await;
    let _ = li.command(&one, "transactions", payment("P-1", "10.00")).await.expect(200);
    let _ = li.command(&other, "transactions", payment("P-2", "20.00")).await.expect(200);
    let _ = li.command(&other, "points", json!({"kind": "earned", "points": 40})).await.expect(200);
    let _ = li.command(&one, "merges", json!({"absorbed": other})).await.expect(200);
    let purchases = format!("/v1/customers/{one}/purchases");
    let joined = li.until(&purchases, |answer| answer.at("/points") == 40).await;
    assert_eq!(joined.at("/totals/0/amounts/0/amount"), "30.00");
    // What the other one earned may be spent, and what is on its record is known.
    let _ = li.command(&one, "points", json!({"kind": "spent", "points": 15})).await.expect(200);
    let _ = li.command(&one, "transactions", payment("P-2", "20.00")).await.refused(409, "transaction-known");
    let _ = li.command(&one, "unmerges", json!({"absorbed": other, "reason": "two firms"})).await.expect(200);
    let _ = li
        .command(&one, "points", json!({"kind": "spent", "points": 1}))
        .await
        .refused(409, "insufficient-points");
    let parted = li.until(&purchases, |answer| answer.at("/totals/0/count") == 1).await;
    assert_eq!(parted.at("/totals/0/amounts/0/amount"), "10.00");
    // What was spent together is the survivor's to bear: the other one has what is left.
    assert_eq!(parted.at("/points"), 0);
    let path = format!("/v1/customers/{other}/purchases");
    li.until(&path, |answer| answer.at("/points") == 25).await;
    let _ = li
        .command(&other, "points", json!({"kind": "spent", "points": 26}))
        .await
        .refused(409, "insufficient-points");
    let _ = li.command(&one, "transactions", payment("P-2", "20.00")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loyal_are_listed_with_what_they_have_in_common() {
    let team = Team::on("bajun-5").await;
    let (li, admin) = (team.rep("li"), team.admin());
    let register = async |name: &str, tier: &str, source: &str| {
        let mut body = team.customer_of("li", name);
        body["tier"] = json!(tier);
        body["source"] = json!(source);
        li.register(body).await
    };
    let (anna, bert) = (register("Anna", "A", "referral").await, register("Bert", "B", "ads").await);
    let _quiet = register("Quiet", "B", "ads").await;
    let mut after = Vec::new();
    for (id, reference, amount) in [(&anna, "1", "100.00"), (&anna, "2", "50.00"), (&bert, "3", "10.00")] {
        let _ = li.command(id, "transactions", payment(reference, amount)).await.expect(200);
        after.push(waymark_tests::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
    }
    let _ = li.command(&anna, "points", json!({"kind": "earned", "points": 150})).await.expect(200);
    let _ =
        li.command(&anna, "points", json!({"kind": "reward", "reward": "birthday_gift"})).await.expect(200);
    let last = li
        .command(&anna, "points", json!({"kind": "referral", "points": 50, "referred": bert}))
        .await
        .expect(200);
    let _ = li
        .command(&anna, "points", json!({"kind": "referral", "points": 50, "referred": bert}))
        .await
        .refused(409, "already-referred");
    let position = last.number_at("/position");
    let report = admin
        .get(&format!("/v1/loyalty/bajun-5?kind=payment&min_position={position}&wait_ms=20000"))
        .await
        .expect(200);
    assert_eq!((report.number_at("/buyers"), report.number_at("/loyal")), (2, 1));
    assert_eq!(report.at("/loyal_amounts"), &json!([{"amount": "150.00", "currency": "CNY"}]));
    let programme = json!({
        "earned": 200, "spent": 0, "balance": 200, "rewards": [{"reward": "birthday_gift", "count": 1}],
        "referrals": 1, "referred_buyers": 1,
    });
    assert_eq!(report.at("/programme"), &programme);
    let tier = report.at("/profile").as_array().into_iter().flatten().find(|one| one["by"] == "tier");
    let tier = tier.cloned().unwrap_or_default();
    assert_eq!((&tier["values"][0]["value"], &tier["values"][0]["loyal"]), (&json!("A"), &json!(1)));
    assert_eq!((&tier["values"][1]["value"], &tier["values"][1]["others"]), (&json!("B"), &json!(1)));
    assert_eq!(report.at("/customers/items/0/customer_id"), anna.as_str());
    assert_eq!(report.at("/customers/items/0/name"), "Anna");
    let filtered = admin.get("/v1/loyalty/bajun-5?kind=payment&source=ads").await.expect(200);
    assert_eq!((filtered.number_at("/buyers"), filtered.number_at("/loyal")), (1, 0));
    // Without the first purchase nobody has two: `proportions_ztest([1, 0], [2, 2])` of statsmodels 0.15.
    let since = format!("compare_from={}&compare_to=2099-01-01T00:00:00Z", after[0]);
    let beside = admin.get(&format!("/v1/loyalty/bajun-5?kind=payment&{since}")).await.expect(200);
    let difference = beside.at("/compared/difference");
    assert_eq!((&difference["figure"], &difference["estimate"]), (&json!("loyal_share"), &json!(0.5)));
    let p_value = difference["p_value"].as_f64().unwrap_or_default();
    assert!((p_value - 0.248_213_078_989_920_1).abs() < 1e-9, "{difference}");
    let earlier =
        admin.get(&format!("/v1/loyalty/bajun-5?kind=payment&known_position={}", position - 3)).await;
    assert_eq!(earlier.expect(200).number_at("/programme/earned"), 0);
    let _ = admin.get("/v1/loyalty/bajun-5?min_count=0").await.refused(422, "invalid-value");
    let _ = admin.get("/v1/loyalty/nothing").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_a_merged_record_is_voided_by_its_survivor_and_the_erased_refer_nobody() {
    let team = Team::on("bajun-5").await;
    let (li, admin) = (team.rep("li"), team.admin());
    let one = li.register(team.customer_of("li", "Harbour Foods")).await;
    let other = li.register(team.customer_of("li", "Habour Food")).await;
    let paid = li.command(&other, "transactions", payment("P-2", "20.00")).await.expect(200);
    let _ = li.command(&one, "merges", json!({"absorbed": other})).await.expect(200);
    let void = json!({"transaction": paid.text_at("/events/0/id"), "reason": "booked twice"});
    let _ = li.command(&one, "transaction-voids", void).await.expect(200);
    let purchases = format!("/v1/customers/{one}/purchases");
    let shown = li
        .until(&purchases, |answer| answer.body.pointer("/transactions/0/voided") == Some(&json!(true)))
        .await;
    assert_eq!(shown.at("/totals"), &json!([]));

    let gone = li.register(team.customer_of("li", "Gone")).await;
    let _ = admin.command(&gone, "erasure", json!({})).await.expect(200);
    let referral = json!({"kind": "referral", "referred": gone, "note": "her sister"});
    let refused = li.command(&one, "points", referral).await.refused(409, "customer-erased");
    assert_eq!(refused.text_at("/violations/0/field"), "referred");
}
