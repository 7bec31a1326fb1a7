//! Atomic bulk requests: all lines or none.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::StatusCode;
use futures::stream::StreamExt as _;
use sha2::{Digest, Sha256};

use super::Sender;
use super::line::{BulkLine, LineReply, LineResult};
use super::lines;
use super::task::Task;
use crate::app::{BatchError, CommandMeta, CustomerCommand};
use crate::domain::Label;
use crate::http::answer::Accepted;
use crate::problem::Problem;

/// The most lines that one commit takes.
const MAX_LINES: usize = 500;
/// How many of the lines that are refused are named to the others.
const MOST_NAMED: usize = 20;

/// Carries every line out, or none; with a dry run, tells what they would record. Answers a reply a line: when some
/// are refused, each of them says why, and the others that nothing was carried out because of them.
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
    let steps = tasks.into_iter().map(|task| task.and_then(Task::among_others));
    let meta = CommandMeta {
        idempotency_key: sender.idempotency_key.clone(),
        digest: digest.finalize().into(),
        if_match: None,
        correlation_id: Some(sender.reader.trace_id.as_uuid()),
        causation_id: None,
    };
    let outcome = all(sender, &meta, steps.collect()).await;
    Ok(replies(sender, &numbers, outcome))
}

type Results = Vec<(StatusCode, LineResult)>;

/// The lines that are refused.
struct Refused {
    /// The first of them, by their places from 0.
    problems: BTreeMap<usize, Problem>,
    /// How many there are.
    total: usize,
}

impl Refused {
    fn of(stopped: BatchError) -> Self {
        let first = (stopped.step, stopped.error.into());
        let others = stopped.others.into_iter().map(|(step, error)| (step, error.into()));
        Self { problems: std::iter::once(first).chain(others).collect(), total: stopped.refused }
    }
}

async fn all(
    sender: &Sender,
    meta: &CommandMeta,
    lines: Vec<Result<CustomerCommand, Problem>>,
) -> Result<Results, Refused> {
    let (app, caller) = (&sender.state.app, &sender.caller);
    let (mut places, mut steps, mut unread) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (place, line) in lines.into_iter().enumerate() {
        match line {
            Ok(step) => {
                places.push(place);
                steps.push(step);
            }
            Err(problem) => drop(unread.insert(place, problem)),
        }
    }
    if !unread.is_empty() {
        // Nothing will be carried out: the others are judged, so that all that must be mended is told at once.
        let judged = app.dry_run_atomically(caller, &steps).await.err().map(Refused::of);
        let mut refused = Refused { total: unread.len(), problems: unread };
        if let Some(judged) = judged {
            refused.total += judged.total;
            let by_line = judged.problems.into_iter().map(|(step, problem)| (places[step], problem));
            refused.problems.extend(by_line);
        }
        return Err(refused);
    }
    if sender.dry_run {
        let decided = app.dry_run_atomically(caller, &steps).await.map_err(Refused::of)?;
        let would = decided.iter().map(|events| {
            let would_record = events.iter().map(|new| new.event.event_type()).collect();
            (StatusCode::OK, LineResult::Rehearsed { would_record })
        });
        return Ok(would.collect());
    }
    let answers = app.execute_atomically(caller, meta, &steps).await.map_err(Refused::of)?;
    Ok(answers
        .into_iter()
        .map(|answer| {
            let accepted = Accepted::from(answer);
            (accepted.status(), LineResult::Accepted(accepted))
        })
        .collect())
}

fn replies(sender: &Sender, numbers: &[u64], outcome: Result<Results, Refused>) -> Vec<LineReply> {
    match outcome {
        Ok(results) => {
            let numbered = numbers.iter().zip(results);
            numbered.map(|(number, result)| LineReply::new(sender, *number, Ok(result))).collect()
        }
        Err(Refused { mut problems, total }) => {
            let named: Vec<u64> = problems.keys().take(MOST_NAMED).map(|place| numbers[*place]).collect();
            let mut told =
                |place| problems.remove(&place).unwrap_or_else(|| Problem::not_carried_out(&named, total));
            let replies = numbers.iter().enumerate();
            replies.map(|(place, number)| LineReply::new(sender, *number, Err(told(place)))).collect()
        }
    }
}

fn too_many() -> Label {
    Label::new(
        format!("一次最多 {MAX_LINES} 行；请分批发送。"),
        format!("At most {MAX_LINES} lines per request; send them in batches."),
    )
}
