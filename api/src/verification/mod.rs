//! Looks into an installation without changing anything: what `waymark verify` checks, and with what.
//!
//! Nothing is made: no database, no tenant, no key, no row. The log is checked with the public key alone; the secrets, where
//! they are at hand, let what is sealed be compared as well.

mod archive;
pub(crate) mod bundle;
mod container;
mod entry;
mod flaw;
mod rotations;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use waymark_domain::company::event::EndpointsErased;
use waymark_domain::customer::event::Erased;
use waymark_eventstore::ledger::{BlindOpener, BlindTags, DataKeys, Receipts, SideCheck, Trust, Verifier};
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{
    EventStore, Options, Position, PostgresStore, SqliteStore, StoreError, TenantId, postgres,
};
use waymark_projections::ProjectionError;
use waymark_projections::runtime::Inspection;

use crate::ambient::{random_bytes, random_ids, system_clock};
use crate::app::AppError;
use crate::auth::AdminStore;
use crate::auth::compare::{Compared, Tables};
use crate::checkpoint_signer::{note_outside, origin};
use crate::config::{Database, DatabaseArgs, views_file};
use crate::customer_keys::CustomerKeys;
use crate::erasure_record::ErasureRecord;
use crate::key_file::KeyFile;
use crate::key_place::KeyPlace;
use crate::log::Log;
use crate::outbound::OutboundStore;
use crate::public_keys;
use crate::restored::{self, ErasuresFound};
use crate::secrets::Secrets;
use crate::signing_keys::successions;

/// An installation that is looked into.
pub(crate) struct Verification {
    pub(crate) store: Arc<dyn Log>,
    admin: AdminStore,
    messages: OutboundStore,
    secrets: Option<Secrets>,
    args: DatabaseArgs,
}

/// Why an installation could not be looked into. The text is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotChecked(String);

/// What cannot be compared, and why.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct NotCompared {
    pub(crate) what: &'static str,
    pub(crate) why: String,
}

impl Verification {
    /// Opens a database that is there.
    ///
    /// # Errors
    /// When it is not there or cannot be read, or the key file is another database's.
    pub(crate) async fn open(args: &DatabaseArgs) -> Result<Self, NotChecked> {
        let clock = system_clock();
        let store: Arc<dyn Log>;
        let (admin, messages);
        match &args.database {
            Database::Sqlite(file) => {
                let path = file.to_str().ok_or_else(|| said("the database's path is not UTF-8"))?;
                let options =
                    Options { segments: Some(args.archive_folder()), ..Options::new(clock.clone()) };
                store = SqliteStore::inspect(path, options).await.map_err(said)?;
                admin = AdminStore::inspect(file, clock, random_ids()).await.map_err(said)?;
                messages = OutboundStore::inspect(file).await.map_err(said)?;
            }
            Database::Postgres(url) => {
                let segments = Some(args.archive_folder());
                let options = postgres::Options { segments, ..postgres::Options::new(clock.clone()) };
                store = PostgresStore::inspect(url, options).await.map_err(said)?;
                admin = AdminStore::inspect_at(url, clock, random_ids()).await.map_err(said)?;
                messages = OutboundStore::inspect_at(url).await.map_err(said)?;
            }
        }
        let secrets = Secrets::find(&KeyPlace::of(args)).map_err(said)?;
        let this = Self { store, admin, messages, secrets, args: args.clone() };
        this.refuse_other_keys().await?;
        Ok(this)
    }

    /// Keys of another database would make everything look forged.
    async fn refuse_other_keys(&self) -> Result<(), NotChecked> {
        let Some(secrets) = &self.secrets else { return Ok(()) };
        match self.admin.fingerprint().await.map_err(said)? {
            Some(known) if !secrets.is_known_as(&known) => Err(said(format!(
                "{} is not that of {}: name the right one with --keys",
                KeyPlace::of(&self.args).shown(),
                self.args.database
            ))),
            _ => Ok(()),
        }
    }

    /// The tenant of that name.
    ///
    /// # Errors
    /// When there is none, or there are logs that no name leads to, or two.
    pub(crate) async fn tenant(&self, name: &str) -> Result<TenantId, NotChecked> {
        let found = self.admin.tenant(name).await.map_err(said)?;
        let named: Vec<TenantId> =
            self.admin.tenants().await.map_err(said)?.into_iter().map(|(_, tenant)| tenant).collect();
        let twice = |tenant: &&TenantId| named.iter().filter(|one| one == tenant).count() > 1;
        if let Some(tenant) = named.iter().find(twice) {
            return Err(said(format!("two names lead to the log of tenant {tenant}")));
        }
        let logs = self.store.logs().await.map_err(said)?;
        let is_named =
            |log: &TenantId| named.iter().any(|tenant| tenant == log || tenant.access_log() == *log);
        if let Some(nameless) = logs.iter().find(|log| !is_named(log)) {
            return Err(said(format!("no name leads to the log of tenant {nameless}")));
        }
        found.ok_or_else(|| said(format!("there is no tenant {name}")))
    }

    /// What a tenant's log is held to: the public key, and the note outside the database.
    ///
    /// # Errors
    /// When no public key is at hand, or the file outside cannot be read.
    pub(crate) async fn trust(
        &self,
        tenant: TenantId,
        public_key: Option<&str>,
    ) -> Result<Trust, NotChecked> {
        let name = origin(tenant);
        let keys = match (public_key, &self.secrets) {
            (Some(given), _) => public(given, &name)?,
            (None, Some(secrets)) => secrets.verifiers(tenant, &name),
            (None, None) => {
                let file = self.args.public_key_file();
                let shown = file.display();
                let vkey = std::fs::read_to_string(&file).map_err(|error| {
                    said(format!("no key checks the signatures: {shown}: {error}; name it with --public-key"))
                })?;
                public(&vkey, &name)?
            }
        };
        let notes = note_outside(&self.args.checkpoint_file(), tenant).map_err(said)?.into_iter().collect();
        let successions = match successions(&*self.store, tenant, Position::MAX).await {
            Ok(found) => found.into_iter().map(|(change, _)| change).collect(),
            // What cannot be read is found where the whole log is.
            Err(
                AppError::Unreadable(_)
                | AppError::Store(StoreError::Damaged { .. } | StoreError::Segment(_)),
            ) => Vec::new(),
            Err(error) => return Err(said(error)),
        };
        Ok(Trust { keys, successions, notes, seed: random_bytes(), signed_from_the_first: true })
    }

    /// What the log of who read a tenant's data is held to, given what the tenant's own is; none where nothing was read and
    /// nothing signed.
    ///
    /// # Errors
    /// When the log, or the file outside, cannot be read.
    pub(crate) async fn trust_in_access(
        &self,
        tenant: TenantId,
        of_tenant: &Trust,
    ) -> Result<Option<Trust>, NotChecked> {
        let log = tenant.access_log();
        let notes: Vec<String> =
            note_outside(&self.args.checkpoint_file(), log).map_err(said)?.into_iter().collect();
        if notes.is_empty() && self.store.head(log).await.map_err(said)?.position == 0 {
            return Ok(None);
        }
        // Its key is never changed: it is the first of the tenant's own log, under another name. A later one is learned from
        // the changes, which the check of that log has found to be signed.
        let changed = of_tenant.successions.iter().map(|change| &change.old);
        let keys = of_tenant.keys.iter().chain(changed).map(|key| key.named(&origin(log))).collect();
        let Trust { seed, signed_from_the_first, .. } = *of_tenant;
        Ok(Some(Trust { keys, successions: Vec::new(), notes, seed, signed_from_the_first }))
    }

    /// The tables beside the log that are compared with it.
    pub(crate) fn side_checks(&self) -> Vec<Box<dyn SideCheck>> {
        let roots = || self.key_file();
        let opener = self.vault().map(|vault| -> BlindOpener { (vault, Arc::new(CustomerKeys)) });
        let store = || -> Arc<dyn waymark_eventstore::Transferable> { self.store.clone() };
        vec![
            Box::new(Receipts::new(store())),
            Box::new(DataKeys::new(store(), roots(), &[Erased::TYPE, EndpointsErased::TYPE])),
            Box::new(BlindTags::new(store(), opener)),
        ]
    }

    /// Compares the keys, members and receivers of a tenant with its log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn compare_rights(&self, tenant: TenantId) -> Result<Compared, AppError> {
        let log: &dyn EventStore = &*self.store;
        Tables { log, admin: &self.admin, messages: Some(&self.messages) }.compare(tenant).await
    }

    /// The record of erasures beside the log of a tenant; none without the secrets that authenticate it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn erasures(&self, tenant: TenantId) -> Result<Option<ErasuresFound>, AppError> {
        let Some(secrets) = &self.secrets else { return Ok(None) };
        let record = ErasureRecord::new(self.args.erasure_file(), secrets.erasure_record_key());
        restored::compare(Arc::new(record), &*self.store, tenant).await.map(Some)
    }

    /// What is left out for want of secrets.
    pub(crate) fn not_compared(&self) -> Vec<NotCompared> {
        if self.secrets.is_some() {
            return Vec::new();
        }
        let why = || format!("the key file {} is not at hand", self.args.key_file().display());
        vec![
            NotCompared { what: "sealed fields and data keys: whether they open", why: why() },
            NotCompared {
                what: "blind tags: whether each is the one of its entry and none is missing",
                why: why(),
            },
            NotCompared { what: "the record of erasures", why: why() },
            NotCompared { what: "read models", why: why() },
        ]
    }

    fn vault(&self) -> Option<Arc<Vault>> {
        let store: Arc<dyn EventStore> = self.store.clone();
        Some(Arc::new(Vault::new(store, self.key_file()?)))
    }

    fn key_file(&self) -> Option<KeyFile> {
        Some(KeyFile::new(KeyPlace::of(&self.args), self.secrets.clone()?))
    }

    /// What looks at the read models; none without secrets, or where there are none. What it folds goes into `scratch`.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub(crate) async fn read_models(&self, scratch: &Path) -> Result<Option<Inspection>, ProjectionError> {
        let Some(vault) = self.vault() else { return Ok(None) };
        let (store, scratch): (Arc<dyn EventStore>, PathBuf) = (self.store.clone(), scratch.join("folded"));
        match &self.args.database {
            Database::Sqlite(file) if !views_file(file).exists() => Ok(None),
            Database::Sqlite(file) => {
                Inspection::of_file(&views_file(file), &scratch, store, vault).await.map(Some)
            }
            Database::Postgres(url) => Inspection::of_database(url, &scratch, store, vault).await.map(Some),
        }
    }

    /// What the engine itself finds wrong with the database; none where it finds nothing.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) async fn damage(&self) -> Result<Option<String>, StoreError> {
        let found = self.store.integrity().await?;
        Ok((found != "ok").then_some(found))
    }

    /// Closes the connections.
    pub(crate) async fn close(self) {
        self.admin.close().await;
        self.messages.close().await;
        self.store.close().await;
    }
}

/// The public keys for the log of this name, given as themselves or as a file.
fn public(given: &str, name: &str) -> Result<Vec<Verifier>, NotChecked> {
    let keys = public_keys::given(given);
    let first = keys.first().ok_or_else(|| said(format!("{given} is no public key (name+hash+key)")))?;
    match public_keys::of_log(&keys, name) {
        none if none.is_empty() => {
            Err(said(format!("the public key is that of {}, not of {name}", first.name())))
        }
        keys => Ok(keys),
    }
}

fn said(error: impl std::fmt::Display) -> NotChecked {
    NotChecked(error.to_string())
}
