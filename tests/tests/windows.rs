//! Windows are half-open: through every route that takes one, windows that meet add up to the window that they fill.

#![cfg(test)]

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

/// The window whose parts meet at instants at which things happened.
const BOUNDS: [&str; 5] = [
    "2024-01-01T00:00:00Z",
    "2024-02-01T00:00:00Z",
    "2024-02-10T00:00:00Z",
    "2024-03-01T00:00:00Z",
    "2024-04-01T00:00:00Z",
];

/// What is counted in a window, by route: the query, and where the counts are. Every route that takes `from` and `to` stands
/// here, or under the next name.
const COUNTED: &[(&str, &str, &[&str])] = &[
    (
        "/v1/dwell/{pipeline}",
        "",
        &["/stages/*/completed", "/stages/*/kaplan_meier/events", "/stages/*/exits/*/count"],
    ),
    (
        "/v1/flows/{pipeline}",
        "",
        &["/journeys", "/events", "/transitions/*/count", "/start/*/count", "/changes_per_day/*/count"],
    ),
    ("/v1/paths/{pipeline}", "limit=500", &["/journeys", "/paths/*/count"]),
    ("/v1/funnels/{pipeline}", "", &["/stages/*/count", "/stages/*/won/count", "/totals"]),
    ("/v1/funnels/{pipeline}", "definition=cohort&horizon_days=3", &["/stages/*/count", "/totals"]),
    ("/v1/funnels/{pipeline}", "definition=snapshot", &["/closed/won", "/closed/lost", "/totals"]),
    (
        "/v1/forecasts/{pipeline}/back-test",
        "every_days=1&horizon_days=9",
        &["/points/*/open", "/points/*/actual", "/calibration/*/n"],
    ),
    ("/v1/losses/{pipeline}", "", &["/lost", "/items/*/count", "/by_month/*/count"]),
    ("/v1/losses/{pipeline}/customers", "", &["/total"]),
    ("/v1/loyalty/{pipeline}", "", &["/programme/earned", "/programme/spent"]),
    ("/v1/channels", "pipeline=past", &["/items/*/leads", "/items/*/won", "/items/*/reached/*/count"]),
    ("/v1/bottlenecks/{pipeline}", "", &["/items/*/completed"]),
    ("/v1/heatmap", "pipeline=past", &["/weekdays"]),
    ("/v1/latency/{pipeline}", "", &["/changes/count", "/left_out"]),
    ("/v1/quality/{pipeline}", "", &["/changes/imported", "/usage/closed", "/usage/stages/*/entries"]),
    ("/v1/exports/{kind}", "pipeline=past&manifest=true", &["/rows"]),
    ("/v1/reps", "pipeline=past", &["/items/*/new_customers", "/items/*/won", "/items/*/lost"]),
];

/// Whose window says which days are judged, each beside those before it: nothing of them is counted.
const JUDGED: &str = "/v1/alerts/{pipeline}";

/// Journeys that enter and leave exactly where windows meet, and in between.
fn history() -> String {
    let days = ["01-01", "01-15", "02-01", "02-05", "02-10", "02-20", "03-01", "03-15"];
    let mut rows = String::from("deal,stage,at,who\n");
    for (n, entered) in days.iter().enumerate() {
        for (m, left) in days.iter().enumerate().skip(n) {
            let end = if (n + m) % 2 == 0 { "Closed Won" } else { "Closed Lost" };
            rows.push_str(&format!("D{n}-{m},New,2024-{entered}T00:00:00Z,li\n"));
            rows.push_str(&format!("D{n}-{m},Talking,2024-{left}T00:00:00Z,li\n"));
            if m < 6 {
                rows.push_str(&format!("D{n}-{m},{end},2024-03-{:02}T00:00:00Z,li\n", 1 + n));
            }
        }
    }
    rows
}

/// The sum of all numbers at the places that a pointer with `*` for every item names.
fn sum(report: &Value, pointer: &str) -> f64 {
    let Some((before, after)) = pointer.split_once("/*") else {
        let place = report.pointer(pointer).unwrap_or_else(|| panic!("{pointer} of {report}"));
        return total(place);
    };
    let items =
        report.pointer(before).and_then(Value::as_array).unwrap_or_else(|| panic!("{before} of {report}"));
    items
        .iter()
        .filter(|item| item.pointer(after.split("/*").next().unwrap_or_default()).is_some())
        .map(|item| sum(item, after))
        .sum()
}

fn total(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::Array(items) => items.iter().map(total).sum(),
        Value::Object(members) => members.values().map(total).sum(),
        _ => 0.0,
    }
}

async fn read(client: &Client, path: &str, query: &[&str]) -> Value {
    let head = format!("min_position={}&wait_ms=20000", client.head().await);
    let query: Vec<&str> =
        query.iter().copied().chain([head.as_str()]).filter(|part| !part.is_empty()).collect();
    client
        .get(&format!(
            "{}?{}",
            path.replace("{pipeline}", "past").replace("{kind}", "moves"),
            query.join("&")
        ))
        .await
        .expect(200)
        .body
}

async fn with_history() -> Team {
    let team = Team::on("landian-6").await;
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at&actor=who&won=Closed%20Won&lost=Closed%20Lost";
    let imported = team.admin().call(Method::POST, path).bytes("text/csv", history()).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let found = team.admin().settled(&["/v1/customers?external_id=D0-0".to_owned()]).await.remove(0);
    let customer = found["items"][0]["id"].as_str().unwrap();
    for (kind, points, day) in
        [("earned", 8, "01-15"), ("earned", 4, "02-01"), ("spent", 3, "02-01"), ("earned", 2, "02-10")]
    {
        let body = json!({"kind": kind, "points": points, "effective_at": format!("2024-{day}T00:00:00Z")});
        let _ = team.admin().command(customer, "points", body).await.expect(200);
    }
    team
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_meet_add_up_through_every_route_that_takes_one() {
    let team = with_history().await;
    let admin = team.admin();
    let document = admin.get("/openapi.json").await.expect(200).body;
    let parameters = |route: &Value| -> BTreeSet<String> {
        let each = route["get"]["parameters"].as_array().into_iter().flatten();
        each.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
    };
    let mut windowed = BTreeSet::new();
    for (path, route) in document["paths"].as_object().into_iter().flatten() {
        let names = parameters(route);
        if ["from", "to", "effective_at"].iter().all(|name| names.contains(*name)) {
            windowed.insert(path.as_str());
        }
    }
    let counted: BTreeSet<&str> = COUNTED.iter().map(|(path, ..)| *path).chain([JUDGED]).collect();
    assert_eq!(windowed, counted, "a route with a window says here what adds up");

    let end = "effective_at=2024-06-01T00:00:00Z";
    for (path, query, pointers) in COUNTED {
        let window = async |from: &str, to: &str| {
            read(&admin, path, &[query, &format!("from={from}&to={to}"), end]).await
        };
        let whole = window(BOUNDS[0], BOUNDS[4]).await;
        let mut parts = Vec::new();
        for pair in BOUNDS.windows(2) {
            parts.push(window(pair[0], pair[1]).await);
        }
        for pointer in *pointers {
            let all = sum(&whole, pointer);
            let each: Vec<f64> = parts.iter().map(|part| sum(part, pointer)).collect();
            assert_eq!(each.iter().sum::<f64>(), all, "{path}?{query} {pointer}: {each:?}");
        }
        let counts: f64 = pointers.iter().map(|pointer| sum(&whole, pointer)).sum();
        assert!(counts > 0.0, "{path}?{query} counts nothing: {whole}");
        let path = path.replace("{pipeline}", "past").replace("{kind}", "moves");
        let backwards = admin.get(&format!("{path}?{query}&from={}&to={}", BOUNDS[1], BOUNDS[0])).await;
        assert_eq!(backwards.refused(422, "invalid-value").at("/violations/0/field"), &json!("to"), "{path}");
    }
}

/// Parameters named like the end of a window that are none, by route.
const POSITIONS: [&str; 2] = ["/v1/audit/proofs/consistency", "/v1/audit/access/proofs/consistency"];

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_window_says_that_it_is_no_part_of_it() {
    let team = Team::on("landian-6").await;
    let document = team.admin().get("/openapi.json").await.expect(200).body;
    let mut ends = 0;
    for (path, route) in document["paths"].as_object().into_iter().flatten() {
        for parameter in route["get"]["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let is_end = name == "to" || name.ends_with("_to");
            if !is_end || POSITIONS.contains(&path.as_str()) {
                continue;
            }
            let says = parameter["description"].as_str().unwrap_or_default();
            assert!(
                ["(exclusive)", "before this instant", "recorded before it"]
                    .iter()
                    .any(|words| says.contains(words)),
                "{path} {name}: {says}"
            );
            ends += 1;
        }
    }
    assert!(ends > 20, "{ends}");
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_changes_that_meet_add_up_by_either_time() {
    let team = with_history().await;
    let admin = team.admin();
    let recorded = |event: &Value| event["recordedat"].as_str().map(str::to_owned);
    let instants: BTreeSet<String> = admin.events_after(0).await.iter().filter_map(recorded).collect();
    let instants: Vec<String> = instants.into_iter().collect();
    let (first, middle, last) = (&instants[0], &instants[instants.len() / 2], &instants[instants.len() - 1]);
    let by_recording = [first.as_str(), middle, last];
    let count = async |query: String| {
        let told = admin.get(&format!("/v1/audit/changes?format=ndjson&{query}")).await.expect(200);
        told.text.lines().count()
    };
    for (from, to, bounds) in
        [("from", "to", &BOUNDS[..]), ("recorded_from", "recorded_to", &by_recording[..])]
    {
        let whole = count(format!("{from}={}&{to}={}", bounds[0], bounds[bounds.len() - 1])).await;
        let mut parts = Vec::new();
        for pair in bounds.windows(2) {
            parts.push(count(format!("{from}={}&{to}={}", pair[0], pair[1])).await);
        }
        assert!(whole > 0 && parts.iter().all(|part| *part > 0), "{from}: {parts:?}");
        assert_eq!(parts.iter().sum::<usize>(), whole, "{from}: {parts:?}");
        let backwards =
            admin.get(&format!("/v1/audit/changes?{from}={}&{to}={}", bounds[1], bounds[0])).await;
        assert_eq!(backwards.refused(422, "invalid-value").at("/violations/0/field"), &json!(to));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_that_ends_where_a_window_begins_ends_in_it_by_every_figure() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let rows = "deal,stage,at\nA,New,2024-01-01T00:00:00Z\nA,Talking,2024-02-01T00:00:00Z\nB,New,2024-02-01T00:00:00Z\n";
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at";
    assert_eq!(admin.call(Method::POST, path).bytes("text/csv", rows).send().await.status, 200);
    let new = async |window: &str| {
        let report =
            read(&admin, "/v1/dwell/{pipeline}", &[window, "curve=true&effective_at=2024-06-01T00:00:00Z"])
                .await;
        let km = &report["stages"][0]["kaplan_meier"];
        let stage = &report["stages"][0];
        let counts = [&stage["visits"], &stage["completed"], &stage["open"], &km["subjects"], &km["events"]];
        (counts.map(|count| count.as_u64().unwrap_or(u64::MAX)), km["curve"].clone())
    };
    // Until then it was there, and seen for a whole month.
    assert_eq!(new("to=2024-02-01T00:00:00Z").await.0, [1, 0, 1, 1, 0]);
    // Where the month begins it left, and the other one came.
    let (counts, curve) = new("from=2024-02-01T00:00:00Z&to=2024-03-01T00:00:00Z").await;
    assert_eq!(counts, [2, 1, 1, 2, 1]);
    // At its age of 31 days it was alone: of the other one 29 days were seen. Nobody is left, and no band says anything.
    assert_eq!(curve, json!([[2_678_400.0, 0.0, null, null, 1]]));
    assert_eq!(new("from=2024-02-01T00:00:00.000001Z&to=2024-03-01T00:00:00Z").await.0, [1, 0, 1, 1, 0]);
}
