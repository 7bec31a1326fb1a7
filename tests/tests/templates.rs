//! The shipped templates: whole, in both languages, and usable as they are.

#![cfg(test)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Team};

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
    assert!(templates.len() >= 2, "{templates:#?}");
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
