//! Changes behind the log's back are noticed at their position.

use super::Kind;
use crate::contract::{Bench, TENANT};
use crate::ledger::{Trust, Verdict, verify};
use crate::{Position, Query};

/// What the check of the whole log makes of 300 events after this was done to them.
async fn after(sql: &str) -> Option<Verdict> {
    let bench = Bench::postgres(Kind::Plain).await?;
    bench.put((0..300).map(|_| bench.event("e", &["a", "b"])).collect()).await;
    bench.database().sql(sql).await;
    Some(verify(&*bench.store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap())
}

#[tokio::test]
async fn an_untouched_log_is_sound() {
    let Some(verdict) = after("SELECT 1").await else { return };
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == 300 && report.tags == 600));
}

#[tokio::test]
async fn every_kind_of_tampering_is_noticed_at_its_position() {
    let zeros = |bytes: u32| format!("decode(repeat('00', {bytes}), 'hex')");
    let forged = "convert_to(replace(convert_from(entry, 'UTF8'), 'rep:li', 'rep:xi'), 'UTF8')";
    let cases: [(String, Position); 19] = [
        (format!("UPDATE event SET entry = {forged} WHERE position = 17"), 17),
        (format!("UPDATE event SET leaf_hash = {} WHERE position = 18", zeros(32)), 18),
        ("UPDATE event SET recorded_at = recorded_at + 1 WHERE position = 19".to_owned(), 19),
        ("UPDATE event SET type = 'f' WHERE position = 20".to_owned(), 20),
        (format!("UPDATE event SET id = '{}' WHERE position = 21", uuid::Uuid::nil()), 21),
        ("DELETE FROM event WHERE position = 22".to_owned(), 22),
        ("DELETE FROM event WHERE position = 300".to_owned(), 300),
        ("DELETE FROM event_tag WHERE position = 23 AND tag = 'a'".to_owned(), 23),
        ("UPDATE event_tag SET type = 'f' WHERE position = 24 AND tag = 'a'".to_owned(), 24),
        (format!("UPDATE tile SET hashes = {}", zeros(8_192)), 1),
        (format!("UPDATE tile SET hashes = {}", zeros(8_191)), 1),
        ("DELETE FROM tile".to_owned(), 1),
        (format!("UPDATE log_head SET root = {}", zeros(32)), 300),
        ("UPDATE log_head SET recorded_at = recorded_at + 1".to_owned(), 300),
        ("UPDATE log_head SET frontier = set_byte(frontier, 3, get_byte(frontier, 3) # 1)".to_owned(), 300),
        ("INSERT INTO tile SELECT tenant_id, 0, 7, hashes FROM tile".to_owned(), 300),
        ("UPDATE event_tag SET tag = 'z' WHERE position = 26 AND tag = 'a'".to_owned(), 26),
        ("UPDATE event_tag SET blind_subject = tenant_id WHERE position = 27 AND tag = 'a'".to_owned(), 27),
        (
            "INSERT INTO event_tag SELECT tenant_id, 'far', 9000, type FROM event_tag LIMIT 1".to_owned(),
            9_000,
        ),
    ];
    for (sql, position) in cases {
        match after(&sql).await {
            None => return,
            Some(Verdict::Tampered { position: noticed, .. }) => assert_eq!(noticed, position, "{sql}"),
            Some(other) => panic!("not noticed: {other:?} after {sql}"),
        }
    }
}

#[tokio::test]
async fn a_tag_that_no_text_of_the_database_can_hold_matches_nothing() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    bench.tagged(&["a"]).await;
    let query = Query::tag("a\0");
    assert!(bench.matching(&query).await.is_empty());
    assert!(bench.put_if(query.none_after(0)).await.is_ok());
}
