//! Requests that come twice under one `Idempotency-Key`, and that everything wrong with one is reported.

use axum::http::Method;
use serde_json::{Value, json};

use super::testing::{Answer, Bench};
use crate::domain::Role;

async fn head(bench: &Bench, key: &str) -> u64 {
    bench.get(key, "/v1/events?limit=1").await.json()["head"].as_u64().unwrap()
}

async fn under(bench: &Bench, key: &str, once: &str, path: &str, body: &Value) -> Answer {
    bench.call(Method::POST, path).key(key).header("idempotency-key", once).json(body).send().await
}

#[tokio::test]
async fn what_is_made_with_a_secret_is_made_once_and_its_secret_is_told_once() {
    let (bench, admin) = Bench::with_pipeline().await;
    let webhook = bench.post(&admin, "/v1/webhooks", &json!({"url": "https://erp.example/a"})).await.json();
    let rotate = format!("/v1/webhooks/{}/rotate", webhook["id"].as_str().unwrap());
    let made = [
        ("/v1/admin/keys", json!({"actor": "rep:li", "roles": ["rep"]}), "key"),
        ("/v1/admin/sign-in-links", json!({"actor": "rep:li", "roles": ["rep"]}), "code"),
        ("/v1/webhooks", json!({"url": "https://erp.example/b"}), "secret"),
        (rotate.as_str(), json!({}), "secret"),
    ];
    for (path, body, secret) in made {
        let first = under(&bench, &admin, path, path, &body).await;
        let after = head(&bench, &admin).await;
        let second = under(&bench, &admin, path, path, &body).await;
        assert!(first.status.is_success(), "{path}: {}", first.text);
        assert_eq!((first.status, after), (second.status, head(&bench, &admin).await), "{path}");
        let (first, second) = (first.json(), second.json());
        assert_eq!(first["id"], second["id"], "{path}");
        assert_eq!(
            (&first["secret_already_shown"], &second["secret_already_shown"]),
            (&json!(false), &json!(true))
        );
        let told = first[secret].as_str().unwrap();
        assert_eq!(second[secret], Value::Null, "{path}");
        assert!(!bench.files_contain(told.as_bytes()), "{path} leaves its secret on the disk");
    }
    let other = json!({"actor": "rep:wu", "roles": ["rep"]});
    let reused = under(&bench, &admin, "/v1/admin/keys", "/v1/admin/keys", &other).await;
    reused.problem(422, "idempotency-key-reused");
    let (one, two) = tokio::join!(
        under(&bench, &admin, "at once", "/v1/admin/keys", &other),
        under(&bench, &admin, "at once", "/v1/admin/keys", &other)
    );
    assert_eq!(one.json()["id"], two.json()["id"]);
    assert!(one.json()["key"].is_string() != two.json()["key"].is_string(), "one of them has the secret");
}

#[tokio::test]
async fn a_webhook_that_was_deleted_is_deleted_once_and_a_replay_queues_once() {
    let (bench, admin) = Bench::with_pipeline().await;
    let webhook = bench.post(&admin, "/v1/webhooks", &json!({"url": "https://erp.example/a"})).await.json();
    let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let positions = json!({"from_position": 1, "to_position": 2});
    let replayed = under(&bench, &admin, "r", &format!("{path}/replay"), &positions).await;
    assert_eq!(replayed.status, 200, "{}", replayed.text);
    assert_eq!(
        under(&bench, &admin, "r", &format!("{path}/replay"), &positions).await.json(),
        replayed.json()
    );
    under(&bench, &admin, "r", &format!("{path}/replay"), &json!({}))
        .await
        .problem(422, "idempotency-key-reused");
    for _ in 0..2 {
        let call = bench.call(Method::DELETE, &path).key(&admin).header("idempotency-key", "d");
        assert_eq!(call.send().await.status, 204);
    }
    let again = bench.call(Method::DELETE, &path).key(&admin).send().await;
    again.problem(404, "not-found");
}

#[tokio::test]
async fn refusals_of_every_kind_are_kept_under_their_key() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = bench.register(&admin, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    let notes = format!("/v1/customers/{id}/notes");
    let expecting = async |once: &str, version: &str| {
        let call = bench.call(Method::POST, &notes).key(&admin).header("idempotency-key", once);
        call.header("if-match", version).json(&json!({"text": "x"})).send().await
    };
    assert_eq!(expecting("m", "2").await.problem(412, "version-mismatch")["version"], 1);
    assert_eq!(bench.post(&admin, &notes, &json!({"text": "y"})).await.status, 200);
    assert_eq!(expecting("m", "2").await.problem(412, "version-mismatch")["version"], 1, "the first answer");
    assert_eq!(expecting("n", "2").await.status, 200);

    let definition = bench.get(&admin, "/v1/pipelines/landian-6").await.json()["definition"].clone();
    let versions = json!({"definition": definition});
    let missing = under(&bench, &admin, "v", "/v1/pipelines/later/versions", &versions).await;
    missing.problem(404, "not-found");
    let made = bench.post(&admin, "/v1/pipelines", &json!({"key": "later", "template": "landian-6"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let again = under(&bench, &admin, "v", "/v1/pipelines/later/versions", &versions).await;
    again.problem(404, "not-found");
    assert_ne!(under(&bench, &admin, "w", "/v1/pipelines/later/versions", &versions).await.status, 404);
}

fn lines(answer: &Answer) -> Vec<Value> {
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_bulk_request_that_comes_twice_is_carried_out_once_line_by_line() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = bench.register(&admin, &json!({"pipeline": "landian-6"})).await;
    let note = |text: &str| json!({"command": "note", "customer_id": id, "body": {"text": text}}).to_string();
    let send = async |query: &str, once: &str, content: &[String]| {
        let call = bench.call(Method::POST, &format!("/v1/bulk{query}")).key(&admin);
        let call = call.header("idempotency-key", once);
        call.body("application/x-ndjson", content.join("\n")).send().await
    };
    let both = [note("one"), note("one")];
    let first = send("", "b", &both).await;
    let after = head(&bench, &admin).await;
    assert_eq!(lines(&first)[0]["status"], 200, "{}", first.text);
    assert_ne!(lines(&first)[0]["result"], lines(&first)[1]["result"], "two lines are two commands");
    assert_eq!(lines(&send("", "b", &both).await), lines(&first));
    assert_eq!(head(&bench, &admin).await, after);
    let changed = send("", "b", &[note("one"), note("two")]).await;
    assert_eq!(lines(&changed)[0], lines(&first)[0]);
    assert_eq!(lines(&changed)[1]["problem"]["code"], "idempotency-key-reused", "{}", changed.text);
    assert_eq!(head(&bench, &admin).await, after);

    let register = json!({"command": "register", "body": {"pipeline": "later"}}).to_string();
    let batch = [note("three"), register];
    let refused = send("?atomic=true", "a", &batch).await;
    assert_eq!(lines(&refused)[0]["status"], 409, "{}", refused.text);
    let made = bench.post(&admin, "/v1/pipelines", &json!({"key": "later", "template": "landian-6"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let told = |answer: &Answer| lines(answer).iter().map(|line| line["status"].clone()).collect::<Vec<_>>();
    assert_eq!(told(&send("?atomic=true", "a", &batch).await), told(&refused), "a refusal is kept");
    let now = send("?atomic=true", "a2", &batch).await;
    assert_eq!(told(&now), [200, 201], "{}", now.text);
}

#[tokio::test]
async fn a_dry_run_keeps_under_a_key_what_carrying_out_would_keep() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = bench.register(&admin, &json!({"pipeline": "landian-6"})).await;
    let note = |customer: &str| {
        let body = json!({"text": "x"});
        json!({"command": "note", "customer_id": customer, "body": body, "idempotency_key": "k"}).to_string()
    };
    let (unknown, known) = (note("01930000-0000-7000-8000-000000000000"), note(&id));
    let told = async |query: &str| {
        let call = bench.call(Method::POST, &format!("/v1/bulk{query}")).key(&admin);
        let content = [unknown.clone(), known.clone()].join("\n");
        let told = lines(&call.body("application/x-ndjson", content).send().await);
        told.iter().map(|line| line["problem"]["code"].clone()).collect::<Vec<_>>()
    };
    let tried = told("?dry_run=true").await;
    assert_eq!(tried, ["not-found", "idempotency-key-reused"]);
    assert_eq!(tried, told("").await);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_body_is_reported_at_once() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = bench.register(&admin, &json!({"pipeline": "landian-6"})).await;
    let command = |what: &str| format!("/v1/customers/{id}/{what}");
    let asked = [
        (
            "/v1/customers".to_owned(),
            json!({"name": 1, "tags": "a", "effective_at": true, "contacts": [{"kind": "fax", "value": 1}]}),
            vec!["contacts[0].kind", "contacts[0].value", "effective_at", "name", "tags", "pipeline"],
        ),
        (
            "/v1/leads".to_owned(),
            json!({"pipeline": 1, "source": 2, "tier": []}),
            vec!["pipeline", "source", "tier"],
        ),
        (
            command("transitions"),
            json!({"to": 1, "note": 2, "next_step": false, "nxt": 1}),
            vec!["nxt", "next_step", "note", "to"],
        ),
        (command("details"), json!({"name": 1, "tags": 2, "tier": 3}), vec!["name", "tags", "tier"]),
        (
            command("follow-ups"),
            json!({"channel": 1, "next_plan": {"at": 1}}),
            vec!["channel", "next_plan.at", "next_plan.text", "summary"],
        ),
    ];
    for (path, body, fields) in asked {
        let answer = bench.post(&admin, &path, &body).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text);
        let told = answer.json()["violations"].clone();
        let told: Vec<_> =
            told.as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
        assert_eq!(told, fields, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn nobody_goes_on_from_beyond_the_end_of_the_log() {
    let (bench, admin) = Bench::with_pipeline().await;
    let end = head(&bench, &admin).await;
    let at_the_end = bench.get(&admin, &format!("/v1/events?after={end}")).await.json();
    assert_eq!((&at_the_end["items"], &at_the_end["next_after"]), (&json!([]), &json!(end)));
    let beyond = bench.get(&admin, &format!("/v1/events?after={}", end + 1)).await;
    let beyond = beyond.problem(422, "invalid-value");
    assert_eq!((&beyond["violations"][0]["field"], &beyond["head"]), (&json!("after"), &json!(end)));
    for (name, path) in
        [("after", format!("/v1/events?after={}", end + 1)), ("Last-Event-ID", "/v1/events".to_owned())]
    {
        let call = bench.call(Method::GET, &path).key(&admin).header("accept", "text/event-stream");
        let call = if name == "after" { call } else { call.header("last-event-id", (end + 1).to_string()) };
        assert_eq!(call.send().await.problem(422, "invalid-value")["violations"][0]["field"], name);
    }
    bench.get(&admin, "/v1/paths/landian-6?limit=501").await.problem(422, "invalid-value");
    bench.catch_up().await;
    assert_eq!(bench.get(&admin, "/v1/paths/landian-6?limit=500").await.status, 200);
}

#[tokio::test]
async fn an_import_that_brought_nothing_has_nothing_to_be_undone() {
    let (bench, _) = Bench::with_pipeline().await;
    let manager = bench.key("manager:wang", &[Role::Manager]).await;
    let file = "id,state,at\na,New,2025-01-01T00:00:00Z\na,Won,2025-01-02T00:00:00Z\n";
    let import = async || {
        let call = bench.call(Method::POST, "/v1/imports?pipeline=past&case=id&status=state&time=at&won=Won");
        call.key(&manager).body("text/csv", file).send().await
    };
    let (first, second) = (import().await, import().await);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{}", first.text);
    let undo = async |id: &Value, once: &str| {
        under(&bench, &manager, once, &format!("/v1/imports/{}/undo", id.as_str().unwrap()), &json!({})).await
    };
    let nothing = undo(&second.json()["id"], "n").await;
    assert_eq!(nothing.status, 200, "{}", nothing.text);
    let nothing = nothing.json();
    assert_eq!((&nothing["withdrawn"], &nothing["events"]), (&json!(0), &json!(0)));
    let undone = undo(&first.json()["id"], "u").await;
    assert_eq!(undone.json()["withdrawn"], 1, "{}", undone.text);
    let after = head(&bench, &manager).await;
    assert_eq!(undo(&first.json()["id"], "u").await.json(), undone.json(), "the first answer");
    assert_eq!(head(&bench, &manager).await, after);
    let unknown = undo(&json!("01930000-0000-7000-8000-000000000000"), "x").await;
    let unknown = unknown.problem(404, "not-found");
    assert!(unknown["detail"].as_str().unwrap().len() > 60, "it says what it may be: {unknown}");
}
