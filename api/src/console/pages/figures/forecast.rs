//! What will be won, and how well it was foreseen before.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::super::charts::{Mark, Row, of_most, plot, ticks};
use super::super::super::gateway::ApiError;
use super::super::table::{amounts, cell, count, number, table, words};
use super::super::{figure as value_of, text};
use super::{Content, PageRequest, Windows, encoded};
use crate::domain::Language;

/// The horizons that one may look at.
const HORIZONS: [(&str, &str); 4] = [("30,90", "30 / 90"), ("30", "30"), ("60", "60"), ("180", "180")];
/// How far a back-test looks ahead, in days.
const TESTED: &str = "30";

/// Shows the forecast and its back-test.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let horizons = asked.query.get("horizon_days").unwrap_or(HORIZONS[0].0);
    let source = asked.report("forecasts", Windows::None, &[("horizon_days", horizons)]);
    let tested = format!("/v1/forecasts/{}/back-test", encoded(asked.pipeline));
    let tested = asked.path(&tested, Windows::One, &[("horizon_days", TESTED)]);
    let (forecast, test) = tokio::try_join!(asked.layout.read(&source), asked.layout.get(&tested))?;
    let body = html! {
        (asked.choices("forecast", locale.text("未来天数", "Days ahead"), "horizon_days", &HORIZONS))
        (deals(asked, &forecast, &source))
        @for horizon in horizons_of(&forecast) { (by_stage(asked, horizon, &source)) }
        (by_expected_close(asked, &forecast, &source))
        (back_test(asked, &test, &tested))
        (calibration(asked, &test, &tested))
    };
    Ok(Content { echoed: forecast, choices: html! {}, body })
}

fn horizons_of(forecast: &Value) -> &[Value] {
    forecast["horizons"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A range with its 95% interval, its estimate and what came.
fn marks(of: &Value, expected: f64, actual: Option<f64>, most: f64) -> Vec<Mark> {
    let place = |name: &str| of_most(value_of(&of[name]), most);
    let band =
        |low: &str, high: &str| Mark::Band { from: place(low), to: place(high), kind: "open".to_owned() };
    let came = actual.map(|actual| Mark::Before { at: of_most(actual, most) });
    let dot = Mark::Dot { at: of_most(expected, most) };
    [band("low_95", "high_95"), band("low", "high")].into_iter().chain([dot]).chain(came).collect()
}

/// How many deals are expected, and for how much.
fn deals(asked: &PageRequest<'_>, forecast: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let horizons = horizons_of(forecast);
    let most = horizons.iter().map(|horizon| value_of(&horizon["deals"]["high_95"])).fold(0.0, f64::max);
    let until = |horizon: &Value| {
        let day = locale.day(&horizon["until"]);
        format!("{} {} · {day}", horizon["days"], locale.text("天", "days"))
    };
    let drawn: Vec<Row> = horizons
        .iter()
        .map(|horizon| {
            let deals = &horizon["deals"];
            Row {
                label: cell(until(horizon)),
                marks: marks(deals, value_of(&deals["expected"]), None, most),
                figure: format!("{:.1}", value_of(&deals["expected"])),
            }
        })
        .collect();
    let columns = [
        words(locale.text("截止", "Until")),
        number(locale.text("预计成交", "Expected deals")),
        number(locale.text("80% 区间", "80% range")),
        number(locale.text("95% 区间", "95% range")),
        number(locale.text("预计金额", "Expected amount")),
        number(locale.text("金额 80% 区间", "80% range of the amount")),
    ];
    let money = |horizon: &Value, name: &str| -> Markup {
        let each = horizon["amounts"].as_array().into_iter().flatten();
        let money: Vec<Value> =
            each.map(|sum| json!({"amount": sum[name], "currency": sum["currency"]})).collect();
        amounts(locale, &Value::Array(money))
    };
    let rows: Vec<Vec<Markup>> = horizons
        .iter()
        .map(|horizon| {
            let deals = &horizon["deals"];
            vec![
                cell(until(horizon)),
                html! { (format!("{:.1}", value_of(&deals["expected"]))) },
                html! { (deals["low"]) " – " (deals["high"]) },
                html! { (deals["low_95"]) " – " (deals["high_95"]) },
                money(horizon, "expected"),
                html! { (money(horizon, "low")) " – " (money(horizon, "high")) },
            ]
        })
        .collect();
    let title = locale.text("预计成交", "Deals to come");
    let explained = locale.text(
        "现有进行中的客户预计有多少在期限内成交；深色为 80% 区间，浅色为 95% 区间，点为期望值。",
        "How many of the customers that are open now are expected to be won by then; the dark band is the 80% range, the light one the 95% range, the dot what is expected.",
    );
    asked.figure(
        title,
        explained,
        &html! { (plot(title, &drawn, &ticks(most))) (table(title, &columns, &rows)) },
        &[source],
    )
}

/// What is at stake in each stage, and what is expected of it.
fn by_stage(asked: &PageRequest<'_>, horizon: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("客户", "Customers")),
        number(locale.text("金额", "Amount")),
        number(locale.text("成交概率", "Probability")),
        number(locale.text("预计成交", "Expected deals")),
        number(locale.text("预计金额", "Expected amount")),
    ];
    let stages = horizon["by_stage"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Markup>> = stages
        .map(|stage| {
            let customers = asked.customers(&[("stage", text(&stage["stage"]))]);
            vec![
                cell(asked.names.stage(locale, &stage["stage"])),
                html! { a href=(customers) { (stage["open"]) } },
                amounts(locale, &stage["amounts"]),
                html! { (locale.share(value_of(&stage["win_probability"]))) },
                html! { (format!("{:.1}", value_of(&stage["expected"]))) },
                amounts(locale, &stage["expected_amounts"]),
            ]
        })
        .collect();
    let title = match locale.language {
        Language::Zh => format!("各状态的金额与预期（{} 天）", horizon["days"]),
        Language::En => format!("At stake by stage, {} days ahead", horizon["days"]),
    };
    let explained = locale.text(
        "每个状态现有的客户和金额，以及其中预计在期限内成交的部分。",
        "The customers and amounts in each stage now, and what of them is expected to be won by then.",
    );
    let shown =
        html! { @if rows.is_empty() { (asked.nothing()) } @else { (table(&title, &columns, &rows)) } };
    asked.figure(&title, explained, &shown, &[source])
}

/// When the open deals are expected to close, as was said of each, and how far that has slipped.
fn by_expected_close(asked: &PageRequest<'_>, forecast: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("预计成交期间", "Expected to close in")),
        number(locale.text("客户", "Customers")),
        number(locale.text("金额", "Amount")),
        number(locale.text("预计成交", "Expected deals")),
        number(locale.text("预计金额", "Expected amount")),
        number(locale.text("推迟过的客户", "Customers put off")),
        number(locale.text("推迟次数", "Times put off")),
        number(locale.text("累计推迟天数", "Days put off in all")),
    ];
    let periods = forecast["by_expected_close"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Markup>> = periods
        .map(|period| {
            let name = match (&period["period"], &period["overdue"]) {
                (Value::Null, _) => locale.text("未填日期", "No day said").to_owned(),
                (name, Value::Bool(true)) => {
                    format!("{} · {}", text(name), locale.text("已过期", "overdue"))
                }
                (name, _) => text(name).to_owned(),
            };
            let slips = &period["slips"];
            let is_said = !period["period"].is_null();
            let slipped = |figure: &str| html! { @if is_said { (count(locale, &slips[figure])) } };
            vec![
                cell(name),
                count(locale, &period["open"]),
                amounts(locale, &period["amounts"]),
                html! { @if let Some(expected) = period["expected"].as_f64() { (format!("{expected:.1}")) } },
                amounts(locale, &period["expected_amounts"]),
                slipped("deals"),
                slipped("pushes"),
                slipped("pushed_days"),
            ]
        })
        .collect();
    let title = locale.text("按预计成交日期", "By expected close");
    let explained = locale.text(
        "进行中的客户按所填预计成交日期归入各期间，其中预计在期末之前成交的部分，以及日期比最初推迟了多少。",
        "The customers that are open now by the day on which they are expected to close, what of them is expected to be won by the end of the period, and how far the days have slipped since they were said first.",
    );
    let shown = html! { @if rows.is_empty() { (asked.nothing()) } @else { (table(title, &columns, &rows)) } };
    asked.figure(title, explained, &shown, &[source])
}

/// Forecasts as they would have been, beside what came.
fn back_test(asked: &PageRequest<'_>, test: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let points: Vec<&Value> =
        test["points"].as_array().into_iter().flatten().filter(|point| point["open"] != 0).collect();
    let highest = |point: &&Value| value_of(&point["high_95"]).max(value_of(&point["actual"]));
    let most = points.iter().map(highest).fold(0.0, f64::max);
    let drawn: Vec<Row> = points
        .iter()
        .map(|point| Row {
            label: cell(locale.day(&point["effective_at"])),
            marks: marks(point, value_of(&point["expected"]), point["actual"].as_f64(), most),
            figure: format!("{:.1} → {}", value_of(&point["expected"]), point["actual"]),
        })
        .collect();
    let columns = [
        words(locale.text("当日预测", "Forecast on")),
        number(locale.text("当时在途", "Open then")),
        number(locale.text("预计", "Expected")),
        number(locale.text("80% 区间", "80% range")),
        number(locale.text("实际", "Came")),
    ];
    let rows: Vec<Vec<Markup>> = points
        .iter()
        .map(|point| {
            vec![
                cell(locale.day(&point["effective_at"])),
                count(locale, &point["open"]),
                html! { (format!("{:.1}", value_of(&point["expected"]))) },
                html! { (point["low"]) " – " (point["high"]) },
                count(locale, &point["actual"]),
            ]
        })
        .collect();
    let title = locale.text("回测：30 天预测与实际", "Back-test: forecasts of 30 days and what came");
    let explained = locale.text(
        "用当时所知重新预测，与之后 30 天的实际成交比较；竖线为实际值。覆盖率是实际落在 80% 区间内的比例。",
        "Forecast again by what was known then, beside the deals of the 30 days after; the upright line is what came. Coverage is how often that lay in the 80% range.",
    );
    let shown = html! {
        @if points.is_empty() { (asked.nothing()) }
        @else { (scores(asked, test)) (plot(title, &drawn, &ticks(most))) (table(title, &columns, &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}

/// How good the forecasts were, and how good those would have been that use no model.
fn scores(asked: &PageRequest<'_>, test: &Value) -> Markup {
    let locale = asked.locale;
    let each = [
        ("bias", "偏差（件）", "Bias in deals"),
        ("mape", "平均误差", "Mean error"),
        ("brier", "Brier 分数", "Brier score"),
        ("coverage", "80% 区间覆盖率", "Coverage of the 80% range"),
    ];
    let told = |name: &str| match test[name].as_f64() {
        Some(value) if name == "mape" || name == "coverage" => locale.share(value),
        Some(value) => format!("{value:.2}"),
        None => "—".to_owned(),
    };
    html! {
        div.tiles { @for (name, zh, en) in each { div.tile { strong { (told(name)) } span { (locale.text(zh, en)) } } } }
        p.hint {
            (locale.text("优于不用模型的预测：", "Better than forecasts without a model: "))
            (test["beats"]) " / " (test["naive"].as_array().map_or(0, Vec::len))
        }
        @for remark in test["remarks"].as_array().into_iter().flatten() {
            p.hint { (locale.label(remark)) }
        }
    }
}

/// Whether what was given a probability came as often.
fn calibration(asked: &PageRequest<'_>, test: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let classes: Vec<&Value> =
        test["calibration"].as_array().into_iter().flatten().filter(|class| class["n"] != 0).collect();
    let span = |class: &Value| {
        format!("{:.0}–{:.0}%", value_of(&class["from"]) * 100.0, value_of(&class["to"]) * 100.0)
    };
    let drawn: Vec<Row> = classes
        .iter()
        .map(|class| Row {
            label: cell(span(class)),
            marks: vec![
                Mark::Dot { at: value_of(&class["forecast"]) },
                Mark::Before { at: value_of(&class["observed"]) },
            ],
            figure: format!("n = {}", class["n"]),
        })
        .collect();
    let columns = [
        words(locale.text("预测概率", "Probability")),
        number(locale.text("平均预测", "Forecast")),
        number(locale.text("实际比例", "Came")),
        number(locale.text("件数", "Deals")),
    ];
    let rows: Vec<Vec<Markup>> = classes
        .iter()
        .map(|class| {
            vec![
                cell(span(class)),
                cell(locale.share(value_of(&class["forecast"]))),
                cell(locale.share(value_of(&class["observed"]))),
                count(locale, &class["n"]),
            ]
        })
        .collect();
    let percents: Vec<(f64, String)> =
        (0..=4_u8).map(|n| (f64::from(n) / 4.0, format!("{}%", n * 25))).collect();
    let title = locale.text("校准", "Calibration");
    let explained = locale.text(
        "预测概率相近的客户中实际成交的比例；点（预测）与竖线（实际）越近越好。",
        "Of customers with a like probability, the share that was won; the nearer the dot (forecast) and the line (what came), the better.",
    );
    let shown = html! {
        @if classes.is_empty() { (asked.nothing()) }
        @else { (plot(title, &drawn, &percents)) (table(title, &columns, &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}
