//! Leads scored and assigned: whose turn it is follows from the log, and is part of the condition of the append, so that of two
//! leads at the same moment each goes to somebody of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};
use waymark_domain::company::Company;
use waymark_domain::customer::command::{Register, RepeatInquiry};
use waymark_domain::customer::event::Scorer;
use waymark_domain::customer::{Customer, CustomerEvent, Intaken, NewEvent, raised, scored};
use waymark_domain::intake::{Assignment, Candidate, Intake, LeadFacts, Method, assign, assign::Lead, score};
use waymark_domain::pool::PoolKind;
use waymark_domain::{Label, Language, Owner, Pipeline, tags};
use waymark_eventstore::{Entry, Position, Query, TenantId};

use super::customer_cache::decode;
use super::fold_cache::Fold;
use super::{App, AppError, Caller};

/// How long a lead waits for the read model that says what reps own, where that counts.
const OWNED_WITHIN: Duration = Duration::from_secs(10);

/// Who got leads by the rules of intake.
#[derive(Clone, Default)]
pub(super) struct Assignments(Arc<BTreeMap<String, Share>>);

/// What a rep got.
#[derive(Clone, Copy, Default)]
struct Share {
    /// Where the last lead was.
    last: Position,
    /// The settings by which it was assigned.
    version: u32,
    /// How many there were by these settings: with others the shares begin again.
    assigned: u64,
}

impl Fold for Assignments {
    fn query() -> Query {
        Query::tag(tags::ASSIGNMENTS)
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), AppError> {
        if let Some(CustomerEvent::Scored(scored)) = decode(entry)?.map(|recorded| recorded.event)
            && let Some(assignment) = scored.assignment
        {
            let version = match scored.by {
                Scorer::Intake { weights_version } => weights_version,
                Scorer::Model { .. } => 0,
            };
            let known = Arc::make_mut(&mut self.0).entry(assignment.rep).or_default();
            let before = if known.version == version { known.assigned } else { 0 };
            *known = Share { last: entry.position, version, assigned: before + 1 };
        }
        Ok(())
    }
}

/// How many tenants assign leads at the same time in one process, at most.
const LANES: usize = 64;

/// Leads of a tenant are assigned one after the other within a process: each needs to know who got the one before, so those that
/// were decided at the same time would only conflict. What other processes assign is the append's condition to notice.
#[derive(Clone)]
pub(super) struct AssignmentLocks(Arc<[Arc<Mutex<()>>]>);

impl AssignmentLocks {
    pub(super) fn new() -> Self {
        Self((0..LANES).map(|_| Arc::default()).collect())
    }

    async fn next(&self, tenant: TenantId) -> OwnedMutexGuard<()> {
        let lane = tenant.0.as_u128() % LANES as u128;
        let lane = usize::try_from(lane).unwrap_or_default();
        Arc::clone(&self.0[lane]).lock_owned().await
    }
}

/// Who gets a lead, as the log tells it up to a position; nobody else is assigned one while the turn is held.
struct Assigned {
    assignment: Assignment,
    read_to: Position,
    turn: OwnedMutexGuard<()>,
}

/// What intake adds to the registration or the touch of a lead.
pub(super) struct IntakePlan {
    /// The events after it.
    pub(super) events: Vec<NewEvent>,
    /// What the answer says of it.
    pub(super) resource: Map<String, Value>,
    /// Up to where assignments were read, where somebody gets it, and the turn, which lasts until it is recorded.
    pub(super) turn: Option<(Position, OwnedMutexGuard<()>)>,
}

impl App {
    /// Where a lead waits that names no owner: in the pipeline's lead pool, if it has one.
    pub(super) fn lead_owner(register: &Register, pipeline: Option<&Pipeline>, high: bool) -> Option<Owner> {
        let pools = || pipeline.into_iter().flat_map(|pipeline| &pipeline.pools);
        let waiting = || pools().find(|pool| pool.kind == PoolKind::LeadPool && !high);
        register.owner.clone().or_else(|| waiting().map(|pool| Owner::Pool(pool.key.clone())))
    }

    /// Scores a new lead, and says to whom it goes. A lead that names its owner, or a stage further on, is scored alone.
    pub(super) async fn intake(
        &self,
        caller: &Caller,
        register: &mut Register,
    ) -> Result<IntakePlan, AppError> {
        let (company, version, settings) = self.intake_settings(caller).await?;
        let facts = LeadFacts {
            has_contact: !register.contacts.is_empty() || register.profile.channel_ids.is_some(),
            contacts: register.contacts.iter().map(|contact| contact.kind).collect(),
            fields: register
                .fields
                .iter()
                .flatten()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, _)| k.clone())
                .collect(),
            source: register.source.clone(),
            channel: register.channel.clone(),
            touches: 0,
        };
        let score = score(&settings.weights, &facts);
        let named = register.owner.is_some();
        let lead = Lead {
            score: score.points,
            source: register.source.as_deref(),
            channel: register.channel.as_deref(),
            region: register.profile.texts.region(),
        };
        let high = score.points >= settings.threshold;
        let assigned = if named { None } else { self.assigned(caller, &company, &settings, lead).await? };
        let (assignment, turn) = assigned.map(|one| (one.assignment, (one.read_to, one.turn))).unzip();
        let pipelines = self.pipelines.in_force(caller.tenant, None).await?.pipelines;
        let pipeline = pipelines.get(&register.pipeline).map(Arc::as_ref);
        register.owner = Self::lead_owner(register, pipeline, high);
        let default = || pipeline.and_then(Pipeline::default_pool).map(|pool| Owner::Pool(pool.key.clone()));
        let intaken = Intaken { score, weights_version: version, assignment };
        let Some(owner) = register.owner.clone().or_else(default) else {
            return Ok(IntakePlan { events: Vec::new(), resource: Map::new(), turn: None });
        };
        let reason = match (&intaken.assignment, named, high) {
            (Some(_), ..) => None,
            (None, true, _) => Some(Label::new("线索已指定归属。", "The lead names its owner.")),
            (None, false, true) => Some(Label::new("没有可分配的销售。", "There is no rep who may take it.")),
            (None, false, false) => Some(Label::new(
                format!("得分低于{}，留在线索池。", settings.threshold),
                format!("The score is below {}; it waits in the lead pool.", settings.threshold),
            )),
        };
        let now = (self.clock)();
        let events = scored(&intaken, &owner, now);
        Ok(IntakePlan { events, resource: answer(&intaken, reason.as_ref()), turn })
    }

    /// Scores a known customer of whom another lead arrived. One that waits in a pool and crosses the threshold by it is assigned.
    pub(super) async fn intake_again(
        &self,
        caller: &Caller,
        customer: &Customer,
        touch: &RepeatInquiry,
    ) -> Result<IntakePlan, AppError> {
        let (company, version, settings) = self.intake_settings(caller).await?;
        let (source, channel) = (touch.source.as_deref(), touch.channel.as_deref());
        let known = match customer.owner {
            Owner::Rep(_) => Label::new(
                "已知客户再次来访，已通知其负责人。",
                "The customer is known, and its owner was notified.",
            ),
            Owner::Pool(_) => {
                Label::new("已知客户再次来访，仍在池中。", "The customer is known, and waits in its pool.")
            }
        };
        let Some(score) = raised(customer, &settings.weights, source, channel) else {
            let resource = unchanged(customer.score, &known);
            return Ok(IntakePlan { events: Vec::new(), resource, turn: None });
        };
        let crossed = customer.score.is_some_and(|before| before < settings.threshold);
        let lead = Lead { score: score.points, source, channel, region: customer.region.as_deref() };
        let waits = matches!(customer.owner, Owner::Pool(_)) && crossed;
        let assigned = if waits { self.assigned(caller, &company, &settings, lead).await? } else { None };
        let (assignment, turn) = assigned.map(|one| (one.assignment, (one.read_to, one.turn))).unzip();
        let intaken = Intaken { score, weights_version: version, assignment };
        let reason = intaken.assignment.is_none().then_some(&known);
        let events = scored(&intaken, &customer.owner, (self.clock)());
        Ok(IntakePlan { events, resource: answer(&intaken, reason), turn })
    }

    async fn intake_settings(&self, caller: &Caller) -> Result<(Arc<Company>, u32, Intake), AppError> {
        let company = self.companies.now(caller.tenant).await?;
        let (version, settings) = company.intake.clone().unwrap_or_default();
        Ok((company, version, settings))
    }

    async fn assigned(
        &self,
        caller: &Caller,
        company: &Company,
        settings: &Intake,
        lead: Lead<'_>,
    ) -> Result<Option<Assigned>, AppError> {
        if lead.score < settings.threshold || company.people.teams.is_empty() {
            return Ok(None);
        }
        let turn = self.turns.next(caller.tenant).await;
        let (known, read_to) = self.assignments.current(caller.tenant).await?;
        let version = company.intake.as_ref().map_or(0, |(version, _)| *version);
        let mut candidates = candidates(company, &known, version, (self.clock)());
        let by_open = settings.method == Method::LeastOpen
            || settings.rules.iter().any(|rule| rule.method == Some(Method::LeastOpen));
        if by_open || settings.holding_cap.is_some() {
            for candidate in &mut candidates {
                candidate.open = self.open_customers(caller, &candidate.rep, read_to).await?;
            }
        }
        let assignment = assign(settings, lead, &candidates);
        Ok(assignment.map(|assignment| Assigned { assignment, read_to, turn }))
    }

    /// How many open customers a rep owns, as the log tells it up to a position or beyond.
    async fn open_customers(&self, caller: &Caller, rep: &str, position: Position) -> Result<u32, AppError> {
        self.projections.wait_for(caller.tenant, "board", position, OWNED_WITHIN).await?;
        let versions = self.pipelines.in_force(caller.tenant, None).await?.versions;
        let owned = self.projections.board(caller.tenant).await?.owned_by(rep).await?;
        let open = owned
            .iter()
            .filter(|one| super::context::takes_a_place(&versions, &one.pipeline, one.version, &one.stage));
        Ok(u32::try_from(open.count()).unwrap_or(u32::MAX))
    }
}

/// The reps of all teams, each with who stands in for it now.
fn candidates(
    company: &Company,
    known: &Assignments,
    version: u32,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<Candidate> {
    let mut all: BTreeMap<&str, Candidate> = BTreeMap::new();
    for team in company.people.teams.values() {
        for rep in &team.members {
            let one =
                all.entry(rep).or_insert_with(|| Candidate { rep: rep.clone(), ..Candidate::default() });
            one.teams.insert(team.key.clone());
        }
    }
    for deputy in company.people.deputies.values().filter(|one| one.from <= now && now < one.until) {
        if let Some(absent) = all.get_mut(deputy.rep.as_str()) {
            absent.deputy = Some(deputy.deputy.clone());
        }
    }
    for (rep, share) in known.0.iter() {
        if let Some(one) = all.get_mut(rep.as_str()) {
            one.last = share.last;
            one.assigned = if share.version == version { share.assigned } else { 0 };
        }
    }
    all.into_values().collect()
}

/// What the answer says of a known customer whose score stays as it was.
fn unchanged(score: Option<u32>, reason: &Label) -> Map<String, Value> {
    Map::from_iter([("score".to_owned(), json!(score)), ("assignment_reason".to_owned(), in_both(reason))])
}

fn in_both(label: &Label) -> Value {
    json!({ "zh": label.text(Language::Zh), "en": label.text(Language::En) })
}

/// What the answer says: the score with its reasons, and who gets the lead and why.
fn answer(intaken: &Intaken, reason: Option<&Label>) -> Map<String, Value> {
    let assigned = intaken.assignment.as_ref();
    let why = match (assigned, reason) {
        (Some(assignment), _) => {
            let mut why = json!(assignment);
            why["score"] = json!(intaken.score.points);
            why
        }
        (None, Some(reason)) => in_both(reason),
        (None, None) => Value::Null,
    };
    let to = assigned.map(|assignment| &assignment.rep);
    Map::from_iter([
        ("score".to_owned(), json!(intaken.score.points)),
        ("score_reasons".to_owned(), json!(intaken.score.reasons)),
        ("assigned_to".to_owned(), json!(to)),
        ("assignment_reason".to_owned(), why),
    ])
}
