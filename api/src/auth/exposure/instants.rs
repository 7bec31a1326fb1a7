//! Second 60 is refused by name wherever an instant is asked for: in every parameter and in every field of a body.

use axum::http::Method;
use serde_json::{Value, json};

use super::routes::{filled, served};
use super::world::World;
use crate::http::testing::Answer;

const LEAP: &str = "2016-12-31T23:59:60Z";

fn is_instant(schema: &Value) -> bool {
    schema["$ref"].as_str().is_some_and(|named| named.ends_with("/Instant"))
        || schema["format"] == "date-time"
}

/// Where in a body instants are, as pointers.
fn instants_in(document: &Value, schema: &Value, at: &str, within: &[&str], found: &mut Vec<String>) {
    if is_instant(schema) {
        return found.push(at.to_owned());
    }
    if let Some(reference) = schema["$ref"].as_str() {
        if !within.contains(&reference) {
            let named = document.pointer(reference.trim_start_matches('#')).unwrap();
            instants_in(document, named, at, &[within, &[reference]].concat(), found);
        }
        return;
    }
    for several in ["allOf", "oneOf", "anyOf"] {
        let each = schema[several].as_array().into_iter().flatten();
        each.for_each(|one| instants_in(document, one, at, within, found));
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        instants_in(document, schema, &format!("{at}/{name}"), within, found);
    }
}

/// The body with a value at a pointer, whose objects are made where they are missing.
fn with(mut body: Value, pointer: &str, value: &Value) -> Value {
    let mut place = &mut body;
    for name in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    *place = value.clone();
    body
}

/// Whether an answer refuses the instant by the name of its field, and says why or what it takes.
fn refuses(answer: &Answer, pointer: &str) -> bool {
    let field = pointer.trim_start_matches('/').replace('/', ".");
    let says = |violation: &Value, part: &str, words: &str| {
        violation[part].as_str().is_some_and(|text| text.contains(words))
    };
    answer.status == 422
        && answer.json()["violations"].as_array().into_iter().flatten().any(|violation| {
            violation["field"] == field.as_str()
                && (says(violation, "message", "econd 60")
                    || says(violation, "how_to_fix", "Expected an instant"))
        })
}

#[tokio::test]
async fn second_sixty_is_refused_by_name_in_every_parameter_and_field() {
    let world = World::new().await;
    let keys: Vec<String> = ["admin", "li"]
        .iter()
        .filter_map(|word| world.callers.iter().find(|who| who.word == *word)?.key.clone())
        .collect();
    let document = world.bench.call(Method::GET, "/openapi.json").send().await.json();
    let (mut asked, mut taken) = (0, Vec::new());
    for (method, path, example) in served(&world).await {
        let operation = &document["paths"][&path][method.as_str().to_ascii_lowercase()];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|one| is_instant(&one["schema"]));
        let parameters = parameters.map(|one| one["name"].as_str().unwrap().to_owned());
        let mut fields = Vec::new();
        if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
            instants_in(&document, schema, "", &[], &mut fields);
        }
        let path = filled(&path);
        let fields =
            fields.into_iter().map(|at| (path.clone(), Some(with(example.clone(), &at, &json!(LEAP))), at));
        let parameters = parameters.map(|name| (format!("{path}?{name}={LEAP}"), None, name));
        for (path, body, name) in parameters.chain(fields) {
            let mut answers = Vec::new();
            for key in &keys {
                let call = world.bench.call(method.clone(), &path).key(key);
                let call = match &body {
                    Some(body) => call.json(body),
                    None => call,
                };
                answers.push(call.send().await);
            }
            asked += 1;
            if !answers.iter().any(|answer| refuses(answer, &name)) {
                let said = answers.iter().map(|answer| format!("{} {}", answer.status, answer.text));
                taken.push(format!("{method} {path} {name}: {}", said.collect::<Vec<_>>().join(" | ")));
            }
        }
    }
    assert!(asked > 120, "{asked} instants");
    assert!(taken.is_empty(), "{} of {asked}\n{}", taken.len(), taken.join("\n"));
}
