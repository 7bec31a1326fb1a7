//! Queries over types and tags, and the append condition made from them.

use crate::Position;

/// Which events: any of the items. The query that loads a decision's state is also its append condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// An event matches when it matches any item. No items match nothing.
    pub items: Vec<QueryItem>,
}

/// One alternative of a query: any of the types *and* all of the tags. Empty types mean every type, empty
/// tags mean no demand on tags; both empty match every event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryItem {
    /// Any of these event types.
    pub types: Vec<String>,
    /// All of these tags.
    pub tags: Vec<String>,
}

/// "No event matching `query` after position `after`."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The boundary of the decision.
    pub query: Query,
    /// Up to where the decision has seen the log. Zero: the append fails if any matching event exists.
    pub after: Position,
}

impl Query {
    /// Every event of the tenant.
    #[must_use]
    pub fn all() -> Self {
        Self { items: vec![QueryItem::default()] }
    }

    /// Events carrying this tag.
    #[must_use]
    pub fn tag(tag: impl Into<String>) -> Self {
        Self { items: vec![QueryItem { types: Vec::new(), tags: vec![tag.into()] }] }
    }

    /// Events matching this query or the other.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.items.extend(other.items);
        self
    }

    /// Whether an event of this type and these tags matches: the definition that both stores must agree with.
    #[must_use]
    pub fn matches(&self, event_type: &str, tags: &[String]) -> bool {
        self.items.iter().any(|item| {
            (item.types.is_empty() || item.types.iter().any(|wanted| wanted == event_type))
                && item.tags.iter().all(|wanted| tags.contains(wanted))
        })
    }

    /// The append condition: nothing more of this after `position`.
    #[must_use]
    pub fn none_after(self, position: Position) -> Condition {
        Condition { query: self, after: position }
    }
}
