//! How long after the fact people record what happened.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, customer, lasting, number, share, table, words};
use super::super::{figure as value_of, items, text};
use super::compared::{difference, points, same, time};
use super::{Content, PageRequest, Windows};

/// Late changes that a page shows.
const SHOWN: &str = "25";
/// How late a change may be recorded, in hours.
const HOURS: &str = "hours";
/// Unless told otherwise.
const USUAL_HOURS: u64 = 24;

/// Shows the delays, who and what they are of, and what they do to the forecast.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let (locale, hours) = (asked.locale, asked.query.get(HOURS));
    let permitted = hours.map(seconds);
    let mut more = vec![("limit", SHOWN)];
    more.extend(permitted.as_deref().map(|permitted| ("sla_seconds", permitted)));
    more.extend(asked.query.get("cursor").map(|cursor| ("cursor", cursor)));
    let source = asked.report("latency", Windows::Both, &more);
    let report = asked.layout.read(&source).await?;
    let hours = hours.map_or_else(|| USUAL_HOURS.to_string(), str::to_owned);
    let choices = html! {
        label { (locale.text("允许延迟（小时）", "Permitted delay in hours")) input type="number" min="0" name=(HOURS) value=(hours); }
    };
    let body = html! {
        (tiles(asked, &report))
        (people(asked, &report, &source))
        (stages(asked, &report, &source))
        (effect(asked, &report["forecast"], &source))
        (late(asked, &report, &source))
    };
    Ok(Content { echoed: report, choices, body })
}

/// Hours in seconds; what is no number is handed on, for the API to refuse by name.
fn seconds(hours: &str) -> String {
    let seconds = hours.parse::<u64>().ok().and_then(|hours| hours.checked_mul(3_600));
    seconds.map_or_else(|| hours.to_owned(), |seconds| seconds.to_string())
}

fn tiles(asked: &PageRequest<'_>, report: &Value) -> Markup {
    let locale = asked.locale;
    let (changes, before) = (&report["changes"], &report["compared"]["changes"]);
    let left_out = &report["left_out"];
    let tile = |shown: Markup, name: &str, then: Markup| {
        html! { div.tile { strong { (shown) } span { (name) @if before.is_object() { " · " (locale.text("对比", "before")) " " (then) } } } }
    };
    html! {
        div.tiles {
            (tile(count(locale, &changes["count"]), locale.text("人工记录的变更", "Changes that people recorded"), count(locale, &before["count"])))
            (tile(lasting(locale, &changes["p50_seconds"]), locale.text("延迟中位数", "Median delay"), lasting(locale, &before["p50_seconds"])))
            (tile(lasting(locale, &changes["p90_seconds"]), locale.text("90% 分位延迟", "90th percentile of the delay"), lasting(locale, &before["p90_seconds"])))
            (tile(late_share(asked, changes), locale.text("超过允许延迟", "Later than permitted"), late_share(asked, before)))
        }
        @if before.is_object() {
            p {
                (locale.text("超时占比之差：", "Difference of the share recorded late: ")) (points(locale, difference(report, "late_share", &Value::Null)))
                " · " (locale.text("延迟之差：", "of the delay: ")) (time(locale, difference(report, "delay_seconds", &Value::Null)))
            }
        }
        p.hint {
            (locale.text("不计入：", "Left out: "))
            (locale.number(&left_out["imports"])) (locale.text(" 条导入记录，", " imported, "))
            (locale.number(&left_out["rules"])) (locale.text(" 次规则变更，", " made by rules, "))
            (locale.number(&left_out["migrations"])) (locale.text(" 次版本迁移。", " by a new version."))
            " "
            (locale.text("更正另计：", "Corrections apart: ")) (locale.number(&report["corrections"]["count"]))
            (locale.text(" 次，中位延迟 ", ", median delay ")) (lasting(locale, &report["corrections"]["p50_seconds"]))
            (locale.text("。", "."))
        }
    }
}

fn late_share(asked: &PageRequest<'_>, delays: &Value) -> Markup {
    html! { @match delays["late_share"]["share"].as_f64() { Some(share) => { (asked.locale.share(share)) } None => { "—" } } }
}

/// The figures of a line: of whom or what, how many, how late.
fn line(asked: &PageRequest<'_>, of: Markup, delays: &Value, before: &Value) -> Vec<Markup> {
    let locale = asked.locale;
    vec![
        of,
        count(locale, &delays["count"]),
        lasting(locale, &delays["p50_seconds"]),
        lasting(locale, &delays["p90_seconds"]),
        lasting(locale, &delays["max_seconds"]),
        count(locale, &delays["late"]),
        share(locale, &delays["late_share"]),
        late_share(asked, before),
    ]
}

fn tabled(asked: &PageRequest<'_>, title: &str, first: &str, rows: &[Vec<Markup>]) -> Markup {
    let locale = asked.locale;
    let mut columns = vec![
        words(first),
        number(locale.text("变更", "Changes")),
        number(locale.text("中位数", "Median")),
        number(locale.text("90% 分位", "90th percentile")),
        number(locale.text("最长", "Longest")),
        number(locale.text("超时", "Late")),
        number(locale.text("超时占比及 95% 置信区间", "Share late and 95% interval")),
    ];
    if asked.compares() {
        columns.push(number(locale.text("对比时段占比", "Share before")));
    }
    table(title, &columns, rows)
}

fn people(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let lines = || report["by_rep"].as_array().into_iter().flatten();
    let before = |one: &Value| same(report, "by_rep", "actor", &one["actor"]).clone();
    let late = |one: &Value| value_of(&one["late_share"]["share"]);
    let drawn: Vec<Bar> = lines()
        .map(|one| Bar {
            label: text(&one["actor"]).to_owned(),
            link: owned_by(asked, one),
            length: late(one),
            before: asked.compares().then(|| late(&before(one))),
            text: locale.share(late(one)),
            kind: "lost".to_owned(),
        })
        .collect();
    let actor = |one: &Value| {
        html! {
            @match owned_by(asked, one) {
                Some(link) => { a href=(link) { (text(&one["actor"])) } }
                None => { (text(&one["actor"])) }
            }
        }
    };
    let rows: Vec<Vec<Markup>> = lines().map(|one| line(asked, actor(one), one, &before(one))).collect();
    let title = locale.text("谁记录得晚", "Who records late");
    let explained = asked.explained(
        locale.text(
            "各人记录的变更中，晚于允许延迟的占比；点击销售可查看其客户。",
            "The share of each person's changes that was recorded later than is permitted; a rep leads to their customers.",
        ),
    );
    let shown = html! {
        @if rows.is_empty() { (asked.nothing()) }
        @else { (bars(title, &drawn)) (tabled(asked, title, locale.text("记录人", "Recorded by"), &rows)) }
    };
    asked.figure(title, &explained, &shown, &[source])
}

/// The customers of who recorded, if that is a rep.
fn owned_by(asked: &PageRequest<'_>, one: &Value) -> Option<String> {
    let actor = text(&one["actor"]);
    actor.starts_with("rep:").then(|| asked.customers(&[("owner", actor)]))
}

fn stages(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let lines = report["by_stage"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Markup>> = lines
        .filter(|one| value_of(&one["count"]) > 0.0)
        .map(|one| {
            let there = asked.customers(&[("stage", text(&one["stage"]))]);
            let of = html! { a href=(there) { (asked.names.stage(locale, &one["stage"])) } };
            line(asked, of, one, same(report, "by_stage", "stage", &one["stage"]))
        })
        .collect();
    let title = locale.text("进入哪个状态记录得晚", "Which entries are recorded late");
    let explained = locale.text(
        "按进入的状态统计的延迟；点击状态可查看现在处于该状态的客户。",
        "The delays by the stage that was entered; a stage leads to the customers in it now.",
    );
    let shown = html! {
        @if rows.is_empty() { (asked.nothing()) } @else { (tabled(asked, title, locale.text("状态", "Stage"), &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}

/// What was thought at the end of the period, and what is known about it now.
fn effect(asked: &PageRequest<'_>, effect: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("概率", "Probability")),
        number(locale.text("当时所知", "As known then")),
        number(locale.text("现在所知", "As known now")),
        number(locale.text("当时在途", "Open, as known then")),
        number(locale.text("现在所知在途", "Open, as known now")),
    ];
    let stages = effect["stages"].as_array().into_iter().flatten();
    let stood = |one: &&Value| value_of(&one["known_then"]) > 0.0 || value_of(&one["known_now"]) > 0.0;
    let rows: Vec<Vec<Markup>> = stages
        .filter(stood)
        .map(|one| {
            vec![
                cell(asked.names.stage(locale, &one["stage"])),
                html! { @match one["probability"].as_f64() { Some(share) => { (locale.share(share)) } None => { "—" } } },
                count(locale, &one["known_then"]),
                count(locale, &one["known_now"]),
                count(locale, &one["open_then"]),
                count(locale, &one["open_now"]),
            ]
        })
        .collect();
    let title = locale.text("对预测的影响", "What it does to the forecast");
    let explained = locale.text(
        "时段末当时所知的客户分布，与现在所知的对照；预期成交按各状态设定的概率计算。",
        "Where customers were thought to stand at the end of the period, beside what is known about it now; expected deals are by the probability set for each stage.",
    );
    let shown = html! {
        div.tiles {
            div.tile { strong { (locale.number(&effect["misplaced"])) } span { (locale.text("当时位置有误的客户", "Customers that stood elsewhere")) } }
            div.tile { strong { (decimal(&effect["expected_wins_then"])) } span { (locale.text("当时的预期成交", "Deals expected then")) } }
            div.tile { strong { (decimal(&effect["expected_wins_now"])) } span { (locale.text("现在看当时应有的预期", "Deals to be expected, as known now")) } }
        }
        @if !rows.is_empty() { (table(title, &columns, &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}

fn decimal(value: &Value) -> String {
    value.as_f64().map_or_else(|| "—".to_owned(), |value| format!("{value:.1}"))
}

/// The changes that were recorded too late, the longest delay first.
fn late(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("进入状态", "Stage entered")),
        words(locale.text("记录人", "Recorded by")),
        words(locale.text("发生于", "Happened")),
        words(locale.text("记录于", "Recorded")),
        number(locale.text("延迟", "Delay")),
    ];
    let rows: Vec<Vec<Markup>> = items(report)
        .iter()
        .map(|one| {
            vec![
                customer(one),
                cell(asked.names.stage(locale, &one["stage"])),
                cell(text(&one["actor"])),
                cell(locale.moment(&one["effective_at"])),
                cell(locale.moment(&one["recorded_at"])),
                lasting(locale, &one["delay_seconds"]),
            ]
        })
        .collect();
    let title = locale.text("补录的变更", "Changes recorded late");
    let explained = locale.text(
        "晚于允许延迟才记录的变更，延迟最长的在前。",
        "Changes that were recorded later than is permitted, the longest delay first.",
    );
    let next = report["next_cursor"].as_str();
    let hours = asked.query.get(HOURS).unwrap_or_default();
    let shown = html! {
        @if rows.is_empty() {
            p.empty { (locale.text("没有补录的变更：记录都及时。", "None: everything was recorded in time.")) }
        } @else { (table(title, &columns, &rows)) }
        @if let Some(cursor) = next {
            a.more href=(asked.link("latency", &[(HOURS, hours), ("cursor", cursor)])) { (locale.text("下一页", "Next page")) }
        }
    };
    asked.figure(title, explained, &shown, &[source])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_seconds_and_what_is_no_number_stays_for_the_api_to_refuse() {
        assert_eq!(["24", "0", "a day", "-1"].map(seconds), ["86400", "0", "a day", "-1"]);
        assert_eq!(seconds("18446744073709551615"), "18446744073709551615");
    }
}
