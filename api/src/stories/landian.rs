//! 蓝点: the status standard of a small team, six statuses defined by an action and its result.

use serde_json::json;

use super::{DAY, Office, paper, payment};
use crate::domain::instant;

#[tokio::test]
async fn landian_from_the_first_contact_to_the_deal_with_nobody_evaporating() {
    let office = Office::of("landian-6").await;
    let receipt = || paper("quote_receipt_confirmed");

    // First contact: material within 24 hours. No free text, no jump, nothing without evidence.
    let id = office.customer(json!({"name": "海港食品"})).await;
    office.bench.tick().await;
    assert_eq!(office.until(&office.task(&id, "send_material").await.unwrap()["due_at"]), DAY);
    office.refused(&id, "transitions", json!({"to": "差不多要定了"}), 422, "unknown-stage").await;
    office.refused(&id, "transitions", json!({"to": "won"}), 422, "transition-not-allowed").await;
    let interested = json!({"to": "need_confirmed", "sub_status": "interested"});
    office.refused(&id, "transitions", interested, 422, "evidence-required").await;
    office.moves(&id, "need_confirmed").await;
    let hearsay = json!([{"kind": "quote_receipt_confirmed", "reference": "in the drawer"}]);
    office
        .refused(&id, "transitions", json!({"to": "quoted", "evidence": hearsay}), 422, "unknown-evidence")
        .await;

    // Quoted: a call within 48 hours, on day two a message by WeCom.
    let quote = || json!({"to": "quoted", "documents": [receipt()]});
    let quoted = async |name: &str| {
        let id = office.customer(json!({"name": name, "stage": "need_confirmed"})).await;
        office.does(&id, "transitions", quote()).await;
        id
    };
    office.does(&id, "transitions", quote()).await;
    let (silent, comparing) = (quoted("北山农场").await, quoted("湖边磨坊").await);
    office.bench.tick().await;
    assert_eq!(office.until(&office.task(&id, "call_back").await.unwrap()["due_at"]), 2 * DAY);
    office.after(2 * DAY - 1).await;
    assert!(office.reminders(&id, "wecom_on_day_two").await.is_empty());
    office.after(1).await;
    let wecom = office.reminders(&id, "wecom_on_day_two").await;
    assert_eq!((wecom.len(), &wecom[0]["channels"]), (1, &json!(["wecom"])));

    // The one decides, the other begins to compare prices, of the third nothing is heard.
    office.moves(&id, "deciding").await;
    office.does(&comparing, "transitions", json!({"to": "quoted", "sub_status": "comparing_prices"})).await;
    office.after(DAY - 1).await;
    assert_eq!(office.stands(&silent).await.0, "quoted");
    office.after(1).await;
    assert_eq!(office.stands(&silent).await.0, "to_reactivate", "quoted and silent for three days");
    assert_eq!(office.stands(&comparing).await.0, "quoted");
    office.after(2 * DAY - 1).await;
    assert!(office.reminders(&comparing, "comparing_prices_reminder").await.is_empty());
    assert!(office.reminders(&id, "deciding_without_update").await.is_empty());
    office.after(1).await;
    assert_eq!(office.reminders(&comparing, "comparing_prices_reminder").await.len(), 1);
    let told = office.reminders(&id, "deciding_without_update").await;
    assert_eq!((told.len(), &told[0]["role"]), (1, &json!("supervisor")), "three days without an update");

    // Won by the contract or the first payment, and handed over to delivery.
    office.refused(&id, "transitions", json!({"to": "won"}), 422, "evidence-required").await;
    office.does(&id, "transactions", payment("P-1", "8000.00")).await;
    office.moves(&id, "won").await;
    office.bench.tick().await;
    assert!(office.task(&id, "hand_over").await.is_some());
    assert_eq!(office.processes(&id).await, ["delivery"]);

    // Silent for more than seven days without a clear intent: paused, in the dormant pool.
    let stays = office.customer(json!({"name": "东岸", "stage": "need_confirmed"})).await;
    let stated =
        json!({"to": "need_confirmed", "sub_status": "interested", "documents": [paper("intent_stated")]});
    office.does(&stays, "transitions", stated).await;
    let sleeps = office.customer(json!({"name": "西岸", "stage": "need_confirmed"})).await;
    office.after(7 * DAY).await;
    assert_eq!(office.stands(&sleeps).await.0, "need_confirmed", "seven days are not more than seven");
    office.after(1).await;
    assert_eq!(office.stands(&sleeps).await.0, "paused");
    assert_eq!(office.shown(&sleeps).await["owner"], json!({"kind": "pool", "id": "dormant_pool"}));
    assert_eq!(office.stands(&stays).await.0, "need_confirmed", "with intent shown it is spared");

    // A rep leaves: the state, the tasks and the history stay.
    let kept = office.customer(json!({"name": "南桥"})).await;
    office.bench.tick().await;
    let handover = json!({"from": "rep:li", "to": "rep:zhao", "occasion": "resign"});
    office.says(&office.zhou, "/v1/handovers", handover).await;
    let after = office.shown(&kept).await;
    assert_eq!(
        (&after["owner"]["id"], &after["journeys"][0]["stage"]),
        (&json!("zhao"), &json!("first_contact"))
    );
    assert!(office.task(&kept, "send_material").await.is_some());

    // A status must say what to do by whom until when; five to eight core statuses; a pilot of two weeks; each month a review.
    let mut definition = office.reads(&office.wang, "/v1/pipelines/landian-6").await;
    for own in ["key", "version"] {
        definition.as_object_mut().unwrap().remove(own);
    }
    let mut without = definition.clone();
    without["stages"][0].as_object_mut().unwrap().remove("next_action");
    let without = json!({"key": "vague", "definition": without});
    office.bench.post(&office.wang, "/v1/pipelines", &without).await.problem(422, "action-missing");
    let until = office.bench.now() + chrono::TimeDelta::days(14);
    definition["stages"][0]["next_action"]["deadline_seconds"] = json!(43_200);
    let pilot = json!({"definition": definition, "team": {"id": "north", "until": instant::text(until)}});
    let pilot = office.says(&office.wang, "/v1/pipelines/landian-6/versions", pilot).await;
    let report =
        office.reads(&office.wang, &format!("/v1/pilots/{}", pilot["pilot"].as_str().unwrap())).await;
    assert_eq!((&report["team"], &report["members"]), (&json!("north"), &json!(["li", "zhao"])));
    let version = async || {
        let id = office.customer(json!({})).await;
        office.shown(&id).await["journeys"][0]["pipeline_version"].clone()
    };
    office.after(14 * DAY - 1).await;
    assert_eq!(version().await, 2, "the group still works by the pilot");
    office.after(1).await;
    assert_eq!(version().await, 1, "after two weeks it does no longer");
    let monthly =
        async || office.reads(&office.wang, "/v1/reminders?role=manager&limit=200").await["items"].clone();
    office.after(office.until(&json!("2026-03-31T16:00:00Z"))).await;
    assert!(super::each(&monthly().await, "rule").contains(&"monthly_status_review"));
}
