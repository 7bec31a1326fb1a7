//! Messages to the outside: webhooks that a receiver can verify, robots that say what people are reminded of; over
//! refusals, power cuts and stops.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, SecondsFormat};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use waymark_tests::{Client, Installation, Server, now, papers};

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Heard {
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of visible text"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON document")
    }

    /// A parameter of the query, decoded.
    fn parameter(&self, name: &str) -> String {
        let url = reqwest::Url::parse(&format!("http://receiver/?{}", self.query)).expect("a query");
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }
}

/// Somebody outside who listens.
#[derive(Clone)]
struct Receiver {
    address: String,
    heard: Arc<watch::Sender<Vec<Heard>>>,
    /// The statuses that it answers with, by the number of the request; 200 afterwards.
    statuses: Arc<Vec<u16>>,
    /// Whether it answers at all yet.
    answers: Arc<watch::Sender<bool>>,
}

impl Receiver {
    async fn new(statuses: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let receiver = Self {
            address: format!("http://{}", listener.local_addr().expect("an address")),
            heard: Arc::new(watch::Sender::default()),
            statuses: Arc::new(statuses.to_vec()),
            answers: Arc::new(watch::Sender::new(true)),
        };
        let router = Router::new().fallback(hear).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// What it has heard, once that is enough.
    async fn until(&self, enough: impl FnMut(&Vec<Heard>) -> bool) -> Vec<Heard> {
        let mut heard = self.heard.subscribe();
        heard.wait_for(enough).await.expect("the receiver listens").clone()
    }

    fn stand_still(&self) {
        self.answers.send_replace(false);
    }

    fn go_on(&self) {
        self.answers.send_replace(true);
    }
}

async fn hear(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let heard = Heard {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).expect("a text"),
    };
    let mut number = 0;
    receiver.heard.send_modify(|all| {
        number = all.len();
        all.push(heard);
    });
    // A sender that is gone has ended the test.
    receiver.answers.subscribe().wait_for(|answers| *answers).await.ok();
    let status = receiver.statuses.get(number).copied().unwrap_or(200);
    (StatusCode::from_u16(status).expect("a status"), r#"{"errcode":0,"code":0}"#)
}

/// HMAC-SHA256 as RFC 2104 has it, written out.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::digest([padded(0x36).as_slice(), message].concat());
    Sha256::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

/// Verifies a webhook as the specification tells receivers to: the key after its prefix in base64, the signed content
/// `id.timestamp.body`, any of the signatures of version 1, the timestamp near the present.
fn verified(heard: &Heard, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
    let (id, timestamp) = (heard.header("webhook-id"), heard.header("webhook-timestamp"));
    let content = format!("{id}.{timestamp}.{}", heard.body);
    let expected = STANDARD.encode(hmac(&key, content.as_bytes()));
    let sent: i64 = timestamp.parse().expect("seconds");
    let mut signatures = heard.header("webhook-signature").split(' ');
    (now().timestamp() - sent).abs() < 300
        && signatures.any(|one| one.strip_prefix("v1,").is_some_and(|signature| signature == expected))
}

/// A served database whose messages reach the receiver.
struct Scene {
    installation: Installation,
    receiver: Receiver,
}

impl Scene {
    async fn new(statuses: &[u16]) -> Self {
        Self { installation: Installation::new(), receiver: Receiver::new(statuses).await }
    }

    /// Starts the server, and gives the administrator.
    fn serve(&self, more: &[&str]) -> (Server, Client) {
        let key = self.installation.key("admin:root", &["admin"]);
        let [wecom, dingtalk, feishu] =
            ["wecom", "dingtalk", "feishu"].map(|name| format!("{}/{name}", self.receiver.address));
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--private-addresses", "allow"];
        arguments.extend(["--wecom-url", &wecom, "--dingtalk-url", &dingtalk, "--feishu-url", &feishu]);
        arguments.extend(more);
        let server = Server::launch(&self.installation, &arguments, 1);
        let admin = server.with_key(&key);
        (server, admin)
    }

    /// A webhook that is told these types. Gives its id and its key.
    async fn webhook(&self, admin: &Client, types: &[&str]) -> (String, String) {
        let url = format!("{}/hook", self.receiver.address);
        let made = admin.post("/v1/webhooks", json!({"url": url, "types": types})).await.expect(201);
        (made.text_at("/id"), made.text_at("/secret"))
    }
}

async fn customer(admin: &Client) -> String {
    let owner = json!({"kind": "rep", "id": "li"});
    admin.register(json!({"pipeline": "landian-6", "name": "Harbour Foods", "owner": owner})).await
}

async fn moved(admin: &Client, customer: &str, to: &str) -> String {
    let body = json!({"to": to, "note": "went on", "next_step": "call", "documents": papers(to)});
    admin.command(customer, "transitions", body).await.expect(200).text_at("/events/0/id")
}

/// Asks again and again until the messages are as they are wanted.
async fn deliveries(admin: &Client, path: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let items = admin.get(path).await.expect(200).items();
        if wanted(&items) {
            return items;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_makes_exactly_one_webhook_that_its_receiver_can_verify_and_the_past_makes_none() {
    let scene = Scene::new(&[]).await;
    let csv = scene.installation.directory().join("past.csv");
    let rows =
        "case_id,status,timestamp,actor\nA,New,2024-01-01T00:00:00Z,ann\nA,Won,2024-01-02T00:00:00Z,ann\n";
    std::fs::write(&csv, rows).expect("the file is written");
    let (server, admin) = scene.serve(&[]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let customer = customer(&admin).await;
    let (webhook, secret) = scene.webhook(&admin, &[]).await;
    let _ = scene.installation.import("past", &csv, &["Won"]).succeeded();
    let first = moved(&admin, &customer, "need_confirmed").await;

    let is = |id: &str| {
        let id = id.to_owned();
        move |heard: &Heard| heard.header("webhook-id") == id
    };
    let heard = scene.receiver.until(|heard| heard.iter().any(is(&first))).await;
    let one = heard.iter().find(|heard| is(&first)(heard)).expect("it was waited for");
    assert!(verified(one, &secret), "{one:?}");
    assert!(!verified(one, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "by its own key alone");
    let analyst = server.with_key(&scene.installation.key("analyst:qian", &["analyst"]));
    let seen = analyst.get(&format!("/v1/events?customer={customer}&type=customer.moved")).await.expect(200);
    let body = one.json();
    assert_eq!((&body["type"], &body["data"]), (&json!("customer.moved"), &seen.items()[0]));
    assert!(!one.body.contains("went on"), "nothing personal unless it was asked for");

    let second = moved(&admin, &customer, "quoted").await;
    scene.receiver.until(|heard| heard.iter().any(is(&second))).await;
    deliveries(&admin, &format!("/v1/webhooks/{webhook}/deliveries?state=pending"), <[Value]>::is_empty)
        .await;
    assert_eq!(server.stop(), 0);
    let heard = scene.receiver.heard.borrow().clone();
    let times = |id: &str| heard.iter().filter(|heard| is(id)(heard)).count();
    assert_eq!((times(&first), times(&second)), (1, 1));
    let told: Vec<Value> = heard.iter().map(Heard::json).collect();
    assert!(told.iter().all(|one| one["data"]["origin"] != "import"), "files of the past are no news");
    assert!(told.iter().all(|one| one["type"] != "customer.registered"), "nor is what was there before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_is_sent_again_under_the_same_id_with_a_new_signature() {
    let scene = Scene::new(&[500]).await;
    let (server, admin) = scene.serve(&[]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let (webhook, secret) = scene.webhook(&admin, &["customer.registered"]).await;
    customer(&admin).await;
    let heard = scene.receiver.until(|heard| heard.len() == 2).await;
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
    assert_eq!(heard[0].body, heard[1].body);
    assert!(heard[0].header("webhook-timestamp") < heard[1].header("webhook-timestamp"));
    assert!(heard.iter().all(|one| verified(one, &secret)));
    let path = format!("/v1/webhooks/{webhook}/deliveries?state=delivered");
    let delivered = deliveries(&admin, &path, |items| !items.is_empty()).await;
    assert_eq!((&delivered[0]["attempts"], &delivered[0]["last_status"]), (&json!(2), &json!(200)));
    for state in ["queued", "failed", "delivered"] {
        let line = format!("waymark_deliveries_total{{kind=\"webhook\",state=\"{state}\"}} 1");
        while !server.anon().get("/metrics").await.text.contains(&line) {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_switched_off_and_what_it_missed_can_be_replayed() {
    let scene = Scene::new(&[410]).await;
    let (_server, admin) = scene.serve(&[]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let (webhook, secret) = scene.webhook(&admin, &["customer.registered"]).await;
    customer(&admin).await;
    let path = format!("/v1/webhooks/{webhook}");
    let dead = deliveries(&admin, &format!("{path}/deliveries?state=dead"), |items| !items.is_empty()).await;
    assert_eq!(dead[0]["last_status"], 410);
    let listed = admin.get("/v1/webhooks").await.expect(200).items();
    assert!(listed[0]["disabled_because"].as_str().is_some_and(|why| why.contains("410")), "{listed:?}");
    customer(&admin).await;
    let all = json!({"from_position": 1, "to_position": admin.head().await});
    let replay = format!("{path}/replay");
    let _ = admin.post(&replay, all.clone()).await.refused(409, "switched-off");

    let _ = admin.post(&format!("{path}/enable"), json!({})).await.expect(200);
    let rotated = admin.post(&format!("{path}/rotate"), json!({})).await.expect(200).text_at("/secret");
    assert_eq!(admin.post(&replay, all).await.expect(200).number_at("/queued"), 2);
    let heard = scene.receiver.until(|heard| heard.len() == 3).await;
    assert!(heard[1..].iter().all(|one| verified(one, &secret) && verified(one, &rotated)), "by both keys");
    let ids: Vec<&str> = heard.iter().map(|one| one.header("webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "in the order of the log, under the same ids: {ids:?}");
    let event = json!({"event_id": ids[2]});
    assert_eq!(admin.post(&replay, event).await.expect(200).number_at("/queued"), 1);
    scene.receiver.until(|heard| heard.len() == 4).await;
    assert_eq!(admin.call(Method::DELETE, &path).send().await.status, 204);
    let _ = admin.get(&format!("{path}/deliveries")).await.refused(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_between_the_event_and_the_receiver_loses_nothing() {
    let scene = Scene::new(&[]).await;
    let (server, admin) = scene.serve(&["--outbound", "off"]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let (_, secret) = scene.webhook(&admin, &["customer.registered"]).await;
    customer(&admin).await;
    server.kill();
    assert!(scene.receiver.heard.borrow().is_empty(), "it waited");

    // Now the attempt is under way when the power is cut: whether it was heard, nobody knows.
    scene.receiver.stand_still();
    let (server, admin) = scene.serve(&[]);
    scene.receiver.until(|heard| heard.len() == 1).await;
    customer(&admin).await;
    server.kill();
    scene.receiver.go_on();

    let (server, _) = scene.serve(&[]);
    let heard = scene
        .receiver
        .until(|heard| {
            let mut ids: Vec<&str> = heard.iter().map(|one| one.header("webhook-id")).collect();
            ids.sort_unstable();
            ids.dedup();
            ids.len() == 2 && heard.len() >= 3
        })
        .await;
    assert!(heard.iter().all(|one| verified(one, &secret)));
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"), "the same one again, first");
    assert_eq!(server.stop(), 0);
    let (code, said) = scene.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_by_whichever_node_has_that_duty_when_another_one_queues_them_or_is_killed() {
    let Some(installation) = Installation::on_postgres() else { return };
    let scene = Scene { installation, receiver: Receiver::new(&[]).await };
    // How many messages were heard N times or more: what a killed node has sent, it may not have noted.
    let told = |heard: &Vec<Heard>, times: usize| {
        let id = |one: &Heard| one.header("webhook-id").to_owned();
        let ids: BTreeSet<String> = heard.iter().map(id).collect();
        ids.iter().filter(|known| heard.iter().filter(|one| id(one) == **known).count() >= times).count()
    };
    let (mute, admin) = scene.serve(&["--outbound", "off"]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let (webhook, _) = scene.webhook(&admin, &["customer.registered"]).await;
    let (one, _) = scene.serve(&[]);
    customer(&admin).await;
    scene.receiver.until(|heard| told(heard, 1) == 1).await;
    let (other, _) = scene.serve(&[]);
    customer(&admin).await;
    scene.receiver.until(|heard| told(heard, 1) == 2).await;
    one.kill();
    customer(&admin).await;
    scene.receiver.until(|heard| told(heard, 1) == 3).await;
    // Of this the log tells nothing, and the node that is asked sends nothing.
    let all = json!({"from_position": 1, "to_position": admin.head().await});
    let queued = admin.post(&format!("/v1/webhooks/{webhook}/replay"), all).await.expect(200);
    assert_eq!(queued.at("/queued"), &json!(3));
    scene.receiver.until(|heard| told(heard, 2) == 3).await;
    for server in [mute, other] {
        assert_eq!(server.stop(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_finishes_the_attempt_under_way_and_records_it() {
    let scene = Scene::new(&[]).await;
    let (server, admin) = scene.serve(&[]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let (webhook, _) = scene.webhook(&admin, &["customer.registered"]).await;
    scene.receiver.stand_still();
    customer(&admin).await;
    scene.receiver.until(|heard| heard.len() == 1).await;
    server.ask_to_stop();
    scene.receiver.go_on();
    assert_eq!(server.stop(), 0);
    let (_server, admin) = scene.serve(&["--outbound", "off"]);
    let items = admin.get(&format!("/v1/webhooks/{webhook}/deliveries")).await.expect(200).items();
    assert_eq!((&items[0]["state"], &items[0]["attempts"]), (&json!("delivered"), &json!(1)));
    assert_eq!(scene.receiver.heard.borrow().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_days_after_the_quote_the_robot_of_wecom_asks_the_rep_to_call() {
    let scene = Scene::new(&[]).await;
    let (server, admin) = scene.serve(&["--automations", "on"]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let north = json!({"key": "north", "name": {"zh": "北区", "en": "North"}, "members": ["li"]});
    let _ = admin.post("/v1/admin/teams", north).await.expect(200);
    for (key, whose, name) in [("default", "", ""), ("north", "team", "north"), ("zhao", "member", "zhao")] {
        let mut robot = json!({"kind": "wecom", "key": key});
        if !whose.is_empty() {
            robot[whose] = json!(name);
        }
        let _ = admin.post("/v1/admin/robots", robot).await.expect(201);
    }
    let instant = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let begun = now() - Duration::hours(50);
    let owner = json!({"kind": "rep", "id": "li"});
    let body = json!({"pipeline": "landian-6", "name": "Harbour Foods", "owner": owner, "effective_at": instant(begun)});
    let customer = admin.register(body).await;
    for (stage, minutes) in [("need_confirmed", 1), ("quoted", 60)] {
        let body = json!({"to": stage, "note": "entered late", "next_step": "call", "documents": papers(stage),
            "effective_at": instant(begun + Duration::minutes(minutes))});
        let _ = admin.command(&customer, "transitions", body).await.expect(200);
    }
    let heard = scene.receiver.until(|heard| !heard.is_empty()).await;
    assert_eq!((heard[0].path.as_str(), heard[0].query.as_str()), ("/wecom/webhook/send", "key=north"));
    let said = heard[0].json();
    assert_eq!(said["msgtype"], "text");
    let text = said["text"]["content"].as_str().expect("a text");
    assert!(text.starts_with("【提醒】报价已两天，请电话回访客户。"), "{text}");
    assert!(text.contains(&customer) && !text.contains("Harbour"), "{text}");
    assert_eq!(server.stop(), 0);
    assert_eq!(scene.receiver.heard.borrow().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_of_dingtalk_and_feishu_find_the_sign_that_they_ask_for() {
    let scene = Scene::new(&[]).await;
    let (_server, admin) = scene.serve(&["--automations", "on"]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let mut definition = admin.get("/v1/pipelines/landian-6").await.expect(200).at("").clone();
    for own in ["key", "version"] {
        definition.as_object_mut().expect("a definition").remove(own);
    }
    for automation in definition["automations"].as_array_mut().expect("rules") {
        if automation["id"] == "tell_the_team" {
            automation["actions"][0]["channels"] = json!(["dingtalk", "feishu"]);
        }
    }
    let published = admin.post("/v1/pipelines/landian-6/versions", json!({"definition": definition})).await;
    assert!((200..300).contains(&published.status), "{}", published.text);
    let (dingtalk, feishu) = ("SEC0123456789abcdef", "feishuSecret01");
    for robot in [
        json!({"kind": "dingtalk", "token": "d-token", "secret": dingtalk}),
        json!({"kind": "feishu", "token": "f-token", "secret": feishu, "language": "en"}),
    ] {
        let _ = admin.post("/v1/admin/robots", robot).await.expect(201);
    }
    customer(&admin).await;
    let heard = scene.receiver.until(|heard| heard.len() == 2).await;
    let at =
        |path: &str| heard.iter().find(|one| one.path == path).unwrap_or_else(|| panic!("{path}: {heard:?}"));

    let one = at("/dingtalk/robot/send");
    let millis = one.parameter("timestamp");
    let expected = STANDARD.encode(hmac(dingtalk.as_bytes(), format!("{millis}\n{dingtalk}").as_bytes()));
    assert_eq!((one.parameter("access_token").as_str(), one.parameter("sign")), ("d-token", expected));
    assert!((now().timestamp_millis() - millis.parse::<i64>().expect("milliseconds")).abs() < 3_600_000);
    assert!(one.json()["text"]["content"].as_str().is_some_and(|text| text.contains("客户状态已变更。")));

    let body = at("/feishu/hook/f-token").json();
    let seconds = body["timestamp"].as_str().expect("seconds in a text");
    let expected = STANDARD.encode(hmac(format!("{seconds}\n{feishu}").as_bytes(), b""));
    assert_eq!(body["sign"].as_str(), Some(expected.as_str()));
    let text = body["content"]["text"].as_str().expect("a text");
    assert!(text.starts_with("[Reminder] A customer's status has changed."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_refused_when_the_connection_is_made() {
    let scene = Scene::new(&[]).await;
    let server = scene.installation.serve();
    let admin = server.admin();
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let refused = admin.post("/v1/webhooks", json!({"url": "https://127.0.0.1/hook"})).await;
    assert!(refused.refused(422, "invalid-value").text.contains("WAYMARK_PRIVATE_ADDRESSES"));
    let port = scene.receiver.address.rsplit(':').next().expect("a port");
    let url = format!("https://localhost:{port}/hook");
    let webhook = admin.post("/v1/webhooks", json!({"url": url})).await.expect(201).text_at("/id");
    customer(&admin).await;
    let path = format!("/v1/webhooks/{webhook}/deliveries?state=failed");
    let failed = deliveries(&admin, &path, |items| !items.is_empty()).await;
    assert!(failed[0]["last_error"].as_str().is_some_and(|why| why.contains("private")), "{failed:?}");
    assert!(scene.receiver.heard.borrow().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_once_that_another_lead_of_a_known_customer_arrived() {
    let scene = Scene::new(&[]).await;
    let (server, admin) = scene.serve(&[]);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    for (key, member, language) in [("li", "li", "en"), ("zhao", "zhao", "zh"), ("others", "", "zh")] {
        let mut robot = json!({"kind": "wecom", "key": key, "language": language, "include_personal": true});
        if !member.is_empty() {
            robot["member"] = json!(member);
        }
        let _ = admin.post("/v1/admin/robots", robot).await.expect(201);
    }
    let (_, secret) = scene.webhook(&admin, &["customer.lead_touched"]).await;
    let contacts = json!([{"kind": "phone", "value": "+8613800138000"}]);
    let lead = |source: &str| json!({"pipeline": "landian-6", "contacts": contacts, "source": source});
    let owner = json!({"kind": "rep", "id": "li"});
    let body =
        json!({"pipeline": "landian-6", "name": "Harbour Foods", "contacts": contacts, "owner": owner});
    let customer = admin.register(body).await;

    let touched = admin.post("/v1/leads", lead("exhibition")).await.expect(200);
    let touch = touched.text_at("/items/0/result/events/0/id");
    let heard = scene.receiver.until(|heard| heard.len() == 2).await;
    let hook = heard.iter().find(|one| one.path == "/hook").expect("the webhook");
    assert!(verified(hook, &secret) && hook.json()["data"]["id"] == touch.as_str());
    let robot = heard.iter().find(|one| one.path != "/hook").expect("the robot");
    assert_eq!((robot.path.as_str(), robot.query.as_str()), ("/wecom/webhook/send", "key=li"));
    let text = robot.json()["text"]["content"].as_str().expect("a text").to_owned();
    assert!(text.starts_with("[Reminder] A known customer inquired again (source: exhibition)"), "{text}");
    assert!(text.contains("Customer: Harbour Foods") && text.contains("Owner: li"), "{text}");

    // In the product itself: in the owner's inbox, and on the card until somebody follows up.
    let fresh = async |path: &str| {
        let head = admin.head().await;
        let sign = if path.contains('?') { '&' } else { '?' };
        admin.get(&format!("{path}{sign}min_position={head}&wait_ms=20000")).await.expect(200)
    };
    let inbox = async || {
        let told = fresh("/v1/reminders?owner=li").await.items().into_iter();
        told.filter(|one| one["rule"] == "lead_touched").collect::<Vec<_>>()
    };
    let told = inbox().await;
    assert_eq!((told.len(), told[0]["cause"].as_str()), (1, Some(touch.as_str())));
    assert_eq!(told[0]["text"]["zh"], "老客户再次来访（来源：exhibition），请尽快联系。");
    let flags = async || fresh("/v1/boards/landian-6").await.at("/stages/0/cards/0/flags").clone();
    assert_eq!(flags().await, json!(["touched_again"]));
    let spoke = json!({"channel": "phone", "summary": "spoke",
        "next_plan": {"at": (now() + Duration::days(3)).to_rfc3339(), "text": "send the offer"}});
    let _ = admin.command(&customer, "follow-ups", spoke).await.expect(200);
    assert_eq!(flags().await, json!([]));
    assert_eq!(admin.customer(&customer).await.at("/touches/0/answered"), true);

    // What is rebuilt, and anyone who is started again, tells nothing a second time.
    for name in ["work", "board"] {
        let rebuilt = admin.post(&format!("/v1/projections/{name}/rebuild"), json!({})).await;
        assert!((200..300).contains(&rebuilt.status), "{}", rebuilt.text);
    }
    assert_eq!(inbox().await, told);
    assert_eq!(server.stop(), 0);
    let (server, admin) = scene.serve(&[]);
    let _ = admin.post("/v1/leads", lead("seminar")).await.expect(200);
    let heard = scene.receiver.until(|heard| heard.len() == 4).await;
    for path in ["/hook", "/wecom/webhook/send"] {
        let of_path: Vec<&Heard> = heard.iter().filter(|one| one.path == path).collect();
        assert_eq!(of_path.len(), 2, "{path}");
        assert!(path == "/hook" || of_path[1].body.contains("source: seminar"), "{}", of_path[1].body);
    }

    // Of a customer in a pool the default robot tells, for anyone who leads.
    let released = json!({"to": {"kind": "pool", "id": "customer_pool"}, "reason": "nobody has time"});
    let _ = admin.command(&customer, "owner-changes", released).await.expect(200);
    let _ = admin.post("/v1/leads", lead("fair")).await.expect(200);
    let heard = scene.receiver.until(|heard| heard.len() == 6).await;
    assert!(heard.iter().any(|one| one.query == "key=others" && one.body.contains("fair")), "{heard:?}");
    assert_eq!(server.stop(), 0);
    assert_eq!(scene.receiver.heard.borrow().len(), 6);
}
