//! A command sent twice under one key happens once, and the second answer is the first.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_gets_the_first_answer_and_happens_once() {
    let team = Team::on("landian-6").await;
    let rep = team.rep("li");
    let customer = rep.register(team.customer_of("li", "Harbour Foods")).await;
    let path = format!("/v1/customers/{customer}/notes");

    let first = send(&rep, &path, "note-1", &json!({"text": "likes the red one"})).await.expect(200);
    let head = rep.head().await;
    let second = send(&rep, &path, "note-1", &json!({"text": "likes the red one"})).await.expect(200);

    assert_eq!(first.body, second.body);
    assert_eq!(first.header("etag"), second.header("etag"));
    assert_eq!(first.header("waymark-position"), second.header("waymark-position"));
    assert_eq!(rep.head().await, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_registration_gives_the_same_customer() {
    let team = Team::on("landian-6").await;
    let rep = team.rep("li");
    let body = team.customer_of("li", "Harbour Foods");
    let first = send(&rep, "/v1/customers", "form-77", &body).await.expect(201);
    let second = send(&rep, "/v1/customers", "form-77", &body).await.expect(201);
    assert_eq!(first.text_at("/id"), second.text_at("/id"));
    assert_eq!(first.body, second.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_refusal_is_refused_again_even_when_it_would_be_accepted_by_now() {
    let team = Team::on("landian-6").await;
    let rep = team.rep("li");
    let customer = rep.register(team.customer_of("li", "Harbour Foods")).await;
    let path = format!("/v1/customers/{customer}/transitions");
    let back = json!({"to": "first_contact", "note": "a mistake", "next_step": "ring"});

    let first = send(&rep, &path, "back", &back).await.refused(409, "already-in-stage");
    let forward = json!({"to": "need_confirmed", "note": "budget known", "next_step": "propose"});
    assert_eq!(send(&rep, &path, "forward", &forward).await.status, 200);
    let second = send(&rep, &path, "back", &back).await.refused(409, "already-in-stage");

    assert_eq!(without_trace(&first), without_trace(&second));
    assert_eq!(rep.customer(&customer).await.at("/journeys/0/stage"), "need_confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_body_is_refused() {
    let team = Team::on("landian-6").await;
    let rep = team.rep("li");
    let customer = rep.register(team.customer_of("li", "Harbour Foods")).await;
    let path = format!("/v1/customers/{customer}/notes");
    let first = send(&rep, &path, "note-1", &json!({"text": "one"})).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let head = rep.head().await;

    let other = send(&rep, &path, "note-1", &json!({"text": "two"})).await;
    assert_eq!(
        other.refused(422, "idempotency-key-reused").header("content-type"),
        "application/problem+json"
    );
    assert_eq!(rep.head().await, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_for_history_instead_of_the_present_is_refused() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let body = team.customer_of("li", "Harbour Foods");
    let first = send(&admin, "/v1/customers?origin=import", "form-78", &body).await.expect(201);
    let reused = send(&admin, "/v1/customers", "form-78", &body).await;
    assert_eq!(reused.refused(422, "idempotency-key-reused").status, 422);
    let again = send(&admin, "/v1/customers?origin=import", "form-78", &body).await.expect(201);
    assert_eq!(first.body, again.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quoted_key_and_a_bare_one_are_the_same_key() {
    let team = Team::on("landian-6").await;
    let rep = team.rep("li");
    let customer = rep.register(team.customer_of("li", "Harbour Foods")).await;
    let path = format!("/v1/customers/{customer}/notes");
    let first = send(&rep, &path, "\"8f14\"", &json!({"text": "one"})).await.expect(200);
    let second = send(&rep, &path, "8f14", &json!({"text": "one"})).await.expect(200);
    assert_eq!(first.body, second.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_survives_a_restart_of_the_server() {
    let team = Team::on("landian-6").await;
    let customer = team.admin().register(team.customer("Harbour Foods")).await;
    let path = format!("/v1/customers/{customer}/notes");
    let first = send(&team.admin(), &path, "note-1", &json!({"text": "one"})).await.expect(200);
    let Team { installation, server, .. } = team;
    server.kill();

    let server = installation.serve();
    let key = installation.key("admin:root", &["admin"]);
    let second = send(&server.with_key(&key), &path, "note-1", &json!({"text": "one"})).await.expect(200);
    assert_eq!(first.body, second.body);
}

async fn send(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    client.call(Method::POST, path).header("Idempotency-Key", key).json(body).send().await
}

/// A trace names one request, so two answers never share it.
fn without_trace(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("trace_id");
    }
    body
}
