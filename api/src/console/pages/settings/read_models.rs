//! Read models: how far they have come, their rebuild, and the events that they could not process.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::{encoded, with_query};
use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, number, table, words};
use super::super::{items, text};
use super::Settings;
use super::commands::{ID, REASON};

const HERE: &str = "/console/settings/read-models";

/// Shows the read models, or the parked events of one.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    if let Some(name) = settings.query.get("parked") {
        return parked(settings, name).await;
    }
    let locale = settings.locale;
    let list = settings.layout.get("/v1/projections?limit=500").await?;
    let title = locale.text("读模型", "Read models");
    let columns = [
        words(locale.text("读模型", "Read model")),
        number(locale.text("版本", "Version")),
        number(locale.text("位置", "Position")),
        number(locale.text("落后", "Lag")),
        number(locale.text("搁置", "Parked")),
        words(locale.text("状态", "State")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list).iter().map(|model| row(settings, model)).collect();
    Ok(html! {
        section.figure {
            h2 { (title) }
            p.hint {
                (locale.text(
                    "读模型由事件日志推算而来，可以随时重建；重建期间照常提供服务，完成后与原有数据比对并切换。",
                    "Read models follow from the log and can be rebuilt at any time; they serve meanwhile, are compared, and then replaced.",
                ))
            }
            (table(title, &columns, &rows))
        }
    })
}

fn row(settings: &Settings<'_>, model: &Value) -> Vec<Markup> {
    let locale = settings.locale;
    let name = text(&model["name"]);
    let to = with_query(HERE, [("parked", Some(name))]);
    vec![
        cell(name),
        cell(model["version"].to_string()),
        count(locale, &model["position"]),
        count(locale, &model["lag"]),
        html! { a href=(to) { (model["parked"]) } },
        html! {
            @if let Some(why) = model["paused"].as_str() { span.late { (locale.text("已暂停：", "paused: ")) (why) } }
            @else if !model["rebuilding"].is_null() { (locale.text("重建中，位置", "rebuilding, at")) " " (model["rebuilding"]) }
            @else if model["serves"] == true { (locale.text("服务中", "serving")) }
            @else { (locale.text("首次生成中", "being built for the first time")) }
            @if model["compared"].is_object() { br; span.hint { (compared(settings, &model["compared"])) } }
        },
        html! {
            @if settings.sets_up() && model["rebuilding"].is_null() {
                (settings.button("read-models", "rebuild", &[(ID, name)], locale.text("重建", "Rebuild")))
            }
        },
    ]
}

/// What the last rebuild found.
fn compared(settings: &Settings<'_>, compared: &Value) -> String {
    let numbers = compared.as_object().into_iter().flatten();
    let told: Vec<String> = numbers
        .filter(|(_, value)| value.is_u64())
        .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
        .collect();
    format!("{}{}", settings.locale.text("上次比对：", "last comparison: "), told.join(" · "))
}

async fn parked(settings: &Settings<'_>, name: &str) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let list = settings.layout.get(&format!("/v1/projections/{}/parked?limit=500", encoded(name))).await?;
    let columns = [
        number(locale.text("位置", "Position")),
        words(locale.text("事件", "Event")),
        words(locale.text("对象", "Subject")),
        words(locale.text("原因", "Cause")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list)
        .iter()
        .map(|one| {
            vec![
                cell(one["position"].to_string()),
                cell(text(&one["type"])),
                cell(text(&one["subject"])),
                html! { span.prose { (text(&one["cause"])) } },
                html! {
                    @if let Some(why) = one["skipped"].as_str() { (locale.text("已跳过：", "skipped: ")) (why) }
                    @else if settings.sets_up() { (skip(settings, name, one)) }
                },
            ]
        })
        .collect();
    let title = locale.text("搁置的事件", "Parked events");
    Ok(html! {
        p { a href=(HERE) { "← " (locale.text("读模型", "Read models")) } }
        section.figure {
            h2 { (title) " " small { (name) } }
            @if rows.is_empty() { p.empty { (locale.text("没有搁置的事件。", "No events are parked.")) } }
            @else { (table(title, &columns, &rows)) }
            @if settings.sets_up() && !rows.is_empty() {
                (settings.button("read-models", "retry", &[(ID, name)], locale.text("重试", "Retry")))
            }
        }
    })
}

/// To leave an event out asks for the reason.
fn skip(settings: &Settings<'_>, name: &str, one: &Value) -> Markup {
    let locale = settings.locale;
    html! {
        details.act {
            summary { (locale.text("跳过", "Skip")) }
            (settings.form("read-models", "skip", locale.text("确认跳过", "Skip this event"), &html! {
                input type="hidden" name=(ID) value=(name);
                input type="hidden" name="position:number" value=(one["position"]);
                label { (locale.text("原因", "Reason")) input name=(REASON) required; }
            }))
        }
    }
}
