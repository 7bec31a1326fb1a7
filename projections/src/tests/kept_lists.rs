//! What lists answer from customers that are kept is what they answer from customers that are read afresh, and what the
//! history of each customer tells.

use std::sync::Arc;

use tokio::sync::Mutex;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::people::Visibility;
use waymark_domain::search::SearchTerms;

use super::kept_journeys::merge_or_part;
use super::world::{Chance, History, MODELS, STAGES, TENANT, World, hour};
use crate::board::{CustomerFilter, ListOrder, ListSnapshot};
use crate::{AsOf, Projections};

/// What a list may be asked for.
fn filter(chance: &mut Chance) -> CustomerFilter {
    let mut one_in = |odds| chance.below(odds) == 0;
    CustomerFilter {
        external_id: one_in(8).then(|| "x-1001".to_owned()),
        stage: one_in(3).then(|| "quoted,won".into()),
        sub_status: one_in(10).then(|| "comparing".into()),
        tag: one_in(5).then(|| "a".into()),
        tier: one_in(6).then(|| "gold,silver".into()),
        owner: one_in(6).then(|| Owner::Rep("li".to_owned())),
        reps: one_in(8).then(|| ["li", "wu"].map(str::to_owned).into()),
        q: one_in(4).then(|| SearchTerms::read(if one_in(2) { "x-10 name" } else { "+86 138 0013 8000" })),
        visibility: if one_in(4) {
            Visibility::Within { regions: ["north".to_owned()].into(), owners: ["wu".to_owned()].into() }
        } else {
            Visibility::Everything
        },
        ..CustomerFilter::default()
    }
}

async fn ids(
    list: ListSnapshot,
    filter: &CustomerFilter,
    cursor: Option<&str>,
    limit: u32,
) -> (Vec<Uuid>, Option<String>) {
    let (page, _) = list.customers(filter, cursor, limit, hour(1_000), &|_, _| None).await.unwrap();
    (page.items.iter().map(|item| item.id).collect(), page.next_cursor)
}

async fn kept(projections: &Projections, filter: &CustomerFilter) -> Vec<Uuid> {
    ids(projections.customer_list(TENANT).await.unwrap(), filter, None, 500).await.0
}

async fn read_afresh(projections: &Projections, filter: &CustomerFilter) -> Vec<Uuid> {
    let kept = Arc::new(Mutex::default()).lock_owned().await;
    let list = ListSnapshot { kept, board: projections.board(TENANT).await.unwrap() };
    ids(list, filter, None, 500).await.0
}

/// Those who pass by what is folded from the log at this moment.
async fn by_history(projections: &Projections, filter: &CustomerFilter) -> Vec<Uuid> {
    let (at, mut cursor, mut found) = (AsOf::known_now(hour(1_000)), None::<String>, Vec::new());
    loop {
        let mut board = projections.board(TENANT).await.unwrap();
        let page = (cursor.as_deref(), 500);
        let page = board.customers_as_of(filter, page, &at, &|_, _| None, None).await.unwrap();
        found.extend(page.0.iter().map(|one| one.then.id));
        cursor = page.1;
        if cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn lists_of_kept_customers_are_those_of_customers_read_afresh_and_of_their_histories() {
    let mut shown = 0;
    for seed in 0..4 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..40 {
            for _ in 0..1 + chance.below(6) {
                history.go_on(&world, &mut chance).await;
            }
            if chance.below(4) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
            for model in MODELS {
                projections.steps(model, 7).await;
            }
            if step == 20 {
                projections.rebuild(TENANT, "board", &|_, _| {}).await.unwrap();
            }
            for _ in 0..3 {
                let filter = filter(&mut chance);
                let found = kept(&projections, &filter).await;
                let which = format!("seed {seed}, step {step}: {filter:?}");
                assert_eq!(found, read_afresh(&projections, &filter).await, "{which}");
                assert_eq!(found, by_history(&projections, &filter).await, "{which}");
                shown += found.len();
            }
        }
    }
    assert!(shown > 500, "{shown}: the filters leave nobody");
}

#[tokio::test]
async fn who_goes_back_to_a_pool_first_comes_first_and_last_whom_no_rule_takes_away() {
    let (mut go_back, mut stay) = (0, 0);
    for seed in 60..63 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..30 {
            for _ in 0..1 + chance.below(6) {
                // Versions of the pipeline with another clock are published now and then.
                history.go_on(&world, &mut chance).await;
            }
            if chance.below(4) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
            for model in ["board", "work"] {
                projections.steps(model, 7).await;
            }
            if step == 15 {
                projections.rebuild(TENANT, "work", &|_, _| {}).await.unwrap();
            }
            let by_registration = filter(&mut chance);
            let mut expected = kept(&projections, &by_registration).await;
            let mut work = projections.work(TENANT).await.unwrap();
            let left = work.remaining_ownership(&expected, hour(0)).await.unwrap();
            drop(work);
            let left_to = |id: &Uuid| left.get(id).copied().unwrap_or(f64::INFINITY);
            expected.sort_by(|one, other| left_to(one).total_cmp(&left_to(other)));
            let filter = CustomerFilter { order: ListOrder::RemainingOwnership, ..by_registration };
            let which = format!("seed {seed}, step {step}: {filter:?}");
            assert_eq!(kept(&projections, &filter).await, expected, "{which}");
            assert_eq!(read_afresh(&projections, &filter).await, expected, "{which}");
            (go_back, stay) = (go_back + left.len(), stay + expected.len() - left.len());
        }
    }
    assert!(go_back > 10 && stay > 20, "{go_back} go back, {stay} stay");
}

#[tokio::test]
async fn the_pages_of_a_list_are_its_customers_each_once_and_in_order() {
    let (world, mut chance, mut history) = (World::new(), Chance::new(5), History::default());
    for _ in 0..400 {
        history.go_on(&world, &mut chance).await;
    }
    let projections = world.projections("p").await;
    for model in MODELS {
        projections.steps(model, 100).await;
    }
    for order in [ListOrder::Registered, ListOrder::Value, ListOrder::RemainingOwnership] {
        for stage in [None, Some(STAGES[1])] {
            let filter = CustomerFilter { stage: stage.map(Into::into), order, ..CustomerFilter::default() };
            let whole = kept(&projections, &filter).await;
            let (mut pages, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let list = projections.customer_list(TENANT).await.unwrap();
                let (page, next) = ids(list, &filter, cursor.as_deref(), 3).await;
                pages.extend(page);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            assert!(whole.len() > 3);
            assert_eq!(pages, whole, "{filter:?}");
        }
    }
}
