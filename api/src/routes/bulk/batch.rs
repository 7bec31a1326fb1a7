//! Executing several bulk lines together.

use std::collections::HashSet;

use futures::future::join_all;

use super::Sender;
use super::line::{BulkLine, LineReply};
use super::lines::RawLine;
use super::task::Task;
use crate::problem::Problem;

type Parsed = (u64, Result<BulkLine, Problem>);

/// Carries lines out and replies to each, in order. Lines that have nothing to do with one another share commits;
/// a line that concerns what an earlier one does waits for it, so the outcome is that of one after the other.
pub(super) async fn execute(sender: &Sender, lines: Vec<RawLine>) -> Vec<LineReply> {
    let mut replies = Vec::with_capacity(lines.len());
    let parsed = lines.into_iter().map(|line| {
        let content = line.content.and_then(|bytes| BulkLine::parse(&bytes));
        (line.number, content)
    });
    let (mut together, mut concerned): (Vec<Parsed>, HashSet<String>) = (Vec::new(), HashSet::new());
    for (number, line) in parsed {
        let concerns = line.as_ref().map_or_else(|_| Vec::new(), BulkLine::concerns);
        if concerns.iter().any(|concern| concerned.contains(concern)) {
            replies.extend(all(sender, std::mem::take(&mut together)).await);
            concerned.clear();
        }
        concerned.extend(concerns);
        together.push((number, line));
    }
    replies.extend(all(sender, together).await);
    replies
}

async fn all(sender: &Sender, lines: Vec<Parsed>) -> Vec<LineReply> {
    join_all(lines.into_iter().map(|(number, line)| one(sender, number, line))).await
}

async fn one(sender: &Sender, number: u64, line: Result<BulkLine, Problem>) -> LineReply {
    let outcome = async { Task::of(sender, &line?)?.numbered(sender, number).execute(sender).await };
    LineReply::new(sender, number, outcome.await)
}
