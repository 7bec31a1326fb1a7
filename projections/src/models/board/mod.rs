//! **board**: who stands where. Customers as they are now, the card of each journey, and what customers were
//! like at any instant.

mod approvals;
mod as_of;
mod cards;
mod customer;
mod duplicates;
mod fold;
mod list;
mod owned;
mod population;
mod rep_names;
mod stage_groups;
pub(crate) mod versions;
mod visible;

use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;

use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::models::read_model::{Memory, ReadModel, Scope, Writes};
use crate::storage::table::{Table, WriteMode};

pub use approvals::{ApprovalFilter, ApprovalReport};
pub(crate) use approvals::{approvals, due};
pub use as_of::CustomerAsOf;
pub(crate) use as_of::{RulesAsOf, customer_as_of, customers_as_of};
pub(crate) use cards::board;
pub use cards::{BoardQuery, BoardReport, CardReport, ConvertedReport, StageCards};
pub use duplicates::{SuspectQuery, SuspectQueue, SuspectReport, SuspectedReport, SuspectsReport};
pub(crate) use duplicates::{queue, suspects};
pub use list::{
    ChannelIdReport, ContactReport, ContentReport, ContractReport, CustomerFilter, CustomerList,
    CustomerReport, DocumentReport, JourneyReport, MoneyReport, NextAction, OwnerReport, TouchReport,
};
pub(crate) use list::{customer, customers, pools};
pub use owned::OwnedCustomer;
pub(crate) use owned::held;
pub(crate) use population::Population;
pub(crate) use rep_names::{has_ever_acted, owns};
pub use stage_groups::StageGroup;
pub(crate) use stage_groups::{groups, of_group};
use visible::seen;

/// The name of the read model.
pub(crate) const NAME: &str = "board";

pub(crate) const CUSTOMERS_AMONG: &str = include_str!("customers_among.sql");
pub(crate) const CARDS_AMONG: &str = include_str!("cards_among.sql");
pub(crate) const DROP_CARD: &str = include_str!("drop_card.sql");
pub(crate) const ALIKE: &str = include_str!("similar.sql");
pub(crate) const REGISTERED_AFTER: &str = include_str!("registered_after.sql");
pub(crate) const DROP_GRAM: &str = include_str!("drop_gram.sql");
pub(crate) const DROP_TAG: &str = include_str!("drop_tag.sql");
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

pub(crate) static CUSTOMERS: Table = Table {
    name: "board_customer",
    columns: &[
        "tenant_id",
        "generation",
        "customer",
        "created_position",
        "version",
        "external_id",
        "name",
        "contacts",
        "fields",
        "owner_kind",
        "owner_id",
        "owned_since",
        "tier",
        "amount",
        "currency",
        "source",
        "channel",
        "tags",
        "next_at",
        "next_text",
        "erased",
        "profile",
        "industry",
        "region",
        "service_type",
        "touches",
        "merged_into",
        "documents",
        "grace_until",
        "contents",
        "distinct_from",
        "looks_since",
    ],
    key: 3,
    mode: WriteMode::Upsert,
};

/// What most events change of a customer, alone.
pub(crate) static VERSIONS: Table = Table {
    name: "board_customer",
    columns: &["tenant_id", "generation", "customer", "version"],
    key: 3,
    mode: WriteMode::Update,
};

pub(crate) static CARDS: Table = Table {
    name: "board_card",
    columns: &[
        "tenant_id",
        "generation",
        "customer",
        "pipeline",
        "pipeline_version",
        "cycle",
        "stage",
        "sub_status",
        "entered_at",
        "last_at",
        "last_position",
        "moved_position",
    ],
    key: 4,
    mode: WriteMode::Upsert,
};

pub(crate) static TAGS: Table = Table {
    name: "board_tag",
    columns: &["tenant_id", "generation", "tag", "customer"],
    key: 4,
    mode: WriteMode::Insert,
};

/// What customers are found by that look alike.
pub(crate) static BLOCKING_KEYS: Table = Table {
    name: "board_gram",
    columns: &["tenant_id", "generation", "gram", "customer"],
    key: 4,
    mode: WriteMode::Insert,
};

pub(crate) static VERSION_ROWS: Table = Table {
    name: "board_past",
    columns: &[
        "tenant_id",
        "generation",
        "customer",
        "position",
        "effective_at",
        "owner_kind",
        "owner_id",
        "tier",
        "amount",
        "currency",
        "source",
        "channel",
        "tags",
        "version",
        "merged",
        "industry",
        "region",
        "postponed_until",
        "contract_end",
        "won_amount",
        "won_currency",
    ],
    key: 4,
    mode: WriteMode::Insert,
};

pub(crate) static APPROVALS: Table = Table {
    name: "board_approval",
    columns: &[
        "tenant_id",
        "generation",
        "approval",
        "customer",
        "pipeline",
        "stage_from",
        "stage_to",
        "status",
        "requested_by",
        "requested_at",
        "effective_at",
        "expires_at",
        "roles",
        "settled_by",
        "settled_at",
        "position",
    ],
    key: 3,
    mode: WriteMode::Upsert,
};

static TABLES: &[&Table] = &[&CUSTOMERS, &CARDS, &TAGS, &BLOCKING_KEYS, &VERSION_ROWS, &APPROVALS];
static PARTS: &[&Table] = &[&VERSIONS];

/// Whether what is personal of such an event is shown of customers.
fn is_opened(event_type: &str) -> bool {
    matches!(
        event_type,
        "customer.registered"
            | "customer.details_changed"
            | "customer.followed_up"
            | "customer.document_added"
    )
}

/// The read model.
pub(crate) struct Board;

/// How many customers are remembered: a kilobyte or two each.
const CUSTOMERS_KEPT: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(1_999);

/// The customers that the fold met last, as their rows tell them.
pub(crate) struct Remembered(LruCache<Uuid, customer::Customer>);

impl Default for Remembered {
    fn default() -> Self {
        Self(LruCache::new(CUSTOMERS_KEPT))
    }
}

#[async_trait]
impl ReadModel for Board {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        5
    }

    fn schema(&self) -> &'static str {
        include_str!("schema.sql")
    }

    fn tables(&self) -> &'static [&'static Table] {
        TABLES
    }

    fn parts(&self) -> &'static [&'static Table] {
        PARTS
    }

    fn opens(&self, event_type: &str) -> bool {
        is_opened(event_type)
    }

    async fn fold(
        &self,
        scope: &Scope<'_>,
        memory: &mut Memory,
        facts: &[Arc<DecodedEvent>],
    ) -> Result<Writes> {
        fold::fold(scope, memory, facts).await
    }
}
