//! A PostgreSQL database of a test's own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::setting;

/// A database on the server that `WAYMARK_TEST_POSTGRES` names, gone when dropped.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A fresh database; `None` where there is no server, after saying so. With `WAYMARK_TESTS_STRICT=1` that is a
    /// failure.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a skipped test says that it was skipped")]
    pub fn new() -> Option<Self> {
        let Some(server) = setting("WAYMARK_TEST_POSTGRES") else {
            assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "WAYMARK_TEST_POSTGRES names no server");
            eprintln!("skipped: no PostgreSQL");
            return None;
        };
        Some(Self::on(&server))
    }

    /// A fresh database on the server with this URL of an administrator.
    pub(crate) fn on(server: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("waymark_test_{}_{number}", std::process::id());
        run(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        run(server, &format!("CREATE DATABASE {name}"));
        Self { server: server.to_owned(), name }
    }

    /// Its URL, as `--database` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let server = self.server.rsplit_once('/').map_or(self.server.as_str(), |(server, _)| server);
        format!("{server}/{}", self.name)
    }

    /// How many entries are in the log; none before its tables are made.
    #[must_use]
    pub fn count_events(&self) -> u64 {
        let made = "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('event')";
        if self.execute(made) == 0 {
            0
        } else {
            self.execute("SELECT position FROM event WHERE type <> 'access.read'")
        }
    }

    /// Keeps a copy of it as it is now. Nobody may be connected.
    pub fn keep(&self) {
        run(&self.server, &format!("CREATE DATABASE {} TEMPLATE {}", self.kept(), self.name));
    }

    /// Puts the copy in its place. Nobody may be connected.
    pub fn put_back(&self) {
        run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        run(&self.server, &format!("ALTER DATABASE {} RENAME TO {}", self.kept(), self.name));
    }

    fn kept(&self) -> String {
        format!("{}_kept", self.name)
    }

    /// Runs a statement in it, as somebody with a database tool would. Returns how many rows it changed.
    #[must_use]
    pub fn execute(&self, statement: &str) -> u64 {
        run(&self.url(), statement)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        for name in [self.kept(), self.name.clone()] {
            run(&self.server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// In a thread of its own: a test may be within a runtime, which cannot be waited for.
fn run(url: &str, statement: &str) -> u64 {
    let (url, statement) = (url.to_owned(), statement.to_owned());
    let run = async move {
        let mut connection = PgConnection::connect(&url).await?;
        let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(done.rows_affected())
    };
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = runtime.map_err(sqlx::Error::Io).and_then(|runtime| runtime.block_on(run));
        done.unwrap_or_else(|error| panic!("the test's database: {error}"))
    });
    thread.join().unwrap_or_else(|_| panic!("the test's database could not be used"))
}
