//! The server is killed while it is being written to, again and again: nothing acknowledged is lost, nothing is
//! applied twice, and the log is whole.
//!
//! `WAYMARK_CRASH_CYCLES` sets how often (50 unless told).

#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::watch;
use waymark_tests::{Client, Installation, setting};

const WRITERS: usize = 16;
const CYCLES: usize = 50;

/// One author of commands, with the command whose answer it has not seen.
struct Writer {
    number: usize,
    customer: String,
    written: usize,
    unanswered: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_loses_nothing_acknowledged_and_repeats_nothing() {
    let cycles =
        setting("WAYMARK_CRASH_CYCLES").map_or(CYCLES, |text| text.parse().expect("a number of cycles"));
    let mut chance = StdRng::seed_from_u64(2024);
    let installation = Installation::new();
    let key = installation.key("manager:wang", &["manager"]);
    let mut writers = hire(&installation).await;

    for cycle in 0..cycles {
        let server = installation.serve();
        let patience = chance.random_range(1..=80);
        writers = write_until_killed(server, &key, writers, patience).await;
        let verified = installation.run(&["verify", "--log-only"]);
        assert_eq!(verified.code, 0, "after kill {cycle}: {}", verified.said());
    }

    let server = installation.serve();
    let client = server.with_key(&key);
    let mut unanswered = 0;
    for writer in &mut writers {
        unanswered += usize::from(writer.unanswered);
        if writer.unanswered {
            writer.send(&client).await.expect("the server is not killed any more");
        }
    }
    let events = client.events_after(0).await;
    assert_positions_are_gapless(&events);
    assert_every_command_once(&events, &writers);
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
    assert_integrity(&installation).await;

    let written: usize = writers.iter().map(|writer| writer.written).sum();
    println!(
        "{cycles} kills, {written} commands, {unanswered} resent after the last kill, {} events",
        events.len()
    );
    assert!(written > cycles, "the server was killed before it did anything");
}

/// Registers a customer for each writer.
async fn hire(installation: &Installation) -> Vec<Writer> {
    let server = installation.serve();
    let admin = server.admin();
    let created = admin.create_pipeline("helloword-13").await;
    assert_eq!(created.status, 201, "{}", created.text);
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let body = json!({"pipeline": "helloword-13", "name": format!("Customer {number}")});
        writers.push(Writer { number, customer: admin.register(body).await, written: 0, unanswered: false });
    }
    writers
}

/// Lets the writers write until `patience` answers have come, kills the server, and collects the writers.
async fn write_until_killed(
    server: waymark_tests::Server,
    key: &str,
    writers: Vec<Writer>,
    patience: u64,
) -> Vec<Writer> {
    let (answered, mut progress) = watch::channel(0_u64);
    let answered = Arc::new(answered);
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            let client = server.with_key(key);
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                while writer.send(&client).await.is_ok() {
                    answered.send_modify(|count| *count += 1);
                }
                writer
            })
        })
        .collect();
    progress.wait_for(|count| *count >= patience).await.expect("the writers are at work");
    server.kill();
    let mut back = Vec::new();
    for task in tasks {
        back.push(task.await.expect("a writer ends when the server is gone"));
    }
    back
}

impl Writer {
    /// Sends the next command, or again the one that got no answer, under the same idempotency key.
    async fn send(&mut self, client: &Client) -> Result<(), reqwest::Error> {
        if !self.unanswered {
            self.written += 1;
            self.unanswered = true;
        }
        let (what, body) = self.command();
        let call = client
            .call(Method::POST, &format!("/v1/customers/{}/{what}", self.customer))
            .header("Idempotency-Key", &self.marker(self.written))
            .json(&body);
        let answer = call.try_send().await?;
        assert_eq!(answer.status, 200, "{}: {}", answer.name, answer.text);
        self.unanswered = false;
        Ok(())
    }

    /// Two notes, then a move there or back; each carries its marker as text.
    fn command(&self) -> (&'static str, Value) {
        let marker = self.marker(self.written);
        if !self.written.is_multiple_of(3) {
            return ("notes", json!({"text": marker}));
        }
        let to = if self.written.is_multiple_of(2) { "new_lead" } else { "contacted" };
        ("transitions", json!({"to": to, "note": marker, "next_step": "call again"}))
    }

    fn marker(&self, command: usize) -> String {
        format!("writer {} command {command}", self.number)
    }
}

fn assert_positions_are_gapless(events: &[Value]) {
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["position"], json!(index + 1));
    }
}

fn assert_every_command_once(events: &[Value], writers: &[Writer]) {
    let mut applied: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        let marker = event.pointer("/data/text/$personal").or_else(|| event.pointer("/data/note/$personal"));
        if let Some(marker) = marker.and_then(Value::as_str) {
            *applied.entry(marker).or_default() += 1;
        }
    }
    let written =
        writers.iter().flat_map(|writer| (1..=writer.written).map(|command| writer.marker(command)));
    for marker in written {
        assert_eq!(applied.remove(marker.as_str()), Some(1), "{marker}");
    }
    assert!(applied.is_empty(), "never sent: {applied:?}");
}

async fn assert_integrity(installation: &Installation) {
    let mut database = SqliteConnection::connect(&installation.database()).await.expect("the database opens");
    let checked: Vec<(String,)> =
        sqlx::query_as("PRAGMA integrity_check").fetch_all(&mut database).await.expect("it can be checked");
    assert_eq!(checked, [("ok".to_owned(),)]);
}
