//! Any sequence of operations ends the same way in every store.

use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Bench, OTHER, TENANT, new_year, receipt};
use crate::vault::WrappedKey;
use crate::{Append, Draft, Position, Query, QueryItem, TenantId};

/// One step: names are drawn from small sets, so that they collide often.
#[derive(Debug, Clone)]
enum Step {
    Append {
        events: Vec<(u8, u8, u8)>,
        condition: Option<(Query, u8)>,
        command: Option<(u8, u8)>,
        key: Option<(u8, u8)>,
    },
    Erase(u8),
    Clock(i8),
    Read {
        query: Query,
        after: u8,
        until: u8,
        limit: u8,
    },
}

const TYPES: [&str; 3] = ["x", "y", "z"];
const TAGS: [&str; 4] = ["a", "b", "c", "blind"];

fn query() -> impl Strategy<Value = Query> {
    let owned = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let types = proptest::sample::subsequence(TYPES.to_vec(), 0..=2).prop_map(owned);
    let tags = proptest::sample::subsequence(TAGS.to_vec(), 0..=2).prop_map(owned);
    let items = (types, tags).prop_map(|(types, tags)| QueryItem { types, tags });
    proptest::collection::vec(items, 0..3).prop_map(|items| Query { items })
}

fn step() -> impl Strategy<Value = Step> {
    let events = proptest::collection::vec((0..40_u8, 0..3_u8, 0..16_u8), 0..4);
    let append = (
        events,
        proptest::option::of((query(), 0..12_u8)),
        proptest::option::of((0..6_u8, 0..2_u8)),
        proptest::option::of((0..3_u8, 0..2_u8)),
    )
        .prop_map(|(events, condition, command, key)| Step::Append { events, condition, command, key });
    prop_oneof![
        6 => append,
        1 => (0..3_u8).prop_map(Step::Erase),
        1 => any::<i8>().prop_map(Step::Clock),
        2 => (query(), 0..12_u8, 0..20_u8, 0..5_u8)
            .prop_map(|(query, after, until, limit)| Step::Read { query, after, until, limit }),
    ]
}

fn draft((id, event_type, tags): (u8, u8, u8)) -> Draft {
    let chosen = |range: std::ops::Range<usize>| {
        range.filter(|bit| tags & (1 << bit) != 0).map(|bit| TAGS[bit].to_owned()).collect::<Vec<_>>()
    };
    Draft {
        id: Uuid::from_u128(u128::from(id)),
        event_type: TYPES[usize::from(event_type)].into(),
        type_version: 1,
        subject: format!("thing/{}", Uuid::from_u128(u128::from(id % 3))),
        effective_at: new_year(),
        actor: "rep:li".to_owned(),
        via: None,
        origin: None,
        endpoint: None,
        causation_id: None,
        correlation_id: None,
        tags: chosen(0..3),
        blind_tags: chosen(3..4),
        data: serde_json::json!({ "id": id }),
    }
}

/// Takes the step and tells everything that came of it.
async fn take(bench: &Bench, step: &Step) -> String {
    match step.clone() {
        Step::Append { events, condition, command, key } => {
            let key = key.map(|(subject, number)| WrappedKey {
                key_id: Uuid::from_u128(u128::from(number)),
                subject: Uuid::from_u128(u128::from(subject)),
                wrapped: vec![number],
                destroyed: false,
            });
            let request = Append {
                condition: condition.map(|(query, after)| query.none_after(Position::from(after))),
                receipt: command.and_then(|(id, digest)| receipt(&format!("c{id}"), digest, "done")),
                new_keys: key.into_iter().collect(),
                ..Append::new(TENANT, events.into_iter().map(draft).collect())
            };
            format!("{:?}", bench.store.append(request).await)
        }
        Step::Erase(subject) => {
            let erase_subjects = vec![Uuid::from_u128(u128::from(subject))];
            format!(
                "{:?}",
                bench.store.append(Append { erase_subjects, ..Append::new(TENANT, Vec::new()) }).await
            )
        }
        Step::Clock(seconds) => {
            bench.advance(TimeDelta::seconds(i64::from(seconds)));
            String::new()
        }
        Step::Read { query, after, until, limit } => {
            let (after, until) = (Position::from(after), Position::from(until));
            format!("{:?}", bench.store.read_matching(TENANT, &query, after, until, u32::from(limit)).await)
        }
    }
}

async fn everything(bench: &Bench, tenant: TenantId) -> String {
    let store = &bench.store;
    let subjects: Vec<Uuid> = (0..3).map(Uuid::from_u128).collect();
    let mut keys = store.data_keys(tenant, &subjects).await.unwrap();
    keys.sort_by_key(|key| key.subject);
    let mut tags = store.tags(tenant, 0, Position::MAX).await.unwrap();
    tags.sort();
    let (mut by_tag, mut after) = (Vec::new(), (String::new(), 0));
    loop {
        let page = store.tags_by_tag(tenant, (&after.0, after.1), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.tag.clone(), last.position);
        by_tag.extend(page);
    }
    by_tag.sort();
    assert_eq!(by_tag, tags, "each tag stands on one page");
    let head = store.head(tenant).await.unwrap();
    let known = store.position_at(tenant, new_year() + TimeDelta::seconds(20)).await.unwrap();
    let erasures = store.erasures(tenant).await.unwrap();
    let records = store.records(tenant, 0, u32::MAX).await.unwrap();
    format!("{head:?} {known} {erasures} {keys:?} {tags:?} {records:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (model, sqlite) = (Bench::memory(), Bench::sqlite(Some(3)).await);
            for step in &steps {
                assert_eq!(take(&model, step).await, take(&sqlite, step).await, "after {step:?}");
            }
            for tenant in [TENANT, OTHER] {
                assert_eq!(everything(&model, tenant).await, everything(&sqlite, tenant).await);
            }
            sqlite.store.close().await;
        });
    }
}
