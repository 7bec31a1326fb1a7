//! The items of an answer as records: JSON, a line each, or CSV.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::Failure;

/// JSON, a line an item.
pub(super) fn lines<T: Serialize>(items: &[T]) -> Result<String, Failure> {
    let mut text = String::new();
    for item in items {
        text.push_str(&serde_json::to_string(item)?);
        text.push('\n');
    }
    Ok(text)
}

/// CSV (RFC 4180) with a header. An object within an item has a column for each of its fields, named after both; a list is
/// JSON in its cell, and what is null is empty.
pub(super) fn csv<T: Serialize>(items: &[T]) -> Result<String, Failure> {
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let mut cells = Vec::new();
        let fields: Fields = serde_json::from_str(&serde_json::to_string(item)?)?;
        flatten("", fields, &mut cells);
        rows.push(cells);
    }
    if rows.is_empty() {
        return Ok(String::new());
    }
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    // Where an object is null in one item, the others have columns for what is in it.
    let all = columns.clone();
    let is_object = |name: &str| all.iter().any(|other| is_within(other, name));
    columns.retain(|name| !is_object(name));
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(&columns)?;
    for row in &rows {
        let cell = |column: &&str| {
            let found = row.iter().find(|(name, _)| name == column);
            found.map(|(_, cell)| cell.as_str()).unwrap_or_default()
        };
        writer.write_record(columns.iter().map(cell))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Whether a column is of a field of that object.
fn is_within(column: &str, object: &str) -> bool {
    column.strip_prefix(object).is_some_and(|rest| rest.starts_with('.'))
}

/// The fields of an object, in the order in which they are written.
struct Fields(Vec<(String, Cell)>);

/// What a field holds.
enum Cell {
    Object(Fields),
    Other(Value),
}

fn flatten(prefix: &str, fields: Fields, cells: &mut Vec<(String, String)>) {
    for (name, cell) in fields.0 {
        let name = format!("{prefix}{name}");
        match cell {
            Cell::Object(fields) => flatten(&format!("{name}."), fields, cells),
            Cell::Other(Value::Null) => cells.push((name, String::new())),
            Cell::Other(Value::String(text)) => cells.push((name, text)),
            Cell::Other(value) => cells.push((name, value.to_string())),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, raw)) = map.next_entry::<String, Box<serde_json::value::RawValue>>()? {
                    let read = |error| serde::de::Error::custom(error);
                    let cell = match raw.get().starts_with('{') {
                        true => Cell::Object(serde_json::from_str(raw.get()).map_err(read)?),
                        false => Cell::Other(serde_json::from_str(raw.get()).map_err(read)?),
                    };
                    fields.push((name, cell));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Money {
        amount: &'static str,
        currency: &'static str,
    }

    #[derive(Serialize)]
    struct Item {
        stage: &'static str,
        count: u32,
        amount: Option<Money>,
        tags: Vec<&'static str>,
    }

    fn items() -> [Item; 2] {
        let amount = Some(Money { amount: "12.30", currency: "CNY" });
        [
            Item { stage: "new, or so", count: 2, amount: None, tags: vec!["a", "b"] },
            Item { stage: "won", count: 1, amount, tags: Vec::new() },
        ]
    }

    #[test]
    fn a_record_is_a_row_with_a_column_for_each_field_of_its_objects() {
        let expected = concat!(
            "stage,count,tags,amount.amount,amount.currency\r\n",
            "\"new, or so\",2,\"[\"\"a\"\",\"\"b\"\"]\",,\r\n",
            "won,1,[],12.30,CNY\r\n",
        );
        assert_eq!(csv(&items()).ok().as_deref(), Some(expected));
        assert_eq!(csv::<Item>(&[]).ok().as_deref(), Some(""));
    }

    #[test]
    fn a_line_is_an_item_as_the_whole_answer_has_it() {
        let expected = concat!(
            r#"{"stage":"new, or so","count":2,"amount":null,"tags":["a","b"]}"#,
            "\n",
            r#"{"stage":"won","count":1,"amount":{"amount":"12.30","currency":"CNY"},"tags":[]}"#,
            "\n",
        );
        assert_eq!(lines(&items()).ok().as_deref(), Some(expected));
    }
}
