//! Changes as rows of a CSV file (RFC 4180), for spreadsheets.

use serde_json::Value;

use super::change::Change;

/// The columns, in order.
const COLUMNS: [&str; 25] = [
    "position",
    "id",
    "type",
    "subject",
    "actor",
    "via",
    "key_id",
    "origin_kind",
    "origin_address",
    "origin_client",
    "origin_request_id",
    "effective_at",
    "recorded_at",
    "customer",
    "journey",
    "before",
    "after",
    "reason",
    "note",
    "cause",
    "rule",
    "pipeline_version",
    "approvals",
    "corrects",
    "superseded_by",
];

/// The first line.
pub(crate) fn header() -> Vec<u8> {
    line(&COLUMNS.map(str::to_owned))
}

/// The line of a change. What has parts of its own, such as `before`, is JSON within its cell.
pub(crate) fn row(change: &Change) -> Vec<u8> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(change) else { return Vec::new() };
    if let Some(Value::Object(origin)) = members.remove("origin") {
        members.extend(origin.into_iter().map(|(name, value)| (format!("origin_{name}"), value)));
    }
    line(&COLUMNS.map(|column| cell(members.get(column).unwrap_or(&Value::Null))))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => inert(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A text that a spreadsheet does not take for a formula: what begins like one is put behind an apostrophe.
fn inert(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

fn line(cells: &[String]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing into memory does not fail.
    writer.write_record(cells).ok();
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_never_runs_as_a_formula_and_quotes_what_it_must() {
        let texts = ["=1+1", "+86", "-2", "@x", "plain", "a,b", "say \"so\""].map(|text| cell(&text.into()));
        let written = String::from_utf8(line(&texts)).unwrap();
        assert_eq!(written, "'=1+1,'+86,'-2,'@x,plain,\"a,b\",\"say \"\"so\"\"\"\r\n");
        assert_eq!(String::from_utf8(header()).unwrap().split(',').count(), COLUMNS.len());
    }
}
