//! The store alone, in process: conditional appends of one event each by 64 tasks, beside a bare loop that inserts
//! rows of the same size by group commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;
use waymark_api::eventstore::{Append, Draft, EventStore, Options, Outcome, Query, SqliteStore, TenantId};
use waymark_tests::{Installation, now};

use crate::durable::{self, GroupCommitter};
use crate::floors::ROW_BYTES;
use crate::{Size, Table};

const TASKS: usize = 64;
/// Text that makes an entry about as long as a bare row.
const TEXT_BYTES: usize = 500;

pub(crate) async fn measure(size: Size, table: &mut Table) {
    table.section("the store alone, 64 tasks");
    let each = if size == Size::Full { 2_000 } else { 100 };
    let installation = Installation::new();
    let bare = rate(each, bare_rows(&installation, each).await);
    let (seconds, entry_bytes) = conditional_appends(&installation, each).await;
    let ours = rate(each, seconds);
    table.rate("conditional appends of one event", ours, format!("entries of {entry_bytes} bytes"));
    table.rate("floor: bare rows by group commit", bare, format!("rows of {ROW_BYTES} bytes"));
    table.ratio("conditional appends / bare rows", ours, bare, 0.5);
}

fn rate(each: usize, seconds: f64) -> f64 {
    (TASKS * each) as f64 / seconds
}

async fn bare_rows(installation: &Installation, each: usize) -> f64 {
    let pool = durable::open(&installation.directory().join("bare.db")).await;
    let committer = GroupCommitter::start(pool);
    let started = Instant::now();
    let tasks = (0..TASKS).map(|_| {
        let committer = committer.clone();
        tokio::spawn(async move {
            for _ in 0..each {
                committer.append(vec![b'x'; ROW_BYTES]).await;
            }
        })
    });
    finish(join_all(tasks).await);
    started.elapsed().as_secs_f64()
}

/// Seconds for all of them, and the size of an entry.
async fn conditional_appends(installation: &Installation, each: usize) -> (f64, usize) {
    let file = installation.directory().join("store.db").display().to_string();
    let store = SqliteStore::open(&file, Options::new(Arc::new(now))).await.expect("the log opens");
    let tenant = TenantId(Uuid::from_u128(1));
    // In the order of making, as the service's are (UUID version 7).
    let made = Arc::new(AtomicU64::new(1));
    let started = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let made = Arc::clone(&made);
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let tag = format!("customer:{}", Uuid::from_u128(task as u128));
            let mut seen = 0;
            for _ in 0..each {
                let id = Uuid::from_u128(u128::from(made.fetch_add(1, Ordering::Relaxed)) << 64);
                let mut append = Append::new(tenant, vec![draft(id, &tag)]);
                append.condition = Some(Query::tag(tag.clone()).none_after(seen));
                let Outcome::Appended(appended) =
                    store.append(append).await.expect("nobody else writes there")
                else {
                    panic!("no receipt was asked for")
                };
                seen = appended.last_position();
            }
        })
    });
    finish(join_all(tasks).await);
    let seconds = started.elapsed().as_secs_f64();
    let entries = store.read(tenant, 0, 1).await.expect("the log can be read");
    store.close().await;
    (seconds, entries.first().map_or(0, |entry| entry.bytes.len()))
}

fn draft(id: Uuid, tag: &str) -> Draft {
    Draft {
        id,
        event_type: "customer.noted".into(),
        type_version: 1,
        subject: "customer/1".to_owned(),
        effective_at: now(),
        actor: "rep:li".to_owned(),
        via: None,
        origin: None,
        causation_id: None,
        correlation_id: None,
        tags: vec![tag.to_owned()],
        blind_tags: Vec::new(),
        data: json!({"text": "x".repeat(TEXT_BYTES)}),
    }
}

fn finish(tasks: Vec<Result<(), tokio::task::JoinError>>) {
    for task in tasks {
        task.expect("the task ended");
    }
}
