//! A fictitious year of a sales team, told through the same commands that people give.
//!
//! Nothing is written past the rules: every scene is a command with the clock set to its instant, so the log, its
//! two times and its proofs are those of a team that really worked for a year.

mod cast;
mod story;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::command::{
    Amendment, Command, Correct, FollowUp, Note, Plan, Reactivate, Register, Release, Transition,
};
use waymark_domain::customer::event::{ContactKind, Evidence, Money, OnConflict};
use waymark_domain::pipeline::{Pipeline, templates};
use waymark_domain::{Actor, Role};
use waymark_domain::{Owner, customer::command::NewContact};
use waymark_eventstore::{Clock, TenantId};

use crate::app::{App, AppError, Caller, CommandAnswer, CommandMeta, CustomerCommand};
use story::{Act, Customer, Scene};

/// The template that the team works with.
const TEMPLATE: &str = "helloword-13";
/// The key of its pipeline.
pub const PIPELINE: &str = "sales";

/// A clock that is set from scene to scene, and after the last one is that of the machine.
#[derive(Clone)]
pub struct StageClock(Arc<AtomicI64>);

/// What a stage clock holds once it follows the machine's.
const RELEASED: i64 = i64::MIN;

impl StageClock {
    /// A clock that stands at an instant.
    #[must_use]
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(instant.timestamp_micros())))
    }

    /// The clock as the service reads it; `after` is the clock that it follows once it is released.
    #[must_use]
    pub fn clock(&self, after: Clock) -> Clock {
        let micros = self.0.clone();
        Arc::new(move || match micros.load(Ordering::Relaxed) {
            RELEASED => after(),
            micros => DateTime::from_timestamp_micros(micros).unwrap_or_default(),
        })
    }

    /// Follows the other clock from now on.
    pub fn release(&self) {
        self.0.store(RELEASED, Ordering::Relaxed);
    }

    fn set(&self, instant: DateTime<Utc>) {
        self.0.store(instant.timestamp_micros(), Ordering::Relaxed);
    }
}

/// The year that is played: customers, and what is done with them in order of time.
pub struct Year {
    customers: Vec<Customer>,
    scenes: Vec<Scene>,
    /// When the first scene is played.
    pub begins: DateTime<Utc>,
}

impl Year {
    /// The year that ends at `until`, the same for the same end.
    #[must_use]
    pub fn ending(until: DateTime<Utc>) -> Self {
        let (customers, scenes) = story::year(until);
        let begins = scenes.first().map_or(until, |scene| scene.at);
        Self { customers, scenes, begins }
    }

    /// How many customers come in over the year.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.scenes.iter().filter(|scene| matches!(scene.act, Act::Register { .. })).count()
    }
}

/// What was played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Played {
    /// Customers registered.
    pub customers: u64,
    /// Commands accepted.
    pub accepted: u64,
    /// Commands that the rules refused, as they do in a real year (a fourth claim on one day, say).
    pub refused: u64,
}

/// Plays a year into an empty log.
///
/// # Errors
/// When the log cannot take it.
pub async fn play(
    app: &App,
    clock: &StageClock,
    tenant: TenantId,
    year: Year,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Played, AppError> {
    let Year { mut customers, scenes, begins } = year;
    let pipeline = template()?;
    let admin = caller(tenant, "admin:demo", Role::Admin);
    clock.set(begins);
    app.publish_pipeline(&admin, &CommandMeta::default(), pipeline.clone()).await?;
    let stage = Stage { app, tenant, pipeline: &pipeline };
    let mut played = Played::default();
    for (done, scene) in scenes.iter().enumerate() {
        clock.set(scene.at);
        match stage.play(scene, &mut customers[scene.customer]).await {
            Ok(()) => played.accepted += 1,
            Err(AppError::Refused(_)) => played.refused += 1,
            Err(error) => return Err(error),
        }
        progress(done as u64 + 1, scenes.len() as u64);
    }
    played.customers = customers.iter().filter(|customer| customer.id.is_some()).count() as u64;
    Ok(played)
}

/// The template as the demo's pipeline.
fn template() -> Result<Pipeline, AppError> {
    let template = templates().iter().find(|template| template.key == TEMPLATE);
    let template =
        template.ok_or_else(|| AppError::NotFound { what: "template", id: TEMPLATE.to_owned() })?;
    Ok(template.install(PIPELINE))
}

fn caller(tenant: TenantId, name: &str, role: Role) -> Caller {
    Caller { tenant, actor: Actor::new(name, [role]), via: None, origin: None }
}

/// Where scenes are played.
struct Stage<'a> {
    app: &'a App,
    tenant: TenantId,
    pipeline: &'a Pipeline,
}

impl Stage<'_> {
    async fn play(&self, scene: &Scene, customer: &mut Customer) -> Result<(), AppError> {
        let rep = caller(self.tenant, &format!("rep:{}", scene.rep), Role::Rep);
        let lead = caller(self.tenant, cast::LEAD, Role::Manager);
        let Some(id) = customer.id else {
            if let Act::Register { pooled } = scene.act {
                customer.id = self.register(&lead, scene, customer, pooled).await?;
            }
            return Ok(());
        };
        match &scene.act {
            Act::Register { .. } => {}
            Act::Move { to } => {
                let answer = self.command(&rep, id, self.transition(to, scene)).await?;
                customer.last_move = answer.events.first().map(|event| event.id);
            }
            Act::Correct { to } => {
                let Some(corrects) = customer.last_move else { return Ok(()) };
                self.command(&lead, id, correction(corrects, to)).await?;
            }
            Act::FollowUp => {
                self.command(&rep, id, follow_up(scene)).await?;
            }
            Act::Note => {
                let text = cast::pick(cast::NOTES, scene.dice).to_owned();
                self.command(&rep, id, Command::Note(Note { text })).await?;
            }
            Act::Claim => {
                self.command(&rep, id, Command::Claim).await?;
            }
            Act::Release => {
                let reason = "暂时跟进不过来 / no time for it now".to_owned();
                self.command(&rep, id, Command::Release(Release { reason, ..Release::default() })).await?;
            }
            Act::Reactivate { to } => {
                let reason = "客户主动回来询价 / came back asking for a quote".to_owned();
                let command = Command::Reactivate(Reactivate { to: (*to).to_owned(), reason });
                let answer = self.command(&lead, id, command).await?;
                customer.last_move = answer.events.first().map(|event| event.id);
            }
        }
        Ok(())
    }

    async fn command(&self, caller: &Caller, id: Uuid, command: Command) -> Result<CommandAnswer, AppError> {
        self.app.execute(caller, &CommandMeta::default(), &CustomerCommand::on(id, command, None)).await
    }

    async fn register(
        &self,
        lead: &Caller,
        scene: &Scene,
        customer: &Customer,
        pooled: bool,
    ) -> Result<Option<Uuid>, AppError> {
        let register = Register {
            pipeline: PIPELINE.to_owned(),
            name: Some(customer.name.clone()),
            external_id: Some(format!("DEMO-{:04}", customer.number)),
            source: Some(cast::pick(cast::SOURCES, scene.dice).to_owned()),
            channel: Some(cast::pick(cast::CHANNELS, scene.dice / 7).to_owned()),
            contacts: vec![NewContact {
                kind: ContactKind::Email,
                value: format!("customer{}@example.com", customer.number),
            }],
            tier: Some(cast::pick(cast::TIERS, scene.dice / 11).to_owned()),
            amount: Some(Money {
                amount: (i64::from(scene.dice % 480) * 250 + 5_000).into(),
                currency: "CNY".to_owned(),
            }),
            owner: (!pooled).then(|| Owner::Rep(scene.rep.to_owned())),
            ..Register::default()
        };
        let command = CustomerCommand::register((self.app.ids)(), register, None);
        let answer = self.app.execute(lead, &CommandMeta::default(), &command).await?;
        Ok(answer.resource.get("id").and_then(|id| id.as_str()?.parse().ok()))
    }

    /// A move with everything that its stage asks for.
    fn transition(&self, to: &str, scene: &Scene) -> Command {
        let form = self.pipeline.stage(to).map(|stage| stage.entry_form.clone()).unwrap_or_default();
        let evidence = form.evidence.iter().filter(|wanted| wanted.required).map(|wanted| Evidence {
            kind: wanted.kind.clone(),
            reference: format!("demo-document-{}", scene.dice),
            sha256: None,
        });
        let reason = form.reasons.get(scene.dice as usize % form.reasons.len().max(1)).cloned();
        Command::Transition(Transition {
            to: to.to_owned(),
            reason,
            note: Some(cast::pick(cast::NOTES, scene.dice).to_owned()),
            next_step: Some(cast::pick(cast::NEXT_STEPS, scene.dice / 3).to_owned()),
            evidence: evidence.collect(),
            ..Transition::default()
        })
    }
}

fn correction(corrects: Uuid, to: &str) -> Command {
    Command::Correct(Correct {
        corrects: Some(corrects),
        change: Amendment::Target { to: to.to_owned(), sub_status: None },
        reason: "点错了状态 / picked the wrong status".to_owned(),
        on_conflict: OnConflict::Reject,
    })
}

fn follow_up(scene: &Scene) -> Command {
    Command::FollowUp(FollowUp {
        channel: cast::pick(&["phone", "wechat", "visit"], scene.dice).to_owned(),
        summary: cast::pick(cast::NOTES, scene.dice / 5).to_owned(),
        goal_reached: Some(!scene.dice.is_multiple_of(3)),
        content: None,
        next_plan: Some(Plan {
            at: scene.at + chrono::TimeDelta::days(i64::from(scene.dice % 6) + 1),
            text: cast::pick(cast::NEXT_STEPS, scene.dice / 3).to_owned(),
        }),
    })
}
