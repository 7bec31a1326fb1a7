//! A log, read models over it in a file of their own, and histories made by chance from a seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use serde_json::value::to_raw_value;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::EventSkipped;
use waymark_domain::customer::event::*;
use waymark_domain::pipeline::automation::NotificationChannel;
use waymark_domain::pipeline::event::Published;
use waymark_domain::pipeline::{Endings, PipelineEvent};
use waymark_domain::tags;
use waymark_domain::{Label, Owner, PerField, Personal, Pipeline, ProfileField};
use waymark_eventstore::vault::{RootKey, SubjectKey, Vault};
use waymark_eventstore::{Append, Clock, Draft, EventStore, MemoryStore, Outcome, Position, TenantId};

use super::database::{Database, is_postgres};
use crate::Projections;
use crate::db::{Commit, Db};
use crate::error::Result;
use crate::runtime::Node;
use crate::storage::checkpoint::ProjectionId;

pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(7));
pub(crate) const PIPELINE: &str = "sales";
pub(crate) const STAGES: [&str; 4] = ["new", "quoted", "won", "lost"];
pub(crate) const MODELS: [&str; 4] = ["board", "timeline", "dwell", "work"];

pub(crate) fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hour)
}

pub(crate) fn pipeline() -> Pipeline {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let endings = Endings { won: texts(&["won"]), lost: texts(&["lost"]), ..Endings::default() };
    Pipeline::any_move(PIPELINE, &texts(&STAGES), &endings)
}

/// A log with its vault.
pub(crate) struct World {
    directory: TempDir,
    /// The PostgreSQL database, once it was asked for.
    pub(crate) database: OnceCell<Option<Database>>,
    /// What nodes take for the time.
    pub(crate) time: Clock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) vault: Arc<Vault>,
    ids: AtomicI64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::recorded_from(10_000)
    }

    /// A world whose log begins in that hour.
    pub(crate) fn recorded_from(begin: i64) -> Self {
        let ticks = AtomicI64::new(0);
        let clock = Arc::new(move || hour(begin + ticks.fetch_add(1, Ordering::Relaxed)));
        let store = MemoryStore::new(clock);
        let vault = Arc::new(Vault::new(store.clone(), RootKey([7; 32])));
        let time = Arc::new(crate::tests::database::now);
        let (directory, database) = (TempDir::new().unwrap(), OnceCell::new());
        Self { directory, database, time, store, vault, ids: AtomicI64::new(1) }
    }

    /// The file of that name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Read models in a file (or schema) of that name; the same name is the same file.
    pub(crate) async fn projections(&self, name: &str) -> Arc<Projections> {
        if !is_postgres() {
            return Projections::open(&self.path(name), self.store.clone(), self.vault.clone())
                .await
                .unwrap();
        }
        self.node(name, self.ids.fetch_add(1, Ordering::Relaxed))
            .await
            .expect("WAYMARK_TEST_POSTGRES names it")
    }

    /// A node of that number over the read models in a PostgreSQL schema of that name; `None` without a server.
    pub(crate) async fn node(&self, name: &str, number: i64) -> Option<Arc<Projections>> {
        let database = self.database.get_or_init(Database::new).await.as_ref()?;
        let schema = format!("s_{}", name.replace(' ', "_"));
        let db = Db::postgres(&database.url, &schema, Commit::Lazy, 6).await.unwrap();
        let node = Node { id: Uuid::from_u128(number.cast_unsigned().into()), clock: self.time.clone() };
        Some(Projections::shared(db, node, self.store.clone(), self.vault.clone()).await.unwrap())
    }

    fn draft(&self, customer: Uuid, at: DateTime<Utc>, event_type: &'static str) -> Draft {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        Draft {
            id: Uuid::from_u128(number.cast_unsigned().into()),
            event_type: event_type.into(),
            type_version: 1,
            subject: format!("customer/{customer}"),
            effective_at: at,
            actor: format!("rep:{}", ["li", "wang"][number as usize % 2]),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: vec![tags::customer(customer)],
            blind_tags: Vec::new(),
            data: serde_json::Value::Null,
        }
    }

    /// Appends an event, its personal fields sealed. Returns its id and position.
    pub(crate) async fn append(
        &self,
        customer: Uuid,
        at: DateTime<Utc>,
        event: CustomerEvent,
    ) -> (Uuid, Position) {
        let mut draft = self.draft(customer, at, event.event_type());
        draft.data = event.to_json().unwrap();
        let mut append = Append::new(TENANT, Vec::new());
        if matches!(event, CustomerEvent::Erased(_)) {
            append.erase_subjects.push(customer);
        } else if self.vault.is_personal(&draft.data) {
            let key = match self.vault.data_key(TENANT, customer).await.unwrap() {
                SubjectKey::Live(key) => key,
                SubjectKey::Never => {
                    let id = Uuid::from_u128(customer.as_u128() << 64);
                    let made = self.vault.data_key_for_new(TENANT, customer, [9; 32], id).await.unwrap();
                    append.new_keys.push(made.1);
                    made.0
                }
                SubjectKey::Destroyed => panic!("an erased customer takes no more events"),
            };
            self.vault.seal(TENANT, customer, draft.id, &mut draft.data, &key);
        }
        let id = draft.id;
        append.events.push(draft);
        (id, self.commit(append).await)
    }

    /// Appends an event whose data is what is given, of that version.
    pub(crate) async fn append_raw(
        &self,
        customer: Uuid,
        event_type: &'static str,
        version: u32,
        data: serde_json::Value,
    ) -> Position {
        let mut draft = self.draft(customer, hour(1), event_type);
        (draft.type_version, draft.data) = (version, data);
        self.commit(Append::new(TENANT, vec![draft])).await
    }

    /// Appends events of a customer of any tenant, each of that type and with that data.
    pub(crate) async fn append_all(
        &self,
        tenant: TenantId,
        customer: Uuid,
        events: Vec<(&'static str, serde_json::Value)>,
    ) {
        let draft = |(event_type, data)| Draft { data, ..self.draft(customer, hour(1), event_type) };
        let events = events.into_iter().map(draft).collect();
        self.store.append(Append::new(tenant, events)).await.unwrap();
    }

    async fn commit(&self, append: Append) -> Position {
        match self.store.append(append).await.unwrap() {
            Outcome::Appended(appended) => appended.last_position(),
            Outcome::Repeated(_) => panic!("nothing was sent twice"),
        }
    }

    /// Says that a read model leaves an event out.
    pub(crate) async fn skip(&self, projection: &str, position: Position, reason: &str) {
        let (projection, reason) = (projection.to_owned(), reason.to_owned());
        let event = CompanyEvent::EventSkipped(EventSkipped { projection, position, reason });
        let mut draft = self.draft(Uuid::nil(), hour(1), event.event_type());
        draft.subject = "company/settings".to_owned();
        draft.tags = event.tags();
        draft.data = event.to_json().unwrap();
        self.commit(Append::new(TENANT, vec![draft])).await;
    }

    /// Publishes a version with rules: that many days of silence in a stage, a message at every entry, and that many times 425 days
    /// after which a rep's customer goes back to its pool.
    pub(crate) async fn publish(&self, version: u32, days: u64) {
        let automations = json!([
            {"id": "silent", "name": {"zh": "沉默", "en": "Silent"},
             "trigger": {"kind": "stage_idle", "stages": ["new", "quoted"], "reset_by": ["update"]},
             "delay": {"seconds": days * 86_400},
             "actions": [{"kind": "move", "to": "lost", "text": {"zh": "沉默", "en": "Silent"}}]},
            {"id": "told", "name": {"zh": "通知", "en": "Told"}, "trigger": {"kind": "stage_entered"},
             "actions": [{"kind": "remind", "role": "team", "text": {"zh": "变更", "en": "Changed"}}]},
        ]);
        let automations = serde_json::from_value(automations).unwrap();
        let mut pipeline = Pipeline { version, automations, ..pipeline() };
        let clock = json!({"id": "no_update", "name": {"zh": "未更新", "en": "No update"},
                           "reset_by": ["update"], "seconds": days * 425 * 86_400});
        pipeline.pools[0].rules = serde_json::from_value(json!({"reclaim": [clock]})).unwrap();
        let base = version.checked_sub(1).filter(|base| *base > 0);
        let published = Published { pipeline, effective_from: None, base, map: Vec::new(), team: None };
        let event = PipelineEvent::Published(published);
        let mut draft = self.draft(Uuid::nil(), hour(0), event.event_type());
        draft.type_version = event.type_version();
        draft.subject = format!("pipeline/{PIPELINE}");
        draft.tags = vec!["pipelines".to_owned()];
        draft.data = event.to_json().unwrap();
        self.commit(Append::new(TENANT, vec![draft])).await;
    }

    pub(crate) async fn head(&self) -> Position {
        self.store.head(TENANT).await.unwrap().position
    }

    /// Appends an event that no program can read as what it says it is.
    pub(crate) async fn append_poison(&self, customer: Uuid) -> Position {
        self.append_raw(customer, "customer.moved", 1, serde_json::json!({ "to": 1 })).await
    }

    pub(crate) async fn register(&self, customer: Uuid, at: DateTime<Utc>) -> (Uuid, Position) {
        self.append(customer, at, registered(customer, "new")).await
    }

    pub(crate) async fn move_to(&self, customer: Uuid, at: DateTime<Utc>, to: &str) -> (Uuid, Position) {
        self.append(customer, at, moved(to)).await
    }
}

pub(crate) fn registered(customer: Uuid, stage: &str) -> CustomerEvent {
    let contact = Contact { kind: ContactKind::Phone, value: "13800138000".to_owned().into() };
    CustomerEvent::Registered(Registered {
        customer,
        pipeline: PIPELINE.to_owned(),
        pipeline_version: 1,
        stage: stage.to_owned(),
        sub_status: None,
        name: Some(format!("Name {customer}").into()),
        external_id: Some(format!("x-{}", customer.as_u128())),
        source: Some("fair".to_owned()),
        channel: None,
        contacts: vec![contact],
        tags: vec!["a".to_owned()],
        tier: None,
        amount: Some(Money { amount: "10.50".parse().unwrap(), currency: "CNY".to_owned() }),
        fields: Some(Personal::Clear(BTreeMap::from([("k".to_owned(), 1.into())]))),
        owner: Owner::Pool("customer_pool".to_owned()),
        note: Some("first".to_owned().into()),
        profile: None,
        field_names: Vec::new(),
        evidence: Vec::new(),
    })
}

pub(crate) fn moved(to: &str) -> CustomerEvent {
    CustomerEvent::Moved(Moved {
        journey: PIPELINE.to_owned(),
        pipeline_version: 1,
        cycle: 1,
        from: None,
        to: to.to_owned(),
        sub_status: None,
        direction: None,
        reason: None,
        reason_text: None,
        note: Some("moved on".to_owned().into()),
        next_step: None,
        evidence: Vec::new(),
        approval: None,
        overrides: Vec::new(),
        text: None,
    })
}

pub(crate) fn void(corrects: Uuid) -> CustomerEvent {
    CustomerEvent::MoveVoided(MoveVoided {
        journey: PIPELINE.to_owned(),
        corrects,
        reason: "wrong".to_owned().into(),
        on_conflict: OnConflict::Continue,
        also_voids: Vec::new(),
    })
}

pub(crate) fn retarget(corrects: Uuid, to: &str) -> CustomerEvent {
    CustomerEvent::MoveTargetCorrected(MoveTargetCorrected {
        journey: PIPELINE.to_owned(),
        corrects,
        pipeline_version: Some(1 + u32::from(to == "quoted")),
        to: to.to_owned(),
        sub_status: None,
        reason: "meant another".to_owned().into(),
        on_conflict: OnConflict::Continue,
        also_voids: Vec::new(),
        evidence: Vec::new(),
    })
}

pub(crate) fn retime(corrects: Uuid, moved_at: DateTime<Utc>) -> CustomerEvent {
    CustomerEvent::MoveTimeCorrected(MoveTimeCorrected {
        journey: PIPELINE.to_owned(),
        corrects,
        moved_at,
        reason: "earlier".to_owned().into(),
        on_conflict: OnConflict::Continue,
        also_voids: Vec::new(),
    })
}

/// Small numbers from a seed (a linear congruential generator: Knuth's MMIX).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A history under way: what the next event may refer to.
#[derive(Default)]
pub(crate) struct History {
    customers: Vec<Uuid>,
    records: Vec<(Uuid, Uuid)>,
    erased: Vec<Uuid>,
    published: u32,
}

impl History {
    pub(crate) fn customers(&self) -> &[Uuid] {
        &self.customers
    }

    pub(crate) fn is_erased(&self, customer: Uuid) -> bool {
        self.erased.contains(&customer)
    }

    /// Appends one more event of any kind that the read models fold.
    pub(crate) async fn go_on(&mut self, world: &World, chance: &mut Chance) {
        let fresh = self.customers.len() < 3 || chance.below(15) == 0;
        if fresh {
            let customer = Uuid::from_u128(1_000 + self.customers.len() as u128);
            let (id, _) = world.register(customer, hour(chance.below(40) as i64)).await;
            self.customers.push(customer);
            self.records.push((customer, id));
            return;
        }
        let customer = self.customers[chance.below(self.customers.len())];
        if self.erased.contains(&customer) {
            return;
        }
        if chance.below(20) == 0 {
            world.publish(self.published + 1, chance.below(3) as u64 + 1).await;
            self.published += 1;
            return;
        }
        // Few instants, so that many are equal and many lie before what is known.
        let at = hour(chance.below(60) as i64);
        let stage = STAGES[chance.below(STAGES.len())];
        let (corrected, record) = self.records[chance.below(self.records.len())];
        let correctable = !self.erased.contains(&corrected);
        let (customer, event) = match chance.below(19) {
            0 if correctable => (corrected, void(record)),
            1 | 2 if correctable => (corrected, retarget(record, stage)),
            3 if correctable => (corrected, retime(record, at)),
            4 => (customer, inserted(stage, if chance.below(2) == 0 { vec![record] } else { Vec::new() })),
            5 => (customer, reactivated(stage)),
            6 => (customer, claimed()),
            7 => (customer, released()),
            8 => (customer, details(chance)),
            9 => (customer, followed_up(at)),
            10 if chance.below(4) == 0 => {
                (customer, CustomerEvent::Erased(Erased { ground: "request".into() }))
            }
            11 => (customer, moved_elsewhere(stage)),
            12 | 13 => (customer, migrated(STAGES[chance.below(STAGES.len())], stage)),
            14 => (customer, touched(chance)),
            15 => (customer, worked(chance, record, stage)),
            16 => (customer, bought(chance, record)),
            _ => (customer, moved(stage)),
        };
        if matches!(event, CustomerEvent::Erased(_)) {
            self.erased.push(customer);
        }
        let refers = event.event_type().starts_with("customer.move");
        let (id, _) = world.append(customer, at, event).await;
        if refers {
            self.records.push((customer, id));
        }
    }
}

fn inserted(to: &str, also_voids: Vec<Uuid>) -> CustomerEvent {
    CustomerEvent::MoveInserted(MoveInserted {
        journey: PIPELINE.to_owned(),
        pipeline_version: 2,
        corrects: None,
        cycle: 1,
        from: "new".to_owned(),
        to: to.to_owned(),
        sub_status: None,
        reason: "forgotten".to_owned().into(),
        on_conflict: OnConflict::Truncate,
        also_voids,
        evidence: Vec::new(),
    })
}

fn reactivated(to: &str) -> CustomerEvent {
    CustomerEvent::Reactivated(Reactivated {
        journey: PIPELINE.to_owned(),
        pipeline_version: 1,
        cycle: 2,
        from: "lost".to_owned(),
        to: to.to_owned(),
        reason: "called".to_owned().into(),
        evidence: Vec::new(),
    })
}

/// Something that a rule did.
fn worked(chance: &mut Chance, cause: Uuid, stage: &str) -> CustomerEvent {
    let (rule, text) = ("silent".to_owned(), Label::new("请联系", "Call"));
    match chance.below(4) {
        0 => CustomerEvent::AutomationRan(AutomationRan {
            rule,
            journey: PIPELINE.to_owned(),
            pipeline_version: 1,
            cause,
            due_at: hour(3),
            chain: Vec::new(),
        }),
        1 => CustomerEvent::TaskCreated(TaskCreated {
            task: "call".to_owned(),
            title: text,
            role: "rep".to_owned(),
            due_at: hour(9),
            rule,
            cause,
            journey: PIPELINE.to_owned(),
            stage: stage.to_owned(),
            process: None,
        }),
        2 => CustomerEvent::Reminded(Reminded {
            text,
            role: "rep".to_owned(),
            channels: vec![NotificationChannel::Workbench],
            rule,
            cause,
        }),
        _ => CustomerEvent::SubStatusSet(SubStatusSet {
            journey: PIPELINE.to_owned(),
            pipeline_version: 1,
            stage: stage.to_owned(),
            sub_status: "comparing".to_owned(),
            ..SubStatusSet::default()
        }),
    }
}

/// Another version with another label for anyone who is in a stage. It may concern nobody.
pub(crate) fn migrated(from: &str, to: &str) -> CustomerEvent {
    CustomerEvent::StageMigrated(StageMigrated {
        journey: PIPELINE.to_owned(),
        from_version: 1,
        pipeline_version: 3,
        from: from.to_owned(),
        to: to.to_owned(),
        sub_status: None,
        kind: waymark_domain::pipeline::version::MappingKind::Merge,
    })
}

fn moved_elsewhere(to: &str) -> CustomerEvent {
    let CustomerEvent::Moved(mut event) = moved(to) else { unreachable!("a move is a move") };
    event.journey = "service".to_owned();
    CustomerEvent::Moved(event)
}

pub(crate) fn claimed() -> CustomerEvent {
    CustomerEvent::Claimed(Claimed {
        rep: "li".to_owned(),
        pool: "customer_pool".to_owned(),
        quota_date: hour(0).date_naive(),
    })
}

fn released() -> CustomerEvent {
    CustomerEvent::Released(Released {
        rep: "li".to_owned(),
        pool: "customer_pool".to_owned(),
        reason: "no time".to_owned().into(),
    })
}

fn details(chance: &mut Chance) -> CustomerEvent {
    let tags = ["a", "b", "c"].into_iter().filter(|_| chance.below(2) == 0).map(str::to_owned).collect();
    let tiers = [None, Some("gold"), Some("silver")];
    CustomerEvent::DetailsChanged(DetailsChanged {
        name: Some(format!("Renamed {}", chance.below(100)).into()),
        tags: (chance.below(3) > 0).then_some(tags),
        tier: tiers[chance.below(3)].map(str::to_owned),
        cleared: (chance.below(4) == 0).then(|| "source".to_owned()).into_iter().collect(),
        profile: (chance.below(2) == 0).then(|| profile(chance)),
        ..DetailsChanged::default()
    })
}

/// What is set one time is taken away another.
fn profile(chance: &mut Chance) -> Profile {
    let day = hour(chance.below(1_000) as i64).date_naive();
    let cleared = if chance.below(3) == 0 { vec!["region".to_owned()] } else { Vec::new() };
    Profile {
        credit_code: Some("91330100799655058B".to_owned().into()),
        texts: PerField::of(|field| {
            (cleared.is_empty() && field == ProfileField::Region).then(|| "south".to_owned())
        }),
        postponed_until: Some(day),
        cleared,
        ..Profile::default()
    }
}

/// A purchase, the void of one, or points.
fn bought(chance: &mut Chance, record: Uuid) -> CustomerEvent {
    match chance.below(4) {
        0 => CustomerEvent::TransactionVoided(TransactionVoided {
            transaction: record,
            reason: "booked twice".to_owned().into(),
        }),
        1 => CustomerEvent::PointsRecorded(PointsRecorded {
            kind: PointsKind::Earned,
            points: 10,
            reward: None,
            referred: None,
            transaction: None,
            note: Some("spring".to_owned().into()),
        }),
        _ => CustomerEvent::TransactionRecorded(TransactionRecorded {
            kind: TransactionKind::ALL[chance.below(3)],
            reference: Some(format!("SO-{}", chance.below(50))),
            amount: Money {
                amount: chance.below(9).to_string().parse().unwrap(),
                currency: "CNY".to_owned(),
            },
            note: None,
        }),
    }
}

/// A lead that is a customer already, or a document of one.
fn touched(chance: &mut Chance) -> CustomerEvent {
    if chance.below(3) == 0 {
        return CustomerEvent::Distinguished(Distinguished {
            other: Uuid::from_u128(chance.below(9) as u128),
            reason: "two branches".to_owned().into(),
        });
    }
    if chance.below(2) == 0 {
        return CustomerEvent::LeadTouched(LeadTouched {
            source: Some("exhibition".to_owned()),
            channel: None,
            recognised_by: vec!["phone".to_owned()],
            note: Some("asked for a sample".to_owned().into()),
        });
    }
    CustomerEvent::DocumentAdded(DocumentAdded {
        document: Uuid::from_u128(chance.below(1_000) as u128),
        kind: "contract".to_owned(),
        name: Some("Contract".to_owned().into()),
        reference: "dms-17".to_owned().into(),
        sha256: "0f".repeat(32),
    })
}

pub(crate) fn followed_up(at: DateTime<Utc>) -> CustomerEvent {
    CustomerEvent::FollowedUp(FollowedUp {
        channel: "phone".to_owned(),
        summary: "spoke".to_owned().into(),
        goal_reached: None,
        content: None,
        next_plan: NextPlan { at, text: "call again".to_owned().into() },
    })
}

/// The customer's events as recorded, up to a position.
pub(crate) async fn events(world: &World, customer: Uuid, until: Position) -> Vec<Recorded<CustomerEvent>> {
    let mut events = Vec::new();
    for entry in world.store.read(TENANT, 0, 100_000).await.unwrap() {
        let envelope = entry.envelope().unwrap();
        if entry.position > until || envelope.subject != format!("customer/{customer}") {
            continue;
        }
        let data = to_raw_value(envelope.data).unwrap();
        let event = CustomerEvent::decode(&envelope.event_type, 1, &data).unwrap().unwrap();
        events.push(crate::log::decoded::recorded(&envelope, event));
    }
    events
}

impl Projections {
    /// One step of one read model.
    pub(crate) async fn step(&self, name: &str, limit: u32) -> Result<usize> {
        let model = self.models().into_iter().find(|model| model.name() == name).unwrap();
        let id = ProjectionId { tenant: TENANT, projection: model.name() };
        self.advance(&model, id, limit).await
    }

    /// Steps until the head, page by page.
    pub(crate) async fn steps(&self, name: &str, limit: u32) {
        while self.step(name, limit).await.unwrap() > 0 {}
    }

    pub(crate) async fn dumps(&self) -> Vec<Vec<String>> {
        let mut dumps = Vec::new();
        for name in MODELS {
            dumps.push(self.dump(TENANT, name).await.unwrap());
        }
        dumps
    }
}
