//! A file with a mistake in it: the line is named, and nothing of the file is imported.

#![cfg(test)]

use std::path::PathBuf;

use reqwest::Method;
use waymark_tests::{Installation, Ran};

const HEADER: &str = "case_id,status,timestamp,actor,note\n";
const GOOD: &str = "A,New,2024-01-01T00:00:00.000Z,ann,\nB,New,2024-01-01T06:00:00.000Z,bob,\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_named_by_its_line_and_nothing_is_imported() {
    let bad_rows = [
        ("an instant that is none", "A,Quoted,last tuesday,ann,\n"),
        ("a thirteenth month", "A,Quoted,2024-13-02T00:00:00Z,ann,\n"),
        ("an empty status", "A,,2024-01-02T00:00:00.000Z,ann,\n"),
        ("an empty case", ",Quoted,2024-01-02T00:00:00.000Z,ann,\n"),
        ("a column too few", "A,Quoted,2024-01-02T00:00:00.000Z\n"),
        ("a column too many", "A,Quoted,2024-01-02T00:00:00.000Z,ann,,surplus\n"),
        ("a control character", "A,Quo\u{0}ted,2024-01-02T00:00:00.000Z,ann,\n"),
    ];
    for (name, row) in bad_rows {
        let installation = Installation::new();
        let ran = import(&installation, &format!("{HEADER}{GOOD}{row}"), &[]);
        assert_ne!(ran.code, 0, "{name}: {}", ran.said());
        assert!(ran.stderr.contains("line 4"), "{name}: {}", ran.said());
        assert_eq!(events(&installation).await, 0, "{name} left something behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_utf_8_are_named_by_their_line() {
    let installation = Installation::new();
    let file = installation.directory().join("bad.csv");
    let mut bytes = format!("{HEADER}{GOOD}").into_bytes();
    bytes.extend(b"A,Qu\xffoted,2024-01-02T00:00:00.000Z,ann,\n");
    std::fs::write(&file, bytes).expect("the file can be written");
    let ran = installation.import("history", &file, &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("line 4"), "{}", ran.said());
    assert_eq!(events(&installation).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn skipping_bad_rows_imports_the_others_and_says_how_many_were_left_out() {
    let installation = Installation::new();
    let ran = import(
        &installation,
        &format!("{HEADER}{GOOD}A,Quoted,last tuesday,ann,\nA,Won,2024-01-04T00:00:00.000Z,ann,\n"),
        &["--skip-bad"],
    );
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(
        ran.stdout.lines().any(|line| line.starts_with("skipped") && line.ends_with(" 1")),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("1 bad row was left out"), "{}", ran.stderr);
    assert_eq!(events(&installation).await, 3 + 1, "three rows, and the pipeline made from them");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_left_out_are_named_with_line_column_and_cause_up_to_a_thousand() {
    let installation = Installation::new();
    let bad = "A,Quoted,last tuesday,ann,\n".repeat(999);
    let more = ",Quoted,2024-01-02T00:00:00Z,ann,\nA,,2024-01-02T00:00:00Z,ann,\n";
    let csv = format!("{HEADER}{GOOD}{bad}{more}");
    let ran = import(&installation, &csv, &["--skip-bad"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let named = ran.stderr.lines().filter(|line| line.trim_start().starts_with("line ")).count();
    assert_eq!(named, 1_000, "{}", ran.stderr);
    assert!(ran.stderr.contains("1001 bad rows were left out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  line 4: time "), "{}", ran.stderr);
    assert!(ran.stderr.contains("  line 1003: case It is empty. (missing-field)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("… and 1 more"), "{}", ran.stderr);

    let installation = Installation::new();
    let ran = import(&installation, &csv, &["--skip-bad", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(
        (&report["skipped"], report["bad_rows"].as_array().map(Vec::len)),
        (&1001.into(), Some(1_000))
    );
    assert_eq!(report["bad_rows"][999]["line"], 1003);
    assert_eq!(report["bad_rows"][999]["field"], "case");
    assert_eq!(report["bad_rows"][0]["code"], "invalid-instant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_is_named() {
    let installation = Installation::new();
    let ran = import(&installation, "case_id,state,timestamp,actor\nA,New,2024-01-01T00:00:00Z,ann\n", &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("status"), "{}", ran.said());
    assert_eq!(events(&installation).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named_and_no_file_is_made() {
    let installation = Installation::new();
    let ran = installation.import("history", &PathBuf::from("nowhere.csv"), &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("nowhere.csv"), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzipped_file_cut_short_imports_nothing() {
    use std::io::Write;
    let installation = Installation::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(format!("{HEADER}{}", GOOD.repeat(2000)).as_bytes()).expect("it can be packed");
    let packed = packed.finish().expect("it can be packed");
    let file = installation.directory().join("cut.csv.gz");
    std::fs::write(&file, &packed[..packed.len() / 2]).expect("the file can be written");
    let ran = installation.import("history", &file, &[]);
    assert_ne!(ran.code, 0, "{}", ran.said());
    assert_eq!(events(&installation).await, 0);
}

fn import(installation: &Installation, csv: &str, more: &[&str]) -> Ran {
    std::fs::write(installation.directory().join("history.csv"), csv).expect("the file can be written");
    let mut arguments = vec!["import", "--pipeline", "history", "--csv", "history.csv"];
    arguments.extend(["--case", "case_id", "--status", "status", "--time", "timestamp", "--actor", "actor"]);
    arguments.extend(more);
    installation.run(&arguments)
}

/// How many events the log holds beside those of who may call.
async fn events(installation: &Installation) -> u64 {
    let server = installation.serve();
    let events = server.admin().events_after(0).await;
    let of_keys =
        |event: &&serde_json::Value| event["type"].as_str().is_some_and(|name| name.starts_with("key."));
    (events.len() - events.iter().filter(of_keys).count()) as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_more_statuses_than_a_pipeline_has_stages_is_refused_at_the_first_that_is_too_many() {
    // What follows is no CSV at all: it is not read any more.
    let statuses: String =
        (0..2_000).map(|n| format!("A,S{n},2024-01-01T00:00:00.000Z,ann,\n")).collect::<String>();
    let csv = format!("{HEADER}{statuses}\u{0},\"");
    let installation = Installation::new();
    let ran = import(&installation, &csv, &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("line 202: the file has more than 200 different statuses"), "{}", ran.stderr);
    assert_eq!(events(&installation).await, 0);

    let server = installation.serve();
    let path = "/v1/imports?pipeline=history&case=case_id&status=status&time=timestamp";
    let sent = server.admin().call(Method::POST, path).bytes("text/csv", csv).send().await;
    let refused = sent.refused(422, "too-many-statuses");
    assert_eq!(refused.at("/line"), 202);
    assert_eq!(refused.at("/limit"), 200);
    assert_eq!(refused.at("/violations/0/field"), "status");

    let long: String =
        (0..200).map(|n| format!("A,{}{n},2024-01-01T00:00:00.000Z,ann,\n", "长".repeat(90))).collect();
    let sent =
        server.admin().call(Method::POST, path).bytes("text/csv", format!("{HEADER}{long}")).send().await;
    let refused = sent.refused(413, "event-too-large");
    assert_eq!(refused.at("/violations/0/field"), "status");
    assert_eq!(refused.at("/limit_bytes"), 65_535);
    let pipelines = server.admin().get("/v1/pipelines").await.expect(200);
    assert!(pipelines.items().is_empty(), "{}", pipelines.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_of_one_case_that_are_all_bad_are_told_and_not_compared_with_each_other() {
    let installation = Installation::new();
    let ran = import(&installation, &format!("{HEADER}{GOOD}"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let bad: String = (0..100_000).map(|n| format!("C,S{n},2024-01-01T00:00:00.000Z,ann,\n")).collect();
    let ran = import(&installation, &format!("{HEADER}{bad}"), &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("100000 bad rows"), "{}", ran.stderr);
}
