//! Forms: the fields that a JSON Schema asks for, and the body of a command from the fields as they come back.
//!
//! A field's name is its path in the body, with its kind where it is no text: `next_plan.at:instant`, `members:list`; a box
//! that can be ticked is called by the path of its list and what it stands for: `roles+rep`, `fields.needs+cooling`. So a form that comes back needs no schema to be
//! read.

use std::collections::HashMap;

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::gateway::ApiError;
use super::i18n::Locale;
use crate::domain::Language;

/// The fields of a form as they came back.
pub(super) type Fields = HashMap<String, String>;

/// Fields that go with a command rather than into its body.
pub(super) const VERSION: &str = "version";
pub(super) const ONCE: &str = "once";
/// Where to go on to afterwards.
pub(super) const NEXT: &str = "next";

/// The fields that a schema asks for, filled in with what was sent before: those it requires, in the order in which it
/// names them, and the others folded up, unless there are few or something is in one.
pub(super) fn fields(locale: Locale, schema: &Value, filled: &Fields) -> Markup {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = &schema["properties"];
    let named = properties.as_object().into_iter().flatten();
    let is_fixed = |property: &Value| property["const"].is_string();
    let (fixed, rest): (Vec<_>, Vec<_>) = named
        .filter(|(name, _)| !required.contains(&name.as_str()))
        .partition(|(_, property)| is_fixed(property));
    let (asked, groups) = demanded_lists(schema);
    let is_usual = |name: &str| USUAL.contains(&name) || asked.contains(&name);
    let (usual, may): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(name, _)| is_usual(name));
    let is_filled =
        |name: &str| filled.iter().any(|(field, value)| field.starts_with(name) && !value.is_empty());
    let is_open = may.len() < FEW || may.iter().any(|(name, _)| is_filled(name));
    let others = html! { @for (name, property) in &may { (field(locale, name, property, false, filled)) } };
    html! {
        @for (name, property) in fixed { (field(locale, name, property, false, filled)) }
        @for name in &required { (field(locale, name, &properties[*name], true, filled)) }
        @for (name, property) in usual {
            @if asked.contains(&name.as_str()) {
                div data-asks { @for row in 0..groups { (self::row(locale, name, row, property, false, filled)) } }
            } @else { (field(locale, name, property, false, filled)) }
        }
        @if may.len() < FEW { (others) }
        @else {
            details.optional open[is_open] {
                summary { (locale.text("选填", "Optional")) }
                div.fields { (others) }
            }
        }
    }
}

/// The lists of which one must hold what is asked for, such as evidence or documents, and in how many entries.
fn demanded_lists(schema: &Value) -> (Vec<&str>, usize) {
    let demands = schema["allOf"].as_array().into_iter().flatten();
    let ways: Vec<&Vec<Value>> = demands.filter_map(|demand| demand["anyOf"].as_array()).collect();
    let lists = ways.iter().flat_map(|ways| ways.iter()).filter_map(|way| way["required"][0].as_str());
    (lists.collect(), ways.len())
}

/// What is often said with a move although it need not be.
const USUAL: [&str; 2] = ["note", "next_step"];
/// From this many on, fields that may be left empty are folded up.
const FEW: usize = 5;
/// Texts that may be as long as this have more than one line.
const LONG: u64 = 1_000;

fn field(locale: Locale, name: &str, schema: &Value, required: bool, filled: &Fields) -> Markup {
    if let Some(fixed) = schema["const"].as_str() {
        return html! { input type="hidden" name=(name) value=(fixed); };
    }
    let told = |name: &str| filled.get(name).map_or("", String::as_str);
    let caption = title(locale, schema).map_or_else(|| locale.caption(name), str::to_owned);
    if let Some(choices) = schema["oneOf"].as_array() {
        return select(locale, name, &caption, choices, required, told(name));
    }
    match schema["type"].as_str() {
        Some("object") => html! {
            fieldset {
                legend { (caption) }
                @for (inner, property) in schema["properties"].as_object().into_iter().flatten() {
                    (field(locale, &format!("{name}.{inner}"), property, required && demands(schema, inner), filled))
                }
            }
        },
        Some("array") => match schema["items"]["oneOf"].as_array() {
            Some(choices) => boxes(locale, name, &caption, choices, filled),
            None if schema["items"]["type"] == "string" => {
                let (name, hint) =
                    (format!("{name}:list"), locale.text("多项用逗号分隔", "Separate several with commas"));
                html! { label { (caption) input name=(name) value=(told(&name)) placeholder=(hint) required[required]; } }
            }
            None => row(locale, name, 0, schema, required, filled),
        },
        Some("integer" | "number") => {
            let name = format!("{name}:number");
            let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
            html! {
                label { (caption)
                    input type="number" name=(name) value=(told(&name)) min=[least] max=[most] required[required];
                }
            }
        }
        Some("boolean") => {
            let name = format!("{name}:flag");
            html! {
                label { (caption)
                    select name=(name) {
                        option value="" { "—" }
                        option value="true" selected[told(&name) == "true"] { (locale.text("是", "Yes")) }
                        option value="false" selected[told(&name) == "false"] { (locale.text("否", "No")) }
                    }
                }
            }
        }
        _ => match (schema["format"].as_str(), schema["maxLength"].as_u64()) {
            (Some("date-time"), _) => {
                let name = format!("{name}:instant");
                html! { label { (caption) input type="datetime-local" name=(name) value=(told(&name)) required[required]; } }
            }
            (Some("date"), _) => {
                html! { label { (caption) input type="date" name=(name) value=(told(name)) required[required]; } }
            }
            (_, Some(LONG..)) => {
                html! { label.wide { (caption) textarea name=(name) rows="2" required[required] { (told(name)) } } }
            }
            _ if name.ends_with(".currency") => {
                let told = if told(name).is_empty() { "CNY" } else { told(name) };
                html! { label { (caption) input name=(name) value=(told) maxlength="3"; } }
            }
            _ if name.ends_with("sha256") => {
                let from = locale.text("从文件计算 SHA-256", "Compute the SHA-256 from a file");
                html! { label { (caption) input name=(name) value=(told(name)) required[required] data-digest=(from); } }
            }
            _ => html! { label { (caption) input name=(name) value=(told(name)) required[required]; } },
        },
    }
}

/// One entry of a list.
fn row(locale: Locale, name: &str, row: usize, schema: &Value, required: bool, filled: &Fields) -> Markup {
    let caption = title(locale, schema).map_or_else(|| locale.caption(name), str::to_owned);
    let place = if row == 0 { format!("{name}[]") } else { format!("{name}[{row}]") };
    let items = &schema["items"];
    html! {
        fieldset {
            legend { (caption) }
            @for (inner, property) in items["properties"].as_object().into_iter().flatten() {
                (field(locale, &format!("{place}.{inner}"), property, required && demands(items, inner), filled))
            }
        }
    }
}

/// Whether an object of this schema must have a field.
fn demands(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name))
}

/// What a schema calls itself, in the reader's language.
fn title(locale: Locale, schema: &Value) -> Option<&str> {
    let own = schema["title_zh"].as_str().filter(|_| locale.language == Language::Zh);
    own.or_else(|| schema["title"].as_str())
}

/// A list of choices: a box for each, to be ticked.
fn boxes(locale: Locale, name: &str, caption: &str, choices: &[Value], filled: &Fields) -> Markup {
    html! {
        fieldset {
            legend { (caption) }
            @for choice in choices {
                @let name = format!("{name}+{}", choice["const"].as_str().unwrap_or_default());
                label.box { input type="checkbox" name=(name) checked[filled.contains_key(&name)]; " " (title(locale, choice).unwrap_or_default()) }
            }
        }
    }
}

fn select(
    locale: Locale,
    name: &str,
    caption: &str,
    choices: &[Value],
    required: bool,
    told: &str,
) -> Markup {
    let title = |choice: &Value| {
        title(locale, choice).or_else(|| choice["const"].as_str()).unwrap_or_default().to_owned()
    };
    html! {
        label { (caption)
            select name=(name) required[required] {
                option value="" { "—" }
                @for choice in choices {
                    @let value = choice["const"].as_str().unwrap_or_default();
                    option value=(value) selected[told == value] { (title(choice)) }
                }
            }
        }
    }
}

/// The body of a command from the fields of a form. What was left empty is not in it.
pub(super) fn body(locale: Locale, fields: &Fields) -> Value {
    let mut body = Map::new();
    let mut given: Vec<(&String, &String)> = fields
        .iter()
        .filter(|(name, value)| !value.trim().is_empty() && ![VERSION, ONCE, NEXT].contains(&name.as_str()))
        .collect();
    // A currency stands in the form before there is an amount.
    let is_idle = |name: &str| {
        let amount = name.strip_suffix(".currency").map(|money| format!("{money}.amount"));
        amount.is_some_and(|amount| fields.get(&amount).is_none_or(|amount| amount.trim().is_empty()))
    };
    given.retain(|(name, _)| !is_idle(name));
    given.sort_unstable();
    for (name, value) in given {
        let (path, kind) = name.split_once(':').unwrap_or((name, ""));
        if let Some((list, ticked)) = path.split_once('+') {
            tick(&mut body, list, ticked);
            continue;
        }
        let value = match kind {
            "list" => several(value),
            "instant" => Value::String(locale.instant(value)),
            "flag" => Value::Bool(value == "true"),
            "number" => value.parse::<i64>().map_or_else(|_| Value::String(value.clone()), Value::from),
            _ => Value::String(value.clone()),
        };
        put(&mut body, path, value);
    }
    Value::Object(listed(body))
}

/// The JSON that was typed into a field; `title` says that it is none, and the detail from where on.
///
/// # Errors
/// The problem, as the API would tell it.
pub(super) fn json_of(locale: Locale, title: &str, text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text).map_err(|error| {
        let place = match locale.language {
            Language::Zh => format!("第 {} 行第 {} 列起无法读取。", error.line(), error.column()),
            Language::En => {
                format!("It cannot be read from line {}, column {} on.", error.line(), error.column())
            }
        };
        ApiError::unusable(title, &place)
    })
}

/// The texts that a field holds several of, each between commas.
fn several(field: &str) -> Value {
    field.split([',', '，', '、']).map(str::trim).filter(|text| !text.is_empty()).collect()
}

/// Adds what a box stands for to the list that it is one of, by the list's path.
fn tick(body: &mut Map<String, Value>, list: &str, ticked: &str) {
    if let Some((outer, rest)) = list.split_once('.') {
        if let Value::Object(inner) = body.entry(outer).or_insert_with(|| Value::Object(Map::new())) {
            tick(inner, rest, ticked);
        }
        return;
    }
    if let Value::Array(list) = body.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
        list.push(Value::from(ticked));
    }
}

/// Puts a value at its path: `a.b` is a field of an object, `a[].b` one of the first object of a list, `a[1].b` one of the next.
/// Objects of a list of which nothing is said are not in it. Until [`listed`] a list is an object, by its places.
fn put(body: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        body.insert(path.to_owned(), value);
        return;
    };
    let empty = || Value::Object(Map::new());
    let (name, place) = first.split_at(first.find('[').unwrap_or(first.len()));
    let mut inner = body.entry(name).or_insert_with(empty);
    if !place.is_empty() {
        inner = match inner {
            Value::Object(places) => places.entry(place).or_insert_with(empty),
            other => other,
        };
    }
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// The body with its lists as lists.
fn listed(body: Map<String, Value>) -> Map<String, Value> {
    let each = body.into_iter().map(|(name, value)| match value {
        Value::Object(inner) if inner.keys().all(|place| place.starts_with('[')) => {
            (name, inner.into_iter().map(|(_, item)| item).collect())
        }
        Value::Object(inner) => (name, Value::Object(listed(inner))),
        other => (name, other),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;

    const LOCALE: Locale = Locale { language: Language::Zh, zone: Tz::Asia__Shanghai };

    #[test]
    fn what_comes_back_is_the_body_of_the_command() {
        let fields = [
            ("to", "won"),
            ("note", "签了"),
            ("next_step", " "),
            ("won_amount.amount", "1200.50"),
            ("won_amount.currency", "CNY"),
            ("amount.amount", ""),
            ("amount.currency", "CNY"),
            ("evidence[].kind", "contract_signed"),
            ("evidence[].reference", "doc-1"),
            ("documents[1].kind", "order_contract"),
            ("documents[1].reference", "dms-2"),
            ("effective_at:instant", "2026-03-02T09:00"),
            ("goal_reached:flag", "false"),
            ("satisfaction:number", "5"),
            ("regions:list", "北京， 天津,"),
            ("roles+rep", "on"),
            ("roles+manager", "on"),
            ("fields.needs+cooling", "on"),
            ("fields.size", "12"),
            (VERSION, "3"),
            (ONCE, "k"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let expected = json!({
            "to": "won", "note": "签了", "won_amount": {"amount": "1200.50", "currency": "CNY"},
            "evidence": [{"kind": "contract_signed", "reference": "doc-1"}],
            "documents": [{"kind": "order_contract", "reference": "dms-2"}],
            "effective_at": "2026-03-02T09:00:00+08:00", "goal_reached": false, "satisfaction": 5,
            "regions": ["北京", "天津"], "roles": ["manager", "rep"], "fields": {"needs": ["cooling"], "size": "12"}
        });
        assert_eq!(body(LOCALE, &fields), expected);
    }

    #[test]
    fn a_list_that_is_asked_for_has_a_row_for_each_thing_and_is_not_folded_up() {
        let list = |kinds: Value| json!({"type": "array", "items": {"properties": {"kind": kinds, "reference": {"type": "string"}}}});
        let way = |name: &str| json!({"required": [name]});
        let demand = json!({"anyOf": [way("evidence"), way("documents")]});
        let others = ["a", "b", "c", "d", "e"].map(|name| (name.to_owned(), json!({"type": "string"})));
        let mut properties = Map::from_iter(others);
        properties
            .insert("documents".to_owned(), list(json!({"oneOf": [{"const": "card", "title": "Card"}]})));
        let schema = json!({"required": [], "properties": properties, "allOf": [demand, demand]});
        let shown = fields(LOCALE, &schema, &Fields::new()).into_string();
        let before = shown.split("<details").next().unwrap_or_default();
        for part in ["data-asks", r#"name="documents[].kind""#, r#"name="documents[1].reference""#] {
            assert!(before.contains(part), "{part} is not before what is folded up: {shown}");
        }
    }

    #[test]
    fn lists_of_texts_and_of_choices_have_a_field_each_and_numbers_their_bounds() {
        let choice = json!({"const": "cooling", "title": "Cooling", "title_zh": "冷藏"});
        let line = json!({"type": "string", "minLength": 1, "maxLength": 200});
        let fields_of = json!({"type": "object", "required": ["needs"], "properties": {
            "needs": {"type": "array", "uniqueItems": true, "items": {"oneOf": [choice]}}
        }});
        let schema = json!({"required": ["tags", "satisfaction", "tier", "fields"], "properties": {
            "tags": {"type": "array", "items": line}, "tier": line, "fields": fields_of,
            "satisfaction": {"type": "integer", "minimum": 0, "maximum": 10},
        }});
        let filled = [("fields.needs+cooling".to_owned(), "on".to_owned())].into();
        let shown = fields(LOCALE, &schema, &filled).into_string();
        for part in [
            r#"name="tags:list" value="" placeholder="多项用逗号分隔" required>"#,
            r#"name="satisfaction:number" value="" min="0" max="10" required>"#,
            r#"<input name="tier" value="" required>"#,
            r#"<input type="checkbox" name="fields.needs+cooling" checked> 冷藏"#,
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }

    #[test]
    fn a_schema_is_shown_as_fields_that_come_back_to_what_it_asks_for() {
        let schema = json!({
            "required": ["to", "reason"],
            "properties": {
                "to": {"const": "lost"},
                "reason": {"oneOf": [{"const": "price", "title": "Too expensive", "title_zh": "价格过高"}]},
                "note": {"type": "string", "maxLength": 4000},
                "postponed_until": {"type": "string", "format": "date"},
                "won_amount": {"type": "object", "properties": {"amount": {"type": "string"}}},
                "evidence": {"type": "array", "items": {"properties": {"reference": {"type": "string"}}}}
            }
        });
        let filled = [("note".to_owned(), "<预算>".to_owned())].into();
        let shown = fields(LOCALE, &schema, &filled).into_string();
        for part in [
            r#"<input type="hidden" name="to" value="lost">"#,
            r#"<select name="reason" required>"#,
            r#"<option value="price">价格过高</option>"#,
            r#"<textarea name="note" rows="2">&lt;预算&gt;</textarea>"#,
            r#"<input type="date" name="postponed_until" value="">"#,
            r#"name="won_amount.amount""#,
            r#"name="evidence[].reference""#,
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }
}
