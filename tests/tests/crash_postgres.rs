//! The database itself is stopped at once, in the middle of everything, while a server writes to it for many: nothing
//! acknowledged is lost, nothing is applied twice, and the log is whole.
//!
//! It starts a PostgreSQL of its own, so that no other test is hurt. `WAYMARK_DATABASE_STOPS` sets how often it is stopped
//! (10 unless told). Without PostgreSQL's programs the test says so and passes, unless `WAYMARK_TESTS_STRICT=1` forbids it.

#![cfg(test)]

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use waymark_tests::{Client, Cluster, Installation, Writer, assert_nothing_lost_or_doubled, setting};

const WRITERS: usize = 12;
const STOPS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_stopped_at_once_under_load_loses_nothing_acknowledged_and_repeats_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let stops =
        setting("WAYMARK_DATABASE_STOPS").map_or(STOPS, |text| text.parse().expect("a number of stops"));
    let mut chance = StdRng::seed_from_u64(11);
    let installation = Installation::on_server(&cluster.url());
    let writers = Writer::hire(&installation, WRITERS).await;
    let key = installation.key("manager:wang", &["manager"]);
    let server = installation.serve();
    let client = server.with_key(&key);
    let (answered, mut progress) = watch::channel(0_u64);
    let (stop, stopped) = watch::channel(false);
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|writer| tokio::spawn(write(writer, client.clone(), answered.clone(), stopped.clone())))
        .collect();

    for _ in 0..stops {
        let enough = *progress.borrow() + chance.random_range(20..=120);
        progress.wait_for(|count| *count >= enough).await.expect("the writers are at work");
        cluster.stop_at_once();
        cluster.start_again();
    }
    stop.send_replace(true);
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.expect("a writer ends when told"));
    }

    let events = client.events_after(0).await;
    assert_nothing_lost_or_doubled(&events, &writers);
    let board = format!("/v1/boards/helloword-13?min_position={}&wait_ms=60000", events.len());
    assert_eq!(client.get(&board).await.expect(200).number_at("/position"), events.len() as u64);
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
    assert!(*progress.borrow() > stops as u64, "the database was stopped before anything was written");
}

/// Writes until told to stop and everything sent was answered. A command that was answered by 503 goes out again, under
/// the same key.
async fn write(
    mut writer: Writer,
    client: Client,
    answered: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
) -> Writer {
    while writer.unanswered || !*stopped.borrow() {
        let answer = writer.send(&client).await.expect("the server itself goes on");
        answered.send_modify(|count| *count += u64::from(answer));
    }
    writer
}
