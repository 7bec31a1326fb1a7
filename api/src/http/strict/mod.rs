//! Reading what clients send, strictly: every field is known, of the right type and named when it is not.
//!
//! Bodies and query strings go through the same two steps. [`json::parse`] (or the query string's own decoder)
//! makes a JSON value, refusing what has no single meaning: bad UTF-8, bad syntax, a key given twice. Then
//! [`reader::read`] makes the typed value, and tells *all* unknown fields at once together with those that are
//! missing or wrong, each by its path (`contacts[0].value`).

mod amended;
pub mod fault;
pub mod json;
pub mod path;
pub mod reader;

pub use fault::{Fault, FaultKind, Faults, Source};
pub use json::parse;
pub use reader::{has_nul, read};
