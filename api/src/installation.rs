//! One installation: a database, its keys, and everything that is built on them. Every sub-command opens one.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use futures::future::join_all;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::sync::CancellationToken;
use waymark_domain::company::rights::Credential;
use waymark_domain::{Actor, Role};
use waymark_eventstore::segments::look_at_all_segments;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{Clock, Options, PostgresStore, SqliteStore, TenantId, postgres};
use waymark_projections::Projections;
use waymark_projections::runtime::{Duty, Node};

use crate::access_log::AccessLog;
use crate::admission::{Admission, usual_reports};
use crate::ambient::{chance, random_ids, system_clock};
use crate::app::{App, AppError, Caller, CommandMeta, Endpoint, Migrator};
use crate::auth::compare::{Compared, Tables};
use crate::auth::rate::Limiter;
use crate::auth::token::Tokens;
use crate::auth::{AdminStore, Gate, NewKey, Rights, Scope};
use crate::automation::Ticker;
use crate::automation::clock::{ClockWatch, Stopwatch};
use crate::checkpoint_signer::{CheckpointSigner, SignedFiles, first_note};
use crate::config::{
    AuthArgs, Automations, Database, DatabaseArgs, OutboundArgs, Sending, WitnessTarget, views_file,
};
use crate::cosigning::Cosigning;
use crate::erasure_record::ErasureRecord;
use crate::http::measure;
use crate::key_file::KeyFile;
use crate::key_place::KeyPlace;
use crate::log::Log;
use crate::operator::{host, operator};
use crate::outbound::client::Client;
use crate::outbound::{Consumers, Dispatcher, Outbound, OutboundStore};
use crate::refusal_retention::RefusalRetention;
use crate::restored::{self, ErasuresFound, complete_record, erase_again};
use crate::secrets::Secrets;
use crate::{segment_check, zoneinfo};

/// Why an installation could not be opened or used. The text is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InstallationError(String);

/// An open installation.
pub struct Installation {
    /// The service.
    pub app: App,
    /// The log, on either engine.
    pub store: Arc<dyn Log>,
    admin: Arc<AdminStore>,
    messages: Arc<OutboundStore>,
    /// Who signs the log's heads.
    pub checkpoint_signer: Arc<CheckpointSigner>,
    /// Who read what.
    access_log: Arc<AccessLog>,
    key_file: Arc<KeyFile>,
    /// The erasures, outside the database.
    erasure_record: Arc<ErasureRecord>,
}

impl Installation {
    /// Opens the database, making it where it is missing. What was erased and is there again, since a backup was restored, is
    /// erased before this returns.
    ///
    /// # Errors
    /// When a file cannot be opened, a key is missing, or the log ends before its last signed checkpoint.
    pub async fn open(args: &DatabaseArgs) -> Result<Self, InstallationError> {
        let installation = Self::inspect(args).await?;
        installation.checkpoint_signer.refuse_rollback().await.map_err(said)?;
        erase_again(&installation.app).await.map_err(said)?;
        Ok(installation)
    }

    /// Opens the database to look into it, even where it ends before its last signed checkpoint.
    ///
    /// # Errors
    /// When a file cannot be opened, or a key is missing.
    pub async fn inspect(args: &DatabaseArgs) -> Result<Self, InstallationError> {
        Self::open_with(args, system_clock()).await
    }

    /// Opens the database with a clock of the caller's.
    ///
    /// # Errors
    /// As [`Self::inspect`].
    pub async fn open_with(args: &DatabaseArgs, clock: Clock) -> Result<Self, InstallationError> {
        // Whether the log can be written is measured from its opening on.
        measure::start();
        match &args.database {
            Database::Sqlite(file) => Self::on_sqlite(args, file, clock).await,
            Database::Postgres(url) => Self::on_postgres(args, url, clock).await,
        }
    }

    /// Whether the database is there, with a log in it. Nothing is made.
    ///
    /// # Errors
    /// When that cannot be told: the file is no database, or nobody answers at the URL.
    pub async fn is_there(args: &DatabaseArgs) -> Result<bool, InstallationError> {
        match &args.database {
            Database::Sqlite(file) => {
                let path = file.to_str().ok_or_else(|| said("the database's path is not UTF-8"))?;
                SqliteStore::is_there(path).await.map_err(said)
            }
            Database::Postgres(url) => PostgresStore::is_there(url).await.map_err(said),
        }
    }

    async fn on_sqlite(args: &DatabaseArgs, file: &Path, clock: Clock) -> Result<Self, InstallationError> {
        let is_new = !file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        let secrets = Secrets::open(&KeyPlace::of(args), &args.database, is_new).map_err(said)?;
        let path = file.to_str().ok_or_else(|| said("the database's path is not UTF-8"))?;
        let (first, begun) = mpsc::unbounded_channel();
        let first_note = Some(first_note(&secrets, first));
        let segments = Some(args.archive_folder());
        let options = Options { first_note, segments, ..Options::new(clock.clone()) };
        let store = SqliteStore::open(path, options).await.map_err(said)?;
        let admin = AdminStore::open(file, clock.clone(), random_ids()).await.map_err(said)?;
        let messages = OutboundStore::open(file).await.map_err(said)?;
        let key_file = Arc::new(KeyFile::new(KeyPlace::of(args), secrets.clone()));
        let vault = Arc::new(Vault::new(store.clone(), key_file.clone()));
        let views = views_file(file);
        let projections = Projections::open(&views, store.clone(), vault.clone()).await.map_err(said)?;
        Self::of(args, store, (admin, messages), (&secrets, key_file, begun), vault, projections, clock).await
    }

    async fn on_postgres(args: &DatabaseArgs, url: &str, clock: Clock) -> Result<Self, InstallationError> {
        // The keys first: anyone who comes with those of another database is to change nothing.
        let admin = AdminStore::connect(url, clock.clone(), random_ids()).await.map_err(said)?;
        let is_new = admin.fingerprint().await.map_err(said)?.is_none();
        let secrets = Secrets::open(&KeyPlace::of(args), &args.database, is_new).map_err(said)?;
        let (first, begun) = mpsc::unbounded_channel();
        let first_note = Some(first_note(&secrets, first));
        let segments = Some(args.archive_folder());
        let options = postgres::Options { first_note, segments, ..postgres::Options::new(clock.clone()) };
        let store = PostgresStore::open(url, options).await.map_err(said)?;
        let messages = OutboundStore::connect(url).await.map_err(said)?;
        let key_file = Arc::new(KeyFile::new(KeyPlace::of(args), secrets.clone()));
        let vault = Arc::new(Vault::new(store.clone(), key_file.clone()));
        let node = Node { id: random_ids()(), clock: clock.clone() };
        let projections = Projections::connect(url, node, store.clone(), vault.clone());
        let projections = projections.await.map_err(said)?;
        Self::of(args, store, (admin, messages), (&secrets, key_file, begun), vault, projections, clock).await
    }

    async fn of(
        args: &DatabaseArgs,
        store: Arc<dyn Log>,
        (admin, messages): (AdminStore, OutboundStore),
        (secrets, key_file, begun): (&Secrets, Arc<KeyFile>, UnboundedReceiver<TenantId>),
        vault: Arc<Vault>,
        projections: Arc<Projections>,
        clock: Clock,
    ) -> Result<Self, InstallationError> {
        let kept = admin.keep_fingerprint(&secrets.fingerprint()).await.map_err(said)?;
        if !secrets.is_known_as(&kept) {
            return Err(said(format!(
                "{} is not that of {}: name the right one with --keys",
                KeyPlace::of(args).shown(),
                args.database
            )));
        }
        secrets.publish(&args.public_key_file());
        let files = SignedFiles { notes: args.checkpoint_file(), keys: args.public_key_file() };
        let signing = key_file.clone();
        let checkpoint_signer = CheckpointSigner::new(store.clone(), signing, files, begun, clock.clone());
        let record = Arc::new(ErasureRecord::new(args.erasure_file(), secrets.erasure_record_key()));
        let zones = zoneinfo::open(args.zoneinfo.as_deref()).map_err(said)?;
        let (admin, messages) = (Arc::new(admin), Arc::new(messages));
        let rights = Rights::new(store.clone(), admin.clone(), messages.clone(), clock.clone(), random_ids());
        let app = App::new(store.clone(), vault, projections, Arc::new(rights), clock, random_ids())
            .with_zones(zones)
            .with_erasure_record(record.clone());
        let access_log = AccessLog::new(store.clone(), app.clock.clone(), random_ids());
        let (checkpoint_signer, access_log) = (Arc::new(checkpoint_signer), Arc::new(access_log));
        Ok(Self {
            app,
            store,
            admin,
            messages,
            checkpoint_signer,
            access_log,
            key_file,
            erasure_record: record,
        })
    }

    /// The tenant of that name, made when it is new.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn tenant(&self, name: &str) -> Result<TenantId, InstallationError> {
        self.admin.tenant_or_new(name).await.map_err(said)
    }

    /// The tenant of that name; `None` when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known_tenant(&self, name: &str) -> Result<Option<TenantId>, InstallationError> {
        self.admin.tenant(name).await.map_err(said)
    }

    /// Tenants, keys and members.
    pub(crate) fn admin(&self) -> &AdminStore {
        &self.admin
    }

    /// The same, to be kept.
    pub(crate) fn shared_admin(&self) -> Arc<AdminStore> {
        self.admin.clone()
    }

    /// Receivers, and their secrets.
    pub(crate) fn messages(&self) -> &OutboundStore {
        &self.messages
    }

    /// The keys, and the file that they stand in.
    pub(crate) fn key_file(&self) -> &KeyFile {
        &self.key_file
    }

    /// Whether anybody could ever call.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn has_keys(&self, tenant: TenantId) -> Result<bool, InstallationError> {
        Ok(!self.app.rights.fresh(tenant).await.map_err(said)?.0.keys.is_empty())
    }

    /// The copies of keys, members and receivers beside what the log says of them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn compare_rights(&self, tenant: TenantId) -> Result<Compared, AppError> {
        let (admin, messages) = (&*self.admin, Some(&*self.messages));
        Tables { log: &*self.app.store, admin, messages }.compare(tenant).await
    }

    /// Makes an API key and answers its text, which is not kept. Anyone who runs this program is recorded as having made it.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub async fn create_key(
        &self,
        tenant: TenantId,
        actor: &str,
        roles: BTreeSet<Role>,
        scopes: BTreeSet<Scope>,
    ) -> Result<String, InstallationError> {
        let new = NewKey { actor: actor.to_owned(), roles, scopes };
        let caller = self.system_caller(tenant, &operator());
        let credential = Credential { name: None, administers: true };
        let meta = CommandMeta::default();
        let (text, ..) = self.app.create_key(&caller, &meta, new, &credential).await.map_err(said)?;
        text.map(|text| text.to_string()).ok_or_else(|| said(AppError::KeyReused))
    }

    /// Makes a link by which somebody signs in once, and answers its code, which is not kept. Anyone who runs this program
    /// is recorded as having made it.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub async fn create_sign_in_link(
        &self,
        tenant: TenantId,
        actor: &str,
        roles: BTreeSet<Role>,
        lasting: TimeDelta,
    ) -> Result<String, InstallationError> {
        let caller = self.system_caller(tenant, &operator());
        let credential = Credential { name: None, administers: true };
        let actor = Actor::new(actor, roles);
        let meta = CommandMeta::default();
        let made = self.app.create_sign_in_link(&caller, &meta, actor, lasting, &credential).await;
        made.map_err(said)?.0.ok_or_else(|| said(AppError::KeyReused))
    }

    /// The caller that the command line is.
    #[must_use]
    pub fn system_caller(&self, tenant: TenantId, name: &str) -> Caller {
        let endpoint =
            Endpoint { address: host(), client: Some(format!("waymark/{}", env!("CARGO_PKG_VERSION"))) };
        let actor = Actor::new(name, [Role::Admin]);
        Caller { tenant, actor, via: None, origin: None, endpoint: Some(Arc::new(endpoint)) }
    }

    /// Folds everything of a tenant that is not folded yet.
    ///
    /// # Errors
    /// When a read model cannot go on.
    pub async fn catch_up(
        &self,
        tenant: TenantId,
        progress: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<(), InstallationError> {
        self.app.projections.catch_up(tenant, progress).await.map_err(said)
    }

    /// Finds out which segments of the logs there must be and which are not there, so that `/readyz` can say so.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn find_segments(&self) -> Result<(), InstallationError> {
        look_at_all_segments(&*self.store).await.map(drop).map_err(said)
    }

    /// Begins the record of erasures where there is none, and adds what the logs tell of and it does not.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(crate) async fn complete_erasure_record(&self) -> Result<(), InstallationError> {
        complete_record(&self.app).await.map_err(said)
    }

    /// The record of erasures beside the log of a tenant, and its file.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn erasures(
        &self,
        tenant: TenantId,
    ) -> Result<(String, ErasuresFound), InstallationError> {
        let file = self.erasure_record.file().display().to_string();
        let found = restored::compare(self.erasure_record.clone(), &*self.app.store, tenant).await;
        Ok((file, found.map_err(said)?))
    }

    /// What carries messages to the outside.
    ///
    /// # Errors
    /// When no secure connection could be made from here.
    pub fn outbound(&self, settings: &OutboundArgs) -> Result<Arc<Outbound>, InstallationError> {
        let client = Client::new().map_err(said)?;
        let (app, store) = (self.app.clone(), self.messages.clone());
        Ok(Arc::new(Outbound::new(app, store, settings.clone(), client, chance())))
    }

    /// Who follows the logs, and how far.
    pub(crate) fn consumers(&self) -> Consumers {
        Consumers::new(self.app.clone(), self.messages.clone())
    }

    /// What shows the logs' heads to witnesses.
    ///
    /// # Errors
    /// When no secure connection could be made from here.
    pub(crate) fn cosigning(&self, witnesses: Vec<WitnessTarget>) -> Result<Cosigning, InstallationError> {
        Ok(Cosigning::new(self.checkpoint_signer.clone(), witnesses, Client::new().map_err(said)?))
    }

    /// What lets requests in.
    ///
    /// # Errors
    /// When the settings of tokens contradict each other, or their keys cannot be read.
    pub fn gate(&self, settings: &AuthArgs) -> Result<Arc<Gate>, InstallationError> {
        let clock = self.app.clock.clone();
        let open = |tokens| Tokens::open(tokens, clock());
        let tokens = settings.tokens().map_err(said)?.map(open).transpose().map_err(said)?;
        let limiter = settings.rate().map(Limiter::new);
        let (admin, rights) = (self.admin.clone(), self.app.rights.clone());
        let gate = Gate::new(admin, rights, tokens, limiter, clock);
        Ok(Arc::new(gate.of_residents(self.app.projections.clone())))
    }

    /// The HTTP service, which computes at most this number of reports at a time: unless it is given, as many as suit the cores.
    pub fn router(
        &self,
        gate: Arc<Gate>,
        outbound: Arc<Outbound>,
        reports: Option<usize>,
        stop: CancellationToken,
    ) -> axum::Router {
        let admission = Arc::new(Admission::new(reports.unwrap_or_else(usual_reports)));
        let (signer, access_log) = (self.checkpoint_signer.clone(), self.access_log.clone());
        crate::http::router(self.app.clone(), gate, outbound, signer, admission, access_log, stop)
    }

    /// What compares the clock with what else is known of the time.
    pub(crate) fn clock_watch(&self) -> Arc<ClockWatch> {
        let began = Instant::now();
        let stopwatch: Stopwatch = Arc::new(move || began.elapsed());
        let (clock, store) = (self.app.clock.clone(), self.app.store.clone());
        Arc::new(ClockWatch::new(
            clock,
            stopwatch,
            self.admin.clone(),
            store,
            self.app.automation_pause.clone(),
        ))
    }

    /// Keeps the read models up, the log's head signed, reads recorded, customers in the versions in force, requests from waiting
    /// beyond their time, rules acting, measurements small, the files of old entries checked, consumers measured, and messages on
    /// their way, until the token is cancelled.
    pub fn run(
        &self,
        stop: CancellationToken,
        automations: Automations,
        outbound: Arc<Outbound>,
        keep_refusals_days: u16,
    ) -> impl Future<Output = ()> + use<> {
        let projections = self.app.projections.clone();
        if automations == Automations::Off {
            projections.decline(Duty::Automations);
        }
        if outbound.settings().outbound == Sending::Off {
            projections.decline(Duty::Messages);
        }
        let checkpoint_signer = self.checkpoint_signer.clone();
        let access_log = self.access_log.clone();
        let migrator = Migrator::new(self.app.clone());
        let clock = self.clock_watch();
        let retention = RefusalRetention::new(self.store.clone(), self.app.clock.clone(), keep_refusals_days);
        let tasks = [
            tokio::spawn({
                let stop = stop.clone();
                async move { projections.run(stop.cancelled_owned()).await }
            }),
            tokio::spawn({
                let stop = stop.clone();
                async move { checkpoint_signer.run(stop).await }
            }),
            tokio::spawn({
                let stop = stop.clone();
                async move { migrator.run(stop).await }
            }),
            tokio::spawn(self.app.clone().watch_requests(Arc::clone(&clock), stop.clone())),
            tokio::spawn({
                let (ticker, stop) = (Ticker::new(self.app.clone()), stop.clone());
                async move {
                    if automations == Automations::On {
                        ticker.run(clock, stop).await;
                    }
                }
            }),
            tokio::spawn({
                let stop = stop.clone();
                async move { access_log.run(stop).await }
            }),
            tokio::spawn(measure::fold(stop.clone())),
            tokio::spawn(retention.run(self.app.clone(), stop.clone())),
            tokio::spawn(segment_check::run(self.store.clone(), stop.clone())),
            tokio::spawn(self.consumers().measure(stop.clone())),
            tokio::spawn(async move {
                if outbound.settings().outbound == Sending::On {
                    Dispatcher::new(outbound).run(stop).await;
                }
            }),
        ];
        async move {
            for ended in join_all(tasks).await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a background task did not end well");
                }
            }
        }
    }

    /// Signs the heads and closes the log, once everything accepted is on disk.
    ///
    /// # Errors
    /// When a head cannot be signed, for another reason than that the key is on other nodes alone.
    pub async fn close(self) -> Result<(), InstallationError> {
        let signed = self.checkpoint_signer.sign_heads().await;
        self.leave().await;
        match signed {
            // What was done is done, and another node signs it.
            Err(error) if error.is_missing_key() => {
                tracing::error!(%error, "the log's heads were not signed");
                Ok(())
            }
            signed => signed.map_err(said),
        }
    }

    /// Closes the log without signing anything.
    pub async fn leave(self) {
        self.admin.close().await;
        self.messages.close().await;
        self.app.projections.close().await;
        self.store.close().await;
    }
}

fn said(error: impl std::fmt::Display) -> InstallationError {
    InstallationError(error.to_string())
}
