//! One person or company on the way to a deal: one aggregate, one history.

mod about;
mod allowed;
pub mod automation_state;
pub mod codec;
pub mod command;
pub mod contact;
mod decide;
pub mod event;
mod event_tags;
mod expected_close;
mod form_member;
mod known;
pub mod purchases;
mod reads;
mod requests;
mod state;
pub mod timeline;
mod valid_times;

pub use about::also_about;
pub use allowed::{AllowedTransition, allowed_transitions};
pub use command::Command;
pub use decide::{
    Intaken, MoveContext, NewEvent, PairEvents, agent_may_only_propose, decide, description_violations,
    dismiss_duplicate, erased_again, is_counted, may_be_named, may_hand_over, merge, raised, reconsider,
    reopen_duplicate, scored, stage_in_force, unmerge,
};
pub use event::{CustomerEvent, Recorded};
pub use expected_close::{CloseEntry, ExpectedClose};
pub use known::CustomerDetails;
pub use reads::Read;
pub use requests::OpenRequest;
pub use state::{Customer, LastClaim};
pub use timeline::Journeys;
pub use valid_times::{Admitted, ValidTimes};
