//! The statements of this read model, one a file.

pub(crate) const CUSTOMERS_AMONG: &str = include_str!("customers_among.sql");
pub(crate) const EXTERNAL_IDS_AMONG: &str = include_str!("external_ids_among.sql");
pub(crate) const CARDS_AMONG: &str = include_str!("cards_among.sql");
pub(crate) const DROP_CARD: &str = include_str!("drop_card.sql");
pub(crate) const ALIKE: &str = include_str!("similar.sql");
pub(crate) const REGISTERED_AFTER: &str = include_str!("registered_after.sql");
pub(crate) const DROP_GRAM: &str = include_str!("drop_gram.sql");
pub(crate) const DROP_TAG: &str = include_str!("drop_tag.sql");
pub(crate) const VERSIONS_AMONG: &str = include_str!("versions_among.sql");
pub(crate) const VERSIONS_PAGE: &str = include_str!("versions.sql");
pub(crate) const CARDS_OF: &str = include_str!("cards_of.sql");
pub(crate) const SEEN: &str = include_str!("visible.sql");
pub(crate) const LIST: &str = include_str!("list.sql");
pub(crate) const LIST_THEN: &str = include_str!("list_as_of.sql");
pub(crate) const GROUPS: &str = include_str!("stage_groups.sql");
pub(crate) const OWNED: &str = include_str!("owns_any.sql");
pub(crate) const OWNED_ONCE: &str = include_str!("ever_owned.sql");
pub(crate) const HELD: &str = include_str!("owned_by.sql");
pub(crate) const OF_GROUP: &str = include_str!("of_group.sql");
pub(crate) const POOLS: &str = include_str!("pools.sql");
pub(crate) const APPROVALS_AMONG: &str = include_str!("approvals_among.sql");
pub(crate) const APPROVALS_PAGE: &str = include_str!("approvals_page.sql");
pub(crate) const APPROVALS_DUE: &str = include_str!("approvals_due.sql");
pub(crate) const POOL_OCCUPANTS: &str = include_str!("pool_occupants.sql");
pub(crate) const TOUCHES: &str = include_str!("touches.sql");
