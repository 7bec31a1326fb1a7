//! Whom to turn to first: the most valuable, and those who may be lost.

#![cfg(test)]

use serde_json::{Value, json};
use waymark_tests::Team;

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_boards_put_the_most_valuable_first_page_by_page() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    for (name, tier, amount) in [
        ("e", None, Some("900.00")),
        ("b", Some("A"), Some("99.99")),
        ("a", Some("A"), Some("1000.00")),
        ("d", Some("B"), Some("5000")),
        ("c", Some("A"), None),
        ("f", None, None),
    ] {
        let mut body = team.customer_of("li", name);
        if let Some(tier) = tier {
            body["tier"] = json!(tier);
        }
        if let Some(amount) = amount {
            body["amount"] = json!({"amount": amount, "currency": "CNY"});
        }
        wang.register(body).await;
    }
    let head = wang.head().await;
    let fresh = format!("min_position={head}&wait_ms=20000");
    let names = |items: &[Value]| {
        items.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect::<String>()
    };
    let all = wang.get(&format!("/v1/customers?sort=value&{fresh}")).await.expect(200);
    assert_eq!(names(&all.items()), "abcdef");
    let (mut seen, mut cursor) = (String::new(), None::<String>);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={}", encoded(&cursor))).unwrap_or_default();
        let page = wang.get(&format!("/v1/customers?sort=value&limit=2&{fresh}{after}")).await.expect(200);
        seen += &names(&page.items());
        cursor = page.at("/next_cursor").as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, "abcdef");
    let _ = wang.get("/v1/customers?sort=value&cursor=rubbish").await.refused(422, "invalid-value");
    let _ = wang.get("/v1/customers?sort=price").await.refused(422, "invalid-value");
    let _ = wang
        .get("/v1/customers?sort=value&effective_at=2026-01-01T00:00:00Z")
        .await
        .refused(422, "invalid-value");
    let first = |board: &Value| names(board["stages"][0]["cards"].as_array().map_or(&[][..], Vec::as_slice));
    let board = wang.get(&format!("/v1/boards/landian-6?sort=value&{fresh}")).await.expect(200);
    assert_eq!(first(&board.body), "abcdef");
    let page = wang
        .get(&format!("/v1/boards/landian-6?sort=value&stage=first_contact&limit=4&{fresh}"))
        .await
        .expect(200);
    let cursor = page.text_at("/stages/0/next_cursor");
    let rest = wang
        .get(&format!("/v1/boards/landian-6?sort=value&stage=first_contact&limit=4&cursor={cursor}&{fresh}"))
        .await;
    assert_eq!(first(&page.body) + &first(&rest.expect(200).body), "abcdef");
    // By amount alone the tier does not count, of a past instant either.
    let board = wang.get(&format!("/v1/boards/landian-6?sort=amount&{fresh}")).await.expect(200);
    assert_eq!(first(&board.body), "daebcf");
    let past = "effective_at=2099-01-01T00:00:00Z";
    let board = wang.get(&format!("/v1/boards/landian-6?sort=amount&{past}&{fresh}")).await.expect(200);
    assert_eq!(first(&board.body), "daebcf");
    // Who must be called first comes first.
    let id_of = |name: &str| {
        let customer = all.items().into_iter().find(|one| one["name"] == name);
        customer.unwrap()["id"].as_str().unwrap().to_owned()
    };
    for (name, day) in [("e", 3), ("b", 9), ("f", 1)] {
        let plan = json!({"at": format!("2099-01-0{day}T00:00:00Z"), "text": "call"});
        let told = json!({"channel": "phone", "summary": "spoke", "next_plan": plan});
        let _ = wang.command(&id_of(name), "follow-ups", told).await.expect(200);
    }
    let fresh = format!("min_position={}&wait_ms=20000", wang.head().await);
    let board = wang.get(&format!("/v1/boards/landian-6?sort=next_contact&{fresh}")).await.expect(200);
    assert_eq!(first(&board.body), "febadc");
    let _ = wang
        .get(&format!("/v1/boards/landian-6?sort=next_contact&{past}"))
        .await
        .refused(422, "invalid-value");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_stands_on_the_customer_and_its_card_moves_nobody_and_is_cleared() {
    let team = Team::on("bajun-5").await;
    let li = team.rep("li");
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    li.register(team.customer_of("li", "Pier Nine")).await;
    let stage = li.customer(&id).await.text_at("/journeys/0/stage");
    let _ = li.command(&id, "risk", json!({"at_risk": true})).await.refused(422, "reason-required");
    let _ = li.command(&id, "risk", json!({"at_risk": false})).await.refused(422, "nothing-to-change");
    let _ = li.command(&id, "risk", json!({"at_risk": true, "reason": "does not answer"})).await.expect(200);
    let shown = li.customer(&id).await;
    assert_eq!(
        (shown.text_at("/risk/reason"), shown.text_at("/risk/by")),
        ("does not answer".to_owned(), "rep:li".to_owned())
    );
    assert_eq!(shown.text_at("/journeys/0/stage"), stage);
    let head = li.head().await;
    let fresh = format!("min_position={head}&wait_ms=20000");
    for (at_risk, name) in [("true", "Harbour Foods"), ("false", "Pier Nine")] {
        let list = li.get(&format!("/v1/customers?at_risk={at_risk}&{fresh}")).await.expect(200);
        assert_eq!(list.items().iter().map(|one| one["name"].clone()).collect::<Vec<_>>(), [json!(name)]);
    }
    let board = li.get(&format!("/v1/boards/bajun-5?{fresh}")).await.expect(200);
    assert_eq!(board.at("/stages/0/cards/0/flags"), &json!(["at_risk"]));
    let _ = li.command(&id, "risk", json!({"at_risk": false, "reason": "she rang"})).await.expect(200);
    assert!(li.customer(&id).await.at("/risk").is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_warned_is_read_by_those_who_work_with_people_until_the_erasure() {
    let team = Team::on("bajun-5").await;
    let (li, admin, analyst) = (team.rep("li"), team.admin(), team.analyst("sun"));
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let _ = li.command(&id, "risk", json!({"at_risk": true, "reason": "owes the port"})).await.expect(200);
    let score = json!({"model": "churn", "version": "1", "score": "0.9", "explanation": "owes the port"});
    let _ = li.command(&id, "scores", score).await.expect(200);
    let plan = json!({"channel": "phone", "summary": "owes the port", "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "owes the port"}});
    let _ = li.command(&id, "follow-ups", plan).await.expect(200);
    let reads = [
        format!("/v1/customers/{id}"),
        "/v1/customers".to_owned(),
        "/v1/boards/bajun-5".to_owned(),
        format!("/v1/customers/{id}/timeline"),
        "/v1/events".to_owned(),
        "/v1/me/inbox".to_owned(),
    ];
    let who = async |client: &waymark_tests::Client| {
        let fresh = format!("min_position={}&wait_ms=20000", admin.head().await);
        let mut told = Vec::new();
        for path in &reads {
            let query = if path == "/v1/events" { "after=0" } else { fresh.as_str() };
            told.push(
                client.get(&format!("{path}?{query}")).await.expect(200).text.contains("owes the port"),
            );
        }
        told
    };
    assert_eq!(who(&li).await, [true, true, true, true, true, false]);
    assert_eq!(who(&analyst).await, [false; 6]);
    let shown = analyst.customer(&id).await;
    assert_eq!((shown.text_at("/risk/by"), shown.at("/risk/reason")), ("rep:li".to_owned(), &Value::Null));
    let change = async || {
        let path = format!("/v1/audit/changes?customer={id}&type=customer.risk_flagged");
        let items = team.auditor("zheng").get(&path).await.expect(200).items();
        items.first().cloned().unwrap_or_default()
    };
    let flagged = change().await;
    assert_eq!((&flagged["after"], &flagged["reason"]), (&json!({"at_risk": true}), &json!("owes the port")));
    let _ = admin.command(&id, "erasure", json!({"ground": "request"})).await.expect(200);
    assert_eq!(who(&li).await, [false; 6]);
    assert_eq!(who(&admin).await, [false; 6]);
    assert_eq!(change().await["reason"], Value::Null);
}
