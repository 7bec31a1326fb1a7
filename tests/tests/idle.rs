//! What a process asks its database while nothing happens is the same however many tenants are quiet.
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
/// How many stretches are waited for after that: some looks are taken again twenty seconds later.
const REST: usize = 4;

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

/// How many statements a process makes in a stretch, the quieter of two, once it has looked at everybody.
async fn idle(tenants: usize) -> usize {
    let installation = Installation::new();
    let _ = installation.run(&["migrate"]).succeeded();
    fill(&installation, tenants).await;
    let mut command = installation.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("WAYMARK_LOG", "info,sqlx::query=trace").env("WAYMARK_AUTOMATIONS", "on");
    let served = tokio::task::spawn_blocking(move || {
        let server = Server::launch_command(command, 1);
        let mut last = Vec::new();
        for _ in 0..PATIENCE {
            last = stretch(&server, beat(&installation));
            if last.len() <= AT_MOST * SECONDS {
                let rest: Vec<usize> =
                    (0..REST).map(|_| stretch(&server, beat(&installation)).len()).collect();
                assert_eq!(server.stop(), 0);
                return rest.into_iter().skip(REST / 2).min().unwrap_or_default();
            }
        }
        panic!("{} statements in {SECONDS} seconds with {tenants} tenants:\n{}", last.len(), told(&last));
    });
    served.await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_makes_as_few_statements_with_a_hundred_tenants_as_with_ten() {
    let many =
        setting("WAYMARK_IDLE_TENANTS").map_or(MANY, |text| text.parse().expect("a number of tenants"));
    let (ten, hundred) = tokio::join!(idle(10), idle(many));
    println!("in {SECONDS} seconds: {ten} statements with 10 tenants, {hundred} with {many}");
    // A look of the rota more or less is no difference.
    assert!(hundred.abs_diff(ten) <= 3 * SECONDS, "{ten} statements with 10 tenants, {hundred} with {many}");
}
