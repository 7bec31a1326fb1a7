//! Settings in the console: each command is the API's, with the rights of the person who gives it.

use serde_json::{Value, json};
use waymark_tests::{Client, Page, Stage};

const SETTINGS: &str = "/console/settings";

/// The settings as the administrator sees them.
fn opened(stage: &Stage, section: &str) -> Page {
    let page = stage.page_of(&stage.team.admin());
    page.goto(&format!("{SETTINGS}/{section}"));
    page
}

/// The form that sends a command of a section.
fn form(section: &str, act: &str) -> String {
    format!("main > form[action='{SETTINGS}/{section}/{act}']")
}

/// Ticks a box.
fn tick(page: &Page, form: &str, name: &str) {
    page.click(&format!("{form} [name='{name}']"));
    assert_eq!(page.value(&format!("document.querySelector(\"{form} [name='{name}']\").checked")), true);
}

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
async fn an_administrator_adds_a_member_hands_out_a_link_and_removes_the_member() {
    let Some(stage) = Stage::shared().await else { return };
    let page = opened(&stage, "members");
    let add = form("members", "set");
    page.fill(&format!("{add} [name=actor]"), "rep:joining");
    tick(&page, &add, "roles+rep");
    page.click(&format!("{add} button"));
    page.until(&row("rep:joining"));
    assert!(page.value(&format!("{}.innerText", row("rep:joining"))).as_str().unwrap().contains("Sales rep"));
    press_in_row(&page, "rep:joining", "form[action$='/link'] button");
    page.until("document.querySelector('.secret code')");
    let code = page.text(".secret code");
    let theirs = stage.page();
    super::sign_in(&theirs, &code);
    theirs.until("location.pathname.startsWith('/console/boards/')");
    press_in_row(&page, "rep:joining", "details.act summary");
    press_in_row(&page, "rep:joining", "details.act form button");
    page.until(&format!("location.search.includes('done') && !({})", row("rep:joining")));
    theirs.goto("/console/work");
    theirs.until("location.pathname === '/console/sign-in'");
    theirs.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_works_and_is_revoked() {
    let Some(stage) = Stage::shared().await else { return };
    let page = opened(&stage, "keys");
    let create = form("keys", "create");
    page.fill(&format!("{create} [name=actor]"), "analyst:keyholder");
    tick(&page, &create, "roles+analyst");
    page.click(&format!("{create} button"));
    page.until("document.querySelector('.secret code')");
    let key = page.text(".secret code");
    let holder = Client::at(stage.team.server.address(), &key);
    assert_eq!(holder.get("/v1/me").await.expect(200).text_at("/actor"), "analyst:keyholder");
    page.goto(&format!("{SETTINGS}/keys"));
    page.until(&row("analyst:keyholder"));
    assert!(
        !page.value("document.documentElement.outerHTML").as_str().unwrap().contains(&key),
        "shown again"
    );
    press_in_row(&page, "analyst:keyholder", "details.act summary");
    press_in_row(&page, "analyst:keyholder", "[name=reason]");
    page.fill("[data-here]", "the device was lost");
    press_in_row(&page, "analyst:keyholder", "details.act form button");
    page.until(&format!("{}.innerText.includes('revoked')", row("analyst:keyholder")));
    assert_eq!(holder.get("/v1/me").await.status, 401);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_shows_its_secret_changes_its_key_shows_its_deliveries_and_is_deleted() {
    let Some(stage) = Stage::shared().await else { return };
    let admin = stage.team.admin();
    let page = opened(&stage, "receivers");
    let create = form("receivers", "create");
    page.fill(&format!("{create} [name=url]"), "https://erp.example/hooks/journey");
    page.fill(&format!("{create} [name='types:list']"), "customer.moved, customer.noted");
    page.click(&format!("{create} button"));
    page.until("document.querySelector('.secret code')?.innerText.startsWith('whsec_')");
    let first = page.text(".secret code");
    press_in_row(&page, "hooks/journey", "form[action$='/rotate'] button");
    page.until(&format!(
        "document.querySelector('.secret code') && document.querySelector('.secret code').innerText !== {}",
        json!(first)
    ));
    let kept = admin.get("/v1/webhooks").await.expect(200).items();
    let kept = kept.iter().find(|one| one["url"] == "https://erp.example/hooks/journey").unwrap();
    assert_eq!(kept["types"], json!(["customer.moved", "customer.noted"]));
    assert!(!kept["both_keys_until"].is_null());
    press_in_row(&page, "hooks/journey", "a[href*='webhook=']");
    page.sees("Nothing was sent yet");
    page.goto(&format!("{SETTINGS}/receivers"));
    press_in_row(&page, "hooks/journey", "form[action$='/remove'] button");
    page.until(&format!("location.search.includes('done') && !({})", row("hooks/journey")));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_set_up_without_its_key_being_shown_again() {
    let Some(stage) = Stage::shared().await else { return };
    let page = opened(&stage, "receivers");
    let create = form("receivers", "robot");
    page.choose(&format!("{create} [name=kind]"), "wecom");
    page.fill(&format!("{create} [name=key]"), "693a91f6-journey-robot");
    page.fill(&format!("{create} [name=description]"), "the east group");
    page.click(&format!("{create} button"));
    page.until(&row("the east group"));
    assert!(!page.value("document.documentElement.outerHTML").as_str().unwrap().contains("693a91f6"));
    press_in_row(&page, "the east group", "form[action$='/robot-remove'] button");
    page.until(&format!("location.search.includes('done') && !({})", row("the east group")));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_setting_says_what_is_wrong_and_keeps_what_was_typed() {
    let Some(stage) = Stage::shared().await else { return };
    let page = opened(&stage, "keys");
    let create = form("keys", "create");
    page.fill(&format!("{create} [name=actor]"), "rep:nothing");
    page.click(&format!("{create} button"));
    page.until("document.querySelector('[role=alert]')");
    let value = |selector: String| page.value(&format!("document.querySelector(\"{selector}\").value"));
    assert_eq!(value(format!("{create} [name=actor]")), "rep:nothing");
    // The address of what was refused can be loaded again.
    page.goto(&format!("{SETTINGS}/keys/create"));
    page.until(&format!("location.pathname === '{SETTINGS}/keys'"));
    page.goto(&format!("{SETTINGS}/calendars"));
    let set = form("calendars", "set");
    for (name, text) in
        [("key", "odd"), ("name.zh", "奇怪"), ("name.en", "Odd"), ("timezone", "Mars/Olympus")]
    {
        page.fill(&format!("{set} [name='{name}']"), text);
    }
    tick(&page, &set, "on+sat");
    page.click(&format!("{set} button"));
    page.until("document.querySelector('[role=alert]')?.innerText.length > 10");
    assert_eq!(value(format!("{set} [name=timezone]")), "Mars/Olympus");
    assert_eq!(page.value(&format!("document.querySelector(\"{set} [name='on+sat']\").checked")), true);
    let calendars = stage.team.admin().get("/v1/admin/calendars").await.expect(200).items();
    assert!(calendars.iter().all(|one| one["key"] != "odd"), "{calendars:?}");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_and_a_team_are_set_by_their_forms() {
    let Some(stage) = Stage::shared().await else { return };
    let admin = stage.team.admin();
    let page = opened(&stage, "calendars");
    let set = form("calendars", "set");
    for (name, text) in
        [("key", "journey"), ("name.zh", "办公"), ("name.en", "Office hours"), ("timezone", "Asia/Shanghai")]
    {
        page.fill(&format!("{set} [name='{name}']"), text);
    }
    page.fill(&format!("{set} [name='holidays:list']"), "2027-01-01");
    page.click(&format!("{set} button"));
    page.until(&row("Office hours"));
    let shown = page.value(&format!("{}.innerText", row("Office hours")));
    assert!(shown.as_str().unwrap().contains("Mon–Fri 09:00–18:00"), "{shown}");
    let calendars = admin.get("/v1/admin/calendars").await.expect(200).items();
    let kept = calendars.iter().find(|one| one["key"] == "journey").unwrap();
    assert_eq!((&kept["days"], kept["weekly"].as_object().unwrap().len()), (&json!({"2027-01-01": []}), 5));
    page.goto(&format!("{SETTINGS}/teams"));
    let set = form("teams", "set");
    for (name, text) in
        [("key", "journey"), ("name.zh", "旅程组"), ("name.en", "Journey team"), ("members:list", "ann, bob")]
    {
        page.fill(&format!("{set} [name='{name}']"), text);
    }
    page.click(&format!("{set} button"));
    page.until(&row("Journey team"));
    assert!(page.value(&format!("{}.innerText", row("Journey team"))).as_str().unwrap().contains("ann, bob"));
    press_in_row(&page, "Journey team", "form button");
    page.until(&format!("location.search.includes('done') && !({})", row("Journey team")));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_is_rebuilt_by_the_administrator_and_by_nobody_else() {
    let Some(stage) = Stage::shared().await else { return };
    let admin = stage.team.admin();
    let page = opened(&stage, "read-models");
    press_in_row(&page, "timeline", "form[action$='/rebuild'] button");
    page.until("location.search.includes('done')");
    let compared = |answer: &waymark_tests::Answer| {
        let models = answer.items();
        let timeline = models.iter().find(|one| one["name"] == "timeline").cloned().unwrap_or_default();
        timeline["compared"].is_object() && timeline["rebuilding"].is_null()
    };
    let _ = admin.until("/v1/projections", compared).await;
    page.goto(&format!("{SETTINGS}/read-models"));
    page.until(&format!("{}.innerText.includes('last comparison')", row("timeline")));
    press_in_row(&page, "timeline", "a[href*='parked=']");
    page.sees("No events are parked");
    let theirs = stage.page_of(&stage.team.rep("curious"));
    theirs.goto("/console/work");
    assert_eq!(theirs.count("nav a[href='/console/settings']"), 0, "nothing leads there");
    theirs.goto(&format!("{SETTINGS}/read-models"));
    theirs.until("document.querySelector('[role=alert]')");
    let refused = theirs.value(
        "fetch('/console/settings/read-models/rebuild', {method: 'POST', body: new URLSearchParams({id: 'timeline'})})\
         .then(answer => answer.status)",
    );
    assert_eq!(refused, 403);
    let keys = theirs.value(
        "fetch('/console/settings/keys/create', {method: 'POST', body: new URLSearchParams({actor: 'admin:me', 'roles+admin': 'on'})})\
         .then(answer => answer.status)",
    );
    assert_eq!(keys, 403);
    theirs.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_read_in_words_with_its_moves_rules_pools_and_versions() {
    let Some(stage) = Stage::shared().await else { return };
    let page = stage.page_of(&stage.team.manager("reading"));
    page.goto(&format!("{SETTINGS}/pipelines?pipeline={}", Stage::STRICT));
    for text in ["Need confirmed", "Permitted moves", "Versions", "in force", "Probability"] {
        page.sees(text);
    }
    page.goto(&format!("{SETTINGS}/rules?pipeline={}", Stage::STRICT));
    for text in ["Claims per person and day", "Taken from the owner", "A stage is entered", "Remind"] {
        page.sees(text);
    }
    assert_eq!(page.count("a[href='/console/settings/keys']"), 0, "keys are the administrator's");
    page.cookie("waymark_language", "zh");
    page.goto(&format!("{SETTINGS}/rules?pipeline={}", Stage::STRICT));
    page.sees("每人每天最多领取");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_fit_a_phone_in_both_languages() {
    let Some(stage) = Stage::shared().await else { return };
    let page = stage.page_of(&stage.team.admin());
    page.resize(390, 800);
    page.darken();
    for language in ["en", "zh"] {
        page.cookie("waymark_language", language);
        for section in [
            "pipelines",
            "rules",
            "calendars",
            "teams",
            "members",
            "keys",
            "receivers",
            "consumers",
            "read-models",
        ] {
            page.goto(&format!("{SETTINGS}/{section}"));
            page.insist_it_fits_a_phone();
            assert_ne!(page.value("document.querySelector('main h1').innerText"), Value::Null);
        }
    }
    page.insist_clean();
}
