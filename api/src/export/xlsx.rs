//! Tables as Excel workbooks. Rows go through a file on disk, so that memory does not grow with them.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use rust_decimal::prelude::ToPrimitive as _;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::table::{Cell, Column, TableWriter, instant_text};

/// The rows that a sheet takes beside its header.
const SHEET_ROWS: u32 = 1_048_575;
/// The characters that a cell takes.
const CELL_CHARS: usize = 32_767;

/// The writer.
pub(super) struct Xlsx {
    title: &'static str,
    book: Workbook,
    columns: Vec<Column>,
    sheets: usize,
    row: u32,
    finished: Option<File>,
}

impl Xlsx {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, book: Workbook::new(), columns: Vec::new(), sheets: 0, row: 0, finished: None }
    }

    /// A further sheet with the header: one takes a million rows.
    fn next_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        let name = match self.sheets {
            1 => self.title.to_owned(),
            later => format!("{} {later}", self.title),
        };
        let bold = Format::new().set_bold();
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        for (index, column) in (0_u16..).zip(&self.columns) {
            sheet.write_string_with_format(0, index, column.name, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    fn write(&mut self, cells: &[Cell]) -> Result<(), XlsxError> {
        if self.row > SHEET_ROWS {
            self.next_sheet()?;
        }
        let row = self.row;
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        for (index, cell) in (0_u16..).zip(cells) {
            put(sheet, row, index, cell)?;
        }
        self.row += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        // The day of writing would make other bytes of the same rows.
        let day = ExcelDateTime::from_ymd(2000, 1, 1).map_err(|error| error.to_string())?;
        self.book.set_properties(&DocProperties::new().set_creation_datetime(&day));
        let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
        self.book.save_to_writer(&mut file).map_err(|error| error.to_string())?;
        file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
        self.finished = Some(file);
        Ok(())
    }
}

/// Writes a cell. Texts are texts, whatever they begin with: nothing is computed, and no zero is lost.
fn put(sheet: &mut Worksheet, row: u32, column: u16, cell: &Cell) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) if text.is_empty() => {}
        Cell::Text(text) => {
            let end = text.char_indices().nth(CELL_CHARS).map_or(text.len(), |(end, _)| end);
            sheet.write_string(row, column, &text[..end])?;
        }
        Cell::Id(id) => {
            sheet.write_string(row, column, id.to_string())?;
        }
        Cell::Integer(number) => {
            // A spreadsheet's numbers are doubles.
            sheet.write_number(row, column, *number as f64)?;
        }
        Cell::Number(number) => {
            sheet.write_number(row, column, *number)?;
        }
        Cell::Amount(amount) => {
            sheet.write_number(row, column, amount.to_f64().unwrap_or_default())?;
        }
        Cell::Instant(micros) => {
            sheet.write_string(row, column, instant_text(*micros))?;
        }
        Cell::Boolean(value) => {
            sheet.write_boolean(row, column, *value)?;
        }
    }
    Ok(())
}

impl TableWriter for Xlsx {
    fn begin(&mut self, columns: &[Column], _out: &mut Vec<u8>) -> Result<(), String> {
        self.columns = columns.to_vec();
        self.next_sheet().map_err(|error| error.to_string())
    }

    fn row(&mut self, cells: &[Cell], _out: &mut Vec<u8>) -> Result<(), String> {
        self.write(cells).map_err(|error| error.to_string())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), String> {
        self.finish()
    }

    fn rest(&mut self) -> Option<File> {
        self.finished.take()
    }
}
