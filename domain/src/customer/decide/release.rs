//! A rep gives a customer back to a pool. The claim that it took is not refunded.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::Release;
use crate::customer::event::{CustomerEvent, Released};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation};
use crate::{Context, Label, Owner, Personal};

fn not_owned() -> Violation {
    Violation::new(
        Code::NotOwned,
        "",
        Label::new("客户已在公海中。", "The customer is already in a pool."),
        Label::new("无需释放。", "No release is needed."),
    )
}

pub(super) fn decide(
    customer: &Customer,
    command: &Release,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let pool = pool(customer, command, context);
    let owner = match &customer.owner {
        Owner::Rep(rep) => Ok(rep.clone()),
        Owner::Pool(_) => Err(vec![not_owned()]),
    };
    Refusal::require_all([
        guard::may_give_up(customer, context),
        owner.clone().err().unwrap_or_default(),
        guard::known_pool(context, customer.primary(), &pool, "pool"),
        guard::text("reason", &command.reason),
    ])?;
    let reason = Personal::Clear(command.reason.clone());
    let event = CustomerEvent::Released(Released { rep: owner.unwrap_or_default(), pool, reason });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

/// The pool named, else the one it was claimed from where there still is one, else its pipeline's default.
fn pool(customer: &Customer, command: &Release, context: &Context<'_>) -> String {
    let pipeline = context.pipeline(customer.primary());
    let claimed_from = || {
        let pool = customer.last_claim.as_ref().map(|claim| claim.pool.clone())?;
        pipeline.is_some_and(|pipeline| pipeline.pool(&pool).is_some()).then_some(pool)
    };
    let default = || Some(pipeline?.default_pool()?.key.clone());
    command.pool.clone().or_else(claimed_from).or_else(default).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    fn release(pool: Option<&str>) -> Release {
        Release { pool: pool.map(str::to_owned), reason: "moved away".to_owned() }
    }

    fn released(pool: &str) -> CustomerEvent {
        CustomerEvent::Released(Released {
            rep: "li".into(),
            pool: pool.to_owned(),
            reason: Personal::Clear("moved away".into()),
        })
    }

    #[test]
    fn a_customer_goes_back_to_the_default_pool_or_the_one_named() {
        given([registered_by_li()]).when(release(None)).then([released("customer_pool")]);
        given([registered_by_li()]).when(release(Some("lead_pool"))).then([released("lead_pool")]);
    }

    #[test]
    fn it_goes_back_to_where_it_was_claimed() {
        use crate::customer::event::{Claimed, Registered};
        let in_the_lead_pool =
            CustomerEvent::Registered(Registered { owner: Owner::Pool("lead_pool".into()), ..registered() });
        let claimed = CustomerEvent::Claimed(Claimed {
            rep: "li".into(),
            pool: "lead_pool".into(),
            quota_date: day(1).date_naive(),
        });
        given([in_the_lead_pool, claimed]).when(release(None)).then([released("lead_pool")]);
    }

    #[test]
    fn only_its_owner_or_a_manager_gives_it_back() {
        given([registered_by_li()]).by(zhao()).when(release(None)).refuses([Code::NotOwner]);
        given([registered_by_li()]).by(wang()).when(release(None)).then([released("customer_pool")]);
    }

    #[test]
    fn what_is_in_a_pool_or_goes_to_none_is_not_released() {
        given([in_the_pool()]).when(release(None)).refuses([Code::NotOwned]);
        given([registered_by_li()]).when(release(Some("nowhere"))).refuses([Code::UnknownPool]);
    }

    #[test]
    fn the_stage_is_not_touched() {
        let story = given([registered_by_li(), moved("new_lead", "contacted"), released("customer_pool")]);
        let customer = story.customer.unwrap();
        assert_eq!(customer.pool(), Some("customer_pool"));
        assert_eq!(customer.current().map(|stay| stay.stage.as_str()), Some("contacted"));
    }
}
