//! Dry runs of bulk lines, one after the other: each is judged as if the accepted ones before it had been carried out.

use futures::stream::{self, BoxStream, Stream, StreamExt as _};

use super::Sender;
use super::line::{BulkLine, LineReply};
use super::lines::RawLine;
use super::task::Task;
use crate::app::Rehearsal;
use crate::domain::Label;
use crate::problem::Problem;

/// The most lines of a dry run: what they would leave behind is held in memory.
const MOST: u64 = 50_000;

/// A reply to each line, in order.
pub(super) fn replies(
    sender: Sender,
    lines: BoxStream<'static, RawLine>,
) -> impl Stream<Item = LineReply> + Send {
    let rehearsal = Rehearsal::new(sender.caller.tenant);
    stream::unfold((sender, lines, rehearsal), |(sender, mut lines, mut rehearsal)| async move {
        let RawLine { number, content } = lines.next().await?;
        let outcome = async {
            let task = Task::of(&sender, &BulkLine::parse(&content?)?)?.numbered(&sender, number);
            if rehearsal.count() == MOST {
                return Err(Problem::invalid_value("dry_run", too_many()));
            }
            task.rehearse(&sender, &mut rehearsal).await
        };
        let reply = LineReply::new(&sender, number, outcome.await);
        Some((reply, (sender, lines, rehearsal)))
    })
}

fn too_many() -> Label {
    Label::new(
        format!("一次最多预演 {MOST} 行；其余请分批发送。"),
        format!("A dry run judges at most {MOST} lines; send the others in another request."),
    )
}
