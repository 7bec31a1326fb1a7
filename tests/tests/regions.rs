//! Who sees which customer: a team's regions narrow what its people see, and what they do not see is not there.

#![cfg(test)]

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team, now};

const NOBODY: &str = "01930000-0000-7000-8000-000000000000";

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A company of two regions, and a customer for each way to be seen or not.
struct Company {
    team: Team,
    wang: Client,
    li: Client,
    zhou: Client,
    customers: Vec<(&'static str, String)>,
}

impl Company {
    async fn new() -> Self {
        let team = Team::on("landian-6").await;
        let wang = team.manager("wang");
        let north = json!({
            "key": "north", "name": {"zh": "北区", "en": "North"}, "supervisors": ["supervisor:zhou"],
            "members": ["li", "zhao"], "regions": ["北京", "10%_off"]
        });
        let south = json!({
            "key": "south", "name": {"zh": "南区", "en": "South"}, "members": ["chen"], "regions": ["广州"]
        });
        for body in [north, south] {
            let _ = wang.post("/v1/admin/teams", body).await.expect(200);
        }
        let mut customers = Vec::new();
        for (name, region, owner) in [
            ("north of chen", Some("北京"), Some("chen")),
            ("south of chen", Some("广州"), Some("chen")),
            ("nowhere of chen", None, Some("chen")),
            ("south of li", Some("广州"), Some("li")),
            ("south in the pool", Some("广州"), None),
            ("north in the pool", Some("北京"), None),
            ("south of zhao", Some("广州"), Some("zhao")),
            ("like a wildcard", Some("10xxoff"), Some("chen")),
        ] {
            let mut body = match owner {
                Some(owner) => team.customer_of(owner, name),
                None => team.customer(name),
            };
            body["region"] = json!(region);
            if region.is_none() {
                body.as_object_mut().map(|body| body.remove("region"));
            }
            body["effective_at"] = json!(instant(now() - Duration::days(3)));
            customers.push((name, wang.register(body).await));
        }
        let zhou = team.server.with_key(&team.installation.key("supervisor:zhou", &["supervisor"]));
        let li = team.rep("li");
        Self { team, wang, li, zhou, customers }
    }

    fn id(&self, name: &str) -> &str {
        self.customers.iter().find(|(known, _)| *known == name).map_or("", |(_, id)| id)
    }

    /// The names of the customers with these ids.
    fn names<'a>(&self, ids: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'static str> {
        let name = |id: &Value| {
            let known = self.customers.iter().find(|(_, known)| id == known.as_str());
            known.map_or("a stranger", |(name, _)| *name)
        };
        ids.into_iter().map(name).collect()
    }
}

/// What li sees.
fn of_li() -> BTreeSet<&'static str> {
    ["north of chen", "nowhere of chen", "south of li", "north in the pool"].into()
}

/// What zhou sees, who leads li and zhao.
fn of_zhou() -> BTreeSet<&'static str> {
    of_li().into_iter().chain(["south of zhao"]).collect()
}

async fn read(client: &Client, path: &str) -> Answer {
    let head = client.head().await;
    let mark = if path.contains('?') { '&' } else { '?' };
    client.get(&format!("{path}{mark}min_position={head}&wait_ms=20000")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_boards_pools_and_work_show_the_customers_of_ones_region_and_count_no_others() {
    let company = Company::new().await;
    let Company { wang, li, zhou, .. } = &company;
    for (_, id) in &company.customers {
        let plan = json!({"at": instant(now() - Duration::days(1)), "text": "call"});
        let spoken = json!({
            "channel": "phone", "summary": "talked", "next_plan": plan,
            "effective_at": instant(now() - Duration::days(2)),
        });
        let _ = wang.command(id, "follow-ups", spoken).await.expect(200);
    }
    let all: BTreeSet<&str> = company.customers.iter().map(|(name, _)| *name).collect();
    for (client, seen) in [(li, of_li()), (zhou, of_zhou()), (wang, all.clone())] {
        let listed = read(client, "/v1/customers?limit=500").await.items();
        assert_eq!(company.names(listed.iter().map(|item| &item["id"])), seen);
        // Two a page, and no page is shorter than it need be.
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = read(client, &format!("/v1/customers?limit=2{cursor}")).await;
            paged.extend(page.items());
            let Some(next) = page.at("/next_cursor").as_str() else { break };
            assert_eq!(page.items().len(), 2);
            cursor = format!("&cursor={next}");
        }
        let ids = |items: &[Value]| items.iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&paged), ids(&listed));

        let yesterday = instant(now() - Duration::days(1));
        for query in ["?limit=500".to_owned(), format!("?limit=500&effective_at={yesterday}")] {
            let board = read(client, &format!("/v1/boards/landian-6{query}")).await;
            assert_eq!(board.number_at("/total"), seen.len() as u64, "{query}");
            let cards = board.at("/stages/0/cards").as_array().cloned().unwrap_or_default();
            assert_eq!(company.names(cards.iter().map(|card| &card["customer_id"])), seen, "{query}");
        }
        let pools = read(client, "/v1/pools").await.items();
        let pool = pools.iter().find(|pool| pool["customers"] != 0).cloned().unwrap_or_default();
        let in_pool = seen.iter().filter(|name| name.ends_with("pool")).count();
        assert_eq!(pool["customers"], json!(in_pool));
        let key = pool["key"].as_str().unwrap_or_default();
        assert_eq!(read(client, &format!("/v1/pools/{key}/customers")).await.items().len(), in_pool);

        for path in ["/v1/worklists/overdue", "/v1/worklists/supervise", "/v1/reminders"] {
            let items = read(client, &format!("{path}?limit=500")).await.items();
            let told = company.names(items.iter().map(|item| &item["customer_id"]));
            assert!(told.is_subset(&seen), "{path}: {told:?}");
            assert_eq!(told.contains("south of chen"), seen == all && !path.ends_with("supervise"), "{path}");
        }
        let overdue = read(client, "/v1/worklists/overdue").await;
        assert_eq!(overdue.number_at("/total"), (seen.len() - in_pool) as u64, "of a pool nobody is late");
        let looked_up = read(client, "/v1/customers?q=south%20of%20chen").await.items();
        assert_eq!(looked_up.len(), usize::from(seen == all), "found by name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_who_has_a_region_are_those_of_the_customers_seen_and_take_regions_as_filters() {
    let company = Company::new().await;
    for (client, seen) in [(&company.li, of_li().len()), (&company.zhou, of_zhou().len()), (&company.wang, 8)]
    {
        assert_eq!(read(client, "/v1/dwell/landian-6").await.at("/stages/0/visits"), seen);
        assert_eq!(read(client, "/v1/flows/landian-6").await.at("/start/0/count"), seen);
        assert_eq!(read(client, "/v1/paths/landian-6").await.at("/paths/0/count"), seen);
        let week = read(client, "/v1/heatmap?pipeline=landian-6").await.at("/weekdays").clone();
        let hours = week.as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
        assert_eq!(hours.filter_map(Value::as_u64).sum::<u64>(), seen as u64);
    }
    let count = async |client: &Client, query: &str| {
        let board = read(client, &format!("/v1/boards/landian-6?{query}")).await.number_at("/total");
        let start = read(client, &format!("/v1/flows/landian-6?{query}")).await;
        assert_eq!(start.at("/start").as_array().map(Vec::len), Some(usize::from(board > 0)));
        board
    };
    assert_eq!(count(&company.wang, "region=%E5%B9%BF%E5%B7%9E").await, 4);
    assert_eq!(count(&company.li, "region=%E5%B9%BF%E5%B7%9E").await, 1, "only its own");
    assert_eq!(count(&company.wang, "industry=food").await, 0);
    let food = json!({"industry": "food"});
    let _ = company.wang.command(company.id("south of li"), "details", food).await.expect(200);
    assert_eq!(count(&company.wang, "industry=food").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_count_and_name_no_customers_of_another_region() {
    let company = Company::new().await;
    let Company { wang, li, zhou, .. } = &company;
    let all: BTreeSet<&str> = company.customers.iter().map(|(name, _)| *name).collect();
    for (client, seen) in [(li, of_li()), (zhou, of_zhou()), (wang, all.clone())] {
        // Registered three days late, so that each of them is in the list.
        let late = read(client, "/v1/latency/landian-6?limit=500").await;
        assert_eq!(company.names(late.items().iter().map(|item| &item["customer_id"])), seen);
        assert_eq!(late.number_at("/changes/count"), seen.len() as u64);
        let stages = late.at("/forecast/stages").as_array().cloned().unwrap_or_default();
        let now: u64 = stages.iter().filter_map(|stage| stage["known_now"].as_u64()).sum();
        assert_eq!(now, seen.len() as u64);

        let quality = read(client, "/v1/quality/landian-6?silent_days=1&limit=500").await;
        let leaking = quality.at("/leaking/items").as_array().cloned().unwrap_or_default();
        assert_eq!(company.names(leaking.iter().map(|item| &item["customer_id"])), seen);
        assert_eq!(quality.number_at("/leak/open"), seen.len() as u64);

        let of_chen =
            seen.iter().filter(|name| **name == "like a wildcard" || name.ends_with("of chen")).count();
        let reps = read(client, "/v1/reps").await.items();
        let chen = reps.iter().find(|rep| rep["rep"] == "chen").cloned().unwrap_or_default();
        assert_eq!(chen["new_customers"], json!(of_chen), "{chen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_another_region_is_answered_for_like_one_that_is_not_there() {
    let company = Company::new().await;
    let Company { li, .. } = &company;
    let hidden = company.id("south of chen");
    let same = |answer: Answer, other: Answer| {
        let (answer, other) = (answer.refused(404, "not-found"), other.refused(404, "not-found"));
        let said = answer.text_at("/detail").replace(hidden, NOBODY);
        assert_eq!((said, answer.codes()), (other.text_at("/detail"), other.codes()), "{}", answer.name);
    };
    let head = li.head().await;
    for what in ["", "/timeline", "/stays", "/allowed-transitions", "/duplicates"] {
        let fresh =
            if what == "/allowed-transitions" { String::new() } else { format!("?min_position={head}") };
        let path = |id: &str| format!("/v1/customers/{id}{what}{fresh}");
        same(li.get(&path(hidden)).await, li.get(&path(NOBODY)).await);
    }
    let mine = company.id("south of li");
    for (what, body) in [
        ("transitions", json!({"to": "need_confirmed", "note": "n", "next_step": "s"})),
        ("reactivations", json!({"to": "need_confirmed", "reason": "r"})),
        ("corrections", json!({"kind": "void", "corrects": NOBODY, "reason": "r"})),
        ("notes", json!({"text": "called"})),
        ("signals", json!({"kind": "paid"})),
        (
            "follow-ups",
            json!({"channel": "phone", "summary": "s", "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "t"}}),
        ),
        ("details", json!({"tier": "A"})),
        ("documents", json!({"kind": "contract", "reference": "r", "sha256": "0".repeat(64)})),
        ("claims", json!({})),
        ("releases", json!({"reason": "r"})),
        ("owner-changes", json!({"to": "rep:li", "reason": "r"})),
        ("merges", json!({"absorbed": mine})),
        ("unmerges", json!({"absorbed": mine, "reason": "r"})),
    ] {
        same(li.command(hidden, what, body.clone()).await, li.command(NOBODY, what, body).await);
    }
    let merge = |absorbed: &str| li.command(mine, "merges", json!({"absorbed": absorbed}));
    same(merge(hidden).await, merge(NOBODY).await);
    let claimed = li.command(company.id("south in the pool"), "claims", json!({})).await;
    let _ = claimed.refused(404, "not-found");
    assert_eq!(li.command(company.id("north in the pool"), "claims", json!({})).await.status, 200);

    let lines = [
        json!({"command": "note", "customer_id": hidden, "body": {"text": "x"}}),
        json!({"command": "note", "customer_id": mine, "body": {"text": "x"}}),
    ];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let bulk = async |query: &str| -> Vec<u64> {
        let call = li.call(Method::POST, &format!("/v1/bulk{query}"));
        let told = call.bytes("application/x-ndjson", lines.clone()).send().await.expect(200).text;
        let each = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        each.filter_map(|reply| reply["status"].as_u64()).collect()
    };
    assert_eq!(bulk("").await, [404, 200]);
    assert_eq!(bulk("?dry_run=true").await, [404, 200]);
    assert_eq!(bulk("?atomic=true").await, [404, 409]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_nobody_of_customers_that_they_do_not_see() {
    let company = Company::new().await;
    for (client, seen) in [(&company.li, of_li()), (&company.zhou, of_zhou())] {
        let events = client.events_after(0).await;
        let subjects = events.iter().filter_map(|event| event["subject"].as_str()?.strip_prefix("customer/"));
        let subjects: Vec<Value> = subjects.map(|id| json!(id)).collect();
        assert_eq!(company.names(&subjects), seen);
        assert!(events.iter().any(|event| event["type"] == "pipeline.published"));
        let hidden = format!("/v1/events?customer={}", company.id("south of chen"));
        assert!(client.get(&hidden).await.expect(200).items().is_empty());
    }
    let page = company.li.get("/v1/events?type=customer.registered&limit=4").await.expect(200);
    assert_eq!(page.items().len(), 4, "entries that are not seen make room for others");
    let all = company.team.auditor("sun").events_after(0).await;
    assert_eq!(all.iter().filter(|event| event["type"] == "customer.registered").count(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_known_elsewhere_is_not_named_to_those_who_do_not_see_it() {
    let company = Company::new().await;
    let Company { team, wang, li, .. } = &company;
    let hidden = company.id("south of chen");
    let phone = json!([{"kind": "phone", "value": "13800138000"}]);
    let _ = wang.command(hidden, "details", json!({"contacts": phone})).await.expect(200);
    let mut body = team.customer_of("li", "Somebody");
    body["contacts"] = phone;
    let refused = li.post("/v1/customers", body.clone()).await.refused(409, "duplicate-customer");
    assert!(!refused.text.contains(hidden), "{}", refused.text);
    let lead = li.post("/v1/leads", body.clone()).await.expect(200);
    assert_eq!(lead.text_at("/items/0/outcome"), "duplicate");
    assert!(lead.at("/items/0/customer_id").is_null() && !lead.text.contains(hidden), "{}", lead.text);
    let named = wang.post("/v1/customers", body).await.refused(409, "duplicate-customer");
    assert_eq!(named.text_at("/customer_id"), hidden);
    let touched = read(wang, &format!("/v1/customers/{hidden}")).await;
    assert_eq!(touched.at("/touches").as_array().map(Vec::len), Some(1), "the lead is on record");

    // Alike in name, and never named.
    let alike = json!({"name": "Harbour Foods Trading Ltd"});
    let _ = wang.command(hidden, "details", alike.clone()).await.expect(200);
    let _ = wang.command(company.id("south of li"), "details", alike).await.expect(200);
    let suspects = format!("/v1/customers/{}/duplicates", company.id("south of li"));
    assert_eq!(read(wang, &suspects).await.items().len(), 1);
    assert_eq!(read(li, &suspects).await.items().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deputies_hand_overs_and_new_regions_change_what_is_seen_at_once() {
    let company = Company::new().await;
    let Company { wang, li, zhou, .. } = &company;
    let hidden = format!("/v1/customers/{}", company.id("south of chen"));
    assert_eq!(li.get(&hidden).await.status, 404);
    let leave = json!({
        "rep": "chen", "deputy": "li", "from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"
    });
    let arranged = wang.post("/v1/deputies", leave).await.expect(200).text_at("/id");
    assert_eq!(read(li, &hidden).await.status, 200);
    let note = json!({"text": "called"});
    assert_eq!(li.command(company.id("south of chen"), "notes", note).await.status, 200);
    let ended = wang.call(Method::DELETE, &format!("/v1/deputies/{arranged}")).send().await;
    assert_eq!((ended.status, li.get(&hidden).await.status), (200, 404));

    let hand_over = json!({"from": "rep:chen", "to": "rep:zhao", "occasion": "region"});
    let handed = zhou.post("/v1/handovers", hand_over).await.expect(200).items();
    let handed = company.names(handed.iter().map(|item| &item["customer_id"]));
    assert_eq!(handed, ["north of chen", "nowhere of chen"].into(), "what is not seen is not handed over");

    let moved = json!({"region": "北京"});
    let _ = wang.command(company.id("south of chen"), "details", moved).await.expect(200);
    assert_eq!(read(li, &hidden).await.status, 200);
    let everywhere = json!({
        "key": "north", "name": {"zh": "北区", "en": "North"}, "supervisors": ["supervisor:zhou"],
        "members": ["li", "zhao"]
    });
    let _ = wang.post("/v1/admin/teams", everywhere).await.expect(200);
    assert_eq!(read(li, "/v1/customers").await.items().len(), 8, "a team without regions sees everything");
    let teams = wang.get("/v1/admin/teams").await.expect(200).items();
    assert_eq!((&teams[0]["regions"], &teams[1]["regions"]), (&json!([]), &json!(["广州"])));
    let wrong = json!({"key": "x", "name": {"zh": "x", "en": "x"}, "regions": ["a\nb"]});
    let _ = wang.post("/v1/admin/teams", wrong).await.refused(422, "invalid-value");
}
