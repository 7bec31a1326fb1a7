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
        if statement.starts_with("CREATE VIEW") {
            return WORDS.iter().fold(statement.to_owned(), |said, word| word.said(&said, self));
        }
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

/// A word of our own in views, for what each engine says in its way.
struct Word {
    /// The word; its one argument stands in brackets.
    name: &'static str,
    /// What SQLite says, with `$` for the argument.
    sqlite: &'static str,
    /// What PostgreSQL says.
    postgres: &'static str,
}

/// The words of views. Instants are microseconds since 1970 in the tables; SQLite has no type for them, so they are texts of RFC 3339
/// there, which sort as the instants do; nor has it exact decimals.
const WORDS: &[Word] = &[
    Word {
        name: "id",
        sqlite: "lower(substr(hex($), 1, 8) || '-' || substr(hex($), 9, 4) || '-' || substr(hex($), 13, 4) || '-' || \
                 substr(hex($), 17, 4) || '-' || nullif(substr(hex($), 21), ''))",
        postgres: "CAST($ AS text)",
    },
    Word {
        name: "instant",
        sqlite: "strftime('%Y-%m-%dT%H:%M:%S', ($ - ($ % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch') || \
                 printf('.%06dZ', ($ % 1000000 + 1000000) % 1000000)",
        postgres: "(TIMESTAMPTZ 'epoch' + $ * INTERVAL '1 microsecond')",
    },
    Word { name: "decimal", sqlite: "CAST($ AS NUMERIC)", postgres: "CAST($ AS numeric)" },
    Word { name: "truth", sqlite: "$", postgres: "($ <> 0)" },
];

impl Word {
    /// The statement with what the engine says in place of the word.
    fn said(&self, statement: &str, dialect: Dialect) -> String {
        let said = match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        };
        let mut done = String::new();
        let mut rest = statement;
        let opening = format!("{}(", self.name);
        while let Some(at) = rest.find(&opening) {
            let (before, after) = rest.split_at(at);
            let after = &after[opening.len()..];
            if before.ends_with(is_of_word) {
                done.push_str(before);
                done.push_str(&opening);
                rest = after;
                continue;
            }
            let end = closing(after);
            done.push_str(before);
            done.push_str(&said.replace('$', &after[..end]));
            rest = after.get(end + 1..).unwrap_or_default();
        }
        done + rest
    }
}

/// Where the bracket that is open at the beginning of a text closes; its end where it does not.
fn closing(text: &str) -> usize {
    let mut open = 1;
    for (at, sign) in text.char_indices() {
        open += match sign {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if open == 0 {
            return at;
        }
    }
    text.len()
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
    fn words_of_views_are_said_by_each_engine() {
        let view = "CREATE VIEW v AS\nSELECT id(t.a) AS a, instant(lead(t.b) OVER w) AS b, void(t.c) FROM t;";
        assert_eq!(
            Dialect::Postgres.statements(view),
            [
                "CREATE VIEW v AS\nSELECT CAST(t.a AS text) AS a, (TIMESTAMPTZ 'epoch' + lead(t.b) OVER w * INTERVAL \
              '1 microsecond') AS b, void(t.c) FROM t"
            ]
        );
        let said = Dialect::Sqlite.statements(view);
        assert!(said[0].contains("hex(t.a)") && said[0].contains("(lead(t.b) OVER w % 1000000"), "{said:?}");
    }

    #[test]
    fn the_tables_of_a_schema_are_found() {
        assert_eq!(tables_in(SCHEMA), ["t"]);
    }
}
