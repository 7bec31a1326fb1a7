//! What follows by itself: from a customer, the definitions in force and the time, what is due, and when.
//!
//! Nothing here acts. The decision `Act` asks the same agenda again when a deadline has come, on the state of that
//! moment, so whatever happened meanwhile counts: a customer that left the stage, answered, was corrected or merged
//! is no longer on it.

mod activity;
mod agenda;
mod calendar;
mod clock;
mod deadline;
mod next_action;
mod pauses;
mod pools;
#[cfg(test)]
mod tests;
mod visits;

pub use agenda::agenda;
pub use calendar::{alerted, is_told, next_period, scheduled};
pub use clock::reached;
pub use deadline::{Deadline, Due, Rules};
pub use next_action::{NextAction, Todo, next_action};
pub use pools::{pool_of, reclaim_at};
pub use visits::next_contact;

/// How many rules may follow from one another.
pub const MAX_DEPTH: usize = 8;
