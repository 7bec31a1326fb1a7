//! Tables as Apache Parquet: flat columns, each of which may be empty, in the plain encoding, pages packed by gzip.
//!
//! Written after the format's specification (github.com/apache/parquet-format, `parquet.thrift` and `Encodings.md`). Readers
//! find its logical types: UTF-8 text, instants in microseconds of UTC, and decimals of 38 digits.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::table::{Cell, Column, ColumnType, TableWriter};
use super::thrift::Struct;

const MAGIC: &[u8; 4] = b"PAR1";
/// Rows of a row group: what is held in memory.
const GROUP: usize = 50_000;
/// Bytes of a row group, whichever is reached first.
const GROUP_BYTES: usize = 16 << 20;
/// The digits of an amount, and those of its fraction.
const PRECISION: i32 = 38;
const SCALE: u32 = 6;

// Numbers of the specification.
const BOOLEAN: i32 = 0;
const INT64: i32 = 2;
const DOUBLE: i32 = 5;
const BYTE_ARRAY: i32 = 6;
const FIXED_LEN_BYTE_ARRAY: i32 = 7;
const OPTIONAL: i32 = 1;
const UTF8: i32 = 0;
const DECIMAL: i32 = 5;
const TIMESTAMP_MICROS: i32 = 10;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const GZIP: i32 = 2;
const DATA_PAGE: i32 = 0;

/// The writer.
#[derive(Default)]
pub(super) struct Parquet {
    columns: Vec<Column>,
    chunks: Vec<Chunk>,
    rows: usize,
    /// How many bytes were given out.
    offset: usize,
    groups: Vec<Vec<u8>>,
    total: i64,
}

/// The values of a column in the present row group.
#[derive(Debug, Default)]
struct Chunk {
    /// Whether each row has a value.
    present: Vec<bool>,
    values: Vec<u8>,
    bits: Vec<bool>,
}

/// Where a column of a group went.
struct Written {
    offset: usize,
    packed: usize,
    plain: usize,
}

impl TableWriter for Parquet {
    fn begin(&mut self, columns: &[Column], out: &mut Vec<u8>) -> Result<(), String> {
        self.columns = columns.to_vec();
        self.chunks = columns.iter().map(|_| Chunk::default()).collect();
        self.give(MAGIC, out);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell], out: &mut Vec<u8>) -> Result<(), String> {
        for (chunk, cell) in self.chunks.iter_mut().zip(cells) {
            chunk.push(cell)?;
        }
        self.rows += 1;
        let bytes: usize = self.chunks.iter().map(|chunk| chunk.values.len()).sum();
        if self.rows == GROUP || bytes >= GROUP_BYTES { self.flush(out) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.rows > 0 {
            self.flush(out)?;
        }
        let footer = self.footer();
        let length = u32::try_from(footer.len()).map_err(|error| error.to_string())?;
        self.give(&footer, out);
        self.give(&length.to_le_bytes(), out);
        self.give(MAGIC, out);
        Ok(())
    }
}

impl Parquet {
    fn give(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.offset += bytes.len();
        out.extend_from_slice(bytes);
    }

    /// Writes the present row group: of each column one page.
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let rows = i64::try_from(self.rows).map_err(|error| error.to_string())?;
        let mut columns = Vec::new();
        let (mut bytes, first) = (0, self.offset);
        for index in 0..self.chunks.len() {
            let chunk = std::mem::take(&mut self.chunks[index]);
            let written = self.page(&chunk, out)?;
            bytes += written.plain;
            columns.push(self.column_chunk(index, rows, &written));
        }
        let mut group = Struct::default();
        group.structs(1, &columns);
        group.i64(2, size(bytes));
        group.i64(3, rows);
        group.i64(5, size(first));
        group.i64(6, size(self.offset - first));
        self.groups.push(group.finish());
        self.total += rows;
        self.rows = 0;
        Ok(())
    }

    fn page(&mut self, chunk: &Chunk, out: &mut Vec<u8>) -> Result<Written, String> {
        let mut page = levels(&chunk.present);
        page.extend_from_slice(&chunk.values);
        page.extend(packed_bits(&chunk.bits));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&page).map_err(|error| error.to_string())?;
        let packed = gzip.finish().map_err(|error| error.to_string())?;
        let mut data = Struct::default();
        data.i32(1, number(chunk.present.len())?);
        data.i32(2, PLAIN);
        data.i32(3, RLE);
        data.i32(4, RLE);
        let mut header = Struct::default();
        header.i32(1, DATA_PAGE);
        header.i32(2, number(page.len())?);
        header.i32(3, number(packed.len())?);
        header.nested(5, &data.finish());
        let header = header.finish();
        let offset = self.offset;
        self.give(&header, out);
        self.give(&packed, out);
        Ok(Written { offset, packed: header.len() + packed.len(), plain: header.len() + page.len() })
    }

    fn column_chunk(&self, index: usize, rows: i64, written: &Written) -> Vec<u8> {
        let column = self.columns[index];
        let mut meta = Struct::default();
        meta.i32(1, physical(column.kind));
        meta.i32s(2, &[PLAIN, RLE]);
        meta.texts(3, &[column.name]);
        meta.i32(4, GZIP);
        meta.i64(5, rows);
        meta.i64(6, size(written.plain));
        meta.i64(7, size(written.packed));
        meta.i64(9, size(written.offset));
        let mut chunk = Struct::default();
        chunk.i64(2, size(written.offset));
        chunk.nested(3, &meta.finish());
        chunk.finish()
    }

    fn footer(&self) -> Vec<u8> {
        let mut root = Struct::default();
        root.text(4, "schema");
        root.i32(5, i32::try_from(self.columns.len()).unwrap_or_default());
        let mut schema = vec![root.finish()];
        schema.extend(self.columns.iter().map(element));
        let mut footer = Struct::default();
        footer.i32(1, 1);
        footer.structs(2, &schema);
        footer.i64(3, self.total);
        footer.structs(4, &self.groups);
        footer.text(6, concat!("waymark version ", env!("CARGO_PKG_VERSION"), " (build 0)"));
        footer.finish()
    }
}

impl Chunk {
    fn push(&mut self, cell: &Cell) -> Result<(), String> {
        self.present.push(*cell != Cell::Empty);
        match cell {
            Cell::Empty => {}
            Cell::Text(text) => self.push_text(text)?,
            Cell::Id(id) => self.push_text(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))?,
            Cell::Integer(number) | Cell::Instant(number) => {
                self.values.extend_from_slice(&number.to_le_bytes());
            }
            Cell::Number(number) => self.values.extend_from_slice(&number.to_le_bytes()),
            Cell::Amount(amount) => self.values.extend_from_slice(&unscaled(*amount)?.to_be_bytes()),
            Cell::Boolean(value) => self.bits.push(*value),
        }
        Ok(())
    }

    fn push_text(&mut self, text: &str) -> Result<(), String> {
        let length = u32::try_from(text.len()).map_err(|error| error.to_string())?;
        self.values.extend_from_slice(&length.to_le_bytes());
        self.values.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// An amount in millionths.
fn unscaled(amount: Decimal) -> Result<i128, String> {
    let fits = amount.normalize().scale() <= SCALE;
    let factor = 10_i128.checked_pow(SCALE.saturating_sub(amount.normalize().scale()));
    let whole = factor.and_then(|factor| amount.normalize().mantissa().checked_mul(factor));
    whole
        .filter(|_| fits)
        .ok_or_else(|| format!("the amount {amount} has more digits than a Parquet column takes"))
}

/// Definition levels: 1 where a row has a value. Runs of the hybrid encoding, after their length.
fn levels(present: &[bool]) -> Vec<u8> {
    let mut runs = Vec::new();
    let mut rest = present;
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|level| *level == first).count();
        let mut header = length << 1;
        while header >= 0x80 {
            runs.push((header & 0x7F) as u8 | 0x80);
            header >>= 7;
        }
        runs.push(header as u8);
        runs.push(u8::from(*first));
        rest = &rest[length..];
    }
    let mut bytes = (runs.len() as u32).to_le_bytes().to_vec();
    bytes.extend(runs);
    bytes
}

/// Booleans, eight in a byte, the least significant bit first.
fn packed_bits(bits: &[bool]) -> impl Iterator<Item = u8> {
    bits.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
}

/// How a column's values are stored.
fn physical(kind: ColumnType) -> i32 {
    match kind {
        ColumnType::Text => BYTE_ARRAY,
        ColumnType::Integer | ColumnType::Instant => INT64,
        ColumnType::Number => DOUBLE,
        ColumnType::Amount => FIXED_LEN_BYTE_ARRAY,
        ColumnType::Boolean => BOOLEAN,
    }
}

/// A column in the schema: its type as older and as newer readers are told.
fn element(column: &Column) -> Vec<u8> {
    let mut element = Struct::default();
    element.i32(1, physical(column.kind));
    if column.kind == ColumnType::Amount {
        element.i32(2, 16);
    }
    element.i32(3, OPTIONAL);
    element.text(4, column.name);
    let empty = Struct::default().finish();
    let mut logical = Struct::default();
    match column.kind {
        ColumnType::Text => {
            element.i32(6, UTF8);
            logical.nested(1, &empty);
        }
        ColumnType::Instant => {
            element.i32(6, TIMESTAMP_MICROS);
            let mut unit = Struct::default();
            unit.nested(2, &empty);
            let mut timestamp = Struct::default();
            timestamp.boolean(1, true);
            timestamp.nested(2, &unit.finish());
            logical.nested(8, &timestamp.finish());
        }
        ColumnType::Amount => {
            element.i32(6, DECIMAL);
            element.i32(7, SCALE.cast_signed());
            element.i32(8, PRECISION);
            let mut decimal = Struct::default();
            decimal.i32(1, SCALE.cast_signed());
            decimal.i32(2, PRECISION);
            logical.nested(5, &decimal.finish());
        }
        ColumnType::Integer | ColumnType::Number | ColumnType::Boolean => return element.finish(),
    }
    element.nested(10, &logical.finish());
    element.finish()
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn number(count: usize) -> Result<i32, String> {
    i32::try_from(count).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::table::column;

    #[test]
    fn levels_are_runs_after_their_length() {
        assert_eq!(levels(&[true; 3]), [2, 0, 0, 0, 6, 1]);
        assert_eq!(levels(&[true, false, false]), [4, 0, 0, 0, 2, 1, 4, 0]);
        assert_eq!(levels(&[true; 100]), [3, 0, 0, 0, 0xC8, 1, 1]);
    }

    #[test]
    fn amounts_are_millionths_and_booleans_bits() {
        assert_eq!(unscaled("12.30".parse().unwrap()), Ok(12_300_000));
        assert!(unscaled("0.0000001".parse().unwrap()).is_err());
        let bits = [true, false, true, false, false, false, false, false, true];
        assert_eq!(packed_bits(&bits).collect::<Vec<u8>>(), [5, 1]);
    }

    #[test]
    fn a_file_begins_and_ends_with_its_mark_and_says_how_long_its_footer_is() {
        let mut writer = Parquet::default();
        let mut out = Vec::new();
        writer.begin(&[column("n", ColumnType::Integer)], &mut out).unwrap();
        writer.row(&[Cell::Integer(7)], &mut out).unwrap();
        writer.end(&mut out).unwrap();
        assert!(out.starts_with(MAGIC) && out.ends_with(MAGIC));
        let length = u32::from_le_bytes(out[out.len() - 8..out.len() - 4].try_into().unwrap()) as usize;
        assert!(length > 20 && length < out.len(), "{length}");
        assert_eq!(writer.offset, out.len());
    }
}
