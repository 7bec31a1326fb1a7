//! The live stream of events: nothing missed, nothing twice, and an orderly end.

#![cfg(test)]

use reqwest::{Method, Response};
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Team};

/// One message of a stream.
#[derive(Debug, Default)]
struct Message {
    id: u64,
    data: Value,
}

/// A stream being read.
struct Stream {
    response: Response,
    unread: String,
    /// Everything that came.
    heard: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_gives_what_was_and_then_what_comes_in_order() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer("Harbour Foods")).await;
    let head = admin.head().await;

    let mut stream = Stream::open(&admin, "/v1/events?after=0", None).await;
    for position in 1..=head {
        assert_eq!(stream.next().await.expect("the past comes first").id, position);
    }
    for number in 0..5 {
        let noted = admin.command(&customer, "notes", json!({"text": format!("note {number}")})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
        let message = stream.next().await.expect("what happens comes too");
        assert_eq!(message.id, head + 1 + number);
        assert_eq!(message.data["position"], json!(message.id));
        assert_eq!(message.data["type"], "customer.noted");
        assert_eq!(message.data["data"]["text"]["$personal"], json!(format!("note {number}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumes_after_the_last_event_id_without_gap_or_repeat() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer("Harbour Foods")).await;
    let mut stream = Stream::open(&admin, "/v1/events", Some("0")).await;
    let seen = stream.next().await.expect("there is a first event").id;
    assert_eq!(seen, 1);
    drop(stream);
    for number in 0..3 {
        let noted = admin.command(&customer, "notes", json!({"text": format!("while away {number}")})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
    }

    let mut resumed = Stream::open(&admin, "/v1/events", Some("1")).await;
    let head = admin.head().await;
    for position in 2..=head {
        assert_eq!(resumed.next().await.expect("all of it").id, position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_one_customer_leaves_out_the_others() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let mine = admin.register(team.customer("Harbour Foods")).await;
    let other = admin.register(team.customer("Pier Nine")).await;
    let mut stream = Stream::open(&admin, &format!("/v1/events?after=0&customer={mine}"), None).await;
    assert_eq!(
        stream.next().await.expect("its registration").data["subject"],
        json!(format!("customer/{mine}"))
    );

    assert_eq!(admin.command(&other, "notes", json!({"text": "not for you"})).await.status, 200);
    assert_eq!(admin.command(&mine, "notes", json!({"text": "for you"})).await.status, 200);
    let message = stream.next().await.expect("its note");
    assert_eq!(message.data["data"]["text"]["$personal"], "for you");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_shutdown_ends_the_streams_and_then_the_process() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let head = admin.head().await;
    let mut stream = Stream::open(&admin, "/v1/events?after=0", None).await;
    for _ in 0..head {
        assert!(stream.next().await.is_some());
    }
    let Team { server, installation: _installation, .. } = team;
    server.ask_to_stop();
    assert!(stream.next().await.is_none(), "the stream must end, not hang");
    assert_eq!(server.stop(), 0);
}

/// How many people follow the log at once.
const FOLLOWERS: usize = 500;
/// How many events are written while they do.
const WRITTEN: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_streams_beside_a_writer_hear_everything_and_the_log_is_read_once_for_all() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer("Harbour Foods")).await;
    let begun = admin.head().await;
    let mut followers = Vec::new();
    for _ in 0..FOLLOWERS {
        followers.push(Stream::open(&admin, &format!("/v1/events?after={}", begun - 1), None).await);
    }
    // Once it has heard what there is, each follows.
    for follower in &mut followers {
        assert_eq!(follower.next().await.expect("the last event of the past").id, begun);
    }
    let read_before = metric(&admin, "waymark_stream_entries_read_total").await;
    let readers: Vec<_> = followers
        .into_iter()
        .map(|mut follower| {
            tokio::spawn(async move {
                for position in begun + 1..=begun + WRITTEN {
                    assert_eq!(follower.next().await.expect("the stream goes on").id, position);
                }
            })
        })
        .collect();
    for number in 0..WRITTEN {
        let noted = admin.command(&customer, "notes", json!({"text": format!("note {number}")})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
    }
    for reader in readers {
        reader.await.expect("every stream hears everything, in order");
    }
    let read = metric(&admin, "waymark_stream_entries_read_total").await - read_before;
    assert_eq!(read, WRITTEN, "each entry is read once, however many follow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_on_another_node_hears_no_more() {
    let Some(installation) = Installation::on_postgres() else { return };
    let (here, there) = (installation.serve(), installation.serve());
    let created = here.admin().create_pipeline("landian-6").await;
    assert_eq!(created.status, 201, "{}", created.text);
    let li = there.with_key(&installation.key("rep:li", &["rep"]));
    let mut mine = Stream::open(&li, "/v1/events?after=0", None).await;
    let mut other = Stream::open(&there.admin(), "/v1/events?after=0", None).await;
    assert!(mine.next().await.is_some(), "the past");
    let keys = here.admin().get("/v1/admin/keys").await.expect(200).items();
    let key = keys.iter().find(|key| key["actor"] == "rep:li").expect("it is listed");
    let path = format!("/v1/admin/keys/{}", key["id"].as_str().unwrap_or_default());
    let revoked = here.admin().call(Method::DELETE, &path).send().await;
    assert!((200..300).contains(&revoked.status), "{}", revoked.text);

    while mine.next().await.is_some() {}
    assert!(!mine.heard.contains(": heartbeat"), "it ends long before the first heartbeat: {}", mine.heard);
    let customer = here.admin().register(json!({"pipeline": "landian-6", "name": "Pier Nine"})).await;
    while other.next().await.expect("it goes on").data["subject"] != json!(format!("customer/{customer}")) {}
}

/// A call that follows the log, for a person where one is named.
fn follow(client: &Client, person: Option<&str>) -> waymark_tests::Call {
    let call = client.call(Method::GET, "/v1/events?after=0").header("Accept", "text/event-stream");
    match person {
        Some(person) => call.header("Waymark-Actor", person),
        None => call,
    }
}

/// The text of a session that was opened by this API key.
async fn session(client: &Client, key: &str) -> String {
    client.post("/v1/sessions", json!({"code": key})).await.expect(201).text_at("/session")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_who_loses_the_right_hears_no_more_on_any_server_whatever_the_reason() {
    let Some(installation) = Installation::on_postgres() else { return };
    let servers = [installation.serve(), installation.serve(), installation.serve()];
    let here = servers[0].admin();
    let _ = here.create_pipeline("landian-6").await.expect(201);
    for (actor, role) in [("rep:wang", "rep"), ("supervisor:zhou", "supervisor")] {
        let _ = here.post("/v1/admin/members", json!({"actor": actor, "roles": [role]})).await.expect(200);
    }
    let keys = ["rep:li", "rep:wang", "rep:sun"].map(|actor| installation.key(actor, &["rep"]));
    let desk = ["token", "create", "--actor", "desk:web", "--role", "rep", "--scope", "act-as"];
    let desk = installation.run(&desk).succeeded().trim().to_owned();
    let left = session(&here, &keys[2]).await;
    let signed_out = session(&here, &keys[2]).await;
    let of_wang = session(&here, &keys[1]).await;
    let console = |session: &str| format!("waymark_session={session}; waymark_language=en");
    let (mut ending, mut going_on) = (Vec::new(), Vec::new());
    for server in &servers {
        let calls = [
            ("key revoked", follow(&server.with_key(&keys[0]), None)),
            ("member removed", follow(&server.with_key(&keys[1]), None)),
            ("role lost", follow(&server.with_key(&desk), Some("supervisor:zhou"))),
            ("session ended", follow(&server.with_key(&left), None)),
            ("signed out of the console", {
                let live = server.anon().call(Method::GET, "/console/live?after=0");
                live.header("Cookie", &console(&signed_out))
            }),
            ("removed while the console is open", {
                let live = server.anon().call(Method::GET, "/console/live?after=0");
                live.header("Cookie", &console(&of_wang))
            }),
        ];
        for (reason, call) in calls {
            let mut stream = Stream::begun(call).await;
            assert!(stream.next().await.is_some(), "{reason}: the past");
            ending.push((reason, stream));
        }
        let mut stream = Stream::begun(follow(&server.with_key(&keys[2]), None)).await;
        assert!(stream.next().await.is_some(), "the past");
        going_on.push(stream);
    }

    let listed = here.get("/v1/admin/keys").await.expect(200).items();
    let id = listed.iter().find(|key| key["actor"] == "rep:li").expect("it is listed")["id"].clone();
    let revoke = format!("/v1/admin/keys/{}", id.as_str().unwrap_or_default());
    let _ = here.call(Method::DELETE, &revoke).send().await.expect(204);
    let removed = here.call(Method::DELETE, "/v1/admin/members/rep:wang").json(&json!({}));
    let _ = removed.send().await.expect(200);
    let analyst = json!({"actor": "supervisor:zhou", "roles": ["analyst"]});
    let _ = here.post("/v1/admin/members", analyst).await.expect(200);
    let own = servers[0].with_key(&left);
    let _ = own.call(Method::DELETE, "/v1/me/session").send().await.expect(204);
    let leave = servers[0].anon().call(Method::POST, "/console/sign-out");
    let leave = leave.header("Cookie", &console(&signed_out)).header("Sec-Fetch-Site", "same-origin");
    assert!(leave.bytes("application/x-www-form-urlencoded", "").send().await.status < 400);

    for (reason, mut stream) in ending {
        while stream.next().await.is_some() {}
        assert!(
            !stream.heard.contains(": heartbeat"),
            "{reason}: it ends long before the first heartbeat: {}",
            stream.heard
        );
    }
    let customer = here.register(json!({"pipeline": "landian-6", "owner": "rep:sun"})).await;
    let subject = json!(format!("customer/{customer}"));
    for mut stream in going_on {
        while stream.next().await.expect("it goes on").data["subject"] != subject {}
    }
}

/// A figure of the metrics; zero where nothing was counted yet.
async fn metric(client: &Client, name: &str) -> u64 {
    let metrics = client.get("/metrics").await.expect(200);
    let value = metrics.text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0)
}

impl Stream {
    async fn open(client: &Client, path: &str, last_event_id: Option<&str>) -> Self {
        let mut call = client.call(Method::GET, path).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            call = call.header("Last-Event-ID", id);
        }
        Self::begun(call).await
    }

    async fn begun(call: waymark_tests::Call) -> Self {
        let response = call.stream().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new(), heard: String::new() }
    }

    /// The next message with data, past heartbeats; none once the stream has ended.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(end) = self.unread.find("\n\n") {
                let block: String = self.unread.drain(..end + 2).collect();
                if let Some(message) = message_in(&block) {
                    return Some(message);
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            let text = std::str::from_utf8(&chunk).expect("a stream is text");
            self.unread.push_str(text);
            self.heard.push_str(text);
        }
    }
}

fn message_in(block: &str) -> Option<Message> {
    let mut message = None;
    for line in block.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim_start();
        match name {
            "id" => {
                message.get_or_insert_with(Message::default).id = value.parse().expect("ids are positions");
            }
            "data" => {
                message.get_or_insert_with(Message::default).data =
                    serde_json::from_str(value).expect("data are JSON");
            }
            _ => {}
        }
    }
    message
}
