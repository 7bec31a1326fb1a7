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
        let due = |one: &&Value| one["actor"] == "visit" && one["customer_id"] == json!(id);
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
