//! Moves that somebody else has to agree to, moves that ask for more than a click, and moves that pass over all of it.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team};

fn label(text: &str) -> Value {
    json!({"zh": format!("{text}（中）"), "en": text})
}

fn stage(id: &str, kind: &str) -> Value {
    json!({
        "id": id, "type": kind, "core": true, "name": label(id),
        "entry_criterion": {"action": label("asked"), "result": label("answered")},
        "next_action": {"what": label("ring"), "role": "rep", "deadline_seconds": 86_400},
    })
}

/// Winning needs a manager's approval, an amount, and a follow-up since the quote.
fn definition(expires_seconds: u64) -> Value {
    let mut won = stage("signed", "won");
    won["entry_form"] = json!({"fields": ["amount"], "min_follow_ups": 1, "note": true});
    let mut lost = stage("gone", "lost");
    lost["entry_form"] = json!({"reasons": ["price"]});
    let approval = json!({"roles": ["manager"], "effective": "request", "expires_seconds": expires_seconds});
    json!({
        "kind": "sales", "name": label("ours"), "entry_stage": "asked",
        "stages": [stage("asked", "open"), stage("quoted", "open"), won, lost],
        "transitions": [
            {"from": "asked", "to": "quoted"}, {"from": "quoted", "to": "asked"},
            {"from": "quoted", "to": "signed", "approval": approval},
            {"from": "asked", "to": "gone"}, {"from": "quoted", "to": "gone"},
        ],
        "reasons": [{"code": "price", "name": label("price")}],
        "pools": [{
            "key": "pool", "kind": "customer_pool", "name": label("pool"), "timezone": "Asia/Shanghai",
            "default": true,
        }],
    })
}

/// A team whose pipeline is that one.
async fn team(expires_seconds: u64) -> Team {
    let mut team = Team::on("landian-6").await;
    let created = team
        .admin()
        .post("/v1/pipelines", json!({"key": "ours", "definition": definition(expires_seconds)}))
        .await;
    assert_eq!(created.status, 201, "{}", created.text);
    team.pipeline = "ours".to_owned();
    team
}

/// A quoted customer of li's, of whom everything is known that winning asks for.
async fn ready(team: &Team, li: &Client) -> String {
    let mut body = team.customer_of("li", "Harbour Foods");
    body["amount"] = json!({"amount": "20000.00", "currency": "CNY"});
    let customer = li.register(body).await;
    drop(li.command(&customer, "transitions", json!({"to": "quoted"})).await.expect(200));
    let plan = json!({"at": "2099-01-01T00:00:00Z", "text": "sign"});
    let follow_up = json!({"channel": "phone", "summary": "agreed", "next_plan": plan});
    drop(li.command(&customer, "follow-ups", follow_up).await.expect(200));
    customer
}

async fn ask(li: &Client, customer: &str) -> Answer {
    li.command(customer, "transitions", json!({"to": "signed", "note": "the contract lies there"})).await
}

async fn settle(client: &Client, approval: &str, body: Value) -> Answer {
    client.post(&format!("/v1/approvals/{approval}/decisions"), body).await
}

async fn listed(client: &Client, filter: &str) -> Vec<Value> {
    let head = client.head().await;
    client.get(&format!("/v1/approvals?{filter}&min_position={head}&wait_ms=20000")).await.expect(200).items()
}

fn codes(answer: &Answer) -> Vec<&str> {
    let violations = answer.body["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
    violations.iter().filter_map(|violation| violation["code"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_won_once_a_manager_who_did_not_ask_approves() {
    let team = team(86_400).await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let customer = ready(&team, &li).await;

    let choices = li.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200).items();
    let signed = choices.iter().find(|choice| choice["to"] == "signed").unwrap();
    assert_eq!((&signed["allowed"], &signed["approval"]["roles"]), (&json!(true), &json!(["manager"])));

    let asked = ask(&li, &customer).await.expect(200);
    assert_eq!(asked.at("/events/0/type"), "customer.transition_requested");
    let approval = asked.text_at("/approval/id");
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "quoted", "the customer stays");
    drop(ask(&li, &customer).await.refused(409, "approval-pending"));

    let waiting = listed(&wang, "status=requested").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0]["id"], &waiting[0]["requested_by"]), (&json!(approval), &json!("rep:li")));

    drop(settle(&li, &approval, json!({"decision": "approve"})).await.refused(403, "not-approver"));
    let known = wang.head().await;
    let approved =
        settle(&wang, &approval, json!({"decision": "approve", "note": "well done"})).await.expect(200);
    let then = listed(&wang, &format!("known_position={known}")).await;
    assert_eq!(
        (&then[0]["status"], &then[0]["settled_by"]),
        (&json!("requested"), &Value::Null),
        "as it was known"
    );
    assert_eq!(listed(&wang, &format!("status=approved&known_position={known}")).await.len(), 0);
    assert_eq!(listed(&wang, "status=approved&effective_at=2099-01-01T00:00:00Z").await.len(), 1);
    assert_eq!(listed(&wang, "effective_at=2024-01-01T00:00:00Z").await.len(), 0);
    let _ = wang.get("/v1/approvals?pipeline=nowhere").await.refused(404, "not-found");
    let types: Vec<&str> = approved.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(types, ["customer.transition_approved", "customer.moved"]);
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "signed");
    let settled = listed(&wang, &format!("customer={customer}")).await;
    assert_eq!(
        (&settled[0]["status"], &settled[0]["settled_by"]),
        (&json!("approved"), &json!("manager:wang"))
    );
    drop(settle(&wang, &approval, json!({"decision": "approve"})).await.refused(409, "approval-settled"));

    // The move happened when it was asked for, not when it was approved.
    let events = wang.get(&format!("/v1/events?customer={customer}")).await.expect(200).items();
    let at = |name: &str| events.iter().find(|event| event["type"] == name).unwrap()["time"].clone();
    let moved = events.iter().rfind(|event| event["type"] == "customer.moved").unwrap();
    assert_eq!(moved["time"], at("customer.transition_requested"));
    assert_eq!(moved["data"]["approval"], json!(approval));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_rejected_with_a_reason_or_taken_back_by_who_made_it() {
    let team = team(86_400).await;
    let (li, zhao, wang) = (team.rep("li"), team.rep("zhao"), team.manager("wang"));
    let customer = ready(&team, &li).await;
    let first = ask(&li, &customer).await.expect(200).text_at("/approval/id");
    drop(settle(&wang, &first, json!({"decision": "reject"})).await.refused(422, "note-required"));
    drop(settle(&wang, &first, json!({"decision": "reject", "note": "too cheap"})).await.expect(200));
    let second = ask(&li, &customer).await.expect(200).text_at("/approval/id");
    drop(settle(&zhao, &second, json!({"decision": "withdraw"})).await.refused(403, "not-own-request"));
    drop(settle(&li, &second, json!({"decision": "withdraw"})).await.expect(200));
    let statuses: Vec<Value> =
        listed(&wang, "limit=50").await.iter().map(|request| request["status"].clone()).collect();
    assert_eq!(statuses, ["rejected", "withdrawn"]);
    let paged = wang.get("/v1/approvals?limit=1").await.expect(200);
    let rest = wang.get(&format!("/v1/approvals?limit=1&cursor={}", paged.text_at("/next_cursor"))).await;
    assert_eq!(
        (rest.items()[0]["id"].clone(), rest.body["next_cursor"].clone()),
        (json!(second), Value::Null)
    );
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "quoted");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_approvals_of_one_request_at_once_one_moves_the_customer() {
    let team = team(86_400).await;
    let li = team.rep("li");
    let customer = ready(&team, &li).await;
    let approval = ask(&li, &customer).await.expect(200).text_at("/approval/id");
    let managers: Vec<Client> = (0..10).map(|n| team.manager(&format!("m{n}"))).collect();
    let approvals = managers.iter().map(|manager| settle(manager, &approval, json!({"decision": "approve"})));
    let answers = futures::future::join_all(approvals).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.status == 409));
    let events = team.admin().get(&format!("/v1/events?customer={customer}")).await.expect(200).items();
    assert_eq!(
        events
            .iter()
            .filter(|event| event["data"]["to"] == "signed" && event["type"] == "customer.moved")
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_settles_expires_by_itself_at_its_instant() {
    let team = team(1).await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let customer = ready(&team, &li).await;
    let asked = ask(&li, &customer).await.expect(200);
    let approval = asked.text_at("/approval/id");
    while listed(&wang, "status=expired").await.is_empty() {}
    drop(settle(&wang, &approval, json!({"decision": "approve"})).await.refused(409, "approval-settled"));
    let events = wang.get(&format!("/v1/events?customer={customer}")).await.expect(200).items();
    let expired = events.iter().find(|event| event["type"] == "customer.transition_expired").unwrap();
    let instant = |text: &Value| text.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(instant(&expired["time"]), instant(asked.at("/approval/expires_at")));
    assert_eq!((&expired["actor"], &expired["origin"]), (&json!("system:approval-expiry"), &json!("rule")));
    drop(ask(&li, &customer).await.expect(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_move_asks_for_is_said_at_once_on_every_path() {
    let team = team(86_400).await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    drop(li.command(&customer, "transitions", json!({"to": "quoted"})).await.expect(200));
    let single = li.command(&customer, "transitions", json!({"to": "signed"})).await;
    let expected = ["note-required", "field-required", "follow-ups-required"];
    assert_eq!((single.status, codes(&single)), (422, expected.to_vec()), "{}", single.text);
    let line =
        json!({"command": "transition", "customer_id": customer, "body": {"to": "signed"}}).to_string();
    for query in ["", "?atomic=true", "?dry_run=true"] {
        let call = li.call(Method::POST, &format!("/v1/bulk{query}"));
        let bulk = call.bytes("application/x-ndjson", line.clone()).send().await;
        for code in expected {
            assert!(bulk.text.contains(code), "{query}: {}", bulk.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_may_override_and_it_shows_permanently() {
    let team = team(86_400).await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let jump = json!({"to": "signed", "reason": "signed at the fair"});
    assert_eq!(li.command(&customer, "overrides", jump.clone()).await.status, 403);
    let silent = json!({"to": "signed", "reason": ""});
    drop(wang.command(&customer, "overrides", silent).await.refused(422, "empty-text"));
    drop(wang.command(&customer, "overrides", jump).await.expect(200));
    assert_eq!(li.customer(&customer).await.at("/journeys/0/stage"), "signed");
    let events = wang.get(&format!("/v1/events?customer={customer}")).await.expect(200).items();
    let passed_over = json!(["field-required", "follow-ups-required", "transition-not-allowed"]);
    assert_eq!(events[1]["data"]["overrides"], passed_over);
    let back = json!({"to": "quoted", "reason": "not signed after all"});
    drop(wang.command(&customer, "overrides", back).await.expect(200));
    drop(
        wang.command(&customer, "overrides", json!({"to": "asked", "reason": "x"}))
            .await
            .refused(409, "nothing-to-override"),
    );
    drop(
        wang.post(
            "/v1/approvals/0190b2f0-0000-7000-8000-000000000001/decisions",
            json!({"decision": "approve"}),
        )
        .await
        .expect(404),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_for_losing_is_asked_for_and_shown_again_at_the_reactivation() {
    let team = team(86_400).await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    drop(li.command(&customer, "transitions", json!({"to": "gone"})).await.refused(422, "reason-required"));
    drop(li.command(&customer, "transitions", json!({"to": "gone", "reason": "price"})).await.expect(200));
    let choices = li.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200);
    assert_eq!(
        (choices.text_at("/reason"), choices.text_at("/reason_name")),
        ("price".to_owned(), "price".to_owned())
    );
    let back =
        li.command(&customer, "reactivations", json!({"to": "asked", "reason": "budget is back"})).await;
    assert_eq!(back.expect(200).at("/previous_reason"), "price");
    let choices = li.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200);
    assert_eq!(choices.at("/reason"), &Value::Null);
}
