//! Whether what is given up leaves a transaction open, asked in tests of the tables beside the log, on either engine.

#[expect(dead_code, reason = "the tests of the read models ask more of it")]
#[path = "../../projections/src/tests/database.rs"]
mod database;

use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use crate::eventstore::readers;
use crate::projections::db::{Db, SYSTEM};
use database::Database;

/// When the transaction began, in microseconds of the server's clock; and what that clock shows.
const BEGAN: &str = "SELECT (extract(epoch FROM now()) * 1000000)::bigint";
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Gives up each question after every number of polls, until it ends.
macro_rules! each {
    ($left_open:expr, $($question:expr),+ $(,)?) => {
        $(crate::given_up::given_up_everywhere(stringify!($question), || $question, $left_open).await;)+
    };
}
pub(crate) use each;

/// A database on a server, and how many connections a pool has to it.
pub(crate) struct Server {
    database: Database,
    connections: u32,
    outside: Mutex<PgConnection>,
}

impl Server {
    /// None where there is no server.
    pub(crate) async fn new(connections: u32) -> Option<Self> {
        let database = Database::new().await?;
        let outside = Mutex::new(PgConnection::connect(&database.url).await.unwrap());
        Some(Self { database, connections, outside })
    }

    pub(crate) fn url(&self) -> &str {
        &self.database.url
    }

    async fn clock(&self) -> i64 {
        sqlx::query_scalar(CLOCK).fetch_one(&mut *self.outside.lock().await).await.unwrap()
    }
}

/// On how many connections to a file, or to a server, a transaction is open. All of them are taken at a time: within a
/// transaction a file refuses to begin one, and a server goes on with the one that began before.
pub(crate) async fn left_open(db: &Db, server: Option<&Server>) -> usize {
    let connections = server.map_or_else(readers, |server| server.connections);
    let mark = match server {
        Some(server) => server.clock().await,
        None => 0,
    };
    let mut taken = Vec::new();
    for _ in 0..connections {
        taken.push(db.read(SYSTEM).await);
    }
    if server.is_none() {
        taken.push(db.write(SYSTEM).await);
    }
    let mut open = 0;
    for begun in &mut taken {
        let is_own = match begun {
            Ok(_) if server.is_none() => true,
            Ok(begun) => begun.row(BEGAN, &[]).await.unwrap().unwrap().int(0).unwrap() >= mark,
            Err(_) => false,
        };
        open += usize::from(!is_own);
    }
    open
}
