//! Commands on two customers, merging them, telling them apart and undoing either: events in both streams, in one append.

use uuid::Uuid;
use waymark_domain::customer::command::{DismissDuplicate, Merge, ReopenDuplicate, Unmerge};
use waymark_domain::customer::{
    CustomerEvent, PairEvents, dismiss_duplicate, merge, reopen_duplicate, unmerge,
};

use super::customer_cache::LoadedCustomer;
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
    /// Decides a command on two customers that the caller sees. `staged` is what commands before it record of either.
    pub(super) async fn decide_pair(
        &self,
        caller: &Caller,
        [ours, theirs]: [&LoadedCustomer; 2],
        staged: [Vec<CustomerEvent>; 2],
        command: &PairCommand,
    ) -> Result<PairEvents, AppError> {
        let base = self.base_context(caller, Some(&ours.customer.owner)).await?;
        let context = base.context(caller, None);
        let (one, other) = (&ours.customer, &theirs.customer);
        let [of_ours, of_theirs] = staged;
        let known = async || {
            let ours = self.known(caller, one.id, ours.position, of_ours).await?;
            let theirs = self.known(caller, other.id, theirs.position, of_theirs).await?;
            Ok::<_, AppError>((ours, theirs))
        };
        Ok(match command {
            PairCommand::Merge(asked) => {
                let (ours, theirs) = known().await?;
                merge(one, other, (&ours, &theirs), asked, &context)?
            }
            PairCommand::Unmerge(asked) => {
                let (ours, theirs) = known().await?;
                unmerge(one, other, (&ours, &theirs), asked, &context)?
            }
            PairCommand::DismissDuplicate(asked) => dismiss_duplicate(one, other, asked, &context)?,
            PairCommand::ReopenDuplicate(asked) => reopen_duplicate(one, other, asked, &context)?,
        })
    }
}
