//! Stays at every known position equal the fold of the log up to there.

use super::world::{
    Chance, History, MODELS, PIPELINE, STAGES, TENANT, World, events, hour, moved, pipeline, retarget, void,
};
use crate::board::{BoardQuery, CardOrder};
use crate::log::history::journeys;
use crate::{AsOf, CohortFilter};
use uuid::Uuid;
use waymark_domain::pipeline::version::Versions;

fn known(position: u64) -> AsOf {
    AsOf { effective_at: hour(1_000), known_at: hour(20_000), known_position: Some(position) }
}

#[tokio::test]
async fn the_stays_known_at_any_position_are_those_of_the_timeline_folded_up_to_it() {
    for seed in 0..6 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        for _ in 0..120 {
            history.go_on(&world, &mut chance).await;
        }
        let projections = world.projections("p").await;
        projections.steps("dwell", 10).await;
        let head = world.head().await;
        for &customer in history.customers() {
            for position in (1..=head).step_by(11).chain([head]) {
                let truth = journeys(&events(&world, customer, position).await);
                let report =
                    projections.dwell(TENANT).await.unwrap().stays(customer, &known(position)).await.unwrap();
                let ours = report.items.into_iter().map(|stay| {
                    (
                        stay.journey,
                        stay.cycle,
                        stay.stage,
                        stay.visit,
                        stay.entered_at,
                        stay.left_at,
                        stay.left_to,
                        stay.entered_event,
                    )
                });
                let mut keys: Vec<&str> = truth.keys().collect();
                keys.sort_unstable();
                let theirs = keys.iter().flat_map(|key| {
                    truth.stays(key).iter().cloned().map(|stay| {
                        (
                            (*key).to_owned(),
                            stay.cycle,
                            stay.stage,
                            stay.visit,
                            stay.entered_at,
                            stay.left_at,
                            stay.left_to,
                            stay.entered_event,
                        )
                    })
                });
                assert_eq!(
                    ours.collect::<Vec<_>>(),
                    theirs.collect::<Vec<_>>(),
                    "seed {seed}, known {position}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_board_of_now_is_the_board_of_this_instant_from_history() {
    for seed in 20..26 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        for _ in 0..150 {
            history.go_on(&world, &mut chance).await;
        }
        let projections = world.projections("p").await;
        for name in MODELS {
            projections.steps(name, 10).await;
        }
        let at = AsOf::known_now(hour(1_000));
        let filter = CohortFilter { tag: (seed % 2 == 0).then(|| "a".into()), ..CohortFilter::default() };
        let mut boards = Vec::new();
        for now in [true, false] {
            let query = BoardQuery {
                at,
                now,
                filter: filter.clone(),
                stage: None,
                cursor: None,
                limit: 100,
                order: CardOrder::Entered,
            };
            let mut board = projections
                .pipeline_board(TENANT, PIPELINE)
                .await
                .unwrap()
                .cards(&pipeline(), &query, &|_, _| None)
                .await
                .unwrap();
            for card in board.stages.iter_mut().flat_map(|stage| &mut stage.cards) {
                // What must be done next is said of the present alone.
                card.flags
                    .retain(|flag| !["overdue_follow_up", "touched_again", "at_risk"].contains(&&**flag));
                card.next_action = None;
                card.expected_close = None;
            }
            boards.push(board);
        }
        assert_eq!(boards[0], boards[1], "seed {seed}");
    }
}

#[tokio::test]
async fn a_correction_changes_what_is_known_from_then_on_and_nothing_before() {
    let world = World::new();
    let customer = Uuid::from_u128(1);
    world.register(customer, hour(0)).await;
    let (quoted, before) = world.move_to(customer, hour(1), "quoted").await;
    let (_, retargeted) = world.append(customer, hour(1), retarget(quoted, "lost")).await;
    let (_, voided) = world.append(customer, hour(1), void(quoted)).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 1).await;
    let stages = async |position| {
        let stays = projections.dwell(TENANT).await.unwrap().stays(customer, &known(position)).await.unwrap();
        stays.items.into_iter().map(|stay| stay.stage).collect::<Vec<_>>()
    };
    assert_eq!(stages(before).await, ["new", "quoted"]);
    assert_eq!(stages(retargeted).await, ["new", "lost"]);
    assert_eq!(stages(voided).await, ["new"]);
    let standing = async |position| {
        let at = known(position);
        let report = projections
            .dwell(TENANT)
            .await
            .unwrap()
            .standing(&pipeline(), &at, &CohortFilter::default())
            .await
            .unwrap();
        report.counts.into_iter().map(|stage| stage.count).collect::<Vec<_>>()
    };
    assert_eq!(STAGES, ["new", "quoted", "won", "lost"]);
    assert_eq!(standing(before).await, [0, 1, 0, 0]);
    assert_eq!(standing(retargeted).await, [0, 0, 0, 1]);
    assert_eq!(standing(voided).await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_backdated_move_to_the_stage_already_held_is_a_repeat() {
    let world = World::new();
    let customer = Uuid::from_u128(1);
    world.register(customer, hour(0)).await;
    world.move_to(customer, hour(10), "quoted").await;
    world.append(customer, hour(5), moved("quoted")).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    let flows = projections
        .dwell(TENANT)
        .await
        .unwrap()
        .flows(
            &pipeline(),
            &Versions::default(),
            &known(9),
            &crate::dwell::Window::default(),
            &CohortFilter::default(),
        )
        .await
        .unwrap();
    assert_eq!((flows.pipeline.as_str(), flows.events), (PIPELINE, 3));
    assert_eq!(flows.repeats.len(), 1);
    assert_eq!(flows.first_passage[1].p50, 5.0 * 3_600.0);
}
