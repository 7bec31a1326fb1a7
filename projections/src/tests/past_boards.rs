//! What a board of the past answers from what is kept is what a fold of all journeys tells.

use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::people::Visibility;

use super::kept_journeys::merge_or_part;
use super::world::{Chance, History, STAGES, TENANT, World, hour, pipeline};
use crate::board::{BoardQuery, BoardReport, CardOrder};
use crate::models::board::looks::LOOKS;
use crate::models::board::past_by_fold;
use crate::{AsOf, CohortFilter, Projections};

/// What a question may ask of the past.
fn query(chance: &mut Chance, head: u64) -> BoardQuery {
    let effective_at = hour(chance.below(70) as i64 - 5);
    let known_position = (chance.below(3) == 0).then(|| chance.below(head as usize + 1) as u64);
    let mut one_in = |odds| chance.below(odds) == 0;
    let filter = CohortFilter {
        tag: one_in(4).then(|| "a".into()),
        tier: one_in(6).then(|| "gold,silver".into()),
        owner: one_in(6).then(|| Owner::Rep("li".to_owned())),
        sub_status: one_in(8).then(|| "comparing".into()),
        version: one_in(8).then_some(1),
        among: one_in(6)
            .then(|| (1_000..1_004).map(Uuid::from_u128).collect::<std::collections::BTreeSet<_>>().into()),
        visibility: if one_in(4) {
            Visibility::Within { regions: ["north".to_owned()].into(), owners: ["li".to_owned()].into() }
        } else {
            Visibility::Everything
        },
        ..CohortFilter::default()
    };
    BoardQuery {
        at: AsOf { effective_at, known_at: hour(20_000), known_position },
        now: false,
        filter,
        stage: one_in(2).then(|| STAGES[0].to_owned()),
        cursor: None,
        limit: if one_in(5) { 0 } else { 3 },
        order: [CardOrder::Entered, CardOrder::Value, CardOrder::Amount][chance.below(3)],
    }
}

async fn kept(projections: &Projections, query: &BoardQuery) -> BoardReport {
    let mut board = projections.board(TENANT).await.unwrap();
    board.cards(&pipeline(), query, &|_, _| None).await.unwrap()
}

async fn by_fold(projections: &Projections, query: &BoardQuery) -> BoardReport {
    let mut board = projections.board(TENANT).await.unwrap();
    past_by_fold::cards(&mut board, &pipeline(), query, &|_, _| None).await.unwrap()
}

/// Asks for both, and for the page after the first where there is one.
async fn assert_as_folded(projections: &Projections, mut query: BoardQuery, which: &str) -> usize {
    let mut shown = 0;
    loop {
        let (kept, folded) = (kept(projections, &query).await, by_fold(projections, &query).await);
        assert_eq!(kept, folded, "{which}: {query:?}");
        shown += kept.total;
        let next = kept.stages.into_iter().find_map(|stage| stage.next_cursor);
        if query.cursor.is_some() || query.stage.is_none() || next.is_none() {
            return shown;
        }
        query.cursor = next;
    }
}

#[tokio::test]
async fn boards_of_the_past_are_those_of_a_fold_of_all_journeys() {
    let mut shown = 0;
    for seed in 20..24 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..50 {
            for _ in 0..1 + chance.below(6) {
                history.go_on(&world, &mut chance).await;
            }
            if chance.below(4) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
            projections.steps("board", 7).await;
            projections.steps("dwell", 7).await;
            if step == 25 {
                projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
            }
            for _ in 0..3 {
                let query = query(&mut chance, world.head().await);
                shown += assert_as_folded(&projections, query, &format!("seed {seed}, step {step}")).await;
            }
        }
    }
    assert!(shown > 500, "{shown}: the filters leave nobody");
}

/// How many spans are looked at for a board, of that many customers with that many moves each.
async fn looks(customers: u128, moves: usize) -> usize {
    let world = World::new();
    for id in 0..customers {
        let id = Uuid::from_u128(1_000 + id);
        world.register(id, hour(0)).await;
        for at in 0..moves {
            world.move_to(id, hour(1 + at as i64), STAGES[at % 2]).await;
        }
    }
    let projections = world.projections("p").await;
    projections.steps("board", 500).await;
    projections.steps("dwell", 500).await;
    let query = BoardQuery {
        at: AsOf::known_now(hour(moves as i64 / 2)),
        now: false,
        filter: CohortFilter::default(),
        stage: None,
        cursor: None,
        limit: 3,
        order: CardOrder::Entered,
    };
    assert_eq!(kept(&projections, &query).await.total, customers as usize);
    LOOKS.with(|looks| looks.set(0));
    kept(&projections, &query).await;
    LOOKS.with(std::cell::Cell::get)
}

#[tokio::test]
async fn a_board_of_the_past_looks_at_few_spans_of_each_customer_however_long_the_histories_are() {
    let (few, twice, longer) = (looks(10, 8).await, looks(20, 8).await, looks(10, 64).await);
    assert!((10..=50).contains(&few), "{few}");
    assert_eq!(twice, 2 * few);
    assert!(
        longer <= few + 10 * 4,
        "eight times the moves take three looks more, not eight times as many: {longer}"
    );
}
