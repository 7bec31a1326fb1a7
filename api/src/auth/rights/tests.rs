//! Who is let in as whom, and what is recorded of who sets that up.

use axum::http::Method;
use serde_json::{Value, json};

use crate::auth::access::TABLE;
use crate::auth::scope::Scope;
use crate::domain::Role;
use crate::http::testing::Bench;

const ROLES: [Role; 6] =
    [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin, Role::Analyst, Role::Auditor];

/// Roles of the key × prefix of the name × member or not × roles of the member: who acts, in which role.
#[tokio::test]
async fn a_front_end_acts_for_members_in_their_roles_and_for_others_within_its_own() {
    let bench = Bench::new().await;
    let root = bench.key("admin:root", &[Role::Admin]).await;
    for prefix in ROLES {
        for role in ROLES {
            let member = format!("{}:{}", prefix.as_str(), role.as_str());
            let body = json!({"actor": member, "roles": [role.as_str()]});
            assert_eq!(bench.post(&root, "/v1/admin/members", &body).await.status, 200);
        }
    }
    for of_key in ROLES {
        let front = bench.key_with("app:desk", &[of_key], [Scope::ActAs].into()).await;
        let acting = async |name: &str| {
            bench.call(Method::GET, "/v1/me").key(&front).header("waymark-actor", name).send().await
        };
        for prefix in ROLES.map(Role::as_str) {
            for role in ROLES.map(Role::as_str) {
                let me = acting(&format!("{prefix}:{role}")).await.json();
                assert_eq!(me["roles"], json!([role]), "{of_key:?} {prefix} {me}");
            }
            let nobody = acting(&format!("{prefix}:anybody")).await;
            let granted = match (of_key.as_str(), prefix) {
                (_, "admin") => false,
                (_, "rep") | ("admin", _) | ("manager", "supervisor") => true,
                (own, asked) => own == asked,
            };
            match granted {
                true => assert_eq!(nobody.json()["roles"], json!([prefix]), "{of_key:?}"),
                false => drop(nobody.problem(403, "unknown-actor")),
            }
        }
    }
}

#[tokio::test]
async fn a_header_that_says_one_thing_is_given_once() {
    let (bench, root) = Bench::with_pipeline().await;
    let front = bench.key_with("app:desk", &[Role::Manager], [Scope::ActAs].into()).await;
    let bearer = format!("Bearer {front}");
    let headers = [
        ("Authorization", bearer.as_str(), bearer.as_str()),
        ("Waymark-Actor", "rep:li", "rep:zhao"),
        ("Idempotency-Key", "a", "b"),
        ("If-Match", "\"1\"", "\"2\""),
        ("Last-Event-ID", "1", "2"),
        ("Content-Type", "application/json", "text/plain"),
    ];
    for (name, one, other) in headers {
        for (method, path) in
            [(Method::POST, "/v1/customers"), (Method::GET, "/v1/me"), (Method::GET, "/healthz")]
        {
            let call = bench.call(method, path).header(name, one).header(name, other);
            let call = if name == "Authorization" { call } else { call.key(&root) };
            let problem = call.send().await.problem(400, "malformed-header");
            assert_eq!(problem["violations"][0]["field"], name, "{path}");
        }
    }
}

/// Every route with something in its path that a tenant names, asked by another tenant's administrator.
#[tokio::test]
async fn what_is_another_tenants_is_not_there_on_any_route() {
    let (bench, root) = Bench::with_pipeline().await;
    let theirs = Theirs::set_up(&bench, &root).await;
    let stranger = bench.key_of_another_tenant("admin:stranger", &[Role::Admin]).await;
    // Only of what is folded it is known that it is not there.
    bench.catch_up().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    let mut asked = 0;
    for (method, path, _) in TABLE.iter().filter(|(_, path, _)| path.contains('{')) {
        let Some(named) = theirs.named(path) else { continue };
        let body = example(&document, method, path);
        let call = bench.call(method.parse().unwrap(), &named).key(&stranger);
        let call = if body.is_null() { call } else { call.json(&body) };
        let answer = call.send().await;
        assert_eq!(answer.status, 404, "{method} {path} {body}: {}", answer.text);
        asked += 1;
    }
    assert!(asked > 50, "{asked}");
    // What was asked for is there for those whose it is.
    for path in [
        "/v1/customers/{id}",
        "/v1/webhooks/{id}/deliveries",
        "/v1/pipelines/{key}",
        "/v1/consumers/{name}/events",
    ] {
        let there = bench.get(&root, &theirs.named(path).unwrap()).await;
        assert_eq!(there.status, 200, "{path}: {}", there.text);
    }
}

/// What a tenant has, by id or key.
struct Theirs {
    customer: String,
    key: String,
    deputy: String,
    webhook: String,
    robot: String,
}

impl Theirs {
    async fn set_up(bench: &Bench, root: &str) -> Self {
        let id = |answer: Value| answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let made = async |path: &str, body: Value| id(bench.post(root, path, &body).await.json());
        for actor in ["rep:li", "rep:zhao"] {
            let member = json!({"actor": actor, "roles": ["rep"]});
            assert_eq!(bench.post(root, "/v1/admin/members", &member).await.status, 200);
        }
        // Who is somebody is asked of the read models as well.
        bench.catch_up().await;
        let team = json!({"key": "north", "name": {"zh": "北", "en": "North"}, "members": ["li"]});
        assert_eq!(bench.post(root, "/v1/admin/teams", &team).await.status, 200);
        let field = json!({"key": "size", "name": {"zh": "规模", "en": "Size"}, "type": "text"});
        assert_eq!(bench.post(root, "/v1/admin/fields", &field).await.status, 200);
        let consumer = json!({"name": "warehouse", "start": {"position": 0}});
        assert_eq!(bench.post(root, "/v1/consumers", &consumer).await.status, 201);
        let leave = json!({"rep": "li", "deputy": "zhao", "from": "2026-03-03T08:00:00Z", "until": "2026-03-09T08:00:00Z"});
        Self {
            customer: bench.register(root, &json!({"pipeline": "landian-6"})).await,
            key: made("/v1/admin/keys", json!({"actor": "rep:li", "roles": ["rep"]})).await,
            deputy: made("/v1/deputies", leave).await,
            webhook: made("/v1/webhooks", json!({"url": "https://erp.example/hook"})).await,
            robot: made("/v1/admin/robots", json!({"kind": "wecom", "key": "k-1"})).await,
        }
    }

    /// The path with what is named there; none where nothing of a tenant's is. A new route fails until it is said here.
    fn named(&self, path: &str) -> Option<String> {
        // A request for approval, a task and an import are known by ids that nobody else ever has.
        let unknown = "01970000-0000-7000-8000-00000000dead";
        let (from, to) = match path {
            _ if path.starts_with("/v1/customers/{id}") => ("{id}", self.customer.as_str()),
            "/v1/audit/erasures/{id}" => ("{id}", self.customer.as_str()),
            _ if path.starts_with("/v1/webhooks/{id}") => ("{id}", self.webhook.as_str()),
            _ if path.starts_with("/v1/admin/robots/{id}") => ("{id}", self.robot.as_str()),
            "/v1/deputies/{id}" => ("{id}", self.deputy.as_str()),
            "/v1/admin/keys/{id}" => ("{id}", self.key.as_str()),
            _ if path.starts_with("/v1/admin/members/{actor}") => ("{actor}", "rep:li"),
            _ if path.starts_with("/v1/consumers/{name}") => ("{name}", "warehouse"),
            "/v1/admin/teams/{key}" => ("{key}", "north"),
            "/v1/admin/fields/{key}" => ("{key}", "size"),
            "/v1/approvals/{id}/decisions"
            | "/v1/tasks/{id}/completions"
            | "/v1/imports/{id}"
            | "/v1/imports/{id}/undo"
            | "/v1/pilots/{id}" => ("{id}", unknown),
            "/v1/pipelines/{key}/versions/{version}" => {
                return Some("/v1/pipelines/landian-6/versions/1".into());
            }
            _ if path.starts_with("/v1/pipelines/{key}") => ("{key}", "landian-6"),
            "/v1/changes/{pipeline}/customers" => {
                let created = "aGFwcGVuZWQvY3JlYXRlZC8_"; // happened/created/?
                return Some(format!("/v1/changes/landian-6/customers?cursor={created}"));
            }
            _ if path.contains("/{pipeline}") => ("{pipeline}", "landian-6"),
            "/v1/pools/{key}/customers" => ("{key}", "public"),
            // Each log has tiles of its own at the same places.
            _ if path.starts_with("/v1/audit/tile/") => return None,
            _ if path.starts_with("/v1/audit/access/tile/") => return None,
            // Lists and read models are the same for everybody.
            "/v1/worklists/{list}" | "/v1/exports/{kind}" | "/v1/event-schemas/{type}" => return None,
            _ if path.starts_with("/v1/projections/{name}") => return None,
            _ => panic!("say whether {path} names something of a tenant"),
        };
        Some(path.replace(from, to))
    }
}

/// The example of a route's body, as the description has it; null where it takes none.
fn example(document: &Value, method: &str, path: &str) -> Value {
    let operation = &document["paths"][path][method.to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().and_then(|named| named.rsplit('/').next());
    name.map_or(Value::Null, |name| {
        let schema = &document["components"]["schemas"][name];
        if schema["example"].is_null() { json!({}) } else { schema["example"].clone() }
    })
}

#[tokio::test]
async fn the_maker_and_revoker_of_a_key_stands_in_the_log_and_no_secret_does() {
    let bench = Bench::new().await;
    let root = bench.key("admin:root", &[Role::Admin]).await;
    let made =
        bench.post(&root, "/v1/admin/keys", &json!({"actor": "rep:li", "roles": ["rep"]})).await.json();
    let (id, text) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let revoke =
        |query: &str| bench.call(Method::DELETE, &format!("/v1/admin/keys/{id}{query}")).key(&root).send();
    revoke("?reason=%00").await.problem(422, "control-character");
    revoke("?reason=two%0Alines").await.problem(422, "invalid-value");
    assert_eq!(revoke("?reason=lost").await.status, 204);
    assert_eq!(revoke("").await.status, 204, "it is revoked already");
    bench.get(text, "/v1/me").await.problem(401, "bad-credential");
    let events = bench.get(&root, "/v1/events").await.json();
    let events = events["items"].as_array().unwrap();
    let told: Vec<(&str, &str)> = events
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["actor"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("key.created", "operator:test"), ("key.created", "admin:root"), ("key.revoked", "admin:root")]
    );
    assert_eq!(events[1]["data"]["key"]["id"], id);
    let own = format!("key:{}", events[0]["data"]["key"]["id"].as_str().unwrap());
    assert_eq!(
        (&events[2]["data"]["reason"], &events[2]["data"]["credential"]),
        (&json!("lost"), &json!(own))
    );
    let secret = text.splitn(4, '_').last().unwrap();
    assert!(!events.iter().any(|event| event.to_string().contains(secret)));
    assert!(!bench.files_contain(&secret.as_bytes()[..20]));
}

#[tokio::test]
async fn a_removed_member_is_nobody_and_the_history_stays() {
    let (bench, root) = Bench::with_pipeline().await;
    let front = bench.key_with("app:desk", &[Role::Manager], [Scope::ActAs].into()).await;
    let li = bench.key("rep:li", &[Role::Rep]).await;
    let customer = bench.register(&li, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    let acting = async |name: &str| {
        bench.call(Method::GET, "/v1/me").key(&front).header("waymark-actor", name).send().await
    };
    assert_eq!(acting("rep:li").await.status, 200);
    let remove = async |name: &str| {
        bench.call(Method::DELETE, &format!("/v1/admin/members/{name}?reason=left")).key(&root).send().await
    };
    remove("rep:nobody").await.problem(404, "unknown-member");
    let removed = remove("rep:li").await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    assert_eq!(removed.json()["events"][0]["type"], "member.removed");
    bench.get(&li, "/v1/me").await.problem(401, "bad-credential");
    acting("rep:li").await.problem(403, "member-removed");
    acting("li").await.problem(403, "member-removed");
    remove("rep:li").await.problem(404, "unknown-member");
    let key = json!({"actor": "rep:li", "roles": ["rep"]});
    bench.post(&root, "/v1/admin/keys", &key).await.problem(409, "member-removed");
    bench.catch_up().await;
    let timeline = bench.get(&root, &format!("/v1/customers/{customer}/timeline")).await.json();
    assert_eq!(timeline["items"][0]["actor"], "rep:li");
    assert_eq!(bench.post(&root, "/v1/admin/members", &key).await.status, 200);
    assert_eq!(acting("rep:li").await.status, 200, "they are back");
    bench.get(&li, "/v1/me").await.problem(401, "bad-credential");
    let none = json!({"actor": "rep:li", "roles": []});
    assert_eq!(bench.post(&root, "/v1/admin/members", &none).await.json()["roles"], json!([]));
    acting("rep:li").await.problem(403, "member-removed");
    let last = remove("admin:root").await;
    assert_eq!(last.problem(409, "last-admin")["violations"][0]["field"], "actor");
    assert_eq!(bench.get(&root, "/v1/admin/members").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_key_that_another_process_made_a_moment_ago_opens_at_once() {
    let bench = Bench::new().await;
    let root = bench.key("admin:root", &[Role::Admin]).await;
    assert_eq!(bench.get(&root, "/v1/me").await.status, 200);
    let made = bench.key_by_another_process("rep:li", &[Role::Rep]).await;
    assert_eq!(bench.get(&made, "/v1/me").await.json()["actor"], "rep:li");
}
