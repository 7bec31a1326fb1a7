//! The whole service with a clock that can be moved: rules act when their time has come, once, and never again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::Method;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Ticker;
use super::clock::{ClockWatch, Stopwatch};
use crate::app::App;
use crate::domain::Role;
use crate::eventstore::{Append, Clock, Draft, EventStore as _, MemoryStore, Position, TenantId};
use crate::http::testing::Bench;
use crate::projections::runtime::Duty;
use crate::rounds::Rounds;

/// A service with a pipeline of a template, and the keys of a rep and of a manager.
async fn sales(template: &str) -> (Bench, String, String) {
    let bench = Bench::new().await;
    let admin = bench.key("admin:root", &[Role::Admin]).await;
    let created = bench.post(&admin, "/v1/pipelines", &json!({"key": template, "template": template})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let li = bench.key("rep:li", &[Role::Rep]).await;
    let wang = bench.key("manager:wang", &[Role::Manager]).await;
    (bench, li, wang)
}

async fn customer_of_li(bench: &Bench, key: &str, pipeline: &str) -> String {
    let owner = json!({"kind": "rep", "id": "li"});
    bench.register(key, &json!({"pipeline": pipeline, "name": "Harbour", "owner": owner})).await
}

async fn command(bench: &Bench, key: &str, customer: &str, what: &str, body: &Value) -> Value {
    let answer = bench.post(key, &format!("/v1/customers/{customer}/{what}"), body).await;
    assert!(answer.status.is_success(), "{what}: {}", answer.text);
    answer.json()
}

async fn move_to(bench: &Bench, key: &str, customer: &str, stage: &str) -> Value {
    let receipt =
        json!([{"kind": "quote_receipt_confirmed", "reference": "dms-1", "sha256": "0f".repeat(32)}]);
    let documents = if stage == "quoted" { receipt } else { json!([]) };
    let body = json!({"to": stage, "note": "went on", "next_step": "call", "documents": documents});
    command(bench, key, customer, "transitions", &body).await
}

/// To `quoted`, by the way that the pipeline permits. Answers the last move.
async fn quote(bench: &Bench, key: &str, customer: &str) -> Value {
    move_to(bench, key, customer, "need_confirmed").await;
    move_to(bench, key, customer, "quoted").await
}

/// A pipeline's definition, as it is taken for another version.
async fn definition(bench: &Bench, key: &str, pipeline: &str) -> Value {
    let mut found = read(bench, key, &format!("/v1/pipelines/{pipeline}")).await;
    for own in ["key", "version"] {
        found.as_object_mut().unwrap().remove(own);
    }
    found
}

async fn read(bench: &Bench, key: &str, path: &str) -> Value {
    let answer = bench.get(key, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

async fn stage(bench: &Bench, key: &str, customer: &str) -> String {
    let found = read(bench, key, &format!("/v1/customers/{customer}")).await;
    found["journeys"][0]["stage"].as_str().unwrap().to_owned()
}

/// Whether a customer is a rep's or a pool's.
async fn kind_of_owner(bench: &Bench, key: &str, customer: &str) -> Value {
    read(bench, key, &format!("/v1/customers/{customer}")).await["owner"]["kind"].clone()
}

async fn events_of_type(bench: &Bench, key: &str, event_type: &str) -> Vec<Value> {
    let found = read(bench, key, &format!("/v1/events?after=0&limit=500&type={event_type}")).await;
    found["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn quoted_and_silent_for_three_days_the_customer_goes_back_by_itself_and_only_once() {
    let (bench, li, _) = sales("landian-6").await;
    let admin = bench.key("admin:two", &[Role::Admin]).await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    bench.tick().await;
    bench.later(71);
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "quoted");
    bench.later(30);
    assert!(bench.tick().await > 0);
    assert_eq!(stage(&bench, &li, &customer).await, "to_reactivate");
    let moves = events_of_type(&bench, &admin, "customer.moved").await;
    let last = moves.last().unwrap();
    assert_eq!(last["actor"], "system:quoted_without_update");
    assert_eq!(
        last["time"], "2026-03-05T08:00:00.000000Z",
        "as of the deadline, however late it is processed"
    );
    assert_eq!(last["origin"], "rule");
    for _ in 0..3 {
        bench.tick().await;
    }
    assert_eq!(events_of_type(&bench, &admin, "customer.moved").await.len(), moves.len());
}

#[tokio::test]
async fn an_answer_recorded_before_the_late_worker_comes_stops_the_move() {
    let (bench, li, _) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    bench.tick().await;
    bench.later(100);
    command(&bench, &li, &customer, "notes", &json!({"text": "they answered this morning"})).await;
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "quoted");
}

/// A ticker that never hears of what is recorded from now on, so that nothing it decides on a customer that others change is
/// recorded.
async fn always_too_late(bench: &Bench) -> Ticker {
    let (app, tenant) = (&bench.app, bench.tenant());
    let recorded_at = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&recorded_at);
    let clock: Clock =
        Arc::new(move || DateTime::from_timestamp_micros(told.load(Ordering::Relaxed)).unwrap());
    let before = MemoryStore::new(clock);
    for entry in app.store.read(tenant, 0, u32::MAX).await.unwrap() {
        let envelope = entry.envelope().unwrap();
        let draft = Draft {
            id: envelope.id,
            event_type: envelope.event_type.clone().into_owned().into(),
            type_version: envelope.type_version,
            subject: envelope.subject.clone().into_owned(),
            effective_at: envelope.effective_at,
            actor: envelope.actor.clone().into_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: envelope.causation_id,
            correlation_id: envelope.correlation_id,
            tags: envelope.tags.split_whitespace().map(str::to_owned).collect(),
            blind_tags: Vec::new(),
            data: serde_json::from_str(envelope.data.get()).unwrap(),
        };
        recorded_at.store(entry.recorded_at.timestamp_micros(), Ordering::Relaxed);
        before.append(Append::new(tenant, vec![draft])).await.unwrap();
    }
    let (vault, projections, rights) = (app.vault.clone(), app.projections.clone(), app.rights.clone());
    let mut late = App::new(before, vault, projections, rights, app.clock.clone(), app.ids.clone());
    late.store = app.store.clone();
    Ticker::new(late)
}

/// How many rules have waited for another look, as the metrics have it.
async fn contended(bench: &Bench) -> u64 {
    let text = bench.call(Method::GET, "/metrics").send().await.text;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("waymark_rules_contended_total "));
    lines.next().map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_rule_that_comes_too_late_time_and_again_is_counted_and_left_for_the_next_look() {
    let (bench, li, _) = sales("landian-6").await;
    let admin = bench.key("admin:two", &[Role::Admin]).await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    bench.tick().await;
    bench.later(100);
    bench.catch_up().await;
    let mut late = always_too_late(&bench).await;
    command(&bench, &li, &customer, "notes", &json!({"text": "they answered this morning"})).await;
    let (before, moves) = (contended(&bench).await, events_of_type(&bench, &admin, "customer.moved").await);
    // The read model does not know of the note yet.
    assert_eq!(late.look(bench.tenant()).await.unwrap(), 0);
    let waiting = contended(&bench).await - before;
    assert!(waiting > 0);
    // What waits is not taken for done: it has its turn at each look.
    assert_eq!(late.look(bench.tenant()).await.unwrap(), 0);
    assert_eq!(contended(&bench).await, before + 2 * waiting);
    assert_eq!(events_of_type(&bench, &admin, "customer.moved").await, moves);
}

#[tokio::test]
async fn entering_a_stage_creates_one_task_which_is_completed_once() {
    let (bench, li, wang) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    for _ in 0..3 {
        bench.tick().await;
    }
    let open =
        read(&bench, &li, &format!("/v1/tasks?customer={customer}&state=open&owner=li&role=rep")).await;
    let named =
        |name: &str| open["items"].as_array().unwrap().iter().filter(|task| task["task"] == name).count();
    assert_eq!((named("call_back"), named("send_material")), (1, 0), "{open}");
    let task = &open["items"][0];
    assert_eq!(task["due_at"], "2026-03-04T08:00:00Z");
    assert_eq!(task["customer_name"], "Harbour");
    assert_eq!(task["overdue"], false);
    let id = task["id"].as_str().unwrap();
    let path = format!("/v1/tasks/{id}/completions");
    bench.post(&li, &path, &json!({"note": "they decide next week"})).await.json();
    bench.post(&li, &path, &json!({})).await.problem(409, "task-closed");
    bench.catch_up().await;
    let done = read(&bench, &wang, "/v1/tasks?state=done").await;
    assert_eq!(done["items"][0]["id"], id);
    let unknown = "/v1/tasks/01930000-0000-7000-8000-000000000000/completions";
    bench.post(&li, unknown, &json!({})).await.problem(404, "not-found");
}

#[tokio::test]
async fn tasks_are_paged_in_the_order_in_which_they_are_due_and_become_overdue() {
    let (bench, li, _) = sales("landian-6").await;
    for _ in 0..3 {
        customer_of_li(&bench, &li, "landian-6").await;
    }
    bench.tick().await;
    let first = read(&bench, &li, "/v1/tasks?limit=2&state=open").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = read(&bench, &li, &format!("/v1/tasks?limit=2&state=open&cursor={cursor}")).await;
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(read(&bench, &li, "/v1/tasks?state=overdue").await["items"], json!([]));
    bench.later(25);
    let overdue = read(&bench, &li, "/v1/tasks?state=overdue").await;
    assert_eq!(overdue["items"].as_array().unwrap().len(), 3);
    assert_eq!(overdue["items"][0]["overdue"], true);
    bench.get(&li, "/v1/tasks?cursor=nonsense").await.problem(422, "invalid-value");
}

#[tokio::test]
async fn tasks_and_reminders_are_filtered_by_sub_status_and_tasks_are_asked_for_as_they_stood() {
    let (bench, li, wang) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    let before = read(&bench, &li, "/v1/events?limit=1").await["head"].as_u64().unwrap();
    bench.tick().await;
    let body = json!({"to": "quoted", "sub_status": "awaiting_answer", "note": "sent it"});
    command(&bench, &li, &customer, "transitions", &body).await;
    bench.later(49);
    bench.tick().await;
    let count = async |path: &str| read(&bench, &wang, path).await["items"].as_array().unwrap().len();
    let (tasks, reminders) = (count("/v1/tasks?").await, count("/v1/reminders?").await);
    assert!(tasks > 0 && reminders > 0, "{tasks} tasks, {reminders} reminders");
    for (list, all) in [("tasks", tasks), ("reminders", reminders)] {
        assert_eq!(count(&format!("/v1/{list}?sub_status=awaiting_answer")).await, all, "{list}");
        assert_eq!(count(&format!("/v1/{list}?sub_status=comparing_prices")).await, 0, "{list}");
        bench.get(&wang, &format!("/v1/{list}?sub_status=nowhere")).await.problem(422, "invalid-value");
    }

    let open = read(&bench, &wang, "/v1/tasks?state=open").await;
    let known = read(&bench, &li, "/v1/events?limit=1").await["head"].as_u64().unwrap();
    let id = open["items"][0]["id"].as_str().unwrap();
    bench.post(&li, &format!("/v1/tasks/{id}/completions"), &json!({})).await.json();
    bench.later(1);
    bench.catch_up().await;
    let then = read(&bench, &wang, &format!("/v1/tasks?state=open&known_position={known}")).await;
    assert_eq!(then["items"], open["items"], "as it was known before it was done");
    assert!(then["known_at"].is_string() && then["effective_at"].is_string(), "{then}");
    let now = read(&bench, &wang, "/v1/tasks?state=open&effective_at=2026-12-31T00:00:00Z").await;
    assert!(now["items"].as_array().unwrap().iter().all(|task| task["id"] != id), "{now}");
    assert_eq!(count(&format!("/v1/tasks?known_position={before}")).await, 0);
    let filter = format!(
        "/v1/tasks?known_position={known}&owner=li&role=rep&sub_status=awaiting_answer&customer={customer}"
    );
    assert_eq!(
        read(&bench, &wang, &filter).await["items"],
        read(&bench, &wang, &format!("/v1/tasks?known_position={known}&role=rep")).await["items"]
    );
}

#[tokio::test]
async fn voiding_a_move_cancels_the_tasks_that_it_created() {
    let (bench, li, _) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    let moved = quote(&bench, &li, &customer).await;
    bench.tick().await;
    let void = json!({"corrects": moved["events"][0]["id"], "kind": "void", "reason": "wrong customer"});
    command(&bench, &li, &customer, "corrections", &void).await;
    bench.tick().await;
    let tasks = read(&bench, &li, &format!("/v1/tasks?customer={customer}")).await;
    let call = tasks["items"].as_array().unwrap().iter().find(|task| task["task"] == "call_back").cloned();
    assert_eq!(call.unwrap()["state"], "cancelled");
    bench.later(24 * 4);
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "need_confirmed", "no timer of the voided move is left");
}

#[tokio::test]
async fn saving_a_change_tells_the_team_and_day_two_reminds_the_owner() {
    let (bench, li, wang) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    bench.catch_up().await;
    let told = read(&bench, &wang, &format!("/v1/reminders?role=team&customer={customer}")).await;
    assert_eq!(told["items"].as_array().unwrap().len(), 3, "registered and moved twice: {told}");
    assert_eq!(told["items"][0]["channels"], json!(["workbench"]));
    bench.later(48);
    bench.tick().await;
    let day_two = read(&bench, &li, "/v1/reminders?owner=li&role=rep").await;
    let wecom =
        day_two["items"].as_array().unwrap().iter().find(|one| one["rule"] == "wecom_on_day_two").cloned();
    let wecom = wecom.expect("day two");
    assert_eq!((&wecom["channels"], &wecom["at"]), (&json!(["wecom"]), &json!("2026-03-04T08:00:00Z")));
    let first = read(&bench, &li, "/v1/reminders?limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = read(&bench, &li, &format!("/v1/reminders?limit=1&cursor={cursor}")).await;
    assert_ne!(first["items"][0], next["items"][0]);
}

#[tokio::test]
async fn a_payment_wins_the_customer_and_what_the_rules_did_is_shown() {
    let (bench, li, wang) = sales("bajun-5").await;
    let customer = customer_of_li(&bench, &li, "bajun-5").await;
    command(&bench, &li, &customer, "signals", &json!({"kind": "paid"})).await;
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "won");
    let rules = read(&bench, &wang, "/v1/automations?pipeline=bajun-5").await;
    let rule = |id: &str| {
        rules["items"].as_array().unwrap().iter().find(|rule| rule["rule"] == id).cloned().unwrap()
    };
    assert_eq!((&rule("paid_is_won")["ran"], &rule("paid_is_won")["armed"]), (&json!(1), &json!(0)));
    assert_eq!(rule("tell_the_team")["ran"], 2);
    assert!(rule("dormant_after_30_days")["armed"] == 1, "{rules}");
    bench.get(&wang, "/v1/automations").await.problem(422, "missing-parameter");
    bench.get(&wang, "/v1/automations?pipeline=none").await.problem(404, "not-found");
}

#[tokio::test]
async fn an_alert_of_a_share_sets_its_rule_off_once_until_it_has_ended() {
    let (bench, li, wang) = sales("bajun-5").await;
    let mut definition = definition(&bench, &wang, "bajun-5").await;
    let text = json!({"zh": "流失占比上升", "en": "Churn rises"});
    let trigger = json!({"kind": "share_alert", "stages": ["churned"], "direction": "up"});
    let mut rule = json!({"id": "churn_rises", "name": text, "trigger": trigger});
    rule["actions"] = json!([{"kind": "move", "to": "churned", "text": text}]);
    definition["automations"] = json!([rule]);
    let versions = "/v1/pipelines/bajun-5/versions";
    let refused = bench.post(&wang, versions, &json!({"definition": definition})).await;
    let refused = refused.problem(422, "invalid-value");
    assert_eq!(refused["violations"][0]["field"], "automations[0].actions[0].kind");
    definition["automations"][0]["actions"] = json!([{"kind": "remind", "role": "supervisor", "text": text}]);
    definition["pools"][0]["rules"]["reclaim"] = json!([]);
    bench.catch_up().await;
    let published = bench.post(&wang, versions, &json!({"definition": definition})).await;
    assert!(published.status.is_success(), "{}", published.text);
    let mut customers = Vec::new();
    for _ in 0..40 {
        customers.push(customer_of_li(&bench, &li, "bajun-5").await);
    }
    let admin = bench.key("admin:three", &[Role::Admin]).await;
    let told = async || events_of_type(&bench, &admin, "pipeline.alerted").await;
    bench.later(24 * 30);
    bench.tick().await;
    assert!(told().await.is_empty(), "nobody is gone");
    let lost = json!({"to": "churned", "reason": "price"});
    for customer in &customers[..15] {
        command(&bench, &li, customer, "transitions", &lost).await;
    }
    for _ in 0..3 {
        bench.tick().await;
        bench.later(5);
    }
    let events = told().await;
    assert_eq!(events.len(), 1, "one alert: {events:?}");
    let alert = &events[0]["data"]["alert"];
    assert_eq!(
        (&alert["stage"], &alert["direction"], &alert["share"]),
        (&json!("churned"), &json!("up"), &json!(0.375))
    );
    assert_eq!(events[0]["actor"], "system:churn_rises");
    let reminders = read(&bench, &wang, "/v1/reminders?role=supervisor").await;
    let said = reminders["items"][0]["text"]["en"].as_str().unwrap();
    assert!(said.starts_with("Churn rises (\"Churned\": 37.5%"), "{said}");
}

#[tokio::test]
async fn a_move_that_a_rule_may_not_make_is_shown_as_skipped_and_not_tried_again() {
    let (bench, li, wang) = sales("bajun-5").await;
    bench.catch_up().await;
    let mut definition = definition(&bench, &wang, "bajun-5").await;
    for stage in definition["stages"].as_array_mut().unwrap() {
        if stage["id"] == "won" {
            stage["entry_form"]["fields"] = json!(["contract"]);
        }
    }
    let published =
        bench.post(&wang, "/v1/pipelines/bajun-5/versions", &json!({"definition": definition})).await;
    assert!(published.status.is_success(), "{}", published.text);
    let customer = customer_of_li(&bench, &li, "bajun-5").await;
    command(&bench, &li, &customer, "signals", &json!({"kind": "paid"})).await;
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "potential");
    let rules = read(&bench, &wang, "/v1/automations?pipeline=bajun-5").await;
    assert_eq!(rules["skipped"][0]["rule"], "paid_is_won");
    assert_eq!(rules["skipped"][0]["reasons"], json!(["field-required"]));
    bench.later(24);
    bench.tick().await;
    let rules = read(&bench, &wang, "/v1/automations?pipeline=bajun-5").await;
    assert_eq!(rules["skipped"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_version_with_another_delay_gives_everybody_another_deadline() {
    let (bench, li, wang) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    bench.tick().await;
    let mut definition = definition(&bench, &wang, "landian-6").await;
    for automation in definition["automations"].as_array_mut().unwrap() {
        if automation["id"] == "quoted_without_update" {
            automation["delay"]["seconds"] = json!(86_400);
        }
    }
    bench.later(12);
    let published =
        bench.post(&wang, "/v1/pipelines/landian-6/versions", &json!({"definition": definition})).await;
    assert!(published.status.is_success(), "{}", published.text);
    bench.later(11);
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "quoted");
    bench.later(2);
    bench.tick().await;
    assert_eq!(stage(&bench, &li, &customer).await, "to_reactivate");
}

#[tokio::test]
async fn five_days_without_update_take_a_customer_back_after_two_warnings() {
    let (bench, li, wang) = sales("bajun-5").await;
    let customer = customer_of_li(&bench, &li, "bajun-5").await;
    bench.catch_up().await;
    let fresh = read(&bench, &li, &format!("/v1/customers/{customer}")).await;
    assert_eq!(fresh["remaining_ownership_seconds"], 432_000.0);
    bench.later(72);
    bench.tick().await;
    bench.later(24);
    bench.tick().await;
    let warned = read(&bench, &li, "/v1/reminders?owner=li&role=rep").await;
    let warnings = warned["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["rule"].as_str().unwrap().starts_with("warn:no_update:"));
    assert_eq!(warnings.count(), 2);
    bench.later(23);
    bench.tick().await;
    let last = read(&bench, &li, &format!("/v1/customers/{customer}")).await;
    assert_eq!(last["remaining_ownership_seconds"], 3_600.0);
    bench.later(1);
    bench.tick().await;
    let taken = read(&bench, &wang, &format!("/v1/customers/{customer}")).await;
    assert_eq!(taken["owner"], json!({"kind": "pool", "id": "customer_pool"}));
    assert_eq!(taken["remaining_ownership_seconds"], Value::Null);
    assert_eq!(taken["journeys"][0]["stage"], "potential", "the stage is not touched");
    // Its former owner stands back for seven days; a colleague takes it.
    let claims = format!("/v1/customers/{customer}/claims");
    let refused = bench.post(&li, &claims, &json!({})).await.problem(409, "claim-blocked");
    assert!(refused.to_string().contains("2026-03-14T08:00:00Z"), "{refused}");
    let zhao = bench.key("rep:zhao", &[Role::Rep]).await;
    assert_eq!(bench.post(&zhao, &claims, &json!({})).await.status, 200);
}

/// How long each customer of a list stays with its owner, in the order of the list.
async fn remaining(bench: &Bench, key: &str, path: &str) -> Vec<(String, Value)> {
    let found = read(bench, key, path).await;
    let id = |item: &Value| item["id"].as_str().or(item["customer_id"].as_str()).unwrap().to_owned();
    let left = |item: &Value| item.get("remaining_ownership_seconds").unwrap().clone();
    found["items"].as_array().unwrap().iter().map(|item| (id(item), left(item))).collect()
}

#[tokio::test]
async fn every_list_says_how_long_a_customer_stays_with_its_owner_as_the_customer_itself_does() {
    let (bench, li, wang) = sales("bajun-5").await;
    let in_pool = bench.register(&wang, &json!({"pipeline": "bajun-5", "name": "Pool"})).await;
    let called = customer_of_li(&bench, &li, "bajun-5").await;
    let silent = customer_of_li(&bench, &li, "bajun-5").await;
    let plan = |at: &str| json!({"channel": "phone", "summary": "spoke", "next_plan": {"at": at, "text": "call again"}});
    bench.later(72);
    command(&bench, &li, &called, "follow-ups", &plan("2026-03-06T08:00:00Z")).await;
    bench.later(36);
    bench.catch_up().await;
    let of = |id: &str, left: Value| (id.to_owned(), left);
    let hours = |hours: f64| json!(hours * 3_600.0);
    let all = [of(&in_pool, Value::Null), of(&called, hours(84.0)), of(&silent, hours(12.0))];
    assert_eq!(remaining(&bench, &wang, "/v1/customers").await, all);
    let itself = async |id: &str, at: &str| {
        let found = read(&bench, &wang, &format!("/v1/customers/{id}?{at}")).await;
        found["remaining_ownership_seconds"].clone()
    };
    for (id, left) in &all {
        assert_eq!(itself(id, "").await, *left);
    }
    let overdue = remaining(&bench, &wang, "/v1/worklists/overdue").await;
    assert_eq!(overdue, [of(&called, hours(84.0))]);
    let supervise = remaining(&bench, &wang, "/v1/worklists/supervise").await;
    assert_eq!(supervise, [of(&silent, hours(12.0))]);

    // Eight hours earlier.
    let then = "effective_at=2026-03-06T12:00:00Z";
    let past = [of(&in_pool, Value::Null), of(&called, hours(92.0)), of(&silent, hours(20.0))];
    assert_eq!(remaining(&bench, &wang, &format!("/v1/customers?{then}")).await, past);
    for (id, left) in &past {
        assert_eq!(itself(id, then).await, *left);
    }
    let overdue = remaining(&bench, &wang, &format!("/v1/worklists/overdue?{then}")).await;
    assert_eq!(overdue, [of(&called, hours(92.0))]);
    let supervise = remaining(&bench, &wang, &format!("/v1/worklists/supervise?{then}")).await;
    assert_eq!(supervise, [of(&silent, hours(20.0))]);

    // The soonest first, page by page, and as soon as one is worked on in another order.
    let sorted = "/v1/customers?sort=remaining_ownership";
    let pages = async || {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = read(&bench, &wang, &format!("{sorted}&limit=1{cursor}")).await;
            found.extend(
                page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next_cursor"].as_str() else { return found };
            cursor = format!("&cursor={next}");
        }
    };
    assert_eq!(pages().await, [&*silent, &*called, &*in_pool]);
    command(&bench, &li, &silent, "follow-ups", &plan("2026-03-20T08:00:00Z")).await;
    bench.catch_up().await;
    assert_eq!(pages().await, [&*called, &*silent, &*in_pool]);
    let of_li = remaining(&bench, &wang, &format!("{sorted}&owner=rep:li")).await;
    assert_eq!(of_li, [of(&called, hours(84.0)), of(&silent, hours(120.0))]);
    for (wrong, field) in [(then, "sort"), ("cursor=1.2.gold", "cursor")] {
        let refused = bench.get(&wang, &format!("{sorted}&{wrong}")).await.problem(422, "invalid-value");
        assert_eq!(refused["violations"][0]["field"], field);
    }
}

#[tokio::test]
async fn a_run_takes_back_no_more_than_the_pool_allows() {
    let (bench, li, wang) = sales("bajun-5").await;
    bench.catch_up().await;
    let mut definition = definition(&bench, &wang, "bajun-5").await;
    definition["pools"][0]["rules"]["reclaims_per_run"] = json!(2);
    let published =
        bench.post(&wang, "/v1/pipelines/bajun-5/versions", &json!({"definition": definition})).await;
    assert!(published.status.is_success(), "{}", published.text);
    for _ in 0..5 {
        customer_of_li(&bench, &li, "bajun-5").await;
    }
    bench.later(24 * 30);
    let mut ticker = bench.ticker();
    let owned = async || {
        bench.catch_up().await;
        read(&bench, &wang, "/v1/customers?owner=rep:li").await["items"].as_array().unwrap().len()
    };
    bench.look(&mut ticker).await;
    assert_eq!(owned().await, 3);
    bench.look(&mut ticker).await;
    assert_eq!(owned().await, 3, "still the same run");
    bench.later(1);
    bench.look(&mut ticker).await;
    assert_eq!(owned().await, 1);
}

#[tokio::test]
async fn three_missed_first_contacts_ban_the_rep_from_claiming() {
    let (bench, li, wang) = sales("bajun-5").await;
    let mut pool = Vec::new();
    for _ in 0..4 {
        pool.push(bench.register(&wang, &json!({"pipeline": "bajun-5", "name": "Pool"})).await);
    }
    for customer in &pool[..3] {
        command(&bench, &li, customer, "claims", &json!({})).await;
    }
    bench.later(50);
    bench.tick().await;
    let claims = format!("/v1/customers/{}/claims", pool[3]);
    assert_eq!(events_of_type(&bench, &wang, "customer.first_contact_missed").await.len(), 0);
    bench.later(1);
    bench.tick().await;
    assert_eq!(events_of_type(&bench, &wang, "customer.first_contact_missed").await.len(), 3);
    bench.post(&li, &claims, &json!({})).await.problem(409, "claim-banned");
    bench.later(24 * 7);
    assert_eq!(bench.post(&li, &claims, &json!({})).await.status, 200);
}

#[tokio::test]
async fn a_rep_who_called_in_time_has_no_strike() {
    let (bench, li, wang) = sales("bajun-5").await;
    let customer = bench.register(&wang, &json!({"pipeline": "bajun-5", "name": "Pool"})).await;
    command(&bench, &li, &customer, "claims", &json!({})).await;
    bench.later(48);
    let called = json!({"channel": "phone", "summary": "spoke",
        "next_plan": {"at": "2026-03-20T08:00:00Z", "text": "call again"}});
    command(&bench, &li, &customer, "follow-ups", &called).await;
    bench.later(5);
    bench.tick().await;
    assert_eq!(events_of_type(&bench, &wang, "customer.first_contact_missed").await.len(), 0);
}

#[tokio::test]
async fn the_lists_of_work_are_by_three_different_clocks() {
    let (bench, li, wang) = sales("landian-6").await;
    let _ = bench.key("rep:zhao", &[Role::Rep]).await;
    let today = customer_of_li(&bench, &li, "landian-6").await;
    let overdue = customer_of_li(&bench, &li, "landian-6").await;
    let plan = |at: &str| json!({"channel": "phone", "summary": "spoke", "next_plan": {"at": at, "text": "call again"}});
    command(&bench, &li, &today, "follow-ups", &plan("2026-03-03T10:00:00Z")).await;
    command(&bench, &li, &overdue, "follow-ups", &plan("2026-03-02T20:00:00Z")).await;
    bench.later(24);
    bench.catch_up().await;
    let ids = async |path: &str| {
        let found = read(&bench, &li, path).await;
        let items = found["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["customer_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // It is 08:00 UTC on the third; 20:00 UTC on the second is the third in Shanghai, and not in London.
    assert_eq!(ids("/v1/worklists/today?owner=li").await, [overdue.clone(), today.clone()]);
    assert_eq!(
        ids("/v1/worklists/today?owner=li&timezone=Europe/London").await,
        std::slice::from_ref(&today)
    );
    assert_eq!(ids("/v1/worklists/overdue?owner=li").await, std::slice::from_ref(&overdue));
    assert_eq!(ids("/v1/worklists/overdue?owner=zhao").await, Vec::<String>::new());
    let nobodys = bench.get(&li, "/v1/worklists/overdue?owner=nobody").await.problem(422, "unknown-person");
    assert_eq!(nobodys["violations"][0]["field"], "owner");
    command(&bench, &li, &today, "details", &json!({"tier": "VIP"})).await;
    bench.catch_up().await;
    let push = "/v1/worklists/push?pipeline=landian-6";
    assert_eq!(ids(push).await, Vec::<String>::new(), "a day is what the stage aims at");
    bench.later_by(1);
    assert_eq!(ids(push).await, std::slice::from_ref(&today), "longer than the stage aims at");
    for wrong in ["/v1/worklists/nonsense", "/v1/worklists/push?pipeline=none"] {
        bench.get(&li, wrong).await.problem(404, "not-found");
    }
    bench.get(&li, "/v1/worklists/today?timezone=Mars").await.problem(422, "invalid-value");
    bench.later(24 * 30);
    let stalled = ids("/v1/worklists/stalled").await;
    assert_eq!(stalled.len(), 2, "thirty days in the first stage");
    let silent = ids("/v1/worklists/supervise").await;
    assert_eq!(silent.len(), 2);
    assert!(ids("/v1/worklists/give-up").await.is_empty(), "not yet twice as long");
    bench.later(24 * 31);
    assert_eq!(ids("/v1/worklists/give-up").await.len(), 2);
    let one = read(&bench, &wang, "/v1/worklists/stalled?limit=1").await;
    assert_eq!((one["items"].as_array().unwrap().len(), one["total"].as_u64()), (1, Some(2)));
    let two = format!("/v1/worklists/stalled?limit=1&cursor={}", one["next_cursor"].as_str().unwrap());
    bench.later(1);
    let two = read(&bench, &wang, &two).await;
    assert_eq!(two["effective_at"], one["effective_at"], "all pages are of one instant");
    let first_of = |page: &Value| page["items"][0]["customer_id"].as_str().unwrap().to_owned();
    assert_eq!([first_of(&one), first_of(&two)][..], stalled);
    assert_eq!((&two["next_cursor"], &two["total"]), (&Value::Null, &json!(2)));
    let far = read(&bench, &wang, "/v1/worklists/stalled?suppress_if_next_action_within=4294967295").await;
    assert_eq!(far["total"], 2, "both were to be contacted long ago");
    assert!(
        one["items"][0]["since_stage_entry_seconds"].as_f64()
            > one["items"][0]["since_last_activity_seconds"].as_f64()
    );
}

#[tokio::test]
async fn a_restart_repeats_nothing_and_skips_nothing() {
    let (bench, li, _) = sales("landian-6").await;
    let auditor = bench.key("auditor:sun", &[Role::Auditor]).await;
    for _ in 0..4 {
        let customer = customer_of_li(&bench, &li, "landian-6").await;
        quote(&bench, &li, &customer).await;
    }
    bench.later(24 * 3);
    // Two tickers at once, as on two nodes, then a third that knows nothing of them.
    bench.catch_up().await;
    let (mut one, mut other) = (bench.ticker(), bench.ticker());
    tokio::join!(bench.look(&mut one), bench.look(&mut other));
    bench.tick().await;
    let moved = events_of_type(&bench, &auditor, "customer.moved").await;
    let by_rule = moved.iter().filter(|event| event["actor"] == "system:quoted_without_update").count();
    assert_eq!(by_rule, 4);
    let created = events_of_type(&bench, &auditor, "customer.task_created").await.len();
    assert_eq!(created, 4, "call_back, once for each customer");
}

#[tokio::test]
async fn every_month_the_manager_is_reminded_of_the_stagnant_once_and_finds_them_listed() {
    let (bench, li, wang) = sales("helloword-13").await;
    customer_of_li(&bench, &li, "helloword-13").await;
    bench.tick().await;
    let reminded = async || {
        let found = read(&bench, &wang, "/v1/reminders?role=manager").await;
        found["items"].as_array().unwrap().clone()
    };
    assert_eq!(reminded().await.len(), 0, "the rule came within the month: it begins with the next");
    // April begins in Shanghai at 16:00 UTC on the last of March; it is the second of March, 08:00 UTC.
    bench.later(24 * 29 + 7);
    bench.tick().await;
    assert_eq!(reminded().await.len(), 0);
    bench.later(1);
    for _ in 0..3 {
        bench.tick().await;
    }
    let april = reminded().await;
    assert_eq!(april.len(), 1, "{april:?}");
    assert_eq!(
        (&april[0]["rule"], &april[0]["customer_id"]),
        (&json!("monthly_stagnant_review"), &Value::Null)
    );
    assert_eq!(
        (&april[0]["at"], &april[0]["journey"]),
        (&json!("2026-03-31T16:00:00Z"), &json!("helloword-13"))
    );
    bench.later(24);
    let stagnant = read(&bench, &wang, "/v1/worklists/stalled").await;
    assert_eq!(stagnant["total"], 1, "thirty days in its stage");
    bench.later(24 * 60);
    bench.tick().await;
    assert_eq!(reminded().await.len(), 2, "a month in which nobody looked is not made up for");
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_done_and_does_nothing() {
    let (bench, li, wang) = sales("landian-6").await;
    let customer = customer_of_li(&bench, &li, "landian-6").await;
    quote(&bench, &li, &customer).await;
    bench.tick().await;
    let run = async |body: Value| bench.post(&wang, "/v1/automations/dry-runs", &body).await;
    let now = run(json!({"pipeline": "landian-6"})).await.json();
    assert_eq!(now["items"], json!([]), "{now}");
    let later = run(json!({"pipeline": "landian-6", "until": "2026-03-05T08:00:00Z"})).await.json();
    assert_eq!(later["rules"]["quoted_without_update"], 1, "{later}");
    assert_eq!(later["rules"]["wecom_on_day_two"], 1);
    assert_eq!(later["rules"]["reclaim:no_update"], Value::Null, "due on the seventh");
    assert_eq!(stage(&bench, &li, &customer).await, "quoted");
    run(json!({"pipeline": "none"})).await.problem(404, "not-found");
    run(json!({})).await.problem(422, "missing-field");
}

#[tokio::test]
async fn who_came_in_as_a_lead_again_is_on_todays_list_until_somebody_follows_up() {
    let (bench, li, wang) = sales("landian-6").await;
    let contacts = json!([{"kind": "phone", "value": "+8613800138000"}]);
    let owner = json!({"kind": "rep", "id": "li"});
    let known = json!({"pipeline": "landian-6", "name": "Harbour", "contacts": contacts, "owner": owner});
    let customer = bench.register(&li, &known).await;
    let lead = json!({"pipeline": "landian-6", "contacts": contacts, "source": "fair"});
    assert_eq!(bench.post(&wang, "/v1/leads", &lead).await.status, 200);
    bench.later(48);
    bench.catch_up().await;
    let today = read(&bench, &li, "/v1/worklists/today?owner=li").await;
    assert_eq!((today["total"].as_u64(), &today["items"][0]["customer_id"]), (Some(1), &json!(customer)));
    assert!(today["items"][0]["touched_again_at"].is_string(), "{today}");
    let spoke = json!({"channel": "phone", "summary": "spoke",
        "next_plan": {"at": "2026-03-20T08:00:00Z", "text": "call again"}});
    command(&bench, &li, &customer, "follow-ups", &spoke).await;
    bench.catch_up().await;
    assert_eq!(read(&bench, &li, "/v1/worklists/today?owner=li").await["total"], 0);
}

/// A pipeline in whose pool a rep may look at two customers a day, by the calendar of Shanghai, and three of them.
async fn guarded(bench: &Bench, admin: &str) -> Vec<String> {
    let mut few = definition(bench, admin, "landian-6").await;
    few["pools"][0]["rules"]["views_per_day"] = json!(2);
    few["pools"][0]["key"] = json!("guarded_pool");
    let created = bench.post(admin, "/v1/pipelines", &json!({"key": "guarded", "definition": few})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let mut customers = Vec::new();
    for n in 0..3 {
        let contacts = json!([{"kind": "phone", "value": format!("+861380013800{n}")}]);
        let body = json!({"pipeline": "guarded", "name": "Harbour", "contacts": contacts});
        customers.push(bench.register(admin, &body).await);
    }
    bench.catch_up().await;
    customers
}

#[tokio::test]
async fn a_rep_looks_at_a_limited_number_of_customers_of_a_pool_until_its_midnight() {
    let (bench, li, wang) = sales("landian-6").await;
    let admin = bench.key("admin:root", &[Role::Admin]).await;
    let he = bench.key("auditor:he", &[Role::Auditor]).await;
    let customers = guarded(&bench, &admin).await;
    let path = |n: usize| format!("/v1/customers/{}", customers[n]);
    let first = read(&bench, &li, &path(0)).await;
    let told = (first["contacts"][0]["value"].as_str(), first["version"].as_u64());
    assert_eq!(told, (Some("+86138****8000"), Some(1)));
    // Again, or its timeline, or lists: nothing more is counted.
    read(&bench, &li, &path(0)).await;
    read(&bench, &li, &format!("{}/timeline", path(0))).await;
    let listed = read(&bench, &li, "/v1/pools/guarded_pool/customers").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains("+8613800138000"));
    read(&bench, &li, &format!("{}/timeline", path(1))).await;
    for path in [path(2), format!("{}/timeline", path(2))] {
        let refused = bench.get(&li, &path).await.problem(409, "view-quota-exhausted");
        let told = (refused["available_at"].as_str(), refused["limit"].as_u64());
        assert_eq!(told, (Some("2026-03-02T16:00:00Z"), Some(2)));
    }
    // Seen today is seen; those who lead or check are not counted, and another rep has views of their own.
    read(&bench, &li, &path(1)).await;
    let zhao = bench.key("rep:zhao", &[Role::Rep]).await;
    for key in [&wang, &admin, &he, &zhao] {
        read(&bench, key, &path(2)).await;
    }
    let viewed = events_of_type(&bench, &admin, "customer.viewed").await;
    let told: Vec<_> = viewed.iter().map(|one| one["data"]["rep"].as_str().unwrap()).collect();
    assert_eq!(told, ["li", "li", "zhao"]);

    // A claim is not hindered, and what is owned is read in full and freely.
    command(&bench, &li, &customers[2], "claims", &json!({})).await;
    bench.catch_up().await;
    assert_eq!(read(&bench, &li, &path(2)).await["contacts"][0]["value"], "+8613800138002");
    let released = json!({"reason": "no time"});
    command(&bench, &li, &customers[2], "releases", &released).await;
    bench.catch_up().await;
    bench.later_by(8 * 3_600 - 1);
    bench.get(&li, &path(2)).await.problem(409, "view-quota-exhausted");
    bench.later_by(1);
    read(&bench, &li, &path(2)).await;
    read(&bench, &li, &path(0)).await;
    bench.get(&li, &path(1)).await.problem(409, "view-quota-exhausted");
    assert_eq!(events_of_type(&bench, &admin, "customer.viewed").await.len(), 5);
}

/// The clock of a service under comparison, and its stopwatch in seconds.
fn watched(bench: &Bench) -> (ClockWatch, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let passed = Arc::clone(&seconds);
    let stopwatch: Stopwatch = Arc::new(move || Duration::from_secs(passed.load(Ordering::Relaxed)));
    let app = bench.app();
    let (admin, pause) = (bench.shared_admin(), app.automation_pause.clone());
    (ClockWatch::new(app.clock.clone(), stopwatch, admin, app.store.clone(), pause), seconds)
}

const DAY: u64 = 24 * 3_600;

#[tokio::test]
async fn a_clock_that_jumps_ahead_by_more_than_a_day_pauses_automations_until_it_is_back() {
    let (bench, li, _) = sales("bajun-5").await;
    customer_of_li(&bench, &li, "bajun-5").await;
    let (clock, _) = watched(&bench);
    let told = async || {
        let ready = bench.call(Method::GET, "/readyz").send().await;
        assert_eq!(ready.status.as_u16(), 200, "it serves all the same");
        ready.json()["automations"].clone()
    };
    assert!(clock.may_act().await.unwrap());
    bench.later(24);
    assert!(clock.may_act().await.unwrap(), "a day is believed");
    assert_eq!(told().await, "acting");
    bench.later_by(24 * 3_600 + 1);
    assert!(!clock.may_act().await.unwrap(), "a day and a second is not");
    assert_eq!(told().await, "paused");
    assert_eq!(clock.ahead(), Some(TimeDelta::seconds(24 * 3_600 + 1)));
    bench.later(-24);
    assert!(clock.may_act().await.unwrap());
    assert_eq!(clock.ahead(), None);
    assert_eq!(told().await, "acting");
}

#[tokio::test]
async fn time_that_the_processor_counts_as_well_is_believed_however_long_nothing_happened() {
    let (bench, _, _) = sales("bajun-5").await;
    let (clock, seconds) = watched(&bench);
    assert!(clock.may_act().await.unwrap());
    bench.later(24 * 30);
    seconds.fetch_add(30 * DAY, Ordering::Relaxed);
    assert!(clock.may_act().await.unwrap());
}

#[tokio::test]
async fn nobody_loses_a_customer_to_a_clock_that_is_wrong_at_the_start_and_everything_goes_on_once_it_is_agreed_to()
 {
    let (bench, li, wang) = sales("bajun-5").await;
    let customer = customer_of_li(&bench, &li, "bajun-5").await;
    // Nobody noted that the service was alive yet: the newest entry of the log tells.
    bench.later(24 * 30);
    let (clock, seconds) = watched(&bench);
    let mut ticker = bench.ticker();
    let owner = async || kind_of_owner(&bench, &wang, &customer).await;
    for _ in 0..2 {
        if clock.may_act().await.unwrap() {
            bench.look(&mut ticker).await;
        }
        bench.catch_up().await;
        assert_eq!(owner().await, "rep", "a month has not passed just because the clock says so");
        seconds.fetch_add(60, Ordering::Relaxed);
        bench.later_by(60);
    }
    assert!(!clock.is_believed().await.unwrap());
    bench.admin().agree_to_clock(bench.now()).await.unwrap();
    assert!(clock.is_believed().await.unwrap());
    assert!(clock.may_act().await.unwrap());
    bench.look(&mut ticker).await;
    bench.catch_up().await;
    assert_eq!(owner().await, "pool");
    assert_eq!(bench.admin().last_alive().await.unwrap(), Some(bench.now()));

    // A restart within a day finds the note, and nobody has to agree again.
    bench.later(23);
    assert!(watched(&bench).0.may_act().await.unwrap());
}

/// A process that has just begun, in which a ticker runs by itself.
struct Process {
    stop: CancellationToken,
    running: JoinHandle<()>,
    log: watch::Receiver<Position>,
    /// Where the log stood when it began.
    begun_at: Position,
}

impl Process {
    fn begin(bench: &Bench) -> Self {
        let mut log = bench.app().store.watch(bench.tenant());
        let begun_at = *log.borrow_and_update();
        let stop = CancellationToken::new();
        let running = tokio::spawn(bench.ticker().run(Arc::new(watched(bench).0), stop.clone()));
        Self { stop, running, log, begun_at }
    }

    fn has_done_something(&self) -> bool {
        *self.log.borrow() > self.begun_at
    }

    /// Ends it once it has done something.
    async fn end(mut self) {
        let begun_at = self.begun_at;
        self.log.wait_for(|position| *position > begun_at).await.unwrap();
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// A customer of a rep's whom the pool will take back, and a clock that is believed for a month.
async fn left_alone() -> (Bench, String, String) {
    let (bench, li, wang) = sales("bajun-5").await;
    let customer = customer_of_li(&bench, &li, "bajun-5").await;
    bench.catch_up().await;
    bench.admin().agree_to_clock(bench.now() + TimeDelta::days(30)).await.unwrap();
    (bench, wang, customer)
}

#[tokio::test]
async fn what_fell_due_while_no_process_ran_is_done_by_the_next_one() {
    let (bench, wang, customer) = left_alone().await;
    bench.later(24 * 30);
    Process::begin(&bench).end().await;
    bench.catch_up().await;
    assert_eq!(kind_of_owner(&bench, &wang, &customer).await, "pool");
}

#[tokio::test]
async fn what_falls_due_while_nothing_happens_is_done_though_nobody_tells() {
    let (bench, wang, customer) = left_alone().await;
    let process = Process::begin(&bench);
    // Nothing is due yet: that it looked is told by its note that the service is alive.
    while bench.admin().last_alive().await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!process.has_done_something());
    bench.later(24 * 30);
    process.end().await;
    bench.catch_up().await;
    assert_eq!(kind_of_owner(&bench, &wang, &customer).await, "pool");
}

#[tokio::test]
async fn nobody_is_looked_at_while_the_clock_is_not_believed_and_everybody_is_afterwards() {
    let (bench, _, _) = sales("bajun-5").await;
    let (clock, _) = watched(&bench);
    assert!(clock.may_act().await.unwrap());
    bench.later(48);
    let (stop, pause) = (CancellationToken::new(), bench.app().automation_pause.clone());
    let mut rounds = Rounds::new(bench.app(), Duty::Automations, "nothing was done");
    let back = async {
        while !pause.is_on() {
            tokio::task::yield_now().await;
        }
        bench.later(-48);
    };
    let (due, ()) = tokio::join!(rounds.next_if_believed(&clock, &stop), back);
    assert_eq!((due, pause.is_on()), (Some(vec![bench.tenant()]), false));
}

/// A round of a process over who is due, which ends after it. Returns who was looked at.
async fn round(bench: &Bench) -> Vec<TenantId> {
    let (stop, mut ticker) = (CancellationToken::new(), bench.ticker());
    let rounds = Rounds::new(bench.app(), Duty::Automations, "nothing was done");
    let mut rounds = rounds.kept_as("automations");
    let due = rounds.next(&stop).await.unwrap();
    for &tenant in &due {
        rounds.looked(tenant, &ticker.look_and_say_when(tenant).await);
    }
    stop.cancel();
    assert_eq!(rounds.next(&stop).await, None);
    due
}

#[tokio::test]
async fn after_a_restart_those_are_looked_at_who_are_due_or_have_moved_and_nobody_who_was_quiet() {
    let (bench, wang, customer) = left_alone().await;
    for number in 0..20 {
        bench.key_in(&format!("quiet-{number}"), "admin:root", &[Role::Admin]).await;
    }
    bench.catch_up().await;
    assert_eq!(round(&bench).await.len(), 21, "nothing is known of anybody");
    bench.later(24 * 30);
    let moved = bench.admin().tenant("quiet-7").await.unwrap().unwrap();
    bench.key_in("quiet-7", "admin:second", &[Role::Admin]).await;
    bench.catch_up().await;
    assert_eq!(kind_of_owner(&bench, &wang, &customer).await, "rep");
    let mut looked = round(&bench).await;
    looked.sort_unstable_by_key(|tenant| *tenant == moved);
    assert_eq!(looked, [bench.tenant(), moved]);
    bench.catch_up().await;
    assert_eq!(kind_of_owner(&bench, &wang, &customer).await, "pool", "what fell due meanwhile is done");
}

#[tokio::test]
async fn a_read_model_that_was_folded_again_may_tell_something_else_so_its_tenant_is_looked_at() {
    let (bench, _, _) = left_alone().await;
    assert_eq!(round(&bench).await, [bench.tenant()]);
    bench.app().projections.rebuild(bench.tenant(), "work", &|_, _| {}).await.unwrap();
    let again = tokio::time::timeout(Duration::from_secs(60), round(&bench)).await;
    assert_eq!(again.unwrap(), [bench.tenant()]);
}
