//! Another sub-status within the stage that the customer is in: guarded like a move, but no stay begins.

use crate::customer::command::{NewProfile, Transition};
use crate::customer::decide::guard;
use crate::customer::decide::new_event::NewEvent;
use crate::customer::decide::proof::{Proof, without_evidence};
use crate::customer::event::{CustomerEvent, SubStatusSet};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::Stage;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal, Pipeline};

/// The stay and its stage, where the command asks for another sub-status of it and for nothing else.
pub(super) fn stay_of<'a>(
    pipeline: &'a Pipeline,
    from: Option<&'a Stay>,
    command: &Transition,
) -> Option<(&'a Stay, &'a Stage)> {
    let from = from.filter(|from| from.stage == command.to && command.sub_status.is_some())?;
    let other = from.sub_status != command.sub_status;
    pipeline.stage(&command.to).filter(|_| other).map(|stage| (from, stage))
}

/// What the sub-status asks to be shown. What its stage asked for was asked when the stage was entered.
fn shown(stage: &Stage, command: &Transition, context: &Context<'_>) -> Vec<Violation> {
    let kinds = stage.finer_evidence(command.sub_status.as_deref());
    if context.import { Vec::new() } else { without_evidence(kinds, &command.evidence) }
}

/// Facts of a deal belong to the moves that open and close it.
fn says_nothing_of_the_deal(said: &NewProfile) -> Vec<Violation> {
    let said =
        [("postponed_until", said.postponed_until.is_some()), ("won_amount", said.won_amount.is_some())];
    let misplaced = |field| {
        Violation::new(
            Code::InvalidValue,
            field,
            Label::new("变更子状态时不能填写此项。", "This cannot be set together with a sub-status alone."),
            Label::new("请在客户资料中修改。", "Change it in the customer's details."),
        )
    };
    said.into_iter().flat_map(|(field, said)| require(!said, || misplaced(field))).collect()
}

pub(super) fn decide(
    customer: &Customer,
    pipeline: &Pipeline,
    (from, stage): (&Stay, &Stage),
    command: &Transition,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let effective_at = guard::instant(context, Some(from));
    let sub_status = command.sub_status.as_deref();
    let proof = Proof::of(Some(customer), (Some(stage), sub_status), &command.evidence, &command.documents);
    let proof = proof.with_transactions(&pipeline.key, Some(from), stage.finer_evidence(sub_status));
    let command = &Transition { evidence: proof.evidence.clone(), ..command.clone() };
    Refusal::require_all([
        super::expected_version(pipeline, command),
        super::not_before_a_later_move(customer, &pipeline.key, effective_at, context),
        guard::may_work(customer, context),
        guard::effective(customer, context),
        super::backdated_with_a_reason(command, context),
        guard::known_sub_status(Some(stage), command.sub_status.as_deref()),
        shown(stage, command, context),
        proof.well_formed(),
        proof.on_record(context),
        super::brought::well_formed(customer, command, context),
        guard::optional_text("reason", command.reason.as_deref()),
        guard::optional_text("note", command.note.as_deref()),
        guard::optional_text("next_step", command.next_step.as_deref()),
        says_nothing_of_the_deal(&command.details.profile),
    ])?;
    let at = |event| NewEvent { event, effective_at };
    let brought = super::brought::events(command, (*command.details).clone(), context).into_iter().map(at);
    let command = command.clone();
    let (reason, reason_text) = super::code_or_words(pipeline, command.reason);
    let event = CustomerEvent::SubStatusSet(SubStatusSet {
        journey: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        stage: stage.id.clone(),
        sub_status: command.sub_status.unwrap_or_default(),
        from: from.sub_status.clone(),
        reason,
        reason_text,
        note: command.note.map(Personal::from),
        next_step: command.next_step.map(Personal::from),
        evidence: command.evidence,
    });
    Ok(std::iter::once(at(event)).chain(brought).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Owner;
    use crate::customer::command::AddDocument;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Evidence, Registered};

    fn contacted() -> CustomerEvent {
        let (pipeline, stage) = ("bajun-5".to_owned(), "potential".to_owned());
        CustomerEvent::Registered(Registered {
            pipeline,
            stage,
            owner: Owner::Rep("li".into()),
            ..registered()
        })
    }

    fn within(sub_status: &str) -> Transition {
        Transition { sub_status: Some(sub_status.to_owned()), ..to("potential") }
    }

    #[test]
    fn another_sub_status_begins_no_stay_and_says_what_it_was_before() {
        let first = given([contacted()]).when(within("contacted")).event();
        let CustomerEvent::SubStatusSet(set) = &first.event else { panic!("{first:?}") };
        assert_eq!((set.from.as_deref(), set.sub_status.as_str()), (None, "contacted"));
        let story = given([contacted(), first.event.clone()]);
        let stays = story.customer.as_ref().unwrap().journeys.stays("bajun-5").to_vec();
        assert_eq!((stays.len(), stays[0].sub_status.as_deref()), (1, Some("contacted")));
        assert_eq!(stays[0].entered_at, day(0));
        let CustomerEvent::SubStatusSet(set) = story.when(within("not_contacted")).event().event else {
            panic!()
        };
        assert_eq!(set.from.as_deref(), Some("contacted"));
    }

    #[test]
    fn the_same_again_or_none_is_refused_as_before() {
        let set = given([contacted()]).when(within("contacted")).event().event;
        given([contacted(), set.clone()]).when(within("contacted")).refuses([Code::AlreadyInStage]);
        given([contacted(), set]).when(to("potential")).refuses([Code::AlreadyInStage]);
    }

    #[test]
    fn it_is_guarded_like_a_move() {
        given([contacted()]).by(zhao()).when(within("contacted")).refuses([Code::NotOwner]);
        given([contacted()]).when(within("nowhere")).refuses([Code::UnknownSubStatus]);
        given([contacted()])
            .effective(day(5))
            .when(within("contacted"))
            .refuses([Code::BackdateReasonRequired]);
        let explained = Transition { note: Some("she rang".to_owned()), ..within("contacted") };
        given([contacted()]).effective(day(5)).when(explained.clone()).event();
        let early = given([contacted()]).effective(day(0) - chrono::TimeDelta::days(1));
        early.by(root()).when(explained).refuses([Code::EffectiveBeforeCreation]);
        let stale = Transition { expected_pipeline_version: Some(7), ..within("contacted") };
        given([contacted()]).when(stale).refuses([Code::PipelineVersionChanged]);
    }

    #[test]
    fn what_a_sub_status_asks_for_is_shown() {
        let landian = || {
            let (pipeline, stage) = ("landian-6".to_owned(), "need_confirmed".to_owned());
            let owner = Owner::Rep("li".into());
            CustomerEvent::Registered(Registered { pipeline, stage, owner, ..registered() })
        };
        let interested = Transition { sub_status: Some("interested".into()), ..to("need_confirmed") };
        let refusal = given([landian()]).when(interested.clone()).refuses([Code::EvidenceRequired]);
        let kind = refusal.violations[0].data["kind"].as_str().unwrap().to_owned();
        let said = vec![Evidence { kind: kind.clone(), reference: "dms-1".into(), sha256: None }];
        let hearsay = Transition { evidence: said, ..interested.clone() };
        given([landian()]).when(hearsay).refuses([Code::UnknownEvidence]);
        let documents = vec![AddDocument {
            kind,
            reference: "dms-1".into(),
            sha256: "0f".repeat(32),
            ..AddDocument::default()
        }];
        let [set, added] = given([landian()]).when(Transition { documents, ..interested }).both();
        assert!(matches!(set, CustomerEvent::SubStatusSet(set) if set.evidence.len() == 1));
        assert!(matches!(added, CustomerEvent::DocumentAdded(_)));
    }
}
