//! Customers as people look for them: lists, filters, shares, languages, and the operations beside.

#![cfg(test)]

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

#[tokio::test(flavor = "multi_thread")]
async fn where_a_customer_came_from_and_when_is_kept_and_shown() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let mut body = team.customer_of("li", "Harbour Foods");
    body["source"] = json!("exhibition");
    body["channel"] = json!("form");
    body["tags"] = json!(["food", "north"]);
    body["tier"] = json!("A");
    body["amount"] = json!({"amount": "20000.50", "currency": "CNY"});
    let arrived =
        (waymark_tests::now() - chrono::Duration::hours(2)).to_rfc3339_opts(SecondsFormat::Secs, true);
    body["effective_at"] = json!(arrived);
    let id = li.register(body).await;
    let shown = li.customer(&id).await;
    assert_eq!(shown.at("/source"), "exhibition");
    assert_eq!(shown.at("/channel"), "form");
    assert_eq!(shown.at("/tags"), &json!(["food", "north"]));
    assert_eq!(shown.at("/tier"), "A");
    assert_eq!(shown.at("/amount"), &json!({"amount": "20000.50", "currency": "CNY"}));
    let timeline = li.get(&format!("/v1/customers/{id}/timeline")).await.expect(200).items();
    let at = |field: &str| timeline[0][field].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
    assert_eq!(at("effective_at"), arrived.parse().ok(), "{timeline:#?}");
    assert!(at("recorded_at") > at("effective_at"));
    assert_eq!(found(&li, "source=exhibition").await, [id.as_str()]);
    assert!(found(&li, "source=seo").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_by_stage_owner_tag_external_id_and_name() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let mut ids = Vec::new();
    for (number, name) in ["Harbour Foods", "Pier Nine", "港口食品"].iter().enumerate() {
        let mut body = team.customer_of(if number == 0 { "li" } else { "chen" }, name);
        body["external_id"] = json!(format!("erp-{number}"));
        body["tags"] = json!([if number == 1 { "vip" } else { "plain" }]);
        ids.push(wang.register(body).await);
    }
    assert_eq!(wang.command(&ids[2], "transitions", json!({"to": "need_confirmed"})).await.status, 200);

    assert_eq!(found(&wang, "owner=rep:li").await, [ids[0].as_str()]);
    assert_eq!(found(&wang, "tag=vip").await, [ids[1].as_str()]);
    assert_eq!(found(&wang, "stage=need_confirmed").await, [ids[2].as_str()]);
    assert_eq!(found(&wang, "external_id=erp-1").await, [ids[1].as_str()]);
    assert_eq!(found(&wang, "q=harbour").await, [ids[0].as_str()]);
    assert_eq!(found(&wang, "q=%E6%B8%AF%E5%8F%A3").await, [ids[2].as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_walked_by_cursor_without_gap_or_repeat() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let mut registered = Vec::new();
    for number in 0..25 {
        registered.push(wang.register(team.customer(&format!("Customer {number}"))).await);
    }
    let mut walked = Vec::new();
    let mut cursor = String::new();
    let head = wang.head().await;
    loop {
        let path = format!("/v1/customers?limit=10&min_position={head}&wait_ms=20000{cursor}");
        let page = wang.get(&path).await.expect(200);
        walked.extend(page.items().iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    walked.sort();
    registered.sort();
    assert_eq!(walked, registered);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_gives_count_and_share_of_each_status_and_the_money_at_stake() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    for (number, amount) in ["100.10", "200.20", "0.70", "5"].iter().enumerate() {
        let mut body = team.customer(&format!("Customer {number}"));
        body["amount"] = json!({"amount": amount, "currency": "CNY"});
        let id = wang.register(body).await;
        if number == 3 {
            assert_eq!(wang.command(&id, "transitions", json!({"to": "need_confirmed"})).await.status, 200);
        }
    }
    let head = wang.head().await;
    let board =
        wang.get(&format!("/v1/boards/landian-6?min_position={head}&wait_ms=20000")).await.expect(200);
    assert_eq!(board.number_at("/total"), 4);
    let stages = board.at("/stages").as_array().cloned().unwrap_or_default();
    let stage = |id: &str| stages.iter().find(|stage| stage["stage"] == id).cloned().unwrap_or_default();
    assert_eq!(stage("first_contact")["count"], 3);
    assert_eq!(stage("first_contact")["share"].as_f64(), Some(0.75));
    assert_eq!(stage("need_confirmed")["share"].as_f64(), Some(0.25));
    assert_eq!(stage("won")["count"], 0);
    let at_stake: Vec<(String, f64)> = amounts(&stage("first_contact"));
    assert_eq!(at_stake, [("CNY".to_owned(), 301.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_customer_with_the_same_external_id_is_refused_naming_the_first() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let mut body = team.customer("Harbour Foods");
    body["external_id"] = json!("erp-7");
    let first = wang.register(body.clone()).await;
    let second = wang.post("/v1/customers", body).await.refused(409, "customer-exists");
    assert!(second.text.contains(&first), "{}", second.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_is_rebuilt_while_it_serves_and_says_the_same_afterwards() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    for number in 0..10 {
        admin.register(team.customer(&format!("Customer {number}"))).await;
    }
    let head = admin.head().await;
    let dwell = format!(
        "/v1/dwell/landian-6?effective_at=2100-01-01T00:00:00Z&known_position={head}&min_position={head}&wait_ms=20000"
    );
    let before = admin.get(&dwell).await.expect(200).body["stages"].clone();
    let names: Vec<String> = projections(&admin).await;
    assert!(names.contains(&"dwell".to_owned()) && names.contains(&"board".to_owned()), "{names:?}");
    for name in names {
        let rebuilt = admin.post(&format!("/v1/projections/{name}/rebuild"), json!({})).await;
        assert!((200..300).contains(&rebuilt.status), "{}", rebuilt.text);
    }
    assert_eq!(admin.get(&dwell).await.expect(200).body["stages"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_are_served_to_anybody() {
    let team = Team::on("landian-6").await;
    let anon = team.server.anon();
    assert_eq!(anon.get("/healthz").await.status, 200);
    // A tenant whose first events are being folded has no read model that answers yet.
    anon.until("/readyz", |ready| ready.status == 200).await;
    let _folded = team.admin().customer(&team.admin().register(team.customer("Harbour Foods")).await).await;
    let metrics = anon.get("/metrics").await.expect(200).text;
    for name in [
        "events_appended_total",
        "append_batch_events",
        "commit_seconds",
        "append_queue_depth",
        "projection_lag",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
}

async fn found(client: &Client, query: &str) -> Vec<String> {
    let head = client.head().await;
    let list =
        client.get(&format!("/v1/customers?{query}&min_position={head}&wait_ms=20000")).await.expect(200);
    list.items().iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

async fn projections(client: &Client) -> Vec<String> {
    let items = client.get("/v1/projections").await.expect(200).items();
    items.iter().filter_map(|item| item["name"].as_str().map(str::to_owned)).collect()
}

fn amounts(stage: &Value) -> Vec<(String, f64)> {
    let amounts = stage["amounts"].as_array().cloned().unwrap_or_default();
    let currency = |amount: &Value| amount["currency"].as_str().unwrap_or_default().to_owned();
    let value =
        |amount: &Value| amount["amount"].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    amounts.iter().map(|amount| (currency(amount), value(amount))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_by_words_in_any_order_in_any_script_and_by_whole_contacts() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    for name in
        ["Éclair", "ИВАНОВ ООО", "ΑΘΗΝΑ", "ＡＢＣ 贸易", "Müller", "100% Fresh", "Harbour Foods 海港食品"]
    {
        wang.register(team.customer(name)).await;
    }
    let mut body = team.customer("Pier Nine");
    body["contacts"] =
        json!([{"kind": "phone", "value": "138 0013 8000"}, {"kind": "email", "value": "Zhang@Pier9.cn"}]);
    body["external_id"] = json!("CRM-77");
    wang.register(body).await;
    let head = wang.head().await;
    let then = "&effective_at=2099-01-01T00:00:00Z";
    for (q, name) in [
        ("éclair", Some("Éclair")),
        ("E\u{301}CLAIR", Some("Éclair")),
        ("ооо иванов", Some("ИВАНОВ ООО")),
        ("αθηνα", Some("ΑΘΗΝΑ")),
        ("贸易 abc", Some("ＡＢＣ 贸易")),
        ("MÜLLER", Some("Müller")),
        ("100%", Some("100% Fresh")),
        ("foods harb", Some("Harbour Foods 海港食品")),
        ("foods pier", None),
        ("+86 138-0013-8000", Some("Pier Nine")),
        ("zhang@PIER9.CN", Some("Pier Nine")),
        ("1380013", None),
        ("pier9.cn", None),
        ("crm-77 pier", Some("Pier Nine")),
    ] {
        let q = percent_encoded(q);
        for asked in [String::new(), then.to_owned()] {
            let path = format!("/v1/customers?q={q}{asked}&min_position={head}&wait_ms=20000");
            let found = wang.get(&path).await.expect(200).items();
            let names: Vec<&str> = found.iter().filter_map(|one| one["name"].as_str()).collect();
            assert_eq!(names, name.into_iter().collect::<Vec<_>>(), "{q}{asked}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_several_values() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    for (name, tier, source) in [("a", "A", "web"), ("b", "B", "fair"), ("c", "C", "web, mail")] {
        let mut body = team.customer(name);
        body["tier"] = json!(tier);
        body["source"] = json!(source);
        body["tags"] = json!([tier.to_lowercase()]);
        if name == "b" {
            body["stage"] = json!("need_confirmed");
        }
        wang.register(body).await;
    }
    let head = wang.head().await;
    for (filter, count) in [
        ("tier=A,B", 2),
        ("tier=A", 1),
        ("source=web", 1),
        ("source=web,%20mail", 2),
        ("source=web,fair", 2),
        ("tag=a,c", 2),
        ("stage=first_contact,need_confirmed", 3),
        ("stage=need_confirmed&tier=A,C", 0),
    ] {
        for asked in ["", "&effective_at=2099-01-01T00:00:00Z"] {
            let path = format!("/v1/customers?{filter}{asked}&min_position={head}&wait_ms=20000");
            assert_eq!(wang.get(&path).await.expect(200).items().len(), count, "{filter}{asked}");
        }
    }
    let board = wang.get(&format!("/v1/boards/landian-6?tier=A,B&min_position={head}&wait_ms=20000")).await;
    assert_eq!(board.expect(200).number_at("/total"), 2);
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
