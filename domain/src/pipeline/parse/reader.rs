//! Reads JSON strictly: fields of an object, and values of each shape that definitions have.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Label;
use crate::pipeline::MOST_STAGES;
use crate::refusal::{Code, Violation};

const MAX_TEXT_CHARS: usize = 1_000;
const MAX_ID_CHARS: usize = 64;
const MAX_ITEMS: usize = MOST_STAGES;
/// The longest span of time, in seconds: ten years.
const MAX_SECONDS: u64 = 10 * 366 * 86_400;

/// Reads one value; none when it is ill-formed, which is then among the violations.
pub(super) type Read<T> = fn(&str, &Value, &mut Vec<Violation>) -> Option<T>;

/// The fields of an object, each to be asked for once.
pub(super) struct Object<'a> {
    pub(super) path: &'a str,
    pub(super) fields: Option<&'a Map<String, Value>>,
    asked: Vec<&'static str>,
    pub(super) unmet: &'a mut Vec<Violation>,
}

impl<'a> Object<'a> {
    pub(super) fn read(path: &'a str, value: &'a Value, unmet: &'a mut Vec<Violation>) -> Self {
        let fields = value.as_object();
        if fields.is_none() {
            unmet.push(ill_formed(path, "一个对象", "an object"));
        }
        Self { path, fields, asked: Vec::new(), unmet }
    }

    pub(super) fn path(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    pub(super) fn known(&mut self, fields: &[&'static str]) {
        self.asked.extend(fields);
    }

    pub(super) fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        self.asked.push(field);
        self.fields?.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn optional<T>(&mut self, field: &'static str, read: Read<T>) -> Option<T> {
        let value = self.value(field)?;
        let path = self.path(field);
        read(&path, value, self.unmet)
    }

    pub(super) fn needed<T>(&mut self, field: &'static str, read: Read<T>) -> Option<T> {
        if self.fields.is_some() && !self.has(field) {
            self.missing(field);
        }
        self.optional(field, read)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.and_then(|fields| fields.get(field)).is_some_and(|value| !value.is_null())
    }

    pub(super) fn missing(&mut self, field: &str) {
        let path = self.path(field);
        self.unmet.push(Violation::new(
            Code::MissingField,
            path,
            Label::new("缺少该字段。", "This field is required."),
            Label::new("请补充该字段。", "Add this field."),
        ));
    }

    pub(super) fn list<T>(&mut self, field: &'static str, read: Read<T>) -> Vec<T> {
        let Some(value) = self.value(field) else { return Vec::new() };
        let path = self.path(field);
        list(&path, value, self.unmet, read)
    }

    pub(super) fn finish(self) {
        let unknown =
            self.fields.into_iter().flatten().filter(|(name, _)| !self.asked.contains(&name.as_str()));
        let paths: Vec<String> = unknown.map(|(name, _)| self.path(name)).collect();
        self.unmet.extend(paths.into_iter().map(|path| {
            Violation::new(
                Code::UnknownField,
                path,
                Label::new("未知字段。", "Unknown field."),
                Label::new("请检查拼写，或删除该字段。", "Check the spelling, or remove the field."),
            )
        }));
    }
}

pub(super) fn ill_formed(path: &str, zh: &str, en: &str) -> Violation {
    Violation::new(
        Code::InvalidValue,
        path,
        Label::new("字段值不正确。", "The value is invalid."),
        Label::new(format!("应为{zh}。"), format!("Expected {en}.")),
    )
}

pub(super) fn list<T>(path: &str, value: &Value, unmet: &mut Vec<Violation>, read: Read<T>) -> Vec<T> {
    at_most(MAX_ITEMS, path, value, unmet, read)
}

pub(super) fn at_most<T>(
    max_items: usize,
    path: &str,
    value: &Value,
    unmet: &mut Vec<Violation>,
    read: Read<T>,
) -> Vec<T> {
    let Some(items) = value.as_array().filter(|items| items.len() <= max_items) else {
        let (zh, en) = (format!("最多{max_items}项的列表"), format!("a list of at most {max_items} items"));
        unmet.push(ill_formed(path, &zh, &en));
        return Vec::new();
    };
    let items = items.iter().enumerate();
    items.filter_map(|(n, item)| read(&format!("{path}[{n}]"), item, unmet)).collect()
}

pub(super) fn id(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<String> {
    let well_formed = |id: &&str| {
        !id.trim().is_empty() && id.chars().count() <= MAX_ID_CHARS && !id.chars().any(char::is_control)
    };
    let id = value.as_str().filter(well_formed);
    if id.is_none() {
        unmet.push(ill_formed(path, "1至64个字符的标识", "an identifier of 1 to 64 characters"));
    }
    id.map(str::to_owned)
}

pub(super) fn text(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<String> {
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

pub(super) fn label(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Label> {
    let mut reader = Object::read(path, value, unmet);
    let (zh, en) = (reader.needed("zh", text), reader.needed("en", text));
    reader.finish();
    Some(Label { zh: zh?, en: en? })
}

pub(super) fn truth(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<bool> {
    if !value.is_boolean() {
        unmet.push(ill_formed(path, "true或false", "true or false"));
    }
    value.as_bool()
}

/// A value of a closed list, such as a stage's type or a time zone.
pub(super) fn one_of<T: DeserializeOwned>(
    path: &str,
    value: &Value,
    unmet: &mut Vec<Violation>,
) -> Option<T> {
    match serde_json::from_value(value.clone()) {
        Ok(known) => Some(known),
        Err(error) => {
            let reason = error.to_string();
            unmet.push(ill_formed(path, "列表中的一个值", "one of the known values").with("reason", reason));
            None
        }
    }
}

pub(super) fn seconds(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u64> {
    let seconds = value.as_u64().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    if seconds.is_none() {
        unmet.push(ill_formed(path, "1秒至10年的秒数", "a number of seconds from 1 second to 10 years"));
    }
    seconds
}

/// Seconds that may be none.
pub(super) fn count(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u64> {
    if value.as_u64() == Some(0) { Some(0) } else { seconds(path, value, unmet) }
}

/// Seconds before (negative) or after an instant.
pub(super) fn signed_seconds(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<i64> {
    let seconds = value.as_i64().filter(|seconds| seconds.unsigned_abs() <= MAX_SECONDS);
    if seconds.is_none() {
        unmet.push(ill_formed(
            path,
            "正负十年以内的秒数",
            "a number of seconds within 10 years before or after (negative for before)",
        ));
    }
    seconds
}

/// A number of things, from one to a million.
pub(super) fn number_of(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u32> {
    let number = value.as_u64().filter(|number| (1..=1_000_000).contains(number));
    if number.is_none() {
        unmet.push(ill_formed(path, "1至1000000的整数", "an integer from 1 to 1,000,000"));
    }
    number.and_then(|number| number.try_into().ok())
}

pub(super) fn claims(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u32> {
    let claims = value.as_u64().filter(|claims| *claims <= 10_000);
    if claims.is_none() {
        unmet.push(ill_formed(path, "0至10000的整数", "an integer from 0 to 10,000"));
    }
    claims.and_then(|claims| claims.try_into().ok())
}
