//! Publishing the next version of a pipeline: its definition is written, checked with what it would do, and published.

use std::collections::BTreeSet;

use axum::Form;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::super::Console;
use super::super::super::address::{after, encoded, with_query};
use super::super::super::form::{Fields, ONCE, body, json_of};
use super::super::super::gateway::ApiError;
use super::super::super::i18n::Locale;
use super::super::super::layout::{Layout, Part, problem};
use super::super::super::session::{ConsoleSession, PageQuery};
use super::super::table::{cell, number, table, words as column};
use super::super::{items, text};
use super::words::InWords;
use super::{Settings, difference};

const HERE: &str = "/console/settings/pipelines/versions";
/// Which pipeline, what is written, and what is done with it.
const PIPELINE: &str = "pipeline";
const DEFINITION: &str = "definition";
const ACT: &str = "act";
const PUBLISH: &str = "publish";
/// The whole stage mapping as JSON, where it says more than the choices beside each stage.
const MAPPING: &str = "mapping";

/// Shows the definition of the version in force, to be changed.
pub(in super::super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    let fields = Fields::from([(PIPELINE.to_owned(), query.get(PIPELINE).unwrap_or_default().to_owned())]);
    page(&layout, &fields, None).await
}

/// Checks what was written, or publishes it.
pub(in super::super::super) async fn send(
    State(console): State<Console>,
    session: ConsoleSession,
    Form(fields): Form<Fields>,
) -> Response {
    let key = typed(&fields, PIPELINE);
    let here = with_query(HERE, [(PIPELINE, Some(key))]);
    let layout = match Layout::of(&console, session, here).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    let publishes = typed(&fields, ACT) == PUBLISH;
    let path = format!("/v1/pipelines/{}/versions", encoded(key));
    let once = fields.get(ONCE).map(String::as_str).filter(|_| publishes);
    let answer = match command(layout.locale, &fields, publishes) {
        Ok(command) => layout.command(Method::POST, &path, once, &command).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(done) if publishes && done["unchanged"] != true => {
            let version = done["version"].to_string();
            let shown = [(PIPELINE, Some(key)), ("version", Some(version.as_str()))];
            let shown = with_query("/console/settings/pipelines", shown);
            Redirect::to(&after(&shown, &done, &[("done", Some(PUBLISH))])).into_response()
        }
        answer => page(&layout, &fields, Some(&answer)).await,
    }
}

fn typed<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |value| value.trim())
}

/// The command that the form sends; the stages of which nothing was chosen are not in its map.
fn command(locale: Locale, fields: &Fields, publishes: bool) -> Result<Value, ApiError> {
    let title = locale.text("流程定义不是有效的 JSON", "The definition is no valid JSON");
    let definition = json_of(locale, title, typed(fields, DEFINITION))?;
    let mut said = fields.clone();
    let is_chosen = |name: &str| {
        let row = name.strip_prefix("map[").and_then(|rest| rest.split_once(']'));
        row.is_none_or(|(place, _)| !typed(fields, &format!("map[{place}].to")).is_empty())
    };
    said.retain(|name, _| ![PIPELINE, DEFINITION, ACT, MAPPING].contains(&name.as_str()) && is_chosen(name));
    let mut command = body(locale, &said);
    command[DEFINITION] = definition;
    if !typed(fields, MAPPING).is_empty() {
        let title = locale.text("状态对应不是有效的 JSON", "The stage mapping is no valid JSON");
        command["map"] = json_of(locale, title, typed(fields, MAPPING))?;
    }
    if !publishes {
        command["dry_run"] = json!(true);
    }
    Ok(command)
}

async fn page(layout: &Layout, fields: &Fields, outcome: Option<&Result<Value, ApiError>>) -> Response {
    let (locale, query) = (layout.locale, PageQuery(Fields::new()));
    let settings = Settings { layout, locale, query: &query, refused: None };
    let shown = match content(&settings, fields, outcome).await {
        Ok(shown) => shown,
        Err(error) => {
            let refused = outcome.and_then(|outcome| outcome.as_ref().err());
            return layout.failed(Part::Settings, refused.unwrap_or(&error));
        }
    };
    let title = locale.text("发布新版本", "Publish a version");
    let mut page = layout.page(Part::Settings, None, title, &shown);
    if let Some(Err(error)) = outcome {
        *page.status_mut() = error.status;
    }
    page
}

async fn content(
    settings: &Settings<'_>,
    fields: &Fields,
    outcome: Option<&Result<Value, ApiError>>,
) -> Result<Markup, ApiError> {
    let (layout, locale) = (settings.layout, settings.locale);
    let key = typed(fields, PIPELINE);
    let path = format!("/v1/pipelines/{}", encoded(key));
    let answer = outcome.and_then(|outcome| outcome.as_ref().ok());
    let base = answer.and_then(|answer| answer["base"].as_u64()).map(|base| base.to_string());
    let base_path = with_query(&path, [("version", base.as_deref())]);
    let written = layout.text(&base_path).await?;
    let base: Value = serde_json::from_str(&written).unwrap_or_default();
    let draft: Value = serde_json::from_str(typed(fields, DEFINITION)).unwrap_or_default();
    let teams = settings.list("/v1/admin/teams").await?;
    let words = InWords { locale, pipeline: &base };
    let is_sound = answer.is_some_and(|answer| items_of(answer, "violations").is_empty());
    Ok(html! {
        (settings.sections("pipelines"))
        h2 { (locale.text("发布新版本：", "Publish a version of ")) (locale.label(&base["name"])) " " small { (key) } }
        p.hint {
            (locale.text(
                "修改定义，先检查：指出错误、差别和受影响的客户，不写入任何内容；没有问题再发布。已发布的版本不能修改。",
                "Change the definition and check it first: what is wrong, what differs and which customers it concerns is told, and nothing is written. Then publish it. A published version is never changed.",
            ))
        }
        @match outcome {
            Some(Err(error)) => (problem(locale, error)),
            Some(Ok(answer)) => (checked(&words, answer, &base, &draft)),
            None => {}
        }
        form.fields.sheet method="post" action=(HERE) {
            input type="hidden" name=(ONCE) value=(layout.once());
            input type="hidden" name=(PIPELINE) value=(key);
            label.wide { (locale.text("完整的流程定义（JSON）", "The complete definition of the pipeline, in JSON"))
                textarea.code name=(DEFINITION) rows="24" spellcheck="false" required {
                    @if typed(fields, DEFINITION).is_empty() { (indented(&written)) } @else { (typed(fields, DEFINITION)) }
                }
            }
            (gone(&words, fields, &draft))
            label { (locale.text("生效时间，留空则立即生效", "In force from; at once when empty"))
                input type="datetime-local" name="effective_from:instant" value=(typed(fields, "effective_from:instant")); }
            label { (locale.text("试点团队，留空则对所有人生效", "Pilot team; for everybody when empty"))
                select name="team.id" {
                    option value="" { (locale.text("所有人", "Everybody")) }
                    @for team in items(&teams) {
                        option value=(text(&team["key"])) selected[team["key"] == typed(fields, "team.id")] { (locale.label(&team["name"])) }
                    }
                }
            }
            label { (locale.text("试点结束", "End of the pilot"))
                input type="datetime-local" name="team.until:instant" value=(typed(fields, "team.until:instant")); }
            details.optional open[!typed(fields, MAPPING).is_empty()] {
                summary { (locale.text("状态对应的 JSON（需要拆分状态时）", "Stage mapping in JSON (where a stage is split)")) }
                label.wide { (locale.text("代替上面的选择", "In place of the choices above"))
                    textarea.code name=(MAPPING) rows="4" spellcheck="false"
                        placeholder=r#"[{"from": "paused", "kind": "retire", "to": "to_reactivate"}]"# { (typed(fields, MAPPING)) }
                }
            }
            p.wide.acts {
                button name=(ACT) value="check" { (locale.text("检查", "Check")) }
                @if is_sound { button name=(ACT) value=(PUBLISH) { (locale.text("发布", "Publish")) } }
                a href=(with_query("/console/settings/pipelines", [(PIPELINE, Some(key))])) { (locale.text("取消", "Cancel")) }
            }
        }
    })
}

fn items_of<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What becomes of customers in the stages that the draft has no more.
fn gone(words: &InWords<'_>, fields: &Fields, draft: &Value) -> Markup {
    let locale = words.locale;
    let kinds = [
        ("retire", locale.text("停用", "retired")),
        ("rename", locale.text("改名", "renamed")),
        ("merge", locale.text("合并", "merged")),
    ];
    let kept: BTreeSet<&str> = items_of(draft, "stages").iter().map(|stage| text(&stage["id"])).collect();
    let gone = items_of(words.pipeline, "stages").iter().filter(|stage| !kept.contains(text(&stage["id"])));
    html! {
        @if !kept.is_empty() {
            @for (place, stage) in gone.enumerate() {
                @let name = |part: &str| format!("map[{place}].{part}");
                fieldset.wide {
                    legend { (locale.text("不再有的状态：", "No more a stage: ")) (locale.label(&stage["name"])) }
                    input type="hidden" name=(name("from")) value=(text(&stage["id"]));
                    label { (locale.text("方式", "It is"))
                        select name=(name("kind")) {
                            @for (kind, caption) in kinds { option value=(kind) selected[typed(fields, &name("kind")) == kind] { (caption) } }
                        }
                    }
                    label { (locale.text("其中的客户改为", "Its customers go to"))
                        select name=(name("to")) {
                            option value="" { "—" }
                            @for other in items_of(draft, "stages") {
                                @let id = text(&other["id"]);
                                option value=(id) selected[typed(fields, &name("to")) == id] { (locale.label(&other["name"])) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the version would do.
fn checked(words: &InWords<'_>, answer: &Value, base: &Value, draft: &Value) -> Markup {
    let locale = words.locale;
    let listed = |list: &[Value]| {
        html! { ul { @for one in list {
            li {
                @if let Some(field) = one["field"].as_str().filter(|field| !field.is_empty()) { code { (field) } " " }
                (text(&one["message"])) " " em { (text(&one["how_to_fix"])) }
            }
        } } }
    };
    let violations = items_of(answer, "violations");
    let warnings = items_of(answer, "warnings");
    html! {
        section.problem[!violations.is_empty()].secret[violations.is_empty()] role=(if violations.is_empty() { "status" } else { "alert" }) {
            @if answer["unchanged"] == true {
                h2 { (locale.text("与现行版本相同，没有可发布的内容", "It says what the version in force says: there is nothing to publish")) }
            } @else if violations.is_empty() {
                h2 { (locale.text("可以发布", "It can be published")) }
                p { (locale.text("尚未写入任何内容。将要更换状态的客户：", "Nothing was written. Customers that would get another stage: ")) strong { (answer["customers"]) } }
            } @else {
                h2 { (locale.text("不能发布", "It cannot be published")) }
                (listed(violations))
            }
        }
        @if !warnings.is_empty() {
            section { h2 { (locale.text("提醒", "Warnings")) } (listed(warnings)) }
        }
        @if !items_of(answer, "affected").is_empty() { (affected(words, answer, draft)) }
        section.figure {
            h2 { (locale.text("与版本的差别：", "Differences from version ")) (answer["base"]) }
            (difference::shown(locale, &difference::between(locale, base, draft)))
        }
    }
}

/// Whom it concerns, stage by stage.
fn affected(words: &InWords<'_>, answer: &Value, draft: &Value) -> Markup {
    let locale = words.locale;
    let then = InWords { locale, pipeline: draft };
    let columns = [
        column(locale.text("状态", "Stage")),
        number(locale.text("现有客户", "Customers in it")),
        number(locale.text("经过的客户", "Passed through it")),
        column(locale.text("改为", "Becomes")),
        column(locale.text("例如", "Such as")),
    ];
    let rows: Vec<Vec<Markup>> = items_of(answer, "affected")
        .iter()
        .map(|stage| {
            let to: Vec<String> = items_of(stage, "to").iter().map(|to| then.stage(to)).collect();
            vec![
                cell(words.stage(&stage["stage"])),
                cell(stage["standing"].to_string()),
                cell(stage["passed"].to_string()),
                cell(if to.is_empty() { "—".to_owned() } else { to.join(locale.text("、", ", ")) }),
                html! {
                    @for (place, id) in items_of(stage, "sample").iter().map(text).take(3).enumerate() {
                        @if place > 0 { " " }
                        a href={ "/console/customers/" (id) } { (locale.text("客户", "customer")) " " (place + 1) }
                    }
                },
            ]
        })
        .collect();
    let title = locale.text("受影响的客户", "Customers concerned");
    html! { section.figure { h2 { (title) } (table(title, &columns, &rows)) } }
}

/// A JSON document with its parts under each other, in the order in which they stand.
fn indented(document: &str) -> String {
    let mut shown = String::with_capacity(document.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0, false, false);
    let mut signs = document.chars().filter(|sign| *sign != '\n').peekable();
    while let Some(sign) = signs.next() {
        if in_text {
            shown.push(sign);
            in_text = is_escaped || sign != '"';
            is_escaped = sign == '\\' && !is_escaped;
            continue;
        }
        let begin_line = |shown: &mut String, depth: usize| {
            shown.push('\n');
            shown.extend(std::iter::repeat_n("  ", depth));
        };
        match sign {
            '{' | '[' => {
                shown.push(sign);
                if signs.peek().is_some_and(|next| !matches!(next, '}' | ']')) {
                    depth += 1;
                    begin_line(&mut shown, depth);
                } else if let Some(end) = signs.next() {
                    shown.push(end);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                begin_line(&mut shown, depth);
                shown.push(sign);
            }
            ',' => {
                shown.push(sign);
                begin_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            _ => {
                in_text = sign == '"';
                shown.push(sign);
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::Language;

    const ZH: Locale = Locale { language: Language::Zh, zone: Tz::Asia__Shanghai };

    fn sent(pairs: &[(&str, &str)], publishes: bool) -> Result<Value, ApiError> {
        let fields = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        command(ZH, &fields, publishes)
    }

    #[test]
    fn a_form_is_the_command_that_publishes_and_a_stage_without_a_choice_is_not_in_its_map() {
        let form = [
            ("pipeline", "sales"),
            ("once", "k"),
            ("act", "publish"),
            ("definition", r#" {"kind": "sales"} "#),
            ("effective_from:instant", "2026-12-01T00:00"),
            ("team.id", ""),
            ("team.until:instant", ""),
            ("map[0].from", "paused"),
            ("map[0].kind", "retire"),
            ("map[0].to", ""),
            ("map[1].from", "lost"),
            ("map[1].kind", "merge"),
            ("map[1].to", "closed"),
            ("mapping", ""),
        ];
        let expected = json!({
            "definition": {"kind": "sales"}, "effective_from": "2026-12-01T00:00:00+08:00",
            "map": [{"from": "lost", "kind": "merge", "to": "closed"}]
        });
        assert_eq!(sent(&form, true).unwrap(), expected);
        let whole = [("definition", "{}"), ("mapping", "[]"), ("map[0].to", "x"), ("team.id", "south")];
        let expected = json!({"definition": {}, "map": [], "team": {"id": "south"}, "dry_run": true});
        assert_eq!(sent(&whole, false).unwrap(), expected);
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        let error = sent(&[("definition", "{\n  \"kind\": sales}")], false).unwrap_err();
        assert_eq!(error.problem["detail"], "第 2 行第 11 列起无法读取。");
    }

    #[test]
    fn a_document_is_indented_without_another_word() {
        let document = r#"{"b":1,"a":["x, {\"y\"}: \\",{}],"c":[]}"#;
        let shown = indented(document);
        assert_eq!(
            shown,
            "{\n  \"b\": 1,\n  \"a\": [\n    \"x, {\\\"y\\\"}: \\\\\",\n    {}\n  ],\n  \"c\": []\n}"
        );
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&shown), value(document));
    }
}
