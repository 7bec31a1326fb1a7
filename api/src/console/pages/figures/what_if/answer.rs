//! The answer: what differs, list by list and figure by figure.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::super::charts::{Range, ranges};
use super::super::super::table::{amounts, cell, count, customer, lasting, number, rows, table, words};
use super::super::super::text;
use super::super::PageRequest;
use super::super::moves::moves;

/// Everything that differs.
pub(super) fn shown(asked: &PageRequest<'_>, found: &Value, base: &Value) -> Markup {
    let locale = asked.locale;
    html! {
        p.hint { (locale.moment(&found["from"])) " – " (locale.moment(&found["to"])) }
        (tiles(asked, &found["totals"]))
        (refused(asked, found))
        (returns(asked, found, base))
        (deadlines(asked, found, base))
        (dwell(asked, &found["dwell"]["difference"]))
        (conversion(asked, &found["conversion"]["difference"]))
        (forecast(asked, &found["forecast"]["difference"]))
        section.figure {
            h2 { (locale.text("重放不知道的", "What a replay does not know")) }
            ul.prose { @for limit in found["limits"].as_array().into_iter().flatten() { li { (text(limit)) } } }
        }
    }
}

fn tiles(asked: &PageRequest<'_>, totals: &Value) -> Markup {
    let locale = asked.locale;
    let among = |part: &str, whole: &str| {
        format!("{} / {}", locale.number(&totals[part]), locale.number(&totals[whole]))
    };
    let turned = |name: &str| {
        format!("{} → {}", locale.number(&totals[name]["before"]), locale.number(&totals[name]["after"]))
    };
    let tiles = [
        (among("affected_customers", "customers"), locale.text("有变化的客户", "Customers that differ")),
        (among("refused_moves", "moves"), locale.text("会被拒绝的变更", "Moves that would be refused")),
        (turned("missed_deadlines"), locale.text("错过的期限", "Deadlines missed")),
        (turned("returns"), locale.text("退回公海", "Returns to a pool")),
    ];
    html! { div.tiles { @for (shown, caption) in tiles { div.tile { strong { (shown) } span { (caption) } } } } }
}

/// A list of the answer as a figure: that it is empty, or a table of its first rows and how many there are.
fn listed(
    asked: &PageRequest<'_>,
    (title, explained): (&str, &str),
    columns: &[super::super::super::table::Column<'_>],
    rows: &[Vec<Markup>],
    total: &Value,
) -> Markup {
    let shown = (!rows.is_empty()).then(|| table(title, columns, rows));
    list_figure(asked, (title, explained), (shown, rows.len()), total)
}

/// The same with a table that is made already, and how many rows it has; none where the list is empty.
fn list_figure(
    asked: &PageRequest<'_>,
    (title, explained): (&str, &str),
    (shown, count): (Option<Markup>, usize),
    total: &Value,
) -> Markup {
    let locale = asked.locale;
    html! {
        section.figure {
            h2 { (title) " " small { (locale.number(total)) } }
            p.hint { (explained) }
            @match shown {
                None => { p.empty { (locale.text("没有差别。", "Nothing differs.")) } }
                Some(shown) => {
                    (shown)
                    @if total.as_u64().is_some_and(|total| total > count as u64) {
                        p.hint { (locale.text("仅显示前几行，全部见下载的文件。", "The first rows; the file to download has more.")) }
                    }
                }
            }
        }
    }
}

fn refused(asked: &PageRequest<'_>, found: &Value) -> Markup {
    let locale = asked.locale;
    let title = locale.text("会被拒绝的变更", "Moves that would be refused");
    let explained = locale.text(
        "记录中的变更在假设的定义下重新判断，未满足的条件列在最后。",
        "Recorded moves are decided again under what is supposed; the last column says which conditions they would not have met.",
    );
    let list = &found["refused_moves"];
    let shown = moves(asked, (title, locale.text("为什么", "Why")), list, |one| {
        let unmet = one["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
        html! {
            span.prose {
                @for unmet in unmet { (text(&unmet["message"])) " " }
                @if !one["follows"].is_null() {
                    (locale.text("（因先前的变更被拒绝）", "(because an earlier one is refused)"))
                }
            }
        }
    });
    let count = list.as_array().map_or(0, Vec::len);
    list_figure(asked, (title, explained), (shown, count), &found["totals"]["refused_moves"])
}

/// What a rule of a pool is called.
fn clock(asked: &PageRequest<'_>, base: &Value, returned: &Value) -> String {
    let locale = asked.locale;
    if returned["rule"] == "first_contact" {
        return locale.text("首次联系超时", "first contact missed").to_owned();
    }
    let pool = super::pools(base).iter().find(|pool| pool["key"] == returned["pool"]);
    let mut rules = pool.and_then(|pool| pool["rules"]["reclaim"].as_array()).into_iter().flatten();
    let name =
        rules.find(|rule| rule["id"] == returned["rule"]).map_or("", |rule| locale.label(&rule["name"]));
    if name.is_empty() { text(&returned["rule"]).to_owned() } else { name.to_owned() }
}

fn returns(asked: &PageRequest<'_>, found: &Value, base: &Value) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("销售", "Rep")),
        words(locale.text("实际", "As it was")),
        words(locale.text("假设", "As it would have been")),
    ];
    let returned = |one: &Value| {
        html! {
            @if one.is_object() { (locale.moment(&one["at"])) br; span.hint { (clock(asked, base, one)) } }
            @else { (locale.text("未退回", "stays")) }
        }
    };
    let rows = rows(&found["reclaims"], |one| {
        vec![customer(one), cell(text(&one["rep"])), returned(&one["before"]), returned(&one["after"])]
    });
    let title = locale.text("退回公海的差别", "Returns to a pool that differ");
    let explained = locale.text(
        "哪些客户会更早、更晚或不再被收回，以及按哪条规则。",
        "Which customers would have gone back earlier, later or not at all, and by which rule.",
    );
    listed(asked, (title, explained), &columns, &rows, &found["totals"]["reclaims"])
}

fn deadlines(asked: &PageRequest<'_>, found: &Value, base: &Value) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("状态", "Stage")),
        words(locale.text("期限", "Deadline")),
        words(locale.text("实际", "As it was")),
        words(locale.text("假设", "As it would have been")),
    ];
    let kind = |one: &Value| match text(&one["kind"]) {
        "next_action" => locale.text("下一步动作", "next action").to_owned(),
        "stagnant" => locale.text("停滞", "stagnant").to_owned(),
        _ => {
            let mut rules = base["automations"].as_array().into_iter().flatten();
            let name =
                rules.find(|rule| rule["id"] == one["rule"]).map_or("", |rule| locale.label(&rule["name"]));
            if name.is_empty() { text(&one["rule"]).to_owned() } else { name.to_owned() }
        }
    };
    let due = |one: &Value| {
        html! {
            @if one.is_object() {
                (locale.moment(&one["due_at"]))
                @if one["met"] == true { " " span.hint { (locale.text("已完成", "met")) } }
            } @else { (locale.text("没有", "none")) }
        }
    };
    let rows = rows(&found["deadlines"], |one| {
        vec![
            customer(one),
            cell(asked.names.stage(locale, &one["stage"])),
            html! { span.prose { (kind(one)) } },
            due(&one["before"]),
            due(&one["after"]),
        ]
    });
    let title = locale.text("期限的差别", "Deadlines that differ");
    let explained = locale.text(
        "时段内到期的期限在假设下会是何时，以及当时是否已离开该状态。",
        "When deadlines of the period would have been up, and whether the customer had left the stage by then.",
    );
    listed(asked, (title, explained), &columns, &rows, &found["totals"]["deadlines"])
}

/// A count with its sign.
fn signed(difference: &Value) -> Markup {
    cell(difference.as_i64().map_or_else(|| "—".to_owned(), |count| format!("{count:+}")))
}

fn turned(figure: &Value, write: impl Fn(&Value) -> Markup) -> Markup {
    html! { (write(&figure["before"])) " → " (write(&figure["after"])) }
}

fn dwell(asked: &PageRequest<'_>, difference: &Value) -> Markup {
    let locale = asked.locale;
    let stages = difference["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let drawn: Vec<Range> = stages
        .iter()
        .map(|one| Range {
            label: asked.names.stage(locale, &one["stage"]),
            median: one["median_seconds"]["after"].as_f64(),
            low: None,
            high: None,
            p90: None,
            before: one["median_seconds"]["before"].as_f64(),
            kind: asked.names.kind(&one["stage"]).to_owned(),
        })
        .collect();
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("停留次数", "Stays")),
        number(locale.text("其中结束", "Ended of them")),
        number(locale.text("中位数", "Median")),
        number(locale.text("30 天内平均", "Mean within 30 days")),
    ];
    let rows: Vec<Vec<Markup>> = stages
        .iter()
        .map(|one| {
            let time = |figure: &Value| turned(figure, |seconds| lasting(locale, seconds));
            let there = asked.customers(&[("stage", text(&one["stage"]))]);
            vec![
                html! { a href=(there) { (asked.names.stage(locale, &one["stage"])) } },
                signed(&one["visits"]),
                signed(&one["completed"]),
                time(&one["median_seconds"]),
                time(&one["restricted_mean_seconds"]),
            ]
        })
        .collect();
    let title = locale.text("停留时间", "Dwell times");
    let explained = locale.text(
        "各状态的中位停留时间：点为假设，竖线为实际；只列有差别的状态。",
        "The median time in each stage: the dot is what is supposed, the upright line what was; only stages that differ.",
    );
    figure(
        asked,
        (title, explained),
        &html! { (ranges(locale, title, &drawn)) (table(title, &columns, &rows)) },
        rows.is_empty(),
    )
}

fn conversion(asked: &PageRequest<'_>, difference: &Value) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("到达", "Came to it")),
        number(locale.text("到下一状态", "Went on to the next")),
        number(locale.text("成交", "Won")),
    ];
    let share = |share: &Value| html! { @match share.as_f64() { Some(share) => { (locale.share(share)) } None => { "—" } } };
    let rows = rows(&difference["stages"], |one| {
        vec![
            cell(asked.names.stage(locale, &one["stage"])),
            signed(&one["count"]),
            turned(&one["next"], share),
            turned(&one["won"], share),
        ]
    });
    let title = locale.text("转化", "Conversion");
    let explained = locale.text(
        "时段内到达各状态的周期、进入下一状态与成交的占比，前为实际，后为假设。",
        "Cycles that came to each stage in the period, and the shares that went on and were won: as they were, and as they would have been.",
    );
    figure(asked, (title, explained), &table(title, &columns, &rows), rows.is_empty())
}

fn forecast(asked: &PageRequest<'_>, difference: &Value) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("期限", "Until")),
        number(locale.text("预计成交之差", "Difference in deals")),
        number(locale.text("预计金额之差", "Difference in the amount")),
    ];
    let money = |one: &Value| -> Value {
        let each = one["amounts"].as_array().into_iter().flatten();
        each.map(|sum| serde_json::json!({"amount": sum["expected"], "currency": sum["currency"]})).collect()
    };
    let rows = rows(&difference["horizons"], |one| {
        vec![
            html! { (count(locale, &one["days"])) " " (locale.text("天", "days")) },
            cell(one["expected"].as_f64().map_or_else(|| "—".to_owned(), |deals| format!("{deals:+.1}"))),
            amounts(locale, &money(one)),
        ]
    });
    let title = locale.text("预测", "Forecast");
    let explained = locale.text(
        "时段末的预测在假设下会多或少多少。",
        "By how much the forecast at the end of the period would have been higher or lower.",
    );
    figure(asked, (title, explained), &table(title, &columns, &rows), rows.is_empty())
}

fn figure(
    asked: &PageRequest<'_>,
    (title, explained): (&str, &str),
    shown: &Markup,
    is_same: bool,
) -> Markup {
    html! {
        section.figure {
            h2 { (title) }
            p.hint { (explained) }
            @if is_same { p.empty { (asked.locale.text("没有差别。", "Nothing differs.")) } } @else { (shown) }
        }
    }
}
