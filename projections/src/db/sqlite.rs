//! A SQLite file.
//!
//! What a file holds that is *derived* can be folded from the log again: a damaged one is put aside, and a new one made in
//! its place while the process runs. Nobody may hold on to a pool, therefore: each transaction asks for the pools again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _, Row as _, Sqlite};
use waymark_eventstore::{Transaction, traced};

use super::dialect::{Dialect, tables_in};
use super::quarantine::{self, FileId};
use super::{Commit, Value};
use crate::error::{ProjectionError, Result};

/// Another process may hold the write lock for the length of its commit; longer means something is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows that the driver's thread hands over at a time: fewer switches between threads.
const ROW_BUFFER: usize = 1_000;
/// Pages of write-ahead log between checkpoints: the same pages are written again and again, and put into the file once.
/// The log file grows to 80 MB.
const CHECKPOINT_PAGES: &str = "20000";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// How long the writer waits for others, in milliseconds: [`BUSY_TIMEOUT`], or a moment.
const IMPATIENT: &str = "PRAGMA busy_timeout = 20";
/// Every view, then every table.
const EVERYTHING: &str = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY type DESC";
/// The layout that the tables were made in.
const LAYOUT: &str = "PRAGMA user_version";
/// The structure of the whole file: `ok`, or the first fault.
const CHECK: &str = "PRAGMA quick_check(1)";

/// The tables of a file that can be folded from the log again.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Counts up whenever a table changes: a file of another layout is emptied.
    pub layout: i64,
    /// What makes the tables.
    pub scripts: Vec<&'static str>,
}

/// The connections to one file.
#[derive(Debug, Clone)]
pub struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    commit: Commit,
    derived: Option<Derived>,
    /// Whether it is opened to look at it alone: it is not made, and nothing in it is changed.
    is_inspected: bool,
    open: Mutex<Option<Arc<Pools>>>,
    /// Held while a file is made or put aside.
    making: tokio::sync::Mutex<()>,
    is_closed: AtomicBool,
}

/// The connections to a file, until another one takes its place.
#[derive(Debug)]
struct Pools {
    readers: SqlitePool,
    writer: SqlitePool,
    /// Which file it is, counted from the first that was opened.
    number: u64,
    id: Option<FileId>,
    /// Why nothing in it is believed any more.
    damage: Mutex<Option<String>>,
}

/// A transaction on a file.
#[derive(Debug)]
pub struct Open {
    pub(super) transaction: Transaction<Sqlite>,
    pools: Arc<Pools>,
}

impl Open {
    /// Which file it is on, counted from the first that was opened.
    pub(super) fn file(&self) -> u64 {
        self.pools.number
    }

    /// A statement has found the file damaged.
    pub(super) fn notice(&self, why: &str) {
        self.pools.notice(why);
    }
}

impl Pools {
    fn notice(&self, why: &str) {
        self.damage().get_or_insert_with(|| why.to_owned());
    }

    fn damage(&self) -> MutexGuard<'_, Option<String>> {
        self.damage.lock()
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl Files {
    /// A file that is opened now, and that nothing can replace.
    pub(super) async fn open(path: &Path, commit: Commit) -> Result<Self> {
        let files = Self::new(path, commit, None, false);
        files.pools().await?;
        Ok(files)
    }

    /// A file that is opened, and its tables made, when somebody asks for it.
    pub(super) fn derived(path: &Path, commit: Commit, derived: Derived) -> Self {
        Self::new(path, commit, Some(derived), false)
    }

    /// A file that is there, opened to look at it: it is not made, and nothing in it is changed.
    pub(super) async fn inspect(path: &Path) -> Result<Self> {
        let files = Self::new(path, Commit::Lazy, None, true);
        files.pools().await?;
        Ok(files)
    }

    fn new(path: &Path, commit: Commit, derived: Option<Derived>, is_inspected: bool) -> Self {
        Self(Arc::new(Shared {
            path: path.to_owned(),
            commit,
            derived,
            is_inspected,
            open: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            is_closed: AtomicBool::new(false),
        }))
    }

    fn opened(&self) -> MutexGuard<'_, Option<Arc<Pools>>> {
        self.0.open.lock()
    }

    /// The connections to the file that is there, if they are to it and it is sound as far as is known.
    fn usable(&self) -> Option<Arc<Pools>> {
        let open = self.opened().clone()?;
        let is_usable = self.0.derived.is_none()
            || open.damage().is_none() && open.id == quarantine::identity(&self.0.path);
        is_usable.then_some(open)
    }

    /// The connections, made where there are none; a derived file that is damaged, gone or not ours is replaced.
    async fn pools(&self) -> Result<Arc<Pools>> {
        if let Some(open) = self.usable() {
            return Ok(open);
        }
        let _making = self.0.making.lock().await;
        if let Some(open) = self.usable() {
            return Ok(open);
        }
        if self.0.is_closed.load(Ordering::Acquire) {
            return Err(ProjectionError::Database("the database is closed".to_owned()));
        }
        let former = self.opened().take();
        let number = former.as_ref().map_or(0, |former| former.number + 1);
        if let Some(former) = former {
            if let Some(why) = former.damage().clone() {
                quarantine::put(&self.0.path, former.id, &why)?;
            }
            // Who still reads there finishes first.
            tokio::spawn(async move { former.close().await });
        }
        let made = match self.make(number).await {
            Err(ProjectionError::Damaged(why)) if self.0.derived.is_some() => {
                quarantine::put(&self.0.path, quarantine::identity(&self.0.path), &why)?;
                self.make(number).await?
            }
            made => made?,
        };
        let made = Arc::new(made);
        *self.opened() = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Opens the file, and makes its tables where it is derived.
    async fn make(&self, number: u64) -> Result<Pools> {
        if self.0.is_inspected {
            return self.make_inspected(number).await;
        }
        let options = self.options();
        // No task renews connections: one that runs while the pool is closed may never end.
        let pool =
            || SqlitePoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let one = pool().max_connections(1);
        let writer = one.connect_with(options.clone().pragma("cache_size", "-8192")).await?;
        let many = pool().max_connections(waymark_eventstore::readers());
        let reading = options.pragma("cache_size", "-1024").pragma("query_only", "on");
        let readers = many.connect_lazy_with(reading);
        let id = quarantine::identity(&self.0.path);
        let pools = Pools { readers, writer, number, id, damage: Mutex::default() };
        if let Some(derived) = &self.0.derived {
            if layout(&pools.writer).await? != derived.layout {
                empty(&pools.writer, derived.layout).await?;
            }
            make_tables(&pools.writer, &derived.scripts).await?;
        }
        // A crash may have left an erasure half done: rows emptied in the write-ahead log, and before them there in clear.
        empty_log(&pools.writer).await?;
        Ok(pools)
    }

    async fn make_inspected(&self, number: u64) -> Result<Pools> {
        let options = SqliteConnectOptions::new()
            .filename(&self.0.path)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("temp_store", "memory")
            .pragma("query_only", "on")
            .row_buffer_size(ROW_BUFFER);
        let pool = SqlitePoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let readers =
            pool.max_connections(waymark_eventstore::readers()).connect_with(traced(options)).await?;
        let id = quarantine::identity(&self.0.path);
        // What would write is refused by the connection.
        Ok(Pools { writer: readers.clone(), readers, number, id, damage: Mutex::default() })
    }

    /// Empties the write-ahead log, without waiting for readers of an older state. False: there is one.
    pub(super) async fn empty_log(&self) -> Result<bool> {
        empty_log(&self.pools().await?.writer).await
    }

    fn options(&self) -> SqliteConnectOptions {
        let synchronous = match self.0.commit {
            Commit::Durable => SqliteSynchronous::Full,
            Commit::Lazy => SqliteSynchronous::Normal,
        };
        let options = SqliteConnectOptions::new()
            .filename(&self.0.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "on")
            // What a statement might have to undo is kept in memory, not in a file beside the database.
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .row_buffer_size(ROW_BUFFER);
        traced(options)
    }

    pub(super) async fn prepare(&self, scripts: &[&'static str]) -> Result<()> {
        make_tables(&self.pools().await?.writer, scripts).await
    }

    pub(super) async fn is_complete(&self, scripts: &[&'static str]) -> Result<bool> {
        let rows = sqlx::query(EVERYTHING).fetch_all(&self.pools().await?.readers).await?;
        let there = rows.iter().map(|row| Ok(row.try_get(1)?)).collect::<Result<Vec<String>>>()?;
        let wanted = scripts.iter().flat_map(|script| tables_in(script));
        Ok(wanted.into_iter().all(|table| there.iter().any(|name| name == table)))
    }

    /// Runs a script of statements outside any transaction of ours.
    #[cfg(test)]
    pub(crate) async fn script(&self, script: &'static str) -> Result<()> {
        sqlx::raw_sql(script).execute(&self.pools().await?.writer).await?;
        Ok(())
    }

    pub(super) async fn read(&self) -> Result<Open> {
        let pools = self.pools().await?;
        let begun = Transaction::begin(&pools.readers, "BEGIN").await;
        opened(pools, begun)
    }

    pub(super) async fn write(&self) -> Result<Open> {
        let pools = self.pools().await?;
        let begun = Transaction::begin(&pools.writer, "BEGIN IMMEDIATE").await;
        opened(pools, begun)
    }

    /// Reads the whole file by a connection that knows nothing of it yet. A derived one that is damaged is replaced.
    pub(super) async fn check(&self) -> Result<()> {
        let pools = self.pools().await?;
        match self.checked().await {
            Ok(said) if said == "ok" => return Ok(()),
            Ok(said) => pools.notice(&said),
            Err(ProjectionError::Damaged(why)) => pools.notice(&why),
            Err(error) => return Err(error),
        }
        self.pools().await.map(drop)
    }

    async fn checked(&self) -> Result<String> {
        let mut fresh = SqliteConnection::connect_with(&self.options()).await?;
        let said = sqlx::query_scalar(CHECK).fetch_one(&mut fresh).await;
        let layout = sqlx::query_scalar::<_, i64>(LAYOUT).fetch_one(&mut fresh).await;
        fresh.close().await?;
        // A file that was emptied is sound and holds nothing.
        match &self.0.derived {
            Some(derived) if layout? != derived.layout => Ok("its tables are gone".to_owned()),
            _ => Ok(said?),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::Acquire)
    }

    pub(super) async fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        let open = self.opened().clone();
        if let Some(open) = open {
            open.close().await;
        }
    }
}

#[cfg(test)]
impl Files {
    pub(super) async fn open_transactions(&self) -> usize {
        let pools = self.pools().await.unwrap();
        let mut taken = vec![pools.writer.acquire().await.unwrap()];
        for _ in 0..waymark_eventstore::readers() {
            taken.push(pools.readers.acquire().await.unwrap());
        }
        let mut open = 0;
        for connection in &mut taken {
            // Refused within a transaction.
            open += usize::from(sqlx::raw_sql("BEGIN").execute(&mut **connection).await.is_err());
            sqlx::raw_sql("ROLLBACK").execute(&mut **connection).await.unwrap();
        }
        open
    }

    pub(super) async fn limit_pages(&self, is_full: bool) {
        let pools = self.pools().await.unwrap();
        let limit = if is_full { "PRAGMA max_page_count = 1" } else { "PRAGMA max_page_count = 1000000" };
        sqlx::raw_sql(limit).execute(&pools.writer).await.unwrap();
    }
}

fn opened(pools: Arc<Pools>, begun: std::result::Result<Transaction<Sqlite>, sqlx::Error>) -> Result<Open> {
    match begun.map_err(ProjectionError::from) {
        Ok(transaction) => Ok(Open { transaction, pools }),
        Err(error) => {
            if let ProjectionError::Damaged(why) = &error {
                pools.notice(why);
            }
            Err(error)
        }
    }
}

async fn make_tables(writer: &SqlitePool, scripts: &[&'static str]) -> Result<()> {
    for statement in scripts.iter().flat_map(|script| Dialect::Sqlite.statements(script)) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(writer).await?;
    }
    Ok(())
}

/// The layout that the tables were made in; zero in a new file.
async fn layout(writer: &SqlitePool) -> Result<i64> {
    Ok(sqlx::query_scalar(LAYOUT).fetch_one(writer).await?)
}

/// Empties the write-ahead log, without waiting for readers of an older state. False: there is one.
///
/// The connection is taken out of the pool and closed afterwards, so that its short patience is never another writer's,
/// whatever becomes of this task.
async fn empty_log(writer: &SqlitePool) -> Result<bool> {
    let mut own = writer.acquire().await?.detach();
    sqlx::query(IMPATIENT).execute(&mut own).await?;
    let is_busy: i64 = sqlx::query(EMPTY_LOG).fetch_one(&mut own).await?.try_get(0)?;
    own.close().await?;
    Ok(is_busy == 0)
}

/// Drops every table and view, and notes the layout of those that will be made.
async fn empty(writer: &SqlitePool, layout: i64) -> Result<()> {
    let mut transaction = Transaction::begin(writer, "BEGIN IMMEDIATE").await?;
    for row in sqlx::query(EVERYTHING).fetch_all(transaction.connection()?).await? {
        let (kind, name): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let drop = format!("DROP {kind} IF EXISTS {name}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(transaction.connection()?).await?;
    }
    let note = format!("PRAGMA user_version = {layout}");
    sqlx::raw_sql(AssertSqlSafe(note)).execute(transaction.connection()?).await?;
    Ok(transaction.commit().await?)
}

pub(super) fn arguments(values: impl IntoIterator<Item = Value>) -> Result<SqliteArguments> {
    let values = values.into_iter();
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.size_hint().0, 0);
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value.as_bytes().as_slice()),
            Value::Bytes(value) => arguments.add(value),
        };
        added.map_err(|error| ProjectionError::Database(error.to_string()))?;
    }
    Ok(arguments)
}
