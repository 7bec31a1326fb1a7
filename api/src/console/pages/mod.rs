//! The pages, one file each.

pub(super) mod board;
pub(super) mod customer;
pub(super) mod customers;
pub(super) mod figures;
pub(super) mod sign_in;
pub(super) mod work;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::address::{encoded, with_query};
use super::frame::{Frame, Part, bare};
use super::visitor::{Anybody, Asked};
use super::words::Words;

/// The first page: the board of the first pipeline, or a word on how to get one.
pub(super) async fn home(frame: Frame) -> Response {
    if let Some(first) = frame.pipelines().next() {
        return Redirect::to(&format!("/console/boards/{}", encoded(first))).into_response();
    }
    let words = frame.words;
    let title = words.say("还没有管道", "No pipeline yet");
    let body = html! {
        h1 { (title) }
        p {
            (words.say(
                "请用 POST /v1/pipelines 从模板建立，或用 waymark import 导入历史。",
                "Make one of a template with POST /v1/pipelines, or read a history in with waymark import.",
            ))
        }
    };
    frame.page(Part::Board, None, title, &body)
}

/// An address that is no page.
pub(super) async fn nowhere(anybody: Anybody) -> Response {
    let words = Words::from(anybody);
    let title = words.say("没有这个页面", "There is no such page");
    let body = html! {
        h1 { (title) }
        p { a href="/console" { (words.say("回到首页", "To the first page")) } }
    };
    (StatusCode::NOT_FOUND, bare(words, title, &body)).into_response()
}

/// Which customers and which of the two times: the filters that boards and figures share.
struct Narrowing<'a> {
    words: Words,
    asked: &'a Asked,
}

impl Narrowing<'_> {
    const WHO: [&'static str; 6] = ["owner", "team", "source", "channel", "tag", "tier"];

    /// The API's path with these filters, and with what else is asked.
    fn on(&self, path: &str, more: &[(&str, &str)]) -> String {
        let instant = |name: &str| self.asked.get(name).map(|field| self.words.instant(field));
        let times = ["effective_at", "known_at"].map(|name| (name, instant(name)));
        let who = Self::WHO.iter().map(|name| (*name, self.asked.get(name)));
        let times = times.iter().map(|(name, value)| (*name, value.as_deref()));
        with_query(path, more.iter().map(|(name, value)| (*name, Some(*value))).chain(who).chain(times))
    }

    /// The form that sets them.
    fn form(&self, echoed: &Value) -> Markup {
        let words = self.words;
        let told = |name: &str| self.asked.get(name).unwrap_or_default();
        let is_set = self.asked.0.values().any(|value| !value.trim().is_empty());
        html! {
            details.narrowing open[is_set] {
                summary {
                    (words.say("筛选与时间", "Filter and time"))
                    @if is_set {
                        " · " (words.say("业务时间", "as of")) " " (words.moment(&echoed["effective_at"]))
                        " · " (words.say("已知于", "known at")) " " (words.moment(&echoed["known_at"]))
                    }
                }
                form.fields {
                    label { (words.say("负责人", "Owner")) input name="owner" value=(told("owner")) placeholder="rep:li"; }
                    label { (words.say("团队", "Team")) input name="team" value=(told("team")); }
                    label { (words.say("等级", "Tier")) input name="tier" value=(told("tier")); }
                    label { (words.say("标签", "Tag")) input name="tag" value=(told("tag")); }
                    label { (words.say("来源", "Source")) input name="source" value=(told("source")); }
                    label {
                        (words.say("业务时间", "As of"))
                        input type="datetime-local" name="effective_at" value=(told("effective_at"));
                    }
                    label {
                        (words.say("当时所知", "As known at"))
                        input type="datetime-local" name="known_at" value=(told("known_at"));
                    }
                    button { (words.say("查看", "Show")) }
                    @if is_set { a href="?" { (words.say("清除", "Clear")) } }
                }
            }
        }
    }
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
