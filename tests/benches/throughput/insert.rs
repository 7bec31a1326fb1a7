//! Two ways of writing a batch of events into PostgreSQL: lists taken apart beside the tenant's head row, as the store
//! does it, and lists of `VALUES`.
//!
//! Each batch is a transaction of its own. Commits that do not wait for the disk show what the statements cost; the
//! others show how much of that is left beside an fsync.

use std::time::Instant;

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Postgres, query::Query};
use uuid::Uuid;
use waymark_api::eventstore::postgres;

use crate::engine::Engine;
use crate::floors::ROW_BYTES;
use crate::{Size, Table};

const TENANT: Uuid = Uuid::from_u128(1);
const HEAD: &str = include_str!("../../../eventstore/src/postgres/first_head.sql");
const UNNEST: &str = include_str!("../../../eventstore/src/postgres/insert_events.sql");
const BATCHES: [usize; 4] = [1, 16, 64, 1_000];
/// The few sizes that prepared texts are kept for, the largest first.
const CHUNKS: [usize; 4] = [256, 64, 16, 1];
/// Columns of an event.
const COLUMNS: usize = 7;

/// How a batch is written.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// One statement for any size.
    Lists,
    /// As many statements as the chunks make, the largest first.
    Chunks,
    /// One statement whose text is of this size alone: the best that `VALUES` can do.
    Fitting,
}

pub(crate) async fn measure(size: Size, table: &mut Table) {
    table.section("inserting events into PostgreSQL, batch by batch");
    let installation = Engine::Postgres.installation();
    let url = installation.database();
    postgres::migrate(&url).await.expect("tables can be made");
    let mut connection = PgConnection::connect(&url).await.expect("a server");
    let head = sqlx::query(HEAD).bind(TENANT).bind(Vec::<u8>::new()).bind(vec![0_u8; 32]);
    head.execute(&mut connection).await.expect("a head");
    let mut inserter = Inserter { connection, position: 0 };
    let rows = if size == Size::Full { 16_000 } else { 2_000 };
    for batch in BATCHES {
        for (commit, rows) in [("off", rows), ("on", (batch * 100).min(rows))] {
            let waits = if commit == "off" { "waiting for no disk" } else { "on disk" };
            for (way, name) in [
                (Way::Lists, "anchored UNNEST"),
                (Way::Chunks, "VALUES, chunks of 256, 64, 16, 1"),
                (Way::Fitting, "VALUES, one fitting statement"),
            ] {
                // The first batch of each prepares what the others use.
                inserter.run(way, batch, batch, commit).await;
                let rate = inserter.run(way, batch, rows.max(batch), commit).await;
                table.rate(&format!("batches of {batch}: {name}"), rate, waits);
            }
        }
    }
}

struct Inserter {
    connection: PgConnection,
    position: i64,
}

impl Inserter {
    /// Rows a second.
    async fn run(&mut self, way: Way, batch: usize, rows: usize, commit: &str) -> f64 {
        let setting = AssertSqlSafe(format!("SET synchronous_commit = '{commit}'"));
        sqlx::raw_sql(setting).execute(&mut self.connection).await.expect("a setting");
        let (batches, started) = (rows / batch, Instant::now());
        for _ in 0..batches {
            self.batch(way, batch).await.expect("rows");
        }
        (batches * batch) as f64 / started.elapsed().as_secs_f64()
    }

    async fn batch(&mut self, way: Way, batch: usize) -> Result<(), sqlx::Error> {
        let mut transaction = self.connection.begin().await?;
        let mut left = batch;
        while left > 0 {
            let count = match way {
                Way::Lists | Way::Fitting => left,
                Way::Chunks => CHUNKS.into_iter().find(|chunk| *chunk <= left).unwrap_or(1),
            };
            let rows = Rows::after(self.position, count);
            let query = match way {
                Way::Lists => rows.lists(),
                Way::Chunks | Way::Fitting => rows.values(),
            };
            query.execute(&mut *transaction).await?;
            (self.position, left) = (self.position + count as i64, left - count);
        }
        transaction.commit().await
    }
}

/// Made-up events at consecutive positions.
struct Rows {
    positions: Vec<i64>,
    ids: Vec<Uuid>,
}

impl Rows {
    fn after(position: i64, count: usize) -> Self {
        let positions: Vec<i64> = (position + 1..).take(count).collect();
        let ids = positions.iter().map(|position| Uuid::from_u128((*position as u128) << 64)).collect();
        Self { positions, ids }
    }

    fn lists(self) -> Query<'static, Postgres, PgArguments> {
        let count = self.positions.len();
        sqlx::query(UNNEST)
            .bind(TENANT)
            .bind(0_i64)
            .bind(self.positions)
            .bind(self.ids)
            .bind(vec!["customer.noted"; count])
            .bind(vec![[7_u8; 32].to_vec(); count])
            .bind(vec![vec![b'x'; ROW_BYTES]; count])
    }

    fn values(self) -> Query<'static, Postgres, PgArguments> {
        let row = |row: usize| {
            let binds: Vec<String> = (1..=COLUMNS).map(|bind| format!("${}", row * COLUMNS + bind)).collect();
            format!("({})", binds.join(","))
        };
        let rows: Vec<String> = (0..self.positions.len()).map(row).collect();
        let sql = "INSERT INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry) VALUES";
        let mut query = sqlx::query(AssertSqlSafe(format!("{sql} {}", rows.join(","))));
        for (position, id) in self.positions.into_iter().zip(self.ids) {
            query = query.bind(TENANT).bind(position).bind(id).bind("customer.noted").bind(0_i64);
            query = query.bind([7_u8; 32].to_vec()).bind(vec![b'x'; ROW_BYTES]);
        }
        query
    }
}
