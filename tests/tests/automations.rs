//! Rules act by themselves while the service runs: what is due in the past by backdated records is done at once.

#![cfg(test)]

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Client, Team, now, papers};

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Reads again and again, each time all that is in the log, until what is wanted is there.
async fn until(client: &Client, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let separator = if path.contains('?') { '&' } else { '?' };
    loop {
        let head = client.head().await;
        let answer =
            client.get(&format!("{path}{separator}min_position={head}&wait_ms=20000")).await.expect(200);
        let found = answer.at("").clone();
        if wanted(&found) {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_backdated_records_put_into_the_past_is_met_at_once_as_of_its_instant() {
    let team = Team::with_rules("landian-6").await;
    let wang = team.manager("wang");
    let begun = now() - Duration::days(4);
    let mut registered = team.customer_of("li", "Harbour Foods");
    registered["effective_at"] = json!(instant(begun));
    let customer = wang.register(registered).await;
    for (stage, hours) in [("need_confirmed", 0), ("quoted", 1)] {
        let moved = json!({"to": stage, "note": "entered late", "next_step": "call", "documents": papers(stage),
            "effective_at": instant(begun + Duration::hours(hours) + Duration::minutes(1))});
        let moved = wang.command(&customer, "transitions", moved).await;
        assert_eq!(moved.status, 200, "{}", moved.text);
    }
    let path = format!("/v1/customers/{customer}");
    let found = until(&wang, &path, |found| found["journeys"][0]["stage"] == "to_reactivate").await;
    let entered: DateTime<Utc> = found["journeys"][0]["entered_at"].as_str().unwrap().parse().unwrap();
    let due = begun + Duration::hours(1) + Duration::minutes(1) + Duration::days(3);
    assert_eq!(instant(entered), instant(due));
    let timeline = format!("/v1/customers/{customer}/timeline?view=recorded");
    let acts = until(&wang, &timeline, |found| found["items"].as_array().unwrap().len() >= 4).await;
    let moved =
        acts["items"].as_array().unwrap().iter().find(|item| item["stage_to"] == "to_reactivate").cloned();
    assert_eq!(moved.unwrap()["actor"], "system:quoted_without_update");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_go_on_after_a_power_cut_and_do_nothing_twice() {
    let team = Team::with_rules("landian-6").await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let path = format!("/v1/tasks?customer={customer}");
    until(&li, &path, |found| found["items"].as_array().unwrap().len() == 1).await;
    team.server.kill();
    let server = team.installation.serve_with_rules();
    let li = server.with_key(&team.installation.key("rep:li", &["rep"]));
    let other = li.register(json!({"pipeline": "landian-6", "name": "Second"})).await;
    until(&li, &format!("/v1/tasks?customer={other}"), |found| found["items"].as_array().unwrap().len() == 1)
        .await;
    let first = until(&li, &path, |_| true).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.stop(), 0);
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}
