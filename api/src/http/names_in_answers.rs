//! Who is named in answers has one name there: a field that names a rep has `li`, one that names who did something has the role
//! before the name. Every text that an answer may have is known here to name somebody or not, and what the tests are answered
//! is held to it.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use super::document_texts::each_text;
use super::testing::Bench;

/// What names a rep, by the name under which customers are owned.
const REPS: [&str; 5] = ["assigned_to", "deputy", "member", "members", "rep"];
/// What names who did something, or leads, with the role before the name.
const ACTORS: [&str; 18] = [
    "actor",
    "agent",
    "created_by",
    "decided_by",
    "entered_by",
    "erased_by",
    "functions",
    "placed_by",
    "published_by",
    "released_by",
    "requested_by",
    "sent_by",
    "set_by",
    "settled_by",
    "supervisors",
    "uploaded_by",
    "via",
    "withdrawn_by",
];
/// What names whose customers have something in common, with `rep` or `pool` before it: the keys of groups, and the values of rows.
const OWNERS: [&str; 2] = ["owner", "value"];
/// What names somebody beside a risk, and beside a figure a respect, such as `stage`.
const BY: &str = "by";
/// All other texts. One that is new is looked at, and named here or above.
const OTHERS: &[&str] = &[
    "address",
    "algorithm",
    "amount",
    "automations",
    "base",
    "case",
    "cause",
    "censored",
    "channel",
    "channels",
    "checkpoint",
    "client",
    "code",
    "column",
    "columns",
    "command",
    "company_size",
    "credit_code",
    "currency",
    "customer_name",
    "customers",
    "decision",
    "default_of",
    "definition",
    "description",
    "detail",
    "disabled_because",
    "document",
    "effective",
    "en",
    "encoding",
    "expected",
    "explanation",
    "external_id",
    "factor",
    "field",
    "figure",
    "filters",
    "flags",
    "format",
    "from",
    "from_root",
    "ground",
    "hashes",
    "high",
    "high_95",
    "host",
    "how_to_fix",
    "id",
    "industry",
    "instance",
    "journey",
    "jsonrpc",
    "key",
    "key_id",
    "keys",
    "kind",
    "language",
    "last_error",
    "last_reason",
    "leaf_hash",
    "left_to",
    "limits",
    "low",
    "low_95",
    "message",
    "method",
    "model",
    "name",
    "never_used",
    "next_cursor",
    "note",
    "notes",
    "notice",
    "other_sheets",
    "otherwise",
    "outcome",
    "parameters",
    "passed_over",
    "path",
    "paused",
    "period",
    "pilot",
    "pipeline",
    "pipelines",
    "pool",
    "previous_reason",
    "process",
    "product_fields",
    "prompt",
    "rates",
    "reason",
    "reason_name",
    "reasons",
    "reference",
    "region",
    "regions",
    "release_reason",
    "request_id",
    "reward",
    "role",
    "roles",
    "root",
    "route",
    "rows",
    "rule",
    "score",
    "secret",
    "separator",
    "service_type",
    "session",
    "sha256",
    "sheet",
    "skipped",
    "source",
    "sources",
    "stage",
    "stage_after",
    "stage_before",
    "stage_from",
    "stage_from_name",
    "stage_name",
    "stage_to",
    "stages",
    "state",
    "status",
    "sub_status",
    "sub_status_name",
    "subject",
    "suggested",
    "table",
    "tags",
    "task",
    "team",
    "teams",
    "test",
    "text",
    "tier",
    "timezone",
    "title",
    "to",
    "to_root",
    "trace_id",
    "type",
    "types",
    "tzdb",
    "url",
    "version",
    "vkey",
    "without_rate",
    "would_record",
    "zh",
    "zone",
];
/// What has schemas of its own, or is what somebody else wrote: events, what was asked, lines of a file.
const UNTYPED: [&str; 4] = ["data", "definition", "parameters", "samples"];

/// What is wrong with the names in an answer, which may be one line of several.
pub(crate) fn misnamed(answer: &str) -> Vec<String> {
    let mut faults = Vec::new();
    match serde_json::from_str(answer) {
        Ok(whole) => judge(&whole, "", &mut faults),
        Err(_) => {
            let lines = answer.lines().filter_map(|line| serde_json::from_str(line).ok());
            lines.for_each(|line: Value| judge(&line, "", &mut faults));
        }
    }
    faults
}

fn judge(value: &Value, name: &str, faults: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let typed = members.iter().filter(|(name, _)| !UNTYPED.contains(&name.as_str()));
            // Who fills which role is said by role.
            let by_key = ACTORS.contains(&name);
            typed.for_each(|(member, value)| {
                judge(value, if by_key { name } else { member.as_str() }, faults);
            });
        }
        Value::Array(items) => items.iter().for_each(|item| judge(item, name, faults)),
        Value::String(text) => {
            let prefix = text.split_once(':').map(|(prefix, _)| prefix);
            let names_a_role = || {
                let roles = ["rep", "supervisor", "manager", "admin", "analyst", "auditor"];
                prefix.is_some_and(|prefix| roles.contains(&prefix)) && !text.contains(' ')
            };
            let is_right = match name {
                // Somebody who sells beside another role owns customers under the whole name.
                name if REPS.contains(&name) => prefix != Some("rep"),
                // What a file brought was done by the file.
                name if ACTORS.contains(&name) => prefix.is_some() || text == "import",
                name if OWNERS.contains(&name) || name == BY => true,
                _ => !names_a_role(),
            };
            if !is_right {
                faults.push(format!("{name} is {text:?}"));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn every_text_of_an_answer_is_known_to_name_somebody_or_not() {
    let bench = Bench::new().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    let mut answered = BTreeSet::new();
    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap())
    {
        for (status, response) in operation.1["responses"].as_object().unwrap() {
            let named = response["$ref"].as_str().map(|named| named.trim_start_matches('#'));
            let response = named.map_or(response, |named| document.pointer(named).unwrap());
            let contents = response["content"].as_object().into_iter().flatten();
            for (_, content) in contents.filter(|_| status.starts_with('2')) {
                each_text(&document, &content["schema"], "$", &mut |name, _| {
                    answered.insert(name.to_owned());
                });
            }
        }
    }
    let known: BTreeSet<String> =
        [&REPS[..], &ACTORS, &OWNERS, &[BY], OTHERS].concat().into_iter().map(str::to_owned).collect();
    let unknown: Vec<_> = answered.difference(&known).collect();
    assert!(unknown.is_empty(), "does this name somebody? {unknown:?}");
    let stale: Vec<_> = known.difference(&answered).filter(|name| !OWNERS.contains(&name.as_str())).collect();
    assert!(stale.is_empty(), "no answer has these: {stale:?}");
}

#[test]
fn a_name_in_the_other_form_is_found_wherever_it_stands() {
    let right = json!({"items": [{"rep": "li", "members": ["li", "supervisor:wang"], "actor": "rep:li",
        "key": {"owner": "rep:li"}, "functions": {"service": ["rep:mo"]}, "by_rep": [{"value": "pool:public"}], "note": "see rep:li"}]});
    assert_eq!(misnamed(&right.to_string()), [""; 0]);
    for wrong in [
        json!({"rep": "rep:li"}),
        json!({"a": [{"members": ["li", "rep:zhao"]}]}),
        json!({"actor": "li"}),
        json!({"functions": {"service": ["mo"]}}),
        json!({"a": {"approved": "manager:wang"}}),
    ] {
        assert_eq!(misnamed(&wrong.to_string()).len(), 1, "{wrong}");
        assert_eq!(misnamed(&format!("{right}\n{wrong}\n")).len(), 1, "{wrong}");
    }
}
