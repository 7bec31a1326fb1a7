//! Who is let in over HTTP, and how often.

use std::num::NonZeroU32;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::auth::access::{Access, TABLE, is_open_to_agents};
use crate::auth::scope::Scope;
use crate::config::AuthArgs;
use crate::domain::Role;
use crate::http::testing::{Answer, Bench};

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

/// A service that lets each credential make a call every second, and two at once.
async fn limited() -> Bench {
    let (rate_limit, rate_burst) = ("60".parse().unwrap(), NonZeroU32::new(2));
    Bench::guarded(AuthArgs { rate_limit, rate_burst, ..AuthArgs::default() }).await
}

/// A service that takes tokens of one issuer. Its keys are read from the folder once, which may go then.
async fn with_tokens() -> (Bench, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let set = json!({"keys": [{"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}]});
    std::fs::write(&file, set.to_string()).unwrap();
    let settings = AuthArgs {
        jwt_keys: Some(file),
        jwt_issuer: Some("https://id.example".to_owned()),
        jwt_audience: Some("waymark".to_owned()),
        ..AuthArgs::default()
    };
    (Bench::guarded(settings).await, folder)
}

/// A token of this person, good for five minutes from now.
fn token(bench: &Bench, actor: &str, roles: &[&str], changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "waymark", "exp": bench.now().timestamp() + 300, "tenant": "default",
        "sub": actor, "roles": roles
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", text(&json!({"alg": "HS256"})), text(&claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let signed = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signed}")
}

#[tokio::test]
async fn a_credential_that_calls_too_often_is_told_when_it_may_again() {
    let bench = limited().await;
    let key = bench.key("admin:root", &[Role::Admin]).await;
    let me = async || bench.get(&key, "/v1/me").await;
    let first = me().await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), r#""credential";q=2;w=2"#);
    assert_eq!(first.header("ratelimit"), r#""credential";r=1;t=1"#);
    assert_eq!(me().await.header("ratelimit"), r#""credential";r=0;t=2"#);
    let refused = me().await;
    let problem = refused.problem(429, "rate-limited");
    assert_eq!(problem["retry_after_seconds"], 1);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit"), r#""credential";r=0;t=1"#);
    let chinese = bench.call(Method::GET, "/v1/me").key(&key).header("accept-language", "zh").send().await;
    assert_eq!(chinese.problem(429, "rate-limited")["title"], "请求过于频繁");
    bench.later_by(1);
    assert_eq!(me().await.status, 200, "what it was told came true");
    me().await.problem(429, "rate-limited");
}

#[tokio::test]
async fn credentials_do_not_pay_for_each_other_and_what_is_open_to_all_costs_nothing() {
    let bench = limited().await;
    let (one, other) = (bench.key("rep:li", &[Role::Rep]).await, bench.key("rep:li", &[Role::Rep]).await);
    for _ in 0..2 {
        assert_eq!(bench.get(&one, "/v1/me").await.status, 200);
    }
    bench.get(&one, "/v1/me").await.problem(429, "rate-limited");
    assert_eq!(bench.get(&other, "/v1/me").await.status, 200);
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"] {
        for _ in 0..4 {
            let open = bench.get(&one, path).await;
            assert_eq!((open.status.as_u16(), open.header("ratelimit")), (200, ""), "{path}");
        }
    }
    assert!(bench.get(&one, "/metrics").await.text.contains("waymark_rate_limited_total"));
}

#[tokio::test]
async fn a_front_end_pays_for_everybody_it_acts_for_and_what_is_refused_counts() {
    let bench = limited().await;
    let front = bench.key_with("front", &[Role::Analyst], [Scope::ActAs].into()).await;
    let acting = |actor: &'static str| {
        bench.call(Method::GET, "/v1/admin/keys").key(&front).header("waymark-actor", actor).send()
    };
    let refused: Answer = acting("rep:li").await;
    refused.problem(403, "missing-role");
    assert_eq!(refused.header("ratelimit"), r#""credential";r=1;t=1"#);
    acting("admin:root").await.problem(403, "unknown-actor");
    acting("rep:wang").await.problem(429, "rate-limited");
}

#[tokio::test]
async fn nothing_is_limited_and_no_limit_reported_unless_it_is_set() {
    let bench = Bench::new().await;
    let key = bench.key("admin:root", &[Role::Admin]).await;
    for _ in 0..200 {
        let answer = bench.get(&key, "/v1/me").await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""));
    }
}

#[tokio::test]
async fn a_token_opens_what_a_key_of_the_same_actor_opens_and_no_more() {
    let (bench, _folder) = with_tokens().await;
    let manager = token(&bench, "manager:wang", &["manager"], &json!({}));
    let created =
        bench.post(&manager, "/v1/pipelines", &json!({"key": "landian-6", "template": "landian-6"})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let rep = token(&bench, "rep:li", &["rep"], &json!({}));
    let key = bench.key("rep:li", &[Role::Rep]).await;
    let customer = bench.register(&rep, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    assert_eq!(bench.get(&rep, "/v1/me").await.json(), bench.get(&key, "/v1/me").await.json());
    let note = format!("/v1/customers/{customer}/notes");
    assert_eq!(bench.post(&key, &note, &json!({"text": "one person, two credentials"})).await.status, 200);
    bench.get(&rep, "/v1/admin/keys").await.problem(403, "missing-role");
    bench.get(&manager, "/v1/admin/keys").await.problem(403, "missing-role");
    let named = bench.call(Method::GET, "/v1/me").key(&rep).header("waymark-actor", "rep:wang").send().await;
    named.problem(403, "missing-scope");
}

#[tokio::test]
async fn a_token_with_the_scope_acts_for_others_and_the_log_keeps_both() {
    let (bench, _folder) = with_tokens().await;
    let manager = token(&bench, "manager:wang", &["manager"], &json!({}));
    bench.post(&manager, "/v1/pipelines", &json!({"key": "landian-6", "template": "landian-6"})).await;
    let front = token(&bench, "app:desk", &["analyst"], &json!({"scope": "openid act-as"}));
    let call = bench.call(Method::POST, "/v1/customers").key(&front).header("waymark-actor", "rep:li");
    assert_eq!(call.json(&json!({"pipeline": "landian-6"})).send().await.status, 201);
    let auditor = token(&bench, "auditor:zhou", &["auditor"], &json!({}));
    let events = bench.get(&auditor, "/v1/events?type=customer.registered").await.json();
    assert_eq!(events["items"][0]["actor"], "rep:li");
    assert_eq!(events["items"][0]["via"], "token:app:desk");
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_told_why_and_not_what_would_have_been_right() {
    let (bench, _folder) = with_tokens().await;
    let good = token(&bench, "rep:li", &["rep"], &json!({}));
    let past = bench.now().timestamp() - 60;
    let future = bench.now().timestamp() + 61;
    let told = |changes: Value| token(&bench, "rep:li", &["rep"], &changes);
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), good.split('.').nth(1).unwrap());
    let rows = [
        (told(json!({"exp": past})), "token-expired"),
        (told(json!({"nbf": future})), "token-not-yet-valid"),
        (told(json!({"aud": "another"})), "token-audience"),
        (told(json!({"iss": "https://evil.example"})), "token-issuer"),
        (told(json!({"tenant": "nobody"})), "token-tenant"),
        (told(json!({"tenant": 7})), "token-claim"),
        (told(json!({"roles": ["owner"]})), "token-role"),
        (format!("{good}="), "token-malformed"),
        (none, "token-algorithm"),
        (format!("{}.{}", good.rsplit_once('.').unwrap().0, "AAAA"), "token-signature"),
        ("wm_x_y_z".to_owned(), "bad-credential"),
    ];
    for (sent, code) in rows {
        let answer = bench.get(&sent, "/v1/me").await;
        answer.problem(401, code);
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="waymark", error="invalid_token""#);
        for right in ["id.example", "default", "waymark\"", "HS256"] {
            assert!(!answer.text.contains(right), "{}", answer.text);
        }
        let chinese =
            bench.call(Method::GET, "/v1/me").key(&sent).header("accept-language", "zh").send().await;
        assert!(chinese.json()["detail"].as_str().unwrap().ends_with('。'), "{}", chinese.text);
    }
    assert_eq!(bench.get(&good, "/v1/me").await.status, 200);
    let elsewhere = Bench::new().await;
    elsewhere.get(&good, "/v1/me").await.problem(401, "bad-credential");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let (bench, _folder) = with_tokens().await;
    let admin = bench.key("admin:root", &[Role::Admin]).await;
    let created = json!({"key": "landian-6", "template": "landian-6"});
    assert_eq!(bench.post(&admin, "/v1/pipelines", &created).await.status, 201);
    let token = token(&bench, "rep:li", &["rep"], &json!({}));
    let call =
        bench.call(Method::GET, "/v1/events?after=0").key(&token).header("accept", "text/event-stream");
    let response = call.respond().await;
    assert_eq!(response.status(), 200);
    bench.later(24);
    let heard = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let heard = String::from_utf8(heard.to_vec()).unwrap();
    assert!(heard.contains("pipeline.published") && !heard.contains(": heartbeat"), "{heard}");
}

#[tokio::test]
async fn a_key_of_an_agent_opens_reads_and_proposals_and_no_other_route_whatever_its_roles() {
    let bench = Bench::new().await;
    let all = [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin, Role::Analyst, Role::Auditor];
    let agent = bench.key_with("agent:assistant", &all, [Scope::Propose].into()).await;
    let both = bench.key_with("agent:desk", &all, [Scope::ActAs, Scope::Propose].into()).await;
    let auditor = bench.key("auditor:qian", &[Role::Auditor]).await;
    let head = async || bench.get(&auditor, "/v1/events?limit=1").await.json()["head"].clone();
    let (before, mut refused) = (head().await, 0);
    for (method, path, access) in TABLE {
        let method: Method = method.parse().unwrap();
        if *access == Access::Public || method == Method::GET || is_open_to_agents(&method, path) {
            continue;
        }
        let address = path.replace("{id}", "01930000-0000-7000-8000-000000000000");
        let address = address.replace(['{', '}'], "");
        let direct = bench.call(method.clone(), &address).key(&agent).json(&json!({})).send().await;
        direct.problem(403, "agent-may-only-propose");
        let acting = bench.call(method, &address).key(&both).header("waymark-actor", "rep:li");
        acting.json(&json!({})).send().await.problem(403, "agent-may-only-propose");
        refused += 1;
    }
    assert!(refused > 60, "{refused} routes that write were asked");
    assert_eq!(head().await, before, "nothing was written");
    bench.catch_up().await;
    for path in ["/v1/me", "/v1/customers", "/v1/approvals", "/v1/audit/changes"] {
        assert_eq!(bench.get(&agent, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_call_of_a_tool_counts_once() {
    let bench = limited().await;
    let key = bench.key("rep:li", &[Role::Rep]).await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pipelines"}});
    let told = bench.post(&key, "/mcp", &message).await;
    assert_eq!(
        (told.status.as_u16(), told.header("ratelimit")),
        (200, r#""credential";r=1;t=1"#),
        "{}",
        told.text
    );
    assert_eq!(told.json()["result"]["isError"], false, "{}", told.text);
    assert_eq!(bench.post(&key, "/mcp", &message).await.status, 200);
    bench.post(&key, "/mcp", &message).await.problem(429, "rate-limited");
}

#[tokio::test]
async fn a_session_ends_after_two_hours_without_a_question_and_after_twelve_with_them() {
    let bench = Bench::new().await;
    let admin = bench.key("admin:root", &[Role::Admin]).await;
    let signed_in = async || {
        let body = json!({"code": admin});
        let opened = bench.call(Method::POST, "/v1/sessions").json(&body).send().await;
        serde_json::from_str::<Value>(&opened.text).unwrap()["session"].as_str().unwrap().to_owned()
    };
    let minutes = |minutes: i64| bench.later_by(60 * minutes);
    let idle = signed_in().await;
    minutes(119);
    assert_eq!(bench.get(&idle, "/v1/me").await.status, 200);
    minutes(119);
    assert_eq!(bench.get(&idle, "/v1/me").await.status, 200, "each question begins the two hours again");
    minutes(120);
    let ended = bench.get(&idle, "/v1/me").await;
    assert_eq!(ended.status, 401);
    assert!(ended.text.contains("sign in again"), "{}", ended.text);
    assert_eq!(bench.get(&idle, "/v1/me").await.status, 401, "it does not come back");

    let busy = signed_in().await;
    for _ in 0..7 {
        minutes(102);
        assert_eq!(bench.get(&busy, "/v1/me").await.status, 200);
    }
    minutes(6);
    assert_eq!(bench.get(&busy, "/v1/me").await.status, 401, "twelve hours are over");
}
