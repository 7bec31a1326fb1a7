//! From the bytes of a CSV file to rows, grouped by case.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use csv::StringRecord;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use waymark_domain::Label;
use waymark_domain::instant::{InvalidInstant, is_leap_second};

use super::{BadRow, ImportError, Mapping, Phase, Progress};

/// The longest text of a status, case or actor, in characters.
const MAX_NAME: usize = 100;
/// How many rows pass between two reports of progress.
const REPORT_EVERY: u64 = 10_000;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) status: Arc<str>,
    pub(super) at: DateTime<Utc>,
    pub(super) actor: Arc<str>,
    pub(super) note: Option<Box<str>>,
}

/// The rows of one case, by time; rows of the same instant in the order of the file.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) id: Arc<str>,
    pub(super) rows: Vec<Row>,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    /// In the order in which they first occur.
    pub(super) cases: Vec<Case>,
    /// In the order in which they first occur.
    pub(super) statuses: Vec<String>,
    pub(super) rows: u64,
    pub(super) bad: Vec<BadRow>,
    /// SHA-256 of the bytes: what the receipts of its cases are named by.
    pub(super) digest: [u8; 32],
}

/// Where in a record each column is.
struct Columns {
    case: usize,
    status: usize,
    time: usize,
    actor: Option<usize>,
    /// Everything else goes into the row's note.
    rest: Vec<(usize, String)>,
}

/// Equal texts, kept once.
#[derive(Default)]
struct Texts(HashMap<Box<str>, Arc<str>>);

/// A reader that remembers a digest of what passed through it.
struct Digesting<R> {
    inner: R,
    digest: Sha256,
}

/// Reads a whole file, plain or gzip. One that has more than `most_statuses` of them, where that is given, is given up as soon
/// as they have come.
pub(super) fn read(
    source: impl Read,
    mapping: &Mapping,
    most_statuses: Option<usize>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<File, ImportError> {
    let mut digesting = Digesting { inner: source, digest: Sha256::new() };
    let mut file = {
        let mut buffered = BufReader::with_capacity(1 << 16, &mut digesting);
        let gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        if gzip {
            read_csv(MultiGzDecoder::new(buffered), mapping, most_statuses, progress)?
        } else {
            read_csv(buffered, mapping, most_statuses, progress)?
        }
    };
    file.digest = digesting.digest.finalize().into();
    Ok(file)
}

fn read_csv(
    source: impl Read,
    mapping: &Mapping,
    most_statuses: Option<usize>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<File, ImportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source);
    let columns = Columns::find(reader.headers().map_err(not_csv)?, mapping)?;
    let width = reader.headers().map_err(not_csv)?.len();
    let mut texts = Texts::default();
    let mut by_case: HashMap<Arc<str>, usize> = HashMap::new();
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    let mut file =
        File { cases: Vec::new(), statuses: Vec::new(), rows: 0, bad: Vec::new(), digest: [0; 32] };
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(not_csv)? {
        file.rows += 1;
        if file.rows.is_multiple_of(REPORT_EVERY) {
            progress(Progress { phase: Phase::Reading, done: file.rows, total: 0 });
        }
        let line = record.position().map_or(0, csv::Position::line);
        match columns.row(&record, line, width, &mut texts) {
            Err(bad) => file.bad.push(bad),
            Ok((case, row)) => {
                if seen.insert(row.status.clone()) {
                    file.statuses.push(row.status.to_string());
                    if let Some(most) = most_statuses.filter(|most| file.statuses.len() > *most) {
                        return Err(ImportError::TooManyStatuses { line, most });
                    }
                }
                let index = *by_case.entry(case.clone()).or_insert_with(|| {
                    file.cases.push(Case { id: case, rows: Vec::new() });
                    file.cases.len() - 1
                });
                file.cases[index].rows.push(row);
            }
        }
    }
    if file.rows == 0 {
        return Err(ImportError::Empty);
    }
    for case in &mut file.cases {
        case.rows.sort_by_key(|row| row.at);
        case.rows.shrink_to_fit();
    }
    Ok(file)
}

impl Columns {
    fn find(headers: &StringRecord, mapping: &Mapping) -> Result<Self, ImportError> {
        let names: Vec<String> =
            headers.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
        let find = |parameter, column: &str| {
            names.iter().position(|name| name == column).ok_or_else(|| ImportError::NoColumn {
                parameter,
                column: column.to_owned(),
                found: names.clone(),
            })
        };
        let case = find("case", &mapping.case)?;
        let status = find("status", &mapping.status)?;
        let time = find("time", &mapping.time)?;
        let actor = mapping.actor.as_deref().map(|actor| find("actor", actor)).transpose()?;
        let used = [Some(case), Some(status), Some(time), actor];
        let rest = names.iter().enumerate().filter(|(index, _)| !used.contains(&Some(*index)));
        let rest = rest.map(|(index, name)| (index, name.clone())).collect();
        Ok(Self { case, status, time, actor, rest })
    }

    fn row(
        &self,
        record: &StringRecord,
        line: u64,
        width: usize,
        texts: &mut Texts,
    ) -> Result<(Arc<str>, Row), BadRow> {
        let bad = |field: &str, code: &str, message| BadRow {
            line,
            field: field.to_owned(),
            code: code.to_owned(),
            message,
        };
        if record.len() != width {
            let message = Label::new(
                format!("这一行有 {} 列，表头有 {width} 列。", record.len()),
                format!("The row has {} fields, the header {width}.", record.len()),
            );
            return Err(bad("", "field-count", message));
        }
        let named = |field, index: usize| {
            let text = record.get(index).unwrap_or_default().trim();
            match name_fault(text) {
                None => Ok(text),
                Some((code, message)) => Err(bad(field, code, message)),
            }
        };
        let case = named("case", self.case)?;
        let status = named("status", self.status)?;
        let time = record.get(self.time).unwrap_or_default().trim();
        let at = instant(time).map_err(|why| {
            let message = match why {
                InvalidInstant::LeapSecond => why.label(),
                InvalidInstant::Malformed => Label::new(
                    format!("“{time}”不是时间；请用 RFC 3339，例如 2026-03-01T09:30:00+08:00。"),
                    format!("{time:?} is not an instant; write RFC 3339, such as 2026-03-01T09:30:00+08:00."),
                ),
            };
            bad("time", "invalid-instant", message)
        })?;
        let actor = match self.actor.map(|index| record.get(index).unwrap_or_default().trim()) {
            None | Some("") => "",
            // A rep has one name, with the word for its role or without.
            Some(_) => {
                let name = named("actor", self.actor.unwrap_or_default())?;
                name.strip_prefix("rep:").filter(|id| !id.trim().is_empty()).unwrap_or(name)
            }
        };
        let row =
            Row { line, status: texts.keep(status), at, actor: texts.keep(actor), note: self.note(record) };
        Ok((texts.keep(case), row))
    }

    /// What the other columns say: the text of a lone one as it stands, several as a JSON object.
    fn note(&self, record: &StringRecord) -> Option<Box<str>> {
        let mut filled = self.rest.iter().filter_map(|(index, name)| {
            let text = record.get(*index).filter(|text| !text.is_empty())?;
            Some((name, text))
        });
        if self.rest.len() == 1 {
            return filled.next().map(|(_, text)| text.into());
        }
        let object: Map<String, Value> = filled.map(|(name, text)| (name.clone(), text.into())).collect();
        (!object.is_empty()).then(|| Value::Object(object).to_string().into_boxed_str())
    }
}

impl Texts {
    fn keep(&mut self, text: &str) -> Arc<str> {
        if let Some(kept) = self.0.get(text) {
            return kept.clone();
        }
        let kept: Arc<str> = text.into();
        self.0.insert(text.into(), kept.clone());
        kept
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

fn name_fault(text: &str) -> Option<(&'static str, Label)> {
    if text.is_empty() {
        return Some(("missing-field", Label::new("不能为空。", "It is empty.")));
    }
    if text.chars().count() > MAX_NAME {
        return Some((
            "text-too-long",
            Label::new(
                format!("超过 {MAX_NAME} 个字符。"),
                format!("It is longer than {MAX_NAME} characters."),
            ),
        ));
    }
    if text.chars().any(char::is_control) {
        return Some(("control-character", Label::new("含有控制字符。", "It has control characters.")));
    }
    None
}

/// An instant as files write it: RFC 3339; or a date, with or without a time, read as UTC.
fn instant(text: &str) -> Result<DateTime<Utc>, InvalidInstant> {
    let with_offset = || DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc().naive_utc());
    let local = |shape| move |_| NaiveDateTime::parse_from_str(text, shape);
    let day =
        |_| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(chrono::NaiveTime::MIN));
    let parsed = with_offset()
        .or_else(local("%Y-%m-%d %H:%M:%S%.f"))
        .or_else(local("%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(day)
        .map_err(|_| InvalidInstant::Malformed)?;
    if is_leap_second(&parsed) {
        Err(InvalidInstant::LeapSecond)
    } else {
        Ok(parsed.and_utc().trunc_subsecs(6))
    }
}

fn not_csv(error: csv::Error) -> ImportError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ImportError::Io(error),
        csv::ErrorKind::Utf8 { pos, err } => ImportError::NotCsv {
            line: pos.map_or(line, |position| position.line()),
            why: format!("not UTF-8: {err}"),
        },
        other => ImportError::NotCsv { line, why: format!("{other:?}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> Mapping {
        Mapping {
            pipeline: "p".into(),
            case: "case".into(),
            status: "status".into(),
            time: "time".into(),
            actor: Some("who".into()),
            ..Mapping::default()
        }
    }

    fn read_text(text: &str) -> Result<File, ImportError> {
        read(text.as_bytes(), &mapping(), None, &|_| {})
    }

    #[test]
    fn rows_of_a_case_stand_by_time_and_then_in_file_order() {
        let file = read_text(
            "case,status,time,who\nA,Late,2024-01-02T00:00:00Z,x\nA,First,2024-01-01T00:00:00Z,\nA,Second,2024-01-01T00:00:00Z,y\n",
        )
        .unwrap();
        let order: Vec<&str> = file.cases[0].rows.iter().map(|row| &*row.status).collect();
        assert_eq!(order, ["First", "Second", "Late"]);
        assert_eq!(file.statuses, ["Late", "First", "Second"]);
    }

    #[test]
    fn a_bad_row_is_known_by_its_line_and_column() {
        let file = read_text(
            "case,status,time,who\n\"A\nB\",New,2024-01-01,x\nA,New,yesterday,x\nA,,2024-01-01,x\n",
        )
        .unwrap();
        let bad: Vec<(u64, &str, &str)> =
            file.bad.iter().map(|bad| (bad.line, bad.field.as_str(), bad.code.as_str())).collect();
        assert_eq!(
            bad,
            [
                (2, "case", "control-character"),
                (4, "time", "invalid-instant"),
                (5, "status", "missing-field")
            ]
        );
    }

    #[test]
    fn other_columns_become_the_note() {
        let file = read_text("case,status,time,who,product,value\nA,New,2024-01-01,x,GTX,\n").unwrap();
        assert_eq!(file.cases[0].rows[0].note.as_deref(), Some(r#"{"product":"GTX"}"#));
        let file = read_text("case,status,time,who,remark\nA,New,2024-01-01,x,as it stands\n").unwrap();
        assert_eq!(file.cases[0].rows[0].note.as_deref(), Some("as it stands"));
    }

    #[test]
    fn a_missing_column_is_named_with_those_there_are() {
        let error = read_text("case,state,time,who\n").unwrap_err();
        assert!(
            matches!(error, ImportError::NoColumn { parameter: "status", ref found, .. } if found.len() == 4)
        );
    }

    #[test]
    fn a_gzip_file_is_read_like_a_plain_one() {
        use std::io::Write as _;
        let text = "case,status,time,who\nA,New,2024-01-01,x\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let file = read(gzip.finish().unwrap().as_slice(), &mapping(), None, &|_| {}).unwrap();
        assert_eq!(file.rows, 1);
    }

    #[test]
    fn instants_come_with_an_offset_or_are_read_as_utc() {
        let expected = "2024-01-01T04:30:00Z".parse::<DateTime<Utc>>().map_err(|_| InvalidInstant::Malformed);
        assert_eq!(instant("2024-01-01T12:30:00+08:00"), expected);
        assert_eq!(instant("2024-01-01 04:30:00"), expected);
        assert_eq!(instant("01/02/2024"), Err(InvalidInstant::Malformed));
        for leap in [
            "2016-12-31T23:59:60Z",
            "2016-12-31 23:59:60",
            "2026-06-30T12:34:60.5",
            "2026-06-30T12:34:60+08:00",
        ] {
            assert_eq!(instant(leap), Err(InvalidInstant::LeapSecond), "{leap}");
        }
    }
}
