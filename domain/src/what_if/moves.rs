//! The recorded moves of a customer, judged by the supposed definition.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::hypothesis::Hypothesis;
use crate::Context;
use crate::customer::Customer;
use crate::customer::event::{CustomerEvent, Recorded, TransitionRequested};
use crate::customer::{MoveContext, NewEvent, reconsider, stage_in_force};
use crate::refusal::Violation;

/// A recorded move that would have been refused.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedMove {
    /// The customer.
    pub customer: Uuid,
    /// Its position in the log.
    pub position: u64,
    /// Its event.
    pub event: Uuid,
    /// The stage left, as recorded; none where the journey began with it.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// Who made it.
    pub actor: String,
    /// The conditions that it would not have met, without those that it did not meet when it was recorded either.
    pub violations: Vec<Violation>,
    /// The first refused move of the customer, where this one is refused only because the customer would have stood elsewhere.
    pub follows: Option<u64>,
}

/// A move, as judging looks at it.
struct Target<'a> {
    version: u32,
    from: Option<&'a str>,
    to: &'a str,
}

/// What is remembered between the moves of a customer.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// How many were judged.
    pub(super) count: usize,
    pub(super) refused: Vec<RefusedMove>,
    /// Whether any stands otherwise than it was recorded.
    pub(super) differs: bool,
    dropped: BTreeSet<Uuid>,
    requests: BTreeMap<Uuid, TransitionRequested>,
}

impl Judged {
    /// Notes what was asked for in a request, which is needed once it is approved.
    pub(super) fn note_request(&mut self, recorded: &Recorded<CustomerEvent>) {
        if let CustomerEvent::TransitionRequested(event) = &recorded.event {
            self.requests.insert(recorded.id, event.untold());
        }
    }

    /// Whether an event corrects what would not have happened.
    pub(super) fn is_of_dropped(&mut self, recorded: &Recorded<CustomerEvent>) -> bool {
        let corrects = match &recorded.event {
            CustomerEvent::MoveVoided(event) => event.corrects,
            CustomerEvent::MoveTargetCorrected(event) => event.corrects,
            CustomerEvent::MoveTimeCorrected(event) => event.corrects,
            _ => return false,
        };
        let dropped = self.dropped.contains(&corrects);
        if dropped {
            self.dropped.insert(recorded.id);
        }
        dropped
    }

    /// Takes a move into the history that is supposed, unless it would have been refused. `actual` is the customer as it stood
    /// when it was recorded, `supposed` as it would have stood.
    pub(super) fn take(
        &mut self,
        (recorded, rest): (&Recorded<CustomerEvent>, &[Recorded<CustomerEvent>]),
        actual: Option<&Customer>,
        supposed: &mut Option<Customer>,
        hypothesis: &Hypothesis,
    ) {
        let Some(target) = target(&recorded.event, &hypothesis.pipeline.key) else {
            return evolve(supposed, recorded);
        };
        self.count += 1;
        let requests = std::mem::take(&mut self.requests);
        let said = said(recorded, rest, &requests);
        let context = context(hypothesis, recorded);
        let to =
            stage_in_force(supposed.as_ref(), target.to, target.version, &hypothesis.pipeline.key, &context);
        let judge = |customer: Option<&Customer>| reconsider(customer, recorded, said, &to, &context);
        let unmet = judge(supposed.as_ref()).map_err(|unmet| {
            let known = before(recorded, target.version, said, actual, hypothesis);
            let is_new =
                |one: &Violation| !known.iter().any(|old| old.code == one.code && old.field == one.field);
            unmet.into_iter().filter(is_new).collect::<Vec<_>>()
        });
        match unmet {
            Err(violations) if !violations.is_empty() => {
                let first = self.refused.first().map(|first| first.position);
                self.dropped.insert(recorded.id);
                self.differs = true;
                self.refused.push(RefusedMove {
                    customer: actual.map_or_else(|| registered(&recorded.event), |customer| customer.id),
                    position: recorded.position,
                    event: recorded.id,
                    from: target.from.map(str::to_owned),
                    to: target.to.to_owned(),
                    effective_at: recorded.effective_at,
                    actor: recorded.actor.clone(),
                    follows: first.filter(|_| judge(actual).is_ok()),
                    violations,
                });
            }
            kept => {
                self.differs |= to != target.to;
                let migration = kept.ok().and_then(|events| events.into_iter().find(is_migration));
                if let Some(NewEvent { event, effective_at }) = migration {
                    self.differs = true;
                    evolve(supposed, &Recorded { event, effective_at, ..recorded.clone() });
                }
                let event = relabelled(&recorded.event, to, hypothesis.pipeline.version);
                evolve(supposed, &Recorded { event, ..recorded.clone() });
            }
        }
        self.requests = requests;
    }
}

fn is_migration(new: &NewEvent) -> bool {
    matches!(new.event, CustomerEvent::StageMigrated(_))
}

/// Folds an event into a customer; the first one makes it.
pub(super) fn evolve(customer: &mut Option<Customer>, recorded: &Recorded<CustomerEvent>) {
    match customer {
        Some(customer) => customer.evolve(recorded),
        None => *customer = Customer::fold([recorded]),
    }
}

fn registered(event: &CustomerEvent) -> Uuid {
    match event {
        CustomerEvent::Registered(event) => event.customer,
        _ => Uuid::nil(),
    }
}

/// Where a move of the pipeline leads; none for any other event.
fn target<'a>(event: &'a CustomerEvent, key: &str) -> Option<Target<'a>> {
    let (journey, version, from, to) = match event {
        CustomerEvent::Registered(event) => (&event.pipeline, event.pipeline_version, None, &event.stage),
        CustomerEvent::Moved(event) => {
            (&event.journey, event.pipeline_version, event.from.as_deref(), &event.to)
        }
        CustomerEvent::Reactivated(event) => {
            (&event.journey, event.pipeline_version, Some(event.from.as_str()), &event.to)
        }
        _ => return None,
    };
    (journey == key).then_some(Target { version, from, to })
}

/// What a move said beside its own event. What it brought along was recorded right after it, at the same instant.
fn said<'a>(
    recorded: &Recorded<CustomerEvent>,
    rest: &'a [Recorded<CustomerEvent>],
    requests: &'a BTreeMap<Uuid, TransitionRequested>,
) -> MoveContext<'a> {
    let asked = match &recorded.event {
        CustomerEvent::Moved(event) => event.approval.and_then(|request| requests.get(&request)),
        CustomerEvent::Registered(_) | CustomerEvent::Reactivated(_) => None,
        _ => return MoveContext::default(),
    };
    let positions = recorded.position + 1..;
    let with_it = |(next, position): &(&Recorded<CustomerEvent>, u64)| {
        let kind = matches!(next.event, CustomerEvent::DetailsChanged(_) | CustomerEvent::DocumentAdded(_));
        kind && next.position == *position && next.recorded_at == recorded.recorded_at
    };
    let brought = rest.iter().zip(positions).take_while(with_it).count();
    MoveContext { asked, brought: &rest[..brought] }
}

/// What the move did not meet of the definition that it was recorded under.
fn before(
    recorded: &Recorded<CustomerEvent>,
    version: u32,
    said: MoveContext<'_>,
    actual: Option<&Customer>,
    hypothesis: &Hypothesis,
) -> Vec<Violation> {
    let Some(pipelines) = hypothesis.then.get(&version) else { return Vec::new() };
    let Some(target) = target(&recorded.event, &hypothesis.pipeline.key) else { return Vec::new() };
    let then = Context { pipelines, versions: None, ..context(hypothesis, recorded) };
    reconsider(actual, recorded, said, target.to, &then).err().unwrap_or_default()
}

fn context<'a>(hypothesis: &'a Hypothesis, recorded: &Recorded<CustomerEvent>) -> Context<'a> {
    Context {
        effective_at: Some(recorded.effective_at),
        versions: Some(&hypothesis.versions),
        ..Context::new(recorded.recorded_at, &hypothesis.judge, &hypothesis.supposed)
    }
}

/// The move under the supposed definition.
fn relabelled(event: &CustomerEvent, to: String, version: u32) -> CustomerEvent {
    let mut event = event.clone();
    match &mut event {
        CustomerEvent::Registered(event) => (event.stage, event.pipeline_version) = (to, version),
        CustomerEvent::Moved(event) => (event.to, event.pipeline_version) = (to, version),
        CustomerEvent::Reactivated(event) => (event.to, event.pipeline_version) = (to, version),
        _ => {}
    }
    event
}
