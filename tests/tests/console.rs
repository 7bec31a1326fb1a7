//! The console over the wire: a browser without script, which follows every link it finds.

#![cfg(test)]

use std::collections::{BTreeSet, VecDeque};

use reqwest::Method;
use serde_json::json;
use waymark_tests::{Answer, Client, Team};

const PIPELINE: &str = "landian-6";
/// Pages that the walk looks at, at most.
const MOST_PAGES: usize = 200;

/// A page as somebody signed in with this key gets it.
async fn page(anybody: &Client, key: &str, path: &str) -> Answer {
    anybody.call(Method::GET, path).header("cookie", &format!("waymark_session={key}")).send().await
}

/// The addresses that the page at `path` links to.
fn links(path: &str, page: &str) -> BTreeSet<String> {
    let here = path.split('?').next().unwrap_or(path);
    let whole = |href: String| if href.starts_with('?') { format!("{here}{href}") } else { href };
    let hrefs = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    hrefs.map(|href| whole(href.replace("&amp;", "&"))).filter(|href| href.starts_with('/')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_every_page_leads_somewhere() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");
    let mine = li.register(team.customer_of("li", "港口食品 Harbour Foods")).await;
    for (what, body) in [
        ("transitions", json!({"to": "need_confirmed", "note": "by May", "next_step": "send a proposal"})),
        ("notes", json!({"text": "asked twice"})),
        ("details", json!({"expected_close_on": "2027-01-10"})),
        ("details", json!({"expected_close_on": "2027-02-20", "expected_close_reason": "budget"})),
    ] {
        assert_eq!(li.command(&mine, what, body).await.status, 200);
    }
    let admin = team.admin();
    // Whatever the pages are made of has taken everything in.
    let folded = ["boards/landian-6?limit=1", "dwell/landian-6?unit=stay", "tasks?limit=1"]
        .map(|path| format!("/v1/{path}"));
    admin.settled(&[&folded[..], &[format!("/v1/customers/{mine}/timeline?limit=1")]].concat()).await;
    let (anybody, key) = (team.server.anon(), admin.key().unwrap().to_owned());
    let mut ahead: VecDeque<String> = ["/console".to_owned()].into();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = ahead.pop_front() {
        if seen.len() == MOST_PAGES || !seen.insert(path.clone()) {
            continue;
        }
        let answer = page(&anybody, &key, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        if answer.header("content-type").starts_with("text/html") && path.starts_with("/console") {
            ahead.extend(links(&path, &answer.text));
        }
    }
    let customer = format!("/console/customers/{mine}");
    let met = |part: &str| seen.iter().any(|path| path.starts_with(part));
    for part in [
        "/console/boards/",
        "/console/figures/",
        "/console/figures/landian-6/latency",
        "/console/figures/landian-6/alerts",
        "/console/figures/landian-6/pilots",
        "/console/figures/landian-6/what-if",
        "/console/audit/access",
        "/console/audit/legal-holds",
        "/console/audit/erasures",
        "/console/settings/consumers",
        "/console/work?list=overdue",
        "/console/style.css",
        &customer,
    ] {
        assert!(met(part), "nothing leads to {part}: {seen:?}");
    }
    // A deal that was put off says so in the list, and in the forecast of its month.
    let put_off = page(&anybody, &key, "/console/customers").await.text.clone();
    assert!(put_off.contains("2027-02-20") && put_off.contains("Times put off: 1"), "{put_off}");
    let forecast = page(&anybody, &key, &format!("/console/figures/{PIPELINE}/forecast")).await.text.clone();
    for told in ["By expected close", "2027-02", ">41<"] {
        assert!(forecast.contains(told), "{told} is not in {forecast}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_last_time_is_the_one_for_which_the_present_cycle_was_lost() {
    let team = Team::on("helloword-13").await;
    let (wang, key) = (team.manager("wang"), team.admin().key().unwrap().to_owned());
    let customer = wang.register(team.customer_of("li", "Harbour Foods")).await;
    let folded =
        ["boards/helloword-13?limit=1", "dwell/helloword-13?unit=stay"].map(|path| format!("/v1/{path}"));
    let folded = [&folded[..], &[format!("/v1/customers/{customer}/timeline?limit=1")]].concat();
    let told = async |position: u64| {
        // Whatever the page is made of has taken everything in.
        team.admin().settled(&folded).await;
        let path = format!("/console/customers/{customer}?min_position={position}");
        let shown = page(&team.server.anon(), &key, &path).await.expect(200).text;
        let after = shown.split("Previous reason: ").nth(1).unwrap_or_default().to_owned();
        after.split("</p>").next().unwrap_or_default().to_owned()
    };
    let lose = async |reason: &str| {
        let body = json!({"to": "lost", "reason": reason, "note": "too dear", "next_step": "none"});
        wang.command(&customer, "transitions", body).await.expect(200).number_at("/position")
    };
    assert!(told(lose("price").await).await.contains("Too expensive"));
    // Summary when it was handed over or given back is no reason why the deal was lost.
    let give = json!({"to": {"kind": "rep", "id": "chen"}, "reason": "timing"});
    let given = wang.command(&customer, "owner-changes", give).await.expect(200).number_at("/position");
    assert!(told(given).await.contains("Too expensive"));
    let again = json!({"to": "new_lead", "reason": "asked again"});
    let _ = wang.command(&customer, "reactivations", again).await.expect(200);
    let second = told(lose("no_need").await).await;
    assert!(second.contains("No need") && !second.contains("Too expensive"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_page_shows_what_others_did_and_what_was_shown_is_marked_as_read() {
    let team = Team::on("helloword-13").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let lost = json!({"to": "lost", "reason": "price"});
    let position = wang.command(&customer, "transitions", lost).await.expect(200).number_at("/position");
    let inbox = format!("/v1/me/inbox?min_position={position}&wait_ms=20000");
    let newest = li.get(&inbox).await.expect(200).number_at("/items/0/position");
    let (anybody, key) = (team.server.anon(), li.key().unwrap().to_owned());
    let shown = page(&anybody, &key, "/console/work").await.expect(200).text;
    assert!(
        shown.contains("<strong>manager:wang: New lead → Not won") && shown.contains("Harbour Foods"),
        "{shown}"
    );
    let sent = anybody
        .call(Method::POST, "/console/inbox")
        .header("cookie", &format!("waymark_session={key}"))
        .bytes("application/x-www-form-urlencoded", format!("up_to%3Anumber={newest}&once=a-form"))
        .send()
        .await;
    // Followed to the page that it leads back to.
    let read = sent.expect(200).text;
    assert!(
        read.contains("<span>manager:wang: New lead → Not won") && !read.contains("Mark all as read"),
        "{read}"
    );
    assert!(li.get(&format!("{inbox}&unread=true")).await.expect(200).items().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_page_has_the_tasks_that_are_open_and_none_that_is_done() {
    let team = Team::with_rules("helloword-13").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let customer = wang.register(team.customer_of("li", "Harbour Foods")).await;
    let talks = json!({"to": "negotiating", "reason": "they rang"});
    assert_eq!(wang.command(&customer, "overrides", talks).await.status, 200);
    let tasks = format!("/v1/tasks?customer={customer}&state=open");
    let open = li.until(&tasks, |answer| !answer.items().is_empty()).await.items();
    let (anybody, key) = (team.server.anon(), li.key().unwrap().to_owned());
    let title = open[0]["title"]["en"].as_str().unwrap();
    let task = format!("action=\"/console/tasks/{}\"", open[0]["id"].as_str().unwrap());
    let shown = page(&anybody, &key, "/console/work").await.expect(200).text;
    assert!(shown.contains(&task) && shown.contains(title), "{shown}");
    for task in &open {
        let path = format!("/v1/tasks/{}/completions", task["id"].as_str().unwrap());
        let _ = li.post(&path, json!({})).await.expect(200);
    }
    let _ = li.until(&tasks, |answer| answer.items().is_empty()).await;
    let shown = page(&anybody, &key, "/console/work").await.expect(200).text;
    assert!(shown.contains("No open tasks."), "{shown}");
}
