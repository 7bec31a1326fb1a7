//! What may happen to a customer, and why.
//!
//! Everything here is a pure function of its arguments: no input or output, no clock, no chance. A decision
//! takes the state, a command and a context and answers with events or a refusal; a fold takes events and
//! answers with a state. A sales manager could have the rules read aloud to her.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is an answer that is read, not a failure on a hot path"
)]

pub mod actor;
pub mod automation;
pub mod calendar;
pub mod catalogue;
pub mod codec;
pub mod company;
pub mod context;
pub mod customer;
pub mod field;
pub mod identity;
pub mod instant;
pub mod label;
pub mod money;
pub mod owner;
pub mod people;
pub mod personal;
pub mod pipeline;
pub mod pool;
pub mod refusal;
pub mod tags;
mod validate;
pub mod zones;

pub use actor::{Actor, Role};
pub use context::Context;
pub use label::{Label, Language};
pub use owner::Owner;
pub use personal::Personal;
pub use pipeline::Pipeline;
pub use refusal::{Refusal, Violation};
pub use zones::Zones;
