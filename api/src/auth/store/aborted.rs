//! Whatever is asked of these tables may be given up at any moment: no connection goes back to its pool inside a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use uuid::Uuid;

use super::tests::{at, key, rights};
use super::{AdminStore, CONNECTIONS};
use crate::ambient::random_ids;
use crate::domain::Role;
use crate::left_open::{Server, each, left_open};

async fn nothing_that_is_given_up_leaves_a_transaction_open(store: &AdminStore, server: Option<&Server>) {
    let left_open = &async || left_open(&store.db, server).await;
    let (tenant, session) = (store.tenant_or_new("default").await.unwrap(), Uuid::from_u128(5));
    let numbers = AtomicU64::new(1);
    let next = || numbers.fetch_add(1, Ordering::Relaxed);
    let before = at(0) - TimeDelta::hours(2);
    let one = rights([key(1, &[Role::Rep]), key(2, &[Role::Rep])], &[("rep:li", Role::Rep)]);
    let other = rights([key(2, &[Role::Manager])], &[("rep:zhao", Role::Rep)]);
    each!(
        left_open,
        store.tenant("default"),
        async { store.tenant_or_new(&format!("tenant {}", next())).await },
        store.tenants(),
        store.hand_over("default", tenant, store),
        store.fingerprint(),
        store.keep_fingerprint("first"),
        store.replace_fingerprint("second"),
        store.session_used_at(tenant, session),
        store.note_session_use(tenant, session, at(1), before),
        store.last_alive(),
        store.note_alive(at(1)),
        store.agreed_clock(),
        store.agree_to_clock(at(1)),
        store.kept(tenant),
        store.reached(tenant),
        // Each time something is set and something else removed.
        async {
            let reached = next();
            store.keep(tenant, if reached.is_multiple_of(2) { &one } else { &other }, reached).await
        },
    );
    store.keep(tenant, &one, next()).await.unwrap();
    assert_eq!(store.kept(tenant).await.unwrap().keys.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        AdminStore::open(&folder.path().join("w.db"), Arc::new(|| at(0)), random_ids()).await.unwrap();
    nothing_that_is_given_up_leaves_a_transaction_open(&store, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open_on_postgres() {
    let Some(server) = Server::new(CONNECTIONS).await else { return };
    let store = AdminStore::connect(server.url(), Arc::new(|| at(0)), random_ids()).await.unwrap();
    nothing_that_is_given_up_leaves_a_transaction_open(&store, Some(&server)).await;
}
