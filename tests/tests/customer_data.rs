//! What is known of customers: declared fields, money in every currency, and the facts of a deal.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_api::domain::ProfileField;
use waymark_tests::{Client, Team, papers};

async fn declare(admin: &Client, key: &str, kind: &str, more: Value) {
    let mut body = json!({"key": key, "name": {"zh": key, "en": key}, "type": kind});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let _ = admin.post("/v1/admin/fields", body).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_fields_are_checked_by_type_and_read_back_and_others_refused_by_name() {
    let team = Team::on("landian-6").await;
    let (li, admin) = (team.rep("li"), team.admin());
    let mut free = team.customer_of("li", "Pier Nine");
    free["fields"] = json!({"anything": {"goes": [1, 2.5]}});
    let early = li.register(free).await;
    assert_eq!(li.customer(&early).await.at("/fields"), &json!({"anything": {"goes": [1, 2.5]}}));

    declare(&admin, "headcount", "integer", json!({})).await;
    declare(&admin, "budget", "money", json!({})).await;
    declare(&admin, "fiscal_year", "date", json!({})).await;
    let size = |id: &str| json!({"id": id, "name": {"zh": id, "en": id}});
    declare(&admin, "needs", "choice", json!({"many": true, "options": [size("cold"), size("dry")]})).await;
    let listed = li.get("/v1/admin/fields").await.expect(200).items();
    assert_eq!(
        listed.iter().map(|field| field["key"].clone()).collect::<Vec<_>>(),
        ["budget", "fiscal_year", "headcount", "needs"]
    );

    let profile = json!({
        "headcount": 120, "budget": {"amount": "1200", "currency": "JPY"}, "fiscal_year": "2026-04-01",
        "needs": ["cold", "dry"]
    });
    let mut body = team.customer_of("li", "Harbour Foods");
    body["fields"] = profile.clone();
    let id = li.register(body.clone()).await;
    assert_eq!(li.customer(&id).await.at("/fields"), &profile);
    for (field, value) in [
        ("headcount", json!("120")),
        ("budget", json!({"amount": "1200.5", "currency": "JPY"})),
        ("fiscal_year", json!("2026-02-30")),
        ("needs", json!(["cold", "hot"])),
    ] {
        body["fields"] = json!({field: value});
        let refused = li.post("/v1/customers", body.clone()).await.refused(422, "invalid-value");
        assert_eq!(refused.text_at("/violations/0/field"), format!("fields.{field}"));
    }
    let unknown =
        li.command(&id, "details", json!({"fields": {"colour": "red"}})).await.refused(422, "unknown-field");
    assert_eq!(unknown.at("/declared"), &json!(["budget", "fiscal_year", "headcount", "needs"]));
    let changed = json!({"key": "budget", "name": {"zh": "预算", "en": "Budget"}, "type": "text"});
    let _ = admin.post("/v1/admin/fields", changed).await.refused(422, "field-type-fixed");
    assert_eq!(admin.call(Method::DELETE, "/v1/admin/fields/needs").send().await.status, 200);
    assert_eq!(li.customer(&id).await.at("/fields/needs"), &json!(["cold", "dry"]), "what is there stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_of_a_deal_are_kept_changed_cleared_and_listed_by_and_move_nobody() {
    let team = Team::on("helloword-13").await;
    let li = team.rep("li");
    let mut body = team.customer_of("li", "Harbour Foods");
    body["industry"] = json!("food");
    body["region"] = json!("south");
    body["tier"] = json!("A");
    body["service_type"] = json!("complaint");
    let id = li.register(body).await;
    let facts = json!({
        "contract": {"starts_on": "2026-01-01", "ends_on": "2026-12-31"}, "delivered_on": "2026-02-01",
        "postponed_until": "2026-03-01", "won_amount": {"amount": "400.00", "currency": "CNY"}, "satisfaction": 9
    });
    let _ = li.command(&id, "details", facts.clone()).await.expect(200);
    let shown = li.customer(&id).await;
    for (field, value) in facts.as_object().into_iter().flatten() {
        assert_eq!(shown.at(&format!("/{field}")), value, "{field}");
    }
    assert_eq!(shown.at("/journeys/0/stage"), "new_lead");
    for filter in ["industry=food", "region=south", "tier=A", "service_type=complaint"] {
        let found = li.get(&format!("/v1/customers?{filter}")).await.expect(200).items();
        assert_eq!(found.len(), 1, "{filter}");
        let other = filter.split('=').next().unwrap_or_default();
        assert_eq!(li.get(&format!("/v1/customers?{other}=elsewhere")).await.expect(200).items().len(), 0);
    }
    let _ = li.command(&id, "details", json!({"clear": ["postponed_until", "contract"]})).await.expect(200);
    let shown = li.customer(&id).await;
    assert!(shown.at("/postponed_until").is_null() && shown.at("/contract").is_null());
    assert_eq!(shown.at("/satisfaction"), 9);
}

/// What is declared once is everywhere: set at registration and later, shown, listed by, counted and grouped by, exported, emptied.
#[tokio::test(flavor = "multi_thread")]
async fn every_text_of_the_profile_is_set_shown_listed_by_reported_exported_and_taken_away() {
    let team = Team::on("helloword-13").await;
    let (li, wang, admin) = (team.rep("li"), team.manager("wang"), team.admin());
    for field in ProfileField::ALL {
        let key = field.key();
        let mut body = team.customer_of("li", &format!("With {key}"));
        body[key] = json!("first");
        let id = li.register(body).await;
        assert_eq!(li.customer(&id).await.at(&format!("/{key}")), "first", "{key}");
        let refused = li.command(&id, "details", json!({key: "two\nlines"})).await.expect(422);
        assert_eq!(refused.text_at("/violations/0/field"), key);
        let _ = li.command(&id, "details", json!({key: "second"})).await.expect(200);
        drop(admin.caught_up().await);
        let listed = async |value: &str| {
            let found = li.get(&format!("/v1/customers?{key}={value}")).await.expect(200).items();
            found.iter().map(|one| one["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            (listed("first").await, listed("second,third").await),
            (vec![], vec![id.clone()]),
            "{key}"
        );
        let board = format!("/v1/boards/helloword-13?{key}=second");
        let groups = format!("/v1/dwell/helloword-13?group_by={key}");
        if field.is_in_reports() {
            assert_eq!(wang.get(&board).await.expect(200).at("/total"), 1, "{key}");
            let groups = wang.get(&groups).await.expect(200);
            let groups = groups.at("/groups").as_array().cloned().unwrap_or_default();
            assert!(groups.iter().any(|group| group["key"][key] == "second"), "{key}: {groups:?}");
            let exported = wang.get("/v1/exports/customers?format=csv").await.expect(200).text;
            let header = exported.lines().next().unwrap_or_default();
            assert!(header.split(',').any(|column| column == key), "{key}: {header}");
        } else {
            let _ = wang.get(&board).await.refused(422, "unknown-parameter");
            let _ = wang.get(&groups).await.expect(422);
        }
        let _ = li.command(&id, "details", json!({key: null})).await.expect(200);
        drop(admin.caught_up().await);
        assert!(li.customer(&id).await.at(&format!("/{key}")).is_null(), "{key}");
        assert!(listed("second").await.is_empty(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_empties_every_field_that_may_be_absent() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let given = json!({
        "amount": {"amount": "9.00", "currency": "CNY"}, "tier": "A", "region": "North", "source": "web",
        "channel": "form", "industry": "food", "delivered_on": "2026-11-01", "postponed_until": "2099-01-01",
        "credit_code": "91330100799655058B", "contract": {"starts_on": "2026-01-01", "ends_on": "2026-12-31"},
        "channel_ids": [{"channel": "mini_program", "id": "o6_bmj"}], "fields": {"needs": "cold"}, "tags": ["vip"],
        "contacts": [{"kind": "phone", "value": "13800138001"}], "name": "Harbour Foods"
    });
    let mut body = team.customer_of("li", "Harbour Foods");
    for (field, value) in given.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    let id = wang.register(body).await;
    let more = json!({"service_type": "care", "satisfaction": 9, "won_amount": {"amount": "1.00", "currency": "CNY"}});
    let _ = wang.command(&id, "details", more.clone()).await.expect(200);
    let _ = wang.command(&id, "details", json!({})).await.refused(422, "nothing-to-change");
    for (field, value) in given.as_object().into_iter().chain(more.as_object()).flatten() {
        assert_ne!(wang.customer(&id).await.at(&format!("/{field}")), &Value::Null, "{field}");
        let _ = wang.command(&id, "details", json!({field: null})).await.expect(200);
        let shown = wang.customer(&id).await;
        let empty = match value {
            Value::Array(_) => json!([]),
            _ if field == "fields" => json!({}),
            _ => Value::Null,
        };
        assert_eq!(shown.at(&format!("/{field}")), &empty, "{field}");
    }
    let both = json!({"tier": "B", "clear": ["tier"]});
    let refused = wang.command(&id, "details", both).await.refused(422, "invalid-value");
    assert_eq!(refused.text_at("/violations/0/field"), "clear[0]");
    // What is gone is free for anyone who has it.
    let mut other = team.customer("Pier Nine");
    other["contacts"] = given["contacts"].clone();
    other["credit_code"] = given["credit_code"].clone();
    wang.register(other).await;
    let head = wang.head().await;
    let then =
        format!("/v1/customers/{id}?effective_at=2099-01-01T00:00:00Z&min_position={head}&wait_ms=20000");
    assert_eq!(wang.get(&then).await.expect(200).at("/tier"), &Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_in_any_currency_and_totals_in_each_and_converted_by_the_rates_of_a_day() {
    let team = Team::on("landian-6").await;
    let (wang, admin) = (team.manager("wang"), team.admin());
    for (amount, currency) in [("100.00", "USD"), ("2000", "JPY"), ("9.99", "CNY"), ("1.234", "KWD")] {
        let mut body = team.customer(&format!("Customer in {currency}"));
        body["amount"] = json!({"amount": amount, "currency": currency});
        wang.register(body).await;
    }
    for (amount, currency, field) in
        [("1.5", "JPY", "amount.amount"), ("1.001", "CNY", "amount.amount"), ("1", "DEM", "amount.currency")]
    {
        let mut body = team.customer("X");
        body["amount"] = json!({"amount": amount, "currency": currency});
        let refused = wang.post("/v1/customers", body).await.refused(422, "invalid-money");
        assert_eq!(refused.text_at("/violations/0/field"), field);
    }
    let table =
        |day: &str, usd: &str| json!({"date": day, "base": "CNY", "rates": {"USD": usd, "JPY": "0.05"}});
    let _ = admin.post("/v1/admin/rates", table("2026-01-02", "7.00")).await.expect(200);
    let _ = admin.post("/v1/admin/rates", table("2026-02-02", "7.10")).await.expect(200);
    let board = async |query: &str| {
        let head = wang.head().await;
        let path = format!("/v1/boards/landian-6?{query}&min_position={head}&wait_ms=20000");
        wang.get(&path).await.expect(200)
    };
    let latest = board("").await;
    assert_eq!(
        latest.at("/stages/0/amounts").as_array().map(Vec::len),
        Some(4),
        "every currency has its own total"
    );
    assert_eq!(
        latest.at("/stages/0/converted"),
        &json!({"amount": "819.99", "currency": "CNY", "rate_date": "2026-02-02", "without_rate": ["KWD"]})
    );
    let then = board("rate_date=2026-01-31").await;
    assert_eq!(then.at("/stages/0/converted/amount"), "809.99");
    let in_dollars = board("currency=USD&rate_date=2026-02-02").await;
    assert_eq!(in_dollars.at("/stages/0/converted/amount"), "115.49");
    let _ = wang.get("/v1/boards/landian-6?currency=DEM").await.refused(422, "invalid-value");
    let _ = wang.get("/v1/boards/landian-6?rate_date=2025-01-01").await.refused(422, "invalid-value");
    let one = wang.get("/v1/admin/rates?date=2026-01-31").await.expect(200).items();
    assert_eq!(one[0]["rates"]["USD"], "7.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_put_off_until_a_day_or_won_in_part_by_the_move_itself() {
    let team = Team::on("helloword-13").await;
    let wang = team.manager("wang");
    let id = wang.register(team.customer_of("li", "Harbour Foods")).await;
    let put_off = json!({"to": "postponed", "postponed_until": "2099-03-01"});
    let moved = wang.command(&id, "transitions", put_off).await.expect(200);
    assert_eq!(moved.text_at("/events/0/type"), "customer.moved");
    assert_eq!(wang.customer(&id).await.at("/postponed_until"), "2099-03-01");
    let back = json!({"to": "negotiating"});
    assert_eq!(wang.command(&id, "transitions", back).await.status, 200);
    assert!(wang.customer(&id).await.at("/postponed_until").is_null(), "it is no longer put off");
    let amount = json!({"amount": "400.00", "currency": "CNY"});
    let wrong = json!({"to": "contacted", "won_amount": amount});
    let refused = wang.command(&id, "transitions", wrong).await.refused(422, "invalid-value");
    assert_eq!(refused.text_at("/violations/0/field"), "won_amount");
    let part = json!({"to": "partially_won", "won_amount": amount, "documents": papers("partially_won")});
    assert_eq!(wang.command(&id, "transitions", part).await.status, 200);
    assert_eq!(wang.customer(&id).await.at("/won_amount"), &amount);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_kept_by_reference_with_who_added_them_and_forgotten_with_the_person() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let sha256 = "0f".repeat(32);
    let contract =
        json!({"kind": "contract", "name": "Contract of March", "reference": "dms-17", "sha256": sha256});
    assert_eq!(li.command(&id, "documents", contract).await.status, 200);
    let shown = li.customer(&id).await;
    assert_eq!(shown.at("/documents/0/reference"), "dms-17");
    assert_eq!(shown.at("/documents/0/uploaded_by"), "rep:li");
    assert_eq!(shown.text_at("/documents/0/sha256"), sha256);
    assert!(shown.at("/documents/0/uploaded_at").is_string());
    assert_eq!(team.admin().command(&id, "erasure", json!({})).await.status, 200);
    let forgotten = li.customer(&id).await;
    assert!(forgotten.at("/documents/0/reference").is_null() && !forgotten.text.contains("March"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_sent_is_listed_told_in_the_timeline_and_forgotten_with_the_person() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let sent = |channel: &str, kind: &str| {
        json!({
            "channel": channel, "summary": "sent the report",
            "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "ask what she thinks of it"},
            "content": {"kind": kind, "title": "Cold chains 2026", "document": "library/7.pdf"},
        })
    };
    let answer = li.command(&customer, "follow-ups", sent("content", "industry_report")).await.expect(200);
    let _ = li
        .command(&customer, "follow-ups", sent("phone", "industry_report"))
        .await
        .refused(422, "invalid-value");
    let _ = li.command(&customer, "follow-ups", sent("content", "poem")).await.refused(422, "invalid-value");
    let mut nameless = sent("content", "white_paper");
    nameless["content"]["title"] = json!("");
    let refused = li.command(&customer, "follow-ups", nameless).await.refused(422, "empty-text");
    assert_eq!(refused.text_at("/violations/0/field"), "content.title");
    let line =
        json!({"command": "follow_up", "customer_id": customer, "body": sent("content", "case_study")});
    let bulk = li.call(Method::POST, "/v1/bulk");
    let told = bulk.bytes("application/x-ndjson", line.to_string()).send().await.expect(200).text;
    assert!(told.contains("\"status\":200"), "{told}");

    let read = li.customer(&customer).await;
    let kinds: Vec<&str> = read
        .at("/contents")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|sent| sent["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["industry_report", "case_study"]);
    assert_eq!(read.text_at("/contents/0/title"), "Cold chains 2026");
    assert_eq!(read.text_at("/contents/0/document"), "library/7.pdf");
    assert_eq!(read.text_at("/contents/0/sent_by"), "rep:li");
    assert_eq!(read.text_at("/contents/0/event"), answer.text_at("/events/0/id"));
    let head = li.head().await;
    let timeline =
        li.get(&format!("/v1/customers/{customer}/timeline?min_position={head}&wait_ms=20000")).await;
    let items = timeline.expect(200).items();
    let told = items.iter().find(|item| item["type"] == "customer.followed_up").cloned().unwrap_or_default();
    assert_eq!(told["data"]["content"]["title"], "Cold chains 2026", "{told}");
    let unread = team.analyst("qian").customer(&customer).await;
    assert!(unread.at("/contents/0/title").is_null() && unread.at("/contents/0/document").is_null());

    let erased = team.admin().command(&customer, "erasure", json!({"ground": "request"})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    let forgotten = team.admin().customer(&customer).await;
    assert!(!forgotten.text.contains("Cold chains"), "{}", forgotten.text);
    assert_eq!(forgotten.text_at("/contents/0/kind"), "industry_report");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_for_which_a_deal_is_put_off_does_not_count_on_the_active_clock() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let ago = |days: i64| waymark_tests::now() - chrono::Duration::days(days);
    let at = |days: i64| ago(days).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let mut body = team.customer_of("li", "Harbour Foods");
    body["effective_at"] = json!(at(10));
    let customer = wang.register(body).await;
    let put_off = json!({"postponed_until": ago(4).date_naive().to_string(), "effective_at": at(8)});
    let _ = wang.command(&customer, "details", put_off).await.expect(200);
    let moved = json!({"to": "need_confirmed", "note": "late", "next_step": "s", "effective_at": at(2)});
    let _ = wang.command(&customer, "transitions", moved).await.expect(200);
    let total = async |clock: &str| {
        let head = wang.head().await;
        let path = format!("/v1/dwell/landian-6?clock={clock}&min_position={head}&wait_ms=20000");
        let answer = wang.get(&path).await.expect(200);
        assert!(!answer.text.contains("equals the calendar"), "{}", answer.text);
        answer.at("/stages/0/completed_seconds/total").as_f64().unwrap_or_default()
    };
    let (calendar, active) = (total("calendar").await, total("active").await);
    let paused = calendar - active;
    assert!((calendar - 8.0 * 86_400.0).abs() < 60.0, "{calendar}");
    // From eight days ago to the midnight of Shanghai (16:00 UTC) with which the UTC date of four days ago begins there.
    let (shortest, longest) = (4.0 * 86_400.0 - 32.0 * 3_600.0, 4.0 * 86_400.0 - 8.0 * 3_600.0);
    assert!((shortest - 60.0..longest + 60.0).contains(&paused), "{paused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_cannot_be_kept_to_the_last_digit_is_refused_wherever_it_stands() {
    let team = Team::on("landian-6").await;
    let (li, admin) = (team.rep("li"), team.admin());
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let most = 1_i64 << 53;
    for (number, taken) in [
        (most.to_string(), true),
        ((-most).to_string(), true),
        ((most + 1).to_string(), false),
        ((-most - 1).to_string(), false),
        ("123456789012345678901234567890".to_owned(), false),
        ("0.1".to_owned(), true),
        ("1e300".to_owned(), false),
    ] {
        for (what, body) in [
            ("signals", format!("{{\"kind\": \"paid\", \"data\": {{\"order\": {number}}}}}")),
            ("details", format!("{{\"fields\": {{\"order\": {number}}}}}")),
        ] {
            let call = li.call(Method::POST, &format!("/v1/customers/{id}/{what}"));
            let answer = call.bytes("application/json", body).send().await;
            if taken {
                assert_eq!(answer.status, 200, "{what} {number}: {}", answer.text);
            } else {
                let _ = answer.refused(422, "invalid-value");
            }
        }
    }
    declare(&admin, "volume", "number", json!({})).await;
    for (text, taken) in
        [("5", true), ("-5.25", true), ("+5", false), ("5.", false), (".5", false), ("1e3", false)]
    {
        let answer = li.command(&id, "details", json!({"fields": {"volume": text}})).await;
        assert_eq!(answer.status, if taken { 200 } else { 422 }, "{text}: {}", answer.text);
        let amount = json!({"amount": {"amount": text.trim_start_matches('-'), "currency": "CNY"}});
        let answer = li.command(&id, "details", amount).await;
        assert_eq!(answer.status, if taken { 200 } else { 422 }, "{text}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_currency_of_the_past_is_taken_for_a_deal_of_the_past_until_its_last_day() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let in_currency = |currency: &str, effective_at: Option<&str>| {
        let mut body = team.customer("Harbour Foods");
        body["amount"] = json!({"amount": "100", "currency": currency});
        if let Some(at) = effective_at {
            body["effective_at"] = json!(at);
        }
        body
    };
    for currency in ["XCG", "XAD", "EUR", "SLE", "ZWG"] {
        admin.register(in_currency(currency, None)).await;
    }
    for (currency, last) in
        [("BGN", "2025-12-31"), ("HRK", "2022-12-31"), ("ANG", "2025-06-30"), ("ZWL", "2024-08-31")]
    {
        let refused =
            admin.post("/v1/customers", in_currency(currency, None)).await.refused(422, "invalid-money");
        assert_eq!(refused.text_at("/violations/0/field"), "amount.currency");
        assert_eq!(refused.text_at("/violations/0/last_day"), last);
        admin.register(in_currency(currency, Some(&format!("{last}T23:59:59Z")))).await;
        let mut after = last.parse::<chrono::NaiveDate>().expect("a day");
        after = after.succ_opt().expect("a day after");
        let late = in_currency(currency, Some(&format!("{after}T00:00:00Z")));
        let _ = admin.post("/v1/customers", late).await.refused(422, "invalid-money");
    }
}
