//! Begins transactions that say whose rows they are about.
//!
//! Row-level security, where an owner has set it up, lets a transaction see and write the rows of the tenant that it
//! named by `SET LOCAL app.tenant`, and no others. The statement travels with `BEGIN`, so a write pays nothing for it.
//! `SET LOCAL` ends with the transaction: no pooler hands one tenant's setting to the next.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use uuid::Uuid;

use crate::TenantId;

/// Rows of the whole installation, and questions about all tenants, are the system's own.
pub(super) const SYSTEM: TenantId = TenantId(Uuid::nil());

/// Names the tenant in a transaction, on whichever servers of a distributed database its statements are carried out: without the first
/// setting the second would stay on the one that was asked, and the others would show nobody's rows.
#[must_use]
pub fn naming(tenant: TenantId, distributed: bool) -> String {
    let propagated = if distributed { "SET LOCAL citus.propagate_set_commands = 'local'; " } else { "" };
    format!("{propagated}SET LOCAL app.tenant = '{tenant}'")
}

/// How a server keeps what it acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Durability {
    /// A commit waits for the server's disk.
    Disk,
    /// A commit waits until the standbys show it, which includes their disks: left as it was set up.
    Replicas,
}

/// How transactions that write begin.
#[derive(Debug, Clone)]
pub(super) struct WriteTxSettings {
    settings: String,
    distributed: bool,
}

impl WriteTxSettings {
    /// Plans are kept where one server makes them, whatever it expects of a new one: planning the precheck of a batch each time
    /// would cost several times what carrying it out does. A distributed database has no plan before it knows the tenant.
    pub(super) fn new(durability: Durability, distributed: bool) -> Self {
        let mut settings = "SET LOCAL idle_in_transaction_session_timeout = '30s'".to_owned();
        if matches!(durability, Durability::Disk) {
            settings.push_str("; SET LOCAL synchronous_commit = 'on'");
        }
        if !distributed {
            settings.push_str("; SET LOCAL plan_cache_mode = 'force_generic_plan'");
        }
        Self { settings, distributed }
    }

    /// Read committed, whatever the database's default: the head's lock is what orders the appends, and after waiting for
    /// it the facts must be looked up as they are then. A transaction left behind by a process that vanished gives the
    /// lock back after half a minute.
    pub(super) fn begin(&self, tenant: TenantId) -> SqlStr {
        let (named, settings) = (naming(tenant, self.distributed), &self.settings);
        AssertSqlSafe(format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {named}; {settings}"))
            .into_sql_str()
    }
}

/// A question about all tenants concerns every part of a distributed database. An operator may have set that such
/// statements are reported or fail (`citus.multi_task_query_log_level`), so that none goes unnoticed; those few that the
/// system asks are meant.
pub(super) fn reading(tenant: TenantId) -> SqlStr {
    let meant = if tenant == SYSTEM { "; SET LOCAL citus.multi_task_query_log_level = 'off'" } else { "" };
    // What it means elsewhere is nothing, and reading in a transaction is rare there.
    let named = naming(tenant, true);
    AssertSqlSafe(format!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {named}{meant}")).into_sql_str()
}
