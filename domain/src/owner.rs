//! Who a customer belongs to.

use serde::{Deserialize, Serialize};

/// A rep, or a pool. Ownership and stage are independent: neither ever changes the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Owner {
    /// A sales rep, by actor name without its `rep:` prefix (such as `li`).
    Rep(String),
    /// A pool (公海 customer pool, 线索池 lead pool), by its key.
    Pool(String),
}
