//! What may happen to a customer, and why.
//!
//! Everything here is a pure function of its arguments: no input or output, no clock, no chance. A decision
//! takes the state, a command and a context and answers with events or a refusal; a fold takes events and
//! answers with a state. A sales manager could have the rules read aloud to her.

pub mod customer;
pub mod owner;
pub mod personal;

pub use owner::Owner;
pub use personal::Personal;
