//! A rep's day, told over HTTP: the working of the whole service as the people who use it see it.

#![cfg(test)]

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team, now, papers};

const PIPELINE: &str = "landian-6";

#[tokio::test(flavor = "multi_thread")]
async fn a_reps_day_from_the_first_contact_to_the_corrected_status() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");

    // In the morning a new customer: contact details exchanged, product introduced.
    let customer = li.register(team.customer_of("li", "港口食品 Harbour Foods")).await;
    let fresh = li.customer(&customer).await;
    assert_eq!(fresh.at("/owner"), &json!({"kind": "rep", "id": "li"}));
    assert_eq!(fresh.at("/journeys/0/stage"), "first_contact");
    assert_eq!(fresh.at("/journeys/0/primary"), &json!(true));

    // What may follow is asked, not guessed.
    let choices = li.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200).items();
    let choice =
        |stage: &str| choices.iter().find(|choice| choice["to"] == stage).cloned().unwrap_or_default();
    assert_eq!(choice("need_confirmed")["allowed"], json!(true));
    assert_eq!(choice("won")["allowed"], json!(false));
    assert_eq!(choices.len(), 6, "every stage but the present one");

    // The need is confirmed: a note on what happened, and what comes next.
    let confirmed = li
        .command(
            &customer,
            "transitions",
            json!({"to": "need_confirmed", "note": "budget 20,000, wants it by May", "next_step": "send a proposal"}),
        )
        .await
        .expect(200);
    assert_eq!(confirmed.at("/events/0/type"), "customer.moved");
    assert_eq!(confirmed.header("etag"), format!("\"{}\"", confirmed.number_at("/version")));
    assert_eq!(confirmed.header("waymark-position"), confirmed.number_at("/position").to_string());

    // A visit, which is not over before the next one is planned.
    let next_week = instant(now() + Duration::days(7));
    let visit = json!({"channel": "visit", "summary": "met the buyer", "goal_reached": true});
    let refused = li.command(&customer, "follow-ups", visit.clone()).await.expect(422);
    assert!(fields(&refused).contains(&"next_plan".to_owned()), "{}", refused.text);
    let mut planned = visit;
    planned["next_plan"] = json!({"at": next_week, "text": "bring samples"});
    let visited = li.command(&customer, "follow-ups", planned).await;
    assert_eq!(visited.status, 200, "{}", visited.text);
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "need_confirmed");

    // A slip: quoted was meant, deciding was chosen later by mistake.
    let quoted = json!({"to": "quoted", "note": "quote 7 sent", "next_step": "call back", "documents": papers("quoted")});
    assert_eq!(li.command(&customer, "transitions", quoted).await.status, 200);
    let slip =
        li.command(&customer, "transitions", json!({"to": "deciding", "note": "?", "next_step": "wait"}));
    let slip = slip.await.expect(200).text_at("/events/0/id");
    let corrected = li
        .command(
            &customer,
            "corrections",
            json!({"corrects": slip, "kind": "target", "to": "need_confirmed", "reason": "wrong button"}),
        )
        .await
        .expect(200);
    let correction = corrected.text_at("/events/0/id");
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "need_confirmed");

    three_views_of_the_timeline(&li, &customer, &slip, &correction).await;
}

/// What is true now, what was recorded in which order, and both beside each other.
async fn three_views_of_the_timeline(li: &Client, customer: &str, slip: &str, correction: &str) {
    let head = li.head().await;
    let mut views = Vec::new();
    for view in ["effective", "recorded", "both"] {
        let path = format!("/v1/customers/{customer}/timeline?view={view}&min_position={head}&wait_ms=20000");
        views.push(li.get(&path).await.expect(200).items());
    }
    let [effective, recorded, both] = &views[..] else { panic!("three views") };
    let with_id = |items: &[Value], id: &str| items.iter().find(|item| item["id"] == id).cloned();

    // One row per event, the receipt of the quote included, in the order of recording, newest last.
    assert_eq!(recorded.len(), 7, "{recorded:#?}");
    let positions: Vec<u64> = recorded.iter().filter_map(|item| item["position"].as_u64()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    assert_eq!(with_id(recorded, slip).map(|item| item["stage_to"].clone()), Some(json!("deciding")));

    // The corrected story never was in `deciding`.
    assert!(!effective.iter().any(|item| item["stage_to"] == "deciding"), "{effective:#?}");
    assert!(effective.iter().any(|item| item["stage_to"] == "quoted"));

    // Both: the superseded row says by what, and the correction says of what.
    assert_eq!(with_id(both, slip).map(|item| item["superseded_by"].clone()), Some(json!(correction)));
    assert_eq!(with_id(both, correction).map(|item| item["corrects"].clone()), Some(json!(slip)));
    assert!(both.iter().any(|item| item["note"] == "quote 7 sent"), "{both:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_from_first_contact_to_won_is_refused_with_every_violation_at_once() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let jump = json!({
        "to": "won",
        "sub_status": "nearly",
        "evidence": [{"kind": "hearsay", "reference": "the grapevine"}],
        "effective_at": instant(now() + Duration::days(2)),
    });

    let refused = li.command(&customer, "transitions", jump).await.expect(422);
    for code in ["transition-not-allowed", "unknown-sub-status", "unknown-evidence", "effective-in-future"] {
        assert!(refused.codes().contains(&code.to_owned()), "{code} is not in {}", refused.text);
    }
    for violation in refused.at("/violations").as_array().cloned().unwrap_or_default() {
        for part in ["message", "how_to_fix"] {
            assert!(violation[part].as_str().is_some_and(|text| !text.is_empty()), "{violation}");
        }
    }
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "first_contact");
    assert_eq!(li.customer(&customer).await.number_at("/version"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_speak_the_language_that_the_client_prefers() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let path = format!("/v1/customers/{customer}/transitions");
    let ask = |language: &str| {
        li.call(Method::POST, &path).header("Accept-Language", language).json(&json!({"to": "won"}))
    };
    let chinese = ask("zh-CN,zh;q=0.9,en;q=0.8").send().await.expect(422);
    let english = ask("en-GB,en;q=0.9,zh;q=0.1").send().await.expect(422);
    let message = |answer: &Answer| answer.text_at("/violations/0/message");
    assert!(message(&chinese).chars().any(is_chinese), "{}", chinese.text);
    assert!(!message(&english).chars().any(is_chinese), "{}", english.text);
    assert_eq!(chinese.body["code"], english.body["code"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rep_may_claim_three_a_day_and_is_told_when_the_next_is_possible() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");
    let mut customers = Vec::new();
    for number in 0..4 {
        customers.push(team.admin().register(team.customer(&format!("Customer {number}"))).await);
    }
    let left = async |person: &Client| {
        let pools = person.get("/v1/pools").await.expect(200).items();
        pools.into_iter().find(|pool| pool["key"] == "customer_pool").unwrap()["claims_left"].clone()
    };
    assert_eq!(left(&team.manager("wang")).await, Value::Null, "who claims nothing has nothing left");
    for (number, customer) in customers[..3].iter().enumerate() {
        assert_eq!(left(&li).await, 3 - number);
        let claimed = li.command(customer, "claims", json!({})).await;
        assert_eq!(claimed.status, 200, "{}", claimed.text);
        assert_eq!(li.customer(customer).await.at("/owner"), &json!({"kind": "rep", "id": "li"}));
    }

    let fourth = li.command(&customers[3], "claims", json!({})).await.refused(409, "claim-quota-exhausted");
    let available_at: DateTime<Utc> = fourth.text_at("/available_at").parse().expect("an instant");
    assert!(available_at > now() && available_at <= now() + Duration::days(1), "{available_at}");
    assert_eq!(left(&li).await, 0);
    // The pool counts by the calendar of Shanghai, whose day begins at 16:00 UTC.
    assert_eq!(available_at.format("%H:%M:%S").to_string(), "16:00:00");

    // Giving one back does not give a claim back.
    let released = li.command(&customers[0], "releases", json!({"reason": "no need after all"})).await;
    assert_eq!(released.status, 200, "{}", released.text);
    let again = li.command(&customers[3], "claims", json!({})).await;
    assert_eq!(again.refused(409, "claim-quota-exhausted").status, 409);
    // Another rep has three of their own.
    assert_eq!(team.rep("chen").command(&customers[3], "claims", json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_of_a_pool_are_masked_until_the_customer_is_claimed() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");
    let phone = "+8613800138000";
    let mut body = team.customer("Harbour Foods");
    body["contacts"] = json!([{"kind": "phone", "value": phone}]);
    let customer = team.admin().register(body).await;
    let head = team.admin().head().await;
    let pool = li.get(&format!("/v1/pools/customer_pool/customers?min_position={head}&wait_ms=20000")).await;
    assert_eq!(pool.status, 200, "{}", pool.text);
    assert!(!pool.text.contains(phone), "{}", pool.text);
    assert_eq!(pool.items().len(), 1);

    assert_eq!(li.command(&customer, "claims", json!({})).await.status, 200);
    assert_eq!(li.customer(&customer).await.at("/contacts/0/value"), phone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_another_rep_is_not_worked_but_may_be_handed_over() {
    let team = Team::on(PIPELINE).await;
    let (li, chen, wang) = (team.rep("li"), team.rep("chen"), team.manager("wang"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let note = json!({"text": "rang"});
    assert_eq!(chen.command(&customer, "notes", note.clone()).await.refused(403, "not-owner").status, 403);

    let handover = json!({"to": {"kind": "rep", "id": "chen"}, "reason": "li is on leave"});
    let handed = wang.command(&customer, "owner-changes", handover).await;
    assert_eq!(handed.status, 200, "{}", handed.text);
    let after = chen.customer(&customer).await;
    assert_eq!(after.at("/owner/id"), "chen");
    assert_eq!(after.at("/journeys/0/stage"), "first_contact", "ownership never changes the stage");
    assert_eq!(chen.command(&customer, "notes", note).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_customer_is_reactivated_into_its_next_cycle() {
    let team = Team::on("helloword-13").await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let early = li.command(&customer, "reactivations", json!({"to": "new_lead", "reason": "x"})).await;
    assert_eq!(early.refused(422, "not-reactivatable").status, 422);

    let bare = li.command(&customer, "transitions", json!({"to": "lost"})).await;
    assert_eq!(bare.refused(422, "reason-required").status, 422);
    let lost = json!({"to": "lost", "reason": "price", "note": "too dear this year"});
    assert_eq!(li.command(&customer, "transitions", lost).await.status, 200);
    let back =
        li.command(&customer, "reactivations", json!({"to": "new_lead", "reason": "new budget"})).await;
    assert_eq!(back.status, 200, "{}", back.text);

    let now_there = li.customer(&customer).await;
    assert_eq!(now_there.at("/journeys/0/cycle"), &json!(2));
    assert_eq!(now_there.at("/journeys/0/stage"), "new_lead");
    let stays = li.get(&format!("/v1/customers/{customer}/stays")).await.expect(200).items();
    let cycles: Vec<&Value> = stays.iter().map(|stay| &stay["cycle"]).collect();
    assert_eq!(cycles, [&json!(1), &json!(1), &json!(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_of_helloword_13_can_be_walked_in_order() {
    let team = Team::on("helloword-13").await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let way = [
        "contacted",
        "need_confirmed",
        "proposal",
        "negotiating",
        "awaiting_decision",
        "won",
        "delivered",
        "in_service",
        "considering_renewal",
    ];
    for stage in way {
        let on = json!({"to": stage, "note": "on", "next_step": "on", "documents": papers(stage)});
        let moved = li.command(&customer, "transitions", on).await;
        assert_eq!(moved.status, 200, "{stage}: {}", moved.text);
    }
    let stays =
        li.get(&format!("/v1/customers/{customer}/stays?min_position={}", li.head().await)).await.expect(200);
    let stages: Vec<String> =
        stays.items().iter().filter_map(|stay| stay["stage"].as_str().map(str::to_owned)).collect();
    assert_eq!(stages[0], "new_lead");
    assert_eq!(stages[1..], way);
}

fn fields(answer: &Answer) -> Vec<String> {
    let violations = answer.body["violations"].as_array().cloned().unwrap_or_default();
    violations.iter().filter_map(|violation| violation["field"].as_str().map(str::to_owned)).collect()
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn is_chinese(sign: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&sign)
}
