//! What would have been otherwise, what is out of line, what a pilot brings, and how late people record.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use waymark_tests::{Client, Page, Stage, now};

const FIGURES: &str = "/console/figures";

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A pipeline of this story's own, so that its versions are in nobody's way.
async fn own_pipeline(stage: &Stage, key: &str) {
    let made = stage.team.admin().post("/v1/pipelines", json!({"key": key, "template": "landian-6"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

/// A customer that came and moved days ago, and was recorded today.
async fn late_customer(stage: &Stage, pipeline: &str, name: &str) -> (Client, String) {
    let rep = stage.team.rep(name);
    let body = json!({
        "pipeline": pipeline, "name": format!("Late {name}"), "owner": {"kind": "rep", "id": name},
        "effective_at": instant(now() - TimeDelta::days(4)),
    });
    let id = rep.register(body).await;
    let moved = json!({
        "to": "need_confirmed", "note": "three units", "next_step": "send it",
        "effective_at": instant(now() - TimeDelta::days(3)),
    });
    assert_eq!(rep.command(&id, "transitions", moved).await.status, 200);
    let folded = [format!("/v1/boards/{pipeline}?limit=1"), format!("/v1/dwell/{pipeline}?unit=stay")];
    let timeline = format!("/v1/customers/{id}/timeline?limit=1");
    stage.team.admin().settled(&[&folded[..], &[timeline]].concat()).await;
    (rep, id)
}

/// The text of the tile with this caption.
fn tile(page: &Page, caption: &str) -> Value {
    page.value(&format!(
        "[...document.querySelectorAll('.tile')].find(t => t.innerText.includes({}))?.querySelector('strong').innerText",
        json!(caption)
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_a_pool_is_replayed_and_the_answer_is_the_apis() {
    let Some(stage) = Stage::shared().await else { return };
    own_pipeline(&stage, "supposed").await;
    let (_, id) = late_customer(&stage, "supposed", "supposer").await;
    let wang = stage.team.manager("wang");
    let page = stage.page_of(&wang);
    page.goto(&format!("{FIGURES}/supposed/what-if"));
    page.sees("change a number of a pool");
    page.fill("[name^='days:customer_pool:']", "1");
    page.click("form:has([name^='days:']) button:not([name])");
    page.sees("Customers that differ");
    let mut pools = wang.get("/v1/pipelines/supposed").await.expect(200).at("/pools").clone();
    pools[0]["rules"]["reclaim"][0]["seconds"] = json!(86_400);
    let told = wang.post("/v1/what-if", json!({"pipeline": "supposed", "pools": pools})).await.expect(200);
    let totals = told.at("/totals");
    assert_eq!(totals["affected_customers"], 1, "{totals}");
    assert_eq!(tile(&page, "Customers that differ"), "1 / 1");
    let returns = format!("{} → {}", totals["returns"]["before"], totals["returns"]["after"]);
    assert_eq!(tile(&page, "Returns to a pool"), returns.as_str());
    assert_eq!(told.text_at("/reclaims/0/customer_name"), "Late supposer");
    assert_eq!(page.count(&format!("tbody a[href='/console/customers/{id}']")), 1);
    let file = page.value(
        "fetch(location.href + '&as=json').then(async a => \
         [a.headers.get('content-disposition'), (await a.json()).totals.affected_customers])",
    );
    assert_eq!(file, json!(["attachment; filename=\"what-if.json\"", 1]));
    // The period that is chosen next is one for the same question.
    page.click(".choices a");
    page.until("new URLSearchParams(location.search).get('days:customer_pool:no_update') !== undefined");
    assert!(page.value("location.search").as_str().unwrap().contains("days"), "the question is kept");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_replayed_and_one_that_cannot_be_read_stays_to_be_mended() {
    let Some(stage) = Stage::shared().await else { return };
    own_pipeline(&stage, "drafted").await;
    let wang = stage.team.manager("wang");
    let page = stage.page_of(&wang);
    page.goto(&format!("{FIGURES}/drafted/what-if"));
    page.click("details.act summary");
    page.fill("textarea[name=draft]", "{\"stages\": [");
    page.click("details.act form button:not([name])");
    page.sees("no valid JSON");
    assert_eq!(page.value("document.querySelector('textarea[name=draft]').value"), "{\"stages\": [");
    let draft = wang.get("/v1/pipelines/drafted").await.expect(200).text;
    page.fill("textarea[name=draft]", &draft);
    page.click("details.act form button:not([name])");
    page.sees("What a replay does not know");
    page.sees("Nothing differs");
    // What the API refuses is said by its fields.
    page.fill("textarea[name=draft]", "{}");
    page.click("details.act form button:not([name])");
    page.until("document.querySelector('[role=alert] li')");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_weighs_the_sales_is_asked_what_would_have_been() {
    let Some(stage) = Stage::shared().await else { return };
    let page = stage.page_of(&stage.team.rep("curious"));
    page.goto(&format!("{FIGURES}/landian-6/alerts"));
    assert_eq!(page.count(".tabs a[href*='/what-if']"), 0, "nothing leads there");
    page.goto(&format!("{FIGURES}/landian-6/what-if"));
    page.until("document.querySelector('[role=alert]')");
    let analyst = stage.page_of(&stage.team.analyst("qian"));
    analyst.goto(&format!("{FIGURES}/landian-6/what-if"));
    analyst.sees("change a number of a pool");
    analyst.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_reminded_of_an_alert_is_set_and_taken_back_by_a_new_version() {
    let Some(stage) = Stage::shared().await else { return };
    own_pipeline(&stage, "told").await;
    let wang = stage.team.manager("wang");
    let page = stage.page_of(&wang);
    page.goto(&format!("{FIGURES}/told/alerts"));
    page.sees("No share was out of line");
    page.sees("Nobody is told yet. Add a rule below.");
    page.choose("select[name=stage]", "paused");
    page.choose("select[name=direction]", "up");
    page.fill("[name=zh]", "暂停的客户变多了");
    page.fill("[name=en]", "More customers are paused");
    page.click("form.sheet button");
    page.until("location.search.includes('done')");
    assert!(page.text("tbody").contains("Manager: More customers are paused"), "{}", page.text("tbody"));
    let definition = wang.get("/v1/pipelines/told").await.expect(200);
    assert_eq!(definition.number_at("/version"), 2);
    let rules = definition.at("/automations").as_array().unwrap().clone();
    let rule = rules.iter().find(|rule| rule["trigger"]["kind"] == "share_alert").unwrap();
    assert_eq!(rule["trigger"], json!({"kind": "share_alert", "stages": ["paused"], "direction": "up"}));

    let theirs = stage.page_of(&stage.team.rep("curious"));
    theirs.goto(&format!("{FIGURES}/told/alerts"));
    theirs.sees("More customers are paused");
    assert_eq!(theirs.count("main form[method=post]"), 0, "a rep sets nothing");
    let refused = theirs.value(&format!(
        "fetch('{FIGURES}/told/alerts', {{method: 'POST', body: new URLSearchParams({{rule: {}}})}}).then(a => a.status)",
        rule["id"]
    ));
    assert_eq!(refused, 403);

    page.click("tbody form button");
    page.sees("Nobody is told yet");
    assert_eq!(wang.get("/v1/pipelines/told").await.expect(200).number_at("/version"), 3);
    page.insist_clean();
    theirs.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pilot_stands_beside_everybody_else_and_leads_to_its_customers() {
    let Some(stage) = Stage::shared().await else { return };
    own_pipeline(&stage, "tried").await;
    let (admin, wang) = (stage.team.admin(), stage.team.manager("wang"));
    let page = stage.page_of(&wang);
    page.goto(&format!("{FIGURES}/tried/pilots"));
    page.sees("Publish a version of the pipeline for one team");
    let team = json!({"key": "trying", "name": {"zh": "试点组", "en": "Trying team"}, "members": ["pilot"]});
    assert!(admin.post("/v1/admin/teams", team).await.status < 300);
    let (_, id) = late_customer(&stage, "tried", "pilot").await;
    let mut definition = wang.get("/v1/pipelines/tried").await.expect(200).at("").clone();
    definition["pools"][0]["claims_per_day"] = json!(7);
    let trial = json!({"definition": definition, "team": {"id": "trying"}});
    let _ = wang.post("/v1/pipelines/tried/versions", trial).await.expect(201);
    page.goto(&format!("{FIGURES}/tried/pilots"));
    for text in ["Deals and leaks", "Pilot team", "Others", "Sales cycle", "log-rank", "judged at"] {
        page.sees(text);
    }
    let told = wang.get("/v1/pilots/tried@2").await.expect(200);
    let open = page.value(
        "[...document.querySelectorAll('tbody tr')].find(r => r.cells[0].innerText === 'Open customers').cells[1].innerText",
    );
    assert_eq!(open, told.at("/pilot/open").to_string().as_str());
    let file =
        page.value("fetch(document.querySelector('.downloads a').href).then(a => a.json()).then(a => a.id)");
    assert_eq!(file, "tried@2");
    page.click("a[href*='team=trying']");
    page.until(&format!("document.querySelector(\"a[href='/console/customers/{id}']\")"));
    page.goto(&format!("{FIGURES}/tried/pilots?pilot=tried@9"));
    page.until("document.querySelector('[role=alert]')");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_late_is_listed_until_as_much_is_permitted() {
    let Some(stage) = Stage::shared().await else { return };
    let (_, id) = late_customer(&stage, "landian-6", "tardy").await;
    let page = stage.page_of(&stage.team.manager("wang"));
    page.goto(&format!("{FIGURES}/landian-6/latency?owner=rep:tardy"));
    assert_eq!(tile(&page, "Changes that people recorded"), "2");
    assert_eq!(tile(&page, "Later than permitted"), "100.0%");
    assert_eq!(page.count(&format!("tbody a[href='/console/customers/{id}']")), 2);
    assert!(
        page.text("main").contains("rep:tardy") && page.text("main").contains("What it does to the forecast")
    );
    page.fill("[name=hours]", "120");
    page.click(".narrowing form button");
    page.until("location.search.includes('hours=120')");
    page.sees("everything was recorded in time");
    assert!(page.value("location.search").as_str().unwrap().contains("owner=rep"), "the filter is kept");
    page.insist_clean();
}
