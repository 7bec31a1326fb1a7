//! Programs that follow the log under a name: each event until it is acknowledged, over restarts and on any server.

#![cfg(test)]

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, EventSchemas, Installation, Team};

async fn create(client: &Client, name: &str, types: &[&str], start: Value) -> Answer {
    client.post("/v1/consumers", json!({"name": name, "types": types, "start": start})).await
}

async fn poll(client: &Client, name: &str, query: &str) -> Answer {
    client.get(&format!("/v1/consumers/{name}/events?{query}")).await.expect(200)
}

async fn acknowledge(client: &Client, name: &str, position: u64) -> Answer {
    client.post(&format!("/v1/consumers/{name}/acknowledgements"), json!({"position": position})).await
}

async fn reset(client: &Client, name: &str, start: Value) -> Answer {
    client.post(&format!("/v1/consumers/{name}/resets"), json!({ "start": start })).await
}

fn positions(answer: &Answer) -> Vec<u64> {
    answer.items().iter().filter_map(|event| event["position"].as_u64()).collect()
}

/// Everything that is not acknowledged yet, by small pages, each acknowledged before the next.
async fn drained(client: &Client, name: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = poll(client, name, "limit=7").await;
        all.extend(page.items());
        let next = page.number_at("/next_position");
        let _ = acknowledge(client, name, next).await.expect(200);
        if next >= page.number_at("/head") {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_comes_until_it_is_acknowledged_also_after_a_restart_and_then_never_again() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer("Harbour Foods")).await;
    for number in 0..12 {
        let _ =
            admin.command(&customer, "notes", json!({"text": format!("note {number}")})).await.expect(200);
    }
    let made =
        create(&admin, "warehouse", &["customer.noted", "customer.registered"], json!({"position": 0})).await;
    let made = made.expect(201);
    assert_eq!((made.number_at("/position"), made.text_at("/created_by").as_str()), (0, "admin:root"));
    assert_eq!(made.at("/acknowledged_at"), &Value::Null);
    assert!(made.number_at("/lag_events") >= 13);

    let wanted = admin.get("/v1/events?limit=500&type=customer.noted,customer.registered").await.expect(200);
    let first = poll(&admin, "warehouse", "limit=5").await;
    assert_eq!(first.items(), wanted.items()[..5], "as the log gives them");
    assert_eq!(poll(&admin, "warehouse", "limit=5").await.items(), first.items(), "nothing was acknowledged");
    let third = first.items()[2]["position"].as_u64().unwrap_or_default();
    let done = acknowledge(&admin, "warehouse", third).await.expect(200);
    assert_eq!(done.number_at("/position"), third);
    assert!(done.at("/acknowledged_at").is_string());

    let Team { installation, server, .. } = team;
    assert_eq!(server.stop(), 0);
    let server = installation.serve();
    let admin = server.admin();
    assert_eq!(
        poll(&admin, "warehouse", "limit=500").await.items(),
        wanted.items()[3..],
        "it goes on where it stopped"
    );
    let schemas = EventSchemas::of(&admin).await;
    for event in drained(&admin, "warehouse").await {
        schemas.insist(&event);
    }
    let at_the_end = admin.get("/v1/consumers/warehouse").await.expect(200);
    assert_eq!((at_the_end.number_at("/lag_events"), at_the_end.number_at("/lag_seconds")), (0, 0));
    assert!(poll(&admin, "warehouse", "limit=5").await.items().is_empty());
    let listed = admin.get("/v1/consumers").await.expect(200).items();
    assert_eq!(listed, std::slice::from_ref(&at_the_end.body));
    assert!(admin.get("/metrics").await.text.contains("waymark_consumer_lag_seconds"));

    let doctor = installation.run(&["doctor", "--json"]).succeeded();
    assert!(doctor.contains("\"consumers\""), "{doctor}");
    assert_eq!(server.stop(), 0);
    assert_eq!(installation.verify().0, 0, "{}", installation.verify().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_the_next_event_and_no_longer_than_it_says() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer("Harbour Foods")).await;
    let head = admin.head().await;
    let _ = create(&admin, "warehouse", &["customer.noted"], json!({"position": head})).await.expect(201);
    let waiting = tokio::spawn({
        let admin = admin.clone();
        async move { poll(&admin, "warehouse", "wait_seconds=30").await }
    });
    // What is none of its types wakes nobody for good.
    let _ = admin.command(&customer, "risk", json!({"at_risk": true, "reason": "silent"})).await.expect(200);
    let noted = admin.command(&customer, "notes", json!({"text": "rings back"})).await.expect(200);
    let told = waiting.await.expect("it is answered");
    assert_eq!(positions(&told), [noted.number_at("/position")]);
    assert_eq!(told.number_at("/position"), head);
    let _ = acknowledge(&admin, "warehouse", told.number_at("/next_position")).await.expect(200);
    assert!(poll(&admin, "warehouse", "wait_seconds=1").await.items().is_empty());

    let waiting = tokio::spawn({
        let admin = admin.clone();
        async move { admin.call(Method::GET, "/v1/consumers/warehouse/events?wait_seconds=30").try_send().await }
    });
    // Whether it had begun to wait or not: the service ends without waiting for it.
    assert_eq!(team.server.stop(), 0);
    if let Ok(answer) = waiting.await.expect("it ends") {
        assert!(answer.status >= 500 || answer.items().is_empty(), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_moves_forward_only_and_begins_again_where_somebody_says_so() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer("Harbour Foods")).await;
    let _ = create(&admin, "warehouse", &[], json!({"position": 0})).await.expect(201);
    let head = admin.head().await;
    for _ in 0..2 {
        let done = acknowledge(&admin, "warehouse", head).await.expect(200);
        assert_eq!(done.number_at("/position"), head, "acknowledged once is acknowledged");
    }
    let back = acknowledge(&admin, "warehouse", head - 1).await.refused(409, "already-acknowledged");
    assert_eq!(back.number_at("/position"), head);
    let beyond = acknowledge(&admin, "warehouse", head + 1).await.refused(422, "invalid-value");
    assert_eq!(
        (beyond.text_at("/violations/0/field").as_str(), beyond.number_at("/head")),
        ("position", head)
    );

    let again = reset(&admin, "warehouse", json!({"position": 2})).await.expect(200);
    assert_eq!((again.number_at("/position"), again.at("/acknowledged_at")), (2, &Value::Null));
    assert_eq!(positions(&poll(&admin, "warehouse", "limit=1").await), [3]);
    let _ = acknowledge(&admin, "warehouse", 3).await.expect(200);
    let forward = reset(&admin, "warehouse", json!({"position": head})).await.expect(200);
    assert_eq!(forward.number_at("/position"), head);

    // By an instant: with the first event that was recorded then or later.
    let noted =
        admin.command(&customer, "notes", json!({"text": "first"})).await.expect(200).number_at("/position");
    let recorded = admin.get(&format!("/v1/events?after={}&limit=1", noted - 1)).await.expect(200);
    let recorded = recorded.text_at("/items/0/recordedat");
    let _ = reset(&admin, "warehouse", json!({"instant": recorded})).await.expect(200);
    assert_eq!(positions(&poll(&admin, "warehouse", "limit=1").await), [noted]);
    let later: DateTime<Utc> = recorded.parse().expect("an instant");
    let _ = admin.command(&customer, "notes", json!({"text": "second"})).await.expect(200);
    let _ = reset(&admin, "warehouse", json!({"instant": later + chrono::Duration::microseconds(1)}))
        .await
        .expect(200);
    assert!(positions(&poll(&admin, "warehouse", "limit=1").await)[0] > noted);
    let future = json!({"instant": "2999-01-01T00:00:00Z"});
    let refused = reset(&admin, "warehouse", future).await.refused(422, "invalid-value");
    assert_eq!(refused.text_at("/violations/0/field"), "start.instant");

    let told = admin.get("/v1/audit/changes?type=consumer.created,consumer.reset").await.expect(200);
    assert_eq!(
        told.items().len(),
        5,
        "what was made and begun again is on record, what was acknowledged is not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_name_and_leaves_nothing() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let head = admin.head().await;
    let everything = || json!({"position": 0});
    for (name, types, start, field) in [
        ("Ware House", vec![], everything(), "name"),
        ("warehouse", vec!["customer.flew"], everything(), "types"),
        ("warehouse", vec![], json!({"position": head + 1}), "start.position"),
        ("warehouse", vec![], json!({"position": 0, "instant": "2026-01-01T00:00:00Z"}), "start"),
        ("warehouse", vec![], json!({}), "start"),
        ("warehouse", vec![], json!({"instant": "yesterday"}), "start.instant"),
    ] {
        let refused = create(&admin, name, &types, start).await.expect(422);
        assert_eq!(refused.text_at("/violations/0/field"), field, "{}", refused.text);
    }
    let missing =
        admin.post("/v1/consumers", json!({"name": "warehouse"})).await.refused(422, "missing-field");
    assert_eq!(missing.text_at("/violations/0/field"), "start");
    assert!(admin.get("/v1/consumers").await.expect(200).items().is_empty());
    assert_eq!(admin.head().await, head);

    let body = json!({"name": "warehouse", "start": {"position": 0}});
    let once = async || {
        let call = admin.call(Method::POST, "/v1/consumers").header("idempotency-key", "w").json(&body);
        call.send().await.expect(201)
    };
    assert_eq!(once().await.at("/created_at"), once().await.at("/created_at"), "once");
    let taken = create(&admin, "warehouse", &[], everything()).await.refused(409, "consumer-exists");
    assert!(taken.text.contains("resets"), "{}", taken.text);
    for query in ["wait_seconds=31", "limit=0", "wait_seconds=-1"] {
        let refused = admin.get(&format!("/v1/consumers/warehouse/events?{query}")).await.expect(422);
        let field = query.split('=').next().unwrap_or_default();
        assert_eq!(refused.text_at("/violations/0/field"), field);
    }
    let deleted = admin.call(Method::DELETE, "/v1/consumers/warehouse").send().await;
    assert_eq!(deleted.status, 204);
    let gone = admin.get("/v1/consumers/warehouse/events").await.refused(404, "not-found");
    assert!(gone.text.contains("warehouse"), "{}", gone.text);
    let _ = create(&admin, "warehouse", &[], everything()).await.expect(201);
    assert_eq!(
        admin.get("/v1/consumers/warehouse").await.expect(200).number_at("/position"),
        0,
        "another one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_its_makers_and_shows_what_that_one_sees() {
    let team = Team::on("landian-6").await;
    let (admin, erp, sun) = (team.admin(), team.analyst("erp"), team.auditor("sun"));
    let _ = team
        .rep("li")
        .post("/v1/consumers", json!({"name": "li", "start": {"position": 0}}))
        .await
        .expect(403);
    let customer = admin.register(team.customer("Harbour Foods")).await;
    let _ = create(&erp, "warehouse", &[], json!({"position": 0})).await.expect(201);
    let _ = create(&sun, "archive", &[], json!({"position": 0})).await.expect(201);
    for (client, name) in [(&erp, "warehouse"), (&sun, "archive")] {
        let log = client.get("/v1/events?limit=500").await.expect(200);
        assert_eq!(
            poll(client, name, "limit=500").await.items(),
            log.items(),
            "no more and no less than the log"
        );
    }
    let told = poll(&erp, "warehouse", "limit=500").await.text;
    assert!(!told.contains("Harbour Foods") && told.contains(&customer), "an analyst reads figures");
    assert!(poll(&sun, "archive", "limit=500").await.text.contains("Harbour Foods"));

    let names = |answer: Answer| answer.items().iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(erp.get("/v1/consumers").await.expect(200)), ["warehouse"]);
    assert_eq!(names(admin.get("/v1/consumers").await.expect(200)), ["archive", "warehouse"]);
    let _ = erp.get("/v1/consumers/archive/events").await.refused(404, "not-found");
    let _ = admin.get("/v1/consumers/archive/events").await.refused(403, "not-own-consumer");
    let _ = acknowledge(&admin, "archive", 1).await.refused(403, "not-own-consumer");
    let deleted = sun.call(Method::DELETE, "/v1/consumers/warehouse").send().await;
    let _ = deleted.refused(403, "not-own-consumer");
    assert_eq!(admin.call(Method::DELETE, "/v1/consumers/archive").send().await.status, 204);
    assert_eq!(names(admin.get("/v1/consumers").await.expect(200)), ["warehouse"]);

    // Who follows is on record, and one that finds nothing is not.
    let end = poll(&erp, "warehouse", "limit=500").await.number_at("/next_position");
    let _ = acknowledge(&erp, "warehouse", end).await.expect(200);
    let reads = async || {
        let read =
            sun.get("/v1/audit/access?limit=500&kind=events&actor=analyst:erp").await.expect(200).items();
        read.iter().filter(|one| one["route"] == "/v1/consumers/{name}/events").count()
    };
    let before = reads().await;
    assert!(before >= 3, "{before}");
    assert!(poll(&erp, "warehouse", "limit=500").await.items().is_empty());
    assert_eq!(reads().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_a_consumer_and_what_one_acknowledges_the_other_does_not_give_again() {
    let Some(installation) = Installation::on_postgres() else { return };
    let (one, other) = (installation.serve(), installation.serve());
    let (here, there) = (one.admin(), Client::at(other.address(), one.admin().key().unwrap_or_default()));
    let made = here.create_pipeline("landian-6").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let customer = here.register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    let _ = create(&here, "warehouse", &["customer.noted"], json!({"position": 0})).await.expect(201);
    let waiting = tokio::spawn({
        let there = there.clone();
        async move { poll(&there, "warehouse", "wait_seconds=30").await }
    });
    let noted = here.command(&customer, "notes", json!({"text": "rings back"})).await.expect(200);
    let noted = noted.number_at("/position");
    assert_eq!(positions(&waiting.await.expect("it is answered")), [noted], "what another server appended");
    assert_eq!(positions(&poll(&here, "warehouse", "limit=5").await), [noted], "both get the same");
    let _ = acknowledge(&there, "warehouse", noted).await.expect(200);
    assert!(poll(&here, "warehouse", "limit=5").await.items().is_empty());
    let back = acknowledge(&here, "warehouse", noted - 1).await.refused(409, "already-acknowledged");
    assert_eq!(back.number_at("/position"), noted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_goes_along_with_its_tenant_and_with_a_backup() {
    let source = Installation::on_sqlite();
    let server = source.serve();
    let admin = server.admin();
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let _ = admin.register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    let _ = create(&admin, "warehouse", &[], json!({"position": 0})).await.expect(201);
    let _ = acknowledge(&admin, "warehouse", 3).await.expect(200);
    let key = admin.key().unwrap_or_default().to_owned();
    let copy = source.directory().join("copy.db");
    let _ = source.run(&["backup", &copy.display().to_string()]).succeeded();
    assert_eq!(server.stop(), 0);

    let keys = source.directory().join("waymark.db.keys");
    let restored = Installation::on_sqlite();
    std::fs::copy(&copy, restored.file()).expect("a file can be copied");
    std::fs::copy(&keys, restored.directory().join("waymark.db.keys")).expect("keys can be copied");
    let targets = [Some((restored, false)), Installation::on_postgres().map(|target| (target, true))];
    for (target, is_copied) in targets.into_iter().flatten() {
        if is_copied {
            let (from, to, keys) = (source.database(), target.database(), keys.display().to_string());
            let copied = target.program(&["copy", "--from", &from, "--to", &to, "--keys", &keys]);
            let _ = copied.succeeded();
            std::fs::copy(&keys, target.directory().join("waymark.keys")).expect("keys can be copied");
        }
        let server = target.serve_with(&[]);
        let admin = server.with_key(&key);
        let there = admin.get("/v1/consumers/warehouse").await.expect(200);
        assert_eq!(there.number_at("/position"), 3, "{}", there.text);
        assert_eq!(positions(&poll(&admin, "warehouse", "limit=1").await), [4]);
    }
}
