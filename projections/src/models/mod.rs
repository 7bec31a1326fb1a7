//! The read models: one folder each, with its tables, its fold and its queries.

pub mod board;
pub mod dwell;
mod former;
pub(crate) mod read_model;
pub(crate) mod registry;
pub mod timeline;
pub mod work;
