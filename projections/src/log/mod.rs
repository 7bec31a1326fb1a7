//! How the log is read for folding: entries decoded, and the history of one customer.

mod absorbers;
pub(crate) mod changed;
pub(crate) mod decoded;
pub(crate) mod history;

pub use absorbers::absorbers;
