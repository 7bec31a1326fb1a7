//! The rows of a sheet of an `.xlsx` workbook, as texts.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use csv::StringRecord;
use waymark_domain::Label;

use super::ImportError;
use super::header::{HEADER_WITHIN, IsWanted};

/// The most columns that are read; a spreadsheet ends at 16,384.
const MOST_COLUMNS: u32 = 1_000;
/// The most rows that merged cells are spread over.
const MOST_MERGED: usize = 2_000_000;

/// A row of a sheet, with its number as the spreadsheet counts.
pub(super) type SheetRow = (u64, StringRecord);

/// What a workbook holds that is read.
pub(super) struct Sheet {
    pub(super) name: String,
    /// The others of the workbook.
    pub(super) others: Vec<String>,
    pub(super) rows: Vec<SheetRow>,
}

/// Reads one sheet: that of a name, or the first one with a column near its top that is looked for, or the first one. A cell that was merged
/// over several rows stands in each of them.
pub(super) fn read(
    bytes: Vec<u8>,
    wanted: Option<&str>,
    is_wanted: &IsWanted<'_>,
) -> Result<Sheet, ImportError> {
    if bytes.get(30..).is_some_and(|begin| begin.starts_with(b"mimetypeapplication/vnd.oasis")) {
        return Err(ImportError::NotWorkbook(Label::new(
            "这是 OpenDocument（.ods）表格",
            "it is an OpenDocument spreadsheet (.ods)",
        )));
    }
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| not_a_workbook(&error))?;
    let names = book.sheet_names();
    let name = match wanted {
        Some(wanted) => names.iter().find(|name| *name == wanted).cloned(),
        None => likely_sheet(&mut book, &names, is_wanted)?,
    };
    let Some(name) = name else {
        return Err(ImportError::NoSheet { sheet: wanted.unwrap_or_default().to_owned(), found: names });
    };
    let mut cells = book.worksheet_cells_reader(&name).map_err(|error| not_a_workbook(&error))?;
    let mut rows: Vec<SheetRow> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(|error| not_a_workbook(&error))? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.is_empty() || column >= MOST_COLUMNS {
            continue;
        }
        let number = u64::from(row) + 1;
        if rows.last().is_none_or(|(last, _)| *last != number) {
            rows.push((number, StringRecord::new()));
        }
        if let Some((_, record)) = rows.last_mut() {
            // Empty cells are not in the file.
            while record.len() < column as usize {
                record.push_field("");
            }
            record.push_field(&text);
        }
    }
    drop(cells);
    spread_merged(&mut book, &name, &mut rows)?;
    let others = names.into_iter().filter(|other| *other != name).collect();
    Ok(Sheet { name, others, rows })
}

type Book = Xlsx<Cursor<Vec<u8>>>;

/// The first sheet with a column near its top that is looked for, else the first one.
fn likely_sheet(
    book: &mut Book,
    names: &[String],
    is_wanted: &IsWanted<'_>,
) -> Result<Option<String>, ImportError> {
    if names.len() > 1 {
        for name in names {
            // What is no sheet of cells, such as a chart, has no columns.
            let Ok(mut cells) = book.worksheet_cells_reader(name) else { continue };
            while let Some(cell) = cells.next_cell().map_err(|error| not_a_workbook(&error))? {
                if cell.get_position().0 as usize > HEADER_WITHIN {
                    break;
                }
                if is_wanted(text(cell.get_value()).trim()) {
                    return Ok(Some(name.clone()));
                }
            }
        }
    }
    Ok(names.first().cloned())
}

/// Puts what a merged cell says into each of its rows that says something else beside.
fn spread_merged(book: &mut Book, name: &str, rows: &mut [SheetRow]) -> Result<(), ImportError> {
    let merged = book.merge_cells_by_sheet_name(name).map_err(|error| not_a_workbook(&error))?;
    let mut spread = 0;
    for region in
        merged.iter().filter(|region| region.start.0 < region.end.0 && region.start.1 < MOST_COLUMNS)
    {
        let (first, last) = (u64::from(region.start.0) + 1, u64::from(region.end.0) + 1);
        let from = rows.partition_point(|(row, _)| *row < first);
        let to = rows.partition_point(|(row, _)| *row <= last);
        let column = region.start.1 as usize;
        let Some(((top, record), below)) = rows.get_mut(from..to).and_then(<[SheetRow]>::split_first_mut)
        else {
            continue;
        };
        let said = record.get(column).filter(|_| *top == first).unwrap_or_default().to_owned();
        spread += below.len();
        // Regions do not overlap in a sheet that a spreadsheet wrote.
        if spread > MOST_MERGED {
            return Err(ImportError::NotWorkbook(Label::new(
                format!("合并单元格跨越的行超过 {MOST_MERGED} 行"),
                format!("more than {MOST_MERGED} rows are in merged cells"),
            )));
        }
        if !said.is_empty() {
            below.iter_mut().for_each(|(_, record)| *record = with_cell(record, column, &said));
        }
    }
    Ok(())
}

fn with_cell(record: &StringRecord, column: usize, said: &str) -> StringRecord {
    let width = record.len().max(column + 1);
    (0..width).map(|at| if at == column { said } else { record.get(at).unwrap_or_default() }).collect()
}

/// Whether a cell shows that a spreadsheet could not compute it.
pub(super) fn is_error(text: &str) -> bool {
    const ERRORS: [&str; 10] =
        ["#N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#DATA!", "#SPILL!", "#CALC!"];
    text.starts_with('#') && ERRORS.contains(&text)
}

/// What a cell shows, without the looks: numbers in full, dates with the year first.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::DateTime(at) => date(at),
    }
}

fn date(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        return at.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second, milli) == (0, 0, 0, 0) {
        return day;
    }
    format!("{day} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}

fn not_a_workbook(error: &XlsxError) -> ImportError {
    ImportError::NotWorkbook(Label::same(error.to_string()))
}
