//! Another version of the pipeline took force: a customer gets its place in it. The stay continues under another
//! label; no transition rule is evaluated, no clock restarts, and nothing counts as a move.
//!
//! It happens by itself, customer by customer, after a version took force. A command that comes first does it on the
//! way, so that every command is judged by the definition in force.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::{Command, Correct, Migrate};
use crate::customer::event::{CustomerEvent, Recorded, StageMigrated};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::automation::Facts;
use crate::pipeline::version::{MappedStage, MappingKind, Versions};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, Pipeline};

/// A journey whose definition in force may not be the one that its last stay is of.
struct JourneyStage<'a> {
    pipeline: &'a Pipeline,
    versions: &'a Versions,
    stay: &'a Stay,
}

impl<'a> JourneyStage<'a> {
    fn of(customer: &'a Customer, journey: &str, context: &Context<'a>) -> Option<Self> {
        let (pipeline, versions) = (context.pipeline(journey)?, context.versions(journey)?);
        let stay = customer.journeys.current(journey)?;
        Some(Self { pipeline, versions, stay })
    }

    fn mapped_stage(&self, customer: &Customer, now: DateTime<Utc>) -> MappedStage {
        if self.stay.pipeline_version == self.pipeline.version {
            return MappedStage::Unchanged;
        }
        let facts = facts(customer, self.stay.sub_status.as_deref(), now);
        self.versions.map_stage(&self.stay.stage, self.stay.pipeline_version, self.pipeline.version, &facts)
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

/// What the conditions of a map look at.
fn facts<'a>(customer: &'a Customer, sub_status: Option<&'a str>, now: DateTime<Utc>) -> Facts<'a> {
    Facts {
        sub_status,
        tier: customer.tier.as_deref(),
        tags: &customer.tags,
        source: customer.source.as_deref(),
        channel: customer.channel.as_deref(),
        reason: None,
        documents: Some(&customer.documents),
        transactions: customer.purchases.transactions(),
        satisfaction: customer.satisfaction,
        at: now,
        owned: matches!(customer.owner, Owner::Rep(_)),
        next_contact_planned: customer.next_plan.as_ref().is_some_and(|plan| plan.at > now),
    }
}

/// What a stage of one version is called in the definition in force; itself where that still has it, or where nothing leads from
/// the one to the other.
pub fn stage_in_force(
    customer: Option<&Customer>,
    stage: &str,
    version: u32,
    journey: &str,
    context: &Context<'_>,
) -> String {
    let there = || {
        let (pipeline, versions) = (context.pipeline(journey)?, context.versions(journey)?);
        let facts = facts(customer.filter(|_| pipeline.stage(stage).is_none())?, None, context.now);
        match versions.map_stage(stage, version, pipeline.version, &facts) {
            MappedStage::Moved { to, .. } => Some(to),
            MappedStage::Unchanged | MappedStage::Undecided => None,
        }
    };
    there().unwrap_or_else(|| stage.to_owned())
}

/// A customer as it stands in the definition in force, with the event that brings it there where it needs one.
pub(in crate::customer) fn settled(
    customer: &Customer,
    journey: &str,
    context: &Context<'_>,
) -> Result<Option<(NewEvent, Customer)>, Refusal> {
    let Some(current) = JourneyStage::of(customer, journey, context) else { return Ok(None) };
    match current.mapped_stage(customer, context.now) {
        MappedStage::Unchanged => Ok(None),
        MappedStage::Undecided => Err(undecided(current.pipeline, current.stay)),
        MappedStage::Moved { to, sub_status, kind } => {
            let new = current.event(to, sub_status, kind);
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

/// The journey whose stages a command is judged by; none where it can be decided whatever definition is in force.
fn judged_journey<'a>(customer: &'a Customer, command: &'a Command) -> Option<&'a str> {
    match command {
        Command::Transition(command) => Some(command.pipeline.as_deref().unwrap_or(customer.primary())),
        Command::Reactivate(_) | Command::Act(_) => Some(customer.primary()),
        Command::Correct(Correct { corrects, .. }) => {
            let named = corrects.and_then(|record| customer.journeys.journey_of(record));
            Some(named.unwrap_or(customer.primary()))
        }
        _ => None,
    }
}

/// The migration that has to come before a command that is judged by stages, and the customer as it stands afterwards.
/// None where the command can be decided as it is.
///
/// # Errors
/// The refusal, where somebody has to choose the stage first.
pub(super) fn before(
    customer: &Customer,
    command: &Command,
    context: &Context<'_>,
) -> Result<Option<(NewEvent, Customer)>, Refusal> {
    match judged_journey(customer, command) {
        Some(journey) if !context.import && !customer.is_gone() => settled(customer, journey, context),
        _ => Ok(None),
    }
}

fn undecided(pipeline: &Pipeline, stay: &Stay) -> Refusal {
    let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    let message = Label::new(
        format!("第{}版没有状态“{}”，该客户的去向待选择。", pipeline.version, stay.stage),
        format!(
            "The stage {:?} does not exist in version {}; the customer's new stage has to be chosen.",
            stay.stage, pipeline.version
        ),
    );
    let how_to_fix = Label::new(
        "请由主管用POST /v1/customers/{id}/migrations选择状态。",
        "Ask a supervisor to choose the stage with POST /v1/customers/{id}/migrations.",
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
            format!("The customer is already in version {version}."),
        ),
        Label::new("如需变更状态，请使用状态变更。", "To change the stage, use a transition."),
    )
}

pub(super) fn decide(
    customer: &Customer,
    command: &Migrate,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let journey = command.pipeline.as_deref().unwrap_or(customer.primary());
    let pipeline = guard::known_pipeline(context, journey)?;
    let nothing = || Refusal::require_all([vec![nothing_to_migrate(pipeline)]]).map(|()| Vec::new());
    let Some(current) = JourneyStage::of(customer, journey, context) else { return nothing() };
    let mapped = current.mapped_stage(customer, context.now);
    let Some(to) = &command.to else {
        return match mapped {
            MappedStage::Unchanged => nothing(),
            MappedStage::Undecided => Err(undecided(pipeline, current.stay)),
            MappedStage::Moved { to, sub_status, kind } => Ok(vec![current.event(to, sub_status, kind)]),
        };
    };
    Refusal::require_all([
        guard::supervises(context, "to"),
        require(mapped == MappedStage::Undecided, || nothing_to_migrate(pipeline)),
        guard::known_stage(pipeline, to, "to"),
    ])?;
    Ok(vec![current.event(to.clone(), None, MappingKind::Manual)])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::customer::command::{Amendment, Reactivate, SuppliedEvidence, Transition};
    use crate::customer::event::{OnConflict, Registered};
    use crate::pipeline::templates;
    use crate::pipeline::version::{Publication, StageMapping};

    use crate::customer::decide::spec::*;

    fn publication(pipeline: Pipeline, map: &serde_json::Value) -> Publication {
        let version = pipeline.version;
        Publication {
            pipeline: Arc::new(pipeline),
            base: version.checked_sub(1).filter(|base| *base > 0),
            map: StageMapping::parse_all(map).unwrap(),
            team: None,
            in_force_from: day(i64::from(version) - 1),
            event: Uuid::from_u128(version.into()),
            published_at: day(0),
            published_by: "manager:wang".to_owned(),
        }
    }

    /// helloword-13 without its postponed stage, in force from day 1, with a map.
    fn without_postponed(map: &serde_json::Value) -> Versions {
        let first = templates()[0].pipeline.clone();
        let mut second = Pipeline { version: 2, ..first.clone() };
        second.stages.retain(|stage| stage.id != "postponed");
        let mut versions = Versions::default();
        versions.add(publication(first, &json!([])));
        versions.add(publication(second, map));
        versions
    }

    fn retired() -> Versions {
        without_postponed(&json!([{"from": "postponed", "kind": "retire", "to": "contacted"}]))
    }

    fn postponed() -> Spec {
        given([registered_by_li(), moved("new_lead", "postponed")])
    }

    fn by_itself() -> Migrate {
        Migrate::default()
    }

    fn by_hand(to: &str) -> Migrate {
        Migrate { to: Some(to.to_owned()), ..Migrate::default() }
    }

    fn migrated(to: &str, kind: MappingKind) -> CustomerEvent {
        CustomerEvent::StageMigrated(StageMigrated {
            journey: "helloword-13".into(),
            from_version: 1,
            pipeline_version: 2,
            from: "postponed".into(),
            to: to.into(),
            sub_status: None,
            kind,
        })
    }

    #[test]
    fn a_customer_goes_where_the_map_says_when_the_version_took_force_or_its_stay_began() {
        let new = postponed().with_versions(retired()).when(by_itself()).event();
        assert_eq!(new.event, migrated("contacted", MappingKind::Retire));
        // The stay began on day 1, when the version took force.
        assert_eq!(new.effective_at, day(1));
    }

    #[test]
    fn a_migration_asks_no_rule_and_needs_no_owner_and_is_no_move() {
        let story =
            given([registered_by_li(), moved("new_lead", "postponed"), migrated("won", MappingKind::Retire)]);
        let customer = story.customer.unwrap();
        let stays = customer.journeys.stays("helloword-13");
        assert_eq!(stays.iter().map(|stay| stay.stage.as_str()).collect::<Vec<_>>(), ["new_lead", "won"]);
        let stay = &stays[1];
        assert_eq!((stay.entered_at, stay.entered_event, stay.pipeline_version), (day(1), event_id(2), 2));
        assert_eq!(customer.journeys.last_moved_at("helloword-13"), Some(day(1)));
    }

    #[test]
    fn who_has_a_place_in_the_version_in_force_is_left_alone() {
        given([registered_by_li()])
            .with_versions(retired())
            .when(by_itself())
            .refuses([Code::NothingToMigrate]);
        let done = given([
            registered_by_li(),
            moved("new_lead", "postponed"),
            migrated("contacted", MappingKind::Retire),
        ]);
        done.with_versions(retired()).when(by_itself()).refuses([Code::NothingToMigrate]);
    }

    #[test]
    fn a_command_that_comes_first_finds_the_customer_its_place_on_the_way() {
        let outcome = postponed().with_versions(retired()).when(to("need_confirmed"));
        let CustomerEvent::Moved(mut expected) = moved("contacted", "need_confirmed") else { panic!() };
        expected.pipeline_version = 2;
        outcome.then([migrated("contacted", MappingKind::Retire), CustomerEvent::Moved(expected)]);
    }

    #[test]
    fn a_command_is_judged_by_the_version_in_force_and_by_the_new_place() {
        // From postponed this was permitted, from contacted it is not.
        postponed().with_versions(retired()).when(to("negotiating")).refuses([Code::TransitionNotAllowed]);
        postponed().with_versions(retired()).when(to("postponed")).refuses([Code::UnknownStage]);
    }

    #[test]
    fn a_move_by_another_version_than_the_one_seen_is_refused() {
        let seen = |version| Transition { expected_pipeline_version: Some(version), ..to("contacted") };
        let refused = given([registered_by_li()]).with_versions(retired()).when(seen(1));
        assert_eq!(refused.refuses([Code::PipelineVersionChanged]).extra["current"], 2);
        drop(given([registered_by_li()]).with_versions(retired()).when(seen(2)).event());
    }

    #[test]
    fn what_the_map_does_not_decide_waits_for_a_manager() {
        let nothing_said = || postponed().with_versions(without_postponed(&json!([])));
        nothing_said().when(by_itself()).refuses([Code::MigrationUndecided]);
        nothing_said().when(to("contacted")).refuses([Code::MigrationUndecided]);
        nothing_said().when(by_hand("contacted")).refuses([Code::ForbiddenRole]);
        nothing_said().by(wang()).when(by_hand("nowhere")).refuses([Code::UnknownStage]);
        nothing_said()
            .by(wang())
            .when(by_hand("contacted"))
            .then([migrated("contacted", MappingKind::Manual)]);
        postponed()
            .with_versions(retired())
            .by(wang())
            .when(by_hand("contacted"))
            .refuses([Code::NothingToMigrate]);
    }

    #[test]
    fn a_split_looks_at_what_is_known_of_the_customer() {
        let map = json!([{"from": "postponed", "kind": "split", "into": [
            {"to": "negotiating", "when": {"tiers": ["A"]}}, {"to": "contacted", "when": {"owned": true}},
        ]}]);
        let tier = |tier: &str| {
            let registered = Registered {
                tier: Some(tier.to_owned()),
                owner: Owner::Rep("li".to_owned()),
                ..registered()
            };
            let story = given([CustomerEvent::Registered(registered), moved("new_lead", "postponed")]);
            story.with_versions(without_postponed(&map)).when(by_itself())
        };
        tier("A").then([migrated("negotiating", MappingKind::Split)]);
        tier("B").then([migrated("contacted", MappingKind::Split)]);
    }

    #[test]
    fn reactivations_and_corrections_find_the_place_first_too() {
        let lost = without_lost();
        let back = Reactivate { to: "new_lead".into(), reason: "called".into(), ..Reactivate::default() };
        let story = || given([registered_by_li(), moved("new_lead", "lost")]);
        // The lost stage became the postponed one, which nobody is reactivated from.
        story().with_versions(lost.clone()).when(back).refuses([Code::NotReactivatable]);
        let void = Correct {
            corrects: Some(event_id(2)),
            change: Amendment::Void,
            reason: "a mistake".into(),
            on_conflict: OnConflict::Reject,
            shown: SuppliedEvidence::default(),
        };
        let events = story().with_versions(lost).when(void);
        let [first, second] = events_of(events);
        assert!(matches!(first, CustomerEvent::StageMigrated(_)), "{first:?}");
        assert!(matches!(second, CustomerEvent::MoveVoided(_)), "{second:?}");
    }

    #[test]
    fn a_stage_corrected_under_the_version_in_force_is_not_mapped_again() {
        let first = templates()[0].pipeline.clone();
        let second = Pipeline { version: 2, ..first.clone() };
        let map = json!([{"from": "contacted", "kind": "split", "into": [{"to": "proposal"}]}]);
        let mut versions = Versions::default();
        versions.add(publication(first, &json!([])));
        versions.add(publication(second, &map));
        let story = || given([registered_by_li(), moved("new_lead", "need_confirmed")]);
        let right = Correct {
            corrects: Some(event_id(2)),
            change: Amendment::Target { to: "contacted".into(), sub_status: None },
            reason: "meant the other".into(),
            on_conflict: OnConflict::Reject,
            shown: SuppliedEvidence::default(),
        };
        let corrected = story().with_versions(versions.clone()).when(right).event().event;
        let CustomerEvent::MoveTargetCorrected(said) = &corrected else { panic!("{corrected:?}") };
        assert_eq!(said.pipeline_version, Some(2));
        let after = given([registered_by_li(), moved("new_lead", "need_confirmed"), corrected]);
        after.with_versions(versions).when(by_itself()).refuses([Code::NothingToMigrate]);
    }

    fn without_lost() -> Versions {
        let first = templates()[0].pipeline.clone();
        let mut second = Pipeline { version: 2, ..first.clone() };
        second.stages.retain(|stage| stage.id != "lost");
        let mut versions = Versions::default();
        versions.add(publication(first, &json!([])));
        versions.add(publication(second, &json!([{"from": "lost", "kind": "merge", "to": "postponed"}])));
        versions
    }

    fn events_of(outcome: Outcome) -> [CustomerEvent; 2] {
        let events: Vec<CustomerEvent> = outcome.events().into_iter().map(|new| new.event).collect();
        events.try_into().expect("two events")
    }
}
