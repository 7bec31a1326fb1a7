//! The history of one subject, folded: it tells what each of its events replaced, who approved it, and what superseded it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::customer::{CustomerEvent, Journeys, Recorded};
use waymark_domain::tags;
use waymark_eventstore::{Entry, Position, Query};

use super::approval::Approval;
use super::reading::uncovered;
use super::subject::{CompanyFields, CustomerFields, Difference, Fields, FoldedEvent};
use super::told::HistoryEntry;
use crate::app::{App, AppError, Caller, customer_of};

/// How many entries of a history are read at a time.
const ENTRIES_PER_PAGE: u32 = 500;
/// Roughly what is held in memory of an entry that is not shown: a move, or nothing.
const HELD_OF_EACH: usize = 256;

/// What an event is about, as far as its history can be read by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    Customer(Uuid),
    /// Everything that the tenant has set up, pipelines left out.
    Company,
    Pipeline(String),
}

impl Subject {
    pub(super) fn of(document: &Value) -> Self {
        let subject = document["subject"].as_str().unwrap_or_default();
        match (customer_of(subject), subject.strip_prefix("pipeline/")) {
            (Some(customer), _) => Self::Customer(customer),
            (None, Some(key)) => Self::Pipeline(key.to_owned()),
            (None, None) => Self::Company,
        }
    }

    fn query(&self) -> Query {
        match self {
            Self::Customer(customer) => Query::tag(tags::customer(*customer)),
            Self::Pipeline(key) => Query::tag(tags::pipeline(key)),
            Self::Company => Query::tag(tags::COMPANY).or(Query::tag(tags::RIGHTS)),
        }
    }
}

/// Who reads a history, and how far.
pub(super) struct Reading<'a> {
    pub(super) app: &'a App,
    pub(super) caller: &'a Caller,
    /// Where the log ends.
    pub(super) head: Position,
    /// How many bytes of entries it may tell of once they were read: of those before them it must be read again.
    pub(super) most_bytes: usize,
}

/// A history as far as it was read. It goes on from there, because what came before does not change; but for an erasure.
pub(super) struct History {
    /// Up to where the log was read.
    until: Position,
    /// It tells of what comes after this position,
    after: Position,
    /// up to this one.
    up_to: Position,
    customer: CustomerFields,
    company: CompanyFields,
    journeys: Journeys,
    approvals: HashMap<Uuid, Approval>,
    told: BTreeMap<Position, Folded>,
    /// The bytes of the entries that it tells of.
    bytes: usize,
    /// How many entries were read.
    entries: usize,
}

/// An event that was folded.
struct Folded {
    event: Uuid,
    difference: Difference,
    /// The request for approval that it is about.
    request: Option<Uuid>,
    bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        Self::up_to(Position::MAX)
    }
}

impl History {
    fn up_to(up_to: Position) -> Self {
        Self {
            until: 0,
            after: 0,
            up_to,
            customer: CustomerFields::default(),
            company: CompanyFields::default(),
            journeys: Journeys::default(),
            approvals: HashMap::new(),
            told: BTreeMap::new(),
            bytes: 0,
            entries: 0,
        }
    }

    /// Roughly how many bytes of memory it takes.
    pub(super) fn weight(&self) -> usize {
        self.bytes + self.entries * HELD_OF_EACH
    }

    /// What it tells of the events at these positions. It is read to the end of the log for that: what came later may have approved
    /// or corrected what is asked for.
    ///
    /// # Errors
    /// When the log or a key cannot be read; what was read of it until then is kept.
    pub(super) async fn tell(
        &mut self,
        reading: &Reading<'_>,
        subject: &Subject,
        wanted: &[Position],
    ) -> Result<Vec<(Position, HistoryEntry)>, AppError> {
        let last = wanted.iter().max().copied().unwrap_or_default();
        if last > self.up_to {
            *self = Self::default();
        } else if wanted.iter().any(|position| *position <= self.after) {
            *self = Self::up_to(last);
        }
        // More than it may tell of at a time.
        let mut passed = HashMap::new();
        let (app, caller, query) = (reading.app, reading.caller, subject.query());
        while self.until < reading.head {
            let entries =
                app.store.read_matching(caller.tenant, &query, self.until, reading.head, ENTRIES_PER_PAGE);
            let entries = entries.await?;
            let documents = app.opened_documents(caller, &entries).await?;
            for (entry, document) in entries.iter().zip(documents) {
                self.fold(entry, document, subject);
                self.until = entry.position;
                while self.bytes > reading.most_bytes
                    && let Some((position, oldest)) = self.told.pop_first()
                {
                    self.bytes -= oldest.bytes;
                    self.after = position;
                    passed.extend(wanted.contains(&position).then_some((position, oldest)));
                }
            }
            if entries.len() < ENTRIES_PER_PAGE as usize {
                self.until = reading.head;
            }
        }
        let told = wanted.iter().filter_map(|position| {
            let folded = self.told.get(position).or_else(|| passed.get(position))?;
            Some((*position, self.entry_of(folded)))
        });
        Ok(told.collect())
    }

    fn fold(&mut self, entry: &Entry, mut document: Value, subject: &Subject) {
        count_folded();
        self.entries += 1;
        let Ok(envelope) = entry.envelope() else { return };
        if let Ok(Some(event)) =
            CustomerEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
        {
            self.journeys.apply(&Recorded {
                position: entry.position,
                id: envelope.id,
                effective_at: envelope.effective_at,
                recorded_at: entry.recorded_at,
                actor: envelope.actor.clone().into_owned(),
                origin: None,
                event,
            });
        }
        uncovered(&mut document["data"]);
        let nothing = Fields::new();
        let data = document["data"].as_object().unwrap_or(&nothing);
        let event_type = &*envelope.event_type;
        let said = FoldedEvent { id: envelope.id, event_type, time: &document["time"], data };
        let difference = match subject {
            Subject::Customer(_) => self.customer.apply(&said),
            Subject::Company | Subject::Pipeline(_) => self.company.apply(&said),
        };
        let request = self.approve(&said, &envelope.actor, entry).or_else(|| {
            // What was proposed is caused by the proposal.
            envelope.causation_id.filter(|cause| self.approvals.contains_key(cause))
        });
        if entry.position <= self.up_to {
            let bytes = entry.bytes.len();
            self.bytes += bytes;
            self.told.insert(entry.position, Folded { event: envelope.id, difference, request, bytes });
        }
    }

    /// Notes what an event says of a request for approval. Returns the request that it is about.
    fn approve(&mut self, said: &FoldedEvent<'_>, actor: &str, entry: &Entry) -> Option<Uuid> {
        let named = |field: &str| Uuid::try_parse(said.data.get(field)?.as_str()?).ok();
        let decision = match said.event_type {
            "customer.transition_requested" => {
                let request = Approval::requested(said.id, actor, entry.recorded_at);
                self.approvals.insert(said.id, request);
                return Some(said.id);
            }
            "customer.proposed" => {
                let proposal = Approval::requested(said.id, actor, entry.recorded_at).proposed(said.data);
                self.approvals.insert(said.id, proposal);
                return Some(said.id);
            }
            "customer.proposal_settled" => said.data.get("outcome")?.as_str()?,
            "customer.transition_approved" => "approved",
            "customer.transition_rejected" => "rejected",
            "customer.transition_withdrawn" => "withdrawn",
            "customer.transition_expired" => "expired",
            _ => return named("approval"),
        };
        let request = named("request")?;
        let note = said.data.get("note").and_then(Value::as_str).map(str::to_owned);
        if let Some(approval) = self.approvals.get_mut(&request) {
            approval.decide(decision, actor, entry.recorded_at, note);
        }
        Some(request)
    }

    fn entry_of(&self, folded: &Folded) -> HistoryEntry {
        let approval = folded.request.and_then(|request| self.approvals.get(&request));
        HistoryEntry {
            difference: folded.difference.clone(),
            approvals: approval.cloned().into_iter().collect(),
            superseded_by: self.journeys.superseded_by(folded.event),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How many entries were folded on this thread, so that a test can hold how the work grows.
    pub(super) static FOLDED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn count_folded() {
    FOLDED.with(|folded| folded.set(folded.get() + 1));
}

#[cfg(not(test))]
fn count_folded() {}
