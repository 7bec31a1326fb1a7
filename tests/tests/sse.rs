//! The live stream of events: nothing missed, nothing twice, and an orderly end.

#![cfg(test)]

use reqwest::{Method, Response};
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

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

impl Stream {
    async fn open(client: &Client, path: &str, last_event_id: Option<&str>) -> Self {
        let mut call = client.call(Method::GET, path).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            call = call.header("Last-Event-ID", id);
        }
        let response = call.stream().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new() }
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
            self.unread.push_str(std::str::from_utf8(&chunk).expect("a stream is text"));
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
