//! Atomic bulk requests: all lines or none.

use axum::body::Body;
use axum::http::StatusCode;
use futures::stream::StreamExt as _;
use sha2::{Digest, Sha256};

use super::Sender;
use super::line::{BulkLine, LineReply, LineResult};
use super::lines;
use super::task::Task;
use crate::app::{CommandMeta, CustomerCommand};
use crate::domain::Label;
use crate::http::answer::Accepted;
use crate::problem::Problem;

/// The most lines that one commit takes.
const MAX_LINES: usize = 500;

/// Carries every line out, or none; with a dry run, tells what they would record. Answers a reply a line: when one
/// is refused, the others say that nothing was carried out because of it.
///
/// # Errors
/// When the lines are too many.
pub(super) async fn execute(sender: &Sender, body: Body) -> Result<Vec<LineReply>, Problem> {
    let mut numbers = Vec::new();
    let mut tasks = Vec::new();
    let mut digest = Sha256::new().chain_update(sender.caller.origin.unwrap_or_default());
    let mut lines = lines::lines(body);
    while let Some(line) = lines.next().await {
        if numbers.len() == MAX_LINES {
            return Err(Problem::invalid_value("atomic", too_many()));
        }
        numbers.push(line.number);
        tasks.push(line.content.and_then(|bytes| {
            digest.update(&bytes);
            digest.update(b"\n");
            Task::of(sender, &BulkLine::parse(&bytes)?)
        }));
    }
    let steps: Result<Vec<CustomerCommand>, (usize, Problem)> = tasks
        .into_iter()
        .enumerate()
        .map(|(index, task)| task.and_then(Task::among_others).map_err(|problem| (index, problem)))
        .collect();
    let meta = CommandMeta {
        idempotency_key: sender.idempotency_key.clone(),
        digest: digest.finalize().into(),
        if_match: None,
        correlation_id: Some(sender.reader.trace_id.as_uuid()),
        causation_id: None,
    };
    let outcome = match steps {
        Ok(steps) => all(sender, &meta, &steps).await,
        Err(first) => Err(first),
    };
    Ok(replies(sender, &numbers, outcome))
}

type Results = Vec<(StatusCode, LineResult)>;

async fn all(
    sender: &Sender,
    meta: &CommandMeta,
    steps: &[CustomerCommand],
) -> Result<Results, (usize, Problem)> {
    let (app, caller) = (&sender.state.app, &sender.caller);
    if sender.dry_run {
        let decided = app.dry_run_atomically(caller, steps).await;
        let decided = decided.map_err(|stopped| (stopped.step, stopped.error.into()))?;
        let would = decided.iter().map(|events| {
            let would_record = events.iter().map(|new| new.event.event_type()).collect();
            (StatusCode::OK, LineResult::Rehearsed { would_record })
        });
        return Ok(would.collect());
    }
    let answers = app.execute_atomically(caller, meta, steps).await;
    let answers = answers.map_err(|stopped| (stopped.step, stopped.error.into()))?;
    Ok(answers
        .into_iter()
        .map(|answer| {
            let accepted = Accepted::from(answer);
            (accepted.status(), LineResult::Accepted(accepted))
        })
        .collect())
}

fn replies(sender: &Sender, numbers: &[u64], outcome: Result<Results, (usize, Problem)>) -> Vec<LineReply> {
    match outcome {
        Ok(results) => {
            let numbered = numbers.iter().zip(results);
            numbered.map(|(number, result)| LineReply::new(sender, *number, Ok(result))).collect()
        }
        Err((stopped, problem)) => numbers
            .iter()
            .enumerate()
            .map(|(index, number)| {
                let told = if index == stopped {
                    problem.clone()
                } else {
                    Problem::not_carried_out(numbers[stopped])
                };
                LineReply::new(sender, *number, Err(told))
            })
            .collect(),
    }
}

fn too_many() -> Label {
    Label::new(
        format!("一次最多 {MAX_LINES} 行；请分批发送。"),
        format!("At most {MAX_LINES} lines per request; send them in batches."),
    )
}
