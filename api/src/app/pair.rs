//! Commands on two customers, merging them, telling them apart and undoing either: events in both streams, in one append.

use uuid::Uuid;
use waymark_domain::customer::command::{DismissDuplicate, Merge, ReopenDuplicate, Unmerge};
use waymark_domain::customer::{Customer, PairEvents, dismiss_duplicate, merge, reopen_duplicate, unmerge};

use super::{App, AppError, Caller};

/// A command on two customers.
#[derive(Debug, Clone, PartialEq)]
pub enum PairCommand {
    /// They become one.
    Merge(Merge),
    /// They become two again.
    Unmerge(Unmerge),
    /// They look alike, and are two.
    DismissDuplicate(DismissDuplicate),
    /// They may be one after all.
    ReopenDuplicate(ReopenDuplicate),
}

impl PairCommand {
    pub(super) fn other(&self) -> Uuid {
        match self {
            Self::Merge(merge) => merge.absorbed,
            Self::Unmerge(unmerge) => unmerge.absorbed,
            Self::DismissDuplicate(command) => command.other,
            Self::ReopenDuplicate(command) => command.other,
        }
    }
}

impl App {
    /// Decides a command on two customers that the caller sees.
    pub(super) async fn decide_pair(
        &self,
        caller: &Caller,
        ours: &Customer,
        theirs: &Customer,
        command: &PairCommand,
    ) -> Result<PairEvents, AppError> {
        let base = self.base_context(caller, Some(&ours.owner)).await?;
        let context = base.context(caller, None);
        Ok(match command {
            PairCommand::Merge(asked) => merge(ours, theirs, asked, &context)?,
            PairCommand::Unmerge(asked) => unmerge(ours, theirs, asked, &context)?,
            PairCommand::DismissDuplicate(asked) => dismiss_duplicate(ours, theirs, asked, &context)?,
            PairCommand::ReopenDuplicate(asked) => reopen_duplicate(ours, theirs, asked, &context)?,
        })
    }
}
