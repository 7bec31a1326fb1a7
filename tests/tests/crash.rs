//! The server is killed while it is being written to, again and again: nothing acknowledged is lost, nothing is
//! applied twice, and the log is whole.
//!
//! `WAYMARK_CRASH_CYCLES` sets how often (50 unless told).

#![cfg(test)]

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::watch;
use waymark_tests::{Installation, Writer, assert_nothing_lost_or_doubled, setting};

const WRITERS: usize = 16;
const CYCLES: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_loses_nothing_acknowledged_and_repeats_nothing() {
    let cycles =
        setting("WAYMARK_CRASH_CYCLES").map_or(CYCLES, |text| text.parse().expect("a number of cycles"));
    let mut chance = StdRng::seed_from_u64(2024);
    let installation = Installation::new();
    let key = installation.key("manager:wang", &["manager"]);
    let mut writers = Writer::hire(&installation, WRITERS).await;

    for cycle in 0..cycles {
        let server = installation.serve();
        let patience = chance.random_range(1..=80);
        writers = write_until_killed(server, &key, writers, patience).await;
        let verified = installation.run(&["verify", "--log-only"]);
        assert_eq!(verified.code, 0, "after kill {cycle}: {}", verified.said());
    }

    let server = installation.serve();
    let client = server.with_key(&key);
    let mut unanswered = 0;
    for writer in &mut writers {
        unanswered += usize::from(writer.unanswered);
        if writer.unanswered {
            assert!(writer.send(&client).await.expect("the server is not killed any more"));
        }
    }
    let events = client.events_after(0).await;
    assert_nothing_lost_or_doubled(&events, &writers);
    server.admin().caught_up().await;
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
    assert_integrity(&installation).await;

    let written: usize = writers.iter().map(|writer| writer.written).sum();
    println!(
        "{cycles} kills, {written} commands, {unanswered} resent after the last kill, {} events",
        events.len()
    );
    assert!(written > cycles, "the server was killed before it did anything");
}

/// Lets the writers write until `patience` answers have come, kills the server, and collects the writers.
async fn write_until_killed(
    server: waymark_tests::Server,
    key: &str,
    writers: Vec<Writer>,
    patience: u64,
) -> Vec<Writer> {
    let (answered, mut progress) = watch::channel(0_u64);
    let answered = Arc::new(answered);
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            let client = server.with_key(key);
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                while let Ok(answer) = writer.send(&client).await {
                    answered.send_modify(|count| *count += u64::from(answer));
                }
                writer
            })
        })
        .collect();
    progress.wait_for(|count| *count >= patience).await.expect("the writers are at work");
    server.kill();
    let mut back = Vec::new();
    for task in tasks {
        back.push(task.await.expect("a writer ends when the server is gone"));
    }
    back
}

async fn assert_integrity(installation: &Installation) {
    if installation.postgres().is_some() {
        let examined = installation.run(&["doctor"]).succeeded();
        return assert!(examined.contains("integrity  ok"), "{examined}");
    }
    let mut database = SqliteConnection::connect(&installation.database()).await.expect("the database opens");
    let checked: Vec<(String,)> =
        sqlx::query_as("PRAGMA integrity_check").fetch_all(&mut database).await.expect("it can be checked");
    assert_eq!(checked, [("ok".to_owned(),)]);
}
