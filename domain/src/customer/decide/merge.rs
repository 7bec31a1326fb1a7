//! Two customers turn out to be one, and perhaps two again.
//!
//! A merge is told in both streams at once, and neither is rewritten. The absorbed one takes no more commands; its
//! cycles end unfinished, which is not lost. The survivor's stage is found by a policy, and where that gives it
//! another one, a move says so.

use std::cmp::Reverse;

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::{Merge, Unmerge};
use crate::customer::event::{
    Absorbed, ClaimHistory, CustomerEvent, MergedInto, Moved, Reactivated, StagePolicy, Unmerged,
};
use crate::customer::known::CustomerDetails;
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::StageType;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal, Pipeline};

/// What is recorded of two customers at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairEvents {
    /// In the stream of the one that was asked: of a merge the survivor.
    pub one: Vec<NewEvent>,
    /// In the other one's: of a merge the absorbed.
    pub other: Vec<NewEvent>,
}

/// Somebody's own two customers, or any two for those who lead.
pub(super) fn may_join(survivor: &Customer, absorbed: &Customer, context: &Context<'_>) -> Vec<Violation> {
    if survivor.owner == absorbed.owner {
        return guard::may_work(survivor, context);
    }
    require(context.actor.supervises(), || Violation {
        field: "absorbed".to_owned(),
        ..guard::forbidden_role(
            Label::new(
                "两个客户的归属不同，需由主管处理。",
                "The two customers have different owners; a supervisor must handle this.",
            ),
            Label::new("请由主管处理。", "Ask a supervisor."),
        )
    })
}

pub(super) fn two_customers(survivor: &Customer, absorbed: &Customer) -> Vec<Violation> {
    require(survivor.id != absorbed.id, || {
        Violation::new(
            Code::SameCustomer,
            "absorbed",
            Label::new("不能选择同一个客户。", "A customer cannot be paired with itself."),
            Label::new("请填写另一个客户的编号。", "Enter another customer's ID."),
        )
    })
}

/// The violations of a guard, reported for the other customer.
pub(super) fn of_the_other(violations: Vec<Violation>) -> Vec<Violation> {
    violations.into_iter().map(|one| Violation { field: "absorbed".to_owned(), ..one }).collect()
}

/// Decides a merge: what was known of the absorbed alone, and what was agreed with it first, is the survivor's from now on.
/// `known` is what is known of the two, the survivor first.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn merge(
    survivor: &Customer,
    absorbed: &Customer,
    known: (&CustomerDetails, &CustomerDetails),
    command: &Merge,
    context: &Context<'_>,
) -> Result<PairEvents, Refusal> {
    Refusal::require_all([
        guard::still_exists(survivor),
        guard::not_merged(survivor),
        of_the_other(guard::still_exists(absorbed)),
        of_the_other(guard::not_merged(absorbed)),
        two_customers(survivor, absorbed),
        may_join(survivor, absorbed, context),
        guard::optional_text("reason", command.reason.as_deref()),
    ])?;
    let told = CustomerEvent::Absorbed(Absorbed {
        absorbed: absorbed.id,
        stage_policy: command.stage_policy,
        reason: command.reason.clone().map(Personal::Clear),
        details: known.0.filled_from(known.1),
        next_plan: known.0.earlier_plan(known.1),
        carried_over: absorbed.purchases.carried_over(),
        claim_history: Some(absorbed.automation.claim_history())
            .filter(|history| *history != ClaimHistory::default()),
    });
    let at = |event| NewEvent { event, effective_at: context.now };
    let mut events = vec![at(told)];
    events.extend(moves(survivor, absorbed, command.stage_policy, context));
    let ended = MergedInto { survivor: survivor.id, stage_policy: command.stage_policy };
    Ok(PairEvents { one: events, other: vec![at(CustomerEvent::MergedInto(ended))] })
}

/// The moves that give the survivor the stages of the policy. The survivor's own journey comes last, so that it
/// stays the one that the customer is in.
fn moves(
    survivor: &Customer,
    absorbed: &Customer,
    policy: StagePolicy,
    context: &Context<'_>,
) -> Vec<NewEvent> {
    if policy == StagePolicy::Survivor {
        return Vec::new();
    }
    let mut journeys: Vec<&str> = absorbed.journeys.keys().collect();
    journeys.sort_by_key(|journey| *journey == survivor.primary());
    journeys
        .into_iter()
        .filter_map(|journey| {
            let theirs = absorbed.journeys.current(journey)?;
            let ours = survivor.journeys.current(journey);
            let pipeline = context.pipeline(journey);
            let wanted = match ours {
                None => true,
                Some(ours) if ours.stage == theirs.stage => false,
                Some(ours) if policy == StagePolicy::LatestEffective => theirs.entered_at > ours.entered_at,
                Some(ours) => rank(pipeline, theirs) > rank(pipeline, ours),
            };
            wanted.then(|| entry(journey, pipeline, ours, theirs, context))
        })
        .collect()
}

/// How far on a stay is: first whether it is on the way at all, then its place in the pipeline's order.
fn rank(pipeline: Option<&Pipeline>, stay: &Stay) -> (bool, Reverse<bool>, usize) {
    let place = pipeline.and_then(|pipeline| pipeline.stages.iter().position(|stage| stage.id == stay.stage));
    let kind = pipeline.and_then(|pipeline| pipeline.stage(&stay.stage)).map(|stage| stage.kind);
    let on_the_way = kind.is_none_or(StageType::leads_on);
    (on_the_way, Reverse(place.is_none()), place.unwrap_or_default())
}

fn entry(
    journey: &str,
    pipeline: Option<&Pipeline>,
    ours: Option<&Stay>,
    theirs: &Stay,
    context: &Context<'_>,
) -> NewEvent {
    let pipeline_version = pipeline.map_or(1, |pipeline| pipeline.version);
    let rested = |stay: &&Stay| {
        let stage = pipeline.and_then(|pipeline| pipeline.stage(&stay.stage));
        stage.is_some_and(|stage| stage.kind.is_reactivatable())
    };
    let event = match ours.filter(rested) {
        Some(ours) => CustomerEvent::Reactivated(Reactivated {
            journey: journey.to_owned(),
            pipeline_version,
            cycle: ours.cycle + 1,
            from: ours.stage.clone(),
            to: theirs.stage.clone(),
            reason: Personal::Clear("merge".to_owned()),
            evidence: Vec::new(),
        }),
        None => CustomerEvent::Moved(Moved {
            journey: journey.to_owned(),
            pipeline_version,
            cycle: ours.map_or(1, |ours| ours.cycle),
            from: ours.map(|ours| ours.stage.clone()),
            to: theirs.stage.clone(),
            sub_status: theirs.sub_status.clone(),
            direction: ours.and_then(|ours| pipeline?.direction(&ours.stage, &theirs.stage)),
            reason: None,
            reason_text: Some(Personal::Clear("merge".to_owned())),
            note: None,
            next_step: None,
            evidence: Vec::new(),
            approval: None,
            overrides: Vec::new(),
            text: None,
        }),
    };
    NewEvent { event, effective_at: guard::instant(context, ours) }
}

/// Decides the undoing of a merge: what the absorbed is recognised by is its own again; whatever else the survivor took over
/// stays with it. `known` is what is known of the two, the survivor first.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn unmerge(
    survivor: &Customer,
    absorbed: &Customer,
    known: (&CustomerDetails, &CustomerDetails),
    command: &Unmerge,
    context: &Context<'_>,
) -> Result<PairEvents, Refusal> {
    let merged = absorbed.merged_into == Some(survivor.id);
    Refusal::require_all([
        guard::still_exists(survivor),
        guard::not_merged(survivor),
        of_the_other(guard::still_exists(absorbed)),
        require(merged, || {
            Violation::new(
                Code::NotMerged,
                "absorbed",
                Label::new("该客户没有合并到此客户。", "That customer has not been merged into this one."),
                Label::new("请检查两个客户的编号。", "Check both customer IDs."),
            )
        }),
        may_join(survivor, absorbed, context),
        guard::text("reason", &command.reason),
    ])?;
    let event = CustomerEvent::Unmerged(Unmerged {
        survivor: survivor.id,
        absorbed: absorbed.id,
        reason: Personal::Clear(command.reason.clone()),
        points_kept: survivor.purchases.spent_of(absorbed.id),
    });
    let at = |event| NewEvent { event, effective_at: context.now };
    let given_back = known.0.without_keys_of(known.1).map(CustomerEvent::DetailsChanged).map(at);
    let one = std::iter::once(at(event.clone())).chain(given_back).collect();
    Ok(PairEvents { one, other: vec![at(event)] })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Actor;
    use crate::customer::Command;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Claimed, Erased, NextPlan, Released};

    /// Nothing is known of either.
    fn nothing() -> (&'static CustomerDetails, &'static CustomerDetails) {
        static NOTHING: std::sync::LazyLock<CustomerDetails> =
            std::sync::LazyLock::new(CustomerDetails::default);
        (&NOTHING, &NOTHING)
    }

    fn with(stage_policy: StagePolicy) -> Merge {
        Merge { absorbed: OTHER, stage_policy, reason: None }
    }

    #[track_caller]
    fn merged(ours: &Spec, theirs: &Customer, policy: StagePolicy) -> Vec<CustomerEvent> {
        let survivor = ours.customer.clone().unwrap();
        let events = merge(&survivor, theirs, nothing(), &with(policy), &ours.context()).unwrap();
        assert_eq!(events.other.len(), 1);
        assert!(matches!(&events.other[0].event, CustomerEvent::MergedInto(e) if e.survivor == survivor.id));
        events.one.into_iter().map(|new| new.event).collect()
    }

    fn refused(ours: &Spec, theirs: &Customer) -> Vec<String> {
        let survivor = ours.customer.clone().unwrap();
        let command = with(StagePolicy::Survivor);
        let refusal = merge(&survivor, theirs, nothing(), &command, &ours.context()).unwrap_err();
        refusal.violations.iter().map(|violation| violation.code.to_string()).collect()
    }

    fn by(actor: Actor) -> Spec {
        given([registered_by_li()]).by(actor)
    }

    fn entered(events: &[CustomerEvent]) -> Option<(&str, u32)> {
        events.iter().find_map(|event| match event {
            CustomerEvent::Moved(moved) => Some((moved.to.as_str(), moved.cycle)),
            CustomerEvent::Reactivated(back) => Some((back.to.as_str(), back.cycle)),
            _ => None,
        })
    }

    #[test]
    fn the_survivor_stays_where_it_stands_unless_the_policy_says_otherwise() {
        let further = other("li", [moved("new_lead", "contacted"), moved("contacted", "need_confirmed")]);
        let story = || by(li()).at(day(10));
        assert_eq!(entered(&merged(&story(), &further, StagePolicy::Survivor)), None);
        assert_eq!(entered(&merged(&story(), &further, StagePolicy::Furthest)), Some(("need_confirmed", 1)));
        assert_eq!(
            entered(&merged(&story(), &further, StagePolicy::LatestEffective)),
            Some(("need_confirmed", 1))
        );
    }

    #[test]
    fn what_is_lost_is_behind_what_is_not() {
        let lost = other("li", [moved("new_lead", "lost")]);
        assert_eq!(entered(&merged(&by(li()), &lost, StagePolicy::Furthest)), None);
        assert_eq!(entered(&merged(&by(li()), &lost, StagePolicy::LatestEffective)), Some(("lost", 1)));
        let ours = given([registered_by_li(), moved("new_lead", "lost")]);
        let open = other("li", [moved("new_lead", "contacted")]);
        assert_eq!(entered(&merged(&ours, &open, StagePolicy::Furthest)), Some(("contacted", 2)));
    }

    #[test]
    fn a_journey_that_only_the_absorbed_had_goes_on_and_the_own_one_stays_primary() {
        let first = Moved {
            journey: "landian-6".to_owned(),
            from: None,
            to: "first_contact".to_owned(),
            ..match moved("new_lead", "contacted") {
                CustomerEvent::Moved(moved) => moved,
                event => panic!("{event:?}"),
            }
        };
        let theirs = other("li", [moved("new_lead", "contacted"), CustomerEvent::Moved(first)]);
        let events = merged(&by(li()), &theirs, StagePolicy::Furthest);
        assert_eq!(events.len(), 3);
        let survivor = given([registered_by_li()].into_iter().chain(events)).customer.unwrap();
        assert_eq!(survivor.primary(), "helloword-13");
        assert_eq!(survivor.journeys.current("landian-6").unwrap().stage, "first_contact");
    }

    #[test]
    fn what_was_known_and_agreed_of_one_alone_is_the_survivors_from_then_on() {
        let plan = NextPlan { at: day(12), text: Personal::Clear("ring back".to_owned()) };
        let tags = vec!["vip".to_owned()];
        let theirs = CustomerDetails {
            tier: Some("A".to_owned()),
            tags,
            next_plan: Some(plan.clone()),
            ..CustomerDetails::default()
        };
        let (ours, absorbed) = (by(li()), other("li", []));
        let survivor = ours.customer.clone().unwrap();
        let known = (&CustomerDetails::default(), &theirs);
        let events =
            merge(&survivor, &absorbed, known, &with(StagePolicy::Survivor), &ours.context()).unwrap();
        let after = given([registered_by_li(), events.one[0].event.clone()]).customer.unwrap();
        assert_eq!((after.tier.as_deref(), after.next_plan), (Some("A"), Some(plan)));
        assert_eq!(after.tags, ["vip"]);
    }

    #[test]
    fn who_may_not_claim_the_absorbed_again_may_not_claim_the_survivor_either() {
        let pool = || "customer_pool".to_owned();
        let quota_date = day(1).date_naive();
        let claim = || CustomerEvent::Claimed(Claimed { rep: "li".to_owned(), pool: pool(), quota_date });
        let release = || {
            let (rep, reason) = ("li".to_owned(), Personal::Sealed);
            CustomerEvent::Released(Released { rep, pool: pool(), reason })
        };
        let taken_in = |theirs: &Customer| {
            let told = merged(&given([in_the_pool()]).by(wang()), theirs, StagePolicy::Survivor);
            given([in_the_pool()].into_iter().chain(told))
        };
        let once = other("li", [release(), claim(), release()]);
        taken_in(&once).at(day(9)).when(Command::Claim).refuses([Code::ClaimBlocked]);
        taken_in(&once).at(day(9)).by(zhao()).when(Command::Claim).event();
        taken_in(&once).at(day(20)).when(Command::Claim).event();
        let twice = other("li", [release(), claim(), release(), claim(), release()]);
        taken_in(&twice).at(day(20)).when(Command::Claim).refuses([Code::ClaimRepeated]);
        // Through another merge, and back again, it is the same history.
        let told = merged(&given([in_the_pool()]).by(wang()), &twice, StagePolicy::Survivor);
        let through = other("li", [release()].into_iter().chain(told));
        assert_eq!(through.automation.claim_history().claims, twice.automation.claim_history().claims);
    }

    #[test]
    fn customers_of_different_owners_are_merged_by_a_manager_only() {
        assert_eq!(refused(&by(li()), &other("zhao", [])), ["forbidden-role"]);
        assert_eq!(refused(&by(zhao()), &other("li", [])), ["not-owner"]);
        merged(&by(wang()), &other("zhao", []), StagePolicy::Survivor);
        merged(&by(li()), &other("li", []), StagePolicy::Survivor);
    }

    #[test]
    fn nobody_is_merged_with_itself_or_twice_or_after_an_erasure() {
        let own = given([registered_by_li()]).customer.unwrap();
        assert_eq!(refused(&by(li()), &own), ["same-customer"]);
        let gone = MergedInto { survivor: Uuid::from_u128(7), stage_policy: StagePolicy::Survivor };
        assert_eq!(refused(&by(li()), &other("li", [CustomerEvent::MergedInto(gone)])), ["merged"]);
        let erased = CustomerEvent::Erased(Erased { ground: "request".to_owned() });
        assert_eq!(refused(&by(li()), &other("li", [erased])), ["customer-erased"]);
    }

    #[test]
    fn a_merged_customer_takes_no_commands_and_names_its_survivor() {
        let survivor = Uuid::from_u128(7);
        let gone = MergedInto { survivor, stage_policy: StagePolicy::Survivor };
        let story = given([registered_by_li(), CustomerEvent::MergedInto(gone)]);
        let refusal = story.when(to("contacted")).refuses([Code::Merged]);
        assert_eq!(refusal.extra["merged_into"], survivor.to_string());
    }

    #[test]
    fn an_unmerged_customer_goes_on_where_it_stood() {
        let back = Unmerge { absorbed: OTHER, reason: "two brothers".to_owned() };
        let theirs = other("li", [moved("new_lead", "contacted")]);
        let refusal =
            unmerge(&by(li()).customer.unwrap(), &theirs, nothing(), &back, &by(li()).context()).unwrap_err();
        assert_eq!(refusal.code, "not-merged");

        let gone = MergedInto { survivor: customer_id(), stage_policy: StagePolicy::Survivor };
        let gone = [moved("new_lead", "contacted"), CustomerEvent::MergedInto(gone)];
        let theirs = other("li", gone.clone());
        let events =
            unmerge(&by(li()).customer.unwrap(), &theirs, nothing(), &back, &by(li()).context()).unwrap();
        assert_eq!(events.one, events.other);
        let theirs = other("li", gone.into_iter().chain([events.other[0].event.clone()]));
        assert_eq!((theirs.merged_into, theirs.current().unwrap().stage.as_str()), (None, "contacted"));
    }
}
