//! Given these events, when this command, then those events, or a refusal: the language of the decisions' tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::decide;
use super::new_event::NewEvent;
use crate::customer::command::{Command, Transition};
use crate::customer::event::{CustomerEvent, Moved, Recorded, Registered};
use crate::customer::state::Customer;
use crate::field::{Field, Fields};
use crate::pipeline::templates;
use crate::pipeline::version::Versions;
use crate::refusal::{Code, Refusal};
use crate::{Actor, Context, Owner, Pipeline, Role};

/// The instant of a day of the story, which begins with day 0; commands come on day 10 unless they say otherwise.
pub(in crate::customer) fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

/// The id of the n-th event given, from 1.
pub(in crate::customer) fn event_id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// The second customer of decisions that concern two.
pub(in crate::customer) const OTHER: Uuid = Uuid::from_u128(0xBEEF);

/// The second customer, with these events after its registration for a rep.
pub(in crate::customer) fn other(rep: &str, events: impl IntoIterator<Item = CustomerEvent>) -> Customer {
    let registered = Registered { customer: OTHER, owner: Owner::Rep(rep.to_owned()), ..registered() };
    let all = std::iter::once(CustomerEvent::Registered(registered)).chain(events);
    given(all).customer.unwrap()
}

pub(in crate::customer) fn li() -> Actor {
    Actor::new("rep:li", [Role::Rep])
}

pub(in crate::customer) fn zhao() -> Actor {
    Actor::new("rep:zhao", [Role::Rep])
}

pub(in crate::customer) fn wang() -> Actor {
    Actor::new("manager:wang", [Role::Manager])
}

pub(in crate::customer) fn root() -> Actor {
    Actor::new("admin:root", [Role::Admin])
}

pub(in crate::customer) fn customer_id() -> Uuid {
    Uuid::from_u128(0xC0FFEE)
}

/// The example of a registration in its newest version, in which every field is filled in.
pub(in crate::customer) fn registered_in_full() -> CustomerEvent {
    let version = CustomerEvent::Registered(registered()).type_version();
    let file = format!("{}/golden/customer.registered.v{version}.json", env!("CARGO_MANIFEST_DIR"));
    let data = RawValue::from_string(std::fs::read_to_string(file).unwrap()).unwrap();
    CustomerEvent::decode("customer.registered", version, &data).unwrap().unwrap()
}

/// A registration in helloword-13, in the default pool.
pub(in crate::customer) fn registered() -> Registered {
    Registered {
        customer: customer_id(),
        pipeline: "helloword-13".to_owned(),
        pipeline_version: 1,
        stage: "new_lead".to_owned(),
        sub_status: None,
        name: None,
        external_id: None,
        source: None,
        channel: None,
        contacts: Vec::new(),
        tags: Vec::new(),
        tier: None,
        amount: None,
        fields: None,
        owner: Owner::Pool("customer_pool".to_owned()),
        note: None,
        profile: None,
        field_names: Vec::new(),
        evidence: Vec::new(),
    }
}

/// A registration that li owns.
pub(in crate::customer) fn registered_by_li() -> CustomerEvent {
    CustomerEvent::Registered(Registered { owner: Owner::Rep("li".to_owned()), ..registered() })
}

/// A registration in the default pool.
pub(in crate::customer) fn in_the_pool() -> CustomerEvent {
    CustomerEvent::Registered(registered())
}

/// A move in helloword-13.
pub(in crate::customer) fn moved(from: &str, to: &str) -> CustomerEvent {
    let pipeline = &templates()[0].pipeline;
    CustomerEvent::Moved(Moved {
        journey: "helloword-13".to_owned(),
        pipeline_version: 1,
        cycle: 1,
        from: Some(from.to_owned()),
        to: to.to_owned(),
        sub_status: None,
        direction: pipeline.direction(from, to),
        reason: None,
        reason_text: None,
        note: None,
        next_step: None,
        evidence: Vec::new(),
        approval: None,
        overrides: Vec::new(),
        text: None,
    })
}

/// The command to move to a stage.
pub(in crate::customer) fn to(stage: &str) -> Transition {
    Transition { to: stage.to_owned(), ..Transition::default() }
}

/// A story so far: the n-th event happened on day n - 1, by li, and was recorded at once.
pub(in crate::customer) fn given(events: impl IntoIterator<Item = CustomerEvent>) -> Spec {
    let recorded = (1..).zip(events).map(|(n, event)| Recorded {
        position: n,
        id: event_id(n.into()),
        effective_at: day(n as i64 - 1),
        recorded_at: day(n as i64 - 1),
        actor: "rep:li".to_owned(),
        origin: None,
        event,
    });
    let recorded: Vec<_> = recorded.collect();
    let pipelines = templates()
        .iter()
        .map(|template| (template.key.to_owned(), Arc::new(template.install(template.key))));
    Spec {
        customer: Customer::fold(&recorded),
        pipelines: pipelines.collect(),
        versions: BTreeMap::new(),
        actor: li(),
        agent: false,
        now: day(10),
        effective_at: None,
        claims_today: 0,
        views_today: 0,
        holds: 0,
        strikes: Vec::new(),
        allow_before_creation: false,
        import: false,
        stands_in_for: BTreeSet::new(),
        fields: Fields::new(),
    }
}

/// The circumstances of a command.
pub(in crate::customer) struct Spec {
    pub(in crate::customer) customer: Option<Customer>,
    pipelines: BTreeMap<String, Arc<Pipeline>>,
    versions: BTreeMap<String, Arc<Versions>>,
    actor: Actor,
    agent: bool,
    now: DateTime<Utc>,
    effective_at: Option<DateTime<Utc>>,
    claims_today: u32,
    views_today: u32,
    holds: u32,
    strikes: Vec<DateTime<Utc>>,
    allow_before_creation: bool,
    import: bool,
    stands_in_for: BTreeSet<String>,
    fields: Fields,
}

impl Spec {
    pub(in crate::customer) fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// By an agent, whose key has the scope `propose`.
    pub(in crate::customer) fn by_agent(self, actor: Actor) -> Self {
        Self { actor, agent: true, ..self }
    }

    pub(in crate::customer) fn at(self, now: DateTime<Utc>) -> Self {
        Self { now, ..self }
    }

    pub(in crate::customer) fn effective(self, at: DateTime<Utc>) -> Self {
        Self { effective_at: Some(at), ..self }
    }

    pub(in crate::customer) fn after_claims(self, claims_today: u32) -> Self {
        Self { claims_today, ..self }
    }

    /// The actor viewed this many customers of the pool today.
    pub(in crate::customer) fn after_views(self, views_today: u32) -> Self {
        Self { views_today, ..self }
    }

    /// The actor owns this many open customers.
    pub(in crate::customer) fn holding(self, holds: u32) -> Self {
        Self { holds, ..self }
    }

    /// The claimant missed first contacts at these instants.
    pub(in crate::customer) fn after_strikes(self, strikes: Vec<DateTime<Utc>>) -> Self {
        Self { strikes, ..self }
    }

    pub(in crate::customer) fn standing_in_for(self, rep: &str) -> Self {
        Self { stands_in_for: [rep.to_owned()].into(), ..self }
    }

    pub(in crate::customer) fn with_field(mut self, field: Field) -> Self {
        self.fields.insert(field.key.clone(), field);
        self
    }

    pub(in crate::customer) fn on_import(self) -> Self {
        Self { import: true, ..self }
    }

    pub(in crate::customer) fn before_creation_allowed(self) -> Self {
        Self { allow_before_creation: true, ..self }
    }

    pub(in crate::customer) fn with_pipeline(mut self, pipeline: Pipeline) -> Self {
        self.pipelines.insert(pipeline.key.clone(), Arc::new(pipeline));
        self
    }

    /// Every version of a pipeline; the last for everybody is in force.
    pub(in crate::customer) fn with_versions(mut self, versions: Versions) -> Self {
        let in_force = versions.in_force(None, self.now).map(|known| known.pipeline.clone()).unwrap();
        self.versions.insert(in_force.key.clone(), Arc::new(versions));
        self.pipelines.insert(in_force.key.clone(), in_force);
        self
    }

    pub(in crate::customer) fn context(&self) -> Context<'_> {
        Context {
            agent: self.agent,
            effective_at: self.effective_at,
            versions: Some(&self.versions),
            claims_today: self.claims_today,
            views_today: self.views_today,
            holds: self.holds,
            strikes: &self.strikes,
            allow_before_creation: self.allow_before_creation,
            import: self.import,
            stands_in_for: &self.stands_in_for,
            fields: &self.fields,
            ..Context::new(self.now, &self.actor, &self.pipelines)
        }
    }

    /// What the decision says, for tests that expect either.
    pub(in crate::customer) fn decided(self, command: impl Into<Command>) -> Result<Vec<NewEvent>, Refusal> {
        self.when(command).0
    }

    pub(in crate::customer) fn when(self, command: impl Into<Command>) -> Outcome {
        Outcome(decide(self.customer.as_ref(), &command.into(), &self.context()))
    }
}

/// What came of a command.
#[derive(Debug)]
pub(in crate::customer) struct Outcome(Result<Vec<NewEvent>, Refusal>);

impl Outcome {
    /// Exactly these events.
    #[track_caller]
    pub(in crate::customer) fn then<const N: usize>(self, events: [CustomerEvent; N]) {
        let decided: Vec<CustomerEvent> = self.events().into_iter().map(|new| new.event).collect();
        assert_eq!(decided, Vec::from(events));
    }

    /// The one event, and when it happened.
    #[track_caller]
    pub(in crate::customer) fn event(self) -> NewEvent {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "one event was expected: {events:?}");
        events.remove(0)
    }

    /// The two events.
    #[track_caller]
    pub(in crate::customer) fn both(self) -> [CustomerEvent; 2] {
        let events: Vec<CustomerEvent> = self.events().into_iter().map(|new| new.event).collect();
        events.try_into().unwrap_or_else(|events| panic!("two events were expected: {events:?}"))
    }

    #[track_caller]
    pub(in crate::customer) fn events(self) -> Vec<NewEvent> {
        self.0.unwrap_or_else(|refusal| panic!("refused: {refusal:?}"))
    }

    /// A refusal whose violations have exactly these codes; the first is the refusal's own.
    #[track_caller]
    pub(in crate::customer) fn refuses<const N: usize>(self, codes: [Code; N]) -> Refusal {
        let refusal = self.0.expect_err("a refusal was expected");
        let mut found: Vec<&str> =
            refusal.violations.iter().map(|violation| violation.code.as_ref()).collect();
        let mut expected: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        assert_eq!(refusal.code, expected[0], "{refusal:?}");
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        refusal
    }
}

macro_rules! commands {
    ($($variant:ident)*) => {
        $(impl From<crate::customer::command::$variant> for Command {
            fn from(command: crate::customer::command::$variant) -> Self {
                Self::$variant(command)
            }
        })*
    };
}

commands! {
    Register ChangeDetails Transition Override Settle Propose Correct Reactivate Migrate Note FollowUp Signal Release ChangeOwner
    PlaceLegalHold ReleaseLegalHold RotateKey Erase Withdraw RepeatInquiry AddDocument FlagRisk ScoreByModel RecordTransaction VoidTransaction RecordPoints Act CompleteTask
}
