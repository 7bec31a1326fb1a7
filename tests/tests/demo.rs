//! `waymark demo`: a year of a sales team that never was, and how to look at it.

#![cfg(test)]

use reqwest::Method;
use serde_json::Value;
use waymark_tests::{Installation, Server};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_a_key_and_three_curl_commands_that_work() {
    let installation = Installation::new();
    let server = Server::launch(&installation, &["demo", "--listen", "127.0.0.1:0"], 4);
    let commands: Vec<&String> =
        server.greeting().iter().filter(|line| line.trim_start().starts_with("curl ")).collect();
    assert_eq!(commands.len(), 3, "{:#?}", server.greeting());
    let mut keys = Vec::new();
    for command in commands {
        let (key, path) = call_in(command, server.address());
        let answer = server.with_key(&key).call(Method::GET, &path).send().await.expect(200);
        assert!(answer.body.is_object(), "{command}: {}", answer.text);
        keys.push(key);
    }
    let shown_alone = server.greeting().iter().any(|line| line.contains(&keys[0]) && !line.contains("curl"));
    assert!(shown_alone, "the key is printed for use elsewhere: {:#?}", server.greeting());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_holds_a_year_of_every_kind_of_event_on_every_stage() {
    let installation = Installation::new();
    let server = Server::launch(&installation, &["demo", "--listen", "127.0.0.1:0"], 4);
    let command = server.greeting().iter().find(|line| line.trim_start().starts_with("curl "));
    let (key, _) = call_in(command.expect("a curl command"), server.address());
    let client = server.with_key(&key);

    let events = client.events_after(0).await;
    let types: std::collections::BTreeSet<&str> =
        events.iter().filter_map(|event| event["type"].as_str()).collect();
    for needed in [
        "customer.registered",
        "customer.moved",
        "customer.claimed",
        "customer.followed_up",
        "customer.move_target_corrected",
    ] {
        assert!(types.contains(needed), "{needed} is not in {types:?}");
    }
    let times: Vec<&str> = events.iter().filter_map(|event| event["time"].as_str()).collect();
    let (first, last) = (times.iter().min().expect("events"), times.iter().max().expect("events"));
    let days = |time: &str| time.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant");
    assert!((days(last) - days(first)).num_days() > 300, "from {first} to {last}");

    let head = client.head().await;
    for pipeline in client.get("/v1/pipelines").await.expect(200).items() {
        let pipeline = pipeline["key"].as_str().expect("a key").to_owned();
        let board =
            client.get(&format!("/v1/dwell/{pipeline}?min_position={head}&wait_ms=30000")).await.expect(200);
        let stages = board.at("/stages").as_array().cloned().unwrap_or_default();
        let empty: Vec<&Value> = stages.iter().filter(|stage| stage["visits"] == 0).collect();
        assert!(empty.is_empty(), "nobody was ever in {empty:?}");
    }
}

/// The key and the path of `curl -H "Authorization: Bearer KEY" 'http://…'`.
fn call_in(command: &str, address: &str) -> (String, String) {
    let after = |mark: &str| {
        let start = command.find(mark).unwrap_or_else(|| panic!("no {mark} in {command}")) + mark.len();
        command[start..].chars().take_while(|sign| !"'\" ".contains(*sign)).collect::<String>()
    };
    (after("Bearer "), after(address))
}
