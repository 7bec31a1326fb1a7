//! The pages, one file each.

pub(super) mod access;
pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod board;
pub(super) mod choices;
pub(super) mod customer;
pub(super) mod customers;
mod dealings;
mod details;
pub(super) mod erasures;
pub(super) mod figures;
mod history;
pub(super) mod imports;
pub(super) mod legal_holds;
pub(super) mod live;
pub(super) mod moving;
mod names;
pub(super) mod pools;
mod record;
pub(super) mod registering;
mod remaining;
pub(super) mod reports;
mod sending;
pub(super) mod settings;
pub(super) mod sign_in;
mod table;
pub(super) mod work;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::address::{encoded, with_query};
use super::i18n::Locale;
use super::layout::{Layout, Part, bare};
use super::session::{PageQuery, Preferences};

/// The first page: the board of the first pipeline, or a word on how to get one.
pub(super) async fn home(layout: Layout) -> Response {
    if let Some(first) = layout.pipelines().next() {
        return Redirect::to(&format!("/console/boards/{}", encoded(first))).into_response();
    }
    let locale = layout.locale;
    let title = locale.text("还没有销售流程", "No pipeline yet");
    let body = html! {
        h1 { (title) }
        p {
            (locale.text(
                "请用 POST /v1/pipelines 根据模板创建，或用 waymark import 导入历史记录。",
                "Create one from a template with POST /v1/pipelines, or import history with waymark import.",
            ))
        }
    };
    layout.page(Part::Board, None, title, &body)
}

/// An address that is no page.
pub(super) async fn nowhere(preferences: Preferences) -> Response {
    let locale = Locale::from(preferences);
    let title = locale.text("页面不存在", "Page not found");
    let body = html! {
        h1 { (title) }
        p { a href="/console" { (locale.text("返回首页", "Back to home")) } }
    };
    (StatusCode::NOT_FOUND, bare(locale, title, &body)).into_response()
}

/// Which customers and which of the two times: the filters that boards and figures share.
struct FilterBar<'a> {
    locale: Locale,
    query: &'a PageQuery,
    pipeline: &'a str,
}

impl FilterBar<'_> {
    const WHO: [&'static str; 6] = ["owner", "team", "source", "channel", "tag", "tier"];

    /// The API's path with these filters, and with what else is asked.
    fn on(&self, path: &str, more: &[(&str, &str)]) -> String {
        let instant = |name: &str| self.query.get(name).map(|field| self.locale.instant(field));
        let times = ["effective_at", "known_at"].map(|name| (name, instant(name)));
        let who = Self::WHO.iter().map(|name| (*name, self.query.get(name)));
        let times = times.iter().map(|(name, value)| (*name, value.as_deref()));
        with_query(path, more.iter().map(|(name, value)| (*name, Some(*value))).chain(who).chain(times))
    }

    /// The form that sets them, with what else the page lets one choose.
    fn form(&self, echoed: &Value, more: &Markup) -> Markup {
        let locale = self.locale;
        let told = |name: &str| self.query.get(name).unwrap_or_default();
        let is_set =
            Self::WHO.iter().chain(&["effective_at", "known_at"]).any(|name| self.query.get(name).is_some());
        html! {
            details.narrowing open[is_set] data-choices={ "/console/choices/" (encoded(self.pipeline)) } {
                summary {
                    (locale.text("筛选与时间", "Filters and dates"))
                    @if is_set {
                        " · " (locale.text("业务时间", "as of")) " " (locale.moment(&echoed["effective_at"]))
                        " · " (locale.text("当时所知", "as known at")) " " (locale.moment(&echoed["known_at"]))
                    }
                }
                form.fields {
                    label { (locale.text("负责人", "Owner")) input name="owner" value=(told("owner")) placeholder="rep:li"; }
                    label { (locale.text("团队", "Team")) input name="team" value=(told("team")); }
                    label { (locale.text("等级", "Tier")) input name="tier" value=(told("tier")); }
                    label { (locale.text("标签", "Tag")) input name="tag" value=(told("tag")); }
                    label { (locale.text("来源", "Source")) input name="source" value=(told("source")); }
                    label {
                        (locale.text("业务时间", "As of"))
                        input type="datetime-local" name="effective_at" value=(told("effective_at"));
                    }
                    label {
                        (locale.text("当时所知", "As known at"))
                        input type="datetime-local" name="known_at" value=(told("known_at"));
                    }
                    (more)
                    button { (locale.text("查看", "Apply")) }
                    @if is_set { a href="?" { (locale.text("清除", "Clear")) } }
                }
            }
        }
    }
}

/// What a customer is called; one whose name the reader does not see by the end of its ID.
fn called(locale: Locale, name: &Value, id: &str) -> String {
    let end = id.len().saturating_sub(6);
    let nameless = || format!("{} …{}", locale.text("客户", "Customer"), id.get(end..).unwrap_or(id));
    name.as_str().map_or_else(nameless, str::to_owned)
}

/// The items of a list.
fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text of an answer.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A figure of an answer; nothing where there is none.
fn figure(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}
