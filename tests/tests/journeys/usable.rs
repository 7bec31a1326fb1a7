//! Every page can be used by everybody, as far as a program can tell.

use serde_json::json;
use waymark_tests::{Client, Stage};

/// The pages of a pipeline's figures and the others, as somebody sees them who has their role.
const FIGURES: [&str; 13] = [
    "",
    "/funnel",
    "/bottlenecks",
    "/changes",
    "/forecast",
    "/losses",
    "/channels",
    "/reps",
    "/quality",
    "/latency",
    "/alerts",
    "/pilots",
    "/what-if?version=1",
];
const SETTINGS: [&str; 9] =
    ["pipelines", "rules", "calendars", "teams", "members", "keys", "receivers", "consumers", "read-models"];

/// Looks at pages in both colour schemes.
fn looked_at(stage: &Stage, person: &Client, paths: &[String]) {
    let page = stage.page_of(person);
    for path in paths {
        page.goto(path);
        page.insist_everybody_can_use_it();
    }
    page.darken();
    page.resize(390, 800);
    page.cookie("waymark_language", "zh");
    for path in paths {
        page.goto(path);
        page.insist_everybody_can_use_it();
    }
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_can_use_the_pages_of_work() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("usable");
    let id = stage.customer(&li, "usable", "Usable Foods").await;
    let moved = json!({"to": "need_confirmed", "note": "x", "next_step": "y"});
    assert_eq!(li.command(&id, "transitions", moved).await.status, 200);
    let _ = li.customer(&id).await;
    let paths = [
        "/console/boards/landian-6".to_owned(),
        "/console/boards/landian-6?known_at=2026-01-01T00:00".to_owned(),
        "/console/work".to_owned(),
        "/console/pools".to_owned(),
        "/console/customers".to_owned(),
        "/console/customers?q=nobody-at-all".to_owned(),
        "/console/customers/new".to_owned(),
        format!("/console/customers/{id}"),
        format!("/console/customers/{id}/move"),
        "/console/customers/01930000-0000-7000-8000-000000000000".to_owned(),
    ];
    looked_at(&stage, &li, &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_can_use_the_pages_of_figures() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("usable2");
    let _ = stage.customer(&li, "usable2", "Usable Figures").await;
    let paths = FIGURES.map(|tab| format!("/console/figures/landian-6{tab}"));
    looked_at(&stage, &stage.team.manager("wang"), &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_can_use_the_settings_and_what_auditors_look_at() {
    let Some(stage) = Stage::shared().await else { return };
    let audit = ["", "/access", "/legal-holds", "/erasures"].map(|page| format!("/console/audit{page}"));
    let audit = audit.into_iter().chain(["/console/imports".to_owned()]);
    let paths: Vec<String> = SETTINGS.iter().map(|section| format!("/console/settings/{section}")).collect();
    let paths = [paths, audit.collect()].concat();
    looked_at(&stage, &stage.team.admin(), &paths);
    let page = stage.page();
    page.goto("/console/sign-in");
    page.insist_everybody_can_use_it();
    page.insist_clean();
}
