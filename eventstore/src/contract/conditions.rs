//! Append conditions, at their boundaries.

use super::{Bench, OTHER, TENANT, appended, conflict_at, contract, item, receipt};
use crate::{Append, Outcome, Query, StoreError};

contract!(
    a_condition_on_an_empty_log_holds,
    fails_if_any_exists,
    an_event_at_the_observed_position_is_no_conflict,
    an_event_after_the_observed_position_is_a_conflict,
    the_conflict_names_the_last_matching_position,
    other_tags_are_no_conflict,
    other_types_are_no_conflict,
    a_type_alone_can_be_the_boundary,
    all_tags_of_the_boundary_are_demanded,
    any_alternative_of_the_boundary_conflicts,
    everything_can_be_the_boundary,
    an_empty_boundary_never_conflicts,
    another_tenants_events_are_no_conflict,
    a_position_beyond_the_head_has_seen_everything,
    an_append_does_not_conflict_with_itself,
    a_condition_guards_an_append_without_events,
    a_blind_tag_can_be_the_boundary,
    after_a_conflict_the_reloaded_decision_goes_through,
    grounds_have_a_position_of_their_own,
    grounds_conflict_with_what_was_appended_in_the_same_batch,
);

async fn a_condition_on_an_empty_log_holds(bench: Bench) {
    for query in [Query::all(), Query::tag("a"), item(&["e"], &[])] {
        let empty = Bench::memory();
        appended(empty.put_if(query.none_after(0)).await);
    }
    appended(bench.put_if(Query::all().none_after(0)).await);
}

async fn fails_if_any_exists(bench: Bench) {
    bench.tagged(&["a"]).await;
    bench.tagged(&["b"]).await;
    assert_eq!(conflict_at(&bench.put_if(Query::tag("a").none_after(0)).await), 1);
    assert_eq!(bench.head().await, 2);
}

async fn an_event_at_the_observed_position_is_no_conflict(bench: Bench) {
    let seen = bench.tagged(&["a"]).await;
    appended(bench.put_if(Query::tag("a").none_after(seen)).await);
}

async fn an_event_after_the_observed_position_is_a_conflict(bench: Bench) {
    let seen = bench.tagged(&["a"]).await;
    let unseen = bench.tagged(&["a"]).await;
    assert_eq!(conflict_at(&bench.put_if(Query::tag("a").none_after(seen)).await), unseen);
}

async fn the_conflict_names_the_last_matching_position(bench: Bench) {
    for tags in [["a"], ["a"], ["b"]] {
        bench.tagged(&tags).await;
    }
    for query in [Query::tag("a"), item(&["e"], &["a"]), Query::tag("a").or(Query::tag("c"))] {
        assert_eq!(conflict_at(&bench.put_if(query.none_after(0)).await), 2);
    }
    assert_eq!(conflict_at(&bench.put_if(Query::tag("b").or(Query::tag("a")).none_after(0)).await), 3);
}

async fn other_tags_are_no_conflict(bench: Bench) {
    bench.tagged(&["b", "aa"]).await;
    appended(bench.put_if(Query::tag("a").none_after(0)).await);
}

async fn other_types_are_no_conflict(bench: Bench) {
    bench.typed("x", &["a"]).await;
    appended(bench.put_if(item(&["y"], &["a"]).none_after(0)).await);
    assert_eq!(conflict_at(&bench.put_if(item(&["y", "x"], &["a"]).none_after(0)).await), 1);
}

async fn a_type_alone_can_be_the_boundary(bench: Bench) {
    bench.typed("x", &["a"]).await;
    bench.typed("z", &[]).await;
    assert_eq!(conflict_at(&bench.put_if(item(&["x"], &[]).none_after(0)).await), 1);
    assert_eq!(conflict_at(&bench.put_if(item(&["z", "x"], &[]).none_after(0)).await), 2);
    appended(bench.put_if(item(&["x"], &[]).none_after(1)).await);
    appended(bench.put_if(item(&["w"], &[]).none_after(0)).await);
}

async fn all_tags_of_the_boundary_are_demanded(bench: Bench) {
    bench.tagged(&["a"]).await;
    bench.tagged(&["b"]).await;
    let both = item(&[], &["a", "b"]);
    appended(bench.put_if(both.clone().none_after(0)).await);
    let position = bench.tagged(&["b", "a"]).await;
    bench.tagged(&["a"]).await;
    assert_eq!(conflict_at(&bench.put_if(both.none_after(0)).await), position);
}

async fn any_alternative_of_the_boundary_conflicts(bench: Bench) {
    let seen = bench.tagged(&["customer:1"]).await;
    let boundary = Query::tag("customer:1").or(item(&["claimed"], &["claims:li"]));
    bench.typed("noted", &["claims:li"]).await;
    appended(bench.put_if(boundary.clone().none_after(seen)).await);
    let claim = bench.typed("claimed", &["claims:li", "customer:2"]).await;
    assert_eq!(conflict_at(&bench.put_if(boundary.none_after(seen)).await), claim);
}

async fn everything_can_be_the_boundary(bench: Bench) {
    let seen = bench.tagged(&[]).await;
    appended(bench.put_if(Query::all().none_after(seen)).await);
    assert_eq!(conflict_at(&bench.put_if(Query::all().none_after(seen)).await), 2);
}

async fn an_empty_boundary_never_conflicts(bench: Bench) {
    bench.tagged(&["a"]).await;
    appended(bench.put_if(Query::default().none_after(0)).await);
}

async fn another_tenants_events_are_no_conflict(bench: Bench) {
    appended(bench.store.append(Append::new(OTHER, vec![bench.event("e", &["a"])])).await);
    appended(bench.put_if(Query::all().none_after(0)).await);
}

async fn a_position_beyond_the_head_has_seen_everything(bench: Bench) {
    bench.tagged(&["a"]).await;
    for after in [2, u64::from(u32::MAX), u64::MAX] {
        appended(bench.put_if(Query::tag("a").none_after(after)).await);
        appended(bench.put_if(Query::all().none_after(u64::MAX)).await);
    }
}

async fn an_append_does_not_conflict_with_itself(bench: Bench) {
    let events = vec![bench.event("e", &["a"]), bench.event("e", &["a"])];
    let request = Append { condition: Some(Query::tag("a").none_after(0)), ..Append::new(TENANT, events) };
    assert_eq!(appended(bench.store.append(request).await).count, 2);
}

async fn a_condition_guards_an_append_without_events(bench: Bench) {
    bench.tagged(&["a"]).await;
    let refusal = Append {
        condition: Some(Query::tag("a").none_after(0)),
        receipt: receipt("c", 1, "refused"),
        ..Append::new(TENANT, Vec::new())
    };
    assert!(matches!(bench.store.append(refusal).await, Err(StoreError::Conflict { position: 1 })));
    assert_eq!(bench.store.receipt(TENANT, "c").await.unwrap(), None);
}

async fn a_blind_tag_can_be_the_boundary(bench: Bench) {
    let mut event = bench.event("e", &[]);
    event.blind_tags = vec!["phone:x".to_owned()];
    bench.put(vec![event]).await;
    assert_eq!(conflict_at(&bench.put_if(Query::tag("phone:x").none_after(0)).await), 1);
}

async fn after_a_conflict_the_reloaded_decision_goes_through(bench: Bench) {
    bench.tagged(&["a"]).await;
    let position = conflict_at(&bench.put_if(Query::tag("a").none_after(0)).await);
    appended(bench.put_if(Query::tag("a").none_after(position)).await);
}

/// Appends under a boundary and grounds, each seen up to its own position.
async fn put_on(bench: &Bench, boundary: u64, grounds: u64) -> Result<Outcome, StoreError> {
    let append = Append {
        condition: Some(Query::tag("customer:1").none_after(boundary)),
        grounds: Some(Query::tag("pipelines").or(Query::tag("company")).none_after(grounds)),
        ..Append::new(TENANT, vec![bench.event("e", &["customer:1"])])
    };
    bench.store.append(append).await
}

async fn grounds_have_a_position_of_their_own(bench: Bench) {
    let defined = bench.tagged(&["pipelines"]).await;
    let first = appended(put_on(&bench, 0, defined).await).first_position;
    let again = bench.tagged(&["company"]).await;
    assert_eq!(conflict_at(&put_on(&bench, first, defined).await), again);
    let second = appended(put_on(&bench, first, again).await).first_position;
    assert_eq!(conflict_at(&put_on(&bench, first, again).await), second, "the boundary still counts");
    assert_eq!(conflict_at(&put_on(&bench, 0, 0).await), second, "the last of both");
    for _ in 0..20 {
        bench.tagged(&["customer:2"]).await;
    }
    assert_eq!(conflict_at(&put_on(&bench, second, defined).await), again, "however long ago");
    appended(put_on(&bench, second, again).await);
}

async fn grounds_conflict_with_what_was_appended_in_the_same_batch(bench: Bench) {
    let seen = bench.tagged(&["pipelines"]).await;
    let define = bench.put(vec![bench.event("e", &["pipelines"])]);
    let (defined, outcome) = tokio::join!(define, put_on(&bench, 0, seen));
    // Whichever was first, the later one has seen the other.
    match outcome {
        Ok(_) => assert!(appended(outcome).first_position < defined.first_position),
        Err(_) => assert_eq!(conflict_at(&outcome), defined.first_position),
    }
}
