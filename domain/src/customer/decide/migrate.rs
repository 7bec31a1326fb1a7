//! Another version of the pipeline took force: a customer gets its place in it. The stay continues under another
//! label; no transition rule is asked, no clock begins anew, and nothing counts as a move.
//!
//! It happens by itself, customer by customer, after a version took force. A command that comes first does it on the
//! way, so that every command is judged by the definition in force.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{NewEvent, guard};
use crate::customer::command::{Command, Correct, Migrate};
use crate::customer::event::{CustomerEvent, Recorded, StageMigrated};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::automation::Facts;
use crate::pipeline::version::{Landing, MappingKind, Versions};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, Pipeline};

/// A journey whose definition in force may not be the one that its last stay is of.
struct Situation<'a> {
    pipeline: &'a Pipeline,
    versions: &'a Versions,
    stay: &'a Stay,
}

impl<'a> Situation<'a> {
    fn of(customer: &'a Customer, journey: &str, context: &Context<'a>) -> Option<Self> {
        let (pipeline, versions) = (context.pipeline(journey)?, context.versions(journey)?);
        let stay = customer.journeys.current(journey)?;
        Some(Self { pipeline, versions, stay })
    }

    fn landing(&self, customer: &Customer, now: DateTime<Utc>) -> Landing {
        if self.stay.pipeline_version == self.pipeline.version {
            return Landing::Stays;
        }
        let facts = Facts {
            sub_status: self.stay.sub_status.as_deref(),
            tier: customer.tier.as_deref(),
            tags: &customer.tags,
            source: customer.source.as_deref(),
            channel: customer.channel.as_deref(),
            reason: None,
            owned: matches!(customer.owner, Owner::Rep(_)),
            next_contact_planned: customer.next_plan.as_ref().is_some_and(|plan| plan.at > now),
        };
        self.versions.landing(&self.stay.stage, self.stay.pipeline_version, self.pipeline.version, &facts)
    }

    /// The event that gives the stay its new label. It happened when the version took force, or when the stay
    /// began, where that was later.
    fn event(&self, to: String, sub_status: Option<String>, kind: MappingKind) -> NewEvent {
        let in_force_from = self.versions.version(self.pipeline.version).map(|known| known.in_force_from);
        let kept = || {
            let stage = self.pipeline.stage(&to)?;
            let held = self.stay.sub_status.as_ref()?;
            stage.sub_statuses.iter().any(|known| known.id == *held).then(|| held.clone())
        };
        let sub_status = sub_status.or_else(kept);
        let event = StageMigrated {
            journey: self.pipeline.key.clone(),
            from_version: self.stay.pipeline_version,
            pipeline_version: self.pipeline.version,
            from: self.stay.stage.clone(),
            to,
            sub_status,
            kind,
        };
        let effective_at = in_force_from.map_or(self.stay.entered_at, |at| at.max(self.stay.entered_at));
        NewEvent { event: CustomerEvent::StageMigrated(event), effective_at }
    }
}

/// A customer as it stands in the definition in force, with the event that brings it there where it needs one.
pub(in crate::customer) fn settled(
    customer: &Customer,
    journey: &str,
    context: &Context<'_>,
) -> Result<Option<(NewEvent, Customer)>, Refusal> {
    let Some(situation) = Situation::of(customer, journey, context) else { return Ok(None) };
    match situation.landing(customer, context.now) {
        Landing::Stays => Ok(None),
        Landing::Waits => Err(undecided(situation.pipeline, situation.stay)),
        Landing::Goes { to, sub_status, kind } => {
            let new = situation.event(to, sub_status, kind);
            let mut settled = customer.clone();
            settled.evolve(&Recorded {
                position: u64::MAX,
                id: Uuid::max(),
                effective_at: new.effective_at,
                recorded_at: context.now,
                actor: context.actor.name.clone(),
                origin: None,
                event: new.event.clone(),
            });
            Ok(Some((new, settled)))
        }
    }
}

/// A command that is judged by stages, decided on the customer as it stands in the definition in force: the
/// migration comes first, then what was asked for. None where the command can be decided as it is.
pub(super) fn first(
    customer: &Customer,
    command: &Command,
    context: &Context<'_>,
) -> Option<Result<Vec<NewEvent>, Refusal>> {
    let journey = match command {
        Command::Transition(command) => command.pipeline.as_deref().unwrap_or(customer.primary()),
        Command::Reactivate(_) => customer.primary(),
        Command::Correct(Correct { corrects, .. }) => {
            let named = corrects.and_then(|record| customer.journeys.journey_of(record));
            named.unwrap_or(customer.primary())
        }
        _ => return None,
    };
    if context.import || customer.erased {
        return None;
    }
    let (migration, settled) = match settled(customer, journey, context) {
        Ok(settled) => settled?,
        Err(refusal) => return Some(Err(refusal)),
    };
    let decided = super::decide(Some(&settled), command, context);
    Some(decided.map(|events| std::iter::once(migration).chain(events).collect()))
}

fn undecided(pipeline: &Pipeline, stay: &Stay) -> Refusal {
    let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    let message = Label::new(
        format!("第{}版没有状态“{}”，该客户的去向待选择。", pipeline.version, stay.stage),
        format!("It has to be chosen where {:?} leads in version {}.", stay.stage, pipeline.version),
    );
    let how_to_fix = Label::new(
        "请由主管用POST /v1/customers/{id}/migrations选择状态。",
        "Have a manager choose the stage with POST /v1/customers/{id}/migrations.",
    );
    let mut refusal = Refusal::from_code(Code::MigrationUndecided, "", message, how_to_fix);
    refusal.extra.insert("stages".to_owned(), stages.into());
    refusal
}

fn nothing_to_migrate(pipeline: &Pipeline) -> Violation {
    let version = pipeline.version;
    Violation::new(
        Code::NothingToMigrate,
        "",
        Label::new(
            format!("该客户已在第{version}版中。"),
            format!("The customer has its place in version {version} already."),
        ),
        Label::new("如需变更状态，请使用状态变更。", "To change its stage, move it."),
    )
}

pub(super) fn decide(
    customer: &Customer,
    command: &Migrate,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let journey = command.pipeline.as_deref().unwrap_or(customer.primary());
    let pipeline = guard::known_pipeline(context, journey)?;
    let nothing = || Refusal::unless_met([vec![nothing_to_migrate(pipeline)]]).map(|()| Vec::new());
    let Some(situation) = Situation::of(customer, journey, context) else { return nothing() };
    let landing = situation.landing(customer, context.now);
    let Some(to) = &command.to else {
        return match landing {
            Landing::Stays => nothing(),
            Landing::Waits => Err(undecided(pipeline, situation.stay)),
            Landing::Goes { to, sub_status, kind } => Ok(vec![situation.event(to, sub_status, kind)]),
        };
    };
    Refusal::unless_met([
        guard::supervises(context, "to"),
        require(landing == Landing::Waits, || nothing_to_migrate(pipeline)),
        guard::known_stage(pipeline, to, "to"),
    ])?;
    Ok(vec![situation.event(to.clone(), None, MappingKind::Manual)])
}
