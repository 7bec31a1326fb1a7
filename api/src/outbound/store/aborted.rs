//! Whatever is asked of these tables may be given up at any moment: no connection goes back to its pool inside a transaction.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Acknowledged, CONNECTIONS, OutboundError, OutboundStore, Outcome, Queued};
use crate::domain::Language;
use crate::eventstore::{Position, TenantId};
use crate::left_open::{Server, each, left_open};
use crate::outbound::endpoint::{Delivery, Endpoint, Kind, State};

const TENANT: TenantId = TenantId(Uuid::from_u128(0xa));
const RECEIVER: Uuid = Uuid::from_u128(1);
const NODE: Uuid = Uuid::from_u128(2);

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn later() -> DateTime<Utc> {
    now() + TimeDelta::minutes(1)
}

fn receiver(id: Uuid) -> Endpoint {
    Endpoint {
        id,
        kind: Kind::Webhook,
        description: None,
        include_personal: false,
        url: Some("https://receiver.example/hook".to_owned()),
        types: vec!["customer.moved".to_owned()],
        member: None,
        team: None,
        language: Language::En,
        secret: vec![1; 40],
        former: None,
        created_at: now(),
        created_by: "admin:root".to_owned(),
        disabled: None,
        cursor: 0,
    }
}

fn message(position: Position) -> Queued {
    let event_id = Uuid::from_u128(u128::from(position));
    Queued { position, event_id, event_type: "customer.moved".to_owned(), parts: Vec::new() }
}

/// Looks the log through for the receiver, one entry further.
async fn queued(store: &OutboundStore) -> Result<Option<u64>, OutboundError> {
    let all = store.endpoints(TENANT).await?;
    let known = all.iter().find(|receiver| receiver.id == RECEIVER).unwrap();
    let reached = known.cursor + 1;
    store.queue(TENANT, known, reached, &[message(reached)], now()).await
}

/// Takes what is due and says what came of it.
async fn carried(store: &OutboundStore, state: State) -> Result<(), OutboundError> {
    let due = store.due(TENANT, RECEIVER, now(), 10).await?;
    let outcome = || Outcome { state, next_at: None, status: Some(503), error: Some("no".to_owned()) };
    let claimed = store.claim(TENANT, &due, now(), later()).await?;
    let outcomes: Vec<(Delivery, Outcome)> = claimed.into_iter().map(|one| (one, outcome())).collect();
    store.record(TENANT, &outcomes, None, now()).await
}

async fn nothing_that_is_given_up_leaves_a_transaction_open(store: &OutboundStore, server: Option<&Server>) {
    let left_open = &async || left_open(&store.db, server).await;
    store.add(TENANT, &receiver(RECEIVER)).await.unwrap();
    let numbers = AtomicU64::new(1_000);
    let fresh = || Uuid::from_u128(u128::from(numbers.fetch_add(1, Ordering::Relaxed)));
    let again = [message(1), message(2)];
    let acknowledged = Acknowledged { starts: 1, position: 3, at: now() };
    each!(
        left_open,
        async { store.add(TENANT, &receiver(fresh())).await },
        store.endpoints(TENANT),
        async { store.remove(TENANT, fresh()).await },
        store.rotate(TENANT, RECEIVER, vec![2; 40], later()),
        store.reseal(TENANT, RECEIVER, vec![2; 40], vec![3; 40]),
        store.acquire_lease(TENANT, RECEIVER, NODE, now(), later()),
        store.release_lease(TENANT, RECEIVER, NODE),
        queued(store),
        store.queue_again(TENANT, RECEIVER, &again, now()),
        store.waiting(TENANT, now()),
        store.next(TENANT, now()),
        store.due(TENANT, RECEIVER, now(), 10),
        carried(store, State::Dead),
        store.revive_dead(TENANT, RECEIVER, now()),
        store.revive_event(TENANT, RECEIVER, message(1).event_id, now()),
        carried(store, State::Delivered),
        store.deliveries(TENANT, RECEIVER, None, None, 10),
        store.forget(TENANT, RECEIVER, State::Delivered, 2, later()),
        store.disable(TENANT, RECEIVER, now(), "it said 410"),
        store.enable(TENANT, RECEIVER, 5),
        store.acknowledge(TENANT, NODE, acknowledged),
        store.acknowledged(TENANT),
        store.acknowledged_by(TENANT, NODE),
        store.forget_acknowledged(TENANT, NODE),
    );
    assert!(queued(store).await.unwrap().is_some(), "and it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = OutboundStore::open(&folder.path().join("w.db")).await.unwrap();
    nothing_that_is_given_up_leaves_a_transaction_open(&store, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open_on_postgres() {
    let Some(server) = Server::new(CONNECTIONS).await else { return };
    let store = OutboundStore::connect(server.url()).await.unwrap();
    nothing_that_is_given_up_leaves_a_transaction_open(&store, Some(&server)).await;
}
