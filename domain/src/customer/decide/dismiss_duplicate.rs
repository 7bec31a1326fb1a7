//! Dismisses a suspected duplicate, and withdraws the dismissal.
//!
//! It is recorded in both customers' streams in one append. A merge of the two ends it; so does a changed name or contact
//! that makes them exact matches, which the search for duplicates shows again.

use super::guard;
use super::merge::{PairEvents, may_join, of_the_other, two_customers};
use super::new_event::NewEvent;
use crate::customer::command::{DismissDuplicate, ReopenDuplicate};
use crate::customer::event::{CustomerEvent, DistinctionWithdrawn, Distinguished};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

/// The same permissions as for a merge of the two.
fn two_for_the_actor(one: &Customer, other: &Customer, context: &Context<'_>) -> [Vec<Violation>; 6] {
    let field = |violations: Vec<Violation>| {
        let here = |one: Violation| match one.field.as_str() {
            "absorbed" => Violation { field: "other".to_owned(), ..one },
            _ => one,
        };
        violations.into_iter().map(here).collect::<Vec<_>>()
    };
    [
        guard::still_exists(one),
        guard::not_merged(one),
        field(of_the_other(guard::still_exists(other))),
        field(of_the_other(guard::not_merged(other))),
        field(two_customers(one, other)),
        field(may_join(one, other, context)),
    ]
}

/// Where the two were distinguished, if neither has had another name or contact since.
fn is_dismissed(one: &Customer, other: &Customer) -> bool {
    let at = one.distinct_from.get(&other.id);
    at.is_some_and(|at| one.looks_since() < *at && other.looks_since() < *at)
}

fn not_dismissed(one: &Customer, other: &Customer) -> Vec<Violation> {
    require(!is_dismissed(one, other), || {
        Violation::new(
            Code::AlreadyDistinguished,
            "other",
            Label::new(
                "已经确认过这是两个客户。",
                "These two customers have already been confirmed as different.",
            ),
            Label::new(
                "无需重复确认；如有误，请撤回确认或合并。",
                "No further confirmation is needed. If this is wrong, withdraw it or merge the customers.",
            ),
        )
    })
}

/// Decides that two customers are two.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn dismiss_duplicate(
    one: &Customer,
    other: &Customer,
    command: &DismissDuplicate,
    context: &Context<'_>,
) -> Result<PairEvents, Refusal> {
    let [a, b, c, d, e, f] = two_for_the_actor(one, other, context);
    let rest = [not_dismissed(one, other), guard::text("reason", &command.reason)];
    Refusal::require_all([[a, b, c, d, e, f].concat(), rest.concat()])?;
    let told = |other| {
        let reason = Personal::Clear(command.reason.clone());
        let event = CustomerEvent::Distinguished(Distinguished { other, reason });
        vec![NewEvent { event, effective_at: context.now }]
    };
    Ok(PairEvents { one: told(other.id), other: told(one.id) })
}

/// Decides that two customers may be one after all.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn reopen_duplicate(
    one: &Customer,
    other: &Customer,
    command: &ReopenDuplicate,
    context: &Context<'_>,
) -> Result<PairEvents, Refusal> {
    let is_dismissed = require(one.distinct_from.contains_key(&other.id), || {
        Violation::new(
            Code::NotDistinguished,
            "other",
            Label::new(
                "没有确认过这是两个客户。",
                "These two customers have not been confirmed as different.",
            ),
            Label::new("请检查两个客户的编号。", "Check both customer IDs."),
        )
    });
    let [a, b, c, d, e, f] = two_for_the_actor(one, other, context);
    let rest = [is_dismissed, guard::text("reason", &command.reason)];
    Refusal::require_all([[a, b, c, d, e, f].concat(), rest.concat()])?;
    let told = |other| {
        let reason = Personal::Clear(command.reason.clone());
        let event = CustomerEvent::DistinctionWithdrawn(DistinctionWithdrawn { other, reason });
        vec![NewEvent { event, effective_at: context.now }]
    };
    Ok(PairEvents { one: told(other.id), other: told(one.id) })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{DetailsChanged, Erased, MergedInto, StagePolicy};

    fn told(other: Uuid) -> CustomerEvent {
        CustomerEvent::Distinguished(Distinguished { other, reason: "two branches".to_owned().into() })
    }

    fn withdrawn(other: Uuid) -> CustomerEvent {
        let reason = "one legal seat".to_owned().into();
        CustomerEvent::DistinctionWithdrawn(DistinctionWithdrawn { other, reason })
    }

    fn apart(ours: &Spec, theirs: &Customer) -> Result<PairEvents, Vec<String>> {
        let command = DismissDuplicate { other: theirs.id, reason: "two branches".to_owned() };
        let decided = dismiss_duplicate(ours.customer.as_ref().unwrap(), theirs, &command, &ours.context());
        decided.map_err(|refusal| codes(&refusal))
    }

    fn again(ours: &Spec, theirs: &Customer) -> Result<PairEvents, Vec<String>> {
        let command = ReopenDuplicate { other: theirs.id, reason: "one legal seat".to_owned() };
        let decided = reopen_duplicate(ours.customer.as_ref().unwrap(), theirs, &command, &ours.context());
        decided.map_err(|refusal| codes(&refusal))
    }

    fn codes(refusal: &Refusal) -> Vec<String> {
        assert!(refusal.violations.iter().all(|violation| violation.field != "absorbed"));
        refusal.violations.iter().map(|violation| violation.code.to_string()).collect()
    }

    fn events(pair: PairEvents) -> [Vec<CustomerEvent>; 2] {
        [pair.one, pair.other].map(|events| events.into_iter().map(|new| new.event).collect())
    }

    #[test]
    fn both_streams_tell_that_two_customers_are_two() {
        let pair = apart(&given([registered_by_li()]), &other("li", [])).unwrap();
        assert_eq!(events(pair), [vec![told(OTHER)], vec![told(customer_id())]]);
    }

    #[test]
    fn those_who_may_merge_them_may_mark_them_as_not_duplicates() {
        let by = |actor| given([registered_by_li()]).by(actor);
        assert_eq!(apart(&by(li()), &other("zhao", [])), Err(vec!["forbidden-role".to_owned()]));
        assert_eq!(apart(&by(zhao()), &other("li", [])), Err(vec!["not-owner".to_owned()]));
        assert!(apart(&by(wang()), &other("zhao", [])).is_ok());
    }

    #[test]
    fn it_is_said_once_until_a_name_or_contact_changes() {
        let ours = || [registered_by_li(), told(OTHER)];
        let theirs = || vec![told(customer_id())];
        assert_eq!(
            apart(&given(ours()), &other("li", theirs())),
            Err(vec!["already-distinguished".to_owned()])
        );
        let named = DetailsChanged { name: Some("Harbour".to_owned().into()), ..DetailsChanged::default() };
        let renamed = [theirs(), vec![CustomerEvent::DetailsChanged(named)]].concat();
        assert!(apart(&given(ours()), &other("li", renamed)).is_ok());
        let tagged = DetailsChanged { tags: Some(vec!["vip".to_owned()]), ..DetailsChanged::default() };
        let tagged = [theirs(), vec![CustomerEvent::DetailsChanged(tagged)]].concat();
        assert!(apart(&given(ours()), &other("li", tagged)).is_err());
    }

    #[test]
    fn it_is_taken_back_with_a_reason_and_by_a_merge() {
        let ours = given([registered_by_li(), told(OTHER)]);
        let theirs = other("li", [told(customer_id())]);
        let pair = again(&ours, &theirs).unwrap();
        assert_eq!(events(pair), [vec![withdrawn(OTHER)], vec![withdrawn(customer_id())]]);
        let back = given([registered_by_li(), told(OTHER), withdrawn(OTHER)]);
        assert_eq!(again(&back, &other("li", [])), Err(vec!["not-distinguished".to_owned()]));
        let command = ReopenDuplicate { other: OTHER, reason: " ".to_owned() };
        let empty = reopen_duplicate(ours.customer.as_ref().unwrap(), &theirs, &command, &ours.context());
        assert_eq!(codes(&empty.unwrap_err()), ["empty-text"]);
        let merged = CustomerEvent::MergedInto(MergedInto {
            survivor: customer_id(),
            stage_policy: StagePolicy::Survivor,
        });
        assert!(other("li", [told(customer_id()), merged]).distinct_from.is_empty());
    }

    #[test]
    fn nobody_is_marked_as_distinct_from_itself_or_from_one_who_is_gone() {
        let ours = || given([registered_by_li()]);
        let own = ours().customer.unwrap();
        assert_eq!(apart(&ours(), &own), Err(vec!["same-customer".to_owned()]));
        let gone = MergedInto { survivor: Uuid::from_u128(7), stage_policy: StagePolicy::Survivor };
        assert_eq!(
            apart(&ours(), &other("li", [CustomerEvent::MergedInto(gone)])),
            Err(vec!["merged".to_owned()])
        );
        let erased = CustomerEvent::Erased(Erased { ground: "request".to_owned() });
        assert_eq!(apart(&ours(), &other("li", [erased])), Err(vec!["customer-erased".to_owned()]));
    }
}
