//! Reads what is published with a version: the map, and the team that tries it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::automation::condition;
use super::reader::{Object, id, ill_formed, list, text as words};
use crate::instant::InvalidInstant;
use crate::pipeline::version::{Mapping, Pilot, SplitRule, StageMapping, Target};
use crate::refusal::{Refusal, Violation};

impl StageMapping {
    /// Reads a map: a list of `{from, kind, …}`.
    ///
    /// # Errors
    /// Every unknown, missing or ill-formed field by its path.
    pub fn parse_all(map: &Value) -> Result<Vec<Self>, Refusal> {
        let mut unmet = Vec::new();
        let read = list("map", map, &mut unmet, mapping);
        Refusal::require_all([unmet])?;
        Ok(read)
    }
}

impl Pilot {
    /// Reads a team: its id alone, or `{id, from?, until?, back?}`.
    ///
    /// # Errors
    /// Every unknown, missing or ill-formed field by its path.
    pub fn parse(team: &Value) -> Result<Self, Refusal> {
        let mut unmet = Vec::new();
        let read = pilot("team", team, &mut unmet);
        Refusal::require_all([unmet])?;
        Ok(read.unwrap_or_default())
    }
}

fn pilot(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Pilot> {
    if value.is_string() {
        return id(path, value, unmet).map(|id| Pilot { id, ..Pilot::default() });
    }
    let mut reader = Object::read(path, value, unmet);
    let id = reader.needed("id", id);
    let (from, until) = (reader.optional("from", instant), reader.optional("until", instant));
    let back = reader.list("back", mapping);
    reader.finish();
    Some(Pilot { id: id?, from, until, back })
}

fn instant(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<DateTime<Utc>> {
    match value.as_str().map(crate::instant::parse) {
        Some(Ok(read)) => Some(read),
        Some(Err(InvalidInstant::LeapSecond)) => {
            unmet.push(ill_formed(
                path,
                "没有第60秒的RFC 3339时间",
                "an instant as in RFC 3339 without second 60",
            ));
            None
        }
        Some(Err(InvalidInstant::Malformed)) | None => {
            unmet.push(ill_formed(path, "RFC 3339时间", "an instant as in RFC 3339"));
            None
        }
    }
}

fn mapping(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<StageMapping> {
    let mut reader = Object::read(path, value, unmet);
    let (from, kind) = (reader.needed("from", id), reader.needed("kind", words));
    let mapping = match kind?.as_str() {
        "same" => Some(Mapping::Same),
        "rename" => target(&mut reader).map(Mapping::Rename),
        "merge" => target(&mut reader).map(Mapping::Merge),
        "retire" => target(&mut reader).map(Mapping::Retire),
        "split" => {
            let into = reader.list("into", split_rule);
            let otherwise = reader.optional("otherwise", id);
            if into.is_empty() && !reader.has("into") {
                reader.missing("into");
            }
            Some(Mapping::Split { into, otherwise })
        }
        _ => {
            let kinds = "same, rename, merge, split, retire";
            reader.unmet.push(ill_formed(&format!("{path}.kind"), kinds, &format!("one of {kinds}")));
            return None;
        }
    };
    reader.finish();
    Some(StageMapping { from: from?, mapping: mapping? })
}

fn target(reader: &mut Object<'_>) -> Option<Target> {
    let (to, sub_status) = (reader.needed("to", id), reader.optional("sub_status", id));
    Some(Target { to: to?, sub_status })
}

fn split_rule(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<SplitRule> {
    let mut reader = Object::read(path, value, unmet);
    let (to, when) = (reader.needed("to", id), reader.optional("when", condition));
    reader.finish();
    let when = when.unwrap_or_default();
    if !when.reasons.is_empty() {
        unmet.push(ill_formed(
            &format!("{path}.when.reasons"),
            "空列表：拆分不能按原因判断",
            "no reasons: a split does not look at them",
        ));
    }
    Some(SplitRule { to: to?, when })
}
