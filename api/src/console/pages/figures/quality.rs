//! How well the record is kept, and who is left alone.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, customer, lasting, number, rows, share, table, words};
use super::super::{figure as value_of, text};
use super::moves::moves;
use super::{Content, PageRequest, Windows, encoded};

/// Customers that a list shows.
const SHOWN: &str = "25";

/// Shows how well the record is kept.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let source = asked.report("quality", Windows::One, &[("limit", SHOWN)]);
    let report = asked.layout.read(&source).await?;
    let before = match asked.before(&format!("/v1/quality/{}", encoded(asked.pipeline)), &[("limit", "1")]) {
        Some(path) => Some(asked.layout.read(&path).await?),
        None => None,
    };
    let leaking = (
        locale.text("无人跟进的客户", "Customers that nobody looks after"),
        locale.text(
            "没有下次联系计划，且超过允许时间没有动静的在途客户，最久的在前。",
            "Open customers without a contact ahead that have been silent for longer than is permitted, the longest first.",
        ),
    );
    let stagnant = (
        locale.text("停滞的客户", "Customers that stand still"),
        locale.text(
            "在状态中停留已达到该状态允许时间的在途客户。",
            "Open customers that have stood in their stage for as long as it permits.",
        ),
    );
    let body = html! {
        (tiles(asked, &report, before.as_ref()))
        (conversion(asked, &report, &source))
        (neglected(asked, &report["leaking"], leaking, &source))
        (neglected(asked, &report["stagnant"], stagnant, &source))
        (corrections(asked, &report, before.as_ref(), &source))
        (usage(asked, &report["usage"], &source))
        (overrides(asked, &report["overrides"], &source))
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

/// The record in a few numbers, each beside that of the period that is compared.
fn tiles(asked: &PageRequest<'_>, report: &Value, before: Option<&Value>) -> Markup {
    let locale = asked.locale;
    let rate = |value: &Value| match value.as_f64() {
        Some(rate) => locale.share(rate),
        None => "—".to_owned(),
    };
    let decimal = |value: &Value| match value.as_f64() {
        Some(value) => format!("{value:.1}"),
        None => "—".to_owned(),
    };
    type Read = fn(&Value) -> &Value;
    let shares: [(&str, Read); 3] = [
        (locale.text("漏跟率", "Leak rate"), |report| &report["leak"]["rate"]["share"]),
        (locale.text("未写备注的变更", "Moves without a note"), |report| &report["notes"]["share"]["share"]),
        (locale.text("自动变更占比", "Automatic changes"), |report| {
            &report["changes"]["automatic_share"]["share"]
        }),
    ];
    let numbers: [(&str, Read); 2] = [
        (
            locale.text("漏斗健康度（满分 100）", "Funnel health out of 100"),
            |report| &report["funnel_health"],
        ),
        (locale.text("每百次变更的更正", "Corrections per 100 changes"), |report| {
            &report["corrections"]["per_100"]
        }),
    ];
    let tile = |name: &str, now: String, then: Option<String>| {
        html! {
            div.tile {
                strong { (now) }
                span { (name) @if let Some(then) = then { " · " (locale.text("对比", "before")) " " (then) } }
            }
        }
    };
    html! {
        div.tiles {
            @for (name, read) in numbers { (tile(name, decimal(read(report)), before.map(|before| decimal(read(before))))) }
            @for (name, read) in shares { (tile(name, rate(read(report)), before.map(|before| rate(read(before))))) }
        }
    }
}

/// Recent conversion beside that of before, stage by stage.
fn conversion(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let conversion = &report["conversion"];
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("近期进入", "Entered lately")),
        number(locale.text("近期转化", "Converted lately")),
        number(locale.text("此前转化", "Converted before")),
        words(locale.text("判断", "Verdict")),
    ];
    let rows = rows(&conversion["stages"], |stage| {
        vec![
            cell(asked.names.stage(locale, &stage["stage"])),
            count(locale, &stage["entered"]),
            share(locale, &stage["share"]),
            share(locale, &stage["history_share"]),
            html! {
                @if stage["abnormally_low"] == true { span.late { (locale.text("异常偏低", "abnormally low")) } }
                @else { (locale.text("正常", "normal")) }
            },
        ]
    });
    let title = locale.text("近期转化是否异常", "Whether conversion has dropped");
    let explained = locale.text(
        "最近一批客户 30 天内进入下一状态的比例，与此前各批比较；按假发现率判断是否异常。",
        "The share of the latest customers that went on within 30 days, beside those before; a drop is judged by its rate of false discoveries.",
    );
    let shown = html! {
        p.hint { (locale.day(&conversion["recent_from"])) " – " (locale.day(&conversion["recent_to"])) }
        (table(title, &columns, &rows))
    };
    asked.figure(title, explained, &shown, &[source])
}

/// Customers that are not looked after, and what is advised.
fn neglected(
    asked: &PageRequest<'_>,
    list: &Value,
    (title, explained): (&str, &str),
    source: &str,
) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("负责人", "Owner")),
        words(locale.text("状态", "Stage")),
        number(locale.text("已停留", "Time in stage")),
        number(locale.text("距上次动静", "Silent for")),
        words(locale.text("建议", "Advice")),
    ];
    let advice = |word: &str| match word {
        "contact" => locale.text("联系客户", "contact"),
        "re_evaluate" => locale.text("重新评估", "re-evaluate"),
        "should_be_lost" => locale.text("登记流失", "record as lost"),
        _ => "",
    };
    let rows = rows(&list["items"], |one| {
        vec![
            customer(one),
            cell(locale.holder(&one["owner"])),
            cell(asked.names.stage(locale, &one["stage"])),
            lasting(locale, &one["since_stage_entry_seconds"]),
            lasting(locale, &one["since_last_activity_seconds"]),
            cell(advice(text(&one["suggestion"]))),
        ]
    });
    let shown = html! {
        p { (locale.customers(&list["total"])) }
        @if !rows.is_empty() { (table(title, &columns, &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}

/// How often records were wrong, by who recorded them.
fn corrections(asked: &PageRequest<'_>, report: &Value, before: Option<&Value>, source: &str) -> Markup {
    let locale = asked.locale;
    let mut columns = vec![
        words(locale.text("记录人", "Recorded by")),
        number(locale.text("变更", "Changes")),
        number(locale.text("更正", "Corrections")),
        number(locale.text("每百次变更的更正", "Corrections per 100 changes")),
    ];
    if before.is_some() {
        columns.push(number(locale.text("对比时段", "Before")));
    }
    let then = before.map_or(&Value::Null, |before| &before["corrections"]["by_rep"]);
    let rows = rows(&report["corrections"]["by_rep"], |one| {
        let mut then = then.as_array().into_iter().flatten();
        let then = then.find(|then| then["actor"] == one["actor"]).unwrap_or(&Value::Null);
        vec![
            cell(text(&one["actor"])),
            count(locale, &one["changes"]),
            count(locale, &one["corrections"]),
            cell(format!("{:.1}", value_of(&one["per_100"]))),
            html! { @if let Some(rate) = then["per_100"].as_f64() { (format!("{rate:.1}")) } @else { "—" } },
        ]
    });
    let title = locale.text("更正", "Corrections");
    let explained = locale.text(
        "时段内的记录后来被更正的次数，计入原记录人名下。",
        "How often records of the period were corrected later, counted with the person who recorded them.",
    );
    let shown = html! { @if rows.is_empty() { (asked.nothing()) } @else { (table(title, &columns, &rows)) } };
    asked.figure(title, explained, &shown, &[source])
}

/// How much each stage is used, and which not at all.
fn usage(asked: &PageRequest<'_>, usage: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("进入次数", "Entries")),
        number(locale.text("客户", "Customers")),
    ];
    let unused = |stage: &Value| usage["never_used"].as_array().is_some_and(|never| never.contains(stage));
    let rows = rows(&usage["stages"], |stage| {
        vec![
            html! {
                (asked.names.stage(locale, &stage["stage"]))
                @if unused(&stage["stage"]) { " " span.flag { (locale.text("未使用", "never used")) } }
            },
            count(locale, &stage["entries"]),
            count(locale, &stage["customers"]),
        ]
    });
    let title = locale.text("状态的使用", "Use of the stages");
    let explained = locale.text(
        "时段内进入各状态的次数；从入口直接到结束的周期越多，中间状态越没有被用起来。",
        "Entries into each stage in the period; the more cycles went straight from the entry to an end, the less the stages between are used.",
    );
    let shown = html! {
        @if let Some(between) = usage["intermediate_share"]["share"].as_f64() {
            p { (locale.text("经过中间状态才结束的周期：", "Cycles that ended by way of a stage between: ")) (locale.share(between)) }
        }
        (table(title, &columns, &rows))
    };
    asked.figure(title, explained, &shown, &[source])
}

/// Moves for which conditions were passed over.
fn overrides(asked: &PageRequest<'_>, list: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let title = locale.text("强制变更", "Overrides");
    let explained = locale.text(
        "时段内由有权的人跳过条件做的变更，最近的在前。",
        "Moves of the period for which somebody in charge passed over conditions, the latest first.",
    );
    let said = locale.text("跳过的条件", "Conditions passed over");
    let moves = moves(asked, (title, said), &list["items"], |one| {
        let codes: Vec<&str> = one["passed_over"].as_array().into_iter().flatten().map(text).collect();
        cell(codes.join(", "))
    });
    let shown = html! {
        p { (locale.number(&list["total"])) " " (locale.text("次", "in all")) }
        @if let Some(moves) = moves { (moves) }
    };
    asked.figure(title, explained, &shown, &[source])
}
