//! Rows of either engine.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row as _, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

use super::Value;
use crate::error::{ProjectionError, Result};

/// A column of a row: its name in the statement, or its place.
pub trait Column: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy + std::fmt::Debug {}

impl<C: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy + std::fmt::Debug> Column for C {}

/// A row, read by the names of its columns or by their places.
#[derive(Debug)]
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

/// A column of a type that both drivers read the same way.
macro_rules! column {
    ($row:expr, $column:expr) => {
        match $row {
            Row::Sqlite(row) => Ok(row.try_get($column)?),
            Row::Postgres(row) => Ok(row.try_get($column)?),
        }
    };
}

/// Each fails with [`ProjectionError::Database`] when the column is not there or holds something else.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl Row {
    /// A number.
    pub fn int(&self, column: impl Column) -> Result<i64> {
        column!(self, column)
    }

    /// A number, or none.
    pub fn opt_int(&self, column: impl Column) -> Result<Option<i64>> {
        column!(self, column)
    }

    /// A position, a count or an epoch.
    pub fn position(&self, column: impl Column) -> Result<u64> {
        Ok(self.int(column)?.cast_unsigned())
    }

    /// A small number.
    pub fn number(&self, column: impl Column) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|error| ProjectionError::Database(error.to_string()))
    }

    /// A flag.
    pub fn flag(&self, column: impl Column) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A text.
    pub fn text(&self, column: impl Column) -> Result<String> {
        column!(self, column)
    }

    /// The text without a copy of it.
    pub fn str(&self, column: impl Column) -> Result<&str> {
        column!(self, column)
    }

    /// A text, or none.
    pub fn opt_text(&self, column: impl Column) -> Result<Option<String>> {
        column!(self, column)
    }

    /// Bytes.
    pub fn bytes(&self, column: impl Column) -> Result<Vec<u8>> {
        column!(self, column)
    }

    /// An id.
    pub fn uuid(&self, column: impl Column) -> Result<Uuid> {
        let missing = || ProjectionError::Database(format!("column {column:?} is null, not an id"));
        self.opt_uuid(column)?.ok_or_else(missing)
    }

    /// An id, or none.
    pub fn opt_uuid(&self, column: impl Column) -> Result<Option<Uuid>> {
        let uuid = match self {
            Self::Sqlite(row) => row.try_get::<Option<&[u8]>, _>(column)?.map(Uuid::from_slice),
            // The sixteen bytes, as PostgreSQL sends them.
            Self::Postgres(row) => match row.try_get_raw(column)? {
                raw if raw.is_null() => None,
                raw => Some(raw.as_bytes().map_err(sqlx::Error::Decode).map(Uuid::from_slice)?),
            },
        };
        uuid.transpose().map_err(|error| ProjectionError::Database(error.to_string()))
    }

    /// The column as a value that can be bound again.
    pub(crate) fn value(&self, column: impl Column) -> Result<Value> {
        let (null, kind) = self.kind(column)?;
        Ok(match kind.as_str() {
            _ if null => Value::Null,
            "INTEGER" | "INT8" => Value::Int(self.int(column)?),
            "BLOB" | "UUID" => Value::Uuid(self.uuid(column)?),
            _ => Value::Text(self.text(column)?),
        })
    }

    /// The column as a literal, whatever its type: the same text on both engines.
    pub(crate) fn literal(&self, column: impl Column) -> Result<String> {
        let (null, kind) = self.kind(column)?;
        Ok(match kind.as_str() {
            _ if null => "NULL".to_owned(),
            "INTEGER" | "INT8" => self.int(column)?.to_string(),
            "BLOB" | "UUID" => format!("X'{:X}'", self.uuid(column)?.as_simple()),
            _ => format!("'{}'", self.str(column)?.replace('\'', "''")),
        })
    }

    /// Whether the column is null, and its type in the engine's words.
    fn kind(&self, column: impl Column) -> Result<(bool, String)> {
        Ok(match self {
            Self::Sqlite(row) => {
                let raw = row.try_get_raw(column)?;
                (raw.is_null(), raw.type_info().name().to_owned())
            }
            Self::Postgres(row) => {
                let raw = row.try_get_raw(column)?;
                (raw.is_null(), raw.type_info().name().to_owned())
            }
        })
    }
}
