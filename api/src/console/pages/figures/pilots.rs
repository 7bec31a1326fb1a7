//! What a pilot brings: the team that tries a version, beside everybody else.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::{encoded, with_query};
use super::super::super::charts::{Mark, Range, Row, plot, ranges};
use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, lasting, number, share, table, words};
use super::super::{figure as value_of, text};
use super::{Content, PageRequest};

/// Which pilot of the pipeline, and by which measures.
const PILOT: &str = "pilot";
const MEASURES: [(&str, &str); 2] = [("silent_days", "7"), ("horizon_days", "14")];
/// The two sides, as the report calls them.
const SIDES: [&str; 2] = ["pilot", "rest"];

/// Shows a pilot: the one that is asked for, or the one that began last.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let pilots = asked.layout.pipeline(asked.pipeline)["pilots"].as_array().cloned().unwrap_or_default();
    let named = pilots.iter().find(|pilot| Some(text(&pilot["id"])) == asked.query.get(PILOT));
    let latest = || pilots.iter().max_by_key(|pilot| text(&pilot["from"]));
    let id = named.or_else(latest).map(|pilot| text(&pilot["id"]).to_owned());
    // One that is named and not there is for the API to tell.
    let id = asked.query.get(PILOT).map(str::to_owned).or(id);
    let Some(id) = id else {
        return Ok(Content { echoed: Value::Null, choices: html! {}, body: none(asked) });
    };
    let instants = ["effective_at", "known_at"].map(|name| (name, asked.query.get(name)));
    let instants = instants.map(|(name, given)| (name, given.map(|given| asked.locale.instant(given))));
    let measures = MEASURES.map(|(name, _)| (name, asked.query.get(name)));
    let given = measures.into_iter().chain(instants.iter().map(|(name, given)| (*name, given.as_deref())));
    let source = with_query(&format!("/v1/pilots/{}", encoded(&id)), given);
    let report = asked.layout.read(&source).await?;
    let body = html! {
        (choices(asked, &pilots, &id))
        (about(asked, &report))
        (rates(asked, &report, &source))
        (times(asked, &report, &source))
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

/// That there is no pilot, and how one comes about.
fn none(asked: &PageRequest<'_>) -> Markup {
    let locale = asked.locale;
    html! {
        section.figure {
            h2 { (locale.text("试点", "Pilots")) }
            p.empty {
                (locale.text(
                    "还没有试点。发布只对一个团队生效的流程版本，即可在此与其他人对比。",
                    "There is no pilot. Publish a version of the pipeline for one team, and it is compared with everybody else here.",
                ))
                " "
                a href=(with_query("/console/settings/pipelines", [("pipeline", Some(asked.pipeline))])) {
                    (locale.text("查看流程版本", "See the versions"))
                }
            }
        }
    }
}

/// Which pilot, and by which measures.
fn choices(asked: &PageRequest<'_>, pilots: &[Value], id: &str) -> Markup {
    let locale = asked.locale;
    let captions = [
        locale.text("多少天没有动静算漏跟", "Days of silence that count as a leak"),
        locale.text("多少天内的成交", "Days within which deals count"),
    ];
    html! {
        @if pilots.len() > 1 {
            nav.choices aria-label=(locale.text("试点", "Pilots")) {
                @for pilot in pilots {
                    @let one = text(&pilot["id"]);
                    a href=(asked.link("pilots", &[(PILOT, one)])) aria-current=[(one == id).then_some("true")] { (one) " · " (text(&pilot["team"])) }
                }
            }
        }
        form.fields {
            input type="hidden" name=(PILOT) value=(id);
            @for ((name, usual), caption) in MEASURES.iter().zip(captions) {
                label { (caption) input type="number" min="1" max="3650" name=(name) value=(asked.query.get(name).unwrap_or(usual)); }
            }
            label { (locale.text("业务时间", "As of"))
                input type="datetime-local" name="effective_at" value=(asked.query.get("effective_at").unwrap_or_default()); }
            label { (locale.text("当时所知", "As known at"))
                input type="datetime-local" name="known_at" value=(asked.query.get("known_at").unwrap_or_default()); }
            button { (locale.text("查看", "Apply")) }
        }
    }
}

/// What is tried, by whom, for how long.
fn about(asked: &PageRequest<'_>, report: &Value) -> Markup {
    let locale = asked.locale;
    let members: Vec<&str> = report["members"].as_array().into_iter().flatten().map(text).collect();
    let version = report["version"].to_string();
    let read = with_query(
        "/console/settings/pipelines",
        [("pipeline", Some(asked.pipeline)), ("version", Some(version.as_str()))],
    );
    let team = text(&report["team"]);
    html! {
        p {
            (locale.text("团队", "Team")) " " a href=(asked.customers(&[("team", team)])) { (team) }
            @if !members.is_empty() { " (" (members.join(locale.text("、", ", "))) ")" }
            " · " a href=(read) { (locale.text("版本", "version")) " " (version) }
            " · " (locale.day(&report["from"])) " – "
            @if report["until"].is_string() { (locale.day(&report["until"])) } @else { (locale.text("未定", "without end")) }
            " · " (locale.text("评估于", "judged at")) " " (locale.moment(&report["judged_at"]))
        }
    }
}

fn side<'a>(asked: &PageRequest<'a>, side: &str) -> &'a str {
    match side {
        "pilot" => asked.locale.text("试点团队", "Pilot team"),
        _ => asked.locale.text("其他人", "Others"),
    }
}

/// Who is left alone and what is won, with the difference and how sure it is.
fn rates(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let rates = [
        ("conversion", locale.text("赢单率", "Win rate"), "won"),
        ("leak_rate", locale.text("漏跟率", "Leak rate"), "lost"),
    ];
    let drawn: Vec<Row> = rates
        .iter()
        .flat_map(|(rate, caption, kind)| {
            SIDES.map(|of| {
                let rate = &report[of][*rate];
                let at = rate["share"].as_f64();
                let band = rate["low"].as_f64().zip(rate["high"].as_f64());
                let band = band.map(|(from, to)| Mark::Band { from, to, kind: (*kind).to_owned() });
                Row {
                    label: cell(format!("{caption} · {}", side(asked, of))),
                    marks: band.into_iter().chain(at.map(|at| Mark::Dot { at })).collect(),
                    figure: at.map_or_else(|| "—".to_owned(), |at| locale.share(at)),
                }
            })
        })
        .collect();
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|at| (at, format!("{:.0}%", at * 100.0)));
    let mut columns = vec![words(locale.text("指标", "Figure"))];
    columns.extend(SIDES.map(|of| number(side(asked, of))));
    columns.push(number(locale.text("差异及 95% 置信区间", "Difference and 95% interval")));
    columns.push(number(locale.text("p 值", "p value")));
    let counted = |caption: &str, name: &str| {
        let both = SIDES.map(|of| count(locale, &report[of][name]));
        [cell(caption)].into_iter().chain(both).chain([html! {}, html! {}]).collect::<Vec<Markup>>()
    };
    let compared = |name: &str, caption: &str| {
        let both = SIDES.map(|of| share(locale, &report[of][name]));
        let apart = [points(asked, &report[name]), chance(&report[name]["p_value"])];
        [cell(caption)].into_iter().chain(both).chain(apart).collect::<Vec<Markup>>()
    };
    let rows = [
        compared("conversion", locale.text("赢单率", "Win rate")),
        counted(locale.text("成交", "Won"), "won"),
        counted(locale.text("流失", "Lost"), "lost"),
        compared("leak_rate", locale.text("漏跟率", "Leak rate")),
        counted(locale.text("在途客户", "Open customers"), "open"),
        counted(locale.text("其中漏跟", "Leaking of them"), "leaking"),
    ];
    let title = locale.text("成交与漏跟", "Deals and leaks");
    let explained = locale.text(
        "试点期内双方的赢单率，以及评估时无人跟进的在途客户占比；区间越不重叠，差异越可信。",
        "The win rates of both sides in the pilot's period, and the share of open customers left alone when it is judged; the less the ranges overlap, the surer the difference.",
    );
    let shown = html! {
        (plot(title, &drawn, &ticks))
        (table(title, &columns, &rows))
        (maturity(asked, report))
    };
    asked.figure(title, explained, &shown, &[source])
}

/// A difference of shares in percentage points.
fn points(asked: &PageRequest<'_>, difference: &Value) -> Markup {
    let Some(apart) = difference["difference"].as_f64() else { return html! { "—" } };
    let signed = |share: &Value| format!("{:+.1}", value_of(share) * 100.0);
    html! {
        (format!("{:+.1}", apart * 100.0)) " " (asked.locale.text("个百分点", "pts")) " "
        small.hint { (signed(&difference["low"])) " … " (signed(&difference["high"])) }
    }
}

fn chance(p_value: &Value) -> Markup {
    cell(p_value.as_f64().map_or_else(|| "—".to_owned(), |p| format!("{p:.3}")))
}

/// That many are still under way, where they are.
fn maturity(asked: &PageRequest<'_>, report: &Value) -> Markup {
    let locale = asked.locale;
    html! {
        @for of in SIDES {
            @let maturity = &report[of]["maturity"];
            @if maturity["mature"] == false {
                p.hint {
                    (side(asked, of)) (locale.text("：", ": "))
                    (locale.number(&maturity["undecided"])) " / " (locale.number(&maturity["cycles"])) " "
                    (locale.text("个周期尚无结果，数字还会变化。", "cycles are undecided: the figures will change."))
                }
            }
        }
    }
}

/// How long deals take.
fn times(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let drawn: Vec<Range> = SIDES
        .map(|of| {
            let time = &report[of]["cycle_time"];
            Range {
                label: side(asked, of).to_owned(),
                median: time["median_seconds"].as_f64(),
                low: time["median_low_seconds"].as_f64(),
                high: time["median_high_seconds"].as_f64(),
                p90: None,
                before: None,
                kind: "open".to_owned(),
            }
        })
        .into();
    let columns = [
        words(locale.text("一方", "Side")),
        number(locale.text("周期", "Cycles")),
        number(locale.text("已结束", "Ended")),
        number(locale.text("中位时长", "Median time")),
        number(locale.text("95% 区间", "95% interval")),
        number(locale.text("期限内成交", "Won within the days given")),
    ];
    let rows = SIDES.map(|of| {
        let (one, time) = (&report[of], &report[of]["cycle_time"]);
        let won = one["won_within_horizon"].as_f64();
        vec![
            cell(side(asked, of)),
            count(locale, &time["subjects"]),
            count(locale, &time["events"]),
            lasting(locale, &time["median_seconds"]),
            html! { (lasting(locale, &time["median_low_seconds"])) " – " (lasting(locale, &time["median_high_seconds"])) },
            cell(won.map_or_else(|| "—".to_owned(), |won| locale.share(won))),
        ]
    });
    let title = locale.text("销售周期", "Sales cycle");
    let explained = locale.text(
        "从进入到结束的时长：Kaplan–Meier 中位数及 95% 置信区间，尚未结束的按截尾计算。",
        "The time from entry to the end: Kaplan–Meier median with its 95% interval; cycles under way count, too.",
    );
    let shown = html! {
        (ranges(locale, title, &drawn))
        (table(title, &columns, &rows))
        p.hint {
            (locale.text("对数秩检验的 p 值：", "p value of the log-rank test: ")) (chance(&report["cycle_time_p_value"]))
        }
    };
    asked.figure(title, explained, &shown, &[source])
}
