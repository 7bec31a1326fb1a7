//! From the bytes of a file to records of texts: what is packed is unpacked, and characters, separators and sheets are told by
//! what the file holds.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Cursor, Read};

use csv::StringRecord;
use encoding_rs::{Encoding, UTF_8};
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Label;

use super::charset::{self, Transcoded};
use super::header::{HEADER_WITHIN, HeaderScore, IsWanted};
use super::workbook::{self, SheetRow};
use super::{Format, ImportError};

/// How many bytes are looked at to tell the encoding and the separator.
const LOOKED_AT: usize = 1 << 20;
/// The most bytes of a workbook, which is read whole.
const MOST_WORKBOOK_BYTES: u64 = 128 * 1024 * 1024;
/// The most bytes of one record, in UTF-8: more than any row of people's files has, and little enough to be kept in memory
/// however far a packed file unpacks.
const MOST_RECORD_BYTES: u64 = 16 * 1024 * 1024;
/// What stands between fields, in the order in which it is tried.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What a file turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Detected {
    /// `csv` or `xlsx`.
    #[schema(example = "csv")]
    pub format: String,
    /// Whether it was packed by gzip.
    pub gzip: bool,
    /// The encoding of its characters, by its name in the WHATWG Encoding Standard; none of a workbook.
    #[schema(example = "gb18030")]
    pub encoding: Option<String>,
    /// What stands between fields; none in a workbook.
    #[schema(example = ";")]
    pub separator: Option<String>,
    /// The sheet that is read; none of a text file.
    pub sheet: Option<String>,
    /// The other sheets of the workbook, which are not read.
    pub other_sheets: Vec<String>,
    /// The row of the header, as a spreadsheet counts. What stands above it is titles and is not read.
    pub header_row: u64,
    /// The columns, as the header names them.
    pub columns: Vec<String>,
}

/// The records of a file, its header first.
pub(super) struct Records<'a> {
    pub(super) detected: Detected,
    rows: Rows<'a>,
    /// Records that were read to find the header, with their lines and rows.
    waiting: VecDeque<(u64, u64, StringRecord)>,
    /// The line on which the last record began, and its row as spreadsheets count.
    pub(super) line: u64,
    pub(super) row: u64,
    skipped_lines: u64,
    line_end: LineEnd,
    /// How many records were read.
    read: u64,
    /// How many line breaks the fields of the records so far have.
    breaks: u64,
}

/// What lines end with. The reader counts line feeds, and is over a record before the feed that follows a carriage return.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Feed,
    ReturnAndFeed,
    Return,
}

impl LineEnd {
    fn of(text: &str) -> Self {
        match text.split_once('\n') {
            Some((line, _)) if line.ends_with('\r') => Self::ReturnAndFeed,
            None if text.contains('\r') => Self::Return,
            _ => Self::Feed,
        }
    }

    /// How many lines the reader has not counted when that many records were read.
    fn uncounted(self, read: u64) -> u64 {
        match self {
            Self::Feed => 0,
            Self::ReturnAndFeed => u64::from(read > 0),
            Self::Return => read,
        }
    }
}

enum Rows<'a> {
    Text(Box<csv::Reader<ByRecord<'a>>>),
    Sheet(std::vec::IntoIter<SheetRow>),
}

impl<'a> Records<'a> {
    /// Opens a file, plain or packed. `is_wanted` knows a column that its header must have.
    pub(super) fn open(
        source: impl Read + 'a,
        format: &Format,
        is_wanted: &IsWanted<'_>,
    ) -> Result<Self, ImportError> {
        let mut buffered = BufReader::with_capacity(1 << 16, source);
        let gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let unpacked: Box<dyn Read + 'a> =
            if gzip { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) };
        let mut records = Self::unpacked(unpacked, format, is_wanted)?;
        records.detected.gzip = gzip;
        Ok(records)
    }

    fn unpacked(
        mut source: Box<dyn Read + 'a>,
        format: &Format,
        is_wanted: &IsWanted<'_>,
    ) -> Result<Self, ImportError> {
        let mut begin = Vec::new();
        (&mut source).take(LOOKED_AT as u64).read_to_end(&mut begin)?;
        if begin.starts_with(b"PK\x03\x04") {
            return Self::workbook(begin, source, format, is_wanted);
        }
        if begin.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
            return Err(ImportError::NotWorkbook(Label::new(
                "这是 2007 年以前的 .xls 文件，或设有密码",
                "it is an .xls file of before 2007, or locked with a password",
            )));
        }
        if is_markup(&begin) {
            return Err(ImportError::NotWorkbook(Label::new(
                "文件内容是网页或 XML，并不是工作簿",
                "it is a web page or XML and no workbook, whatever its name",
            )));
        }
        Self::text(begin, source, format, is_wanted)
    }

    fn workbook(
        mut bytes: Vec<u8>,
        source: Box<dyn Read + 'a>,
        format: &Format,
        is_wanted: &IsWanted<'_>,
    ) -> Result<Self, ImportError> {
        source.take(MOST_WORKBOOK_BYTES).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_WORKBOOK_BYTES {
            return Err(ImportError::NotWorkbook(Label::new(
                format!("超过 {MOST_WORKBOOK_BYTES} 字节"),
                format!("it has more than {MOST_WORKBOOK_BYTES} bytes"),
            )));
        }
        let sheet = workbook::read(bytes, format.sheet.as_deref(), is_wanted)?;
        let detected = Detected {
            format: "xlsx".to_owned(),
            sheet: Some(sheet.name),
            other_sheets: sheet.others,
            ..Detected::default()
        };
        Ok(Self {
            detected,
            rows: Rows::Sheet(sheet.rows.into_iter()),
            waiting: VecDeque::new(),
            line: 0,
            row: 0,
            skipped_lines: 0,
            line_end: LineEnd::Feed,
            read: 0,
            breaks: 0,
        })
    }

    fn text(
        begin: Vec<u8>,
        source: Box<dyn Read + 'a>,
        format: &Format,
        is_wanted: &IsWanted<'_>,
    ) -> Result<Self, ImportError> {
        let whole = begin.len() < LOOKED_AT;
        let detected = match format.encoding {
            // A byte order mark knows better which UTF-16 it is.
            Some(declared) => Encoding::for_bom(&begin).map_or(declared, |(marked, _)| marked),
            // Bytes that are of no encoding in particular are refused where they stand, as UTF-8.
            None => charset::detect(&begin, whole).unwrap_or(UTF_8),
        };
        let header = first_lines(&begin, detected);
        let (declared, header) = declared_separator(&header);
        let line_end = LineEnd::of(header);
        let separator = declared.unwrap_or_else(|| likely_separator(header, is_wanted));
        let mark = if begin.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let mut begin = Cursor::new(begin);
        begin.set_position(mark);
        let bytes = begin.chain(source);
        let mut text: Box<dyn Read + 'a> =
            if detected == UTF_8 { Box::new(bytes) } else { Box::new(Transcoded::new(bytes, detected)) };
        let skipped_lines = u64::from(declared.is_some());
        if declared.is_some() {
            skip_line(&mut text)?;
        }
        let reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .delimiter(separator)
            .from_reader(ByRecord { text, since: 0 });
        let detected = Detected {
            format: "csv".to_owned(),
            encoding: Some(detected.name().to_owned()),
            separator: Some(char::from(separator).to_string()),
            ..Detected::default()
        };
        Ok(Self {
            detected,
            rows: Rows::Text(Box::new(reader)),
            waiting: VecDeque::new(),
            line: 0,
            row: 0,
            skipped_lines,
            line_end,
            read: 0,
            breaks: 0,
        })
    }

    /// The row that names the columns: of the first rows the one with most of the `names` that are looked for, which are `all` at
    /// most, or the fullest where none has any. None where the file has no rows.
    pub(super) fn header(
        &mut self,
        names: &HeaderScore<'_>,
        all: usize,
    ) -> Result<Option<StringRecord>, ImportError> {
        let (mut rows, mut best) = (Vec::new(), (0, 0, 0));
        let mut record = StringRecord::new();
        while rows.len() < HEADER_WITHIN && self.next(&mut record)? {
            let found = names(&record);
            let filled = record.iter().filter(|cell| !cell.trim().is_empty()).count();
            // Of equals the first one; how full it is counts only where no name is found.
            let score = (found, if found == 0 { filled } else { 0 });
            if rows.is_empty() || score > (best.0, best.1) {
                best = (score.0, score.1, rows.len());
            }
            rows.push((self.line, self.row, std::mem::take(&mut record)));
            if found == all {
                break;
            }
        }
        let mut rows = rows.into_iter().skip(best.2);
        let Some((_, row, header)) = rows.next() else { return Ok(None) };
        self.waiting.extend(rows);
        self.detected.header_row = row;
        self.detected.columns = header.iter().map(|name| name.trim().to_owned()).collect();
        Ok(Some(header))
    }

    /// The next record that has anything in it. False at the end.
    pub(super) fn next(&mut self, record: &mut StringRecord) -> Result<bool, ImportError> {
        if let Some((line, row, next)) = self.waiting.pop_front() {
            (self.line, self.row, *record) = (line, row, next);
            return Ok(true);
        }
        loop {
            match &mut self.rows {
                Rows::Sheet(rows) => {
                    let Some((row, next)) = rows.next() else { return Ok(false) };
                    (self.line, self.row) = (row, row);
                    *record = next;
                }
                Rows::Text(reader) => {
                    let skipped = self.skipped_lines;
                    let pending = self.line_end.uncounted(self.read);
                    self.read += 1;
                    let begins = reader.position().line() + pending;
                    if !reader.read_record(record).map_err(|error| not_csv(error, begins, skipped))? {
                        return Ok(false);
                    }
                    reader.get_mut().since = 0;
                    self.line = record.position().map_or(0, csv::Position::line) + pending + skipped;
                    // A field with a line break takes several lines, and one row.
                    self.row = self.line - self.breaks;
                    self.breaks += record.as_slice().bytes().filter(|byte| *byte == b'\n').count() as u64;
                }
            }
            // Formulas that were filled in below the last row show errors there.
            if record.iter().map(str::trim).any(|field| !field.is_empty() && !workbook::is_error(field)) {
                return Ok(true);
            }
        }
    }

    /// Whether rows end where their last cell is, as in a sheet, and not where the header does.
    pub(super) fn may_be_short(&self) -> bool {
        matches!(self.rows, Rows::Sheet(_))
    }
}

/// Whether it is HTML or XML, which some programs write and call `.xls`.
fn is_markup(begin: &[u8]) -> bool {
    let begin = begin.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(begin).trim_ascii_start();
    let begins = |mark: &[u8]| begin.get(..mark.len()).is_some_and(|some| some.eq_ignore_ascii_case(mark));
    [&b"<html"[..], b"<!doctype", b"<table", b"<?xml"].into_iter().any(begins)
}

/// A text that ends with an error where one record goes on for too long.
struct ByRecord<'a> {
    text: Box<dyn Read + 'a>,
    /// How many bytes were read since the last record was complete.
    since: u64,
}

impl Read for ByRecord<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since > MOST_RECORD_BYTES {
            let what =
                format!("a row has more than {MOST_RECORD_BYTES} bytes; is a quotation mark not closed?");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        }
        let count = self.text.read(buffer)?;
        self.since += count as u64;
        Ok(count)
    }
}

/// The first lines, as far as they are needed to tell the separator.
fn first_lines(begin: &[u8], encoding: &'static Encoding) -> String {
    let some = &begin[..begin.len().min(1 << 16)];
    let text = encoding.decode(some).0;
    text.chars().take(1 << 15).collect()
}

/// The separator that a first line `sep=;` declares, and what follows that line.
fn declared_separator(header: &str) -> (Option<u8>, &str) {
    let (line, rest) = header.split_once('\n').unwrap_or((header, ""));
    let declared = line.trim_end_matches('\r').trim_matches('"');
    match declared.strip_prefix("sep=").map(str::as_bytes) {
        Some([separator]) => (Some(*separator), rest),
        _ => (None, header),
    }
}

/// The separator by which one of the first rows has a column that is looked for; else the one that a row has most of.
fn likely_separator(header: &str, is_wanted: &IsWanted<'_>) -> u8 {
    let count = |separator: u8| {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).delimiter(separator);
        let mut reader = reader.from_reader(header.as_bytes());
        let rows = reader.records().take(HEADER_WITHIN).map_while(Result::ok);
        rows.map(|row| (row.iter().any(|name| is_wanted(name.trim())), row.len())).max().unwrap_or_default()
    };
    let counted = SEPARATORS.iter().map(|separator| (count(*separator), *separator));
    // Of equals the first one, which is the comma.
    counted.rev().max_by_key(|(found, _)| *found).map_or(b',', |(_, separator)| separator)
}

/// Reads past the end of the first line.
fn skip_line(text: &mut impl Read) -> std::io::Result<()> {
    let mut byte = [0];
    while text.read(&mut byte)? == 1 && byte[0] != b'\n' {}
    Ok(())
}

/// What a reader failed at; `at` is the line on which the record began.
fn not_csv(error: csv::Error, at: u64, skipped_lines: u64) -> ImportError {
    let line = error.position().map_or(at, csv::Position::line) + skipped_lines;
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            ImportError::NotCsv { line, why: error.to_string() }
        }
        csv::ErrorKind::Io(error) => ImportError::Io(error),
        csv::ErrorKind::Utf8 { pos, err } => ImportError::NotCsv {
            line: pos.map_or(line, |position| position.line() + skipped_lines),
            why: format!("not UTF-8: {err}; name another encoding with encoding, such as gb18030"),
        },
        other => ImportError::NotCsv { line, why: format!("{other:?}") },
    }
}

#[cfg(test)]
mod tests {
    use std::io::repeat;

    use super::*;

    fn records(text: impl Read) -> Result<u64, ImportError> {
        let mut records = Records::open(text, &Format::default(), &|name| name == "case")?;
        let (mut record, mut rows) = (StringRecord::new(), 0);
        while records.next(&mut record)? {
            rows += 1;
        }
        Ok(rows)
    }

    #[test]
    fn what_is_no_workbook_whatever_its_name_is_said() {
        let mut ods = b"PK\x03\x04".to_vec();
        ods.extend(b"..........................mimetypeapplication/vnd.oasis.opendocument.spreadsheet");
        for (bytes, word) in [
            (b"\xD0\xCF\x11\xE0".to_vec(), "password"),
            (b"\xEF\xBB\xBF<HTML><table>".to_vec(), "web page"),
            (b"\n<?xml version=\"1.0\"?><Workbook/>".to_vec(), "XML"),
            (ods, "OpenDocument"),
        ] {
            let error = records(&bytes[..]).unwrap_err();
            assert!(matches!(&error, ImportError::NotWorkbook(why) if why.en.contains(word)), "{error}");
        }
    }

    #[test]
    fn a_row_without_end_is_given_up_and_a_long_file_is_not() {
        let open = b"case\n\"".chain(repeat(b'x'));
        let error = records(open).unwrap_err();
        assert!(
            matches!(&error, ImportError::NotCsv { line: 2, why } if why.contains("quotation mark")),
            "{error}"
        );
        let long = b"case\n".chain(Cursor::new(b"0123456789abcde\n".repeat(3 << 20)));
        assert_eq!(records(long).unwrap(), (3 << 20) + 1);
    }
}
