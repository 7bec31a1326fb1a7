//! Every command twice under one `Idempotency-Key`: a repeat has the first answer, and leaves nothing more behind. The commands
//! come from the served document, so a new one is held to this like the others.

use axum::http::Method;
use serde_json::Value;

use super::routes::{AnswerKind, Ask, commands, paired, served};
use super::world::{Class, TestCaller, World};
use crate::http::command::is_keyless;
use crate::http::testing::Answer;

/// How often a command must have been carried out in this walk, so that it proves something.
const CARRIED_OUT: usize = 60;

async fn send(world: &World, who: &TestCaller, ask: &Ask, once: &str) -> Answer {
    let mut call = world.bench.call(ask.method.clone(), &ask.path).header("idempotency-key", once);
    if let Some(key) = &who.key {
        call = call.key(key);
    }
    if let Some(body) = &ask.body {
        call = call.json(body);
    }
    call.send().await
}

async fn head(world: &World, key: &str) -> Value {
    world.bench.get(key, "/v1/events?limit=1").await.json()["head"].clone()
}

/// What an answer says: its status, and its body without the number of the request, and without what is told once.
fn told(answer: &Answer, once: &[String]) -> (u16, Value) {
    let mut body = serde_json::from_str(&answer.text).unwrap_or_else(|_| Value::from(answer.text.clone()));
    if let Value::Object(body) = &mut body {
        body.retain(|name, _| name != "trace_id" && !once.contains(name));
    }
    (answer.status.as_u16(), body)
}

/// The members that a repeat no longer tells: a secret, and that it was shown.
fn told_once(answer: &Answer) -> Vec<String> {
    let Ok(Value::Object(body)) = serde_json::from_str(&answer.text) else { return Vec::new() };
    if body.get("secret_already_shown") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let is_gone = |(name, value): &(&String, &Value)| value.is_null() || *name == "secret_already_shown";
    body.iter().filter(is_gone).map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn every_command_that_comes_twice_under_one_key_is_carried_out_once() {
    let mut world = World::new().await;
    for class in [Class::Own, Class::Team, Class::Pool, Class::South, Class::Lake] {
        world.seed(class).await;
    }
    world.spare(60).await;
    let callers: Vec<&TestCaller> =
        world.callers.iter().filter(|who| ["li", "manager", "admin"].contains(&who.word)).collect();
    let admin = callers.iter().find(|who| who.word == "admin").and_then(|who| who.key.clone()).unwrap();
    let (mut spare, mut carried_out, mut faults) = (1, 0, Vec::new());
    for (method, path, example) in served(&world).await {
        if method == Method::GET || is_keyless(&path) {
            continue;
        }
        for (class, rest, body) in commands(&method, &path, &example) {
            if class.is_some_and(|class| class != Class::Own) {
                continue;
            }
            for who in &callers {
                world.bench.catch_up().await;
                let asked = match class {
                    Some(class) => format!("/v1/customers/{}{rest}", world.of(class)[spare]),
                    None => rest.clone(),
                };
                let body = (!body.is_null()).then(|| match class {
                    Some(class) => paired(&world, class, &body, spare),
                    None => body.clone(),
                });
                let route = format!("{method} {path} by {}", who.word);
                let answered = AnswerKind::of(&path);
                let ask = Ask { method: method.clone(), route, path: asked, body, stream: false, answered };
                let first = send(&world, who, &ask, &ask.route).await;
                let after = head(&world, &admin).await;
                let second = send(&world, who, &ask, &ask.route).await;
                let once = told_once(&second);
                if told(&first, &once) != told(&second, &once) || head(&world, &admin).await != after {
                    faults.push(format!(
                        "{} {}:\n{} {}\n{} {}",
                        ask.route, ask.path, first.status, first.text, second.status, second.text
                    ));
                }
                if first.status.is_success() {
                    carried_out += 1;
                    spare += usize::from(class.is_some());
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n\n"));
    assert!(carried_out >= CARRIED_OUT, "{carried_out} were carried out");
}
