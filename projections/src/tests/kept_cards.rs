//! What a board answers from cards that are kept is what it answers from cards that are read afresh.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::people::Visibility;

use super::kept_journeys::merge_or_part;
use super::world::{Chance, History, PIPELINE, STAGES, TENANT, World, followed_up, hour, pipeline};
use crate::board::{BoardQuery, BoardReport, CardOrder, CardReport, PipelineSnapshot};
use crate::{AsOf, CohortFilter, Projections};

const ORDERS: [CardOrder; 4] =
    [CardOrder::Entered, CardOrder::Value, CardOrder::Amount, CardOrder::NextContact];

/// What a question may ask of the present.
fn query(chance: &mut Chance) -> BoardQuery {
    let mut one_in = |odds| chance.below(odds) == 0;
    let filter = CohortFilter {
        tag: one_in(4).then(|| "a".into()),
        tier: one_in(6).then(|| "gold,silver".into()),
        owner: one_in(6).then(|| Owner::Rep("li".to_owned())),
        reps: one_in(8).then(|| ["li", "wu"].map(str::to_owned).into()),
        version: one_in(8).then_some(1),
        visibility: if one_in(4) {
            Visibility::Within { regions: ["north".to_owned()].into(), owners: ["wu".to_owned()].into() }
        } else {
            Visibility::Everything
        },
        ..CohortFilter::default()
    };
    BoardQuery {
        at: AsOf::known_now(hour(1_000)),
        now: true,
        filter,
        stage: one_in(2).then(|| STAGES[0].to_owned()),
        cursor: None,
        limit: 3,
        order: ORDERS[chance.below(4)],
    }
}

async fn kept(projections: &Projections, query: &BoardQuery) -> BoardReport {
    let board = projections.pipeline_board(TENANT, PIPELINE).await.unwrap();
    board.cards(&pipeline(), query, &|_, _| None).await.unwrap()
}

async fn read_afresh(projections: &Projections, query: &BoardQuery) -> BoardReport {
    let kept = Arc::new(Mutex::default()).lock_owned().await;
    let board = PipelineSnapshot { kept, board: projections.board(TENANT).await.unwrap() };
    board.cards(&pipeline(), query, &|_, _| None).await.unwrap()
}

#[tokio::test]
async fn boards_of_kept_cards_are_those_of_cards_read_afresh() {
    let mut shown = 0;
    for seed in 0..4 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..60 {
            for _ in 0..1 + chance.below(6) {
                history.go_on(&world, &mut chance).await;
            }
            if chance.below(4) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
            for model in ["board", "dwell", "work"] {
                projections.steps(model, 7).await;
            }
            let rebuilt = [(30, "board"), (40, "work")].into_iter().find(|(at, _)| *at == step);
            if let Some((_, model)) = rebuilt {
                projections.rebuild(TENANT, model, &|_, _| {}).await.unwrap();
            }
            for _ in 0..3 {
                let query = query(&mut chance);
                let (kept, afresh) =
                    (kept(&projections, &query).await, read_afresh(&projections, &query).await);
                assert_eq!(kept, afresh, "seed {seed}, step {step}: {query:?}");
                shown += kept.total;
            }
        }
    }
    assert!(shown > 1_000, "{shown}: the filters leave nobody");
}

#[tokio::test]
async fn the_pages_of_a_stage_are_its_cards_each_once_and_in_order() {
    let (world, mut chance, mut history) = (World::new(), Chance::new(7), History::default());
    for _ in 0..150 {
        history.go_on(&world, &mut chance).await;
    }
    let projections = world.projections("p").await;
    for (n, customer) in (0..).zip(history.customers()).filter(|(n, _)| n % 3 > 0) {
        if !history.is_erased(*customer) {
            world.append(*customer, hour(500), followed_up(hour(600 + n % 4))).await;
        }
    }
    for model in ["board", "dwell", "work"] {
        projections.steps(model, 100).await;
    }
    let mut planned = 0;
    let orders = ORDERS.map(|order| (order, None));
    for (order, tier) in orders.into_iter().chain([(CardOrder::Entered, Some("gold,silver"))]) {
        for stage in STAGES {
            let filter = CohortFilter { tier: tier.map(Into::into), ..CohortFilter::default() };
            let (at, stage) = (AsOf::known_now(hour(1_000)), Some(stage.to_owned()));
            let all = BoardQuery { at, now: true, filter, stage, cursor: None, limit: 1_000, order };
            let ids = |board: &BoardReport| -> Vec<Uuid> {
                board.stages.iter().flat_map(|stage| &stage.cards).map(|card| card.customer_id).collect()
            };
            let board = kept(&projections, &all).await;
            let whole = ids(&board);
            if order == CardOrder::NextContact {
                let due = projections.work(TENANT).await.unwrap().next_contacts(&whole).await.unwrap();
                let cards = board.stages.iter().flat_map(|stage| &stage.cards);
                let of = |card: &CardReport| (due[&card.customer_id], card.entered_at, card.customer_id);
                let keys: Vec<_> =
                    cards.map(of).map(|(due, since, id)| (due.is_none(), due, since, id)).collect();
                assert!(keys.is_sorted(), "{keys:?}");
                planned += keys.iter().filter(|(is_none, ..)| !is_none).count();
            }
            let (mut pages, mut cursor) = (Vec::new(), None);
            loop {
                let page = kept(&projections, &BoardQuery { cursor, limit: 2, ..all.clone() }).await;
                pages.extend(ids(&page));
                cursor = page.stages.into_iter().find_map(|stage| stage.next_cursor);
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(pages, whole, "{all:?}");
            assert_eq!(pages.iter().collect::<BTreeSet<_>>().len(), pages.len());
            if tier.is_none() && order == CardOrder::Entered {
                // The history of everybody tells the same; tiers are set backdated here, which the present does not follow.
                let past = BoardQuery { now: false, ..all };
                let mut board = projections.board(TENANT).await.unwrap();
                let past = board.cards(&pipeline(), &past, &|_, _| None).await.unwrap();
                assert_eq!(ids(&past), whole);
            }
        }
    }
    assert!(planned > 3, "{planned}: nothing is agreed with anybody");
}
