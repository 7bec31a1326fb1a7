//! Moves that bring along what their forms ask for.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use crate::domain::{CustomerField, Role};
use crate::http::testing::Bench;

/// Everything that a move may bring along because a stage asks for it.
fn carried() -> impl Iterator<Item = CustomerField> {
    CustomerField::all().filter(|field| *field != CustomerField::ExternalId)
}

fn stage_of(field: CustomerField) -> String {
    format!("asks_{}", field.key())
}

/// landian-6 with a stage more for everything that a stage may ask for, and any move permitted.
async fn asking(bench: &Bench, admin: &str) {
    let mut definition = bench.get(admin, "/v1/pipelines/landian-6").await.json();
    for own in ["key", "version"] {
        definition.as_object_mut().unwrap().remove(own);
    }
    definition["transitions"] = json!("any");
    let stages = definition["stages"].as_array_mut().unwrap();
    let like = stages.iter().find(|stage| stage["id"] == "deciding").unwrap().clone();
    stages.extend(carried().map(|field| {
        let mut stage = like.clone();
        stage["id"] = json!(stage_of(field));
        stage["name"] = json!({"zh": field.names().0, "en": stage_of(field)});
        stage["entry_form"] = json!({"fields": [field.key()]});
        stage
    }));
    bench.catch_up().await;
    let published =
        bench.post(admin, "/v1/pipelines/landian-6/versions", &json!({"definition": definition})).await;
    assert_eq!(published.status, 201, "{}", published.text);
}

async fn form(bench: &Bench, key: &str, customer: &str, to: &str) -> Value {
    let all = bench.get(key, &format!("/v1/customers/{customer}/allowed-transitions")).await.json();
    let way = all["items"].as_array().unwrap().iter().find(|way| way["to"] == to).unwrap();
    assert_eq!(way["allowed"], true, "{way}");
    way["form"].clone()
}

/// A value that a member of the form takes.
fn value(bench: &Bench, name: &str, schema: &Value) -> Value {
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices[0]["const"].clone();
    }
    let later = || (bench.now() + TimeDelta::days(30)).date_naive().to_string();
    match (schema["type"].as_str().unwrap(), schema["format"].as_str(), name) {
        ("array", ..) => json!([value(bench, name, &schema["items"])]),
        ("integer", ..) => schema["maximum"].clone(),
        ("string", Some("date"), _) => json!(later()),
        ("string", None, "credit_code") => json!("91330100799655058B"),
        ("string", None, "value") => json!("+8613800138000"),
        ("string", None, "amount") => json!("12.00"),
        ("string", None, "currency") => json!("CNY"),
        ("string", None, _) => json!("some"),
        ("object", ..) => {
            let properties = schema["properties"].as_object().unwrap();
            let required = schema["required"].as_array().unwrap();
            let all = properties.iter().filter(|(name, _)| {
                required.is_empty() || required.iter().any(|required| required == name.as_str())
            });
            let each = all.map(|(name, schema)| (name.clone(), value(bench, name, schema)));
            Value::Object(each.collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

/// Whether all that was sent is in what is shown.
fn is_within(sent: &Value, shown: &Value) -> bool {
    match sent {
        Value::Object(sent) => sent.iter().all(|(name, sent)| is_within(sent, &shown[name])),
        Value::Array(sent) => sent.iter().enumerate().all(|(n, sent)| is_within(sent, &shown[n])),
        sent => sent == shown,
    }
}

#[tokio::test]
async fn whatever_a_stage_asks_for_is_sent_with_the_move_by_the_form_and_kept_with_the_customer() {
    let (bench, admin) = Bench::with_pipeline().await;
    asking(&bench, &admin).await;
    let li = bench.key("rep:li", &[Role::Rep]).await;
    for field in carried() {
        let id = bench.register(&li, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
        let (to, path) = (stage_of(field), format!("/v1/customers/{id}/transitions"));
        let refused = bench.post(&li, &path, &json!({"to": to})).await.problem(422, "field-required");
        assert_eq!(refused["violations"][0]["field"], field.key());
        let form = form(&bench, &li, &id, &to).await;
        let required = form["required"].as_array().unwrap();
        assert_eq!(required.len(), 2, "the stage, and what it asks for: {form}");
        let name = required[1].as_str().unwrap();
        let sent = value(&bench, name, &form["properties"][name]);
        let mut body = json!({"to": to});
        body[name] = sent.clone();
        let moved = bench.post(&li, &path, &body).await;
        assert_eq!(moved.status, 200, "{name}: {}", moved.text);
        bench.catch_up().await;
        let shown = bench.get(&li, &format!("/v1/customers/{id}")).await.json();
        assert_eq!(shown["journeys"][0]["stage"], to.as_str());
        assert!(is_within(&sent, &shown[name]), "{name}: {sent} was sent, {} is shown", shown[name]);
    }
}

#[tokio::test]
async fn contacts_that_come_along_are_judged_as_those_of_details_are() {
    let (bench, admin) = Bench::with_pipeline().await;
    asking(&bench, &admin).await;
    let li = bench.key("rep:li", &[Role::Rep]).await;
    let contacts = json!([{"kind": "phone", "value": "13800138000"}]);
    let known = bench
        .register(&admin, &json!({"pipeline": "landian-6", "owner": "rep:li", "contacts": contacts}))
        .await;
    let id = bench.register(&li, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    let path = format!("/v1/customers/{id}/transitions");
    let same = bench.post(&li, &path, &json!({"to": "asks_contacts", "contacts": contacts})).await;
    let same = same.problem(409, "duplicate-customer");
    assert_eq!(
        (&same["customer_id"], &same["violations"][0]["field"]),
        (&json!(known), &json!("contacts[0].value"))
    );
    let fax = json!({"to": "asks_contacts", "contacts": [{"kind": "phone", "value": "nobody"}]});
    let fax = bench.post(&li, &path, &fax).await.problem(422, "invalid-contact");
    assert_eq!(fax["violations"][0]["field"], "contacts[0].value");
    let none = bench.post(&li, &path, &json!({"to": "asks_contacts", "contacts": []})).await;
    none.problem(422, "field-required");
    let misspelt = bench.post(&li, &path, &json!({"to": "asks_region", "regoin": "north"})).await;
    assert_eq!(misspelt.problem(422, "unknown-field")["violations"][0]["field"], "regoin");
    let high = bench.post(&li, &path, &json!({"to": "asks_satisfaction", "satisfaction": 11})).await;
    assert_eq!(high.problem(422, "invalid-value")["violations"][0]["field"], "satisfaction");

    let wechat = json!([{"kind": "wechat", "value": "somebody_1"}]);
    let pooled = bench.register(&admin, &json!({"pipeline": "landian-6", "contacts": wechat})).await;
    let path = format!("/v1/customers/{pooled}/transitions");
    let masked = bench.post(&li, &path, &json!({"to": "asks_contacts", "contacts": contacts})).await;
    assert_eq!(masked.problem(409, "claim-required")["violations"][0]["field"], "contacts");
    bench.catch_up().await;
    for unmoved in [&id, &pooled] {
        let shown = bench.get(&admin, &format!("/v1/customers/{unmoved}")).await.json();
        assert_eq!((&shown["version"], &shown["journeys"][0]["stage"]), (&json!(1), &json!("first_contact")));
    }
}
