//! "Helloword": marking a customer's deal status, thirteen statuses in four groups.

use serde_json::json;

use super::{DAY, HOUR, Office, cny, each, paper, payment};
use crate::domain::instant;

#[tokio::test]
async fn helloword_from_a_new_lead_to_the_renewal_and_back_from_a_loss() {
    let office = Office::of("helloword-13").await;
    let phone = json!([{"kind": "phone", "value": "13900000001"}]);
    let id = office.customer(json!({"name": "海港食品", "contacts": phone})).await;

    // The status and the permitted next ones; no jump, and a note in three parts.
    let ways = office.reads(&office.li, &format!("/v1/customers/{id}/allowed-transitions")).await;
    let (open, all): (Vec<_>, Vec<_>) = {
        let items = ways["items"].as_array().unwrap();
        (items.iter().filter(|way| way["allowed"] == true).collect(), items.iter().collect())
    };
    assert_eq!(all.len(), 12, "every status but the present one");
    assert_eq!(open.iter().map(|way| &way["to"]).collect::<Vec<_>>(), ["contacted", "lost", "postponed"]);
    office.refused(&id, "transitions", json!({"to": "negotiating"}), 422, "transition-not-allowed").await;
    let note = json!({"to": "contacted", "reason": "来电", "note": "需要三台", "next_step": "周五发资料"});
    office.does(&id, "transitions", note).await;
    office.moves(&id, "need_confirmed").await;
    office.refused(&id, "transitions", json!({"to": "proposal"}), 422, "evidence-required").await;
    let proposal = json!({
        "to": "proposal", "amount": cny("30000.00"), "documents": [paper("solution_receipt_confirmed")]
    });
    office.does(&id, "transitions", proposal).await;
    office.bench.tick().await;
    assert_eq!(office.reminders(&id, "tell_the_team").await.len(), 4, "the team hears of each change");
    let told = office.reads(&office.wang, &format!("/v1/customers/{id}/timeline")).await;
    let contacted =
        told["items"].as_array().unwrap().iter().find(|one| one["stage_to"] == "contacted").unwrap();
    assert_eq!((&contacted["note"], &contacted["actor"]), (&json!("需要三台"), &json!("rep:li")));

    // Negotiating: contact again within three days.
    office.moves(&id, "negotiating").await;
    office.bench.tick().await;
    let again = office.task(&id, "contact_again").await.unwrap();
    assert_eq!(office.until(&again["due_at"]), 3 * DAY);
    assert_eq!(office.until(&office.shown(&id).await["next_action"]["due_at"]), 3 * DAY);
    office.after(3 * DAY - 1).await;
    assert!(office.reminders(&id, "negotiation_reminder").await.is_empty());
    office.after(1).await;
    assert_eq!(office.reminders(&id, "negotiation_reminder").await.len(), 1);

    // Won by a payment on record; the visit comes seven days after delivery, not after the deal.
    office.refused(&id, "transitions", json!({"to": "won"}), 422, "evidence-required").await;
    office.does(&id, "transactions", payment("P-1", "30000.00")).await;
    office.moves(&id, "won").await;
    office.after(8 * DAY).await;
    assert!(office.task(&id, "satisfaction_visit").await.is_none());
    office.moves(&id, "delivered").await;
    office.after(DAY).await;
    office.moves(&id, "in_service").await;
    office.after(6 * DAY - 1).await;
    assert!(office.task(&id, "satisfaction_visit").await.is_none());
    office.after(1).await;
    assert!(office.task(&id, "satisfaction_visit").await.is_some(), "though it went on to service");
    office.moves(&id, "considering_renewal").await;

    // Put off until a day, which begins in Shanghai at 16:00 UTC of the day before.
    let later = office.customer(json!({"name": "北山农场"})).await;
    office.refused(&later, "transitions", json!({"to": "postponed"}), 422, "field-required").await;
    office.does(&later, "transitions", json!({"to": "postponed", "postponed_until": "2026-03-25"})).await;
    office.after(office.until(&json!("2026-03-24T16:00:00Z")) - 1).await;
    assert!(office.task(&later, "contact_postponed").await.is_none());
    office.after(1).await;
    assert!(office.task(&later, "contact_postponed").await.is_some());

    // Lost with a reason, which is shown when the customer comes back for its second cycle.
    let back = office.customer(json!({"name": "湖边磨坊", "amount": cny("500.00")})).await;
    office.refused(&back, "transitions", json!({"to": "lost"}), 422, "reason-required").await;
    office.does(&back, "transitions", json!({"to": "lost", "reason": "price"})).await;
    let again = office.does(&back, "reactivations", json!({"to": "new_lead", "reason": "预算恢复"})).await;
    assert_eq!(again["previous_reason"], "price");
    assert_eq!(office.shown(&back).await["journeys"][0]["cycle"], 2);

    // Recorded within twenty-four hours of the change: a day is in time, a second more is late.
    office.after(2 * DAY).await;
    for (stage, ago) in [("contacted", DAY), ("need_confirmed", DAY - HOUR)] {
        let at = office.bench.now() - chrono::TimeDelta::seconds(ago);
        let said = json!({"to": stage, "note": "补录", "effective_at": instant::text(at)});
        office.does(&back, "transitions", said).await;
    }
    let late =
        async || office.reads(&office.wang, "/v1/latency/helloword-13").await["changes"]["late"].clone();
    assert_eq!(late().await, 0);
    let at = office.bench.now() - chrono::TimeDelta::seconds(DAY + 1);
    let said = json!({"to": "contacted", "note": "补录", "effective_at": instant::text(at)});
    office.does(&later, "transitions", said).await;
    assert_eq!(late().await, 1);

    // A wrong status is corrected at any time, and the history keeps both.
    let slip = office.does(&back, "transitions", json!({"to": "contacted"})).await;
    let void = json!({"corrects": slip["events"][0]["id"], "kind": "void", "reason": "点错了"});
    office.does(&back, "corrections", void).await;
    assert_eq!(office.stands(&back).await.0, "need_confirmed");
    let both = office.reads(&office.wang, &format!("/v1/customers/{back}/timeline?view=both")).await;
    assert!(each(&both["items"], "type").contains(&"customer.move_voided"));

    // Two horizons of the forecast, and the month's review of those who stand still.
    let forecast = office.reads(&office.wang, "/v1/forecasts/helloword-13?horizon_days=30,90").await;
    let days: Vec<_> = forecast["horizons"].as_array().unwrap().iter().map(|one| &one["days"]).collect();
    assert_eq!(days, [30, 90]);
    let monthly = async || {
        let all = office.reads(&office.wang, "/v1/reminders?role=manager&limit=200").await;
        each(&all["items"], "rule").iter().filter(|rule| **rule == "monthly_stagnant_review").count()
    };
    office.after(office.until(&json!("2026-03-31T16:00:00Z")) - 1).await;
    assert_eq!(monthly().await, 0);
    office.after(1).await;
    assert_eq!(monthly().await, 1);
}
