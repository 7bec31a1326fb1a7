//! The roles that next actions and rules name: those of people's rights, and those that teams say who fills.

use super::{Pipeline, Violation};
use crate::people::{FUNCTIONS, unknown_role};
use crate::pipeline::automation::ActionKind;

/// Who has customers or leads those who do.
const LEADING: [&str; 4] = ["rep", "supervisor", "manager", "admin"];
/// The owner's whole team: it hears of things, and nothing is for all of it to do.
const TEAM: &str = "team";

/// Roles that there are not, by their paths: what is for them would be for nobody.
pub(super) fn unknown(pipeline: &Pipeline) -> Vec<Violation> {
    let mut found = Vec::new();
    for (n, stage) in pipeline.stages.iter().enumerate() {
        if let Some(next) = &stage.next_action {
            found.extend(judged(&format!("stages[{n}].next_action.role"), &next.role, &[]));
        }
    }
    for (n, automation) in pipeline.automations.iter().enumerate() {
        for (m, action) in automation.actions.iter().enumerate() {
            let path = format!("automations[{n}].actions[{m}].role");
            match &action.kind {
                ActionKind::Remind { role, .. } => found.extend(judged(&path, role, &[TEAM])),
                ActionKind::CreateTask { role, .. } | ActionKind::StartProcess { role, .. } => {
                    found.extend(judged(&path, role, &[]));
                }
                _ => {}
            }
        }
    }
    found
}

fn judged(path: &str, role: &str, beside: &[&str]) -> Option<Violation> {
    let known = [&LEADING[..], &FUNCTIONS[..], beside].concat();
    (!known.contains(&role)).then(|| unknown_role(path, role, &known))
}
