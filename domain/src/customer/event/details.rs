//! What is known of a customer, and what changes it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::contact::{ChannelId, Contact};
use super::evidence::Evidence;
use crate::{Owner, Personal, ProfileField, ProfileTexts};

/// An amount of money: a decimal, never a float, with its ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The amount.
    pub amount: rust_decimal::Decimal,
    /// The ISO 4217 code, such as `CNY`.
    pub currency: String,
}

/// The days on which a contract begins and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_on: Option<NaiveDate>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<NaiveDate>,
}

/// What is known of a customer beside its name and contacts; what is absent is not said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The unified social credit code (统一社会信用代码), which for a sole trader is a person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_code: Option<Personal<String>>,
    /// All ids that channels know the person by, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_ids: Option<Vec<ChannelId>>,
    /// The plain texts, each a member by its name.
    #[serde(flatten)]
    pub texts: ProfileTexts,
    /// The contract's days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// The day of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_on: Option<NaiveDate>,
    /// The day until which the deal is put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postponed_until: Option<NaiveDate>,
    /// The day on which the deal is expected to close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_close_on: Option<NaiveDate>,
    /// Why that day: what the deal waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_close_reason: Option<String>,
    /// Whether that day stands in the place of the one said last, which was a wrong record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expected_close_corrected: bool,
    /// What has been won so far, of a deal won in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub won_amount: Option<Money>,
    /// How satisfied the customer said to be, from 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<u8>,
    /// The names of what was taken away, such as `postponed_until`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
}

/// The most that a customer can say to be satisfied.
pub const HIGHEST_SATISFACTION: u8 = 10;

/// What can be taken away of what is known of a customer: the first of [`DetailsChanged`] itself, the others of its
/// profile. Lists are emptied by an empty list.
pub static CLEARABLE: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let first = ["name", "source", "channel", "tier", "amount", "credit_code"];
    let last =
        ["contract", "delivered_on", "postponed_until", "expected_close_on", "won_amount", "satisfaction"];
    [&first[..], &ProfileField::KEYS, &last].concat()
});

/// A customer entered a pipeline for the first time. It is also the entry into its first stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The customer's id.
    pub customer: Uuid,
    /// The pipeline's key; also the journey's name.
    pub pipeline: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The first stage.
    pub stage: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// What the customer is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<String>>,
    /// The id in another system, unique in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where the lead came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Through which channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Ways to reach it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Labels that are not statuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The value tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// What the deal may be worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Custom fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Personal<BTreeMap<String, serde_json::Value>>>,
    /// Who it belongs to from the start.
    pub owner: Owner,
    /// A note (an imported row's other columns).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
    /// What else is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The names of the custom fields that have a value: names are no personal data, values are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_names: Vec<String>,
    /// What shows that the stage's criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Details were set; what is absent stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DetailsChanged {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<String>>,
    /// The new source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The new channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// All contacts, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<Contact>>,
    /// All tags, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The new value tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The new amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// All custom fields, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Personal<BTreeMap<String, serde_json::Value>>>,
    /// What else was set or taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The names of all custom fields that have a value, where these were replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_names: Option<Vec<String>>,
    /// Whether the custom fields were set beside the former ones, which stay, instead of replacing them all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adds_fields: bool,
    /// The names of what was taken away, such as `tier`; what was of the profile stands there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
}

impl DetailsChanged {
    /// Whether something of the customer itself, and not of its profile, was taken away.
    pub fn clears(&self, name: &str) -> bool {
        self.cleared.iter().any(|cleared| cleared == name)
    }
}
