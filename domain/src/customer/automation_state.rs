//! What the clocks of rules look at, what rules have done, and what must be done: a fold beside the timelines.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::event::{
    ClaimHistory, CustomerEvent, DetailsChanged, HeldBy, Occasion, Profile, Recorded, TaskCreated,
};
use super::timeline::Journeys;
use super::valid_times::Admitted;
use crate::Owner;
use crate::pipeline::automation::Activity;
use crate::pool::rules::{OVERTAKEN, RECLAIM};

/// How many signals of one kind are kept for rules that have not acted on them yet.
const SIGNALS_KEPT: usize = 8;
/// The signals that details are as good as.
const RENEWED: &str = "renewed";
const SATISFACTION: &str = "satisfaction";
/// The channels by which somebody is really spoken to.
const REAL_CHANNELS: &[&str] = &["phone", "wechat", "visit", "email", "meeting"];

/// What rules need to know of a customer.
#[derive(Debug, Clone, Default)]
pub struct AutomationState {
    /// The tasks, done and cancelled ones too, by the ids of the events that created them.
    pub tasks: BTreeMap<Uuid, Task>,
    /// How the customer came to its owner.
    pub owned: Option<Ownership>,
    /// The claims, in order.
    pub claims: Vec<Claim>,
    /// When a rep last got it from a pool, by a claim or by intake: from then on the first contact is due.
    pub taken_over: Option<Claim>,
    /// Who lost or released the customer, in order.
    pub losses: Vec<OwnershipLoss>,
    /// Who had claimed and lost the customers that it absorbed.
    absorbed_history: ClaimHistory,
    /// The conversations of the claimant since the last claim.
    pub contacts: Vec<Conversation>,
    /// The signals that rules may act on, in order.
    pub signals: Vec<SignalOccurrence>,
    acted: BTreeSet<(Uuid, String)>,
    chains: BTreeMap<Uuid, Vec<String>>,
    running: Option<(String, Vec<String>)>,
    records: BTreeMap<Uuid, MoveProvenance>,
    last: BTreeMap<Activity, [Option<Occurrence>; 2]>,
    dates: BTreeMap<&'static str, (NaiveDate, Occurrence)>,
    facts_changed_at: Option<DateTime<Utc>>,
    sub_status_set: BTreeMap<String, Occurrence>,
    planned: Option<(DateTime<Utc>, Occurrence)>,
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// As it was created.
    pub created: TaskCreated,
    /// Until when: as it was created, or as the time of the move that set it off was corrected since.
    pub due_at: DateTime<Utc>,
    /// The outcome.
    pub state: TaskState,
}

/// The outcome of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It waits.
    Open,
    /// It is done.
    Done,
    /// Its cause was void.
    Cancelled,
}

/// Something that happened, as clocks look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When.
    pub effective_at: DateTime<Utc>,
    /// When we learned it.
    pub recorded_at: DateTime<Utc>,
    /// The event.
    pub event: Uuid,
    /// Its place in the log: of two that happened at one instant the later one counts.
    pub position: u64,
}

/// How a move was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveProvenance {
    /// When it was first said to have happened, whatever was corrected since.
    pub effective_at: DateTime<Utc>,
    /// When we learned it.
    pub recorded_at: DateTime<Utc>,
    /// Whether it was read in from a file of past changes.
    pub imported: bool,
    /// Whether a rule made it.
    pub by_rule: bool,
}

/// How a customer came to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The event that gave it.
    pub by: Occurrence,
    /// Whether another rep had it before.
    pub handed_over: bool,
}

/// A claim that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who claimed.
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// The event.
    pub event: Uuid,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

/// A rep whose customer went to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipLoss {
    /// Who had it.
    pub rep: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A conversation of the claimant, by a channel through which people speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversation {
    /// The follow-up.
    pub event: Uuid,
    /// When it took place.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// A signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalOccurrence {
    /// Its kind.
    pub kind: String,
    /// The automations whose particulars it has.
    pub meets: Vec<String>,
    /// When it happened.
    pub at: Occurrence,
}

impl AutomationState {
    /// Folds the next event in, while the customer still belongs to `owner`. Dates and plans are those of what holds of it.
    pub(super) fn evolve(
        &mut self,
        owner: &Owner,
        recorded: &Recorded<CustomerEvent>,
        admitted: &Admitted<'_>,
    ) {
        let at = Occurrence {
            effective_at: recorded.effective_at,
            recorded_at: recorded.recorded_at,
            event: recorded.id,
            position: recorded.position,
        };
        let by_rule = recorded.origin.as_deref() == Some("rule");
        let follows = by_rule && self.running.as_ref().is_some_and(|(actor, _)| *actor == recorded.actor);
        if !follows {
            self.running = None;
        }
        self.observe(recorded, admitted, at);
        self.set_dates(recorded, admitted, at);
        self.apply(owner, recorded, at, by_rule);
        self.record_move(recorded, at, by_rule);
        match &recorded.event {
            CustomerEvent::AutomationRan(event) => {
                self.acted.insert((event.cause, event.rule.clone()));
                let chain = [event.chain.clone(), vec![event.rule.clone()]].concat();
                self.running = Some((recorded.actor.clone(), chain));
            }
            CustomerEvent::AutomationSkipped(event) => {
                self.acted.insert((event.cause, event.rule.clone()));
            }
            CustomerEvent::ReclaimSkipped(event) => {
                // What was forestalled once is due again later, for the same cause.
                let rule = event.rule.replacen(RECLAIM, OVERTAKEN, 1);
                self.acted.insert((event.because, rule));
            }
            CustomerEvent::TaskCreated(event) => {
                let (created, due_at) = (event.clone(), event.due_at);
                self.tasks.insert(recorded.id, Task { created, due_at, state: TaskState::Open });
            }
            CustomerEvent::TaskCompleted(event) => self.settle(event.task, TaskState::Done),
            CustomerEvent::TaskCancelled(event) => self.settle(event.task, TaskState::Cancelled),
            _ => {}
        }
    }

    /// What details say that rules may wait for as a signal: that the customer has renewed, where its contract ends later than
    /// before, and how satisfied it is.
    fn observe(&mut self, recorded: &Recorded<CustomerEvent>, admitted: &Admitted<'_>, at: Occurrence) {
        let told = matches!(recorded.event, CustomerEvent::DetailsChanged(_));
        let imported = recorded.origin.as_deref() == Some("import");
        let details = admitted.details.as_ref().filter(|_| told && !imported);
        let Some(profile) = details.and_then(|details| details.profile.as_ref()) else { return };
        let ends_on = profile.contract.and_then(|contract| contract.ends_on);
        let ended_on = self.dates.get("contract_end").map(|(date, _)| *date);
        let renewed = ends_on.zip(ended_on).is_some_and(|(new, old)| new > old);
        for kind in renewed.then_some(RENEWED).into_iter().chain(profile.satisfaction.map(|_| SATISFACTION)) {
            self.note_activity(Activity::Signal(kind.to_owned()), at);
            self.record_signal(SignalOccurrence { kind: kind.to_owned(), meets: Vec::new(), at });
        }
    }

    fn set_dates(&mut self, recorded: &Recorded<CustomerEvent>, admitted: &Admitted<'_>, at: Occurrence) {
        let profile = match &recorded.event {
            CustomerEvent::Registered(event) => event.profile.as_ref(),
            _ => admitted.details.as_ref().and_then(|details| details.profile.as_ref()),
        };
        self.apply_dates(profile, at);
        let planned = match &recorded.event {
            CustomerEvent::NextContactSet(event) => Some(event.at),
            CustomerEvent::FollowedUp(event) => Some(event.next_plan.at),
            CustomerEvent::Absorbed(event) => event.next_plan.as_ref().map(|plan| plan.at),
            _ => None,
        };
        if let Some(planned) = planned.filter(|_| admitted.plan) {
            self.planned = Some((planned, at));
        }
    }

    /// When the moves happened that set off the tasks which are open.
    pub(super) fn causes_of_tasks(&self, journeys: &Journeys) -> BTreeMap<Uuid, DateTime<Utc>> {
        let open = self.tasks.values().filter(|task| task.state == TaskState::Open);
        let causes: BTreeSet<(&str, Uuid)> =
            open.map(|task| (task.created.journey.as_str(), task.created.cause)).collect();
        let of = |(journey, cause)| journeys.moves(journey).into_iter().find(|made| made.event == cause);
        causes.into_iter().filter_map(of).map(|made| (made.event, made.effective_at)).collect()
    }

    /// Puts off or brings forward the open tasks of moves that turn out to have happened at another time.
    pub(super) fn retime_tasks(&mut self, before: &BTreeMap<Uuid, DateTime<Utc>>, journeys: &Journeys) {
        let after = self.causes_of_tasks(journeys);
        for task in self.tasks.values_mut().filter(|task| task.state == TaskState::Open) {
            let cause = task.created.cause;
            let Some((before, after)) = before.get(&cause).zip(after.get(&cause)) else { continue };
            task.due_at = task.due_at.checked_add_signed(*after - *before).unwrap_or(task.due_at);
        }
    }

    fn settle(&mut self, task: Uuid, state: TaskState) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.state = state;
        }
    }

    fn apply(&mut self, owner: &Owner, recorded: &Recorded<CustomerEvent>, at: Occurrence, by_rule: bool) {
        match &recorded.event {
            CustomerEvent::Registered(event) => {
                self.change_owner(&event.owner, None, at, recorded.origin.as_deref() == Some("import"));
            }
            CustomerEvent::DetailsChanged(event) => {
                self.facts_changed_at = self.facts_changed_at.max(Some(at.effective_at));
                let tags_alone = DetailsChanged { tags: event.tags.clone(), ..DetailsChanged::default() };
                if !by_rule && *event != tags_alone {
                    self.note_activity(Activity::Update, at);
                }
            }
            CustomerEvent::Absorbed(event) => {
                if let Some(history) = &event.claim_history {
                    self.absorbed_history.add(history.clone());
                }
                self.facts_changed_at = self.facts_changed_at.max(Some(at.effective_at));
            }
            CustomerEvent::Noted(_) => {
                self.note_activity(Activity::Note, at);
                self.note_activity(Activity::Update, at);
            }
            CustomerEvent::FollowedUp(event) => {
                self.note_activity(Activity::FollowUp, at);
                self.note_activity(Activity::Update, at);
                let claimant = self.taken_over.as_ref().is_some_and(|by| is_rep(&recorded.actor, &by.rep));
                if claimant && REAL_CHANNELS.contains(&event.channel.as_str()) {
                    let Occurrence { effective_at, recorded_at, event, .. } = at;
                    self.contacts.push(Conversation { event, effective_at, recorded_at });
                }
            }
            CustomerEvent::Signalled(event) => {
                self.note_activity(Activity::Signal(event.kind.clone()), at);
                if !by_rule {
                    self.note_activity(Activity::Update, at);
                }
                self.record_signal(SignalOccurrence {
                    kind: event.kind.clone(),
                    meets: event.meets.clone(),
                    at,
                });
            }
            CustomerEvent::TransactionRecorded(event) => {
                let kind = event.kind.signal().to_owned();
                self.facts_changed_at = self.facts_changed_at.max(Some(at.effective_at));
                self.note_activity(Activity::Signal(kind.clone()), at);
                if !by_rule {
                    self.note_activity(Activity::Update, at);
                }
                self.record_signal(SignalOccurrence { kind, meets: Vec::new(), at });
            }
            CustomerEvent::TransactionVoided(event) => {
                self.facts_changed_at = self.facts_changed_at.max(Some(at.effective_at));
                self.signals.retain(|seen| seen.at.event != event.transaction);
            }
            CustomerEvent::SubStatusSet(event) => {
                self.sub_status_set.insert(event.journey.clone(), at);
                self.facts_changed_at = self.facts_changed_at.max(Some(at.effective_at));
                if !by_rule {
                    self.note_activity(Activity::Update, at);
                }
            }
            CustomerEvent::Claimed(event) => {
                let claim = self.take_over(recorded, &event.rep, &event.pool);
                self.claims.push(claim);
                self.change_owner(&Owner::Rep(event.rep.clone()), Some(owner), at, false);
            }
            CustomerEvent::Released(event) => {
                self.change_owner(&Owner::Pool(event.pool.clone()), Some(owner), at, false);
            }
            CustomerEvent::OwnerChanged(event) => {
                if let (Owner::Pool(pool), Owner::Rep(rep), Some(Occasion::Auto)) =
                    (&event.from, &event.to, event.occasion)
                {
                    self.take_over(recorded, rep, pool);
                }
                self.change_owner(&event.to, Some(&event.from), at, false);
            }
            _ => {}
        }
    }

    /// A rep gets the customer from a pool: conversations before that are no first contact.
    fn take_over(&mut self, recorded: &Recorded<CustomerEvent>, rep: &str, pool: &str) -> Claim {
        self.contacts.clear();
        let (rep, pool) = (rep.to_owned(), pool.to_owned());
        self.taken_over.insert(Claim { rep, pool, event: recorded.id, at: recorded.recorded_at }).clone()
    }

    /// Becoming the owner, in whatever way, begins the clocks: by a file of the past, when it was read in.
    fn change_owner(&mut self, to: &Owner, from: Option<&Owner>, at: Occurrence, imported: bool) {
        if let (Some(Owner::Rep(rep)), Owner::Pool(_)) = (from, to) {
            self.losses.push(OwnershipLoss { rep: rep.clone(), at: at.effective_at });
        }
        let since = if imported { at.recorded_at } else { at.effective_at };
        let owned = Ownership {
            by: Occurrence { effective_at: since, ..at },
            handed_over: matches!(from, Some(Owner::Rep(_))),
        };
        self.owned = matches!(to, Owner::Rep(_)).then_some(owned);
        self.facts_changed_at = from.map(|_| at.effective_at).max(self.facts_changed_at);
    }

    fn apply_dates(&mut self, profile: Option<&Profile>, at: Occurrence) {
        let Some(profile) = profile else { return };
        for (name, whole, date) in [
            ("contract_end", "contract", profile.contract.and_then(|contract| contract.ends_on)),
            ("delivered_on", "delivered_on", profile.delivered_on),
            ("postponed_until", "postponed_until", profile.postponed_until),
        ] {
            if let Some(date) = date {
                self.dates.insert(name, (date, at));
            } else if profile.cleared.iter().any(|cleared| cleared == whole) {
                self.dates.remove(name);
            }
        }
    }

    fn record_move(&mut self, recorded: &Recorded<CustomerEvent>, at: Occurrence, by_rule: bool) {
        let moved = matches!(
            recorded.event,
            CustomerEvent::Registered(_)
                | CustomerEvent::Moved(_)
                | CustomerEvent::MoveInserted(_)
                | CustomerEvent::Reactivated(_)
        );
        if !moved {
            return;
        }
        let imported = recorded.origin.as_deref() == Some("import");
        let Occurrence { effective_at, recorded_at, .. } = at;
        self.records.insert(at.event, MoveProvenance { effective_at, recorded_at, imported, by_rule });
        if let Some((_, chain)) = self.running.clone().filter(|_| by_rule) {
            self.chains.insert(at.event, chain);
        }
    }

    fn record_signal(&mut self, seen: SignalOccurrence) {
        let same = self.signals.iter().filter(|known| known.kind == seen.kind).count();
        if same >= SIGNALS_KEPT
            && let Some(oldest) = self.signals.iter().position(|known| known.kind == seen.kind)
        {
            self.signals.remove(oldest);
        }
        self.signals.push(seen);
    }

    fn note_activity(&mut self, activity: Activity, at: Occurrence) {
        let [latest, before] = self.last.entry(activity).or_default();
        if latest.is_none_or(|known| known.effective_at <= at.effective_at) {
            (*before, *latest) = (*latest, Some(at));
        } else if before.is_none_or(|known| known.effective_at <= at.effective_at) {
            *before = Some(at);
        }
    }

    /// The last two times that an activity other than a move happened, the last one first.
    pub fn last(&self, activity: &Activity) -> impl Iterator<Item = Occurrence> + use<> {
        self.last.get(activity).copied().unwrap_or_default().into_iter().flatten()
    }

    /// How a move was recorded.
    pub fn provenance(&self, event: Uuid) -> Option<MoveProvenance> {
        self.records.get(&event).copied()
    }

    /// A date that is known of the customer, and the event that told it: `contract_end`, `delivered_on` or
    /// `postponed_until`.
    pub fn date(&self, field: &str) -> Option<(NaiveDate, Occurrence)> {
        self.dates.get(field).copied()
    }

    /// When the next contact is due, and the event that said so.
    pub fn planned(&self) -> Option<(DateTime<Utc>, Occurrence)> {
        self.planned
    }

    /// Who has claimed and lost the customer, or one that it absorbed. An absorbed one that was parted again is not forgotten.
    pub fn claim_history(&self) -> ClaimHistory {
        let claims = self.claims.iter().map(|claim| HeldBy { at: claim.at, rep: claim.rep.clone() });
        let losses = self.losses.iter().map(|loss| HeldBy { at: loss.at, rep: loss.rep.clone() });
        let mut history = self.absorbed_history.clone();
        history.add(ClaimHistory { claims: claims.collect(), losses: losses.collect() });
        history
    }

    /// Whether a rule has acted for a cause.
    pub fn has_acted(&self, rule: &str, cause: Uuid) -> bool {
        self.acted.contains(&(cause, rule.to_owned()))
    }

    /// The rules whose acts led to an event, the first one first.
    pub fn chain(&self, event: Uuid) -> &[String] {
        self.chains.get(&event).map_or(&[], Vec::as_slice)
    }

    /// When the sub-status of a journey was last set without a move.
    pub fn sub_status_set(&self, journey: &str) -> Option<Occurrence> {
        self.sub_status_set.get(journey).copied()
    }

    /// When something last changed that conditions look at, moves and conversations apart.
    pub fn facts_changed_at(&self) -> Option<DateTime<Utc>> {
        self.facts_changed_at
    }
}

/// Whether an actor is the rep of that id.
fn is_rep(actor: &str, rep: &str) -> bool {
    actor.strip_prefix("rep:").unwrap_or(actor) == rep
}
