//! Databases that last as long as a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::super::{Options, PostgresStore, migrate, schema, secure};
use crate::Clock;

/// An ordinary role, which owns nothing. It belongs to the server, so the tests share it.
const ROLE: &str = "waymark_test_role";
const TABLES: [&str; 9] = [
    "log_head",
    "event",
    "event_tag",
    "receipt",
    "data_key",
    "tenant_key",
    "tile",
    "checkpoint",
    "log_layout",
];

/// What a database is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it comes.
    Plain,
    /// Every table is partitioned by tenant, which stands in for an engine that distributes them; transactions are
    /// serializable unless told otherwise.
    Partitioned,
    /// The store works as a role that owns nothing, under row-level security; transactions are of repeatable reads
    /// unless told otherwise.
    Secured,
}

/// A database of one test's own.
pub(crate) struct Database {
    admin: String,
    name: String,
    kind: Kind,
}

impl Database {
    /// `None`, after saying so, where there is no server.
    pub(crate) async fn create(kind: Kind) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(admin) = setting("WAYMARK_TEST_POSTGRES") else {
            assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "no PostgreSQL: see tests/postgres");
            eprintln!("skipped: no PostgreSQL");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("waymark_test_{}_{number}", std::process::id());
        // One that was left behind by a process that was killed, and had the same number.
        sql(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        sql(&admin, &format!("CREATE DATABASE {name}")).await;
        let database = Self { admin, name, kind };
        database.furnish().await;
        Some(database)
    }

    async fn furnish(&self) {
        match self.kind {
            Kind::Plain => {}
            Kind::Partitioned => {
                self.default("default_transaction_isolation", "'serializable'").await;
                self.sql(&partitioned()).await;
                for migration in &schema::MIGRATIONS[1..] {
                    self.sql(migration).await;
                }
            }
            Kind::Secured => {
                self.default("default_transaction_isolation", "'repeatable read'").await;
                self.sql(&format!(
                    "DO $$ BEGIN CREATE ROLE {ROLE} LOGIN PASSWORD 'test';
                     EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
                ))
                .await;
                migrate(&self.owner_url()).await.unwrap();
                secure(&self.owner_url(), ROLE).await.unwrap();
            }
        }
    }

    /// Sets what every new connection to this database begins with.
    pub(crate) async fn default(&self, name: &str, value: &str) {
        self.sql(&format!("ALTER DATABASE {} SET {name} = {value}", self.name)).await;
    }

    /// As the owner of the tables.
    pub(crate) fn owner_url(&self) -> String {
        let (server, _) = self.admin.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// As who the store works.
    pub(crate) fn url(&self) -> String {
        let url = self.owner_url();
        if self.kind != Kind::Secured {
            return url;
        }
        let (_, server) = url.rsplit_once('@').unwrap();
        format!("postgres://{ROLE}:test@{server}")
    }

    pub(crate) async fn open(&self, clock: Clock) -> Arc<PostgresStore> {
        PostgresStore::open(&self.url(), options(clock)).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url()).await.unwrap()
    }

    pub(crate) async fn sql(&self, statements: &str) {
        sql(&self.owner_url(), statements).await;
    }

    /// The single answer to a question, asked by the owner.
    pub(crate) async fn ask<T>(&self, question: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut connection = self.connect().await;
        sqlx::query_scalar(AssertSqlSafe(question.to_owned())).fetch_one(&mut connection).await.unwrap()
    }

    /// Asks until the answer is yes.
    pub(crate) async fn until(&self, question: &str) {
        let mut connection = self.connect().await;
        let mut yes = false;
        while !yes {
            let asked = sqlx::query_scalar(AssertSqlSafe(question.to_owned()));
            yes = asked.fetch_one(&mut connection).await.unwrap();
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // On a thread of its own: a runtime can be neither blocked nor started within another.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(sql(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        // A database that stays behind is a nuisance, not a failure of what was tested.
        let _ = dropping.join();
    }
}

/// Few tasks and connections: many tests share a server.
pub(crate) fn options(clock: Clock) -> Options {
    Options { shards: 2, read_connections: 3, look_every: Duration::from_millis(20), ..Options::new(clock) }
}

async fn sql(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The tables as they are, but each in four parts.
fn partitioned() -> String {
    let tables = schema::MIGRATIONS[0].replace(") WITH (fillfactor = 50);", ");");
    let mut sql = tables.replace("\n);", "\n) PARTITION BY HASH (tenant_id);");
    for table in TABLES {
        for part in 0..4 {
            sql += &format!(
                "CREATE TABLE {table}_part{part} PARTITION OF {table} \
                 FOR VALUES WITH (MODULUS 4, REMAINDER {part});\n"
            );
        }
    }
    sql
}

#[expect(clippy::disallowed_methods, reason = "the tests of this crate read their surroundings here alone")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
