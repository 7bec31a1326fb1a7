//! Real histories in each of the forms in which people hand files on: what is read of them is the same, to the last field, and
//! what an import writes follows from that alone.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rust_xlsxwriter::Workbook;
use serde_json::Value;
use waymark_domain::Actor;
use waymark_domain::field::Fields;
use waymark_domain::pipeline::{Endings, Pipeline};

use super::Mapping;
use super::describe::Describing;
use super::read::{File, read};

/// The column of the status in the shared data.
const STATUS: usize = 1;

#[test]
fn maven_crm_is_read_alike_in_every_form() {
    compare("maven-crm", "oracle.json");
}

#[test]
fn olist_funnel_is_read_alike_in_every_form() {
    compare("olist-funnel", "oracle.json");
}

#[test]
fn bpic2012_is_read_alike_in_every_form() {
    compare("bpic2012", "oracle.json");
}

#[test]
fn bpic2012_in_full_is_read_alike_in_every_form() {
    compare("bpic2012", "oracle_full.json");
}

fn compare(folder: &str, oracle: &str) {
    let Some(folder) = data().map(|data| data.join(folder)) else { return };
    let oracle: Value = serde_json::from_slice(&std::fs::read(folder.join(oracle)).unwrap()).unwrap();
    let csv = in_chinese(&plain(&folder.join(oracle["input"]["csv"].as_str().unwrap())));
    let expected = read_whole(&csv);
    assert_eq!(
        (Some(expected.rows), Some(expected.cases.len() as u64)),
        (oracle["events"].as_u64(), oracle["cases"].as_u64()),
        "a row an event"
    );
    let forms = [("csv", packed(&csv)), ("xlsx", workbook(&csv)), ("csv", gb18030(&csv))];
    for (form, bytes) in forms {
        let file = read_whole(&bytes);
        assert_eq!(file.detected.format, form);
        let form = format!("{form}, gzip {}, {:?}", file.detected.gzip, file.detected.encoding);
        let differs = expected.cases.iter().zip(&file.cases).find(|(expected, seen)| expected != seen);
        assert!(differs.is_none(), "{form}: {differs:?}");
        assert_eq!((file.rows, file.cases.len()), (expected.rows, expected.cases.len()), "{form}");
        assert_eq!(file.statuses, expected.statuses, "{form}");
    }
}

/// What is read of a file without bad rows.
fn read_whole(bytes: &[u8]) -> File {
    let mapping = Mapping {
        pipeline: "p".into(),
        case: "case_id".into(),
        status: Some("status".into()),
        time: Some("timestamp".into()),
        actor: Some("actor".into()),
        ..Mapping::default()
    };
    let pipeline = Arc::new(Pipeline::any_move("p", &[], &Endings::default()));
    let describing = Describing {
        pipeline: "p".into(),
        pipelines: Arc::new([("p".to_owned(), pipeline)].into()),
        fields: Fields::new(),
        keys: Vec::new(),
        now: "2026-11-29T00:00:00Z".parse().unwrap(),
        importer: Actor::new("system:import", []),
    };
    let file = read(bytes, &mapping, &describing, None, &|_| {}).unwrap();
    assert!(file.bad.is_empty(), "{:?}", file.bad.first());
    file
}

/// The shared data; none where they are absent and may be.
fn data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let data = std::env::var_os("WAYMARK_SHARED").map_or_else(beside, PathBuf::from).join("data");
    let may_be_absent = std::env::var_os("WAYMARK_TESTS_STRICT").is_none();
    assert!(data.is_dir() || may_be_absent, "{} is absent and nothing may be skipped", data.display());
    data.is_dir().then_some(data)
}

fn plain(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return bytes;
    }
    let mut plain = Vec::new();
    let _ = GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
    plain
}

/// With names of statuses that are of other bytes in each encoding.
fn in_chinese(csv: &[u8]) -> Vec<u8> {
    let mut written = csv::Writer::from_writer(Vec::new());
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    for (row, record) in rows.records().enumerate() {
        let mut record: Vec<String> = record.unwrap().iter().map(str::to_owned).collect();
        if row > 0 {
            record[STATUS] = format!("阶段 {}", record[STATUS]);
        }
        written.write_record(&record).unwrap();
    }
    written.into_inner().unwrap()
}

fn packed(csv: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(csv).unwrap();
    packed.finish().unwrap()
}

fn gb18030(csv: &[u8]) -> Vec<u8> {
    let (bytes, _, unmapped) = encoding_rs::GB18030.encode(std::str::from_utf8(csv).unwrap());
    assert!(!unmapped, "GB 18030 has every character");
    bytes.into_owned()
}

fn workbook(csv: &[u8]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    for (row, record) in (0_u32..).zip(rows.records()) {
        for (column, text) in (0_u16..).zip(&record.unwrap()) {
            let _ = sheet.write_string(row, column, text).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}
