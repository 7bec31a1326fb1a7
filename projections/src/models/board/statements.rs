//! The statements of this read model, one a file.
//!
//! In those files `{board_customer}` and `{board_past}` are all columns of the table, `{texts}` those of a profile's texts, and
//! `{k.texts}` those of them that reports look at, of the table `k`: what a table has is declared in `tables.rs`.

use std::sync::LazyLock;

use waymark_domain::ProfileField;

use super::tables::{CUSTOMERS, VERSION_ROWS};

pub(crate) static CUSTOMERS_AMONG: LazyLock<String> =
    LazyLock::new(|| filled(include_str!("customers_among.sql")));
pub(crate) const EXTERNAL_IDS_AMONG: &str = include_str!("external_ids_among.sql");
pub(crate) const CARDS_AMONG: &str = include_str!("cards_among.sql");
pub(crate) const DROP_CARD: &str = include_str!("drop_card.sql");
pub(crate) const ALIKE: &str = include_str!("similar.sql");
pub(crate) const REGISTERED_AFTER: &str = include_str!("registered_after.sql");
pub(crate) const DROP_GRAM: &str = include_str!("drop_gram.sql");
pub(crate) const DROP_TAG: &str = include_str!("drop_tag.sql");
pub(crate) static VERSIONS_AMONG: LazyLock<String> =
    LazyLock::new(|| filled(include_str!("versions_among.sql")));
pub(crate) static VERSIONS_PAGE: LazyLock<String> = LazyLock::new(|| filled(include_str!("versions.sql")));
pub(crate) static CARDS_OF: LazyLock<String> = LazyLock::new(|| filled(include_str!("cards_of.sql")));
pub(crate) static CARDS_OF_SOME: LazyLock<String> =
    LazyLock::new(|| filled(include_str!("cards_of_some.sql")));
pub(crate) const SEEN: &str = include_str!("visible.sql");
pub(crate) static LISTED: LazyLock<String> = LazyLock::new(|| filled(include_str!("listed.sql")));
pub(crate) static LISTED_AMONG: LazyLock<String> = LazyLock::new(|| filled(include_str!("listed_among.sql")));
pub(crate) const STAGES: &str = include_str!("stages.sql");
pub(crate) const STAGES_AMONG: &str = include_str!("stages_among.sql");
pub(crate) const BY_EXTERNAL_ID: &str = include_str!("by_external_id.sql");
pub(crate) const LIST_THEN: &str = include_str!("list_as_of.sql");
pub(crate) const GROUPS: &str = include_str!("stage_groups.sql");
pub(crate) const OWNED: &str = include_str!("owns_any.sql");
pub(crate) const OWNED_ONCE: &str = include_str!("ever_owned.sql");
pub(crate) const HELD: &str = include_str!("owned_by.sql");
pub(crate) const OF_GROUP: &str = include_str!("of_group.sql");
pub(crate) const APPROVALS_AMONG: &str = include_str!("approvals_among.sql");
pub(crate) const APPROVALS_PAGE: &str = include_str!("approvals_page.sql");
pub(crate) const APPROVALS_DUE: &str = include_str!("approvals_due.sql");
pub(crate) const APPROVALS_NEXT: &str = include_str!("approvals_next.sql");
pub(crate) const POOL_OCCUPANTS: &str = include_str!("pool_occupants.sql");
pub(crate) const PURCHASES: &str = include_str!("purchases.sql");
pub(crate) const PURCHASES_OF: &str = include_str!("purchases_of.sql");
pub(crate) const TOUCHES: &str = include_str!("touches.sql");

/// A statement with the columns that it leaves to the tables.
pub(crate) fn filled(statement: &str) -> String {
    let of_reports = ProfileField::IN_REPORTS.map(|field| format!("k.{}", field.key()));
    statement
        .replace("{board_customer}", &CUSTOMERS.columns[2..].join(", "))
        .replace("{board_past}", &VERSION_ROWS.columns[2..].join(", "))
        .replace("{texts}", &ProfileField::KEYS.join(", "))
        .replace("{k.texts}", &of_reports.join(", "))
}
