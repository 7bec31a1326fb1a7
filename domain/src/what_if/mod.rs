//! What stored history would have been under another definition, other rules or other numbers of a pool.
//!
//! Nothing here is a rule of its own: recorded moves go through the same decisions as any command, deadlines come from the same
//! agenda as those that are acted on. What people chose is kept as it was, as far as it is permitted.

mod hypothesis;
mod limits;
mod moves;
mod replay;
#[cfg(test)]
mod tests;
mod timers;

pub use hypothesis::{Hypothesis, Span};
pub use limits::{Deadline, DeadlineKind};
pub use moves::RefusedMove;
pub use replay::{Both, DeadlineChange, ReclaimChange, Replayed, replay};
pub use timers::PoolReturn;
