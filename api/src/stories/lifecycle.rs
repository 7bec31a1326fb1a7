//! 纷享销客 and Zoho: from a source to a loyal customer, in five statuses, and those of activity.

use axum::http::Method;
use serde_json::json;

use super::{DAY, Office, cny, each, payment};
use crate::domain::instant;

#[tokio::test]
async fn lifecycle_from_the_source_to_loyalty_with_everything_on_record() {
    let office = Office::of("lifecycle-5").await;
    for (key, kind) in [("needs", "text"), ("pain_points", "text")] {
        let field = json!({"key": key, "type": kind, "name": {"zh": key, "en": key}});
        office.says(&office.admin, "/v1/admin/fields", field).await;
    }

    // Sources online and offline, and a first contact to be made.
    let id = office.customer(json!({"name": "海港食品", "source": "exhibition", "channel": "booth"})).await;
    let other = office.customer(json!({"name": "北山农场", "source": "seo"})).await;
    office.bench.tick().await;
    assert!(office.task(&id, "first_contact").await.is_some());

    // Interest, then clear intent: the needs are known, and what comes next is said, in one request by the form.
    office.moves(&id, "intent").await;
    let ways = office.reads(&office.li, &format!("/v1/customers/{id}/allowed-transitions")).await;
    let following = ways["items"].as_array().unwrap().iter().find(|way| way["to"] == "following").unwrap();
    assert_eq!(following["form"]["required"], json!(["to", "fields", "next_step"]));
    let refused =
        office.refused(&id, "transitions", json!({"to": "following"}), 422, "next-step-required").await;
    assert_eq!(each(&refused["violations"], "field"), ["next_step", "needs"]);
    let plan = json!({"to": "following", "next_step": "周三演示", "fields": {"needs": "冷链", "pain_points": "损耗"}});
    office.does(&id, "transitions", plan).await;
    office.bench.tick().await;
    assert!(office.task(&id, "follow_up_plan").await.is_some());
    assert_eq!(office.shown(&id).await["fields"]["needs"], "冷链");

    // Whatever is said or sent is kept.
    let at = instant::text(office.bench.now() + chrono::TimeDelta::days(1));
    let content = json!({
        "channel": "content", "summary": "发送白皮书", "next_plan": {"at": at, "text": "问看法"},
        "content": {"kind": "white_paper", "title": "冷链 2026"}
    });
    office.does(&id, "follow-ups", content).await;
    office.calls(&id, DAY).await;
    assert_eq!(each(&office.shown(&id).await["contents"], "kind"), ["white_paper"]);

    // The deal goes on to signing, payment and delivery; thirty days later it is asked how satisfied the customer is.
    office.moves(&id, "won").await;
    office.bench.tick().await;
    assert_eq!(office.processes(&id).await, ["collection", "delivery", "signing"]);
    office.after(30 * DAY - 1).await;
    assert!(office.task(&id, "satisfaction_questionnaire").await.is_none());
    office.after(1).await;
    assert!(office.task(&id, "satisfaction_questionnaire").await.is_some());

    // Two payments and a satisfaction of eight make a loyal customer; seven does not.
    for reference in ["P-1", "P-2"] {
        office.does(&id, "transactions", payment(reference, "600.00")).await;
    }
    for (satisfaction, stage) in [(7, "won"), (8, "loyal")] {
        office.does(&id, "details", json!({"satisfaction": satisfaction})).await;
        office.bench.tick().await;
        assert_eq!(office.stands(&id).await.0, stage, "a satisfaction of {satisfaction}");
    }
    office.bench.tick().await;
    assert!(office.task(&id, "loyalty_programme").await.is_some());
    office.does(&id, "points", json!({"kind": "earned", "points": 100})).await;
    let reward = |points: u32| json!({"kind": "spent", "points": points, "reward": "voucher"});
    office.refused(&id, "points", reward(101), 409, "insufficient-points").await;
    office.does(&id, "points", reward(100)).await;
    office.does(&id, "points", json!({"kind": "referral", "referred": other})).await;
    let loyal = office.reads(&office.wang, "/v1/loyalty/lifecycle-5?kind=payment").await;
    assert_eq!((&loyal["loyal"], &loyal["loyal_amounts"]), (&json!(1), &json!([cny("1200.00")])));
    assert_eq!((&loyal["programme"]["spent"], &loyal["programme"]["referrals"]), (&json!(100), &json!(1)));

    // Two currencies in one place, converted by the rates of the day; both languages.
    office.does(&id, "details", json!({"amount": {"amount": "100.00", "currency": "USD"}})).await;
    office.does(&other, "details", json!({"amount": cny("10.00")})).await;
    let rates = json!({"date": "2026-04-01", "base": "CNY", "rates": {"USD": "7.00"}});
    office.says(&office.admin, "/v1/admin/rates", rates).await;
    let board = office.reads(&office.wang, "/v1/boards/lifecycle-5?currency=CNY").await;
    let amount = |stage: &str| {
        let stages = board["stages"].as_array().unwrap();
        stages.iter().find(|one| one["stage"] == stage).unwrap()["converted"]["amount"].clone()
    };
    assert_eq!((amount("loyal"), amount("potential")), (json!("700.00"), json!("10.00")));
    office.moves(&other, "intent").await;
    for (language, title) in [("zh", "需要补充客户资料"), ("en", "Customer details are incomplete")] {
        let path = format!("/v1/customers/{other}/transitions");
        let call = office.bench.call(Method::POST, &path).key(&office.li).header("accept-language", language);
        let refused = call.json(&json!({"to": "following", "next_step": "演示"})).send().await;
        assert_eq!(refused.problem(422, "field-required")["title"], title);
    }

    // The source by its conversion; signals of any kind in, and what a model outside makes of them.
    let channels = office.reads(&office.wang, "/v1/channels?pipeline=lifecycle-5").await;
    let of = |source: &str| {
        channels["items"].as_array().unwrap().iter().find(|one| one["source"] == source).unwrap().clone()
    };
    assert_eq!((&of("exhibition")["leads"], &of("exhibition")["won"]), (&json!(1), &json!(1)));
    assert_eq!((&of("seo")["leads"], &of("seo")["won"]), (&json!(1), &json!(0)));
    office.does(&other, "signals", json!({"kind": "sensor.cold_room", "data": {"celsius": -18}})).await;
    office.does(&other, "scores", json!({"model": "repurchase", "version": "2026.3", "score": "0.83"})).await;
    office.bench.later_by(60);
    let scored = office.shown(&other).await;
    assert_eq!(
        (&scored["model_scores"][0]["version"], &scored["model_scores"][0]["age_seconds"]),
        (&json!("2026.3"), &json!(60.0))
    );

    // By activity: asleep after more than three months.
    office.opens("activity-5").await;
    let sleeps = office.customer(json!({"pipeline": "activity-5"})).await;
    office.after(90 * DAY).await;
    assert_eq!(office.stands(&sleeps).await.0, "potential");
    office.after(1).await;
    assert_eq!(office.stands(&sleeps).await.0, "sleeping");
}
