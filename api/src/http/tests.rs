//! What every request may count on, whatever it asks for.

use axum::http::Method;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::openapi::documented;
use super::position::{COMMANDS_OF_NO_POSITION, OF_NO_POSITION};
use super::testing::{Answer, Bench};
use crate::auth::access::TABLE;
use crate::auth::scope::Scope;
use crate::domain::Role;

#[tokio::test]
async fn every_error_of_the_framework_is_a_problem_document() {
    let (bench, key) = Bench::with_pipeline().await;
    bench.get(&key, "/nowhere").await.problem(404, "no-such-path");
    bench.get(&key, "/v1/customers/").await.problem(404, "no-such-path");
    let wrong_method = bench.call(Method::DELETE, "/v1/customers").key(&key).send().await;
    wrong_method.problem(405, "method-not-allowed");
    let allowed = wrong_method.header("allow");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    bench.get(&key, "/v1/customers/not-a-uuid").await.problem(400, "malformed-path");
    bench.get(&key, "/v1/customers?limit=0").await.problem(422, "invalid-value");
    bench.get(&key, "/v1/pipelines/%ff").await.problem(400, "malformed-path");
}

#[tokio::test]
async fn a_body_is_judged_by_type_size_syntax_and_fields_in_that_order() {
    let (bench, key) = Bench::with_pipeline().await;
    let send = |content_type: &'static str, body: Vec<u8>| {
        bench.call(Method::POST, "/v1/customers").key(&key).body(content_type, body).send()
    };
    send("text/plain", b"{}".to_vec()).await.problem(415, "unsupported-media-type");
    send("application/json", Vec::new()).await.problem(400, "malformed-body");
    let bare = bench.call(Method::POST, "/v1/customers").key(&key).send().await;
    assert_eq!(bare.problem(422, "missing-field")["violations"][0]["field"], "pipeline");
    send("application/json", vec![b' '; 1024 * 1024 + 1]).await.problem(413, "body-too-large");
    let malformed =
        send("application/json", b"{\"pipeline\": oops}".to_vec()).await.problem(400, "malformed-body");
    assert_eq!(malformed["violations"][0]["field"], "pipeline");
    send("application/json", b"\xff\xfe".to_vec()).await.problem(400, "malformed-body");
    let unknown = send("application/json", br#"{"pipelin":"x","colour":"red"}"#.to_vec()).await;
    let fields = unknown.problem(422, "unknown-field")["violations"].clone();
    let fields: Vec<&Value> =
        fields.as_array().unwrap().iter().map(|violation| &violation["field"]).collect();
    assert_eq!(fields, ["colour", "pipelin", "pipeline"]);
    let wrong =
        send("application/json", br#"{"pipeline":"x","contacts":[{"kind":"fax","value":"1"}]}"#.to_vec());
    assert_eq!(wrong.await.problem(422, "invalid-value")["violations"][0]["field"], "contacts[0].kind");
}

#[tokio::test]
async fn problems_speak_the_readers_language() {
    let bench = Bench::new().await;
    let zh = bench.call(Method::GET, "/nowhere").header("accept-language", "zh-CN,en;q=0.5").send().await;
    assert_eq!(zh.problem(404, "no-such-path")["title"], "路径不存在");
    assert_eq!(zh.header("content-language"), "zh");
    let en = bench.call(Method::GET, "/nowhere").header("accept-language", "en").send().await;
    assert_eq!(en.problem(404, "no-such-path")["title"], "Path not found");
}

#[tokio::test]
async fn a_trace_id_that_the_client_sends_is_kept() {
    let bench = Bench::new().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = bench.call(Method::GET, "/healthz").header("traceparent", parent).send().await;
    assert_eq!(answer.header("trace-id"), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_shown() {
    let bench = Bench::new().await;
    let none = bench.call(Method::GET, "/v1/pipelines").send().await;
    none.problem(401, "missing-credential");
    assert!(none.header("www-authenticate").starts_with("Bearer"));
    let basic = bench.call(Method::GET, "/v1/pipelines").header("authorization", "Basic eDp5").send().await;
    basic.problem(401, "missing-credential");
    for key in ["", "wm_1_2_3", "nonsense"] {
        bench.get(key, "/v1/pipelines").await.problem(401, "bad-credential");
    }
    let ours = bench.key("rep:li", &[Role::Rep]).await;
    let forged = format!("{}A", &ours[..ours.len() - 1]);
    let forged = if forged == ours { format!("{}Q", &ours[..ours.len() - 1]) } else { forged };
    bench.get(&forged, "/v1/pipelines").await.problem(401, "bad-credential");
}

#[tokio::test]
async fn a_route_opens_to_the_roles_of_the_table_and_names_them_to_others() {
    let bench = Bench::new().await;
    let rep = bench.key("rep:li", &[Role::Rep]).await;
    assert_eq!(bench.get(&rep, "/v1/pipelines").await.status, 200);
    let refused = bench.get(&rep, "/v1/admin/keys").await.problem(403, "missing-role");
    assert_eq!(refused["roles_needed"], json!(["admin"]));
}

#[tokio::test]
async fn every_route_stands_in_the_table_and_every_row_is_a_route() {
    let bench = Bench::new().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    let mut served: Vec<String> = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        served.extend(
            operations.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    let mut classified: Vec<String> =
        TABLE.iter().map(|(method, path, _)| format!("{method} {}", documented(path))).collect();
    served.sort();
    classified.sort();
    assert_eq!(served, classified);
}

#[tokio::test]
async fn the_description_of_the_service_is_as_agreed() {
    let bench = Bench::new().await;
    let mut document = bench.call(Method::GET, "/openapi.json").send().await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    document["info"]["version"] = json!("[version]");
    insta::assert_json_snapshot!("openapi", document);
}

#[tokio::test]
async fn a_front_end_acts_for_its_people_with_their_roles() {
    let (bench, admin) = Bench::with_pipeline().await;
    let front = bench.key_with("system:front", &[Role::Admin], [Scope::ActAs].into()).await;
    let acting = |name: &'static str, path: &'static str| {
        bench.call(Method::GET, path).key(&front).header("waymark-actor", name).send()
    };
    assert_eq!(acting("rep:李", "/v1/pipelines").await.status, 200);
    acting("rep:li", "/v1/admin/keys").await.problem(403, "missing-role");
    acting("admin:root", "/v1/admin/keys").await.problem(403, "unknown-actor");
    bench.post(&admin, "/v1/admin/members", &json!({"actor": "admin:root", "roles": ["admin"]})).await;
    assert_eq!(acting("admin:root", "/v1/admin/keys").await.status, 200);
    let bad = bench.call(Method::GET, "/v1/pipelines").key(&front).header("waymark-actor", b"\xff");
    bad.send().await.problem(400, "malformed-header");
    let plain = bench.call(Method::GET, "/v1/pipelines").key(&admin).header("waymark-actor", "rep:li");
    plain.send().await.problem(403, "missing-scope");
}

#[tokio::test]
async fn the_entry_names_both_the_person_and_the_key_that_acted() {
    let (bench, admin) = Bench::with_pipeline().await;
    let front = bench.key_with("front", &[Role::Rep], [Scope::ActAs].into()).await;
    let registered = bench
        .call(Method::POST, "/v1/customers")
        .key(&front)
        .header("waymark-actor", "rep:li")
        .json(&json!({"pipeline": "landian-6"}));
    assert_eq!(registered.send().await.status, 201);
    let events = bench.get(&admin, "/v1/events?type=customer.registered").await.json();
    assert_eq!(events["items"][0]["actor"], "rep:li");
    assert!(events["items"][0]["via"].as_str().unwrap().starts_with("key:"));
}

#[tokio::test]
async fn a_command_answers_with_position_version_and_etag() {
    let (bench, key) = Bench::with_pipeline().await;
    let body = json!({"pipeline": "landian-6", "name": "海港食品"});
    let answer = bench.post(&key, "/v1/customers", &body).await;
    let accepted = answer.json();
    assert_eq!((answer.header("etag"), answer.header("waymark-position")), ("\"1\"", "3"));
    assert_eq!((&accepted["version"], &accepted["position"]), (&json!(1), &json!(3)));
    assert_eq!(accepted["events"][0]["type"], "customer.registered");
    let path = format!("/v1/customers/{}/notes", accepted["id"].as_str().unwrap());
    let stale =
        bench.call(Method::POST, &path).key(&key).header("if-match", "\"9\"").json(&json!({"text": "x"}));
    let stale = stale.send().await;
    assert_eq!(stale.problem(412, "version-mismatch")["version"], 1);
    assert_eq!(stale.header("etag"), "\"1\"");
}

#[tokio::test]
async fn a_key_given_again_gets_the_first_answer_and_another_body_is_refused() {
    let (bench, key) = Bench::with_pipeline().await;
    let send = |body: Value| {
        bench
            .call(Method::POST, "/v1/customers")
            .key(&key)
            .header("idempotency-key", "\"k-1\"")
            .json(&body)
            .send()
    };
    let first = send(json!({"pipeline": "landian-6", "name": "甲"})).await;
    let second = send(json!({"name": "甲", "pipeline": "landian-6"})).await;
    assert_eq!((first.status.as_u16(), first.json()), (second.status.as_u16(), second.json()));
    send(json!({"pipeline": "landian-6", "name": "乙"})).await.problem(422, "idempotency-key-reused");
}

#[tokio::test]
async fn a_read_waits_for_a_position_and_says_how_far_it_got() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6", "name": "甲"})).await;
    let path = format!("/v1/customers/{id}?min_position=3&wait_ms=1");
    let behind = bench.get(&key, &path).await;
    assert_eq!(behind.problem(503, "projection-behind")["position"], 0);
    bench.catch_up().await;
    let read = bench.get(&key, &path).await;
    assert_eq!(read.status, 200, "{}", read.text);
    assert_eq!((read.header("etag"), read.header("waymark-position")), ("\"1\"", "3"));
    assert_eq!(read.json()["name"], "甲");
    bench.get(&key, "/v1/customers?wait_ms=99999999").await.problem(422, "invalid-value");
}

#[tokio::test]
async fn an_analyst_sees_figures_and_no_people() {
    let (bench, admin) = Bench::with_pipeline().await;
    let body = json!({
        "pipeline": "landian-6", "name": "张伟", "contacts": [{"kind": "phone", "value": "+8613800138000"}]
    });
    let id = bench.register(&admin, &body).await;
    bench.catch_up().await;
    let analyst = bench.key("analyst:sun", &[Role::Analyst]).await;
    for path in [
        format!("/v1/customers/{id}"),
        "/v1/customers".to_owned(),
        format!("/v1/customers/{id}/timeline"),
        "/v1/boards/landian-6".to_owned(),
        "/v1/events".to_owned(),
    ] {
        let answer = bench.get(&analyst, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(!answer.text.contains("张伟") && !answer.text.contains("138001"), "{path}: {}", answer.text);
    }
    bench.get(&analyst, "/v1/customers?q=x").await.problem(422, "invalid-value");
    let rep = bench.key("rep:li", &[Role::Rep]).await;
    let pool = bench.get(&rep, &format!("/v1/customers/{id}")).await.json();
    assert_eq!((&pool["name"], &pool["contacts"][0]["value"]), (&json!("张伟"), &json!("+86138****8000")));
}

#[tokio::test]
async fn a_reader_of_a_merged_customer_is_sent_on_with_the_same_question() {
    let (bench, admin) = Bench::with_pipeline().await;
    let survivor = bench.register(&admin, &json!({"pipeline": "landian-6"})).await;
    let absorbed = bench.register(&admin, &json!({"pipeline": "landian-6", "external_id": "erp-7"})).await;
    let (path, body) = (format!("/v1/customers/{survivor}/merges"), json!({"absorbed": absorbed}));
    assert_eq!(bench.post(&admin, &path, &body).await.status, 200);
    bench.catch_up().await;
    for (path, to) in [
        (format!("/v1/customers/{absorbed}?wait_ms=10"), format!("/v1/customers/{survivor}?wait_ms=10")),
        (
            format!("/v1/customers/{absorbed}/timeline?view=both"),
            format!("/v1/customers/{survivor}/timeline?view=both"),
        ),
    ] {
        let answer = bench.get(&admin, &path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (308, to.as_str()),
            "{}",
            answer.text
        );
        assert_eq!(answer.header("cache-control"), "no-store", "a merge can be undone");
    }
    let listed = bench.get(&admin, "/v1/customers").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let sought = bench.get(&admin, "/v1/customers?external_id=erp-7").await.json();
    assert_eq!(sought["items"][0]["merged_into"], survivor);
}

#[tokio::test]
async fn both_times_are_echoed_and_only_one_state_of_knowledge_is_named() {
    let (bench, key) = Bench::with_pipeline().await;
    bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    bench.catch_up().await;
    let read = |query: &'static str| bench.get(&key, query);
    let then = "/v1/boards/landian-6?effective_at=2026-03-02T16:00:00%2B08:00&known_position=3";
    let board = read(then).await.json();
    assert_eq!((&board["effective_at"], &board["total"]), (&json!("2026-03-02T08:00:00Z"), &json!(1)));
    assert_eq!(board["known_at"], "2026-03-02T08:00:00Z");
    let before = read("/v1/boards/landian-6?known_position=2").await.json();
    assert_eq!(before["total"], 0);
    let both = "/v1/boards/landian-6?known_position=1&known_at=2026-03-02T08:00:00Z";
    read(both).await.problem(422, "invalid-value");
    read("/v1/boards/landian-6?known_position=4").await.problem(422, "invalid-value");
    read("/v1/boards/landian-6?known_at=yesterday").await.problem(422, "invalid-value");
}

#[tokio::test]
async fn figures_are_served_for_every_kind_of_question() {
    let (bench, key) = Bench::with_pipeline().await;
    let _ = bench.key("rep:li", &[Role::Rep]).await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    bench.catch_up().await;
    for path in [
        "/v1/templates",
        "/v1/pipelines",
        "/v1/pipelines/landian-6?version=1",
        "/v1/pools",
        "/v1/dwell/landian-6?unit=customer&clock=owned&curve=true",
        "/v1/flows/landian-6?owner=rep:li&from=2026-01-01T00:00:00Z",
        "/v1/paths/landian-6?ending=won&limit=500",
        "/v1/funnels/landian-6?definition=period&reach=strict",
        "/v1/heatmap?zone=Asia/Shanghai",
        "/v1/projections",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        let answer = bench.get(&key, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
    for path in ["stays", "timeline?view=both", "allowed-transitions"] {
        let answer = bench.get(&key, &format!("/v1/customers/{id}/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
    let pool = bench.get(&key, "/v1/pools").await.json()["items"][0]["key"].as_str().unwrap().to_owned();
    let customers = bench.get(&key, &format!("/v1/pools/{pool}/customers")).await.json();
    assert_eq!(customers["items"][0]["id"], id);
    let business = bench.get(&key, "/v1/dwell/landian-6?clock=business").await.json()["calendar"].clone();
    assert_eq!((&business["key"], &business["version"]), (&json!("china"), &json!(0)), "{business}");
    bench.get(&key, "/v1/dwell/landian-6?clock=business&calendar=office").await.problem(422, "invalid-value");
    bench.get(&key, "/v1/dwell/nothing").await.problem(404, "not-found");
    bench.get(&key, "/v1/dwell/landian-6?clokc=owned").await.problem(422, "unknown-parameter");
}

#[tokio::test]
async fn working_hours_go_by_the_calendar_that_was_known_then() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    bench.later(24);
    let moved = json!({"to": "need_confirmed", "note": "三台", "next_step": "报价"});
    assert_eq!(bench.post(&key, &format!("/v1/customers/{id}/transitions"), &moved).await.status, 200);
    let set = async |to: &str| {
        let (name, hours) = (json!({"zh": "办公", "en": "Office"}), json!([{"from": "09:00", "to": to}]));
        let weekly = json!({"mon": hours, "tue": hours});
        let body = json!({"key": "office", "name": name, "timezone": "Asia/Shanghai", "weekly": weekly});
        bench.post(&key, "/v1/admin/calendars", &body).await.json()["position"].as_u64().unwrap()
    };
    let known = set("18:00").await;
    set("17:00").await;
    bench.catch_up().await;
    let worked = async |query: String| {
        let report = bench.get(&key, &format!("/v1/dwell/landian-6?clock=business{query}")).await.json();
        let stage =
            report["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == "first_contact");
        (
            report["calendar"]["version"].clone(),
            stage.unwrap()["completed_seconds"]["total"].as_f64().unwrap() / 3_600.0,
        )
    };
    // From Monday 16:00 in Shanghai to Tuesday 16:00.
    assert_eq!(worked(String::new()).await, (json!(2), 8.0));
    assert_eq!(worked(format!("&calendar=office&known_position={known}")).await, (json!(1), 9.0));
    let listed = bench.get(&key, "/v1/admin/calendars").await.json();
    assert_eq!(
        (&listed["items"][0]["version"], &listed["items"][0]["weekly"]["mon"][0]["to"]),
        (&json!(2), &json!("17:00"))
    );
    for query in ["clock=business&calendar=works", "clock=owned&calendar=office"] {
        let refused = bench.get(&key, &format!("/v1/dwell/landian-6?{query}")).await;
        assert_eq!(refused.problem(422, "invalid-value")["violations"][0]["field"], "calendar");
    }
    let far = bench.get(&key, "/v1/dwell/landian-6?clock=business&effective_at=9999-12-31T23:59:59Z").await;
    assert_eq!(far.problem(422, "invalid-value")["violations"][0]["field"], "effective_at");
}

#[tokio::test]
async fn absurd_numbers_and_texts_are_no_fault_of_ours() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    bench.catch_up().await;
    let (most, long) = (u64::MAX.to_string(), "x".repeat(5_000));
    for path in [
        format!("/v1/events?after={most}"),
        format!("/v1/events?type={long}"),
        format!("/v1/boards/landian-6?known_position={most}"),
        format!("/v1/paths/landian-6?version={most}"),
        format!("/v1/customers/{id}/timeline?known_position={most}&cursor={long}"),
        "/v1/boards/landian-6?effective_at=9999-12-31T23:59:59Z".to_owned(),
        "/v1/boards/landian-6?effective_at=1970-01-01T00:00:00Z&known_at=1970-01-01T00:00:00Z".to_owned(),
        format!("/v1/dwell/landian-6?horizon_seconds={most}&curve=true"),
        "/v1/funnels/landian-6?horizon_days=3650&effective_at=1970-01-01T00:00:00Z".to_owned(),
        "/v1/funnels/landian-6?from=9999-01-01T00:00:00Z&to=9999-12-31T23:59:59Z".to_owned(),
        format!("/v1/dwell/landian-6?version={}&owner=&tag=%00", u32::MAX),
        "/v1/customers?cursor=-1".to_owned(),
        format!("/v1/customers?cursor={most}"),
        format!("/v1/customers?q={long}&stage=%27%22%25"),
        "/v1/boards/landian-6?stage=quoted&cursor=a.b".to_owned(),
        "/v1/flows/landian-6?from=9999-01-01T00:00:00Z&to=1970-01-01T00:00:00Z".to_owned(),
        format!("/v1/pipelines/{long}"),
        "/v1/pools/%00/customers".to_owned(),
    ] {
        let answer = bench.get(&key, &path).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
    }
    let behind = bench.get(&key, &format!("/v1/customers?min_position={most}&wait_ms=0")).await;
    behind.problem(503, "projection-behind");
    for (what, body) in [
        ("notes", json!({"text": long})),
        ("notes", json!({"text": "a\u{0}b"})),
        ("notes", json!({"text": "x", "effective_at": "9999-12-31T23:59:59Z"})),
        ("transitions", json!({"to": long, "evidence": [{"kind": "", "reference": ""}]})),
        ("details", json!({"amount": {"amount": "99999999999999999999999999999", "currency": "XXXX"}})),
        ("details", json!({"fields": {"deep": vec![vec![1; 100]; 100]}})),
        ("signals", json!({"kind": "x", "data": "y".repeat(100_000)})),
        ("corrections", json!({"kind": "void", "corrects": id, "reason": "x"})),
        ("releases", json!({"pool": "nowhere", "reason": "x"})),
        ("owner-changes", json!({"to": {"kind": "pool", "id": "\u{7}"}, "reason": "x"})),
    ] {
        let answer = bench.post(&key, &format!("/v1/customers/{id}/{what}"), &body).await;
        assert!(answer.status.is_client_error() || answer.status == 200, "{what} {body}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_a_read_model_set_aside_is_listed_retried_and_skipped() {
    let (bench, key) = Bench::with_pipeline().await;
    let parked = bench.get(&key, "/v1/projections/board/parked").await;
    assert_eq!(parked.json()["items"], json!([]), "{}", parked.text);
    let retried = bench.post(&key, "/v1/projections/board/retries", &json!({})).await;
    assert_eq!(retried.json(), json!({"folded": 0}));
    for (status, code, body) in [
        (404, "not-found", json!({"position": 1, "reason": "a broken file"})),
        (422, "invalid-value", json!({"position": 1, "reason": " "})),
        (422, "missing-field", json!({"position": 1})),
    ] {
        bench.post(&key, "/v1/projections/board/skips", &body).await.problem(status, code);
    }
    bench.get(&key, "/v1/projections/nothing/parked").await.problem(404, "not-found");
}

#[tokio::test]
async fn leaving_an_event_out_is_an_event_with_who_and_why() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    let bad = bench.append_poison(&id).await;
    bench.post(&key, &format!("/v1/customers/{id}/notes"), &json!({"text": "waits"})).await;
    bench.catch_up().await;
    let skip = |key: &'static str| {
        let call = bench.call(Method::POST, "/v1/projections/timeline/skips").header("idempotency-key", key);
        call.json(&json!({"position": bad, "reason": "a broken import"}))
    };
    let first = skip("one").key(&key).send().await;
    let parked = bench.get(&key, "/v1/projections/timeline/parked").await.json();
    assert_eq!((first.status.as_u16(), &first.json()["folded"]), (200, &json!(1)), "{} {parked}", first.text);
    assert_eq!(skip("one").key(&key).send().await.json()["position"], first.json()["position"]);
    let again = skip("two").key(&key).send().await.problem(422, "invalid-value");
    assert_eq!(again["violations"][0]["field"], "position");
    let events = bench.get(&key, "/v1/events?type=projection.event_skipped").await.json();
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
    let said = &events["items"][0];
    assert_eq!(said["actor"], "admin:root");
    assert_eq!(said["data"], json!({"projection": "timeline", "position": bad, "reason": "a broken import"}));
    assert_eq!(parked["items"][0]["skipped"], "a broken import");
    let others = bench.get(&key, "/v1/projections/board/parked").await.json();
    assert_eq!(others["items"][0]["skipped"], Value::Null, "{others}");
}

#[tokio::test]
async fn a_stream_gives_the_past_then_ends_with_the_service() {
    let (bench, key) = Bench::with_pipeline().await;
    bench.register(&key, &json!({"pipeline": "landian-6", "name": "甲"})).await;
    let opened = bench
        .call(Method::GET, "/v1/events")
        .key(&key)
        .header("accept", "text/event-stream")
        .header("last-event-id", "2")
        .respond()
        .await;
    assert_eq!(opened.headers()["content-type"], "text/event-stream");
    let mut stream = opened.into_body().into_data_stream();
    let first = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.contains("id: 3") && first.contains("customer.registered"), "{first}");
    assert!(first.contains(r#""$personal":"甲""#), "{first}");
    bench.stop.cancel();
    assert!(stream.next().await.is_none());
    let bad = bench.call(Method::GET, "/v1/events").key(&key).header("accept", "text/event-stream");
    bad.header("last-event-id", "last").send().await.problem(400, "malformed-header");
}

#[tokio::test]
async fn pages_of_the_log_lead_to_its_head() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    let first = bench.get(&key, "/v1/events?limit=2").await.json();
    assert_eq!((&first["next_after"], &first["head"]), (&json!(2), &json!(4)));
    let rest = bench.get(&key, "/v1/events?limit=2&after=2").await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_after"]), (2, &json!(4)));
    let mine = bench.get(&key, &format!("/v1/events?customer={id}")).await.json();
    assert_eq!((mine["items"].as_array().unwrap().len(), &mine["next_after"]), (1, &json!(4)));
}

#[tokio::test]
async fn each_line_of_a_bulk_request_is_answered_as_the_single_call_would_be() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    let lines = [
        json!({"command": "register", "body": {"pipeline": "landian-6", "external_id": "a"}}).to_string(),
        json!({"command": "note", "customer_id": id, "body": {"text": "one"}, "idempotency_key": "n"})
            .to_string(),
        json!({"command": "note", "customer_id": id, "body": {"text": "one"}, "idempotency_key": "n"})
            .to_string(),
        json!({"command": "register", "body": {"pipeline": "landian-6", "external_id": "a"}}).to_string(),
        String::new(),
        "{oops".to_owned(),
        json!({"command": "transition", "customer_id": id, "body": {"to": "nowhere"}}).to_string(),
    ];
    let send = |query: &'static str| {
        let body = lines.join("\n");
        bench.call(Method::POST, query).key(&key).body("application/x-ndjson", body).send()
    };
    let dry_run = replies(&send("/v1/bulk?dry_run=true").await.text);
    assert_eq!(dry_run[0]["result"]["would_record"], json!(["customer.registered"]));
    assert_eq!(bench.get(&key, "/v1/events").await.json()["head"], 3, "a rehearsal records nothing");
    let carried_out = replies(&send("/v1/bulk").await.text);
    let statuses: Vec<_> =
        carried_out.iter().map(|reply| (reply["line"].clone(), reply["status"].clone())).collect();
    let expected = [(1, 201), (2, 200), (3, 200), (4, 409), (6, 400), (7, 422)];
    assert_eq!(statuses, expected.map(|(line, status)| (json!(line), json!(status))));
    assert_eq!(carried_out[1]["result"], carried_out[2]["result"]);
    let json = bench.call(Method::POST, "/v1/bulk").key(&key).json(&json!({})).send().await;
    json.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn atomic_lines_are_carried_out_together_or_not_at_all() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    let transition = |to: &str| {
        let body = json!({"to": to, "note": "asked for an offer", "next_step": "write it", "reason": "met"});
        json!({"command": "transition", "customer_id": id, "body": body}).to_string()
    };
    let register =
        json!({"command": "register", "body": {"pipeline": "landian-6", "external_id": "a"}}).to_string();
    let send = |query: &'static str, lines: Vec<String>| {
        bench.call(Method::POST, query).key(&key).body("application/x-ndjson", lines.join("\n")).send()
    };
    let statuses = |text: &str| -> Vec<u64> {
        replies(text).iter().map(|reply| reply["status"].as_u64().unwrap()).collect()
    };

    let refused =
        vec![register.clone(), transition("need_confirmed"), transition("nowhere"), register.clone()];
    let answered = send("/v1/bulk?atomic=true", refused).await.text;
    assert_eq!(statuses(&answered), [409, 409, 422, 409], "{answered}");
    let told = |place: usize| replies(&answered)[place]["problem"].clone();
    assert_eq!((&told(0)["code"], &told(3)["code"]), (&json!("not-carried-out"), &json!("customer-exists")));
    assert_eq!((&told(0)["refused_lines"], &told(1)["refused_total"]), (&json!([3, 4]), &json!(2)));
    assert_eq!(bench.get(&key, "/v1/events").await.json()["head"], 3, "nothing was carried out");

    let twice = send("/v1/bulk?atomic=true", vec![register.clone(), register.clone()]).await.text;
    assert_eq!(statuses(&twice), [409, 409]);
    assert_eq!(replies(&twice)[1]["problem"]["code"], "customer-exists");

    let valid = vec![register, transition("need_confirmed"), transition("first_contact")];
    let dry_run = send("/v1/bulk?atomic=true&dry_run=true", valid.clone()).await.text;
    assert_eq!(replies(&dry_run)[2]["result"]["would_record"], json!(["customer.moved"]), "{dry_run}");
    assert_eq!(bench.get(&key, "/v1/events").await.json()["head"], 3, "a rehearsal records nothing");

    let done = send("/v1/bulk?atomic=true", valid).await.text;
    assert_eq!(statuses(&done), [201, 200, 200], "the second move stands on the first: {done}");
    let positions: Vec<_> = replies(&done).iter().map(|reply| reply["result"]["position"].clone()).collect();
    assert_eq!(positions, [4, 5, 6]);
    assert_eq!(replies(&done)[2]["result"]["version"], 3);
}

#[tokio::test]
async fn every_line_of_an_atomic_batch_that_is_refused_says_why_and_says_so_again_under_its_key() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    let note = |text: &str| json!({"command": "note", "customer_id": id, "body": {"text": text}}).to_string();
    let nowhere = json!({"command": "transition", "customer_id": id, "body": {"to": "nowhere"}}).to_string();
    let send = async |query: &str, lines: &[String]| {
        let call = bench.call(Method::POST, &format!("/v1/bulk?atomic=true{query}")).key(&key);
        let call = call.header("idempotency-key", "once").body("application/x-ndjson", lines.join("\n"));
        replies(&call.send().await.text)
    };
    let codes = |replies: &[Value]| -> Vec<String> {
        replies.iter().map(|reply| reply["problem"]["code"].as_str().unwrap().to_owned()).collect()
    };
    // Lines that cannot be read are told beside those that are refused, and nothing is kept of a batch that is no batch.
    let unread = [note("one"), "{}".to_owned(), nowhere.clone(), note("")];
    let told = send("", &unread).await;
    assert_eq!(codes(&told)[..3], ["not-carried-out", "missing-field", "unknown-stage"], "{told:?}");
    assert_eq!(told[0]["problem"]["refused_lines"], json!([2, 3, 4]));

    let refused: Vec<String> =
        std::iter::once(note("one")).chain((0..130).map(|_| nowhere.clone())).collect();
    let first = send("", &refused).await;
    let told = codes(&first);
    assert_eq!(
        (&*told[0], &*told[1], &*told[100], &*told[101]),
        ("not-carried-out", "unknown-stage", "unknown-stage", "not-carried-out")
    );
    let named: Vec<u64> = (2..22).collect();
    for place in [0, 130] {
        let problem = &first[place]["problem"];
        assert_eq!((&problem["refused_lines"], &problem["refused_total"]), (&json!(named), &json!(130)));
    }
    assert_eq!(send("&dry_run=true", &refused).await.len(), 131);
    let again = send("", &refused).await;
    assert_eq!((codes(&again), &again[0]["problem"]["refused_total"]), (told, &json!(130)));
    assert_eq!(bench.get(&key, "/v1/events").await.json()["head"], 3, "nothing was carried out");
}

fn replies(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_file_is_imported_whole_or_not_at_all() {
    let (bench, key) = Bench::with_pipeline().await;
    let path = "/v1/imports?pipeline=past&case=id&status=state&time=at&final=Won";
    let send = |query: String, csv: &'static str| {
        bench.call(Method::POST, &query).key(&key).body("text/csv", csv).send()
    };
    let bad = send(
        path.to_owned(),
        "id,state,at\na,New,2025-01-01T00:00:00Z\na,Won,2025-01-02T00:00:00Z\nb,New,someday\n",
    )
    .await;
    assert_eq!(bad.problem(422, "bad-rows")["violations"][0]["line"], 4);
    assert_eq!(bench.get(&key, "/v1/events").await.json()["head"], 2);
    send(path.replace("case=id", "case=nobody"), "id,state,at\na,New,2025-01-01T00:00:00Z\n")
        .await
        .problem(422, "invalid-value");
    send(format!("{path}&colour=red"), "id\n").await.problem(422, "unknown-parameter");
    let done =
        send(path.to_owned(), "id,state,at\na,New,2025-01-01T00:00:00Z\na,Won,2025-01-02T00:00:00Z\n").await;
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    assert_eq!((&done["state"], &done["report"]["cases"]), (&json!("done"), &json!(1)));
    let found = bench.get(&key, &format!("/v1/imports/{}", done["id"].as_str().unwrap())).await.json();
    assert_eq!(found, done);
}

#[tokio::test]
async fn a_key_made_over_http_opens_until_it_is_revoked() {
    let bench = Bench::new().await;
    let admin = bench.key("admin:root", &[Role::Admin]).await;
    let made = bench.post(&admin, "/v1/admin/keys", &json!({"actor": "rep:li", "roles": ["rep"]})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(bench.get(key, "/v1/pipelines").await.status, 200);
    let listed = bench.get(&admin, "/v1/admin/keys").await;
    // The secret may hold the sign that parts it from the rest.
    let secret = key.splitn(4, '_').last().unwrap();
    assert!(secret.len() > 40 && !listed.text.contains(secret));
    let path = format!("/v1/admin/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(bench.call(Method::DELETE, &path).key(&admin).send().await.status, 204);
    bench.get(key, "/v1/pipelines").await.problem(401, "bad-credential");
    for body in [
        json!({"actor": "", "roles": ["rep"]}),
        json!({"actor": "rep:x", "roles": []}),
        json!({"actor": "rep:x", "roles": ["boss"]}),
    ] {
        bench.post(&admin, "/v1/admin/keys", &body).await.problem(422, "invalid-value");
    }
}

#[tokio::test]
async fn the_documentation_page_comes_from_the_program_itself() {
    let bench = Bench::new().await;
    let page = bench.call(Method::GET, "/docs/").send().await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("//"), "{}", page.text);
    let script = bench.call(Method::GET, "/docs/swagger-initializer.js").send().await;
    assert!(
        script.text.contains("/openapi.json") && script.text.contains("\"validatorUrl\": \"none\""),
        "{}",
        script.text
    );
}

#[tokio::test]
async fn whatever_answers_a_next_cursor_takes_a_limit_and_a_cursor() {
    let bench = Bench::new().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    let resolved = |schema: &Value| match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
        None => schema.clone(),
    };
    let mut lists = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let read = &item["get"];
        let answer = resolved(&read["responses"]["200"]["content"]["application/json"]["schema"]);
        if answer["properties"]["next_cursor"].is_null() {
            continue;
        }
        lists += 1;
        let parameters = read["parameters"].as_array().into_iter().flatten();
        let names: Vec<&str> = parameters.filter_map(|parameter| parameter["name"].as_str()).collect();
        assert!(names.contains(&"limit") && names.contains(&"cursor"), "{path}: {names:?}");
    }
    assert!(lists > 15, "{lists} lists");
}

#[tokio::test]
async fn a_list_at_hand_is_given_page_by_page_like_any_other() {
    let (bench, admin) = Bench::with_pipeline().await;
    for key in ["west", "east", "north"] {
        let team = json!({"key": key, "name": {"zh": "队", "en": "Team"}, "members": ["li"]});
        assert_eq!(bench.post(&admin, "/v1/admin/teams", &team).await.status, 200);
    }
    let page = async |query: &str| bench.get(&admin, &format!("/v1/admin/teams?{query}")).await.json();
    let keys = |page: &Value| {
        page["items"].as_array().unwrap().iter().map(|team| team["key"].clone()).collect::<Vec<_>>()
    };
    let first = page("limit=2").await;
    assert_eq!((keys(&first), &first["next_cursor"]), (vec![json!("east"), json!("north")], &json!("north")));
    let last = page("limit=2&cursor=north").await;
    assert_eq!((keys(&last), &last["next_cursor"]), (vec![json!("west")], &Value::Null));
    assert_eq!(keys(&page("limit=3").await).len(), 3);
    assert_eq!(page("limit=3").await["next_cursor"], Value::Null);
    for path in ["/v1/admin/teams", "/v1/admin/keys", "/v1/templates", "/v1/pipelines", "/v1/projections"] {
        let refused = bench.get(&admin, &format!("{path}?limit=501")).await.problem(422, "invalid-value");
        assert_eq!(refused["violations"][0]["field"], "limit", "{path}");
    }
}

#[tokio::test]
async fn roles_are_listed_with_what_they_open_and_pools_with_their_rules() {
    let (bench, admin) = Bench::with_pipeline().await;
    let roles = bench.get(&admin, "/v1/admin/roles").await.json();
    let listed = roles["items"].as_array().unwrap();
    let names: Vec<&str> = listed.iter().filter_map(|item| item["role"].as_str()).collect();
    assert_eq!(names, ["admin", "analyst", "auditor", "manager", "rep", "supervisor"]);
    let opens = |role: &str, method: &str, path: &str| {
        let found = listed.iter().find(|item| item["role"] == role).unwrap();
        let operation = json!({"method": method, "path": path});
        found["operations"].as_array().unwrap().contains(&operation)
    };
    assert!(opens("rep", "POST", "/v1/customers/{id}/claims") && !opens("rep", "POST", "/v1/pipelines"));
    assert!(!opens("analyst", "POST", "/v1/customers") && opens("admin", "POST", "/v1/admin/keys"));
    let told = bench.call(Method::GET, "/v1/admin/roles?limit=1").key(&admin).header("accept-language", "zh");
    let told = told.send().await.json();
    assert_eq!((&told["items"][0]["name"], &told["next_cursor"]), (&json!("管理员"), &json!("admin")));

    let pools = bench.get(&admin, "/v1/admin/pools").await.json();
    let pools = pools["items"].as_array().unwrap();
    let keys: Vec<&str> = pools.iter().filter_map(|item| item["key"].as_str()).collect();
    assert_eq!(keys, ["customer_pool", "dormant_pool", "lead_pool"]);
    assert_eq!((&pools[0]["pipeline"], &pools[0]["pipeline_version"]), (&json!("landian-6"), &json!(1)));
    assert_eq!(pools[0]["pool"]["claims_per_day"], json!(3));
    assert_eq!(pools[0]["pool"]["rules"]["first_contact"]["within_seconds"], json!(172_800));
}

#[tokio::test]
async fn every_answer_in_json_is_shown_by_an_example() {
    let bench = Bench::new().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    let is_shown = |content: &Value| {
        let schema = &content["schema"];
        let named =
            schema["$ref"].as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#')));
        [content, named.unwrap_or(schema)].iter().any(|part| part.get("example").is_some())
    };
    let (mut answers, mut bare) = (0, Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                let content = &response["content"]["application/json"];
                if status.starts_with('2') && !content.is_null() {
                    answers += 1;
                    bare.extend((!is_shown(content)).then(|| format!("{method} {path} {status}")));
                }
            }
        }
    }
    assert!(answers > 150 && bare.is_empty(), "{answers} answers, and without an example: {bare:?}");
}

#[tokio::test]
async fn amounts_that_are_all_in_the_currency_asked_for_need_no_rates() {
    let (bench, admin) = Bench::with_pipeline().await;
    let worth = |amount: &str, currency: &str| json!({"pipeline": "landian-6", "amount": {"amount": amount, "currency": currency}});
    for amount in ["12.30", "7.70"] {
        let _ = bench.register(&admin, &worth(amount, "USD")).await;
    }
    bench.catch_up().await;
    let dollars = bench.get(&admin, "/v1/boards/landian-6?currency=USD").await;
    let first = dollars.json()["stages"][0]["converted"].clone();
    assert_eq!((&first["amount"], &first["currency"]), (&json!("20.00"), &json!("USD")), "{}", dollars.text);
    assert_eq!(first["without_rate"], json!([]));
    bench.get(&admin, "/v1/boards/landian-6?currency=CNY").await.problem(422, "invalid-value");
    let _ = bench.register(&admin, &worth("5", "CNY")).await;
    bench.catch_up().await;
    bench.get(&admin, "/v1/boards/landian-6?currency=USD").await.problem(422, "invalid-value");
}

/// Where a read is asked for, with what it must be told.
fn address_of(path: &str, customer: &str) -> String {
    let query = match path {
        "/v1/automations" => "pipeline=landian-6&",
        "/v1/audit/proofs/inclusion" => "index=0&",
        "/v1/audit/proofs/consistency" => "from=1&to=2&",
        _ => "",
    };
    let path = match path {
        "/v1/pools/{key}/customers" => path.replace("{key}", "customer_pool"),
        "/v1/exports/{kind}" => path.replace("{kind}", "events"),
        "/v1/worklists/{list}" => path.replace("{list}", "today"),
        _ => ["{pipeline}", "{key}", "{name}"]
            .iter()
            .fold(path.replace("{id}", customer), |path, name| path.replace(name, "landian-6")),
    };
    format!("{path}?{query}")
}

#[tokio::test]
async fn every_read_waits_for_a_position_and_answers_with_the_one_that_it_reflects() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = bench.register(&admin, &json!({"pipeline": "landian-6"})).await;
    let consumer = json!({"name": "landian-6", "start": {"position": 0}});
    assert_eq!(bench.post(&admin, "/v1/consumers", &consumer).await.status, 201);
    bench.catch_up().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    // What there is only under certain conditions: these are asked for something that is not there.
    let absent = ["/v1/pilots/{id}", "/v1/changes/{pipeline}/customers"];
    for (_, path, _) in TABLE.iter().filter(|(method, ..)| *method == "GET") {
        let reason = OF_NO_POSITION.iter().find(|(known, _)| known == path).map(|(_, reason)| *reason);
        let described = document["paths"][documented(path)]["get"]["parameters"].as_array().cloned();
        let described = described.unwrap_or_default();
        let takes = |name: &str| described.iter().any(|parameter| parameter["name"] == name);
        assert_eq!(takes("min_position"), reason.is_none(), "{path}: {reason:?}");
        if reason.is_some() {
            continue;
        }
        // A download is an event of its own.
        bench.catch_up().await;
        let address = address_of(path, &id);
        let answer = bench.get(&admin, &format!("{address}min_position=3&wait_ms=0")).await;
        if absent.contains(path) {
            assert!(
                matches!(answer.json()["code"].as_str(), Some("not-found" | "invalid-value")),
                "{}",
                answer.text
            );
            continue;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let reached = answer.header("waymark-position").parse::<u64>();
        assert!(
            reached.is_ok_and(|reached| reached >= 3),
            "{path} answers without a position that it has reached"
        );
        // A file says in its headers what it is of.
        if takes("effective_at") && *path != "/v1/exports/{kind}" {
            let body = answer.json();
            let times = [&body["effective_at"], &body["known_at"]];
            assert!(times.iter().all(|time| time.is_string()), "{path} does not say which moment it shows");
        }
        let ahead = bench.get(&admin, &format!("{address}min_position=99999&wait_ms=0")).await;
        ahead.problem(503, "projection-behind");
    }
    for (path, reason) in OF_NO_POSITION {
        assert!(TABLE.iter().any(|(method, known, _)| *method == "GET" && known == path), "{path} is served");
        assert!(reason.ends_with('.'), "{path}: why?");
    }
    bench.get(&admin, "/v1/events?min_position=some").await.problem(422, "invalid-value");
    bench.get(&admin, "/v1/audit/keys?wait_ms=99999999").await.problem(422, "invalid-value");
    bench.get(&admin, "/v1/templates?min_position=3").await.problem(422, "unknown-parameter");
}

/// What an administrator does, each after those before it: method, path and body. `{0}` is the id that the first of them
/// answered with, and so on.
fn administrative_commands() -> Vec<(Method, &'static str, Value)> {
    let (post, delete) = (Method::POST, Method::DELETE);
    let names = json!({"zh": "北", "en": "North"});
    vec![
        (post.clone(), "/v1/admin/keys", json!({"actor": "rep:li", "roles": ["rep"]})),
        (delete.clone(), "/v1/admin/keys/{0}?reason=lost", Value::Null),
        (post.clone(), "/v1/admin/members", json!({"actor": "rep:li", "roles": ["rep"]})),
        (post.clone(), "/v1/admin/sign-in-links", json!({"actor": "rep:li"})),
        (delete.clone(), "/v1/admin/members/rep:li", json!({})),
        (post.clone(), "/v1/webhooks", json!({"url": "https://erp.example/hook", "types": ["rates.set"]})),
        (post.clone(), "/v1/webhooks/{5}/rotate", json!({})),
        (post.clone(), "/v1/webhooks/{5}/enable", json!({})),
        (post.clone(), "/v1/webhooks/{5}/replay", json!({})),
        (delete.clone(), "/v1/webhooks/{5}", Value::Null),
        (post.clone(), "/v1/admin/robots", json!({"kind": "wecom", "key": "693a91f6"})),
        (post.clone(), "/v1/admin/robots/{10}/replay", json!({})),
        (delete.clone(), "/v1/admin/robots/{10}", Value::Null),
        (post.clone(), "/v1/admin/teams", json!({"key": "north", "name": names, "members": ["li"]})),
        (delete, "/v1/admin/teams/north", Value::Null),
        (post.clone(), "/v1/admin/fields", json!({"key": "size", "name": names, "type": "integer"})),
        (post.clone(), "/v1/handovers", json!({"from": "rep:li", "to": "rep:chen", "occasion": "resign"})),
        (post.clone(), "/v1/leads", json!({"pipeline": "landian-6", "name": "Pier Nine", "source": "expo"})),
        (post, "/v1/projections/board/retries", json!({})),
    ]
}

/// An answer that is an object says what was recorded, and where: with `position`, unless that is something else of what was made,
/// and with `events`. What concerns several customers, or read models, is answered line by line.
fn told_in_the_body(method: &Method, path: &str, answer: &Answer, (before, after): (u64, u64)) {
    let untold = ["/replay", "/v1/handovers", "/v1/leads", "/v1/projections/"];
    if answer.text.is_empty() || untold.iter().any(|part| path.contains(part)) {
        return;
    }
    let body = answer.json();
    let positions: Vec<u64> =
        body["events"].as_array().unwrap().iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, (before + 1..=after).collect::<Vec<_>>(), "{method} {path}: {}", answer.text);
    if !path.starts_with("/v1/webhooks") {
        assert_eq!(body["position"], after, "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_command_that_was_carried_out_answers_with_where_the_log_stands_then() {
    let (bench, admin) = Bench::with_pipeline().await;
    let _ = bench.key("rep:chen", &[Role::Rep]).await;
    let _ = bench.register(&admin, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    let head = async || bench.app().store.head(bench.tenant()).await.unwrap().position;
    let (mut ids, mut recorded) = (Vec::new(), 0);
    for (method, path, body) in administrative_commands() {
        // A handover waits for the list, and nothing folds here by itself.
        bench.catch_up().await;
        let path = ids.iter().enumerate().fold(path.to_owned(), |path, (number, id): (_, &String)| {
            path.replace(&format!("{{{number}}}"), id)
        });
        let before = head().await;
        let call = bench.call(method.clone(), &path).key(&admin);
        let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        let after = head().await;
        assert_eq!(answer.header("waymark-position"), after.to_string(), "{method} {path}");
        told_in_the_body(&method, &path, &answer, (before, after));
        recorded += after - before;
        let id = if answer.text.is_empty() { Value::Null } else { answer.json()["id"].clone() };
        ids.push(id.as_str().unwrap_or_default().to_owned());
    }
    assert!(recorded >= 14, "they are recorded: {recorded}");

    // What the document promises of all of them; a whole-system test that gets such an answer without the header fails.
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    for (method, path, _) in TABLE.iter().filter(|(method, ..)| *method != "GET") {
        let reason = COMMANDS_OF_NO_POSITION.iter().find(|(known, _)| known == path);
        let responses = &document["paths"][documented(path)][method.to_lowercase()]["responses"];
        for (status, response) in
            responses.as_object().unwrap().iter().filter(|(status, _)| *status < &"300".to_owned())
        {
            let promised = response["headers"].get("Waymark-Position").is_some();
            assert_eq!(promised, reason.is_none() && status != "202", "{method} {path} {status}");
        }
    }
    for (path, reason) in COMMANDS_OF_NO_POSITION {
        assert!(TABLE.iter().any(|(method, known, _)| *method != "GET" && known == path), "{path} is served");
        assert!(reason.ends_with('.'), "{path}: why?");
    }
}

#[tokio::test]
async fn a_read_without_a_past_says_so_and_where_there_is_one() {
    let (bench, admin) = Bench::with_pipeline().await;
    for path in ["/v1/duplicates?effective_at=2026-03-01T00:00:00Z", "/v1/reminders?known_position=2"] {
        let refused = bench.get(&admin, path).await.problem(422, "unknown-parameter");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("present alone"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_dry_run_judges_each_line_as_if_those_before_it_had_been_carried_out() {
    let (bench, key) = Bench::with_pipeline().await;
    let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
    let transition = |to: &str| {
        let body = json!({"to": to, "note": "asked for an offer", "next_step": "write it", "reason": "met"});
        json!({"command": "transition", "customer_id": id, "body": body}).to_string()
    };
    let phone = json!([{"kind": "phone", "value": "+8613800138000"}]);
    let register = |external_id: &str| {
        let body = json!({"pipeline": "landian-6", "external_id": external_id, "contacts": phone});
        json!({"command": "register", "body": body}).to_string()
    };
    let note = |text: &str| {
        let body = json!({"text": text});
        json!({"command": "note", "customer_id": id, "body": body, "idempotency_key": "n"}).to_string()
    };
    let lines = [
        transition("need_confirmed"),
        // Refused now as it would be then, where each is judged by the present state alone it would be fine.
        transition("need_confirmed"),
        transition("first_contact"),
        transition("nowhere"),
        register("a"),
        // Somebody has the telephone number by then; what is refused takes no external id.
        register("b"),
        register("a"),
        json!({"command": "register", "body": {"pipeline": "landian-6", "external_id": "b"}}).to_string(),
        note("one"),
        note("one"),
        note("two"),
    ];
    let send = |path: &'static str| {
        bench.call(Method::POST, path).key(&key).body("application/x-ndjson", lines.join("\n")).send()
    };
    let told = |text: &str| -> Vec<(u64, Value)> {
        let told = |reply: &Value| (reply["status"].as_u64().unwrap(), reply["problem"]["code"].clone());
        replies(text).iter().map(told).collect()
    };
    let rehearsed = send("/v1/bulk?dry_run=true").await.text;
    let statuses: Vec<u64> = told(&rehearsed).into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [200, 409, 200, 422, 201, 409, 409, 201, 200, 200, 422], "{rehearsed}");
    let would = |line: usize| replies(&rehearsed)[line]["result"]["would_record"].clone();
    assert_eq!(
        (would(2), would(8), would(9)),
        (json!(["customer.moved"]), json!(["customer.noted"]), json!([]))
    );
    assert_eq!(bench.get(&key, "/v1/events").await.json()["head"], 3, "a rehearsal records nothing");
    let carried_out = send("/v1/bulk").await.text;
    assert_eq!(told(&carried_out), told(&rehearsed), "what was told is what comes");
    let repeated = send("/v1/bulk?dry_run=true").await.text;
    assert_eq!(
        replies(&repeated)[8]["result"]["would_record"],
        json!([]),
        "it was carried out under this key"
    );
}
