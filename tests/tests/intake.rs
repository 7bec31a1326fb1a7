//! Intake: leads are scored, the high ones go to reps in turn, the low ones wait in the lead pool.

#![cfg(test)]

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

fn lead(n: usize, product: bool) -> Value {
    let mut lead = json!({
        "pipeline": "funnel-5", "name": format!("Lead {n}"), "source": "referral",
        "contacts": [{"kind": "phone", "value": format!("139{n:08}")}],
    });
    if product {
        lead["fields"] = json!({"product": "cold chain"});
    }
    lead
}

async fn team_of(admin: &Client, key: &str, members: &[&str]) {
    let team = json!({"key": key, "name": {"zh": key, "en": key}, "supervisors": [], "members": members});
    let _ = admin.post("/v1/admin/teams", team).await.expect(200);
}

/// How many leads each rep got.
fn counts<'a>(replies: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for rep in replies.into_iter().filter_map(|reply| reply["assigned_to"].as_str()) {
        *counts.entry(rep.to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_scored_with_reasons_and_goes_to_a_rep_from_the_threshold_on() {
    let team = Team::on("funnel-5").await;
    let admin = team.admin();
    team_of(&admin, "north", &["li", "zhao"]).await;
    let one = async |body: Value| admin.post("/v1/leads", body).await.expect(201).at("/items/0").clone();

    let low = one(json!({"pipeline": "funnel-5", "name": "nobody", "source": "ads"})).await;
    assert_eq!((low["score"].as_u64(), &low["assigned_to"]), (Some(10), &Value::Null));
    assert_eq!(low["score_reasons"], json!([{"factor": "channel", "detail": "ads", "points": 10}]));
    assert!(low["assignment_reason"]["en"].as_str().is_some_and(|why| why.contains("below 60")), "{low}");
    let low = low["customer_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(admin.customer(&low).await.at("/owner"), &json!({"kind": "pool", "id": "lead_pool"}));

    let high = one(lead(1, false)).await;
    assert_eq!((high["score"].as_u64(), high["assigned_to"].as_str()), (Some(70), Some("li")));
    assert_eq!(high["assignment_reason"]["method"], "round_robin");
    let points: Vec<u64> =
        high["score_reasons"].as_array().into_iter().flatten().filter_map(|r| r["points"].as_u64()).collect();
    assert_eq!(points, [30, 40]);
    let shown = admin.customer(high["customer_id"].as_str().unwrap_or_default()).await;
    assert_eq!(shown.at("/owner"), &json!({"kind": "rep", "id": "li"}));
    assert_eq!((shown.number_at("/score"), shown.text_at("/assigned_to")), (70, "li".to_owned()));
    assert_eq!(one(lead(2, true)).await["assigned_to"], "zhao");

    // A lead that names its owner stays with it; a plain registration is not scored.
    let mut named = lead(3, true);
    named["owner"] = json!("chen");
    let named = one(named).await;
    assert_eq!((named["score"].as_u64(), &named["assigned_to"]), (Some(100), &Value::Null));
    let plain = admin.register(lead(4, true)).await;
    assert!(admin.customer(&plain).await.at("/score").is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_tells_the_owner_and_raises_the_score_and_a_crossing_assigns_once() {
    let team = Team::on("funnel-5").await;
    let admin = team.admin();
    team_of(&admin, "north", &["li", "zhao"]).await;
    let mut body = lead(1, false);
    body["source"] = json!("ads");
    let first = admin.post("/v1/leads", body.clone()).await.expect(201).at("/items/0").clone();
    assert_eq!((first["score"].as_u64(), &first["assigned_to"]), (Some(40), &Value::Null));
    let second = admin.post("/v1/leads", body.clone()).await.expect(200).at("/items/0").clone();
    assert_eq!((second["score"].as_u64(), &second["assigned_to"]), (Some(50), &Value::Null));
    let third = admin.post("/v1/leads", body.clone()).await.expect(200).at("/items/0").clone();
    assert_eq!((third["score"].as_u64(), third["assigned_to"].as_str()), (Some(60), Some("li")));
    let fourth = admin.post("/v1/leads", body).await.expect(200).at("/items/0").clone();
    assert_eq!((fourth["score"].as_u64(), &fourth["assigned_to"]), (Some(70), &Value::Null), "assigned once");
    let id = fourth["customer_id"].as_str().unwrap_or_default();
    assert_eq!(admin.customer(id).await.at("/owner/id"), "li");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_deputies_and_the_holding_cap_decide_who_gets_a_lead() {
    let team = Team::on("funnel-5").await;
    let admin = team.admin();
    team_of(&admin, "north", &["li", "zhao"]).await;
    team_of(&admin, "south", &["chen"]).await;
    let mut settings = admin.get("/v1/admin/intake").await.expect(200).body;
    assert_eq!((settings["version"].take(), &settings["threshold"]), (json!(0), &json!(60)));
    if let Some(members) = settings.as_object_mut() {
        members.remove("version");
    }
    settings["rules"] = json!([{"id": "fairs", "team": "south", "sources": ["exhibition"]}, {"id": "others", "team": "north"}]);
    settings["holding_cap"] = json!(2);
    let mut wrong = settings.clone();
    wrong["rules"][0]["team"] = json!("nowhere");
    let refused = admin.post("/v1/admin/intake", wrong).await.refused(422, "unknown-team");
    assert_eq!(refused.text_at("/violations/0/field"), "rules[0].team");
    let _ = team.rep("li").post("/v1/admin/intake", settings.clone()).await.refused(403, "missing-role");
    let _ = admin.post("/v1/admin/intake", settings).await.expect(200);

    let to = async |n: usize, source: &str| {
        let mut body = lead(n, true);
        body["source"] = json!(source);
        admin.post("/v1/leads", body).await.expect(201).at("/items/0").clone()
    };
    let fair = to(1, "exhibition").await;
    assert_eq!(
        (fair["assigned_to"].as_str(), fair["assignment_reason"]["rule"].as_str()),
        (Some("chen"), Some("fairs"))
    );
    let at = |hours: i64| (waymark_tests::now() + chrono::Duration::hours(hours)).to_rfc3339();
    let leave = json!({"rep": "li", "deputy": "zhao", "from": at(-1), "until": at(24)});
    assert!((200..300).contains(&admin.post("/v1/deputies", leave).await.status));
    let mut takers = Vec::new();
    for n in 2..5 {
        takers.push(to(n, "referral").await["assigned_to"].clone());
    }
    assert_eq!(takers, [json!("zhao"), json!("zhao"), Value::Null], "li is on leave, and zhao has two");
    let full = admin
        .get(&format!("/v1/customers?owner=rep:zhao&min_position={}", admin.head().await))
        .await
        .expect(200);
    assert_eq!(full.items().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_leads_of_ten_callers_are_shared_out_evenly() {
    let team = Team::on("funnel-5").await;
    let admin = team.admin();
    let reps = ["a", "b", "c", "d", "e", "f", "g"];
    team_of(&admin, "north", &reps).await;
    let callers: Vec<Client> = (0..10).map(|n| team.manager(&format!("m{n}"))).collect();
    let batches = callers.iter().enumerate().map(|(caller, client)| {
        let leads: Vec<Value> = (0..100).map(|n| lead(caller * 100 + n, true)).collect();
        async move { client.post("/v1/leads", json!(leads)).await.expect(200).items() }
    });
    let replies: Vec<Value> = join_all(batches).await.into_iter().flatten().collect();
    assert_eq!(replies.iter().filter(|reply| reply["outcome"] == "created").count(), 1_000);
    let counts = counts(&replies);
    assert_eq!(counts.values().sum::<usize>(), 1_000, "{counts:?}");
    let (least, most) = (counts.values().min().copied(), counts.values().max().copied());
    assert_eq!((least, most), (Some(142), Some(143)), "{counts:?}");
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_leads_in_one_request_are_shared_out_evenly_and_one_more_is_refused() {
    let team = Team::on("funnel-5").await;
    let admin = team.admin();
    team_of(&admin, "north", &["a", "b", "c"]).await;
    let leads = |count: usize| json!((0..count).map(|n| lead(n, true)).collect::<Vec<_>>());
    let _ = admin.post("/v1/leads", leads(1_001)).await.refused(422, "invalid-value");
    let replies = admin.post("/v1/leads", leads(1_000)).await.expect(200).items();
    let counts = counts(&replies);
    let all: Vec<usize> = counts.values().copied().collect();
    assert_eq!(all, [334, 333, 333]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_score_of_a_model_is_shown_with_its_version_and_age_and_forgotten_with_the_person() {
    let team = Team::on("funnel-5").await;
    let li = team.rep("li");
    let id = li.register(json!({"pipeline": "funnel-5", "name": "Harbour Foods", "owner": "li"})).await;
    let said = |version: &str, score: &str, explanation: &str| json!({"model": "repurchase", "version": version, "score": score, "explanation": explanation});
    let _ = li.command(&id, "scores", said("2026.10", "0.41", "silent")).await.expect(200);
    let _ = li.command(&id, "scores", said("2026.11", "0.83", "asked twice")).await.expect(200);
    let _ = li.command(&id, "scores", said("2026.11", "high", "x")).await.refused(422, "invalid-value");
    let _ = team.rep("chen").command(&id, "scores", said("1", "1", "x")).await.refused(403, "not-owner");
    let shown = li.customer(&id).await;
    let scores = shown.at("/model_scores").as_array().cloned().unwrap_or_default();
    assert_eq!(scores.len(), 1, "the last of the model");
    assert_eq!((&scores[0]["version"], &scores[0]["score"]), (&json!("2026.11"), &json!("0.83")));
    assert!(
        scores[0]["age_seconds"].as_f64().is_some_and(|age| (0.0..600.0).contains(&age)),
        "{}",
        scores[0]
    );
    let _ = team.admin().command(&id, "erasure", json!({"ground": "request"})).await.expect(200);
    let forgotten = li.customer(&id).await;
    assert!(forgotten.at("/model_scores/0/explanation").is_null() && !forgotten.text.contains("asked twice"));
}
