//! What one version of a definition has otherwise than another: told part by part, in the words of the definition.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::super::super::i18n::Locale;
use super::super::table::{table, words as column};
use super::super::text;

/// A part that differs: where it stands, and what stood there before. Null is nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    place: Place,
    before: Value,
    after: Value,
}

/// Where a part stands in a definition.
#[derive(Debug, Clone, Default, PartialEq)]
struct Place {
    /// What the parts are called that lead to it.
    parts: Vec<String>,
    /// Whether a number there is a length of time in seconds.
    lasts: bool,
}

impl Place {
    fn within(&self, part: String, lasts: bool) -> Self {
        Self { parts: self.parts.iter().cloned().chain([part]).collect(), lasts }
    }
}

/// The parts that differ, in the order of their names. What says nothing is the same as what is not there.
pub(super) fn between(locale: Locale, before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(locale, &Place::default(), before, after, &mut found);
    found
}

fn compare(locale: Locale, place: &Place, before: &Value, after: &Value, found: &mut Vec<Change>) {
    if before == after || (says_nothing(before) && says_nothing(after)) {
        return;
    }
    let list = |value: &Value| value.as_array().cloned().or_else(|| value.is_null().then(Vec::new));
    if let (Some(before), Some(after)) = (list(before), list(after))
        && before.iter().chain(&after).all(|one| identity(one).is_some())
    {
        return parts(locale, place, &before, &after, found);
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) if !is_label(before) && !is_label(after) => {
            let more = after.keys().filter(|name| !before.contains_key(*name));
            for name in before.keys().chain(more) {
                // The key is the pipeline's and the number the version's: neither is of the definition.
                if place.parts.is_empty() && matches!(name.as_str(), "key" | "version") {
                    continue;
                }
                let at = |part: &Map<String, Value>| part.get(name).cloned().unwrap_or_default();
                let place = place.within(term(locale, name), name.ends_with("seconds"));
                compare(locale, &place, &at(before), &at(after), found);
            }
        }
        _ => found.push(Change { place: place.clone(), before: before.clone(), after: after.clone() }),
    }
}

/// Compares lists of things that have an identity: by it, and not by where they stand.
fn parts(locale: Locale, place: &Place, before: &[Value], after: &[Value], found: &mut Vec<Change>) {
    let of = |all: &[Value], one: &Value| all.iter().find(|other| identity(other) == identity(one)).cloned();
    for one in before {
        compare(
            locale,
            &place.within(called(locale, one), false),
            one,
            &of(after, one).unwrap_or_default(),
            found,
        );
    }
    for one in after.iter().filter(|one| of(before, one).is_none()) {
        found.push(Change {
            place: place.within(called(locale, one), false),
            before: Value::Null,
            after: one.clone(),
        });
    }
    let both = |all: &[Value], others: &[Value]| -> Vec<Value> {
        all.iter().filter(|one| of(others, one).is_some()).cloned().collect()
    };
    let (was, is) = (both(before, after), both(after, before));
    if was.iter().map(identity).ne(is.iter().map(identity)) {
        let names = |all: &[Value]| all.iter().map(|one| Value::from(called(locale, one))).collect();
        let place = place.within(locale.text("次序", "order").to_owned(), false);
        found.push(Change { place, before: names(&was), after: names(&is) });
    }
}

/// By what a part of a list is known.
fn identity(part: &Value) -> Option<String> {
    let named = ["id", "key", "code"].iter().find_map(|name| part[*name].as_str());
    let way = || Some(format!("{} → {}", part["from"].as_str()?, part["to"].as_str()?));
    named.map(str::to_owned).or_else(way)
}

/// What a part of a list is called.
fn called(locale: Locale, part: &Value) -> String {
    let name = locale.label(&part["name"]);
    let id = identity(part).unwrap_or_default();
    if name.is_empty() { id } else { format!("{name} ({id})") }
}

fn is_label(parts: &Map<String, Value>) -> bool {
    !parts.is_empty() && parts.keys().all(|name| name == "zh" || name == "en")
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(parts) => parts.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        _ => false,
    }
}

/// The parts that differ, as a table.
pub(super) fn shown(locale: Locale, changes: &[Change]) -> Markup {
    let columns = [
        column(locale.text("位置", "Where")),
        column(locale.text("之前", "Before")),
        column(locale.text("之后", "After")),
    ];
    let rows: Vec<Vec<Markup>> = changes
        .iter()
        .map(|change| {
            let lasts = change.place.lasts;
            vec![
                html! { span.prose { (change.place.parts.join(" › ")) } },
                side(locale, &change.before, lasts),
                side(locale, &change.after, lasts),
            ]
        })
        .collect();
    html! {
        @if rows.is_empty() { p.hint { (locale.text("定义没有差别。", "The definitions do not differ.")) } }
        @else { (table(locale.text("差别", "Differences"), &columns, &rows)) }
    }
}

/// One side of a difference.
fn side(locale: Locale, value: &Value, lasts: bool) -> Markup {
    html! { span.prose { (in_words(locale, value, lasts)) } }
}

/// A part of a definition in words; a label in both languages, because either may differ.
fn in_words(locale: Locale, value: &Value, lasts: bool) -> String {
    match value {
        Value::Number(number) if lasts => locale.lasting(number.as_f64().unwrap_or_default()),
        Value::Array(parts) if !parts.is_empty() => {
            let each = parts.iter().map(|part| in_words(locale, part, lasts));
            each.collect::<Vec<_>>().join(locale.text("、", ", "))
        }
        // A move that asks for nothing is there, or is not.
        Value::Object(parts)
            if identity(value).is_some() && parts.keys().all(|name| name == "from" || name == "to") =>
        {
            locale.text("允许", "permitted").to_owned()
        }
        Value::Object(parts) if is_label(parts) => format!("{} / {}", text(&value["zh"]), text(&value["en"])),
        Value::Object(parts) => {
            let each = parts.iter().filter(|(_, part)| !says_nothing(part)).map(|(name, part)| {
                let part = in_words(locale, part, name.ends_with("seconds"));
                format!("{}{}{part}", term(locale, name), locale.text("：", ": "))
            });
            each.collect::<Vec<_>>().join(locale.text("；", "; "))
        }
        other => locale.value(other),
    }
}

/// What a part of a definition is called: in this page's words, else as fields are called elsewhere.
fn term(locale: Locale, name: &str) -> String {
    let known = TERMS.iter().find(|(known, ..)| *known == name);
    known.map_or_else(|| locale.caption(name), |(_, zh, en)| locale.text(zh, en).to_owned())
}

/// The parts of a definition that are called otherwise than fields of events, or that are in none.
const TERMS: &[(&str, &str, &str)] = &[
    ("admin", "管理员", "Admin"),
    ("also_in", "转入后仍有效", "Moving on there keeps it"),
    ("ban_seconds", "禁领时长", "Banned for"),
    ("boundary", "日界", "Boundary of the day"),
    ("calendars", "日历", "Calendars"),
    ("cancelled_by", "取消条件", "Cancelled by"),
    ("claimant_roles", "可领取的角色", "Roles that may claim"),
    ("claims_per_day", "每日领取上限", "Claims per day"),
    ("condition", "条件", "Condition"),
    ("core", "核心状态", "Core stage"),
    ("deadline_seconds", "时限", "Deadline"),
    ("default", "默认", "Default"),
    ("definition", "含义", "What it means"),
    ("delay", "延迟", "Delay"),
    ("due_seconds", "任务时限", "Due in"),
    ("en", "英文", "English"),
    ("entry_criterion", "进入条件", "Entry criterion"),
    ("entry_form", "进入表单", "Entry form"),
    ("entry_stage", "起始状态", "Entry stage"),
    ("every", "频率", "Every"),
    ("expires_seconds", "审批有效期", "Expires after"),
    ("first_contact", "首次联系", "First contact"),
    ("fri", "周五", "Friday"),
    ("from", "从", "From"),
    ("grace_seconds", "宽限", "Grace"),
    ("handover_grace_seconds", "移交后的宽限", "Grace after a handover"),
    ("holding_cap", "持有上限", "Holding cap"),
    ("manager", "经理", "Manager"),
    ("max", "上限", "Maximum"),
    ("max_count", "次数上限", "At most"),
    ("max_pushes", "推迟次数上限", "Most postponements"),
    ("min_count", "次数下限", "At least"),
    ("min_follow_ups", "最少跟进次数", "Fewest follow-ups"),
    ("min_satisfaction", "最低满意度", "Least satisfaction"),
    ("min_sum", "最低合计", "Least sum"),
    ("mon", "周一", "Monday"),
    ("new_protected_seconds", "新客户保护期", "New customers are protected for"),
    ("next_contact_planned", "已安排下次联系", "Next contact is planned"),
    ("offset_seconds", "提前或推后", "Offset"),
    ("on_record", "须留存", "On record"),
    ("owned", "有负责人", "Owned"),
    ("phase", "阶段", "Phase"),
    ("playbook", "做法", "Playbook"),
    ("present", "已填写", "Present"),
    ("previous_owner_blocked_seconds", "原负责人不能再领取", "Former owner may not claim for"),
    ("probability", "成交概率", "Probability"),
    ("purchases", "交易", "Purchases"),
    ("reason_after_days", "推迟多少天须说明", "Reason needed past days"),
    ("reclaim", "收回", "Reclaim"),
    ("reclaims_per_run", "每次收回上限", "Reclaims per run"),
    ("remind_before_seconds", "提前提醒", "Remind before"),
    ("repeated_claims", "重复领取", "Repeated claims"),
    ("required", "必填", "Required"),
    ("reset_by", "重新计时", "Reset by"),
    ("result", "结果", "Result"),
    ("sat", "周六", "Saturday"),
    ("seconds", "时长", "Duration"),
    ("signal", "行为信号", "Signal"),
    ("sources", "来源", "Sources"),
    ("stage_types", "状态类型", "Stage types"),
    ("stagnant_after_seconds", "停滞时限", "Stagnant after"),
    ("sub_statuses", "子状态", "Sub-statuses"),
    ("sun", "周日", "Sunday"),
    ("supervisor", "主管", "Supervisor"),
    ("thu", "周四", "Thursday"),
    ("tiers", "等级", "Tiers"),
    ("transitions", "允许的变更", "Permitted moves"),
    ("trigger", "触发", "Trigger"),
    ("tue", "周二", "Tuesday"),
    ("views_per_day", "每日查看上限", "Views per day"),
    ("visits", "回访", "Visits"),
    ("warn_before_seconds", "提前预警", "Warn before"),
    ("wed", "周三", "Wednesday"),
    ("what", "内容", "What"),
    ("within_seconds", "时限", "Within"),
    ("without_documents", "无文件", "Without documents"),
    ("without_sub_statuses", "无子状态", "Without sub-statuses"),
    ("without_tags", "无标签", "Without tags"),
    ("zh", "中文", "Chinese"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::Language;

    const ZH: Locale = Locale { language: Language::Zh, zone: Tz::UTC };
    const EN: Locale = Locale { language: Language::En, zone: Tz::UTC };

    fn told(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
        let changes = between(EN, before, after).into_iter();
        changes.map(|change| (change.place.parts.join(" / "), change.before, change.after)).collect()
    }

    #[test]
    fn a_part_is_compared_with_the_one_of_its_id_and_told_by_its_name() {
        let stage = |id: &str, name: &str, seconds: u64| json!({"id": id, "name": {"zh": name, "en": name}, "stagnant_after_seconds": seconds});
        let before = json!({"version": 1, "stages": [stage("new", "New", 60), stage("old", "Old", 60)], "reasons": []});
        let after = json!({"version": 2, "stages": [stage("more", "More", 5), stage("new", "New", 90)]});
        let expected = [
            ("Stages / New (new) / Stagnant after".to_owned(), json!(60), json!(90)),
            ("Stages / Old (old)".to_owned(), stage("old", "Old", 60), Value::Null),
            ("Stages / More (more)".to_owned(), Value::Null, stage("more", "More", 5)),
        ];
        assert_eq!(told(&before, &after), expected);
        assert_eq!(told(&before, &before), []);
        let shown = shown(EN, &between(EN, &before, &after)).into_string();
        assert!(shown.contains("1 min") && shown.contains("1 min 30 s"), "{shown}");
    }

    #[test]
    fn another_order_is_a_difference_and_moves_are_known_by_where_they_lead() {
        let before = json!({"stages": [{"id": "a"}, {"id": "b"}], "transitions": [{"from": "a", "to": "b"}]});
        let after = json!({"stages": [{"id": "b"}, {"id": "a"}], "transitions": [{"from": "b", "to": "a"}]});
        let expected = [
            ("Stages / order".to_owned(), json!(["a", "b"]), json!(["b", "a"])),
            ("Permitted moves / a → b".to_owned(), json!({"from": "a", "to": "b"}), Value::Null),
            ("Permitted moves / b → a".to_owned(), Value::Null, json!({"from": "b", "to": "a"})),
        ];
        assert_eq!(told(&before, &after), expected);
    }

    #[test]
    fn every_part_of_a_definition_has_a_name_in_both_languages() {
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/src/pipeline/schema.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        let mut names = BTreeSet::new();
        properties(&schema, &mut names);
        let without: Vec<&String> =
            names.iter().filter(|name| term(ZH, name) == name.replace('_', " ")).collect();
        assert!(without.is_empty(), "without a name: {without:?}");
    }

    fn properties(schema: &Value, names: &mut BTreeSet<String>) {
        if let Some(parts) = schema.as_object() {
            names.extend(
                parts.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned(),
            );
            parts.values().for_each(|part| properties(part, names));
        }
        schema.as_array().into_iter().flatten().for_each(|part| properties(part, names));
    }
}
