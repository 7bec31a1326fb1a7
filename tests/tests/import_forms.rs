//! A history in each of the forms in which people hand files on: the log that it makes is the same. That large ones are read
//! alike in every form is tested where files are read, and what is made of them in `oracles.rs`.

#![cfg(test)]

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rust_xlsxwriter::Workbook;
use serde_json::Value;
use waymark_tests::{DataSet, Installation};

/// By case, its events: type, time, actor and data.
type Log = BTreeMap<String, Vec<[String; 4]>>;

/// The column of the status in the shared data.
const STATUS: usize = 1;

#[test]
fn tiny_makes_the_same_log_in_every_form() {
    let Some(set) = DataSet::open("tiny", "oracle.json") else { return };
    let csv = in_chinese(&std::fs::read(&set.csv).expect("the file can be read"));
    let expected = log_of(&set, "csv", &csv);
    let events: usize = expected.values().map(Vec::len).sum();
    assert_eq!(Some(events as u64), set.oracle["events"].as_u64(), "an event a row");
    for (form, bytes) in [("csv.gz", packed(&csv)), ("xlsx", workbook(&csv)), ("gb18030.csv", gb18030(&csv))]
    {
        let log = log_of(&set, form, &bytes);
        let differs = expected.iter().zip(&log).find(|(expected, seen)| expected != seen);
        assert_eq!(differs, None, "as {form}");
        assert_eq!(log.len(), expected.len(), "as {form}");
    }
}

/// With names of statuses that are of other bytes in each encoding.
fn in_chinese(csv: &[u8]) -> Vec<u8> {
    let mut written = csv::Writer::from_writer(Vec::new());
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    for (row, record) in rows.records().enumerate() {
        let mut record: Vec<String> = record.expect("a record").iter().map(str::to_owned).collect();
        if row > 0 {
            record[STATUS] = chinese(&record[STATUS]);
        }
        written.write_record(&record).expect("a record");
    }
    written.into_inner().expect("it can be written")
}

fn chinese(status: &str) -> String {
    format!("阶段 {status}")
}

fn packed(csv: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(csv).expect("it can be packed");
    packed.finish().expect("it can be packed")
}

fn gb18030(csv: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(csv).expect("UTF-8");
    let (bytes, _, unmapped) = encoding_rs::GB18030.encode(text);
    assert!(!unmapped, "GB 18030 has every character");
    bytes.into_owned()
}

fn workbook(csv: &[u8]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    for (row, record) in (0_u32..).zip(rows.records()) {
        for (column, text) in (0_u16..).zip(&record.expect("a record")) {
            let _ = sheet.write_string(row, column, text).expect("it fits into a sheet");
        }
    }
    book.save_to_buffer().expect("it can be written")
}

/// What an import wrote of each case, in its order: cases are written side by side, and their customers have other ids each time.
fn log_of(set: &DataSet, form: &str, bytes: &[u8]) -> Log {
    let installation = Installation::new();
    let file = installation.directory().join(format!("history.{form}"));
    std::fs::write(&file, bytes).expect("the file can be written");
    let finals: Vec<String> = set.finals().into_iter().map(chinese).collect();
    let finals: Vec<&str> = finals.iter().map(String::as_str).collect();
    let _ = installation.import("history", &file, &finals).succeeded();
    let exported = installation.run(&["export", "events", "--format", "ndjson"]).succeeded();
    let (mut cases, mut log) = (HashMap::new(), Log::new());
    for line in exported.lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (customer, data) = (text("customer"), text("data"));
        if customer.is_empty() {
            continue;
        }
        if let Some(case) = named(&data) {
            cases.insert(customer.clone(), case);
        }
        let case = cases.get(&customer).cloned().expect("a customer is registered before it moves");
        let data = data.replace(&customer, &case);
        log.entry(case).or_default().push([text("type"), text("effective_at"), text("actor"), data]);
    }
    log
}

/// The case that an event names, as registrations do.
fn named(data: &str) -> Option<String> {
    let data: Value = serde_json::from_str(data).expect("JSON");
    data["external_id"].as_str().map(str::to_owned)
}
