//! What corrections cost, counted and not timed.

use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;

use super::world::{MODELS, World, hour, retarget, retime};
use crate::log::history::COMPARED;

/// How many records are compared, and how many rows come of it, where each move of one customer is corrected in this way.
async fn cost(moves: usize, page: u32, correct: impl Fn(Uuid, usize) -> CustomerEvent) -> (usize, usize) {
    let (world, customer) = (World::new(), Uuid::from_u128(1));
    let mut made = vec![world.register(customer, hour(0)).await.0];
    for n in 1..moves {
        let stage = ["quoted", "new"][n % 2];
        made.push(world.move_to(customer, hour(n as i64), stage).await.0);
    }
    for (n, event) in made.iter().enumerate() {
        world.append(customer, hour(9_999), correct(*event, n)).await;
    }
    let projections = world.projections("p").await;
    COMPARED.with(|compared| compared.set(0));
    for name in MODELS {
        projections.steps(name, page).await;
    }
    let rows = projections.dumps().await.iter().map(Vec::len).sum();
    (COMPARED.with(std::cell::Cell::get), rows)
}

/// A correction of an event, by its number.
type Correct<'a> = &'a dyn Fn(Uuid, usize) -> CustomerEvent;

#[tokio::test]
async fn the_corrections_of_one_customer_are_folded_in_proportion_to_their_number() {
    let retimed = |event: Uuid, n: usize| retime(event, hour(n as i64) + chrono::TimeDelta::minutes(7));
    let retargeted = |event: Uuid, n: usize| retarget(event, ["won", "lost"][n % 2]);
    let kinds: [(&str, Correct); 2] = [("instants", &retimed), ("stages", &retargeted)];
    for (name, correct) in kinds {
        for page in [16, 1_000] {
            let (some, some_rows) = cost(25, page, correct).await;
            let (many, many_rows) = cost(200, page, correct).await;
            assert!(many <= 9 * some, "{name} in pages of {page}: {some} of 25, {many} of 200");
            assert!(many_rows <= 9 * some_rows, "{name}: {some_rows} rows of 25, {many_rows} of 200");
        }
    }
}

#[tokio::test]
async fn one_move_corrected_again_and_again_costs_each_time_the_same() {
    let cost_of = async |corrections: usize| {
        let (world, customer) = (World::new(), Uuid::from_u128(1));
        let (event, _) = world.register(customer, hour(0)).await;
        for n in 1..=corrections {
            let correction = retime(event, hour(0) + chrono::TimeDelta::minutes(n as i64));
            world.append(customer, hour(9_999), correction).await;
        }
        let projections = world.projections("p").await;
        COMPARED.with(|compared| compared.set(0));
        for name in MODELS {
            projections.steps(name, 16).await;
        }
        let rows: usize = projections.dumps().await.iter().map(Vec::len).sum();
        (COMPARED.with(std::cell::Cell::get), rows)
    };
    let ((some, some_rows), (many, many_rows)) = (cost_of(25).await, cost_of(200).await);
    assert!(many <= 9 * some && many_rows <= 9 * some_rows, "{some} and {some_rows}, {many} and {many_rows}");
}
