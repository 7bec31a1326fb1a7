//! What a stage may ask to be known of every customer, declared once; a custom field is asked for by its name.
//!
//! A new one is a variant here, and does not compile until it has an answer to each question: whether a customer has it, what
//! the form of a move holds for it, and whether a move says it.

use crate::profile_field::ProfileField;

/// A part of a customer that a stage may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerField {
    /// What it is called.
    Name,
    /// Its id in another system.
    ExternalId,
    /// A way to reach it.
    Contacts,
    /// Where the lead came from.
    Source,
    /// Through which channel.
    Channel,
    /// A label that is not a status.
    Tags,
    /// The value tier.
    Tier,
    /// What the deal may be worth.
    Amount,
    /// The unified social credit code.
    CreditCode,
    /// A plain text of the profile.
    Text(ProfileField),
    /// A day of the contract.
    Contract,
    /// The contract's last day.
    ContractEnd,
    /// The day of delivery.
    DeliveredOn,
    /// The day until which the deal is put off.
    PostponedUntil,
    /// What has been won so far.
    WonAmount,
    /// How satisfied the customer is.
    Satisfaction,
}

impl CustomerField {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_itself = [
            Self::Name,
            Self::ExternalId,
            Self::Contacts,
            Self::Source,
            Self::Channel,
            Self::Tags,
            Self::Tier,
            Self::Amount,
            Self::CreditCode,
        ];
        let of_the_deal = [
            Self::Contract,
            Self::ContractEnd,
            Self::DeliveredOn,
            Self::PostponedUntil,
            Self::WonAmount,
            Self::Satisfaction,
        ];
        of_itself.into_iter().chain(ProfileField::ALL.map(Self::Text)).chain(of_the_deal)
    }

    /// The name by which a definition asks for it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::ExternalId => "external_id",
            Self::Contacts => "contacts",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Tags => "tags",
            Self::Tier => "tier",
            Self::Amount => "amount",
            Self::CreditCode => "credit_code",
            Self::Text(text) => text.key(),
            Self::Contract => "contract",
            Self::ContractEnd => "contract_end",
            Self::DeliveredOn => "delivered_on",
            Self::PostponedUntil => "postponed_until",
            Self::WonAmount => "won_amount",
            Self::Satisfaction => "satisfaction",
        }
    }

    /// What people call it: in Chinese and in English.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("名称", "Name"),
            Self::ExternalId => ("外部编号", "External ID"),
            Self::Contacts => ("联系方式", "Contacts"),
            Self::Source => ("来源", "Source"),
            Self::Channel => ("渠道", "Channel"),
            Self::Tags => ("标签", "Tags"),
            Self::Tier => ("等级", "Tier"),
            Self::Amount => ("金额", "Amount"),
            Self::CreditCode => ("统一社会信用代码", "Unified social credit code"),
            Self::Text(text) => text.names(),
            Self::Contract => ("合同期限", "Contract period"),
            Self::ContractEnd => ("合同结束日期", "End of the contract"),
            Self::DeliveredOn => ("交付日期", "Delivered on"),
            Self::PostponedUntil => ("延期至", "Postponed until"),
            Self::WonAmount => ("成交金额", "Won amount"),
            Self::Satisfaction => ("满意度", "Satisfaction"),
        }
    }

    /// The one of that name; none where it is the name of a custom field.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::all().find(|field| field.key() == key)
    }
}
