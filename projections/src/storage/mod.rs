//! How read models are kept: tables written in bulk, checkpoints, and the schema of all of them.

pub(crate) mod checkpoint;
pub(crate) mod columns;
#[cfg(test)]
mod contract;
pub mod schema;
pub(crate) mod table;

pub use table::TableComparison;
