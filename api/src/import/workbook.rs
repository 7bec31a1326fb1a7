//! The rows of a sheet of an `.xlsx` workbook, as texts.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use csv::StringRecord;

use super::ImportError;

/// The most columns that are read; a spreadsheet ends at 16,384.
const MOST_COLUMNS: u32 = 1_000;

/// A row of a sheet, with its number as the spreadsheet counts.
pub(super) type SheetRow = (u64, StringRecord);

/// What a workbook holds that is read.
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) rows: Vec<SheetRow>,
}

/// Reads one sheet: that of a name, or the first one.
pub(super) fn read(bytes: Vec<u8>, wanted: Option<&str>) -> Result<Sheet, ImportError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| not_a_workbook(&error))?;
    let names = book.sheet_names();
    let name = match wanted {
        Some(wanted) => names.iter().find(|name| *name == wanted).cloned(),
        None => names.first().cloned(),
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
    Ok(Sheet { name, rows })
}

/// What a cell shows, without the looks: numbers in full, dates with the year first.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty | DataRef::Error(_) => String::new(),
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
    ImportError::NotWorkbook(error.to_string())
}
