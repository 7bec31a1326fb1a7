//! Databases that last as long as a test.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

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
    /// Every table is distributed by tenant over a Citus cluster, and a statement that concerns more than one of its
    /// parts fails.
    Citus,
}

/// A database that is one test's own as long as it lasts.
///
/// Making one takes a second or two of a server that fsyncs, emptying one hardly anything. So they stay on the server,
/// numbered, as many as there are tests at once; anyone who holds a number's lock has the database. On a cluster they are
/// schemas of the one database that has the extension.
pub(crate) struct Database {
    admin: String,
    name: String,
    kind: Kind,
    /// The connection that holds the lock.
    _claim: PgConnection,
    /// Where segments are.
    folder: TempDir,
}

impl Database {
    /// `None`, after saying so, where there is no server.
    pub(crate) async fn create(kind: Kind) -> Option<Self> {
        if kind == Kind::Citus {
            return Self::on_cluster().await;
        }
        let Some(admin) = setting("WAYMARK_TEST_POSTGRES") else {
            assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "no PostgreSQL: see tests/postgres");
            eprintln!("skipped: no PostgreSQL");
            return None;
        };
        let mut claim = PgConnection::connect(&admin).await.unwrap();
        let number = claimed(&mut claim).await;
        let database =
            Self { admin, name: format!("waymark_test_{number}"), kind, _claim: claim, folder: folder() };
        database.empty().await;
        database.furnish().await;
        Some(database)
    }

    /// A schema on a cluster, which nobody has to have: without one the tests say so, whatever is forbidden to skip.
    async fn on_cluster() -> Option<Self> {
        let Some(admin) = setting("WAYMARK_TEST_CITUS_URL") else {
            eprintln!("skipped: WAYMARK_TEST_CITUS_URL is not set");
            return None;
        };
        let mut claim = PgConnection::connect(&admin).await.unwrap();
        let name = format!("waymark_test_{}", claimed(&mut claim).await);
        sql(&admin, &format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")).await;
        let database = Self { admin, name, kind: Kind::Citus, _claim: claim, folder: folder() };
        database.furnish().await;
        Some(database)
    }

    /// Makes the database, or takes everything out of it that an earlier test left there.
    async fn empty(&self) {
        let Self { admin, name, .. } = self;
        let mut connection = PgConnection::connect(admin).await.unwrap();
        let known = sqlx::query_scalar("SELECT count(*) = 1 FROM pg_database WHERE datname = $1").bind(name);
        let known: bool = known.fetch_one(&mut connection).await.unwrap();
        if !known {
            sql(admin, &format!("CREATE DATABASE {name}")).await;
            return;
        }
        sql(admin, &format!("ALTER DATABASE {name} RESET ALL")).await;
        let strangers = format!("FROM pg_stat_activity WHERE datname = '{name}'");
        sql(admin, &format!("SELECT pg_terminate_backend(pid) {strangers}")).await;
        until(&mut connection, &format!("SELECT count(*) = 0 {strangers}")).await;
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
            .await;
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
            Kind::Citus => {
                migrate(&self.owner_url()).await.unwrap();
                for table in TABLES {
                    let beside = if table == TABLES[0] { "none" } else { TABLES[0] };
                    let distribute = "SELECT create_distributed_table";
                    self.sql(&format!("{distribute}('{table}', 'tenant_id', colocate_with => '{beside}')"))
                        .await;
                }
            }
        }
    }

    /// Sets what every new connection to this database begins with.
    pub(crate) async fn default(&self, name: &str, value: &str) {
        self.sql(&format!("ALTER DATABASE {} SET {name} = {value}", self.name)).await;
    }

    /// As the owner of the tables.
    pub(crate) fn owner_url(&self) -> String {
        if self.kind == Kind::Citus {
            return self.schema_on(&self.admin);
        }
        let (server, _) = self.admin.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// As who the store works.
    pub(crate) fn url(&self) -> String {
        let url = self.owner_url();
        match self.kind {
            Kind::Plain | Kind::Partitioned => url,
            Kind::Secured => {
                let (_, server) = url.rsplit_once('@').unwrap();
                format!("postgres://{ROLE}:test@{server}")
            }
            Kind::Citus => {
                self.schema_on(&self.entrance()) + "%20-c%20citus.multi_task_query_log_level%3Derror"
            }
        }
    }

    /// This database's schema on a server of a cluster.
    fn schema_on(&self, server: &str) -> String {
        let sign = if server.contains('?') { '&' } else { '?' };
        format!("{server}{sign}options=-c%20search_path%3D{},public", self.name)
    }

    /// The server of the cluster that the store goes to: one of the workers in turn, where they are named.
    fn entrance(&self) -> String {
        let workers = setting("WAYMARK_TEST_CITUS_WORKERS").unwrap_or_default();
        let workers: Vec<&str> = workers.split_whitespace().collect();
        let number = self.name.rsplit('_').next().and_then(|number| number.parse::<usize>().ok());
        let turn = number.unwrap_or_default() % workers.len().max(1);
        workers.get(turn).map_or_else(|| self.admin.clone(), |worker| (*worker).to_owned())
    }

    pub(crate) async fn open(&self, clock: Clock) -> Arc<PostgresStore> {
        PostgresStore::open(&self.url(), self.options(clock)).await.unwrap()
    }

    /// The same log, opened by who may take entries out of it.
    pub(crate) async fn open_as_owner(&self, clock: Clock) -> Arc<PostgresStore> {
        PostgresStore::open(&self.owner_url(), self.options(clock)).await.unwrap()
    }

    fn options(&self, clock: Clock) -> Options {
        Options { segments: Some(self.folder.path().join("segments")), ..options(clock) }
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
        until(&mut self.connect().await, question).await;
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The lowest number that nobody has.
async fn claimed(connection: &mut PgConnection) -> i32 {
    for number in 0.. {
        let claim = sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock(7, $1)").bind(number);
        if claim.fetch_one(&mut *connection).await.unwrap() {
            return number;
        }
    }
    unreachable!("there are more numbers than connections")
}

async fn until(connection: &mut PgConnection, question: &str) {
    let mut yes = false;
    while !yes {
        let asked = sqlx::query_scalar(AssertSqlSafe(question.to_owned()));
        yes = asked.fetch_one(&mut *connection).await.unwrap();
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
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
