//! The way that customers are to go: set, followed and left.

#![cfg(test)]

use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team, papers};

const PIPELINE: &str = "helloword-13";

/// A customer that goes these steps, by overrides where the definition permits no other way.
async fn walked(client: &Client, name: &str, steps: &[&str]) {
    let customer = client.register(json!({"pipeline": PIPELINE, "name": name, "owner": "rep:li"})).await;
    for to in steps {
        let reason = if *to == "lost" { "price" } else { "told" };
        let step = json!({"to": to, "reason": reason, "documents": papers(to)});
        let _ = client.command(&customer, "transitions", step).await.expect(200);
    }
}

async fn standard(client: &Client) -> Value {
    let head = client.head().await;
    let path = format!("/v1/paths/{PIPELINE}?ending=won&min_position={head}&wait_ms=20000");
    client.get(&path).await.expect(200).at("/standard").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_path_is_kept_and_who_leaves_it_is_counted() {
    let team = Team::on(PIPELINE).await;
    let manager = team.manager("wang");
    assert_eq!(standard(&manager).await, Value::Null);
    let stages = ["new_lead", "contacted", "need_confirmed", "proposal"];
    let path = format!("/v1/paths/{PIPELINE}/standard");
    let before = manager.head().await;
    let set = manager.post(&path, json!({"stages": stages})).await.expect(201);
    assert_eq!(set.at("/events/0/type"), "pipeline.standard_path_set");
    walked(&manager, "Harbour", &["contacted", "need_confirmed", "proposal"]).await;
    walked(&manager, "Hill", &["contacted", "lost"]).await;
    walked(&manager, "Lake", &["contacted", "new_lead", "contacted"]).await;
    walked(&manager, "Meadow", &["contacted", "lost"]).await;
    walked(&manager, "Orchard", &["contacted"]).await;
    let told = standard(&manager).await;
    assert_eq!(told["stages"], json!(stages));
    assert_eq!(told["set_by"], "manager:wang");
    assert_eq!(
        (&told["completed"], &told["under_way"], &told["following"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!(told["share"], json!(0.4));
    let lines: Vec<_> = told["deviations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["stage"].clone(), line["to"].clone(), line["count"].clone(), line["share"].clone()))
        .collect();
    let line = |to: &str, count: u64, share: f64| (json!("contacted"), json!(to), json!(count), json!(share));
    assert_eq!(lines, [line("lost", 2, 0.4), line("new_lead", 1, 0.2)]);
    assert_eq!(told["deviations"][0]["win_rate"]["estimate"], json!(0.0));

    // The one set last counts, and what was known earlier is told as it was.
    let shorter = json!({"stages": ["new_lead", "contacted"]});
    let _ = manager.post(&path, shorter.clone()).await.expect(201);
    assert_eq!(standard(&manager).await["completed"], json!(5));
    let then = manager.get(&format!("/v1/paths/{PIPELINE}?known_position={before}")).await.expect(200);
    assert_eq!(then.at("/standard"), &Value::Null);

    let _ = manager.post(&path, json!({"stages": []})).await.expect(201);
    assert_eq!(standard(&manager).await, Value::Null, "taken away");

    let field = |answer: &Answer| answer.text_at("/violations/0/field");
    let bad = async |stages: Value| manager.post(&path, json!({"stages": stages})).await;
    assert_eq!(
        field(&bad(json!(["new_lead", "won"])).await.refused(422, "transition-not-allowed")),
        "stages[1]"
    );
    assert_eq!(field(&bad(json!(["nowhere", "won"])).await.refused(422, "unknown-stage")), "stages[0]");
    assert_eq!(field(&bad(json!(["new_lead"])).await.refused(422, "invalid-value")), "stages");
    let _ = team.analyst("qian").post(&path, shorter.clone()).await.expect(403);
    let _ = manager.post("/v1/paths/nothing/standard", shorter).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_are_read_to_the_last_by_pages_that_show_one_moment() {
    let team = Team::on(PIPELINE).await;
    let manager = team.manager("wang");
    walked(&manager, "Harbour", &["contacted", "need_confirmed"]).await;
    walked(&manager, "Hill", &["contacted", "lost"]).await;
    walked(&manager, "Lake", &["contacted", "new_lead"]).await;
    walked(&manager, "Meadow", &["contacted", "lost"]).await;
    let path = format!("/v1/paths/{PIPELINE}?min_position={}&wait_ms=20000", manager.head().await);
    let whole = manager.get(&path).await.expect(200);
    assert_eq!((whole.number_at("/distinct"), whole.at("/next_cursor")), (3, &Value::Null));
    let first = manager.get(&format!("{path}&limit=1")).await.expect(200);
    // What happens meanwhile is on no later page.
    walked(&manager, "Orchard", &["contacted"]).await;
    let mut paths = vec![first.at("/paths/0").clone()];
    let mut cursor = first.text_at("/next_cursor");
    loop {
        let page = manager.get(&format!("/v1/paths/{PIPELINE}?limit=1&cursor={cursor}")).await.expect(200);
        paths.push(page.at("/paths/0").clone());
        assert_eq!(page.number_at("/journeys"), 4);
        match page.at("/next_cursor").as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(&json!(paths), whole.at("/paths"));
    for nonsense in ["x", "1.2.3", "1.1.1.99999999"] {
        let refused = manager.get(&format!("/v1/paths/{PIPELINE}?cursor={nonsense}")).await.expect(422);
        assert_eq!(refused.text_at("/violations/0/field"), "cursor");
    }
}
