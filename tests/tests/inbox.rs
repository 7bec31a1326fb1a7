//! What people see of their work: an inbox of their own, what to do next and by when, and the reminder of what was agreed.

#![cfg(test)]

use serde_json::{Value, json};
use waymark_tests::{Client, Team};

async fn inbox(client: &Client, query: &str) -> Vec<Value> {
    let head = client.head().await;
    client.get(&format!("/v1/me/inbox?{query}&min_position={head}&wait_ms=20000")).await.expect(200).items()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_says_who_moved_whom_from_where_to_where_why_and_what_to_do_now() {
    let team = Team::on("helloword-13").await;
    let (li, zhao, wang) = (team.rep("li"), team.rep("zhao"), team.manager("wang"));
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let _ = li.command(&id, "transitions", json!({"to": "contacted"})).await.expect(200);
    assert!(
        inbox(&li, "limit=50").await.iter().all(|one| one["kind"] == "reminder"),
        "one's own acts are no news"
    );
    let lost = json!({"to": "lost", "reason": "price"});
    let _ = wang.command(&id, "transitions", lost).await.expect(200);
    let told = inbox(&li, "limit=50").await;
    let moved = told.iter().find(|one| one["kind"] == "moved").cloned().unwrap_or_default();
    assert_eq!((&moved["actor"], &moved["customer_id"]), (&json!("manager:wang"), &json!(id)));
    assert_eq!(
        (&moved["stage_from"], &moved["stage_to"], &moved["reason"]),
        (&json!("contacted"), &json!("lost"), &json!("price"))
    );
    assert_eq!((&moved["customer_name"], &moved["read"]), (&json!("Harbour Foods"), &json!(false)));
    assert!(
        moved["next_action"]["text"].is_string() && moved["next_action"]["due_at"].is_string(),
        "{moved}"
    );
    assert!(inbox(&zhao, "limit=50").await.is_empty(), "an inbox is one's own");

    let owned = json!({"to": "rep:zhao", "reason": "her region"});
    let _ = wang.command(&id, "owner-changes", owned).await.expect(200);
    assert_eq!(inbox(&zhao, "limit=50").await[0]["kind"], "assigned");
    assert_eq!(inbox(&li, "limit=50").await[0]["kind"], "released");

    let newest = inbox(&li, "unread=true").await;
    let up_to = newest[0]["position"].as_u64().unwrap_or_default();
    let read = li.post("/v1/me/inbox/read", json!({"up_to": up_to})).await.expect(200);
    assert_eq!(read.number_at("/version"), up_to);
    assert!(inbox(&li, "unread=true").await.is_empty());
    assert!(inbox(&li, "limit=50").await.iter().all(|one| one["read"] == true));
    let earlier = li.post("/v1/me/inbox/read", json!({"up_to": 1})).await.expect(200);
    assert_eq!((earlier.number_at("/version"), earlier.at("/events")), (up_to, &json!([])));
    assert_eq!(inbox(&zhao, "unread=true").await.len(), 1, "a mark is one's own");
    for client in [&li, &zhao, &wang] {
        let all = inbox(client, "limit=500").await;
        let ids: std::collections::BTreeSet<&str> = all.iter().filter_map(|one| one["id"].as_str()).collect();
        assert_eq!(ids.len(), all.len(), "each has an id of its own: {all:?}");
        assert!(all.iter().all(|one| one["event_id"].is_string()));
        assert_eq!(inbox(client, "limit=500").await, all, "and keeps it");
    }
    let page = li.get(&format!("/v1/me/inbox?limit=1&min_position={}", li.head().await)).await.expect(200);
    let cursor = page.text_at("/next_cursor");
    let next = li.get(&format!("/v1/me/inbox?limit=50&cursor={cursor}")).await.expect(200);
    assert_eq!(next.items().len() + 1, inbox(&li, "limit=50").await.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_to_do_next_stands_on_customers_cards_and_lists_with_its_deadline() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let stage = li.customer(&id).await;
    assert_eq!(
        (stage.text_at("/next_action/source"), stage.text_at("/next_action/role")),
        ("stage".to_owned(), "rep".to_owned())
    );
    let entered =
        stage.text_at("/journeys/0/entered_at").parse::<chrono::DateTime<chrono::Utc>>().expect("an instant");
    let due =
        stage.text_at("/next_action/due_at").parse::<chrono::DateTime<chrono::Utc>>().expect("an instant");
    assert_eq!(due - entered, chrono::Duration::hours(24), "material within 24 hours");
    let plan = json!({
        "channel": "phone", "summary": "spoke", "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "ring back"},
    });
    let _ = li.command(&id, "follow-ups", plan).await.expect(200);
    let head = li.head().await;
    let fresh = format!("min_position={head}&wait_ms=20000");
    let planned = json!({
        "at": "2099-01-01T00:00:00Z", "due_at": "2099-01-01T00:00:00Z", "text": "ring back", "role": "rep", "source": "plan"
    });
    assert_eq!(li.customer(&id).await.at("/next_action"), &planned);
    let list = li.get(&format!("/v1/customers?{fresh}")).await.expect(200);
    assert_eq!(list.at("/items/0/next_action"), &planned);
    let board = li.get(&format!("/v1/boards/landian-6?{fresh}")).await.expect(200);
    assert_eq!(board.at("/stages/0/cards/0/next_action"), &planned);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agreed_instant_reminds_the_owner_once() {
    let team = Team::with_rules("funnel-5").await;
    let li = team.rep("li");
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let at = (waymark_tests::now() + chrono::Duration::milliseconds(1_500)).to_rfc3339();
    let plan = json!({"channel": "phone", "summary": "spoke", "next_plan": {"at": at, "text": "ring back"}});
    let _ = li.command(&id, "follow-ups", plan).await.expect(200);
    let visits = async || {
        let told = inbox(&li, "limit=50").await;
        let due = |one: &&Value| one["actor"] == "system:visit" && one["customer_id"] == json!(id);
        told.iter().filter(due).count()
    };
    while visits().await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(visits().await, 1);
    let listed =
        li.get(&format!("/v1/reminders?customer={id}&min_position={}", li.head().await)).await.expect(200);
    let visit = listed.items().into_iter().find(|one| one["rule"] == "visit").unwrap_or_default();
    assert_eq!(visit["channels"], json!(["workbench", "wecom", "dingtalk", "feishu"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_by_next_contact_name_the_stage_and_leave_out_the_lost_the_postponed_and_the_pools() {
    let team = Team::on("helloword-13").await;
    let li = team.rep("li");
    let ago = |hours: i64| (waymark_tests::now() - chrono::Duration::hours(hours)).to_rfc3339();
    let mut ids = Vec::new();
    for name in ["kept", "lost", "postponed", "released"] {
        let mut body = team.customer_of("li", name);
        body["effective_at"] = json!(ago(72));
        let id = li.register(body).await;
        let plan = json!({
            "channel": "phone", "summary": "spoke", "effective_at": ago(48),
            "next_plan": {"at": ago(24), "text": "ring back"},
        });
        let _ = li.command(&id, "follow-ups", plan).await.expect(200);
        ids.push(id);
    }
    let overdue = async || {
        let path = format!("/v1/worklists/overdue?min_position={}&wait_ms=20000", li.head().await);
        let list = li.get(&path).await.expect(200);
        assert_eq!(list.number_at("/total"), list.items().len() as u64);
        list.items()
    };
    assert_eq!(overdue().await.len(), 4);
    let _ = li.command(&ids[1], "transitions", json!({"to": "lost", "reason": "price"})).await.expect(200);
    let put_off = json!({"to": "postponed", "postponed_until": "2099-01-01"});
    let _ = li.command(&ids[2], "transitions", put_off).await.expect(200);
    let _ = li.command(&ids[3], "releases", json!({"reason": "no time"})).await.expect(200);
    let left = overdue().await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        (&left[0]["customer_name"], &left[0]["pipeline"], &left[0]["stage"]),
        (&json!("kept"), &json!("helloword-13"), &json!("new_lead"))
    );
    assert!(left[0]["since_stage_entry_seconds"].as_f64().is_some_and(|since| since > 71.0 * 3_600.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_action_is_the_same_on_the_customer_its_card_lists_and_messages_and_in_one_language() {
    let team = Team::with_rules("helloword-13").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let plan = json!({"at": "2098-05-01T08:00:00Z", "text": "bring samples"});
    let talk = json!({"channel": "phone", "summary": "spoke", "next_plan": plan});
    let _ = li.command(&id, "follow-ups", talk).await.expect(200);
    let everywhere = async |language: &str, list: &str| {
        let fresh = format!("min_position={}&wait_ms=20000", wang.head().await);
        let read = async |path: String| {
            let call = li.call(reqwest::Method::GET, &path).header("accept-language", language);
            call.send().await.expect(200)
        };
        // Work lists and the board have taken everything in.
        let _ = read(format!("/v1/tasks?{fresh}")).await;
        let customer = read(format!("/v1/customers/{id}?{fresh}")).await.at("/next_action").clone();
        let listed = read(format!("/v1/customers?{fresh}")).await.at("/items/0/next_action").clone();
        let board = read(format!("/v1/boards/helloword-13?{fresh}")).await;
        let stages = board.at("/stages").as_array().cloned().unwrap_or_default();
        let card =
            stages.iter().find_map(|stage| stage["cards"].as_array()?.first().cloned()).unwrap_or_default();
        let inbox = read(format!("/v1/me/inbox?{fresh}")).await.items();
        let told = inbox.iter().find(|one| one["customer_id"] == *id && one["kind"] == "moved").cloned();
        let mut all = vec![listed, card["next_action"].clone()];
        all.extend(told.map(|told| told["next_action"].clone()));
        if !list.is_empty() {
            all.push(read(format!("/v1/worklists/{list}?{fresh}")).await.at("/items/0/next_action").clone());
        }
        assert!(all.iter().all(|one| *one == customer), "{language}: {customer} and {all:?}");
        customer
    };
    let agreed = everywhere("en", "").await;
    assert_eq!((&agreed["text"], &agreed["source"]), (&json!("bring samples"), &json!("plan")));
    // A rule sets the next contact, in both languages.
    let _ = wang
        .command(&id, "overrides", json!({"to": "negotiating", "reason": "they called"}))
        .await
        .expect(200);
    let set = |item: &Value| {
        item["next_action"]["source"] == "plan" && item["next_action"]["text"] != "bring samples"
    };
    let _ = li.until(&format!("/v1/customers/{id}"), |answer| set(&answer.body)).await;
    let (zh, en) = (everywhere("zh", "").await, everywhere("en", "").await);
    assert_eq!(zh["due_at"], en["due_at"]);
    let (zh, en) = (zh["text"].as_str().unwrap_or_default(), en["text"].as_str().unwrap_or_default());
    assert!(!zh.is_empty() && zh.chars().all(|sign| !sign.is_ascii_alphabetic()), "{zh}");
    assert!(!en.is_empty() && en.is_ascii(), "{en}");
    // Put off to a day: what was agreed before is off, everywhere.
    let put_off = json!({"to": "postponed", "postponed_until": "2099-03-01"});
    let _ = wang.command(&id, "transitions", put_off).await.expect(200);
    let waits = everywhere("en", "").await;
    let due = waits["due_at"].as_str().unwrap_or_default();
    assert!(due.starts_with("2099-02-28T16:00:00"), "midnight in the pool's zone: {waits}");
    // Lost, then back by an ordinary move: what the loss ended does not come back.
    let _ = wang.command(&id, "transitions", json!({"to": "lost", "reason": "price"})).await.expect(200);
    assert_eq!(everywhere("en", "").await["source"], "stage");
    let _ = wang
        .command(&id, "overrides", json!({"to": "contacted", "reason": "they came back"}))
        .await
        .expect(200);
    assert_eq!(everywhere("en", "").await["source"], "stage");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_a_role_in_the_owners_team_hears_of_what_goes_to_it_and_nobody_of_another_team_does() {
    let team = Team::on("landian-6").await;
    let (li, mo, zhao, admin) = (team.rep("li"), team.rep("mo"), team.rep("zhao"), team.admin());
    let of = |key: &str, members: Value, functions: Value| json!({"key": key, "name": {"zh": key, "en": key}, "members": members, "functions": functions});
    let north = of("north", json!(["li"]), json!({"service": ["mo"], "finance": ["finance:qian"]}));
    let _ = admin.post("/v1/admin/teams", north).await.expect(200);
    let south = of("south", json!(["wu"]), json!({"service": ["rep:zhao"]}));
    let _ = admin.post("/v1/admin/teams", south).await.expect(200);
    let teams = admin.get("/v1/admin/teams").await.expect(200).items();
    let filled = json!({"service": ["rep:mo"], "finance": ["finance:qian"]});
    assert_eq!(teams[0]["functions"], filled, "{teams:?}");
    let wrong = of("east", json!([]), json!({"astronaut": ["mo"]}));
    let refused = admin.post("/v1/admin/teams", wrong).await.refused(422, "unknown-role");
    assert_eq!(refused.text_at("/violations/0/field"), "functions.astronaut");

    let mut definition = admin.get("/v1/pipelines/landian-6").await.expect(200).body;
    for field in ["key", "version"] {
        let _ = definition.as_object_mut().and_then(|fields| fields.remove(field));
    }
    let text = json!({"zh": "请准备服务。", "en": "Prepare the service."});
    definition["automations"] = json!([{
        "id": "prepare", "name": text, "trigger": {"kind": "stage_entered", "stages": ["first_contact"]},
        "actions": [{"kind": "remind", "role": "service", "text": text}]
    }]);
    let mut unheard = definition.clone();
    unheard["automations"][0]["actions"][0]["role"] = json!("astronaut");
    let unheard = json!({"definition": unheard});
    let refused = admin.post("/v1/pipelines/landian-6/versions", unheard).await.refused(422, "unknown-role");
    assert_eq!(refused.text_at("/violations/0/field"), "automations[0].actions[0].role");
    let next = json!({"definition": definition});
    let _ = admin.post("/v1/pipelines/landian-6/versions", next).await.expect(201);
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let told = inbox(&mo, "limit=50").await;
    assert_eq!((&told[0]["role"], &told[0]["customer_id"]), (&json!("service"), &json!(id)), "{told:?}");
    assert_eq!(told.len(), 1);
    assert!(inbox(&zhao, "limit=50").await.is_empty(), "another team's");
    assert!(!inbox(&admin, "limit=50").await.is_empty(), "those who lead hear of it as well");
}
