//! A process that starts looks at all tenants at once, and takes up those that have something to fold.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;
use waymark_eventstore::TenantId;

use super::world::{MODELS, World};
use crate::Projections;
use crate::db::values;
use crate::storage::checkpoint::ProjectionId;

const CUSTOMER: Uuid = Uuid::from_u128(1);
const QUIET: u128 = 30;
/// By what each is not like the others.
const MOVED: u128 = 101;
const OF_ANOTHER_FOLD: u128 = 102;
const OF_ANOTHER_LOG: u128 = 103;

fn tenant(number: u128) -> TenantId {
    TenantId(Uuid::from_u128(number))
}

fn all(number: u128) -> impl Iterator<Item = ProjectionId> {
    MODELS.into_iter().map(move |projection| ProjectionId { tenant: tenant(number), projection })
}

async fn change(projections: &Projections, number: u128, sql: &'static str) {
    let mut transaction = projections.engine().db.write(tenant(number)).await.unwrap();
    assert_eq!(transaction.execute(sql, &values![tenant(number).0]).await.unwrap(), 4);
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_folded_all_of_this_log_by_this_fold_rests_and_is_taken_up_when_there_is_more() {
    let world = World::new();
    let moved = json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted"});
    let append = async |number| {
        world.append_all(tenant(number), CUSTOMER, vec![("customer.moved", moved.clone())]).await;
    };
    let numbers: Vec<u128> = (1..=QUIET).chain([MOVED, OF_ANOTHER_FOLD, OF_ANOTHER_LOG]).collect();
    let former = world.projections("p").await;
    for &number in &numbers {
        append(number).await;
        former.catch_up(tenant(number), |_, _| {}).await.unwrap();
    }
    let older = "UPDATE projection_checkpoint SET fold_version = fold_version - 1 WHERE tenant_id = $1";
    change(&former, OF_ANOTHER_FOLD, older).await;
    let other = "UPDATE projection_checkpoint SET recorded_at = recorded_at + 1 WHERE tenant_id = $1";
    change(&former, OF_ANOTHER_LOG, other).await;
    former.close().await;
    append(MOVED).await;

    let projections = world.projections("p").await;
    projections.find_resting().await;
    for &number in &numbers {
        let rests = number <= QUIET;
        assert!(all(number).all(|id| projections.rests(id) == rests), "{number}");
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(projections.clone().run(async move { drop(stopped.await) }));
    let a_minute = Duration::from_secs(60);
    for name in MODELS {
        projections.wait_for(tenant(MOVED), name, 2, a_minute).await.unwrap();
    }
    append(QUIET).await;
    for name in MODELS {
        let reached = projections.wait_for(tenant(QUIET), name, 2, a_minute).await;
        assert_eq!(reached.unwrap(), 2, "what rested hears of more");
    }
    let held = (1..QUIET).flat_map(all).filter(|id| projections.holds_lease(*id)).count();
    // The rota takes one up now and then.
    assert!(held < QUIET as usize * MODELS.len() / 2, "{held} of those that are quiet were taken up");
    stop.send(()).unwrap();
    running.await.unwrap();
}
