//! Before and after a change of the rules: a report of the time of one version beside that of the version before it.

#![cfg(test)]

use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team};

const PIPELINE: &str = "helloword-13";

/// A customer that is won by an override, or lost.
async fn ended(client: &Client, name: &str, to: &str) {
    let customer = client.register(json!({"pipeline": PIPELINE, "name": name, "owner": "rep:li"})).await;
    let _ =
        client.command(&customer, "overrides", json!({"to": to, "reason": "so it was"})).await.expect(200);
}

async fn read(client: &Client, path: &str) -> Answer {
    let head = client.head().await;
    client.get(&format!("{path}&min_position={head}&wait_ms=20000")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_version_is_held_beside_that_of_the_version_before() {
    let team = Team::on(PIPELINE).await;
    let manager = team.manager("wang");
    for (name, to) in [("Harbour", "won"), ("Hill", "lost"), ("Lake", "lost")] {
        ended(&manager, name, to).await;
    }
    let answer = manager.get(&format!("/v1/pipelines/{PIPELINE}")).await.expect(200);
    let mut definition = answer.at("").clone();
    definition["pools"][0]["rules"]["reclaim"][0]["seconds"] = json!(259_200);
    let versions = format!("/v1/pipelines/{PIPELINE}/versions");
    let _ = manager.post(&versions, json!({"definition": definition})).await.expect(201);
    for name in ["Meadow", "Orchard"] {
        ended(&manager, name, "won").await;
    }

    let funnel = read(&manager, &format!("/v1/funnels/{PIPELINE}?compare_version=2")).await.expect(200);
    let spans = funnel.at("/compared_versions");
    assert_eq!((&spans[0]["version"], &spans[1]["version"]), (&json!(2), &json!(1)));
    assert_eq!(spans[1]["to"], spans[0]["from"]);
    assert_eq!((funnel.at("/totals/count"), funnel.at("/totals/won")), (&json!(2), &json!(2)));
    assert_eq!(
        (funnel.at("/compared/totals/count"), funnel.at("/compared/totals/won")),
        (&json!(3), &json!(1))
    );
    assert_eq!(funnel.at("/compared/difference/test"), "two-proportion");
    let estimate = funnel.at("/compared/difference/estimate").as_f64().unwrap();
    assert!((estimate - 2.0 / 3.0).abs() < 1e-12, "{estimate}");
    let dwell = read(&manager, &format!("/v1/dwell/{PIPELINE}?compare_version=2")).await.expect(200);
    assert_eq!(dwell.at("/compared_versions/0/version"), &json!(2));
    assert_ne!(dwell.at("/compared/stages"), &Value::Null);

    for wrong in ["1", "3", "2&from=2026-01-01T00:00:00Z"] {
        let refused = read(&manager, &format!("/v1/funnels/{PIPELINE}?compare_version={wrong}")).await;
        assert_eq!(refused.refused(422, "invalid-value").text_at("/violations/0/field"), "compare_version");
    }
}
