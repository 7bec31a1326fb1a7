//! The analytics page of a pipeline: where customers get stuck, and which paths lead to a deal.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::encoded;
use super::super::charts::{Bar, Range, bars, heat, ranges, survival};
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::{FilterBar, figure, text};

/// Ways to a deal that are shown.
const PATHS: &str = "8";

/// What the page is made of.
struct PageData {
    pipeline: Value,
    board: Value,
    dwell: Value,
    flows: Value,
    paths: Value,
    heatmap: Value,
}

/// Shows the figures of a pipeline, of now or of any two instants.
pub(in super::super) async fn show(
    layout: Layout,
    Path(pipeline): Path<String>,
    query: PageQuery,
) -> Response {
    let filter_bar = FilterBar { locale: layout.locale, query: &query };
    let data = match PageData::load(&layout, &pipeline, &filter_bar).await {
        Ok(data) => data,
        Err(error) => return layout.failed(Part::Figures, &error),
    };
    let locale = layout.locale;
    let title = locale.text("分析", "Analytics");
    let body = html! {
        h1 { (title) " " small { (pipeline) } }
        (filter_bar.form(&data.board, &html! {}))
        (tiles(locale, &data.board))
        div.charts {
            (chart(locale.text("各状态客户占比", "Share of customers by stage"), "", &shares(locale, &data)))
            (chart(locale.text("到达过各状态的客户", "Customers that ever reached each stage"), "", &reached(locale, &data)))
            (chart(
                locale.text("各状态停留时长", "Dwell time by stage"),
                locale.text(
                    "Kaplan–Meier 中位数及 95% 置信区间，线段延伸到 90% 分位；尚未离开的客户按截尾计算。",
                    "Kaplan–Meier median with its 95% limits; the line ends where nine tenths have left. Those still there count, too.",
                ),
                &dwelling(locale, &data),
            ))
            (chart(
                locale.text("记录时段", "Activity by hour of the week"),
                text(&data.heatmap["zone"]),
                &heat(locale, locale.text("记录时段", "Activity by hour of the week"), &data.heatmap["weekdays"]),
            ))
        }
        section {
            h2 { (locale.text("留存曲线", "Survival curves")) }
            div.curves { (curves(locale, &data)) }
        }
        (ways(locale, &data))
        (moves(locale, &data))
    };
    layout.page(Part::Figures, Some(&pipeline), title, &body)
}

impl PageData {
    async fn load(layout: &Layout, pipeline: &str, filter_bar: &FilterBar<'_>) -> Result<Self, ApiError> {
        let key = encoded(pipeline);
        let zone = layout.locale.zone.name();
        let [board, dwell, flows, paths, heatmap] = [
            filter_bar.on(&format!("/v1/boards/{key}"), &[("limit", "1")]),
            filter_bar.on(&format!("/v1/dwell/{key}"), &[("curve", "true")]),
            filter_bar.on(&format!("/v1/flows/{key}"), &[]),
            filter_bar.on(&format!("/v1/paths/{key}"), &[("ending", "won"), ("limit", PATHS)]),
            filter_bar.on("/v1/heatmap", &[("pipeline", pipeline), ("zone", zone)]),
        ];
        let definition = format!("/v1/pipelines/{key}");
        Ok(Self {
            pipeline: layout.get(&definition).await?,
            board: layout.get(&board).await?,
            dwell: layout.get(&dwell).await?,
            flows: layout.get(&flows).await?,
            paths: layout.get(&paths).await?,
            heatmap: layout.get(&heatmap).await?,
        })
    }

    /// What a stage is called; one that the definition does not have is called by its id.
    fn name(&self, locale: Locale, id: &str) -> String {
        let mut stages = self.pipeline["stages"].as_array().into_iter().flatten();
        let stage = stages.find(|stage| stage["id"] == id).unwrap_or(&Value::Null);
        let name = locale.label(&stage["name"]);
        if name.is_empty() { id.to_owned() } else { name.to_owned() }
    }

    fn dwell_stages(&self) -> impl Iterator<Item = &Value> {
        self.dwell["stages"].as_array().into_iter().flatten()
    }
}

fn chart(title: &str, hint: &str, drawn: &Markup) -> Markup {
    html! {
        figure {
            figcaption { h2 { (title) } @if !hint.is_empty() { p.hint { (hint) } } }
            (drawn)
        }
    }
}

/// The board in a few numbers, by what kind of stage customers stand in.
fn tiles(locale: Locale, board: &Value) -> Markup {
    let stages = || board["stages"].as_array().into_iter().flatten();
    let count = |kinds: &[&str]| -> u64 {
        let of = stages().filter(|stage| kinds.contains(&text(&stage["type"])));
        of.filter_map(|stage| stage["count"].as_u64()).sum()
    };
    let tile = |name: &str, count: u64| html! { div.tile { strong { (count) } span { (name) } } };
    html! {
        div.tiles {
            (tile(locale.text("客户", "Customers"), board["total"].as_u64().unwrap_or_default()))
            (tile(locale.stage_type("open"), count(&["open"])))
            (tile(locale.text("成交与售后", "Won and after-sale"), count(&["won", "partial", "after_sale"])))
            (tile(locale.stage_type("lost"), count(&["lost"])))
            (tile(locale.text("休眠与暂停", "Dormant and paused"), count(&["dormant", "paused"])))
        }
    }
}

fn shares(locale: Locale, data: &PageData) -> Markup {
    let stages = data.board["stages"].as_array().into_iter().flatten();
    let rows: Vec<Bar> = stages
        .map(|stage| Bar {
            label: text(&stage["name"]).to_owned(),
            length: figure(&stage["count"]),
            text: format!("{} · {}", stage["count"], locale.share(figure(&stage["share"]))),
            kind: text(&stage["type"]).to_owned(),
        })
        .collect();
    bars(locale.text("各状态客户占比", "Share of customers by stage"), &rows)
}

fn reached(locale: Locale, data: &PageData) -> Markup {
    let journeys = figure(&data.flows["journeys"]).max(1.0);
    let rows: Vec<Bar> = data
        .dwell_stages()
        .map(|stage| Bar {
            label: data.name(locale, text(&stage["stage"])),
            length: figure(&stage["customers"]),
            text: format!(
                "{} · {}",
                stage["customers"],
                locale.share(figure(&stage["customers"]) / journeys)
            ),
            kind: text(&stage["type"]).to_owned(),
        })
        .collect();
    bars(locale.text("到达过各状态的客户", "Customers that ever reached each stage"), &rows)
}

fn dwelling(locale: Locale, data: &PageData) -> Markup {
    let rows: Vec<Range> = data
        .dwell_stages()
        .filter(|stage| stage["visits"] != 0 && !is_final(stage))
        .map(|stage| {
            let estimate = &stage["kaplan_meier"];
            Range {
                label: data.name(locale, text(&stage["stage"])),
                median: estimate["median"].as_f64(),
                low: estimate["median_low"].as_f64(),
                high: estimate["median_high"].as_f64(),
                p90: estimate["p90"].as_f64(),
                kind: text(&stage["type"]).to_owned(),
            }
        })
        .collect();
    ranges(locale, locale.text("各状态停留时长", "Dwell time by stage"), &rows)
}

/// Whether nobody is meant to leave: a stage of that kind has an age, and no dwell to be compared.
fn is_final(stage: &Value) -> bool {
    matches!(text(&stage["type"]), "won" | "lost" | "closed")
}

fn curves(locale: Locale, data: &PageData) -> Markup {
    let drawn = data.dwell_stages().filter(|stage| stage["kaplan_meier"]["events"] != 0 && !is_final(stage));
    html! {
        @for stage in drawn {
            @let estimate = &stage["kaplan_meier"];
            @let name = data.name(locale, text(&stage["stage"]));
            @let last = estimate["curve"].as_array().and_then(|curve| curve.last()).map_or(0.0, |step| figure(&step[0]));
            @let until = estimate["p90"].as_f64().map_or(last, |p90| last.min(p90 * 1.5));
            figure {
                figcaption { (name) " " small { (estimate["subjects"]) " " (locale.text("次停留", "stays")) } }
                (survival(locale, &name, &estimate["curve"], until))
            }
        }
    }
}

fn ways(locale: Locale, data: &PageData) -> Markup {
    let paths = data.paths["paths"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        section {
            h2 { (locale.text("最常见的成交路径", "Most frequent paths to a deal")) }
            @if paths.is_empty() { p.hint { (locale.text("还没有成交。", "No deals yet.")) } }
            ol.ways {
                @for path in paths {
                    li {
                        p {
                            @for (place, stage) in path["stages"].as_array().into_iter().flatten().enumerate() {
                                @if place > 0 { " → " }
                                (data.name(locale, text(stage)))
                            }
                        }
                        p.hint {
                            (path["count"]) " · " (locale.share(figure(&path["share"])))
                            " · " (locale.text("中位用时", "median")) " " (locale.lasting(figure(&path["median_seconds"])))
                        }
                    }
                }
            }
        }
    }
}

fn moves(locale: Locale, data: &PageData) -> Markup {
    let mut all: Vec<&Value> = data.flows["transitions"].as_array().into_iter().flatten().collect();
    all.sort_by_key(|one| std::cmp::Reverse(one["count"].as_u64()));
    html! {
        section {
            h2 { (locale.text("状态变更", "Transitions")) }
            div.scroll { table {
                thead { tr { th { (locale.text("从", "From")) } th { (locale.text("到", "To")) } th.number { (locale.text("次数", "Count")) } } }
                tbody {
                    @for one in all {
                        tr {
                            td { (data.name(locale, text(&one["from"]))) }
                            td { (data.name(locale, text(&one["to"]))) }
                            td.number { (one["count"]) }
                        }
                    }
                }
            } }
        }
    }
}
