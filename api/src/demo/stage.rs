//! Where scenes are played: each becomes the command that the person would give.

use std::collections::HashMap;

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use waymark_domain::customer::automation_state::TaskState;
use waymark_domain::customer::command::{
    AddDocument, Amendment, ChangeDetails, Command, CompleteTask, Correct, Decision, FollowUp, NewProfile,
    Note, Override, Plan, Reactivate, Register, Release, Settle, SuppliedEvidence, Transition,
};
use waymark_domain::customer::event::{ContactKind, Money, OnConflict};
use waymark_domain::pipeline::{Pipeline, demanded_evidence};
use waymark_domain::{Actor, Owner, Role, customer::command::NewContact};
use waymark_eventstore::TenantId;

use super::story::{Act, PUT_OFF, Scene};
use super::{PIPELINE, cast};
use crate::app::{App, AppError, Caller, CommandAnswer, CommandMeta, CustomerCommand};
use crate::auth::store::hex;

/// What is known of a customer of the story.
#[derive(Default)]
struct StoryCustomer {
    id: Uuid,
    last_move: Option<Uuid>,
    request: Option<Uuid>,
}

/// Where scenes are played.
pub(super) struct Stage<'a> {
    app: &'a App,
    tenant: TenantId,
    pipeline: &'a Pipeline,
    customers: HashMap<u32, StoryCustomer>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(app: &'a App, tenant: TenantId, pipeline: &'a Pipeline) -> Self {
        Self { app, tenant, pipeline, customers: HashMap::new() }
    }

    /// How many customers there are.
    pub(super) fn customers(&self) -> usize {
        self.customers.len()
    }

    /// Plays a scene.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub(super) async fn play(&mut self, scene: &Scene) -> Result<(), AppError> {
        if let Act::Register { pooled } = scene.act {
            let id = self.register(scene, pooled).await?;
            self.customers.insert(scene.customer, StoryCustomer { id, ..StoryCustomer::default() });
            return Ok(());
        }
        // One whose registration was refused has no story.
        let Some(StoryCustomer { id, last_move, request }) = self.customers.get(&scene.customer) else {
            return Ok(());
        };
        let (id, last_move, request) = (*id, *last_move, *request);
        let answer = match scene.act {
            Act::Register { .. } => return Ok(()),
            Act::Decide { approve } => {
                let Some(request) = request else { return Ok(()) };
                self.lead(id, self.decision(scene, request, approve)).await?
            }
            Act::Correct { to } => {
                let Some(corrects) = last_move else { return Ok(()) };
                self.lead(id, self.correction(scene, corrects, to)).await?
            }
            Act::Override { to } => {
                let reason = self.say(cast::OVERRIDE, scene);
                let command = Override { to: to.to_owned(), reason, ..Override::default() };
                self.lead(id, Command::Override(command)).await?
            }
            Act::Reactivate { to } => {
                let reason = self.say(cast::REACTIVATE, scene);
                self.lead(
                    id,
                    Command::Reactivate(Reactivate { to: to.to_owned(), reason, ..Reactivate::default() }),
                )
                .await?
            }
            _ => self.by_rep(id, scene).await?,
        };
        self.note(scene.customer, &answer);
        Ok(())
    }

    /// What later scenes refer to.
    fn note(&mut self, customer: u32, answer: &CommandAnswer) {
        let Some(known) = self.customers.get_mut(&customer) else { return };
        for event in &answer.events {
            match event.event_type.as_str() {
                "customer.moved" | "customer.reactivated" => known.last_move = Some(event.id),
                "customer.transition_requested" => known.request = Some(event.id),
                _ => {}
            }
        }
    }

    /// What a rep does with a customer. One that its pool took back is claimed before, by a colleague of who had it.
    async fn by_rep(&self, id: Uuid, scene: &Scene) -> Result<CommandAnswer, AppError> {
        let customer = self.app.customer_state(&self.caller(cast::LEAD, Role::Manager), id).await?;
        let rep = match &customer.owner {
            Owner::Rep(rep) => rep.clone(),
            Owner::Pool(_) if scene.act == Act::Claim => scene.rep.to_owned(),
            Owner::Pool(_) => {
                let place = cast::REPS.iter().position(|rep| *rep == scene.rep).unwrap_or_default();
                let next = cast::REPS[(place + 1 + scene.dice as usize % 4) % cast::REPS.len()];
                self.rep(next, id, Command::Claim, None).await?;
                if !matches!(scene.act, Act::FollowUp { .. }) {
                    let first = self.follow_up(scene, scene.at + TimeDelta::days(2));
                    self.rep(next, id, first, None).await?;
                }
                next.to_owned()
            }
        };
        let (command, late) = match scene.act {
            Act::Move { to, late } => (self.transition(to, scene), late),
            Act::FollowUp { next } => (self.follow_up(scene, next), TimeDelta::zero()),
            Act::Claim => (Command::Claim, TimeDelta::zero()),
            Act::Release => {
                let reason = self.say(cast::RELEASE, scene);
                (Command::Release(Release { reason, ..Release::default() }), TimeDelta::zero())
            }
            _ => (Command::Note(Note { text: self.say(cast::NOTES, scene) }), TimeDelta::zero()),
        };
        let happened = (late > TimeDelta::zero()).then(|| scene.at - late);
        let answer = self.rep(&rep, id, command, happened).await?;
        if matches!(scene.act, Act::FollowUp { .. }) && !scene.dice.is_multiple_of(8) {
            self.complete_tasks(&rep, id).await?;
        }
        Ok(answer)
    }

    /// Ticks off what a rep had to do about a customer. What somebody else has to do stays as it is.
    async fn complete_tasks(&self, rep: &str, id: Uuid) -> Result<(), AppError> {
        let customer = self.app.customer_state(&self.caller(cast::LEAD, Role::Manager), id).await?;
        let tasks = customer.automation.tasks.iter();
        for (task, _) in tasks.filter(|(_, task)| task.state == TaskState::Open) {
            let command = Command::CompleteTask(CompleteTask { task: *task, note: None });
            match self.rep(rep, id, command, None).await {
                Ok(_) | Err(AppError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn rep(
        &self,
        rep: &str,
        id: Uuid,
        command: Command,
        happened: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<CommandAnswer, AppError> {
        let caller = self.caller(&format!("rep:{rep}"), Role::Rep);
        self.app.execute(&caller, &CommandMeta::default(), &CustomerCommand::on(id, command, happened)).await
    }

    async fn lead(&self, id: Uuid, command: Command) -> Result<CommandAnswer, AppError> {
        let caller = self.caller(cast::LEAD, Role::Manager);
        self.app.execute(&caller, &CommandMeta::default(), &CustomerCommand::on(id, command, None)).await
    }

    fn caller(&self, name: &str, role: Role) -> Caller {
        Caller {
            tenant: self.tenant,
            actor: Actor::new(name, [role]),
            via: None,
            origin: None,
            endpoint: None,
        }
    }

    async fn register(&self, scene: &Scene, pooled: bool) -> Result<Uuid, AppError> {
        let number = scene.customer;
        let register = Register {
            pipeline: PIPELINE.to_owned(),
            name: Some(cast::company(number)),
            external_id: Some(format!("DEMO-{number:04}")),
            source: Some(cast::pick(cast::SOURCES, scene.dice).to_owned()),
            channel: Some(cast::pick(cast::CHANNELS, scene.dice / 7).to_owned()),
            contacts: vec![NewContact {
                kind: ContactKind::Email,
                value: format!("customer{number}@example.com"),
            }],
            tier: Some(cast::pick(cast::TIERS, scene.dice / 11).to_owned()),
            amount: Some(Money {
                amount: (i64::from(scene.dice % 480) * 250 + 5_000).into(),
                currency: "CNY".to_owned(),
            }),
            owner: (!pooled).then(|| Owner::Rep(scene.rep.to_owned())),
            ..Register::default()
        };
        let id = (self.app.ids)();
        let command = CustomerCommand::register(id, register, None);
        let lead = self.caller(cast::LEAD, Role::Manager);
        self.app.execute(&lead, &CommandMeta::default(), &command).await?;
        Ok(id)
    }

    /// A move with everything that its stage asks for.
    fn transition(&self, to: &str, scene: &Scene) -> Command {
        let form = self.pipeline.stage(to).map(|stage| stage.entry_form.clone()).unwrap_or_default();
        let documents = demanded_evidence(form.evidence.iter()).into_iter().filter_map(|group| {
            let wanted = group.get(scene.dice as usize % group.len())?;
            let reference = format!("demo-document-{}", scene.dice);
            let sha256 = hex(&Sha256::digest(&reference));
            Some(AddDocument {
                id: (self.app.ids)(),
                kind: wanted.kind.clone(),
                name: None,
                reference,
                sha256,
            })
        });
        let reason = form.reasons.get(scene.dice as usize % form.reasons.len().max(1)).cloned();
        let put_off = form.fields.iter().any(|field| field == "postponed_until");
        let postponed_until = put_off.then(|| (scene.at + PUT_OFF).date_naive());
        let profile = NewProfile { postponed_until, ..NewProfile::default() };
        Command::Transition(Transition {
            to: to.to_owned(),
            reason,
            note: Some(self.say(cast::NOTES, scene)),
            next_step: Some(cast::say(cast::NEXT_STEPS, scene.customer, scene.dice / 3)),
            documents: documents.collect(),
            details: Box::new(ChangeDetails { profile, ..ChangeDetails::default() }),
            ..Transition::default()
        })
    }

    fn decision(&self, scene: &Scene, request: Uuid, approve: bool) -> Command {
        let (decision, words) =
            if approve { (Decision::Approve, cast::APPROVE) } else { (Decision::Reject, cast::REJECT) };
        Command::Settle(Settle { request, decision, note: Some(self.say(words, scene)), proposed: None })
    }

    fn correction(&self, scene: &Scene, corrects: Uuid, to: &str) -> Command {
        Command::Correct(Correct {
            corrects: Some(corrects),
            change: Amendment::Target { to: to.to_owned(), sub_status: None },
            reason: self.say(cast::CORRECT, scene),
            on_conflict: OnConflict::Reject,
            shown: SuppliedEvidence::default(),
        })
    }

    fn follow_up(&self, scene: &Scene, next: chrono::DateTime<chrono::Utc>) -> Command {
        Command::FollowUp(FollowUp {
            channel: cast::pick(&["phone", "wechat", "visit"], scene.dice).to_owned(),
            summary: self.say(cast::NOTES, scene),
            goal_reached: Some(!scene.dice.is_multiple_of(3)),
            content: None,
            next_plan: Some(Plan {
                at: next,
                text: cast::say(cast::NEXT_STEPS, scene.customer, scene.dice / 3),
            }),
        })
    }

    fn say(&self, words: cast::Words, scene: &Scene) -> String {
        cast::say(words, scene.customer, scene.dice / 5)
    }
}
