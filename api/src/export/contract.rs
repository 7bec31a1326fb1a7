//! What every format of exports must keep: each rule is asked of all formats and all kinds. A new format is asked as soon as it stands
//! in `Format::ALL`, once `rows_in` says how its rows are counted.

use std::collections::BTreeSet;
use std::io::Cursor;

use calamine::{Reader as _, Xlsx};
use serde_json::{Value, json};
use waymark_domain::{Actor, Role};
use waymark_eventstore::Position;
use waymark_projections::CohortFilter;
use waymark_projections::dwell::Window;

use super::{Export, Format, Kind, Pin, start};
use crate::app::Caller;
use crate::http::testing::Bench;

const PHONE: &str = "13800138000";

/// A tenant with a customer in a pool and one of a rep, who were moved.
struct Recorded {
    bench: Bench,
    admin: String,
    /// Where the log ended then.
    head: Position,
}

impl Recorded {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        let pipeline = json!({"key": "deals", "template": "helloword-13"});
        assert_eq!(bench.post(&admin, "/v1/pipelines", &pipeline).await.status, 201);
        let phone = json!([{"kind": "phone", "value": PHONE}]);
        bench.register(&admin, &json!({"pipeline": "deals", "name": "海棠", "contacts": phone})).await;
        let mut recorded = Self { bench, admin, head: 0 };
        recorded.go_on("=1+1, \"quoted\"").await;
        recorded.head = recorded.bench.app.store.head(recorded.bench.tenant()).await.unwrap().position;
        recorded
    }

    /// Another customer, of a rep.
    async fn go_on(&self, name: &str) {
        let owner = json!({"kind": "rep", "id": "li"});
        let customer = json!({"pipeline": "deals", "name": name, "owner": owner});
        self.bench.register(&self.admin, &customer).await;
        self.bench.catch_up().await;
    }

    fn caller(&self, name: &str, role: Role) -> Caller {
        let actor = Actor::new(name, [role]);
        Caller { tenant: self.bench.tenant(), actor, via: None, origin: None, endpoint: None }
    }

    async fn export(&self, caller: &Caller, (format, kind): (Format, Kind), position: Position) -> Export {
        let pin = Pin::at(&self.bench.app, caller, position).await.unwrap();
        let (filter, window) = (CohortFilter::default(), Window::default());
        Export { kind, format, pipeline: None, filter, window, bom: false, escape_formulas: false, pin }
    }

    /// The bytes of an export, and how many rows it counted.
    async fn written(&self, caller: &Caller, what: (Format, Kind), position: Position) -> (Vec<u8>, u64) {
        let export = self.export(caller, what, position).await;
        let (mut pieces, rows) = start(self.bench.app.clone(), caller.clone(), export);
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.recv().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        (bytes, rows.await.unwrap())
    }
}

fn all() -> impl Iterator<Item = (Format, Kind)> {
    Format::ALL.into_iter().flat_map(|format| Kind::ALL.map(|(_, kind)| (format, kind)))
}

/// How many rows a reader finds in an export; none where no reader of ours reads it, and it is seen only that it is whole.
fn rows_in((format, kind): (Format, Kind), bytes: &[u8]) -> Option<usize> {
    let text = || std::str::from_utf8(bytes).unwrap();
    Some(match format {
        Format::Csv => text().matches("\r\n").count() - 1,
        Format::Ndjson => {
            let lines = text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines.filter(Value::is_object).count()
        }
        Format::Parquet => {
            assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
            return None;
        }
        Format::Xlsx => {
            let mut book = Xlsx::new(Cursor::new(bytes.to_vec())).unwrap();
            let sheet = book.worksheet_range_at(0).unwrap().unwrap();
            sheet.height() - 1
        }
        Format::Xes => {
            assert!(text().starts_with("<?xml") && text().ends_with("</log>\n"));
            text().matches(if kind == Kind::Customers { "<trace>" } else { "<event>" }).count()
        }
        Format::OcelJson => {
            let log: Value = serde_json::from_str(text()).unwrap();
            let of = |list: &str| log[list].as_array().unwrap().clone();
            match kind {
                Kind::Customers => of("objects").iter().filter(|one| one["type"] == "customer").count(),
                _ => of("events").len(),
            }
        }
    })
}

#[tokio::test]
async fn the_same_request_gives_the_same_bytes_whatever_is_recorded_later() {
    let mut recorded = Recorded::new().await;
    let admin = recorded.caller("admin:root", Role::Admin);
    let mut before = Vec::new();
    for what in all() {
        before.push((what, recorded.written(&admin, what, recorded.head).await));
    }
    recorded.go_on("later").await;
    for (what, then) in before {
        assert!(recorded.written(&admin, what, recorded.head).await == then, "{what:?}");
    }
    recorded.head += 1;
    let events = (Format::Ndjson, Kind::Events);
    let (_, rows) = recorded.written(&admin, events, recorded.head).await;
    assert_eq!(rows, recorded.head, "there is something later");
}

#[tokio::test]
async fn as_many_rows_are_counted_as_a_reader_finds_and_as_many_in_every_format() {
    let recorded = Recorded::new().await;
    let admin = recorded.caller("admin:root", Role::Admin);
    for what in all() {
        let (bytes, rows) = recorded.written(&admin, what, recorded.head).await;
        let (format, kind) = what;
        // The event logs of a process are made of moves where entries were asked for.
        let is_process = matches!(format, Format::Xes | Format::OcelJson);
        let kind = if is_process && kind == Kind::Events { Kind::Moves } else { kind };
        let (_, expected) = recorded.written(&admin, (Format::Csv, kind), recorded.head).await;
        assert!(rows == expected && expected >= 2, "{what:?}: {rows}, {expected}");
        assert!(rows_in(what, &bytes).is_none_or(|found| found as u64 == rows), "{what:?}: {rows}");
    }
}

#[tokio::test]
async fn where_nothing_was_recorded_there_is_a_file_all_the_same() {
    let recorded = Recorded::new().await;
    let admin = recorded.caller("admin:root", Role::Admin);
    for what in all() {
        let (bytes, rows) = recorded.written(&admin, what, 0).await;
        assert_eq!(rows, 0, "{what:?}");
        assert!(!bytes.is_empty() || what.0 == Format::Ndjson, "{what:?}");
        assert!(rows_in(what, &bytes).is_none_or(|found| found == 0), "{what:?}");
    }
}

#[tokio::test]
async fn what_a_caller_may_not_see_is_in_no_format() {
    let recorded = Recorded::new().await;
    let (admin, li) = (recorded.caller("admin:root", Role::Admin), recorded.caller("rep:li", Role::Rep));
    let holds = |bytes: &[u8]| bytes.windows(PHONE.len()).any(|window| window == PHONE.as_bytes());
    for what in all() {
        assert!(!holds(&recorded.written(&li, what, recorded.head).await.0), "{what:?}");
    }
    for format in [Format::Csv, Format::Ndjson, Format::Xes] {
        assert!(
            holds(&recorded.written(&admin, (format, Kind::Customers), recorded.head).await.0),
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn a_reader_that_leaves_ends_it() {
    let recorded = Recorded::new().await;
    let admin = recorded.caller("admin:root", Role::Admin);
    for what in all() {
        let export = recorded.export(&admin, what, recorded.head).await;
        let (pieces, rows) = start(recorded.bench.app.clone(), admin.clone(), export);
        drop(pieces);
        let _rows = rows.await.unwrap();
    }
}

#[test]
fn each_format_has_a_word_of_its_own_and_says_what_it_is() {
    let words: BTreeSet<&str> = Format::ALL.into_iter().map(Format::as_str).collect();
    assert_eq!(words.len(), Format::ALL.len());
    for format in Format::ALL {
        assert_eq!(Format::parse(format.as_str()), Some(format));
        assert!(format.media_type().contains('/') && !format.extension().is_empty(), "{format:?}");
    }
}
