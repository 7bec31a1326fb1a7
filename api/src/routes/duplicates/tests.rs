//! Merges that lead in a circle, which no command makes: a log that was tampered with is answered all the same.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::tags;
use crate::eventstore::{Append, Draft};
use crate::http::testing::Bench;

/// Appends an event of a customer as if somebody had written it into the log.
async fn written(bench: &Bench, customer: &str, event_type: &'static str, data: Value) {
    let draft = Draft {
        id: (bench.app.ids)(),
        event_type: event_type.into(),
        type_version: 1,
        subject: format!("customer/{customer}"),
        effective_at: bench.now(),
        actor: "admin:root".to_owned(),
        via: None,
        origin: None,
        endpoint: None,
        causation_id: None,
        correlation_id: None,
        tags: vec![tags::customer(customer.parse::<Uuid>().unwrap())],
        blind_tags: Vec::new(),
        data,
    };
    bench.app.store.append(Append::new(bench.tenant(), vec![draft])).await.unwrap();
}

async fn absorbs(bench: &Bench, customer: &str, absorbed: &str) {
    let data = json!({"absorbed": absorbed, "stage_policy": "survivor"});
    written(bench, customer, "customer.absorbed", data).await;
}

async fn is_merged_into(bench: &Bench, customer: &str, survivor: &str) {
    let data = json!({"survivor": survivor, "stage_policy": "survivor"});
    written(bench, customer, "customer.merged_into", data).await;
}

#[tokio::test]
async fn a_log_in_which_merges_lead_in_a_circle_is_answered_all_the_same() {
    let (bench, admin) = Bench::with_pipeline().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        let contacts = json!([{"kind": "phone", "value": format!("+861380013800{number}")}]);
        let body = json!({"pipeline": "landian-6", "name": "Harbour", "contacts": contacts});
        ids.push(bench.register(&admin, &body).await);
    }
    let [one, two, three, four] = [0, 1, 2, 3].map(|place: usize| ids[place].clone());
    // Two that were each merged into the other, and one that goes on and was absorbed by whom it absorbed.
    for (customer, other) in [(&one, &two), (&two, &one), (&three, &four), (&four, &three)] {
        absorbs(&bench, customer, other).await;
    }
    for (customer, survivor) in [(&one, &two), (&two, &one), (&four, &three)] {
        is_merged_into(&bench, customer, survivor).await;
    }
    bench.catch_up().await;

    for id in &ids {
        for what in ["", "/timeline", "/purchases", "/stays", "/duplicates", "/allowed-transitions"] {
            let path = format!("/v1/customers/{id}{what}");
            let answer = bench.get(&admin, &path).await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
        }
        let path = format!("/v1/events?customer={id}");
        assert_eq!(bench.get(&admin, &path).await.status, 200, "{path}");
    }
    let listed = bench.get(&admin, "/v1/customers").await.json();
    let listed: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(listed, [&json!(three)], "of the others each goes on as somebody else");

    // Who has the number of one in the circle is known already, whichever of the two that is.
    let known = json!([{"kind": "phone", "value": "+8613800138000"}]);
    let again = json!({"pipeline": "landian-6", "name": "Harbour", "contacts": known});
    bench.post(&admin, "/v1/customers", &again).await.problem(409, "duplicate-customer");
    let added = json!({"contacts": [{"kind": "phone", "value": "+8613800138009"}]});
    let details = format!("/v1/customers/{three}/details");
    let changed = bench.post(&admin, &details, &added).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let erasure = format!("/v1/customers/{three}/erasure");
    let erased = bench.post(&admin, &erasure, &json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    let told = erased.json()["events"].as_array().unwrap().len();
    assert_eq!(told, 2, "of each of the two once: {}", erased.text);
}
