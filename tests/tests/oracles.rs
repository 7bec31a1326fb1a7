//! Real histories, imported and asked about over HTTP, against figures computed by independent tools.
//!
//! Each oracle figure is compared with its counterpart:
//!
//! | oracle | HTTP |
//! |---|---|
//! | `per_status.*` but `first_passage` | `GET /v1/dwell/{pipeline}` (survival read off `kaplan_meier.curve`) |
//! | `first_passage`, `transitions`, `start`, `end`, `reached`, `events_directly_follows_self`, `actors`, `case_duration`, `open_case_age`, `changes_per_day_utc` | `GET /v1/flows/{pipeline}` |
//! | `variants` | `GET /v1/paths/{pipeline}` |
//! | `as_of` | `GET /v1/boards/{pipeline}?effective_at=` |
//! | `heatmap_utc` | `GET /v1/heatmap?zone=UTC` |
//! | `events`, `cases`, `log_start`, `log_end`, `same_instant_events` | `GET /v1/events`, folded here; flows |
//! | `stays`, `completed_stays`, `repeat_events`, `censored_stays`, `final_stays` | sums over the stages of dwell |
//! | `oracle_sales.json`: `open_as_of`, `total.stages`, `total.cycle_days_won_p50` | boards; paths |
//! | `oracle_sales.json`: `win_rate` and closings, of `total` and `by_close_month` | `GET /v1/funnels/{pipeline}?definition=snapshot` |
//! | `oracle_funnel.json`: `total`, `won_before_first_contact`, `by_sr` | dwell, flows |
//!
//! Without a counterpart: money, product, region, origin, segment and cohort figures of the two sales oracles (they
//! stand in the imported rows' notes, which are free text to the service), undated opportunities (they are in no
//! imported row), and `cross_checks`.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use chrono::{DateTime, Months, NaiveDate, Utc};
use serde_json::{Map, Value, json};
use waymark_tests::oracle::Differences;
use waymark_tests::{Client, DataSet, Installation, Server};

const MONTH_SECONDS: u64 = 30 * 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn tiny_equals_its_oracle() {
    let Some(set) = DataSet::open("tiny", "oracle.json") else { return };
    let imported = Imported::new(&set).await;
    let mut differences = Differences::default();
    imported.compare_all(&set.oracle, &mut differences).await;
    differences.none();
}

#[tokio::test(flavor = "multi_thread")]
async fn maven_crm_equals_its_oracles() {
    let Some(set) = DataSet::open("maven-crm", "oracle.json") else { return };
    let Some(sales) = DataSet::open("maven-crm", "oracle_sales.json") else { return };
    let imported = Imported::new(&set).await;
    let mut differences = Differences::default();
    imported.compare_all(&set.oracle, &mut differences).await;
    imported.compare_sales(&sales.oracle, &mut differences).await;
    differences.none();
}

#[tokio::test(flavor = "multi_thread")]
async fn olist_funnel_equals_its_oracles() {
    let Some(set) = DataSet::open("olist-funnel", "oracle.json") else { return };
    let Some(funnel) = DataSet::open("olist-funnel", "oracle_funnel.json") else { return };
    let imported = Imported::new(&set).await;
    let mut differences = Differences::default();
    imported.compare_all(&set.oracle, &mut differences).await;
    imported.compare_funnel(&funnel.oracle, &mut differences).await;
    differences.none();
}

#[tokio::test(flavor = "multi_thread")]
async fn bpic2012_equals_its_oracle() {
    let Some(set) = DataSet::open("bpic2012", "oracle.json") else { return };
    let imported = Imported::new(&set).await;
    let mut differences = Differences::default();
    imported.compare_all(&set.oracle, &mut differences).await;
    differences.none();
}

#[tokio::test(flavor = "multi_thread")]
async fn bpic2012_full_equals_its_oracle() {
    let Some(set) = DataSet::open("bpic2012", "oracle_full.json") else { return };
    let imported = Imported::new(&set).await;
    let mut differences = Differences::default();
    imported.compare_all(&set.oracle, &mut differences).await;
    differences.none();
}

/// A history in a fresh database, with a server on it.
struct Imported {
    _installation: Installation,
    _server: Server,
    client: Client,
    log_end: String,
    head: u64,
}

/// The instants of the served log, by case.
type Log = BTreeMap<String, Vec<DateTime<Utc>>>;

impl Imported {
    async fn new(set: &DataSet) -> Self {
        let installation = Installation::new();
        let started = Instant::now();
        let report = installation.import("history", &set.csv, &set.finals()).succeeded();
        println!("{}: {:.1} s; {}", set.csv.display(), started.elapsed().as_secs_f64(), report.trim());
        let server = installation.serve();
        let client = server.admin();
        let head = client.head().await;
        let log_end = set.oracle["log_end"].as_str().unwrap_or_default().to_owned();
        Self { _installation: installation, _server: server, client, log_end, head }
    }

    /// A read at the end of the history, once the read models have everything.
    async fn read(&self, path: &str, query: &str) -> Value {
        self.read_at(path, &self.log_end, query).await
    }

    async fn read_at(&self, path: &str, effective_at: &str, query: &str) -> Value {
        let wait = format!("min_position={}&wait_ms=60000", self.head);
        let call = format!("{path}?effective_at={effective_at}&{wait}&{query}");
        self.client.get(&call).await.expect(200).body
    }

    async fn compare_all(&self, oracle: &Value, differences: &mut Differences) {
        self.compare_dwell(oracle, differences).await;
        self.compare_flows(oracle, differences).await;
        self.compare_paths(oracle, differences).await;
        self.compare_boards(oracle, differences).await;
        self.compare_heatmap(oracle, differences).await;
        self.compare_log(oracle, differences).await;
        assert!(differences.compared() > 100, "only {} figures were compared", differences.compared());
    }

    async fn compare_dwell(&self, oracle: &Value, differences: &mut Differences) {
        let query = format!("curve=true&horizon_seconds={MONTH_SECONDS}");
        let dwell = self.read("/v1/dwell/history", &query).await;
        let stages = by_name(&dwell["stages"], "stage");
        for (status, expected) in object(&oracle["per_status"]) {
            let stage = named(&stages, status);
            compare_stage(&format!("per_status/{status}"), expected, stage, differences);
        }
        let sums = [
            ("stays", "visits"),
            ("completed_stays", "completed"),
            ("censored_stays", "open"),
            ("final_stays", "final"),
            ("repeat_events", "repeats"),
            ("events", "events"),
        ];
        for (theirs, ours) in sums {
            let sum: u64 = stages.values().filter_map(|stage| stage[ours].as_u64()).sum();
            differences.same(theirs, &oracle[theirs], &json!(sum));
        }
        differences.same("statuses", &oracle["statuses"], &json!(stages.keys().collect::<Vec<_>>()));
    }

    async fn compare_flows(&self, oracle: &Value, differences: &mut Differences) {
        let flows = self.read("/v1/flows/history", "").await;
        for name in ["transitions", "reached"] {
            let mut ours: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
            for row in list(&flows[name]) {
                ours.entry(text(&row["from"]))
                    .or_default()
                    .insert(text(&row["to"]).into(), row["count"].clone());
            }
            // The oracle lists a status that led nowhere with no counts.
            let statuses: BTreeSet<&str> =
                object(&oracle[name]).map(|(from, _)| from.as_str()).chain(ours.keys().copied()).collect();
            for from in statuses {
                let found = Value::Object(ours.get(from).cloned().unwrap_or_default());
                differences.counts(&format!("{name}/{from}"), &oracle[name][from], &found);
            }
        }
        differences.counts("start", &oracle["start"], &counts(&flows["start"]));
        differences.counts("end", &oracle["end"], &counts(&flows["end"]));
        let repeats = counts(&flows["repeats"]);
        differences.counts("events_directly_follows_self", &oracle["events_directly_follows_self"], &repeats);
        compare_actors(&oracle["actors"], &flows, differences);
        compare_days(&oracle["changes_per_day_utc"], &flows["changes_per_day"], differences);
        compare_quantiles("case_duration", &oracle["case_duration"], &flows["journey_seconds"], differences);
        compare_quantiles("open_case_age", &oracle["open_case_age"], &flows["open_age_seconds"], differences);
        differences.same("cases", &oracle["cases"], &flows["journeys"]);
        differences.same("events", &oracle["events"], &flows["events"]);
        let passages = by_name(&flows["first_passage"], "stage");
        for (status, expected) in object(&oracle["per_status"]) {
            let ours = named(&passages, status);
            for (theirs, name) in [("p50_s", "p50"), ("p90_s", "p90")] {
                let path = format!("per_status/{status}/first_passage/{theirs}");
                differences.figure(&path, &expected["first_passage"][theirs], &ours[name]);
            }
        }
    }

    async fn compare_paths(&self, oracle: &Value, differences: &mut Differences) {
        let top = list(&oracle["variants"]["top"]);
        let paths = self.read("/v1/paths/history", &format!("limit={}", top.len().max(1))).await;
        differences.same("variants/distinct", &oracle["variants"]["distinct"], &paths["distinct"]);
        for (rank, expected) in top.iter().enumerate() {
            let ours = &paths["paths"][rank];
            differences.same(&format!("variants/top/{rank}/count"), &expected["count"], &ours["count"]);
            differences.same(
                &format!("variants/top/{rank}/statuses"),
                &expected["statuses"],
                &ours["stages"],
            );
        }
    }

    async fn compare_boards(&self, oracle: &Value, differences: &mut Differences) {
        for expected in list(&oracle["as_of"]) {
            let at = text(&expected["at"]);
            let board = self.read_at("/v1/boards/history", at, "limit=1").await;
            let ours: Map<String, Value> = list(&board["stages"])
                .iter()
                .filter(|stage| stage["count"] != json!(0))
                .map(|stage| (text(&stage["stage"]).to_owned(), stage["count"].clone()))
                .collect();
            differences.counts(&format!("as_of/{at}/counts"), &expected["counts"], &Value::Object(ours));
            let path = format!("as_of/{at}/not_started");
            differences.same(&path, &expected["not_started"], &board["not_started"]);
        }
    }

    async fn compare_heatmap(&self, oracle: &Value, differences: &mut Differences) {
        let heatmap = self.read("/v1/heatmap", "pipeline=history&zone=UTC").await;
        for (weekday, hours) in list(&oracle["heatmap_utc"]).iter().enumerate() {
            for (hour, expected) in list(hours).iter().enumerate() {
                let ours = heat(&heatmap, weekday, hour);
                differences.same(&format!("heatmap_utc/{weekday}/{hour}"), expected, &ours);
            }
        }
    }

    /// The log as served must hold exactly the rows of the file.
    async fn compare_log(&self, oracle: &Value, differences: &mut Differences) {
        let log = self.log().await;
        let times: Vec<DateTime<Utc>> = log.values().flatten().copied().collect();
        differences.same("log/events", &oracle["events"], &json!(times.len()));
        differences.same("log/cases", &oracle["cases"], &json!(log.len()));
        let (first, last) = (times.iter().min().copied(), times.iter().max().copied());
        differences.same("log_start", &oracle["log_start"], &json!(first.map(milliseconds)));
        differences.same("log_end", &oracle["log_end"], &json!(last.map(milliseconds)));
        let ties = log.values().map(|times| times.windows(2).filter(|pair| pair[0] == pair[1]).count());
        differences.same("same_instant_events", &oracle["same_instant_events"], &json!(ties.sum::<usize>()));
    }

    async fn log(&self) -> Log {
        let mut log = Log::new();
        for event in self.client.events_after(0).await {
            let subject = text(&event["subject"]);
            if subject.starts_with("customer/") {
                let time = text(&event["time"]).parse().expect("an RFC 3339 time");
                log.entry(subject.to_owned()).or_default().push(time);
            }
        }
        log
    }

    async fn compare_sales(&self, oracle: &Value, differences: &mut Differences) {
        for (day, expected) in object(&oracle["open_as_of"]) {
            let board = self.read_at("/v1/boards/history", &format!("{day}T00:00:00Z"), "limit=1").await;
            let stages = by_name(&board["stages"], "stage");
            differences.same(&format!("open_as_of/{day}"), expected, &named(&stages, "Engaging")["count"]);
        }
        let board = self.read("/v1/boards/history", "limit=1").await;
        let stages = by_name(&board["stages"], "stage");
        for status in ["Engaging", "Won", "Lost"] {
            let expected = &oracle["total"]["stages"][status];
            differences.same(&format!("total/stages/{status}"), expected, &named(&stages, status)["count"]);
        }
        self.compare_closings(oracle, differences).await;
        let paths = self.read("/v1/paths/history", "limit=10").await;
        let expected = oracle["total"]["cycle_days_won_p50"].as_f64().map(|days| days * 86_400.0);
        let ours = path_median(&paths, &["Engaging", "Won"]);
        differences.figure("total/cycle_days_won_p50", &json!(expected), ours);
    }

    /// Deals and losses, of the whole and of each month: the months meet, and a closing counts in one of them.
    async fn compare_closings(&self, oracle: &Value, differences: &mut Differences) {
        let closed = async |window: &str| {
            let query = format!("definition=snapshot&{window}");
            self.read("/v1/funnels/history", &query).await["closed"].clone()
        };
        let mut compare = |path: &str, expected: &Value, closed: &Value| {
            for (stage, ours) in [("Won", "won"), ("Lost", "lost")] {
                let theirs = expected["stages"].get(stage).cloned().unwrap_or(json!(0));
                differences.same(&format!("{path}/stages/{stage}"), &theirs, &closed[ours]);
            }
            let rounded = closed["win_rate"]["share"].as_f64().map(|rate| (rate * 1e6).round() / 1e6);
            differences.same(&format!("{path}/win_rate"), &expected["win_rate"], &json!(rounded));
        };
        compare("total", &oracle["total"], &closed("").await);
        for (month, expected) in object(&oracle["by_close_month"]) {
            let first: NaiveDate = format!("{month}-01").parse().expect("a month");
            let next = first.checked_add_months(Months::new(1)).expect("a month later");
            let window = format!("from={first}T00:00:00Z&to={next}T00:00:00Z");
            compare(&format!("by_close_month/{month}"), expected, &closed(&window).await);
        }
    }

    async fn compare_funnel(&self, oracle: &Value, differences: &mut Differences) {
        let dwell = self.read("/v1/dwell/history", "").await;
        let stages = by_name(&dwell["stages"], "stage");
        differences.same("total/leads", &oracle["total"]["leads"], &named(&stages, "MQL")["customers"]);
        differences.same("total/won", &oracle["total"]["won"], &named(&stages, "Won")["customers"]);
        let flows = self.read("/v1/flows/history", "").await;
        let back = list(&flows["transitions"]).iter().find(|row| row["from"] == "Won" && row["to"] == "MQL");
        let back = back.map_or(&Value::Null, |row| &row["count"]);
        differences.same("won_before_first_contact", &oracle["won_before_first_contact"], back);
        let actors = actors(&flows);
        for (rep, expected) in object(&oracle["by_sr"]) {
            differences.same(&format!("by_sr/{rep}"), expected, &named(&actors, rep)["events"]);
        }
    }
}

fn compare_stage(path: &str, oracle: &Value, ours: &Value, differences: &mut Differences) {
    let counts = [
        ("events", "events"),
        ("repeat_events", "repeats"),
        ("stays", "visits"),
        ("completed_stays", "completed"),
        ("censored_stays", "open"),
        ("final_stays", "final"),
        ("zero_stays", "zero_stays"),
        ("cases_ever", "customers"),
        ("reentries", "reentries"),
        ("cases_with_reentry", "customers_with_reentry"),
    ];
    for (theirs, name) in counts {
        differences.same(&format!("{path}/{theirs}"), &oracle[theirs], &ours[name]);
    }
    for name in ["mean", "min", "max", "total", "p50", "p50_disc", "p90", "p90_disc", "p95", "p95_disc"] {
        let path = format!("{path}/dwell_completed/{name}");
        let expected = &oracle["dwell_completed"][format!("{name}_s")];
        differences.figure(&path, expected, &ours["completed_seconds"][name]);
    }
    let (theirs, km) = (&oracle["kaplan_meier"], &ours["kaplan_meier"]);
    differences.same(&format!("{path}/kaplan_meier/subjects"), &theirs["subjects"], &km["subjects"]);
    differences.same(&format!("{path}/kaplan_meier/events"), &theirs["events"], &km["events"]);
    differences.figure(&format!("{path}/kaplan_meier/median"), &theirs["median_s"], &km["median"]);
    differences.figure(
        &format!("{path}/kaplan_meier/rmst_30d"),
        &theirs["rmst_30d_s"],
        &km["restricted_mean"],
    );
    for (label, expected) in object(&theirs["survival"]) {
        let survival = survival_at(&km["curve"], span_seconds(label));
        differences.survival(&format!("{path}/kaplan_meier/survival/{label}"), expected, &survival);
    }
}

/// The value of a step function `[[t, survival, …], …]`: that of the last step at or before `t`; 1 before the first.
fn survival_at(curve: &Value, t: f64) -> Value {
    let steps = curve.as_array().map(Vec::as_slice).unwrap_or_default();
    let step = steps.iter().rev().find(|step| step[0].as_f64().is_some_and(|at| at <= t));
    step.map_or(json!(1.0), |step| step[1].clone())
}

/// `8h` is 28,800.
fn span_seconds(label: &str) -> f64 {
    let (number, unit) = label.split_at(label.len() - 1);
    let unit = match unit {
        "m" => 60.0,
        "h" => 3600.0,
        _ => 86_400.0,
    };
    number.parse::<f64>().expect("a number and a unit") * unit
}

fn compare_actors(oracle: &Value, flows: &Value, differences: &mut Differences) {
    differences.same("actors/handovers", &oracle["handovers"], &flows["handovers"]);
    let actors = actors(flows);
    differences.same("actors/distinct", &oracle["distinct"], &json!(actors.len()));
    for expected in list(&oracle["top"]) {
        let name = text(&expected["actor"]);
        for figure in ["events", "stays_begun"] {
            let ours = &named(&actors, name)[figure];
            differences.same(&format!("actors/{name}/{figure}"), &expected[figure], ours);
        }
    }
}

fn compare_days(oracle: &Value, days: &Value, differences: &mut Differences) {
    let counts: Vec<u64> = list(days).iter().filter_map(|day| day["count"].as_u64()).collect();
    differences.same("changes_per_day_utc/days", &oracle["days"], &json!(counts.len()));
    differences.same("changes_per_day_utc/min", &oracle["min"], &json!(counts.iter().min()));
    differences.same("changes_per_day_utc/max", &oracle["max"], &json!(counts.iter().max()));
    let busiest = list(days).iter().rev().max_by_key(|day| day["count"].as_u64());
    let busiest = busiest.map_or(&Value::Null, |day| &day["date"]);
    differences.same("changes_per_day_utc/max_day", &oracle["max_day"], busiest);
}

/// Quantiles under the oracle's names (`q25_s`), and the mean.
fn compare_quantiles(path: &str, oracle: &Value, ours: &Value, differences: &mut Differences) {
    for (name, expected) in object(oracle) {
        let name_here = match name.as_str() {
            "cases" => "count".to_owned(),
            "mean_s" => "mean".to_owned(),
            "q00_s" => "min".to_owned(),
            "q100_s" => "max".to_owned(),
            quantile => format!("p{}", &quantile[1..3]),
        };
        differences.figure(&format!("{path}/{name}"), expected, &ours[name_here]);
    }
}

/// What each actor did, by the file's name for the actor: the import writes `ann` as `rep:ann`, and nobody as
/// `import`.
fn actors(flows: &Value) -> BTreeMap<String, &Value> {
    let rows = list(&flows["actors"]).iter();
    rows.map(|row| {
        let name = text(&row["actor"]);
        let name = if name == "import" { "" } else { name.strip_prefix("rep:").unwrap_or(name) };
        (name.to_owned(), row)
    })
    .collect()
}

/// Events of a weekday (Monday = 0) and hour: rows of a matrix.
fn heat(heatmap: &Value, weekday: usize, hour: usize) -> Value {
    heatmap["weekdays"][weekday][hour].clone()
}

fn path_median<'a>(paths: &'a Value, stages: &[&str]) -> &'a Value {
    let path = list(&paths["paths"]).iter().find(|path| path["stages"] == json!(stages));
    path.map_or(&Value::Null, |path| &path["median_seconds"])
}

fn by_name<'a>(rows: &'a Value, name: &str) -> BTreeMap<String, &'a Value> {
    list(rows).iter().map(|row| (text(&row[name]).to_owned(), row)).collect()
}

fn named<'a>(rows: &BTreeMap<String, &'a Value>, name: &str) -> &'a Value {
    rows.get(name).copied().unwrap_or(&Value::Null)
}

fn counts(rows: &Value) -> Value {
    Value::Object(
        list(rows).iter().map(|row| (text(&row["stage"]).to_owned(), row["count"].clone())).collect(),
    )
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn milliseconds(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
