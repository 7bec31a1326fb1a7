//! Whether a customer's data must be kept.

use chrono::{DateTime, Utc};

use crate::Label;
use crate::customer::state::Customer;
use crate::instant::text;
use crate::refusal::{Code, Violation};

/// No legal hold is in force: one violation each, which names it with its ground and its end.
pub(in crate::customer) fn no_legal_hold(customer: &Customer, now: DateTime<Utc>) -> Vec<Violation> {
    let in_force = customer.legal_holds.iter().filter(|hold| hold.lasts(now));
    let told = in_force.map(|hold| {
        let (zh, en) = match hold.until.map(text) {
            Some(until) => (format!("至 {until}"), format!("until {until}")),
            None => ("直至解除".to_owned(), "until it is released".to_owned()),
        };
        let violation = Violation::new(
            Code::LegalHold,
            "",
            Label::new(
                format!("客户资料因“{}”须依法保留，{zh}。", hold.ground),
                format!("The customer's data must be kept {en}, on the ground: {}.", hold.ground),
            ),
            Label::new(
                "保留期届满或由管理员、审计员解除后，方可删除。",
                "Erase the data once the hold has ended, or an administrator or auditor has released it.",
            ),
        );
        let violation = violation
            .with("hold", hold.hold.to_string())
            .with("ground", hold.ground.clone())
            .with("customer", customer.id.to_string());
        match hold.until {
            Some(until) => violation.with_instant("until", until),
            None => violation,
        }
    });
    told.collect()
}
