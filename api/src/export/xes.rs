//! An event log in XES (IEEE 1849-2016), after its XML schema: a trace a journey or a customer, an event for each stage entered.
//!
//! Only attributes that hold one value are written: readers treat lists in different ways. No instant is declared for events
//! that have none, since readers would give it to them.

use std::fmt::Write as _;

use uuid::Uuid;

use super::entered::Entered;
use super::table::{Cell, Column, ColumnType, column, instant_text};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/" xes.version="1849.2016" xes.features="">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<global scope="trace">
<string key="concept:name" value=""/>
<string key="customer" value=""/>
</global>
<global scope="event">
<string key="concept:name" value=""/>
<string key="lifecycle:transition" value="complete"/>
</global>
<classifier name="Stage" keys="concept:name"/>
<string key="lifecycle:model" value="standard"/>
"#;

/// The attributes of a journey.
const JOURNEY: [Column; 3] = [
    column("pipeline", ColumnType::Text),
    column("customer", ColumnType::Text),
    column("external_id", ColumnType::Text),
];

/// The writer: one trace after the other.
pub(super) struct Xes {
    /// The attributes of each event.
    attributes: &'static [Column],
    /// Whether a trace has begun.
    open: bool,
    /// Whose it is.
    journey: Option<(String, Uuid)>,
}

impl Xes {
    pub(super) fn new(attributes: &'static [Column]) -> Self {
        Self { attributes, open: false, journey: None }
    }

    pub(super) fn begin(out: &mut String) {
        out.push_str(HEAD);
    }

    /// Begins a trace with the first event of a journey.
    pub(super) fn journey(&mut self, entered: &Entered, external_id: Option<&str>, out: &mut String) {
        let journey = (entered.pipeline.clone(), entered.customer);
        if self.journey.as_ref() == Some(&journey) {
            return;
        }
        let Entered { pipeline, customer, .. } = entered;
        let cells = [Cell::Text(pipeline.clone()), Cell::Id(*customer), Cell::text(external_id)];
        self.trace(&format!("{pipeline}/{customer}"), &JOURNEY, &cells, out);
        self.journey = Some(journey);
    }

    /// Begins a trace.
    pub(super) fn trace(&mut self, name: &str, columns: &[Column], cells: &[Cell], out: &mut String) {
        self.close(out);
        out.push_str("<trace>\n");
        string("concept:name", name, out);
        told(columns, cells, out);
        self.open = true;
    }

    /// An event of the trace.
    pub(super) fn event(&self, entered: &Entered, out: &mut String) {
        out.push_str("<event>\n");
        string("concept:name", &entered.stage, out);
        attribute("date", "time:timestamp", &instant_text(entered.at), out);
        string("lifecycle:transition", "complete", out);
        if let Some((actor, event)) = &entered.recorded {
            string("org:resource", actor, out);
            string("event_id", &event.to_string(), out);
        }
        string("pipeline", &entered.pipeline, out);
        attribute("int", "pipeline_version", &entered.version.to_string(), out);
        told(self.attributes, &entered.cells, out);
        out.push_str("</event>\n");
    }

    pub(super) fn end(&mut self, out: &mut String) {
        self.close(out);
        out.push_str("</log>\n");
    }

    fn close(&mut self, out: &mut String) {
        if std::mem::take(&mut self.open) {
            out.push_str("</trace>\n");
        }
    }
}

/// Attributes as far as they hold something.
fn told(columns: &[Column], cells: &[Cell], out: &mut String) {
    let mut value = String::new();
    for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| **cell != Cell::Empty) {
        value.clear();
        cell.write(&mut value);
        attribute(element(column.kind), column.name, &value, out);
    }
}

/// The element of an attribute.
fn element(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "string",
        ColumnType::Integer => "int",
        ColumnType::Number | ColumnType::Amount => "float",
        ColumnType::Instant => "date",
        ColumnType::Boolean => "boolean",
    }
}

fn string(key: &str, value: &str, out: &mut String) {
    attribute("string", key, value, out);
}

fn attribute(element: &str, key: &str, value: &str, out: &mut String) {
    let _ = write!(out, "<{element} key=\"{key}\" value=\"");
    escaped(value, out);
    out.push_str("\"/>\n");
}

/// A text within an attribute of XML 1.0, which takes no control characters but these.
fn escaped(text: &str, out: &mut String) {
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            sign if sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            sign => out.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_takes_for_markup_is_written_as_text() {
        let mut out = String::new();
        string("k", "<a & \"b\">\n\u{0}", &mut out);
        assert_eq!(out, "<string key=\"k\" value=\"&lt;a &amp; &quot;b&quot;&gt;&#10;\u{fffd}\"/>\n");
    }
}
