//! Stages whose share is out of line with the days before, and who is told.

use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::super::address::{after, encoded};
use super::super::super::charts::{Bar, bars};
use super::super::super::form::{Fields, ONCE};
use super::super::super::gateway::ApiError;
use super::super::super::layout::{Layout, problem};
use super::super::super::session::PageQuery;
use super::super::table::{cell, count, number, table, words};
use super::super::{figure as value_of, items, text};
use super::{Content, PageRequest, Windows, page};

/// The roles that an alert may remind.
const TOLD: [&str; 2] = ["manager", "supervisor"];
/// Fields of the form, and of the buttons beside the rules.
const RULE: &str = "rule";
const STAGE: &str = "stage";
const DIRECTION: &str = "direction";
const ROLE: &str = "role";
const TEXTS: [&str; 2] = ["zh", "en"];

/// Shows the alerts, and the rules that tell of them.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let source = asked.report("alerts", Windows::One, &[]);
    let report = asked.layout.read(&source).await?;
    let body = html! {
        (noticed(asked, &report, &source))
        (rules(asked))
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

fn noticed(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let there = |one: &Value| asked.customers(&[("stage", text(&one["stage"]))]);
    let drawn: Vec<Bar> = items(report)
        .iter()
        .map(|one| Bar {
            label: format!("{} · {}", asked.names.stage(locale, &one["stage"]), text(&one["day"])),
            link: Some(there(one)),
            length: value_of(&one["share"]),
            before: Some(value_of(&one["baseline"])),
            text: format!(
                "{} → {}",
                locale.share(value_of(&one["baseline"])),
                locale.share(value_of(&one["share"]))
            ),
            kind: asked.names.kind(&one["stage"]).to_owned(),
        })
        .collect();
    let columns = [
        words(locale.text("状态", "Stage")),
        words(locale.text("自", "Since")),
        words(locale.text("至", "Until")),
        words(locale.text("方向", "Direction")),
        number(locale.text("占比", "Share")),
        number(locale.text("此前 28 天平均", "Mean of the 28 days before")),
        number(locale.text("客户", "Customers")),
        words(locale.text("程度", "Severity")),
        number(locale.text("q 值", "q value")),
    ];
    let rows: Vec<Vec<Markup>> = items(report)
        .iter()
        .map(|one| {
            vec![
                html! { a href=(there(one)) { (asked.names.stage(locale, &one["stage"])) } },
                cell(text(&one["day"])),
                cell(one["until"].as_str().unwrap_or_else(|| locale.text("持续中", "ongoing"))),
                cell(direction(asked, &one["direction"])),
                cell(locale.share(value_of(&one["share"]))),
                cell(locale.share(value_of(&one["baseline"]))),
                html! { (count(locale, &one["count"])) " / " (count(locale, &one["total"])) },
                cell(severity(asked, text(&one["severity"]))),
                cell(format!("{:.4}", value_of(&one["q_value"]))),
            ]
        })
        .collect();
    let title = locale.text("占比告警", "Shares out of line");
    let explained = locale.text(
        "每天结束时各状态的客户占比，与此前 28 天平均（竖线）比较；差异显著、幅度至少 20% 且客户不少于 30 位才告警，连续数天为一次。",
        "The share of customers in each stage at the end of a day, against the mean of the 28 days before (the upright line): an alert where the difference is significant, at least 20%, and of 30 customers or more; days without a gap are one.",
    );
    let shown = html! {
        p.hint { (text(&report["from"])) " – " (text(&report["to"])) " · " (text(&report["zone"])) }
        @if rows.is_empty() {
            p.empty {
                (locale.text(
                    "这段时间各状态占比都正常。可放宽时段，看看过去的告警。",
                    "No share was out of line. Choose a longer period to see earlier alerts.",
                ))
            }
        } @else { (bars(title, &drawn)) (table(title, &columns, &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}

fn direction<'a>(asked: &PageRequest<'a>, direction: &Value) -> &'a str {
    match direction.as_str() {
        Some("up") => asked.locale.text("升高", "higher"),
        Some("down") => asked.locale.text("降低", "lower"),
        _ => asked.locale.text("升高或降低", "either way"),
    }
}

fn severity<'a>(asked: &PageRequest<'_>, severity: &'a str) -> &'a str {
    match severity {
        "warning" => asked.locale.text("提示", "warning"),
        "high" => asked.locale.text("严重", "high"),
        "critical" => asked.locale.text("非常严重", "critical"),
        other => other,
    }
}

/// The rules of a definition that tell of alerts.
fn telling(definition: &Value) -> impl Iterator<Item = &Value> {
    let rules = definition["automations"].as_array().into_iter().flatten();
    rules.filter(|rule| rule["trigger"]["kind"] == "share_alert")
}

fn rules(asked: &PageRequest<'_>) -> Markup {
    let (locale, leads) = (asked.locale, asked.layout.has_role(&["manager", "admin"]));
    let stages = |rule: &Value| {
        let named = rule["trigger"]["stages"].as_array().into_iter().flatten();
        let names: Vec<String> = named.map(|stage| asked.names.stage(locale, stage)).collect();
        if names.is_empty() {
            locale.text("任一状态", "any stage").to_owned()
        } else {
            names.join(locale.text("、", ", "))
        }
    };
    let columns = [
        words(locale.text("规则", "Rule")),
        words(locale.text("状态", "Stages")),
        words(locale.text("方向", "Direction")),
        words(locale.text("提醒", "Who is told, and what")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = telling(&asked.names.0)
        .map(|rule| {
            let actions = rule["actions"].as_array().map(Vec::as_slice).unwrap_or_default();
            vec![
                cell(locale.label(&rule["name"])),
                cell(stages(rule)),
                cell(direction(asked, &rule["trigger"]["direction"])),
                html! {
                    @for action in actions {
                        p.prose { (locale.role(text(&action["role"]))) ": " (locale.label(&action["text"])) }
                    }
                },
                html! {
                    @if leads {
                        form.inline method="post" action=(here(asked)) {
                            input type="hidden" name=(ONCE) value=(asked.layout.once());
                            input type="hidden" name=(RULE) value=(text(&rule["id"]));
                            button.quiet { (locale.text("删除", "Remove")) }
                        }
                    }
                },
            ]
        })
        .collect();
    let title = locale.text("谁收到提醒", "Who is told");
    html! {
        section.figure {
            h2 { (title) }
            p.hint {
                (locale.text(
                    "告警会提醒规则中的角色。规则是流程定义的一部分：添加或删除即发布流程的新版本。",
                    "An alert reminds the role of a rule. Rules are part of the pipeline's definition: adding or removing one publishes a new version of it.",
                ))
            }
            @if rows.is_empty() {
                p.empty {
                    @if leads { (locale.text("还没有人收到提醒。在下面添加。", "Nobody is told yet. Add a rule below.")) }
                    @else { (locale.text("还没有人收到提醒。请经理添加规则。", "Nobody is told yet. Ask a manager to add a rule.")) }
                }
            } @else { (table(title, &columns, &rows)) }
        }
        @if leads { (form(asked)) }
    }
}

fn here(asked: &PageRequest<'_>) -> String {
    format!("/console/figures/{}/alerts", encoded(asked.pipeline))
}

fn form(asked: &PageRequest<'_>) -> Markup {
    let locale = asked.locale;
    let typed = |name: &str| asked.query.get(name).unwrap_or_default();
    let captions =
        [locale.text("中文提醒", "Message in Chinese"), locale.text("英文提醒", "Message in English")];
    html! {
        h3 { (locale.text("新提醒规则", "Tell somebody")) }
        form.fields.sheet method="post" action=(here(asked)) {
            input type="hidden" name=(ONCE) value=(asked.layout.once());
            label { (locale.text("状态", "Stage"))
                select name=(STAGE) {
                    option value="" { (locale.text("任一状态", "any stage")) }
                    @for stage in asked.names.0["stages"].as_array().into_iter().flatten() {
                        option value=(text(&stage["id"])) selected[typed(STAGE) == text(&stage["id"])] { (locale.label(&stage["name"])) }
                    }
                }
            }
            label { (locale.text("方向", "Direction"))
                select name=(DIRECTION) {
                    @for way in ["", "up", "down"] {
                        option value=(way) selected[typed(DIRECTION) == way] { (direction(asked, &json!(way))) }
                    }
                }
            }
            label { (locale.text("提醒谁", "Whom"))
                select name=(ROLE) {
                    @for role in TOLD { option value=(role) selected[typed(ROLE) == role] { (locale.role(role)) } }
                }
            }
            @for (name, caption) in TEXTS.iter().zip(captions) {
                label { (caption) input name=(name) value=(typed(name)) maxlength="200" required; }
            }
            button { (locale.text("添加", "Add")) }
        }
    }
}

/// Adds a rule, or removes one: by a new version of the definition.
pub(super) async fn send(layout: &Layout, pipeline: &str, fields: Fields) -> Response {
    match publish(layout, pipeline, &fields).await {
        Ok(done) => Redirect::to(&after(layout.here(), &done, &[("done", Some("rules"))])).into_response(),
        Err(error) => {
            let told = problem(layout.locale, &error);
            let mut page = page(layout, pipeline, "alerts", &PageQuery(fields), Some(told)).await;
            *page.status_mut() = error.status;
            page
        }
    }
}

async fn publish(layout: &Layout, pipeline: &str, fields: &Fields) -> Result<Value, ApiError> {
    let path = format!("/v1/pipelines/{}", encoded(pipeline));
    let mut definition = layout.get(&path).await?;
    let once = fields.get(ONCE).map(String::as_str);
    changed(&mut definition, fields, once.unwrap_or_default());
    layout
        .command(Method::POST, &format!("{path}/versions"), once, &json!({ "definition": definition }))
        .await
}

/// The definition without the rule that is named, or with the one that a form describes. Its id follows from the form, which is
/// the same form when it comes twice.
fn changed(definition: &mut Value, fields: &Fields, once: &str) {
    let said = |name: &str| fields.get(name).map_or("", |value| value.trim());
    if !definition["automations"].is_array() {
        definition["automations"] = json!([]);
    }
    let Some(rules) = definition["automations"].as_array_mut() else { return };
    if !said(RULE).is_empty() {
        rules.retain(|rule| rule["id"] != said(RULE) || rule["trigger"]["kind"] != "share_alert");
        return;
    }
    let mut trigger = json!({"kind": "share_alert"});
    if !said(STAGE).is_empty() {
        trigger["stages"] = json!([said(STAGE)]);
    }
    if !said(DIRECTION).is_empty() {
        trigger["direction"] = json!(said(DIRECTION));
    }
    let text: Value = TEXTS.iter().map(|language| ((*language).to_owned(), json!(said(language)))).collect();
    let id = format!("share_alert_{}", once.replace(|sign: char| !sign.is_ascii_alphanumeric(), ""));
    rules.push(json!({
        "id": id, "name": text, "trigger": trigger,
        "actions": [{"kind": "remind", "role": said(ROLE), "text": text}],
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_rule_is_added_by_a_form_and_removed_by_its_button_and_no_other_one() {
        let kept = json!({"id": "tell", "trigger": {"kind": "stage_entered"}});
        let mut definition = json!({"automations": [kept]});
        let said = [
            ("stage", "lost"),
            ("direction", "up"),
            ("role", "manager"),
            ("zh", "流失变多"),
            ("en", "More are lost"),
        ];
        changed(&mut definition, &fields(&said), "0190-ab");
        let text = json!({"zh": "流失变多", "en": "More are lost"});
        let rule = json!({
            "id": "share_alert_0190ab", "name": text,
            "trigger": {"kind": "share_alert", "stages": ["lost"], "direction": "up"},
            "actions": [{"kind": "remind", "role": "manager", "text": text}],
        });
        assert_eq!(definition["automations"], json!([kept, rule]));
        assert_eq!(telling(&definition).collect::<Vec<_>>(), [&rule]);
        changed(&mut definition, &fields(&[("rule", "tell")]), "k");
        changed(&mut definition, &fields(&[("rule", "share_alert_0190ab")]), "k");
        assert_eq!(definition["automations"], json!([kept]));
    }

    #[test]
    fn a_definition_without_rules_gets_its_first_and_of_any_stage_none_is_named() {
        let mut definition = json!({});
        changed(&mut definition, &fields(&[("stage", ""), ("direction", ""), ("role", "supervisor")]), "k");
        assert_eq!(definition["automations"][0]["trigger"], json!({"kind": "share_alert"}));
    }
}
