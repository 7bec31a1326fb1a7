//! Where the two engines' words differ: types of columns.

/// Which SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
}

impl Dialect {
    /// The statements of a schema that is written in SQLite's words, each alone and without comments.
    ///
    /// A `BLOB` of the schema is an id. Texts are ordered by their bytes on both engines.
    #[must_use]
    pub fn statements(self, schema: &str) -> Vec<String> {
        let lines =
            schema.lines().map(|line| line.split_once("--").map_or(line, |(line, _)| line).trim_end());
        let text: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let statements = text.join("\n");
        let statements = statements.split(';').map(str::trim).filter(|statement| !statement.is_empty());
        statements.map(|statement| self.said(statement)).collect()
    }

    fn said(self, statement: &str) -> String {
        if self == Self::Sqlite || !statement.starts_with("CREATE TABLE") {
            return statement.to_owned();
        }
        let statement = statement.strip_suffix("WITHOUT ROWID").unwrap_or(statement).trim_end();
        let words = statement.split_inclusive(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
        let said = words.map(|word| {
            let (name, sign) = word.split_at(word.trim_end_matches(|sign: char| !is_of_word(sign)).len());
            let name = match name {
                "BLOB" => "uuid",
                "INTEGER" => "bigint",
                // Byte by byte, which in UTF-8 is by code point: SQLite's order.
                "TEXT" => "text COLLATE \"C\"",
                other => other,
            };
            format!("{name}{sign}")
        });
        said.collect()
    }
}

fn is_of_word(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

/// The tables that a schema makes.
#[must_use]
pub fn tables_in(schema: &str) -> Vec<&str> {
    let made = schema.lines().filter_map(|line| line.strip_prefix("CREATE TABLE IF NOT EXISTS "));
    made.filter_map(|rest| rest.split([' ', '(']).next()).collect()
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// An id.
    Id,
    /// A number, a position, microseconds, or a flag.
    Number,
    /// A text.
    Text,
}

impl ColumnType {
    /// A list of such values, as PostgreSQL calls it.
    pub(crate) fn list(self) -> &'static str {
        match self {
            Self::Id => "uuid []",
            Self::Number => "bigint []",
            Self::Text => "text []",
        }
    }
}

/// The views that a schema makes.
#[must_use]
pub fn views_in(schema: &str) -> Vec<&str> {
    let made = schema.lines().filter_map(|line| line.strip_prefix("CREATE VIEW "));
    made.filter_map(|rest| rest.split(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "-- Texts; and more.\nCREATE TABLE IF NOT EXISTS t (\n    tenant_id BLOB NOT NULL, -- an id\n    \
                          word TEXT,\n    size INTEGER NOT NULL,\n    PRIMARY KEY (tenant_id, word)\n) WITHOUT ROWID;\n\
                          CREATE INDEX IF NOT EXISTS t_size ON t (tenant_id, size);\n";

    #[test]
    fn a_schema_is_said_in_the_words_of_either_engine() {
        let said = Dialect::Postgres.statements(SCHEMA);
        assert_eq!(
            said,
            [
                "CREATE TABLE IF NOT EXISTS t (\n    tenant_id uuid NOT NULL,\n    word text COLLATE \"C\",\n    \
                 size bigint NOT NULL,\n    PRIMARY KEY (tenant_id, word)\n)",
                "CREATE INDEX IF NOT EXISTS t_size ON t (tenant_id, size)",
            ]
        );
        assert!(Dialect::Sqlite.statements(SCHEMA)[0].ends_with("WITHOUT ROWID"));
    }

    #[test]
    fn the_tables_of_a_schema_are_found() {
        assert_eq!(tables_in(SCHEMA), ["t"]);
    }
}
