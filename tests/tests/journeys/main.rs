//! People at the console in a real browser: they sign in, keep customers, and find their way.

#![cfg(test)]

mod figures;
mod proposals;
mod settings;
mod supposing;
mod usable;
mod watching;

use serde_json::json;
use waymark_tests::{Page, Stage};

/// What an administrator hands somebody to sign in with.
async fn code(stage: &Stage, actor: &str, role: &str) -> String {
    let body = json!({"actor": actor, "roles": [role]});
    stage.team.admin().post("/v1/admin/sign-in-links", body).await.expect(201).text_at("/code")
}

fn sign_in(page: &Page, code: &str) {
    page.goto(&format!("/console/sign-in?code={code}"));
    page.click("form.stack button");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_somebody_in_once_and_signing_out_ends_the_session() {
    let Some(stage) = Stage::shared().await else { return };
    let code = code(&stage, "rep:once", "rep").await;
    let page = stage.page();
    sign_in(&page, &code);
    page.until("location.pathname.startsWith('/console/boards/')");
    page.click("details.me summary");
    page.sees("rep:once");
    page.sees("Works their own customers");
    assert_eq!(page.value("document.cookie.includes('session')"), false, "a script can read it");
    let held = page.cookie_value("waymark_session");
    assert!(held.starts_with("wms_"), "no key is kept: {held}");
    let session = waymark_tests::Client::at(stage.team.server.address(), &held);
    assert_eq!(session.get("/v1/me").await.expect(200).text_at("/actor"), "rep:once");
    page.click("form[action='/console/sign-out'] button");
    page.until("location.pathname === '/console/sign-in'");
    assert_eq!(session.get("/v1/me").await.status, 401, "a kept cookie opens nothing either");
    let other = stage.page();
    sign_in(&other, &code);
    other.sees("mistyped, used or expired");
    other.insist_clean();
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_link_says_so_and_a_key_opens_a_session_that_ends_with_it() {
    let Some(stage) = Stage::shared().await else { return };
    let page = stage.page();
    sign_in(&page, "wml_nonsense");
    page.sees("mistyped, used or expired");
    let admin = stage.team.admin();
    let made =
        admin.post("/v1/admin/keys", json!({"actor": "rep:keyed", "roles": ["rep"]})).await.expect(201);
    page.fill("input[name=code]", &made.text_at("/key"));
    page.click("form.stack button");
    page.until("location.pathname.startsWith('/console/boards/')");
    assert!(page.cookie_value("waymark_session").starts_with("wms_"));
    let path = format!("/v1/admin/keys/{}", made.text_at("/id"));
    assert_eq!(admin.call(reqwest::Method::DELETE, &path).send().await.status, 204);
    page.goto("/console/work");
    page.until("location.pathname === '/console/sign-in'");
    assert_eq!(page.value("new URLSearchParams(location.search).get('next')"), "/console/work");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_time_zone_is_said_and_the_link_is_still_good() {
    let Some(stage) = Stage::shared().await else { return };
    let code = code(&stage, "rep:zoned", "rep").await;
    let page = stage.page();
    page.goto(&format!("/console/sign-in?code={code}&next=/console/work"));
    page.click("a[lang=zh]");
    page.sees("时区");
    page.click("a[lang=en]");
    page.sees("Time zone");
    page.fill("input[name=zone]", "Mars/Olympus");
    page.click("form.stack button");
    page.sees("There is no such time zone");
    assert_eq!(page.value("document.querySelector('input[name=zone]').value"), "Mars/Olympus");
    page.fill("input[name=zone]", "Europe/Berlin");
    page.click("form.stack button");
    page.until("location.pathname === '/console/work'");
    page.click("details.me summary");
    page.sees("Europe/Berlin");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_is_signed_out() {
    let Some(stage) = Stage::shared().await else { return };
    let admin = stage.team.admin();
    let member = json!({"actor": "rep:leaving", "roles": ["rep"]});
    assert_eq!(admin.post("/v1/admin/members", member).await.status, 200);
    let link = admin.post("/v1/admin/sign-in-links", json!({"actor": "rep:leaving"})).await.expect(201);
    let page = stage.page();
    sign_in(&page, &link.text_at("/code"));
    page.until("location.pathname.startsWith('/console/boards/')");
    let left = admin.call(reqwest::Method::DELETE, "/v1/admin/members/rep:leaving").send().await;
    assert_eq!(left.status, 200, "{}", left.text);
    page.goto("/console/customers");
    page.until("location.pathname === '/console/sign-in'");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_out_is_told_in_the_log_to_those_who_watch() {
    let Some(stage) = Stage::shared().await else { return };
    let code = code(&stage, "rep:told", "rep").await;
    let page = stage.page();
    sign_in(&page, &code);
    page.until("location.pathname.startsWith('/console/boards/')");
    page.click("form[action='/console/sign-out'] button");
    page.until("location.pathname === '/console/sign-in'");
    let types = "sign_in_link.created,session.opened,session.ended";
    let path = format!("/v1/events?type={types}&limit=500");
    let events = stage.team.admin().get(&path).await.expect(200).items();
    let own =
        events.iter().filter(|event| event["actor"] == "rep:told").filter_map(|event| event["type"].as_str());
    assert_eq!(own.collect::<Vec<_>>(), ["session.opened", "session.ended"]);
    assert!(!serde_json::to_string(&events).unwrap().contains(code.splitn(4, '_').last().unwrap()));
    assert!(stage.team.rep("told").get(&path).await.expect(200).items().is_empty(), "a rep reads of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_chosen_and_stays() {
    let Some(stage) = Stage::shared().await else { return };
    let page = stage.page_of(&stage.team.rep("language"));
    page.goto("/console/work");
    page.sees("Contact today");
    page.click(".who a[lang=zh]");
    page.sees("今日待联系");
    assert_eq!(page.value("location.pathname"), "/console/work");
    page.goto("/console/customers");
    assert_eq!(page.value("document.documentElement.lang"), "zh-CN");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_previewed_imported_and_undone() {
    let Some(stage) = Stage::shared().await else { return };
    let wang = stage.team.manager("importer");
    let file = stage.team.installation.directory().join("deals.csv");
    let rows = "deal,stage,at,name\nU-1,New,2026-01-01T08:00:00Z,Upload One\nU-1,Won,2026-01-03T08:00:00Z,Upload One\n\
                U-2,New,2026-01-02T08:00:00Z,Upload Two\n";
    std::fs::write(&file, rows).unwrap();
    let count = async || {
        let head = wang.head().await;
        let path = format!("/v1/customers?q=upload&min_position={head}&wait_ms=20000");
        wang.get(&path).await.expect(200).items().len()
    };
    let page = stage.page_of(&wang);
    page.goto("/console/imports");
    page.until("document.documentElement.dataset.ready === 'imports'");
    page.upload("input[type=file]", &file);
    // The columns are guessed by their names.
    page.until("['case', 'status', 'time', 'name'].every(n => document.querySelector(`[name=${n}]`).value)");
    page.fill("[name=pipeline]", "uploaded");
    page.click("button[value=preview]");
    page.sees("Preview: nothing was written");
    page.sees("creates the customer");
    assert_eq!(count().await, 0);
    page.click("button[value=import]");
    page.sees("Undo this import");
    assert_eq!(count().await, 2);
    page.fill("#outcome [name=reason]", "the wrong file");
    page.click("#outcome form button");
    page.sees("The import was undone");
    assert_eq!(count().await, 0);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_imported_says_why_and_nothing_is() {
    let Some(stage) = Stage::shared().await else { return };
    let wang = stage.team.manager("importer");
    let file = stage.team.installation.directory().join("wrong.csv");
    std::fs::write(&file, "deal,stage,at\nW-1,New,yesterday\n").unwrap();
    let page = stage.page_of(&wang);
    page.goto("/console/imports");
    page.until("document.documentElement.dataset.ready === 'imports'");
    page.upload("input[type=file]", &file);
    page.until("document.querySelector('[name=time]').value === 'at'");
    page.fill("[name=pipeline]", "wrong");
    page.click("button[value=import]");
    page.until("document.querySelector('#outcome .problem')");
    assert_eq!(page.value("document.querySelector('[name=pipeline]').value"), "wrong", "the form stays");
    assert_eq!(wang.get("/v1/pipelines/wrong").await.status, 404);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_customer_is_registered_edited_and_found() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("keeper");
    let page = stage.page_of(&li);
    page.goto("/console/customers");
    page.click("a.button");
    page.until("location.pathname === '/console/customers/new'");
    page.fill("[name=name]", "Kept Foods");
    page.fill("[name=phone]", "13800138000");
    page.fill("[name=amount]", "1200.50");
    page.click("form.sheet button");
    page.until("document.querySelector('.customer h1')?.innerText === 'Kept Foods'");
    let id = page.value("location.pathname.split('/').pop()").as_str().unwrap().to_owned();
    page.click("details.act:has(form[action$='/details']) > summary");
    page.fill("form[action$='/details'] [name=tier]", "A");
    page.fill("form[action$='/details'] [name=tags]", "vip, east");
    page.click("form[action$='/details'] button");
    page.until("[...document.querySelectorAll('dd')].some(d => d.innerText === 'vip, east')");
    let kept = li.customer(&id).await;
    assert_eq!((kept.text_at("/tier").as_str(), kept.text_at("/amount/amount").as_str()), ("A", "1200.50"));
    assert_eq!(kept.text_at("/contacts/0/value"), "13800138000", "what was not touched is as it was");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_corrected_from_the_timeline_and_the_wrong_stage_is_struck_out() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("corrector");
    let id = stage.customer(&li, "corrector", "Corrected Foods").await;
    let moved = json!({"to": "need_confirmed", "note": "x", "next_step": "y"});
    assert_eq!(li.command(&id, "transitions", moved).await.status, 200);
    let head = li.head().await;
    let page = stage.page_of(&li);
    page.goto(&format!("/console/customers/{id}?min_position={head}"));
    page.click(".timeline details.act > summary");
    page.choose(".timeline [name=kind]", "target");
    page.choose(".timeline [name=to]", "paused");
    page.fill(".timeline [name=reason]", "the wrong stage");
    page.click(".timeline form button");
    page.until("document.querySelector('.timeline s')?.innerText === 'Need confirmed'");
    page.until("document.querySelector('.customer .stage').innerText === 'Paused'");
    page.sees("corrected by");
    assert!(!page.text(".timeline").contains("recorded 20"), "a fresh record is late");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_timeline_is_shown_from_its_newest_entry_page_by_page() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("writer");
    let id = stage.customer(&li, "writer", "Written Foods").await;
    for number in 0..60 {
        let note = json!({"text": format!("note {number:02}")});
        assert_eq!(li.command(&id, "notes", note).await.status, 200);
    }
    let head = li.head().await;
    let page = stage.page_of(&li);
    page.goto(&format!("/console/customers/{id}?min_position={head}"));
    assert_eq!(page.count(".timeline > li"), 50);
    assert!(page.text(".timeline > li").contains("note 59"));
    page.click(".pages a");
    page.sees("note 09");
    assert_eq!(page.count(".timeline > li"), 11);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_claimed_from_the_pool_until_the_quota_is_used_up() {
    let Some(stage) = Stage::shared().await else { return };
    let (li, wang) = (stage.team.rep("claimer"), stage.team.manager("wang"));
    let pools = wang.get("/v1/pools").await.expect(200).items();
    let pool = pools.iter().find(|pool| pool["key"] == "customer_pool").unwrap();
    let quota = pool["claims_per_day"].as_u64().unwrap();
    let mut ids = Vec::new();
    for number in 0..=quota {
        ids.push(wang.register(stage.team.customer(&format!("Pooled {number}"))).await);
    }
    let head = wang.head().await;
    let page = stage.page_of(&li);
    page.goto(&format!("/console/pools?pool=customer_pool&min_position={head}"));
    for (claimed, id) in ids[..ids.len() - 1].iter().enumerate() {
        assert_eq!(page.text(".left"), (quota - claimed as u64).to_string());
        page.click(&format!("tr[data-customer=\"{id}\"] button"));
        page.until(&format!(
            "location.pathname === '/console/pools' && document.readyState === 'complete' \
                             && !document.querySelector('tr[data-customer=\"{id}\"]')"
        ));
    }
    let last = ids.last().unwrap();
    page.click(&format!("tr[data-customer=\"{last}\"] button"));
    page.until("document.querySelector('.problem')");
    // The address of what was refused can be loaded again.
    page.goto(&format!("/console/customers/{last}/claims"));
    page.until(&format!("location.pathname === '/console/customers/{last}'"));
    assert_eq!(wang.customer(last).await.text_at("/owner/kind"), "pool");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_recorded_on_the_row_of_the_worklist() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("caller");
    let id = stage.customer(&li, "caller", "Called Foods").await;
    let plan = json!({"at": waymark_tests::now() + chrono::TimeDelta::minutes(1), "text": "call back"});
    let contact = json!({"channel": "phone", "summary": "first call", "next_plan": plan});
    assert_eq!(li.command(&id, "follow-ups", contact).await.status, 200);
    let head = li.head().await;
    let today = format!("/v1/worklists/today?owner=rep:caller&min_position={head}&wait_ms=20000");
    assert_eq!(li.get(&today).await.expect(200).items().len(), 1);
    let page = stage.page_of(&li);
    page.goto("/console/work");
    page.click("details.act > summary");
    page.choose("details.act [name=channel]", "wechat");
    page.fill("details.act [name=summary]", "they will sign");
    page.fill("details.act [name='next_plan.text']", "send the contract");
    page.choose("details.act [name='next_plan.at:instant']", "2030-01-01T09:00");
    page.click("details.act form button");
    page.until("location.pathname === '/console/work' && !document.querySelector('details.act')");
    let head = li.head().await;
    let told =
        li.get(&format!("/v1/customers/{id}/timeline?min_position={head}&wait_ms=20000")).await.expect(200);
    assert!(told.text.contains("they will sign"));
    page.sees("Nothing to do here");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_marked_as_read() {
    let Some(stage) = Stage::shared().await else { return };
    let (li, wang) = (stage.team.rep("reader"), stage.team.manager("wang"));
    let id = stage.customer(&li, "reader", "Read Foods").await;
    let moved = json!({"to": "need_confirmed", "note": "x", "next_step": "y"});
    let position = wang.command(&id, "transitions", moved).await.expect(200).number_at("/position");
    let inbox = format!("/v1/me/inbox?min_position={position}&wait_ms=20000");
    assert!(!li.get(&inbox).await.expect(200).items().is_empty());
    let page = stage.page_of(&li);
    page.goto("/console/work");
    page.sees("manager:wang");
    page.click("form[action='/console/inbox'] button");
    page.until("!document.querySelector(\"form[action='/console/inbox']\")");
    let unread = li.get(&format!("{inbox}&unread=true")).await.expect(200).items();
    assert!(unread.is_empty(), "{unread:?}");
    page.insist_clean();
}

/// The page of the audit with the newest change of a customer, and a page that verifies it.
async fn verified(stage: &Stage, name: &str, interfere: Option<&str>) -> (Page, String) {
    let li = stage.team.rep(name);
    let id = stage.customer(&li, name, "Proven Foods").await;
    // What was recorded is in the log at once, and in the signed checkpoint that follows.
    let auditor = stage.team.auditor("zheng");
    let changes = format!("/v1/audit/changes?customer={id}");
    let event = auditor.until(&changes, |answer| !answer.items().is_empty()).await.text_at("/items/0/id");
    let proof = format!("/v1/audit/proofs/inclusion?event_id={event}");
    let _ = auditor.until(&proof, |answer| answer.status == 200).await;
    let page = stage.page_of(&auditor);
    if let Some(interfere) = interfere {
        page.before_scripts(&format!(
            "const asked = window.fetch; window.fetch = async (...of) => {{ const answer = await asked(...of); \
             const told = await answer.json(); {interfere}; return Response.json(told); }};"
        ));
    }
    page.goto(&format!("/console/audit?customer={id}"));
    page.until("document.documentElement.dataset.ready === 'audit'");
    page.click(&format!("[data-verify=\"{event}\"]"));
    page.until("document.querySelector('#verdict')");
    page.insist_clean();
    (page, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_verifies_an_entry_in_the_browser_and_sees_the_path() {
    let Some(stage) = Stage::shared().await else { return };
    let (page, _) = verified(&stage, "proven", None).await;
    assert!(page.text("#verdict").starts_with("Verified"), "{}", page.text("dialog"));
    assert!(page.count("dialog .path li") > 1 && page.text("dialog").contains("Public key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_tampered_with_is_told_from_a_sound_one_by_what_is_wrong() {
    let Some(stage) = Stage::shared().await else { return };
    for (name, interfere, verdict) in [
        ("forged1", "told.entry = told.entry.replace('rep:', 'rpe:')", "the entry is not the one"),
        ("forged2", "told.proof.hashes[0] = told.proof.leaf_hash", "the path does not lead"),
        (
            "forged3",
            "told.proof.checkpoint = told.proof.checkpoint.replace('waymark/0', 'waymark/1')",
            "is not signed by the public key",
        ),
        ("forged4", "told.proof.size += 1", "Tampered"),
    ] {
        let (page, _) = verified(&stage, name, Some(interfere)).await;
        assert!(page.text("#verdict").contains(verdict), "{interfere}: {}", page.text("#verdict"));
    }
}
