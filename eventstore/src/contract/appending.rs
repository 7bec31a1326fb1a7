//! What an append does, and which drafts it refuses.

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Bench, OTHER, TENANT, appended, conflict_at, contract, new_year, receipt};
use crate::{Append, MAX_ENTRY_BYTES, Outcome, Query, StoreError};

contract!(
    positions_begin_at_one_and_have_no_gaps,
    an_append_of_many_stands_together,
    an_append_of_nothing_names_the_head,
    tenants_have_logs_of_their_own,
    an_event_id_is_refused_the_second_time,
    an_event_id_may_return_in_another_tenant,
    two_events_of_one_append_cannot_share_an_id,
    a_refused_append_leaves_none_of_its_events,
    recorded_at_is_the_clocks,
    recorded_at_never_decreases_though_the_clock_does,
    instants_are_cut_to_microseconds,
    recorded_before_refuses_at_the_very_instant,
    recorded_before_is_judged_by_the_log_when_the_clock_lags,
    the_entry_is_a_canonical_cloudevent,
    absent_attributes_are_left_out_of_the_entry,
    unicode_is_kept_byte_for_byte,
    the_largest_entry_fits_and_one_byte_more_does_not,
    tags_are_sorted_and_repetitions_dropped,
    a_tag_is_printable_ascii_without_spaces,
    a_tag_has_at_most_200_bytes,
    an_event_has_at_most_32_tags,
    a_blind_tag_needs_a_subject_that_can_be_erased,
    a_tag_is_not_both_blind_and_hashed,
    integers_beyond_exactness_are_refused,
    data_that_nests_too_deep_is_refused,
    type_subject_and_actor_are_demanded,
    years_of_five_digits_are_refused,
    a_command_id_has_1_to_255_bytes,
);

async fn positions_begin_at_one_and_have_no_gaps(bench: Bench) {
    for expected in 1..=5 {
        assert_eq!(bench.tagged(&[]).await, expected);
    }
    let positions: Vec<_> = bench.all().await.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
}

async fn an_append_of_many_stands_together(bench: Bench) {
    bench.tagged(&[]).await;
    let events = (0..300).map(|_| bench.event("e", &["a"])).collect::<Vec<_>>();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let done = bench.put(events).await;
    assert_eq!((done.first_position, done.count, done.last_position()), (2, 300, 301));
    let stored: Vec<_> = bench.all().await.iter().skip(1).map(|entry| entry.envelope().unwrap().id).collect();
    assert_eq!(stored, ids);
}

async fn an_append_of_nothing_names_the_head(bench: Bench) {
    assert_eq!(bench.put(Vec::new()).await.last_position(), 0);
    bench.tagged(&[]).await;
    let done = bench.put(Vec::new()).await;
    assert_eq!((done.first_position, done.count, done.last_position()), (1, 0, 1));
}

async fn tenants_have_logs_of_their_own(bench: Bench) {
    bench.tagged(&["a"]).await;
    let theirs = bench.store.append(Append::new(OTHER, vec![bench.event("e", &["a"])])).await;
    assert_eq!(appended(theirs).first_position, 1);
    assert_eq!(bench.all().await.len(), 1);
    let source =
        |entry: &crate::Entry| serde_json::from_slice::<Value>(&entry.bytes).unwrap()["source"].clone();
    let theirs = bench.store.read(OTHER, 0, 9).await.unwrap();
    assert_eq!(source(&theirs[0]), json!(format!("/tenants/{OTHER}")));
}

async fn an_event_id_is_refused_the_second_time(bench: Bench) {
    let event = bench.event("e", &[]);
    bench.put(vec![event.clone()]).await;
    assert!(bench.refusal(event.clone()).await.contains(&event.id.to_string()));
    assert_eq!(bench.head().await, 1);
}

async fn an_event_id_may_return_in_another_tenant(bench: Bench) {
    let event = bench.event("e", &[]);
    bench.put(vec![event.clone()]).await;
    appended(bench.store.append(Append::new(OTHER, vec![event])).await);
}

async fn two_events_of_one_append_cannot_share_an_id(bench: Bench) {
    let event = bench.event("e", &[]);
    let outcome = bench.store.append(Append::new(TENANT, vec![event.clone(), event])).await;
    assert!(matches!(outcome, Err(StoreError::Invalid(_))));
    assert_eq!(bench.head().await, 0);
}

async fn a_refused_append_leaves_none_of_its_events(bench: Bench) {
    let known = bench.event("e", &[]);
    bench.put(vec![known.clone()]).await;
    let root = bench.store.head(TENANT).await.unwrap().root;
    let outcome = bench.store.append(Append::new(TENANT, vec![bench.event("e", &["fresh"]), known])).await;
    assert!(matches!(outcome, Err(StoreError::Invalid(_))));
    assert_eq!(conflict_at(&bench.put_if(Query::all().none_after(0)).await), 1);
    let head = bench.store.head(TENANT).await.unwrap();
    assert_eq!((head.position, head.root), (1, root));
    assert!(bench.matching(&Query::tag("fresh")).await.is_empty());
}

async fn recorded_at_is_the_clocks(bench: Bench) {
    let done = bench.put(vec![bench.event("e", &[])]).await;
    assert_eq!(done.recorded_at, new_year());
    let entry = bench.all().await.remove(0);
    assert_eq!(entry.recorded_at, new_year());
    assert_eq!(entry.envelope().unwrap().recorded_at, new_year());
    assert_eq!(bench.store.head(TENANT).await.unwrap().recorded_at, new_year());
}

async fn recorded_at_never_decreases_though_the_clock_does(bench: Bench) {
    bench.tagged(&[]).await;
    bench.advance(-TimeDelta::hours(1));
    assert_eq!(bench.put(vec![bench.event("e", &[])]).await.recorded_at, new_year());
    bench.advance(TimeDelta::hours(2));
    assert_eq!(bench.put(vec![bench.event("e", &[])]).await.recorded_at, new_year() + TimeDelta::hours(1));
}

async fn instants_are_cut_to_microseconds(bench: Bench) {
    let fine = new_year() + TimeDelta::nanoseconds(1_999);
    let cut = new_year() + TimeDelta::microseconds(1);
    bench.set_clock(fine);
    let mut event = bench.event("e", &[]);
    event.effective_at = fine;
    assert_eq!(bench.put(vec![event]).await.recorded_at, cut);
    let entry = bench.all().await.remove(0);
    let envelope = entry.envelope().unwrap();
    assert_eq!((entry.recorded_at, envelope.recorded_at, envelope.effective_at), (cut, cut, cut));
}

async fn recorded_before_refuses_at_the_very_instant(bench: Bench) {
    let until = |bound| Append {
        must_record_before: Some(bound),
        ..Append::new(TENANT, vec![bench.event("e", &[])])
    };
    let at = bench.store.append(until(new_year())).await;
    assert!(matches!(at, Err(StoreError::DeadlinePassed)), "{at:?}");
    appended(bench.store.append(until(new_year() + TimeDelta::microseconds(1))).await);
}

async fn recorded_before_is_judged_by_the_log_when_the_clock_lags(bench: Bench) {
    bench.tagged(&[]).await;
    bench.advance(-TimeDelta::days(1));
    let request =
        Append { must_record_before: Some(new_year()), ..Append::new(TENANT, vec![bench.event("e", &[])]) };
    assert!(matches!(bench.store.append(request).await, Err(StoreError::DeadlinePassed)));
}

async fn the_entry_is_a_canonical_cloudevent(bench: Bench) {
    let mut event = bench.event("thing.done", &["b:2", "a:1"]);
    event.type_version = 2;
    event.via = Some("key:7".to_owned());
    event.origin = Some("import".into());
    event.endpoint = Some("c2VhbGVk".to_owned());
    event.causation_id = Some(Uuid::from_u128(0xca));
    event.correlation_id = Some(Uuid::from_u128(0xc0));
    event.data = json!({ "b": [1.0, 0.1, -0.0], "a": "é\u{1}\"", "B": null });
    bench.put(vec![event]).await;
    let expected = concat!(
        r#"{"actor":"rep:li","causationid":"00000000-0000-0000-0000-0000000000ca","#,
        r#""correlationid":"00000000-0000-0000-0000-0000000000c0","#,
        r#""data":{"B":null,"a":"é\u0001\"","b":[1,0.1,0]},"datacontenttype":"application/json","#,
        r#""endpoint":"c2VhbGVk","id":"00000000-0000-0000-0000-000000000001","origin":"import","position":1,"#,
        r#""recordedat":"2026-01-01T00:00:00.000000Z","source":"/tenants/00000000-0000-0000-0000-00000000000a","#,
        r#""specversion":"1.0","subject":"thing/00000000-0000-0000-0000-000000000007","tags":"a:1 b:2","#,
        r#""time":"2026-01-01T00:00:00.000000Z","type":"thing.done","typeversion":2,"via":"key:7"}"#,
    );
    let entry = bench.all().await.remove(0);
    assert_eq!(String::from_utf8(entry.bytes.to_vec()).unwrap(), expected);
    // The bytes joined under the lock are those of canonicalising the whole document.
    let whole: Value = serde_json::from_slice(&entry.bytes).unwrap();
    assert_eq!(serde_json_canonicalizer::to_vec(&whole).unwrap(), entry.bytes);
}

async fn absent_attributes_are_left_out_of_the_entry(bench: Bench) {
    bench.tagged(&[]).await;
    let whole: Value = serde_json::from_slice(&bench.all().await[0].bytes).unwrap();
    for name in ["via", "origin", "endpoint", "causationid", "correlationid", "tags"] {
        assert!(whole.get(name).is_none(), "{name} stands in {whole}");
    }
}

async fn unicode_is_kept_byte_for_byte(bench: Bench) {
    let text = "王小明 — naïve 🦀 \u{0}\u{7f}\u{2028}\u{10ffff} ' \" \\ e\u{301}";
    let mut event = bench.event("e", &[]);
    event.actor = format!("rep:{text}");
    event.data = json!({ text: text });
    bench.put(vec![event, bench.event("e", &[])]).await;
    let entry = bench.all().await.remove(0);
    let envelope = entry.envelope().unwrap();
    assert_eq!(envelope.actor, format!("rep:{text}"));
    assert_eq!(serde_json::from_str::<Value>(envelope.data.get()).unwrap(), json!({ text: text }));
    assert!(String::from_utf8(entry.bytes.to_vec()).unwrap().contains('🦀'));
}

async fn the_largest_entry_fits_and_one_byte_more_does_not(bench: Bench) {
    let sized = |length: usize| {
        let mut event = bench.event("e", &[]);
        event.data = Value::String("x".repeat(length));
        event
    };
    let mut largest = MAX_ENTRY_BYTES;
    while crate::prepare::Prepared::new(TENANT, sized(largest)).is_err() {
        largest -= 1;
    }
    bench.put(vec![sized(largest)]).await;
    assert!(bench.refusal(sized(largest + 1)).await.contains("65535"));
    // Positions may grow by 15 digits before the entry would outgrow its limit.
    assert_eq!(bench.all().await[0].bytes.len(), MAX_ENTRY_BYTES - 15);
}

async fn tags_are_sorted_and_repetitions_dropped(bench: Bench) {
    bench.tagged(&["b", "a", "b", "B"]).await;
    let entry = bench.all().await.remove(0);
    assert_eq!(entry.envelope().unwrap().tags, "B a b");
}

async fn a_tag_is_printable_ascii_without_spaces(bench: Bench) {
    for tag in ["", "a b", "é", "tab\t", "\u{7f}"] {
        assert!(bench.refusal(bench.event("e", &[tag])).await.contains("printable"), "{tag:?}");
    }
    bench.tagged(&["!~:%/\"'\\"]).await;
    assert_eq!(bench.matching(&Query::tag("!~:%/\"'\\")).await, [1]);
}

async fn a_tag_has_at_most_200_bytes(bench: Bench) {
    bench.tagged(&["x".repeat(200).as_str()]).await;
    bench.refusal(bench.event("e", &["x".repeat(201).as_str()])).await;
}

async fn an_event_has_at_most_32_tags(bench: Bench) {
    let names: Vec<String> = (0..33).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.tagged(&names[..32]).await;
    bench.refusal(bench.event("e", &names)).await;
}

async fn a_blind_tag_needs_a_subject_that_can_be_erased(bench: Bench) {
    let mut event = bench.event("e", &[]);
    event.blind_tags = vec!["phone:x".to_owned()];
    bench.put(vec![event.clone()]).await;
    event.subject = "thing/unnamed".to_owned();
    assert!(bench.refusal(event).await.contains("subject"));
}

async fn a_tag_is_not_both_blind_and_hashed(bench: Bench) {
    let mut event = bench.event("e", &["phone:x"]);
    event.blind_tags = vec!["phone:x".to_owned()];
    bench.refusal(event).await;
}

async fn integers_beyond_exactness_are_refused(bench: Bench) {
    let holding = |data: Value| {
        let mut event = bench.event("e", &[]);
        event.data = json!({ "in": [data] });
        event
    };
    let largest = (1_i64 << 53) - 1;
    bench.put(vec![holding(json!(largest)), holding(json!(-largest)), holding(json!(1e300))]).await;
    bench.refusal(holding(json!(largest + 1))).await;
    bench.refusal(holding(json!(-largest - 1))).await;
    bench.refusal(holding(json!(u64::MAX))).await;
}

async fn data_that_nests_too_deep_is_refused(bench: Bench) {
    let nested = |depth: usize| {
        let mut event = bench.event("e", &[]);
        event.data = (0..depth).fold(Value::Null, |inner, _| json!([inner]));
        event
    };
    bench.put(vec![nested(64)]).await;
    bench.refusal(nested(65)).await;
}

async fn type_subject_and_actor_are_demanded(bench: Bench) {
    bench.refusal(bench.event("", &[])).await;
    let mut event = bench.event("e", &[]);
    event.subject.clear();
    bench.refusal(event).await;
    let mut event = bench.event("e", &[]);
    event.actor.clear();
    bench.refusal(event).await;
    let mut event = bench.event("e", &[]);
    event.type_version = 0;
    bench.refusal(event).await;
}

async fn years_of_five_digits_are_refused(bench: Bench) {
    let mut event = bench.event("e", &[]);
    event.effective_at = DateTime::from_timestamp(253_402_300_799, 0).unwrap();
    bench.put(vec![event.clone()]).await;
    event.effective_at += TimeDelta::seconds(1);
    bench.refusal(event).await;
}

async fn a_command_id_has_1_to_255_bytes(bench: Bench) {
    for (id, valid) in [(String::new(), false), ("x".repeat(255), true), ("x".repeat(256), false)] {
        let request = Append { receipt: receipt(&id, 1, ""), ..Append::new(TENANT, Vec::new()) };
        let outcome = bench.store.append(request).await;
        assert_eq!(matches!(outcome, Ok(Outcome::Appended(_))), valid, "{} bytes: {outcome:?}", id.len());
    }
}
