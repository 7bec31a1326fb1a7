//! The endpoint for agents, as the protocol wants it.

use axum::http::Method;
use serde_json::{Value, json};

use super::tools::TOOLS;
use crate::auth::scope::Scope;
use crate::domain::Role;
use crate::http::testing::{Answer, Bench};

/// The endpoint, and the key of an agent that reads and proposes.
struct Scene {
    bench: Bench,
    admin: String,
    agent: String,
}

impl Scene {
    async fn new() -> Self {
        let (bench, admin) = Bench::with_pipeline().await;
        let agent = bench.key_with("agent:assistant", &[Role::Supervisor], [Scope::Propose].into()).await;
        Self { bench, admin, agent }
    }

    /// A request of the stateless revision, as a well-behaved client sends it.
    async fn ask(&self, method: &str, params: Value) -> Answer {
        self.ask_in("en", method, params).await
    }

    async fn ask_in(&self, language: &str, method: &str, params: Value) -> Answer {
        let message = message(method, params);
        let name = message["params"]["name"].as_str().map(str::to_owned);
        let call = self.bench.call(Method::POST, "/mcp").key(&self.agent);
        let call = call.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        let call = call.header("accept-language", language);
        let call = if let Some(name) = name { call.header("mcp-name", name) } else { call };
        call.json(&message).send().await
    }

    /// The result of a tool.
    async fn tool(&self, name: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({"name": name, "arguments": arguments})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["result"].clone()
    }

    /// What a tool gave.
    async fn given(&self, name: &str, arguments: Value) -> Value {
        let result = self.tool(name, arguments).await;
        assert_eq!(result["isError"], false, "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        text
    }

    /// What a tool refused, as the problem that its text is.
    async fn refused(&self, name: &str, arguments: Value) -> Value {
        let result = self.tool(name, arguments).await;
        assert_eq!((&result["isError"], result.get("structuredContent")), (&json!(true), None), "{result}");
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    async fn raw(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let call = self.bench.call(Method::POST, "/mcp").key(&self.agent);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        call.body("application/json", body.to_owned()).send().await
    }
}

fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

#[track_caller]
fn is_error(answer: &Answer, status: u16, code: i32) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["code"]),
        (status, &json!(code)),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_client_discovers_what_the_server_speaks_and_every_result_says_what_it_is() {
    let scene = Scene::new().await;
    let found = scene.ask("server/discover", json!({})).await.json();
    assert_eq!((&found["jsonrpc"], &found["id"]), (&json!("2.0"), &json!(1)));
    let result = &found["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["capabilities"], json!({"tools": {}}));
    for result in [result, &scene.ask("tools/list", json!({})).await.json()["result"]] {
        assert_eq!(result["resultType"], "complete");
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "waymark");
        assert!(result["ttlMs"].as_u64().is_some() && result["cacheScope"] == "private");
    }
    let chinese = scene.ask_in("zh", "server/discover", json!({})).await.json();
    assert!(chinese["result"]["instructions"].as_str().unwrap().contains("客户"));
}

#[tokio::test]
async fn tools_are_listed_in_order_with_schemas_that_stand_by_themselves() {
    let scene = Scene::new().await;
    let listed = scene.ask("tools/list", json!({})).await;
    assert_eq!(listed.text, scene.ask("tools/list", json!({})).await.text, "the same bytes each time");
    let listed = listed.json()["result"]["tools"].clone();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, TOOLS.iter().map(|tool| tool.name).collect::<Vec<_>>());
    for tool in listed.as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!(schema["type"], "object", "{name}");
            let text = schema.to_string();
            assert!(!text.contains("#/components/"), "{name} refers outside of itself");
            for reference in text.split("\"#/$defs/").skip(1) {
                let wanted = reference.split('"').next().unwrap();
                assert!(schema["$defs"][wanted].is_object(), "{name} lacks {wanted}");
            }
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        assert_eq!(tool["annotations"]["readOnlyHint"], json!(!name.starts_with("propose_")), "{name}");
        assert_eq!(tool["annotations"]["destructiveHint"], false, "{name}");
    }
    let named =
        |name: &str| listed.as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap().clone();
    // A model is shown all of it.
    assert!(listed.to_string().len() < 86_000, "{} bytes", listed.to_string().len());
    let read = named("read")["inputSchema"].clone();
    assert_eq!(read["required"], json!(["id"]));
    assert!(read["properties"]["effective_at"]["description"].is_string(), "{read}");
    let propose = named("propose_move")["inputSchema"].clone();
    let mut asked: Vec<&str> =
        propose["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["body", "id", "model", "prompt"]);
    assert!(
        propose["$defs"]["Move"]["properties"]["to"].is_object()
            && propose["properties"]["command"].is_null()
    );
    let chinese = scene.ask_in("zh", "tools/list", json!({})).await.json();
    assert_eq!(chinese["result"]["tools"][1]["title"], "查找客户");
}

#[tokio::test]
async fn a_tool_answers_what_its_route_answers() {
    let scene = Scene::new().await;
    let (bench, agent) = (&scene.bench, &scene.agent);
    let customer =
        bench.register(&scene.admin, &json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    bench.catch_up().await;
    let then = "2026-03-02T08:00:00Z";
    for (name, arguments, path) in [
        ("pipelines", json!({}), "/v1/pipelines".to_owned()),
        ("find", json!({"q": "Harbour", "limit": 10}), "/v1/customers?q=Harbour&limit=10".to_owned()),
        ("read", json!({"id": customer}), format!("/v1/customers/{customer}")),
        (
            "read",
            json!({"id": customer, "effective_at": then, "known_at": null}),
            format!("/v1/customers/{customer}?effective_at={then}"),
        ),
        ("history", json!({"id": customer}), format!("/v1/customers/{customer}/timeline")),
        ("may_go", json!({"id": customer}), format!("/v1/customers/{customer}/allowed-transitions")),
        ("board", json!({"pipeline": "landian-6"}), "/v1/boards/landian-6".to_owned()),
        (
            "dwell",
            json!({"pipeline": "landian-6", "curve": true}),
            "/v1/dwell/landian-6?curve=true".to_owned(),
        ),
        ("funnel", json!({"pipeline": "landian-6"}), "/v1/funnels/landian-6".to_owned()),
        (
            "changes",
            json!({"pipeline": "landian-6", "from_effective_at": then}),
            format!("/v1/changes/landian-6?from_effective_at={then}"),
        ),
        ("work", json!({"list": "today"}), "/v1/worklists/today".to_owned()),
        ("proposals", json!({}), "/v1/approvals".to_owned()),
    ] {
        let told = bench.get(agent, &path).await;
        match told.status.as_u16() {
            200 => assert_eq!(scene.given(name, arguments).await, told.json(), "{name}"),
            _ => {
                let refused = scene.refused(name, arguments).await;
                assert_eq!(refused["code"], told.json()["code"], "{name}: {}", told.text);
            }
        }
    }
}

#[tokio::test]
async fn what_a_route_refuses_is_a_result_that_says_how_to_mend_it() {
    let scene = Scene::new().await;
    scene.bench.catch_up().await;
    let nobody = "01930000-0000-7000-8000-000000000000";
    assert_eq!(scene.refused("read", json!({"id": nobody})).await["code"], "not-found");
    assert_eq!(scene.refused("read", json!({})).await["violations"][0]["field"], "id");
    assert_eq!(scene.refused("read", json!({"id": 7})).await["violations"][0]["field"], "id");
    assert_eq!(scene.refused("find", json!({"nmae": "x"})).await["code"], "unknown-parameter");
    assert_eq!(scene.refused("find", json!({"q": ["x"]})).await["violations"][0]["field"], "q");
    let long = "x".repeat(100_000);
    assert_eq!(scene.refused("read", json!({"id": long})).await["status"], 404);
    let refused = scene.refused("read", json!({"id": "../../healthz"})).await;
    assert!(refused["status"].as_u64().unwrap() < 500, "{refused}");
}

#[tokio::test]
async fn a_proposal_by_a_tool_waits_for_a_person_and_a_repeat_makes_no_second() {
    let scene = Scene::new().await;
    let (bench, admin) = (&scene.bench, &scene.admin);
    let customer = bench.register(admin, &json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    let model = json!({"name": "assistant", "version": "2026-05"});
    let to = bench.get(admin, &format!("/v1/customers/{customer}/allowed-transitions")).await.json();
    let to = to["items"].as_array().unwrap().iter().find(|one| one["allowed"] == true).unwrap()["to"].clone();
    let arguments = json!({
        "id": customer, "body": {"to": to, "note": "rang them", "next_step": "ring again"}, "model": model,
        "prompt": "Move those who were rung", "idempotency_key": "k-1",
    });
    let first = scene.given("propose_move", arguments.clone()).await;
    assert_eq!(first["events"][0]["type"], "customer.proposed", "{first}");
    assert_eq!(scene.given("propose_move", arguments).await["approval"], first["approval"]);
    let command = json!({"id": customer, "body": {}, "command": "correction", "model": model, "prompt": "x"});
    assert_eq!(scene.refused("propose_move", command).await["violations"][0]["field"], "command");

    // A person's key proposes nothing.
    let message = message(
        "tools/call",
        json!({"name": "propose_move", "arguments": {
            "id": customer, "body": {"to": to}, "model": model, "prompt": "x",
        }}),
    );
    let call = bench.call(Method::POST, "/mcp").key(admin).header("mcp-protocol-version", "2026-07-28");
    let call = call.header("mcp-method", "tools/call").header("mcp-name", "propose_move");
    let told = call.json(&message).send().await.json();
    let problem: Value =
        serde_json::from_str(told["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(problem["code"], "not-an-agent");
}

#[tokio::test]
async fn a_refusal_is_explained_before_it_happens_and_nothing_is_written() {
    let scene = Scene::new().await;
    let (bench, admin) = (&scene.bench, &scene.admin);
    let customer = bench.register(admin, &json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    let head = bench.get(admin, "/v1/events?limit=1").await.json()["head"].clone();
    let body = json!({"to": "won"});
    let told =
        scene.given("explain_refusal", json!({"id": customer, "command": "transition", "body": body})).await;
    let real = bench.post(admin, &format!("/v1/customers/{customer}/transitions"), &body).await.json();
    assert_eq!((&told["allowed"], &told["code"]), (&json!(false), &real["code"]));
    assert_eq!(told["violations"], real["violations"]);
    assert_eq!(bench.get(admin, "/v1/events?limit=1").await.json()["head"], head);
    let fresh =
        json!({"id": customer, "command": "transition", "body": body, "min_position": head, "wait_ms": 10});
    assert_eq!(
        scene.given("explain_refusal", fresh).await,
        told,
        "how fresh it must be stands beside the question"
    );
    let unread = json!({"id": customer, "command": "transition", "body": {"too": "won"}});
    let unread = scene.refused("explain_refusal", unread).await;
    let mut fields = unread["violations"].as_array().unwrap().iter().map(|one| &one["field"]);
    assert!(fields.any(|field| field == "body.too"), "{unread}");
}

#[tokio::test]
async fn a_message_that_is_none_and_headers_that_do_not_match_are_refused_as_the_protocol_says() {
    let scene = Scene::new().await;
    let listing = message("tools/list", json!({})).to_string();
    let stated = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    assert_eq!(scene.raw(&stated, &listing).await.status, 200);
    for (headers, code) in [
        (vec![("mcp-protocol-version", "2026-07-28")], -32_020),
        (vec![("mcp-method", "tools/list")], -32_020),
        (vec![("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/list")], -32_020),
        (vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")], -32_020),
    ] {
        is_error(&scene.raw(&headers, &listing).await, 400, code);
    }
    let calling = message("tools/call", json!({"name": "pipelines"})).to_string();
    let calls = |name: &'static str| {
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", name)]
    };
    is_error(&scene.raw(&calls("find"), &calling).await, 400, -32_020);
    assert_eq!(scene.raw(&calls("=?base64?cGlwZWxpbmVz?="), &calling).await.status, 200);

    let future = listing.replace("2026-07-28", "2099-01-01");
    let unspoken =
        scene.raw(&[("mcp-protocol-version", "2099-01-01"), ("mcp-method", "tools/list")], &future).await;
    is_error(&unspoken, 400, -32_022);
    assert_eq!(unspoken.json()["error"]["data"]["requested"], "2099-01-01");
    assert_eq!(unspoken.json()["error"]["data"]["supported"][0], "2026-07-28");

    let bare = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list"}).to_string();
    is_error(&scene.raw(&stated, &bare).await, 400, -32_602);
    for (body, code) in [
        ("{", -32_700),
        ("[]", -32_600),
        (r#"{"jsonrpc": "2.0", "id": null, "method": "ping"}"#, -32_600),
        (r#"{"jsonrpc": "1.0", "id": 1, "method": "ping"}"#, -32_600),
        (r#"{"jsonrpc": "2.0", "id": 1, "result": {}}"#, -32_600),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}"#, -32_602),
    ] {
        is_error(&scene.raw(&[], body).await, 400, code);
    }
    is_error(&scene.ask("resources/list", json!({})).await, 404, -32_601);
    is_error(&scene.ask("ping", json!({})).await, 404, -32_601);
    is_error(&scene.ask("tools/list", json!({"cursor": "x"})).await, 400, -32_602);
    is_error(&scene.ask("tools/call", json!({"name": "drop_tables"})).await, 400, -32_602);
    is_error(&scene.ask("tools/call", json!({"name": "find", "arguments": []})).await, 400, -32_602);
    let noted = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let noted = scene.raw(&[], &noted.to_string()).await;
    assert_eq!((noted.status.as_u16(), noted.text.as_str()), (202, ""));
}

#[tokio::test]
async fn a_client_that_begins_with_a_handshake_is_answered_without_a_session() {
    let scene = Scene::new().await;
    let initialize = |version: &str| {
        let params = json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"},
        });
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).to_string()
    };
    for (asked, given) in
        [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("2030-01-01", "2025-11-25")]
    {
        let welcome = scene.raw(&[], &initialize(asked)).await;
        assert_eq!(welcome.header("mcp-session-id"), "");
        let result = welcome.json()["result"].clone();
        assert_eq!(
            (&result["protocolVersion"], &result["serverInfo"]["name"]),
            (&json!(given), &json!("waymark"))
        );
        assert!(result.get("resultType").is_none());
    }
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let old = [("mcp-protocol-version", "2025-06-18")];
    assert_eq!(scene.raw(&old, &initialized).await.status, 202);
    let ask = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 2, "method": method, "params": params}).to_string()
    };
    assert_eq!(scene.raw(&old, &ask("ping", json!({}))).await.json()["result"], json!({}));
    let listed = scene.raw(&old, &ask("tools/list", json!({}))).await.json();
    assert!(listed["result"]["tools"].is_array() && listed["result"].get("ttlMs").is_none());
    let called =
        scene.raw(&old, &ask("tools/call", json!({"name": "pipelines", "arguments": {}}))).await.json();
    assert!(called["result"]["structuredContent"]["items"].is_array());
    is_error(&scene.raw(&old, &ask("nothing", json!({}))).await, 200, -32_601);
}

#[tokio::test]
async fn pages_elsewhere_and_other_methods_and_callers_without_a_key_are_turned_away() {
    let scene = Scene::new().await;
    let listing = message("tools/list", json!({})).to_string();
    let from = |origin: &'static str| {
        [("origin", origin), ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")]
    };
    for origin in
        ["https://evil.example", "http://localhost.evil.example", "null", "http://127.0.0.1.evil.example:80"]
    {
        let refused = scene.raw(&from(origin), &listing).await;
        assert_eq!(refused.status, 403, "{origin}");
        assert!(refused.json().get("id").is_none());
    }
    for origin in ["http://localhost:6274", "http://127.0.0.1", "http://[::1]:8080"] {
        assert_eq!(scene.raw(&from(origin), &listing).await.status, 200, "{origin}");
    }
    for method in [Method::GET, Method::DELETE] {
        let refused = scene.bench.call(method, "/mcp").key(&scene.agent).send().await;
        assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"));
    }
    let call = scene.bench.call(Method::POST, "/mcp").body("application/json", listing);
    call.send().await.problem(401, "missing-credential");
}
