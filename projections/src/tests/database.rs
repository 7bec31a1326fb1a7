//! Which engine the tests run on, and a PostgreSQL database of a test's own.
//!
//! `WAYMARK_TEST_POSTGRES` is the URL of a server whose role may make databases. `WAYMARK_TEST_ENGINE=postgres` runs all
//! tests of this crate on it.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

#[expect(clippy::disallowed_methods, reason = "tests read their surroundings here and nowhere else")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether every test is to run on PostgreSQL.
pub(crate) fn is_postgres() -> bool {
    setting("WAYMARK_TEST_ENGINE").as_deref() == Some("postgres")
}

/// The present: nodes live in real time.
#[expect(clippy::disallowed_methods, reason = "nodes that run live in real time")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A database, gone when dropped.
#[derive(Debug)]
pub(crate) struct Database {
    admin: String,
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// A fresh database; `None` where there is no server, after saying so. With `WAYMARK_TESTS_STRICT=1` that is a
    /// failure.
    pub(crate) async fn new() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let Some(admin) = setting("WAYMARK_TEST_POSTGRES") else {
            assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "WAYMARK_TEST_POSTGRES names no server");
            eprintln!("skipped: no PostgreSQL");
            return None;
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("waymark_views_{}_{number}", std::process::id());
        run(&admin, format!("DROP DATABASE IF EXISTS {name}")).await;
        run(&admin, format!("CREATE DATABASE {name}")).await;
        let (server, _) = admin.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        Some(Self { admin, name, url })
    }

    /// Runs statements in it, as somebody with a database tool would.
    pub(crate) async fn script(&self, script: &str) {
        run(&self.url, script.to_owned()).await;
    }
}

async fn run(url: &str, script: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, drop) = (self.admin.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // Outside the test's own runtime, which cannot be waited for here.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&admin, drop));
        });
        dropped.join().ok();
    }
}
