//! What happened to a customer: stages as a strip, and the timeline, the latest first.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::address::with_query;
use super::super::i18n::{Locale, read};
use super::super::layout::Layout;
use super::super::session::PageQuery;
use super::record::{PageData, form, reason};
use super::{figure, items, text};
use crate::domain::Language;

/// Entries that a page shows.
const SHOWN: usize = 50;
/// What is recorded within this many seconds is recorded as it happens.
const AT_ONCE: i64 = 60;

/// The stays as a strip, each as wide as it was long, as far as that can be read.
pub(super) fn strip(locale: Locale, data: &PageData) -> Markup {
    let kind = |stage: &Value| {
        let mut stages = data.pipeline["stages"].as_array().into_iter().flatten();
        stages.find(|known| known["id"] == *stage).map_or("", |known| text(&known["type"]))
    };
    html! {
        ol.strip aria-label=(locale.text("停留记录", "Stays")) {
            @for stay in items(&data.stays) {
                li data-type=(kind(&stay["stage"])) data-long=(weight(figure(&stay["seconds"])))
                    title=(locale.moment(&stay["entered_at"])) {
                    strong { (data.name(locale, &stay["stage"])) }
                    span { (locale.briefly(figure(&stay["seconds"]))) @if stay["open"] == true { " …" } }
                }
            }
        }
    }
}

/// How wide a stay is, from 1 to 5: by orders of magnitude, so that a day stands beside a year.
fn weight(seconds: f64) -> u8 {
    match seconds {
        seconds if seconds < 3_600.0 => 1,
        seconds if seconds < 86_400.0 => 2,
        seconds if seconds < 7.0 * 86_400.0 => 3,
        seconds if seconds < 60.0 * 86_400.0 => 4,
        _ => 5,
    }
}

/// What happened, the latest first.
pub(super) fn story(layout: &Layout, data: &PageData, query: &PageQuery) -> Markup {
    let locale = layout.locale;
    let view = query.get("view").unwrap_or("both");
    let views = [
        ("both", locale.text("全部", "All")),
        ("effective", locale.text("更正后", "As corrected")),
        ("recorded", locale.text("按原始记录", "As recorded")),
    ];
    let instants = || ["effective_at", "known_at"].map(|name| (name, query.get(name)));
    let before: usize = query.get("before").and_then(|before| before.parse().ok()).unwrap_or_default();
    // That a rule acted is told by what it did; anyone who wants the record as it is sees both.
    let told = data.timeline.iter().rev();
    let told = told.filter(|item| view == "recorded" || item["type"] != "customer.automation_ran");
    let told: Vec<&Value> = told.collect();
    let shown = told.iter().skip(before).take(SHOWN);
    let older = (before + SHOWN < told.len()).then(|| (before + SHOWN).to_string());
    let newer = (before > 0).then(|| before.saturating_sub(SHOWN).to_string());
    let page = |before: &str| {
        with_query("", instants().into_iter().chain([("view", query.get("view")), ("before", Some(before))]))
    };
    html! {
        section {
            h2 { (locale.text("时间线", "Timeline")) " " span.hint { (told.len()) } }
            nav.tabs aria-label=(locale.text("视图", "View")) {
                @for (name, caption) in views {
                    a href=(with_query("", instants().into_iter().chain([("view", Some(name))])))
                        aria-current=[(name == view).then_some("page")] { (caption) }
                }
            }
            ol.timeline { @for item in shown { (happening(layout, data, item, view)) } }
            nav.pages {
                @if let Some(newer) = &newer { a.more href=(page(newer)) { (locale.text("更新的记录", "Newer")) } }
                @if let Some(older) = &older { a.more href=(page(older)) { (locale.text("更早的记录", "Older")) } }
            }
        }
    }
}

fn happening(layout: &Layout, data: &PageData, item: &Value, view: &str) -> Markup {
    let locale = layout.locale;
    let correction = data.timeline.iter().find(|other| other["id"] == item["superseded_by"]);
    let is_void = correction.is_some_and(|by| by["type"] == "customer.move_voided");
    html! {
        li.superseded[is_void] {
            p.line {
                strong { (locale.event(text(&item["type"]))) }
                time datetime=(text(&item["effective_at"])) { (locale.moment(&item["effective_at"])) }
            }
            (way(locale, data, item, is_void))
            // Of a correction the note is its reason, of a reminder its text, which stand there already.
            @if let Some(note) = item["note"].as_str().filter(|note| !is_said(item, note)) { p { (note) } }
            @if let Some(step) = item["data"]["next_step"].as_str() {
                p.hint { (locale.text("下一步：", "Next: ")) (step) }
            }
            @if item["type"] == "customer.legal_hold_placed" { p { (text(&item["data"]["ground"])) } }
            @if item["data"]["title"].is_object() { p { (locale.label(&item["data"]["title"])) } }
            @if item["data"]["text"].is_object() { p { (locale.label(&item["data"]["text"])) } }
            p.hint {
                (text(&item["actor"]))
                @if is_late(item) { " · " (locale.text("记录于", "recorded")) " " (locale.moment(&item["recorded_at"])) }
                @if let Some(by) = correction {
                    " · " (locale.text("已更正：", "corrected by ")) (text(&by["actor"])) " #" (by["position"])
                } @else if !item["superseded_by"].is_null() {
                    " · " (locale.text("已被更正", "superseded by a correction"))
                }
                " · #" (item["position"])
            }
            @if item["type"] == "customer.moved" && item["superseded_by"].is_null()
                && layout.works() && data.is_workable() && view != "recorded" {
                (correct(locale, data, item))
            }
        }
    }
}

/// From where to where. Of a move whose target was corrected, what was recorded is struck out, and what is right stands.
fn way(locale: Locale, data: &PageData, item: &Value, is_void: bool) -> Markup {
    let recorded = &item["data"]["to"];
    let is_other = item["type"] == "customer.moved" && recorded.is_string() && *recorded != item["stage_to"];
    html! {
        @if !item["stage_to"].is_null() {
            p {
                @if !item["stage_from"].is_null() { (data.name(locale, &item["stage_from"])) " → " }
                @if is_other && !is_void { s { (data.name(locale, recorded)) } " " }
                strong { (data.name(locale, &item["stage_to"])) }
                @if let Some(code) = item["data"]["reason"].as_str() { " · " (reason(locale, data, code)) }
            }
        }
    }
}

/// Whether it was recorded later than it happened.
fn is_late(item: &Value) -> bool {
    let (happened, recorded) = (read(&item["effective_at"]), read(&item["recorded_at"]));
    happened.zip(recorded).is_some_and(|(happened, recorded)| (recorded - happened).num_seconds() > AT_ONCE)
}

/// How many moves of the same journey came after one and stand.
fn later_moves(timeline: &[Value], item: &Value) -> usize {
    let order = |item: &Value| (read(&item["effective_at"]), item["position"].as_u64());
    let is_void = |moved: &Value| {
        let by = timeline.iter().find(|other| other["id"] == moved["superseded_by"]);
        by.is_some_and(|by| by["type"] == "customer.move_voided")
    };
    let later = timeline.iter().filter(|other| {
        other["type"] == "customer.moved"
            && other["data"]["journey"] == item["data"]["journey"]
            && order(other) > order(item)
    });
    later.filter(|moved| !is_void(moved)).count()
}

/// What a correction does to where the customer stands: it is moved with the last move, and what came later is said.
fn outcome(locale: Locale, data: &PageData, item: &Value, code: &str) -> String {
    let later = later_moves(&data.timeline, item);
    let from = data.name(locale, &item["stage_from"]);
    match (later, code) {
        (0, "void") if !from.is_empty() => {
            format!("{}{from}", locale.text("，客户回到：", "; the customer is back in: "))
        }
        (0, "target") => locale.text("，客户随之到那里", "; the customer is there then").to_owned(),
        (0, _) => String::new(),
        (later, _) => match locale.language {
            Language::Zh => format!("（其后还有 {later} 次变更）"),
            Language::En if later == 1 => " (1 later move)".to_owned(),
            Language::En => format!(" ({later} later moves)"),
        },
    }
}

/// The form that corrects a move: it never happened, led elsewhere, or happened at another time; each with what it will do.
fn correct(locale: Locale, data: &PageData, item: &Value) -> Markup {
    let kind = |code: &str, zh: &str, en: &str| json!({"const": code, "title": format!("{}{}", locale.text(zh, en), outcome(locale, data, item, code))});
    let choice = |code: &str, zh: &str, en: &str| json!({"const": code, "title": locale.text(zh, en)});
    let stages = data.pipeline["stages"].as_array().into_iter().flatten();
    let stages: Vec<Value> =
        stages.map(|stage| json!({"const": stage["id"], "title": locale.label(&stage["name"])})).collect();
    let schema = json!({
        "required": ["kind", "reason"],
        "properties": {
            "corrects": {"const": item["id"]},
            "kind": {"oneOf": [
                kind("void", "撤销：没有发生过", "Void: it never happened"),
                kind("target", "状态：应为另一状态", "Stage: it led to another stage"),
                kind("time", "时间：发生在其他时间", "Time: it happened at another time"),
            ]},
            "reason": {"type": "string", "maxLength": 4000},
            "to": {"oneOf": stages},
            "effective_at": {"type": "string", "format": "date-time"},
            "on_conflict": {"oneOf": [
                choice("reject", "拒绝更正", "Refuse the correction"),
                choice("continue", "后续变更改从更正后的状态出发", "Let later moves go on from there"),
                choice("truncate", "后续变更一并撤销", "Void the later moves, too"),
            ]},
        }
    });
    form(locale, data, None, "corrections", "", locale.text("更正…", "Correct…"), &schema)
}

/// Whether a note is the reason, or the text in one of its languages, which stand there already.
fn is_said(item: &Value, note: &str) -> bool {
    let texts = item["data"]["text"].as_object();
    item["data"]["reason"] == note || texts.is_some_and(|texts| texts.values().any(|text| text == note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_at_once_is_not_late() {
        let item = |recorded: &str| json!({"effective_at": "2026-03-02T08:00:00Z", "recorded_at": recorded});
        assert!(!is_late(&item("2026-03-02T08:00:00.012Z")) && !is_late(&item("2026-03-02T08:01:00Z")));
        assert!(is_late(&item("2026-03-02T08:01:01Z")));
    }

    #[test]
    fn later_moves_are_those_of_the_same_journey_that_stand() {
        let moved = |id: &str, day: u32, journey: &str, by: &str| {
            let at = format!("2026-03-0{day}T08:00:00Z");
            let superseded = if by.is_empty() { Value::Null } else { json!(by) };
            json!({"id": id, "type": "customer.moved", "effective_at": at, "position": day,
                "data": {"journey": journey}, "superseded_by": superseded})
        };
        let timeline = [
            moved("a", 1, "sales", ""),
            moved("b", 2, "sales", ""),
            moved("c", 3, "service", ""),
            moved("d", 4, "sales", "v"),
            moved("e", 5, "sales", "t"),
            json!({"id": "v", "type": "customer.move_voided"}),
            json!({"id": "t", "type": "customer.move_target_corrected"}),
        ];
        let later = |place: usize| later_moves(&timeline, &timeline[place]);
        assert_eq!([0, 1, 2, 4].map(later), [2, 1, 0, 0]);
    }

    #[test]
    fn longer_stays_are_wider() {
        let lengths = [0.0, 3_600.0, 86_400.0, 604_800.0, 5_184_000.0];
        assert_eq!(lengths.map(weight), [1, 2, 3, 4, 5]);
    }
}
