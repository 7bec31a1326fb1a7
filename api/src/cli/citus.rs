//! What a distributed database says of the servers that it consists of.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::Failure;
use super::migrate::{HAS_CITUS, LOG, is_distributed, tables};

/// What each server says of what a commit waits for.
const ON_EACH: &str = "SELECT n.nodename || ':' || n.nodeport::text AS node, r.success, r.result \
                       FROM run_command_on_all_nodes($1) r JOIN pg_catalog.pg_dist_node n ON n.nodeid = r.nodeid \
                       ORDER BY n.nodeid";
const KEPT: &str = "SELECT 'fsync ' || current_setting('fsync') || ', synchronous_commit ' || \
                    current_setting('synchronous_commit')";
/// What a server says that keeps what it has confirmed; what standbys add to it is no less.
const GOOD: [&str; 2] = ["fsync on, synchronous_commit on", "fsync on, synchronous_commit remote_apply"];

/// What a look at the servers of a distributed database found.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// How many there are.
    pub(super) count: usize,
    /// What is wrong, in sentences for the operator.
    pub(super) faults: Vec<String>,
}

/// Asks every server, and counts the tables that are not spread over them; none where the database is one server's.
pub(super) async fn servers(url: &str) -> Result<Option<Servers>, Failure> {
    let mut database = PgConnection::connect(url).await?;
    let has_citus = sqlx::query(HAS_CITUS).fetch_optional(&mut database).await?.is_some();
    if !has_citus || !is_distributed(&mut database, LOG[0]).await? {
        return Ok(None);
    }
    let mut found = Servers::default();
    for row in sqlx::query(ON_EACH).bind(KEPT).fetch_all(&mut database).await? {
        let (node, success, said): (String, bool, String) =
            (row.try_get("node")?, row.try_get("success")?, row.try_get("result")?);
        found.count += 1;
        if !success || !GOOD.contains(&said.as_str()) {
            found.faults.push(format!("{node}: {said}"));
        }
    }
    let mut alone = Vec::new();
    for table in tables() {
        if !is_distributed(&mut database, &table).await? {
            alone.push(table);
        }
    }
    if let Some(first) = alone.first() {
        let count = alone.len();
        let mend = "run `waymark migrate` as their owner";
        found.faults.push(format!("{count} tables are on one server alone, {first} among them: {mend}"));
    }
    database.close().await?;
    Ok(Some(found))
}
