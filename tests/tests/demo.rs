//! `waymark demo`: a year of a sales team that never was, and how to look at it.

#![cfg(test)]

use reqwest::Method;
use serde_json::Value;
use waymark_tests::{Client, EventSchemas, Installation, Server, now};

/// The lines with an address once it can be used: where it listens, the console, three commands.
const USABLE: usize = 5;
/// One more tells that the year is complete.
const COMPLETE: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_a_key_and_three_curl_commands_that_work_and_answers_while_its_year_is_played() {
    let installation = Installation::new();
    let server = Server::launch(&installation, &["demo", "--listen", "127.0.0.1:0"], USABLE);
    let commands = server.greeting().iter().filter(|line| line.trim_start().starts_with("curl "));
    let calls: Vec<(String, String)> = commands.map(|command| call_in(command, server.address())).collect();
    let [(key, board), _, _] = calls.as_slice() else { panic!("{:#?}", server.greeting()) };
    let alone = format!("key {key}");
    assert!(
        server.greeting().contains(&alone),
        "the key is printed for use elsewhere: {:#?}",
        server.greeting()
    );
    let client = server.with_key(key);
    let early = client.head().await;
    let _half = server.line_with("50% of the year");
    let complete = server.line_with("complete: ");
    let customers = number_before(&complete, " customers");
    let late = client.head().await;
    assert!(early < late, "{early} events were there before anybody could ask, {late} in the end");
    for (key, path) in &calls {
        let answer = server.with_key(key).get(path).await.expect(200);
        assert!(answer.body.is_object(), "{path}: {}", answer.text);
    }
    let board = client.get(&format!("{board}&min_position={late}&wait_ms=30000")).await.expect(200);
    let placed = board.at("/stages").as_array().expect("stages").iter();
    let placed: u64 = placed.filter_map(|stage| stage["count"].as_u64()).sum();
    assert!(0 < placed && placed <= customers, "{placed} of {customers}: {}", board.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_holds_a_year_of_every_kind_of_event_on_every_stage() {
    let installation = Installation::new();
    let server = Server::launch(&installation, &["demo", "--listen", "127.0.0.1:0"], COMPLETE);
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
        "customer.transition_requested",
        "customer.transition_approved",
        "customer.transition_rejected",
        "customer.automation_ran",
        "customer.task_completed",
        "deputy.appointed",
    ] {
        assert!(types.contains(needed), "{needed} is not in {types:?}");
    }
    let schemas = EventSchemas::of(&client).await;
    assert!(schemas.count() > types.len());
    events.iter().for_each(|event| schemas.insist(event));
    let is = |event: &Value, wanted: &str| event["type"] == wanted;
    assert_eq!(
        events.iter().filter(|event| is(event, "pipeline.published")).count(),
        3,
        "a version, a pilot"
    );
    assert!(events.iter().any(|event| is(event, "customer.moved") && event["data"]["overrides"].is_array()));
    let times: Vec<&str> = events.iter().filter_map(|event| event["time"].as_str()).collect();
    let (first, last) = (times.iter().min().expect("events"), times.iter().max().expect("events"));
    let days = |time: &str| time.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant");
    assert!((days(last) - days(first)).num_days() > 300, "from {first} to {last}");

    let last = days(last);
    assert!(now() - last < chrono::TimeDelta::days(4), "the demo ends at {last}, not today");
    for (actor, key) in keys_of_people(&server) {
        let me = server.with_key(&key).get("/v1/me").await.expect(200);
        assert_eq!(me.at("/actor"), &Value::from(actor), "{}", me.text);
    }

    let head = client.head().await;
    let due = client.get(&format!("/v1/worklists/today?min_position={head}&wait_ms=30000")).await.expect(200);
    assert!(!due.items().is_empty(), "there is somebody to call today");
    let alerts = client.get("/v1/alerts/sales").await.expect(200).items();
    assert!(alerts.iter().any(|alert| alert["stage"] == "new_lead"), "a fair brought many: {alerts:?}");
    for pipeline in client.get("/v1/pipelines").await.expect(200).items() {
        let pipeline = pipeline["key"].as_str().expect("a key").to_owned();
        let board =
            client.get(&format!("/v1/dwell/{pipeline}?min_position={head}&wait_ms=30000")).await.expect(200);
        let stages = board.at("/stages").as_array().cloned().unwrap_or_default();
        let empty: Vec<&Value> = stages.iter().filter(|stage| stage["visits"] == 0).collect();
        assert!(empty.is_empty(), "nobody was ever in {empty:?}");
    }
}

/// The figures of a page that lead to customers, each with the query of its list.
fn figures_with_lists(page: &str) -> Vec<(u64, String)> {
    let links = page.split("<a href=\"/console/customers?").skip(1);
    let linked = links.filter_map(|rest| {
        let (query, rest) = rest.split_once("\">")?;
        let (figure, _) = rest.split_once('<')?;
        Some((figure.trim().parse().ok()?, query.replace("&amp;", "&")))
    });
    linked.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_behind_a_figure_of_the_console_has_as_many_rows_as_the_figure_says() {
    let installation = Installation::new();
    let server = Server::launch(&installation, &["demo", "--listen", "127.0.0.1:0"], COMPLETE);
    let command = server.greeting().iter().find(|line| line.trim_start().starts_with("curl "));
    let (key, _) = call_in(command.expect("a curl command"), server.address());
    let (client, head) = (server.with_key(&key), server.with_key(&key).head().await);
    let pipelines = client.get("/v1/pipelines").await.expect(200).items();
    let keys: Vec<&str> = pipelines.iter().filter_map(|one| one["key"].as_str()).collect();
    let mut followed = 0;
    for pipeline in keys {
        for read in ["boards", "dwell"] {
            let path = format!("/v1/{read}/{pipeline}?min_position={head}&wait_ms=60000");
            let _ = client.get(&path).await.expect(200);
        }
        for tab in ["", "/reps", "/channels", "/bottlenecks", "/forecast"] {
            let path = format!("/console/figures/{pipeline}{tab}");
            let cookie = format!("waymark_session={key}");
            let page = server.anon().call(Method::GET, &path).header("cookie", &cookie).send().await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            for (figure, query) in figures_with_lists(&page.text) {
                assert_eq!(rows(&client, &query).await, figure, "{path} leads to {query}");
                followed += 1;
            }
        }
    }
    assert!(followed > 20, "{followed} figures lead to lists");
}

/// How many customers a list has, page by page.
async fn rows(client: &Client, query: &str) -> u64 {
    let (mut rows, mut cursor) = (0, String::new());
    loop {
        let page = client.get(&format!("/v1/customers?{query}&limit=500{cursor}")).await.expect(200);
        rows += page.items().len() as u64;
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// Who may sign in, each with a key: the table of the greeting.
fn keys_of_people(server: &Server) -> Vec<(String, String)> {
    let table = server.greeting().iter().filter_map(|line| line.split_once(' '));
    let rows: Vec<_> = table
        .filter(|(actor, key)| actor.contains(':') && key.trim().starts_with("wm_"))
        .map(|(actor, key)| (actor.to_owned(), key.trim().to_owned()))
        .collect();
    assert_eq!(rows.len(), 5, "{:#?}", server.greeting());
    rows
}

/// The number that precedes a text.
fn number_before(line: &str, text: &str) -> u64 {
    let before = line.split(text).next().and_then(|before| before.split(' ').next_back());
    before.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number before {text}: {line}"))
}

/// The key and the path of `curl -H "Authorization: Bearer KEY" 'http://…'`.
fn call_in(command: &str, address: &str) -> (String, String) {
    let after = |mark: &str| {
        let start = command.find(mark).unwrap_or_else(|| panic!("no {mark} in {command}")) + mark.len();
        command[start..].chars().take_while(|sign| !"'\" ".contains(*sign)).collect::<String>()
    };
    (after("Bearer "), after(address))
}
