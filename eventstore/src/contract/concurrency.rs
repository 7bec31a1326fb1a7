//! Many callers at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Bench, TENANT, appended, contract, item, receipt};
use crate::{Append, Outcome, Query, StoreError};

contract!(
    of_racing_appends_under_one_condition_one_wins,
    of_racing_appends_under_overlapping_conditions_one_wins,
    disjoint_boundaries_all_commit,
    concurrent_appends_stand_in_a_gapless_order,
    concurrent_resends_of_one_command_apply_once,
    a_dropped_future_leaves_all_of_an_append_or_nothing,
    a_quota_of_three_admits_exactly_three,
    racing_first_keys_of_a_subject_leave_one,
);

async fn race(bench: &Bench, requests: Vec<Append>) -> Vec<Result<Outcome, StoreError>> {
    let mut racers = JoinSet::new();
    for request in requests {
        let store = bench.store.clone();
        racers.spawn(async move { store.append(request).await });
    }
    racers.join_all().await
}

fn won(outcomes: &[Result<Outcome, StoreError>]) -> usize {
    let lost = |outcome: &&Result<Outcome, StoreError>| matches!(outcome, Err(StoreError::Conflict { .. }));
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Appended(_)))).count();
    assert_eq!(won + outcomes.iter().filter(lost).count(), outcomes.len(), "{outcomes:?}");
    won
}

async fn of_racing_appends_under_one_condition_one_wins(bench: Bench) {
    let seen = bench.tagged(&["customer:1"]).await;
    let requests = (0..64).map(|_| Append {
        condition: Some(Query::tag("customer:1").none_after(seen)),
        ..Append::new(TENANT, vec![bench.event("e", &["customer:1"]), bench.event("e", &["customer:1"])])
    });
    assert_eq!(won(&race(&bench, requests.collect()).await), 1);
    assert_eq!(bench.head().await, 3);
}

async fn of_racing_appends_under_overlapping_conditions_one_wins(bench: Bench) {
    let boundary = |number: usize| match number % 3 {
        0 => Query::tag("customer:1").or(Query::tag(format!("own:{number}"))),
        1 => item(&["claimed"], &["customer:1"]),
        _ => item(&["claimed"], &[]),
    };
    let requests = (0..30).map(|number| Append {
        condition: Some(boundary(number).none_after(0)),
        ..Append::new(TENANT, vec![bench.event("claimed", &["customer:1"])])
    });
    assert_eq!(won(&race(&bench, requests.collect()).await), 1);
}

async fn disjoint_boundaries_all_commit(bench: Bench) {
    let requests = (0..64).map(|number| {
        let tag = format!("customer:{number}");
        Append {
            condition: Some(Query::tag(tag.as_str()).none_after(0)),
            ..Append::new(TENANT, vec![bench.event("e", &[tag.as_str()])])
        }
    });
    assert_eq!(won(&race(&bench, requests.collect()).await), 64);
}

async fn concurrent_appends_stand_in_a_gapless_order(bench: Bench) {
    let requests = (0..50_usize).map(|number| {
        let events = (0..number % 4).map(|_| bench.event("e", &["a"])).collect();
        Append::new(TENANT, events)
    });
    let outcomes = race(&bench, requests.collect()).await;
    let mut positions: Vec<u64> = outcomes
        .into_iter()
        .map(appended)
        .filter(|done| done.count > 0)
        .flat_map(|done| done.first_position..=done.last_position())
        .collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=bench.head().await).collect::<Vec<_>>());
}

async fn concurrent_resends_of_one_command_apply_once(bench: Bench) {
    let requests = (0..64).map(|_| Append {
        receipt: receipt("c", 1, "done"),
        ..Append::new(TENANT, vec![bench.event("e", &[])])
    });
    let outcomes = race(&bench, requests.collect()).await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Appended(_)))).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Repeated(_)))).count(), 63);
    assert_eq!(bench.head().await, 1);
}

async fn a_dropped_future_leaves_all_of_an_append_or_nothing(bench: Bench) {
    let bench = Arc::new(bench);
    let mut aborted = Vec::new();
    for _ in 0..40 {
        let events = (0..3).map(|_| bench.event("e", &["dropped"])).collect();
        let (bench, request) = (bench.clone(), Append::new(TENANT, events));
        let append = tokio::spawn(async move { bench.store.append(request).await });
        tokio::task::yield_now().await;
        append.abort();
        aborted.push(append);
    }
    // A request that was entering the queue when it was aborted is in there, or never will be.
    for append in aborted {
        append.await.ok();
    }
    // Jobs are taken in order: once this one is answered, every accepted one before it is decided.
    let last = bench.tagged(&["last"]).await;
    let dropped = bench.matching(&Query::tag("dropped")).await;
    assert_eq!(dropped.len() as u64, last - 1);
    assert_eq!(dropped.len() % 3, 0, "part of a dropped append is in the log");
}

async fn a_quota_of_three_admits_exactly_three(bench: Bench) {
    let bench = Arc::new(bench);
    let claims = "claims:pool:li:2026-01-01";
    let mut racers = JoinSet::new();
    for number in 0..10 {
        let bench = bench.clone();
        racers.spawn(async move {
            let customer = format!("customer:{number}");
            let boundary = Query::tag(claims).or(Query::tag(customer.as_str()));
            loop {
                let used = bench.matching(&boundary).await;
                if used.len() >= 3 {
                    return false;
                }
                let condition = Some(boundary.clone().none_after(used.last().copied().unwrap_or(0)));
                let event = bench.event("claimed", &[claims, customer.as_str()]);
                match bench.store.append(Append { condition, ..Append::new(TENANT, vec![event]) }).await {
                    Ok(_) => return true,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|won| *won).count(), 3);
    assert_eq!(bench.head().await, 3);
}

async fn racing_first_keys_of_a_subject_leave_one(bench: Bench) {
    let subject = uuid::Uuid::from_u128(1);
    let requests = (1..=16_u8).map(|number| Append {
        new_keys: vec![crate::vault::WrappedKey {
            key_id: uuid::Uuid::from_u128(u128::from(number)),
            subject,
            wrapped: vec![number],
            destroyed: false,
        }],
        ..Append::new(TENANT, vec![bench.event("e", &[])])
    });
    assert_eq!(won(&race(&bench, requests.collect()).await), 1);
    assert_eq!(bench.head().await, 1);
}
