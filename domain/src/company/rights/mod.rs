//! Who may call, where messages go and who follows the log: members, API keys, receivers and consumers, folded from the log.
//!
//! The tables that keep the same are copies of this fold. A role that was written into a table by other means opens
//! nothing, since only what an event says counts.

mod command;
mod decide;
mod fold;

pub use command::RightsCommand;
pub use decide::{Credential, decide};
pub use fold::{
    ConsumerRights, KeyRights, Membership, ReceiverRights, Rights, SessionRights, is_same_person,
    reads_events_of, role_without_membership,
};
