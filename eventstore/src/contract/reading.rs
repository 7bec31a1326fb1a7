//! What readers see: pages, heads, instants, wake-ups.

use std::collections::HashSet;

use chrono::TimeDelta;

use super::{Bench, OTHER, TENANT, appended, contract, new_year};
use crate::ledger::{leaf_hash, root_of};
use crate::{Append, News, Position};

contract!(
    pages_follow_one_another_without_loss,
    a_page_of_none_is_empty,
    nothing_stands_after_the_head,
    the_head_of_an_empty_log_is_zero_with_the_root_of_nothing,
    the_heads_root_is_that_of_the_entries_as_stored,
    tenants_are_those_with_events,
    position_at_an_instant_includes_it,
    position_at_is_the_last_of_equal_instants,
    position_before_the_first_event_is_zero,
    a_watcher_wakes_after_the_commit,
    a_watcher_hears_nothing_of_other_tenants,
    where_logs_end_is_known_without_asking_and_each_that_moves_is_news,
    nothing_at_or_below_an_observed_position_appears_later,
);

async fn pages_follow_one_another_without_loss(bench: Bench) {
    bench.put((0..25).map(|_| bench.event("e", &[])).collect()).await;
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = bench.store.read(TENANT, after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.position;
        assert!(page.len() <= 10);
        seen.extend(page);
    }
    assert_eq!(seen, bench.all().await);
    assert_eq!(seen.len(), 25);
}

async fn a_page_of_none_is_empty(bench: Bench) {
    bench.tagged(&[]).await;
    assert!(bench.store.read(TENANT, 0, 0).await.unwrap().is_empty());
}

async fn nothing_stands_after_the_head(bench: Bench) {
    bench.tagged(&[]).await;
    assert!(bench.store.read(TENANT, 1, 10).await.unwrap().is_empty());
    assert!(bench.store.read(TENANT, Position::MAX, 10).await.unwrap().is_empty());
}

async fn the_head_of_an_empty_log_is_zero_with_the_root_of_nothing(bench: Bench) {
    let head = bench.store.head(TENANT).await.unwrap();
    assert_eq!((head.position, head.root), (0, root_of(&[])));
}

async fn the_heads_root_is_that_of_the_entries_as_stored(bench: Bench) {
    for size in [1, 2, 3, 300] {
        bench.put((0..size).map(|_| bench.event("e", &["a"])).collect()).await;
        let leaves: Vec<_> = bench.all().await.iter().map(|entry| leaf_hash(&entry.bytes)).collect();
        assert_eq!(bench.store.head(TENANT).await.unwrap().root, root_of(&leaves));
    }
}

async fn tenants_are_those_with_events(bench: Bench) {
    assert!(bench.store.tenants().await.unwrap().is_empty());
    bench.put(Vec::new()).await;
    assert!(bench.store.tenants().await.unwrap().is_empty());
    appended(bench.store.append(Append::new(OTHER, vec![bench.event("e", &[])])).await);
    bench.tagged(&[]).await;
    assert_eq!(bench.store.tenants().await.unwrap(), [TENANT, OTHER]);
    // An access log is a log like any other, and no tenant.
    let of_access = Append::new(TENANT.access_log(), vec![bench.event("e", &[])]);
    appended(bench.store.append(of_access).await);
    assert_eq!(bench.store.tenants().await.unwrap(), [TENANT, OTHER]);
    assert_eq!(bench.store.logs().await.unwrap(), [TENANT, OTHER, TENANT.access_log()]);
    for end in bench.store.ends().await.unwrap() {
        let head = bench.store.head(end.log).await.unwrap();
        let erasures = bench.store.erasures(end.log).await.unwrap();
        let said = (end.position, end.recorded_at, end.erasures);
        assert_eq!(said, (head.position, head.recorded_at, erasures));
    }
}

async fn where_logs_end_is_known_without_asking_and_each_that_moves_is_news(bench: Bench) {
    bench.store.answers().await.unwrap();
    assert_eq!(bench.store.known_heads(), []);
    let news = News::default();
    bench.store.inform(&news);
    bench.put(vec![bench.event("e", &[]), bench.event("e", &[])]).await;
    assert_eq!(news.next().await, HashSet::from([TENANT]));
    appended(bench.store.append(Append::new(OTHER, vec![bench.event("e", &[])])).await);
    assert_eq!(news.next().await, HashSet::from([OTHER]));
    let mut known = bench.store.known_heads();
    known.sort_unstable();
    assert_eq!(known, [(TENANT, 2), (OTHER, 1)]);
    bench.store.tell(TENANT);
    assert_eq!(news.next().await, HashSet::from([TENANT]), "beside its log");
    bench.store.close().await;
    assert!(bench.store.answers().await.is_err(), "nobody answers any more");
}

async fn position_at_an_instant_includes_it(bench: Bench) {
    for _ in 0..20 {
        bench.tagged(&[]).await;
        bench.advance(TimeDelta::seconds(10));
    }
    for position in 1..=20_u64 {
        let recorded = new_year() + TimeDelta::seconds(10 * (position as i64 - 1));
        assert_eq!(bench.store.position_at(TENANT, recorded).await.unwrap(), position);
        let just_before = recorded - TimeDelta::microseconds(1);
        assert_eq!(bench.store.position_at(TENANT, just_before).await.unwrap(), position - 1);
    }
}

async fn position_at_is_the_last_of_equal_instants(bench: Bench) {
    bench.put((0..7).map(|_| bench.event("e", &[])).collect()).await;
    bench.advance(TimeDelta::seconds(1));
    bench.tagged(&[]).await;
    assert_eq!(bench.store.position_at(TENANT, new_year()).await.unwrap(), 7);
}

async fn position_before_the_first_event_is_zero(bench: Bench) {
    assert_eq!(bench.store.position_at(TENANT, new_year()).await.unwrap(), 0);
    bench.tagged(&[]).await;
    assert_eq!(bench.store.position_at(TENANT, new_year() - TimeDelta::days(1)).await.unwrap(), 0);
}

async fn a_watcher_wakes_after_the_commit(bench: Bench) {
    let mut watch = bench.store.watch(TENANT);
    bench.put(vec![bench.event("e", &[]), bench.event("e", &[])]).await;
    watch.changed().await.unwrap();
    assert_eq!(*watch.borrow_and_update(), 2);
    assert_eq!(bench.all().await.len(), 2);
}

async fn a_watcher_hears_nothing_of_other_tenants(bench: Bench) {
    let watch = bench.store.watch(OTHER);
    bench.tagged(&[]).await;
    assert!(!watch.has_changed().unwrap());
}

async fn nothing_at_or_below_an_observed_position_appears_later(bench: Bench) {
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = bench.store.clone();
            let appends: Vec<_> =
                (0..25).map(|_| Append::new(TENANT, vec![bench.event("e", &["a"])])).collect();
            tokio::spawn(async move {
                for append in appends {
                    appended(store.append(append).await);
                }
            })
        })
        .collect();
    let mut seen: Vec<crate::Entry> = Vec::new();
    while seen.len() < 200 {
        let now = bench.all().await;
        assert!(now.starts_with(&seen), "something changed at or below position {}", seen.len());
        assert!(now.iter().zip(1..).all(|(entry, position)| entry.position == position), "a gap");
        seen = now;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
}
