//! Sub-statuses within a stage: changed without a new stay, guarded like moves, counted, filtered by, and part of every past.

#![cfg(test)]

use serde_json::{Value, json};
use waymark_tests::{Client, Team};

async fn set(client: &Client, customer: &str, sub_status: &str) -> waymark_tests::Answer {
    let body = json!({"to": "quoted", "sub_status": sub_status, "note": "she said so"});
    client.command(customer, "transitions", body).await
}

/// How many stand in a stage with each sub-status.
async fn counted(client: &Client, stage: &str, query: &str) -> Vec<(Value, u64)> {
    let head = client.head().await;
    let board = client.get(&format!("/v1/boards/landian-6?{query}&min_position={head}&wait_ms=20000")).await;
    let stages = board.expect(200).at("/stages").as_array().cloned().unwrap_or_default();
    let found = stages.into_iter().find(|one| one["stage"] == stage).unwrap_or_default();
    let counts = found["sub_statuses"].as_array().cloned().unwrap_or_default();
    counts.iter().map(|one| (one["sub_status"].clone(), one["count"].as_u64().unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sub_status_changes_within_its_stage_and_every_past_of_it_can_be_asked_for() {
    let team = Team::on("landian-6").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let ago = |hours: i64| (waymark_tests::now() - chrono::Duration::hours(hours)).to_rfc3339();
    let mut body = team.customer_of("li", "Harbour Foods");
    body["effective_at"] = json!(ago(72));
    body["stage"] = json!("quoted");
    let id = wang.register(body).await;
    let mut other = team.customer_of("li", "Pier Nine");
    other["stage"] = json!("quoted");
    wang.register(other).await;
    let before = li.customer(&id).await.at("/journeys/0/entered_at").clone();

    let awaiting = json!({
        "to": "quoted", "sub_status": "awaiting_answer", "note": "sent on Monday", "effective_at": ago(48)
    });
    let answer = li.command(&id, "transitions", awaiting).await.expect(200);
    assert_eq!(answer.text_at("/events/0/type"), "customer.sub_status_set");
    let known = li.head().await;
    let _ = set(&li, &id, "comparing_prices").await.expect(200);
    let _ = set(&li, &id, "comparing_prices").await.refused(409, "already-in-stage");
    let _ = set(&li, &id, "nowhere").await.refused(422, "unknown-sub-status");
    let _ = set(&team.rep("chen"), &id, "awaiting_answer").await.refused(403, "not-owner");
    let _ = li.command(&id, "transitions", json!({"to": "quoted"})).await.refused(409, "already-in-stage");

    let shown = li.customer(&id).await;
    assert_eq!(shown.text_at("/journeys/0/sub_status"), "comparing_prices");
    assert_eq!(shown.at("/journeys/0/entered_at"), &before, "no stay begins");
    let stays =
        li.get(&format!("/v1/customers/{id}/stays?min_position={}", li.head().await)).await.expect(200);
    assert_eq!(stays.items().len(), 1);
    let at = |hours: i64| format!("effective_at={}", ago(hours).replace('+', "%2B"));
    for (asked, sub_status) in [
        (at(60), Value::Null),
        (at(24), json!("awaiting_answer")),
        (format!("effective_at=2099-01-01T00:00:00Z&known_position={known}"), json!("awaiting_answer")),
        ("effective_at=2099-01-01T00:00:00Z".to_owned(), json!("comparing_prices")),
    ] {
        let then = li.get(&format!("/v1/customers/{id}?{asked}")).await.expect(200);
        assert_eq!(then.at("/journeys/0/sub_status"), &sub_status, "{asked}");
        let board = counted(&wang, "quoted", &asked).await;
        let others = if asked.contains("2099") { 1 } else { 0 };
        let own = |wanted: &str| u64::from(sub_status == json!(wanted));
        let none = others + u64::from(sub_status.is_null());
        let expected = [
            (json!("awaiting_answer"), own("awaiting_answer")),
            (json!("comparing_prices"), own("comparing_prices")),
            (Value::Null, none),
        ];
        assert_eq!(board, expected, "{asked}");
    }
    let told =
        li.get(&format!("/v1/customers/{id}/timeline?min_position={}", li.head().await)).await.expect(200);
    let set: Vec<Value> =
        told.items().into_iter().filter(|item| item["type"] == "customer.sub_status_set").collect();
    assert_eq!(set.len(), 2);
    assert_eq!(
        (&set[1]["data"]["from"], &set[1]["data"]["note"]),
        (&json!("awaiting_answer"), &json!("she said so"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_boards_and_reports_are_filtered_by_sub_status() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    for (name, sub_status) in [("a", Some("awaiting_answer")), ("b", Some("comparing_prices")), ("c", None)] {
        let mut body = team.customer_of("li", name);
        body["stage"] = json!("quoted");
        if let Some(sub_status) = sub_status {
            body["sub_status"] = json!(sub_status);
        }
        wang.register(body).await;
    }
    let head = wang.head().await;
    let fresh = format!("min_position={head}&wait_ms=20000");
    for (filter, count) in [("comparing_prices", 1), ("comparing_prices,awaiting_answer", 2)] {
        for asked in ["", "&effective_at=2099-01-01T00:00:00Z"] {
            let list =
                wang.get(&format!("/v1/customers?sub_status={filter}{asked}&{fresh}")).await.expect(200);
            assert_eq!(list.items().len(), count, "{filter}{asked}");
            let board = wang
                .get(&format!("/v1/boards/landian-6?sub_status={filter}{asked}&{fresh}"))
                .await
                .expect(200);
            assert_eq!(board.number_at("/total") as usize, count, "{filter}{asked}");
        }
        let dwell = wang.get(&format!("/v1/dwell/landian-6?sub_status={filter}&{fresh}")).await.expect(200);
        let open: u64 = dwell
            .at("/stages")
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|stage| stage["open"].as_u64())
            .sum();
        assert_eq!(open as usize, count, "{filter}");
    }
    for list in [
        "customers",
        "boards/landian-6",
        "dwell/landian-6",
        "quality/landian-6",
        "worklists/supervise",
        "worklists/today",
        "tasks",
        "reminders",
        "approvals",
        "duplicates",
        "me/inbox",
        "pools/customer_pool/customers",
    ] {
        let refused = wang.get(&format!("/v1/{list}?sub_status=comparing_prices,nowhere&{fresh}")).await;
        let refused = refused.refused(422, "invalid-value");
        assert_eq!(refused.at("/violations/0/field"), "sub_status", "{list}");
        assert!(
            refused.text.contains("awaiting_answer"),
            "{list} names those that there are: {}",
            refused.text
        );
    }
    let quality = wang.get(&format!("/v1/quality/landian-6?group_by=sub_status&{fresh}")).await.expect(200);
    let open: Vec<(Value, Value)> = quality
        .at("/groups")
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| (group["key"]["sub_status"].clone(), group["leak"]["open"].clone()))
        .collect();
    let expected =
        [Value::Null, json!("awaiting_answer"), json!("comparing_prices")].map(|key| (key, json!(1)));
    assert_eq!(open, expected);
    let divided = wang.get(&format!("/v1/funnels/landian-6?group_by=sub_status&{fresh}")).await.expect(200);
    let groups = divided.at("/groups").as_array().cloned().unwrap_or_default();
    let told: Vec<(Value, Value)> = groups
        .iter()
        .map(|group| (group["key"]["sub_status"].clone(), group["totals"]["count"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            (Value::Null, json!(1)),
            (json!("awaiting_answer"), json!(1)),
            (json!("comparing_prices"), json!(1)),
        ]
    );
    let board = wang.get(&format!("/v1/boards/landian-6?{fresh}")).await.expect(200);
    let stages = board.at("/stages").as_array().cloned().unwrap_or_default();
    let quoted = stages.iter().find(|stage| stage["stage"] == "quoted").cloned().unwrap_or_default();
    assert_eq!(quoted["cards"][0]["sub_status"], "awaiting_answer");
    assert_eq!(quoted["sub_statuses"][1]["name"], "Comparing prices");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_is_counted_with_its_own_sub_status_whatever_the_customer_has_now() {
    let team = Team::on("landian-6").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let ago = |hours: i64| (waymark_tests::now() - chrono::Duration::hours(hours)).to_rfc3339();
    let quoted = async |name: &str, hours: i64| {
        let mut body = team.customer_of("li", name);
        body["effective_at"] = json!(ago(hours));
        body["stage"] = json!("quoted");
        wang.register(body).await
    };
    let put = async |id: &str, sub_status: &str, hours: i64| {
        let body =
            json!({"to": "quoted", "sub_status": sub_status, "note": "told", "effective_at": ago(hours)});
        let _ = li.command(id, "transitions", body).await.expect(200);
    };
    // Two that awaited an answer and then compared prices: one of them has gone on since. One that still awaits an answer.
    let (gone, compares, waits) =
        (quoted("Gone", 90).await, quoted("Compares", 80).await, quoted("Waits", 70).await);
    for (id, hours) in [(&gone, 60), (&compares, 50), (&waits, 40)] {
        put(id, "awaiting_answer", hours).await;
    }
    put(&gone, "comparing_prices", 30).await;
    put(&compares, "comparing_prices", 25).await;
    let on = json!({"to": "deciding", "note": "told", "next_step": "call", "effective_at": ago(20)});
    let _ = wang.command(&gone, "transitions", on).await.expect(200);
    let head = wang.head().await;
    let fresh = format!("min_position={head}&wait_ms=20000");
    let stays = async |question: &str, place: &str| {
        let path = format!("/v1/dwell/landian-6?group_by=sub_status&{fresh}{question}");
        let report = wang.get(&path).await.expect(200);
        let groups = report.at("/groups").as_array().cloned().unwrap_or_default();
        let of = |group: &Value| {
            let stages = group["stages"].as_array().cloned().unwrap_or_default();
            let quoted = stages.into_iter().find(|stage| stage["stage"] == "quoted").unwrap_or_default();
            let number = |name: &str| quoted[name].as_u64().unwrap_or_default();
            (group["key"]["sub_status"].clone(), number("visits"), number("completed"), number("open"))
        };
        let told: Vec<_> = groups.iter().map(of).filter(|(_, visits, ..)| *visits > 0).collect();
        (told, report.at(place).clone())
    };
    let (now, members) = stays("", "/groups/0/members").await;
    assert_eq!(now, [(json!("awaiting_answer"), 1, 0, 1), (json!("comparing_prices"), 2, 1, 1)]);
    // The one that went on stands in a stage without a sub-status: a stay of its own, and no other of quoted.
    assert_eq!(members, json!(1));
    // Thirty-five hours ago all three awaited an answer; sixty-five hours ago nobody had a sub-status.
    let then = |hours: i64| format!("&effective_at={}", ago(hours).replace('+', "%2B"));
    assert_eq!(stays(&then(35), "").await.0, [(json!("awaiting_answer"), 3, 0, 3)]);
    assert_eq!(stays(&then(65), "").await.0, [(Value::Null, 3, 0, 3)]);
    // A window that ended before the change counts what was open in it as it was at its end.
    let window = format!("&to={}", ago(35).replace('+', "%2B"));
    assert_eq!(stays(&window, "").await.0, [(json!("awaiting_answer"), 3, 0, 3)]);
    // So it is with the ways out of stays, and with where deals stick.
    let now = then(0);
    for (report, place, counts, expected) in [
        (
            "flows",
            "/transitions",
            ["from", "count"],
            vec![(json!("comparing_prices"), json!("quoted"), json!(1))],
        ),
        (
            "flows",
            "/end",
            ["stage", "count"],
            vec![
                (Value::Null, json!("deciding"), json!(1)),
                (json!("awaiting_answer"), json!("quoted"), json!(1)),
                (json!("comparing_prices"), json!("quoted"), json!(1)),
            ],
        ),
        (
            "bottlenecks",
            "/items",
            ["stage", "stays"],
            vec![
                (Value::Null, json!("deciding"), json!(1)),
                (json!("awaiting_answer"), json!("quoted"), json!(1)),
                (json!("comparing_prices"), json!("quoted"), json!(2)),
            ],
        ),
    ] {
        let path = format!("/v1/{report}/landian-6?group_by=sub_status&{fresh}{now}");
        let divided = wang.get(&path).await.expect(200);
        let mut told = Vec::new();
        for group in divided.at("/groups").as_array().into_iter().flatten() {
            for one in group.pointer(place).and_then(Value::as_array).into_iter().flatten() {
                if one[counts[1]] != 0 {
                    let own = group["key"]["sub_status"].clone();
                    told.push((own, one[counts[0]].clone(), one[counts[1]].clone()));
                }
            }
            assert_eq!(group["small"], json!(true));
        }
        assert_eq!(told, expected, "{report}{place}");
        assert!(report != "flows" || divided.at("/groups/0/first_passage") == &json!([]), "{}", divided.text);
    }
    // Beside another window the groups are of the same stays.
    let beside = format!("{}&compare_to={}", then(0), ago(35).replace('+', "%2B"));
    let now = stays(&then(0), "").await.0;
    assert_eq!(stays(&beside, "").await.0, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_filtered_by_the_sub_status_that_customers_stand_in() {
    let team = Team::on("landian-6").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let ago = (waymark_tests::now() - chrono::Duration::days(30)).to_rfc3339();
    let mut ids = Vec::new();
    for (name, sub_status) in [
        ("Harbour Foods", Some("awaiting_answer")),
        ("Harbour Food", Some("comparing_prices")),
        ("Pier Nine", None),
    ] {
        let mut body = team.customer_of("li", name);
        (body["stage"], body["effective_at"]) = (json!("quoted"), json!(ago));
        if let Some(sub_status) = sub_status {
            body["sub_status"] = json!(sub_status);
        }
        ids.push(wang.register(body).await);
    }
    let mut pooled = team.customer("Lake");
    (pooled["stage"], pooled["sub_status"]) = (json!("quoted"), json!("awaiting_answer"));
    let pooled = wang.register(pooled).await;
    let head = wang.head().await;
    let fresh = format!("min_position={head}&wait_ms=20000");
    let found = async |client: &Client, path: &str, field: &str| -> Vec<String> {
        let items = client.get(&format!("{path}&{fresh}")).await.expect(200).items();
        items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
    };
    for (wanted, of_li) in [("awaiting_answer", &ids[..1]), ("awaiting_answer,comparing_prices", &ids[..2])] {
        for moment in ["", "&effective_at=2099-01-01T00:00:00Z"] {
            let path = format!("/v1/worklists/supervise?sub_status={wanted}{moment}");
            let mut listed = found(&wang, &path, "customer_id").await;
            listed.sort();
            let mut expected = of_li.to_vec();
            expected.sort();
            assert_eq!(listed, expected, "{wanted}{moment}");
        }
    }
    let pool = "/v1/pools/customer_pool/customers?stage=quoted&sub_status=";
    assert_eq!(found(&wang, &format!("{pool}awaiting_answer"), "id").await, [pooled]);
    assert!(found(&wang, &format!("{pool}comparing_prices"), "id").await.is_empty());
    let duplicates = "/v1/duplicates?sub_status=";
    assert_eq!(found(&wang, &format!("{duplicates}comparing_prices"), "customer_id").await, ids[1..2]);
    assert!(found(&wang, &format!("{duplicates}awaiting_answer"), "customer_id").await.is_empty());
    let told = json!({"to": "rep:zhao", "reason": "her region"});
    let _ = wang.command(&ids[0], "owner-changes", told).await.expect(200);
    let zhao = team.rep("zhao");
    let head = wang.head().await;
    let inbox = async |wanted: &str| {
        let path = format!("/v1/me/inbox?sub_status={wanted}&min_position={head}&wait_ms=20000");
        zhao.get(&path).await.expect(200).items().len()
    };
    assert_eq!((inbox("awaiting_answer").await, inbox("comparing_prices").await), (1, 0));
    drop(li);
}
