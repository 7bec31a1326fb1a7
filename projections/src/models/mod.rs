//! The read models: one folder each, with its tables, its fold and its queries.

pub mod board;
pub mod dwell;
pub(crate) mod kept;
mod present;
pub(crate) mod read_model;
pub(crate) mod registry;
pub(crate) mod snapshot;
mod states;
pub mod timeline;
pub mod work;
