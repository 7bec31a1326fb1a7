//! Each file that somebody carries away is an event: who, what, and as of when.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::Team;

#[tokio::test(flavor = "multi_thread")]
async fn each_download_is_an_event_and_a_description_of_one_is_none() {
    let team = Team::on("landian-6").await;
    let (li, auditor) = (team.rep("li"), team.auditor("qian"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    drop(auditor.caught_up().await);
    let started = async || {
        let mut documents = auditor.get("/v1/events?type=export.started").await.expect(200).items();
        documents.reverse();
        documents
    };

    let head = auditor.head().await;
    drop(auditor.get("/v1/exports/customers?manifest=true").await.expect(200));
    drop(auditor.call(Method::HEAD, "/v1/exports/customers").send().await);
    drop(auditor.get("/v1/exports/nothing").await.refused(404, "not-found"));
    assert_eq!((auditor.head().await, started().await), (head, Vec::<Value>::new()));

    let first = auditor.get("/v1/exports/events?format=ndjson").await.expect(200);
    let event = started().await.remove(0);
    assert_eq!(first.header("waymark-known-position"), head.to_string());
    assert_eq!(event["position"], json!(head + 1), "behind what the file tells of");
    assert_eq!(
        (&event["actor"], &event["data"]["kind"], &event["data"]["position"]),
        (&json!("auditor:qian"), &json!("events"), &json!(head))
    );
    let change = auditor.get("/v1/audit/changes?type=export.started").await.expect(200).items().remove(0);
    assert_eq!([&change["before"], &change["after"]], [&Value::Null; 2], "nothing is another than before");
    let origin = &change["origin"];
    assert!(origin["request_id"].is_string() && origin["address"].is_string(), "{change}");
    let pinned = format!("/v1/exports/events?format=ndjson&known_position={head}");
    assert_eq!(auditor.get(&pinned).await.expect(200).text, first.text, "the same pin, the same bytes");

    let query = format!("/v1/audit/changes?format=csv&customer={customer}&q=Harbour");
    drop(auditor.get(&query).await.expect(200));
    let event = started().await.remove(0);
    assert_eq!(event["data"]["filters"], json!({"customer": customer, "q": null}));
    drop(auditor.get("/v1/audit/bundle?from=2&to=4").await.expect(200));
    let event = started().await.remove(0);
    let told = &event["data"];
    assert_eq!(
        [&told["kind"], &told["format"], &told["first_position"], &told["position"], &told["rows"]],
        [&json!("bundle"), &json!("tar.gz"), &json!(2), &json!(4), &json!(3)]
    );
    drop(li.get("/v1/exports/customers").await.expect(200));
    assert_eq!(started().await[0]["actor"], "rep:li");
    drop(team.installation.run(&["export", "customers", "--format", "ndjson"]).succeeded());
    assert!(started().await[0]["actor"].as_str().unwrap().starts_with("operator:"));
    assert_eq!(started().await.len(), 6);
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}
