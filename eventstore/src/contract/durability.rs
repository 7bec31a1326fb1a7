//! What is still there after closing and opening again.

use uuid::Uuid;

use super::{Bench, TENANT, appended, contract, receipt};
use crate::vault::WrappedKey;
use crate::{Append, Outcome, Query, StoreError};

contract!(
    entries_heads_receipts_and_keys_survive,
    appends_go_on_without_a_gap,
    conditions_see_what_was_recorded_before,
    a_resend_after_the_restart_is_recognised,
    a_watcher_knows_the_head_after_the_restart,
    a_closed_log_refuses,
    closing_finishes_what_was_accepted,
);

fn full(bench: &Bench) -> Append {
    let subject = Uuid::from_u128(1);
    Append {
        receipt: receipt("c", 1, "done"),
        new_keys: vec![WrappedKey { key_id: subject, subject, wrapped: vec![1; 60], destroyed: false }],
        ..Append::new(TENANT, (0..300).map(|_| bench.event("e", &["a"])).collect())
    }
}

async fn entries_heads_receipts_and_keys_survive(mut bench: Bench) {
    appended(bench.store.append(full(&bench)).await);
    bench.store.tenant_key(TENANT, vec![9]).await.unwrap();
    let (entries, head) = (bench.all().await, bench.store.head(TENANT).await.unwrap());
    let kept = bench.store.receipt(TENANT, "c").await.unwrap();
    let key = bench.store.data_key(TENANT, Uuid::from_u128(1)).await.unwrap();
    let tile = bench.store.tile(TENANT, 0, 0).await.unwrap();
    assert!(kept.is_some() && key.is_some() && tile.is_some());
    bench.reopen().await;
    assert_eq!(bench.all().await, entries);
    assert_eq!(bench.store.head(TENANT).await.unwrap(), head);
    assert_eq!(bench.store.receipt(TENANT, "c").await.unwrap(), kept);
    assert_eq!(bench.store.data_key(TENANT, Uuid::from_u128(1)).await.unwrap(), key);
    assert_eq!(bench.store.tile(TENANT, 0, 0).await.unwrap(), tile);
    assert_eq!(bench.store.tenant_key(TENANT, vec![8]).await.unwrap(), [9]);
}

async fn appends_go_on_without_a_gap(mut bench: Bench) {
    for expected in 1..=5 {
        assert_eq!(bench.tagged(&[]).await, expected);
        bench.reopen().await;
    }
}

async fn conditions_see_what_was_recorded_before(mut bench: Bench) {
    bench.tagged(&["a"]).await;
    bench.reopen().await;
    let outcome = bench.put_if(Query::tag("a").none_after(0)).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { position: 1 })));
}

async fn a_resend_after_the_restart_is_recognised(mut bench: Bench) {
    let request = full(&bench);
    appended(bench.store.append(request.clone()).await);
    bench.reopen().await;
    assert!(matches!(bench.store.append(request).await, Ok(Outcome::Repeated(_))));
}

async fn a_watcher_knows_the_head_after_the_restart(mut bench: Bench) {
    bench.tagged(&[]).await;
    bench.reopen().await;
    assert_eq!(*bench.store.watch(TENANT).borrow(), 1);
}

async fn a_closed_log_refuses(bench: Bench) {
    bench.tagged(&[]).await;
    bench.store.close().await;
    let outcome = bench.store.append(Append::new(TENANT, vec![bench.event("e", &[])])).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    bench.store.close().await;
}

async fn closing_finishes_what_was_accepted(mut bench: Bench) {
    let appends = (0..20).map(|_| bench.store.append(Append::new(TENANT, vec![bench.event("e", &[])])));
    let mut accepted: Vec<_> = appends.collect();
    // Polled once each, the appends stand in the queue.
    for append in &mut accepted {
        std::future::poll_fn(|context| {
            let _ = append.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    bench.store.close().await;
    drop(accepted);
    if bench.survives() {
        bench.reopen().await;
        assert_eq!(bench.head().await, 20);
    }
}
