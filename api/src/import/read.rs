//! From the records of a file to rows, grouped by case.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use csv::StringRecord;
use sha2::{Digest, Sha256};

use super::columns::Columns;
use super::columns::row::{ParsedRow, RowReader};
use super::describe::Describing;
use super::details::Details;
use super::row_fault::{Place, RowFault};
use super::source::{Detected, Records};
use super::{BadRow, ImportError, Mapping, Phase, Progress};

/// How many rows pass between two reports of progress.
const REPORT_EVERY: u64 = 10_000;

/// One move.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) row: u64,
    /// Empty where the first status of the pipeline is meant.
    pub(super) status: Arc<str>,
    pub(super) at: DateTime<Utc>,
    pub(super) actor: Arc<str>,
    pub(super) note: Option<Box<str>>,
    /// Whether the move is recorded already, and the row only says what else is new.
    pub(super) is_known: bool,
}

/// The rows of one case, by time; rows of the same instant in the order of the file.
#[derive(Debug, PartialEq)]
pub(super) struct Case {
    pub(super) id: Arc<str>,
    pub(super) rows: Vec<Row>,
    pub(super) details: Details,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) detected: Detected,
    /// In the order in which they first occur.
    pub(super) cases: Vec<Case>,
    /// In the order in which they first occur.
    pub(super) statuses: Vec<String>,
    /// Those that are said to end and stand in bad rows.
    pub(super) refused_endings: BTreeSet<String>,
    /// Moves: a row of the file each, of a wide one a filled column each.
    pub(super) rows: u64,
    pub(super) bad: Vec<BadRow>,
    /// SHA-256 of the bytes: what the receipts of its cases are named by.
    pub(super) digest: [u8; 32],
}

/// Equal texts, kept once.
#[derive(Default)]
struct Texts(HashMap<Box<str>, Arc<str>>);

/// A reader that remembers a digest of what passed through it.
struct Digesting<R> {
    inner: R,
    digest: Sha256,
}

/// What a file is being read into.
struct FileReader {
    file: File,
    texts: Texts,
    by_case: HashMap<Arc<str>, usize>,
    seen: HashSet<Arc<str>>,
    most_statuses: Option<usize>,
}

/// Reads a whole file. One that has more than `most_statuses` of them, where that is given, is given up as soon as they have
/// come.
pub(super) fn read(
    source: impl Read,
    mapping: &Mapping,
    describing: &Describing,
    most_statuses: Option<usize>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<File, ImportError> {
    let mut digesting = Digesting { inner: source, digest: Sha256::new() };
    let records = Records::open(&mut digesting, &mapping.format, &|name| name == mapping.case)?;
    let mut file = read_records(records, mapping, describing, most_statuses, progress)?;
    file.digest = digesting.digest.finalize().into();
    Ok(file)
}

fn read_records(
    mut records: Records<'_>,
    mapping: &Mapping,
    describing: &Describing,
    most_statuses: Option<usize>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<File, ImportError> {
    let wanted = mapping.columns();
    let has = |row: &StringRecord| {
        wanted.iter().filter(|name| row.iter().any(|cell| cell.trim() == **name)).count()
    };
    let Some(header) = records.header(&has, wanted.len())? else { return Err(ImportError::Empty) };
    let columns = Columns::find(&header, mapping)?;
    let mut record = StringRecord::new();
    let mut reading = FileReader::new(std::mem::take(&mut records.detected), most_statuses);
    let may_be_short = records.may_be_short();
    while records.next(&mut record)? {
        let sheet = reading.file.detected.sheet.clone();
        let now = describing.now;
        let place =
            Place { line: records.line, row: records.row, sheet: sheet.as_deref(), may_be_short, now };
        let of_case = |case: &str, fault: RowFault| fault.at(place, "case", Some(&mapping.case), Some(case));
        let row = RowReader { columns: &columns, record: &record, place, mapping, describing };
        match row.read() {
            Err(bad) => {
                let ending = |status: &&str| mapping.endings.named().any(|named| named == status);
                let endings = columns.statuses(&record).into_iter().filter(ending).map(str::to_owned);
                reading.file.refused_endings.extend(endings);
                reading.refuse(bad);
            }
            Ok(said) if said.is_a_sum() => reading.refuse(of_case(said.case, RowFault::row_of_totals())),
            Ok(said) if said.is_of_a_list() && reading.by_case.contains_key(said.case) => {
                reading.refuse(of_case(said.case, RowFault::repeated_customer()));
            }
            Ok(said) => reading.take(said, place)?,
        }
        let done = reading.file.rows;
        if done.is_multiple_of(REPORT_EVERY) {
            progress(Progress { phase: Phase::Reading, done, total: 0 });
        }
    }
    if reading.file.rows == 0 {
        return Err(ImportError::Empty);
    }
    let mut file = reading.file;
    for case in &mut file.cases {
        case.rows.sort_by_key(|row| row.at);
        case.rows.shrink_to_fit();
    }
    Ok(file)
}

impl FileReader {
    fn new(detected: Detected, most_statuses: Option<usize>) -> Self {
        let file = File {
            detected,
            cases: Vec::new(),
            statuses: Vec::new(),
            refused_endings: BTreeSet::new(),
            rows: 0,
            bad: Vec::new(),
            digest: [0; 32],
        };
        Self { file, texts: Texts::default(), by_case: HashMap::new(), seen: HashSet::new(), most_statuses }
    }

    fn refuse(&mut self, bad: BadRow) {
        self.file.rows += 1;
        self.file.bad.push(bad);
    }

    fn take(&mut self, said: ParsedRow<'_>, place: Place<'_>) -> Result<(), ImportError> {
        let last = said.moves.iter().map(|(_, at)| *at).max().unwrap_or(place.now);
        let case = self.texts.keep(said.case);
        let actor = self.texts.keep(said.actor);
        let index = *self.by_case.entry(case.clone()).or_insert_with(|| {
            self.file.cases.push(Case { id: case, rows: Vec::new(), details: Details::default() });
            self.file.cases.len() - 1
        });
        let mut note = said.note;
        for (status, at) in said.moves {
            self.file.rows += 1;
            let status = self.texts.keep(status);
            self.knows(&status, place.line)?;
            // What a row remarks is remarked once.
            let row = Row {
                line: place.line,
                row: place.row,
                status,
                at,
                actor: actor.clone(),
                note: note.take(),
                is_known: false,
            };
            self.file.cases[index].rows.push(row);
        }
        let details = &mut self.file.cases[index].details;
        details.take_actor(last, said.actor);
        for cell in said.cells {
            details.take(last, cell);
        }
        Ok(())
    }

    fn knows(&mut self, status: &Arc<str>, line: u64) -> Result<(), ImportError> {
        if status.is_empty() || !self.seen.insert(status.clone()) {
            return Ok(());
        }
        self.file.statuses.push(status.to_string());
        match self.most_statuses.filter(|most| self.file.statuses.len() > *most) {
            Some(most) => Err(ImportError::TooManyStatuses { line, most }),
            None => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use waymark_domain::Actor;
    use waymark_domain::field::Fields;
    use waymark_domain::pipeline::{Endings, Pipeline};

    use super::*;
    use crate::import::Format;
    use crate::import::details::Detail;

    fn mapping() -> Mapping {
        Mapping {
            pipeline: "p".into(),
            case: "case".into(),
            status: Some("status".into()),
            time: Some("time".into()),
            actor: Some("who".into()),
            ..Mapping::default()
        }
    }

    fn read_bytes(bytes: &[u8], mapping: &Mapping) -> Result<File, ImportError> {
        let pipeline = Arc::new(Pipeline::any_move("p", &[], &Endings::default()));
        let describing = Describing {
            pipeline: "p".into(),
            pipelines: Arc::new([("p".to_owned(), pipeline)].into()),
            fields: Fields::new(),
            keys: mapping.fields.clone(),
            now: "2026-11-29T00:00:00Z".parse().unwrap(),
            importer: Actor::new("system:import", []),
        };
        read(bytes, mapping, &describing, None, &|_| {})
    }

    fn read_text(text: &str) -> Result<File, ImportError> {
        read_bytes(text.as_bytes(), &mapping())
    }

    fn moves(file: &File) -> Vec<(&str, &str, String)> {
        let rows = file.cases.iter().flat_map(|case| case.rows.iter().map(|row| (&*case.id, row)));
        rows.map(|(id, row)| (id, &*row.status, row.at.format("%F").to_string())).collect()
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
    fn a_bad_row_is_known_by_its_line_row_column_and_value() {
        let file = read_text(
            "case,status,time,who\n\"A\nB\",New,2024-01-01,x\nA,New,yesterday,x\n\n,,,\nA,,2024-01-01,x\nA,New\n",
        )
        .unwrap();
        let bad: Vec<(u64, u64, &str, &str)> =
            file.bad.iter().map(|bad| (bad.line, bad.row, bad.field.as_str(), bad.code.as_str())).collect();
        assert_eq!(
            bad,
            [
                (2, 2, "case", "control-character"),
                (4, 3, "time", "invalid-instant"),
                (7, 6, "status", "missing-field"),
                (8, 7, "", "field-count"),
            ]
        );
        assert_eq!(
            (file.bad[1].column.as_deref(), file.bad[1].value.as_deref()),
            (Some("time"), Some("yesterday"))
        );
        assert_eq!(file.rows, 4, "rows without anything in them are none");
    }

    #[test]
    fn lines_are_counted_alike_whatever_they_end_with() {
        let unix = "case,status,time,who\nA,New,2024-01-01,x\n\"B\nb\",New,2024-01-01,x\nC,New,soon,x\nD,New,never,x";
        let windows = unix.replace('\n', "\r\n");
        for text in [unix.to_owned(), windows.clone(), format!("sep=,\r\n{windows}")] {
            let file = read_text(&text).unwrap();
            let first = u64::from(text.starts_with("sep="));
            let bad: Vec<_> = file.bad.iter().map(|bad| (bad.line - first, bad.field.as_str())).collect();
            assert_eq!(bad, [(3, "case"), (5, "time"), (6, "time")], "{text:?}");
            assert_eq!(file.cases[0].rows[0].line - first, 2, "{text:?}");
        }
        let macintosh = "case,status,time,who\rA,New,2024-01-01,x\rC,New,soon,x\r";
        assert_eq!(read_text(macintosh).unwrap().bad[0].line, 3);
    }

    #[test]
    fn a_cell_that_cannot_be_kept_is_named_where_it_stands_and_takes_no_other_row_with_it() {
        let details = [
            (Detail::Phone, "phone".to_owned()),
            (Detail::Owner, "owner".into()),
            (Detail::Tag, "tag".into()),
        ];
        let mapping = Mapping { details: details.into(), ..mapping() };
        let file = read_bytes(
            b"case,status,time,who,phone,owner,tag\nA,New,2024-01-01,x,13800138000,,\nA,Won,2024-01-02,x,12,,\nA,Paid,2024-01-03,x,,,\n\
              B,New,2024-01-01,x,,pool:no_such,\nB,Won,2024-01-02,x,,li,one\n",
            &mapping,
        )
        .unwrap();
        let bad: Vec<_> = file
            .bad
            .iter()
            .map(|bad| {
                (bad.line, bad.field.as_str(), bad.column.as_deref(), bad.value.as_deref(), bad.code.as_str())
            })
            .collect();
        assert_eq!(
            bad,
            [
                (3, "phone", Some("phone"), Some("12"), "invalid-contact"),
                (5, "owner", Some("owner"), Some("pool:no_such"), "unknown-pool"),
            ]
        );
        let statuses = |case: &Case| case.rows.iter().map(|row| row.status.to_string()).collect::<Vec<_>>();
        assert_eq!(statuses(&file.cases[0]), ["New", "Paid"]);
        assert_eq!(statuses(&file.cases[1]), ["Won"]);
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
    fn one_history_is_read_alike_in_every_form_that_programs_write() {
        use std::io::Write as _;
        let text = "case,status,time,who\nA,已报价,2024-01-01,x\n\"B;\",新,2024-01-02,y\n";
        let expected = moves(&read_text(text).unwrap()).len();
        assert_eq!(expected, 2);
        let semicolons = "case;status;time;who\nA;已报价;2024-01-01;x\n\"B;\";新;2024-01-02;y\n";
        let tabs = "case\tstatus\ttime\twho\nA\t已报价\t2024-01-01\tx\nB;\t新\t2024-01-02\ty\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let utf_16: Vec<u8> = format!("\u{feff}{tabs}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (form, bytes) in [
            ("semicolons", semicolons.as_bytes().to_vec()),
            ("tabs", tabs.as_bytes().to_vec()),
            ("a declared separator", format!("sep=;\r\n{semicolons}").into_bytes()),
            ("a byte order mark", format!("\u{feff}{text}").into_bytes()),
            ("GB 18030", encoding_rs::GB18030.encode(text).0.into_owned()),
            ("UTF-16", utf_16),
            ("gzip", gzip.finish().unwrap()),
        ] {
            let file = read_bytes(&bytes, &mapping()).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert!(file.bad.is_empty(), "{form}: {:?}", file.bad);
            let read = moves(&file);
            assert_eq!(read[0], ("A", "已报价", "2024-01-01".into()), "{form}");
            assert_eq!(read[1], ("B;", "新", "2024-01-02".into()), "{form}");
        }
    }

    #[test]
    fn a_sheet_is_read_with_its_dates_numbers_and_empty_cells() {
        let mut book = rust_xlsxwriter::Workbook::new();
        book.add_worksheet().set_name("Notes").unwrap();
        let sheet = book.add_worksheet().set_name("Deals").unwrap();
        let date = rust_xlsxwriter::Format::new().set_num_format("yyyy/m/d h:mm");
        for (column, name) in ["case", "status", "time", "who", "phone"].iter().enumerate() {
            sheet.write(0, column as u16, *name).unwrap();
        }
        sheet.write(1, 0, 17.0).unwrap();
        sheet.write(1, 1, "已报价").unwrap();
        sheet.write_with_format(1, 2, 45_292.5, &date).unwrap();
        sheet.write(1, 4, 13_800_138_000.0).unwrap();
        sheet.write(3, 0, "B").unwrap();
        sheet.write(3, 1, "新").unwrap();
        sheet.write(3, 2, "2024/1/2").unwrap();
        let bytes = book.save_to_buffer().unwrap();
        let format = Format { sheet: Some("Deals".into()), ..Format::default() };
        let details = [(Detail::Phone, "phone".to_owned())].into();
        let file = read_bytes(&bytes, &Mapping { format, details, ..mapping() }).unwrap();
        assert!(file.bad.is_empty(), "{:?}", file.bad);
        assert_eq!(file.detected.sheet.as_deref(), Some("Deals"));
        assert_eq!(file.cases[0].rows[0].at.to_rfc3339(), "2024-01-01T12:00:00+00:00");
        assert_eq!(moves(&file)[1], ("B", "新", "2024-01-02".into()));
        assert_eq!(file.cases[1].rows[0].row, 4);
        let missing = Format { sheet: Some("Other".into()), ..Format::default() };
        let error = read_bytes(&bytes, &Mapping { format: missing, ..mapping() }).unwrap_err();
        assert!(matches!(error, ImportError::NoSheet { ref found, .. } if *found == ["Notes", "Deals"]));
    }

    #[test]
    fn titles_above_the_header_are_passed_over_and_a_sheet_is_found_by_its_columns() {
        let mut book = rust_xlsxwriter::Workbook::new();
        let notes = book.add_worksheet().set_name("说明").unwrap();
        notes.write(0, 0, "请看第二个工作表").unwrap();
        let sheet = book.add_worksheet().set_name("跟进表").unwrap();
        let plain = rust_xlsxwriter::Format::new();
        sheet.merge_range(0, 0, 0, 3, "2026年客户跟进表", &plain).unwrap();
        // Groups of columns stand in a row of their own, one of them over both rows.
        sheet.merge_range(1, 0, 2, 0, "case", &plain).unwrap();
        sheet.merge_range(1, 1, 1, 2, "跟进", &plain).unwrap();
        for (column, name) in [(1, "status"), (2, "time"), (3, "who")] {
            sheet.write(2, column, name).unwrap();
        }
        // Two rows of one customer, whose cell is merged over both.
        sheet.merge_range(3, 0, 4, 0, "A", &plain).unwrap();
        for (row, status, time) in
            [(3, "新", "2024年1月1日"), (4, "已报价", "2024-01-02"), (5, "新", "2024-01-03")]
        {
            sheet.write(row, 1, status).unwrap();
            sheet.write(row, 2, time).unwrap();
        }
        sheet.write(5, 0, "B").unwrap();
        let file = read_bytes(&book.save_to_buffer().unwrap(), &mapping()).unwrap();
        assert!(file.bad.is_empty(), "{:?}", file.bad);
        assert_eq!((file.detected.sheet.as_deref(), file.detected.header_row), (Some("跟进表"), 3));
        assert_eq!(file.detected.columns, ["case", "status", "time", "who"]);
        let expected = [("A", "新", "2024-01-01"), ("A", "已报价", "2024-01-02"), ("B", "新", "2024-01-03")];
        assert_eq!(moves(&file), expected.map(|(id, status, at)| (id, status, at.to_owned())));
        assert_eq!(file.cases[1].rows[0].row, 6, "rows are counted as the spreadsheet does");
    }

    #[test]
    fn a_title_above_a_text_file_is_passed_over_and_lines_are_counted_with_it() {
        let text = "Deals of 2024,,,\n,,,\ncase,status,time,who\nA,New,2024-01-01,li\nB,,2024-01-02,li\n";
        let file = read_bytes(text.as_bytes(), &mapping()).unwrap();
        assert_eq!(file.detected.header_row, 3);
        assert_eq!(moves(&file), [("A", "New", "2024-01-01".to_owned())]);
        assert_eq!((file.bad[0].line, file.bad[0].row), (5, 5));
        let other = "a title\none,two,three\n1,2,3\n";
        let error = read_bytes(other.as_bytes(), &mapping()).unwrap_err();
        assert!(
            matches!(error, ImportError::NoColumn { ref found, .. } if *found == ["one", "two", "three"]),
            "{error}"
        );
    }

    #[test]
    fn a_stroke_in_a_cell_of_a_detail_says_nothing_and_a_column_tells_its_unit() {
        let text = "case,status,time,who,金额（万元）,name,owner\nA,New,2024-01-01,,1.5,-,（未分配）\nB,New,2024-01-01,,-,Beta,王\n";
        let details = [
            (Detail::Amount, "金额（万元）".to_owned()),
            (Detail::Name, "name".to_owned()),
            (Detail::Owner, "owner".to_owned()),
        ]
        .into();
        let file = read_bytes(text.as_bytes(), &Mapping { details, ..mapping() }).unwrap();
        assert!(file.bad.is_empty(), "{:?}", file.bad);
        let amounts = file
            .cases
            .iter()
            .map(|case| case.details.amount().map(|amount| format!("{} {}", amount.amount, amount.currency)));
        assert_eq!(amounts.collect::<Vec<_>>(), [Some("15000 CNY".to_owned()), None]);
        assert_eq!(file.cases[0].details.text(Detail::Name), None);
        let owners: Vec<_> = file.cases.iter().map(|case| case.details.text(Detail::Owner)).collect();
        assert_eq!(owners, [None, Some("王")], "who says that there is no owner names none");
    }

    #[test]
    fn a_cell_beside_the_table_says_where_it_is_and_separators_after_the_last_cell_say_nothing() {
        for text in [
            "case,status,time,who\nA,New,2024-01-01,x,\nB,New,2024-01-01,x, ,,\n",
            "case,status,time,who,,\nA,New,2024-01-01,x\nB,New,2024-01-01,,,\n",
        ] {
            let file = read_text(text).unwrap();
            assert!(file.bad.is_empty() && file.rows == 2, "{:?}", file.bad);
        }
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        for (row, cells) in
            [["case", "status", "time", "who", "", ""], ["A", "New", "2024-01-01", "", "", "call!"]]
                .iter()
                .enumerate()
        {
            for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
                sheet.write(row as u32, column as u16, *cell).unwrap();
            }
        }
        book.add_worksheet().set_name("February").unwrap();
        let file = read_bytes(&book.save_to_buffer().unwrap(), &mapping()).unwrap();
        assert_eq!((file.bad[0].code.as_str(), file.bad[0].value.as_deref()), ("field-count", Some("call!")));
        assert!(file.bad[0].message.en.starts_with("Column 6 "), "{:?}", file.bad[0].message);
        assert_eq!(file.detected.other_sheets, ["February"]);
    }

    #[test]
    fn a_formula_without_a_result_is_refused_where_a_column_is_named_and_is_no_row_by_itself() {
        let text = "case,status,time,who,value,more\nA,New,2024-01-01,x,#DIV/0!,\nB,New,#N/A,x,5,\nC,New,2024-01-01,x,5,#REF!\n\
                    #N/A,,,,#VALUE!,\n#1,New,2024-01-01,x,5,\n";
        let details = [(Detail::Amount, "value".to_owned()), (Detail::Currency, "CNY".to_owned())].into();
        let file = read_bytes(text.as_bytes(), &Mapping { details, ..mapping() }).unwrap();
        let bad: Vec<_> = file
            .bad
            .iter()
            .map(|bad| (bad.line, bad.field.as_str(), bad.column.as_deref(), bad.code.as_str()))
            .collect();
        let expected =
            [(2, "amount", Some("value"), "formula-error"), (3, "time", Some("time"), "formula-error")];
        assert_eq!(bad, expected);
        assert_eq!(moves(&file).iter().map(|(id, ..)| *id).collect::<Vec<_>>(), ["C", "#1"]);
    }

    #[test]
    fn the_sum_below_a_list_is_no_customer() {
        let text = "who,stage,value\n晴川,成交,12\nTotal,New,\nTOTAL,,5\n合计：,,12\n";
        let details = [(Detail::Amount, "value"), (Detail::Currency, "CNY"), (Detail::Name, "who")]
            .map(|(detail, column)| (detail, column.to_owned()))
            .into();
        let list = Mapping {
            pipeline: "p".into(),
            case: "who".into(),
            status: Some("stage".into()),
            details,
            without_history: true,
            ..Mapping::default()
        };
        let file = read_bytes(text.as_bytes(), &list).unwrap();
        let bad: Vec<_> = file.bad.iter().map(|bad| (bad.row, bad.code.as_str())).collect();
        assert_eq!(bad, [(4, "row-of-totals"), (5, "row-of-totals")]);
        assert_eq!(file.cases.len(), 2, "somebody called Total who stands somewhere is a customer");
    }

    #[test]
    fn a_wide_file_has_a_column_of_times_for_each_status() {
        let text = "deal,Date entered \"\"New\"\",Won on\nA,2024-01-01,2024-02-01\nB,2024-01-05,\n,,\nC,,\n";
        let entered =
            vec![("Date entered \"\"New\"\"".to_owned(), "New".to_owned()), ("Won on".into(), "Won".into())];
        let wide = Mapping { case: "deal".into(), pipeline: "p".into(), entered, ..Mapping::default() };
        let file = read_bytes(text.as_bytes(), &wide).unwrap();
        let expected = [("A", "New", "2024-01-01"), ("A", "Won", "2024-02-01"), ("B", "New", "2024-01-05")];
        assert_eq!(moves(&file), expected.map(|(id, status, at)| (id, status, at.to_owned())));
        let bad: Vec<_> = file.bad.iter().map(|bad| (bad.row, bad.code.as_str())).collect();
        assert_eq!(bad, [(5, "missing-field")], "a deal without any time is not lost silently");
    }
}
