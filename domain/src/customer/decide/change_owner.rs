//! A customer is given to somebody else: a hand-over, an assignment, a return. Its stage stays as it is.

use chrono::{DateTime, TimeDelta, Utc};

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::ChangeOwner;
use crate::customer::event::{CustomerEvent, Occasion, OwnerChanged};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, Personal};

/// How long a new owner is not blamed for what the former one left undone.
const GRACE: TimeDelta = TimeDelta::days(2);

/// A rep hands over what it owns. Taking from a pool is a claim, which counts; only who supervises assigns.
fn may_give_away(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    match &customer.owner {
        Owner::Rep(_) => guard::may_give_up(customer, context),
        Owner::Pool(_) => guard::supervises(context, ""),
    }
}

/// Whether an actor may hand over the customers of an owner at all, whichever they are: a rep its own, anyone who leads
/// anybody's. Each customer is judged by itself besides, as by a single change of owner.
///
/// # Errors
/// The refusal.
pub fn may_hand_over(from: &Owner, context: &Context<'_>) -> Result<(), Refusal> {
    let own = matches!(from, Owner::Rep(rep) if context.actor.rep_id() == Some(rep));
    Refusal::require_all([require(own || context.actor.supervises(), || Violation {
        field: "from".to_owned(),
        ..guard::forbidden_role(
            Label::new("销售只能移交自己的客户。", "A rep can hand over only their own customers."),
            Label::new("请由其负责人或主管移交。", "Ask the owner or a supervisor to hand them over."),
        )
    })])
}

fn to_somebody_else(customer: &Customer, to: &Owner) -> Vec<Violation> {
    require(customer.owner != *to, || {
        Violation::new(
            Code::SameOwner,
            "to",
            Label::new("归属没有变化。", "The customer already has this owner."),
            Label::new("请选择其他归属。", "Choose another owner."),
        )
    })
}

/// A new owner has some days before the clocks of follow-ups count against it.
fn grace(customer: &Customer, to: &Owner, context: &Context<'_>) -> Option<DateTime<Utc>> {
    let between_reps = matches!((&customer.owner, to), (Owner::Rep(_), Owner::Rep(_)));
    between_reps.then(|| context.now + GRACE)
}

pub(super) fn decide(
    customer: &Customer,
    command: &ChangeOwner,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        may_give_away(customer, context),
        to_somebody_else(customer, &command.to),
        guard::known_owner(context, customer.primary(), &command.to, "to"),
        guard::text("reason", &command.reason),
    ])?;
    let event = CustomerEvent::OwnerChanged(OwnerChanged {
        from: customer.owner.clone(),
        to: command.to.clone(),
        reason: Personal::Clear(command.reason.clone()),
        occasion: command.occasion.or_else(|| Occasion::parse(&command.reason)),
        grace_until: grace(customer, &command.to, context),
        text: None,
    });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;
    use crate::customer::command::Release;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{FollowedUp, NextPlan};

    fn give_to(owner: Owner) -> ChangeOwner {
        ChangeOwner { to: owner, reason: "region".to_owned(), occasion: None }
    }

    fn rep(id: &str) -> Owner {
        Owner::Rep(id.to_owned())
    }

    #[test]
    fn a_rep_hands_its_customer_over() {
        given([registered_by_li()]).when(give_to(rep("zhao"))).then([CustomerEvent::OwnerChanged(
            OwnerChanged {
                from: rep("li"),
                to: rep("zhao"),
                reason: Personal::Clear("region".into()),
                occasion: Some(Occasion::Region),
                grace_until: Some(day(12)),
                text: None,
            },
        )]);
    }

    #[test]
    fn reps_hand_over_their_own_customers_and_leaders_anybodys() {
        let may = |actor: crate::Actor, from: Owner| {
            let story = given([]).by(actor);
            may_hand_over(&from, &story.context()).map_err(|refusal| refusal.code.into_owned())
        };
        let (own, pool) = (rep("li"), Owner::Pool("customer_pool".into()));
        assert_eq!(may(li(), own.clone()), Ok(()));
        for from in [rep("zhao"), pool.clone(), Owner::Pool("li".into())] {
            assert_eq!(may(li(), from), Err("forbidden-role".to_owned()));
        }
        for from in [own, rep("zhao"), pool] {
            assert_eq!(may(wang(), from), Ok(()));
        }
    }

    #[test]
    fn assigning_from_a_pool_is_no_way_around_the_quota() {
        given([in_the_pool()]).when(give_to(rep("li"))).refuses([Code::ForbiddenRole]);
        given([in_the_pool()]).by(wang()).when(give_to(rep("li"))).event();
    }

    #[test]
    fn the_new_owner_is_another_one_that_exists() {
        given([registered_by_li()]).when(give_to(rep("li"))).refuses([Code::SameOwner]);
        given([registered_by_li()]).when(give_to(Owner::Pool("nowhere".into()))).refuses([Code::UnknownPool]);
        given([registered_by_li()]).when(give_to(rep(""))).refuses([Code::EmptyText]);
    }

    #[test]
    fn a_deputy_works_the_customers_and_gives_none_of_them_away() {
        let story = || given([registered_by_li()]).by(zhao()).standing_in_for("li");
        story().when(to("contacted")).event();
        story().when(give_to(rep("zhao"))).refuses([Code::NotOwner]);
        let release = Release { reason: "no time".to_owned(), ..Release::default() };
        story().when(release).refuses([Code::NotOwner]);
    }

    proptest! {
            /// Whatever happened before: who owns a customer next makes no difference to where it stands, to what is
            /// planned, nor to what is in its history.
            #[test]
            fn a_change_of_owner_touches_neither_stage_nor_plan_nor_history(
                moves in proptest::collection::vec(0..3_usize, 0..12),
                to_pool: bool,
            ) {
                let plan = |n: usize| CustomerEvent::FollowedUp(FollowedUp {
                    channel: "phone".to_owned(),
                    summary: Personal::Clear("talked".to_owned()),
                    goal_reached: None,
                    content: None,
    next_plan: NextPlan { at: day(50 + n as i64), text: Personal::Clear("call".to_owned()) },
                });
                let stages = ["new_lead", "contacted", "need_confirmed"];
                let mut held = "new_lead";
                let mut events = vec![registered_by_li()];
                for (n, stage) in moves.into_iter().enumerate() {
                    if stages[stage] == held {
                        events.push(plan(n));
                    } else {
                        events.push(moved(held, stages[stage]));
                        held = stages[stage];
                    }
                }
                let owner = if to_pool { Owner::Pool("customer_pool".to_owned()) } else { rep("zhao") };
                let change = given(events.clone()).by(wang()).at(day(40)).when(give_to(owner.clone())).event().event;
                let before = given(events.clone()).customer.unwrap();
                let after = given(events.into_iter().chain([change])).customer.unwrap();
                prop_assert_eq!(after.owner, owner);
                prop_assert_eq!(after.next_plan, before.next_plan);
                prop_assert_eq!(after.last_follow_up_at, before.last_follow_up_at);
                for journey in before.journeys.keys() {
                    prop_assert_eq!(after.journeys.stays(journey), before.journeys.stays(journey));
                    prop_assert_eq!(after.journeys.moves(journey), before.journeys.moves(journey));
                }
                prop_assert_eq!(after.version, before.version + 1);
            }
        }

    #[test]
    fn another_reps_customer_is_given_away_by_a_manager_only() {
        given([registered_by_li()]).by(zhao()).when(give_to(rep("zhao"))).refuses([Code::NotOwner]);
        given([registered_by_li()]).by(wang()).when(give_to(rep("zhao"))).event();
    }
}
