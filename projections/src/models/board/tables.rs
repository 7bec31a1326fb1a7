//! The tables of this read model.

use uuid::Uuid;

use crate::storage::columns::{Json, table};
use crate::storage::table::Table;

/// The name of the read model.
pub const NAME: &str = "board";

table! {
    /// Customers as they are now.
    CUSTOMERS = "board_customer", Upsert, CustomerRow {
        key { customer: Uuid }
        columns {
            created_position: u64,
            version: u64,
            external_id: Option<String>,
            name: Option<String>,
            contacts: Json,
            fields: Option<Json>,
            owner_kind: String,
            owner_id: String,
            owned_since: i64,
            tier: Option<String>,
            amount: Option<String>,
            currency: Option<String>,
            source: Option<String>,
            channel: Option<String>,
            tags: Json,
            next_at: Option<i64>,
            next_text: Option<String>,
            next_text_en: Option<String>,
            next_said_at: Option<i64>,
            erased: bool,
            profile: Json,
            touches: Json,
            merged_into: Option<Uuid>,
            withdrawn: bool,
            documents: Json,
            grace_until: Option<i64>,
            contents: Json,
            distinct_from: Json,
            looks_since: u64,
            search_text: String,
            search_contacts: String,
            tier_order: String,
            value_order: i64,
            at_risk: bool,
            valid_times: Json,
            tracked_until: i64,
        }
        texts { industry, region, service_type, company_size }
    }
}

table! {
    /// What most events change of a customer, alone.
    VERSIONS = "board_customer", Update, VersionUpdate {
        key { customer: Uuid }
        columns {
            version: u64,
        }
    }
}

table! {
    /// Where each journey of a customer stands.
    CARDS = "board_card", Upsert, CardRow {
        key { customer: Uuid, pipeline: String }
        columns {
            pipeline_version: u32,
            cycle: u32,
            stage: String,
            sub_status: Option<String>,
            entered_at: i64,
            last_at: i64,
            last_position: u64,
            moved_position: u64,
        }
    }
}

table! {
    /// The labels of customers, for lists by label.
    TAGS = "board_tag", Insert, TagRow {
        key { tag: String, customer: Uuid }
        columns {}
    }
}

table! {
    /// What customers are found by that look alike.
    BLOCKING_KEYS = "board_gram", Insert, BlockingKeyRow {
        key { gram: String, customer: Uuid }
        columns {}
    }
}

table! {
    /// What customers were like from instants on, one row for each that a change of what is tracked makes a difference to.
    VERSION_ROWS = "board_past", Insert, VersionRow {
        key { customer: Uuid, position: u64, effective_at: i64 }
        columns {
            owner_kind: String,
            owner_id: String,
            tier: Option<String>,
            amount: Option<String>,
            currency: Option<String>,
            source: Option<String>,
            channel: Option<String>,
            tags: Json,
            version: u32,
            merged: bool,
            postponed_until: Option<String>,
            contract_end: Option<String>,
            won_amount: Option<String>,
            won_currency: Option<String>,
            sub_statuses: Json,
            expected_close: Option<String>,
            close_original: Option<String>,
            close_pushes: u32,
        }
        texts { industry, region, company_size }
    }
}

table! {
    /// When and from where customers came in as leads again.
    TOUCH_ROWS = "board_touch", Insert, TouchRow {
        key { customer: Uuid, position: u64 }
        columns {
            effective_at: i64,
            source: Option<String>,
            channel: Option<String>,
        }
    }
}

table! {
    /// What customers bought and earned: transactions, points, and the merges that join accounts.
    PURCHASE_ROWS = "board_purchase", Insert, PurchaseRow {
        key { customer: Uuid, position: u64 }
        columns {
            event: Uuid,
            effective_at: i64,
            kind: String,
            reference: Option<String>,
            amount: Option<String>,
            currency: Option<String>,
            points: i64,
            reward: Option<String>,
            other: Option<Uuid>,
            actor: String,
        }
    }
}

table! {
    /// Requests for moves that need approval, and proposals of agents.
    APPROVALS = "board_approval", Upsert, ApprovalRow {
        key { approval: Uuid }
        columns {
            customer: Uuid,
            pipeline: String,
            stage_from: String,
            stage_to: String,
            status: String,
            requested_by: String,
            requested_at: i64,
            effective_at: i64,
            expires_at: i64,
            roles: String,
            settled_by: Option<String>,
            settled_at: Option<i64>,
            position: u64,
            command: Option<String>,
            agent: Option<String>,
            model: Option<String>,
            model_version: Option<String>,
        }
    }
}

pub(super) static TABLES: &[&Table] =
    &[&CUSTOMERS, &CARDS, &TAGS, &BLOCKING_KEYS, &VERSION_ROWS, &TOUCH_ROWS, &PURCHASE_ROWS, &APPROVALS];

#[cfg(test)]
mod tests {
    use waymark_domain::ProfileField;

    use super::*;

    #[test]
    fn customers_have_a_column_for_each_text_of_the_profile_and_their_past_for_each_that_reports_look_at() {
        for field in ProfileField::ALL {
            assert!(CUSTOMERS.columns.contains(&field.key()), "{field:?}");
            assert_eq!(VERSION_ROWS.columns.contains(&field.key()), field.is_in_reports(), "{field:?}");
        }
    }
}
