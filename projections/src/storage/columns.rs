//! A table declared once: its columns, their types, their order, and how a row is written and read.
//!
//! `table!` makes the [`Table`](super::table::Table) and a struct of the same columns, those of the primary key first. A test
//! compares them with `schema.sql`. Rows are read and written by the names of their columns, so a statement may select them
//! in any order, or all of them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use waymark_domain::{ProfileField, ProfileTexts};

use crate::db::{ColumnType, Row, Value};
use crate::error::{ProjectionError, Result};

/// A row of a table, without the tenant and the generation.
pub(crate) trait TableRow: Sized {
    /// Reads a row that has all columns of the table, under their names.
    fn read(row: &Row) -> Result<Self>;
    /// Appends the values of the columns, in the order of the table.
    fn push(self, values: &mut Vec<Value>);
}

/// A type that a column holds.
pub(crate) trait Cell: Sized {
    /// The column's type in the tables.
    const TYPE: ColumnType;
    /// Reads a column that may be null.
    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>>;
    /// Reads a column.
    fn read(row: &Row, column: &str) -> Result<Self> {
        let missing = || ProjectionError::Database(format!("column {column} is null"));
        Self::read_opt(row, column)?.ok_or_else(missing)
    }
    /// The value to write.
    fn into_value(self) -> Value;
}

impl Cell for Uuid {
    const TYPE: ColumnType = ColumnType::Id;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        row.opt_uuid(column)
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Cell for String {
    const TYPE: ColumnType = ColumnType::Text;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        row.opt_text(column)
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Cell for i64 {
    const TYPE: ColumnType = ColumnType::Number;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        row.opt_int(column)
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Cell for u64 {
    const TYPE: ColumnType = ColumnType::Number;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        Ok(row.opt_int(column)?.map(i64::cast_unsigned))
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Cell for u32 {
    const TYPE: ColumnType = ColumnType::Number;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        let number = row.opt_int(column)?.map(Self::try_from).transpose();
        number.map_err(|error| ProjectionError::Database(error.to_string()))
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Cell for bool {
    const TYPE: ColumnType = ColumnType::Number;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        Ok(row.opt_int(column)?.map(|flag| flag != 0))
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl<T: Cell> Cell for Option<T> {
    const TYPE: ColumnType = T::TYPE;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        T::read_opt(row, column).map(Some)
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, Cell::into_value)
    }
}

/// A value as JSON text: what no statement looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Json(String);

impl Json {
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        serde_json::to_string(value).map(Self).map_err(|error| ProjectionError::Database(error.to_string()))
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|error| ProjectionError::Database(error.to_string()))
    }
}

impl Cell for Json {
    const TYPE: ColumnType = ColumnType::Text;

    fn read_opt(row: &Row, column: &str) -> Result<Option<Self>> {
        Ok(row.opt_text(column)?.map(Self))
    }

    fn into_value(self) -> Value {
        self.0.into()
    }
}

/// The type of the columns that hold the texts of a profile.
pub(crate) const fn type_of_text(_column: &str) -> ColumnType {
    ColumnType::Text
}

/// The texts of a profile that a row has in these columns.
pub(crate) fn read_texts(row: &Row, columns: &[&str]) -> Result<ProfileTexts> {
    let mut texts = ProfileTexts::default();
    for field in columns.iter().filter_map(|column| ProfileField::parse(column)) {
        *texts.get_mut(field) = row.opt_text(field.key())?;
    }
    Ok(texts)
}

/// Appends the texts of a profile that stand in these columns.
pub(crate) fn push_texts(texts: &ProfileTexts, columns: &[&str], values: &mut Vec<Value>) {
    let text = |column: &&str| ProfileField::parse(column).and_then(|field| texts.get(field).clone());
    values.extend(columns.iter().map(|column| text(column).into_value()));
}

/// Declares a table with the columns of its primary key, the others, and those that hold texts of a customer's profile, which
/// the rows have together; and a struct for its rows.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $table:ident = $name:literal, $mode:ident, $row:ident {
            key { $($key:ident: $key_type:ty),+ $(,)? }
            columns { $($column:ident: $type:ty),* $(,)? }
            $($texts:ident { $($text:ident),+ $(,)? })?
        }
    ) => {
        $(#[$doc])*
        pub(crate) static $table: $crate::storage::table::Table = $crate::storage::table::Table {
            name: $name,
            columns: &[
                "tenant_id", "generation", $(stringify!($key),)+ $(stringify!($column),)* $($(stringify!($text),)+)?
            ],
            types: &[
                $(<$key_type as $crate::storage::columns::Cell>::TYPE,)+
                $(<$type as $crate::storage::columns::Cell>::TYPE,)*
                $($($crate::storage::columns::type_of_text(stringify!($text)),)+)?
            ],
            key: 2 + [$(stringify!($key)),+].len(),
            mode: $crate::storage::table::WriteMode::$mode,
        };

        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $row {
            $(pub(crate) $key: $key_type,)+
            $(pub(crate) $column: $type,)*
            $(pub(crate) $texts: waymark_domain::ProfileTexts,)?
        }

        impl $crate::storage::columns::TableRow for $row {
            fn read(row: &$crate::db::Row) -> $crate::error::Result<Self> {
                use $crate::storage::columns::Cell as _;
                Ok(Self {
                    $($key: <$key_type>::read(row, stringify!($key))?,)+
                    $($column: <$type>::read(row, stringify!($column))?,)*
                    $($texts: $crate::storage::columns::read_texts(row, &[$(stringify!($text)),+])?,)?
                })
            }

            fn push(self, values: &mut Vec<$crate::db::Value>) {
                use $crate::storage::columns::Cell as _;
                $(values.push(self.$key.into_value());)+
                $(values.push(self.$column.into_value());)*
                $($crate::storage::columns::push_texts(&self.$texts, &[$(stringify!($text)),+], values);)?
            }
        }
    };
}
pub(crate) use table;
