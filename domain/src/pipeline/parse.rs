//! Reads a definition strictly: every field that is unknown, missing or ill-formed is named by its path, all of
//! them at once.

mod automation;
mod pool;
mod version;

use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    Approval, Criterion, EntryForm, EvidenceKind, NextAction, Phase, Pipeline, Reason, Stage, SubStatus,
    TransitionRule, Transitions, check,
};
use crate::Label;
use crate::refusal::{Code, Refusal, Violation};

const MAX_TEXT_CHARS: usize = 1_000;
const MAX_ID_CHARS: usize = 64;
const MAX_ITEMS: usize = super::MOST_STAGES;
const MAX_TRANSITIONS: usize = 1_000;
/// The longest span of time, in seconds: ten years.
const MAX_SECONDS: u64 = 10 * 366 * 86_400;

impl Pipeline {
    /// Reads a definition, such as a client sends it: a pipeline without `key` and `version`, which are given
    /// apart (where they stand in the definition too, they are ignored).
    ///
    /// # Errors
    /// Every unknown, missing or ill-formed field by its path; then every reference that leads nowhere, stage
    /// that cannot be reached, and whatever else makes the definition unusable.
    pub fn parse(key: &str, version: u32, definition: &Value) -> Result<Self, Refusal> {
        pipeline(key, version, definition)
    }

    /// Whether a text can be a pipeline's key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_key(key: &str) -> Result<(), Refusal> {
        let mut unmet = Vec::new();
        id("key", &Value::String(key.to_owned()), &mut unmet);
        Refusal::require_all([unmet])
    }

    /// What is permitted but unwise: too many or too few core stages, names that are easily confused, no way
    /// back, no reasons for losing.
    pub fn warnings(&self) -> Vec<Violation> {
        check::warnings(self)
    }
}

pub(super) fn pipeline(key: &str, version: u32, definition: &Value) -> Result<Pipeline, Refusal> {
    let mut unmet = Vec::new();
    if !definition.is_object() {
        Refusal::require_all([vec![ill_formed("definition", "一个对象", "an object")]])?;
    }
    let mut reader = Object::read("", definition, &mut unmet);
    reader.known(&["key", "version"]);
    for list in ["stages", "pools"] {
        if reader.fields.is_some() && !reader.has(list) {
            reader.missing(list);
        }
    }
    let key_given = Value::String(key.to_owned());
    let read = Pipeline {
        key: id("key", &key_given, reader.unmet).unwrap_or_default(),
        version,
        kind: reader.needed("kind", one_of).unwrap_or(super::PipelineKind::Sales),
        name: reader.needed("name", label).unwrap_or_else(|| Label::same("")),
        phases: reader.list("phases", phase),
        stages: reader.list("stages", stage),
        entry_stage: reader.needed("entry_stage", id).unwrap_or_default(),
        transitions: reader.needed("transitions", transitions).unwrap_or(Transitions::Any),
        reasons: reader.list("reasons", reason),
        pools: reader.list("pools", pool::pool),
        automations: reader.list("automations", automation::automation),
    };
    reader.finish();
    if unmet.is_empty() {
        unmet = check::errors(&read);
    }
    Refusal::require_all([unmet])?;
    Ok(read)
}

/// Reads one value; none when it is ill-formed, which is then among the violations.
type Read<T> = fn(&str, &Value, &mut Vec<Violation>) -> Option<T>;

/// The fields of an object, each to be asked for once.
struct Object<'a> {
    path: &'a str,
    fields: Option<&'a Map<String, Value>>,
    asked: Vec<&'static str>,
    unmet: &'a mut Vec<Violation>,
}

impl<'a> Object<'a> {
    fn read(path: &'a str, value: &'a Value, unmet: &'a mut Vec<Violation>) -> Self {
        let fields = value.as_object();
        if fields.is_none() {
            unmet.push(ill_formed(path, "一个对象", "an object"));
        }
        Self { path, fields, asked: Vec::new(), unmet }
    }

    fn path(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    fn known(&mut self, fields: &[&'static str]) {
        self.asked.extend(fields);
    }

    fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        self.asked.push(field);
        self.fields?.get(field).filter(|value| !value.is_null())
    }

    fn optional<T>(&mut self, field: &'static str, read: Read<T>) -> Option<T> {
        let value = self.value(field)?;
        let path = self.path(field);
        read(&path, value, self.unmet)
    }

    fn needed<T>(&mut self, field: &'static str, read: Read<T>) -> Option<T> {
        if self.fields.is_some() && !self.has(field) {
            self.missing(field);
        }
        self.optional(field, read)
    }

    fn has(&self, field: &str) -> bool {
        self.fields.and_then(|fields| fields.get(field)).is_some_and(|value| !value.is_null())
    }

    fn missing(&mut self, field: &str) {
        let path = self.path(field);
        self.unmet.push(Violation::new(
            Code::MissingField,
            path,
            Label::new("缺少该字段。", "The field is missing."),
            Label::new("请补充该字段。", "Add it."),
        ));
    }

    fn list<T>(&mut self, field: &'static str, read: Read<T>) -> Vec<T> {
        let Some(value) = self.value(field) else { return Vec::new() };
        let path = self.path(field);
        list(&path, value, self.unmet, read)
    }

    fn finish(self) {
        let unknown =
            self.fields.into_iter().flatten().filter(|(name, _)| !self.asked.contains(&name.as_str()));
        let paths: Vec<String> = unknown.map(|(name, _)| self.path(name)).collect();
        self.unmet.extend(paths.into_iter().map(|path| {
            Violation::new(
                Code::UnknownField,
                path,
                Label::new("未知字段。", "There is no such field."),
                Label::new("请检查拼写，或删除该字段。", "Check its spelling, or leave it out."),
            )
        }));
    }
}

fn ill_formed(path: &str, zh: &str, en: &str) -> Violation {
    Violation::new(
        Code::InvalidValue,
        path,
        Label::new("字段值不正确。", "The value is not well-formed."),
        Label::new(format!("应为{zh}。"), format!("Give {en}.")),
    )
}

fn list<T>(path: &str, value: &Value, unmet: &mut Vec<Violation>, read: Read<T>) -> Vec<T> {
    at_most(MAX_ITEMS, path, value, unmet, read)
}

fn at_most<T>(
    max_items: usize,
    path: &str,
    value: &Value,
    unmet: &mut Vec<Violation>,
    read: Read<T>,
) -> Vec<T> {
    let Some(items) = value.as_array().filter(|items| items.len() <= max_items) else {
        let (zh, en) = (format!("最多{max_items}项的列表"), format!("a list of {max_items} items at most"));
        unmet.push(ill_formed(path, &zh, &en));
        return Vec::new();
    };
    let items = items.iter().enumerate();
    items.filter_map(|(n, item)| read(&format!("{path}[{n}]"), item, unmet)).collect()
}

fn id(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<String> {
    let well_formed = |id: &&str| {
        !id.trim().is_empty() && id.chars().count() <= MAX_ID_CHARS && !id.chars().any(char::is_control)
    };
    let id = value.as_str().filter(well_formed);
    if id.is_none() {
        unmet.push(ill_formed(path, "1至64个字符的标识", "an id of 1 to 64 characters"));
    }
    id.map(str::to_owned)
}

fn text(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<String> {
    let well_formed = |text: &&str| {
        let breaks = |c: char| c.is_control() && c != '\n';
        !text.trim().is_empty() && text.chars().count() <= MAX_TEXT_CHARS && !text.chars().any(breaks)
    };
    let text = value.as_str().filter(well_formed);
    if text.is_none() {
        unmet.push(ill_formed(path, "1至1000个字符的文本", "a text of 1 to 1,000 characters"));
    }
    text.map(str::to_owned)
}

fn label(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Label> {
    let mut reader = Object::read(path, value, unmet);
    let (zh, en) = (reader.needed("zh", text), reader.needed("en", text));
    reader.finish();
    Some(Label { zh: zh?, en: en? })
}

fn truth(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<bool> {
    if !value.is_boolean() {
        unmet.push(ill_formed(path, "true或false", "true or false"));
    }
    value.as_bool()
}

/// A value of a closed list, such as a stage's type or a time zone.
fn one_of<T: DeserializeOwned>(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<T> {
    match serde_json::from_value(value.clone()) {
        Ok(known) => Some(known),
        Err(error) => {
            let reason = error.to_string();
            unmet.push(ill_formed(path, "列表中的一个值", "one of the known values").with("reason", reason));
            None
        }
    }
}

fn phase(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Phase> {
    let mut reader = Object::read(path, value, unmet);
    let (id, name) = (reader.needed("id", id), reader.needed("name", label));
    reader.finish();
    Some(Phase { id: id?, name: name? })
}

fn reason(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Reason> {
    let mut reader = Object::read(path, value, unmet);
    let (code, name) = (reader.needed("code", id), reader.needed("name", label));
    reader.finish();
    Some(Reason { code: code?, name: name? })
}

fn sub_status(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<SubStatus> {
    let mut reader = Object::read(path, value, unmet);
    let (id, name) = (reader.needed("id", id), reader.needed("name", label));
    let evidence = reader.list("evidence", evidence);
    reader.finish();
    Some(SubStatus { id: id?, name: name?, evidence })
}

fn evidence(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<EvidenceKind> {
    let mut reader = Object::read(path, value, unmet);
    let (kind, name) = (reader.needed("kind", id), reader.needed("name", label));
    let required = reader.optional("required", truth).unwrap_or_default();
    reader.finish();
    Some(EvidenceKind { kind: kind?, name: name?, required })
}

fn entry_form(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<EntryForm> {
    let mut reader = Object::read(path, value, unmet);
    let form = EntryForm {
        note: reader.optional("note", truth).unwrap_or_default(),
        next_step: reader.optional("next_step", truth).unwrap_or_default(),
        reasons: reader.list("reasons", id),
        evidence: reader.list("evidence", evidence),
        fields: reader.list("fields", id),
        min_follow_ups: reader.optional("min_follow_ups", claims).unwrap_or_default(),
    };
    reader.finish();
    Some(form)
}

fn criterion(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Criterion> {
    let mut reader = Object::read(path, value, unmet);
    let (action, result) = (reader.needed("action", label), reader.needed("result", label));
    reader.finish();
    Some(Criterion { action: action?, result: result? })
}

fn next_action(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<NextAction> {
    let mut reader = Object::read(path, value, unmet);
    let (what, role) = (reader.needed("what", label), reader.needed("role", id));
    let deadline_seconds = reader.needed("deadline_seconds", seconds);
    reader.finish();
    Some(NextAction { what: what?, role: role?, deadline_seconds: deadline_seconds? })
}

fn seconds(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u64> {
    let seconds = value.as_u64().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    if seconds.is_none() {
        unmet.push(ill_formed(path, "1秒至10年的秒数", "seconds, from one to ten years of them"));
    }
    seconds
}

/// Seconds that may be none.
fn count(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u64> {
    if value.as_u64() == Some(0) { Some(0) } else { seconds(path, value, unmet) }
}

/// Seconds before (negative) or after an instant.
fn signed_seconds(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<i64> {
    let seconds = value.as_i64().filter(|seconds| seconds.unsigned_abs() <= MAX_SECONDS);
    if seconds.is_none() {
        unmet.push(ill_formed(
            path,
            "正负十年以内的秒数",
            "seconds, at most ten years of them, negative for before",
        ));
    }
    seconds
}

/// A number of things, from one to a million.
fn number_of(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u32> {
    let number = value.as_u64().filter(|number| (1..=1_000_000).contains(number));
    if number.is_none() {
        unmet.push(ill_formed(path, "1至1000000的整数", "a whole number from 1 to 1,000,000"));
    }
    number.and_then(|number| number.try_into().ok())
}

fn claims(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u32> {
    let claims = value.as_u64().filter(|claims| *claims <= 10_000);
    if claims.is_none() {
        unmet.push(ill_formed(path, "0至10000的整数", "a whole number from 0 to 10,000"));
    }
    claims.and_then(|claims| claims.try_into().ok())
}

fn probability(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Decimal> {
    let decimal = value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let probability = decimal.filter(|p| (Decimal::ZERO..=Decimal::ONE).contains(p));
    if probability.is_none() {
        unmet.push(ill_formed(
            path,
            "0至1的小数文本，如\"0.25\"",
            "a decimal string from 0 to 1, such as \"0.25\"",
        ));
    }
    probability
}

fn stage(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Stage> {
    let mut reader = Object::read(path, value, unmet);
    let (id, kind, name) =
        (reader.needed("id", id), reader.needed("type", one_of), reader.needed("name", label));
    let stage = Stage {
        id: id.unwrap_or_default(),
        phase: reader.optional("phase", self::id),
        kind: kind.unwrap_or(super::StageType::Open),
        name: name.unwrap_or_else(|| Label::same("")),
        definition: reader.optional("definition", label),
        entry_criterion: reader.optional("entry_criterion", criterion),
        next_action: reader.optional("next_action", next_action),
        sub_statuses: reader.list("sub_statuses", sub_status),
        probability: reader.optional("probability", probability),
        entry_form: reader.optional("entry_form", entry_form).unwrap_or_default(),
        core: reader.optional("core", truth).unwrap_or_default(),
        playbook: reader.optional("playbook", label),
        stagnant_after_seconds: reader.optional("stagnant_after_seconds", seconds),
    };
    reader.finish();
    Some(stage)
}

fn transitions(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Transitions> {
    if value.as_str() == Some("any") {
        return Some(Transitions::Any);
    }
    if !value.is_array() {
        unmet.push(ill_formed(path, "\"any\"或转换列表", "\"any\" or a list of transitions"));
        return None;
    }
    let mut rules = at_most(MAX_TRANSITIONS, path, value, unmet, transition);
    rules.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    rules.dedup();
    Some(Transitions::Listed(rules))
}

fn transition(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<TransitionRule> {
    let mut reader = Object::read(path, value, unmet);
    let (from, to) = (reader.needed("from", id), reader.needed("to", id));
    let approval = reader.optional("approval", approval);
    let fields = reader.list("fields", id);
    let min_follow_ups = reader.optional("min_follow_ups", claims).unwrap_or_default();
    reader.finish();
    Some(TransitionRule { from: from?, to: to?, approval, fields, min_follow_ups })
}

fn approval(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Approval> {
    let mut reader = Object::read(path, value, unmet);
    let roles = reader.list("roles", one_of);
    if roles.is_empty() {
        reader.missing("roles");
    }
    let effective = reader.optional("effective", one_of).unwrap_or_default();
    let expires_seconds = reader.needed("expires_seconds", seconds);
    reader.finish();
    Some(Approval { roles, effective, expires_seconds: expires_seconds? })
}
