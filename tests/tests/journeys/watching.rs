//! Those who watch: who read what, and whose data must be kept. And programs that follow the log.

use reqwest::Method;
use serde_json::json;
use waymark_tests::{Answer, Page, Stage};

const ACCESS: &str = "/console/audit/access";
const HOLDS: &str = "/console/audit/legal-holds";
const CONSUMERS: &str = "/console/settings/consumers";

/// The row of a table that names something.
fn row(text: &str) -> String {
    format!("[...document.querySelectorAll('tbody tr')].find(r => r.innerText.includes({}))", json!(text))
}

/// Marks an element of a row, so that it can be pressed.
fn press_in_row(page: &Page, text: &str, selector: &str) {
    page.until(&format!(
        "(() => {{ document.querySelector('[data-here]')?.removeAttribute('data-here'); \
         const found = {}?.querySelector({}); found?.setAttribute('data-here', ''); return !!found; }})()",
        row(text),
        json!(selector)
    ));
    page.click("[data-here]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_sees_who_read_a_customer_and_nobody_else_may() {
    let Some(stage) = Stage::shared().await else { return };
    let (li, auditor) = (stage.team.rep("reading"), stage.team.auditor("zheng"));
    let id = stage.customer(&li, "reading", "Read Foods").await;
    let _ = li.get(&format!("/v1/customers/{id}/stays")).await.expect(200);
    let page = stage.page_of(&auditor);
    page.goto(&format!("/console/customers/{id}"));
    page.click(&format!("a[href='{ACCESS}?customer={id}']"));
    page.until(&format!("location.pathname === '{ACCESS}'"));
    page.until(&row(&format!("/v1/customers/{id}/stays")));
    // The auditor's own look is in it.
    assert!(page.text("tbody").contains("auditor:zheng"), "{}", page.text("tbody"));
    page.fill("[name=actor]", "rep:reading");
    page.choose("[name=kind]", "customers");
    page.click("form[role=search] button");
    page.until("location.search.includes('actor=')");
    assert!(page.text("tbody").contains("rep:reading") && !page.text("tbody").contains("auditor:zheng"));
    let file = page.value("fetch(document.querySelector('.downloads a').href).then(a => a.json())");
    assert_eq!(file["items"][0]["actor"], "rep:reading");
    page.goto(&format!("{ACCESS}?actor=rep:nobody-ever"));
    page.sees("No reads match");
    let theirs = stage.page_of(&li);
    theirs.goto(ACCESS);
    theirs.until("document.querySelector('[role=alert]')");
    assert_eq!(theirs.count("nav a[href='/console/audit']"), 0);
    theirs.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legal_hold_is_placed_keeps_a_customer_and_is_released() {
    let Some(stage) = Stage::shared().await else { return };
    let (li, auditor, admin) = (stage.team.rep("held"), stage.team.auditor("zheng"), stage.team.admin());
    let id = stage.customer(&li, "held", "Held Foods").await;
    let page = stage.page_of(&auditor);
    page.goto(&format!("/console/customers/{id}"));
    page.click(&format!("a[href='{HOLDS}?customer={id}']"));
    page.sees("There are no legal holds");
    assert_eq!(page.value("document.querySelector('form.sheet [name=customer]').value"), id.as_str());
    page.fill("form.sheet [name=ground]", "Case 4 O 112/26");
    page.choose("form.sheet [name='until:instant']", "2020-01-01T09:00");
    page.click("form.sheet button");
    page.until("document.querySelector('[role=alert]')");
    assert_eq!(page.value("document.querySelector('form.sheet [name=ground]').value"), "Case 4 O 112/26");
    page.choose("form.sheet [name='until:instant']", "");
    page.click("form.sheet button");
    page.until("location.search.includes('done')");
    page.until(&format!("{}.innerText.includes('in force')", row("Case 4 O 112/26")));
    let erased = admin.command(&id, "erasure", json!({})).await;
    assert_eq!(erased.status, 409, "{}", erased.text);
    press_in_row(&page, "Case 4 O 112/26", "details.act summary");
    press_in_row(&page, "Case 4 O 112/26", "[name=reason]");
    page.fill("[data-here]", "settled");
    press_in_row(&page, "Case 4 O 112/26", "details.act form button");
    page.until(&format!("{}.innerText.includes('released')", row("Case 4 O 112/26")));
    let holds = auditor.get(&format!("/v1/audit/legal-holds?customer={id}")).await.expect(200);
    assert_eq!(
        (holds.text_at("/items/0/release_reason"), holds.at("/items/0/in_force")),
        ("settled".to_owned(), &json!(false))
    );
    let theirs = stage.page_of(&stage.team.manager("wang"));
    theirs.goto(HOLDS);
    theirs.until("document.querySelector('[role=alert]')");
    theirs.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_made_seen_to_lag_begun_again_and_deleted() {
    let Some(stage) = Stage::shared().await else { return };
    let (wang, analyst) = (stage.team.manager("following"), stage.team.analyst("following"));
    let page = stage.page_of(&wang);
    page.goto(CONSUMERS);
    let create = "form[action$='/consumers/create']";
    page.fill(&format!("{create} [name=name]"), "Not A Name");
    page.fill(&format!("{create} [name='start.position:number']"), "0");
    page.click(&format!("{create} button"));
    page.until("document.querySelector('[role=alert]')");
    assert_eq!(page.value(&format!("document.querySelector(\"{create} [name=name]\").value")), "Not A Name");
    page.fill(&format!("{create} [name=name]"), "journey-feed");
    page.click(&format!("{create} button"));
    page.until(&row("journey-feed"));
    let made = wang.get("/v1/consumers/journey-feed").await.expect(200);
    assert!(made.number_at("/lag_events") > 0 && made.number_at("/position") == 0);
    let theirs = stage.page_of(&analyst);
    theirs.goto("/console/settings");
    theirs.until(&format!("location.pathname === '{CONSUMERS}'"));
    assert_eq!(
        theirs.value(&row("journey-feed")),
        serde_json::Value::Null,
        "another's is not an analyst's to see"
    );
    press_in_row(&page, "journey-feed", "details.act summary");
    press_in_row(&page, "journey-feed", "[name='start.position:number']");
    page.fill("[data-here]", "3");
    press_in_row(&page, "journey-feed", "details.act form button");
    let begun = |answer: &Answer| answer.number_at("/position") == 3;
    let _ = wang.until("/v1/consumers/journey-feed", begun).await;
    press_in_row(&page, "journey-feed", "form[action$='/remove'] button");
    page.until(&format!("location.search.includes('done') && !({})", row("journey-feed")));
    assert_eq!(wang.get("/v1/consumers/journey-feed").await.status, 404);
    theirs.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_auditors_look_at_fits_a_phone_in_both_languages() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("small");
    let id = stage.customer(&li, "small", "Small Foods").await;
    let admin = stage.team.admin();
    let hold = admin.command(&id, "legal-holds", json!({"ground": "Case 5"})).await;
    assert_eq!(hold.status, 200, "{}", hold.text);
    let page = stage.page_of(&admin);
    page.resize(390, 800);
    for language in ["en", "zh"] {
        page.cookie("waymark_language", language);
        for path in ["/console/audit?origin=person", ACCESS, HOLDS] {
            page.goto(path);
            page.insist_it_fits_a_phone();
            // A cell that is squeezed stands a letter a line.
            let tall = page
                .value("Math.max(0, ...[...document.querySelectorAll('tbody tr')].map(r => r.offsetHeight))");
            assert!(tall.as_u64().is_some_and(|tall| tall < 600), "{path}: a row is {tall} high");
        }
    }
    let released = json!({"hold": hold.text_at("/id"), "reason": "over"});
    assert_eq!(admin.command(&id, "legal-hold-releases", released).await.status, 200);
    assert_eq!(admin.call(Method::GET, "/v1/audit/legal-holds").send().await.status, 200);
    page.insist_clean();
}
