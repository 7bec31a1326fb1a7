//! Tenants, API keys and members: a few small tables beside the log.
//!
//! They are not events: a key is a secret that must be possible to forget, and who may call is a matter of
//! operation rather than of a customer's history.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use lru::LruCache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::KeyText;
use crate::clock::Ids;
use crate::domain::{Actor, Role};
use crate::eventstore::{Clock, TenantId};
use crate::projections::ProjectionError;
use crate::projections::db::{Commit, Db, Row, SYSTEM, Value, tables_in, values};
use crate::secrets::random_bytes;

/// The tables, in SQLite's words.
const SCHEMA: &str = include_str!("schema.sql");
/// The schema that the tables stand in on PostgreSQL.
const ADMIN_SCHEMA: &str = "admin";
/// Connections to PostgreSQL: keys and members are remembered, so few requests ask for them.
const CONNECTIONS: u32 = 4;

const FORMER: &str = include_str!("former.sql");
const HAS_FORMER: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tenant'";
const ADOPT_KEY: &str = include_str!("store/adopt_key.sql");
const FINGERPRINT: &str = include_str!("store/fingerprint.sql");
const INSERT_KEY: &str = include_str!("store/insert_key.sql");
const INSERT_TENANT: &str = include_str!("store/insert_tenant.sql");
const KEEP_FINGERPRINT: &str = include_str!("store/keep_fingerprint.sql");
const KEY: &str = include_str!("store/key.sql");
const KEYS: &str = include_str!("store/keys.sql");
const MEMBER: &str = include_str!("store/member.sql");
const MEMBERS: &str = include_str!("store/members.sql");
const REVOKE_KEY: &str = include_str!("store/revoke_key.sql");
const SET_MEMBER: &str = include_str!("store/set_member.sql");
const TENANT: &str = include_str!("store/tenant.sql");
const TENANTS: &str = include_str!("store/tenants.sql");

/// How many keys and members are remembered between requests.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
/// How long a key or member changed by another process may go on as it was.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(5);

/// What an API key may do beside what its actor's roles allow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Act for the person named in `Waymark-Actor`.
    ActAs,
}

/// An API key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Who acts with it.
    pub actor: String,
    /// With which roles.
    pub roles: BTreeSet<Role>,
    /// And which scopes.
    pub scopes: BTreeSet<Scope>,
}

/// An API key as it is stored: all but its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Which key.
    pub id: Uuid,
    /// Who acts with it, with which roles.
    pub actor: Actor,
    /// Its scopes.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is no longer valid.
    pub revoked_at: Option<DateTime<Utc>>,
    hash: Vec<u8>,
}

/// A person of the tenant, with the roles that count when a front end acts for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who, with which roles.
    pub actor: Actor,
    /// When they were last set.
    pub changed_at: DateTime<Utc>,
}

/// Why the tables could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database did not do what was asked.
    #[error("the administration tables: {0}")]
    Database(#[from] ProjectionError),
    /// What is stored there is not what was written.
    #[error("the administration tables hold an unknown {what}: {word}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// The word that is not one.
        word: String,
    },
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

/// Tenants, API keys and members of one database.
pub struct AdminStore {
    db: Db,
    clock: Clock,
    ids: Ids,
    keys: Remembered<(TenantId, Uuid), ApiKey>,
    members: Remembered<(TenantId, String), Option<Member>>,
}

impl AdminStore {
    /// Opens the tables in a SQLite file, making them where they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub async fn open(file: &Path, clock: Clock, ids: Ids) -> Result<Self, AdminError> {
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
    pub async fn connect(url: &str, clock: Clock, ids: Ids) -> Result<Self, AdminError> {
        let db = Db::postgres(url, ADMIN_SCHEMA, Commit::Durable, CONNECTIONS).await?;
        db.prepare(&[SCHEMA]).await?;
        Ok(Self::over(db, clock, ids))
    }

    fn over(db: Db, clock: Clock, ids: Ids) -> Self {
        Self { db, clock, ids, keys: Remembered::new(), members: Remembered::new() }
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

    /// Gives a tenant's keys, members and name to another installation, the name last: from then on it can be called
    /// there. Answers how many keys and members that were; giving them again changes nothing.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub(crate) async fn hand_over(&self, name: &str, tenant: TenantId, to: &Self) -> Result<u64, AdminError> {
        let (keys, members) = (self.keys(tenant).await?, self.members(tenant).await?);
        for key in &keys {
            let values = values![
                tenant.0,
                key.id,
                key.hash.clone(),
                key.actor.name.as_str(),
                words(&key.actor.roles),
                words(&key.scopes),
                key.created_at.timestamp_micros(),
                key.revoked_at.map(|instant| instant.timestamp_micros())
            ];
            to.write(tenant, ADOPT_KEY, &values).await?;
        }
        for Member { actor, changed_at } in &members {
            let (who, roles) = (actor.name.as_str(), words(&actor.roles));
            to.write(tenant, SET_MEMBER, &values![tenant.0, who, roles, changed_at.timestamp_micros()])
                .await?;
        }
        for row in self.db.read(SYSTEM).await?.rows(TENANTS, &values![SYSTEM.0]).await? {
            if row.str(0)? == name {
                let values = values![SYSTEM.0, name, tenant.0, row.int(2)?];
                to.write(SYSTEM, INSERT_TENANT, &values).await?;
            }
        }
        Ok((keys.len() + members.len()) as u64)
    }

    /// By what the key file of this database is known; none before it was used first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn fingerprint(&self) -> Result<Option<String>, AdminError> {
        let row = self.db.read(SYSTEM).await?.row(FINGERPRINT, &values![SYSTEM.0]).await?;
        Ok(row.map(|row| row.text(0)).transpose()?)
    }

    /// Keeps the fingerprint of the key file that is used first. Answers which one is kept.
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

    /// Makes a key. Its text is given here and never again.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn create_key(&self, tenant: TenantId, new: NewKey) -> Result<(KeyText, ApiKey), AdminError> {
        let text = KeyText::new(tenant, (self.ids)(), random_bytes());
        let created_at = (self.clock)();
        let key = ApiKey {
            id: text.key_id,
            actor: Actor::new(new.actor, new.roles),
            scopes: new.scopes,
            created_at,
            revoked_at: None,
            hash: text.hash().to_vec(),
        };
        let values = values![
            tenant.0,
            key.id,
            key.hash.clone(),
            key.actor.name.as_str(),
            words(&key.actor.roles),
            words(&key.scopes),
            created_at.timestamp_micros()
        ];
        self.write(tenant, INSERT_KEY, &values).await?;
        Ok((text, key))
    }

    /// The keys of a tenant, oldest first, revoked ones included.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>, AdminError> {
        let rows = self.db.read(tenant).await?.rows(KEYS, &values![tenant.0]).await?;
        rows.iter().map(api_key).collect()
    }

    /// Ends a key's validity, at once in this process and within seconds in others. False: no such key.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn revoke_key(&self, tenant: TenantId, key: Uuid) -> Result<bool, AdminError> {
        let revoked = self.write(tenant, REVOKE_KEY, &values![tenant.0, key, self.now()]).await?;
        self.keys.forget(&(tenant, key));
        Ok(revoked > 0)
    }

    /// The key that this text is, if it is one of ours and not revoked.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn verify(&self, text: &KeyText) -> Result<Option<ApiKey>, AdminError> {
        let place = (text.tenant, text.key_id);
        let known = self.keys.get(&place, (self.clock)());
        let key = match known {
            Some(key) => Some(key),
            None => Box::pin(self.key(place.0, place.1)).await?,
        };
        Ok(key.filter(|key| key.revoked_at.is_none() && text.matches(&key.hash)))
    }

    async fn key(&self, tenant: TenantId, key: Uuid) -> Result<Option<ApiKey>, AdminError> {
        let row = self.db.read(tenant).await?.row(KEY, &values![tenant.0, key]).await?;
        let Some(row) = row else { return Ok(None) };
        let found = api_key(&row)?;
        self.keys.put((tenant, key), found.clone(), (self.clock)());
        Ok(Some(found))
    }

    /// Sets a person's roles.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn set_member(&self, tenant: TenantId, actor: Actor) -> Result<Member, AdminError> {
        let changed_at = (self.clock)();
        let (name, roles) = (actor.name.as_str(), words(&actor.roles));
        let values = values![tenant.0, name, roles, changed_at.timestamp_micros()];
        self.write(tenant, SET_MEMBER, &values).await?;
        self.members.forget(&(tenant, actor.name.clone()));
        Ok(Member { actor, changed_at })
    }

    /// The members of a tenant, by name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn members(&self, tenant: TenantId) -> Result<Vec<Member>, AdminError> {
        let rows = self.db.read(tenant).await?.rows(MEMBERS, &values![tenant.0]).await?;
        rows.iter().map(member).collect()
    }

    /// The member of that name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn member(&self, tenant: TenantId, actor: &str) -> Result<Option<Member>, AdminError> {
        let place = (tenant, actor.to_owned());
        if let Some(known) = self.members.get(&place, (self.clock)()) {
            return Ok(known);
        }
        let row = self.db.read(tenant).await?.row(MEMBER, &values![tenant.0, actor]).await?;
        let found = row.map(|row| member(&row)).transpose()?;
        self.members.put(place, found.clone(), (self.clock)());
        Ok(found)
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

/// What was read lately, by key.
struct Remembered<K, V>(Mutex<LruCache<K, (DateTime<Utc>, V)>>);

impl<K: std::hash::Hash + Eq, V: Clone> Remembered<K, V> {
    fn new() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }

    fn get(&self, key: &K, now: DateTime<Utc>) -> Option<V> {
        self.entries()
            .get(key)
            .filter(|(read_at, _)| now - *read_at < FRESH_FOR)
            .map(|(_, value)| value.clone())
    }

    fn put(&self, key: K, value: V, now: DateTime<Utc>) {
        self.entries().put(key, (now, value));
    }

    fn forget(&self, key: &K) {
        self.entries().pop(key);
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<K, (DateTime<Utc>, V)>> {
        // Entries are replaced whole, so a panic elsewhere leaves none half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn instant(micros: i64) -> Result<DateTime<Utc>, AdminError> {
    let damaged = || AdminError::Damaged { what: "instant", word: micros.to_string() };
    DateTime::from_timestamp_micros(micros).ok_or_else(damaged)
}

fn api_key(row: &Row) -> Result<ApiKey, AdminError> {
    Ok(ApiKey {
        id: row.uuid(0)?,
        hash: row.bytes(1)?,
        actor: Actor::new(row.text(2)?, from_words("role", row.str(3)?)?),
        scopes: from_words("scope", row.str(4)?)?,
        created_at: instant(row.int(5)?)?,
        revoked_at: row.opt_int(6)?.map(instant).transpose()?,
    })
}

fn member(row: &Row) -> Result<Member, AdminError> {
    let roles = from_words("role", row.str(1)?)?;
    Ok(Member { actor: Actor::new(row.text(0)?, roles), changed_at: instant(row.int(2)?)? })
}

/// Roles or scopes as the words they are in answers.
fn words<T: Serialize>(set: &BTreeSet<T>) -> String {
    let words = set.iter().filter_map(|one| serde_json::to_value(one).ok()?.as_str().map(str::to_owned));
    words.collect::<Vec<_>>().join(" ")
}

fn from_words<T: for<'de> Deserialize<'de> + Ord>(
    what: &'static str,
    text: &str,
) -> Result<BTreeSet<T>, AdminError> {
    let read = |word: &str| {
        let value = serde_json::Value::String(word.to_owned());
        serde_json::from_value(value).map_err(|_| AdminError::Damaged { what, word: word.to_owned() })
    };
    text.split_whitespace().map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use super::{AdminStore, NewKey, Scope};
    use crate::auth::KeyText;
    use crate::domain::{Actor, Role};

    struct Bench {
        store: AdminStore,
        seconds: Arc<AtomicU64>,
        folder: tempfile::TempDir,
    }

    async fn open(folder: &tempfile::TempDir, seconds: &Arc<AtomicU64>) -> AdminStore {
        let next = AtomicU64::new(1);
        let ids = Arc::new(move || Uuid::from_u128(u128::from(next.fetch_add(1, Ordering::Relaxed))));
        let seconds = seconds.clone();
        let clock = Arc::new(move || {
            DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds.load(Ordering::Relaxed).cast_signed())
        });
        AdminStore::open(&folder.path().join("w.db"), clock, ids).await.unwrap()
    }

    async fn bench() -> Bench {
        let (folder, seconds) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU64::new(0)));
        Bench { store: open(&folder, &seconds).await, seconds, folder }
    }

    fn new_key() -> NewKey {
        NewKey {
            actor: "rep:li".into(),
            roles: [Role::Rep, Role::Analyst].into(),
            scopes: [Scope::ActAs].into(),
        }
    }

    #[tokio::test]
    async fn a_tenant_is_made_once() {
        let Bench { store, folder: _folder, .. } = bench().await;
        assert_eq!(store.tenant("default").await.unwrap(), None);
        let tenant = store.tenant_or_new("default").await.unwrap();
        assert_eq!(store.tenant_or_new("default").await.unwrap(), tenant);
        assert_ne!(store.tenant_or_new("other").await.unwrap(), tenant);
    }

    #[tokio::test]
    async fn a_key_opens_what_it_was_made_for_and_nothing_once_revoked() {
        let Bench { store, folder: _folder, .. } = bench().await;
        let tenant = store.tenant_or_new("default").await.unwrap();
        let (text, made) = store.create_key(tenant, new_key()).await.unwrap();
        assert_eq!(store.verify(&text).await.unwrap(), Some(made.clone()));
        assert_eq!(store.verify(&text).await.unwrap(), Some(made), "from memory");
        assert!(store.revoke_key(tenant, text.key_id).await.unwrap());
        assert_eq!(store.verify(&text).await.unwrap(), None);
        assert!(!store.revoke_key(tenant, Uuid::from_u128(99)).await.unwrap());
    }

    #[tokio::test]
    async fn a_key_with_another_secret_or_tenant_opens_nothing() {
        let Bench { store, folder: _folder, .. } = bench().await;
        let tenant = store.tenant_or_new("default").await.unwrap();
        let other = store.tenant_or_new("other").await.unwrap();
        let (text, _) = store.create_key(tenant, new_key()).await.unwrap();
        let forged = KeyText::new(tenant, text.key_id, [0; 32]);
        assert_eq!(store.verify(&forged).await.unwrap(), None);
        let moved = text.to_string().replace(&tenant.0.simple().to_string(), &other.0.simple().to_string());
        assert_eq!(store.verify(&KeyText::parse(&moved).unwrap()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_revocation_by_another_process_is_seen_within_seconds() {
        let Bench { store, seconds, folder } = bench().await;
        let tenant = store.tenant_or_new("default").await.unwrap();
        let (text, _) = store.create_key(tenant, new_key()).await.unwrap();
        assert!(store.verify(&text).await.unwrap().is_some());
        open(&folder, &seconds).await.revoke_key(tenant, text.key_id).await.unwrap();
        seconds.fetch_add(5, Ordering::Relaxed);
        assert_eq!(store.verify(&text).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_secret_of_a_key_is_nowhere_in_the_file() {
        let Bench { store, folder, .. } = bench().await;
        let tenant = store.tenant_or_new("default").await.unwrap();
        let (text, _) = store.create_key(tenant, new_key()).await.unwrap();
        let text = text.to_string();
        let secret = text.splitn(4, '_').last().unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(20).any(|window| window == &secret.as_bytes()[..20]));
        }
    }

    #[tokio::test]
    async fn a_members_roles_are_those_last_set() {
        let Bench { store, folder: _folder, .. } = bench().await;
        let tenant = store.tenant_or_new("default").await.unwrap();
        assert_eq!(store.member(tenant, "rep:li").await.unwrap(), None);
        store.set_member(tenant, Actor::new("rep:li", [Role::Rep])).await.unwrap();
        let set = store.set_member(tenant, Actor::new("rep:li", [Role::Manager])).await.unwrap();
        assert_eq!(store.member(tenant, "rep:li").await.unwrap(), Some(set.clone()));
        assert_eq!(store.members(tenant).await.unwrap(), [set]);
    }
}
