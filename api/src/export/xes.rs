//! Moves as an event log in XES (IEEE 1849-2016): a trace a journey, an event a move.
//!
//! Only attributes that hold one value are written: readers treat lists in different ways.

use std::fmt::Write as _;

use waymark_projections::dwell::ExportedMove;

use super::table::instant_text;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/" xes.version="1849-2016" xes.features="">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<global scope="trace">
<string key="concept:name" value=""/>
<string key="pipeline" value=""/>
<string key="customer" value=""/>
</global>
<global scope="event">
<string key="concept:name" value=""/>
<date key="time:timestamp" value="1970-01-01T00:00:00.000000Z"/>
<string key="lifecycle:transition" value="complete"/>
</global>
<classifier name="Stage" keys="concept:name"/>
<string key="lifecycle:model" value="standard"/>
"#;

/// The writer: of each journey, one trace after the other.
#[derive(Debug, Default)]
pub(super) struct Xes {
    open: Option<(String, uuid::Uuid)>,
}

impl Xes {
    pub(super) fn begin(out: &mut String) {
        out.push_str(HEAD);
    }

    /// A move; those of a journey follow one another.
    pub(super) fn event(&mut self, made: &ExportedMove, external_id: Option<&str>, out: &mut String) {
        let journey = (made.journey.clone(), made.customer);
        if self.open.as_ref() != Some(&journey) {
            self.close(out);
            out.push_str("<trace>\n");
            string("concept:name", &format!("{}/{}", made.journey, made.customer), out);
            string("pipeline", &made.journey, out);
            string("customer", &made.customer.to_string(), out);
            if let Some(external_id) = external_id {
                string("external_id", external_id, out);
            }
            self.open = Some(journey);
        }
        out.push_str("<event>\n");
        string("concept:name", &made.stage, out);
        attribute("date", "time:timestamp", &instant_text(made.at), out);
        string("lifecycle:transition", "complete", out);
        string("org:resource", &made.actor, out);
        string("event_id", &made.event.to_string(), out);
        if let Some(sub_status) = &made.sub_status {
            string("sub_status", sub_status, out);
        }
        string("kind", &made.kind, out);
        attribute("int", "cycle", &made.cycle.to_string(), out);
        attribute("int", "pipeline_version", &made.version.to_string(), out);
        attribute("int", "position", &made.position.to_string(), out);
        attribute("boolean", "repeats", if made.repeats { "true" } else { "false" }, out);
        attribute("date", "recorded_at", &instant_text(made.recorded_at), out);
        out.push_str("</event>\n");
    }

    pub(super) fn end(&mut self, out: &mut String) {
        self.close(out);
        out.push_str("</log>\n");
    }

    fn close(&mut self, out: &mut String) {
        if self.open.take().is_some() {
            out.push_str("</trace>\n");
        }
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
