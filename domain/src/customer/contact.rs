//! Ways to reach a customer, and the ids that channels know them by.

use serde::{Deserialize, Serialize};

use crate::Personal;

/// A way to reach a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// `phone`, `email` or `wechat`.
    pub kind: ContactKind,
    /// The number, address or account.
    pub value: Personal<String>,
}

/// How a contact detail must be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A WeChat account.
    Wechat,
}

impl ContactKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Phone, Self::Email, Self::Wechat];

    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Wechat => "wechat",
        }
    }
}

/// The id that a channel (a website, a mini-program, a shop) knows the person by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelId {
    /// The channel, as the tenant names it.
    pub channel: String,
    /// The id within it.
    pub id: Personal<String>,
}

/// A way to reach a customer, as a command gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContact {
    /// How the value must be read.
    pub kind: ContactKind,
    /// The number, address or account.
    pub value: String,
}
