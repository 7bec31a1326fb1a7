//! Writing, finding and dropping many rows with few statements.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use std::collections::BTreeSet;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_eventstore::TenantId;

use crate::db::{ColumnType, Db, Dialect, Row, Transaction, TupleBinds, Value, values};
use crate::error::{ProjectionError, Result};
use crate::storage::checkpoint::{ProjectionId, ProjectionLease};

/// Sizes of multi-row statements and of lists of keys: few, so that few prepared texts are kept.
const SIZES: [usize; 3] = [100, 10, 1];

/// Rows of one statement that takes lists: what it costs to send one is little beside them.
const ROWS_OF_LISTS: usize = 1_000;

/// Rows that are copied at a time.
const COPIED: usize = 5_000;

/// How many keys of rows that differ are kept.
const KEYS_KEPT: usize = 20;

/// How the rows of a table that served differ from those rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableComparison {
    /// The table.
    pub table: String,
    /// How many rows served.
    pub rows_served: u64,
    /// How many the log tells of.
    pub rows_rebuilt: u64,
    /// How many served that the log tells nothing of. A changed row is among these and among those missing.
    pub only_served: u64,
    /// How many the log tells of that did not serve.
    pub only_rebuilt: u64,
    /// The customers of these rows, or else what their keys begin with, as literals: the first twenty. No personal text
    /// is among them.
    pub keys: Vec<String>,
}

impl TableComparison {
    pub(crate) fn is_same(&self) -> bool {
        self.only_served == 0 && self.only_rebuilt == 0
    }
}

/// A table that is written in bulk, or the part of one that is. The first columns are its primary key.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// What the columns after the tenant and the generation hold.
    pub(crate) types: &'static [ColumnType],
    /// How many of the columns are the primary key.
    pub(crate) key: usize,
    pub(crate) mode: WriteMode,
}

/// How rows are written, and what happens to a row that already has the key of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WriteMode {
    /// Every key is new; a key that is already there is an error.
    Insert,
    /// The new row replaces the one with its key.
    Upsert,
    /// Only the columns of a part are changed in rows that are there; a key that is not there changes nothing.
    Update,
}

impl Table {
    /// The key of the statement that writes this many rows; 0 where rows come as lists.
    fn write_key(&self, rows: usize) -> StatementKey {
        StatementKey::Write { table: self.name, columns: self.columns, mode: self.mode, rows }
    }

    /// How many values of a row are its own: those after the tenant and the generation.
    pub(crate) fn width(&self) -> usize {
        self.columns.len() - 2
    }

    /// Writes rows of a lease's generation, given as their own values one after the other.
    pub(crate) async fn write(
        &self,
        transaction: &mut Transaction,
        lease: &ProjectionLease,
        values: Vec<Value>,
    ) -> Result<()> {
        match transaction.dialect() {
            Dialect::Sqlite => self.write_tuples(transaction, lease, values).await,
            Dialect::Postgres => {
                for rows in values.chunks(ROWS_OF_LISTS * self.width()) {
                    self.write_lists(transaction, lease, rows).await?;
                }
                Ok(())
            }
        }
    }

    /// Writes rows by statements of many tuples. While one is carried out, the binds of the next are made.
    async fn write_tuples(
        &self,
        transaction: &mut Transaction,
        lease: &ProjectionLease,
        values: Vec<Value>,
    ) -> Result<()> {
        let mut statements = self.statements(lease, values);
        let mut next = statements.next();
        while let Some(ready) = next {
            let (sql, binds) = ready?;
            let making = async { statements.next() };
            let (done, made) = futures::join!(transaction.execute_tuples(sql, binds), making);
            done?;
            next = made;
        }
        Ok(())
    }

    /// Statements of as many tuples as there are rows for, one after the other.
    fn statements(
        &self,
        lease: &ProjectionLease,
        values: Vec<Value>,
    ) -> impl Iterator<Item = Result<(Arc<str>, TupleBinds)>> {
        let width = self.width();
        let mut rest = values.into_iter();
        std::iter::from_fn(move || {
            let size = SIZES.into_iter().find(|size| rest.len() >= size * width)?;
            let sql = cached_sql(self.write_key(size), || self.write_of_tuples(size));
            let of = values![lease.id.tenant.0, lease.generation].into_iter();
            let binds = TupleBinds::of(of.chain(rest.by_ref().take(size * width)));
            Some(binds.map(|binds| (sql, binds)))
        })
    }

    /// Writes rows as lists, in one statement.
    async fn write_lists(
        &self,
        transaction: &mut Transaction,
        lease: &ProjectionLease,
        rows: &[Value],
    ) -> Result<()> {
        let sql = cached_sql(self.write_key(0), || self.write_of_lists());
        let ProjectionId { tenant, projection } = lease.id;
        let before = values![tenant.0, lease.generation, projection];
        let width = self.width();
        let written = transaction.execute_lists(sql, &before, rows, self.types).await?;
        if written == (rows.len() / width) as u64 {
            return Ok(());
        }
        // Anyone who writes has moved the checkpoint of the generation, so that it is there.
        Err(ProjectionError::Database(format!("{written} rows of {} were written", self.name)))
    }

    /// The statement that writes rows which come as lists, one a column after tenant and generation. They are taken apart
    /// beside the checkpoint of their generation, so that a distributed database sees that all of it belongs to one tenant.
    pub(crate) fn write_of_lists(&self) -> String {
        let (named, of) = (self.columns[2..].join(","), self.columns[2..].join(",r."));
        let list = |(number, of): (usize, &ColumnType)| format!("${}::{}", number + 4, of.list());
        let lists: Vec<String> = self.types.iter().enumerate().map(list).collect();
        let rows = format!(
            "SELECT p.tenant_id,p.generation,r.{of} FROM projection_checkpoint AS p \
             CROSS JOIN unnest({}) AS r ({named}) \
             WHERE p.tenant_id = $1 AND p.generation = $2 AND p.projection = $3",
            lists.join(",")
        );
        self.write_of(&rows, "$1")
    }

    /// The statement of SQLite that writes that many rows. Its first binds, the tenant and the generation, stand for all of
    /// them.
    ///
    /// It would take `$1` for a name, and a name is searched for among all names of the statement at every bind: with two
    /// thousand of them that costs more than the insert.
    pub(crate) fn write_of_tuples(&self, rows: usize) -> String {
        let tuple = format!("({})", vec!["?"; self.width()].join(","));
        // WHERE tells the parser that ON CONFLICT is no condition of a join.
        let rows = format!("SELECT ?,?,r.* FROM (VALUES {}) AS r WHERE true", vec![tuple; rows].join(","));
        self.write_of(&rows, "r.tenant_id")
    }

    /// The statement that writes rows, which a query gives with all columns of theirs.
    fn write_of(&self, rows: &str, tenant: &str) -> String {
        let (name, columns) = (self.name, self.columns.join(","));
        let (key, rest) = self.columns.split_at(self.key);
        let sets = |from: &str| {
            let sets: Vec<String> = rest.iter().map(|column| format!("{column}={from}.{column}")).collect();
            sets.join(",")
        };
        match self.mode {
            WriteMode::Insert => format!("INSERT INTO {name} ({columns}) {rows}"),
            WriteMode::Upsert => {
                let (key, sets) = (key.join(","), sets("excluded"));
                format!("INSERT INTO {name} ({columns}) {rows} ON CONFLICT ({key}) DO UPDATE SET {sets}")
            }
            WriteMode::Update => {
                let same: Vec<String> =
                    key[1..].iter().map(|column| format!("t.{column}=r.{column}")).collect();
                let (sets, same) = (sets("r"), same.join(" AND "));
                // Made first, so that each row is looked up by its key and nothing is searched for among the new ones.
                format!(
                    "WITH r ({columns}) AS MATERIALIZED ({rows}) UPDATE {name} AS t SET {sets} FROM r \
                     WHERE t.tenant_id = {tenant} AND {same}"
                )
            }
        }
    }

    /// Every row of a generation as text, without tenant and generation, in the order of the texts: the same rows give
    /// the same lines on either engine.
    pub(crate) async fn dump(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        generation: u32,
    ) -> Result<Vec<String>> {
        let columns = &self.columns[2..];
        let (name, list) = (self.name, columns.join(","));
        let sql = format!("SELECT {list} FROM {name} WHERE tenant_id = $1 AND generation = $2");
        let line = |row: &Row| {
            let literals: Vec<String> =
                (0..columns.len()).map(|column| row.literal(column)).collect::<Result<_>>()?;
            Ok(format!("{name} {}", literals.join(" ")))
        };
        let rows = transaction.fetch_dynamic(sql.into(), values![tenant.0, generation]).await?;
        let mut lines = rows.iter().map(line).collect::<Result<Vec<String>>>()?;
        lines.sort();
        Ok(lines)
    }

    /// Copies the rows of a tenant's generation from another database, page by page along the key.
    pub(crate) async fn copy(
        &self,
        from: &mut Transaction,
        generation: u32,
        to: &Db,
        lease: &ProjectionLease,
    ) -> Result<()> {
        let (columns, key) = (&self.columns[2..], &self.columns[2..self.key]);
        let (list, order, name) = (columns.join(","), key.join(","), self.name);
        let binds: Vec<String> = (3..3 + key.len()).map(|bind| format!("${bind}")).collect();
        let begin = format!("SELECT {list} FROM {name} WHERE tenant_id = $1 AND generation = $2");
        let end = format!("ORDER BY {order} LIMIT {COPIED}");
        let further: Arc<str> = format!("{begin} AND ({order}) > ({}) {end}", binds.join(",")).into();
        let (mut sql, mut last): (Arc<str>, Vec<Value>) = (format!("{begin} {end}").into(), Vec::new());
        loop {
            let of = values![lease.id.tenant.0, generation];
            let rows = from.fetch_dynamic(Arc::clone(&sql), of.into_iter().chain(last)).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = (0..key.len()).map(|column| end.value(column)).collect::<Result<_>>()?;
            let cells = rows.iter().flat_map(|row| (0..columns.len()).map(move |column| row.value(column)));
            let values = cells.collect::<Result<Vec<Value>>>()?;
            let mut transaction = to.write(lease.id.tenant).await?;
            self.write(&mut transaction, lease, values).await?;
            transaction.commit().await?;
            sql = Arc::clone(&further);
        }
    }

    /// Compares two generations of a tenant, row by row.
    pub(crate) async fn compare(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        (served, rebuilt): (u32, u32),
    ) -> Result<TableComparison> {
        let rows_served = self.count(transaction, tenant, served).await?;
        let rows_rebuilt = self.count(transaction, tenant, rebuilt).await?;
        let mut found = TableComparison {
            table: self.name.to_owned(),
            rows_served,
            rows_rebuilt,
            only_served: 0,
            only_rebuilt: 0,
            keys: Vec::new(),
        };
        transaction.join_in_order().await?;
        let same =
            transaction.fetch_dynamic(self.in_both().into(), values![tenant.0, served, rebuilt]).await?;
        let same: u64 = same.first().map_or(Ok(0), |row| row.position(0))?;
        if (rows_served, rows_rebuilt) == (same, same) {
            return Ok(found);
        }
        let only_served = self.only_in(transaction, tenant, served, rebuilt).await?;
        let only_rebuilt = self.only_in(transaction, tenant, rebuilt, served).await?;
        (found.only_served, found.only_rebuilt) = (only_served.len() as u64, only_rebuilt.len() as u64);
        let keys: BTreeSet<&String> = only_served.iter().chain(&only_rebuilt).collect();
        found.keys = keys.into_iter().take(KEYS_KEPT).cloned().collect();
        Ok(found)
    }

    /// Of each row that one generation has and another has not: its customer, or what its key begins with.
    async fn only_in(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        one: u32,
        other: u32,
    ) -> Result<Vec<String>> {
        let rows = transaction.fetch_dynamic(self.difference().into(), values![tenant.0, one, other]).await?;
        rows.iter().map(|row| row.literal(0)).collect()
    }

    async fn count(&self, transaction: &mut Transaction, tenant: TenantId, generation: u32) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE tenant_id = $1 AND generation = $2", self.name);
        let rows = transaction.fetch_dynamic(sql.into(), values![tenant.0, generation]).await?;
        rows.first().map_or(Ok(0), |row| row.position(0))
    }

    /// The statement that counts the rows which two generations have in common. Either engine goes along the primary key,
    /// which costs a small part of putting both in order as [`Self::difference`] does.
    ///
    /// An outer join would count the rows of one in passing. PostgreSQL does not go along the key for it: it puts the other
    /// in order first, and where it may not, looks at every row of the other for every row of the one.
    pub(crate) fn in_both(&self) -> String {
        let (key, rest) = self.columns[2..].split_at(self.key - 2);
        let key = key.iter().map(|column| format!("b.{column} = a.{column}"));
        let rest = rest.iter().map(|column| format!("b.{column} IS NOT DISTINCT FROM a.{column}"));
        let (name, same) = (self.name, key.chain(rest).collect::<Vec<_>>().join(" AND "));
        format!(
            "SELECT count(*) FROM {name} AS a JOIN {name} AS b \
             ON b.tenant_id = $1 AND b.generation = $3 AND {same} WHERE a.tenant_id = $1 AND a.generation = $2"
        )
    }

    /// The statement for what one generation has and another has not: the customer of each such row, or what its key
    /// begins with.
    pub(crate) fn difference(&self) -> String {
        let (name, columns) = (self.name, self.columns[2..].join(","));
        let of = |bind| format!("SELECT {columns} FROM {name} WHERE tenant_id = $1 AND generation = ${bind}");
        let key = self.columns.iter().find(|column| **column == "customer").unwrap_or(&self.columns[2]);
        format!("SELECT {key} FROM ({} EXCEPT {}) AS only_here", of(2), of(3))
    }

    /// The statement that deletes the rows of a tenant's generation.
    pub(crate) fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE tenant_id = $1 AND generation = $2", self.name)
    }
}

/// Keys whose rows go, and by which statement: it ends where the list of keys is to stand, the binds before it are `head`.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) sql: &'static str,
    pub(crate) head: [Value; 2],
    pub(crate) keys: Vec<Value>,
}

impl Removal {
    pub(crate) async fn apply(&self, transaction: &mut Transaction) -> Result<()> {
        for (sql, values) in lists(self.sql, &self.head, &self.keys) {
            transaction.execute_dynamic(sql, values).await?;
        }
        Ok(())
    }
}

/// The rows whose key is among `keys`: `sql` ends where the list of keys is to stand, and the binds before it are
/// `head`.
pub(crate) async fn fetch_by_keys(
    transaction: &mut Transaction,
    sql: &'static str,
    head: &[Value],
    keys: &[Value],
) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(keys.len());
    for (sql, values) in lists(sql, head, keys) {
        rows.extend(transaction.fetch_dynamic(sql, values).await?);
    }
    Ok(rows)
}

/// The statements for a list of keys, with their binds.
fn lists(sql: &'static str, head: &[Value], keys: &[Value]) -> impl Iterator<Item = (Arc<str>, Vec<Value>)> {
    let before = head.len();
    keys.chunks(SIZES[0]).map(move |keys| {
        let size = SIZES.into_iter().rfind(|size| *size >= keys.len()).unwrap_or(SIZES[0]);
        let mut values = [head, keys].concat();
        // A short list is filled up with its first key, so that few prepared texts serve all.
        values.resize(before + size, keys[0].clone());
        let key = StatementKey::Among { sql, before, keys: size };
        (cached_sql(key, || among(sql, before, size)), values)
    })
}

/// A statement with a list of that many keys; its text is the same for both engines.
pub(crate) fn among(sql: &str, before: usize, keys: usize) -> String {
    let binds: Vec<String> = (1..=keys).map(|bind| format!("${}", before + bind)).collect();
    format!("{sql} ({})", binds.join(","))
}

/// What a statement is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum StatementKey {
    /// Writes to a table.
    Write { table: &'static str, columns: &'static [&'static str], mode: WriteMode, rows: usize },
    /// Asks for rows by a list of keys, after this beginning and these binds.
    Among { sql: &'static str, before: usize, keys: usize },
}

/// A text that is made once: there are few, and some are long.
fn cached_sql(key: StatementKey, make: impl FnOnce() -> String) -> Arc<str> {
    static TEXTS: LazyLock<Mutex<HashMap<StatementKey, Arc<str>>>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock();
    Arc::clone(texts.entry(key).or_insert_with(|| make().into()))
}
