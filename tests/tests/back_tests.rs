//! The forecast on real histories: what it would have said at dates of the past, against what came.
//!
//! Each history is judged at 20 dates or more, from when some of its deals had been won until a horizon before its end. The
//! figures themselves stand in `docs/analysis.md`.

#![cfg(test)]

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use waymark_tests::{Client, DataSet, Installation, Server};

/// A history, what ends its deals, and when forecasts of it are made.
struct History {
    folder: &'static str,
    won: &'static [&'static str],
    lost: &'static [&'static str],
    horizon_days: u32,
    from: &'static str,
    to: &'static str,
    every_days: u32,
}

const LOANS: History = History {
    folder: "bpic2012",
    won: &["A_APPROVED", "A_REGISTERED", "A_ACTIVATED"],
    lost: &["A_DECLINED", "A_CANCELLED"],
    horizon_days: 7,
    from: "2011-11-15T00:00:00Z",
    to: "2012-03-08T00:00:00Z",
    every_days: 4,
};
const DEALS: History = History {
    folder: "maven-crm",
    won: &["Won"],
    lost: &["Lost"],
    horizon_days: 30,
    from: "2017-04-01T00:00:00Z",
    to: "2017-12-01T00:00:00Z",
    every_days: 10,
};
const SELLERS: History = History {
    folder: "olist-funnel",
    won: &["Won"],
    lost: &[],
    horizon_days: 30,
    from: "2018-01-15T00:00:00Z",
    to: "2018-10-15T00:00:00Z",
    every_days: 11,
};

#[tokio::test(flavor = "multi_thread")]
async fn loan_applications_are_forecast_better_than_without_a_model() {
    judge(&LOANS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deals_of_a_sales_team_are_forecast_better_than_without_a_model() {
    judge(&DEALS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_become_sellers_are_forecast_better_than_without_a_model() {
    judge(&SELLERS).await;
}

/// The range of 80% holds between 70 and 90% of what came, all three forecasts without a model are beaten, and nothing is
/// remarked on.
async fn judge(history: &History) {
    let Some(imported) = Imported::new(history, None) else { return };
    let report = imported.back_test(history).await;
    for figure in ["coverage", "coverage_95", "bias", "mape", "brier", "naive", "remarks"] {
        println!("{} {figure}: {}", history.folder, report[figure]);
    }
    assert!(report["points"].as_array().is_some_and(|points| points.len() >= 20));
    let coverage = report["coverage"].as_f64().unwrap_or_default();
    assert!((0.7..=0.9).contains(&coverage), "{coverage}: {}", report["points"]);
    let names: Vec<&Value> =
        report["naive"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
    assert_eq!(names, ["last_period", "stage_probability", "trailing_win_rate"]);
    assert_eq!((&report["beats"], &report["remarks"]), (&json!(3), &json!([])), "{}", report["naive"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_test_says_where_it_has_too_few_dates_and_is_not_better() {
    let Some(imported) = Imported::new(&SELLERS, None) else { return };
    // Before anything was known of how many are won.
    let early = History { from: "2017-07-01T00:00:00Z", to: "2017-12-20T00:00:00Z", ..SELLERS };
    let report = imported.back_test(&early).await;
    let remarks = report["remarks"].to_string();
    assert!(remarks.contains("With 16 forecasts there are fewer than the 20"), "{remarks}");
    assert!(remarks.contains("只有 16 次预测"), "{remarks}");
    let beaten = |one: &&Value| one["beaten"] == json!(true);
    let all = || report["naive"].as_array().into_iter().flatten();
    assert_eq!(report["beats"], json!(all().filter(beaten).count()));
    for naive in all().filter(|one| !beaten(one)) {
        let name = naive["name"].as_str().unwrap_or_default();
        assert!(remarks.contains(&format!("Not better than {name} by both figures")), "{remarks}");
    }
}

/// What came after the date of a forecast is not in it: a history that ends there gives the same numbers, to the last digit.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_later_than_its_date_is_in_a_forecast() {
    let Some(whole) = Imported::new(&DEALS, None) else { return };
    let report = whole.back_test(&DEALS).await;
    for point in [12, 20] {
        let point = &report["points"][point];
        let date = point["effective_at"].as_str().unwrap_or_default();
        let Some(cut) = Imported::new(&DEALS, Some(date)) else { return };
        let asked = format!("/v1/forecasts/history?horizon_days={}&effective_at={date}", DEALS.horizon_days);
        let [then, now] = [cut.read(&asked).await, whole.read(&asked).await];
        assert_eq!(then["horizons"], now["horizons"], "{date}");
        for figure in ["expected", "low", "high", "low_95", "high_95"] {
            assert_eq!(then["horizons"][0]["deals"][figure], point[figure], "{figure} of {date}");
        }
    }
}

/// A history in a fresh database, with a server on it.
struct Imported {
    _installation: Installation,
    _server: Server,
    client: Client,
    log_end: String,
}

impl Imported {
    /// The whole of it, or what had happened by a date.
    fn new(history: &History, until: Option<&str>) -> Option<Self> {
        let set = DataSet::open(history.folder, "oracle.json")?;
        let installation = Installation::new();
        let file = match until {
            None => set.csv.clone(),
            Some(date) => {
                let mut text = String::new();
                let read = std::fs::File::open(&set.csv).and_then(|mut file| file.read_to_string(&mut text));
                read.unwrap_or_else(|error| panic!("{}: {error}", set.csv.display()));
                let file = installation.directory().join("until.csv");
                let mut cut = std::fs::File::create(&file).unwrap_or_else(|error| panic!("{error}"));
                let by_then = |line: &&str| line.split(',').nth(2).is_some_and(|time| time <= date);
                let header = text.lines().take(1);
                for line in header.chain(text.lines().skip(1).filter(by_then)) {
                    writeln!(cut, "{line}").unwrap_or_else(|error| panic!("{error}"));
                }
                file
            }
        };
        let file = file.display().to_string();
        let mut arguments = vec!["import", "--pipeline", "history", "--csv", &file];
        arguments.extend(["--case", "case_id", "--status", "status", "--time", "timestamp"]);
        for (option, stages) in [("--won", history.won), ("--lost", history.lost)] {
            arguments.extend(stages.iter().flat_map(|stage| [option, stage]));
        }
        let finals = history.won.iter().chain(history.lost);
        arguments.extend(finals.flat_map(|stage| ["--final", stage]));
        let _ = installation.run(&arguments).succeeded();
        let server = installation.serve();
        let client = server.admin();
        let log_end = set.oracle["log_end"].as_str().unwrap_or_default().to_owned();
        Some(Self { _installation: installation, _server: server, client, log_end })
    }

    async fn read(&self, path: &str) -> Value {
        let head = self.client.head().await;
        self.client.get(&format!("{path}&min_position={head}&wait_ms=60000")).await.expect(200).body
    }

    async fn back_test(&self, history: &History) -> Value {
        let History { horizon_days, from, to, every_days, .. } = history;
        let window = format!("horizon_days={horizon_days}&from={from}&to={to}&every_days={every_days}");
        let asked = format!("/v1/forecasts/history/back-test?{window}&effective_at={}", self.log_end);
        self.read(&asked).await
    }
}
