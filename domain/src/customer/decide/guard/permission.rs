//! What the actor may do.

use crate::customer::state::Customer;
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, Owner};

/// Analysts and auditors read; the others command.
pub(in crate::customer::decide) fn may_command(context: &Context<'_>) -> Vec<Violation> {
    require(context.import || context.actor.may_command(), || {
        forbidden_role(
            Label::new("该角色只能查看，不能操作。", "This role has read-only access."),
            Label::new("请由销售、主管或管理员操作。", "Ask a rep, a supervisor or an administrator."),
        )
    })
}

/// What only managers, admins and rules of the system may do.
pub(in crate::customer::decide) fn supervises(context: &Context<'_>, field: &str) -> Vec<Violation> {
    require(context.actor.supervises(), || Violation {
        field: field.to_owned(),
        ..forbidden_role(
            Label::new("此操作需要主管权限。", "This requires a supervisor's permission."),
            Label::new("请由主管或管理员操作。", "Ask a supervisor or an administrator."),
        )
    })
}

pub(in crate::customer::decide) fn forbidden_role(message: Label, how_to_fix: Label) -> Violation {
    Violation::new(Code::ForbiddenRole, "", message, how_to_fix)
}

/// A rep works its own customers, those in a pool and those of whom it stands in for; another rep's only who leads may
/// touch.
pub(in crate::customer::decide) fn may_work(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    if context.import || context.actor.supervises() {
        return Vec::new();
    }
    let Some(rep) = context.actor.rep_id() else { return may_command(context) };
    let Owner::Rep(owner) = &customer.owner else { return Vec::new() };
    require(owner == rep || context.stands_in_for.contains(owner), not_owner)
}

/// What a deputy may not do: to give the customer away is its owner's, or of those who lead.
pub(in crate::customer::decide) fn may_give_up(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    let stands_in = match &customer.owner {
        Owner::Rep(owner) => context.stands_in_for.contains(owner) && context.actor.rep_id() != Some(owner),
        Owner::Pool(_) => false,
    };
    if stands_in && !context.actor.supervises() { vec![not_owner()] } else { may_work(customer, context) }
}

fn not_owner() -> Violation {
    Violation::new(
        Code::NotOwner,
        "",
        Label::new("该客户属于其他销售。", "The customer belongs to another rep."),
        Label::new(
            "请联系其负责人，或由主管转移归属。",
            "Contact its owner, or ask a supervisor to transfer it.",
        ),
    )
}
