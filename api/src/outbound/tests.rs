//! The whole service with a clock that can be moved, and a receiver that answers what it is told to.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::endpoint::State as DeliveryState;
use super::secret::WebhookKey;
use super::{Dispatcher, ReplaySelection, sign};
use crate::config::{OutboundArgs, PrivateAddresses};
use crate::domain::Role;
use crate::http::testing::Bench;

/// One request that arrived.
#[derive(Debug, Clone)]
struct Heard {
    to: String,
    headers: HeaderMap,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a receiver answers.
#[derive(Clone)]
struct Reply {
    status: u16,
    retry_after: Option<&'static str>,
    body: &'static str,
}

#[derive(Clone, Default)]
struct Receiver {
    heard: Arc<Mutex<Vec<Heard>>>,
    /// What it answers next; afterwards that it took the message, in the words of every platform.
    replies: Arc<Mutex<VecDeque<Reply>>>,
    address: String,
}

impl Receiver {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { address, ..Self::default() };
        let router = Router::new().fallback(hear).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    fn will_answer(&self, status: u16, times: usize) {
        self.will_say(&Reply { status, retry_after: None, body: "" }, times);
    }

    fn will_say(&self, reply: &Reply, times: usize) {
        self.replies.lock().unwrap().extend(std::iter::repeat_n(reply.clone(), times));
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn hear(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    receiver.heard.lock().unwrap().push(Heard { to: uri.to_string(), headers, body });
    let usual = Reply { status: 200, retry_after: None, body: r#"{"errcode":0,"code":0}"# };
    let Reply { status, retry_after, body } = receiver.replies.lock().unwrap().pop_front().unwrap_or(usual);
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    if let Some(wait) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, wait.parse().unwrap());
    }
    response
}

/// A service that may reach the receiver.
struct Scene {
    bench: Bench,
    receiver: Receiver,
    admin: String,
}

impl Scene {
    async fn new() -> Self {
        let receiver = Receiver::new().await;
        let settings = OutboundArgs {
            private_addresses: PrivateAddresses::Allow,
            wecom_url: format!("{}/wecom", receiver.address),
            dingtalk_url: format!("{}/dingtalk/", receiver.address),
            feishu_url: format!("{}/feishu", receiver.address),
            ..OutboundArgs::default()
        };
        let bench = Bench::with(settings).await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        let pipeline = json!({"key": "landian-6", "template": "landian-6"});
        assert_eq!(bench.post(&admin, "/v1/pipelines", &pipeline).await.status, 201);
        Self { bench, receiver, admin }
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.bench.post(&self.admin, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        answer.json()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.bench.get(&self.admin, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// Carries a file away.
    async fn file(&self, path: &str) {
        let answer = self.bench.get(&self.admin, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }

    /// A webhook that receives registrations. Answers its id and its key.
    async fn webhook(&self) -> (String, WebhookKey) {
        self.webhook_with(json!({"types": ["customer.registered"]})).await
    }

    async fn webhook_with(&self, mut body: Value) -> (String, WebhookKey) {
        body["url"] = json!(format!("{}/hook", self.receiver.address));
        let made = self.post("/v1/webhooks", &body).await;
        let key = WebhookKey::parse(made["secret"].as_str().unwrap()).unwrap();
        (made["id"].as_str().unwrap().to_owned(), key)
    }

    async fn register(&self) -> String {
        let owner = json!({"kind": "rep", "id": "li"});
        self.bench
            .register(&self.admin, &json!({"pipeline": "landian-6", "name": "Harbour", "owner": owner}))
            .await
    }

    /// A customer of li who was sent a quote.
    async fn quoted(&self) -> String {
        let customer = self.register().await;
        let receipt =
            json!([{"kind": "quote_receipt_confirmed", "reference": "dms-1", "sha256": "0f".repeat(32)}]);
        for (stage, documents) in [("need_confirmed", json!([])), ("quoted", receipt)] {
            let moved = json!({"to": stage, "note": "went on", "next_step": "call", "documents": documents});
            self.post(&format!("/v1/customers/{customer}/transitions"), &moved).await;
        }
        customer
    }

    async fn deliveries(&self, webhook: &str, query: &str) -> Vec<Value> {
        let found = self.get(&format!("/v1/webhooks/{webhook}/deliveries{query}")).await;
        found["items"].as_array().unwrap().clone()
    }

    async fn robot(&self, body: &Value) -> String {
        self.post("/v1/admin/robots", body).await["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_webhook_that_fails_is_tried_ten_times_and_is_then_a_dead_letter_that_can_be_replayed() {
    let scene = Scene::new().await;
    let (webhook, key) = scene.webhook().await;
    scene.register().await;
    scene.receiver.will_answer(500, 10);
    assert_eq!(scene.bench.send().await, 1);
    for wait in [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] {
        let waiting = &scene.deliveries(&webhook, "?state=failed").await[0];
        assert_eq!((&waiting["last_status"], waiting["next_at"].is_null()), (&json!(500), false));
        scene.bench.later_by(wait - 1);
        assert_eq!(scene.bench.send().await, 0, "a second before {wait}");
        scene.bench.later_by(1);
        assert_eq!(scene.bench.send().await, 1, "after {wait}");
    }
    let dead = &scene.deliveries(&webhook, "?state=dead").await[0];
    assert_eq!((&dead["attempts"], &dead["next_at"]), (&json!(10), &Value::Null));
    assert_eq!(dead["last_error"], "status 500");
    scene.bench.later(24 * 30);
    assert_eq!(scene.bench.send().await, 0);

    let replayed = scene.post(&format!("/v1/webhooks/{webhook}/replay"), &json!({})).await;
    assert_eq!(replayed, json!({"queued": 1}));
    assert_eq!(scene.bench.send().await, 1);
    let delivered = &scene.deliveries(&webhook, "?state=delivered").await[0];
    assert_eq!((&delivered["attempts"], &delivered["last_error"]), (&json!(1), &Value::Null));
    let heard = scene.receiver.heard();
    let ids: HashSet<&str> = heard.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!((heard.len(), ids.len()), (11, 1), "the receiver knows it again");
    for one in &heard {
        let at = one.header("webhook-timestamp").parse().unwrap();
        let expected = sign::webhook(key.bytes(), one.header("webhook-id"), at, one.body.as_bytes());
        assert_eq!(one.header("webhook-signature"), expected);
    }
}

#[tokio::test]
async fn a_receiver_is_given_the_time_that_it_asks_for() {
    let scene = Scene::new().await;
    let _ = scene.webhook().await;
    scene.register().await;
    scene.receiver.will_say(&Reply { status: 503, retry_after: Some("120"), body: "" }, 1);
    assert_eq!(scene.bench.send().await, 1);
    scene.bench.later_by(119);
    assert_eq!(scene.bench.send().await, 0);
    scene.bench.later_by(1);
    assert_eq!(scene.bench.send().await, 1);
    assert_eq!(scene.bench.send().await, 0);
}

#[tokio::test]
async fn only_an_answer_of_success_counts_and_no_redirect_is_followed() {
    let scene = Scene::new().await;
    let (webhook, _) = scene.webhook().await;
    scene.register().await;
    scene.receiver.will_answer(302, 1);
    scene.bench.send().await;
    assert_eq!(scene.receiver.heard().len(), 1);
    assert_eq!(scene.deliveries(&webhook, "?state=failed").await[0]["last_status"], 302);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off_until_somebody_switches_it_on() {
    let scene = Scene::new().await;
    let (webhook, _) = scene.webhook().await;
    scene.register().await;
    scene.receiver.will_answer(410, 1);
    assert_eq!(scene.bench.send().await, 1);
    let listed = scene.get("/v1/webhooks").await["items"][0].clone();
    assert_eq!((&listed["id"], listed["disabled_at"].is_null()), (&json!(webhook), false), "{listed}");
    assert_eq!(scene.deliveries(&webhook, "?state=dead").await.len(), 1);
    scene.register().await;
    assert_eq!(scene.bench.send().await, 0);
    let replay = format!("/v1/webhooks/{webhook}/replay");
    scene.bench.post(&scene.admin, &replay, &json!({})).await.problem(409, "switched-off");

    let on = scene.post(&format!("/v1/webhooks/{webhook}/enable"), &json!({})).await;
    assert_eq!(on["disabled_at"], Value::Null);
    assert_eq!(scene.bench.send().await, 0, "what happened in between is not sent by itself");
    scene.register().await;
    assert_eq!(scene.bench.send().await, 1);
    let again = json!({"from_position": 1, "to_position": 10_000});
    assert_eq!(scene.post(&replay, &again).await["queued"], 3);
    assert_eq!(scene.bench.send().await, 3);
}

#[tokio::test]
async fn a_rotated_key_signs_beside_the_new_one_for_a_day() {
    let scene = Scene::new().await;
    let (webhook, first) = scene.webhook().await;
    let rotated = scene.post(&format!("/v1/webhooks/{webhook}/rotate"), &json!({})).await;
    let second = WebhookKey::parse(rotated["secret"].as_str().unwrap()).unwrap();
    assert_eq!(rotated["both_keys_until"], "2026-03-03T08:00:00Z");
    let signed_by = |heard: &Heard| {
        let signatures: Vec<&str> = heard.header("webhook-signature").split(' ').collect();
        let at = heard.header("webhook-timestamp").parse().unwrap();
        let by = |key: &WebhookKey| {
            let expected = sign::webhook(key.bytes(), heard.header("webhook-id"), at, heard.body.as_bytes());
            signatures.contains(&expected.as_str())
        };
        (signatures.len(), by(&first), by(&second))
    };
    scene.register().await;
    scene.bench.send().await;
    scene.bench.later(24);
    scene.register().await;
    scene.bench.send().await;
    let heard = scene.receiver.heard();
    assert_eq!(signed_by(&heard[0]), (2, true, true));
    assert_eq!(signed_by(&heard[1]), (1, false, true));
}

#[tokio::test]
async fn what_is_personal_is_sent_only_where_it_was_asked_for_and_never_after_an_erasure() {
    let scene = Scene::new().await;
    let _ = scene.webhook().await;
    let _ = scene.webhook_with(json!({"types": ["customer.registered"], "include_personal": true})).await;
    let customer = scene.register().await;
    assert_eq!(scene.bench.send().await, 2);
    let told: Vec<bool> = scene.receiver.heard().iter().map(|one| one.body.contains("Harbour")).collect();
    assert_eq!(told, [false, true]);
    let analyst = scene.bench.key("analyst:qian", &[Role::Analyst]).await;
    let seen = scene.bench.get(&analyst, "/v1/events?type=customer.registered").await.json();
    assert_eq!(scene.receiver.heard()[0].json()["data"], seen["items"][0], "as an analyst sees it");

    scene.post(&format!("/v1/customers/{customer}/erasure"), &json!({"ground": "request"})).await;
    for webhook in scene.get("/v1/webhooks").await["items"].as_array().unwrap() {
        let path = format!("/v1/webhooks/{}/replay", webhook["id"].as_str().unwrap());
        scene.post(&path, &json!({"event_id": seen["items"][0]["id"]})).await;
    }
    assert_eq!(scene.bench.send().await, 2);
    assert!(scene.receiver.heard()[2..].iter().all(|one| !one.body.contains("Harbour")));
}

#[tokio::test]
async fn whom_an_erasure_does_not_reach_is_told_before_and_after_it() {
    let scene = Scene::new().await;
    let (webhook, _) =
        scene.webhook_with(json!({"types": ["customer.registered"], "include_personal": true})).await;
    let (silent, _) = scene.webhook_with(json!({"types": ["customer.claimed"]})).await;
    scene.post("/v1/consumers", &json!({"name": "erp", "start": {"position": 0}})).await;
    scene.file("/v1/audit/bundle").await;
    let customer = scene.register().await;
    let other = scene.register().await;
    let path = format!("/v1/audit/erasures/{customer}");
    let before = scene.get(&path).await;
    assert_eq!((&before["customer"], &before["certificate"]), (&json!(customer), &Value::Null));
    for nobody in ["receivers", "consumers", "files"] {
        assert_eq!(before[nobody], json!([]), "nothing left yet");
    }

    // Its message arrives an hour later; one that is made afterwards is sent it by a replay alone.
    scene.bench.later(1);
    assert_eq!(scene.bench.send().await, 2);
    let (later, _) = scene.webhook().await;
    let registered = scene.get(&format!("/v1/events?customer={customer}&type=customer.registered")).await;
    let event = &registered["items"][0];
    assert_eq!(scene.get(&path).await["receivers"].as_array().unwrap().len(), 1);
    let range = json!({"from_position": event["position"], "to_position": event["position"]});
    scene.post(&format!("/v1/webhooks/{later}/replay"), &range).await;
    scene.bench.later(1);
    assert_eq!(scene.bench.send().await, 1);
    scene.post("/v1/consumers/erp/acknowledgements", &json!({"position": event["position"]})).await;
    scene.file("/v1/audit/bundle").await;
    scene.file(&format!("/v1/audit/export?format=csv&customer={other}")).await;
    scene.file(&format!("/v1/audit/export?format=csv&customer={customer}")).await;

    let reach = scene.get(&path).await;
    let told = |id: &str, personal: bool, at: &str| {
        json!({
            "id": id, "kind": "webhook", "host": "127.0.0.1", "include_personal": personal, "deleted": false,
            "messages": 1, "first_at": at, "last_at": at,
        })
    };
    let expected =
        json!([told(&webhook, true, "2026-03-02T09:00:00Z"), told(&later, false, "2026-03-02T10:00:00Z")]);
    assert_eq!(reach["receivers"], expected, "and not {silent}");
    assert_eq!(reach["consumers"][0]["name"], "erp");
    assert_eq!(
        (&reach["consumers"][0]["actor"], &reach["consumers"][0]["entries"]),
        (&json!("admin:root"), &json!(1))
    );
    let files: Vec<_> =
        reach["files"].as_array().unwrap().iter().map(|file| (&file["kind"], &file["actor"])).collect();
    assert_eq!(files, [(&json!("changes"), &json!("admin:root")), (&json!("bundle"), &json!("admin:root"))]);

    // The outcome of a delivery is forgotten some day, and a receiver deleted: it still holds what it was sent.
    let (tenant, id) = (scene.bench.tenant(), webhook.parse().unwrap());
    let forgotten = scene.bench.outbound.store().forget(
        tenant,
        id,
        DeliveryState::Delivered,
        1_000,
        scene.bench.now() + chrono::TimeDelta::hours(1),
    );
    assert_eq!(forgotten.await.unwrap(), 2);
    assert_eq!(
        scene.get(&path).await["receivers"][0],
        told(&webhook, true, "2026-03-02T08:00:00Z"),
        "when it was recorded"
    );
    scene.bench.call(Method::DELETE, &format!("/v1/webhooks/{webhook}")).key(&scene.admin).send().await;
    scene.post(&format!("/v1/customers/{customer}/erasure"), &json!({})).await;
    let after = scene.get(&path).await;
    let [gone, kept] = [0, 1].map(|place| after["receivers"][place].clone());
    assert_eq!(
        (&gone["id"], &gone["deleted"], &gone["messages"]),
        (&json!(webhook), &json!(true), &json!(1))
    );
    assert_eq!(kept["deleted"], false);
    assert_eq!(after["files"], reach["files"]);
    assert_eq!(after["certificate"], scene.get("/v1/audit/erasures").await["items"][0]);
    assert_eq!(
        (&after["certificate"]["repeats"], &after["certificate"]["key"]),
        (&Value::Null, &json!("destroyed"))
    );
    let nobody = format!("/v1/audit/erasures/{}", Uuid::nil());
    scene.bench.get(&scene.admin, &nobody).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_webhook_begins_at_the_end_of_the_log_and_is_told_its_types_alone() {
    let scene = Scene::new().await;
    scene.register().await;
    let (webhook, _) = scene.webhook().await;
    let customer = scene.quoted().await;
    assert_eq!(scene.bench.send().await, 1);
    let heard = scene.receiver.heard()[0].json();
    assert_eq!(
        (&heard["type"], heard["data"]["subject"].as_str()),
        (&json!("customer.registered"), Some(format!("customer/{customer}").as_str()))
    );
    assert_eq!(heard["data"]["time"], heard["timestamp"]);
    assert_eq!(scene.receiver.heard()[0].header("content-type"), "application/json; charset=utf-8");
    scene.bench.call(Method::DELETE, &format!("/v1/webhooks/{webhook}")).key(&scene.admin).send().await;
    scene.register().await;
    assert_eq!(scene.bench.send().await, 0);
    assert_eq!(scene.get("/v1/webhooks").await["items"], json!([]));
}

#[tokio::test]
async fn messages_are_paged_from_the_last_event_on() {
    let scene = Scene::new().await;
    let (webhook, _) = scene.webhook().await;
    for _ in 0..5 {
        scene.register().await;
    }
    assert_eq!(scene.bench.send().await, 5);
    let mut positions = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = scene.get(&format!("/v1/webhooks/{webhook}/deliveries?limit=2{cursor}")).await;
        positions
            .extend(page["items"].as_array().unwrap().iter().map(|one| one["position"].as_u64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(positions.len(), 5);
    assert!(positions.is_sorted_by(|a, b| a > b));
    let heard = scene.receiver.heard();
    let sent: Vec<u64> = heard.iter().map(|one| one.json()["data"]["position"].as_u64().unwrap()).collect();
    assert!(sent.is_sorted(), "they left in the order of the log: {sent:?}");
}

#[tokio::test]
async fn two_processes_that_look_at_the_same_moment_send_each_message_once() {
    let scene = Scene::new().await;
    let _ = scene.webhook().await;
    let other = scene.bench.another_outbound();
    for _ in 0..10 {
        scene.register().await;
        let (one, another) = tokio::join!(
            scene.bench.outbound.look(scene.bench.tenant(), &scene.bench.stop),
            other.look(scene.bench.tenant(), &scene.bench.stop),
        );
        assert!(one.is_ok() && another.is_ok());
    }
    scene.bench.send().await;
    let heard = scene.receiver.heard();
    let ids: HashSet<&str> = heard.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!((heard.len(), ids.len()), (10, 10));
}

#[tokio::test]
async fn a_message_is_sent_when_there_is_one_when_its_wait_is_over_and_when_another_process_queues_it_again()
{
    let scene = Scene::new().await;
    let stop = CancellationToken::new();
    // It looks at the tenant before there is a receiver, and hears of the rest.
    let running = tokio::spawn(Dispatcher::new(scene.bench.another_outbound()).run(stop.clone()));
    let (webhook, _) = scene.webhook().await;
    let until = async |state: &str| {
        while scene.deliveries(&webhook, &format!("?state={state}")).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    scene.receiver.will_answer(500, 1);
    scene.register().await;
    until("failed").await;
    scene.bench.later_by(5);
    until("delivered").await;
    assert_eq!(scene.receiver.heard().len(), 2);
    // The log does not tell of it.
    let (tenant, outbound) = (scene.bench.tenant(), &scene.bench.outbound);
    let endpoint = outbound.receiver(tenant, webhook.parse().unwrap(), false).await.unwrap().unwrap();
    let all = ReplaySelection::Positions(1, u64::MAX);
    assert_eq!(outbound.replay(tenant, &endpoint, all).await.unwrap(), 1);
    while scene.receiver.heard().len() < 3 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_attempt_of_which_nothing_was_recorded_is_made_again_when_its_time_is_up() {
    let scene = Scene::new().await;
    let (webhook, _) = scene.webhook().await;
    scene.register().await;
    let (tenant, store) = (scene.bench.tenant(), scene.bench.outbound.store());
    let endpoints = store.endpoints(tenant).await.unwrap();
    scene.bench.outbound.queue(tenant, &endpoints).await.unwrap();
    let now = scene.bench.now();
    let until = now + chrono::TimeDelta::seconds(20);
    let due = store.due(tenant, webhook.parse().unwrap(), now, 10).await.unwrap();
    assert_eq!(store.claim(tenant, &due, now, until).await.unwrap().len(), 1);
    assert_eq!(store.claim(tenant, &due, now, until).await.unwrap(), [], "nobody takes it twice");
    assert_eq!(scene.bench.send().await, 0);
    scene.bench.later_by(20);
    assert_eq!(scene.bench.send().await, 1);
    assert_eq!(scene.deliveries(&webhook, "?state=delivered").await[0]["attempts"], 2);
}

#[tokio::test]
async fn a_secret_that_was_resealed_after_its_receiver_was_read_is_taken_as_it_is_stored_now() {
    let scene = Scene::new().await;
    let (_, key) = scene.webhook().await;
    scene.robot(&json!({"kind": "wecom", "key": "default-key"})).await;
    let (tenant, outbound) = (scene.bench.tenant(), &scene.bench.outbound);
    let mut read_before = outbound.store().endpoints(tenant).await.unwrap();
    read_before.iter_mut().for_each(|endpoint| endpoint.secret = vec![0; 60]);
    scene.quoted().await;
    scene.bench.later(48);
    scene.bench.tick().await;
    outbound.queue(tenant, &read_before).await.unwrap();
    for endpoint in &read_before {
        assert_eq!(outbound.deliver(tenant, endpoint, &scene.bench.stop).await.unwrap(), 1);
    }
    let heard = scene.receiver.heard();
    let signed = sign::webhook(
        key.bytes(),
        heard[0].header("webhook-id"),
        scene.bench.now().timestamp(),
        heard[0].body.as_bytes(),
    );
    assert_eq!(heard[0].header("webhook-signature"), signed);
    assert_eq!(heard[1].to, "/wecom/webhook/send?key=default-key");
    assert_eq!(outbound.store().endpoint(tenant, Uuid::from_u128(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_receiver_in_another_process_s_hands_is_left_alone_until_that_says_no_more() {
    let scene = Scene::new().await;
    let (webhook, _) = scene.webhook().await;
    scene.register().await;
    let (tenant, store) = (scene.bench.tenant(), scene.bench.outbound.store());
    let (id, other, now) = (webhook.parse().unwrap(), Uuid::from_u128(1), scene.bench.now());
    assert!(store.acquire_lease(tenant, id, other, now, now + chrono::TimeDelta::seconds(20)).await.unwrap());
    assert_eq!(scene.bench.send().await, 0);
    scene.bench.later_by(20);
    assert_eq!(scene.bench.send().await, 1);
}

#[tokio::test]
async fn outcomes_of_messages_are_kept_for_their_days_and_not_an_hour_longer() {
    let scene = Scene::new().await;
    let (webhook, _) = scene.webhook().await;
    scene.register().await;
    scene.receiver.will_answer(410, 1);
    scene.bench.send().await;
    scene.post(&format!("/v1/webhooks/{webhook}/enable"), &json!({})).await;
    scene.register().await;
    assert_eq!(scene.bench.send().await, 1);
    let (outbound, tenant) = (&scene.bench.outbound, scene.bench.tenant());
    let forget = async || {
        let endpoints = outbound.store().endpoints(tenant).await.unwrap();
        outbound.forget(tenant, &endpoints).await.unwrap()
    };
    let states = async || {
        let left = scene.deliveries(&webhook, "").await;
        left.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((forget().await, states().await), (0, vec!["delivered".to_owned(), "dead".to_owned()]));
    scene.bench.later(7 * 24);
    assert_eq!(forget().await, 0, "a week is what is promised");
    scene.bench.later(1);
    assert_eq!((forget().await, states().await), (1, vec!["dead".to_owned()]));
    assert_eq!(scene.bench.send().await, 0, "and nothing is sent because it was forgotten");
    scene.bench.later((90 - 7) * 24);
    assert_eq!((forget().await, states().await), (1, Vec::new()));
}

#[tokio::test]
async fn on_day_two_after_the_quote_the_robot_of_wecom_tells_the_rep_without_naming_the_customer() {
    let scene = Scene::new().await;
    scene.robot(&json!({"kind": "wecom", "key": "default-key"})).await;
    scene.robot(&json!({"kind": "wecom", "key": "li-key", "member": "li"})).await;
    let customer = scene.quoted().await;
    scene.bench.tick().await;
    assert_eq!(scene.bench.send().await, 0);
    scene.bench.later(48);
    scene.bench.tick().await;
    assert_eq!(scene.bench.send().await, 1);
    assert_eq!(scene.bench.send().await, 0);
    let heard = &scene.receiver.heard()[0];
    assert_eq!(heard.to, "/wecom/webhook/send?key=li-key");
    let text = heard.json()["text"]["content"].as_str().unwrap().to_owned();
    assert_eq!(
        text,
        format!(
            "【提醒】报价已两天，请电话回访客户。\n客户：{customer}\n负责人：li\n\
             流程：landian-6，时间：2026-03-04 16:00（北京时间）"
        )
    );
}

#[tokio::test]
async fn a_robot_that_may_be_told_names_says_whom_to_call_until_the_person_is_forgotten() {
    let scene = Scene::new().await;
    let robot =
        scene.robot(&json!({"kind": "wecom", "key": "k", "language": "en", "include_personal": true})).await;
    let customer = scene.quoted().await;
    scene.bench.later(48);
    scene.bench.tick().await;
    assert_eq!(scene.bench.send().await, 1);
    scene.post(&format!("/v1/customers/{customer}/erasure"), &json!({"ground": "request"})).await;
    let said = scene.get(&format!("/v1/admin/robots/{robot}/deliveries")).await["items"][0].clone();
    assert_eq!((&said["type"], &said["state"]), (&json!("reminder"), &json!("delivered")));
    let again = json!({"event_id": said["event_id"]});
    assert_eq!(scene.post(&format!("/v1/admin/robots/{robot}/replay"), &again).await["queued"], 1);
    assert_eq!(scene.bench.send().await, 1);
    let texts: Vec<bool> = scene.receiver.heard().iter().map(|one| one.body.contains("Harbour")).collect();
    assert_eq!(texts, [true, false]);
}

#[tokio::test]
async fn many_waiting_reminders_are_told_in_few_texts_none_of_them_too_long_or_too_many_a_minute() {
    let scene = Scene::new().await;
    let robot = scene.robot(&json!({"kind": "wecom", "key": "k"})).await;
    let mut customers = Vec::new();
    for _ in 0..60 {
        customers.push(scene.quoted().await);
    }
    scene.bench.later(48);
    scene.bench.tick().await;
    assert!(scene.bench.send().await <= 10, "the burst of a minute");
    for _ in 0..10 {
        scene.bench.later_by(6);
        scene.bench.send().await;
    }
    let heard = scene.receiver.heard();
    let texts: Vec<String> =
        heard.iter().map(|one| one.json()["text"]["content"].as_str().unwrap().to_owned()).collect();
    assert!(texts.len() < 10, "{} texts", texts.len());
    assert!(texts.iter().all(|text| text.len() <= 2_048));
    let all = texts.join("\n");
    assert!(customers.iter().all(|customer| all.matches(customer.as_str()).count() == 1), "each once");
    let left = scene.get(&format!("/v1/admin/robots/{robot}/deliveries?state=pending")).await;
    assert_eq!(left["items"], json!([]));
}

#[tokio::test]
async fn a_robot_that_answers_two_hundred_with_a_code_did_not_take_it() {
    let scene = Scene::new().await;
    let robot = scene.robot(&json!({"kind": "wecom", "key": "k"})).await;
    scene.quoted().await;
    scene.bench.later(48);
    scene.bench.tick().await;
    scene.receiver.will_say(&Reply { status: 200, retry_after: None, body: r#"{"errcode":45009}"# }, 1);
    assert_eq!(scene.bench.send().await, 1);
    let path = format!("/v1/admin/robots/{robot}/deliveries");
    let failed = scene.get(&format!("{path}?state=failed")).await["items"][0].clone();
    assert_eq!((&failed["last_status"], &failed["last_error"]), (&json!(200), &json!("errcode 45009")));
    scene.bench.later_by(5);
    assert_eq!(scene.bench.send().await, 1);
    assert_eq!(scene.get(&path).await["items"][0]["state"], "delivered");
}

#[tokio::test]
async fn no_secret_is_shown_again_or_stands_readable_in_the_database() {
    let scene = Scene::new().await;
    let (_, key) = scene.webhook().await;
    scene
        .robot(&json!({"kind": "dingtalk", "token": "t0ken-of-the-group", "secret": "SECret-of-the-group"}))
        .await;
    let shown = format!("{}{}", scene.get("/v1/webhooks").await, scene.get("/v1/admin/robots").await);
    for secret in [key.text().as_str(), "t0ken-of-the-group", "SECret-of-the-group"] {
        assert!(!shown.contains(secret));
        assert!(!scene.bench.files_contain(secret.as_bytes()), "{secret}");
    }
    assert!(!scene.bench.files_contain(key.bytes()));
}

#[tokio::test]
async fn private_addresses_are_refused_unless_the_operator_permits_them() {
    let (bench, admin) = Bench::with_pipeline().await;
    for (url, code) in [
        ("http://example.cn/hook", "https"),
        ("https://127.0.0.1/hook", "WAYMARK_PRIVATE_ADDRESSES"),
        ("https://[::ffff:10.0.0.1]/hook", "WAYMARK_PRIVATE_ADDRESSES"),
        ("https://169.254.169.254/latest", "WAYMARK_PRIVATE_ADDRESSES"),
        ("https://user:pw@example.cn/", "https"),
        ("ftp://example.cn/", "https"),
    ] {
        let refused = bench.post(&admin, "/v1/webhooks", &json!({"url": url})).await;
        let refused = refused.problem(422, "invalid-value");
        assert_eq!(refused["violations"][0]["field"], "url");
        assert!(refused["detail"].as_str().unwrap().contains(code), "{refused}");
    }
    // A name is looked at when the connection is made.
    let made = bench.post(&admin, "/v1/webhooks", &json!({"url": "https://localhost:1/hook"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    bench.register(&admin, &json!({"pipeline": "landian-6", "name": "Harbour"})).await;
    assert_eq!(bench.send().await, 1);
    let path = format!("/v1/webhooks/{}/deliveries", made.json()["id"].as_str().unwrap());
    let tried = bench.get(&admin, &path).await.json()["items"][0].clone();
    assert_eq!((&tried["state"], &tried["last_status"]), (&json!("failed"), &Value::Null));
    assert!(tried["last_error"].as_str().unwrap().contains("private"), "{tried}");
}

#[tokio::test]
async fn receivers_that_cannot_be_are_refused_by_the_field_that_is_wrong() {
    let (bench, admin) = Bench::with_pipeline().await;
    let webhook = |field: &str, value: Value| {
        let mut body = json!({"url": "https://erp.example/"});
        body[field] = value;
        ("/v1/webhooks", body)
    };
    let robot = |body: Value| ("/v1/admin/robots", body);
    for ((path, body), field) in [
        (webhook("url", json!("")), "url"),
        (webhook("types", json!(["customer.movd"])), "types"),
        (webhook("description", json!("a".repeat(201))), "description"),
        (robot(json!({"kind": "sms", "key": "k"})), "kind"),
        (robot(json!({"kind": "webhook", "key": "k"})), "kind"),
        (robot(json!({"kind": "wecom"})), "key"),
        (robot(json!({"kind": "wecom", "key": ""})), "key"),
        (robot(json!({"kind": "wecom", "key": "a b"})), "key"),
        (robot(json!({"kind": "wecom", "token": "t"})), "token"),
        (robot(json!({"kind": "wecom", "key": "k", "secret": "s"})), "secret"),
        (robot(json!({"kind": "dingtalk", "key": "k"})), "key"),
        (robot(json!({"kind": "feishu"})), "token"),
        (robot(json!({"kind": "wecom", "key": "k", "team": "south"})), "team"),
        (robot(json!({"kind": "wecom", "key": "k", "member": "a\nb"})), "member"),
        (robot(json!({"kind": "wecom", "key": "k", "language": "fr"})), "language"),
    ] {
        let refused = bench.post(&admin, path, &body).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        assert_eq!(refused.json()["violations"][0]["field"], field, "{body}");
    }
    let made = bench.post(&admin, "/v1/webhooks", &json!({"url": "https://erp.example/"})).await.json();
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    for (body, field) in [
        (json!({"from_position": 1}), "to_position"),
        (json!({"to_position": 1}), "from_position"),
        (json!({"from_position": 0, "to_position": 1}), "from_position"),
        (json!({"from_position": 2, "to_position": 1}), "to_position"),
        (json!({"from_position": 1, "to_position": 10_001}), "to_position"),
        (json!({"from_position": 1, "to_position": u64::MAX}), "to_position"),
        (json!({"event_id": Uuid::nil(), "from_position": 1}), "event_id"),
    ] {
        let refused = bench.post(&admin, &format!("{path}/replay"), &body).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        assert_eq!(refused.json()["violations"][0]["field"], field, "{body}");
    }
    let far = json!({"from_position": u64::MAX - 1, "to_position": u64::MAX});
    assert_eq!(bench.post(&admin, &format!("{path}/replay"), &far).await.json(), json!({"queued": 0}));
    let nobody = json!({"event_id": Uuid::nil()});
    bench.post(&admin, &format!("{path}/replay"), &nobody).await.problem(404, "not-found");
    bench.get(&admin, &format!("{path}/deliveries?cursor=x")).await.problem(422, "invalid-value");
    bench.get(&admin, &format!("{path}/deliveries?state=lost")).await.problem(422, "invalid-value");
    let robot = format!("/v1/admin/robots/{}", made["id"].as_str().unwrap());
    bench.get(&admin, &format!("{robot}/deliveries")).await.problem(404, "not-found");
    let rep = bench.key("rep:li", &[Role::Rep]).await;
    bench.get(&rep, "/v1/webhooks").await.problem(403, "missing-role");
}

#[tokio::test]
async fn a_tenant_has_a_limited_number_of_receivers() {
    let (bench, admin) = Bench::with_pipeline().await;
    for _ in 0..super::MOST_RECEIVERS {
        let made = bench.post(&admin, "/v1/webhooks", &json!({"url": "https://erp.example/"})).await;
        assert_eq!(made.status, 201);
    }
    let robot = json!({"kind": "wecom", "key": "k"});
    bench.post(&admin, "/v1/admin/robots", &robot).await.problem(422, "too-many-receivers");
}
