//! The figures of a pipeline: of a period, beside another one, and down to the customers behind them.

use serde_json::json;
use waymark_tests::{Client, Page, Stage};

const FIGURES: &str = "/console/figures/landian-6";
/// The pages of figures, by the last part of their address.
const TABS: [&str; 11] = [
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
];
/// Pages that have figures once something is asked or tried.
const LATER: [&str; 2] = ["/pilots", "/what-if"];

/// A rep with a deal under way, which every report has taken in, and a page of a manager's.
async fn at_work(stage: &Stage, name: &str) -> (Client, String, Page) {
    let rep = stage.team.rep(name);
    let mut body = stage.team.customer_of(name, &format!("Figured {name}"));
    body["amount"] = json!({"amount": "1234500.00", "currency": "CNY"});
    let id = rep.register(body).await;
    let moved = json!({"to": "need_confirmed", "note": "three units", "next_step": "send the proposal"});
    assert_eq!(rep.command(&id, "transitions", moved).await.status, 200);
    settle(stage, &id).await;
    let page = stage.page_of(&stage.team.manager("wang"));
    (rep, id, page)
}

/// Whatever the pages are made of has taken everything in.
async fn settle(stage: &Stage, id: &str) {
    let folded = ["boards/landian-6?limit=1", "dwell/landian-6?unit=stay", "tasks?limit=1"];
    let mut folded: Vec<String> = folded.map(|path| format!("/v1/{path}")).to_vec();
    folded.push(format!("/v1/customers/{id}/timeline?limit=1"));
    stage.team.admin().settled(&folded).await;
}

/// Presses a link by what it says.
fn follow(page: &Page, within: &str, text: &str) {
    let mark = format!(
        "(() => {{ const found = [...document.querySelectorAll({within})].find(a => a.innerText.trim() === {text}); \
         found?.setAttribute('data-followed', ''); return !!found; }})()",
        within = json!(format!("{within} a")),
        text = json!(text),
    );
    page.until(&mark);
    let from = page.value("location.href");
    page.click("a[data-followed]");
    page.until(&format!("location.href !== {from} && document.readyState === 'complete'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_chosen_beside_the_one_before_and_every_page_keeps_it() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "period").await;
    page.goto(&format!("{FIGURES}?owner=rep:period"));
    follow(&page, ".choices", "Last 30 days");
    assert_eq!(page.text(".choices a[aria-current]"), "Last 30 days");
    assert!(page.text(".choices").contains("against"));
    assert!(page.text("main").contains("Median before"), "the report is beside the one before");
    let asked = page.value("location.search").as_str().unwrap().to_owned();
    for part in ["owner=rep", "from=", "to=", "compare_from=", "compare_to="] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
    for tab in [
        "Funnel",
        "Bottlenecks",
        "Losses",
        "Channels",
        "Reps",
        "Quality",
        "Forecast",
        "Changes",
        "Delays",
        "Alerts",
    ] {
        follow(&page, ".tabs", tab);
        assert_eq!(page.value("location.search"), asked.as_str(), "{tab} keeps what was asked");
        assert_eq!(page.count("[role=alert]"), 0, "{tab}: {}", page.text("main"));
    }
    follow(&page, ".choices", "Any time");
    assert_eq!(page.value("location.search"), "?owner=rep%3Aperiod");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_funnel_is_that_of_the_api_by_the_definition_that_is_chosen() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "funnel").await;
    page.goto(&format!("{FIGURES}/funnel?owner=rep:funnel"));
    let told = stage.team.manager("wang").get("/v1/funnels/landian-6?owner=rep:funnel").await.expect(200);
    let counts: Vec<String> =
        told.body["stages"].as_array().unwrap().iter().map(|stage| stage["count"].to_string()).collect();
    let shown =
        page.value("[...document.querySelectorAll('.scroll tbody tr')].map(r => r.cells[1].innerText)");
    assert_eq!(shown, json!(counts));
    assert!(counts.contains(&"1".to_owned()), "{counts:?}");
    assert!(page.text("main").contains("few"), "one customer is few");
    follow(&page, ".choices", "Stock");
    assert_eq!(page.text("main > nav:last-of-type a[aria-current]"), "Stock");
    page.sees("whatever the period");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_waterfall_leads_to_the_customers_behind_it() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, id, page) = at_work(&stage, "fall").await;
    page.goto(&format!("{FIGURES}/changes?owner=rep:fall"));
    let steps = page.value(
        "Object.fromEntries([...document.querySelectorAll('.scroll tbody tr')].map(r => \
         [r.cells[0].innerText, r.cells[1].innerText]))",
    );
    assert_eq!(
        (&steps["Opening"], &steps["New"], &steps["Closing"]),
        (&json!("0"), &json!("1"), &json!("1")),
        "{steps}"
    );
    // The bar of what is new ends where that of the closing does.
    assert!(page.count(".plot .bar[data-type=won]") == 1 && page.count(".plot .bar") >= 3);
    follow(&page, ".plot", "New");
    assert!(page.text("main").contains("Figured fall") && page.text("main").contains("CNY 1,234,500"));
    follow(&page, "tbody", "Figured fall");
    assert_eq!(page.value("location.pathname"), format!("/console/customers/{id}"));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forecast_shows_its_range_what_is_at_stake_and_how_good_it_was() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "seer").await;
    page.goto(&format!("{FIGURES}/forecast?owner=rep:seer"));
    for heading in ["Deals to come", "At stake by stage, 30 days ahead", "Back-test", "Calibration"] {
        assert!(page.text("main").contains(heading), "{heading}");
    }
    assert_eq!(page.count(".plot .band"), 4, "two horizons, each with two ranges");
    assert!(page.text("main").contains("CNY 1,234,500"));
    follow(&page, ".choices", "180");
    assert!(page.text("main").contains("180 days"));
    assert_eq!(page.count(".plot .band"), 2);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_leads_to_its_customers_and_every_figure_to_its_report() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "links").await;
    page.goto(&format!("{FIGURES}?owner=rep:links"));
    follow(&page, ".plot", "Need confirmed");
    assert!(page.text("main").contains("Figured links"), "{}", page.text("main"));
    assert_eq!(page.count("tbody tr"), 1, "the filter is kept");
    for tab in TABS {
        page.goto(&format!("{FIGURES}{tab}?owner=rep:links"));
        assert!(page.count(".downloads a") >= 1, "{tab} hands out no report");
        let kinds = page.value(
            "Promise.all([...document.querySelectorAll('.downloads a')].map(async a => { \
             const answer = await fetch(a.href); await answer.arrayBuffer(); \
             return `${answer.status} ${answer.headers.get('content-disposition').split(';')[0]}`; \
             })).then(told => [...new Set(told)])",
        );
        assert_eq!(kinds, json!(["200 attachment"]), "{tab}");
    }
    let report = page.value("fetch(document.querySelector('.downloads a').href).then(a => a.json())");
    assert_eq!(report["pipeline"], "landian-6");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_period_says_what_to_do_and_a_wrong_one_keeps_what_was_typed() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "empty").await;
    for tab in ["", "/funnel", "/losses", "/channels"] {
        page.goto(&format!("{FIGURES}{tab}?from=2020-01-01&to=2020-01-31&owner=rep:empty"));
        page.sees("Choose a longer period");
    }
    page.goto(&format!("{FIGURES}/losses"));
    page.click(".narrowing summary");
    page.choose("[name=from]", "2026-02-01");
    page.choose("[name=to]", "2026-01-01");
    page.fill("[name=owner]", "rep:empty");
    page.click(".narrowing button");
    page.until("document.querySelector('[role=alert]')");
    let kept =
        page.value("['from', 'to', 'owner'].map(name => document.querySelector(`[name=${name}]`).value)");
    assert_eq!(kept, json!(["2026-02-01", "2026-01-01", "rep:empty"]));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_told_in_chinese_with_sums_by_ten_thousands() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "chinese").await;
    page.cookie("waymark_language", "zh");
    page.goto(&format!("{FIGURES}/changes?owner=rep:chinese"));
    page.sees("123.45万元");
    for tab in TABS.iter().chain(&LATER) {
        page.goto(&format!("{FIGURES}{tab}?owner=rep:chinese"));
        assert_eq!(page.value("document.documentElement.lang"), "zh-CN");
        let headings = page
            .value("[...document.querySelectorAll('main h1, main h2, main thead th')].map(h => h.innerText)");
        let headings = headings.as_array().unwrap();
        let latin = |text: &&serde_json::Value| {
            let text = text.as_str().unwrap_or_default();
            !text.is_empty() && text.is_ascii() && text.contains(' ')
        };
        let english: Vec<_> = headings.iter().filter(latin).collect();
        assert!(english.is_empty(), "{tab}: {english:?}");
    }
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_fit_a_phone_and_can_be_read_there() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "small").await;
    page.resize(390, 800);
    for language in ["en", "zh"] {
        page.cookie("waymark_language", language);
        for tab in TABS.iter().chain(&LATER) {
            page.goto(&format!(
                "{FIGURES}{tab}?from=2020-01-01&compare_from=2019-01-01&compare_to=2019-12-31"
            ));
            page.insist_it_fits_a_phone();
        }
    }
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_dark_where_that_is_preferred_and_plain_on_paper() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, _, page) = at_work(&stage, "paper").await;
    let ground = "getComputedStyle(document.body).backgroundColor";
    page.goto(&format!("{FIGURES}?owner=rep:paper"));
    let light = page.value(ground);
    page.darken();
    page.until(&format!("{ground} !== {light}"));
    let ink = page.value("getComputedStyle(document.querySelector('.track .grid, .track .bar')).fill");
    assert_ne!(ink, "rgb(0, 0, 0)", "a drawing has the colours of the page");
    page.on_paper();
    page.until("!document.querySelector('.bar nav').checkVisibility()");
    for (what, is_printed) in [(".figure h2", true), (".plot", true), (".tabs", false), (".downloads", false)]
    {
        let shown = page.value(&format!("document.querySelector('{what}').checkVisibility()"));
        assert_eq!(shown, is_printed, "{what}");
    }
    page.insist_clean();
}
