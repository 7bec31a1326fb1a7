//! What a restored database does not know is erased again, once, whichever process starts.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::app::CommandMeta;
use crate::domain::company::rights::Credential;
use crate::erasure_record::ErasureRecord;
use crate::http::testing::Bench;

fn file(bench: &Bench) -> PathBuf {
    bench.key_file().with_extension("erasures")
}

/// The record as another process has it.
fn record(bench: &Bench) -> ErasureRecord {
    ErasureRecord::new(file(bench), [9; 32])
}

/// Announces an erasure that is not carried out: as after a kill in between, and as a restored backup finds it.
fn announced(bench: &Bench, subject: Uuid, of: ErasedKind) -> Erasure {
    let ground = (of == ErasedKind::Customer).then(|| "request".to_owned());
    let (tenant, event_id, at) = (bench.tenant().0, Uuid::from_u128(5), bench.now());
    let erasure = Erasure { tenant, subject, of, ground, event_id, at };
    drop(record(bench).announce(std::slice::from_ref(&erasure), bench.now()).unwrap());
    erasure
}

async fn registered(bench: &Bench, admin: &str, name: &str) -> (Uuid, String) {
    let id = bench.register(admin, &json!({"pipeline": "landian-6", "name": name})).await;
    (id.parse().unwrap(), format!("/v1/customers/{id}"))
}

async fn certificates(bench: &Bench, admin: &str) -> Vec<Value> {
    let listed = bench.get(admin, "/v1/audit/erasures").await.json();
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_announced_and_not_carried_out_is_before_anything_is_served_and_once() {
    let (bench, admin) = Bench::with_pipeline().await;
    let (id, path) = registered(&bench, &admin, "Harbour Foods").await;
    // The backup tells of a hold that was given up before the erasure.
    let held = bench.post(&admin, &format!("{path}/legal-holds"), &json!({"ground": "Case 7"})).await;
    assert_eq!(held.status, 200, "{}", held.text);
    bench.catch_up().await;
    assert!(bench.get(&admin, &path).await.text.contains("Harbour"));
    let erasure = announced(&bench, id, ErasedKind::Customer);
    bench.later(1);

    // Two processes start at once.
    let (one, other) = tokio::join!(erase_again(&bench.app), erase_again(&bench.app));
    assert!(one.unwrap() + other.unwrap() > 0);
    for door in [path.clone(), format!("{path}/timeline"), "/v1/events?after=0&limit=100".to_owned()] {
        assert!(!bench.get(&admin, &door).await.text.contains("Harbour"), "{door}");
    }
    let [certificate] = certificates(&bench, &admin).await.try_into().unwrap();
    assert_eq!(certificate["key"], "destroyed");
    assert_eq!((&certificate["erased_by"], &certificate["ground"]), (&json!(ACTOR), &json!("request")));
    assert_eq!(certificate["repeats"], json!(erasure.event_id));
    assert_eq!(certificate["first_erased_at"], json!(erasure.at));
    let changes = bench.get(&admin, "/v1/audit/changes?type=customer.erased").await.json();
    assert_eq!(changes["items"][0]["cause"], json!(erasure.event_id));
    assert_eq!(changes["items"][0]["origin"]["kind"], "rule");
    assert_eq!(erase_again(&bench.app).await.unwrap(), 0, "a second start does nothing more");
    assert_eq!(record(&bench).look(true).fault, None);
}

#[tokio::test]
async fn of_a_merged_record_that_alone_is_erased_again_which_was() {
    let (bench, admin) = Bench::with_pipeline().await;
    let (_, kept) = registered(&bench, &admin, "Harbour Foods").await;
    let (absorbed, gone) = registered(&bench, &admin, "Pier Nine").await;
    let merge = json!({"absorbed": absorbed, "reason": "one company"});
    assert_eq!(bench.post(&admin, &format!("{kept}/merges"), &merge).await.status, 200);
    announced(&bench, absorbed, ErasedKind::Customer);
    assert_eq!(erase_again(&bench.app).await.unwrap(), 1);
    bench.catch_up().await;
    assert!(bench.get(&admin, &kept).await.text.contains("Harbour Foods"));
    assert!(!bench.get(&admin, &format!("{gone}/timeline")).await.text.contains("Pier Nine"));
    assert_eq!(certificates(&bench, &admin).await.len(), 1);
}

#[tokio::test]
async fn where_somebody_acted_from_is_erased_again_too() {
    let (bench, admin) = Bench::with_pipeline().await;
    let endpoint = Endpoint { address: Some("192.0.2.66".to_owned()), client: None };
    let caller = Caller {
        actor: Actor::new("operator:li", [Role::Admin]),
        endpoint: Some(Arc::new(endpoint)),
        ..caller(bench.tenant())
    };
    let command = waymark_domain::company::rights::RightsCommand::SetRoles {
        actor: "rep:chen".to_owned(),
        roles: [Role::Rep].into(),
    };
    let credential = Credential { name: None, administers: true };
    let meta = CommandMeta::default();
    drop(bench.app.administer(&caller, &meta, &command, &credential).await.unwrap());
    let asked = "/v1/audit/changes?address=192.0.2.66";
    assert_eq!(bench.get(&admin, asked).await.json()["items"].as_array().unwrap().len(), 1);
    let subject = bench.app.vault.subject_of_actor(bench.tenant(), "operator:li").await.unwrap().unwrap();
    announced(&bench, subject, ErasedKind::Endpoints);
    assert_eq!(erase_again(&bench.app).await.unwrap(), 1);
    assert_eq!(bench.get(&admin, asked).await.json()["items"], json!([]));
    let told = bench.get(&admin, "/v1/audit/changes?type=member.endpoints_erased").await.json();
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(erase_again(&bench.app).await.unwrap(), 0);
}

#[tokio::test]
async fn an_erasure_that_cannot_be_recorded_is_not_carried_out_and_readiness_says_so() {
    let (bench, admin) = Bench::with_pipeline().await;
    let (id, path) = registered(&bench, &admin, "Harbour Foods").await;
    bench.catch_up().await;
    // A folder in the place of the file, which no write gets past.
    std::fs::create_dir(file(&bench)).unwrap();
    let refused = bench.post(&admin, &format!("{path}/erasure"), &json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (503, &json!("erasure-record-unavailable"))
    );
    assert!(bench.get(&admin, &path).await.text.contains("Harbour"), "nothing was changed");
    let ready = bench.get(&admin, "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["code"]), (503, &json!("erasure-record-unavailable")));
    std::fs::remove_dir(file(&bench)).unwrap();
    assert_eq!(bench.post(&admin, &format!("{path}/erasure"), &json!({})).await.status, 200);
    assert_eq!(bench.get(&admin, "/readyz").await.status, 200);
    let record = record(&bench);
    assert_eq!(record.look(true).fault, None);
    let erasure = record.erasure(bench.tenant().0, id).unwrap();
    assert_eq!(json!(erasure.event_id), certificates(&bench, &admin).await[0]["event_id"]);
}

#[tokio::test]
async fn an_erasure_that_is_refused_leaves_nothing_that_would_be_carried_out() {
    let (bench, admin) = Bench::with_pipeline().await;
    let (_, path) = registered(&bench, &admin, "Harbour Foods").await;
    let held = bench.post(&admin, &format!("{path}/legal-holds"), &json!({"ground": "Case 7"})).await;
    assert_eq!(held.status, 200, "{}", held.text);
    assert_eq!(bench.post(&admin, &format!("{path}/erasure"), &json!({})).await.status, 409);
    assert_eq!(erase_again(&bench.app).await.unwrap(), 0);
    assert!(record(&bench).erasures().is_empty());
}

#[tokio::test]
async fn a_record_that_was_lost_is_begun_again_by_what_the_log_tells() {
    let (bench, admin) = Bench::with_pipeline().await;
    let (id, path) = registered(&bench, &admin, "Harbour Foods").await;
    assert_eq!(bench.post(&admin, &format!("{path}/erasure"), &json!({})).await.status, 200);
    let compared = async || {
        let found = compare(Arc::new(record(&bench)), &*bench.app.store, bench.tenant()).await.unwrap();
        (found.recorded, found.not_carried_out, found.not_recorded)
    };
    assert_eq!(compared().await, (1, 0, 0));
    std::fs::remove_file(file(&bench)).unwrap();
    assert_eq!(compared().await, (0, 0, 1));
    // Another process starts.
    let app = bench.app.clone().with_erasure_record(Arc::new(record(&bench)));
    complete_record(&app).await.unwrap();
    assert_eq!(compared().await, (1, 0, 0));
    let before = std::fs::read(file(&bench)).unwrap();
    let known = app.recorded_erasure(bench.tenant(), id).unwrap();
    assert_eq!(json!(known.event_id), certificates(&bench, &admin).await[0]["event_id"]);
    complete_record(&app).await.unwrap();
    assert_eq!(std::fs::read(file(&bench)).unwrap(), before, "nothing is recorded twice");
}
