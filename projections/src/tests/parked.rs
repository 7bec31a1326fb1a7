//! A bad event sets its customer aside, and nobody else.

use uuid::Uuid;

use super::rebuild::change;
use super::world::{MODELS, TENANT, World, hour};
use crate::ProjectionError;

const LI: Uuid = Uuid::from_u128(1);
const WU: Uuid = Uuid::from_u128(2);

#[tokio::test]
async fn a_bad_event_parks_its_customer_and_nobody_else() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    world.register(WU, hour(0)).await;
    let bad = world.append_poison(LI).await;
    let (_, behind) = world.move_to(LI, hour(2), "quoted").await;
    world.move_to(WU, hour(2), "won").await;
    let projections = world.projections("p").await;
    for name in MODELS {
        projections.steps(name, 2).await;
        let parked = projections.parked(TENANT, name).await.unwrap();
        let positions: Vec<u64> = parked.iter().map(|item| item.position).collect();
        assert_eq!(positions, [bad, behind], "{name}");
        assert!(parked[1].cause.contains(&bad.to_string()), "{parked:?}");
    }
    let dwell = projections.dump(TENANT, "dwell").await.unwrap();
    assert_eq!(dwell.len(), 3, "two registrations and the other's move: {dwell:#?}");
    for status in projections.status(TENANT).await.unwrap() {
        assert_eq!((status.lag, status.parked), (0, 2));
    }
}

#[tokio::test]
async fn skipping_the_bad_event_folds_what_waited_behind_it() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let bad = world.append_poison(LI).await;
    world.move_to(LI, hour(2), "quoted").await;
    world.move_to(LI, hour(3), "won").await;
    let projections = world.projections("p").await;
    for name in MODELS {
        projections.steps(name, 1).await;
        assert_eq!(projections.retry(TENANT, name).await.unwrap(), 0, "{name}: it is still bad");
        projections.require_parked(TENANT, name, bad).await.unwrap();
        world.skip(name, bad, "made by hand").await;
        assert_eq!(projections.retry(TENANT, name).await.unwrap(), 2, "{name}");
        let parked = projections.parked(TENANT, name).await.unwrap();
        assert_eq!(parked.len(), 1);
        assert_eq!(parked[0].skipped.as_deref(), Some("made by hand"));
        let again = projections.require_parked(TENANT, name, bad).await.unwrap_err();
        assert!(matches!(again, ProjectionError::NotParked(position) if position == bad));
    }
    let live = projections.dumps().await;
    for name in MODELS {
        projections.rebuild(TENANT, name, &|_, _| {}).await.unwrap();
    }
    assert_eq!(projections.dumps().await, live);
}

#[tokio::test]
async fn read_models_that_know_nothing_but_the_log_leave_out_what_it_says_and_list_it() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let bad = world.append_poison(LI).await;
    world.move_to(LI, hour(2), "quoted").await;
    world.skip("dwell", bad, "made by hand").await;
    let projections = world.projections("fresh").await;
    for name in ["dwell", "board"] {
        projections.steps(name, 1).await;
    }
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap().len(), 2, "the move was folded");
    let skipped_entry = projections.parked(TENANT, "dwell").await.unwrap();
    assert_eq!((skipped_entry.len(), skipped_entry[0].position), (1, bad));
    assert_eq!(skipped_entry[0].skipped.as_deref(), Some("made by hand"));
    let others = projections.parked(TENANT, "board").await.unwrap();
    assert_eq!(others.len(), 2, "a skip is one read model's: {others:?}");
    assert!(others.iter().all(|item| item.skipped.is_none()));
    projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    let refused = projections.rebuild(TENANT, "board", &|_, _| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectionError::Poison { position, .. } if position == bad));
    assert_eq!(projections.parked(TENANT, "dwell").await.unwrap(), skipped_entry);
}

#[tokio::test]
async fn a_skip_from_before_it_was_an_event_still_counts() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let bad = world.append_poison(LI).await;
    world.move_to(LI, hour(2), "quoted").await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 1).await;
    assert_eq!(bad, 2);
    let before = "UPDATE projection_parked SET skipped = 'as it was' WHERE tenant_id = $1 AND position = 2";
    change(&projections, before).await;
    assert_eq!(projections.retry(TENANT, "dwell").await.unwrap(), 1);
    projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap().len(), 2);
    let kept = projections.parked(TENANT, "dwell").await.unwrap();
    assert_eq!(kept[0].skipped.as_deref(), Some("as it was"));
}

#[tokio::test]
async fn an_event_of_a_newer_program_pauses_and_is_never_skipped() {
    for (event_type, version) in [("customer.moved", 99), ("customer.teleported", 1)] {
        let world = World::new();
        world.register(LI, hour(0)).await;
        let newer = world.append_raw(LI, event_type, version, serde_json::json!({})).await;
        world.register(WU, hour(0)).await;
        let projections = world.projections("p").await;
        projections.step("dwell", 1).await.unwrap();
        let paused = projections.step("dwell", 10).await.unwrap_err();
        assert!(
            matches!(&paused, ProjectionError::Paused { position, .. } if *position == newer),
            "{paused}"
        );
        let status = projections.status(TENANT).await.unwrap();
        let dwell = status.iter().find(|status| status.name == "dwell").unwrap();
        assert_eq!(dwell.position, newer - 1);
        assert!(dwell.paused.as_ref().unwrap().contains(event_type), "{dwell:?}");
        assert!(projections.parked(TENANT, "dwell").await.unwrap().is_empty());
    }
}
