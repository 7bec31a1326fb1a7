//! A whole service on a fresh database, for tests: requests go in and answers come out without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::query::percent_encoded;
use crate::access_log::AccessLog;
use crate::admission::Admission;
use crate::ambient::random_ids;
use crate::app::{App, Caller, CommandMeta, Migrator};
use crate::audit::Histories;
use crate::auth::rate::Limiter;
use crate::auth::scope::Scope;
use crate::auth::token::Tokens;
use crate::auth::{AdminStore, Gate, NewKey, Rechecks, Rights};
use crate::automation::Ticker;
use crate::checkpoint_signer::{CheckpointSigner, SignedFiles};
use crate::config::{AuthArgs, OutboundArgs};
use crate::domain::company::rights::Credential;
use crate::domain::{Actor, Role};
use crate::erasure_record::ErasureRecord;
use crate::eventstore::vault::{RootKey, Vault};
use crate::eventstore::{Append, Clock, Draft, Options, Outcome, Position, SqliteStore, TenantId};
use crate::key_file::KeyFile;
use crate::key_place::KeyPlace;
use crate::outbound::client::Client;
use crate::outbound::{Outbound, OutboundStore};
use crate::projections::Projections;
use crate::refusal_retention::RefusalRetention;
use crate::routes::{AppParts, AppState, Feeds};
use crate::secrets::Secrets;

/// The service, and the means to look at it from outside.
pub(crate) struct Bench {
    router: Router,
    /// One report at a time.
    pub(crate) admission: Arc<Admission>,
    pub(crate) app: App,
    admin: Arc<AdminStore>,
    pub(crate) outbound: Arc<Outbound>,
    messages: Arc<OutboundStore>,
    store: Arc<SqliteStore>,
    signer: Arc<CheckpointSigner>,
    access_log: Arc<AccessLog>,
    tenant: TenantId,
    pub(crate) stop: CancellationToken,
    /// Seconds since the tests began.
    seconds: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A request being put together.
pub(crate) struct Call<'a> {
    bench: &'a Bench,
    request: axum::http::request::Builder,
    body: Body,
}

/// Anyone who runs the program.
fn operator(tenant: TenantId) -> Caller {
    Caller {
        tenant,
        actor: Actor::new("operator:test", [Role::Admin]),
        via: None,
        origin: None,
        endpoint: None,
    }
}

/// The text of a key that anyone makes who runs the program.
async fn made(app: &App, tenant: TenantId, new: NewKey) -> String {
    let (caller, meta) = (operator(tenant), CommandMeta::default());
    let (text, ..) = app.create_key(&caller, &meta, new, &Credential::default()).await.unwrap();
    text.unwrap().to_string()
}

/// When the tests take place.
fn clock() -> DateTime<Utc> {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

impl Bench {
    /// A service with one tenant and no pipeline.
    pub(crate) async fn new() -> Self {
        Self::with(OutboundArgs::default()).await
    }

    /// The same, which sends messages by these settings.
    pub(crate) async fn with(settings: OutboundArgs) -> Self {
        Self::open(settings, AuthArgs::default(), 1).await
    }

    /// The same, which lets callers in by these settings.
    pub(crate) async fn guarded(settings: AuthArgs) -> Self {
        Self::open(OutboundArgs::default(), settings, 1).await
    }

    /// The same, which answers no reports.
    pub(crate) async fn without_reports() -> Self {
        Self::open(OutboundArgs::default(), AuthArgs::default(), 0).await
    }

    async fn open(settings: OutboundArgs, auth: AuthArgs, reports: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.db");
        let seconds = Arc::new(AtomicI64::new(0));
        let passed = seconds.clone();
        let clock: Clock = Arc::new(move || clock() + TimeDelta::seconds(passed.load(Ordering::Relaxed)));
        let store = SqliteStore::open(file.to_str().unwrap(), Options::new(clock.clone())).await.unwrap();
        let vault = Arc::new(Vault::new(store.clone(), RootKey([7; 32])));
        let views = folder.path().join("w.db.views");
        let projections = Projections::open(&views, store.clone(), vault.clone()).await.unwrap();
        let admin = Arc::new(AdminStore::open(&file, clock.clone(), random_ids()).await.unwrap());
        let tenant = admin.tenant_or_new("default").await.unwrap();
        let stop = CancellationToken::new();
        let messages = Arc::new(OutboundStore::open(&file).await.unwrap());
        let rights = Arc::new(Rights::new(
            store.clone(),
            admin.clone(),
            messages.clone(),
            clock.clone(),
            random_ids(),
        ));
        let record = ErasureRecord::new(folder.path().join("w.db.erasures"), [9; 32]);
        let app = App::new(store.clone(), vault, projections, rights.clone(), clock.clone(), random_ids())
            .with_erasure_record(Arc::new(record));
        let client = Client::new().unwrap();
        let outbound =
            Arc::new(Outbound::new(app.clone(), messages.clone(), settings, client, Arc::new(|_| 0)));
        let tokens = auth.tokens().unwrap().map(|settings| Tokens::open(settings, clock()).unwrap());
        let gate = Arc::new(Gate::new(admin.clone(), rights, tokens, auth.rate().map(Limiter::new), clock));
        let secrets = Secrets {
            root_key: [7; 32],
            former_root_key: None,
            signing_seed: [8; 32],
            log_seeds: BTreeMap::new(),
        };
        let keys = folder.path().join("w.db.keys");
        let keys = KeyPlace::from(keys);
        secrets.write(&keys).unwrap();
        let (_, begun) = tokio::sync::mpsc::unbounded_channel();
        let signed = SignedFiles {
            notes: folder.path().join("w.db.checkpoint"),
            keys: folder.path().join("w.db.pub"),
        };
        let signer = Arc::new(CheckpointSigner::new(
            store.clone(),
            Arc::new(KeyFile::new(keys, secrets)),
            signed,
            begun,
            app.clock.clone(),
        ));
        let admission = Arc::new(Admission::new(reports));
        let access_log = Arc::new(AccessLog::new(store.clone(), app.clock.clone(), random_ids()));
        let (writer, ended) = (Arc::clone(&access_log), stop.clone());
        tokio::spawn(async move { writer.run(ended).await });
        let router = super::router(
            app.clone(),
            gate,
            outbound.clone(),
            signer.clone(),
            admission.clone(),
            access_log.clone(),
            stop.clone(),
        );
        Self {
            router,
            admission,
            app,
            admin,
            outbound,
            messages,
            store,
            signer,
            access_log,
            tenant,
            stop,
            seconds,
            folder,
        }
    }

    /// Appends an event of a customer that no program can read as what it says it is, and answers its position.
    pub(crate) async fn append_poison(&self, customer: &str) -> Position {
        let draft = Draft {
            id: (self.app.ids)(),
            event_type: "customer.moved".into(),
            type_version: 1,
            subject: format!("customer/{customer}"),
            effective_at: self.now(),
            actor: "import".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: Vec::new(),
            blind_tags: Vec::new(),
            data: json!({"to": 1}),
        };
        match self.app.store.append(Append::new(self.tenant, vec![draft])).await.unwrap() {
            Outcome::Appended(appended) => appended.last_position(),
            Outcome::Repeated(_) => panic!("nothing was sent twice"),
        }
    }

    /// Lets hours pass.
    pub(crate) fn later(&self, hours: i64) {
        self.later_by(hours * 3_600);
    }

    /// Lets seconds pass.
    pub(crate) fn later_by(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Another process that carries messages of the same database.
    pub(crate) fn another_outbound(&self) -> Arc<Outbound> {
        let (settings, client) = (self.outbound.settings().clone(), Client::new().unwrap());
        let store = self.messages.clone();
        Arc::new(Outbound::new(self.app.clone(), store, settings, client, Arc::new(|_| 0)))
    }

    /// What forgets refusals after N days.
    pub(crate) fn refusal_retention(&self, days: u16) -> RefusalRetention {
        RefusalRetention::new(self.store.clone(), self.app.clock.clone(), days)
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.app.clock)()
    }

    /// Whether these words stand in the files of the log, where nothing personal must be read.
    pub(crate) fn log_contains(&self, words: &str) -> bool {
        self.in_files(words.as_bytes(), |name| !name.contains(".views"))
    }

    /// What handlers work with, with streams read for by these feeds.
    pub(crate) fn app_state(&self, feeds: Feeds) -> AppState {
        let rights = self.app.rights.clone();
        let gate = Gate::new(self.admin.clone(), rights, None, None, self.app.clock.clone());
        AppState::new(AppParts {
            app: self.app.clone(),
            outbound: self.outbound.clone(),
            stop: self.stop.clone(),
            feeds,
            rechecks: Rechecks::new(Arc::new(gate)),
            imports: Arc::default(),
            checkpoint_signer: self.signer.clone(),
            access_log: self.access_log.clone(),
            histories: Histories::default(),
        })
    }

    /// What signs the logs' heads.
    pub(crate) fn signer(&self) -> &CheckpointSigner {
        &self.signer
    }

    /// The key file.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("w.db.keys")
    }

    /// What signs on another node with these keys, which remembers what was signed in a file of its own.
    pub(crate) fn another_signer(&self, keys: &Path) -> CheckpointSigner {
        let place = KeyPlace::from(keys.to_owned());
        let secrets = Secrets::find(&place).unwrap().unwrap();
        let (_, begun) = tokio::sync::mpsc::unbounded_channel();
        let files = SignedFiles { notes: keys.with_extension("notes"), keys: keys.with_extension("pub") };
        let file = Arc::new(KeyFile::new(place, secrets));
        let clock = self.app.clock.clone();
        CheckpointSigner::new(self.store.clone(), file, files, begun, clock)
    }

    /// The service behind its routes.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The same, for anyone who keeps it.
    pub(crate) fn shared_admin(&self) -> Arc<AdminStore> {
        self.admin.clone()
    }

    /// Keys and members.
    pub(crate) fn admin(&self) -> &AdminStore {
        &self.admin
    }

    /// Whether these bytes stand in any file of the database.
    pub(crate) fn files_contain(&self, bytes: &[u8]) -> bool {
        self.in_files(bytes, |_| true)
    }

    fn in_files(&self, bytes: &[u8], of: impl Fn(&str) -> bool) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let files = files.into_iter().filter(|file| of(file.as_ref().unwrap().file_name().to_str().unwrap()));
        let holds = |text: Vec<u8>| text.windows(bytes.len()).any(|window| window == bytes);
        files.into_iter().any(|file| holds(std::fs::read(file.unwrap().path()).unwrap()))
    }

    /// Lets messages leave that are due. Returns how many attempts were made.
    pub(crate) async fn send(&self) -> usize {
        self.catch_up().await;
        self.outbound.look(self.tenant, &self.stop).await.unwrap()
    }

    /// A ticker that has looked at nothing yet.
    pub(crate) fn ticker(&self) -> Ticker {
        Ticker::new(self.app.clone())
    }

    /// Lets a ticker look, after everything was folded.
    pub(crate) async fn look(&self, ticker: &mut Ticker) -> usize {
        self.catch_up().await;
        ticker.look(self.tenant).await.unwrap()
    }

    /// Lets rules do what is due.
    pub(crate) async fn tick(&self) -> usize {
        self.catch_up().await;
        let acted = Ticker::new(self.app.clone()).look(self.tenant).await.unwrap();
        self.catch_up().await;
        acted
    }

    /// Brings customers to the versions in force.
    pub(crate) async fn migrate(&self) {
        self.catch_up().await;
        Migrator::new(self.app.clone()).look(self.tenant).await.unwrap();
        self.catch_up().await;
    }

    /// A service with the pipeline `landian-6`.
    pub(crate) async fn with_pipeline() -> (Self, String) {
        let bench = Self::new().await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        let created =
            bench.post(&admin, "/v1/pipelines", &json!({"key": "landian-6", "template": "landian-6"})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        (bench, admin)
    }

    /// A key of this actor with these roles.
    pub(crate) async fn key(&self, actor: &str, roles: &[Role]) -> String {
        self.key_with(actor, roles, BTreeSet::new()).await
    }

    /// A key with scopes.
    pub(crate) async fn key_with(&self, actor: &str, roles: &[Role], scopes: BTreeSet<Scope>) -> String {
        self.key_of(self.tenant, actor, roles, scopes).await
    }

    /// A key that a process makes which shares nothing with this one but the database.
    pub(crate) async fn key_by_another_process(&self, actor: &str, roles: &[Role]) -> String {
        let (store, clock) = (self.app.store.clone(), self.app.clock.clone());
        let rights =
            Rights::new(store, self.admin.clone(), self.messages.clone(), clock, self.app.ids.clone());
        let mut app = self.app.clone();
        app.rights = Arc::new(rights);
        let new = NewKey {
            actor: actor.to_owned(),
            roles: roles.iter().copied().collect(),
            scopes: BTreeSet::new(),
        };
        made(&app, self.tenant, new).await
    }

    async fn key_of(&self, tenant: TenantId, actor: &str, roles: &[Role], scopes: BTreeSet<Scope>) -> String {
        let new = NewKey { actor: actor.to_owned(), roles: roles.iter().copied().collect(), scopes };
        made(&self.app, tenant, new).await
    }

    /// A key of another tenant.
    pub(crate) async fn key_of_another_tenant(&self, actor: &str, roles: &[Role]) -> String {
        self.key_in("another", actor, roles).await
    }

    /// A key of the tenant of that name, which is made where there is none.
    pub(crate) async fn key_in(&self, tenant: &str, actor: &str, roles: &[Role]) -> String {
        let tenant = self.admin.tenant_or_new(tenant).await.unwrap();
        self.key_of(tenant, actor, roles, BTreeSet::new()).await
    }

    /// Folds everything that happened, in every tenant.
    pub(crate) async fn catch_up(&self) {
        for tenant in self.app.store.tenants().await.unwrap() {
            self.app.projections.catch_up(tenant, |_, _| {}).await.unwrap();
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call { bench: self, request: Request::builder().method(method).uri(path), body: Body::empty() }
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.call(Method::GET, path).key(key).send().await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path).key(key).json(body).send().await
    }

    /// Registers a customer and answers its id.
    pub(crate) async fn register(&self, key: &str, body: &Value) -> String {
        let answer = self.post(key, "/v1/customers", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// The fields of a form, as a browser sends them.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let pair =
            |(name, value): &(&str, &str)| format!("{}={}", percent_encoded(name), percent_encoded(value));
        let pairs: Vec<String> = fields.iter().map(pair).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Body>) -> Self {
        let call = self.header("content-type", content_type);
        Self { body: body.into(), ..call }
    }

    pub(crate) async fn respond(self) -> axum::response::Response {
        let request = self.request.body(self.body).unwrap();
        self.bench.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let (head, body) = self.respond().await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        // Archives and hashes are no text.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(head.headers.contains_key("cache-control"), "whether it may be kept is not said: {text}");
        Answer { status: head.status, headers: head.headers, text }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Insists on a problem document of this status and code, and answers it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["code"], code, "{}", self.text);
        assert_eq!(document["status"], status);
        assert_eq!(document["trace_id"], self.header("trace-id"));
        assert_eq!(document["type"], format!("urn:waymark:problem:{code}"));
        document
    }
}
