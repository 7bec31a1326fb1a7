//! The algebra of queries.

use super::{Bench, TENANT, contract, item};
use crate::{Position, Query};

contract!(
    a_query_without_items_matches_nothing,
    a_query_for_everything_matches_everything,
    one_tag_is_enough_to_be_found,
    all_tags_of_an_item_are_demanded,
    any_type_of_an_item_suffices,
    type_and_tag_are_demanded_together,
    alternatives_add_up_without_repetition,
    after_is_exclusive_and_until_inclusive,
    the_limit_takes_the_first_in_order,
    types_alone_come_in_order_of_position,
    a_tag_matches_whole_and_by_case,
    blind_tags_are_found_like_others,
    a_query_does_not_reach_into_other_tenants,
    the_store_agrees_with_the_definition_of_matching,
);

async fn a_query_without_items_matches_nothing(bench: Bench) {
    bench.tagged(&["a"]).await;
    assert!(bench.matching(&Query::default()).await.is_empty());
}

async fn a_query_for_everything_matches_everything(bench: Bench) {
    bench.tagged(&["a"]).await;
    bench.tagged(&[]).await;
    assert_eq!(bench.matching(&Query::all()).await, [1, 2]);
}

async fn one_tag_is_enough_to_be_found(bench: Bench) {
    bench.tagged(&["a", "b"]).await;
    bench.tagged(&["b"]).await;
    assert_eq!(bench.matching(&Query::tag("a")).await, [1]);
    assert_eq!(bench.matching(&Query::tag("b")).await, [1, 2]);
    assert!(bench.matching(&Query::tag("c")).await.is_empty());
}

async fn all_tags_of_an_item_are_demanded(bench: Bench) {
    bench.tagged(&["a"]).await;
    bench.tagged(&["a", "b"]).await;
    bench.tagged(&["a", "b", "c"]).await;
    assert_eq!(bench.matching(&item(&[], &["a", "b"])).await, [2, 3]);
    assert_eq!(bench.matching(&item(&[], &["c", "b", "a"])).await, [3]);
}

async fn any_type_of_an_item_suffices(bench: Bench) {
    for event_type in ["x", "y", "z", "x"] {
        bench.typed(event_type, &["a"]).await;
    }
    assert_eq!(bench.matching(&item(&["x", "y"], &["a"])).await, [1, 2, 4]);
}

async fn type_and_tag_are_demanded_together(bench: Bench) {
    bench.typed("x", &["a"]).await;
    bench.typed("x", &["b"]).await;
    bench.typed("y", &["a"]).await;
    assert_eq!(bench.matching(&item(&["x"], &["a"])).await, [1]);
}

async fn alternatives_add_up_without_repetition(bench: Bench) {
    bench.tagged(&["a", "b"]).await;
    bench.tagged(&["b"]).await;
    bench.tagged(&["c"]).await;
    assert_eq!(
        bench.matching(&Query::tag("b").or(Query::tag("a")).or(item(&["e"], &["c"]))).await,
        [1, 2, 3]
    );
}

async fn after_is_exclusive_and_until_inclusive(bench: Bench) {
    for _ in 0..5 {
        bench.tagged(&["a"]).await;
    }
    for query in [Query::tag("a"), Query::all(), item(&["e"], &[])] {
        let found = bench.store.read_matching(TENANT, &query, 1, 3, 100).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.position).collect::<Vec<_>>(), [2, 3]);
    }
}

async fn the_limit_takes_the_first_in_order(bench: Bench) {
    for tag in ["b", "a", "b", "a", "a"] {
        bench.tagged(&[tag]).await;
    }
    let query = Query::tag("a").or(Query::tag("b"));
    let found = bench.store.read_matching(TENANT, &query, 0, Position::MAX, 3).await.unwrap();
    assert_eq!(found.iter().map(|entry| entry.position).collect::<Vec<_>>(), [1, 2, 3]);
}

async fn types_alone_come_in_order_of_position(bench: Bench) {
    for event_type in ["z", "x", "y", "x"] {
        bench.typed(event_type, &[]).await;
    }
    assert_eq!(bench.matching(&item(&["x", "z"], &[])).await, [1, 2, 4]);
}

async fn a_tag_matches_whole_and_by_case(bench: Bench) {
    bench.tagged(&["customer:12"]).await;
    for other in ["customer:1", "customer:123", "CUSTOMER:12", "customer:%", "customer:__"] {
        assert!(bench.matching(&Query::tag(other)).await.is_empty(), "{other}");
    }
}

async fn blind_tags_are_found_like_others(bench: Bench) {
    let mut event = bench.event("e", &["a"]);
    event.blind_tags = vec!["phone:x".to_owned()];
    bench.put(vec![event]).await;
    assert_eq!(bench.matching(&Query::tag("phone:x")).await, [1]);
    assert_eq!(bench.matching(&item(&[], &["a", "phone:x"])).await, [1]);
    let entry = String::from_utf8(bench.all().await.remove(0).bytes.to_vec()).unwrap();
    assert!(!entry.contains("phone:x"), "a blind tag stands in the hashed entry");
}

async fn a_query_does_not_reach_into_other_tenants(bench: Bench) {
    bench.tagged(&["a"]).await;
    let found = bench.store.read_matching(super::OTHER, &Query::all(), 0, Position::MAX, 9).await.unwrap();
    assert!(found.is_empty());
}

async fn the_store_agrees_with_the_definition_of_matching(bench: Bench) {
    let tag_sets: [&[&str]; 5] = [&[], &["a"], &["b"], &["a", "b"], &["c"]];
    let mut events = Vec::new();
    for event_type in ["x", "y"] {
        for tags in tag_sets {
            bench.typed(event_type, tags).await;
            events.push((event_type, tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>()));
        }
    }
    for types in [&[][..], &["x"], &["y", "x"], &["w"]] {
        for tags in tag_sets {
            for more in [Query::default(), item(&["y"], &["c"]), item(&["x"], &[])] {
                let query = item(types, tags).or(more);
                let expected: Vec<Position> = (1..)
                    .zip(&events)
                    .filter(|(_, (event_type, tags))| query.matches(event_type, tags))
                    .map(|(position, _)| position)
                    .collect();
                assert_eq!(bench.matching(&query).await, expected, "{query:?}");
            }
        }
    }
}
