//! Whether the customer still takes commands.

use crate::Label;
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};

/// The customer was neither erased nor withdrawn.
pub(in crate::customer::decide) fn still_exists(customer: &Customer) -> Vec<Violation> {
    [not_erased(customer), not_withdrawn(customer)].concat()
}

/// Another customer that a command names is there, and goes on by itself.
pub fn may_be_named(customer: &Customer, field: &str) -> Result<(), Refusal> {
    let unmet = [still_exists(customer), not_merged(customer)].concat();
    let named = unmet.into_iter().map(|one| Violation { field: field.to_owned(), ..one });
    Refusal::require_all([named.collect()])
}

fn not_withdrawn(customer: &Customer) -> Vec<Violation> {
    require(!customer.withdrawn, || {
        Violation::new(
            Code::CustomerWithdrawn,
            "",
            Label::new("导入该客户的操作已撤销。", "The import that brought the customer was undone."),
            Label::new("请重新登记或重新导入该客户。", "Register the customer, or import it again."),
        )
    })
}

fn not_erased(customer: &Customer) -> Vec<Violation> {
    require(!customer.erased, || {
        Violation::new(
            Code::CustomerErased,
            "",
            Label::new(
                "客户资料已按要求删除，不再接受任何操作。",
                "The customer's data was erased on request; no further operation is possible.",
            ),
            Label::new(
                "如客户再次联系，请重新登记。",
                "If the customer contacts you again, register a new customer.",
            ),
        )
    })
}

/// A merged customer's stream has ended: its survivor takes the commands.
pub(in crate::customer::decide) fn not_merged(customer: &Customer) -> Vec<Violation> {
    let Some(survivor) = customer.merged_into else { return Vec::new() };
    vec![
        Violation::new(
            Code::Merged,
            "",
            Label::new("该客户已合并到另一个客户。", "The customer was merged into another customer."),
            Label::new(
                "请操作 merged_into 指出的客户，或先撤销合并。",
                "Use the customer given in merged_into, or undo the merge first.",
            ),
        )
        .with("merged_into", survivor.to_string()),
    ]
}
