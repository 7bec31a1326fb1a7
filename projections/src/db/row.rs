//! Rows of either engine.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

use super::Value;
use crate::error::{ProjectionError, Result};

/// A row, read by the place of its columns.
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
    pub fn int(&self, column: usize) -> Result<i64> {
        column!(self, column)
    }

    /// A number, or none.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        column!(self, column)
    }

    /// A position, a count or an epoch.
    pub fn position(&self, column: usize) -> Result<u64> {
        Ok(self.int(column)?.cast_unsigned())
    }

    /// A small number.
    pub fn number(&self, column: usize) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|error| ProjectionError::Database(error.to_string()))
    }

    /// A flag.
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A text.
    pub fn text(&self, column: usize) -> Result<String> {
        column!(self, column)
    }

    /// The text without a copy of it.
    pub fn str(&self, column: usize) -> Result<&str> {
        column!(self, column)
    }

    /// A text, or none.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>> {
        column!(self, column)
    }

    /// Bytes.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        column!(self, column)
    }

    /// An id.
    pub fn uuid(&self, column: usize) -> Result<Uuid> {
        let missing = || ProjectionError::Database(format!("column {column} is null, not an id"));
        self.opt_uuid(column)?.ok_or_else(missing)
    }

    /// An id, or none.
    pub fn opt_uuid(&self, column: usize) -> Result<Option<Uuid>> {
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
    pub(crate) fn value(&self, column: usize) -> Result<Value> {
        let (null, kind) = self.kind(column)?;
        Ok(match kind.as_str() {
            _ if null => Value::Null,
            "INTEGER" | "INT8" => Value::Int(self.int(column)?),
            "BLOB" | "UUID" => Value::Uuid(self.uuid(column)?),
            _ => Value::Text(self.text(column)?),
        })
    }

    /// The column as a literal, whatever its type: the same text on both engines.
    pub(crate) fn literal(&self, column: usize) -> Result<String> {
        let (null, kind) = self.kind(column)?;
        Ok(match kind.as_str() {
            _ if null => "NULL".to_owned(),
            "INTEGER" | "INT8" => self.int(column)?.to_string(),
            "BLOB" | "UUID" => format!("X'{:X}'", self.uuid(column)?.as_simple()),
            _ => format!("'{}'", self.str(column)?.replace('\'', "''")),
        })
    }

    /// Whether the column is null, and its type in the engine's words.
    fn kind(&self, column: usize) -> Result<(bool, String)> {
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
