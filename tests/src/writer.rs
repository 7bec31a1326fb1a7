//! Authors of commands who send again what got no answer, and what must hold of the log that they leave.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Client, Installation};

/// One author of commands, with the command whose answer it has not seen.
#[derive(Debug)]
pub struct Writer {
    number: usize,
    customer: String,
    /// How many commands it has sent.
    pub written: usize,
    /// Whether the last of them got no answer yet.
    pub unanswered: bool,
}

impl Writer {
    /// N writers, each with a customer of its own.
    pub async fn hire(installation: &Installation, count: usize) -> Vec<Self> {
        let server = installation.serve();
        let admin = server.admin();
        let created = admin.create_pipeline("helloword-13").await;
        assert_eq!(created.status, 201, "{}", created.text);
        let mut writers = Vec::new();
        for number in 0..count {
            let body = json!({"pipeline": "helloword-13", "name": format!("Customer {number}")});
            let customer = admin.register(body).await;
            writers.push(Self { number, customer, written: 0, unanswered: false });
        }
        writers
    }

    /// Sends the next command, or again the one that got no answer, under the same idempotency key. False: the server
    /// says that it cannot tell now.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(&mut self, client: &Client) -> Result<bool, reqwest::Error> {
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
        if answer.status == 503 {
            return Ok(false);
        }
        assert_eq!(answer.status, 200, "{}: {}", answer.name, answer.text);
        self.unanswered = false;
        Ok(true)
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

/// Insists that positions go from 1 without a gap, and that every command of the writers is there exactly once.
#[track_caller]
pub fn assert_nothing_lost_or_doubled(events: &[Value], writers: &[Writer]) {
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["position"], json!(index + 1));
    }
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
