//! Begins transactions that say whose rows they are about.
//!
//! Row-level security, where an owner has set it up, lets a transaction see and write the rows of the tenant that it
//! named by `SET LOCAL app.tenant`, and no others. The statement travels with `BEGIN`, so a write pays nothing for it.
//! `SET LOCAL` ends with the transaction: no pooler hands one tenant's setting to the next.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use uuid::Uuid;

use crate::batch::LogHead;
use crate::{TenantId, instant};

const LOCK_HEAD: &str = include_str!("lock_head.sql");
const PUT_HEAD: &str = include_str!("put_head.sql");

/// Rows of the whole installation, and questions about all tenants, are the system's own.
pub(super) const SYSTEM: TenantId = TenantId(Uuid::nil());

/// How a server keeps what it acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Durability {
    /// A commit waits for the server's disk.
    Disk,
    /// A commit waits until the standbys show it, which includes their disks: left as it was set up.
    Replicas,
}

/// How transactions that write begin and end.
///
/// Each way to the server and back costs both sides more than most statements. The lock of the head therefore travels with
/// `BEGIN`, and the new head with `COMMIT`. Such a message carries no binds: the few values in it, ids, numbers and bytes,
/// are spelled out.
#[derive(Debug, Clone)]
pub(super) struct Writing {
    settings: String,
}

impl Writing {
    /// Plans are kept where one server makes them, whatever it expects of a new one: planning anew what bears on a batch
    /// would cost several times what carrying it out does. A distributed database has no plan before it knows the tenant.
    pub(super) fn new(durability: Durability, distributed: bool) -> Self {
        let mut settings = "SET LOCAL idle_in_transaction_session_timeout = '30s'".to_owned();
        if matches!(durability, Durability::Disk) {
            settings.push_str("; SET LOCAL synchronous_commit = 'on'");
        }
        if !distributed {
            settings.push_str("; SET LOCAL plan_cache_mode = 'force_generic_plan'");
        }
        Self { settings }
    }

    /// Read committed, whatever the database's default: the head's lock is what orders the appends, and after waiting for
    /// it the facts must be looked up as they are then. A transaction left behind by a process that vanished gives the
    /// lock back after half a minute.
    pub(super) fn begin(&self, tenant: TenantId) -> SqlStr {
        AssertSqlSafe(self.beginning(tenant)).into_sql_str()
    }

    /// The same, and the row of the head, locked; no row where there is no head yet.
    pub(super) fn begin_locked(&self, tenant: TenantId) -> SqlStr {
        let lock = spelled(LOCK_HEAD, &[id(tenant)]);
        AssertSqlSafe(format!("{}; {lock}", self.beginning(tenant))).into_sql_str()
    }

    fn beginning(&self, tenant: TenantId) -> String {
        let settings = &self.settings;
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL app.tenant = '{tenant}'; {settings}"
        )
    }
}

/// Writes where the log ends now, and commits.
pub(super) fn commit(tenant: TenantId, head: &LogHead) -> SqlStr {
    let recorded_at = head.recorded_at.map(instant::to_micros);
    let put = spelled(
        PUT_HEAD,
        &[
            id(tenant),
            head.position().to_string(),
            recorded_at.map_or_else(|| "NULL".to_owned(), |at| at.to_string()),
            bytes(&head.frontier.to_bytes()),
            bytes(&head.frontier.root()),
            head.erasures.to_string(),
        ],
    );
    AssertSqlSafe(format!("{put}; COMMIT")).into_sql_str()
}

/// The text of a statement without its comment, with these values for its binds.
fn spelled(sql: &str, values: &[String]) -> String {
    let lines = sql.lines().filter(|line| !line.starts_with("--"));
    let bare = lines.collect::<Vec<_>>().join(" ");
    let numbered = values.iter().enumerate().rev();
    numbered.fold(bare, |text, (number, value)| text.replace(&format!("${}", number + 1), value))
}

fn id(tenant: TenantId) -> String {
    format!("'{tenant}'")
}

/// An escape string, so that it means the same whatever the session thinks of backslashes.
fn bytes(bytes: &[u8]) -> String {
    let mut text = "E'\\\\x".to_owned();
    for byte in bytes {
        // A text takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    text
}

/// A question about all tenants concerns every part of a distributed database. An operator may have set that such
/// statements are reported or fail (`citus.multi_task_query_log_level`), so that none goes unnoticed; those few that the
/// system asks are meant.
pub(super) fn reading(tenant: TenantId) -> SqlStr {
    let meant = if tenant == SYSTEM { "; SET LOCAL citus.multi_task_query_log_level = 'off'" } else { "" };
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL app.tenant = '{tenant}'{meant}"
    ))
    .into_sql_str()
}
