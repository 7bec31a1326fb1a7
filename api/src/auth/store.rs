//! Tenants by name, and copies of who may call: a few small tables beside the log.
//!
//! Keys and members are events ([`super::rights`]): nobody is let in by what stands here. The copies are kept for programs
//! that look into the database, and for those of former versions that serve it meanwhile.

#[cfg(test)]
mod aborted;
mod error;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::scope::Scope;
use crate::ambient::IdGenerator;
use crate::domain::Role;
use crate::domain::company::rights::{KeyRights, Rights};
use crate::eventstore::{Clock, Position, TenantId};
use crate::projections::db::{Commit, Db, SYSTEM, Value, tables_in, values};

pub use error::AdminError;
pub(crate) use rows::{KeptKey, KeptMember, RightsCopy, hex};
use rows::{instant, kept_key, kept_member, key_row, words};

/// The tables, in SQLite's words.
const SCHEMA: &str = include_str!("schema.sql");
/// The schema that the tables stand in on PostgreSQL.
const ADMIN_SCHEMA: &str = "admin";
/// Connections to PostgreSQL: keys and members are remembered, so few requests ask for them.
const CONNECTIONS: u32 = 4;

const FORMER: &str = include_str!("former.sql");
const FORGET_SESSION_USES: &str = include_str!("store/forget_session_uses.sql");
const HAS_FORMER: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tenant'";
const FINGERPRINT: &str = include_str!("store/fingerprint.sql");
const INSERT_TENANT: &str = include_str!("store/insert_tenant.sql");
const INSTANT: &str = include_str!("store/instant.sql");
const KEEP_FINGERPRINT: &str = include_str!("store/keep_fingerprint.sql");
const REPLACE_FINGERPRINT: &str = include_str!("store/replace_fingerprint.sql");
const KEYS: &str = include_str!("store/keys.sql");
const MEMBERS: &str = include_str!("store/members.sql");
const NOTE_INSTANT: &str = include_str!("store/note_instant.sql");
const NOTE_SESSION_USE: &str = include_str!("store/note_session_use.sql");
const REACH: &str = include_str!("store/reach.sql");
const REACHED: &str = include_str!("store/reached.sql");
const REMOVE_KEY: &str = include_str!("store/remove_key.sql");
const REMOVE_MEMBER: &str = include_str!("store/remove_member.sql");
const SESSION_USED_AT: &str = include_str!("store/session_used_at.sql");
const SET_KEY: &str = include_str!("store/set_key.sql");
const SET_MEMBER: &str = include_str!("store/set_member.sql");
const TENANT: &str = include_str!("store/tenant.sql");
const TENANTS: &str = include_str!("store/tenants.sql");

/// Under which names instants of the service are kept.
const ALIVE: &str = "alive";
const AGREED: &str = "agreed";

/// A request for an API key.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Who acts with it.
    pub actor: String,
    /// With which roles.
    pub roles: BTreeSet<Role>,
    /// And which scopes.
    pub scopes: BTreeSet<Scope>,
}

/// The tables on PostgreSQL, with their schema.
#[must_use]
pub fn tables() -> Vec<String> {
    tables_in(SCHEMA).into_iter().map(|table| format!("{ADMIN_SCHEMA}.{table}")).collect()
}

/// Gives an ordinary role what it needs of the tables, one tenant at a time. The URL is the owner's.
///
/// # Errors
/// When the database refuses.
pub async fn secure(url: &str, role: &str) -> Result<(), AdminError> {
    let db = Db::postgres(url, ADMIN_SCHEMA, Commit::Durable, 1).await?;
    db.secure(role, &[SCHEMA]).await?;
    db.close().await;
    Ok(())
}

/// The tenants of one database by name, and the copies of their API keys and members.
pub struct AdminStore {
    db: Db,
    clock: Clock,
    ids: IdGenerator,
}

impl AdminStore {
    /// Opens the tables in a SQLite file, making them where they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub async fn open(file: &Path, clock: Clock, ids: IdGenerator) -> Result<Self, AdminError> {
        let db = Db::sqlite(file, Commit::Durable).await?;
        db.prepare(&[SCHEMA]).await?;
        if db.read(SYSTEM).await?.row(HAS_FORMER, &[]).await?.is_some() {
            db.prepare(&[FORMER]).await?;
        }
        Ok(Self::over(db, clock, ids))
    }

    /// Opens the tables in a schema of their own of a PostgreSQL database, making them where they are missing.
    ///
    /// # Errors
    /// When nobody answers at the URL, or the tables cannot be made.
    pub async fn connect(url: &str, clock: Clock, ids: IdGenerator) -> Result<Self, AdminError> {
        let db = Db::postgres(url, ADMIN_SCHEMA, Commit::Durable, CONNECTIONS).await?;
        db.prepare(&[SCHEMA]).await?;
        Ok(Self::over(db, clock, ids))
    }

    /// The tables of a SQLite file that is there, to look at them: nothing is made.
    ///
    /// # Errors
    /// When the file is not there, or cannot be opened.
    pub async fn inspect(file: &Path, clock: Clock, ids: IdGenerator) -> Result<Self, AdminError> {
        Ok(Self::over(Db::inspect(file).await?, clock, ids))
    }

    /// The tables of a PostgreSQL database that is there, to look at them: nothing is made.
    ///
    /// # Errors
    /// When nobody answers at the URL.
    pub async fn inspect_at(url: &str, clock: Clock, ids: IdGenerator) -> Result<Self, AdminError> {
        Ok(Self::over(Db::postgres(url, ADMIN_SCHEMA, Commit::Durable, 1).await?, clock, ids))
    }

    fn over(db: Db, clock: Clock, ids: IdGenerator) -> Self {
        Self { db, clock, ids }
    }

    /// The tenant of that name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn tenant(&self, name: &str) -> Result<Option<TenantId>, AdminError> {
        let row = self.db.read(SYSTEM).await?.row(TENANT, &values![SYSTEM.0, name]).await?;
        Ok(row.map(|row| row.uuid(0).map(TenantId)).transpose()?)
    }

    /// The tenant of that name, made now if there is none.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn tenant_or_new(&self, name: &str) -> Result<TenantId, AdminError> {
        if let Some(tenant) = self.tenant(name).await? {
            return Ok(tenant);
        }
        self.write(SYSTEM, INSERT_TENANT, &values![SYSTEM.0, name, (self.ids)(), self.now()]).await?;
        // Another process may have been first: what is stored counts.
        let damaged = || AdminError::Damaged { what: "tenant", word: name.to_owned() };
        self.tenant(name).await?.ok_or_else(damaged)
    }

    /// The tenants by name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn tenants(&self) -> Result<Vec<(String, TenantId)>, AdminError> {
        let rows = self.db.read(SYSTEM).await?.rows(TENANTS, &values![SYSTEM.0]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, TenantId(row.uuid(1)?)))).collect()
    }

    /// Gives a tenant's name to another installation: from then on it can be called there. Giving it again changes nothing.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub(crate) async fn hand_over(&self, name: &str, tenant: TenantId, to: &Self) -> Result<(), AdminError> {
        for row in self.db.read(SYSTEM).await?.rows(TENANTS, &values![SYSTEM.0]).await? {
            if row.str(0)? == name {
                let values = values![SYSTEM.0, name, tenant.0, row.int(2)?];
                to.write(SYSTEM, INSERT_TENANT, &values).await?;
            }
        }
        Ok(())
    }

    /// By what the key file of this database is known; none before it was used first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn fingerprint(&self) -> Result<Option<String>, AdminError> {
        let row = self.db.read(SYSTEM).await?.row(FINGERPRINT, &values![SYSTEM.0]).await?;
        Ok(row.map(|row| row.text(0)).transpose()?)
    }

    /// Keeps the fingerprint of the key file that is used first. Returns the one that is kept.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn keep_fingerprint(&self, fingerprint: &str) -> Result<String, AdminError> {
        if let Some(kept) = self.fingerprint().await? {
            return Ok(kept);
        }
        self.write(SYSTEM, KEEP_FINGERPRINT, &values![SYSTEM.0, fingerprint]).await?;
        Ok(self.fingerprint().await?.unwrap_or_default())
    }

    /// Keeps another fingerprint: the root key is being changed.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn replace_fingerprint(&self, fingerprint: &str) -> Result<(), AdminError> {
        self.write(SYSTEM, REPLACE_FINGERPRINT, &values![SYSTEM.0, fingerprint]).await.map(drop)
    }

    /// When a session was last used, as it was noted; none where it never was.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn session_used_at(
        &self,
        tenant: TenantId,
        session: Uuid,
    ) -> Result<Option<DateTime<Utc>>, AdminError> {
        let row = self.db.read(tenant).await?.row(SESSION_USED_AT, &values![tenant.0, session]).await?;
        row.map(|row| instant(row.int(0)?)).transpose()
    }

    /// Notes that a session was used, and forgets those that were not used since an earlier instant.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn note_session_use(
        &self,
        tenant: TenantId,
        session: Uuid,
        now: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> Result<(), AdminError> {
        let mut writing = self.db.write(tenant).await?;
        let (now, before) = (now.timestamp_micros(), before.timestamp_micros());
        writing.execute(FORGET_SESSION_USES, &values![tenant.0, before]).await?;
        writing.execute(NOTE_SESSION_USE, &values![tenant.0, session, now]).await?;
        writing.commit().await?;
        Ok(())
    }

    /// When the service was last noted to be alive, by any process; none before the first time.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn last_alive(&self) -> Result<Option<DateTime<Utc>>, AdminError> {
        self.instant(ALIVE).await
    }

    /// Notes that the service is alive.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn note_alive(&self, now: DateTime<Utc>) -> Result<(), AdminError> {
        self.note_instant(ALIVE, now).await
    }

    /// What the clock said when somebody last agreed to it; none where nobody ever had to.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn agreed_clock(&self) -> Result<Option<DateTime<Utc>>, AdminError> {
        self.instant(AGREED).await
    }

    /// Somebody agrees to what the clock says.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn agree_to_clock(&self, now: DateTime<Utc>) -> Result<(), AdminError> {
        self.note_instant(AGREED, now).await
    }

    async fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, AdminError> {
        let row = self.db.read(SYSTEM).await?.row(INSTANT, &values![SYSTEM.0, name]).await?;
        row.map(|row| instant(row.int(0)?)).transpose()
    }

    async fn note_instant(&self, name: &str, at: DateTime<Utc>) -> Result<(), AdminError> {
        self.write(SYSTEM, NOTE_INSTANT, &values![SYSTEM.0, name, at.timestamp_micros()]).await.map(drop)
    }

    /// The copies of a tenant's keys and members as they stand, all as of one moment.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub(crate) async fn kept(&self, tenant: TenantId) -> Result<RightsCopy, AdminError> {
        let mut session = self.db.read(tenant).await?;
        let reached = session.row(REACHED, &values![tenant.0]).await?;
        let keys = session.rows(KEYS, &values![tenant.0]).await?;
        let members = session.rows(MEMBERS, &values![tenant.0]).await?;
        session.commit().await?;
        Ok(RightsCopy {
            keys: keys.iter().map(kept_key).collect::<Result<_, _>>()?,
            members: members.iter().map(kept_member).collect::<Result<_, _>>()?,
            reached: reached.map(|row| row.position(0)).transpose()?,
        })
    }

    /// The position of the log as of which the copies are; none where they never were brought up.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn reached(&self, tenant: TenantId) -> Result<Option<Position>, AdminError> {
        let row = self.db.read(tenant).await?.row(REACHED, &values![tenant.0]).await?;
        Ok(row.map(|row| row.position(0)).transpose()?)
    }

    /// Brings the copies up to what the log says at a position, unless another process has brought them further. A crash
    /// leaves them as they were.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub(crate) async fn keep(
        &self,
        tenant: TenantId,
        rights: &Rights,
        reached: Position,
    ) -> Result<(), AdminError> {
        let mut session = self.db.write(tenant).await?;
        if session.execute(REACH, &values![tenant.0, reached]).await? > 0 {
            let rows = session.rows(KEYS, &values![tenant.0]).await?;
            let there: BTreeMap<Uuid, KeptKey> =
                rows.iter().map(|row| kept_key(row).map(|key| (key.id, key))).collect::<Result<_, _>>()?;
            let differs =
                |key: &&KeyRights| there.get(&key.key.id).is_none_or(|row| !row.differing(key).is_empty());
            for key in rights.keys.values().filter(differs) {
                session.execute(SET_KEY, &key_row(tenant, key)).await?;
            }
            for id in there.keys().filter(|id| !rights.keys.contains_key(*id)) {
                session.execute(REMOVE_KEY, &values![tenant.0, *id]).await?;
            }
            let rows = session.rows(MEMBERS, &values![tenant.0]).await?;
            let there: BTreeMap<String, KeptMember> = rows
                .iter()
                .map(|row| kept_member(row).map(|member| (member.actor.clone(), member)))
                .collect::<Result<_, _>>()?;
            for (name, member) in &rights.members {
                if there.get(name).is_none_or(|row| !row.differing(member).is_empty()) {
                    let changed_at = member.changed_at.timestamp_micros();
                    let values = values![tenant.0, name.as_str(), words(&member.roles), changed_at];
                    session.execute(SET_MEMBER, &values).await?;
                }
            }
            for name in there.keys().filter(|name| !rights.members.contains_key(*name)) {
                session.execute(REMOVE_MEMBER, &values![tenant.0, name.as_str()]).await?;
            }
        }
        Ok(session.commit().await?)
    }

    async fn write(&self, tenant: TenantId, sql: &'static str, values: &[Value]) -> Result<u64, AdminError> {
        let mut session = self.db.write(tenant).await?;
        let changed = session.execute(sql, values).await?;
        session.commit().await?;
        Ok(changed)
    }

    /// Closes the connections. The last one to be closed lets SQLite tidy its files up.
    pub async fn close(&self) {
        self.db.close().await;
    }

    fn now(&self) -> i64 {
        (self.clock)().timestamp_micros()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use chrono::{DateTime, TimeDelta, Utc};
    use uuid::Uuid;

    use super::AdminStore;
    use crate::domain::Role;
    use crate::domain::company::event::Key;
    use crate::domain::company::rights::{KeyRights, Membership, Rights};

    pub(super) fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    async fn store() -> (AdminStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let next = AtomicU64::new(1);
        let ids = Arc::new(move || Uuid::from_u128(u128::from(next.fetch_add(1, Ordering::Relaxed))));
        let store = AdminStore::open(&folder.path().join("w.db"), Arc::new(|| at(0)), ids).await.unwrap();
        (store, folder)
    }

    pub(super) fn key(id: u128, roles: &[Role]) -> KeyRights {
        let (id, roles) = (Uuid::from_u128(id), roles.iter().copied().collect());
        let (scopes, digest) = (["act-as".to_owned()].into(), "ab".repeat(32));
        let key = Key { id, actor: "rep:li".to_owned(), roles, scopes, digest };
        KeyRights { key, created_at: at(1), revoked_at: None }
    }

    pub(super) fn rights(keys: impl IntoIterator<Item = KeyRights>, members: &[(&str, Role)]) -> Rights {
        let member = |(name, role): &(&str, Role)| {
            ((*name).to_owned(), Membership { roles: [*role].into(), changed_at: at(2) })
        };
        Rights {
            keys: keys.into_iter().map(|key| (key.key.id, key)).collect(),
            members: members.iter().map(member).collect(),
            ..Rights::default()
        }
    }

    #[tokio::test]
    async fn a_tenant_is_made_once() {
        let (store, _folder) = store().await;
        assert_eq!(store.tenant("default").await.unwrap(), None);
        let tenant = store.tenant_or_new("default").await.unwrap();
        assert_eq!(store.tenant_or_new("default").await.unwrap(), tenant);
        assert_ne!(store.tenant_or_new("other").await.unwrap(), tenant);
    }

    #[tokio::test]
    async fn the_copies_are_what_the_log_says_at_the_position_that_stands_beside_them() {
        let (store, _folder) = store().await;
        let tenant = store.tenant_or_new("default").await.unwrap();
        let first = rights(
            [key(1, &[Role::Rep]), key(2, &[Role::Rep])],
            &[("rep:li", Role::Rep), ("rep:zhao", Role::Rep)],
        );
        store.keep(tenant, &first, 4).await.unwrap();
        let changed = KeyRights { revoked_at: Some(at(9)), ..key(2, &[Role::Rep, Role::Manager]) };
        let second = rights([changed, key(3, &[Role::Admin])], &[("rep:li", Role::Manager)]);
        store.keep(tenant, &second, 7).await.unwrap();
        let kept = store.kept(tenant).await.unwrap();
        assert_eq!(kept.reached, Some(7));
        let ids: Vec<u128> = kept.keys.iter().map(|key| key.id.as_u128()).collect();
        assert_eq!(ids, [2, 3]);
        for row in &kept.keys {
            assert_eq!(row.differing(&second.keys[&row.id]), [""; 0]);
        }
        assert_eq!(kept.members.len(), 1);
        assert_eq!(kept.members[0].differing(&second.members["rep:li"]), [""; 0]);
        store.keep(tenant, &first, 6).await.unwrap();
        assert_eq!(store.kept(tenant).await.unwrap(), kept, "another process was further");
    }
}
