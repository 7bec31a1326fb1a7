//! The overview of a pipeline: who stands where, how long customers stay, and which ways they take.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::with_query;
use super::super::super::charts::{Bar, Range, bars, heat, ranges, survival};
use super::super::super::gateway::ApiError;
use super::super::super::i18n::Locale;
use super::super::table::{cell, count, lasting, number, table, words};
use super::super::{figure as value_of, text};
use super::compared::{difference, same, time};
use super::{Content, PageRequest, Windows};
use crate::domain::Language;

/// Ways to a deal that are shown.
const PATHS: &str = "8";

/// What the page is made of.
struct PageData<'a> {
    asked: &'a PageRequest<'a>,
    locale: Locale,
    board: Value,
    dwell: Value,
    flows: Value,
    paths: Value,
    heatmap: Value,
}

/// The path of each report on the page.
struct Sources {
    board: String,
    dwell: String,
    flows: String,
    paths: String,
    heatmap: String,
}

/// Shows the overview.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let zone = asked.locale.zone.name();
    let sources = Sources {
        board: asked.report("boards", Windows::None, &[("limit", "1")]),
        dwell: asked.report("dwell", Windows::Both, &[("curve", "true")]),
        flows: asked.report("flows", Windows::Both, &[]),
        paths: asked.report("paths", Windows::One, &[("ending", "won"), ("limit", PATHS)]),
        heatmap: asked.path("/v1/heatmap", Windows::One, &[("pipeline", asked.pipeline), ("zone", zone)]),
    };
    let layout = asked.layout;
    let (board, dwell, flows, paths, heatmap) = tokio::try_join!(
        layout.read(&sources.board),
        layout.read(&sources.dwell),
        layout.read(&sources.flows),
        layout.read(&sources.paths),
        layout.read(&sources.heatmap),
    )?;
    let data = PageData { asked, locale: asked.locale, board, dwell, flows, paths, heatmap };
    let body = html! {
        (data.tiles())
        div.charts {
            (data.standing(&sources))
            (data.reached(&sources))
        }
        (data.dwelling(&sources))
        (data.curves(&sources))
        div.charts {
            (data.ways(&sources))
            (data.hours(&sources))
        }
        (data.moves(&sources))
    };
    Ok(Content { echoed: data.board, choices: html! {}, body })
}

impl PageData<'_> {
    fn name(&self, stage: &Value) -> String {
        self.asked.names.stage(self.locale, stage)
    }

    fn dwell_stages(&self) -> impl Iterator<Item = &Value> {
        self.dwell["stages"].as_array().into_iter().flatten()
    }

    /// The board in a few numbers, by what kind of stage customers stand in.
    fn tiles(&self) -> Markup {
        let locale = self.locale;
        let stages = || self.board["stages"].as_array().into_iter().flatten();
        let count = |kinds: &[&str]| -> u64 {
            let of = stages().filter(|stage| kinds.contains(&text(&stage["type"])));
            of.filter_map(|stage| stage["count"].as_u64()).sum()
        };
        let tile = |name: &str, count: u64| html! { div.tile { strong { (count) } span { (name) } } };
        html! {
            div.tiles {
                (tile(locale.text("客户", "Customers"), self.board["total"].as_u64().unwrap_or_default()))
                (tile(locale.stage_type("open"), count(&["open"])))
                (tile(locale.text("成交与售后", "Won and after-sale"), count(&["won", "partial", "after_sale"])))
                (tile(locale.stage_type("lost"), count(&["lost"])))
                (tile(locale.text("休眠与暂停", "Dormant and paused"), count(&["dormant", "paused"])))
            }
        }
    }

    /// Who stands where, each stage with the list of its customers.
    fn standing(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        let stages = self.board["stages"].as_array().into_iter().flatten();
        let rows: Vec<Bar> = stages
            .map(|stage| Bar {
                label: text(&stage["name"]).to_owned(),
                link: Some(self.asked.customers(&[("stage", text(&stage["stage"]))])),
                length: value_of(&stage["count"]),
                before: None,
                text: format!("{} · {}", stage["count"], locale.share(value_of(&stage["share"]))),
                kind: text(&stage["type"]).to_owned(),
            })
            .collect();
        let title = locale.text("各状态客户占比", "Share of customers by stage");
        let explained = locale.text(
            "此刻各状态的客户数，不受时段影响；点状态名查看这些客户。",
            "How many customers stand in each stage at this moment, whatever the period; a stage leads to its customers.",
        );
        self.asked.figure(title, explained, &bars(title, &rows), &[&sources.board])
    }

    fn reached(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        // Who began in a period is not who was somewhere in it: a share of all is one only without a period.
        let has_period = ["from", "to"].iter().any(|name| self.asked.query.get(name).is_some());
        let journeys = (!has_period).then(|| value_of(&self.flows["journeys"]).max(1.0));
        let rows: Vec<Bar> = self
            .dwell_stages()
            .map(|stage| Bar {
                label: self.name(&stage["stage"]),
                link: None,
                length: value_of(&stage["customers"]),
                before: same(&self.dwell, "stages", "stage", &stage["stage"])["customers"].as_f64(),
                text: match journeys {
                    Some(all) => {
                        let share = locale.share(value_of(&stage["customers"]) / all);
                        format!("{} · {share}", stage["customers"])
                    }
                    None => stage["customers"].to_string(),
                },
                kind: text(&stage["type"]).to_owned(),
            })
            .collect();
        let title = locale.text("到达过各状态的客户", "Customers that reached each stage");
        let explained = locale.text(
            "时段内在该状态停留过的客户；不限时段时附占全部客户的比例。",
            "Customers that were in the stage during the period; for any time also their share of all.",
        );
        self.asked.figure(title, &self.asked.explained(explained), &bars(title, &rows), &[&sources.dwell])
    }

    /// How long customers stay, on one axis, and in figures.
    fn dwelling(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        let stages = || self.dwell_stages().filter(|stage| stage["visits"] != 0 && !is_final(stage));
        let before =
            |stage: &Value| &same(&self.dwell, "stages", "stage", &stage["stage"])["kaplan_meier"]["median"];
        let drawn: Vec<Range> = stages()
            .map(|stage| {
                let estimate = &stage["kaplan_meier"];
                Range {
                    label: self.name(&stage["stage"]),
                    median: estimate["median"].as_f64(),
                    low: estimate["median_low"].as_f64(),
                    high: estimate["median_high"].as_f64(),
                    p90: estimate["p90"].as_f64(),
                    before: before(stage).as_f64(),
                    kind: text(&stage["type"]).to_owned(),
                }
            })
            .collect();
        let mut columns = vec![
            words(locale.text("状态", "Stage")),
            number(locale.text("停留次数", "Stays")),
            number(locale.text("仍在其中", "Still there")),
            number(locale.text("中位数", "Median")),
            number(locale.text("95% 置信区间", "95% interval")),
            number(locale.text("90% 分位", "90th percentile")),
        ];
        if self.asked.compares() {
            columns.push(number(locale.text("对比时段中位数", "Median before")));
            columns.push(number(locale.text("平均停留之差", "Difference of means")));
        }
        let rows: Vec<Vec<Markup>> = stages()
            .map(|stage| {
                let estimate = &stage["kaplan_meier"];
                let open = self.asked.customers(&[("stage", text(&stage["stage"]))]);
                vec![
                    cell(self.name(&stage["stage"])),
                    count(locale, &stage["visits"]),
                    // Who has ended in a stage is there, and no open stay.
                    html! { @if stage["final"] == 0 { a href=(open) { (stage["open"]) } } @else { (stage["open"]) } },
                    lasting(locale, &estimate["median"]),
                    interval(locale, estimate),
                    lasting(locale, &estimate["p90"]),
                    lasting(locale, before(stage)),
                    time(locale, difference(&self.dwell, "restricted_mean_seconds", &stage["stage"])),
                ]
            })
            .collect();
        let title = locale.text("各状态停留时长", "Dwell time by stage");
        let explained = locale.text(
            "Kaplan–Meier 中位数及 95% 置信区间，虚线延伸到 90% 分位；尚未离开的客户按截尾计算。",
            "Kaplan–Meier median with its 95% interval; the broken line ends where nine tenths have left. Those still there count, too.",
        );
        let shown = html! {
            @if rows.is_empty() { (self.asked.nothing()) }
            @else { (ranges(locale, title, &drawn)) (table(title, &columns, &rows)) }
        };
        let export = with_query(
            "/v1/exports/stays",
            [("format", Some("csv")), ("pipeline", Some(self.asked.pipeline)), ("bom", Some("true"))],
        );
        self.asked.figure(title, &self.asked.explained(explained), &shown, &[&sources.dwell, &export])
    }

    /// The curves of all stages, on one axis.
    fn curves(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        let drawn =
            || self.dwell_stages().filter(|stage| stage["kaplan_meier"]["events"] != 0 && !is_final(stage));
        let until = drawn().map(|stage| end_of(&stage["kaplan_meier"])).fold(0.0, f64::max);
        let title = locale.text("留存曲线", "Survival curves");
        let explained = locale.text(
            "进入状态后经过一段时间仍未离开的比例，各状态同一时间轴；阴影为 95% 置信带。",
            "The share that has not left some time after entering, all stages on one axis of time; the shade is the 95% band.",
        );
        let shown = html! {
            @if drawn().next().is_none() { (self.asked.nothing()) }
            div.curves {
                @for stage in drawn() {
                    @let estimate = &stage["kaplan_meier"];
                    @let name = self.name(&stage["stage"]);
                    figure {
                        figcaption { (name) " " small { (estimate["subjects"]) " " (locale.text("次停留", "stays")) } }
                        (survival(locale, &name, &estimate["curve"], until))
                    }
                }
            }
        };
        self.asked.figure(title, explained, &shown, &[&sources.dwell])
    }

    fn hours(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        let title = locale.text("记录时段", "Activity by hour of the week");
        let zone = locale.zone.name();
        let explained = match locale.language {
            Language::Zh => format!("一周中每小时的记录数，颜色越深越多；时区 {zone}。"),
            Language::En => {
                format!("Records of each hour of the week, the darker the more; time zone {zone}.")
            }
        };
        self.asked.figure(
            title,
            &explained,
            &heat(locale, title, &self.heatmap["weekdays"]),
            &[&sources.heatmap],
        )
    }

    fn ways(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        let paths = self.paths["paths"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rows: Vec<Vec<Markup>> = paths
            .iter()
            .map(|path| {
                let stages = path["stages"].as_array().into_iter().flatten().map(|stage| self.name(stage));
                vec![
                    html! { span.prose { (stages.collect::<Vec<_>>().join(" → ")) } },
                    count(locale, &path["count"]),
                    html! { (locale.share(value_of(&path["share"]))) },
                    lasting(locale, &path["median_seconds"]),
                ]
            })
            .collect();
        let columns = [
            words(locale.text("路径", "Path")),
            number(locale.text("次数", "Count")),
            number(locale.text("占比", "Share")),
            number(locale.text("中位用时", "Median")),
        ];
        let title = locale.text("最常见的成交路径", "Most frequent paths to a deal");
        let explained = locale.text(
            "成交的客户依次经过的状态，次数最多的在前。",
            "The stages through which deals came, the most frequent first.",
        );
        let shown = html! { @if rows.is_empty() { (self.asked.nothing()) } @else { (table(title, &columns, &rows)) } };
        self.asked.figure(title, explained, &shown, &[&sources.paths])
    }

    fn moves(&self, sources: &Sources) -> Markup {
        let locale = self.locale;
        let mut all: Vec<&Value> = self.flows["transitions"].as_array().into_iter().flatten().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one["count"].as_u64()));
        let before = |one: &Value| {
            let mut compared = self.flows["compared"]["transitions"].as_array().into_iter().flatten();
            let found = compared.find(|before| before["from"] == one["from"] && before["to"] == one["to"]);
            found.map_or_else(|| Value::from(0), |found| found["count"].clone())
        };
        let mut columns = vec![
            words(locale.text("从", "From")),
            words(locale.text("到", "To")),
            number(locale.text("次数", "Count")),
        ];
        if self.asked.compares() {
            columns.push(number(locale.text("对比时段", "Before")));
        }
        let rows: Vec<Vec<Markup>> = all
            .iter()
            .map(|one| {
                vec![
                    cell(self.name(&one["from"])),
                    cell(self.name(&one["to"])),
                    count(locale, &one["count"]),
                    count(locale, &before(one)),
                ]
            })
            .collect();
        let title = locale.text("状态变更", "Transitions");
        let explained = locale.text(
            "时段内从一个状态到另一个状态的次数。",
            "How often customers went from one stage to another in the period.",
        );
        let shown = html! { @if rows.is_empty() { (self.asked.nothing()) } @else { (table(title, &columns, &rows)) } };
        self.asked.figure(title, explained, &shown, &[&sources.flows])
    }
}

/// Whether nobody is meant to leave: a stage of that kind has an age, and no dwell to be compared.
fn is_final(stage: &Value) -> bool {
    matches!(text(&stage["type"]), "won" | "lost" | "closed")
}

/// Where a curve has nothing more to say: soon after nine tenths have left, or at its last step.
fn end_of(estimate: &Value) -> f64 {
    let last =
        estimate["curve"].as_array().and_then(|curve| curve.last()).map_or(0.0, |step| value_of(&step[0]));
    estimate["p90"].as_f64().map_or(last, |p90| last.min(p90 * 1.5))
}

/// The 95% interval of a median.
fn interval(locale: Locale, estimate: &Value) -> Markup {
    let (low, high) = (&estimate["median_low"], &estimate["median_high"]);
    html! {
        @if low.is_null() && high.is_null() { "—" }
        @else { (lasting(locale, low)) " – " (lasting(locale, high)) }
    }
}
