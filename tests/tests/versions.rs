//! Versions of a pipeline: published with a place for everybody, in force when they should be, without a break in any
//! history.

#![cfg(test)]

use chrono::{DateTime, Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Installation, Server};

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

/// A pipeline of these open stages, in which any move is permitted.
fn definition(open: &[&str]) -> Value {
    let mut stages: Vec<Value> = open.iter().map(|id| stage(id, "open")).collect();
    stages.extend([stage("signed", "won"), stage("gone", "lost")]);
    json!({
        "kind": "sales", "name": label("ours"), "entry_stage": open[0], "stages": stages, "transitions": "any",
        "pools": [{
            "key": "pool", "kind": "customer_pool", "name": label("pool"), "timezone": "Asia/Shanghai",
            "default": true,
        }],
    })
}

const OPEN: [&str; 3] = ["asked", "talked", "waiting"];

async fn created(server: &Server) -> Client {
    let admin = server.admin();
    let created = admin.post("/v1/pipelines", json!({"key": "ours", "definition": definition(&OPEN)})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    admin
}

async fn publish(client: &Client, body: Value) -> Answer {
    client.post("/v1/pipelines/ours/versions", body).await
}

async fn moved(client: &Client, customer: &str, to: &str) {
    let moved = client.command(customer, "transitions", json!({"to": to})).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
}

/// Waits until as many customers remain in earlier versions, and none other is under way.
async fn until_remaining(client: &Client, remaining: u64) -> Answer {
    loop {
        let head = client.head().await;
        drop(client.get(&format!("/v1/boards/ours?min_position={head}&wait_ms=20000")).await.expect(200));
        let status = client.get("/v1/pipelines/ours/migrations").await.expect(200);
        if status.number_at("/remaining") == remaining {
            return status;
        }
    }
}

/// The server's own time: what a question means that names none.
async fn now(client: &Client) -> DateTime<Utc> {
    client.get("/v1/boards/ours").await.expect(200).text_at("/known_at").parse().expect("an instant")
}

async fn stays(client: &Client, customer: &str) -> Vec<Value> {
    let head = client.head().await;
    let path = format!("/v1/customers/{customer}/stays?min_position={head}&wait_ms=20000");
    client.get(&path).await.expect(200).items()
}

fn retired() -> Value {
    json!([{"from": "waiting", "kind": "retire", "to": "talked"}])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_of_a_stage_that_goes_are_taken_along_and_their_stays_continue() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let waits = admin.register(json!({"pipeline": "ours", "name": "Waits"})).await;
    moved(&admin, &waits, "waiting").await;
    let talks = admin.register(json!({"pipeline": "ours", "name": "Talks"})).await;
    moved(&admin, &talks, "waiting").await;
    moved(&admin, &talks, "talked").await;
    let before = stays(&admin, &waits).await;
    let known_before = admin.head().await;

    let body = json!({"definition": definition(&OPEN[..2]), "map": retired()});
    let published = publish(&admin, body).await.expect(201);
    assert_eq!((published.number_at("/version"), published.number_at("/customers")), (2, 1));
    until_remaining(&admin, 0).await;

    let customer = admin.customer(&waits).await;
    assert_eq!(customer.at("/journeys/0/stage"), "talked");
    assert_eq!(customer.at("/journeys/0/pipeline_version"), 2);
    let after = stays(&admin, &waits).await;
    assert_eq!(after.len(), before.len(), "the stay continues");
    for field in ["entered_at", "entered_event", "cycle", "open"] {
        assert_eq!(after[1][field], before[1][field], "{field}");
    }
    assert_eq!((&before[1]["stage"], &after[1]["stage"]), (&json!("waiting"), &json!("talked")));
    // A stay that had ended keeps the label of its time.
    assert_eq!(stays(&admin, &talks).await[1]["stage"], "waiting");

    let board = admin.get(&format!("/v1/boards/ours?known_position={known_before}")).await.expect(200);
    assert_eq!(count(&board, "waiting"), 1, "what was known then stays known");
    let board = admin.get("/v1/boards/ours").await.expect(200);
    assert_eq!((count(&board, "waiting"), count(&board, "talked")), (0, 2));
    assert_eq!(board.at("/version"), 2);
    assert_eq!(board.at("/versions"), &json!([1, 2]));

    let flows = admin.get("/v1/flows/ours").await.expect(200);
    let total: u64 =
        flows.at("/transitions").as_array().unwrap().iter().map(|t| t["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 3, "a migration is no move: {}", flows.text);
    for figures in ["dwell", "flows", "paths"] {
        let answer = admin.get(&format!("/v1/{figures}/ours")).await.expect(200);
        assert_eq!(answer.at("/versions"), &json!([1, 2]), "{figures}");
        let then = admin.get(&format!("/v1/{figures}/ours?known_position={known_before}")).await.expect(200);
        assert_eq!(then.at("/versions"), &json!([1]), "{figures}");
    }
    let timeline = admin.get(&format!("/v1/customers/{waits}/timeline")).await.expect(200).items();
    let last = timeline.last().unwrap();
    assert_eq!(last["type"], "customer.stage_migrated");
    assert_eq!((&last["stage_from"], &last["stage_to"]), (&json!("waiting"), &json!("talked")));
    assert_eq!(last["actor"], "system:migration");

    assert_eq!(server.stop(), 0);
    let (code, said) = installation.verify();
    assert_eq!(code, 0, "a rebuild gives the rows that were folded live: {said}");
}

fn count(board: &Answer, stage: &str) -> u64 {
    let stages = board.at("/stages").as_array().unwrap();
    stages.iter().find(|known| known["stage"] == stage).map_or(0, |known| known["count"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_forgets_customers_is_refused_and_a_dry_run_says_whom_it_concerns() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let stands = admin.register(json!({"pipeline": "ours"})).await;
    moved(&admin, &stands, "waiting").await;
    let passed = admin.register(json!({"pipeline": "ours"})).await;
    moved(&admin, &passed, "waiting").await;
    moved(&admin, &passed, "talked").await;
    let ended = admin.register(json!({"pipeline": "ours"})).await;
    moved(&admin, &ended, "waiting").await;
    moved(&admin, &ended, "signed").await;

    let forgetful = json!({"definition": definition(&OPEN[..2])});
    let refused = publish(&admin, forgetful.clone()).await.refused(422, "stage-map-missing");
    assert_eq!(refused.at("/violations/0/field"), "map");
    assert_eq!(refused.at("/violations/0/stage"), "waiting");
    let numbers = (refused.number_at("/violations/0/standing"), refused.number_at("/violations/0/passed"));
    assert_eq!(numbers, (1, 1), "a cycle that has ended needs no place to go");

    let mut rehearsed = forgetful;
    rehearsed["dry_run"] = json!(true);
    let told = publish(&admin, rehearsed.clone()).await.expect(200);
    assert_eq!(told.at("/violations/0/code"), "stage-map-missing");
    assert_eq!(told.at("/affected/0/sample"), &json!([stands]));
    rehearsed["map"] = retired();
    let told = publish(&admin, rehearsed).await.expect(200);
    assert_eq!(told.at("/violations"), &json!([]));
    assert_eq!((told.number_at("/customers"), told.number_at("/version")), (1, 2));
    assert_eq!(told.at("/affected/0/to"), &json!(["talked"]));
    let versions = admin.get("/v1/pipelines/ours/versions").await.expect(200).items();
    assert_eq!(versions.len(), 1, "a dry run publishes nothing");

    let unused = definition(&["asked", "talked", "waiting", "unused"]);
    assert_eq!(publish(&admin, json!({"definition": unused})).await.status, 201);
    let dropped = publish(&admin, json!({"definition": definition(&OPEN)})).await;
    assert_eq!(dropped.status, 201, "nobody ever was in the stage that goes: {}", dropped.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_immutable_listed_and_read_one_by_one() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let mut renamed = definition(&OPEN);
    renamed["stages"][0]["name"] = label("enquired");
    assert_eq!(publish(&admin, json!({"definition": renamed})).await.status, 201);
    let name = |answer: &Answer| answer.text_at("/stages/0/name/en");
    assert_eq!(name(&admin.get("/v1/pipelines/ours").await.expect(200)), "enquired");
    assert_eq!(name(&admin.get("/v1/pipelines/ours?version=1").await.expect(200)), "asked");
    assert_eq!(name(&admin.get("/v1/pipelines/ours?version=2").await.expect(200)), "enquired");
    assert_eq!(admin.get("/v1/pipelines/ours?version=3").await.status, 404);
    let versions = admin.get("/v1/pipelines/ours/versions").await.expect(200).items();
    let numbers: Vec<_> = versions.iter().map(|v| (v["version"].clone(), v["in_force"].clone())).collect();
    assert_eq!(numbers, [(json!(1), json!(false)), (json!(2), json!(true))]);
    assert_eq!(versions[1]["base"], 1);

    let customer = admin.register(json!({"pipeline": "ours"})).await;
    let seen = |version: u32| json!({"to": "talked", "expected_pipeline_version": version});
    let refused = admin.command(&customer, "transitions", seen(1)).await;
    let refused = refused.refused(409, "pipeline-version-changed");
    assert_eq!(refused.at("/violations/0/current"), 2);
    assert_eq!(admin.command(&customer, "transitions", seen(2)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_for_the_future_takes_force_at_its_time_and_moves_customers_then() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let customer = admin.register(json!({"pipeline": "ours"})).await;
    moved(&admin, &customer, "waiting").await;
    let past = (now(&admin).await - Duration::hours(1)).to_rfc3339();
    let mut body = json!({"definition": definition(&OPEN[..2]), "map": retired(), "effective_from": past});
    drop(publish(&admin, body.clone()).await.refused(422, "effective-from-too-early"));
    let soon = now(&admin).await + Duration::seconds(4);
    body["effective_from"] = json!(soon.to_rfc3339());
    assert_eq!(publish(&admin, body).await.status, 201);
    // Judged by the version in force, which a slow machine may find to be the second already.
    let seen = admin.command(&customer, "transitions", json!({"to": "waiting"})).await;
    if now(&admin).await < soon {
        assert_eq!(seen.codes(), ["already-in-stage", "already-in-stage"], "version 1 is in force");
    }
    loop {
        let versions = admin.get("/v1/pipelines/ours/versions").await.expect(200).items();
        if versions[1]["in_force"] == json!(true) {
            break;
        }
    }
    assert!(now(&admin).await >= soon);
    until_remaining(&admin, 0).await;
    assert_eq!(admin.customer(&customer).await.at("/journeys/0/stage"), "talked");
    let migrated = admin.events_after(0).await;
    let migrated = migrated.iter().find(|event| event["type"] == "customer.stage_migrated").unwrap();
    assert_eq!(migrated["data"]["pipeline_version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_for_the_future_can_be_withdrawn_and_the_next_one_is_built_on_the_one_before() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let customer = admin.register(json!({"pipeline": "ours"})).await;
    moved(&admin, &customer, "waiting").await;
    let later = |days| json!((waymark_tests::now() + Duration::days(days)).to_rfc3339());
    let far = json!({"definition": definition(&OPEN[..2]), "map": retired(), "effective_from": later(300)});
    assert_eq!(publish(&admin, far).await.status, 201);
    let known = admin.head().await;
    let on_top = json!({"definition": definition(&OPEN[..1]), "effective_from": later(400),
                        "map": [{"from": "talked", "kind": "retire", "to": "asked"}]});
    assert_eq!(publish(&admin, on_top).await.status, 201);
    let withdraw = async |version: &str, query: &str| {
        admin.call(Method::DELETE, &format!("/v1/pipelines/ours/versions/{version}{query}")).send().await
    };
    let refused = withdraw("2", "").await.refused(409, "version-is-base");
    assert_eq!(
        (refused.at("/violations/0/field"), refused.at("/violations/0/versions")),
        (&json!("version"), &json!([3]))
    );
    drop(withdraw("1", "").await.refused(409, "version-in-force"));
    drop(withdraw("9", "").await.refused(404, "not-found"));
    drop(withdraw("two", "").await.refused(400, "malformed-path"));
    drop(withdraw("3", "?reason=%0A").await.refused(422, "invalid-value"));
    let gone = withdraw("3", "?reason=the%20wrong%20date").await.expect(200);
    assert_eq!(
        (gone.at("/events/0/type"), gone.number_at("/version")),
        (&json!("pipeline.version_withdrawn"), 3)
    );
    drop(withdraw("2", "").await.expect(200));
    drop(withdraw("2", "").await.refused(404, "not-found"));
    let rep = server.with_key(&installation.key("rep:li", &["rep"]));
    let path = "/v1/pipelines/ours/versions/2";
    drop(rep.call(Method::DELETE, path).send().await.refused(403, "missing-role"));

    let versions = admin.get("/v1/pipelines/ours/versions").await.expect(200).items();
    let told: Vec<_> =
        versions.iter().map(|one| (one["version"].clone(), one["withdrawn_by"].clone())).collect();
    assert_eq!(told[1..], [(json!(2), json!("admin:root")), (json!(3), json!("admin:root"))]);
    assert_eq!((&told[0].1, versions[1]["withdrawn_at"].is_string()), (&Value::Null, true));
    // The next one leads from the version in force, and no number is used twice.
    let next = publish(
        &admin,
        json!({"definition": definition(&OPEN[1..]),
        "map": [{"from": "asked", "kind": "retire", "to": "talked"}]}),
    )
    .await
    .expect(201);
    assert_eq!(next.number_at("/version"), 4);
    until_remaining(&admin, 0).await;
    assert_eq!(admin.customer(&customer).await.at("/journeys/0/stage"), "waiting");
    let new = admin.register(json!({"pipeline": "ours"})).await;
    assert_eq!(admin.customer(&new).await.at("/journeys/0/pipeline_version"), 4);
    let event = admin.events_after(known).await;
    let event = event.iter().find(|event| event["type"] == "pipeline.version_withdrawn").expect("an event");
    assert_eq!(event["data"], json!({"pipeline": "ours", "pipeline_version": 3, "reason": "the wrong date"}));
    assert_eq!(server.stop(), 0);
    assert_eq!(installation.verify().0, 0, "{}", installation.verify().1);
    // Another process knows it as well.
    let server = installation.serve();
    let again = server.admin().get("/v1/pipelines/ours/versions").await.expect(200).items();
    assert_eq!(again.len(), 4);
    assert_eq!(again[1]["withdrawn_by"], "admin:root");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_goes_by_its_conditions_and_what_fits_none_waits_for_a_manager() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let great = admin.register(json!({"pipeline": "ours", "tier": "A", "stage": "waiting"})).await;
    let small = json!({"pipeline": "ours", "stage": "waiting", "owner": {"kind": "rep", "id": "li"}});
    let small = admin.register(small).await;
    let map = json!([{"from": "waiting", "kind": "split", "into": [
        {"to": "waiting_great", "when": {"tiers": ["A"]}}, {"to": "waiting_small", "when": {"tiers": ["B"]}},
    ]}]);
    let next = definition(&["asked", "talked", "waiting_great", "waiting_small"]);
    assert_eq!(publish(&admin, json!({"definition": next, "map": map})).await.status, 201);
    let status = until_remaining(&admin, 1).await;
    assert_eq!(status.at("/items/0/sample"), &json!([small]));
    assert_eq!(admin.customer(&great).await.at("/journeys/0/stage"), "waiting_great");

    let li = server.with_key(&installation.key("rep:li", &["rep"]));
    let undecided = li.command(&small, "transitions", json!({"to": "talked"})).await;
    drop(undecided.refused(409, "migration-undecided"));
    assert_eq!(li.command(&small, "migrations", json!({"to": "waiting_small"})).await.status, 403);
    let nowhere = admin.command(&small, "migrations", json!({"to": "nowhere"})).await;
    drop(nowhere.refused(422, "unknown-stage"));
    let placed = admin.command(&small, "migrations", json!({"to": "waiting_small"})).await;
    assert_eq!(placed.status, 200, "{}", placed.text);
    let again = admin.command(&small, "migrations", json!({"to": "waiting_great"})).await;
    drop(again.refused(409, "nothing-to-migrate"));
    until_remaining(&admin, 0).await;
    assert_eq!(li.command(&small, "transitions", json!({"to": "talked"})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_cut_short_goes_on_after_a_restart_and_moves_nobody_twice() {
    const MANY: usize = 1_200;
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let line = json!({"command": "register", "body": {"pipeline": "ours", "stage": "waiting"}});
    for _ in 0..MANY / 400 {
        let lines = format!("{line}\n").repeat(400);
        let call = admin.call(Method::POST, "/v1/bulk").bytes("application/x-ndjson", lines);
        assert_eq!(call.send().await.status, 200);
    }
    let body = json!({"definition": definition(&OPEN[..2]), "map": retired()});
    assert_eq!(publish(&admin, body).await.status, 201);
    // Somewhere on the way: after the first who were moved, before or after the last.
    let first = loop {
        let events = admin.events_after(MANY as u64 + 2).await;
        if !events.is_empty() {
            break events.len();
        }
    };
    server.kill();
    let server = installation.serve();
    let admin = server.admin();
    until_remaining(&admin, 0).await;
    let events = admin.events_after(0).await;
    let mut subjects: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "customer.stage_migrated")
        .map(|event| &event["subject"])
        .collect();
    assert_eq!(subjects.len(), MANY, "{first} were moved before the kill");
    subjects.sort_by_key(ToString::to_string);
    subjects.dedup();
    assert_eq!(subjects.len(), MANY);
    let caused: Vec<&Value> = events.iter().filter(|event| event["type"] == "pipeline.published").collect();
    let migrated = events.iter().find(|event| event["type"] == "customer.stage_migrated").unwrap();
    assert_eq!(migrated["causationid"], caused[1]["id"]);
    let board = admin.get("/v1/boards/ours").await.expect(200);
    assert_eq!(count(&board, "talked"), MANY as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_for_a_team_leaves_everybody_elses_version_in_force() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let customer = admin.register(json!({"pipeline": "ours", "stage": "waiting"})).await;
    let until = (now(&admin).await + Duration::days(14)).to_rfc3339();
    let pilot = |back: Value| {
        json!({
            "definition": definition(&["asked", "talked", "tried"]), "map": [{"from": "waiting", "kind": "rename",
            "to": "tried"}], "team": {"id": "north", "until": until, "back": back},
        })
    };
    let back = json!([{"from": "tried", "kind": "rename", "to": "waiting"}]);
    let nobodys = publish(&admin, pilot(back.clone())).await.refused(422, "unknown-team");
    assert_eq!(nobodys.at("/violations/0/field"), "team.id");
    let north = json!({"key": "north", "name": {"zh": "北区", "en": "North"}, "members": ["rep:li"]});
    let _ = admin.post("/v1/admin/teams", north).await.expect(200);
    let refused = publish(&admin, pilot(json!([]))).await.refused(422, "stage-map-missing");
    assert_eq!(refused.at("/violations/0/field"), "team.back");
    assert_eq!(publish(&admin, pilot(back)).await.status, 201);
    assert_eq!(admin.get("/v1/pipelines/ours").await.expect(200).at("/version"), 1);
    let versions = admin.get("/v1/pipelines/ours/versions").await.expect(200).items();
    assert_eq!((&versions[1]["team"]["id"], &versions[1]["in_force"]), (&json!("north"), &json!(true)));
    until_remaining(&admin, 0).await;
    assert_eq!(admin.customer(&customer).await.at("/journeys/0/stage"), "waiting");
    let everybody = publish(&admin, json!({"definition": definition(&OPEN)})).await.expect(201);
    assert_eq!(everybody.number_at("/version"), 3, "built on version 1, not on the pilot");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_version_is_said_by_path_and_in_both_languages() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let mut broken = definition(&OPEN);
    broken["stages"][1].as_object_mut().unwrap().remove("next_action");
    broken["stages"][2]["name"] = label("talkee");
    let map = json!([{"from": "asked", "kind": "rename"}]);
    drop(publish(&admin, json!({"definition": broken, "map": map})).await.refused(422, "missing-field"));
    let refused = publish(&admin, json!({"definition": broken})).await.refused(422, "action-missing");
    assert_eq!(refused.at("/violations/0/field"), "stages[1].next_action");
    let chinese = admin.call(Method::POST, "/v1/pipelines/ours/versions").header("Accept-Language", "zh");
    let chinese = chinese.json(&json!({"definition": broken})).send().await;
    assert!(chinese.text_at("/violations/0/how_to_fix").contains("由谁做"), "{}", chinese.text);

    let mut unwise = definition(&OPEN);
    unwise["stages"][2]["name"] = json!({"zh": "talkex（中）", "en": "talkex"});
    unwise["stages"][1]["name"] = json!({"zh": "talked（中）", "en": "talked"});
    let warned = publish(&admin, json!({"definition": unwise})).await.expect(201);
    let codes: Vec<&str> =
        warned.at("/warnings").as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["similar-names", "no-loss-reasons"]);
    assert_eq!(publish(&admin, json!({"definition": {}})).await.status, 422);
    let nobody = admin.post("/v1/pipelines/none/versions", json!({"definition": unwise})).await;
    drop(nobody.refused(404, "not-found"));
    let rep = server.with_key(&installation.key("rep:li", &["rep"]));
    assert_eq!(publish(&rep, json!({"definition": unwise})).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirteen_or_twenty_statuses_are_permitted_and_warned_of() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = server.admin();
    for many in [13, 20] {
        let ids: Vec<String> =
            (0..many - 2).map(|n| format!("step {}", "abcdefghijklmnopqrst".split_at(n).0)).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let body = json!({"key": format!("of-{many}"), "definition": definition(&ids)});
        let created = admin.post("/v1/pipelines", body).await.expect(201);
        let warnings = created.at("/warnings").as_array().unwrap();
        assert!(warnings.iter().any(|warning| warning["code"] == "core-stage-count"), "{}", created.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_a_definition_is_served_and_the_command_line_checks_and_publishes_files() {
    let installation = Installation::new();
    let server = installation.serve();
    let schema = server.admin().get("/v1/pipeline-schema").await.expect(200);
    assert_eq!(schema.at("/$schema"), "https://json-schema.org/draft/2020-12/schema");
    assert!(schema.at("/properties").get("automations").is_some());
    assert_eq!(server.stop(), 0);

    let file = |name: &str, content: &Value| {
        let path = installation.directory().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.display().to_string()
    };
    let good = file("good.json", &definition(&OPEN));
    let next = file("next.json", &definition(&OPEN[..2]));
    let map = file("map.json", &retired());
    let bad = file("bad.json", &json!({"kind": "sales"}));
    assert_eq!(installation.run(&["pipeline", "lint", &good]).code, 0);
    assert_eq!(installation.run(&["pipeline", "lint", &good, "--strict"]).code, 3);
    assert_eq!(installation.run(&["pipeline", "lint", "none.json"]).code, 1);
    let refused = installation.run(&["pipeline", "lint", &bad, "--json"]);
    assert_eq!(refused.code, 2);
    let said: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert!(said["errors"].as_array().unwrap().iter().any(|error| error["field"] == "entry_stage"));

    let publish = |arguments: &[&str]| {
        installation.run(&[&["pipeline", "publish", "--key", "ours"], arguments].concat())
    };
    assert_eq!(publish(&[&bad]).code, 2);
    assert!(publish(&[&good]).succeeded().contains("version 1"));
    let server = installation.serve();
    let customer = server.admin().register(json!({"pipeline": "ours", "stage": "waiting"})).await;
    assert_eq!(server.stop(), 0);
    assert_eq!(publish(&[&next]).code, 2, "customers would have no place to go");
    let preview = publish(&[&next, "--map", &map, "--dry-run", "--json"]).succeeded();
    let preview: Value = serde_json::from_str(&preview).unwrap();
    assert_eq!(preview["affected"][0]["standing"], 1);
    let published = publish(&[&next, "--map", &map, "--json"]).succeeded();
    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(published["version"], 2);
    let server = installation.serve();
    assert_eq!(server.admin().customer(&customer).await.at("/journeys/0/stage"), "talked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_published_is_what_the_next_command_is_judged_by() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let li = server.with_key(&installation.key("rep:li", &["rep"]));
    let body = json!({"pipeline": "ours", "owner": "rep:li"});
    let customers = [admin.register(body.clone()).await, admin.register(body.clone()).await];
    // Whatever the server remembers, it has just looked.
    let _ = admin.get("/v1/pipelines/ours").await.expect(200);
    let mut strict = definition(&OPEN);
    for stage in strict["stages"].as_array_mut().expect("stages") {
        if stage["id"] == "talked" {
            stage["entry_form"] = json!({"note": true});
        }
    }
    publish_beside(&installation, &strict);
    let refused = li.command(&customers[0], "transitions", json!({"to": "talked"})).await;
    drop(refused.refused(422, "note-required"));
    let noted = li.command(&customers[0], "transitions", json!({"to": "talked", "note": "called"})).await;
    assert_eq!(noted.status, 200, "{}", noted.text);
    // And what it forbids no longer is permitted at once: nothing is refused by what was.
    publish_beside(&installation, &definition(&OPEN));
    let moved = li.command(&customers[1], "transitions", json!({"to": "talked"})).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    publish_beside(&installation, &definition(&[&OPEN[..], &["tried"]].concat()));
    let registered = admin.post("/v1/customers", json!({"pipeline": "ours", "stage": "tried"})).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_position_was_answered_for_is_known_wherever_it_is_reached() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    for round in 0..3 {
        let _ = admin.get("/v1/pipelines").await.expect(200);
        let (key, file) = (format!("brought-{round}"), installation.directory().join("deals.csv"));
        let rows = format!("case_id,status,timestamp,actor\n{round},A,2026-01-01T00:00:00Z,ann\n");
        std::fs::write(&file, rows).expect("a file");
        let said = installation.import(&key, &file, &[]).succeeded();
        drop(said);
        let head = admin.head().await;
        let reached = format!("min_position={head}&wait_ms=20000");
        let board = admin.get(&format!("/v1/boards/{key}?{reached}")).await.expect(200);
        assert_eq!(board.at("/total"), &json!(1));
        let known = admin.get(&format!("/v1/pipelines/{key}?{reached}")).await;
        assert_eq!(known.status, 200, "{}", known.text);
    }
}

/// Publishes a version with the command line, beside the server.
fn publish_beside(installation: &Installation, definition: &Value) {
    let file = installation.directory().join("definition.json");
    std::fs::write(&file, definition.to_string()).expect("the file can be written");
    let path = file.display().to_string();
    drop(installation.run(&["pipeline", "publish", &path, "--key", "ours", "--json"]).succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_customers_in_it_stays_and_changed_meanings_are_said_and_the_same_again_is_no_version() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = created(&server).await;
    let waits = admin.register(json!({"pipeline": "ours", "name": "waits"})).await;

    let same = publish(&admin, json!({"definition": definition(&OPEN)})).await.expect(200);
    assert_eq!((same.number_at("/version"), same.at("/unchanged")), (1, &json!(true)));
    assert_eq!(same.at("/events"), &json!([]));
    assert_eq!(admin.get("/v1/pipelines/ours/versions").await.expect(200).items().len(), 1);

    let mut renamed = definition(&OPEN);
    renamed["pools"][0]["key"] = json!("pool_2");
    let refused = publish(&admin, json!({"definition": renamed})).await.refused(422, "pool-in-use");
    assert_eq!(refused.at("/violations/0/customers"), 1);
    let dry = publish(&admin, json!({"definition": renamed, "dry_run": true})).await.expect(200);
    assert_eq!(dry.text_at("/violations/0/code"), "pool-in-use");
    let owned = json!({"to": "rep:li", "reason": "hers"});
    let _ = admin.command(&waits, "owner-changes", owned).await.expect(200);
    let _ = publish(&admin, json!({"definition": renamed})).await.expect(201);
    let back = admin.command(&waits, "releases", json!({"reason": "back"})).await;
    assert_eq!(back.status, 200, "the default pool takes it: {}", back.text);
    assert_eq!(admin.customer(&waits).await.text_at("/owner/id"), "pool_2");

    let mut turned = renamed.clone();
    turned["stages"][3]["type"] = json!("lost");
    turned["stages"][4]["type"] = json!("won");
    let said = publish(&admin, json!({"definition": turned, "dry_run": true})).await.expect(200);
    let warned = |answer: &Answer| {
        let all = answer.at("/warnings").as_array().cloned().unwrap_or_default();
        let of_types = all.into_iter().filter(|one| one["code"] == "stage-type-changed");
        of_types.map(|one| one["field"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(warned(&said), ["stages[3].type", "stages[4].type"]);
    let published = publish(&admin, json!({"definition": turned})).await.expect(201);
    assert_eq!(warned(&published), ["stages[3].type", "stages[4].type"]);
}
