//! Who read what: each answer that tells of customers, of the log or of its proofs, as an entry of a log of its own.
//!
//! The access log of a tenant is a log like the tenant's own, in the same database: entries, tags, a Merkle tree, signed
//! checkpoints, all made by the same code ([`TenantId::access_log`]). Entries hold ids and no personal data.
//!
//! An answer is given once its entry is queued; the queue is written every [`COALESCE`], in one commit a tenant, together with
//! the commands that are waiting then. A full queue makes readers wait: nothing is left out. A crash of the process loses what
//! was read in the last moments before it.

mod answer;
pub(crate) mod search;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waymark_domain::tags;
use waymark_eventstore::ledger::LedgerStore;
use waymark_eventstore::{Append, Draft, StoreError, TenantId};

use crate::ambient::IdGenerator;
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::access::only_asks;
use crate::auth::admit::PresentedCredential;
use crate::eventstore::Clock;
use crate::http::query::percent_decoded;
use crate::http::trace::TraceId;

/// The type of its entries.
pub(crate) const READ: &str = "access.read";
/// The tag of an entry that names more customers than it has tags for.
const OF_MANY: &str = "customers:many";
/// How many customers an entry is found by directly; one that names more is found by [`OF_MANY`] and looked into.
const MOST_TAGS: usize = 24;
/// How many customers an entry lists: with the rest of it they fit into an entry of the log.
const MOST_LISTED: usize = 1_000;
/// How many answers wait at most.
const QUEUE: usize = 4_096;
/// How many are written at once.
const BATCH: usize = 500;
/// How long entries gather before they are written.
const COALESCE: Duration = Duration::from_millis(200);
/// How long to wait before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The longest path or parameter that is kept, in characters.
const LONGEST: usize = 500;

/// The parameters whose values are kept: none of them is a person's name, number or address.
const KEPT: &[&str] = &[
    "actor",
    "after",
    "channel",
    "compare_from",
    "compare_to",
    "currency",
    "customer",
    "effective_at",
    "event_id",
    "format",
    "from",
    "group_by",
    "index",
    "kind",
    "known_at",
    "known_position",
    "limit",
    "list",
    "origin",
    "owner",
    "pipeline",
    "position",
    "recorded_from",
    "recorded_to",
    "region",
    "rep",
    "rule",
    "size",
    "sort",
    "source",
    "stage",
    "status",
    "tag",
    "team",
    "tier",
    "to",
    "type",
    "unread",
    "until",
    "version",
    "via",
    "view",
];

/// What kind of thing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccessKind {
    /// Customers, who are named.
    Customers,
    /// Events of the log.
    Events,
    /// A file of everything that its parameters choose.
    Export,
    /// What auditors read: changes, proofs, this log.
    Audit,
}

/// What was read, as an entry has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ReadRecord {
    /// What kind of thing.
    pub(crate) kind: AccessKind,
    /// The route, as the description of the service names it.
    #[schema(example = "/v1/customers/{id}/timeline")]
    pub(crate) route: String,
    /// The path.
    #[schema(example = "/v1/customers/0190b2a4-0000-7000-8000-000000000000/timeline")]
    pub(crate) path: String,
    /// The query parameters; the value is left out (null) where it may be a person's name, number or address.
    pub(crate) parameters: BTreeMap<String, Option<String>>,
    /// The customers that the answer named; of more than 1,000 each thousand has an entry of its own.
    pub(crate) customers: Vec<Uuid>,
    /// The credential that was shown.
    #[schema(example = "key:0190b2a4-0000-7000-8000-000000000000")]
    pub(crate) key_id: Option<String>,
}

/// The log of who read what.
pub(crate) struct AccessLog {
    store: Arc<dyn LedgerStore>,
    clock: Clock,
    ids: IdGenerator,
    queue: Sender<Queued>,
    queued: Mutex<Receiver<Queued>>,
}

enum Queued {
    Read(TenantId, Vec<Draft>),
    /// Answered once everything queued before is written.
    Flush(oneshot::Sender<()>),
}

/// Beside an answer to somebody who waits for events, when none came: it tells of nothing, and comes again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NothingTold;

/// What is known of a request before it is handled.
pub(crate) struct Reader {
    caller: Caller,
    key_id: Option<String>,
    request_id: Option<Uuid>,
    route: MatchedPath,
    uri: Uri,
}

impl Reader {
    /// Who reads, if the request is a question that somebody was let in with.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>()?.clone();
        let asks = *request.method() != Method::HEAD && only_asks(request.method(), route.as_str());
        let Authority(caller) = extensions.get::<Authority>().filter(|_| asks)?;
        Some(Self {
            caller: caller.clone(),
            key_id: extensions.get::<PresentedCredential>().map(|shown| shown.name.clone()),
            request_id: extensions.get::<TraceId>().map(TraceId::as_uuid),
            route,
            uri: request.uri().clone(),
        })
    }
}

impl AccessLog {
    pub(crate) fn new(store: Arc<dyn LedgerStore>, clock: Clock, ids: IdGenerator) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        Self { store, clock, ids, queue, queued: Mutex::new(queued) }
    }

    /// Records what an answer tells the reader, and hands the answer on.
    pub(crate) async fn record(&self, reader: Reader, response: Response) -> Response {
        if response.status() != StatusCode::OK || response.extensions().get::<NothingTold>().is_some() {
            return response;
        }
        let (response, named) = match answer::named_in(&reader.route, response).await {
            Ok(answer) => answer,
            Err(response) => return response,
        };
        let Some((kind, customers)) = self.told(&reader, named) else { return response };
        let log = reader.caller.tenant.access_log();
        let queued = self.queue.send(Queued::Read(log, self.drafts(&reader, kind, &customers))).await;
        if let Err(mpsc::error::SendError(Queued::Read(log, drafts))) = queued {
            // The service is ending, and nobody writes the queue any more.
            let ended = CancellationToken::new();
            ended.cancel();
            self.append(log, drafts, &ended).await;
        }
        response
    }

    /// What kind of thing was told, and of whom; none where nobody and nothing of the log was.
    fn told(&self, reader: &Reader, mut customers: Vec<Uuid>) -> Option<(AccessKind, Vec<Uuid>)> {
        let route = reader.route.as_str();
        if route.starts_with("/v1/customers/{id}") {
            let id = reader.uri.path().split('/').nth(3).unwrap_or_default();
            customers.extend(Uuid::try_parse(id));
        }
        customers.sort_unstable();
        customers.dedup();
        let kind = match route {
            "/v1/events" | "/v1/consumers/{name}/events" => AccessKind::Events,
            "/v1/exports/{kind}" => AccessKind::Export,
            audit if audit.starts_with("/v1/audit/") => AccessKind::Audit,
            _ if customers.is_empty() => return None,
            _ => AccessKind::Customers,
        };
        Some((kind, customers))
    }

    fn drafts(&self, reader: &Reader, kind: AccessKind, customers: &[Uuid]) -> Vec<Draft> {
        if customers.is_empty() {
            return vec![self.draft(reader, kind, &[])];
        }
        customers.chunks(MOST_LISTED).map(|customers| self.draft(reader, kind, customers)).collect()
    }

    fn draft(&self, reader: &Reader, kind: AccessKind, customers: &[Uuid]) -> Draft {
        let Reader { caller, key_id, request_id, route, uri } = reader;
        let mut found_by: Vec<String> =
            customers.iter().take(MOST_TAGS).map(|id| tags::customer(*id)).collect();
        if customers.len() > MOST_TAGS {
            found_by.push(OF_MANY.to_owned());
        }
        let record = ReadRecord {
            kind,
            route: route.as_str().to_owned(),
            path: shortened(uri.path()),
            parameters: parameters(uri.query().unwrap_or_default()),
            customers: customers.to_vec(),
            key_id: key_id.clone(),
        };
        Draft {
            id: (self.ids)(),
            event_type: Cow::Borrowed(READ),
            type_version: 1,
            subject: format!("access/{}", kind.name()),
            effective_at: (self.clock)(),
            actor: caller.actor.name.clone(),
            via: caller.via.clone(),
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: *request_id,
            tags: found_by,
            blind_tags: Vec::new(),
            data: serde_json::to_value(record).unwrap_or_default(),
        }
    }

    /// Waits until everything that was read before is written.
    pub(crate) async fn flush(&self) {
        let (written, is_written) = oneshot::channel();
        if self.queue.send(Queued::Flush(written)).await.is_ok() {
            is_written.await.ok();
        }
    }

    /// Writes what is queued until the token is cancelled, and then what is left.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let mut queued = self.queued.lock().await;
        let mut batch = Vec::with_capacity(BATCH);
        while stop.run_until_cancelled(queued.recv_many(&mut batch, BATCH)).await.is_some() {
            let deadline = Instant::now() + COALESCE;
            while batch.len() < BATCH && !batch.iter().any(Queued::is_urgent) {
                let more = timeout_at(deadline, queued.recv_many(&mut batch, BATCH));
                if !matches!(stop.run_until_cancelled(more).await, Some(Ok(_))) {
                    break;
                }
            }
            self.write(&mut batch, &stop).await;
        }
        queued.close();
        while queued.recv_many(&mut batch, BATCH).await > 0 {
            self.write(&mut batch, &stop).await;
        }
    }

    async fn write(&self, batch: &mut Vec<Queued>, stop: &CancellationToken) {
        let mut logs: BTreeMap<TenantId, Vec<Draft>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for one in batch.drain(..) {
            match one {
                Queued::Read(log, drafts) => logs.entry(log).or_default().extend(drafts),
                Queued::Flush(written) => waiting.push(written),
            }
        }
        for (log, drafts) in logs {
            self.append(log, drafts, stop).await;
        }
        for written in waiting {
            written.send(()).ok();
        }
    }

    /// Appends, as often as it takes while the service runs.
    async fn append(&self, log: TenantId, drafts: Vec<Draft>, stop: &CancellationToken) {
        let (count, first) = (drafts.len() as u64, drafts.first().map(|draft| draft.id));
        loop {
            let Err(error) = self.store.append(Append::new(log, drafts.clone())).await else {
                return metrics::counter!("waymark_access_entries_total").increment(count);
            };
            if stop.is_cancelled() || matches!(error, StoreError::Poisoned(_)) {
                return tracing::error!(%error, %log, count, "who read what could not be recorded");
            }
            tracing::error!(%error, %log, count, "who read what is not recorded yet; it is tried again");
            stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
            // It may be there although the answer was lost.
            if let Some(first) = first
                && matches!(self.store.position_of(log, first).await, Ok(Some(_)))
            {
                return;
            }
        }
    }
}

impl Queued {
    fn is_urgent(&self) -> bool {
        matches!(self, Self::Flush(_))
    }
}

impl AccessKind {
    fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Events => "events",
            Self::Export => "export",
            Self::Audit => "audit",
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The parameters of a query, with the values that may be kept.
fn parameters(query: &str) -> BTreeMap<String, Option<String>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let kept = |name: &str, value: &str| {
        let value = KEPT.contains(&name).then(|| percent_decoded(value)).flatten();
        value.as_deref().map(shortened)
    };
    pairs.map(|(name, value)| (shortened(name), kept(name, value))).collect()
}
