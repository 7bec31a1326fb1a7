//! Everything recorded, out again in the formats that other tools read: pinned, whole, and with the same figures after an import.

#![cfg(test)]

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Server, Team};

const FILE: &str = "deal,stage,at,who,tel\n\
    A,New,2026-01-01T09:00:00.25Z,li,013800138000\n\
    A,=Talking,2026-01-02T09:00:00Z,li,\n\
    A,=Talking,2026-01-03T09:00:00Z,wang,\n\
    A,Won,2026-01-05T09:00:00Z,wang,\n\
    B,New,2026-01-01T10:00:00Z,,\n";

struct Bench {
    installation: Installation,
    _server: Server,
    manager: Client,
}

impl Bench {
    async fn new() -> Self {
        let installation = Installation::new();
        let server = installation.serve();
        let manager = server.admin();
        let path = "/v1/imports?pipeline=deals&case=deal&status=stage&time=at&actor=who&phone=tel&won=Won";
        let _ = manager.call(Method::POST, path).bytes("text/csv", FILE).send().await.expect(200);
        Self { installation, _server: server, manager }
    }

    async fn text(&self, path: &str) -> String {
        text_of(&self.manager, path).await
    }

    /// What the installation answers to a question, without what is particular to it.
    async fn figures(&self, path: &str) -> Value {
        let end = "effective_at=2026-02-01T00:00:00Z";
        let asked = self.manager.settled(&[format!("{path}?{end}")]).await;
        let mut body = asked[0].clone();
        body.as_object_mut().expect("an object").remove("position");
        body
    }
}

async fn text_of(client: &Client, path: &str) -> String {
    client.get(path).await.expect(200).text
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_have_six_digits_texts_as_they_are_and_no_column_named_at() {
    let bench = Bench::new().await;
    let csv = bench.text("/v1/exports/moves?format=csv").await;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    let columns: Vec<&str> = lines[0].split(',').collect();
    assert!(!columns.contains(&"at"), "{columns:?}");
    assert_eq!((lines.len(), columns[..3].join(",").as_str()), (7, "customer,external_id,pipeline"));
    assert!(csv.contains(",2026-01-01T09:00:00.250000Z,"), "{csv}");
    assert!(csv.contains(",=Talking,"), "{csv}");
    let harmless = bench.text("/v1/exports/moves?format=csv&escape_formulas=true&bom=true").await;
    assert!(harmless.starts_with("\u{feff}customer,") && harmless.contains(",'=Talking,"), "{harmless}");
    let customers = bench.text("/v1/exports/customers?format=ndjson").await;
    let of_a = customers.lines().find(|line| line.contains("\"external_id\":\"A\"")).expect("a line");
    assert!(of_a.contains("\"phone\":\"013800138000\""), "{of_a}");
    let stays = bench.text("/v1/exports/stays?format=ndjson").await;
    let stays: Vec<Value> = stays.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(stays.len(), 4, "a repeat begins no stay");
    let talking = stays.iter().find(|stay| stay["stage"] == "=Talking").expect("a stay");
    assert_eq!((&talking["seconds"], &talking["left_to"]), (&json!(3.0 * 86_400.0), &json!("Won")));
    let head = bench.manager.head().await;
    let events = bench.text("/v1/exports/events?format=ndjson").await;
    assert_eq!(events.lines().count() as u64, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_pin_gives_the_same_bytes_whatever_is_recorded_later_and_the_manifest_tells_them() {
    let bench = Bench::new().await;
    let answer = bench.manager.get("/v1/exports/moves?format=csv").await.expect(200);
    let pin = answer.header("waymark-known-position").to_owned();
    let kinds = ["events", "moves", "stays", "customers"];
    let formats = ["csv", "ndjson", "parquet", "xlsx"];
    let tables = kinds.iter().flat_map(|kind| formats.iter().map(move |format| (*kind, *format)));
    let processes =
        kinds.iter().flat_map(|kind| ["xes", "ocel-json"].iter().map(move |format| (*kind, *format)));
    let all: Vec<_> = tables.chain(processes).collect();
    let mut before = Vec::new();
    for (kind, format) in &all {
        let path = format!("/v1/exports/{kind}?format={format}&known_position={pin}");
        before.push((path.clone(), bench.manager.get(&path).await.expect(200).bytes));
    }
    for (kind, format) in &all {
        // Nothing had been recorded of any customer: a file all the same.
        let path = format!("/v1/exports/{kind}?format={format}&known_position=1&manifest=true");
        let manifest = bench.manager.get(&path).await.expect(200).body;
        assert!(manifest["bytes"].is_u64(), "{path}: {manifest}");
        assert!(*kind == "events" || manifest["rows"] == 0, "{path}: {manifest}");
    }
    let more = "/v1/imports?pipeline=deals&case=deal&status=stage&time=at";
    let row = "deal,stage,at\nC,New,2026-01-01T09:30:00Z\nB,Won,2026-01-09T00:00:00Z\n";
    let _ = bench.manager.call(Method::POST, more).bytes("text/csv", row).send().await.expect(200);
    for (path, bytes) in before {
        let again = bench.manager.get(&path).await.expect(200).bytes;
        assert!(again == bytes, "{path} has other bytes");
        let manifest = bench.manager.get(&format!("{path}&manifest=true")).await.expect(200).body;
        assert_eq!(manifest["bytes"], bytes.len(), "{path}");
        assert_eq!(manifest["last_position"].to_string(), pin);
        assert_eq!(manifest["sha256"].as_str().map(str::len), Some(64));
        assert!(manifest["rows"].as_u64().is_some_and(|rows| rows > 1), "{path}: {manifest}");
    }
    let later = bench.manager.get("/v1/exports/moves?format=csv&manifest=true").await.expect(200).body;
    assert_eq!(later["rows"], 7);
    let checkpoint = text_of(&bench.manager, "/v1/audit/checkpoint").await;
    assert_eq!(later["checkpoint"], checkpoint, "of the tree that the export counts with");
    for path in ["/v1/exports/moves?pipeline=no_such", "/v1/exports/no_such"] {
        let _ = bench.manager.get(path).await.refused(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_moves_imported_into_an_empty_installation_gives_the_same_figures() {
    let bench = Bench::new().await;
    let moves = bench.text("/v1/exports/moves?format=csv").await;
    let other = Installation::new();
    std::fs::write(other.directory().join("moves.csv"), moves).expect("it can be written");
    let columns =
        ["--case", "external_id", "--status", "stage", "--time", "effective_at", "--actor", "actor"];
    let mut arguments = vec!["import", "--pipeline", "deals", "--csv", "moves.csv", "--won", "Won"];
    arguments.extend(columns);
    let _ = other.run(&arguments).succeeded();
    let server = other.serve();
    let again = Bench { manager: server.admin(), installation: other, _server: server };
    for path in ["/v1/dwell/deals", "/v1/flows/deals", "/v1/paths/deals"] {
        assert_eq!(again.figures(path).await, bench.figures(path).await, "{path}");
    }
}

/// The lines of an export, each a JSON document.
async fn lines(client: &Client, path: &str) -> Vec<Value> {
    let text = text_of(client, path).await;
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// An object-centric event log whose relations lead to objects that stand in it once, and whose values are of declared types.
async fn ocel_of(bench: &Bench, kind: &str) -> Value {
    let text = bench.text(&format!("/v1/exports/{kind}?format=ocel-json")).await;
    let ocel: Value = serde_json::from_str(&text).expect("JSON");
    let list = |name: &str| ocel[name].as_array().expect("a list").clone();
    let ids: BTreeSet<String> = list("objects").iter().map(|object| object["id"].to_string()).collect();
    assert_eq!(ids.len(), list("objects").len(), "each object stands there once");
    for (ones, types) in [("events", "eventTypes"), ("objects", "objectTypes")] {
        for one in list(ones) {
            for relation in one["relationships"].as_array().expect("relations") {
                assert!(ids.contains(&relation["objectId"].to_string()), "{relation} of {one}");
            }
            let declared = list(types).into_iter().find(|declared| declared["name"] == one["type"]);
            let declared =
                declared.unwrap_or_else(|| panic!("{kind}: no type of {one}"))["attributes"].clone();
            let declared = declared.as_array().expect("attributes").clone();
            for attribute in one["attributes"].as_array().expect("attributes") {
                assert!(attribute["value"].is_string(), "{attribute}: the schema wants texts");
                assert!(declared.iter().any(|known| known["name"] == attribute["name"]), "{attribute}");
                let since = if ones == "objects" { json!("1970-01-01T00:00:00Z") } else { Value::Null };
                assert_eq!(attribute["time"], since, "{attribute}");
            }
        }
    }
    ocel
}

#[tokio::test(flavor = "multi_thread")]
async fn event_logs_of_the_process_hold_what_refers_to_what() {
    let bench = Bench::new().await;
    // Of moves all are events, of stays those that began one, of customers the last.
    for (kind, events) in [("events", 5), ("moves", 5), ("stays", 4), ("customers", 2)] {
        let xes = bench.text(&format!("/v1/exports/{kind}?format=xes")).await;
        assert!(xes.contains(" xes.version=\"1849.2016\" "), "the schema wants a decimal number");
        assert!(!xes.contains("1970-01-01"), "{kind}: no instant is declared for events that have none");
        assert_eq!((xes.matches("<trace>").count(), xes.matches("<event>").count()), (2, events), "{kind}");
        assert_eq!(xes.matches("key=\"time:timestamp\"").count(), events, "{kind}");
        let ocel = ocel_of(&bench, kind).await;
        assert_eq!(ocel["events"].as_array().map(Vec::len), Some(events), "{kind}");
        let of_type = |name: &str| {
            let objects = ocel["objects"].as_array().into_iter().flatten();
            objects.filter(|object| object["type"] == name).count()
        };
        assert_eq!(["customer", "journey", "pipeline_version"].map(of_type), [2, 2, 1], "{kind}");
    }
    let stays = bench.text("/v1/exports/stays?format=xes").await;
    assert!(stays.contains("<float key=\"seconds\" value=\"259200\"/>"), "{stays}");
    assert!(stays.contains("<date key=\"left_at\" value=\"2026-01-05T09:00:00.000000Z\"/>"), "{stays}");
    let ocel = ocel_of(&bench, "stays").await;
    let types = ocel["eventTypes"][0]["attributes"].as_array().expect("attributes").clone();
    let type_of = |name: &str| types.iter().find(|one| one["name"] == name).map(|one| one["type"].clone());
    assert_eq!(
        ["left_at", "seconds", "open"].map(type_of),
        ["time", "float", "boolean"].map(|one| Some(json!(one)))
    );
    let customers = bench.text("/v1/exports/customers?format=xes").await;
    assert!(customers.contains("<string key=\"phone\" value=\"013800138000\"/>"), "{customers}");
    let _ = bench.manager.get("/v1/exports/stays?format=docx").await.expect(422);
    let _ = bench.manager.get("/v1/exports/everything").await.expect(404);
    let _ = bench.manager.get("/v1/exports/moves?known_position=999999").await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_take_the_filters_and_the_half_open_window_of_the_analytics() {
    let bench = Bench::new().await;
    let elsewhere = json!({"key": "others", "template": "helloword-13"});
    let _ = bench.manager.post("/v1/pipelines", elsewhere).await.expect(201);
    bench.manager.register(json!({"pipeline": "others", "name": "Elsewhere"})).await;
    let rows = async |path: &str| lines(&bench.manager, &format!("/v1/exports/{path}&format=ndjson")).await;
    let stages = |rows: &[Value]| rows.iter().map(|row| row["stage"].clone()).collect::<Vec<_>>();

    let window = "from=2026-01-02T09:00:00Z&to=2026-01-05T09:00:00Z";
    let moves = rows(&format!("moves?pipeline=deals&{window}")).await;
    assert_eq!(stages(&moves), ["=Talking", "=Talking"], "what happened at the end is in the next window");
    let mut stays = stages(&rows(&format!("stays?pipeline=deals&{window}")).await);
    stays.sort_by_key(Value::to_string);
    assert_eq!(
        stays,
        ["=Talking", "New"],
        "one ended as the window began, one began as it ended, one is open"
    );
    let talking = rows(&format!("stays?{window}&owner=rep:wang")).await;
    assert_eq!(talking[0]["seconds"], 3.0 * 86_400.0, "whole, whatever the window");
    let happened = rows(&format!("events?{window}")).await;
    let instants: BTreeSet<_> = happened.iter().map(|row| row["effective_at"].to_string()).collect();
    let expected = ["\"2026-01-02T09:00:00.000000Z\"", "\"2026-01-03T09:00:00.000000Z\""];
    assert_eq!(instants, expected.map(str::to_owned).into());

    let of_wang = "owner=rep:wang";
    assert_eq!(rows(&format!("moves?{of_wang}")).await.len(), 4);
    let customers = rows(&format!("customers?{of_wang}")).await;
    assert_eq!((customers.len(), &customers[0]["external_id"]), (1, &json!("A")));
    let subjects: BTreeSet<_> =
        rows(&format!("events?{of_wang}")).await.iter().map(|row| row["customer"].to_string()).collect();
    assert_eq!(subjects, [customers[0]["customer"].to_string()].into());
    assert_eq!(rows("customers?pipeline=deals").await.len(), 2);
    assert_eq!(rows("customers?tier=A").await.len(), 0);
    let xes = bench.text(&format!("/v1/exports/stays?format=xes&{window}&{of_wang}")).await;
    assert_eq!(xes.matches("<event>").count(), 1);

    for (wrong, field) in [
        ("customers?from=2026-01-01T00:00:00Z", "from"),
        ("customers?to=2026-01-01T00:00:00Z", "to"),
        ("moves?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("moves?team=nobody", "team"),
    ] {
        let refusal = bench.manager.get(&format!("/v1/exports/{wrong}")).await.expect(422);
        assert_eq!(refusal.body["violations"][0]["field"], field, "{wrong}: {}", refusal.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_writes_the_same_bytes() {
    let bench = Bench::new().await;
    let answer = bench.manager.get("/v1/exports/moves?format=parquet").await.expect(200);
    let pin = answer.header("waymark-known-position").to_owned();
    let Bench { installation, _server: server, .. } = bench;
    drop(server);
    let arguments =
        ["export", "moves", "--format", "parquet", "--known-position", &pin, "--output", "m.parquet"];
    let _ = installation.run(&arguments).succeeded();
    let written = std::fs::read(installation.directory().join("m.parquet")).expect("it was written");
    assert!(written == answer.bytes);
    let window = ["--from", "2026-01-02T09:00:00Z", "--to", "2026-01-05T09:00:00Z"];
    let moment = ["--effective-at", "2026-01-03T00:00:00Z"];
    let rows = |kind: &str, more: &[&str]| {
        let arguments = [&["export", kind, "--known-position", &pin][..], more].concat();
        installation.run(&arguments).succeeded().lines().count() - 1
    };
    assert_eq!((rows("moves", &window), rows("stays", &window), rows("moves", &moment)), (2, 2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pool_keeps_back_from_a_rep_is_masked_in_exports_too() {
    let team = Team::on("helloword-13").await;
    let manager = team.manager("wang");
    let phone = json!([{"kind": "phone", "value": "13800138000"}]);
    manager.register(json!({"pipeline": team.pipeline, "name": "海棠", "contacts": phone})).await;
    let head = manager.head().await;
    for (client, shown) in [(&manager, true), (&team.rep("li"), false)] {
        for kind in ["customers", "events"] {
            let text = text_of(client, &format!("/v1/exports/{kind}?known_position={head}")).await;
            assert_eq!(text.contains("13800138000"), shown, "{kind}: {text}");
        }
    }
}
