//! Reads the histories that tell what a page of changes replaced, who approved them, and what superseded them.

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

/// What an event is about, as far as its history can be read by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Customer(Uuid),
    /// Everything that the tenant has set up, pipelines left out.
    Company,
    Pipeline(String),
}

impl Subject {
    fn of(document: &Value) -> Self {
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

/// What the histories tell of these entries, one for each.
///
/// # Errors
/// When the log or a key cannot be read.
pub(super) async fn histories(
    app: &App,
    caller: &Caller,
    found: &[(Entry, Value)],
) -> Result<Vec<HistoryEntry>, AppError> {
    let mut wanted: BTreeMap<Subject, Vec<Position>> = BTreeMap::new();
    for (entry, document) in found {
        wanted.entry(Subject::of(document)).or_default().push(entry.position);
    }
    let mut told: HashMap<Position, HistoryEntry> = HashMap::new();
    for (subject, positions) in wanted {
        let mut history = History::of(&positions);
        history.read(app, caller, &subject).await?;
        told.extend(history.told());
    }
    Ok(found.iter().map(|(entry, _)| told.remove(&entry.position).unwrap_or_default()).collect())
}

/// One history, being folded for some of its events.
struct History<'a> {
    wanted: &'a [Position],
    customer: CustomerFields,
    company: CompanyFields,
    journeys: Journeys,
    approvals: HashMap<Uuid, Approval>,
    /// Of those wanted: the event, what it changed, and the request that it is about.
    folded: Vec<(Position, Uuid, Difference, Option<Uuid>)>,
}

impl<'a> History<'a> {
    fn of(wanted: &'a [Position]) -> Self {
        Self {
            wanted,
            customer: CustomerFields::default(),
            company: CompanyFields::default(),
            journeys: Journeys::default(),
            approvals: HashMap::new(),
            folded: Vec::new(),
        }
    }

    /// Reads it to its end: what came later may have approved or corrected what is asked for.
    async fn read(&mut self, app: &App, caller: &Caller, subject: &Subject) -> Result<(), AppError> {
        let (query, mut after) = (subject.query(), 0);
        loop {
            let entries = app
                .store
                .read_matching(caller.tenant, &query, after, Position::MAX, ENTRIES_PER_PAGE)
                .await?;
            let Some(last) = entries.last() else { return Ok(()) };
            after = last.position;
            let documents = app.opened_documents(caller, &entries).await?;
            for (entry, document) in entries.iter().zip(documents) {
                self.fold(entry, document, subject);
            }
            if entries.len() < ENTRIES_PER_PAGE as usize {
                return Ok(());
            }
        }
    }

    fn fold(&mut self, entry: &Entry, mut document: Value, subject: &Subject) {
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
        if self.wanted.contains(&entry.position) {
            self.folded.push((entry.position, envelope.id, difference, request));
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

    fn told(self) -> impl Iterator<Item = (Position, HistoryEntry)> {
        let Self { journeys, approvals, folded, .. } = self;
        folded.into_iter().map(move |(position, event, difference, request)| {
            let approvals =
                request.and_then(|request| approvals.get(&request)).cloned().into_iter().collect();
            (position, HistoryEntry { difference, approvals, superseded_by: journeys.superseded_by(event) })
        })
    }
}
