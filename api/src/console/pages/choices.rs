//! What the filters of a pipeline can be: loaded when somebody opens them, by browsers that run scripts. Without, they are typed.

use std::collections::BTreeSet;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::{encoded, with_query};
use super::super::layout::{Layout, bare};
use super::{items, text};

/// The most choices of one filter.
const MOST: usize = 500;

/// The lists, by the names of the fields that they are for.
pub(in super::super) async fn show(layout: Layout, Path(pipeline): Path<String>) -> Response {
    let of = |by: &'static str| {
        let path = format!("/v1/funnels/{}", encoded(&pipeline));
        with_query(&path, [("group_by", Some(by))])
    };
    let (owners, sources, tiers) = (of("owner"), of("source"), of("tier"));
    let (owners, sources, tiers, teams) = tokio::join!(
        layout.get(&owners),
        layout.get(&sources),
        layout.get(&tiers),
        layout.get("/v1/admin/teams?limit=500"),
    );
    // Where a report cannot be had now, its filter is typed.
    let named = |answer: Result<Value, _>, by: &str| -> BTreeSet<String> {
        let groups = answer.map(|mut report| report["groups"].take()).unwrap_or_default();
        let keys = groups.as_array().into_iter().flatten().map(|group| text(&group["key"][by]).to_owned());
        keys.filter(|key| !key.is_empty()).take(MOST).collect()
    };
    let teams = teams.unwrap_or_default();
    let locale = layout.locale;
    let own = |keys: BTreeSet<String>| -> Vec<(String, String)> {
        keys.into_iter()
            .map(|key| (key.clone(), key.strip_prefix("rep:").unwrap_or(&key).to_owned()))
            .collect()
    };
    let teams = items(&teams).iter();
    let teams = teams.map(|team| (text(&team["key"]).to_owned(), locale.label(&team["name"]).to_owned()));
    let lists = html! {
        (list("owner", &own(named(owners, "owner"))))
        (list("team", &teams.collect::<Vec<_>>()))
        (list("source", &own(named(sources, "source"))))
        (list("tier", &own(named(tiers, "tier"))))
    };
    bare(locale, locale.text("筛选", "Filters"), &lists).into_response()
}

/// What a field can be: as it is sent, and as people call it.
fn list(name: &str, choices: &[(String, String)]) -> Markup {
    html! {
        datalist data-of=(name) {
            @for (value, caption) in choices { option value=(value) label=(caption) { (caption) } }
        }
    }
}
