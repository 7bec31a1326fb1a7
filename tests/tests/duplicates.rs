//! The same person or company once: recognised at the door, touched again, merged, parted, forgotten together.

#![cfg(test)]

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team};

const PHONE: &str = "+8613800138000";

fn phone(value: &str) -> Value {
    json!([{"kind": "phone", "value": value}])
}

fn with(team: &Team, field: &str, value: Value) -> Value {
    let mut body = team.customer("Harbour Foods");
    body[field] = value;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_known_by_an_exact_key_is_refused_naming_the_known_one() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let mut body = team.customer("Harbour Foods");
    body["contacts"] = json!([
        {"kind": "phone", "value": "138 0013 8000"},
        {"kind": "email", "value": "Li.Wei@Harbour.example"},
        {"kind": "wechat", "value": "harbour_li"},
    ]);
    body["credit_code"] = json!("91330100799655058B");
    body["channel_ids"] = json!([{"channel": "mini_program", "id": "o6_bmj"}]);
    let known = wang.register(body).await;

    for (field, value, named, by) in [
        ("contacts", phone("+86 138-0013-8000"), "contacts[0].value", "phone"),
        ("contacts", phone("１３８００１３８０００"), "contacts[0].value", "phone"),
        (
            "contacts",
            json!([{"kind": "email", "value": "li.wei@harbour.EXAMPLE"}]),
            "contacts[0].value",
            "email",
        ),
        ("contacts", json!([{"kind": "wechat", "value": "Harbour_Li"}]), "contacts[0].value", "wechat"),
        ("credit_code", json!("9133 0100 7996 5505 8b"), "credit_code", "credit_code"),
        (
            "channel_ids",
            json!([{"channel": "mini_program", "id": "o6_bmj"}]),
            "channel_ids[0].id",
            "channel_id",
        ),
    ] {
        let refused = wang.post("/v1/customers", with(&team, field, value)).await;
        let refused = refused.refused(409, "duplicate-customer");
        assert_eq!(refused.text_at("/customer_id"), known);
        assert_eq!(refused.text_at("/violations/0/field"), named);
        assert_eq!(refused.text_at("/recognised_by"), by);
    }
    wang.register(with(&team, "contacts", phone("+8613900139000"))).await;
    wang.register(with(&team, "channel_ids", json!([{"channel": "website", "id": "o6_bmj"}]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_32_registrations_of_one_telephone_at_once_one_wins() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let forms = ["13800138000", "+8613800138000", "138 0013 8000", "0086-138-0013-8000"];
    let calls = (0..32).map(|n| {
        let body = with(&team, "contacts", phone(forms[n % forms.len()]));
        wang.call(Method::POST, "/v1/customers").json(&body).send()
    });
    let answers: Vec<Answer> = join_all(calls).await;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    let winner = won[0].text_at("/id");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.refused(409, "duplicate-customer").text_at("/customer_id"), winner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_given_up_is_free_and_one_that_another_has_is_not_taken() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let first = wang.register(with(&team, "contacts", phone(PHONE))).await;
    let second = wang.register(team.customer("Pier Nine")).await;

    let taken = wang.command(&second, "details", json!({"contacts": phone("13800138000")})).await;
    assert_eq!(taken.refused(409, "duplicate-customer").text_at("/customer_id"), first);
    let again = wang.command(&first, "details", json!({"contacts": phone("138 0013 8000")})).await;
    assert_eq!(again.status, 200, "one's own number is no duplicate: {}", again.text);

    let _ = wang.command(&first, "details", json!({"contacts": phone("+8613900139000")})).await.expect(200);
    assert_eq!(wang.command(&second, "details", json!({"contacts": phone(PHONE)})).await.status, 200);
    let taken = wang.post("/v1/customers", with(&team, "contacts", phone(PHONE))).await;
    assert_eq!(taken.refused(409, "duplicate-customer").text_at("/customer_id"), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_persons_lead_is_a_further_source_and_no_second_customer() {
    let team = Team::on("landian-6").await;
    let (li, chen) = (team.rep("li"), team.rep("chen"));
    let mut known = team.customer_of("li", "Harbour Foods");
    known["contacts"] = phone(PHONE);
    known["external_id"] = json!("erp-7");
    known["source"] = json!("seo");
    let known = li.register(known).await;
    let before = li.customer(&known).await;

    let mut lead = with(&team, "contacts", phone("13800138000"));
    lead["source"] = json!("exhibition");
    lead["channel"] = json!("form");
    lead["note"] = json!("asked for a sample");
    let taken = chen.post("/v1/leads", lead.clone()).await.expect(200);
    assert_eq!(taken.text_at("/items/0/outcome"), "duplicate");
    assert_eq!(taken.text_at("/items/0/customer_id"), known);
    assert_eq!(taken.text_at("/items/0/result/events/0/type"), "customer.lead_touched");

    let mut fresh = with(&team, "contacts", phone("13900139000"));
    fresh["source"] = json!("seminar");
    let by_id = with(&team, "external_id", json!("erp-7"));
    let wrong = json!({"pipeline": "landian-6", "name": "A", "colour": "red"});
    let body = json!([lead, fresh, fresh, by_id, wrong]);
    let call = || chen.call(Method::POST, "/v1/leads").header("Idempotency-Key", "fair").json(&body).send();
    let many = call().await.expect(200);
    let outcomes: Vec<Value> = many.items().iter().map(|item| item["outcome"].clone()).collect();
    assert_eq!(outcomes, ["duplicate", "created", "duplicate", "duplicate", "refused"]);
    assert_eq!(many.at("/items/1/customer_id"), many.at("/items/2/customer_id"));
    assert_eq!(many.text_at("/items/4/problem/violations/0/field"), "colour");
    let head = li.head().await;
    assert_eq!(call().await.expect(200).items()[..4], many.items()[..4], "a retry is answered alike");
    assert_eq!(li.head().await, head);

    let after = li.customer(&known).await;
    for field in ["owner", "source", "journeys/0/stage", "name"] {
        assert_eq!(after.at(&format!("/{field}")), before.at(&format!("/{field}")), "{field}");
    }
    let sources = after.at("/touches").as_array().cloned().unwrap_or_default();
    assert_eq!(sources.len(), 3);
    assert_eq!(
        (sources[0]["source"].as_str(), sources[0]["channel"].as_str()),
        (Some("exhibition"), Some("form"))
    );
    let told = li.get(&format!("/v1/customers/{known}/timeline")).await.expect(200).items();
    let touched =
        told.iter().find(|item| item["type"] == "customer.lead_touched").cloned().unwrap_or_default();
    assert_eq!(
        (touched["note"].as_str(), touched["actor"].as_str()),
        (Some("asked for a sample"), Some("rep:chen"))
    );
    assert_eq!(touched["data"]["recognised_by"], json!(["phone"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_bulk_and_a_step_of_an_atomic_one_recognise_people_too() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let line = |value: &str| {
        json!({"command": "register", "body": with(&team, "contacts", phone(value))}).to_string()
    };
    let lines = format!("{}\n{}\n", line("13800138000"), line("+86 138 0013 8000"));
    let send = |query: &str| {
        let path = format!("/v1/bulk{query}");
        wang.call(Method::POST, &path).bytes("application/x-ndjson", lines.clone()).send()
    };
    let statuses = |answer: &Answer| -> Vec<u64> {
        let lines = answer.text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|line| line["status"].as_u64()).collect()
    };
    let together = send("?atomic=true").await;
    assert!(together.text.contains("duplicate-customer"), "{}", together.text);
    assert_eq!(wang.get("/v1/customers").await.expect(200).items().len(), 0);
    assert_eq!(statuses(&send("").await), [201, 409]);
    assert_eq!(statuses(&send("?dry_run=true").await), [409, 409]);
    assert_eq!(statuses(&send("?atomic=true&dry_run=true").await)[0], 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_person_may_come_back_as_somebody_new() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let first = admin.register(with(&team, "contacts", phone(PHONE))).await;
    assert_eq!(admin.command(&first, "erasure", json!({})).await.status, 200);
    let second = admin.register(with(&team, "contacts", phone(PHONE))).await;
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_alike_is_suspected_with_a_score_and_reasons() {
    let team = Team::on("landian-6").await;
    // Somebody is known who owns nobody.
    let _ = team.rep("li");
    let wang = team.manager("wang");
    let first = wang.register(team.customer("深圳市海港食品有限公司 Harbour Foods Ltd.")).await;
    let same = wang.register(team.customer("海港食品（深圳）股份有限公司")).await;
    let slip = wang.register(team.customer("Habrour Foods Inc")).await;
    let _other = wang.register(team.customer("海洋渔业有限公司")).await;
    let suspects = async |id: &str| {
        let head = wang.head().await;
        let path = format!("/v1/customers/{id}/duplicates?min_position={head}&wait_ms=20000");
        wang.get(&path).await.expect(200).items()
    };
    let found = suspects(&first).await;
    let ids: Vec<&str> = found.iter().filter_map(|item| item["customer_id"].as_str()).collect();
    assert_eq!(ids, [same.as_str(), slip.as_str()]);
    assert_eq!(found[0]["score"].as_f64(), Some(0.95));
    assert_eq!(found[0]["reasons"], json!(["same_company_name"]));
    assert_eq!(found[1]["reasons"], json!(["similar_company_name"]));

    // The queue of all has each pair once, under the one that came later.
    let queue = async |query: &str| {
        let head = wang.head().await;
        let path = format!("/v1/duplicates?min_position={head}&wait_ms=20000{query}");
        wang.get(&path).await.expect(200).body
    };
    let pairs = |page: &Value| -> Vec<(String, Vec<String>)> {
        let text = |value: &Value| value["customer_id"].as_str().unwrap_or_default().to_owned();
        let suspects = |item: &Value| item["suspects"].as_array().into_iter().flatten().map(text).collect();
        page["items"].as_array().into_iter().flatten().map(|item| (text(item), suspects(item))).collect()
    };
    let (of_same, of_slip) = ((same.clone(), vec![first.clone()]), (slip.clone(), vec![first.clone()]));
    let whole = queue("").await;
    assert_eq!(
        (pairs(&whole), &whole["next_cursor"]),
        (vec![of_same.clone(), of_slip.clone()], &Value::Null)
    );
    let page = queue("&limit=1").await;
    assert_eq!(pairs(&page), std::slice::from_ref(&of_same));
    let next = format!("&limit=1&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    assert_eq!(pairs(&queue(&next).await), [of_slip]);
    assert_eq!(pairs(&queue("&min_score=0.95").await), [of_same]);
    assert_eq!(pairs(&queue("&owner=rep:li").await), []);

    assert_eq!(wang.command(&first, "merges", json!({"absorbed": same})).await.status, 200);
    assert_eq!(pairs(&queue("").await).len(), 1, "who was merged stands in no queue");
    let left = suspects(&first).await;
    assert_eq!(left.len(), 1, "who was merged is no suspect any more: {left:?}");
    let analyst = team.analyst("qian").get(&format!("/v1/customers/{slip}/duplicates")).await.expect(200);
    assert!(analyst.items()[0]["name"].is_null());
}

/// Two customers of li's, the second one further on; both registered two moments apart.
async fn two(team: &Team) -> (Client, String, String) {
    let li = team.rep("li");
    let mut body = team.customer_of("li", "Harbour Foods");
    body["contacts"] = phone(PHONE);
    let survivor = li.register(body).await;
    let absorbed = li.register(team.customer_of("li", "Harbor Foods")).await;
    let moved = json!({"to": "need_confirmed", "note": "budget known", "next_step": "send a proposal"});
    assert_eq!(li.command(&absorbed, "transitions", moved).await.status, 200);
    (li, survivor, absorbed)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_merged_customers_are_one_from_then_on_and_were_two_before() {
    let team = Team::on("landian-6").await;
    let (li, survivor, absorbed) = two(&team).await;
    let before = li.head().await;
    let merged = json!({"absorbed": absorbed, "stage_policy": "furthest", "reason": "one company"});
    let answer = li.command(&survivor, "merges", merged).await.expect(200);
    let types: Vec<&str> = answer
        .at("/events")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(types, ["customer.absorbed", "customer.moved", "customer.merged_into"]);

    let shown = li.customer(&survivor).await;
    assert_eq!(shown.at("/journeys/0/stage"), "need_confirmed");
    assert!(shown.at("/merged_into").is_null());
    let found = li.customer(&absorbed).await;
    assert_eq!(found.text_at("/id"), survivor, "a merged customer is found where it goes on");
    let refused = li.command(&absorbed, "notes", json!({"text": "hello"})).await.refused(409, "merged");
    assert_eq!(refused.text_at("/merged_into"), survivor);
    assert_eq!(li.get("/v1/customers").await.expect(200).items().len(), 1);
    let head = li.head().await;
    for (what, list) in [("timeline", "/items"), ("purchases", "/transactions")] {
        let asked = async |customer: &str, more: &str| {
            let path = format!("/v1/customers/{customer}/{what}?min_position={head}&wait_ms=20000{more}");
            li.get(&path).await.expect(200).at(list).clone()
        };
        assert_eq!(asked(&absorbed, "").await, asked(&survivor, "").await, "{what} is where it goes on");
        let own = asked(&absorbed, &format!("&known_position={before}")).await;
        let own = own.as_array().expect("a list");
        assert_eq!(own.is_empty(), what == "purchases", "{what} before the merge is its own: {own:?}");
        assert!(own.iter().all(|one| one["origin"] == absorbed), "{own:?}");
    }
    for what in ["allowed-transitions", "duplicates"] {
        let asked = async |customer: &str| {
            let path = format!("/v1/customers/{customer}/{what}");
            li.get(&path).await.expect(200).at("/items").clone()
        };
        assert_eq!(asked(&absorbed).await, asked(&survivor).await, "{what}");
    }

    let board = async |query: &str| {
        let head = li.head().await;
        let path = format!("/v1/boards/landian-6?{query}&min_position={head}&wait_ms=20000");
        li.get(&path).await.expect(200).number_at("/total")
    };
    assert_eq!(board("").await, 1);
    assert_eq!(board(&format!("known_position={before}")).await, 2, "the board before the merge shows both");
    assert_eq!(board("effective_at=2099-01-01T00:00:00Z").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_among_lines_that_belong_together_is_carried_out_with_all_of_them_or_not_at_all() {
    let team = Team::on("landian-6").await;
    let (li, survivor, absorbed) = two(&team).await;
    let third = li.register(team.customer_of("li", "Quayside")).await;
    let line = |command: &str, customer: &str, body: Value| {
        json!({"command": command, "customer_id": customer, "body": body}).to_string()
    };
    let send = async |flags: &str, lines: &[String]| {
        let call = li.call(Method::POST, &format!("/v1/bulk?atomic=true{flags}"));
        let answer = call.bytes("application/x-ndjson", lines.join("\n")).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let replies = answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        replies.collect::<Vec<Value>>()
    };
    let statuses = |replies: &[Value]| replies.iter().map(|one| one["status"].as_u64()).collect::<Vec<_>>();
    let merge = line("merge", &survivor, json!({"absorbed": absorbed, "stage_policy": "furthest"}));
    let before = line("note", &absorbed, json!({"text": "the same person"}));
    let after = line("merge", &third, json!({"absorbed": survivor}));
    let head = li.head().await;

    // What the merge makes impossible stops them all; so does a merge that is itself refused.
    let late = line("note", &absorbed, json!({"text": "too late"}));
    let stopped = send("", &[before.clone(), merge.clone(), late]).await;
    assert_eq!(stopped[2]["problem"]["code"], "merged", "{stopped:?}");
    assert_ne!(stopped[1]["status"], 200);
    let itself = line("merge", &survivor, json!({"absorbed": survivor}));
    let stopped = send("", &[before.clone(), itself]).await;
    assert_eq!(stopped[1]["problem"]["code"], "same-customer");
    let nobody = line("merge", &survivor, json!({"absorbed": "01930000-0000-7000-8000-000000000000"}));
    assert_eq!(send("", &[before.clone(), nobody]).await[1]["status"], 404);
    assert_eq!(li.head().await, head, "nothing of them was carried out");

    // The second merge is one of what the first leaves.
    let lines = [before, merge, after];
    let would = send("&dry_run=true", &lines).await;
    assert_eq!(statuses(&would), [Some(200); 3]);
    assert_eq!(
        would[1]["result"]["would_record"],
        json!(["customer.absorbed", "customer.moved", "customer.merged_into"])
    );
    assert_eq!(li.head().await, head);
    let done = send("", &lines).await;
    assert_eq!(statuses(&done), [Some(200); 3], "{done:?}");
    let types = |reply: &Value| {
        let events = reply["result"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(types(&done[1]), ["customer.absorbed", "customer.moved", "customer.merged_into"]);
    assert_eq!(done[2]["result"]["events"][1]["position"], head + 6);
    assert_eq!(li.head().await, head + 6);
    for gone in [&survivor, &absorbed] {
        let note = li.command(gone, "notes", json!({"text": "x"})).await.refused(409, "merged");
        assert!(note.text.contains("merged_into"), "{}", note.text);
    }
    assert_eq!(team.installation.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_survivors_timeline_tells_both_stories_and_whose_each_was() {
    let team = Team::on("landian-6").await;
    let (li, survivor, absorbed) = two(&team).await;
    let merged = json!({"absorbed": absorbed, "stage_policy": "survivor"});
    let _ = li.command(&survivor, "merges", merged).await.expect(200);
    let read = async || {
        let head = li.head().await;
        let path = format!("/v1/customers/{survivor}/timeline?view=both&min_position={head}&wait_ms=20000");
        li.get(&path).await.expect(200).items()
    };
    let told = read().await;
    let origins = |of: &str| told.iter().filter(|item| item["origin"] == of).count();
    assert_eq!((origins(&survivor), origins(&absorbed)), (2, 3));
    let theirs = told.iter().find(|item| item["origin"] == absorbed.as_str()).cloned().unwrap_or_default();
    assert_eq!(theirs["data"]["name"], "Harbor Foods", "what was written of the other is readable");
    let moved = told.iter().find(|item| item["type"] == "customer.moved").cloned().unwrap_or_default();
    assert_eq!(
        (moved["stage_from"].as_str(), moved["stage_to"].as_str()),
        (Some("first_contact"), Some("need_confirmed"))
    );

    let back = json!({"absorbed": absorbed, "reason": "two brothers"});
    let _ = li.command(&survivor, "unmerges", back.clone()).await.expect(200);
    assert!(read().await.iter().all(|item| item["origin"] == survivor.as_str()));
    assert_eq!(li.customer(&absorbed).await.text_at("/journeys/0/stage"), "need_confirmed");
    assert_eq!(li.command(&absorbed, "notes", json!({"text": "back"})).await.status, 200);
    let _ = li.command(&survivor, "unmerges", back).await.refused(409, "not-merged");
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_and_erased_customers_are_cut_off_and_not_lost() {
    let team = Team::on("landian-6").await;
    let (li, survivor, absorbed) = two(&team).await;
    let forgotten = li.register(team.customer_of("li", "Pier Nine")).await;
    let _ = li.command(&survivor, "merges", json!({"absorbed": absorbed})).await.expect(200);
    let _ = team.admin().command(&forgotten, "erasure", json!({})).await.expect(200);
    let head = li.head().await;
    let path =
        format!("/v1/dwell/landian-6?effective_at=2099-01-01T00:00:00Z&min_position={head}&wait_ms=20000");
    let dwell = li.get(&path).await.expect(200);
    let stages = dwell.at("/stages").as_array().cloned().unwrap_or_default();
    let stage = |id: &str| stages.iter().find(|stage| stage["stage"] == id).cloned().unwrap_or_default();
    let (contact, confirmed) = (stage("first_contact"), stage("need_confirmed"));
    assert_eq!(contact["censored"], json!([{"reason": "erased", "count": 1}]));
    assert_eq!(confirmed["censored"], json!([{"reason": "merged", "count": 1}]));
    assert_eq!((confirmed["visits"].as_u64(), confirmed["open"].as_u64()), (Some(1), Some(0)));
    assert_eq!(confirmed["exits"], json!([]), "a merge is no exit");
    assert_eq!(confirmed["kaplan_meier"]["events"], 0);
    assert!(confirmed["open_median_age_seconds"].is_null(), "nobody is waiting there any more");

    let stays = li.get(&format!("/v1/customers/{absorbed}/stays")).await.expect(200).items();
    let last = stays.last().cloned().unwrap_or_default();
    assert_eq!((last["censored"].as_str(), last["open"].as_bool()), (Some("merged"), Some(false)));
    assert!(
        last["seconds"].as_f64().is_some_and(|seconds| seconds < 3_600.0),
        "seen until the merge only: {last}"
    );
    assert_eq!(stage("lost")["visits"].as_u64().unwrap_or_default(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_keeps_what_was_known_and_agreed_and_its_undoing_gives_the_numbers_back() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let mut body = team.customer_of("li", "Harbour Foods");
    body["contacts"] = phone(PHONE);
    body["tags"] = json!(["north"]);
    body["industry"] = json!("food");
    let survivor = li.register(body).await;
    let mut body = team.customer_of("li", "Harbor Foods");
    body["contacts"] =
        json!([{"kind": "phone", "value": "139 0000 0002"}, {"kind": "email", "value": "h@harbor.cn"}]);
    body["tags"] = json!(["north", "vip"]);
    body["tier"] = json!("A");
    body["amount"] = json!({"amount": "50.00", "currency": "CNY"});
    body["fields"] = json!({"needs": "cold"});
    body["industry"] = json!("trade");
    body["credit_code"] = json!("91330100799655058B");
    let absorbed = li.register(body).await;
    let plan = |minutes: i64, text: &str| {
        let at = waymark_tests::now() + chrono::Duration::minutes(minutes);
        json!({"channel": "phone", "summary": "spoke", "next_plan": {"at": at.to_rfc3339(), "text": text}})
    };
    let _ = li.command(&survivor, "follow-ups", plan(60, "send the offer")).await.expect(200);
    let _ = li.command(&absorbed, "follow-ups", plan(30, "ring back")).await.expect(200);
    let _ = li.command(&survivor, "merges", json!({"absorbed": absorbed})).await.expect(200);

    let one = li.customer(&survivor).await;
    assert_eq!(one.text_at("/next_action/text"), "ring back", "the earlier plan stays");
    assert_eq!(one.at("/contacts").as_array().map(Vec::len), Some(3));
    assert_eq!(one.at("/tags"), &json!(["north", "vip"]));
    assert_eq!((one.text_at("/tier"), one.text_at("/amount/amount")), ("A".to_owned(), "50.00".to_owned()));
    assert_eq!(
        (one.text_at("/industry"), one.text_at("/name")),
        ("food".to_owned(), "Harbour Foods".to_owned())
    );
    assert_eq!(one.at("/fields"), &json!({"needs": "cold"}));
    let again = team.customer("Somebody else");
    for (kind, value) in [("phone", PHONE), ("phone", "+86 139 0000 0002"), ("email", "H@HARBOR.CN")] {
        let mut body = again.clone();
        body["contacts"] = json!([{"kind": kind, "value": value}]);
        let refused =
            team.manager("wang").post("/v1/customers", body).await.refused(409, "duplicate-customer");
        assert_eq!(refused.text_at("/customer_id"), survivor, "{value}");
    }
    let renamed =
        json!({"contacts": [{"kind": "phone", "value": PHONE}, {"kind": "phone", "value": "13900000002"}]});
    let _ = li.command(&survivor, "details", renamed).await.expect(200);

    let parted = json!({"absorbed": absorbed, "reason": "two after all"});
    let _ = li.command(&survivor, "unmerges", parted).await.expect(200);
    assert_eq!(li.customer(&survivor).await.at("/contacts"), &phone(PHONE));
    assert_eq!(li.customer(&absorbed).await.at("/contacts").as_array().map(Vec::len), Some(2));
    let number = with(&team, "contacts", phone("13900000002"));
    let refused = team.manager("wang").post("/v1/customers", number).await.refused(409, "duplicate-customer");
    assert_eq!(refused.text_at("/customer_id"), absorbed, "each number is one customer's again");
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_of_two_reps_are_merged_by_who_leads_them() {
    let team = Team::on("landian-6").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let survivor = li.register(team.customer_of("li", "Harbour Foods")).await;
    let absorbed = team.rep("chen").register(team.customer_of("chen", "Harbor Foods")).await;
    let body = json!({"absorbed": absorbed, "stage_policy": "latest_effective"});
    let _ = li.command(&survivor, "merges", body.clone()).await.refused(403, "forbidden-role");
    assert_eq!(wang.command(&survivor, "merges", body.clone()).await.status, 200);
    let _ = wang.command(&survivor, "merges", body).await.refused(409, "merged");
    let _ =
        wang.command(&survivor, "merges", json!({"absorbed": survivor})).await.refused(422, "same-customer");

    let third = wang.register(team.customer("Pier Nine")).await;
    let line = json!({"command": "merge", "customer_id": third, "body": {"absorbed": survivor}});
    let bulk =
        wang.call(Method::POST, "/v1/bulk").bytes("application/x-ndjson", line.to_string()).send().await;
    assert!(bulk.text.contains("\"status\":200"), "{}", bulk.text);
    assert_eq!(wang.customer(&absorbed).await.text_at("/id"), third, "a chain of merges leads to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_a_person_forgets_all_records_that_were_merged() {
    let team = Team::on("landian-6").await;
    let (li, survivor, absorbed) = two(&team).await;
    let _ = li.command(&survivor, "merges", json!({"absorbed": absorbed})).await.expect(200);
    let erased = team.admin().command(&survivor, "erasure", json!({})).await.expect(200);
    assert_eq!(erased.at("/events").as_array().map(Vec::len), Some(2));
    let told = li.get(&format!("/v1/customers/{survivor}/timeline?view=both")).await.expect(200);
    assert!(!told.text.contains("Harbor Foods") && !told.text.contains("Harbour Foods"), "{}", told.text);
    // Whether or not the erasure is folded by now: what was folded before it is no difference.
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn two_merges_of_each_other_at_once_leave_one_customer() {
    let team = Team::on("landian-6").await;
    let (li, one, other) = two(&team).await;
    let (a, b) = tokio::join!(
        li.command(&one, "merges", json!({"absorbed": other})),
        li.command(&other, "merges", json!({"absorbed": one})),
    );
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{}\n{}", a.text, b.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_read_models_tell_the_same_of_merges_and_touches() {
    let team = Team::on("landian-6").await;
    let (li, survivor, absorbed) = two(&team).await;
    let _ = li.post("/v1/leads", with(&team, "contacts", phone(PHONE))).await.expect(200);
    let _ = li.command(&survivor, "merges", json!({"absorbed": absorbed})).await.expect(200);
    let head = li.head().await;
    let fixed =
        format!("effective_at=2099-01-01T00:00:00Z&known_position={head}&min_position={head}&wait_ms=20000");
    let read = async || {
        let mut told = Vec::new();
        for path in [
            format!("/v1/boards/landian-6?{fixed}"),
            format!("/v1/dwell/landian-6?{fixed}"),
            format!("/v1/customers/{survivor}/timeline?{fixed}"),
            format!("/v1/customers/{absorbed}/stays?{fixed}"),
        ] {
            told.push(li.get(&path).await.expect(200).body);
        }
        told.push(li.customer(&survivor).await.at("/touches").clone());
        told
    };
    let before = read().await;
    for name in ["board", "timeline", "dwell"] {
        let rebuilt = team.admin().post(&format!("/v1/projections/{name}/rebuild"), json!({})).await;
        assert!((200..300).contains(&rebuilt.status), "{}", rebuilt.text);
    }
    assert_eq!(read().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_ten_customers_given_one_number_at_once_one_has_it() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let mut customers = Vec::new();
    for number in 0..10 {
        customers.push(wang.register(team.customer(&format!("Customer {number}"))).await);
    }
    let body = json!({"contacts": phone(PHONE)});
    let calls = customers.iter().map(|customer| wang.command(customer, "details", body.clone()));
    let answers: Vec<Answer> = join_all(calls).await;
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap_or_default();
    for (number, answer) in answers.into_iter().enumerate().filter(|(number, _)| *number != winner) {
        let refused = answer.refused(409, "duplicate-customer");
        assert_eq!(refused.text_at("/customer_id"), customers[winner], "customer {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_marked_as_not_duplicates_is_suspected_no_longer() {
    let team = Team::on("landian-6").await;
    let (li, one, other) = two(&team).await;
    let fresh = async |path: &str| {
        let head = li.head().await;
        li.get(&format!("{path}?min_position={head}&wait_ms=20000")).await.expect(200).items()
    };
    let suspected = async || {
        let of_each = [
            fresh(&format!("/v1/customers/{one}/duplicates")).await.len(),
            fresh(&format!("/v1/customers/{other}/duplicates")).await.len(),
            fresh("/v1/duplicates").await.len(),
        ];
        assert!(of_each.iter().all(|count| *count == of_each[0]), "{of_each:?}");
        of_each[0] == 1
    };
    assert!(suspected().await);
    let two_of_them = json!({"other": other, "reason": "two branches"});
    assert_eq!(
        team.rep("chen")
            .command(&one, "distinctions", two_of_them.clone())
            .await
            .refused(403, "not-owner")
            .status,
        403
    );
    let told = li.command(&one, "distinctions", two_of_them.clone()).await.expect(200);
    let types: Vec<Value> =
        told.at("/events").as_array().into_iter().flatten().map(|one| one["type"].clone()).collect();
    assert_eq!(types, ["customer.distinguished", "customer.distinguished"]);
    assert!(!suspected().await);
    assert_eq!(li.customer(&other).await.at("/distinct_from"), &json!([one]));
    let twice = json!({"other": one, "reason": "again"});
    let twice = li.command(&other, "distinctions", twice).await.refused(409, "already-distinguished");
    assert_eq!(twice.text_at("/violations/0/field"), "other");

    // Another name that only resembles changes nothing; one that is the same to the letter does.
    let _ = li.command(&other, "details", json!({"name": "Harbor Foodz"})).await.expect(200);
    assert!(!suspected().await);
    let _ = li.command(&other, "details", json!({"name": "Harbour Foods"})).await.expect(200);
    assert!(suspected().await);
    let line = json!({"command": "distinction", "customer_id": other, "body": {"other": one, "reason": "a namesake"}});
    for query in ["?dry_run=true", "?atomic=true&dry_run=true", "?atomic=true"] {
        let call = li
            .call(Method::POST, &format!("/v1/bulk{query}"))
            .bytes("application/x-ndjson", line.to_string());
        let reply: Value = serde_json::from_str(call.send().await.expect(200).text.trim()).expect("a line");
        assert_eq!(reply["status"], 200, "{reply}");
    }
    assert!(!suspected().await);
    let told = fresh(&format!("/v1/customers/{other}/timeline")).await;
    let told = told.iter().find(|item| item["type"] == "customer.distinguished").expect("a row").clone();
    assert_eq!(told["data"]["reason"], "two branches");

    // It can be taken back; a merge does so by itself.
    let back = json!({"other": other, "reason": "one seat"});
    let _ = li.command(&one, "distinction-withdrawals", back.clone()).await.expect(200);
    assert!(suspected().await);
    let _ = li.command(&one, "distinction-withdrawals", back).await.refused(409, "not-distinguished");
    let _ = li.command(&one, "distinctions", two_of_them).await.expect(200);
    let _ = li.command(&one, "merges", json!({"absorbed": other})).await.expect(200);
    let parted = json!({"absorbed": other, "reason": "two after all"});
    let _ = li.command(&one, "unmerges", parted).await.expect(200);
    assert!(suspected().await);
    assert_eq!(li.customer(&one).await.at("/distinct_from"), &json!([]));
    let itself = json!({"other": one, "reason": "x"});
    let _ = li.command(&one, "distinctions", itself).await.refused(422, "same-customer");
}
