//! What must be kept by law is not erased, by anyone.

#![cfg(test)]

use serde_json::json;
use waymark_tests::{Client, Team};

async fn held(client: &Client, customer: &str, ground: &str) -> String {
    client.command(customer, "legal-holds", json!({"ground": ground})).await.expect(200).text_at("/id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_under_a_hold_is_not_erased_until_it_is_released() {
    let team = Team::on("landian-6").await;
    let (admin, auditor, li) = (team.admin(), team.auditor("qian"), team.rep("li"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let hold = held(&auditor, &customer, "Case 7").await;
    for person in [&li, &team.manager("wang"), &team.analyst("sun")] {
        drop(
            person
                .command(&customer, "legal-holds", json!({"ground": "x"}))
                .await
                .refused(403, "missing-role"),
        );
        drop(person.get("/v1/audit/legal-holds").await.refused(403, "missing-role"));
    }
    let refused = admin.command(&customer, "erasure", json!({})).await.refused(409, "legal-hold");
    let violation = refused.at("/violations/0");
    assert_eq!((&violation["hold"], &violation["ground"]), (&json!(hold), &json!("Case 7")));
    assert!(admin.customer(&customer).await.text.contains("Harbour Foods"));

    let in_force = auditor.get("/v1/audit/legal-holds").await.expect(200).items().remove(0);
    assert_eq!(
        (&in_force["id"], &in_force["customer"], &in_force["in_force"], &in_force["placed_by"]),
        (&json!(hold), &json!(customer), &json!(true), &json!("auditor:qian"))
    );
    let until = json!({"ground": "Tax", "until": "2001-01-01T00:00:00Z"});
    drop(auditor.command(&customer, "legal-holds", until).await.refused(422, "invalid-value"));
    let other = json!({"hold": customer});
    drop(admin.command(&customer, "legal-hold-releases", other).await.refused(404, "unknown-legal-hold"));

    let release = json!({"hold": hold, "reason": "Settled"});
    drop(admin.command(&customer, "legal-hold-releases", release).await.expect(200));
    drop(admin.command(&customer, "erasure", json!({})).await.expect(200));
    let released = auditor.get("/v1/audit/legal-holds").await.expect(200).items().remove(0);
    assert_eq!((&released["in_force"], &released["release_reason"]), (&json!(false), &json!("Settled")));
    let changes = auditor.get(&format!("/v1/audit/changes?customer={customer}")).await.expect(200);
    assert!(changes.text.contains("customer.legal_hold_placed"), "{}", changes.text);
    assert!(changes.text.contains("customer.legal_hold_released"), "{}", changes.text);
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_a_merged_record_keeps_the_one_that_it_was_merged_into() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let [one, other] =
        [admin.register(team.customer("One")).await, admin.register(team.customer("Other")).await];
    let hold = held(&admin, &other, "Case 8").await;
    let merge = json!({"absorbed": other, "reason": "the same"});
    drop(admin.command(&one, "merges", merge).await.expect(200));
    let refused = admin.command(&one, "erasure", json!({})).await.refused(409, "legal-hold");
    assert_eq!(refused.at("/violations/0/customer"), &json!(other));
    drop(admin.command(&other, "legal-hold-releases", json!({"hold": hold})).await.expect(200));
    drop(admin.command(&one, "erasure", json!({})).await.expect(200));
}
