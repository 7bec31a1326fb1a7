//! **board**: who stands where. Customers as they are now, the card of each journey, and what customers were
//! like at any instant.

mod approvals;
pub(crate) mod as_of;
pub(crate) mod card_index;
mod card_order;
mod card_traits;
mod cards;
mod customer;
mod duplicates;
mod expected_close;
mod external_ids;
pub(crate) mod field_values;
mod fold;
mod found_by;
mod kept_cards;
mod kept_contacts;
mod kept_list;
mod kept_pasts;
mod kept_reclaims;
mod kept_versions;
mod kept_work;
mod list;
mod list_filter;
pub(crate) mod list_index;
pub(crate) mod looks;
mod mark_index;
mod next_contacts;
mod owned;
mod past;
#[cfg(test)]
pub(crate) mod past_by_fold;
pub(crate) mod past_index;
mod places;
mod plan;
mod population;
mod profile;
pub(crate) mod purchases;
mod reclaim_order;
mod rep_names;
pub(crate) mod report;
mod row;
mod snapshot;
mod stage_groups;
pub(crate) mod statements;
pub(crate) mod tables;
pub(crate) mod touches;
pub(crate) mod versions;
pub(crate) mod versions_cache;
mod visible;

use crate::models::read_model::{Fold, ReadModel};
use crate::storage::table::Table;
pub use tables::NAME;
use tables::TABLES;

pub use approvals::{ApprovalFilter, ApprovalReport, ModelReport, ProposalReport};
pub use as_of::{CustomerAsOf, RulesAsOf, RulesThen};
pub use card_order::CardOrder;
pub use cards::{
    BoardQuery, BoardReport, CardReport, ConvertedReport, StageCards, StageNaming, SubStatusCount,
};
pub use duplicates::{SuspectQuery, SuspectQueue, SuspectReport, SuspectedReport, SuspectsReport};
pub(crate) use expected_close::CloseThen;
pub use expected_close::ExpectedClose;
pub use kept_cards::PipelineSnapshot;
pub use kept_list::ListSnapshot;
pub use list::CustomerList;
pub use list_filter::{CustomerFilter, ListOrder};
pub use owned::OwnedCustomer;
pub use population::Population;
pub use purchases::{PointsReport, PurchasesReport, TransactionReport, TransactionTotal};
pub use report::{
    ChannelIdReport, ContactReport, ContentReport, ContractReport, CustomerReport, DocumentReport,
    JourneyReport, ModelScoreReport, MoneyReport, NextAction, OwnerReport, RiskReport, ScoreReasonReport,
    StageNames, TouchReport,
};
pub use snapshot::BoardSnapshot;
pub use stage_groups::StageGroup;

/// The read model.
pub(crate) struct Board;

impl ReadModel for Board {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        14
    }

    fn schema(&self) -> &'static str {
        include_str!("schema.sql")
    }

    fn tables(&self) -> &'static [&'static Table] {
        TABLES
    }

    fn opens(&self, event_type: &str) -> bool {
        customer::is_opened(event_type)
    }

    fn new_fold(&self) -> Box<dyn Fold> {
        Box::new(fold::BoardFold::default())
    }
}
