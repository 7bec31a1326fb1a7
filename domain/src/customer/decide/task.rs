//! The owner of the customer, a deputy or a supervisor completes a task.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::automation_state::TaskState;
use crate::customer::command::CompleteTask;
use crate::customer::event::{CustomerEvent, TaskCompleted};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation};
use crate::{Context, Label, Personal};

fn open(customer: &Customer, command: &CompleteTask) -> Vec<Violation> {
    match customer.automation.tasks.get(&command.task).map(|task| task.state) {
        Some(TaskState::Open) => Vec::new(),
        Some(state) => {
            let state = if state == TaskState::Done { "done" } else { "cancelled" };
            vec![
                Violation::new(
                    Code::TaskClosed,
                    "",
                    Label::new("任务已完成或已取消。", "The task has already been completed or cancelled."),
                    Label::new("无需再操作。", "No further action is needed."),
                )
                .with("state", state),
            ]
        }
        None => vec![Violation::new(
            Code::UnknownTask,
            "",
            Label::new("该客户没有这个任务。", "The customer has no such task."),
            Label::new("请从任务列表中取编号。", "Use an ID from the task list."),
        )],
    }
}

pub(super) fn decide(
    customer: &Customer,
    command: &CompleteTask,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        open(customer, command),
        guard::optional_text("note", command.note.as_deref()),
    ])?;
    let note = command.note.clone().map(Personal::from);
    let event = CustomerEvent::TaskCompleted(TaskCompleted { task: command.task, note });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{TaskCancelled, TaskCreated};

    fn created() -> CustomerEvent {
        CustomerEvent::TaskCreated(TaskCreated {
            task: "call_back".into(),
            title: Label::new("回访", "Call back"),
            role: "rep".into(),
            due_at: day(3),
            rule: "call_back".into(),
            cause: event_id(1),
            journey: "helloword-13".into(),
            stage: "new_lead".into(),
            process: None,
        })
    }

    fn done() -> CompleteTask {
        CompleteTask { task: event_id(2), note: None }
    }

    #[test]
    fn a_task_is_completed_once() {
        let completed = CustomerEvent::TaskCompleted(TaskCompleted { task: event_id(2), note: None });
        given([registered_by_li(), created()]).when(done()).then([completed.clone()]);
        given([registered_by_li(), created(), completed]).when(done()).refuses([Code::TaskClosed]);
    }

    #[test]
    fn a_cancelled_task_is_not_completed_nor_one_that_is_not_there() {
        let cancelled =
            CustomerEvent::TaskCancelled(TaskCancelled { task: event_id(2), reason: "voided".into() });
        given([registered_by_li(), created(), cancelled]).when(done()).refuses([Code::TaskClosed]);
        given([registered_by_li()]).when(done()).refuses([Code::UnknownTask]);
    }

    #[test]
    fn another_reps_task_is_left_to_it() {
        given([registered_by_li(), created()]).by(zhao()).when(done()).refuses([Code::NotOwner]);
        given([registered_by_li(), created()]).by(wang()).when(done()).event();
    }
}
