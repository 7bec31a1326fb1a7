//! The pools and the automation rules of a pipeline, in words, with what the rules did.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::{encoded, with_query};
use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, number, table, words as column};
use super::super::{items, text};
use super::Settings;
use super::words::InWords;

/// Shows the pools and rules of the pipeline that is asked for.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let first = settings.layout.pipelines().next();
    let Some(key) = settings.query.get("pipeline").or(first) else {
        return Ok(html! { p.empty { (locale.text("还没有销售流程。", "There is no pipeline yet.")) } });
    };
    let pipeline = settings.layout.read(&format!("/v1/pipelines/{}", encoded(key))).await?;
    let ran = settings.layout.read(&with_query("/v1/automations", [("pipeline", Some(key))])).await?;
    let words = InWords { locale, pipeline: &pipeline };
    Ok(html! {
        @if settings.layout.pipelines().count() > 1 {
            nav.choices aria-label=(locale.text("销售流程", "Pipelines")) {
                @for one in settings.layout.pipelines() {
                    a href=(with_query("/console/settings/rules", [("pipeline", Some(one))]))
                        aria-current=[(one == key).then_some("true")] { (one) }
                }
            }
        }
        (pools(&words))
        (rules(&words, &ran))
        (skipped(settings, &ran))
    })
}

fn pools(words: &InWords<'_>) -> Markup {
    let locale = words.locale;
    let pools = words.pipeline["pools"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        section.figure {
            h2 { (locale.text("公海", "Pools")) }
            @if pools.is_empty() { p.hint { (locale.text("没有定义公海。", "No pool is defined.")) } }
            @for pool in pools {
                h3 {
                    a href=(with_query("/console/pools", [("pool", pool["key"].as_str())])) { (locale.label(&pool["name"])) }
                    @if pool["default"] == true { " " span.flag { (locale.text("默认", "default")) } }
                }
                ul { @for told in words.pool(pool) { li { (told) } } }
            }
        }
    }
}

fn rules(words: &InWords<'_>, ran: &Value) -> Markup {
    let locale = words.locale;
    let defined = words.pipeline["automations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let report = |id: &Value| items(ran).iter().find(|one| one["rule"] == *id).unwrap_or(&Value::Null);
    let columns = [
        column(locale.text("规则", "Rule")),
        column(locale.text("何时", "When")),
        column(locale.text("做什么", "What it does")),
        number(locale.text("待执行", "Pending")),
        number(locale.text("已执行", "Ran")),
    ];
    let rows: Vec<Vec<Markup>> = defined
        .iter()
        .map(|rule| {
            let actions = rule["actions"].as_array().into_iter().flatten();
            let report = report(&rule["id"]);
            vec![
                html! { span.prose { (locale.label(&rule["name"])) } br; span.hint { (text(&rule["id"])) } },
                html! { span.prose { (words.trigger(rule)) } },
                html! { ul.prose { @for action in actions { li { (words.action(action)) } } } },
                count(locale, &report["armed"]),
                count(locale, &report["ran"]),
            ]
        })
        .collect();
    let title = locale.text("自动规则", "Automation rules");
    html! {
        section.figure {
            h2 { (title) }
            @if rows.is_empty() { p.hint { (locale.text("没有定义规则。", "No rules are defined.")) } }
            @else { (table(title, &columns, &rows)) }
        }
    }
}

/// What was due and refused, the latest first.
fn skipped(settings: &Settings<'_>, ran: &Value) -> Markup {
    let locale = settings.locale;
    let skipped = ran["skipped"].as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = [
        column(locale.text("规则", "Rule")),
        column(locale.text("客户", "Customer")),
        column(locale.text("时间", "When")),
        column(locale.text("原因", "Why")),
    ];
    let rows: Vec<Vec<Markup>> = skipped
        .iter()
        .map(|one| {
            let id = text(&one["customer_id"]);
            let codes: Vec<&str> = one["reasons"].as_array().into_iter().flatten().map(text).collect();
            vec![
                cell(text(&one["rule"])),
                html! { a href={ "/console/customers/" (id) } { (id) } },
                cell(locale.moment(&one["due_at"])),
                cell(codes.join(", ")),
            ]
        })
        .collect();
    let title = locale.text("跳过的规则", "Rules that were skipped");
    html! { @if !rows.is_empty() { section.figure { h2 { (title) } (table(title, &columns, &rows)) } } }
}
