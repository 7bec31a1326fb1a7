//! The dashboard of a pipeline: where everybody is stuck, and which ways lead to a deal.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::encoded;
use super::super::charts::{Bar, Range, bars, heat, ranges, survival};
use super::super::frame::{Frame, Part};
use super::super::gateway::Trouble;
use super::super::visitor::Asked;
use super::super::words::Words;
use super::{Narrowing, figure, text};

/// Ways to a deal that are shown.
const PATHS: &str = "8";

/// What the page is made of.
struct Sheet {
    pipeline: Value,
    board: Value,
    dwell: Value,
    flows: Value,
    paths: Value,
    heatmap: Value,
}

/// Shows the figures of a pipeline, of now or of any two instants.
pub(in super::super) async fn show(frame: Frame, Path(pipeline): Path<String>, asked: Asked) -> Response {
    let narrowing = Narrowing { words: frame.words, asked: &asked };
    let sheet = match Sheet::load(&frame, &pipeline, &narrowing).await {
        Ok(sheet) => sheet,
        Err(trouble) => return frame.trouble(Part::Figures, &trouble),
    };
    let words = frame.words;
    let title = words.say("分析", "Figures");
    let body = html! {
        h1 { (title) " " small { (pipeline) } }
        (narrowing.form(&sheet.board))
        (tiles(words, &sheet.board))
        div.charts {
            (chart(words.say("各状态客户占比", "Share of customers in each status"), "", &shares(words, &sheet)))
            (chart(words.say("到达过每个状态的客户", "How many ever reached each status"), "", &reached(words, &sheet)))
            (chart(
                words.say("每个状态停留多久", "How long customers stay in each status"),
                words.say(
                    "Kaplan–Meier 中位数及95%区间，线到九成离开处；未离开的客户也计算在内。",
                    "Kaplan–Meier median with its 95% limits; the line ends where nine tenths have left. Those still there count, too.",
                ),
                &dwelling(words, &sheet),
            ))
            (chart(
                words.say("何时记录", "When things are recorded"),
                text(&sheet.heatmap["zone"]),
                &heat(words, words.say("何时记录", "When things are recorded"), &sheet.heatmap["weekdays"]),
            ))
        }
        section {
            h2 { (words.say("还在的比例", "Share still there")) }
            div.curves { (curves(words, &sheet)) }
        }
        (ways(words, &sheet))
        (moves(words, &sheet))
    };
    frame.page(Part::Figures, Some(&pipeline), title, &body)
}

impl Sheet {
    async fn load(frame: &Frame, pipeline: &str, narrowing: &Narrowing<'_>) -> Result<Self, Trouble> {
        let key = encoded(pipeline);
        let zone = frame.words.zone.name();
        let [board, dwell, flows, paths, heatmap] = [
            narrowing.on(&format!("/v1/boards/{key}"), &[("limit", "1")]),
            narrowing.on(&format!("/v1/dwell/{key}"), &[("curve", "true")]),
            narrowing.on(&format!("/v1/flows/{key}"), &[]),
            narrowing.on(&format!("/v1/paths/{key}"), &[("ending", "won"), ("limit", PATHS)]),
            narrowing.on("/v1/heatmap", &[("pipeline", pipeline), ("zone", zone)]),
        ];
        let definition = format!("/v1/pipelines/{key}");
        Ok(Self {
            pipeline: frame.get(&definition).await?,
            board: frame.get(&board).await?,
            dwell: frame.get(&dwell).await?,
            flows: frame.get(&flows).await?,
            paths: frame.get(&paths).await?,
            heatmap: frame.get(&heatmap).await?,
        })
    }

    /// What a stage is called; one that the definition does not have is called by its id.
    fn name(&self, words: Words, id: &str) -> String {
        let mut stages = self.pipeline["stages"].as_array().into_iter().flatten();
        let stage = stages.find(|stage| stage["id"] == id).unwrap_or(&Value::Null);
        let name = words.label(&stage["name"]);
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
fn tiles(words: Words, board: &Value) -> Markup {
    let stages = || board["stages"].as_array().into_iter().flatten();
    let count = |kinds: &[&str]| -> u64 {
        let of = stages().filter(|stage| kinds.contains(&text(&stage["type"])));
        of.filter_map(|stage| stage["count"].as_u64()).sum()
    };
    let tile = |name: &str, count: u64| html! { div.tile { strong { (count) } span { (name) } } };
    html! {
        div.tiles {
            (tile(words.say("客户", "Customers"), board["total"].as_u64().unwrap_or_default()))
            (tile(words.stage_type("open"), count(&["open"])))
            (tile(words.say("成交与售后", "Won, after sale"), count(&["won", "partial", "after_sale"])))
            (tile(words.stage_type("lost"), count(&["lost"])))
            (tile(words.say("休眠与暂停", "Resting"), count(&["dormant", "paused"])))
        }
    }
}

fn shares(words: Words, sheet: &Sheet) -> Markup {
    let stages = sheet.board["stages"].as_array().into_iter().flatten();
    let rows: Vec<Bar> = stages
        .map(|stage| Bar {
            label: text(&stage["name"]).to_owned(),
            length: figure(&stage["count"]),
            text: format!("{} · {}", stage["count"], words.share(figure(&stage["share"]))),
            kind: text(&stage["type"]).to_owned(),
        })
        .collect();
    bars(words.say("各状态客户占比", "Share of customers in each status"), &rows)
}

fn reached(words: Words, sheet: &Sheet) -> Markup {
    let journeys = figure(&sheet.flows["journeys"]).max(1.0);
    let rows: Vec<Bar> = sheet
        .dwell_stages()
        .map(|stage| Bar {
            label: sheet.name(words, text(&stage["stage"])),
            length: figure(&stage["customers"]),
            text: format!("{} · {}", stage["customers"], words.share(figure(&stage["customers"]) / journeys)),
            kind: text(&stage["type"]).to_owned(),
        })
        .collect();
    bars(words.say("到达过每个状态的客户", "How many ever reached each status"), &rows)
}

fn dwelling(words: Words, sheet: &Sheet) -> Markup {
    let rows: Vec<Range> = sheet
        .dwell_stages()
        .filter(|stage| stage["visits"] != 0 && !is_final(stage))
        .map(|stage| {
            let estimate = &stage["kaplan_meier"];
            Range {
                label: sheet.name(words, text(&stage["stage"])),
                median: estimate["median"].as_f64(),
                low: estimate["median_low"].as_f64(),
                high: estimate["median_high"].as_f64(),
                p90: estimate["p90"].as_f64(),
                kind: text(&stage["type"]).to_owned(),
            }
        })
        .collect();
    ranges(words, words.say("每个状态停留多久", "How long customers stay in each status"), &rows)
}

/// Whether nobody is meant to leave: a stage of that kind has an age, and no dwell to be compared.
fn is_final(stage: &Value) -> bool {
    matches!(text(&stage["type"]), "won" | "lost" | "closed")
}

fn curves(words: Words, sheet: &Sheet) -> Markup {
    let drawn = sheet.dwell_stages().filter(|stage| stage["kaplan_meier"]["events"] != 0 && !is_final(stage));
    html! {
        @for stage in drawn {
            @let estimate = &stage["kaplan_meier"];
            @let name = sheet.name(words, text(&stage["stage"]));
            @let last = estimate["curve"].as_array().and_then(|curve| curve.last()).map_or(0.0, |step| figure(&step[0]));
            @let until = estimate["p90"].as_f64().map_or(last, |p90| last.min(p90 * 1.5));
            figure {
                figcaption { (name) " " small { (estimate["subjects"]) " " (words.say("次停留", "stays")) } }
                (survival(words, &name, &estimate["curve"], until))
            }
        }
    }
}

fn ways(words: Words, sheet: &Sheet) -> Markup {
    let paths = sheet.paths["paths"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        section {
            h2 { (words.say("最常见的成交路径", "The commonest ways to a deal")) }
            @if paths.is_empty() { p.hint { (words.say("还没有成交。", "No deal so far.")) } }
            ol.ways {
                @for path in paths {
                    li {
                        p {
                            @for (place, stage) in path["stages"].as_array().into_iter().flatten().enumerate() {
                                @if place > 0 { " → " }
                                (sheet.name(words, text(stage)))
                            }
                        }
                        p.hint {
                            (path["count"]) " · " (words.share(figure(&path["share"])))
                            " · " (words.say("中位用时", "median")) " " (words.lasting(figure(&path["median_seconds"])))
                        }
                    }
                }
            }
        }
    }
}

fn moves(words: Words, sheet: &Sheet) -> Markup {
    let mut all: Vec<&Value> = sheet.flows["transitions"].as_array().into_iter().flatten().collect();
    all.sort_by_key(|one| std::cmp::Reverse(one["count"].as_u64()));
    html! {
        section {
            h2 { (words.say("状态变更", "Moves")) }
            div.scroll { table {
                thead { tr { th { (words.say("从", "From")) } th { (words.say("到", "To")) } th.number { (words.say("次数", "Times")) } } }
                tbody {
                    @for one in all {
                        tr {
                            td { (sheet.name(words, text(&one["from"]))) }
                            td { (sheet.name(words, text(&one["to"]))) }
                            td.number { (one["count"]) }
                        }
                    }
                }
            } }
        }
    }
}
