//! The log: append, read, wait, prove.
//!
//! One log per tenant, totally ordered and gapless. The log knows nothing of sales: an event is a type, a
//! version, a JSON document and tags. What it promises:
//!
//! - **Position order is commit order is visibility order.** A reader that has seen position `n` will never
//!   later find anything at or below `n` that it has not seen.
//! - **A condition is the query that built the decision.** [`Append::condition`] refuses to append when an
//!   event that the decision should have seen has been recorded since.
//! - **Acknowledged means on disk**, and the entry is hashed exactly as it is stored.

mod batch;
#[cfg(test)]
mod contract;
mod error;
mod event;
mod instant;
mod intake;
pub mod ledger;
mod memory;
pub mod postgres;
mod prepare;
mod query;
mod queue;
mod recent_tags;
mod sqlite;
mod store;
mod transaction;
mod transfer;
pub mod vault;
mod watchers;

pub use error::StoreError;
pub use event::{Draft, Entry, Envelope, MAX_ENTRY_BYTES, Position, TenantId};
pub use intake::Intake;
pub use memory::MemoryStore;
pub use postgres::PostgresStore;
pub use query::{Condition, Query, QueryItem};
pub use sqlite::{Options, SqliteStore, backup, readers};
pub use store::{Append, Appended, Clock, EventStore, Head, Outcome, Receipt, ReceiptDraft};
pub use transaction::{Transaction, Transactional};
pub use transfer::{BlindTag, TransferChunk, Transferable};
