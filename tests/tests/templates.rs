//! The shipped templates: whole, in both languages, and usable as they are.

#![cfg(test)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Server, Team};

#[tokio::test(flavor = "multi_thread")]
async fn helloword_13_has_its_thirteen_statuses_in_four_phases() {
    let team = Team::on("helloword-13").await;
    let pipeline = published(&team.admin(), "helloword-13").await;
    let mut phases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for stage in list(&pipeline["stages"]) {
        phases.entry(text(&stage["phase"])).or_default().push(text(&stage["id"]));
    }
    assert_eq!(
        phases,
        BTreeMap::from([
            ("initial_contact", vec!["new_lead", "contacted", "need_confirmed"]),
            ("following_up", vec!["proposal", "negotiating", "awaiting_decision"]),
            ("deal", vec!["won", "partially_won", "lost", "postponed"]),
            ("after_sale", vec!["delivered", "in_service", "considering_renewal"]),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn landian_6_has_its_six_core_statuses_and_the_one_for_those_to_be_reactivated() {
    let team = Team::on("landian-6").await;
    let pipeline = published(&team.admin(), "landian-6").await;
    let core: Vec<&str> = list(&pipeline["stages"])
        .iter()
        .filter(|stage| stage["core"] == json!(true))
        .map(|stage| text(&stage["id"]))
        .collect();
    assert_eq!(core, ["first_contact", "need_confirmed", "quoted", "deciding", "won", "paused"]);
    let others: Vec<&str> = list(&pipeline["stages"])
        .iter()
        .filter(|stage| stage["core"] != json!(true))
        .map(|stage| text(&stage["id"]))
        .collect();
    assert_eq!(others, ["to_reactivate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_of_every_template_says_in_both_languages_what_it_is_and_what_to_do_by_whom_until_when() {
    let installation = Installation::new();
    let server = installation.serve();
    let templates = server.admin().get("/v1/templates").await.expect(200).items();
    assert_eq!(templates.len(), 8, "{templates:#?}");
    for template in &templates {
        let key = text(&template["key"]);
        let created = server.admin().post("/v1/pipelines", json!({"key": key, "template": key})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let pipeline = published(&server.admin(), key).await;
        for stage in list(&pipeline["stages"]) {
            let place = format!("{key}/{}", text(&stage["id"]));
            for path in [
                "/name",
                "/definition",
                "/entry_criterion/action",
                "/entry_criterion/result",
                "/next_action/what",
            ] {
                for language in ["zh", "en"] {
                    let label = stage.pointer(&format!("{path}/{language}")).map(text).unwrap_or_default();
                    assert!(!label.is_empty(), "{place}: no {path} in {language}");
                }
            }
            assert!(!text(&stage["next_action"]["role"]).is_empty(), "{place}: by whom?");
            assert!(
                stage["next_action"]["deadline_seconds"].as_u64().is_some_and(|limit| limit > 0),
                "{place}: until when?"
            );
        }
    }
}

/// Walks a fresh customer of an installed template through these stages.
async fn walk(server: &Server, key: &str, stages: &[&str]) {
    let admin = server.admin();
    let fields =
        json!({"needs": "less paper", "contract_end": "2027-01-31", "postponed_until": "2027-01-01"});
    let first = json!({
        "pipeline": key, "name": "Harbour Foods", "stage": stages[0], "source": "fair", "tier": "A",
        "amount": {"amount": "1000", "currency": "CNY"}, "fields": fields,
        "contacts": [{"kind": "email", "value": format!("harbour@{key}.example")}],
    });
    let customer = admin.register(first).await;
    assert_eq!(admin.customer(&customer).await.at("/fields/needs"), "less paper");
    for step in stages.windows(2) {
        let spoken = json!({
            "channel": "phone", "summary": "spoke", "goal_reached": true,
            "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "call again"},
        });
        let spoken = admin.command(&customer, "follow-ups", spoken).await;
        assert_eq!(spoken.status, 200, "{}", spoken.text);
        let allowed = admin.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200);
        let found = allowed.items().into_iter().find(|item| item["to"] == step[1]).expect("another stage");
        if found["allowed"] != json!(true) {
            // From a stage that ends or suspends a cycle the way on is the next cycle.
            let back =
                admin.command(&customer, "reactivations", json!({"to": step[1], "reason": "called"})).await;
            assert_eq!(back.status, 200, "{key}: {} → {}: {}", step[0], step[1], back.text);
            continue;
        }
        let mut body = json!({"to": step[1], "note": "on it goes", "next_step": "call on Friday"});
        let form = &found["form"]["properties"];
        if let Some(reason) = form["reason"]["oneOf"][0]["const"].as_str() {
            body["reason"] = json!(reason);
        }
        if let Some(sub_status) = form["sub_status"]["oneOf"][0]["const"].as_str() {
            body["sub_status"] = json!(sub_status);
        }
        let kinds = list(&form["documents"]["items"]["properties"]["kind"]["oneOf"]);
        let paper =
            |kind: &Value| json!({"kind": kind["const"], "reference": "doc-1", "sha256": "0f".repeat(32)});
        body["documents"] = kinds.iter().map(paper).collect();
        let moved = admin.command(&customer, "transitions", body).await;
        assert_eq!(moved.status, 200, "{key}: {} → {}: {}", step[0], step[1], moved.text);
        assert_eq!(admin.customer(&customer).await.at("/journeys/0/stage"), step[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_walks_through_every_stage_of_every_template() {
    let installation = Installation::new();
    let server = installation.serve();
    let walks: [(&str, &[&str]); 8] = [
        (
            "helloword-13",
            &[
                "new_lead",
                "contacted",
                "need_confirmed",
                "proposal",
                "negotiating",
                "awaiting_decision",
                "partially_won",
                "postponed",
                "lost",
                "new_lead",
                "contacted",
                "need_confirmed",
                "proposal",
                "negotiating",
                "won",
                "delivered",
                "in_service",
                "considering_renewal",
            ],
        ),
        (
            "landian-6",
            &[
                "first_contact",
                "need_confirmed",
                "quoted",
                "paused",
                "deciding",
                "to_reactivate",
                "quoted",
                "deciding",
                "won",
            ],
        ),
        ("bajun-5", &["potential", "intent", "won", "dormant", "intent", "churned", "potential"]),
        (
            "ecommerce-6",
            &["visited", "registered", "cart", "first_order", "repurchase", "churned", "visited"],
        ),
        ("education", &["potential", "intent", "won", "dormant", "intent", "churned", "intent"]),
        ("lifecycle-5", &["potential", "intent", "following", "won", "loyal"]),
        (
            "activity-5",
            &["potential", "new_customer", "active", "sleeping", "active", "churned", "potential"],
        ),
        ("funnel-5", &["lead", "intent", "talking", "won", "talking", "lost", "lead"]),
    ];
    for (key, stages) in walks {
        let created = server.admin().create_pipeline(key).await.expect(201);
        let pipeline = published(&server.admin(), key).await;
        assert!(
            list(&pipeline["stages"]).iter().all(|stage| stages.contains(&text(&stage["id"]))),
            "{key}: the walk leaves a stage out"
        );
        assert!(!list(&pipeline["automations"]).is_empty(), "{key}: nothing happens by itself");
        assert!(!list(&pipeline["reasons"]).is_empty() && pipeline["pools"][0]["rules"].is_object(), "{key}");
        let warnings = list(created.at("/warnings"));
        assert!(warnings.iter().all(|warning| warning["code"] == "similar-names"), "{key}: {warnings:?}");
        walk(&server, key, stages).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_of_the_funnel_needs_the_contract_and_the_invoice_information() {
    let team = Team::on("funnel-5").await;
    let admin = team.admin();
    let customer = admin.register(json!({"pipeline": "funnel-5", "stage": "talking"})).await;
    let spoken = json!({
        "channel": "visit", "summary": "agreed", "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "sign"},
    });
    assert_eq!(admin.command(&customer, "follow-ups", spoken).await.status, 200);
    let contract = json!({"kind": "order_contract", "reference": "doc-1", "sha256": "0a".repeat(32)});
    let invoice =
        json!({"kind": "invoice_information_confirmed", "reference": "doc-2", "sha256": "0b".repeat(32)});
    for (documents, missing) in [(json!([]), 2), (json!([contract]), 1), (json!([invoice]), 1)] {
        let refused =
            admin.command(&customer, "transitions", json!({"to": "won", "documents": documents})).await;
        let codes = refused.refused(422, "evidence-required").codes();
        assert_eq!(codes.len(), 1 + missing, "the problem and each missing document: {codes:?}");
    }
    let hearsay = [("order_contract", "doc-1"), ("invoice_information_confirmed", "doc-2")]
        .map(|(kind, reference)| json!({"kind": kind, "reference": reference}));
    let _ = admin
        .command(&customer, "transitions", json!({"to": "won", "evidence": hearsay}))
        .await
        .refused(422, "unknown-evidence");
    let won = json!({"to": "won", "documents": [contract, invoice]});
    assert_eq!(admin.command(&customer, "transitions", won).await.status, 200);
}

/// A customer of a template that stands somewhere, and the outcome of a move.
async fn moving(team: &Team, from: &str, body: Value) -> (String, waymark_tests::Answer) {
    let admin = team.admin();
    let mut standing = team.customer("Harbour Foods");
    standing["stage"] = json!(from);
    let customer = admin.register(standing).await;
    let answer = admin.command(&customer, "transitions", body).await;
    (customer, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_counts_once_its_receipt_is_on_record() {
    let paper = |kind: &str| json!([{"kind": kind, "reference": "dms-1", "sha256": "0f".repeat(32)}]);
    for (template, from, to, others) in [
        ("landian-6", "need_confirmed", "quoted", None),
        ("helloword-13", "need_confirmed", "proposal", Some("solution_receipt_confirmed")),
    ] {
        let team = Team::on(template).await;
        let (_, bare) = moving(&team, from, json!({"to": to})).await;
        let _ = bare.refused(422, "evidence-required");
        let said = json!([{"kind": "quote_receipt_confirmed", "reference": "she said so"}]);
        let (_, hearsay) = moving(&team, from, json!({"to": to, "evidence": said})).await;
        let _ = hearsay.refused(422, "unknown-evidence");
        for kind in std::iter::once("quote_receipt_confirmed").chain(others) {
            let (_, moved) = moving(&team, from, json!({"to": to, "documents": paper(kind)})).await;
            assert_eq!(moved.status, 200, "{template} by {kind}: {}", moved.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_won_by_a_contract_or_a_payment_on_record() {
    for (template, from, paid) in [
        ("landian-6", "deciding", "first_payment_received"),
        ("helloword-13", "negotiating", "payment_received"),
    ] {
        let team = Team::on(template).await;
        let admin = team.admin();
        let won = |documents: Value| json!({"to": "won", "documents": documents});
        let (customer, bare) = moving(&team, from, won(json!([]))).await;
        let bare = bare.refused(422, "evidence-required");
        assert_eq!(bare.at("/violations/0/any_of"), &json!(["contract_signed", paid]));
        for kind in ["contract_signed", paid] {
            let paper = json!([{"kind": kind, "reference": "dms-1", "sha256": "0f".repeat(32)}]);
            let (_, moved) = moving(&team, from, won(paper)).await;
            assert_eq!(moved.status, 200, "{template} by {kind}: {}", moved.text);
        }
        // What was recorded as a fact needs no paper; once it is voided it shows nothing.
        let record = async |kind: &str| {
            let body = json!({"kind": kind, "amount": {"amount": "100.00", "currency": "CNY"}});
            admin.command(&customer, "transactions", body).await.expect(200).text_at("/events/0/id")
        };
        let _ = record("order").await;
        let _ =
            admin.command(&customer, "transitions", won(json!([]))).await.refused(422, "evidence-required");
        let payment = record("payment").await;
        let void = json!({"transaction": payment, "reason": "it bounced"});
        let voided = admin.command(&customer, "transaction-voids", void).await;
        assert_eq!(voided.status, 200, "{}", voided.text);
        let _ =
            admin.command(&customer, "transitions", won(json!([]))).await.refused(422, "evidence-required");
        let contract = record("contract").await;
        let ways =
            admin.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200).items();
        let way = ways.iter().find(|way| way["to"] == "won").expect("a way to win");
        assert_eq!((&way["allowed"], &way["form"]["allOf"]), (&json!(true), &Value::Null));
        let moved = admin.command(&customer, "transitions", json!({"to": "won"})).await.expect(200);
        let events = admin.events_after(0).await;
        let event = events.iter().find(|event| event["id"] == *moved.at("/events/0/id")).expect("the move");
        assert_eq!(event["data"]["evidence"], json!([{"kind": "contract_signed", "reference": contract}]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_landian_6_are_those_of_its_definition() {
    let team = Team::on("landian-6").await;
    let pipeline = published(&team.admin(), "landian-6").await;
    let deadline = |id: &str| {
        let stage =
            list(&pipeline["stages"]).iter().find(|stage| stage["id"] == id).cloned().unwrap_or_default();
        stage["next_action"]["deadline_seconds"].as_u64().unwrap_or_default() / 3600
    };
    assert_eq!(deadline("first_contact"), 24, "send material within a day");
    assert_eq!(deadline("quoted"), 48, "call back about the quote within two days");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_publishes_statuses_of_its_own_and_works_by_them() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = server.admin();
    let created = admin.post("/v1/pipelines", json!({"key": "ours", "definition": definition()})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let customer = admin.register(json!({"pipeline": "ours", "name": "Harbour Foods"})).await;
    assert_eq!(admin.customer(&customer).await.at("/journeys/0/stage"), "asked");
    let signed = json!({"to": "signed", "sub_status": "first_order", "note": "at last"});
    let moved = admin.command(&customer, "transitions", signed).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    assert_eq!(admin.customer(&customer).await.at("/journeys/0/sub_status"), "first_order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_without_what_to_do_by_whom_and_when_is_not_published() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut definition = definition();
    if let Some(stage) = definition["stages"][0].as_object_mut() {
        stage.remove("next_action");
        stage.remove("entry_criterion");
    }
    let refused =
        server.admin().post("/v1/pipelines", json!({"key": "ours", "definition": definition})).await;
    let codes = refused.expect(422).codes();
    for code in ["action-missing", "criterion-missing"] {
        assert!(codes.contains(&code.to_owned()), "{code} is not in {codes:?}");
    }
}

/// A small pipeline of a company's own.
fn definition() -> Value {
    let label = |zh: &str, en: &str| json!({"zh": zh, "en": en});
    let stage = |id: &str, kind: &str| {
        json!({
            "id": id,
            "type": kind,
            "core": true,
            "name": label(id, id),
            "entry_criterion": {"action": label("已询价", "asked"), "result": label("已答复", "answered")},
            "next_action": {"what": label("回访", "ring"), "role": "rep", "deadline_seconds": 86_400},
        })
    };
    let mut signed = stage("signed", "won");
    signed["sub_statuses"] = json!([{"id": "first_order", "name": label("首单", "First order")}]);
    signed["entry_form"] = json!({"note": true});
    json!({
        "kind": "sales",
        "name": label("我们的流程", "Ours"),
        "entry_stage": "asked",
        "stages": [stage("asked", "open"), signed, stage("gone", "lost")],
        "transitions": [{"from": "asked", "to": "signed"}, {"from": "asked", "to": "gone"}],
        "pools": [{
            "key": "pool", "kind": "customer_pool", "name": label("公海", "Pool"), "timezone": "Europe/Berlin",
            "claims_per_day": 3, "default": true,
        }],
    })
}

/// The definition of a pipeline as it is served.
async fn published(client: &Client, key: &str) -> Value {
    let answer = client.get(&format!("/v1/pipelines/{key}")).await.expect(200);
    answer.body.get("definition").cloned().unwrap_or(answer.body)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn interest_is_recorded_with_evidence_and_the_form_asks_for_it() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let choices = li.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200).items();
    let choice = choices.iter().find(|choice| choice["to"] == "need_confirmed").cloned().unwrap_or_default();
    assert_eq!(choice["form"]["allOf"][0]["if"]["properties"]["sub_status"]["const"], "interested");
    let interested = |documents: Value| {
        json!({"to": "need_confirmed", "sub_status": "interested", "note": "wants two", "next_step": "propose",
            "documents": documents})
    };
    let refused =
        li.command(&customer, "transitions", interested(json!([]))).await.refused(422, "evidence-required");
    assert!(refused.text.contains("intent_stated"), "{}", refused.text);
    let said = json!([{"kind": "intent_stated", "reference": "mail of 3 March", "sha256": "0f".repeat(32)}]);
    assert_eq!(li.command(&customer, "transitions", interested(said)).await.status, 200);
    let read = li.customer(&customer).await;
    assert_eq!(read.text_at("/journeys/0/sub_status"), "interested");
    let mut registration = team.customer_of("li", "Pier Nine");
    registration["stage"] = json!("need_confirmed");
    registration["sub_status"] = json!("interested");
    let _ = li.post("/v1/customers", registration).await.refused(422, "evidence-required");
}
