//! Tables as CSV (RFC 4180) and as JSON, a line a row.

use serde_json::Value;

use super::table::{Cell, Column, TableWriter};

/// CSV: UTF-8, CRLF, a header; fields are quoted where they have to be.
#[derive(Debug, Default)]
pub(super) struct Csv {
    /// Whether it begins with a byte order mark, by which Excel knows UTF-8.
    pub(super) bom: bool,
    /// Whether texts that a spreadsheet would take for a formula get an apostrophe before them.
    pub(super) escape_formulas: bool,
    field: String,
}

impl Csv {
    pub(super) fn new(bom: bool, escape_formulas: bool) -> Self {
        Self { bom, escape_formulas, field: String::new() }
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = &'a Cell>, out: &mut Vec<u8>) {
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if let Cell::Text(text) = cell {
                let is_escaped = self.escape_formulas && is_formula(text);
                quoted(if is_escaped { "'" } else { "" }, text, out);
            } else {
                // Nothing else needs quotes.
                self.field.clear();
                cell.write(&mut self.field);
                out.extend_from_slice(self.field.as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether a spreadsheet would compute it.
pub(super) fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

/// A text with what stands before it, in quotes where it has to be.
fn quoted(before: &str, text: &str, out: &mut Vec<u8>) {
    let needs_quotes = text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'));
    let quotes: &[u8] = if needs_quotes { b"\"" } else { b"" };
    out.extend_from_slice(quotes);
    out.extend_from_slice(before.as_bytes());
    match needs_quotes {
        true => out.extend_from_slice(text.replace('"', "\"\"").as_bytes()),
        false => out.extend_from_slice(text.as_bytes()),
    }
    out.extend_from_slice(quotes);
}

impl TableWriter for Csv {
    fn begin(&mut self, columns: &[Column], out: &mut Vec<u8>) -> Result<(), String> {
        if self.bom {
            out.extend_from_slice(b"\xEF\xBB\xBF");
        }
        let names: Vec<Cell> = columns.iter().map(|column| Cell::Text(column.name.to_owned())).collect();
        self.line(names.iter(), out);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell], out: &mut Vec<u8>) -> Result<(), String> {
        self.line(cells.iter(), out);
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }
}

/// JSON, a line a row; what is empty is null, amounts are texts.
#[derive(Debug, Default)]
pub(super) struct Ndjson {
    columns: Vec<Column>,
}

impl TableWriter for Ndjson {
    fn begin(&mut self, columns: &[Column], _out: &mut Vec<u8>) -> Result<(), String> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell], out: &mut Vec<u8>) -> Result<(), String> {
        let value = |cell: &Cell| match cell {
            Cell::Empty => Value::Null,
            Cell::Integer(number) => (*number).into(),
            Cell::Number(number) => (*number).into(),
            Cell::Boolean(value) => (*value).into(),
            Cell::Text(_) | Cell::Id(_) | Cell::Amount(_) | Cell::Instant(_) => {
                let mut text = String::new();
                cell.write(&mut text);
                Value::String(text)
            }
        };
        // In the order of the columns.
        for (index, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            out.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
            out.extend_from_slice(column.name.as_bytes());
            out.extend_from_slice(b"\":");
            serde_json::to_writer(&mut *out, &value(cell)).map_err(|error| error.to_string())?;
        }
        out.push(b'}');
        out.push(b'\n');
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::table::{ColumnType, column};

    const COLUMNS: [Column; 3] = [
        column("phone", ColumnType::Text),
        column("moved_at", ColumnType::Instant),
        column("amount", ColumnType::Amount),
    ];

    fn written(mut writer: impl TableWriter) -> String {
        let mut out = Vec::new();
        writer.begin(&COLUMNS, &mut out).unwrap();
        let amount = Cell::Amount("12.30".parse().unwrap());
        writer
            .row(&[Cell::Text("+86 139, \"1\"".into()), Cell::Instant(1_500_000), amount], &mut out)
            .unwrap();
        writer.row(&[Cell::Empty, Cell::Empty, Cell::Empty], &mut out).unwrap();
        writer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn instants_have_six_digits_and_fields_are_quoted_where_they_have_to_be() {
        assert_eq!(
            written(Csv::new(false, false)),
            "phone,moved_at,amount\r\n\"+86 139, \"\"1\"\"\",1970-01-01T00:00:01.500000Z,12.30\r\n,,\r\n"
        );
        assert_eq!(
            written(Ndjson::default()),
            "{\"phone\":\"+86 139, \\\"1\\\"\",\"moved_at\":\"1970-01-01T00:00:01.500000Z\",\"amount\":\"12.30\"}\n\
             {\"phone\":null,\"moved_at\":null,\"amount\":null}\n"
        );
    }

    #[test]
    fn what_a_spreadsheet_would_compute_is_made_harmless_on_request() {
        assert!(written(Csv::new(true, true)).starts_with("\u{feff}phone,moved_at,amount\r\n\"'+86"));
        assert!(is_formula("=1+1") && is_formula("@SUM(A1)") && !is_formula("已报价"));
    }
}
