//! What a process asks its database when it starts and while nothing happens is the same however many tenants are quiet.
//!
//! The statements are those that the program itself tells of (`WAYMARK_LOG=sqlx::query=trace`). How much time has passed is told by
//! what it does on the beat: on PostgreSQL a node says once a second that it lives, a file is looked at four times a second.
//!
//! `WAYMARK_IDLE_TENANTS` sets with how many tenants ten are compared (100 unless told).

#![cfg(test)]

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use waymark_api::eventstore::{
    Append, Draft, EventStore, Options, PostgresStore, SqliteStore, TenantId, postgres,
};
use waymark_tests::{Installation, Server, setting};

/// How many statements a second there may be, on average over a stretch.
const AT_MOST: usize = 20;
/// How many seconds a stretch is.
const SECONDS: usize = 10;
/// How many tenants there are beside ten, unless told by `WAYMARK_IDLE_TENANTS`.
const MANY: usize = 100;
/// How many stretches it may take until a new process has looked at every tenant.
const PATIENCE: usize = 24;

/// What is done on the beat, and how many times a second.
fn beat(installation: &Installation) -> (&'static str, usize) {
    match installation.postgres() {
        Some(_) => ("INSERT INTO projection_node", 1),
        None => ("PRAGMA data_version", 4),
    }
}

/// Gives tenants a log with an entry.
async fn fill(installation: &Installation, tenants: usize) {
    let at: DateTime<Utc> = "2026-03-02T08:00:00Z".parse().expect("an instant");
    let clock = Arc::new(move || at);
    let store: Arc<dyn EventStore> = match installation.postgres() {
        Some(database) => {
            PostgresStore::open(&database.url(), postgres::Options::new(clock)).await.expect("a log")
        }
        None => {
            let file = installation.file();
            SqliteStore::open(&file.display().to_string(), Options::new(clock)).await.expect("a log")
        }
    };
    for number in 1..=tenants {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number as u128);
        let reviewed = Draft {
            id,
            event_type: Cow::Borrowed("audit.reviewed"),
            type_version: 1,
            subject: "company".to_owned(),
            effective_at: at,
            actor: "admin:root".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: Vec::new(),
            blind_tags: Vec::new(),
            data: json!({"up_to": 0}),
        };
        let appended = store.append(Append::new(TenantId(id), vec![reviewed])).await;
        appended.expect("it is in the log");
    }
    store.close().await;
}

/// The statements of a stretch, by their first words.
fn stretch(server: &Server, (beat, a_second): (&str, usize)) -> Vec<String> {
    let mut statements = Vec::new();
    for _ in 0..SECONDS * a_second {
        let lines = server.lines_until(beat);
        statements.extend(lines.into_iter().filter(|line| line.contains("sqlx::query")));
    }
    statements
}

fn told(statements: &[String]) -> String {
    let first_words = |line: &String| Some(line.split("summary").nth(1)?.split('"').nth(1)?.to_owned());
    let mut words: Vec<String> = statements.iter().filter_map(first_words).collect();
    words.sort_unstable();
    words.join("\n")
}

/// How many statements a process makes.
#[derive(Debug, Clone, Copy)]
struct StatementCounts {
    /// From its start to the end of the first stretch, by a process that is not the first on the database.
    at_start: usize,
    /// In a stretch in which nothing happens, the quieter of two.
    idle: usize,
}

/// Starts a process that tells of its statements.
fn serve(installation: &Installation) -> Server {
    let mut command = installation.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("WAYMARK_LOG", "info,sqlx::query=trace").env("WAYMARK_AUTOMATIONS", "on");
    Server::launch_command(command, 1)
}

/// What is made with that many tenants: a first process looks at everybody, and another one takes its place.
async fn made(tenants: usize) -> StatementCounts {
    let installation = Installation::new();
    let _ = installation.run(&["migrate"]).succeeded();
    fill(&installation, tenants).await;
    let served = tokio::task::spawn_blocking(move || {
        let of_a_stretch = |server: &Server| stretch(server, beat(&installation));
        let first = serve(&installation);
        let mut last = of_a_stretch(&first);
        for _ in 0..PATIENCE {
            if last.len() <= AT_MOST * SECONDS {
                break;
            }
            last = of_a_stretch(&first);
        }
        let quiet = last.len() <= AT_MOST * SECONDS;
        assert!(
            quiet,
            "{} statements in {SECONDS} seconds with {tenants} tenants:\n{}",
            last.len(),
            told(&last)
        );
        // Some looks are taken again twenty seconds later, and what they find is kept for the next one.
        let _ = (of_a_stretch(&first), of_a_stretch(&first));
        assert_eq!(first.stop(), 0);
        let next = serve(&installation);
        let before = next.greeting().iter().filter(|line| line.contains("sqlx::query")).count();
        let at_start = before + of_a_stretch(&next).len();
        let idle = of_a_stretch(&next).len().min(of_a_stretch(&next).len());
        assert_eq!(next.stop(), 0);
        StatementCounts { at_start, idle }
    });
    served.await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_and_is_idle_with_as_few_statements_with_a_hundred_tenants_as_with_ten() {
    let many =
        setting("WAYMARK_IDLE_TENANTS").map_or(MANY, |text| text.parse().expect("a number of tenants"));
    let (ten, hundred) = tokio::join!(made(10), made(many));
    println!("in {SECONDS} seconds: {ten:?} with 10 tenants, {hundred:?} with {many}");
    // A look of the rota more or less is no difference.
    let same = |ten: usize, hundred: usize| hundred.abs_diff(ten) <= 3 * SECONDS;
    assert!(same(ten.idle, hundred.idle), "idle: {ten:?} with 10 tenants, {hundred:?} with {many}");
    assert!(same(ten.at_start, hundred.at_start), "start: {ten:?} with 10 tenants, {hundred:?} with {many}");
}
