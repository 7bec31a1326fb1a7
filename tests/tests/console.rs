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
    anybody.call(Method::GET, path).header("cookie", &format!("waymark_key={key}")).send().await
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
        "/console/work?list=overdue",
        "/console/style.css",
        &customer,
    ] {
        assert!(met(part), "nothing leads to {part}: {seen:?}");
    }
}
