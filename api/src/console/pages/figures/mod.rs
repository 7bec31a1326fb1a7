//! Figures of a pipeline, by what one wants to know: each a heading, a sentence, a drawing, a table, and the API's answer as a
//! file. All are of one period, beside another one, and of the customers that the filters let through.

mod alerts;
mod bottlenecks;
pub(in super::super) mod changes;
mod channels;
mod compared;
mod forecast;
mod funnel;
mod latency;
mod losses;
mod moves;
mod overview;
mod period;
mod pilots;
mod quality;
mod reps;
mod what_if;

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::Console;
use super::super::address::{POSITION, encoded, with_query};
use super::super::form::{Fields, ONCE};
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part, problem};
use super::super::session::{ConsoleSession, PageQuery, Preferences};
use super::names::Names;
use super::{FilterBar, nowhere, reports};
use period::{PARAMETERS, presets};

/// The pages, by the last part of their address.
const TABS: [(&str, &str, &str); 13] = [
    ("", "概览", "Overview"),
    ("funnel", "漏斗", "Funnel"),
    ("bottlenecks", "瓶颈", "Bottlenecks"),
    ("changes", "变化", "Changes"),
    ("forecast", "预测", "Forecast"),
    ("losses", "流失", "Losses"),
    ("channels", "渠道", "Channels"),
    ("reps", "人员", "Reps"),
    ("quality", "数据质量", "Quality"),
    ("latency", "录入延迟", "Delays"),
    ("alerts", "告警", "Alerts"),
    ("pilots", "试点", "Pilots"),
    (WHAT_IF, "假设", "What if"),
];

/// The page that asks a question, which not everybody may ask.
const WHAT_IF: &str = "what-if";
/// Parameters of a page's address that are of this one look at it.
const PASSING: [&str; 7] = ["cursor", "done", POSITION, "draft", "as", "rule", ONCE];

/// What a page is asked for.
struct PageRequest<'a> {
    layout: &'a Layout,
    locale: Locale,
    pipeline: &'a str,
    tab: &'a str,
    query: &'a PageQuery,
    names: Names,
}

/// The two times, as addresses have them.
const INSTANTS: [&str; 2] = ["effective_at", "known_at"];

/// Which periods a report takes.
#[derive(Debug, Clone, Copy)]
enum Windows {
    None,
    One,
    Both,
}

/// What a page shows, and what else one may choose on it.
struct Content {
    /// An answer that says of which instants it is.
    echoed: Value,
    choices: Markup,
    body: Markup,
}

/// Shows the overview of a pipeline.
pub(in super::super) async fn show(
    layout: Layout,
    Path(pipeline): Path<String>,
    query: PageQuery,
) -> Response {
    page(&layout.with_script("figures.js"), &pipeline, "", &query, None).await
}

/// Shows one of the other pages.
pub(in super::super) async fn tab(
    layout: Layout,
    Path((pipeline, tab)): Path<(String, String)>,
    query: PageQuery,
) -> Response {
    let layout = layout.with_script("figures.js");
    match tab.as_str() {
        WHAT_IF => what_if::show(&layout, &pipeline, &query).await,
        tab => page(&layout, &pipeline, tab, &query, None).await,
    }
}

/// What a form of one of the pages asks for.
pub(in super::super) async fn send(
    State(console): State<Console>,
    session: ConsoleSession,
    Path((pipeline, tab)): Path<(String, String)>,
    query: PageQuery,
    Form(fields): Form<Fields>,
) -> Response {
    let here = format!("/console/figures/{}/{tab}", encoded(&pipeline));
    let layout = match Layout::of(&console, session, here).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    match tab.as_str() {
        WHAT_IF => what_if::send(&layout, &pipeline, query, fields).await,
        "alerts" => alerts::send(&layout, &pipeline, fields).await,
        _ => nowhere(Preferences { language: layout.locale.language, zone: layout.locale.zone }).await,
    }
}

/// A page, with what must be said before it.
async fn page(
    layout: &Layout,
    pipeline: &str,
    tab: &str,
    query: &PageQuery,
    told: Option<Markup>,
) -> Response {
    let locale = layout.locale;
    let Some((_, zh, en)) = TABS.iter().find(|(known, ..)| *known == tab) else {
        return nowhere(Preferences { language: locale.language, zone: locale.zone }).await;
    };
    let asked = match PageRequest::of(layout, pipeline, tab, query).await {
        Ok(asked) => asked,
        Err(error) => return layout.failed(Part::Figures, &error),
    };
    let content = match tab {
        "funnel" => funnel::content(&asked).await,
        "bottlenecks" => bottlenecks::content(&asked).await,
        "changes" => changes::content(&asked).await,
        "forecast" => forecast::content(&asked).await,
        "latency" => latency::content(&asked).await,
        "alerts" => alerts::content(&asked).await,
        "pilots" => pilots::content(&asked).await,
        WHAT_IF => what_if::content(&asked).await,
        "losses" => losses::content(&asked).await,
        "channels" => channels::content(&asked).await,
        "reps" => reps::content(&asked).await,
        "quality" => quality::content(&asked).await,
        _ => overview::content(&asked).await,
    };
    let title = locale.text(zh, en);
    match content {
        Ok(content) => {
            let content =
                Content { body: html! { @if let Some(told) = told { (told) } (content.body) }, ..content };
            let done = query.get("done").map(|_| html! { p.notice { (locale.text("已完成", "Done")) } });
            layout.page_with(Part::Figures, Some(pipeline), title, done, &asked.framed(&content))
        }
        Err(error) if error.is_signed_out() => layout.failed(Part::Figures, &error),
        Err(error) => {
            // What was typed stays, to be mended.
            let form = if tab == WHAT_IF && layout.has_role(what_if::ROLES) {
                what_if::again(&asked).await
            } else {
                html! {}
            };
            let body = html! { (problem(locale, &error)) (form) };
            let told = Content { echoed: Value::Null, choices: html! {}, body };
            let mut page = layout.page(Part::Figures, Some(pipeline), title, &asked.framed(&told));
            *page.status_mut() = error.status;
            page
        }
    }
}

impl<'a> PageRequest<'a> {
    async fn of(
        layout: &'a Layout,
        pipeline: &'a str,
        tab: &'a str,
        query: &'a PageQuery,
    ) -> Result<Self, ApiError> {
        let names = Names(layout.read(&format!("/v1/pipelines/{}", encoded(pipeline))).await?);
        Ok(Self { layout, locale: layout.locale, pipeline, tab, query, names })
    }

    /// The path of a report of this pipeline, with the filters and the periods that it takes.
    fn report(&self, report: &str, windows: Windows, more: &[(&str, &str)]) -> String {
        self.path(&format!("/v1/{report}/{}", encoded(self.pipeline)), windows, more)
    }

    /// The same of a report that is of more than one pipeline.
    fn path(&self, path: &str, windows: Windows, more: &[(&str, &str)]) -> String {
        let periods = match windows {
            Windows::None => 0,
            Windows::One => 2,
            Windows::Both => 4,
        };
        let instants = self.instants(&PARAMETERS[..periods], &PARAMETERS);
        let asked: Vec<(&str, &str)> = more
            .iter()
            .copied()
            .chain(instants.iter().map(|(name, value)| (*name, value.as_str())))
            .collect();
        self.filter_bar().on(path, &asked)
    }

    /// The same of the period that is compared, for a report that takes one period alone; none where none is compared.
    fn before(&self, path: &str, more: &[(&str, &str)]) -> Option<String> {
        let instants = self.instants(&PARAMETERS[2..], &PARAMETERS[..2]);
        if instants.is_empty() {
            return None;
        }
        let asked: Vec<(&str, &str)> = more
            .iter()
            .copied()
            .chain(instants.iter().map(|(name, value)| (*name, value.as_str())))
            .collect();
        Some(self.filter_bar().on(path, &asked))
    }

    /// The ends of periods that are given on the page, each under the name of the API's parameter.
    fn instants<'n>(&self, given: &[&str], named: &[&'n str]) -> Vec<(&'n str, String)> {
        let pairs = given.iter().zip(named);
        let told = pairs.filter_map(|(given, named)| Some((*given, *named, self.query.get(given)?)));
        told.map(|(given, named, value)| (named, period::instant(self.locale, given, value))).collect()
    }

    /// The address of a page of these figures, with everything that is asked for but `changed`. What one page alone is asked
    /// for is kept by itself.
    fn link(&self, tab: &str, changed: &[(&str, &str)]) -> String {
        let mut kept: BTreeMap<&str, &str> = BTreeMap::new();
        let shared = FilterBar::WHO.iter().chain(&PARAMETERS).chain(&INSTANTS);
        for name in shared {
            kept.extend(self.query.get(name).map(|value| (*name, value)));
        }
        if tab == self.tab {
            kept.extend(self.own());
        }
        for (name, value) in changed {
            kept.insert(name, value);
        }
        let address = match tab {
            "" => format!("/console/figures/{}", encoded(self.pipeline)),
            tab => format!("/console/figures/{}/{tab}", encoded(self.pipeline)),
        };
        with_query(
            &address,
            kept.into_iter().map(|(name, value)| (name, Some(value).filter(|value| !value.is_empty()))),
        )
    }

    /// What the page is asked for that no other page is.
    fn own(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let query = self.query;
        let is_shared = |name: &str| {
            let mut shared = FilterBar::WHO.iter().chain(&PARAMETERS).chain(&INSTANTS).chain(&PASSING);
            shared.any(|shared| *shared == name)
        };
        let names = query.0.keys().map(String::as_str).filter(move |name| !is_shared(name));
        names.filter_map(move |name| Some((name, query.get(name)?)))
    }

    /// The list of the customers of the pipeline that the filters let through, with more of what they are found by.
    fn customers(&self, more: &[(&str, &str)]) -> String {
        let filters = FilterBar::WHO.iter().chain(&INSTANTS);
        let filters = filters.filter(|name| more.iter().all(|(more, _)| more != *name));
        let filters = filters.map(|name| (*name, self.query.get(name)));
        let asked = [("pipeline", Some(self.pipeline))].into_iter();
        let asked = asked.chain(more.iter().map(|(name, value)| (*name, Some(*value)))).chain(filters);
        with_query("/console/customers", asked)
    }

    /// Whether a period is compared with another one.
    fn compares(&self) -> bool {
        self.query.get("compare_from").is_some() || self.query.get("compare_to").is_some()
    }

    fn filter_bar(&self) -> FilterBar<'_> {
        FilterBar { locale: self.locale, query: self.query, pipeline: self.pipeline }
    }

    fn framed(&self, content: &Content) -> Markup {
        let (locale, tab) = (self.locale, self.tab);
        // A pilot has its own period, and all of its team.
        let is_filtered = tab != "pilots";
        // What has no field of its own among the filters is kept when they are set.
        let own = html! {
            (content.choices)
            @if content.choices.0.is_empty() {
                @for (name, value) in self.own() { input type="hidden" name=(name) value=(value); }
            }
        };
        html! {
            header.heading { h1 { (locale.text("分析", "Analytics")) " " small { (self.layout.pipeline_name(self.pipeline)) } } }
            nav.tabs aria-label=(locale.text("分析", "Analytics")) {
                @for (key, zh, en) in TABS.iter().filter(|(key, ..)| *key != WHAT_IF || self.layout.has_role(what_if::ROLES)) {
                    a href=(self.link(key, &[])) aria-current=[(*key == tab).then_some("page")] { (locale.text(zh, en)) }
                }
            }
            @if is_filtered {
                (self.periods(tab))
                (self.filter_bar().form(&content.echoed, &html! { (self.days()) (own) }))
            }
            (content.body)
        }
    }

    /// The periods that one usually asks for, and which one it is.
    fn periods(&self, tab: &str) -> Markup {
        let locale = self.locale;
        let asked = |name: &str| self.query.get(name).unwrap_or_default();
        let is_all = PARAMETERS.iter().all(|name| self.query.get(name).is_none());
        let none = PARAMETERS.map(|name| (name, ""));
        html! {
            nav.choices aria-label=(locale.text("时段", "Period")) {
                a href=(self.link(tab, &none)) aria-current=[is_all.then_some("true")] { (locale.text("不限时段", "Any time")) }
                @for preset in presets(self.layout.today()) {
                    @let days = preset.parameters();
                    @let days: Vec<(&str, &str)> = days.iter().map(|(name, day)| (*name, day.as_str())).collect();
                    a href=(self.link(tab, &days)) aria-current=[preset.is_asked(self.query).then_some("true")] {
                        (locale.text(preset.zh, preset.en))
                    }
                }
                @if !is_all {
                    span.hint {
                        (asked("from")) " – " (asked("to"))
                        @if self.compares() {
                            " " (locale.text("对比", "against")) " " (asked("compare_from")) " – " (asked("compare_to"))
                        }
                    }
                }
            }
        }
    }

    /// The fields of the two periods.
    fn days(&self) -> Markup {
        let locale = self.locale;
        let captions = [
            locale.text("时段首日", "First day"),
            locale.text("时段末日", "Last day"),
            locale.text("对比时段首日", "First day compared"),
            locale.text("对比时段末日", "Last day compared"),
        ];
        html! {
            @for (name, caption) in PARAMETERS.iter().zip(captions) {
                label { (caption) input type="date" name=(name) value=(self.query.get(name).unwrap_or_default()); }
            }
        }
    }

    /// Links that choose one of several ways to look at a report; the first one holds where none is chosen.
    fn choices(&self, tab: &str, title: &str, name: &str, options: &[(&str, &str)]) -> Markup {
        let chosen = self.query.get(name).or(options.first().map(|(key, _)| *key)).unwrap_or_default();
        html! {
            nav.choices aria-label=(title) {
                span.hint { (title) }
                @for (key, caption) in options {
                    a href=(self.link(tab, &[(name, key)])) aria-current=[(*key == chosen).then_some("true")] { (caption) }
                }
            }
        }
    }

    /// A figure: what it is, in a sentence what it says, the drawing and the table, and where they come from.
    fn figure(&self, title: &str, explained: &str, shown: &Markup, sources: &[&str]) -> Markup {
        html! {
            section.figure {
                h2 { (title) }
                p.hint { (explained) }
                (shown)
                (reports::links(self.locale, sources))
            }
        }
    }

    /// What a drawing says, with what its upright lines are where a period is compared.
    fn explained(&self, said: &str) -> String {
        let line = match self.compares() {
            true => self.locale.text("竖线为对比时段。", " The upright line is the period compared."),
            false => "",
        };
        format!("{said}{line}")
    }

    /// That there is nothing to show, and what to do about it.
    fn nothing(&self) -> Markup {
        html! {
            p.empty {
                (self.locale.text(
                    "这个时段和筛选条件下没有数据。请放宽时段，或清除筛选。",
                    "There is nothing in this period for these filters. Choose a longer period, or clear the filters.",
                ))
            }
        }
    }
}
