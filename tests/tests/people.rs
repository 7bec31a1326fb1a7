//! People: teams, deputies, hand-overs, and what an auditor sees of it.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

fn north() -> Value {
    json!({
        "key": "north", "name": {"zh": "北区", "en": "North"},
        "supervisors": ["supervisor:zhou"], "members": ["li", "zhao"]
    })
}

async fn ids(client: &Client, query: &str) -> Vec<String> {
    let head = client.head().await;
    let path = format!("/v1/customers?{query}&min_position={head}&wait_ms=20000");
    let items = client.get(&path).await.expect(200).items();
    items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_lists_are_those_of_a_team_as_it_was_then() {
    let team = Team::on("landian-6").await;
    let wang = team.manager("wang");
    let mut customers = Vec::new();
    for rep in ["li", "zhao", "chen"] {
        customers.push(wang.register(team.customer_of(rep, &format!("Customer of {rep}"))).await);
    }
    let _ = wang.post("/v1/admin/teams", north()).await.expect(200);
    let before = wang.head().await;
    let total = async |path: &str, pointer: &str| {
        let head = wang.head().await;
        let mark = if path.contains('?') { '&' } else { '?' };
        let answer = wang.get(&format!("{path}{mark}team=north&min_position={head}&wait_ms=20000")).await;
        answer.expect(200).at(pointer).clone()
    };
    assert_eq!(total("/v1/boards/landian-6", "/total").await, 2);
    assert_eq!(total("/v1/dwell/landian-6", "/stages/0/visits").await, 2);
    assert_eq!(total("/v1/flows/landian-6", "/start/0/count").await, 2);
    assert_eq!(total("/v1/paths/landian-6", "/paths/0/count").await, 2);
    let week = total("/v1/heatmap?pipeline=landian-6", "/weekdays").await;
    let hours = week.as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
    assert_eq!(hours.filter_map(Value::as_u64).sum::<u64>(), 2, "{week}");
    assert_eq!(ids(&wang, "team=north").await, customers[..2]);

    let mut smaller = north();
    smaller["members"] = json!(["li"]);
    let _ = wang.post("/v1/admin/teams", smaller).await.expect(200);
    assert_eq!(total("/v1/boards/landian-6", "/total").await, 1);
    let then = format!("/v1/boards/landian-6?known_position={before}");
    assert_eq!(total(&then, "/total").await, 2, "the team as it was known then");

    for path in ["/v1/boards/landian-6?team=south", "/v1/customers?team=south"] {
        let refused = wang.get(path).await.refused(422, "unknown-team");
        assert!(refused.text.contains("north"), "the teams there are, are named: {}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_works_the_customers_of_who_is_on_leave_and_they_stay_the_owners() {
    let team = Team::on("landian-6").await;
    let (li, zhao) = (team.rep("li"), team.rep("zhao"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let note = json!({"text": "called"});
    let _ = zhao.command(&customer, "notes", note.clone()).await.refused(403, "not-owner");

    let (from, until) = ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
    let leave = json!({"rep": "li", "deputy": "zhao", "from": from, "until": until});
    let _ = zhao.post("/v1/deputies", leave.clone()).await.refused(403, "forbidden-role");
    let arranged = li.post("/v1/deputies", leave).await.expect(200).text_at("/id");
    assert_eq!(zhao.command(&customer, "notes", note.clone()).await.status, 200);
    let moved = json!({"to": "need_confirmed", "note": "budget known", "next_step": "send a proposal"});
    assert_eq!(zhao.command(&customer, "transitions", moved).await.status, 200);
    let give = json!({"to": "rep:zhao", "reason": "handover"});
    let _ = zhao.command(&customer, "owner-changes", give).await.refused(403, "not-owner");
    let wang = team.manager("wang");
    let back = json!({"to": "first_contact", "note": "start again"});
    let told = wang.command(&customer, "transitions", back).await.expect(200).text_at("/events/0/id");
    let path = format!("/v1/me/inbox?min_position={}&wait_ms=20000", wang.head().await);
    for who in [&li, &zhao] {
        let inbox = who.get(&path).await.expect(200).items();
        assert!(inbox.iter().any(|one| one["id"] == *told), "a deputy is told, too: {inbox:?}");
    }
    assert_eq!(li.customer(&customer).await.at("/owner"), &json!({"kind": "rep", "id": "li"}));
    let listed = li.get("/v1/deputies").await.expect(200).items();
    assert_eq!((listed.len(), listed[0]["active"].as_bool()), (1, Some(true)));

    let _ = zhao
        .call(Method::DELETE, &format!("/v1/deputies/{arranged}"))
        .send()
        .await
        .refused(403, "forbidden-role");
    assert_eq!(li.call(Method::DELETE, &format!("/v1/deputies/{arranged}")).send().await.status, 200);
    let _ = zhao.command(&customer, "notes", note).await.refused(403, "not-owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_on_leave_is_reminded_of_its_deputy_is_as_long_as_it_stands_in() {
    let team = Team::on("landian-6").await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    for name in ["zhao", "wu"] {
        let _ = team.rep(name);
    }
    let contacts = json!([{"kind": "phone", "value": "+8613800000000"}]);
    let mut body = team.customer_of("li", "Harbour Foods");
    body["contacts"] = contacts.clone();
    let customer = li.register(body).await;
    let inquire = async || {
        let lead = json!({"pipeline": "landian-6", "contacts": contacts.clone(), "note": "asks again"});
        let _ = wang.post("/v1/leads", lead).await.expect(200);
    };
    let reminded = async |rep: &str| {
        let now = format!("min_position={}&wait_ms=20000", wang.head().await);
        wang.get(&format!("/v1/reminders?owner={rep}&{now}")).await.expect(200).items()
    };
    inquire().await;
    let before = reminded("li").await.len();
    assert!(before > 0 && reminded("zhao").await.is_empty(), "{before}");
    let leave =
        json!({"rep": "li", "deputy": "zhao", "from": waymark_tests::now(), "until": "2099-01-01T00:00:00Z"});
    let arranged = li.post("/v1/deputies", leave).await.expect(200).text_at("/id");
    assert!(reminded("zhao").await.is_empty(), "what was before is the owner's");
    inquire().await;
    let (told, own) = (reminded("zhao").await, reminded("li").await);
    assert!(!told.is_empty() && told.iter().all(|one| one["customer_id"] == *customer), "{told:?}");
    assert!(told.iter().all(|one| own.contains(one)), "the owner's: {own:?}");
    assert!(own.len() > before && reminded("wu").await.is_empty());
    assert_eq!(li.call(Method::DELETE, &format!("/v1/deputies/{arranged}")).send().await.status, 200);
    assert!(reminded("zhao").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rep_who_leaves_hands_everything_over_in_one_request_and_nothing_else_changes() {
    let team = Team::on("landian-6").await;
    let (li, zhou) =
        (team.rep("li"), team.server.with_key(&team.installation.key("supervisor:zhou", &["supervisor"])));
    let mut customers = Vec::new();
    for number in 0..5 {
        let mut body = team.customer_of("li", &format!("Customer {number}"));
        body["tags"] = json!([if number < 2 { "vip" } else { "plain" }]);
        customers.push(li.register(body).await);
    }
    let moved = json!({"to": "need_confirmed", "note": "budget known", "next_step": "send a proposal"});
    let _ = li.command(&customers[0], "transitions", moved).await.expect(200);
    let plan = json!({"channel": "phone", "summary": "talked", "next_plan": {"at": "2099-01-01T00:00:00Z", "text": "call"}});
    let _ = li.command(&customers[0], "follow-ups", plan).await.expect(200);
    let before = li.customer(&customers[0]).await;

    let hand_over = json!({
        "from": "rep:li", "to": "rep:zhao", "occasion": "resign", "filter": {"tag": "vip"}, "dry_run": true
    });
    let head = zhou.head().await;
    let rehearsed = zhou.post("/v1/handovers", hand_over.clone()).await.expect(200);
    assert_eq!((rehearsed.number_at("/handed_over"), zhou.head().await), (2, head));
    let mut real = hand_over;
    real["dry_run"] = json!(false);
    let done = zhou.post("/v1/handovers", real).await.expect(200);
    assert_eq!((done.number_at("/handed_over"), done.number_at("/refused")), (2, 0));
    assert_eq!(ids(&zhou, "owner=rep:zhao").await, customers[..2]);

    let rest = json!({"from": "rep:li", "to": "rep:zhao", "occasion": "resign"});
    let zhao = team.rep("zhao");
    let stolen = zhao.post("/v1/handovers", rest.clone()).await.refused(403, "forbidden-role");
    assert!(customers.iter().all(|customer| !stolen.text.contains(customer)), "{}", stolen.text);
    let call =
        || zhou.call(Method::POST, "/v1/handovers").header("Idempotency-Key", "li-left").json(&rest).send();
    let first = call().await.expect(200);
    assert_eq!(first.number_at("/handed_over"), 3);
    assert_eq!(call().await.expect(200).body, first.body, "a retry is answered alike");
    assert_eq!(zhou.post("/v1/handovers", rest).await.expect(200).items().len(), 0);

    let after = zhou.customer(&customers[0]).await;
    for field in ["journeys/0/stage", "journeys/0/entered_at", "next_action", "tags", "name"] {
        assert_eq!(after.at(&format!("/{field}")), before.at(&format!("/{field}")), "{field}");
    }
    let told = zhou.get(&format!("/v1/customers/{}/timeline", customers[0])).await.expect(200).items();
    let changed =
        told.iter().find(|item| item["type"] == "customer.owner_changed").cloned().unwrap_or_default();
    assert_eq!(changed["data"]["occasion"], "resign");
    assert!(changed["data"]["grace_until"].is_string(), "{changed}");
    assert_eq!(zhao.command(&customers[0], "notes", json!({"text": "mine now"})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_leads_people_and_sets_nothing_up() {
    let team = Team::on("landian-6").await;
    let zhou = team.server.with_key(&team.installation.key("supervisor:zhou", &["supervisor"]));
    let customer = team.rep("li").register(team.customer_of("li", "Harbour Foods")).await;
    assert_eq!(zhou.command(&customer, "notes", json!({"text": "well done"})).await.status, 200);
    let assigned = json!({"to": "rep:zhao", "reason": "region"});
    assert_eq!(zhou.command(&customer, "owner-changes", assigned).await.status, 200);
    let _ = zhou
        .post("/v1/pipelines", json!({"key": "x", "template": "landian-6"}))
        .await
        .refused(403, "missing-role");
    let _ = zhou
        .post("/v1/admin/members", json!({"actor": "rep:li", "roles": ["admin"]}))
        .await
        .refused(403, "missing-role");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditor_sees_who_changed_people_and_their_roles() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let _ = admin.post("/v1/admin/teams", north()).await.expect(200);
    let roles = json!({"actor": "rep:li", "roles": ["rep", "supervisor"]});
    let _ = admin.post("/v1/admin/members", roles).await.expect(200);
    assert_eq!(admin.call(Method::DELETE, "/v1/admin/teams/north").send().await.status, 200);
    let _ = admin.call(Method::DELETE, "/v1/admin/teams/north").send().await.refused(404, "unknown-key");
    let events = team.auditor("sun").events_after(0).await;
    let told: Vec<(&str, &str)> = events
        .iter()
        .filter(|event| event["subject"] == "company/settings")
        .filter_map(|event| Some((event["type"].as_str()?, event["actor"].as_str()?)))
        .collect();
    let by_root = |event| (event, told.first().map(|(_, actor)| *actor).unwrap_or_default());
    assert_eq!(told, [by_root("team.set"), by_root("member.roles_set"), by_root("team.dissolved")]);
    let listed = admin.get("/v1/admin/members").await.expect(200).items();
    assert_eq!(listed[0]["roles"], json!(["rep", "supervisor"]));
}
