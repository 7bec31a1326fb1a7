//! Finds changes, the newest first.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;
use waymark_domain::{Language, tags};
use waymark_eventstore::ledger::{Hash, leaf_hash};
use waymark_eventstore::{Entry, Envelope, Position, Query, QueryItem, TenantId};

use super::change::Change;
use super::kept::Histories;
use super::origin::OriginKind;
use super::reading::{rule_of, uncovered};
use crate::app::{ADDRESS, App, AppError, Caller};

/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u64 = 1_000;
/// How many entries are looked at for one page of an answer.
const MOST_READ: usize = 50_000;
/// How many of them are opened in order to look into them.
const MOST_OPENED: usize = 5_000;

/// Which changes. What is absent chooses nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Who did it. A rep is meant by either form of the name.
    pub(crate) actor: Option<String>,
    /// The credential that acted for somebody else.
    pub(crate) via: Option<String>,
    /// Any of these types.
    pub(crate) types: Vec<String>,
    /// About this customer.
    pub(crate) customer: Option<Uuid>,
    /// Made or set off by this rule.
    pub(crate) rule: Option<String>,
    /// Where it came from.
    pub(crate) origin: Option<OriginKind>,
    /// From this network address, or host.
    pub(crate) address: Option<String>,
    /// It happened at this instant or later
    pub(crate) from: Option<DateTime<Utc>>,
    /// and before this one.
    pub(crate) to: Option<DateTime<Utc>>,
    /// It was recorded at this instant or later
    pub(crate) recorded_from: Option<DateTime<Utc>>,
    /// and before this one.
    pub(crate) recorded_to: Option<DateTime<Utc>>,
    /// A text in it, whatever the case, as far as the caller reads it.
    pub(crate) text: Option<String>,
    /// In which language the changes say what rules said.
    pub(crate) language: Language,
}

/// A page of what was found.
pub(crate) struct FindingPage {
    /// The changes, the newest first.
    pub(crate) findings: Vec<Finding>,
    /// Below which position to look on; none where everything was looked at.
    pub(crate) next: Option<Position>,
}

/// A change, and what tells it.
pub(crate) struct Finding {
    pub(crate) change: Change,
    /// The CloudEvents document, as the caller reads it.
    pub(crate) document: Value,
    /// The hash of the entry as a leaf of the log's tree.
    pub(crate) leaf: Hash,
}

/// Looks for changes below a position (from the end of the log without one) until the page is full, everything was looked at,
/// or enough for one request.
///
/// # Errors
/// When the log or a key cannot be read.
pub(crate) async fn page(
    app: &App,
    histories: &Histories,
    caller: &Caller,
    search: &Search,
    below: Option<Position>,
    limit: usize,
) -> Result<FindingPage, AppError> {
    let mut scan = Scan::new(app, caller.tenant, search, below).await?;
    let mut found: Vec<(Entry, Value)> = Vec::new();
    let mut viewer = app.viewer(caller).await?;
    while found.len() < limit && !scan.is_done() {
        let mut entries = scan.next().await?;
        entries.retain(|entry| entry.envelope().is_ok_and(|envelope| search.wants(&envelope)));
        // Enough to fill the page: what is not opened now is found again by the next one.
        if !search.looks_into() && entries.len() > limit - found.len() {
            entries.truncate(limit - found.len());
            scan.below = entries.last().map_or(scan.below, |entry| entry.position);
        }
        scan.opened += entries.len();
        let mut documents = app.opened_documents(caller, &entries).await?;
        app.show_endpoints(caller, &entries, &mut documents).await?;
        for (entry, document) in entries.into_iter().zip(documents) {
            let position = entry.position;
            let Some(mut document) = viewer.shown(document).await? else { continue };
            if search.address.as_deref().is_some_and(|address| document[ADDRESS].as_str() != Some(address)) {
                continue;
            }
            if !search.text.as_deref().is_none_or(|text| contains(&document, text)) {
                continue;
            }
            uncovered(&mut document["data"]);
            found.push((entry, document));
            if found.len() == limit {
                scan.below = position;
                break;
            }
        }
    }
    let next = (!scan.is_exhausted()).then_some(scan.below);
    let told = histories.tell(app, caller, &found).await?;
    let findings = found.into_iter().zip(told).filter_map(|((entry, document), told)| {
        let change = Change::of(&entry, &document, told, search.language)?;
        Some(Finding { change, document, leaf: leaf_hash(&entry.bytes) })
    });
    Ok(FindingPage { findings: findings.collect(), next })
}

impl Search {
    /// What of it the indexes of the log find.
    fn query(&self) -> Query {
        let tags = self.customer.map(tags::customer).into_iter().collect();
        Query { items: vec![QueryItem { types: self.types.clone(), tags }] }
    }

    /// Whether it takes a look into what is sealed.
    fn looks_into(&self) -> bool {
        self.text.is_some() || self.address.is_some()
    }

    /// Whether an entry is one of those, by its attributes.
    fn wants(&self, envelope: &Envelope<'_>) -> bool {
        self.actor.as_deref().is_none_or(|actor| same_person(actor, &envelope.actor))
            && self.via.as_deref().is_none_or(|via| envelope.via.as_deref() == Some(via))
            && (self.address.is_none() || envelope.endpoint.is_some())
            && self.origin.is_none_or(|origin| OriginKind::of(envelope) == origin)
            && self.from.is_none_or(|from| envelope.effective_at >= from)
            && self.to.is_none_or(|to| envelope.effective_at < to)
            && self.rule.as_deref().is_none_or(|rule| is_by_rule(envelope, rule))
    }
}

/// Whether two names are of one person: a rep has one with the role before it, and one without.
pub(crate) fn same_person(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.strip_prefix("rep:").unwrap_or(name).to_owned();
    one == other || plain(one) == plain(other)
}

/// Whether a rule did it, or it says that a rule set it off.
fn is_by_rule(envelope: &Envelope<'_>, rule: &str) -> bool {
    envelope.actor.strip_prefix("system:") == Some(rule) || rule_of(envelope.data).as_deref() == Some(rule)
}

/// Whether a text stands in a document as its reader sees it, whatever the case.
fn contains(document: &Value, text: &str) -> bool {
    match document {
        Value::String(found) => found.to_lowercase().contains(text),
        Value::Array(values) => values.iter().any(|value| contains(value, text)),
        Value::Object(members) => members.values().any(|value| contains(value, text)),
        Value::Number(number) => number.to_string() == text,
        Value::Null | Value::Bool(_) => false,
    }
}

/// A walk back over the log.
struct Scan<'a> {
    app: &'a App,
    tenant: TenantId,
    query: Query,
    /// Everything at or below is of no interest.
    floor: Position,
    /// What is not looked at yet lies below.
    below: Position,
    /// How many positions are looked at next.
    width: u64,
    read: usize,
    opened: usize,
}

impl<'a> Scan<'a> {
    async fn new(
        app: &'a App,
        tenant: TenantId,
        search: &Search,
        below: Option<Position>,
    ) -> Result<Self, AppError> {
        // The last position recorded before an instant.
        let before = async |instant: DateTime<Utc>| {
            app.store.position_at(tenant, instant - TimeDelta::microseconds(1)).await
        };
        let mut end = app.store.head(tenant).await?.position;
        if let Some(to) = search.recorded_to {
            end = end.min(before(to).await?);
        }
        let floor = match search.recorded_from {
            Some(from) => before(from).await?,
            None => 0,
        };
        let below = below.map_or(end + 1, |below| below.min(end + 1)).max(1);
        Ok(Self {
            app,
            tenant,
            query: search.query(),
            floor,
            below,
            width: ENTRIES_PER_PAGE,
            read: 0,
            opened: 0,
        })
    }

    fn is_exhausted(&self) -> bool {
        self.below <= self.floor + 1
    }

    /// Whether everything was looked at, or enough for one request.
    fn is_done(&self) -> bool {
        self.is_exhausted() || self.read >= MOST_READ || self.opened >= MOST_OPENED
    }

    /// The entries in front of those before, the newest first. The stretch that is looked at grows where little is found in it.
    async fn next(&mut self) -> Result<Vec<Entry>, AppError> {
        let until = self.below - 1;
        loop {
            let after = until.saturating_sub(self.width).max(self.floor);
            let limit = ENTRIES_PER_PAGE as u32 + 1;
            let read = self.app.store.read_matching(self.tenant, &self.query, after, until, limit);
            let mut entries = read.await?;
            self.read += entries.len().max(1);
            if entries.len() as u64 > ENTRIES_PER_PAGE {
                // A stretch of a page's length cannot hold more than a page.
                self.width = (self.width / 4).max(ENTRIES_PER_PAGE);
                continue;
            }
            if (entries.len() as u64) < ENTRIES_PER_PAGE / 4 {
                self.width = self.width.saturating_mul(2);
            }
            entries.reverse();
            self.below = after + 1;
            return Ok(entries);
        }
    }
}
