//! `waymark migrate`: prepares the database, as every sub-command does by itself, and exits.
//!
//! On PostgreSQL it does what a service's own role had better not be allowed to: it makes tables, spreads them over a
//! cluster, gives an ordinary role what it needs and no more, and drops what former versions left.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 the database cannot be distributed.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use waymark_eventstore::postgres;

use super::{Failure, output};
use crate::ambient::{random_ids, system_clock};
use crate::auth::store::{self, AdminStore};
use crate::config::{Database, DatabaseArgs};
use crate::installation::Installation;
use crate::outbound::OutboundStore;
use crate::outbound::store as messages;

/// The command line is wrong.
const MISUSED: u8 = 2;
/// The database has nothing to distribute with.
const NO_CLUSTER: u8 = 3;
/// The log's tables. The first is what all others are kept beside: a tenant's rows of every table on one node.
pub(super) const LOG: [&str; 9] = [
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
pub(super) const HAS_CITUS: &str = "SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus'";
const IS_DISTRIBUTED: &str =
    "SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass($1)";
const DISTRIBUTE: &str = "SELECT create_distributed_table($1::regclass, 'tenant_id', colocate_with => $2)";

/// Prepare the database and exit.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The database URL of the tables' owner, if the service's own role is not permitted to create tables
    /// [default: the database].
    #[arg(long, env = "WAYMARK_MIGRATE_URL")]
    migrate_url: Option<Database>,
    /// Distribute the tables over a Citus cluster, each tenant's rows on one node.
    #[arg(long, value_enum)]
    distribute: Option<Cluster>,
    /// Grant this role the minimum privileges of the service, with row-level access to one tenant at a time. Roles that were
    /// granted them before keep them, and get those of new tables.
    #[arg(long, value_name = "ROLE")]
    secure: Option<String>,
    /// The tenant, created if it does not exist.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Drop read model tables of other versions of this program, once none of them is running.
    #[arg(long)]
    contract: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What was done to tables beside making them.
#[derive(Default)]
struct Moved {
    distributed: Vec<String>,
    dropped: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cluster {
    Citus,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let moved = match self.migrate_url.as_ref().unwrap_or(&self.database.database) {
            Database::Postgres(url) => self.on_postgres(url).await?,
            Database::Sqlite(_) if self.distribute.is_some() || self.secure.is_some() || self.contract => {
                let what =
                    "--distribute, --secure and --contract are for PostgreSQL: name a postgres:// database";
                return Err(Failure::with_code(MISUSED, what));
            }
            Database::Sqlite(_) => {
                let installation = Installation::open(&self.database).await?;
                installation.complete_erasure_record().await?;
                installation.tenant(&self.tenant).await?;
                installation.close().await?;
                Moved::default()
            }
        };
        let database = self.database.database.to_string();
        if self.json {
            let Moved { distributed, dropped } = moved;
            let done = json!({
                "database": database, "tenant": self.tenant, "distributed": distributed, "dropped": dropped
            });
            return Ok(output::json(&done)?);
        }
        output::say(&format!("{database} is ready"));
        Ok(())
    }

    /// A line for people, as soon as something is done.
    fn say(&self, line: &str) {
        if !self.json {
            output::say(line);
        }
    }

    async fn on_postgres(&self, url: &str) -> Result<Moved, Failure> {
        let mut moved = Moved::default();
        postgres::migrate(url).await?;
        let admin = AdminStore::connect(url, system_clock(), random_ids()).await?;
        admin.tenant_or_new(&self.tenant).await?;
        admin.close().await;
        OutboundStore::connect(url).await?.close().await;
        waymark_projections::storage::schema::migrate(url).await?;
        // The tables of a later version go where the others are.
        if self.distribute.is_some() || is_spread(url).await? {
            moved.distributed = self.distribute(url).await?;
        }
        // New tables are nobody's but the owner's: what serves needs its part of them, without having to be named again.
        let mut roles: BTreeSet<String> = postgres::secured_roles(url).await?.into_iter().collect();
        roles.extend(self.secure.clone());
        for role in &roles {
            postgres::secure(url, role).await?;
            store::secure(url, role).await?;
            messages::secure(url, role).await?;
            waymark_projections::storage::schema::secure(url, role).await?;
        }
        if self.contract {
            for dropped in waymark_projections::storage::schema::contract(url).await? {
                self.say(&format!("{dropped} dropped"));
                moved.dropped.push(dropped);
            }
        }
        Ok(moved)
    }

    /// Spreads every table by its tenant; those that are spread already stay as they are. Answers which were not.
    async fn distribute(&self, url: &str) -> Result<Vec<String>, Failure> {
        let mut database = PgConnection::connect(url).await?;
        if sqlx::query(HAS_CITUS).fetch_optional(&mut database).await?.is_none() {
            let what = "this database has no extension citus, so nothing was distributed: run `CREATE EXTENSION citus` \
                        on a server that has it, or leave --distribute away";
            return Err(Failure::with_code(NO_CLUSTER, what));
        }
        let mut distributed = Vec::new();
        for table in tables() {
            if is_distributed(&mut database, &table).await? {
                continue;
            }
            let beside = if table == LOG[0] { "none" } else { LOG[0] };
            let done = sqlx::query(DISTRIBUTE).bind(&table).bind(beside).fetch_one(&mut database).await?;
            tracing::debug!(%table, columns = done.len(), "distributed");
            self.say(&format!("{table} distributed"));
            distributed.push(table);
        }
        database.close().await?;
        Ok(distributed)
    }
}

/// Every table of this program, the log's first.
pub(super) fn tables() -> Vec<String> {
    let beside = store::tables()
        .into_iter()
        .chain(messages::tables())
        .chain(waymark_projections::storage::schema::tables());
    LOG.into_iter().map(str::to_owned).chain(beside).collect()
}

/// Whether a table is spread over the servers of a database that has citus.
pub(super) async fn is_distributed(database: &mut PgConnection, table: &str) -> Result<bool, Failure> {
    Ok(sqlx::query(IS_DISTRIBUTED).bind(table).fetch_optional(database).await?.is_some())
}

/// Whether the log is spread over the servers of a distributed database.
async fn is_spread(url: &str) -> Result<bool, Failure> {
    let mut database = PgConnection::connect(url).await?;
    let has_citus = sqlx::query(HAS_CITUS).fetch_optional(&mut database).await?.is_some();
    let spread = has_citus && is_distributed(&mut database, LOG[0]).await?;
    database.close().await?;
    Ok(spread)
}
