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
//!
//! ```
//! # use std::sync::Arc;
//! # use chrono::DateTime;
//! # use uuid::Uuid;
//! use waymark_eventstore::{Append, Draft, EventStore, MemoryStore, Query, StoreError, TenantId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), StoreError> {
//! let store = MemoryStore::new(Arc::new(|| DateTime::UNIX_EPOCH));
//! let tenant = TenantId(Uuid::from_u128(1));
//! let taken = |id| Draft {
//!     id: Uuid::from_u128(id),
//!     event_type: "seat.taken".into(),
//!     tags: vec!["seat:12".to_owned()],
//!     // …
//! #   type_version: 1,
//! #   subject: "seat/12".to_owned(),
//! #   effective_at: DateTime::UNIX_EPOCH,
//! #   actor: "guest:li".to_owned(),
//! #   via: None,
//! #   origin: None,
//! #   endpoint: None,
//! #   causation_id: None,
//! #   correlation_id: None,
//! #   blind_tags: Vec::new(),
//! #   data: serde_json::json!({}),
//! };
//!
//! // Two guests have seen the empty seat. The condition lets one of them take it.
//! let condition = Query::tag("seat:12").none_after(store.head(tenant).await?.position);
//! let mut first = Append::new(tenant, vec![taken(1)]);
//! first.condition = Some(condition.clone());
//! store.append(first).await?;
//! let mut second = Append::new(tenant, vec![taken(2)]);
//! second.condition = Some(condition);
//! assert!(matches!(store.append(second).await, Err(StoreError::Conflict { position: 1 })));
//! # Ok(())
//! # }
//! ```

mod batch;
mod canonical;
#[cfg(test)]
mod contract;
mod error;
mod event;
#[cfg(test)]
mod given_up;
mod instant;
mod intake;
pub mod ledger;
mod memory;
mod news;
pub mod postgres;
mod prepare;
mod query;
mod queue;
mod recent_tags;
mod rekey;
mod repeated;
pub mod segments;
mod sqlite;
mod store;
mod traced;
mod transaction;
mod transfer;
pub mod vault;
mod watchers;

pub use canonical::canonical_json;
pub use error::StoreError;
pub use event::{Draft, Entry, Envelope, MAX_ENTRY_BYTES, Position, TenantId};
pub use intake::Intake;
pub use memory::MemoryStore;
pub use news::{Announcer, News};
pub use postgres::PostgresStore;
pub use query::{Condition, Query, QueryItem};
pub use rekey::{Rekeyable, Rekeying, Retag};
pub use repeated::Repeated;
pub use sqlite::{Options, SqliteStore, backup, readers};
pub use store::{Append, Appended, Clock, EventStore, Head, LogEnd, Outcome, Receipt, ReceiptDraft};
pub use traced::traced;
pub use transaction::{Transaction, Transactional};
pub use transfer::{BlindTag, TransferChunk, Transferable};
