//! CRM系统: leads, the public pool, advancing, return visits and the review of deals.

use serde_json::{Value, json};

use super::{DAY, HOUR, Office, cny, each, paper};

fn phone(number: u32) -> Value {
    json!([{"kind": "phone", "value": format!("139{number:08}")}])
}

#[tokio::test]
async fn leads_from_five_channels_through_the_pool_to_the_deal_and_its_review() {
    let office = Office::of("funnel-5").await;
    let claim = async |key: &str, id: &str| {
        office.bench.post(key, &format!("/v1/customers/{id}/claims"), &json!({})).await
    };
    let owner = async |id: &str| office.shown(id).await["owner"].clone();
    let pool = |key: &str| json!({"kind": "pool", "id": key});

    // Leads of five channels in one request: contact and product are sixty points, enough for a rep; a contact alone is not.
    let channels = ["website", "event", "form", "wechat", "mini_program"];
    let lead = |n: u32, channel: &str, fields: Value| {
        json!({
            "pipeline": "funnel-5", "name": format!("线索{n}"), "source": "公众号", "channel": channel,
            "contacts": phone(n), "fields": fields
        })
    };
    let all = (0..).zip(channels).map(|(n, channel)| lead(n, channel, json!({"product": "crm"})));
    let taken = office.says(&office.admin, "/v1/leads", all.collect()).await;
    let taken = &taken["items"];
    assert_eq!(each(taken, "outcome"), ["created"; 5]);
    assert_eq!(each(taken, "assigned_to"), ["li", "zhao", "li", "zhao", "li"], "in turn");
    for (item, channel) in taken.as_array().unwrap().iter().zip(channels) {
        assert!(item["score"].as_u64() >= Some(60) && !item["score_reasons"].as_array().unwrap().is_empty());
        let shown = office.shown(item["customer_id"].as_str().unwrap()).await;
        assert_eq!((&shown["channel"], &shown["source"]), (&json!(channel), &json!("公众号")));
    }
    let mut low = lead(9, "none", json!({}));
    low["source"] = json!("ads");
    let low = office.says(&office.admin, "/v1/leads", low).await["items"][0].clone();
    assert_eq!((low["score"].as_u64() < Some(60), &low["assigned_to"]), (true, &Value::Null));
    assert_eq!(owner(low["customer_id"].as_str().unwrap()).await, pool("lead_pool"));
    // The same person again is no second customer, and nobody calls it twice.
    let again =
        office.says(&office.admin, "/v1/leads", lead(0, "event", json!({}))).await["items"][0].clone();
    assert_eq!((&again["outcome"], &again["customer_id"]), (&json!("duplicate"), &taken[0]["customer_id"]));

    // Three claims a day; the fourth waits for the pool's midnight. Contacts are masked until then.
    let mut pooled = Vec::new();
    for n in 20..24 {
        let said = json!({"pipeline": "funnel-5", "contacts": phone(n)});
        pooled.push(office.bench.register(&office.admin, &said).await);
    }
    let masked = office.reads(&office.li, &format!("/v1/customers/{}", pooled[0])).await;
    assert!(!masked.to_string().contains("13900000020"), "{masked}");
    for id in &pooled[..3] {
        assert_eq!(claim(&office.li, id).await.status, 200);
    }
    let fourth = claim(&office.li, &pooled[3]).await.problem(409, "claim-quota-exhausted");
    assert!(fourth.to_string().contains("2026-03-02T16:00:00"), "{fourth}");
    claim(&office.zhao, &pooled[0]).await.problem(409, "already-claimed");
    // The first contact within forty-eight hours, with two more to record it.
    let missed = async || {
        let mut missed = 0;
        for id in &pooled[..3] {
            let path = format!("/v1/events?after=0&type=customer.first_contact_missed&customer={id}");
            missed += office.reads(&office.admin, &path).await["items"].as_array().unwrap().len();
        }
        missed
    };
    office.after(48 * HOUR).await;
    office.calls(&pooled[0], 2 * DAY).await;
    office.after(2 * HOUR).await;
    assert_eq!(missed().await, 0);
    office.after(1).await;
    assert_eq!(missed().await, 2, "of three claimed one was called in time");

    // Four days without an update are told to the superior, after five the pool takes the customer back; its stage stays.
    let (silent, noted) = (office.customer(json!({})).await, office.customer(json!({})).await);
    office.after(4 * DAY - 1).await;
    assert!(office.reminders(&silent, "long_without_update").await.is_empty());
    office.does(&noted, "notes", json!({"text": "对方在看方案"})).await;
    office.after(1).await;
    let told = office.reminders(&silent, "long_without_update").await;
    assert_eq!(each(&json!(told), "role"), ["supervisor"]);
    office.after(DAY - 1).await;
    assert_eq!(owner(&silent).await["id"], "li");
    office.after(1).await;
    assert_eq!(owner(&silent).await, pool("customer_pool"));
    assert_eq!(office.stands(&silent).await.0, "lead");
    // The note counts as an update; seven days without a return visit are another clock.
    office.after(2 * DAY - 1).await;
    assert_eq!(owner(&noted).await["id"], "li");
    office.after(1).await;
    assert_eq!(owner(&noted).await, pool("customer_pool"));
    assert_eq!(claim(&office.li, &silent).await.status, 409, "not by who had it, for seven days");
    assert_eq!(claim(&office.zhao, &silent).await.status, 200);

    // Advancing: the form of the quote, a return visit and the next contact by themselves.
    let id = office.customer(json!({"name": "海港食品", "source": "展会"})).await;
    office.moves(&id, "intent").await;
    let ways = office.reads(&office.li, &format!("/v1/customers/{id}/allowed-transitions")).await;
    let talking = ways["items"].as_array().unwrap().iter().find(|way| way["to"] == "talking").unwrap();
    let properties = &talking["form"]["properties"];
    assert!(properties["amount"].is_object() && properties["fields"]["properties"]["product"].is_object());
    office.refused(&id, "transitions", json!({"to": "talking"}), 422, "next-step-required").await;
    let quote = json!({
        "to": "talking", "sub_status": "quoted", "next_step": "回访报价", "amount": cny("12000.00"),
        "fields": {"product": "crm"}
    });
    office.does(&id, "transitions", quote).await;
    office.bench.tick().await;
    assert!(office.task(&id, "return_visit").await.is_some());
    assert_eq!(office.until(&office.shown(&id).await["next_action"]["due_at"]), 3 * DAY);

    // Won is complete with a conversation on record, the contract and the invoice information.
    let both = || json!([paper("order_contract"), paper("invoice_information_confirmed")]);
    let won = |documents: Value| json!({"to": "won", "documents": documents});
    office.refused(&id, "transitions", won(both()), 422, "follow-ups-required").await;
    let without_plan = json!({"channel": "wechat", "summary": "约到试用", "goal_reached": true});
    office.refused(&id, "follow-ups", without_plan, 422, "missing-field").await;
    office.calls(&id, DAY).await;
    office.refused(&id, "transitions", won(json!([paper("order_contract")])), 422, "evidence-required").await;

    // The agreed visit: its owner is reminded once, at its instant; it is on today's list, and then overdue.
    let listed = async |list: &str| {
        let found = office.reads(&office.li, &format!("/v1/worklists/{list}?owner=li")).await;
        each(&found["items"], "customer_id").contains(&id.as_str())
    };
    office.after(DAY - 1).await;
    assert!(office.reminders(&id, "visit").await.is_empty() && !listed("overdue").await);
    assert!(listed("today").await);
    office.after(1).await;
    assert_eq!(office.reminders(&id, "visit").await.len(), 1);
    office.after(1).await;
    assert!(listed("overdue").await);
    office.calls(&id, 2 * DAY).await;
    assert!(!listed("overdue").await);
    office.does(&id, "transitions", won(both())).await;
    office.bench.tick().await;
    assert_eq!(office.processes(&id).await, ["collection", "signing"]);

    // The review: the funnel, the reps beside each other, and who is long untouched.
    let funnel = office.reads(&office.wang, "/v1/funnels/funnel-5").await;
    let stages: Vec<_> = funnel["stages"].as_array().unwrap().iter().map(|one| &one["stage"]).collect();
    assert_eq!(stages, ["lead", "intent", "talking", "won", "lost"]);
    assert_eq!(funnel["totals"]["won"], 1);
    let reps = office.reads(&office.wang, "/v1/reps?limit=50").await;
    let li = reps["items"].as_array().unwrap().iter().find(|one| one["rep"] == "li").unwrap().clone();
    assert_eq!((&li["won"], &li["claims"], &li["follow_ups"]), (&json!(1), &json!(3), &json!(3)));
    let neglect = office.reads(&office.wang, "/v1/heatmap?by=neglect").await;
    assert_eq!(neglect["by"], "neglect");
}
